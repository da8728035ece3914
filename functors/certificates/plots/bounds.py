"""Bounds: what rounding alone can do to the relation F(t) - F(s) = ∫ d, computed and not chosen.

A panel is an interval of a curve with 17 Chebyshev points. With Q the matrix that integrates their interpolant exactly,

    defect_j = |F_j - F_0 - h (Q d)_j|
    bound_j  = C [u (f_j + f_0) + u h (|Q| |d|)_j + u |J| |x| + s_F + h s_d] + tails

where u is the unit roundoff, f the size of what was rounded (|F|, or where F is a sum of many entries the norm of those
that have changed), |J| |x| what an ulp of the input does, s the noise of values and slopes, from difference tables of
nearby values (R. Hamming, "Introduction to Applied Numerical Analysis", 1971; J. Moré and S. Wild, "Estimating
computational noise", 2011), and the tails are the last Chebyshev coefficients of d and F, which bound what the
interpolant misses (L. N. Trefethen, "Approximation Theory and Approximation Practice", 2013).

>>> t = NODES                                     # on [-1, 1]: the integral of cos is sin, to rounding
>>> bool(np.abs(QUADRATURE @ np.cos(t) - (np.sin(t) - np.sin(t[0]))).max() < 1e-14)
True
"""

from __future__ import annotations

from math import factorial

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHEBYSHEV",
    "MARGIN",
    "NODES",
    "NOISE_POINTS",
    "PANEL",
    "QUADRATURE",
    "jittered",
    "noise",
    "roundoff",
    "tails",
]

Array = NDArray[np.float64]

PANEL = 17  # enough for double precision on a panel over which a function turns a few times; halving does the rest

# The largest defect of a right rule over hundreds of ill-conditioned functions was 0.8 times the bound at this margin,
# and the smallest of a wrong one 149 times; at 48 right rules of condition 1e9 were above it.
MARGIN = 160.0

AGREE = 8.0  # estimates of one noise scatter by 3, and those of a smooth function fall by the square of the distance

NOISE_POINTS = 9  # differences up to order 8, of which orders 4 to 6 are read


def _chebyshev() -> tuple[Array, Array, Array]:
    """The points cos(π j / 16) from -1 to 1, the matrix to coefficients, and the integration from the first point."""
    n = PANEL - 1
    nodes = -np.cos(np.pi * np.arange(PANEL) / n)
    basis = np.polynomial.chebyshev.chebvander(nodes, n)
    coefficients = np.linalg.inv(basis)
    integrals = np.stack(
        [
            np.polynomial.chebyshev.chebval(nodes, np.polynomial.chebyshev.chebint(row, lbnd=-1))
            for row in np.eye(PANEL)
        ],
        axis=1,
    )
    return np.asarray(nodes), np.asarray(coefficients, np.float64), integrals @ coefficients


NODES, CHEBYSHEV, QUADRATURE = _chebyshev()
NODES.flags.writeable = CHEBYSHEV.flags.writeable = QUADRATURE.flags.writeable = False


def roundoff(dtype: str) -> float:
    """The unit roundoff of a float or complex dtype: half the distance from 1 to the next number."""
    return float(jnp.finfo(dtype).eps) / 2


def jittered(a: Array, unit: float, rng: np.random.Generator, n: int | None = None, ulps: float = 4.0) -> Array:
    """The array with every entry moved by some ulps, up or down; n such arrays along a first axis if asked for.

    Of these the first half are moved as far as may be, and the others by less: a number has two neighbors of so many
    ulps, and what rounding does there may be the same.
    """
    shape = np.shape(a) if n is None else (n, *np.shape(a))
    moves = rng.choice([-1.0, 1.0], shape)
    if n is not None:
        moves[(n + 1) // 2 :] *= rng.uniform(0.25, 1.0, moves[(n + 1) // 2 :].shape)
    return a * (1 + ulps * unit * moves)


def tails(values: Array) -> Array:
    """The size of the last four Chebyshev coefficients of values at the nodes (first axis), for each entry.

    Coefficients of a resolved function fall geometrically, so that the last of them bound the rest of the series.
    """
    return np.abs(CHEBYSHEV[-4:] @ values).max(axis=0)


def noise(values: Array) -> Array:
    """The standard deviation of the noise in nine values at equal, close distances (first axis), for each entry.

    Differences of order k annihilate the smooth part and multiply the variance of independent noise by (2k)!/(k!)².
    The middle one of the estimates of orders 4 to 6 is taken, where they agree: what is smooth falls from order to
    order.
    """
    found = []
    size = np.abs(values).max(axis=0)
    size = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    table = np.diff(values / size, n=3, axis=0)
    for k in (4, 5, 6):
        table = np.diff(table, axis=0)
        gain = factorial(2 * k) / factorial(k) ** 2
        found.append(np.sqrt((table**2).mean(axis=0) / gain))
    middle = np.median(found, axis=0)
    return np.where(np.max(found, axis=0) <= AGREE * np.min(found, axis=0), size * middle, 0.0)
