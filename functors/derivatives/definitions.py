"""Boxes with a definition: their derivatives are boxes with a definition.

`dense` goes to `dense` and `R[dense]`, or to `D[dense]` forward. Definitions that are equal share their
derivatives, whatever the boxes are called, so that the sixth block of a model costs nothing.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.syntax import Diagram
from .forwarding import push
from .optic import Base, Mask, Optic, Tangent
from .reversing import pull

__all__ = ["boxed_optic", "definition_optic", "definition_tangent", "shared"]

_known: WeakValueDictionary[bytes, Diagram] = WeakValueDictionary()


def shared(diagram: Diagram) -> Diagram:
    """One diagram for all that are equal to it, which carries what is derived from them."""
    return derived(diagram, "shared", lambda: _known.setdefault(diagram.digest, diagram))


def definition_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """The optic of the definition, closed again."""
    one = shared(_definition(box))
    optic = derived(one, ("optic", wants, present, base), lambda: pull(one.graph, wants, present, base))
    return boxed_optic(box, optic)


def boxed_optic(box: Box, optic: Optic) -> Optic:
    """The optic with its two maps closed into boxes named after `box`; the box itself where nothing is added."""
    forward = box if optic.plain else optic.forward.boxed(box.name)
    return Optic(
        forward, optic.residual, optic.backward.boxed(box.name).playing("reverse", box), optic.gives, optic.plain
    )


def definition_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """Value and tangent of the definition, closed again."""
    one = shared(_definition(box))
    found = derived(one, ("tangent", moving, base), lambda: push(one.graph, moving, base))
    return Tangent(found.push.boxed(box.name).playing("forward", box), found.gives, whole=True)


def _definition(box: Box) -> Diagram:
    if box.definition is None:
        raise DerivativeError(f"box {box.name!r} is abstract and has no derivative: give it a definition")
    return box.definition
