"""Proofs: boxes small enough that sympy shows the claim to be the derivative everywhere.

What acts entry by entry is proved for one entry, which by its fact is a proof for any shape.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from ...categories.errors import ParalensError
from ...diagrams.box import Box
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, wire
from ...functors.generators import FACTS
from ...functors.generators.facts import Elementwise
from ...functors.rewriting.terms import POINTWISE
from .flows import RULED

__all__ = ["one_at_a_time", "proved", "small"]

ENTRIES = 6  # of inputs and outputs together; proofs grow fast
STEPS = 12  # boxes of a map with a rule of its own

one_at_a_time = Lock()


def proved(d: Diagram) -> bool:
    """Whether the derivative of a box is proved; False for what is too large, or not decided."""
    box = small(d)
    if box is None:
        return False
    with one_at_a_time:  # sympy's caches are not made for threads
        return _decided(box)


@lru_cache(maxsize=1024)
def _decided(box: Box) -> bool:
    from ..proofs import prove

    try:
        return prove(box).verdict == "proved"
    except ParalensError:
        return False


def small(d: Diagram) -> Box | None:
    """The box as one that sympy takes: for one entry if it acts entry by entry; None where it is too large."""
    if not isinstance(d, Box) and len(d.graph) == 1:
        d = d.graph.table[0]
    if not isinstance(d, Box) or any(w.kind not in "RZB" for w in (*d.dom.inside, *d.cod.inside)):
        return None
    if d.op in RULED:
        inside = max((len(b.graph) for b in d.bodies.values()), default=0)
        return d if _entries(d) <= ENTRIES // 2 and inside <= STEPS else None
    if d.op not in FACTS or d.bodies:
        return None
    if d.op in POINTWISE or isinstance(FACTS[d.op], Elementwise):
        scalars = [Ty.of(wire((), w.dtype) for w in ty.inside) for ty in (d.dom, d.cod)]
        return Box(d.name, *scalars, op=d.op, params=dict(d.params))
    return d if _entries(d) <= ENTRIES else None


def _entries(d: Diagram) -> int:
    return sum(w.size for w in (*d.dom.inside, *d.cod.inside))
