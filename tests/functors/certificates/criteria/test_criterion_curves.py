"""Curves through a domain, whose velocities are their derivatives, and regions that no curve leaves."""

from itertools import islice

import numpy as np
import pytest

from paralens import R
from paralens.categories.errors import InputError
from paralens.functors.certificates.plots.curves import Curve, Region, region_of

TIMES = np.array([0.0, 0.25, 1.0])


def wires(*shapes):
    return [w for s in shapes for w in R(*s, dtype="float64").inside]


def curve(a, b, log=(), bends=None):
    return Curve([np.asarray(a, float)], [np.asarray(b, float)], log, "test", bends)


def test_a_line_has_one_velocity_everywhere():
    (x,), (v,) = curve([1.0, 2.0], [3.0, 1.0]).at(TIMES)
    np.testing.assert_array_equal(x, [[1, 2], [1.5, 1.75], [3, 1]])
    np.testing.assert_array_equal(v, [[2, -1]] * 3)


def test_a_geometric_curve_has_the_geometric_mean_in_its_middle_and_keeps_its_sign():
    (x,), (v,) = curve(-1e-4, -1e2, log=(0,)).at(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(x, [-1e-4, -1e-1, -1e2])
    np.testing.assert_allclose(v, x * np.log(1e6))


def test_a_bent_curve_has_the_ends_of_a_line_and_a_velocity_that_changes():
    bent = curve(1.0, 3.0, bends=[np.array(0.5)])
    (x,), (v,) = bent.at(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(x, [1, 1 + 2 * (0.5 + 0.125), 3])
    np.testing.assert_allclose(v, [3, 2, 1])


@pytest.mark.parametrize("made", [curve(0.5, 7.0), curve(0.5, 7.0, log=(0,)), curve(0.5, 7.0, bends=[np.array(-0.4)])])
def test_velocities_are_the_derivatives_of_points(made):
    h, t = 1e-5, np.linspace(0.1, 0.9, 9)
    ahead, back, (v,) = made.at(t + h)[0][0], made.at(t - h)[0][0], made.at(t)[1]
    np.testing.assert_allclose((ahead - back) / (2 * h), v, rtol=1e-8)


def test_what_is_infinite_at_an_end_stays_where_it_is():
    (x,), (v,) = curve([0.0, -np.inf], [1.0, -np.inf]).at(TIMES)
    np.testing.assert_array_equal(x, [[0, -np.inf], [0.25, -np.inf], [1, -np.inf]])
    np.testing.assert_array_equal(v, [[1, 0]] * 3)


def test_every_curve_and_every_sample_lies_in_the_box():
    region = region_of(wires((2,), ()), [[np.ones(2), np.array(2.0)]], [(-1, 3), (1e-6, 1e6, "log")])
    rng = np.random.default_rng(0)
    for made in islice(region.curves(rng), 20):
        xs, _ = made.at(np.linspace(0, 1, 5))
        if made.label != "geometric":  # which goes to zero
            for k in range(5):
                inside = [np.clip(x[k], *r[:2]) for x, r in zip(xs, region.ranges, strict=True)]
                for x, y in zip(xs, inside, strict=True):
                    np.testing.assert_allclose(x[k], y, rtol=1e-12)
    assert all(region.inside(region.sample(rng)) for _ in range(20))


def test_the_first_curve_goes_from_the_lowest_corner_to_the_highest():
    region = region_of(wires((2,)), [[np.zeros(2)]], [(-1, 3)])
    first = next(region.curves(np.random.default_rng(0)))
    np.testing.assert_array_equal(first.start[0], [-1, -1])
    np.testing.assert_array_equal(first.end[0], [3, 3])
    a, b = region.corner(np.random.default_rng(1))
    assert (a[0] + b[0] == 2).all() and np.isin(a[0], [-1, 3]).all()


def test_the_hull_of_what_was_met_is_not_left():
    region = Region(wires((), ()), [[np.array(1.0), np.array(2.0)], [np.array(3.0), np.array(5.0)]], [None, None])
    region.hull = True
    assert region.inside([np.array(2.0), np.array(4.0)]) and not region.inside([np.array(2.0), np.array(6.0)])
    for made in islice(region.curves(np.random.default_rng(0)), 8):
        if (made.end[0] - made.start[0]) * 1.5 == pytest.approx(made.end[1] - made.start[1]) != 0:
            (x, y), _ = made.at(TIMES)
            np.testing.assert_allclose(y, 2 + 1.5 * (x - 1))


def test_a_chord_through_a_point_has_it_in_its_middle_and_ends_at_the_domain():
    region = region_of(wires(()), [[np.array(0.5)]], [(0, 1)])
    made = region.through([np.array(0.5)], 1e-3, np.random.default_rng(0))
    assert made.start[0] + made.end[0] == pytest.approx(1.0) and made.start[0] != made.end[0]
    edge = region.through([np.array(1.0)], 1e-1, np.random.default_rng(0))
    assert max(edge.start[0], edge.end[0]) == 1.0 and min(edge.start[0], edge.end[0]) > 0.9


@pytest.mark.parametrize("wrong", [(1, 0), (0,), 3.0, (0, 1, "linear"), (np.nan, 1)])
def test_what_is_no_range_is_refused(wrong):
    with pytest.raises(InputError, match="the domain of input 0 is"):
        region_of(wires(()), [[np.array(0.5)]], [wrong])


def test_a_unit_of_an_entry_is_its_size_or_the_width_of_its_range():
    free = region_of(wires((3,)), [[np.array([4.0, -2.0, 0.0])]], [None])
    (scale,) = free.scales(free.met[0])
    assert scale[:2].tolist() == [4, 2] and 2 <= scale[2] <= 4
    boxed = region_of(wires(()), [[np.array(100.0)]], [(99.9, 100.1)])
    assert boxed.scales(boxed.met[0])[0] == pytest.approx(0.2)


def test_a_region_beside_another_has_its_wires_and_the_further_ones():
    region = region_of(wires(()), [[np.array(5.0)]], [(4, 6)])
    wider = region.beside([(-1, 1)], wires((2,)), np.random.default_rng(0))
    x, v = wider.sample(np.random.default_rng(1))
    assert 4 <= x <= 6 and v.shape == (2,) and np.abs(v).max() <= 1
    assert wider.inside([np.array(5.0), np.zeros(2)]) and not wider.inside([np.array(5.0), np.full(2, 2.0)])
