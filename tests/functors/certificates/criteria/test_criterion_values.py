"""Whether the value that comes with a tangent is the value."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.values import value_apart
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.panels import Integral
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def made(value, beside, *ends, fixed=None, **more):
    """A subject whose tangents come with another value, and panels between these ends."""
    claims = claims_of(from_jax(value, R(*np.shape(ends[0][0]), dtype="float64")))
    forward = lambda x, v: [beside(x), claims.forward(x, v)[1]]  # noqa: E731
    subject = Subject(replace(claims, forward=forward), [np.array(ends[0][0])], **more)
    integral = Integral(subject, np.random.default_rng(0))
    curves = [Curve([np.array(a)], [np.array(b)], (), "line") for a, b in ends]
    return subject, [integral.panel(c, 0.0, 1.0, fixed) for c in curves]


def apart(*args, **more):
    return value_apart(*made(*args, **more), np.random.default_rng(0))


def test_the_value_itself_is_none_other():
    assert apart(jnp.sin, jnp.sin, (0.1, 1.0)) is None


def test_another_value_is_found_with_how_far_it_is_apart():
    found = apart(jnp.sin, lambda x: 1.25 * jnp.sin(x), (0.1, 1.0))
    assert (found.criterion, found.mode, found.actual) == ("value", "forward", 0)
    assert found.claimed == pytest.approx(0.2)


def test_the_place_at_which_values_are_most_apart_is_named():
    found = apart(lambda x: 1 + 0 * x, lambda x: 1 + 1e-3 * x, (0.0, 0.5), (0.5, 1.0), (0.2, 0.3))
    assert found.x[0] == 1.0 and found.claimed == pytest.approx(1e-3, rel=1e-2)


def test_half_of_the_digits_are_enough():
    assert apart(jnp.sin, lambda x: (1 + 1e-9) * jnp.sin(x), (0.1, 1.0)) is None
    assert apart(jnp.sin, lambda x: (1 + 1e-7) * jnp.sin(x), (0.1, 1.0)) is not None


@pytest.mark.parametrize("shape", [8, ()])
def test_another_formula_that_rounds_differently_is_the_same_value(shape):
    ends = [(np.full(shape, k * 1e-13), np.full(shape, 2 * k * 1e-13)) for k in (1.0, 1.1, 1.2, 1.3)]
    assert not any(apart(lambda x: jnp.exp(x) - 1, jnp.expm1, pair) for pair in ends)


def test_a_surrogate_and_no_panels_are_not_compared():
    assert apart(jnp.sin, jnp.cos, (0.1, 1.0), compare=False) is None
    subject, _ = made(jnp.sin, jnp.cos, (0.1, 1.0))
    assert value_apart(subject, [], np.random.default_rng(0)) is None


def test_a_place_that_rounding_excuses_hides_no_other():
    ends = [(np.full(8, 1e-15), np.full(8, 2e-15)), (np.full(8, 0.5), np.ones(8))]
    found = apart(lambda x: jnp.exp(x) - 1, lambda x: 1.001 * jnp.expm1(x), *ends)
    assert found is not None


def test_the_violation_has_the_inputs_of_its_panel():
    fixed = [np.array(0.5)]
    assert apart(jnp.sin, jnp.cos, (0.1, 1.0), fixed=fixed).fixed is fixed
