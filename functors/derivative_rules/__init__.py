"""The table of facts about JAX's primitives: what each one is, said once."""

from __future__ import annotations

from ...diagrams.box import Box
from ...diagrams.primitives import having, traits
from ...diagrams.registry import entry_of
from .arithmetic import ARITHMETIC
from .elementary import ELEMENTARY
from .facts import Fact, LocallyConstant
from .indexing import INDEXING
from .linalg import LINALG
from .order import ORDER
from .products import PRODUCTS
from .reductions import REDUCTIONS
from .reindexing import REINDEXING
from .scans import CUMULATIVE
from .special import SPECIAL
from .windows import WINDOWS

__all__ = ["FACTS", "computable", "fact_of"]

FACTS: dict[str, Fact] = {
    **ARITHMETIC,
    **CUMULATIVE,
    **ELEMENTARY,
    **INDEXING,
    **LINALG,
    **ORDER,
    **PRODUCTS,
    **REDUCTIONS,
    **REINDEXING,
    **SPECIAL,
    **{name: LocallyConstant() for name in sorted(having("constant"))},
    **WINDOWS,
}


def fact_of(op: str) -> Fact | None:
    """What is said of the derivative of a primitive, here or by `register`; None where JAX is asked."""
    fact = FACTS.get(op)
    if fact is None and (entry := entry_of(op)) is not None:
        return entry.derivative
    return fact


def computable(box: Box) -> bool:
    """Whether a rewrite may put the value of a box on constants in its place.

    Only of a generator that is known here: a callback, an effect, a collective or a primitive of another library is
    not, and what is drawn at random is left to the program.
    """
    known = box.op in FACTS or entry_of(box.op) is not None
    return known and not traits(box.op).random and not box.bodies and not box.rules
