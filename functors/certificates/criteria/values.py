"""Whether the value that comes with a tangent is the value."""

from __future__ import annotations

import numpy as np

from ..plots.bounds import jittered
from ..plots.parts import Panel
from ..plots.shaking import shaken
from ..plots.subjects import Subject, repeated
from .linearity import Violation

__all__ = ["value_apart"]

TRIALS = 16
PLACES = 4  # of different curves that are looked at
SURE = 20  # times what rounding moves the value


def value_apart(subject: Subject, panels: list[Panel], rng: np.random.Generator) -> Violation | None:
    """Where the value beside a tangent is another, unless rounding moves it as much; None where it is nowhere."""
    if not subject.compare or not panels:
        return None
    seen = [np.where(np.isfinite(p.node.F).all(axis=1), p.node.apart, 0.0) for p in panels]
    worst = sorted(zip(panels, seen, strict=True), key=lambda pair: -float(pair[1].max(initial=0.0)))
    return next((v for panel, apart in worst[:PLACES] if (v := _at(subject, panel, apart, rng)) is not None), None)


def _at(subject: Subject, panel: Panel, apart: np.ndarray, rng: np.random.Generator) -> Violation | None:
    """The same of one panel, at its worst place."""
    j, u = int(apart.argmax()), subject.unit
    if apart[j] <= np.sqrt(u):
        return None
    x, v, w = panel.at(j)
    near = [jittered(a, u, rng, TRIALS) for a in x]
    ws = repeated(w, TRIALS) if subject.only_reverse else None
    plain, other = subject.values(near, ws, panel.fixed), shaken(subject)
    moved = float(np.ptp(plain, axis=0).max(initial=0.0))
    if other is not None:
        moved = max(moved, float(np.abs(other.values(near, ws, panel.fixed) - plain).max(initial=0.0)))
    size = float(panel.node.size[j].max(initial=0.0))
    gap = float(apart[j])
    if gap * size <= SURE * moved + 8 * subject.noise:
        return None
    return Violation("value", "forward", x, v, w, gap, 0.0, gap / u, panel.fixed)
