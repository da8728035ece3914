"""Boxes that carry diagrams: what is inside, as often as it runs.

A scan is unrolled; a `while` loop runs as long as its condition is known, and a choice by an index that is not known is
a `Piecewise`. Where one of these cannot be said the box has no formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sympy import Eq, Integer, S

from ....diagrams.box import Box
from ....diagrams.syntax import Diagram
from .elementary import chosen, compared
from .symbols import Entries, filled

__all__ = ["NESTED"]

Run = Callable[[Diagram, Sequence[Any]], list[Entries]]
TRIPS = 10_000  # of a loop whose end is known


def _scan(box: Box, run: Run, *values: Entries) -> list[Entries] | None:
    """One step after the other; what the steps give is stacked."""
    p = box.params
    step, n, length = p["body"].diagram, p["num_consts"], p["length"]
    consts, state, xs = values[:n], list(values[n : n + p["num_carry"]]), values[n + p["num_carry"] :]
    if length > TRIPS:
        return None
    rows: list[Any] = [None] * length
    for i in reversed(range(length)) if p["reverse"] else range(length):
        made = run(step, [*consts, *state, *(x[i] for x in xs)])
        state, rows[i] = made[: p["num_carry"]], made[p["num_carry"] :]
    ys = [
        filled((length, *w.shape[1:]), [v for row in rows for v in row[k].flat])
        for k, w in enumerate(box.cod.inside[p["num_carry"] :])
    ]
    return [*state, *ys]


def _while(box: Box, run: Run, *values: Entries) -> list[Entries] | None:
    """As many trips as the condition is known to hold."""
    p = box.params
    nc, nb = p["cond_nconsts"], p["body_nconsts"]
    tests, consts, state = values[:nc], values[nc : nc + nb], list(values[nc + nb :])
    for _ in range(TRIPS):
        (answer,) = run(p["cond_jaxpr"].diagram, [*tests, *state])
        if answer[()] is S.false:
            return state
        if answer[()] is not S.true:
            return None
        state = run(p["body_jaxpr"].diagram, [*consts, *state])
    return None


def _cond(box: Box, run: Run, index: Entries, *values: Entries) -> list[Entries]:
    """The branch of a number that is known, and else the choice among all branches; numbers are clamped."""
    branches = [b.diagram for b in box.params["branches"]]
    which, last = index.item(), len(branches) - 1
    if which.is_Integer:
        return run(branches[min(max(int(which), 0), last)], values)
    every = [run(b, values) for b in branches]
    conditions = [which <= 0, *(compared(Eq, which, Integer(k)) for k in range(1, last))][:last]
    made = every[last]
    for condition, branch in zip(reversed(conditions), reversed(every[:-1]), strict=True):
        made = [_choice(condition, yes, no) for yes, no in zip(branch, made, strict=True)]
    return made


def _choice(condition: Any, yes: Entries, no: Entries) -> Entries:
    return filled(yes.shape, [chosen(condition, a, b) for a, b in zip(yes.flat, no.flat, strict=True)])


def _definition(box: Box, run: Run, *values: Entries) -> list[Entries] | None:
    return None if box.definition is None else run(box.definition, values)


def _checkpoint(box: Box, run: Run, *values: Entries) -> list[Entries]:
    return run(box.params["jaxpr"].diagram, values)


def _solve(box: Box, run: Run, *values: Entries) -> list[Entries]:
    """A linear solve by the user's own function, which comes with its constants third of four."""
    sizes = box.params["const_lengths"]
    start = sizes.matvec + sizes.vecmat
    consts, rest = values[start : start + sizes.solve], values[start + sizes.solve + sizes.transpose_solve :]
    return run(box.params["jaxprs"].solve.diagram, [*consts, *rest])


def _reduce(box: Box, run: Run, *values: Entries) -> list[Entries]:
    """A fold of entries with any operation; the first half of the inputs are arrays, the others where it starts."""
    n, axes = len(values) // 2, box.params["dimensions"]
    arrays, starts = values[:n], values[n:]
    kept = [i for i in range(arrays[0].ndim) if i not in axes]
    moved = [a.transpose([*kept, *axes]) for a in arrays]
    shape = moved[0].shape[: len(kept)]
    made = [np.empty(shape, dtype=object) for _ in arrays]
    for place in np.ndindex(shape):
        state = list(starts)
        rows = [[m[place]] if m.ndim == len(kept) else list(m[place].flat) for m in moved]
        for items in zip(*rows, strict=True):
            state = run(box.params["body"].diagram, [*state, *(filled((), [v]) for v in items)])
        for out, v in zip(made, state, strict=True):
            out[place] = v[()]
    return made


NESTED: dict[str, Callable[..., list[Entries] | None]] = {
    "": _definition,
    "custom_jvp_call": _definition,
    "custom_vjp_call": _definition,
    "custom_vjp_call_jaxpr": _definition,
    "remat2": _checkpoint,
    "checkpoint": _checkpoint,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "reduce": _reduce,
    "custom_linear_solve": _solve,
}
