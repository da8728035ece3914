"""Slopes of values by extrapolation, from one side and from both, against derivatives that are known."""

import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.plots.slopes import extrapolated, sided
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def subject(f, x):
    return Subject(claims_of(from_jax(f, R(*np.shape(x), dtype="float64"))), [np.asarray(x, float)])


SMOOTH = {
    "exp": (np.exp, 1.0),
    "sin 3t": (lambda t: np.sin(3 * t), 3.0),
    "1 / (1 - t)": (lambda t: 1 / (1 - t), 1.0),
    "a line": (lambda t: 5 - 2 * t, -2.0),
}


@pytest.mark.parametrize("side", [-1, 0, 1])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_slope_of_a_smooth_function_at_zero_is_found_from_either_side(name, side):
    f, slope = SMOOTH[name]
    found, error = extrapolated(lambda t: f(t)[:, None], 1.0, side)
    assert found == pytest.approx(slope, abs=1e-6) and error < 1e-6


@pytest.mark.parametrize("side, slope", [(-1, 5.0), (1, 5.0)])
def test_the_error_is_no_less_than_what_the_slope_is_off_by(side, slope):
    found, error = extrapolated(lambda t: ((2.5 + t) ** 2)[:, None], 1.0, side)
    assert abs(found - slope) <= error + 1e-14


def test_entries_have_slopes_of_their_own():
    found, error = extrapolated(lambda t: np.stack([np.exp(t), np.cos(t), 7 * t], axis=1), 1.0, 0)
    np.testing.assert_allclose(found, [1, 0, 7], atol=1e-11)
    assert error.shape == (3,)


def test_what_turns_fast_is_seen_at_the_distance_at_which_it_turns():
    found, error = extrapolated(lambda t: np.sin(1000 * t)[:, None], 1.0, 0)
    assert found == pytest.approx(1000, rel=1e-8) and error < 1e-4


def test_a_slope_that_does_not_exist_has_a_large_error():
    found, error = extrapolated(lambda t: np.sqrt(np.abs(t))[:, None], 1.0, 1)
    assert error > found / 10 > 0.1


def test_a_function_without_values_on_one_side_has_a_slope_on_the_other_alone():
    left, right = (extrapolated(lambda t: (np.log1p(t) + 0 * np.sqrt(t))[:, None], 1.0, s)[0] for s in (-1, 1))
    assert np.isnan(left) and right == pytest.approx(1, abs=1e-10)


def test_the_slopes_of_the_absolute_value_at_zero_are_minus_one_and_one():
    one = [np.array(1.0)]
    (left, a), (right, b) = sided(subject(jnp.abs, 0.0), [np.array(0.0)], one, one)
    assert (left, right) == (-1, 1) and max(a[0], b[0]) < 1e-15


def test_the_slopes_along_a_direction_are_those_of_the_curve_through_it():
    x, v = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    s = subject(lambda x: jnp.stack([x[0] * x[1], jnp.maximum(x[0], 1.0)]), x)
    (left, _), (right, _) = sided(s, [x], [v], [np.ones(2)])
    np.testing.assert_allclose(left, [2 * 3 - 1, 0], atol=1e-9)
    np.testing.assert_allclose(right, [2 * 3 - 1, 3], atol=1e-9)


def test_the_slope_of_a_pairing_is_seen_where_there_is_a_reverse_derivative_alone():
    d = from_jax(lambda x: jnp.stack([x * x, 5 * x]), R(dtype="float64"))
    s = Subject(claims_of(d, ("reverse",)), [np.array(3.0)])
    (left, _), (right, _) = sided(s, [np.array(3.0)], [np.array(1.0)], [np.array([10.0, 1.0])])
    assert left == pytest.approx([65], abs=1e-5) and right == pytest.approx([65], abs=1e-5)
