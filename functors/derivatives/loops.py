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
from ...diagrams.graph import Builder, Graph, splice
from ...diagrams.nn.repetition import scan_of
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, Wire
from .forwarding import push
from .optic import Base, Mask, Optic, Tangent, chosen, inline, read_only
from .reversing import pull, reach

__all__ = ["scan_optic", "scan_tangent"]


@dataclass(frozen=True)
class _Parts:
    """The inputs and outputs of a scan, by what they are."""

    consts: int
    carry: int
    xs: int
    ys: int

    @classmethod
    def of(cls, box: Box) -> _Parts:
        c, s = box.params["num_consts"], box.params["num_carry"]
        return cls(c, s, box.n_in - c - s, box.n_out - s)

    def split(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """What belongs to constants, carries and inputs."""
        cut = self.consts + self.carry
        return values[: self.consts], values[self.consts : cut], values[cut:]


def _like(box: Box, body: Diagram, n_consts: int, n_carry: int, name: str, *, turned: bool = False) -> Box:
    """A scan of another body over as many steps; the other way when `turned`."""
    way = box.params["reverse"] != turned
    made = scan_of(body, box.params["length"], n_carry, n_consts=n_consts, reverse=way, name=name)
    return Box(name, made.dom, made.cod, op="scan", params={**made.params, "unroll": box.params["unroll"]})


# -- forward ---------------------------------------------------------------------------------------


def scan_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A scan that carries value and tangent."""
    parts, step = _Parts.of(box), box.params["body"].diagram
    mask = list(moving)
    while True:
        tangent = push(step.graph, mask, base)
        fresh = [i for i in tangent.gives if i < parts.carry and not mask[parts.consts + i]]
        if not fresh:
            break
        for i in fresh:
            mask[parts.consts + i] = True
    body, gives = _dual_step(step, tangent, parts, mask, base)
    new = _like(box, body, *_dual_sizes(parts, mask), f"D[{box.name}]")
    return _dual_scan(box, new, parts, moving, mask, gives, base)


def _dual_sizes(parts: _Parts, mask: Sequence[bool]) -> tuple[int, int]:
    consts, carry, _ = parts.split(mask)
    return parts.consts + sum(consts), parts.carry + sum(carry)


def _dual_step(
    step: Diagram, tangent: Tangent, parts: _Parts, mask: Sequence[bool], base: Base
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
            dys[i] = inline(build, base.zero(step.cod.inside[i]), ())[0]
    out = [i for i in tangent.gives if i >= parts.carry]
    wires = [*ys[: parts.carry], *(dys[i] for i in carried), *ys[parts.carry :], *(dys[i] for i in out)]
    kinds = step.cod.inside
    cod = [*kinds[: parts.carry], *(kinds[i] for i in carried), *kinds[parts.carry :], *(kinds[i] for i in out)]
    return Diagram.of_graph(build.finish(wires, Ty.of(cod))), tuple([*carried, *out])


def _dual_scan(
    box: Box, new: Box, parts: _Parts, moving: Mask, mask: Sequence[bool], gives: tuple[int, ...], base: Base
) -> Tangent:
    """The scan of dual numbers with its wires in the order A ⊗ A' -> B ⊗ B'."""
    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    fresh = iter(range(box.n_in, len(build.dom)))
    dxs: list[int | None] = [next(fresh) if on else None for on in moving]
    for i, on in enumerate(mask):
        if on and dxs[i] is None:
            dxs[i] = inline(build, base.zero(box.dom.inside[i]), ())[0]
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


# -- reverse ---------------------------------------------------------------------------------------


def scan_optic(box: Box, wants: Mask, asked: Mask, base: Base) -> Optic:
    """A scan that stacks what its steps keep, and a scan back over the stacks."""
    parts, step = _Parts.of(box), box.params["body"].diagram
    wanted = _fixed_wants(step, parts, wants, base)
    optic, present = _fixed_step(step, parts, wanted, asked, base)
    still = _standing(step, optic, parts)
    forward, place = _stacking(box, step, optic, parts, still)
    return _back(box, step, optic, parts, wants, asked, present, forward, place, still, base)


def _fixed_wants(step: Diagram, parts: _Parts, wants: Mask, base: Base) -> list[bool]:
    """The inputs of the step that depend on a wanted input of the scan, at any step."""
    wanted = list(wants)
    while True:
        out = reach(step.graph, wanted, base)[: parts.carry]
        fresh = [i for i, on in enumerate(out) if on and not wanted[parts.consts + i]]
        if not fresh:
            return wanted
        for i in fresh:
            wanted[parts.consts + i] = True


def _fixed_step(
    step: Diagram, parts: _Parts, wanted: Sequence[bool], asked: Mask, base: Base
) -> tuple[Optic, list[bool]]:
    """The optic of the step, and which outputs of the step have cotangents, at any step."""
    present = list(asked)
    while True:
        optic = pull(step.graph, wanted, present, base)
        carried = [i - parts.consts for i in optic.gives if parts.consts <= i < parts.consts + parts.carry]
        fresh = [i for i in carried if not present[i]]
        if not fresh:
            return optic, present
        for i in fresh:
            present[i] = True


@dataclass(frozen=True, eq=False)
class _Standing:
    """What a step keeps though it is the same every time; `once` makes it from the constants that it `reads`."""

    wires: tuple[int, ...]
    once: Diagram
    reads: tuple[int, ...]


def _standing(step: Diagram, optic: Optic, parts: _Parts) -> _Standing:
    """What the step adds and keeps that depends on its constants alone, by numbers around the step."""
    n = len(step.dom)
    extra = [j - n for j in dict.fromkeys(optic.keeps) if j >= n + len(step.cod)]
    graph, still = _separated(optic.forward.graph, parts.consts) if extra else (optic.forward.graph, b"")
    made = graph.outputs.tolist()
    found = [k for k in extra if still[made[k]]]
    once, reads = read_only(Diagram.of_graph(graph).then(Diagram.wires(optic.forward.cod, found)))
    return _Standing(tuple(n + k for k in found), once, reads)


def _separated(graph: Graph, consts: int) -> tuple[Graph, bytearray]:
    """The graph in which no box with a definition mixes what stands still with what moves, and what stands still."""
    while True:
        build, new = Builder(graph.dom), list(range(len(graph.dom)))
        still = bytearray(b"\x01" * consts + b"\x00" * (len(graph.dom) - consts))
        mixed = False
        for box, reads, _ in graph.nodes():
            inputs = [new[i] for i in reads]
            on = all(still[i] for i in inputs)
            if not on and not box.op and box.definition is not None and any(still[i] for i in inputs):
                mixed = True
                new.extend(splice(build, box.definition.graph, inputs))
            else:
                new.extend(build.add(box, inputs))
            # what a box just opened gives counts as moving, and the next round tells
            still.extend((b"\x01" if on else b"\x00") * (build.n_wires - len(still)))
        graph = build.finish([new[w] for w in graph.outputs.tolist()], graph.cod)
        if not mixed:
            return graph, still


def _stacking(box: Box, step: Diagram, optic: Optic, parts: _Parts, still: _Standing) -> tuple[Box, dict[int, int]]:
    """The forward scan, and where each wire that the step keeps is found around it."""
    n_step, cut = len(step.dom), parts.consts + parts.carry
    n_cod = len(step.cod)

    def extra(j: int) -> bool:
        """Whether the scan must stack it: a carry, before or after the step, or what the step adds."""
        return parts.consts <= j < cut or n_step <= j < n_step + parts.carry or j >= n_step + n_cod

    once = set(still.wires)
    kept = dict.fromkeys(j for j in (*optic.keeps, *still.reads) if j not in once)
    stack = [j for j in kept if extra(j)]
    first = box.n_in + box.n_out
    place = {j: j if j < n_step else box.n_in + j - n_step for j in kept}
    place |= {j: first + k for k, j in enumerate(stack)}
    if not stack and optic.plain:
        return box, place
    build = Builder(step.dom)
    made = inline(build, optic.forward, range(n_step))
    around = [*range(n_step), *made]
    kinds = [*step.dom.inside, *optic.forward.cod.inside]
    cod = Ty.of((*step.cod.inside, *(kinds[j] for j in stack)))
    body = Diagram.of_graph(build.finish([*made[:n_cod], *(around[j] for j in stack)], cod))
    return _like(box, body, parts.consts, parts.carry, box.name), place


def _back(
    box: Box,
    step: Diagram,
    optic: Optic,
    parts: _Parts,
    wants: Mask,
    asked: Mask,
    present: Sequence[bool],
    forward: Box,
    place: dict[int, int],
    still: _Standing,
    base: Base,
) -> Optic:
    """The backward scan, with its wires in the order M ⊗ B' -> A'."""
    once = set(still.wires)
    fixed = [j for j in dict.fromkeys(optic.keeps) if j < parts.consts or j in once]
    moving = [j for j in dict.fromkeys(optic.keeps) if j >= parts.consts and j not in once]
    carried = [i for i in range(parts.carry) if present[i]]
    summed = [i for i in optic.gives if i < parts.consts]
    body = _back_step(step, optic, parts, present, fixed, moving, carried, summed, base)
    scan = _like(box, body, len(fixed), len(carried) + len(summed), f"R[{box.name}]", turned=True)

    types = [*box.dom.inside, *forward.cod.inside]
    outer = Builder(Ty.of(types[k] for k in place.values()) @ Ty.of(chosen(box.cod.inside, asked)))
    at = {j: k for k, j in enumerate(place)}
    fresh = iter(range(len(place), len(outer.dom)))
    given = {i: next(fresh) for i, on in enumerate(asked) if on}
    at |= zip(still.wires, inline(outer, still.once, [at[j] for j in still.reads]), strict=True)

    def start(i: int, w: Wire) -> int:
        return given[i] if i in given else inline(outer, base.zero(w), ())[0]

    inputs = [at[j] for j in fixed]
    inputs += [start(i, step.cod.inside[i]) for i in carried]
    inputs += [inline(outer, base.zero(step.dom.inside[i]), ())[0] for i in summed]
    inputs += [at[j] for j in moving]
    inputs += [given[i] for i in range(parts.carry, box.n_out) if i in given]
    made = list(outer.add(scan, inputs))
    found = {parts.consts + i: made[k] for k, i in enumerate(carried)}
    found |= {i: made[len(carried) + k] for k, i in enumerate(summed)}
    cut = parts.consts + parts.carry
    found |= dict(zip([i for i in optic.gives if i >= cut], made[len(carried) + len(summed) :], strict=True))
    gives = tuple(i for i, on in enumerate(wants) if on and i in found)
    backward = outer.finish([found[i] for i in gives], Ty.of(box.dom.inside[i] for i in gives))
    plain = forward is box
    return Optic(forward, tuple(place.values()), Diagram.of_graph(backward), gives, plain)


def _back_step(
    step: Diagram,
    optic: Optic,
    parts: _Parts,
    present: Sequence[bool],
    fixed: Sequence[int],
    moving: Sequence[int],
    carried: Sequence[int],
    summed: Sequence[int],
    base: Base,
) -> Diagram:
    """One step back: constants, cotangents of the state, sums, what was kept, cotangents of the outputs."""
    types = [*step.dom.inside, *optic.forward.cod.inside]
    out = [i for i in range(parts.carry, len(step.cod)) if present[i]]
    dom = [
        *(types[j] for j in fixed),
        *(step.cod.inside[i] for i in carried),
        *(step.dom.inside[i] for i in summed),
        *(types[j] for j in moving),
        *(step.cod.inside[i] for i in out),
    ]
    build = Builder(Ty.of(dom))
    numbers = iter(range(len(dom)))
    at: dict[int, int] = {j: next(numbers) for j in fixed}
    ct = {i: next(numbers) for i in carried}
    sums = [next(numbers) for _ in summed]
    at |= {j: next(numbers) for j in moving}
    ct |= {i: next(numbers) for i in out}
    flowing = [ct[i] for i in range(len(step.cod)) if i in ct]
    made = dict(zip(optic.gives, inline(build, optic.backward, [*(at[j] for j in optic.keeps), *flowing]), strict=True))
    state = [
        made[parts.consts + i] if parts.consts + i in made else inline(build, base.zero(step.cod.inside[i]), ())[0]
        for i in carried
    ]
    added = [build.add(base.plus(step.dom.inside[i]), (s, made[i]))[0] for i, s in zip(summed, sums, strict=True)]
    rest = [i for i in optic.gives if i >= parts.consts + parts.carry]
    cod = [
        *(step.cod.inside[i] for i in carried),
        *(step.dom.inside[i] for i in summed),
        *(step.dom.inside[i] for i in rest),
    ]
    return Diagram.of_graph(build.finish([*state, *added, *(made[i] for i in rest)], Ty.of(cod)))
