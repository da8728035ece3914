"""Boxes that are small enough for a proof, and what is proved of them."""

import jax
import jax.numpy as jnp
import pytest

from paralens import R, from_jax
from paralens.backends.sympy.certifying import Sympy
from paralens.functors.certificates.criteria.proving import proved, small


@pytest.fixture(autouse=True)
def ordinary():
    with jax.numpy_dtype_promotion("standard"):
        yield


def ruled(value, slope, *shape):
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs) * vs[0]))
    return from_jax(f, R(*shape))


@pytest.mark.parametrize("f", [jnp.sin, jnp.exp, jnp.tanh, lambda x: x * x, lambda x: x**3])
def test_what_calculus_knows_is_proved(f):
    assert proved(from_jax(f, R()), Sympy())


def test_a_right_rule_is_proved_in_whatever_form_it_is_written():
    cube = lambda x: x * x * x  # noqa: E731
    assert proved(ruled(cube, lambda x: 3 * x * x), Sympy())
    assert proved(ruled(cube, lambda x: x * x + 2 * x * x), Sympy())


@pytest.mark.parametrize("slope", [lambda x: 3.001 * x * x, lambda x: -3 * x * x, lambda x: 3 * x, lambda x: 0 * x])
def test_no_wrong_rule_is_proved(slope):
    assert not proved(ruled(lambda x: x * x * x, slope), Sympy())


def test_what_acts_entry_by_entry_is_read_for_one_entry():
    d = from_jax(jnp.tanh, R(100, 100))
    assert small(d).dom == small(d).cod == R()
    assert proved(d, Sympy())


def test_a_composite_of_several_boxes_is_not_small():
    assert small(from_jax(lambda x: jnp.sin(jnp.exp(x)), R())) is None


def test_what_mixes_entries_is_small_up_to_six_of_them():
    total = lambda x: x.sum()  # noqa: E731
    assert small(from_jax(total, R(5))).dom == R(5) and proved(from_jax(total, R(5)), Sympy())
    assert small(from_jax(total, R(6))) is None and not proved(from_jax(total, R(6)), Sympy())


def test_a_rule_of_many_steps_or_entries_is_not_small():
    def long(x):
        for _ in range(13):
            x = jnp.sin(x)
        return x

    assert small(ruled(jnp.sin, jnp.cos)) is not None
    assert small(ruled(long, jnp.cos)) is None
    assert small(ruled(jnp.sin, jnp.cos, 2)) is None


def test_a_loop_counts_as_often_as_it_runs():
    def loop(n):
        return lambda x: jax.lax.fori_loop(0, n, lambda _, c: jnp.sin(c), x)

    assert small(ruled(loop(2), jnp.cos)) is not None
    assert small(ruled(loop(20), jnp.cos)) is None


def test_an_algebra_that_proves_nothing_is_believed():
    class Silent:
        def proves(self, box):
            return False

    assert not proved(from_jax(jnp.sin, R()), Silent())
