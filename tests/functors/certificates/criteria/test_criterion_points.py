"""What is claimed at a point against derivatives nearby: kinks, removable points, singular ones, and wrong claims."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.points import check_point
from paralens.functors.certificates.plots.curves import region_of
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def ruled(value, slope):
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs) * vs[0]))
    return f


def at(f, x, directions=3, declared=True, composite=False, **more):
    """The finding of a function of one array at a point."""
    x = np.asarray(x, float)
    d = from_jax(f, R(*x.shape, dtype="float64"))
    subject, region = Subject(claims_of(d), [x]), region_of(d.dom.inside, [[x]], [(-2, 2)])
    return check_point(
        subject, region, [x], declared, directions, np.random.default_rng(0), composite=composite, **more
    )


FINE = {
    "sin": (jnp.sin, 0.3),
    "a cube at its flat point": (lambda x: x**3, 0.0),
    "x |x|": (lambda x: x * jnp.abs(x), 0.0),
    "the absolute value beside its kink": (jnp.abs, 1e-3),
    "sinc": (jnp.sinc, 0.5),
    "a product": (lambda x: x[0] * x[1], [0.0, 0.0]),
}


@pytest.mark.parametrize("name", FINE)
def test_a_derivative_that_is_that_nearby_is_fine(name):
    f, x = FINE[name]
    found = at(f, x)
    assert found.kind == "fine" and found.declared


KINKS = {
    "the absolute value": (ruled(lambda x: jnp.abs(x), lambda x: jnp.sign(x)), -1, 0, 1),
    "relu": (jax.nn.relu, 0, 0, 1),
    "relu with a slope of one": (ruled(lambda x: jnp.maximum(x, 0), lambda x: jnp.where(x >= 0, 1.0, 0.0)), 0, 1, 1),
    "a clip": (ruled(lambda x: jnp.clip(x, -1, 0), lambda x: jnp.where(x == 0, 0.25, x < 0)), 0, 0.25, 1),
}


@pytest.mark.parametrize("name", KINKS)
def test_a_claim_between_the_slopes_of_both_sides_is_a_kink(name):
    f, *slopes = KINKS[name]
    found = at(f, 0.0, directions=1)
    # along the direction, or paired with a cotangent too
    units = found.vs[0], found.vs[0] * found.ws[0]
    seen = [sorted(s * unit for s in (slopes[0], slopes[2])) for unit in units]
    which = int(np.argmin([abs(found.low - low) + abs(found.high - high) for low, high in seen]))
    assert found.kind == "kink" and (found.low, found.high) == pytest.approx(seen[which], abs=1e-9)
    assert found.claimed == pytest.approx(slopes[1] * units[which], abs=1e-9)


def test_a_tie_of_two_entries_is_a_kink():
    found = at(lambda x: x.max(), [0.5, 0.5])
    assert found.kind == "kink" and found.low < found.claimed < found.high


WRONG = {
    "a kink with a slope of two": (ruled(lambda x: jnp.abs(x), lambda x: jnp.where(x == 0, 2.0, jnp.sign(x))), 0.0),
    "a smooth map with no slope at zero": (ruled(jnp.sin, lambda x: jnp.where(x == 0, 0.0, jnp.cos(x))), 0.0),
    "a slope that is no number": (ruled(jnp.sin, lambda x: jnp.where(x == 0, jnp.nan, jnp.cos(x))), 0.0),
    "a slope that is infinite": (ruled(jnp.sin, lambda x: jnp.where(x == 0.5, jnp.inf, jnp.cos(x))), 0.5),
    "no numbers anywhere": (ruled(jnp.sin, lambda x: jnp.nan * x), 0.3),
    "the slope of sinc at its removable point": (
        ruled(jnp.sinc, lambda x: jnp.where(x == 0, 1.0, (jnp.cos(jnp.pi * x) - jnp.sinc(x)) / x)),
        0.0,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_claim_that_is_no_derivative_is_wrong(name):
    assert at(*WRONG[name]).kind == "wrong"


def test_the_numbers_of_a_wrong_claim_are_the_claim_and_the_slope_nearby():
    found = at(WRONG["a smooth map with no slope at zero"][0], 0.0, directions=1)
    assert found.claimed == 0 and found.low == pytest.approx(found.high, rel=1e-6) and found.low != 0


def test_a_kink_of_pieces_that_cancel_is_one_of_a_composite_and_wrong_of_a_rule():
    f = lambda x: jax.nn.relu(x) - jax.nn.relu(-x)  # noqa: E731  # the identity, with a claim of 0 at 0
    assert at(f, 0.0).kind == "wrong"
    lazy = ruled(lambda x: x, lambda x: jnp.where(x > 0, 2.0, jnp.where(x < 0, 0.0, 0.5)))
    assert at(lazy, 0.0, composite=True).kind == "kink" and at(lazy, 0.0).kind == "wrong"


@pytest.mark.parametrize("f", [lambda x: jnp.sqrt(jnp.abs(x)), jnp.cbrt, lambda x: 1 / x])
def test_a_slope_that_grows_without_bound_is_singular_or_has_no_value(f):
    assert at(f, 0.0, declared=False).kind in ("singular", "skip")


def test_a_kink_at_which_no_number_is_claimed_is_wrong_where_it_was_declared():
    f = ruled(lambda x: jnp.abs(x), lambda x: jnp.where(x == 0, jnp.nan, jnp.sign(x)))
    assert at(f, 0.0).kind == "wrong"
    assert at(f, 0.0, declared=False).kind == "kink without value"


def test_admissible_directions_alone_are_taken_where_they_are_given():
    # the kink of |y| is not seen along x, where the map is x²
    f = lambda x: x[0] ** 2 + jnp.abs(x[1])  # noqa: E731
    assert at(f, [0.5, 0.0]).kind == "kink"
    assert at(f, [0.5, 0.0], tangent=lambda x: [np.array([1.0, 0.0])]).kind == "fine"
