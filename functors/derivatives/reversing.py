"""Reverse: the functor from diagrams to optics, and from there back to diagrams.

It sends f : A -> B to the pair of f and R[f] : A ⊗ B' -> A', a functor from the base category C to
Lens(C), by RD.3 and RD.5 of a reverse derivative category (R. Cockett et al., "Reverse derivative
categories", 2020):

    R[id](a, b) = b      R[f ; g](a, c) = R[f](a, R[g](f a, c))      R[copy] = add      R[discard] = 0

It is one pass over the flat graph forward, which finds what depends on what is wanted, and one backward, in
which every box is replaced by its backward map and a wire that is read n times gets the sum of n cotangents.
Both are linear in the number of boxes. A box with a definition goes to a box with a definition: the picture of
a backward pass is as readable as that of the model. Wires of integers, booleans and keys have no cotangent.

>>> f = from_jax(lambda x: jnp.sin(x) * x, R(3))
>>> reverse(f).dom, reverse(f).cod
(R(3) @ R(3), R(3))
"""

from __future__ import annotations

from collections.abc import Sequence

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.primitives import traits
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.lookup import DEBUG
from ...diagrams.traversal import dependent
from ...diagrams.types import Ty
from .optic import Base, Mask, Optic, chosen, first_places, inline

__all__ = ["Pass", "pull", "reach", "reversed_graph"]


Node = tuple[Box, tuple[int, ...], range]


class Pass:
    """One reverse pass over a graph: the optic of every node through which a cotangent passes."""

    def __init__(self, graph: Graph, wanted: Sequence[bool], present: Sequence[bool], base: Base) -> None:
        self.graph, self.base = graph, base
        self.wires = graph.wires()
        # by hand: residuals and optics are of single nodes, and this is the hottest walk there is
        self.nodes = list(graph.nodes())
        self.active = _active(graph, wanted, base)
        self.optics: list[Optic | None] = [None] * len(self.nodes)
        self.flows = self._flowing(present)

    def _flowing(self, present: Sequence[bool]) -> bytearray:
        """The wires that get a cotangent; the optics are found on the way."""
        active = self.active
        flows = bytearray(len(self.wires))
        for w, on in zip(self.graph.outputs.tolist(), present, strict=True):
            flows[w] |= on and active[w]
        known: dict[tuple[int, Mask, Mask], Optic] = {}
        for k in range(len(self.nodes) - 1, -1, -1):
            box, reads, writes = self.nodes[k]
            if not any(flows[w] for w in writes):
                continue
            present = tuple(bool(flows[w]) for w in writes)
            wants = tuple(bool(active[w]) for w in reads)
            key = (id(box), wants, present)
            if key not in known:
                known[key] = self._optic(k, wants, present)
            optic = self.optics[k] = known[key]
            for j in optic.gives:
                flows[reads[j]] = 1
        return flows

    def _optic(self, k: int, wants: Mask, present: Mask) -> Optic:
        try:
            return self.base.optic(self.nodes[k][0], wants, present)
        except DerivativeError as error:
            raise error.below(self.graph.names()[k]) from None

    def forward(self, build: Builder, alive: Sequence[int] | None = None) -> tuple[list[int], list[list[int]]]:
        """Build the forward pass, of nodes that are alive; gives the wires there, and what each node keeps."""
        new = list(range(len(self.graph.dom)))
        kept: list[list[int]] = []
        for k, ((box, reads, _), optic) in enumerate(zip(self.nodes, self.optics, strict=True)):
            inputs = [new[i] for i in reads]
            if alive is not None and not alive[k]:
                made: Sequence[int] = [-1] * box.n_out
            else:
                made = inline(build, box if optic is None or optic.plain else optic.forward, inputs)
            new.extend(made[: box.n_out])
            if optic is not None:
                around = [*inputs, *made]
                kept.append([around[j] for j in optic.residual])
            else:
                kept.append([])
        return new, kept

    def alive(self, value: bool) -> bytearray:
        """The nodes that the backward pass reads from, those of the result if its `value` is asked for, and prints."""
        node, wire = bytearray(len(self.nodes)), bytearray(len(self.wires))
        if value:
            for w in self.graph.outputs.tolist():
                wire[w] = 1
        for k in range(len(self.nodes) - 1, -1, -1):
            box, reads, writes = self.nodes[k]
            optic = self.optics[k]
            for j in optic.residual if optic is not None else ():
                if j < box.n_in:
                    wire[reads[j]] = 1
                else:
                    node[k] = 1
            if node[k] or box.op in DEBUG or any(wire[w] for w in writes):
                node[k] = 1
                for w in reads:
                    wire[w] = 1
        return node

    def backward(self, build: Builder, given: Sequence[int | None], kept: Sequence[Sequence[int]]) -> list[int | None]:
        """Build the backward pass from the cotangents of the outputs; gives those of the inputs, None for zero.

        `kept` lists for each node the wires, in the graph under construction, of its residual.
        """
        ct: list[int | None] = [None] * len(self.wires)
        for w, c in zip(self.graph.outputs.tolist(), given, strict=True):
            if c is not None and self.flows[w]:
                self._add(build, ct, w, c)
        for k in range(len(self.nodes) - 1, -1, -1):
            optic = self.optics[k]
            if optic is None:
                continue
            _, reads, writes = self.nodes[k]
            dys = [c for w in writes if (c := ct[w]) is not None]
            for j, c in zip(optic.gives, inline(build, optic.backward, [*kept[k], *dys]), strict=True):
                self._add(build, ct, reads[j], c)
        return ct[: len(self.graph.dom)]

    def _add(self, build: Builder, ct: list[int | None], w: int, c: int) -> None:
        old = ct[w]
        ct[w] = c if old is None else build.add(self.base.plus(self.wires[w]), (old, c))[0]


