"""What rounding alone can do: nodes, quadrature, tails, noise and ulps, against numbers known from analysis."""

import numpy as np
import pytest

from paralens.functors.certificates.plots.bounds import (
    CHEBYSHEV,
    NODES,
    NOISE_POINTS,
    PANEL,
    QUADRATURE,
    jittered,
    noise,
    roundoff,
    tails,
)


def test_the_nodes_are_those_of_chebyshev_from_minus_one_to_one():
    assert len(NODES) == PANEL and (NODES[0], NODES[-1]) == (-1.0, 1.0)
    np.testing.assert_allclose(NODES, -np.cos(np.pi * np.arange(PANEL) / (PANEL - 1)), atol=0)
    assert not NODES.flags.writeable and not QUADRATURE.flags.writeable


def test_the_coefficients_of_a_chebyshev_polynomial_are_a_row_of_the_identity():
    for k in (0, 1, 7, 16):
        np.testing.assert_allclose(CHEBYSHEV @ np.cos(k * np.arccos(NODES)), np.eye(PANEL)[k], atol=1e-14)


@pytest.mark.parametrize("degree", range(0, PANEL, 4))
def test_the_quadrature_is_exact_on_powers_up_to_the_sixteenth(degree):
    exact = (NODES ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1)
    np.testing.assert_allclose(QUADRATURE @ NODES**degree, exact, atol=1e-15)


def test_the_quadrature_is_off_by_what_the_next_power_has_beyond_its_interpolant():
    # T_17 is T_15 at the nodes, whose integral over all of [-1, 1] vanishes as that of every odd function does
    odd = np.cos(17 * np.arccos(NODES))
    assert abs((QUADRATURE @ odd)[-1]) < 1e-14
    # T_32 is 1 at all nodes: its integral is -2 / (32² - 1), and that of what is seen of it is 2
    assert (QUADRATURE @ np.cos(32 * np.arccos(NODES)))[-1] == pytest.approx(2.0)


@pytest.mark.parametrize("dtype, bits", [("float16", 11), ("bfloat16", 8), ("float32", 24), ("float64", 53)])
def test_the_unit_roundoff_is_half_of_the_distance_from_one_to_the_next_number(dtype, bits):
    assert roundoff(dtype) == 2.0**-bits


def test_the_unit_roundoff_of_a_complex_format_is_that_of_its_parts():
    assert (roundoff("complex64"), roundoff("complex128")) == (2.0**-24, 2.0**-53)


def test_a_jittered_array_is_off_by_so_many_ulps_in_both_directions_and_by_fewer_too():
    a, rng = np.array([1.0, -2.0, 0.0]), np.random.default_rng(0)
    moved = jittered(a, 2.0**-53, rng, 100)
    assert moved.shape == (100, 3) and jittered(a, 2.0**-53, rng).shape == (3,)
    assert set(np.unique(moved[:50, 0] - 1)) == {-4 * 2.0**-53, 4 * 2.0**-53}
    assert set(np.unique(moved[:50, 1] + 2)) == {-8 * 2.0**-53, 8 * 2.0**-53}
    later = np.abs(moved[50:, 0] - 1)
    assert later.min() > 0 and later.max() <= 4 * 2.0**-53 and len(np.unique(moved[50:, 0])) > 4
    assert not moved[:, 2].any()


def test_tails_see_the_last_four_coefficients_and_none_before():
    t = [np.cos(k * np.arccos(NODES)) for k in range(PANEL)]
    found = tails(np.stack([5 * t[12], 3 * t[13], 2 * t[16] + t[0], np.exp(NODES)], axis=1))
    np.testing.assert_allclose(found, [0, 3, 2, 0], atol=1e-13)


def test_noise_is_the_standard_deviation_of_what_is_added_to_a_smooth_function():
    rng, x = np.random.default_rng(0), 1e-3 * np.arange(NOISE_POINTS)[:, None]
    found = noise(np.sin(x) + 1e-8 * rng.normal(size=(NOISE_POINTS, 200)))
    assert (found > 0).mean() > 0.8  # the estimates of three orders agree in most trials
    assert np.median(found[found > 0]) == pytest.approx(1e-8, rel=0.3)


def test_what_is_smooth_has_no_noise_but_that_of_rounding():
    x = np.arange(NOISE_POINTS)[:, None]
    assert noise(np.sin(1e-3 * x)).max() < 1e-15
    assert noise(x**3 - 2.0 * x).max() < 1e-16 * 9**3  # fourth differences of a cubic vanish
    assert noise(np.exp(0.5 * x)).max() == 0  # what falls from order to order is none


def test_noise_goes_with_the_size_of_values_and_leaves_the_infinite_alone():
    values = np.random.default_rng(0).normal(size=(NOISE_POINTS, 1))
    assert noise(1e300 * values) == pytest.approx(1e300 * noise(values))
    assert noise(np.zeros((NOISE_POINTS, 1))) == 0
