"""The formal reverse derivative of polynomial circuits: a base for `reverse`, `forward` and `lens`.

POLY_S is a reverse derivative category for every commutative semiring S, with

    R[f](x, dy)_i = sum over j of (∂f_j / ∂x_i)(x) dy_j

where ∂ is the formal derivative of polynomials. On generators:

    R[add]((x, y), dz) = (dz, dz)            R[copy] = add          R[linear(M)](x, dy) = Mᵀ dy
    R[multiply]((x, y), dz) = (y dz, x dz)   R[discard] = zero      R[constant] = discard

Circuits are not functions: x x and x are one function over Z_2, with derivatives 0 and dy.

Source: P. Wilson and F. Zanasi, "Reverse derivative ascent" (2021), sections 2 and 3; G. Cruttwell et al.,
"Categorical foundations of gradient-based learning" (2022), examples 2.16 and 2.17.

>>> from paralens import reverse
>>> from paralens.diagrams.circuits import Ring, circuit
>>> f = circuit(Ring.z2(), 2)(lambda x, y: x * y)
>>> reverse(f, base=polynomials(Ring.z2())) == circuit(Ring.z2(), 3)(lambda x, y, dz: (y * dz, x * dz))
True
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import compress

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.circuits import Ring, add, constant, transposed
from ...diagrams.syntax import Diagram
from ...diagrams.types import Wire
from ..derivatives.definitions import definition_optic, definition_tangent
from ..derivatives.optic import Base, Mask, Optic, Tangent

__all__ = ["polynomials"]


@cache
def polynomials(ring: Ring) -> Base:
    """The reverse differential structure of circuits over a ring: one object for each ring.

    `reverse(d, base=polynomials(ring))` raises `DerivativeError`, naming the box, for a box that is not polynomial
    over this ring; wires of other dtypes have no cotangent.
    """

    def optic(box: Box, wants: Mask, present: Mask) -> Optic:
        if not _generates(box, ring):
            return definition_optic(box, wants, present, base)
        return derived(box, ("circuit", wants), lambda: BACK[box.params["generator"]](ring, box, wants))

    def tangent(box: Box, moving: Mask) -> Tangent:
        if not _generates(box, ring):
            return definition_tangent(box, moving, base)
        return derived(box, ("tangent of circuit", moving), lambda: PUSH[box.params["generator"]](ring, box, moving))

    def zero(w: Wire) -> Diagram:
        return constant(ring, ring.zero, *w.shape)

    base = Base(lambda w: w.dtype == ring.dtype, lambda box: False, optic, tangent, lambda w: add(ring, *w.shape), zero)
    return base


def _generates(box: Box, ring: Ring) -> bool:
    """Whether the box is a generator over this ring; raises `DerivativeError` for what has nothing to open either."""
    of = box.params.get("ring") if box.params.get("generator") in BACK else None
    if of == ring.name:
        return True
    if of is None and not box.op and box.definition is not None:
        return False
    what = f"is a generator over {of}" if of else "is not made of generators"
    raise DerivativeError(
        f"{box.name} : {box.dom} -> {box.cod} {what}, so it is no polynomial over {ring.name}: "
        "write circuits.add, multiply, constant and linear of this ring"
    )


def _of(box: Box, *places: int) -> Diagram:
    """The wiring from as many copies of the box's output type as needed, in this order; all have that type."""
    return Diagram.wires(box.cod ** (max(places) + 1), places)


def _add_back(ring: Ring, box: Box, wants: Mask) -> Optic:
    return Optic(box, (), _of(box, *[0] * sum(wants)), _where(wants))


def _multiply_back(ring: Ring, box: Box, wants: Mask) -> Optic:
    if all(wants):
        return Optic(box, (0, 1), _of(box, 1, 2, 0, 2) >> box @ box, (0, 1))
    (i,) = _where(wants)
    return Optic(box, (1 - i,), box, (i,))


def _linear_back(ring: Ring, box: Box, wants: Mask) -> Optic:
    return Optic(box, (), transposed(ring, box), (0,))


def _add_push(ring: Ring, box: Box, moving: Mask) -> Tangent:
    # the wires are x, y, z and the tangents that are there
    return Tangent(_of(box, 3, 4) >> box if all(moving) else _of(box, 3), (0,))


def _multiply_push(ring: Ring, box: Box, moving: Mask) -> Tangent:
    if all(moving):
        return Tangent(_of(box, 0, 4, 1, 3) >> box @ box >> add(ring, *box.cod.inside[0].shape), (0,))
    (i,) = _where(moving)
    return Tangent(_of(box, 1 - i, 3) >> box, (0,))


def _linear_push(ring: Ring, box: Box, moving: Mask) -> Tangent:
    return Tangent(Diagram.wires(box.dom @ box.cod @ box.dom, (2,)) >> box, (0,))


def _where(mask: Mask) -> tuple[int, ...]:
    return tuple(compress(range(len(mask)), mask))


BACK: dict[str, Callable[[Ring, Box, Mask], Optic]] = {
    "add": _add_back,
    "multiply": _multiply_back,
    "linear": _linear_back,
}
PUSH: dict[str, Callable[[Ring, Box, Mask], Tangent]] = {
    "add": _add_push,
    "multiply": _multiply_push,
    "linear": _linear_push,
}
