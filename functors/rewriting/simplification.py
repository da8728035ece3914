"""`simplify`: the functor that puts every diagram into its simplest form under the rules.

It is the identity on types, keeps the value of a diagram *and* its derivatives, and goes into boxes: a box with a
definition stays closed, with a simpler definition, and so do the bodies of loops and choices.

>>> from paralens import R, from_jax, simplify
>>> simplify(from_jax(lambda x: (x.T + 0.0).T * 1.0, R(2, 3)))
<Diagram R(2, 3) -> R(2, 3), 0 boxes>
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from ...categories.errors import RewriteError
from ...categories.para import Para
from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.syntax import Diagram, require
from .rule import Rule
from .tables import STANDARD
from .terms import rewritten

__all__ = ["simplify"]

D = TypeVar("D", Diagram, Para)


def simplify(d: D, *, rules: Iterable[Rule] | None = None, finite: bool = False) -> D:
    """The diagram or model with as few boxes as the rules lead to; its value and its derivatives are the same.

    Equal boxes on equal wires become one, boxes that no output needs are dropped, and `rules` (those of `RULES`) are
    applied until none of them applies. With `finite`, rules are used too that presume that no number is infinite or
    not a number, such as x · 0 = 0. The rule of a custom derivative stays as it is.

    The equations are those of real numbers: results are the same up to rounding, as long as nothing overflows on the
    way, and up to the sign of zero. Integers are the same exactly. A few walks over the diagram, each linear in the
    number of boxes. Raises `RewriteError` where rules lead back to where they began.
    """
    require(d, "simplify")
    if isinstance(d, Para):
        return Para(simplify(d.arrow, rules=rules, finite=finite), d.entries)
    chosen = STANDARD if rules is None else tuple(rules)
    for rule in chosen:
        if not isinstance(rule, Rule):
            raise RewriteError(f"rules holds {rule!r}: give rules, such as those of rewriting.RULES.values()")
    return _simplified(d, tuple(rule for rule in chosen if finite or not rule.finite))


def _simplified(d: Diagram, rules: tuple[Rule, ...]) -> Diagram:
    def make() -> Diagram:
        return Diagram.of_graph(rewritten(d.graph, rules, lambda box: _inside(box, rules)))

    return derived(d, ("simplified", rules), make)


def _inside(box: Box, rules: tuple[Rule, ...]) -> Box:
    """The box with simpler diagrams inside."""
    bodies = box.bodies
    if not bodies:
        return box
    made = {label: _simplified(body, rules) for label, body in bodies.items()}
    changed = {label: body for label, body in made.items() if body != bodies[label]}
    return box.with_bodies(changed) if changed else box
