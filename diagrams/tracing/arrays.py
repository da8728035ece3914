"""Between wires and JAX's arrays: shapes, tangents and constants."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from ...categories.errors import EffectError, InputError
from ..box import Box
from ..params import Constant
from ..types import Ty, Wire, dtype_name, wire

__all__ = [
    "FLOAT0",
    "array_or_key",
    "aval",
    "constant",
    "parts_of_key",
    "spread",
    "types_of",
    "wire_of",
    "zeros",
]

FLOAT0 = jax.dtypes.float0


def aval(w: Wire, weak: bool = False) -> jax.ShapeDtypeStruct:
    """The shape and dtype of a wire, as JAX takes them."""
    return jax.ShapeDtypeStruct(w.shape, _dtype(w.dtype), weak_type=weak)


@cache
def _dtype(name: str) -> Any:
    if not name.startswith("key<"):
        return jax.numpy.dtype(name)
    for impl in ("threefry2x32", "rbg", "unsafe_rbg"):
        dtype = jax.eval_shape(lambda impl=impl: jax.random.key(0, impl=impl)).dtype
        if str(dtype) == name:
            return dtype
    raise InputError(f"this JAX has no PRNG with the tag {name!r}")


def wire_of(a: Any) -> Wire:
    if not hasattr(a, "shape") or not hasattr(a, "dtype"):
        raise EffectError(f"a wire carries arrays, and cannot carry {a}")
    return wire(tuple(map(int, a.shape)), dtype_name(a.dtype))


def types_of(atoms: Sequence[Any]) -> Ty:
    """The type of the variables and literals of a jaxpr; equal ones are one object."""
    try:
        return _types(tuple((v.aval.shape, v.aval.dtype) for v in atoms))
    except AttributeError:
        return Ty.of(wire_of(v.aval) for v in atoms)


@lru_cache(maxsize=65536)
def _types(arrays: tuple[tuple[Any, Any], ...]) -> Ty:
    return Ty.of(wire(tuple(map(int, shape)), dtype_name(dtype)) for shape, dtype in arrays)


def zeros(w: Wire) -> Any:
    """The only tangent of a wire that has none, as JAX writes it."""
    return np.zeros(w.shape, FLOAT0)


def spread(wires: Sequence[Wire], values: Sequence[Any]) -> list[Any]:
    """One tangent a wire: the given values at the differentiable wires, JAX's empty tangent elsewhere."""
    given = iter(values)
    return [next(given) if w.differentiable else zeros(w) for w in wires]


def constant(value: Any, weak: bool = False) -> Box:
    """The box without inputs that gives this array or, when `weak`, this Python scalar."""
    if isinstance(value, Tracer):
        raise EffectError(
            f"a function or its derivative rule closes over a value that is being traced, {value.aval}: "
            "pass it as an argument (jax.closure_convert does)"
        )
    data, impl = parts_of_key(value)
    if impl:
        cod = Ty.of((wire(tuple(value.shape), dtype_name(value.dtype)),))
        return Box("key", Ty(), cod, op="constant", params={"value": Constant(data), "impl": impl})
    if not isinstance(value, jax.Array):
        value = np.array(value)  # a copy: what the caller does to the array later is not our business
        value = np.asarray(value, jax.dtypes.canonicalize_dtype(value.dtype))
        value.flags.writeable = False
    cod = Ty.of((wire(tuple(value.shape), dtype_name(value.dtype)),))
    if value.size == 1 and value.ndim == 0:
        return _scalar(np.asarray(value).tobytes(), str(value.dtype), weak, cod)
    return Box("constant", Ty(), cod, op="constant", params={"value": Constant(value, weak)})


def parts_of_key(value: Any) -> tuple[Any, str]:
    """The numbers in an array of PRNG keys and the name of its implementation; any other array, and no name."""
    if getattr(value, "dtype", None) is None or not jax.numpy.issubdtype(value.dtype, jax.dtypes.prng_key):
        return value, ""
    return np.asarray(jax.random.key_data(value)), str(jax.random.key_impl(value))


def array_or_key(data: Any, impl: str | None) -> Any:
    """The array of PRNG keys of these numbers, or the numbers where no implementation is named."""
    return jax.random.wrap_key_data(jax.numpy.asarray(data), impl=impl) if impl else data


@lru_cache(maxsize=4096)
def _scalar(data: bytes, dtype: str, weak: bool, cod: Ty) -> Box:
    value = np.frombuffer(data, dtype=jax.numpy.dtype(dtype)).reshape(())
    return Box(_short(value), Ty(), cod, op="constant", params={"value": Constant(value, weak)})


def _short(value: Any) -> str:
    text = str(value)
    return f"{float(value):.4g}" if len(text) > 8 and value.dtype.kind == "f" else text
