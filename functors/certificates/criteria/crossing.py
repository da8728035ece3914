"""At a place where a curve crosses a guard: whether values jump there, or slopes do.

jump    values on the two sides stay apart by the same as the distance falls; no derivative, and no slope to claim
kink    values meet, and their slopes on the two sides do not
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from ....diagrams.syntax import Diagram
from ...costs import cost
from ..plots.curves import Region
from ..plots.parts import Stretch
from ..plots.slopes import sided
from ..plots.subjects import Arrays, Subject, repeated
from .guards import Crossing
from .points import Finding

__all__ = ["GUARDS", "further", "jump_at", "kink_at", "looks"]

DISTANCES = (1e-6, 1e-8, 1e-10)  # in parts of the curve; what is steep but continuous falls from one to the next
SAME = 0.1  # a jump is the same at all distances, up to this part
ROUNDED = 64.0  # times the rounding of the map in its own format: pieces that are rounded otherwise do not meet exactly
SHARP = 1e-3  # of the larger slope: what one-sided slopes differ by, to be a kink
GUARDS = 8  # times as many crossings are looked at by their values alone
OPERATIONS = 500_000_000  # of a map, over which no more of them are: each look runs it some four hundred times


def looks(d: Diagram) -> int:
    """How many times as many crossings are looked at by values: fewer of what takes long to run."""
    each = cost(d)
    most = OPERATIONS // max(each.flops + each.transcendentals + each.bytes, 1)
    return min(max(most, 1), GUARDS)


def further(region: Region, rng: np.random.Generator) -> list[Stretch]:
    """Further curves, along which signals are looked at alone."""
    return [Stretch(curve, 0.0, 1.0, None) for curve in islice(region.curves(rng), GUARDS)]


@np.errstate(all="ignore")
def jump_at(subject: Subject, c: Crossing, unit: float, slack: float, rng: np.random.Generator) -> Finding | None:
    """The jump of the values across a guard, of a map whose own format rounds by `unit`; None where they meet."""
    middle = (c.low + c.high) / 2
    times = np.array([middle + s * h for h in DISTANCES for s in (-1, 1)])
    xs, vs = c.curve.at(times)
    ws = [rng.normal(size=w.shape) for w in subject.outputs]
    F = subject.values(xs, repeated(ws, len(times)) if subject.only_reverse else None, c.fixed)
    if not np.isfinite(F).any(axis=1).all():
        return None
    gaps = np.stack([F[2 * k + 1] - F[2 * k] for k in range(len(DISTANCES))])
    last = gaps[-1]
    size = np.abs(F).max(axis=0)
    jumps = np.abs(gaps - last).max(axis=0) <= SAME * np.abs(last)
    jumps &= np.abs(last) > ROUNDED * unit * np.maximum(size, np.nanmax(size) * 1e-3) + 8 * slack
    if not jumps.any():
        return None
    e = int(np.where(jumps, np.abs(last), 0.0).argmax())
    v = _unit([a[-1] for a in vs])
    claimed = subject.run([a[None] for a in c.point], [a[None] for a in v], [w[None] for w in ws], c.fixed).d[0, e]
    low, high = float(F[-2, e]), float(F[-1, e])
    return Finding(c.point, "jump", False, float(claimed), low, high, v, ws, c.fixed)


@np.errstate(all="ignore")
def kink_at(subject: Subject, c: Crossing, rng: np.random.Generator) -> Finding | None:
    """The kink of the values across a guard, seen along the curve; None where none is seen."""
    v = _unit([a[0] for a in c.curve.at(np.array([(c.low + c.high) / 2]))[1]])
    ws = [rng.normal(size=w.shape) for w in subject.outputs]
    (left, a), (right, b) = sided(subject, c.point, v, ws, c.fixed)
    error = np.maximum(a, b)
    size = np.maximum(np.abs(left), np.abs(right))
    kinks = np.isfinite(left + right) & (np.abs(right - left) > SHARP * size + 8 * error)
    if not kinks.any():
        return None
    e = int(np.where(kinks, np.abs(right - left), 0.0).argmax())
    claimed: Any = subject.run([a[None] for a in c.point], [a[None] for a in v], [w[None] for w in ws], c.fixed).d[0, e]
    low, high = sorted((float(left[e]), float(right[e])))
    between = low - SHARP * size[e] <= claimed <= high + SHARP * size[e]
    return Finding(c.point, "kink" if between else "kink outside", False, float(claimed), low, high, v, ws, c.fixed)


def _unit(v: Arrays) -> Arrays:
    """The direction with its largest entry 1."""
    speed = max((float(np.abs(a).max(initial=0.0)) for a in v), default=0.0)
    return [a / speed for a in v] if speed else v
