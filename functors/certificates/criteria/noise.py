"""Whether claims that differ from place to place are pieces that meet at a point, or nothing but rounding.

Pieces are smooth on each side of the point. What cancels is a sawtooth on both, at one distance or another: the nearer,
the fewer teeth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["OPEN", "noisy"]

OPEN = {  # findings at points that leave open what is right, and why
    "undecided": "at a point with ever new branches nearby the claim lies outside of those seen",
    "noise": "at an example what is claimed is lost in rounding",
    "no value": "at the example the value is no number",
}
DISTANCES = (1e-5, 1e-4, 1e-3)  # of the scale
LOOKS = 16  # along a line
NOISY = 0.1  # of what claims do nearby


def noisy(claims: Callable[[np.ndarray], np.ndarray], spread: float) -> bool:
    """Whether claims along a line through a point, at these times, are rough on both sides, against their spread."""
    for distance in DISTANCES:
        steps = np.linspace(distance, 2 * distance, LOOKS)
        sides = [claims(steps), claims(-steps)]
        if all(np.isfinite(side).all() for side in sides) and min(_rough(steps, s) for s in sides) > NOISY * spread:
            return True
    return False


def _rough(steps: np.ndarray, values: np.ndarray) -> float:
    """How far values are from a line; one piece that ends among them leaves most of them near to it."""
    line = np.polyval(np.polyfit(steps / steps[0], values, 1), steps / steps[0])
    return float(np.median(np.abs(values - line)))
