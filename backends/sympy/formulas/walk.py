"""The boxes of a diagram in order, those with a definition opened, each with its path.

Opening is done here and not on the diagram, so that every box keeps the path it has there: `block_1/attention/query`.
Boxes that no result depends on are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ....diagrams.box import Box
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram
from ....diagrams.traversal import Open, interpret
from ..entries.meaning import registered

__all__ = ["Course", "Step", "course", "views"]


@dataclass(frozen=True)
class Step:
    """A box that is not opened: its path, and the wires that it reads and writes."""

    box: Box
    path: str
    reads: tuple[int, ...]
    writes: range


@dataclass(frozen=True)
class Course:
    """The boxes that the results of a diagram depend on, in order.

    `uses` counts how often a wire is read, through boxes that only move entries about too; `names` gives for wires
    that leave an opened box the path of that box.
    """

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    uses: list[int]
    names: dict[int, str]
    closed: frozenset[str]


def course(d: Diagram, close: Collection[str] = (), depth: int | None = None) -> Course:
    """The course of a diagram, with boxes of the names or paths in `close` left closed, and those below a depth."""
    steps: list[Step] = []
    names: dict[int, str] = {}
    closed: set[str] = set()
    fresh = len(d.dom)

    def rule(box: Box, *wires: int, path: str) -> Sequence[int] | Open:
        nonlocal fresh
        stays = {name for name in (box.name, path) if name in close}
        closed.update(stays)
        deep = depth is not None and path.count("/") >= depth
        if not (box.definition is None or stays or deep or registered(box) is not None):
            return Open(box.definition, then=lambda made: left(made, path))
        writes = range(fresh, fresh + box.n_out)
        fresh = writes.stop
        steps.append(Step(box, path, tuple(wires), writes))
        return writes

    def left(made: list[int], path: str) -> list[int]:
        names.update({w: path for w in made[:1] if w >= len(d.dom)})
        return made

    outputs = tuple(interpret(d.graph, rule, range(len(d.dom)), path=""))
    alive, uses = _needed(steps, outputs, fresh)
    return Course(tuple(s for s, on in zip(steps, alive, strict=True) if on), outputs, uses, names, frozenset(closed))


def _needed(steps: list[Step], outputs: tuple[int, ...], n: int) -> tuple[list[bool], list[int]]:
    """Which steps the outputs depend on, and how often each wire is read."""
    uses, alive = [0] * n, [False] * len(steps)
    for w in outputs:
        uses[w] += 1
    for k in range(len(steps) - 1, -1, -1):
        step = steps[k]
        total = sum(uses[w] for w in step.writes)
        if total:
            alive[k] = True
            view = views(step.box)
            for w in step.reads:
                uses[w] += total if view else 1
    return alive, uses


def views(box: Box) -> bool:
    """Whether a box only moves entries about: nothing is worth a name of its own after one of these."""
    known = traits(box.op)
    return (known.moving and box.n_in == 1) or known.converting or box.op == "neg"
