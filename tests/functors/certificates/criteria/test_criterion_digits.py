"""How many digits of a slope in doubles are right, against formulas with fifty digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.backends.sympy.certifying import Sympy
from paralens.functors.certificates.criteria.digits import digits_left


@pytest.fixture(autouse=True)
def doubles():
    with jax.numpy_dtype_promotion("standard"), jax.enable_x64(True):
        yield


def left(value, slope, *points, shape=(), dtype="float64"):
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs) * vs[0]))
    return digits_left(from_jax(f, R(*shape, dtype=dtype)).boxes[0], [[np.array(p)] for p in points], Sympy())


def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))


def cancelling(x):
    return sigmoid(x) * (1 - sigmoid(x))


def test_the_product_of_a_sigmoid_and_its_rest_has_no_digits_at_38():
    digits, at = left(sigmoid, cancelling, 3.0, 38.0)
    assert digits == 0 and at[0] == 38


def test_the_digits_that_are_left_are_those_that_cancellation_leaves():
    # the rest is exp(-x), and is off by up to an ulp of what is smaller than one
    for x in (23.0, 25.0, 28.0):
        digits, _ = left(sigmoid, cancelling, x)
        rest = 1 - 1 / (1 + np.exp(-x))
        assert digits == pytest.approx(-np.log10(abs(rest * np.exp(x) - 1)), abs=0.3)


def test_the_worst_of_the_points_counts():
    assert left(sigmoid, cancelling, 25.0, 30.0, 23.0)[1][0] == 30


def test_a_rule_that_does_not_cancel_keeps_its_digits():
    assert left(sigmoid, lambda x: sigmoid(x) * sigmoid(-x), -38.0, 3.0, 38.0) is None


def test_half_of_the_digits_are_enough():
    assert left(sigmoid, cancelling, 10.0) is None


def test_what_an_ulp_of_the_input_does_is_no_loss():
    assert left(lambda x: jnp.sin(1e14 * x), lambda x: 1e14 * jnp.cos(1e14 * x), 0.3) is None


def test_another_slope_has_no_digits():
    assert left(jnp.sin, jnp.sin, 0.3)[0] < 1


def test_boxes_without_a_rule_of_their_own_are_read_entry_by_entry():
    d = from_jax(jnp.tanh, R(3, dtype="float64"))
    assert digits_left(d, [[np.array([0.1, -1.0, 5.0])]], Sympy()) is None
    assert digits_left(d, [[np.array([0.1, 30.0, 5.0])]], Sympy()) == (0.0, [30.0])  # 1 - tanh² cancels


def test_where_there_is_no_formula_or_no_double_nothing_is_said():
    assert left(sigmoid, cancelling, 38.0, dtype="float32") is None
    long = from_jax(lambda x: jnp.sin(jnp.exp(x)), R(dtype="float64"))
    assert digits_left(long, [[np.array(38.0)]], Sympy()) is None
