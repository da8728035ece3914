"""A map whose every box rounds in another way: how far its results move is what rounding may do to them.

Ulps of the inputs show less: where a composite contracts, they are gone after its first boxes, and what the later ones
round stays the same. So what each box gives is moved by ulps of its own format, up or down as bits say that are drawn
from the last digits of the inputs. Inputs that are an ulp apart are two independent trials.

Random rounding as a measure of rounding errors: Vignes, "A stochastic arithmetic for reliable scientific computation"
(1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ....categories.errors import ParalensError
from ....diagrams.box import Box
from ....diagrams.cache import derived
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import apply_box, callable_of
from ....diagrams.tracing.jaxpr import from_jax
from ....diagrams.traversal import interpret
from ....diagrams.types import Ty, Wire
from ...derivatives.derivative import forward, reverse
from .subjects import Claims, Subject, claims_of

__all__ = ["ULPS", "shaken", "shaken_inside"]

ULPS = 4  # as inputs are moved: twice as many halves of an ulp, which is what rounding does
DRAWN = 1024  # boxes that round independently of each other


def shaken(subject: Subject) -> Subject | None:
    """The subject with what every box gives moved by ulps, with the derivatives of the same modes.

    None where it has no diagram, or one without insides, or where that has not these derivatives.
    """
    d, claims = subject.claims.d, subject.claims
    if d is None or (len(d.graph) < 2 and all(_inside(box) is None for box in d.boxes)):
        return None
    modes = tuple(m for m in ("forward", "reverse") if getattr(claims, m) is not None)
    try:
        made: Claims = derived(d, ("shaken", modes, claims.wrt), lambda: claims_of(_diagram(d), modes, claims.wrt))
    except ParalensError:  # some box does not come back from JAX as it went
        return None
    if any(getattr(made, m) is None for m in modes):
        return None
    found: Subject = derived(d, ("shaken subject", modes, claims.wrt), lambda: Subject(made, subject.fixed))
    found.fixed = list(subject.fixed)
    return found


def shaken_inside(subject: Subject) -> Subject | None:
    """The subject with what every box of its value and of its derivatives gives moved by ulps.

    Of a composite, whose parts are right, so that what its derivative loses between them is rounding. Of a rule this
    would excuse the digits that the rule itself loses.
    """
    d, claims = subject.claims.d, subject.claims
    if d is None:
        return None

    def made() -> Claims:
        wrt = claims.wrt
        push = None if claims.forward is None else callable_of(_diagram(forward(d, wrt=wrt)))
        back = None if claims.reverse is None else callable_of(_diagram(reverse(d, wrt=wrt)))
        return replace(claims, value=callable_of(_diagram(d)), forward=push, reverse=back, d=None)

    try:
        found: Subject = derived(d, ("shaken inside", claims.wrt), lambda: Subject(made(), subject.fixed))
    except ParalensError:
        return None
    found.fixed = list(subject.fixed)
    return found


def _inside(box: Box) -> Diagram | None:
    """What a box only runs."""
    if not box.op:
        return box.definition
    return next(iter(box.bodies.values())) if traits(box.op).calling else None


def _diagram(d: Diagram) -> Diagram:
    def run(*values: Any) -> Sequence[Any]:
        ways = jax.random.rademacher(_key(d.dom.inside, values), (DRAWN,))
        return _run(d, values, ways, count())

    return from_jax(run, *map(Ty, d.dom.inside))


def _run(d: Diagram, values: Sequence[Any], ways: Any, places: Any) -> list[Any]:
    def rule(box: Box, *inputs: Any) -> Sequence[Any]:
        inside = _inside(box)
        if inside is not None:
            return _run(inside, inputs, ways, places)
        made = apply_box(box, *inputs)
        if traits(box.op).exact:  # a constant is what it is, wherever it is moved to
            return made
        return [_moved(y, w, ways, next(places)) for y, w in zip(made, box.cod.inside, strict=True)]

    return interpret(d.graph, rule, list(values))


def _moved(y: Any, w: Wire, ways: Any, place: int) -> Any:
    if not w.differentiable or not w.size:
        return y
    pattern = np.random.default_rng(place).choice([-1.0, 1.0], w.shape) * (ULPS * float(jnp.finfo(w.dtype).eps) / 2)
    return y * (1 + jnp.asarray(pattern, w.dtype) * ways[place % DRAWN].astype(w.dtype))


def _key(wires: Sequence[Wire], values: Sequence[Any]) -> Any:
    """A key from the last digits of the inputs."""
    key = jax.random.key(0)
    for x, w in zip(values, wires, strict=True):
        if w.differentiable and w.size:
            parts = lax.stop_gradient(jnp.stack([x.real, x.imag]) if w.kind == "C" else x)
            bits = lax.bitcast_convert_type(parts, f"uint{8 * parts.dtype.itemsize}").astype("uint32")
            odd = np.random.default_rng(0).integers(0, 2**31, bits.shape) * 2 + 1
            key = jax.random.fold_in(key, (bits * odd.astype("uint32")).sum(dtype="uint32"))
    return key