def _active(graph: Graph, wanted: Sequence[bool], base: Base) -> bytearray:
    """The wires that depend on a wanted input through wires that have cotangents."""
    starts = [on and base.moves(w) for w, on in zip(graph.dom.inside, wanted, strict=True)]

    def passes(box: Box) -> list[bool]:
        return [False] * box.n_out if base.locally_constant(box) else [base.moves(w) for w in box.cod.inside]

    return dependent(graph, starts, passes)


def reach(graph: Graph, wanted: Sequence[bool], base: Base) -> list[bool]:
    """Which outputs of a graph depend on the wanted inputs."""
    active = _active(graph, wanted, base)
    return [bool(active[w]) for w in graph.outputs.tolist()]


def pull(graph: Graph, wanted: Sequence[bool], present: Sequence[bool], base: Base) -> Optic:
    """The optic of a graph, for the cotangents `present` of its outputs and the `wanted` ones of its inputs."""
    present = [on and base.moves(w) for on, w in zip(present, graph.cod.inside, strict=True)]
    found = Pass(graph, wanted, present, base)
    build = Builder(graph.dom)
    new, kept = found.forward(build)
    types = build.wires()
    again = _Again(build)
    residual = list(dict.fromkeys(s for ws in kept for w in ws if (s := again.source(w)) is not None))
    outputs = [new[w] for w in graph.outputs.tolist()]
    at_hand = first_places([*range(len(graph.dom)), *outputs])
    extra = [w for w in residual if w not in at_hand]
    at_hand |= {w: len(graph.dom) + len(outputs) + i for i, w in enumerate(extra)}
    forward = build.finish([*outputs, *extra], Ty.of((*graph.cod.inside, *(types[w] for w in extra))))

    held, flowing = Ty.of(types[w] for w in residual), Ty.of(chosen(graph.cod.inside, present))
    back = Builder(held @ flowing)
    place = {w: i for i, w in enumerate(residual)}
    numbers = iter(range(len(held), len(back.dom)))
    given = [next(numbers) if on else None for on in present]
    cts = found.backward(back, given, [[again.build(back, place, w) for w in ws] for ws in kept])
    gives = tuple(i for i, (c, on) in enumerate(zip(cts, wanted, strict=True)) if on and c is not None)
    backward = back.finish([c for i in gives if (c := cts[i]) is not None], Ty.of(graph.dom.inside[i] for i in gives))
    plain = not extra and all(o is None or o.plain for o in found.optics)
    at = tuple(at_hand[w] for w in residual)
    return Optic(Diagram.of_graph(forward), at, Diagram.of_graph(backward), gives, plain)


class _Again:
    """What the backward pass makes again for itself: constants, and entries moved about at no cost.

    A wire that is another one broadcast or reshaped need not be kept where that one is no larger.
    """

    def __init__(self, build: Builder) -> None:
        self.made: dict[int, tuple[Box, int | None]] = {}
        at, read = len(build.dom), 0
        for op in build.ops:
            box = build.table[op]
            if box.op == "constant":
                self.made[at] = (box, None)
            elif moved(box) and box.dom.inside[0].nbytes <= box.cod.inside[0].nbytes:
                self.made[at] = (box, build.inputs[read])
            at, read = at + box.n_out, read + box.n_in

    def source(self, w: int) -> int | None:
        """The wire to keep in order to have `w`; None if there is none to keep."""
        found: int | None = w
        while found is not None and found in self.made:
            found = self.made[found][1]
        return found

    def build(self, back: Builder, place: dict[int, int], w: int) -> int:
        """The wire in the backward pass that is `w`, made again from what is kept."""
        chain = []
        at: int | None = w
        while at is not None and at not in place:
            chain.append(at)
            at = self.made[at][1]
        for step in reversed(chain):
            box, before = self.made[step]
            place[step] = back.add(box, () if before is None else (place[before],))[0]
        return place[w]


def moved(box: Box) -> bool:
    """Whether a box only moves the entries of its one input, or writes them in another format."""
    known = traits(box.op)
    return box.n_in == 1 and (known.moving or known.converting) and not known.marking


def reversed_graph(
    graph: Graph, wanted: Sequence[bool], base: Base, *, value: bool
) -> tuple[Builder, list[int], list[int | None]]:
    """Both passes in one graph under construction over A ⊗ B': its outputs and the cotangents of its inputs.

    Nodes that neither result needs are left out; a cotangent is None where nothing flows.
    """
    present = [base.moves(w) for w in graph.cod.inside]
    found = Pass(graph, wanted, present, base)
    build = Builder(graph.dom @ Ty.of(chosen(graph.cod.inside, present)))
    n = len(graph.dom)
    new, kept = found.forward(build, found.alive(value))
    numbers = iter(range(n, len(build.dom)))
    given = [next(numbers) if on else None for on in present]
    cts = found.backward(build, given, kept)
    return build, [new[w] for w in graph.outputs.tolist()], cts
