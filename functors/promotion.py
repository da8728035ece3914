"""Promotion: the functor that sends a diagram of floats to the same one in double precision, casts erased.

On wires it sends every float type to float64 and every complex one to complex128. A generator goes to itself over
these types; what casts between floats goes to the identity, and so does rounding to fewer bits. What makes floats from
integers and keys alone (constants, `iota`, random bits) stays as it is and is converted after. So a diagram and its
promotion denote the same map of real numbers, and their difference is the rounding of the one. A primitive that holds a
function of Python (a callback, a transpose) was made for one format, and is in no other.

>>> d = from_jax(lambda x: jnp.exp(x).astype("bfloat16").astype("float32"), R(3))
>>> promoted(d).dom, [b.name for b in promoted(d).boxes]
(R(3, dtype='float64'), ['exp'])
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..categories.errors import NoMeaningError
from ..diagrams.box import Box
from ..diagrams.cache import derived
from ..diagrams.params import Body, Constant, LazyDiagram, LazyRules
from ..diagrams.syntax import Diagram
from ..diagrams.tracing.jaxpr import from_jax
from ..diagrams.traversal import every_box, rebuild
from ..diagrams.types import Ty, Wire, wire
from .derivative_rules import fact_of

__all__ = ["promoted", "rounded_constants", "wide_dtype"]

WIDE = {"R": "float64", "C": "complex128"}
BITS = ("bitcast_convert_type", "nextafter")


def wide_dtype(w: Wire) -> str:
    """The dtype in double precision, of the same kind."""
    return WIDE.get(w.kind, w.dtype)


def wide(ty: Ty) -> Ty:
    """The type with every float wire in double precision."""
    return Ty.of(wire(w.shape, wide_dtype(w)) for w in ty.inside)


def promoted(d: Diagram) -> Diagram:
    """The same map of real numbers in double precision, casts between floats erased.

    Raises `NoMeaningError` for a box that reads the bits of a float, or that holds a function for one format.
    """
    return rebuild(d.graph, _image, dom=wide(d.dom), cod=wide(d.cod))


def _image(box: Box) -> Diagram:
    if box.op == "convert_element_type" and box.dom.inside[0].kind == box.cod.inside[0].kind in WIDE:
        return Diagram.id(wide(box.dom))
    if box.op == "reduce_precision":
        return Diagram.id(wide(box.dom))
    floats = any(w.kind in WIDE for w in box.dom.inside)
    if not floats and not box.bodies and any(w.kind in WIDE for w in box.cod.inside):
        widened = [Diagram.id(Ty(w)) if wide(Ty(w)) == Ty(w) else _widening(w) for w in box.cod.inside]
        return box.then(Diagram.id(Ty()).tensor(*widened))
    return derived(box, "promoted", lambda: _box(box))


def _widening(w: Wire) -> Box:
    with jax.enable_x64(True):
        return from_jax(lambda x: lax.convert_element_type(x, wide_dtype(w)), Ty(w)).boxes[0]


def _box(box: Box) -> Box:
    if box.op in BITS:
        raise NoMeaningError(f"{box.name} reads the bits of its floats and has no meaning in another precision")
    if box.op and fact_of(box.op) is None and any(map(_is_function, box.params.values())):
        raise NoMeaningError(f"{box.name} holds a function that was made for its own format")
    definition = None if box.definition is None else promoted(box.definition)
    params = {k: _param(v) for k, v in box.params.items()}
    return box.replaced(dom=wide(box.dom), cod=wide(box.cod), params=params, definition=definition)


def _is_function(value: Any) -> bool:
    """Whether a parameter is a function of Python, which no functor sees into."""
    return callable(value) and not isinstance(value, (type, Body, LazyDiagram, Constant))


def _param(value: Any) -> Any:
    if isinstance(value, Body):
        return Body(promoted(value.diagram), value.closed, value.weak)
    if isinstance(value, LazyDiagram):
        return LazyDiagram(lambda: promoted(value.diagram), value.depth, value.label)
    if isinstance(value, LazyRules):
        made = value.where

        def wider(still: tuple[int, ...]) -> dict[str, LazyDiagram]:
            return {k: LazyDiagram(lambda r=r: promoted(r.diagram), r.depth, r.label) for k, r in made(still).items()}

        return LazyRules(wider, value.label, f"{value.token} promoted")
    if isinstance(value, Constant):
        array = np.asarray(value.value)
        return Constant(array.astype(_dtype(array.dtype)), value.weak)
    if isinstance(value, np.dtype):
        return _dtype(value)
    if isinstance(value, tuple):
        made = [_param(v) for v in value]
        return type(value)(*made) if hasattr(value, "_fields") else tuple(made)
    return value


def _dtype(dtype: np.dtype) -> np.dtype:
    if jnp.issubdtype(dtype, np.complexfloating):
        return np.dtype("complex128")
    return np.dtype("float64") if jnp.issubdtype(dtype, np.floating) else dtype


def rounded_constants(d: Diagram) -> bool:
    """Whether a constant of the diagram, its rules included, is a rounded number: one that fills its format."""
    constants = (v for box in every_box(d, rules=True) for v in box.params.values() if isinstance(v, Constant))
    return any(_rounded(np.asarray(v.value)) for v in constants)


def _rounded(array: np.ndarray) -> bool:
    """Whether some entry has more than half of the digits of its format."""
    if not jnp.issubdtype(array.dtype, np.inexact):
        return False
    array = np.atleast_1d(array)
    parts = array.astype(np.complex128).view(np.float64) if array.dtype.kind == "c" else array.astype(np.float64)
    mantissa = np.frexp(parts[np.isfinite(parts)])[0] * 2.0**12
    return bool((mantissa != np.rint(mantissa)).any())
