"""Slopes of values: difference quotients at falling distances, extrapolated to distance zero.

From both sides or from one, with an estimate of the error from the last two rows of the extrapolation (C. Ridders,
"Accurate computation of F'(x) and F'(x) F''(x)", 1982). Where the slopes of both sides agree in directions drawn at
random, the derivative exists at the point, whatever is claimed there and nearby.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .parts import Fixed
from .subjects import Arrays, Subject, repeated

__all__ = ["extrapolated", "sided"]

HALVINGS = 10
REACHES = (1e-1, 1e-2, 1e-3, 1e-5)  # of the scale: the one with the least error is taken


def extrapolated(values: Callable[[np.ndarray], np.ndarray], scale: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The derivative at 0 of a map from times (n,) to values (n, m), and an estimate of its error.

    From both sides (0) or from one (1 or -1), by extrapolation from the least noisy distance.
    """
    best, least = np.zeros(0), np.zeros(0)
    for reach in REACHES:
        steps = reach * scale * 0.5 ** np.arange(HALVINGS)
        times = np.concatenate([steps, -steps]) if not side else np.concatenate([side * steps, 0 * steps])
        with np.errstate(all="ignore"):
            F = values(times)
            slopes = (F[:HALVINGS] - F[HALVINGS:]) / (times[:HALVINGS] - times[HALVINGS:])[:, None]
            # rows that rounding makes equal by chance are not exact
            floor = np.finfo(float).eps * np.abs(F[:HALVINGS]) / np.abs(steps)[:, None]
            found, error = _limit(slopes, 2.0 if side else 4.0, floor)
        if not len(best):
            best, least = found, error
        better = error < least
        best, least = np.where(better, found, best), np.where(better, error, least)
    return best, least


def _limit(slopes: np.ndarray, base: float, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The limit of a sequence whose errors fall by powers of the base, and an estimate of its error.

    `floor` is what rounding does to each of them.
    """
    last = slopes
    best, least = slopes[-1], np.full(slopes.shape[1], np.inf)
    for k in range(1, len(slopes)):
        made = (base**k * last[1:] - last[:-1]) / (base**k - 1)
        error = np.maximum(np.abs(made - last[1:]), np.abs(made - last[:-1]))
        error = np.maximum(error, floor[k:])
        for row, e in zip(made, error, strict=True):
            best, least = np.where(e < least, row, best), np.where(e < least, e, least)
        last = made
    return best, least


def sided(
    subject: Subject, x: Arrays, vs: Arrays, ws: Arrays, fixed: Fixed = None
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Slopes of the observed outputs along vs from the left and from the right, each with its error."""

    def values(times: np.ndarray) -> np.ndarray:
        xs = [a + times.reshape(-1, *[1] * np.ndim(a)) * v for a, v in zip(x, vs, strict=True)]
        return subject.values(xs, repeated(ws, len(times)) if subject.only_reverse else None, fixed)

    return extrapolated(values, 1.0, -1), extrapolated(values, 1.0, 1)
