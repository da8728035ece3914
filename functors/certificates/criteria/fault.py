"""Whose fault it is where a diagram and JAX derive different numbers of one function: the values say.

The slope of values is extrapolated at the point where the two differ, in double precision if the function runs there:
of one entry of the result along the direction of a tangent, or of the pairing with a cotangent along one entry of an
input. The one of the two numbers that is near to it is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ....diagrams.types import Wire
from ..plots.slopes import extrapolated
from ..plots.subjects import Map

__all__ = ["DIAGRAM", "JAX", "NEITHER", "right_of"]

JAX = "the values confirm what JAX derives of the function, and not its diagram"
DIAGRAM = "the values confirm the diagram, and not what JAX derives of the function"
NEITHER = "the values confirm neither the diagram nor JAX"

NEAR = 0.1  # of the gap between the two, by which the slope of values may be off from one of them


def right_of(
    g: Map,
    dom: Sequence[Wire],
    point: Sequence[Any],
    vs: Sequence[Any],
    ws: Sequence[Any],
    place: tuple[str, int, int],
    theirs: float,
    ours: float,
) -> str:
    """Which of JAX's number and the diagram's the values confirm; empty where they decide nothing.

    `place` is the mode, the number of the output that flows or of the input that moves, and the entry of it.
    """
    moves = [i for i, w in enumerate(dom) if w.differentiable]
    mode, which, entry = place
    if mode == "value" or any(w.kind == "C" for w in dom) or any(map(np.iscomplexobj, ws)):
        return ""
    if mode == "reverse":
        vs = [np.zeros(np.shape(point[i])) for i in moves]
        vs[which].flat[entry] = 1.0
    xs = [np.asarray(point[i]).astype(float) for i in moves]
    size = max([float(np.abs(x).max(initial=0.0)) for x in xs], default=1.0) or 1.0
    speed = max([float(np.abs(np.asarray(v, float)).max(initial=0.0)) for v in vs], default=1.0) or 1.0

    def observed(ys: Sequence[Any]) -> float:
        flows = [np.asarray(y).astype(float) for y in ys if jnp.issubdtype(jnp.asarray(y).dtype, jnp.inexact)]
        if mode == "forward":
            return float(flows[which].flat[entry])
        return float(sum((np.asarray(w, float) * y).sum() for w, y in zip(ws, flows, strict=True)))

    for wide in (True, False):
        try:
            slope, error = _slope(g, dom, point, moves, xs, vs, observed, size / speed, wide)
        except Exception:  # a function may insist on its own format
            continue
        gap = abs(theirs - ours)
        if not np.isfinite(slope) or not error <= NEAR * gap:
            continue
        near = abs(slope - theirs) <= NEAR * gap, abs(slope - ours) <= NEAR * gap
        return JAX if near[0] else DIAGRAM if near[1] else NEITHER
    return ""


def _slope(
    g: Map,
    dom: Sequence[Wire],
    point: Sequence[Any],
    moves: Sequence[int],
    xs: Sequence[np.ndarray],
    vs: Sequence[Any],
    observed: Callable[[Sequence[Any]], float],
    scale: float,
    wide: bool,
) -> tuple[float, float]:
    """The slope of what is observed, and an estimate of its error."""
    run = jax.jit(lambda *x: g(*x))

    def values(times: np.ndarray) -> np.ndarray:
        rows = []
        for t in times:
            given = list(point)
            for i, x, v in zip(moves, xs, vs, strict=True):
                given[i] = jnp.asarray(x + t * np.asarray(v, float), "float64" if wide else dom[i].dtype)
            rows.append([observed(run(*given))])
        return np.asarray(rows)

    with jax.enable_x64(wide):
        slope, error = extrapolated(values, scale, 0)
    return float(slope[0]), float(error[0])
