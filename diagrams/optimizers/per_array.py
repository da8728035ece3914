"""Optimizers that treat every array of parameters alike: the rule for one array, made a lens at any P.

A `ArrayRule` is a line of `jax.numpy` for one array p, its change q and the arrays of state that belong to it. At P it
becomes one box `update` for each array, shared by arrays of one type; a count of steps, if the rule or its rate needs
one, is shared by all. Since the arrays do not meet, the lens at P ⊗ Q is the tensor of the lenses at P and at Q, up to
the order of the wires of S and the shared count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import CompositionError
from ...categories.lens import Lens
from ...categories.param import Entry
from ..box import Box
from ..graph import Builder
from ..nn.make import layer
from ..syntax import Diagram
from ..types import R, Ty, Z
from .optimizer import Cell, Optimizer, changes, pair, refuse_unfit, weights
from .schedules import Rate, scheduled

__all__ = ["ArrayRule", "box", "by_array", "number", "times"]


@dataclass(frozen=True)
class ArrayRule:
    """How one array is changed: `step(p, q, *state, **named)` gives the next state, then the new p (or the new change).

    `state` lists name and first value of each array of state. `named` are the `numbers`, the `rate`, a float or an
    array that a schedule gave, and, with `counts`, the `count` of this step, from 1 on. With `lookahead`, the model is
    evaluated at `lookahead(p, *state, last=..., **numbers)`; `last`, the rate of the step before, goes to `step` too.
    """

    step: Callable[..., Any]
    state: tuple[tuple[str, float], ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()
    rate: float | Box | None = None
    counts: bool = False
    lookahead: Callable[..., Any] | None = None

    @property
    def has_count(self) -> bool:
        """Whether the state begins with a count."""
        return self.counts or isinstance(self.rate, Box)

    @property
    def static(self) -> tuple[tuple[str, float], ...]:
        """The numbers that are written into the boxes, the rate among them if it is one."""
        if not isinstance(self.rate, float):
            return self.numbers
        last = (("last", self.rate),) if self.lookahead else ()
        return (*self.numbers, ("rate", self.rate), *last)


def by_array(
    name: str,
    step: Callable[..., Any],
    *,
    rate: Rate | None = None,
    state: Sequence[tuple[str, float]] = (),
    numbers: dict[str, Any] | None = None,
    counts: bool = False,
    lookahead: Callable[..., Any] | None = None,
    takes_step: bool = True,
) -> Optimizer:
    """The optimizer that applies a rule to each array; raises `CompositionError` for numbers that are none."""
    fixed = tuple((k, number(name, k, v)) for k, v in (numbers or {}).items())
    held = None if rate is None else scheduled(rate) or number(name, "rate", rate, least=-math.inf)
    rule = ArrayRule(step, tuple(state), fixed, held, counts, lookahead)
    shown = [] if held is None else [held.name if isinstance(held, Box) else repr(held)]
    shown += [f"{k}={v!r}" for k, v in fixed] if takes_step else [repr(v) for _, v in fixed]
    options = (("rule", rule), ("takes_step", takes_step))
    return Optimizer(name, takes_step and held is not None, _cell, options, takes_step, f"{name}({', '.join(shown)})")


def number(name: str, what: str, value: Any, least: float = 0.0) -> float:
    """The value as a float; raises `CompositionError` unless it is a finite number, not below `least`."""
    if isinstance(value, (jax.Array, np.ndarray)) and value.shape == ():
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < least:
        kind = "a finite number" if least < 0 else "a finite number that is not negative"
        raise CompositionError(f"{name}: {what} is {value!r}, expected {kind}")
    return float(value)


def times(rate: Any, x: jax.Array) -> jax.Array:
    """The array at a rate, in its own dtype."""
    return (rate if isinstance(rate, float) else rate.astype(x.dtype)) * x


def box(name: str, function: Callable[..., Any], dom: Ty, labels: tuple[str, ...] = (), static: Any = ()) -> Box:
    """The box of a function whose first wires are its keywords `labels`; equal calls give one box."""
    return layer(name, _called, dom, {}, line=function, labels=labels, static=static).arrow


def _called(*wires: jax.Array, line: Any, labels: tuple[str, ...], static: Any) -> Any:
    return line(*wires[len(labels) :], **dict(zip(labels, wires, strict=False)), **dict(static))


# -- the lens --------------------------------------------------------------------------------------


class _Layout:
    """Which wire is which in S ⊗ P ⊗ P'; `moving` are the parameters that the rule changes."""

    def __init__(self, entries: Sequence[Entry], rule: ArrayRule) -> None:
        self.moving = [i for i, (_, p) in enumerate(entries) if p.wire.kind == "R"]
        self.weight, self.changes = weights(entries), changes(entries)
        clock = [(("count",), Z())] if rule.has_count else []
        slots = [((slot, *entries[i][0]), entries[i][1].ty) for slot, _ in rule.state for i in self.moving]
        self.state = (*clock, *slots)
        self.states = Ty().tensor(*[ty for _, ty in self.state])
        self.n_clock, self.n_slots = len(clock), len(rule.state)
        self.change_of = list(accumulate(map(len, self.changes), initial=0))

    def slots(self, k: int) -> list[int]:
        """The wires of S that belong to the k-th array that moves."""
        return [self.n_clock + j * len(self.moving) + k for j in range(self.n_slots)]

    def weight_at(self, i: int) -> int:
        """The wire of parameter i."""
        return len(self.state) + i


