"""The smooth case: optics and tangents of boxes over JAX's arrays.

A box with a definition goes to its definition's, closed again under its name; a generator to what the table of
facts says of it; a box that carries diagrams (a loop, a choice, a custom rule) to its rule in `NESTED`; any other
primitive to JAX's own derivative of it, traced once (`oracle`). Each is made once for each kind of box and choice of
cotangents, and shared by all boxes that are equal. Of a map that is linear already, such as a tangent map, the reverse
derivative is the transpose: custom rules stand aside for the definition, and a generator that is not linear is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.tracing.lookup import DEBUG
from ...diagrams.types import Wire
from ..derivative_rules import fact_of
from ..derivative_rules.facts import LocallyConstant
from .cond import cond_optic, cond_tangent
from .custom import jvp_optic, jvp_tangent, vjp_optic, vjp_tangent
from .definitions import definition_optic, definition_tangent
from .generators import generator_optic, generator_tangent, zero
from .optic import Base, Mask, Optic, Tangent, rule
from .oracle import oracle_optic, oracle_tangent
from .remat import remat_optic, remat_tangent
from .scan import scan_tangent
from .scan_back import scan_optic
from .while_loop import while_optic, while_tangent

__all__ = ["LINEAR", "NESTED", "SMOOTH", "Nested", "handling", "optic_of", "tangent_of", "transpose_of"]


@dataclass(frozen=True)
class Nested:
    """How a box that carries diagrams is differentiated: as a box that carries their derivatives."""

    optic: Callable[[Box, Mask, Mask, Base], Optic]
    tangent: Callable[[Box, Mask, Base], Tangent]


NESTED: dict[str, Nested] = {
    "": Nested(definition_optic, definition_tangent),
    "custom_jvp_call": Nested(jvp_optic, jvp_tangent),
    "custom_vjp_call": Nested(vjp_optic, vjp_tangent),
    "custom_vjp_call_jaxpr": Nested(vjp_optic, vjp_tangent),
    "remat2": Nested(remat_optic, remat_tangent),
    "checkpoint": Nested(remat_optic, remat_tangent),
    "scan": Nested(scan_optic, scan_tangent),
    "cond": Nested(cond_optic, cond_tangent),
    "while": Nested(while_optic, while_tangent),
}


def optic_of(box: Box, wants: Mask, present: Mask) -> Optic:
    """The optic of a box for the inputs whose cotangents are wanted and the outputs whose cotangents are there.

    Raises `DerivativeError` where there is no derivative.
    """
    return derived(box, ("optic", wants, present), lambda: _optic(box, wants, present))


def transpose_of(box: Box, wants: Mask, present: Mask) -> Optic:
    """The optic of a box that is linear in the inputs that are wanted; its residual does not depend on them.

    Raises `DerivativeError` where the box is not linear in them.
    """
    return derived(box, ("transpose", wants, present), lambda: _transpose(box, wants, present))


def tangent_of(box: Box, moving: Mask) -> Tangent:
    """The tangent map of a box for the inputs that move; raises `DerivativeError` where there is none."""
    return derived(box, ("tangent", moving), lambda: _tangent(box, moving))


def _optic(box: Box, wants: Mask, present: Mask) -> Optic:
    if box.op in NESTED:
        return NESTED[box.op].optic(box, wants, present, SMOOTH)
    fact = fact_of(box.op)
    return oracle_optic(box, wants, present) if fact is None else generator_optic(box, fact, wants, present, SMOOTH)


def _transpose(box: Box, wants: Mask, present: Mask) -> Optic:
    if box.op in NESTED:
        nested = NESTED["" if box.op.startswith("custom") else box.op]
        return nested.optic(box, wants, present, LINEAR)
    fact = fact_of(box.op)
    if fact is None:
        return oracle_optic(box, wants, present)
    optic = generator_optic(box, fact, wants, present, LINEAR)
    if any(j >= box.n_in or wants[j] for j in optic.residual):
        raise DerivativeError(
            f"{box.name} is not linear, but a derivative rule applies it to a tangent or cotangent: the rule has no "
            "transpose, make it linear in them"
        )
    return optic


def _tangent(box: Box, moving: Mask) -> Tangent:
    if box.op in NESTED:
        return NESTED[box.op].tangent(box, moving, SMOOTH)
    fact = fact_of(box.op)
    return oracle_tangent(box, moving) if fact is None else generator_tangent(box, fact, moving)


def _locally_constant(box: Box) -> bool:
    return isinstance(fact_of(box.op), LocallyConstant) or box.op in DEBUG


def handling(op: str) -> str:
    """How a generator is differentiated: by a fact (its kind in lower case), as "nested" boxes, or by the "oracle"."""
    if op in NESTED:
        return "nested"
    fact = fact_of(op)
    return "oracle" if fact is None else type(fact).__name__.lower()


@lru_cache(maxsize=4096)
def _plus(w: Wire) -> Box:
    return rule(lambda x, y: [lax.add(x, y)], (w, w))[0].boxes[0]


def _moves(w: Wire) -> bool:
    return w.differentiable


LINEAR = Base(_moves, _locally_constant, transpose_of, tangent_of, _plus, zero)
SMOOTH = Base(_moves, _locally_constant, optic_of, tangent_of, _plus, zero, LINEAR)
