"""The relation in integral form: F(t) - F(s) is the integral of the slope, or the defect says by how much it is not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.panels import Integral
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def ruled(value, slope):
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs, *vs)))
    return f


def line(a, b):
    return Curve([np.asarray(a, float)], [np.asarray(b, float)], (), "line")


def integral(f, curve, parts=1, **more):
    d = from_jax(f, *[R(*a.shape, dtype="float64") for a in curve.start])
    made = Integral(Subject(claims_of(d), list(curve.start)), np.random.default_rng(0), **more)
    made.check(curve, parts)
    return made


CUBE = lambda x: x**3  # noqa: E731


def test_the_cube_obeys_its_slope_within_the_bound():
    found = integral(CUBE, line(0.0, 1.0), parts=3)
    assert not found.found and found.worst < 1 and (found.panels, found.resolved) == (3, 3)


@pytest.mark.parametrize("a, b", [(0.0, 1.0), (-1.0, 2.0)])
def test_a_factor_violates_it_by_the_integral_of_the_difference(a, b):
    found = integral(ruled(CUBE, lambda x, v: 1.001 * 3 * x**2 * v), line(a, b))
    defect = found.found[0]
    times = defect.panel.times
    x = a + times * (b - a)
    assert defect.defect == pytest.approx(0.001 * np.abs(x**3 - a**3).max(), rel=1e-9)
    assert defect.ratio > 1e6 and defect.ratio == pytest.approx(defect.defect / defect.bound) and not defect.noisy
    at = 3 * x[defect.node] ** 2 * (b - a)
    assert (defect.claimed, defect.actual) == pytest.approx((1.001 * at, at))


def test_of_many_entries_the_one_that_is_wrong_is_named():
    wrong = np.ones(5)
    wrong[3] = -1
    found = integral(ruled(jnp.sin, lambda x, v: wrong * jnp.cos(x) * v), line(np.zeros(5), np.linspace(0.1, 1, 5)))
    assert [f.entry for f in found.found] == [3]


def test_a_difference_that_integrates_to_nothing_over_the_whole_is_seen_on_the_way():
    wrong = ruled(jnp.sin, lambda x, v: (jnp.cos(x) + 1e-6 * jnp.cos(jnp.pi * x)) * v)
    assert integral(wrong, line(0.0, 1.0)).found[0].defect == pytest.approx(1e-6 / np.pi, rel=0.1)


@pytest.mark.parametrize("place", [0.3, 1 / 3])
def test_a_kink_is_closed_in_on_and_nothing_is_wrong(place):
    found = integral(lambda x: jnp.abs(x - place), line(0.0, 1.0))
    assert not found.resolved
    found.refine(4000)
    assert not found.found and found.resolved > 1
    widths = [p.high - p.low for p in found.nodes if p.low <= place <= p.high]
    assert min(widths) < 2e-4


def test_a_wrong_slope_in_a_small_region_is_found_by_refining():
    def bump(x, v):
        return jnp.cos(x) * v * jnp.where(jnp.abs(x - 0.6) < 0.03, 1.5, 1.0)

    found = integral(ruled(jnp.sin, bump), line(0.0, 1.0), parts=2)
    found.refine(4000)
    assert found.found and abs((found.found[0].panel.low + found.found[0].panel.high) / 2 - 0.6) < 0.1


def test_what_is_declared_as_accuracy_is_no_defect():
    wrong = ruled(CUBE, lambda x, v: (3 * x**2 + 1e-4) * v)
    assert integral(wrong, line(0.0, 1.0)).found
    assert not integral(wrong, line(0.0, 1.0), slack=1e-4).found
    factor = ruled(CUBE, lambda x, v: (1 + 1e-7) * 3 * x**2 * v)
    assert integral(factor, line(0.0, 1.0)).found
    assert not integral(factor, line(0.0, 1.0), constants=1e-7).found


def test_the_end_of_a_domain_is_looked_at_from_within():
    wrong = ruled(jnp.log, lambda x, v: 2.0 * v / x)
    found = integral(wrong, line(-1.0, 2.0))
    assert not found.found and np.isnan(found.nodes[0].node.F).any()
    found.within(1000)
    assert found.found and found.found[0].panel.low > 1 / 3


def test_a_slope_that_is_infinite_where_the_value_is_not_is_a_suspect():
    found = integral(jnp.sqrt, line(0.0, 1.0))
    assert not found.found and [j for _, j in found.suspects] == [0]


def test_the_actual_slope_is_that_of_the_polynomial_through_the_values():
    panel = integral(CUBE, line(0.0, 2.0)).nodes[0]
    x = 2 * panel.times
    np.testing.assert_allclose(Integral.actual(panel.node.F[:, 0], panel.half), 2 * 3 * x**2, atol=1e-11)
