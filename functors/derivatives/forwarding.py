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

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty
from .optic import Base, Mask, Tangent, chosen, inline

__all__ = ["push"]


def push(graph: Graph, moving: Sequence[bool], base: Base) -> Tangent:
    """Value and tangent A ⊗ A' -> B ⊗ B' of a graph, for the inputs that move."""
    build = Builder(graph.dom @ Ty.of(chosen(graph.dom.inside, moving)))
    n = len(graph.dom)
    fresh = iter(range(n, len(build.dom)))
    value: list[int] = list(range(n))
    moved: list[int | None] = [next(fresh) if on else None for on in moving]
    known: dict[tuple[int, Mask], Tangent] = {}
    for k, (box, reads, _) in enumerate(graph.nodes()):
        inputs = [value[i] for i in reads]
        dxs = [moved[i] for i in reads]
        mask = tuple(d is not None for d in dxs)
        if not any(mask) or base.silent(box):
            value.extend(build.add(box, inputs))
            moved.extend([None] * box.n_out)
            continue
        key = (id(box), mask)
        if key not in known:
            try:
                known[key] = base.tangent(box, mask)
            except DerivativeError as error:
                raise error.below(graph.names()[k]) from None
        ys, dys = _through(build, box, known[key], inputs, [d for d in dxs if d is not None])
        value.extend(ys)
        there = dict(zip(known[key].gives, dys, strict=True))
        moved.extend(there.get(i) for i in range(box.n_out))
    outputs = graph.outputs.tolist()
    gives = tuple(i for i, w in enumerate(outputs) if moved[w] is not None)
    wires = [*(value[w] for w in outputs), *(d for i in gives if (d := moved[outputs[i]]) is not None)]
    cod = Ty.of((*graph.cod.inside, *(graph.cod.inside[i] for i in gives)))
    return Tangent(Diagram.of_graph(build.finish(wires, cod)), gives, whole=True)


def _through(
    build: Builder, box: Box, tangent: Tangent, inputs: Sequence[int], dxs: Sequence[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """The values and the tangents that a box gives."""
    if tangent.whole:
        made = inline(build, tangent.push, [*inputs, *dxs])
        return made[: box.n_out], made[box.n_out :]
    ys = build.add(box, inputs)
    return ys, inline(build, tangent.push, [*inputs, *ys, *dxs])
