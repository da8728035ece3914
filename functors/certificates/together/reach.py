"""Which wires depend on inputs that move: what no moving input reaches is a constant, and stays where it is.

The least set of wires that holds the inputs that move and, with an input of a box, its outputs; through definitions,
and through loops to a fixed point. A box is examined in those of its inputs that are in it.

>>> d = from_jax(lambda x: (jnp.exp(jnp.ones(3)), x * 2.0), R(3))
>>> reached(d, [True])
[False, True]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....diagrams.box import Box
from ....diagrams.cache import derived
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram
from ....diagrams.traversal import interpret

__all__ = ["carried", "reached"]

Flags = Sequence[bool]


def reached(d: Diagram, moves: Flags) -> list[bool]:
    """Whether each output of a diagram depends on the inputs that move."""
    if isinstance(d, Box):
        return list(_box(d, *moves))
    return derived(d, ("reached", tuple(moves)), lambda: interpret(d.graph, _box, list(moves)))


def _box(box: Box, *moves: bool) -> Sequence[bool]:
    if not any(moves):
        return [False] * box.n_out
    if box.definition is not None:
        return reached(box.definition, moves)
    if traits(box.op).calling:
        return reached(next(iter(box.bodies.values())), moves)
    rule = LOOPS.get(box.op)
    return [True] * box.n_out if rule is None else rule(box, moves)


def carried(box: Box, moves: Flags) -> list[bool]:
    """Which carried values of a `scan` or a `while` depend on what moves, at some step."""
    before, first, state, body = _parts(box, moves)
    while True:
        grown = [a or b for a, b in zip(state, reached(body, [*first, *state, *before])[: len(state)], strict=True)]
        if grown == state:
            return state
        state = grown


def _parts(box: Box, moves: Flags) -> tuple[list[bool], list[bool], list[bool], Diagram]:
    """Inputs of the step beside its constants and the state; its constants, the state, and the step itself."""
    p = box.params
    if box.op == "scan":
        n, m = p["num_consts"], p["num_consts"] + p["num_carry"]
        return list(moves[m:]), list(moves[:n]), list(moves[n:m]), p["body"].diagram
    n = p["cond_nconsts"]
    m = n + p["body_nconsts"]
    return [], list(moves[n:m]), list(moves[m:]), p["body_jaxpr"].diagram


def _scan(box: Box, moves: Flags) -> list[bool]:
    state = carried(box, moves)
    xs, consts, _, body = _parts(box, moves)
    return [*state, *reached(body, [*consts, *state, *xs])[len(state) :]]


def _while(box: Box, moves: Flags) -> list[bool]:
    state, p = carried(box, moves), box.params
    n = p["cond_nconsts"]
    # how often the step runs depends on what the test reads
    (stops,) = reached(p["cond_jaxpr"].diagram, [*moves[:n], *state])
    return [True] * box.n_out if stops else state


def _cond(box: Box, moves: Flags) -> list[bool]:
    if moves[0]:
        return [True] * box.n_out
    found = [reached(body, list(moves[1:])) for body in box.bodies.values()]
    return [any(flags) for flags in zip(*found, strict=True)]


LOOPS: dict[str, Callable[[Box, Flags], list[bool]]] = {"scan": _scan, "while": _while, "cond": _cond}
