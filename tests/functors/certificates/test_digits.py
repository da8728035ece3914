"""Slopes in doubles that lost their digits, and claims of the second order at declared points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import check

pytestmark = pytest.mark.usefixtures("ordinary")


def ruled(f, rule):
    g = jax.custom_jvp(lambda *xs: f(*xs))
    g.defjvp(lambda xs, vs: (f(*xs), rule(xs, vs)))
    return g


def test_a_sigmoid_whose_slope_cancels_past_36_is_imprecise_in_doubles():
    def rule(xs, vs):
        s = jax.nn.sigmoid(xs[0])
        return s * (1 - s) * vs[0]

    with jax.enable_x64(True):
        found = check(ruled(jax.nn.sigmoid, rule), np.float64(37.0), domain=[(36, 40)])
        assert found.verdict == "imprecise" and found.ok, str(found)
        assert "0 of 16 digits" in found.worst.reason and "IMPRECISE" in str(found)
        assert check(jnp.tanh, np.float64(0.5), domain=[(-3, 3)]).verdict == "proved"


def test_a_slope_by_cancellation_is_imprecise_with_the_digits_that_are_left():
    f = ruled(lambda x: jnp.expm1(x) - x, lambda xs, vs: (jnp.exp(xs[0]) - 1) * vs[0])
    with jax.enable_x64(True):
        found = check(f, np.float64(1e-9))
    assert found.verdict == "imprecise", str(found)
    digits = int(found.worst.reason.split(" of 16")[0])
    assert 4 <= digits <= 8  # exp(1e-10) - 1 in doubles has an error of 1e-16 in 1e-10


def test_an_accurate_slope_of_the_same_map_is_right():
    f = ruled(lambda x: jnp.expm1(x) - x, lambda xs, vs: jnp.expm1(xs[0]) * vs[0])
    with jax.enable_x64(True):
        assert check(f, np.float64(1e-9)).verdict in ("correct", "proved")


def test_a_declared_point_is_looked_at_in_every_order():
    def rule(xs, vs):
        (x,), (v,) = xs, vs
        y = jnp.where(x == 0, 1.0, x)
        return jnp.where(x == 0, 0.0, (jnp.cos(jnp.pi * y) - jnp.sinc(y)) / y) * v

    f = ruled(jnp.sinc, rule)
    assert check(f, 0.4, domain=[(-3, 3)], special=[(0.0,)]).ok
    found = check(f, 0.4, domain=[(-3, 3)], special=[(0.0,)], order=2)
    assert found.verdict == "wrong" and found.worst.witness.order == 2, str(found)


def test_a_proof_of_the_first_order_is_none_of_the_second():
    assert check(jnp.tanh, 0.5).verdict == "proved"
    assert check(jnp.tanh, 0.5, order=2).verdict == "correct"


def test_a_declared_point_far_out_is_moved_by_some_floats():
    def rule(xs, vs):
        y = jnp.logaddexp(*xs)
        return jnp.exp(xs[0] - y) * vs[0] + jnp.exp(xs[1] - y) * vs[1]

    with jax.enable_x64(True):
        f, special = ruled(jnp.logaddexp, rule), [(1e50, 1e50)]
        found = check(f, np.float64(0.5), np.float64(1.5), domain=[(-5, 5)] * 2, special=special)
    assert found.verdict == "wrong" and found.worst.witness.criterion == "point", str(found)


def test_complex_constants_of_no_axes_are_read():
    assert check(lambda x: jnp.real(jnp.exp(1j * x)), 0.5, effort="quick").verdict in ("correct", "proved")