def _cell(name: str, entries: Sequence[Entry], rule: ArrayRule, takes_step: bool) -> Cell:
    if takes_step:
        refuse_unfit(name, entries)
    at = _Layout(entries, rule)
    put = _put(at, rule).boxed(name)
    dom = pair(at.states) @ pair(at.weight, at.changes)
    return Cell(Lens.of(_get(name, at, rule), put, dom, pair(at.weight, at.changes)), at.state, _start(at, rule))


def _put(at: _Layout, rule: ArrayRule) -> Diagram:
    """S ⊗ P ⊗ P' -> S ⊗ P', where P' is P for a rule that takes a step; what does not move passes."""
    build = Builder(at.states.tensor(at.weight, *at.changes))
    kept = list(range(len(at.state)))
    first = len(at.state) + len(at.weight)
    passed = list(range(first, len(build.dom)))
    after, named = _clock(build, rule)
    kept[: at.n_clock] = after
    for k, i in enumerate(at.moving):
        reads = [at.weight_at(i), first + at.change_of[i], *at.slots(k)]
        update = box("update", rule.step, _types(named, build.dom, reads), tuple(named), rule.static)
        *states, passed[at.change_of[i]] = build.add(update, [*named.values(), *reads])
        for slot, made in zip(at.slots(k), states, strict=True):
            kept[slot] = made
    return Diagram.of_graph(build.finish([*kept, *passed], at.states.tensor(*at.changes)))


def _clock(build: Builder, rule: ArrayRule) -> tuple[list[int], dict[str, int]]:
    """The next count, if there is one, and the wires that all arrays read, by name."""
    if not rule.has_count:
        return [], {}
    after = build.add(box("count", _next, Z()), [0])[0]
    named = {"count": after} if rule.counts else {}
    if isinstance(rule.rate, Box):
        named["rate"] = build.add(rule.rate, [0])[0]
        if rule.lookahead:
            named["last"] = _last(build, rule.rate)
    return [after], named


def _next(n: jax.Array) -> jax.Array:
    # the count stays where it would overflow, as in optax
    return jnp.minimum(n, jnp.iinfo(n.dtype).max - 1) + 1


def _last(build: Builder, rate: Box) -> int:
    """The rate of the step before; before the first, where all states are zero, that of the first."""
    before = build.add(box("before", _before, Z()), [0])[0]
    return build.add(rate, [before])[0]


def _before(n: jax.Array) -> jax.Array:
    return jnp.maximum(n, 1) - 1


def _types(named: dict[str, int], dom: Ty, reads: Sequence[int]) -> Ty:
    """The types of what a box reads: scalars by name, then wires of the domain."""
    return Ty().tensor(*[Z() if label == "count" else R() for label in named], *[dom[i] for i in reads])


def _get(name: str, at: _Layout, rule: ArrayRule) -> Diagram:
    """S ⊗ P -> P."""
    dom = at.states @ at.weight
    if rule.lookahead is None:
        return Diagram.wires(dom, range(len(at.state), len(dom)))
    build = Builder(dom)
    named = {"last": _last(build, rule.rate)} if isinstance(rule.rate, Box) else {}
    static = tuple((k, v) for k, v in rule.static if k != "rate")
    points = []
    for k, i in enumerate(at.moving):
        reads = [at.weight_at(i), *at.slots(k)]
        lookahead = box("ahead", rule.lookahead, _types(named, dom, reads), tuple(named), static)
        points += build.add(lookahead, [*named.values(), *reads])
    return Diagram.of_graph(build.finish(points, at.weight)).boxed(f"{name}_ahead")


def _start(at: _Layout, rule: ArrayRule) -> Diagram:
    """P -> S, which reads the types only."""
    made: list[Diagram] = [Diagram.point(np.int32(0))] * at.n_clock
    for _, value in rule.state:
        made += [box("fill", _fill, Ty(), (), (("wire", at.weight.inside[i]), ("value", value))) for i in at.moving]
    return Diagram.discard(at.weight) >> Diagram.id().tensor(*made)


def _fill(*, wire: Any, value: float) -> jax.Array:
    return jnp.full(wire.shape, value, wire.dtype)
