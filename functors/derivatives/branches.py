"""Choices: the derivative of `cond` is a `cond` among the derivatives of its branches.

The index has no tangent. What the branches keep shares the same wires where the types agree, since only one of them
runs; a branch that keeps less fills up with zeros, which nobody reads.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...diagrams.box import Box
from ...diagrams.graph import Builder
from ...diagrams.params import Body
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, Wire
from .forwarding import push
from .optic import Base, Mask, Optic, Tangent, chosen, inline
from .reversing import pull

__all__ = ["cond_optic", "cond_tangent"]


def _cond(name: str, branches: Sequence[Diagram], like: Box) -> Box:
    """A choice among these branches."""
    bodies = tuple(Body(d, b.closed) for d, b in zip(branches, like.params["branches"], strict=True))
    dom = like.dom[:1] @ branches[0].dom
    return Box(name, dom, branches[0].cod, op=like.op, params={**like.params, "branches": bodies})


def cond_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A choice among the branches with their tangents."""
    branches = [b.diagram for b in box.params["branches"]]
    found = [push(d.graph, moving[1:], base) for d in branches]
    gives = sorted({i for t in found for i in t.gives})
    made = [_completed(t, box, gives, base) for t in found]
    return Tangent(_cond(f"D[{box.name}]", made, box), tuple(gives), whole=True)


def _completed(tangent: Tangent, box: Box, gives: Sequence[int], base: Base) -> Diagram:
    build = Builder(tangent.push.dom)
    made = inline(build, tangent.push, range(len(build.dom)))
    there = dict(zip(tangent.gives, made[box.n_out :], strict=True))
    dys = base.filled(build, there, gives, box.cod.inside)
    cod = Ty.of((*box.cod.inside, *(box.cod.inside[i] for i in gives)))
    return Diagram.of_graph(build.finish([*made[: box.n_out], *dys], cod))


def cond_optic(box: Box, wants: Mask, asked: Mask, base: Base) -> Optic:
    """A choice among the forward maps, and one among the backward maps."""
    branches = [b.diagram for b in box.params["branches"]]
    found = [pull(d.graph, wants[1:], asked, base) for d in branches]
    gives = sorted({i for o in found for i in o.gives})
    around = box.n_in - 1 + box.n_out
    slots, place = _slots(found, around)
    plain = not slots and all(o.plain for o in found)
    forward = (
        box
        if plain
        else _cond(box.name, [_ahead(o, box, slots, p, base) for o, p in zip(found, place, strict=True)], box)
    )
    shared = sorted({j for o in found for j in o.keeps if j < around})
    flowing = Ty.of(chosen(box.cod.inside, asked))
    types = [*box.dom.inside[1:], *box.cod.inside]
    held = Ty.of((*(types[j] for j in shared), *slots))
    number = {j: k for k, j in enumerate(shared)} | {around + s: len(shared) + s for s in range(len(slots))}
    back = [
        _behind(o, held @ flowing, [number[p.get(j, j)] for j in o.keeps], len(held), box, gives, base)
        for o, p in zip(found, place, strict=True)
    ]
    keeps = (0, *(1 + j for j in shared), *(1 + around + s for s in range(len(slots))))
    return Optic(forward, keeps, _cond(f"R[{box.name}]", back, box), tuple(1 + i for i in gives), plain)


def _slots(found: Sequence[Optic], around: int) -> tuple[list[Wire], list[dict[int, int]]]:
    """Wires for what the branches keep in addition, and for each branch where it puts it."""
    slots: list[Wire] = []
    place: list[dict[int, int]] = []
    for optic in found:
        free = list(range(len(slots)))
        mine: dict[int, int] = {}
        for j, w in enumerate(optic.forward.cod.inside[around - (len(optic.forward.dom)) :], around):
            spot = next((s for s in free if slots[s] == w), None)
            if spot is None:
                spot = len(slots)
                slots.append(w)
            else:
                free.remove(spot)
            mine[j] = around + spot
        place.append(mine)
    return slots, place


def _ahead(optic: Optic, box: Box, slots: Sequence[Wire], place: dict[int, int], base: Base) -> Diagram:
    build = Builder(optic.forward.dom)
    made = inline(build, optic.forward, range(len(build.dom)))
    around = box.n_in - 1 + box.n_out
    there = {s - around: made[box.n_out + j - around] for j, s in place.items()}
    extra = base.filled(build, there, range(len(slots)), slots)
    return Diagram.of_graph(build.finish([*made[: box.n_out], *extra], box.cod @ Ty.of(slots)))


def _behind(
    optic: Optic, dom: Ty, residual: Sequence[int], n_held: int, box: Box, gives: Sequence[int], base: Base
) -> Diagram:
    build = Builder(dom)
    made = inline(build, optic.backward, [*residual, *range(n_held, len(dom))])
    there = dict(zip(optic.gives, made, strict=True))
    types = box.dom.inside[1:]
    wires = base.filled(build, there, gives, types)
    return Diagram.of_graph(build.finish(wires, Ty.of(types[i] for i in gives)))
