"""Noise and the response to an ulp, measured where both are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, check, from_jax
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.measuring import noise_of, response_of, scatter_of, shaken_noise, turns
from paralens.functors.certificates.plots.panels import Integral
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def ruled(value, slope):
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs, *vs)))
    return f


def on(f, a, b, log=()):
    """The subject of a function of one array, and a panel from a to b."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    subject = Subject(claims_of(from_jax(f, R(*a.shape, dtype="float64"))), [a])
    panel = Integral(subject, np.random.default_rng(0)).panel(Curve([a], [b], log, "line"), 0.0, 1.0)
    return subject, panel


def jagged(x):
    """Noise with entries in [-1, 1] that the last digits of x decide."""
    return ruled(lambda x: jnp.sin(1e18 * x), lambda x, v: 0 * v)(x)


RNG = lambda: np.random.default_rng(0)  # noqa: E731


@pytest.mark.parametrize("log", [(), (0,)])
def test_a_product_responds_by_its_slope_times_its_input(log):
    assert response_of(*on(lambda x: 3 * x, 1.0, 2.0, log), 0, RNG()) == pytest.approx(6)
    # points of a line are rounded like its ends
    expected = max(2 * x * (x if log else 2.0) for x in (1.0, 2.0))
    assert response_of(*on(lambda x: x * x, 1.0, 2.0, log), 0, RNG()) == pytest.approx(expected)


def test_a_map_that_cancels_responds_by_more_than_its_value():
    f = lambda x: (x - 1e6) * 1.0  # noqa: E731
    assert response_of(*on(f, 1e6 + 1, 1e6 + 2), 0, RNG()) == pytest.approx(1e6, rel=1e-5)


def test_the_noise_of_what_is_smooth_is_rounding():
    value, slope = noise_of(*on(jnp.sin, 0.1, 1.0), 0, 1.0)
    assert value < 1e-15 and slope < 1e-15


def test_the_noise_of_values_is_found():
    f = lambda x: jnp.sin(x) + 1e-9 * jagged(x)  # noqa: E731
    value, slope = noise_of(*on(f, 0.1, 1.0), 0, 1.0)
    assert 1e-10 < value < 4e-9 and slope < 1e-15


def test_the_noise_of_slopes_is_found_beside_that_of_values():
    f = ruled(jnp.sin, lambda x, v: (jnp.cos(x) + 1e-7 * jagged(x)) * v)
    found = [noise_of(*on(f, a, a + 1), 0, 1.0) for a in (0.1, 0.2, 0.3)]
    assert all(value < 1e-15 for value, _ in found) and 1e-8 < max(slope for _, slope in found) < 4e-7


def test_a_staircase_that_is_flat_on_the_panel_has_the_noise_of_its_steps():
    subject, panel = on(ruled(lambda x: jnp.round(x), lambda x, v: v), 0.1, 0.2)
    assert np.ptp(panel.node.F) == 0
    assert noise_of(subject, panel, 0, 2.0**52)[0] == 1
    assert noise_of(subject, panel, 0, 1.0)[0] == 0  # a step that no rounding makes


def test_slopes_scatter_by_what_is_random_in_them():
    subject, panel = on(ruled(jnp.sin, lambda x, v: (jnp.cos(x) + 1e-5 * jagged(x)) * v), 0.1, 1.0)
    assert 1e-6 < scatter_of(subject, panel, 0, 8) < 1e-4
    assert scatter_of(*on(jnp.sin, 0.1, 1.0), 0, 8) < 1e-15


def test_a_curvature_that_falls_with_the_distance_is_no_scatter():
    assert scatter_of(*on(lambda x: jnp.sin(1e4 * x), 0.1, 1.0), 0, 8) < 1e-8


def test_slopes_turn_with_values_or_alone():
    fast = on(lambda x: jnp.sin(1e6 * x) * 1e-6, 0.1, 1.0)
    assert turns(*fast, 0, 1.0, 1e-16)
    alone = on(ruled(lambda x: x, lambda x, v: (1 + jnp.sin(1e18 * x)) * v), 0.1, 1.0)
    assert not turns(*alone, 0, scatter_of(*alone, 0, 8), 1e-16)


def test_rounding_inside_of_boxes_is_that_of_the_largest_number_on_the_way():
    subject, panel = on(lambda x: (1e6 + jnp.sin(x)) - 1e6, np.full(8, 0.1), np.full(8, 1.0))
    value, slope = shaken_noise(subject, panel, 0, RNG())
    assert 1e-11 < value < 1e-9 and slope < 1e-15


def test_rounding_inside_of_boxes_is_seen_of_one_number_too():
    subject, _ = on(lambda x: (1e6 + jnp.sin(x)) - 1e6, 0.1, 1.0)
    found = []
    for k in range(12):
        curve = Curve([np.array(0.1 + 0.01 * k)], [np.array(1.0)], (), "line")
        panel = Integral(subject, RNG()).panel(curve, 0.0, 1.0)
        found.append(shaken_noise(subject, panel, 0, RNG())[0])
    assert min(found) > 1e-11


def test_a_single_box_has_no_rounding_inside():
    assert shaken_noise(*on(jnp.sin, 0.1, 1.0), 0, RNG()) == (0, 0)


RIGHT = {"one without a cosine": lambda x: 1 - jnp.cos(x), "an exponential without one": lambda x: jnp.exp(x) - 1}


@pytest.mark.parametrize("name, x", [("one without a cosine", 1e-8), ("an exponential without one", 1e-13)])
def test_values_that_cancel_accuse_nobody(name, x):
    assert all(check(RIGHT[name], np.float64(x), seed=seed).verdict != "wrong" for seed in range(4))
