"""The boxes of a diagram with the values that flow into them: what is checked, and where.

One run through the diagram on given inputs, outside of any compiled program, opens definitions and the bodies of loops
and branches. Equal boxes are one kind, with the paths of all uses and a few of the inputs that they met; those of which
other inputs are constants are another. The step of a scan meets its first and its last carry, that of a `while` its
first states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....diagrams.box import Box
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import apply_box, evaluate
from ....diagrams.traversal import interpret
from ..criteria.guards import steps
from .reach import carried, reached

__all__ = ["Flow", "Kind"]

MET = 6  # inputs that are kept of a kind of box

# What is right only together with what stands around it: the factors of a system beside its matrix, triangles that are
# not read, what is held still because it cancels. The smallest definition around them is one box.
TOGETHER = frozenset(
    "stop_gradient custom_linear_solve cholesky eigh lu svd qr geqrf geqp3 householder_product eig schur".split()
)


@dataclass(eq=False)
class Kind:
    """A kind of box: which inputs move, the paths of its uses, and inputs that it met.

    `holds` marks what is examined after what is in it: loops, branches, and definitions around what is right together.
    """

    box: Box
    moves: tuple[bool, ...]
    paths: list[str] = field(default_factory=list)
    met: list[list[Any]] = field(default_factory=list)
    holds: bool = False

    def meet(self, path: str, values: Sequence[Any]) -> None:
        """Note a use."""
        if path not in self._known:
            self._known.add(path)
            self.paths.append(path)
        if len(self.met) < MET:
            # a number that was written in the program has no width of its own
            wires = self.box.dom.inside
            self.met.append(
                [np.asarray(a, w.dtype) if w.kind == "Z" else a for a, w in zip(values, wires, strict=True)]
            )

    _known: set[str] = field(default_factory=set)


class Flow:
    """The kinds of boxes that runs through a diagram met, by content."""

    def __init__(self) -> None:
        self.kinds: dict[tuple[bytes, tuple[bool, ...]], Kind] = {}
        self.bare = False  # whether a box that is right only together with others has no definition around it

    def run(self, d: Diagram, values: Sequence[Any], moves: Sequence[bool], path: str = "") -> list[Any]:
        """Run through a diagram on values of its inputs, some of which move."""

        def rule(box: Box, *inputs: tuple[Any, bool], path: str) -> Sequence[tuple[Any, bool]]:
            values, flags = [a for a, _ in inputs], tuple(m for _, m in inputs)
            return list(zip(self._box(box, path, values, flags), reached(box, flags), strict=True))

        return [a for a, _ in interpret(d.graph, rule, list(zip(values, moves, strict=True)), path=path)]

    def _box(self, box: Box, path: str, inputs: Sequence[Any], moves: tuple[bool, ...]) -> Sequence[Any]:
        if not box.op and box.definition is not None:
            inner = box.definition.graph.table
            together = any(b.op in TOGETHER for b in inner)
            # what a comparison is made into is asked of the smallest definition around it
            if together or any(map(steps, inner)):
                self._note(box, path, inputs, moves, holds=True)
            bare = self.bare
            made = self.run(box.definition, inputs, moves, path)
            self.bare = bare if together else self.bare
            return made
        if traits(box.op).calling:
            label, body = next(iter(box.bodies.items()))
            return self.run(body, inputs, moves, f"{path}/{label}" if label else path)
        made = apply_box(box, *inputs)
        if box.op == "while" and _alike(box, inputs, moves):
            self.bare = True  # apart, they may never meet its end
        elif box.op not in TOGETHER:
            self._note(box, path, inputs, moves, box.op in INSIDE)
        elif _moving(box, moves):
            self.bare = True
        if box.op in INSIDE and any(moves):
            for label, body, given, flags in INSIDE[box.op](box, inputs, made, moves):
                self.run(body, given, flags, f"{path}/{label}" if label else path)
        return made

    def _note(self, box: Box, path: str, inputs: Sequence[Any], moves: tuple[bool, ...], holds: bool) -> None:
        if _moving(box, moves):
            self.kinds.setdefault((box.content, moves), Kind(box, moves, holds=holds)).meet(path, inputs)


def _moving(box: Box, moves: Sequence[bool]) -> bool:
    """Whether an input moves that has tangents."""
    return any(m and w.differentiable and w.size for m, w in zip(moves, box.dom.inside, strict=True))


def _alike(box: Box, inputs: Sequence[Any], moves: Sequence[bool]) -> bool:
    """Whether two inputs that move are one value."""
    wires = box.dom.inside
    moving = [np.asarray(a) for a, w, m in zip(inputs, wires, moves, strict=True) if m and w.differentiable and w.size]
    return len({(str(a.dtype), a.shape, a.tobytes()) for a in moving}) < len(moving)


# What is inside of a box with inputs that it meets: its label, the diagram, the inputs, and which of them move.
Inside = Iterator[tuple[str, Diagram, list[Any], list[bool]]]


def _scan(box: Box, inputs: Sequence[Any], made: Sequence[Any], moves: Sequence[bool]) -> Inside:
    """The step at the first and at the last carry."""
    body, n_consts, n_carry = box.params["body"].diagram, box.params["num_consts"], box.params["num_carry"]
    length = box.params["length"]
    if not length:
        return
    consts, carry, xs = inputs[:n_consts], inputs[n_consts : n_consts + n_carry], inputs[n_consts + n_carry :]
    order = range(length - 1, -1, -1) if box.params["reverse"] else range(length)
    state = list(carry)
    flags = [*moves[:n_consts], *carried(box, moves), *moves[n_consts + n_carry :]]
    for k in order[:2]:
        given = [*consts, *state, *(x[k] for x in xs)]
        yield "body", body, given, flags
        state = evaluate(body.graph, given)[:n_carry]
    if length > 2:
        yield "body", body, [*consts, *made[:n_carry], *(x[order[-1]] for x in xs)], flags


def _cond(box: Box, inputs: Sequence[Any], made: Sequence[Any], moves: Sequence[bool]) -> Inside:
    """The branch that is taken."""
    branches = list(box.bodies.items())
    label, body = branches[int(np.clip(int(inputs[0]), 0, len(branches) - 1))]
    yield label, body, list(inputs[1:]), list(moves[1:])


def _while(box: Box, inputs: Sequence[Any], made: Sequence[Any], moves: Sequence[bool]) -> Inside:
    """The step at the first states."""
    before, body = box.params["cond_nconsts"], box.params["body_jaxpr"].diagram
    tests, consts = inputs[:before], inputs[before : before + box.params["body_nconsts"]]
    state = inputs[before + len(consts) :]
    flags = [*moves[before : before + len(consts)], *carried(box, moves)]
    for _ in range(MET):
        if not evaluate(box.params["cond_jaxpr"].diagram.graph, [*tests, *state])[0]:
            return
        yield "body_jaxpr", body, [*consts, *state], flags
        state = evaluate(body.graph, [*consts, *state])


INSIDE = {"scan": _scan, "cond": _cond, "while": _while}
