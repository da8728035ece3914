"""Scans back: the reverse derivative of a scan is a scan, never an unrolling.

Of a step C ⊗ S ⊗ X -> S ⊗ Y the forward scan stacks what the steps keep; the backward scan runs the other way over
those stacks, carries the cotangent of the state, and adds up that of the constants. Over a horizon n it equals the
reverse derivative of the n-fold composite (D. Sprunger and S. Katsumata, "Differentiable causal computations via
delayed trace", 2019). Which cotangents are carried is the least fixed point. What depends on the constants alone is the
same at every step: it is not stacked, but computed once more on the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.syntax import Diagram
from ...diagrams.traversal import Open, interpret
from ...diagrams.types import Ty, Wire
from .optic import Base, Mask, Optic, chosen, inline, read_only
from .reversing import pull, reach
from .scan import Parts, like

__all__ = ["scan_optic"]


def scan_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """A scan that stacks what its steps keep, and a scan back over the stacks."""
    parts, step = Parts.of(box), box.params["body"].diagram
    wanted = _fixed_wants(step, parts, wants, base)
    optic, step_present = _fixed_step(step, parts, wanted, present, base)
    return _Way(box, step, parts, optic, present, tuple(step_present), base).optic_of(wants)


def _fixed_wants(step: Diagram, parts: Parts, wants: Mask, base: Base) -> list[bool]:
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
    step: Diagram, parts: Parts, wanted: Sequence[bool], present: Mask, base: Base
) -> tuple[Optic, list[bool]]:
    """The optic of the step, and which outputs of the step have cotangents, at any step."""
    step_present = list(present)
    while True:
        optic = pull(step.graph, wanted, step_present, base)
        carried = [i - parts.consts for i in optic.gives if parts.consts <= i < parts.consts + parts.carry]
        fresh = [i for i in carried if not step_present[i]]
        if not fresh:
            return optic, step_present
        for i in fresh:
            step_present[i] = True


@dataclass(frozen=True, eq=False)
class _Invariants:
    """What a step keeps though it is the same every time; `once` makes it from the constants that it `reads`."""

    wires: tuple[int, ...]
    once: Diagram
    reads: tuple[int, ...]


def _invariants(step: Diagram, optic: Optic, parts: Parts) -> _Invariants:
    """What the step adds and keeps that depends on its constants alone, by numbers around the step."""
    n = len(step.dom)
    extra = [j - n for j in dict.fromkeys(optic.residual) if j >= n + len(step.cod)]
    graph, invariant = _separated(optic.forward.graph, parts.consts) if extra else (optic.forward.graph, [])
    found = [k for k in extra if invariant[k]]
    once, reads = read_only(Diagram.of_graph(graph).then(Diagram.wires(optic.forward.cod, found)))
    return _Invariants(tuple(n + k for k in found), once, reads)


def _separated(graph: Graph, consts: int) -> tuple[Graph, list[bool]]:
    """The graph in which no box with a definition mixes what is invariant with what moves; which outputs are so."""
    build = Builder(graph.dom)

    def rule(box: Box, *inputs: tuple[int, bool]) -> list[tuple[int, bool]] | Open:
        constant = [on for _, on in inputs]
        if any(constant) and not all(constant) and not box.op and box.definition is not None:
            return Open()
        return [(w, all(constant)) for w in build.add(box, [w for w, _ in inputs])]

    made = interpret(graph, rule, [(i, i < consts) for i in range(len(graph.dom))])
    return build.finish([w for w, _ in made], graph.cod), [on for _, on in made]


@dataclass(frozen=True, eq=False)
class _Way:
    """The way forward and back of one scan; wires around a step are numbered as its optic numbers A ⊗ B ⊗ N."""

    box: Box
    step: Diagram
    parts: Parts
    optic: Optic
    present: Mask
    step_present: Mask
    base: Base

    @cached_property
    def invariant(self) -> _Invariants:
        """What is kept and is the same at every step."""
        return _invariants(self.step, self.optic, self.parts)

    @cached_property
    def types(self) -> list[Wire]:
        """The wires around a step."""
        return [*self.step.dom.inside, *self.optic.forward.cod.inside]

    @cached_property
    def fixed(self) -> list[int]:
        """What the way back reads that is the same at every step."""
        once = set(self.invariant.wires)
        return [j for j in dict.fromkeys(self.optic.residual) if j < self.parts.consts or j in once]

    @cached_property
    def moving(self) -> list[int]:
        """What the way back reads that each step has of its own."""
        fixed = set(self.fixed)
        return [j for j in dict.fromkeys(self.optic.residual) if j not in fixed]

    @cached_property
    def carried(self) -> list[int]:
        """The parts of the state whose cotangents are carried."""
        return [i for i in range(self.parts.carry) if self.step_present[i]]

    @cached_property
    def summed(self) -> list[int]:
        """The constants whose cotangents are added up."""
        return [i for i in self.optic.gives if i < self.parts.consts]

    @cached_property
    def rest(self) -> list[int]:
        """The inputs whose cotangents are stacked."""
        return [i for i in self.optic.gives if i >= self.parts.consts + self.parts.carry]

    def optic_of(self, wants: Mask) -> Optic:
        """The forward scan, and the backward scan with its wires in the order M ⊗ B' -> A'."""
        forward, place = self._stacking()
        types = [*self.box.dom.inside, *forward.cod.inside]
        build = Builder(Ty.of(types[k] for k in place.values()) @ Ty.of(chosen(self.box.cod.inside, self.present)))
        at = {j: k for k, j in enumerate(place)}
        at |= zip(
            self.invariant.wires, inline(build, self.invariant.once, [at[j] for j in self.invariant.reads]), strict=True
        )
        fresh = iter(range(len(place), len(build.dom)))
        given = {i: next(fresh) for i, on in enumerate(self.present) if on}
        found = self._run_back(build, at, given)
        gives = tuple(i for i, on in enumerate(wants) if on and i in found)
        backward = build.finish([found[i] for i in gives], Ty.of(self.box.dom.inside[i] for i in gives))
        return Optic(forward, tuple(place.values()), Diagram.of_graph(backward), gives, plain=forward is self.box)

    def _stacking(self) -> tuple[Box, dict[int, int]]:
        """The forward scan, and where each wire that the way back needs is found around it."""
        parts, box, n_step, n_cod = self.parts, self.box, len(self.step.dom), len(self.step.cod)

        def extra(j: int) -> bool:
            """Whether the scan must stack it: a carry, before or after the step, or what the step adds."""
            before = parts.consts <= j < parts.consts + parts.carry
            return before or n_step <= j < n_step + parts.carry or j >= n_step + n_cod

        once = set(self.invariant.wires)
        kept = dict.fromkeys(j for j in (*self.optic.residual, *self.invariant.reads) if j not in once)
        stack = [j for j in kept if extra(j)]
        place = {j: j if j < n_step else box.n_in + j - n_step for j in kept}
        place |= {j: box.n_in + box.n_out + k for k, j in enumerate(stack)}
        if not stack and self.optic.plain:
            return box, place
        build = Builder(self.step.dom)
        made = inline(build, self.optic.forward, range(n_step))
        around = [*range(n_step), *made]
        cod = Ty.of((*self.step.cod.inside, *(self.types[j] for j in stack)))
        body = Diagram.of_graph(build.finish([*made[:n_cod], *(around[j] for j in stack)], cod))
        return like(box, body, parts.consts, parts.carry, box.name), place

    def _run_back(self, build: Builder, at: dict[int, int], given: dict[int, int]) -> dict[int, int]:
        """Add the backward scan; gives the cotangents of the inputs. `given` are those of the outputs."""
        parts, step = self.parts, self.step
        n_carry = len(self.carried) + len(self.summed)
        scan = like(self.box, self._step_back(), len(self.fixed), n_carry, self.box.name, turned=True)
        scan = scan.playing("reverse", self.box)
        inputs = [at[j] for j in self.fixed]
        inputs += self.base.filled(build, given, self.carried, step.cod.inside)
        inputs += [self.base.nothing(build, step.dom.inside[i]) for i in self.summed]
        inputs += [at[j] for j in self.moving]
        inputs += [given[i] for i in range(parts.carry, self.box.n_out) if i in given]
        targets = [*(parts.consts + i for i in self.carried), *self.summed, *self.rest]
        return dict(zip(targets, build.add(scan, inputs), strict=True))

    def _step_back(self) -> Diagram:
        """One step back: constants, cotangents of the state, sums, what was kept, cotangents of the outputs."""
        parts, step = self.parts, self.step
        out = [i for i in range(parts.carry, len(step.cod)) if self.step_present[i]]
        state = [step.cod.inside[i] for i in self.carried]
        sums = [step.dom.inside[i] for i in self.summed]
        kept = [[self.types[j] for j in wires] for wires in (self.fixed, self.moving)]
        build = Builder(Ty.of((*kept[0], *state, *sums, *kept[1], *(step.cod.inside[i] for i in out))))
        numbers = iter(range(len(build.dom)))
        at = {j: next(numbers) for j in self.fixed}
        ct = {i: next(numbers) for i in self.carried}
        totals = [next(numbers) for _ in self.summed]
        at |= {j: next(numbers) for j in self.moving}
        ct |= {i: next(numbers) for i in out}
        flowing = [ct[i] for i in range(len(step.cod)) if i in ct]
        back = inline(build, self.optic.backward, [*(at[j] for j in self.optic.residual), *flowing])
        made = dict(zip(self.optic.gives, back, strict=True))
        carries = self.base.filled(build, made, [parts.consts + i for i in self.carried], step.dom.inside)
        added = [
            build.add(self.base.plus(w), (total, made[i]))[0]
            for i, w, total in zip(self.summed, sums, totals, strict=True)
        ]
        cod = Ty.of((*state, *sums, *(step.dom.inside[i] for i in self.rest)))
        return Diagram.of_graph(build.finish([*carries, *added, *(made[i] for i in self.rest)], cod))
