"""Scans: the derivative of a scan is a scan, never an unrolling.

Of a step C ⊗ S ⊗ X -> S ⊗ Y the forward scan stacks what the steps keep; the backward scan runs the other way over
those stacks, carries the cotangent of the state, and adds up that of the constants. Over a horizon n it equals the
reverse derivative of the n-fold composite (D. Sprunger and S. Katsumata, "Differentiable causal computations via
delayed trace", 2019). Which cotangents are carried is the least fixed point. What depends on the constants alone is the
same at every step: it is not stacked, but computed once more on the way back (loop-invariant code motion, cf. A. Aho,
M. Lam, R. Sethi, J. Ullman, "Compilers", 2006, section 9.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...diagrams.box import Box
from ...diagrams.graph import Builder
from ...diagrams.nn.repetition import scan_of
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, Wire
from .forwarding import push
from .optic import Base, Halve, Halves, Mask, Tangent, chosen, inline

__all__ = ["Parts", "like", "scan_halves", "scan_tangent"]


@dataclass(frozen=True)
class Parts:
    """The inputs and outputs of a scan, by what they are."""

    consts: int
    carry: int
    xs: int
    ys: int

    @classmethod
    def of(cls, box: Box) -> Parts:
        c, s = box.params["num_consts"], box.params["num_carry"]
        return cls(c, s, box.n_in - c - s, box.n_out - s)

    def split(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """What belongs to constants, carries and inputs."""
        cut = self.consts + self.carry
        return values[: self.consts], values[self.consts : cut], values[cut:]


def like(box: Box, body: Diagram, n_consts: int, n_carry: int, name: str, *, turned: bool = False) -> Box:
    """A scan of another body over as many steps; the other way when `turned`."""
    way = box.params["reverse"] != turned
    made = scan_of(body, box.params["length"], n_carry, n_consts=n_consts, reverse=way, name=name)
    return Box(name, made.dom, made.cod, op="scan", params={**made.params, "unroll": box.params["unroll"]})


def scan_halves(box: Box, present: Mask, halve: Halve) -> Halves | None:
    """The scan of the halves of its step: one that stacks what is kept, and one that takes the stacks."""
    parts = Parts.of(box)
    carry = range(parts.consts, parts.consts + parts.carry)
    step = box.params["body"].diagram
    found = halve(step, [*[True] * parts.carry, *present[parts.carry :]], carry)
    if found is None:
        return None
    forward = box if found.forward is step else like(box, found.forward, parts.consts, parts.carry, box.name)
    n_consts = sum(i < parts.consts for i in found.reads)
    return Halves(forward, like(box, found.again, n_consts, parts.carry, box.name), found.reads, found.gives)


# -- forward ---------------------------------------------------------------------------------------


def scan_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A scan that carries value and tangent."""
    parts, step = Parts.of(box), box.params["body"].diagram
    mask = list(moving)
    while True:
        tangent = push(step.graph, mask, base)
        fresh = [i for i in tangent.gives if i < parts.carry and not mask[parts.consts + i]]
        if not fresh:
            break
        for i in fresh:
            mask[parts.consts + i] = True
    body, gives = _dual_step(step, tangent, parts, mask, base)
    new = like(box, body, *_dual_sizes(parts, mask), box.name).playing("forward", box)
    return _dual_scan(box, new, parts, moving, mask, gives, base)


def _dual_sizes(parts: Parts, mask: Sequence[bool]) -> tuple[int, int]:
    consts, carry, _ = parts.split(mask)
    return parts.consts + sum(consts), parts.carry + sum(carry)


def _dual_step(
    step: Diagram, tangent: Tangent, parts: Parts, mask: Sequence[bool], base: Base
) -> tuple[Diagram, tuple[int, ...]]:
    """The step on constants, their tangents, carries, their tangents, inputs, their tangents; alike the outputs."""
    dom: list[Wire] = []
    primal: list[int] = []
    moved: list[int] = []
    for wires, on in zip(parts.split(step.dom.inside), parts.split(mask), strict=True):
        primal += range(len(dom), len(dom) + len(wires))
        dom += wires
        extra = chosen(wires, on)
        moved += range(len(dom), len(dom) + len(extra))
        dom += extra
    build = Builder(Ty.of(dom))
    made = inline(build, tangent.push, [*primal, *moved])
    ys = made[: len(step.cod)]
    dys = dict(zip(tangent.gives, made[len(step.cod) :], strict=True))
    carried = [i for i in range(parts.carry) if mask[parts.consts + i]]
    for i in carried:
        if i not in dys:
            dys[i] = base.nothing(build, step.cod.inside[i])
    out = [i for i in tangent.gives if i >= parts.carry]
    wires = [*ys[: parts.carry], *(dys[i] for i in carried), *ys[parts.carry :], *(dys[i] for i in out)]
    kinds = step.cod.inside
    cod = [*kinds[: parts.carry], *(kinds[i] for i in carried), *kinds[parts.carry :], *(kinds[i] for i in out)]
    return Diagram.of_graph(build.finish(wires, Ty.of(cod))), tuple([*carried, *out])


def _dual_scan(
    box: Box, new: Box, parts: Parts, moving: Mask, mask: Sequence[bool], gives: tuple[int, ...], base: Base
) -> Tangent:
    """The scan of dual numbers with its wires in the order A ⊗ A' -> B ⊗ B'."""
    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    fresh = iter(range(box.n_in, len(build.dom)))
    dxs: list[int | None] = [next(fresh) if on else None for on in moving]
    for i, on in enumerate(mask):
        if on and dxs[i] is None:
            dxs[i] = base.nothing(build, box.dom.inside[i])
    inputs: list[int] = []
    for places in parts.split(range(box.n_in)):
        inputs += [*places, *(d for i in places if (d := dxs[i]) is not None)]
    made = list(build.add(new, inputs))
    n_moved = sum(1 for i in gives if i < parts.carry)
    cut = parts.carry + n_moved
    ys, dys = made[cut : cut + parts.ys], made[cut + parts.ys :]
    wires = [*made[: parts.carry], *ys, *made[parts.carry : cut], *dys]
    cod = Ty.of((*box.cod.inside, *(box.cod.inside[i] for i in gives)))
    return Tangent(Diagram.of_graph(build.finish(wires, cod)), gives, whole=True)
