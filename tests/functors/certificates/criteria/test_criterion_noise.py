"""Claims that are pieces which meet at a point, and claims that are nothing but rounding."""

import numpy as np
import pytest

from paralens.functors.certificates.criteria.noise import OPEN, noisy

PIECES = {
    "a step": (lambda t: np.where(t > 0, 1.0, -1.0), 2.0),
    "a smooth piece on each side": (lambda t: np.where(t > 0, np.exp(t), np.cos(t) - 3), 3.0),
    "one more piece that ends nearby": (lambda t: np.where(t > 1.3e-4, 1.0, np.where(t > 0, 0.5, 0.0)), 1.0),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_that_meet_are_no_noise(name):
    claims, spread = PIECES[name]
    assert not noisy(claims, spread)


def test_a_sawtooth_of_rounding_is_noise():
    assert noisy(lambda t: np.sin(1e9 * t), 2.0)


def test_noise_on_one_side_alone_is_none():
    assert not noisy(lambda t: np.where(t > 0, np.sin(1e9 * t), 0.0), 1.0)


def test_noise_that_is_small_against_the_spread_is_none():
    assert not noisy(lambda t: np.sign(t) + 1e-3 * np.sin(1e9 * t), 2.0)


def test_claims_that_are_not_finite_are_no_noise():
    assert not noisy(lambda t: np.full(t.shape, np.nan), 1.0)


def test_every_open_finding_says_why():
    assert set(OPEN) == {"undecided", "noise", "no value"} and all(OPEN.values())
