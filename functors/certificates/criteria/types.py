"""Whether a rule gives tangents and cotangents of the types of its box.

A diagram casts one of another precision, and is right. JAX does not: `jax.grad` hands it on, or refuses where it meets
another, so that the program that was read cannot be relied on. What is compared is the unit roundoff of the formats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....diagrams.box import Box
from ....diagrams.syntax import Diagram
from ....diagrams.types import Wire
from ...derivatives.custom import moved
from ..plots.bounds import roundoff
from ..plots.subjects import Arrays, Subject
from .linearity import Violation

__all__ = ["Misfit", "misfit", "typed"]


class Misfit(NamedTuple):
    """A wire that a rule gives, in the place of one that it should give."""

    mode: str
    place: int
    given: Wire
    wanted: Wire

    @property
    def roundoffs(self) -> tuple[float, float]:
        """The unit roundoff of both formats."""
        return roundoff(self.given.dtype), roundoff(self.wanted.dtype)

    def __str__(self) -> str:
        what = (
            f"the cotangent of input {self.place}" if self.mode == "reverse" else f"the tangent of output {self.place}"
        )
        return f"{what} is {self.given} where {self.wanted} is due, which jax.grad does not take"


def misfit(d: Diagram) -> Misfit | None:
    """The first tangent or cotangent of another precision that the rule of a box gives; None for any other diagram."""
    box = d if isinstance(d, Box) else d.graph.table[0] if len(d.graph) == 1 else None
    if box is None or not box.rules:
        return None
    if "bwd" in box.params:
        places, wires, mode = moved(box), box.params["bwd"].diagram.cod.inside, "reverse"
        due = [box.dom.inside[i] for i in places]
    elif "jvp" in box.params:
        places = [i for i, w in enumerate(box.cod.inside) if w.differentiable]
        wires, mode = box.params["jvp"].diagram.cod.inside[box.n_out :], "forward"
        due = [box.cod.inside[i] for i in places]
    else:
        return None
    for place, given, wanted in zip(places, wires, due, strict=False):
        if given.shape == wanted.shape and given.kind == wanted.kind and given != wanted:
            return Misfit(mode, place, given, wanted)
    return None


def typed(d: Diagram, subject: Subject, x: Arrays) -> Violation | None:
    """The violation of a rule whose types are others than those of its box."""
    found = misfit(d)
    if found is None:
        return None
    vs, ws = [np.ones_like(a) for a in x], [np.ones(w.shape) for w in subject.outputs]
    return Violation("type", found.mode, x, vs, ws, *found.roundoffs, np.inf, hint=str(found))
