"""Forward: the tangent functor from diagrams to diagrams.

It sends f : A -> B to the pair (f, D[f]) : A ⊗ A' -> B ⊗ B', value and tangent, as dual numbers do:

    D[f ; g](a, v) = D[g](f a, D[f](a, v))     D[copy] = copy     D[discard] = discard     D[f] is linear in v

(R. Blute, R. Cockett, R. Seely, "Cartesian differential categories", 2009). One pass over the flat graph: every box
is followed by its tangent map, of those tangents that are there; a wire that does not move costs nothing. A box
with a definition goes to a box with a definition.

>>> f = from_jax(lambda x: jnp.sin(x) * x, R(3))
>>> forward(f).dom, forward(f).cod
(R(3) @ R(3), R(3) @ R(3))
"""

from __future__ import annotations

from collections.abc import Sequence

from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.syntax import Diagram
from ...diagrams.traversal import interpret
from ...diagrams.types import Ty
from .optic import Base, Mask, Tangent, chosen, inline

__all__ = ["push"]


def push(graph: Graph, moving: Sequence[bool], base: Base) -> Tangent:
    """Value and tangent A ⊗ A' -> B ⊗ B' of a graph, for the inputs that move."""
    build = Builder(graph.dom @ Ty.of(chosen(graph.dom.inside, moving)))
    n = len(graph.dom)
    fresh = iter(range(n, len(build.dom)))
    known: dict[tuple[int, Mask], Tangent] = {}

    def rule(box: Box, *inputs: Pair) -> list[Pair]:
        xs, dxs = [x for x, _ in inputs], [dx for _, dx in inputs]
        mask = tuple([dx is not None for dx in dxs])
        if not any(mask) or base.locally_constant(box):
            return [(y, None) for y in build.add(box, xs)]
        key = (id(box), mask)
        tangent = known.get(key) or known.setdefault(key, base.tangent(box, mask))
        ys, dys = _through(build, box, tangent, xs, [dx for dx in dxs if dx is not None])
        moved = dict(zip(tangent.gives, dys, strict=True))
        return [(y, moved.get(i)) for i, y in enumerate(ys)]

    outputs = interpret(graph, rule, [(i, next(fresh) if on else None) for i, on in enumerate(moving)])
    gives = tuple(i for i, (_, dy) in enumerate(outputs) if dy is not None)
    wires = [*(y for y, _ in outputs), *(dy for _, dy in outputs if dy is not None)]
    cod = Ty.of((*graph.cod.inside, *(graph.cod.inside[i] for i in gives)))
    return Tangent(Diagram.of_graph(build.finish(wires, cod)), gives, whole=True)


Pair = tuple[int, int | None]  # a wire of values, and one of tangents where there are any


def _through(
    build: Builder, box: Box, tangent: Tangent, inputs: Sequence[int], dxs: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """The values and the tangents that a box gives."""
    if tangent.whole:
        made = inline(build, tangent.push, [*inputs, *dxs])
        return made[: box.n_out], made[box.n_out :]
    ys = build.add(box, inputs)
    return ys, inline(build, tangent.push, [*inputs, *ys, *dxs])
