"""The boxes of a diagram in order, those with a definition opened, each with its path.

Opening is done here and not on the diagram, so that every box keeps the path it has there: `block_1/attention/query`.
Boxes that no result depends on are left out. An explicit stack stands for the nesting of boxes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ....diagrams.box import Box
from ....diagrams.graph import Graph
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram

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
    env = list(range(len(d.dom)))
    fresh = len(env)
    listed: dict[int, list[str]] = {}
    frames: list[tuple[Iterator[Any], list[int], str, Graph]] = [(_nodes(d.graph, listed), env, "", d.graph)]
    while frames:
        nodes, here, prefix, graph = frames[-1]
        node = next(nodes, None)
        if node is None:
            frames.pop()
            if frames:
                made = [here[i] for i in graph.outputs.tolist()]
                names |= {w: prefix[:-1] for w in made[:1] if w >= len(d.dom)}
                frames[-1][1].extend(made)
            continue
        (box, reads, _), name = node
        inputs = [here[i] for i in reads]
        path = prefix + name
        inner = box.definition
        closed |= {name for name in (box.name, path) if name in close}
        if inner is None or box.name in close or path in close or (depth is not None and len(frames) > depth):
            writes = range(fresh, fresh + box.n_out)
            fresh = writes.stop
            steps.append(Step(box, path, tuple(inputs), writes))
            here.extend(writes)
        else:
            frames.append((_nodes(inner.graph, listed), inputs, path + "/", inner.graph))
    outputs = tuple(env[i] for i in d.graph.outputs.tolist())
    alive, uses = _needed(steps, outputs, fresh)
    return Course(tuple(s for s, on in zip(steps, alive, strict=True) if on), outputs, uses, names, frozenset(closed))


def _nodes(graph: Graph, listed: dict[int, list[str]]) -> Iterator[Any]:
    if id(graph) not in listed:
        listed[id(graph)] = graph.names()
    return zip(graph.nodes(), listed[id(graph)], strict=True)


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
