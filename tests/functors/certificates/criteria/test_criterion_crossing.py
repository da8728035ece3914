"""At a place where a curve crosses a guard: jumps with both values, and kinks with both slopes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.crossing import GUARDS, further, jump_at, kink_at, looks
from paralens.functors.certificates.criteria.guards import Crossing
from paralens.functors.certificates.plots.curves import Curve, region_of
from paralens.functors.certificates.plots.subjects import Subject, claims_of

U = 2.0**-53


pytestmark = pytest.mark.usefixtures("doubles")


def rng():
    return np.random.default_rng(0)


def subject(f, n=1):
    return Subject(claims_of(from_jax(f, *[R(dtype="float64")] * n)), [np.array(0.5)] * n)


def crossed(at, low=-1.0, high=1.0):
    """The crossing at a point of the line between two numbers."""
    t = (at - low) / (high - low)
    curve = Curve([np.array(low)], [np.array(high)], (), "line")
    return Crossing("guard", curve, np.nextafter(t, 0), np.nextafter(t, 1), [np.array(at)], None)


def jump(f, at, slack=0.0):
    return jump_at(subject(f), crossed(at), U, slack, rng())


def kink(f, at):
    return kink_at(subject(f), crossed(at), rng())


JUMPS = {
    "a comparison": (lambda x: jnp.where(x > 0, x + 1, x), 0.0, 0.0, 1.0),
    "a comparison away from zero": (lambda x: jnp.where(x > 0.25, 3 + 0 * x, x), 0.25, 0.25, 3.0),
    "floor": (lambda x: jnp.floor(4 * x), 0.5, 1.0, 2.0),
    "a step downwards": (lambda x: x - jnp.sign(x), 0.0, 1.0, -1.0),
    "a small step beside a large value": (lambda x: 1e3 + 1e-9 * jnp.floor(x), 0.0, 1e3 - 1e-9, 1e3),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_has_the_values_of_both_sides(name):
    f, at, left, right = JUMPS[name]
    found = jump(f, at)
    assert found.kind == "jump" and not found.declared and found.x == [at]
    assert (found.low, found.high) == pytest.approx((left, right), abs=1e-8)
    assert found.high - found.low == pytest.approx(right - left, rel=1e-2)


@pytest.mark.parametrize("f", [jnp.abs, lambda x: jnp.maximum(x, 0), lambda x: jnp.where(x > 0, x * x, 0), jnp.cbrt])
def test_values_that_meet_do_not_jump(f):
    assert jump(f, 0.0) is None


def test_a_jump_within_the_accuracy_that_is_declared_is_none():
    f = lambda x: jnp.where(x > 0, x + 1e-3, x)  # noqa: E731
    assert jump(f, 0.0).high == pytest.approx(1e-3, rel=1e-5) and jump(f, 0.0, slack=1e-3) is None


def test_pieces_that_are_rounded_otherwise_meet():
    # in single precision one tenth is another number than in double
    f = lambda x: jnp.where(x > 0, x * x + np.float64(np.float32(0.1)), 0.1)  # noqa: E731
    assert jump(f, 0.0) is not None
    assert jump_at(subject(f), crossed(0.0), 2.0**-24, 0.0, rng()) is None


def test_a_place_beside_which_there_is_no_value_has_no_jump():
    assert jump(lambda x: jnp.where(x > 0, jnp.nan, x), 0.0) is None


KINKS = {
    "the absolute value": (jnp.abs, 0.0, -1.0, 1.0),
    "relu": (lambda x: jnp.maximum(x, 0), 0.0, 0.0, 1.0),
    "a minimum of two lines": (lambda x: jnp.minimum(3 * x, 1 - x), 0.25, -1.0, 3.0),
    "a branch": (lambda x: jax.lax.cond(x > 0.0, lambda x: jnp.sin(x), lambda x: 5 * x, x), 0.0, 1.0, 5.0),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_kink_has_the_slopes_of_both_sides_from_the_lower_to_the_higher(name):
    f, at, low, high = KINKS[name]
    found = kink(f, at)
    assert found.kind == "kink" and (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert low <= found.claimed <= high and found.vs == [1.0]


def test_a_claim_that_is_between_no_slopes_is_outside_of_the_kink():
    f = jax.custom_jvp(lambda x: jnp.abs(x))
    f.defjvp(lambda x, v: (jnp.abs(*x), jnp.where(x[0] == 0, 7.0, jnp.sign(*x)) * v[0]))
    found = kink(f, 0.0)
    assert (found.kind, found.claimed, found.low, found.high) == ("kink outside", 7, -1, 1)


@pytest.mark.parametrize("f", [jnp.sin, lambda x: x * jnp.abs(x), lambda x: jnp.where(x > 0, jnp.sin(x), x)])
def test_where_slopes_meet_there_is_no_kink(f):
    assert kink(f, 0.0) is None


def test_a_long_map_is_looked_at_less_often():
    short, long = from_jax(jnp.sin, R()), from_jax(lambda x: x @ x @ x, R(600, 600))
    assert looks(short) == GUARDS and looks(long) == 1


def test_further_curves_stay_in_the_region():
    region = region_of(R(2, dtype="float64").inside, [[np.full(2, 0.5)]], [(0.25, 1.0)])
    found = further(region, rng())
    assert len(found) == GUARDS
    assert all((s.low, s.high, s.fixed) == (0, 1, None) for s in found)
    assert all(region.inside([x]) for s in found if s.curve.label != "geometric" for x in s.curve.at(s.times)[0][0])
