"""Proofs end: the work that formulas take is counted, loops as often as they run."""

import jax
import jax.numpy as jnp
import pytest

from paralens import R, check, from_jax
from paralens.backends.sympy.certifying import Sympy
from paralens.backends.sympy.entries import entries_of, symbols_of
from paralens.backends.sympy.entries.work import TooMuchWork, limited
from paralens.backends.sympy.proofs import prove
from paralens.functors.certificates.criteria.proving import proved, steps


def bisection(steps):
    """The root of x³ + x = y, with the rule of the implicit function."""

    @jax.custom_jvp
    def root(y):
        def step(_, ends):
            low, high = ends
            middle = (low + high) / 2
            below = middle**3 + middle < y
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        low, high = jax.lax.fori_loop(0, steps, step, (0 * y - 2.0, 0 * y + 2.0))
        return (low + high) / 2

    root.defjvp(lambda ys, vs: (root(*ys), vs[0] / (3 * root(*ys) ** 2 + 1)))
    return root


def newton(steps):
    """A square root whose formula has 2ⁿ parts."""
    return lambda a: jax.lax.fori_loop(0, steps, lambda _, x: (x + a / x) / 2, a)


@pytest.mark.parametrize("f", [bisection(40), newton(40)], ids=["bisection", "newton"])
def test_a_proof_of_what_runs_a_long_loop_ends_undecided(f):
    found = prove(from_jax(f, R()), work=20_000)
    assert found.verdict == "undecided" and "more work than is allowed" in found.reason


def test_work_is_counted_alike_every_time():
    def least(d):
        """The least power of two within which a formula is made."""
        for k in range(20):
            try:
                with limited(2**k):
                    entries_of(d, [symbols_of(w, "x") for w in d.dom.inside])
                return k
            except TooMuchWork:
                continue
        return None

    d = from_jax(newton(4), R())
    assert least(d) == least(d) < least(from_jax(newton(6), R()))


def test_calls_of_sympy_are_counted_too_and_the_hook_of_a_debugger_stays():
    import sys

    import sympy

    x = sympy.Symbol("x")
    before = sys.gettrace()
    with pytest.raises(TooMuchWork), limited(3):
        sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 + sympy.tan(x))
    assert sys.gettrace() is before


def ruled(f, rule):
    made = jax.custom_jvp(f)
    made.defjvp(lambda xs, vs: (f(*xs), rule(*xs) * vs[0]))
    return from_jax(lambda x: made(x), R())


def looped(x):
    return jax.lax.fori_loop(0, 40, lambda _, y: y * 0.5 + x, x)


@pytest.mark.parametrize(
    "d, count", [(from_jax(lambda x: x * x + x, R()), 2), (from_jax(looped, R()), 40), (from_jax(newton(5), R()), 5)]
)
def test_boxes_in_a_loop_count_as_often_as_it_runs(d, count):
    assert steps(d) >= count and (count > 2 or steps(d) == count)


def test_a_loop_of_unknown_length_is_no_small_thing():
    assert steps(from_jax(lambda x: jax.lax.while_loop(lambda y: y < 9.0, lambda y: y * y, x), R())) == float("inf")


def test_rules_with_long_loops_are_not_tried_and_short_ones_are_proved():
    assert proved(ruled(lambda x: x**3, lambda x: 3 * x**2), Sympy())
    assert not proved(ruled(looped, lambda x: 2 + 0 * x), Sympy())
    assert not proved(ruled(lambda x: 2 * x, lambda x: looped(x) / x), Sympy())


def test_the_standard_effort_ends_where_a_scalar_rule_has_a_loop_inside():
    with jax.numpy_dtype_promotion("standard"):
        found = check(bisection(40), 0.5, domain=[(-2, 2)])
    assert found.ok and found.verdict != "proved"
