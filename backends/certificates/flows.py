"""The boxes of a diagram with the values that flow into them: what is checked, and where.

One run through the diagram on given inputs, outside of any compiled program, opens definitions and the bodies of loops
and branches. Equal boxes are one kind, with the paths of all uses and a few of the inputs that they met. The step of a
scan meets its first and its last carry, that of a `while` its first states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...diagrams.box import Box
from ...diagrams.graph import interpret
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import apply_box, evaluate
from ...functors.costs import CALLS

__all__ = ["Flow", "Kind"]

MET = 6  # inputs that are kept of a kind of box

# What is right only together with what stands around it: the factors of a system beside its matrix, triangles that are
# not read, what is held still because it cancels. The smallest definition around them is one box.
TOGETHER = frozenset(
    "stop_gradient custom_linear_solve cholesky eigh lu svd qr geqrf geqp3 householder_product eig schur".split()
)
RULED = ("custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr")


@dataclass(eq=False)
class Kind:
    """A kind of box: the paths of its uses, and inputs that it met. `holds` marks loops and branches."""

    box: Box
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
        self.kinds: dict[bytes, Kind] = {}
        self.bare = False  # whether a box that is right only together with others has no definition around it

    def run(self, d: Diagram, values: Sequence[Any], path: str = "") -> list[Any]:
        """Run through a diagram on values of its inputs."""
        names = iter(d.graph.names())

        def rule(box: Box, *inputs: Any) -> Sequence[Any]:
            return self._box(box, f"{path}/{next(names)}" if path else next(names), inputs)

        return interpret(d.graph, rule, list(values))

    def _box(self, box: Box, path: str, inputs: Sequence[Any]) -> Sequence[Any]:
        if not box.op and box.definition is not None:
            together = any(b.op in TOGETHER for b in box.definition.graph.table)
            if together:
                self._note(box, path, inputs, holds=True)
            bare = self.bare
            made = self.run(box.definition, inputs, path)
            self.bare = bare if together else self.bare
            return made
        if box.op in CALLS:
            label, body = next(iter(box.bodies.items()))
            return self.run(body, inputs, f"{path}/{label}" if label else path)
        made = apply_box(box, *inputs)
        if box.op not in TOGETHER:
            self._note(box, path, inputs, box.op in INSIDE)
        elif any(w.differentiable and w.size for w in box.dom.inside):
            self.bare = True
        if box.op in INSIDE:
            for label, body, given in INSIDE[box.op](box, inputs, made):
                self.run(body, given, f"{path}/{label}" if label else path)
        return made

    def _note(self, box: Box, path: str, inputs: Sequence[Any], holds: bool) -> None:
        if any(w.differentiable and w.size for w in box.dom.inside):
            self.kinds.setdefault(box.content, Kind(box, holds=holds)).meet(path, inputs)


def _scan(box: Box, inputs: Sequence[Any], made: Sequence[Any]) -> Iterator[tuple[str, Diagram, list[Any]]]:
    """The step at the first and at the last carry."""
    body, n_consts, n_carry = box.params["body"].diagram, box.params["num_consts"], box.params["num_carry"]
    length = box.params["length"]
    if not length:
        return
    consts, carry, xs = inputs[:n_consts], inputs[n_consts : n_consts + n_carry], inputs[n_consts + n_carry :]
    order = range(length - 1, -1, -1) if box.params["reverse"] else range(length)
    state = list(carry)
    for k in order[:2]:
        given = [*consts, *state, *(x[k] for x in xs)]
        yield "body", body, given
        state = evaluate(body.graph, given)[:n_carry]
    if length > 2:
        yield "body", body, [*consts, *made[:n_carry], *(x[order[-1]] for x in xs)]


def _cond(box: Box, inputs: Sequence[Any], made: Sequence[Any]) -> Iterator[tuple[str, Diagram, list[Any]]]:
    """The branch that is taken."""
    branches = list(box.bodies.items())
    label, body = branches[int(np.clip(int(inputs[0]), 0, len(branches) - 1))]
    yield label, body, list(inputs[1:])


def _while(box: Box, inputs: Sequence[Any], made: Sequence[Any]) -> Iterator[tuple[str, Diagram, list[Any]]]:
    """The step at the first states."""
    before, body = box.params["cond_nconsts"], box.params["body_jaxpr"].diagram
    tests, consts = inputs[:before], inputs[before : before + box.params["body_nconsts"]]
    state = inputs[before + len(consts) :]
    for _ in range(MET):
        if not evaluate(box.params["cond_jaxpr"].diagram.graph, [*tests, *state])[0]:
            return
        yield "body_jaxpr", body, [*consts, *state]
        state = evaluate(body.graph, [*consts, *state])


INSIDE = {"scan": _scan, "cond": _cond, "while": _while}
