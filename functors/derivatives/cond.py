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
from .generators import zero
from .optic import Base, Halve, Halves, Mask, Optic, Tangent, chosen, inline
from .reversing import pull

__all__ = ["cond_halves", "cond_optic", "cond_tangent"]


def _cond(name: str, branches: Sequence[Diagram], like: Box) -> Box:
    """A choice among these branches."""
    bodies = tuple(Body.passing(d, b.closed) for d, b in zip(branches, like.params["branches"], strict=True))
    dom = like.dom[:1] @ branches[0].dom
    return Box(name, dom, branches[0].cod, op=like.op, params={**like.params, "branches": bodies})


def cond_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A choice among the branches with their tangents."""
    branches = [b.diagram for b in box.params["branches"]]
    found = [push(d.graph, moving[1:], base) for d in branches]
    gives = sorted({i for t in found for i in t.gives})
    made = [_completed(t, box, gives, base) for t in found]
    return Tangent(_cond(box.name, made, box).playing("forward", box), tuple(gives), whole=True)


def _completed(tangent: Tangent, box: Box, gives: Sequence[int], base: Base) -> Diagram:
    build = Builder(tangent.push.dom)
    made = inline(build, tangent.push, range(len(build.dom)))
    present_at = dict(zip(tangent.gives, made[box.n_out :], strict=True))
    dys = base.filled(build, present_at, gives, box.cod.inside)
    cod = Ty.of((*box.cod.inside, *(box.cod.inside[i] for i in gives)))
    return Diagram.of_graph(build.finish([*made[: box.n_out], *dys], cod))


def cond_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """A choice among the forward maps, and one among the backward maps."""
    branches = [b.diagram for b in box.params["branches"]]
    found = [pull(d.graph, wants[1:], present, base) for d in branches]
    gives = sorted({i for o in found for i in o.gives})
    around = box.n_in - 1 + box.n_out
    slots, place = _slots(found, around)
    plain = not slots and all(o.plain for o in found)
    forward = (
        box
        if plain
        else _cond(box.name, [_forward_branch(o, box, slots, p, base) for o, p in zip(found, place, strict=True)], box)
    )
    shared = sorted({j for o in found for j in o.residual if j < around})
    flowing = Ty.of(chosen(box.cod.inside, present))
    types = [*box.dom.inside[1:], *box.cod.inside]
    held = Ty.of((*(types[j] for j in shared), *slots))
    number = {j: k for k, j in enumerate(shared)} | {around + s: len(shared) + s for s in range(len(slots))}
    back = [
        _backward_branch(o, held @ flowing, [number[p.get(j, j)] for j in o.residual], len(held), box, gives, base)
        for o, p in zip(found, place, strict=True)
    ]
    residual = (0, *(1 + j for j in shared), *(1 + around + s for s in range(len(slots))))
    backward = _cond(box.name, back, box).playing("reverse", box)
    return Optic(forward, residual, backward, tuple(1 + i for i in gives), plain)


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


def _forward_branch(optic: Optic, box: Box, slots: Sequence[Wire], place: dict[int, int], base: Base) -> Diagram:
    build = Builder(optic.forward.dom)
    made = inline(build, optic.forward, range(len(build.dom)))
    around = box.n_in - 1 + box.n_out
    present_at = {s - around: made[box.n_out + j - around] for j, s in place.items()}
    extra = base.filled(build, present_at, range(len(slots)), slots)
    return Diagram.of_graph(build.finish([*made[: box.n_out], *extra], box.cod @ Ty.of(slots)))


def _backward_branch(
    optic: Optic, dom: Ty, residual: Sequence[int], n_held: int, box: Box, gives: Sequence[int], base: Base
) -> Diagram:
    build = Builder(dom)
    made = inline(build, optic.backward, [*residual, *range(n_held, len(dom))])
    present_at = dict(zip(optic.gives, made, strict=True))
    types = box.dom.inside[1:]
    wires = base.filled(build, present_at, gives, types)
    return Diagram.of_graph(build.finish(wires, Ty.of(types[i] for i in gives)))


# -- what a policy keeps inside ------------------------------------------------------------------------


def cond_halves(box: Box, present: Mask, halve: Halve) -> Halves | None:
    """The choices among the halves of the branches; what is not kept by the branch that runs is zero."""
    branches = [b.diagram for b in box.params["branches"]]
    found = [halve(d, present, range(d.n_in)) for d in branches]
    if not any(found):
        return None
    kept = [() if h is None else h.forward.cod.inside[box.n_out :] for h in found]
    slots, place = _places(kept)
    gives = tuple(i for i, on in enumerate(present) if on)
    forward = [
        _with_slots(d if h is None else h.forward, box.n_out, slots, p)
        for d, h, p in zip(branches, found, place, strict=True)
    ]
    rest = [d.then(Diagram.wires(d.cod, gives)) if h is None else h.again for d, h in zip(branches, found, strict=True)]
    again = [_from_slots(d, box.n_in - 1, slots, p) for d, p in zip(rest, place, strict=True)]
    return Halves(
        _cond(box.name, forward, box) if slots else box, _cond(box.name, again, box), tuple(range(box.n_in)), gives
    )


def _places(kept: Sequence[Sequence[Wire]]) -> tuple[list[Wire], list[list[int]]]:
    """Wires that the branches share for what they keep, and for each branch which it uses."""
    slots: list[Wire] = []
    place: list[list[int]] = []
    for wires in kept:
        mine: list[int] = []
        for w in wires:
            spot = next((s for s, t in enumerate(slots) if t == w and s not in mine), len(slots))
            slots += [w] if spot == len(slots) else []
            mine.append(spot)
        place.append(mine)
    return slots, place


def _with_slots(d: Diagram, n_out: int, slots: Sequence[Wire], place: Sequence[int]) -> Diagram:
    build = Builder(d.dom)
    made = inline(build, d, range(d.n_in))
    present_at = dict(zip(place, made[n_out:], strict=True))
    extra = [present_at[s] if s in present_at else inline(build, zero(w), ())[0] for s, w in enumerate(slots)]
    return Diagram.of_graph(build.finish([*made[:n_out], *extra], d.cod[:n_out] @ Ty.of(slots)))


def _from_slots(d: Diagram, n_in: int, slots: Sequence[Wire], place: Sequence[int]) -> Diagram:
    build = Builder(d.dom[:n_in] @ Ty.of(slots))
    made = inline(build, d, [*range(n_in), *(n_in + s for s in place)])
    return Diagram.of_graph(build.finish(made, d.cod))
