"""Proofs: boxes small enough that computer algebra shows the claim to be the derivative everywhere.

What acts entry by entry is proved for one entry, which by its fact is a proof for any shape.
"""

from __future__ import annotations

import math

from ....diagrams.box import Box
from ....diagrams.primitives import traits
from ....diagrams.registry import entry_of
from ....diagrams.syntax import Diagram
from ....diagrams.types import Ty, wire
from ...derivative_rules import fact_of
from ..algebra import Algebra

__all__ = ["proved", "small"]

ENTRIES = 6  # of inputs and outputs together; proofs grow fast
STEPS = 12  # boxes of a map with a rule of its own, those in a loop as often as it runs
LONG = 60  # boxes of its rules


def proved(d: Diagram, algebra: Algebra) -> bool:
    """Whether the derivative of a box is proved; False for what is too large, or not decided."""
    box = small(d)
    return box is not None and algebra.proves(box)


def small(d: Diagram) -> Box | None:
    """The box as one that sympy takes: for one entry if it acts entry by entry; None where it is too large."""
    if not isinstance(d, Box) and len(d.graph) == 1:
        d = d.graph.table[0]
    if not isinstance(d, Box) or any(w.kind not in "RZB" for w in (*d.dom.inside, *d.cod.inside)):
        return None
    if traits(d.op).ruled:
        inside = sum(map(steps, d.bodies.values()))
        rules = [known for rule in d.rules.values() if (known := rule.known()) is not None]
        small = inside <= STEPS and max(map(steps, rules), default=0) <= LONG
        return d if small and _entries(d) <= ENTRIES // 2 else None
    if (fact_of(d.op) is None and entry_of(d.op) is None) or d.bodies:
        return None
    if traits(d.op).pointwise:
        scalars = [Ty.of(wire((), w.dtype) for w in ty.inside) for ty in (d.dom, d.cod)]
        return Box(d.name, *scalars, op=d.op, params=dict(d.params))
    return d if _entries(d) <= ENTRIES else None


def steps(d: Diagram) -> float:
    """How many boxes run in a diagram, those inside of others too: in a loop as often as it runs, if that is known."""
    total, todo = 0.0, [(d, 1.0)]
    while todo and total <= LONG:
        inside, times = todo.pop()
        for box in inside.boxes:
            bodies = list(box.bodies.values())
            runs = math.inf if box.op == "while" else times * box.params["length"] if box.op == "scan" else times
            total += 0.0 if bodies else times
            todo += [(body, runs) for body in bodies if runs and len(body.graph)]
    return total


def _entries(d: Diagram) -> int:
    return sum(w.size for w in (*d.dom.inside, *d.cod.inside))
