"""Maps whose every box rounds in another way: by how much, by which bits, and what is left alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.plots.shaking import ULPS, shaken, shaken_inside
from paralens.functors.certificates.plots.subjects import Subject, claims_of

U = 2.0**-53


pytestmark = pytest.mark.usefixtures("doubles")


def subject(f, *shapes, dtype="float64"):
    d = from_jax(f, *[R(*s, dtype=dtype) for s in shapes])
    return Subject(claims_of(d), [np.zeros(s) for s in shapes])


def near(x, n=64):
    """The number and those that are some ulps beside it."""
    return [x * (1 + 2 * U * np.arange(n))]


def test_a_sum_that_is_taken_away_again_moves_by_ulps_of_the_sum():
    b = near(0.3)
    moved = shaken(subject(lambda a, b: (a + b) - a, (), ())).values([np.full(64, 1024.0), *b])[:, 0] - b[0]
    # the sum has an ulp of 2^-42, is off by four of its unit roundoffs, and the difference by as many of its own
    assert np.abs(moved).max() == pytest.approx(1024.3 * ULPS * U, rel=0.1)
    assert (moved > 0).any() and (moved < 0).any()


def test_one_point_is_always_rounded_alike():
    other = shaken(subject(lambda x: jnp.exp(jnp.sin(x)), ()))
    twice = [other.values([np.array([0.1, 0.7, 0.1])])[:, 0] for _ in range(2)]
    assert twice[0][0] == twice[0][2]
    np.testing.assert_array_equal(*twice)


def test_what_is_exact_is_not_moved():
    x = near(0.3)
    np.testing.assert_array_equal(shaken(subject(lambda x: jnp.negative(jnp.negative(x)), ())).values(x)[:, 0], x[0])


@pytest.mark.parametrize("dtype, unit", [("float32", 2.0**-24), ("float16", 2.0**-11)])
def test_every_format_is_moved_by_its_own_ulps(dtype, unit):
    def f(x):
        return jnp.cos(x.astype(dtype)).astype("float64")

    s = subject(f, ())
    gap = shaken(s).values(near(0.3))[:, 0] / s.values(near(0.3))[:, 0] - 1
    assert unit <= np.abs(gap).max() <= 2 * ULPS * unit


def test_what_is_shaken_has_the_modes_of_the_subject():
    d = from_jax(lambda x: jnp.exp(jnp.sin(x)), R(dtype="float64"))
    other = shaken(Subject(claims_of(d, ("reverse",)), [np.array(0.0)]))
    assert other.claims.forward is None and other.claims.reverse is not None


def test_a_subject_without_a_diagram_is_not_shaken():
    s = subject(lambda x: jnp.exp(jnp.sin(x)), ())
    bare = Subject(replace(s.claims, d=None), s.fixed)
    assert shaken(bare) is None and shaken_inside(bare) is None


def test_a_rule_is_kept_and_shaken_inside_alone():
    @jax.custom_jvp
    def f(x):
        return jnp.sin(x)

    # what is lost by cancellation is the rule's own
    f.defjvp(lambda x, v: (f(*x), ((jnp.cos(*x) + (1e6 + x[0])) - (1e6 + x[0])) * v[0]))
    s = subject(lambda x: 2 * f(x), ())
    x, one = near(0.3), [np.ones(64)]
    kept, moved = (made.run(x, one, one).d[:, 0] for made in (shaken(s), shaken_inside(s)))
    assert np.ptp(kept) < 6e-10 < np.ptp(moved)
    np.testing.assert_allclose(moved, 2 * np.cos(0.3), rtol=1e-8)
