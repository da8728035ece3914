"""What is seen of outputs: entries, signed sums of all of them by size, pairings, and how far values are apart."""

import jax.numpy as jnp
import numpy as np
import pytest

from paralens import C, R
from paralens.functors.certificates.plots.observing import (
    apart,
    levels,
    many,
    observed,
    paired,
    sizes,
    slopes,
    through,
)

N = 2000


pytestmark = pytest.mark.usefixtures("doubles")


def test_outputs_are_many_beyond_512_numbers_and_a_complex_one_counts_twice():
    assert not many(R(512).inside) and many(R(513).inside)
    assert not many(C(256).inside) and many(C(257).inside)
    assert many([*R(500).inside, *R(13).inside])


def test_few_outputs_are_seen_as_they_are_with_both_parts_of_complex_ones():
    found = observed([jnp.array([1.0, 2.0]), jnp.array(3 + 4j)], None)
    np.testing.assert_array_equal(found, [1, 2, 3, 4])
    np.testing.assert_array_equal(sizes([jnp.zeros(2)], [jnp.array([-1.0, 2.0])], None), [1, 2])


@pytest.mark.parametrize("place", [0, 1, 777, N - 1])
def test_every_entry_is_part_of_just_one_sum(place):
    start = [jnp.ones(N)]
    some = len(range(0, N, -(-N // 256)))
    before, after = (np.asarray(observed([y], start)) for y in (start[0], start[0].at[place].add(0.5)))
    changed = np.flatnonzero(after[some:] - before[some:])
    assert len(changed) == 1 and abs(after[some:][changed[0]]) == 0.5


def test_a_tangent_in_one_entry_is_seen_wherever_it_is():
    start = [jnp.ones(N)]
    for place in (3, 1234):
        found = np.asarray(slopes([jnp.zeros(N).at[place].set(2.0)], start, start))
        assert set(np.unique(np.abs(found))) == {0, 2}


def test_what_is_claimed_of_an_entry_without_a_value_is_part_of_no_sum():
    start = [jnp.ones(N).at[7].set(jnp.nan)]
    assert not np.asarray(slopes([jnp.zeros(N).at[7].set(2.0)], start, start)).any()


def test_what_stays_adds_nothing_however_large_it_is():
    start = jnp.ones(N).at[5].set(1e30).at[6].set(-jnp.inf)
    found = np.asarray(observed([start.at[9].add(0.25)], [start]))
    sums = found[-3 * 256 :]
    assert np.abs(sums[np.nonzero(sums)]).tolist() == [0.25]


def test_the_size_of_a_sum_is_the_norm_of_what_moves():
    start = [jnp.full(N, 3.0)]
    moved = [start[0].at[:8].set(4.0)]
    found = np.asarray(sizes([jnp.zeros(N)], moved, start))[-3 * 256 :]
    assert found.max() == pytest.approx(4 * np.sqrt(8)) and np.count_nonzero(found) == 1
    claimed = np.asarray(sizes([jnp.ones(N)], start, start))[-3 * 256 :]
    assert np.square(claimed).sum() == pytest.approx(9 * N)


def test_entries_of_different_size_are_told_apart():
    (large,), (middle,), (small,) = levels([np.array([1e10, 2e10, 1.0, 0.5, 1e-9, 0.0])])
    assert large.tolist() == [True, True, False, False, False, False]
    assert middle.tolist() == [False, False, True, True, False, False]
    assert small.tolist() == [False, False, False, False, True, True]
    assert levels([np.array([1.0, 0.5]), np.array(0.1)]) == [] and levels([np.zeros(3)]) == []


def test_a_pairing_adds_products_and_their_sizes():
    total, terms = paired([jnp.array([1.0, -2.0]), jnp.array(3.0)], [jnp.array([5.0, 7.0]), jnp.array(-1.0)])
    assert (total, terms) == (5 - 14 - 3, 5 + 14 + 3)
    total, terms = paired([jnp.array(1 + 2j)], [jnp.array(3 + 4j)])
    assert (total, terms) == (3 - 8, 3 + 8)


def test_through_a_pairing_the_change_since_a_start_is_seen_without_what_has_no_value():
    y, start = jnp.array([2.0, jnp.inf, 1e30, 1.0]), jnp.array([1.0, jnp.inf, 1e30, 4.0])
    (w,), total, size = through([jnp.array([3.0, 1.0, 1.0, 1.0])], [y], [start])
    assert w.tolist() == [3, 0, 1, 1] and total.tolist() == [3 - 3]
    assert size == pytest.approx(1e30)


def test_an_entry_without_a_value_at_the_start_hides_no_other():
    _, total, _ = through([jnp.array([3.0, 1.0])], [jnp.array([2.0, 5.0])], [jnp.array([1.0, -jnp.inf])])
    assert total.tolist() == [3.0]


@pytest.mark.parametrize("y, start", [([2.0, jnp.inf], [1.0, 5.0]), ([2.0, 5.0], [jnp.nan, -jnp.inf])])
def test_a_pairing_with_an_entry_that_loses_its_value_and_one_of_no_entries_have_none(y, start):
    _, total, _ = through([jnp.array([3.0, 1.0])], [jnp.array(y)], [jnp.array(start)])
    assert np.isnan(total).all()


def test_values_are_apart_by_a_part_of_the_largest_entry():
    assert apart([jnp.array([1.0, 4.0])], [jnp.array([1.5, 4.0])]) == 0.125
    assert apart([jnp.array([jnp.nan, 4.0])], [jnp.array([1.0, 4.0])]) == 0
    assert apart([jnp.zeros(2)], [jnp.zeros(2)]) == 0
