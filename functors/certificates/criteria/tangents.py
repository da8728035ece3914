"""The relation at a point, for domains that are manifolds: tangents are given, and no line stays within.

A map on a manifold is known along admissible tangents only, at its points only. There the slope is found from values at
x ± h v for a falling sequence of h by Richardson's extrapolation, and the error of that from its last two rows (C.
Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", 1982).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..plots.bounds import jittered
from ..plots.curves import Region
from ..plots.subjects import Arrays, Subject, repeated
from .linearity import Violation

__all__ = ["along_tangents", "ridders"]

STEPS = 8  # halvings of the step, from one where curvature rules to one where rounding does
TRIALS = 7  # of points an ulp beside
STABLE = 20.0  # times the scatter of these, a gap is none of rounding
MARGIN = 16.0  # times the error that extrapolation reports


def along_tangents(
    subject: Subject, target: Any, facts: Any, rng: np.random.Generator, budget: int
) -> tuple[Violation | None, float, int]:
    """Compare claimed slopes with extrapolated ones, at points of the domain along admissible tangents."""
    worst, tried = 0.0, 0
    region: Region = target.region
    while tried < 4 or (budget > 3 * tried * subject.per_node and tried < 60):
        x = region.met[tried] if tried < len(region.met) else region.sample(rng)
        given = list(target.met[0])
        for i, a in zip(subject.moves, x, strict=True):
            given[i] = a
        vs = admissible(subject, facts, tuple(given), rng)
        ws = [rng.normal(size=w.shape) for w in subject.outputs]
        node = subject.run([a[None] for a in x], [v[None] for v in vs], [w[None] for w in ws])
        tried += 1
        if not (np.isfinite(node.F).all() and np.isfinite(node.d).all()):
            continue
        slope, error = ridders(subject, x, vs, ws)
        gap = np.abs(node.d[0] - slope)
        bound = MARGIN * error + np.sqrt(subject.unit) * np.abs(slope).max(initial=0.0) * 10 + facts.noise / 1e-4
        # what is zero is so but for rounding
        bound = bound + MARGIN * subject.unit * node.size[0] + np.finfo(float).tiny
        ratio = np.nan_to_num(gap / bound)
        worst = max(worst, float(ratio[ratio <= 1].max(initial=0.0)))
        if (ratio > 1).any() and _stays(subject, target.unit, x, vs, ws, bound, rng):
            e = int(ratio.argmax())
            return (
                Violation("slope", "forward", x, vs, ws, float(node.d[0, e]), float(slope[e]), float(ratio[e])),
                worst,
                tried,
            )
        right, left = float(node.right.sum()), float(node.left[0])
        terms = float(node.left_terms[0] + node.right_terms.sum())
        if subject.per_node == 2 and abs(right - left) > 1e4 * subject.unit * terms:
            return (
                Violation("transpose", "reverse", x, vs, ws, right, left, abs(right - left) / (subject.unit * terms)),
                worst,
                tried,
            )
    return None, worst, tried


def _stays(
    subject: Subject, unit: float, x: Arrays, vs: Arrays, ws: Arrays, bound: np.ndarray, rng: np.random.Generator
) -> bool:
    """Whether a gap between claim and slope is no matter of how far rounding puts a point beside the domain."""
    gaps = []
    for _ in range(TRIALS):
        near = [jittered(a, unit, rng) for a in x]
        node = subject.run([a[None] for a in near], [v[None] for v in vs], [w[None] for w in ws])
        gaps.append(node.d[0] - ridders(subject, near, vs, ws)[0])
    with np.errstate(invalid="ignore"):
        return bool((np.abs(np.median(gaps, axis=0)) > STABLE * np.std(gaps, axis=0) + bound).any())


def admissible(subject: Subject, facts: Any, inputs: tuple[Any, ...], rng: np.random.Generator) -> Arrays:
    """A tangent that the author's function gives at some inputs, for the wires that move."""
    made = facts.tangent(rng, inputs)
    made = made if isinstance(made, (tuple, list)) else (made,)
    if len(made) != len(subject.moves):
        made = [made[i] for i in subject.moves]
    return [np.asarray(v, complex if np.iscomplexobj(v) else float) for v in made]


@np.errstate(all="ignore")
def ridders(subject: Subject, x: Arrays, vs: Arrays, ws: Arrays, fixed: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """The slope of every observed output along vs, and an estimate of its error."""
    size = max([float(np.abs(a).max(initial=0.0)) for a in x], default=1.0) or 1.0
    speed = max([float(np.abs(v).max(initial=0.0)) for v in vs], default=1.0) or 1.0
    steps = 1e-2 * size / speed * 0.5 ** np.arange(STEPS)
    times = np.concatenate([steps, -steps])
    xs = [a + times.reshape(-1, *[1] * a.ndim) * v for a, v in zip(x, vs, strict=True)]
    F = subject.values(xs, repeated(ws, 2 * STEPS) if subject.only_reverse else None, fixed)
    table = [(F[:STEPS] - F[STEPS:]) / (2 * steps[:, None])]
    best, error = table[0][-1], np.full(F.shape[1], np.inf)
    for k in range(1, STEPS):
        last = table[-1]
        table.append((4.0**k * last[1:] - last[:-1]) / (4.0**k - 1))
        for i in range(len(table[k])):
            made = np.maximum(np.abs(table[k][i] - last[i + 1]), np.abs(table[k][i] - last[i]))
            better = made < error
            error, best = np.where(better, made, error), np.where(better, table[k][i], best)
    return best, error
