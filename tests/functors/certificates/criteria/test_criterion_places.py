"""Points at which nobody is asked to look and defects sit."""

import numpy as np

from paralens import R
from paralens.functors.certificates.criteria.places import probes
from paralens.functors.certificates.plots.curves import region_of


def region(x, ranges=None, declared=()):
    x = np.asarray(x, float)
    made = region_of(R(*x.shape, dtype="float64").inside, [[x]], [ranges])
    made.declared = [[np.asarray(p, float)] for p in declared]
    return made


def points(*args, **named):
    return [p[0].tolist() for p in probes(region(*args, **named))]


def test_zeros_equal_entries_ones_ties_and_whole_numbers_are_places():
    found = points([0.4, 1.7, -2.6, 3.2])
    assert found == [[0] * 4, [0.4] * 4, [1] * 4, [0.4, 0.4, -2.6, -2.6], [0, 2, -3, 3]]


def test_the_identity_is_a_place_of_square_matrices_alone():
    assert np.eye(2).tolist() in points([[0.1, 0.2], [0.3, 0.4]])
    assert all(np.shape(p) == (2, 3) for p in points(np.arange(6.0).reshape(2, 3) / 7))


def test_a_place_outside_of_the_domain_is_none_and_its_ends_are():
    assert points([0.4, 1.7], ranges=(0.3, 2.0)) == [[0.4] * 2, [1] * 2, [0.3] * 2, [2] * 2]


def test_what_was_met_or_declared_or_found_before_is_no_new_place():
    assert points(0.0) == [1.0]
    assert points(0.4, declared=[0.0, 1.0]) == []
    assert points(1.0, ranges=(0, 1), declared=[0.0]) == []


def test_a_tie_of_an_odd_number_of_entries_leaves_the_last_one():
    assert [0.4, 0.4, 5.3] in points([0.4, 1.7, 5.3])
