"""Parts of curves: their times, what is at their nodes, and how rough values there are."""

import numpy as np
import pytest

from paralens.functors.certificates.plots.bounds import NODES, PANEL
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.parts import Panel, Stretch, roughness

LINE = Curve([np.array([0.0, 1.0])], [np.array([4.0, 3.0])], (), "line")


def test_the_times_of_a_stretch_are_the_nodes_between_its_ends():
    part = Stretch(LINE, 0.25, 0.75, None)
    assert part.half == 0.25
    assert (part.times[0], part.times[8], part.times[-1]) == pytest.approx((0.25, 0.5, 0.75))
    np.testing.assert_allclose(part.times, 0.5 + 0.25 * NODES)


def test_at_a_node_there_are_a_point_a_direction_and_a_cotangent():
    ws = [np.arange(PANEL, dtype=float)]
    x, v, w = Panel(LINE, 0.0, 1.0, None, None, ws, False).at(8)
    np.testing.assert_allclose(x[0], [2, 2])
    np.testing.assert_allclose(v[0], [4, 2])
    assert w[0] == 8


def test_a_cubic_follows_from_its_neighbors():
    assert roughness(NODES[:, None] ** 3 - 2 * NODES[:, None] + 7).max() < 1e-13


def test_one_value_that_is_off_is_off_by_as_much_and_far_ones_are_not():
    values = NODES**2
    values[8] += 1e-3
    found = roughness(values[:, None])[:, 0]
    assert found[8] == pytest.approx(1e-3) and found.argmax() == 8
    assert np.delete(found, range(6, 11)).max() < 1e-14


def test_a_step_is_rough_beside_it_alone():
    found = roughness(np.where(NODES > 0.05, 1.0, 0.0)[:, None])[:, 0]
    assert (found > 0.1).nonzero()[0].tolist() == [7, 8, 9, 10] and found[:6].max() + found[12:].max() < 1e-15
