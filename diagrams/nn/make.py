"""How a layer is made: one line of `jax.numpy`, traced once for each kind and shape.

A layer of type X -> Y with parameters of types P is the 1-cell `(P, f : X ⊗ P -> Y)` of Para whose
map f is a single box. `layer` traces the function of the layer and closes it into that box; equal
calls give the same box object, so a model of a thousand equal layers is traced once.

>>> from paralens import Param, R
>>> scale = layer("scale", lambda x, s: x * s, R(3), {"s": Param(R(3), "ones")})
>>> scale, scale.paths
(<Para R(3) -> R(3), 1 array, 3 parameters>, ('scale/s',))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial, wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import CompositionError
from ...categories.para import Para
from ...categories.param import Init, Param
from ..box import Box
from ..tracing.jaxpr import from_jax
from ..types import Ty, wire

__all__ = ["Input", "Start", "cached", "each", "layer", "like", "spread", "typed", "whole", "wide"]

Input = Ty | int
"""The type of a layer's input; an int n stands for R(n)."""

Start = str | Init | Callable[..., Any]
"""An initializer: a name in `jax.nn.initializers`, an `Init`, or a function of key, shape and dtype."""

Function = TypeVar("Function", bound=Callable[..., Any])


def layer(name: str, function: Callable[..., Any], data: Ty, params: Mapping[str, Param], **static: Any) -> Para:
    """The 1-cell of `function(*data, *params, **static)`, one box of this name that owns its parameters."""
    weights = Ty.of(p.wire for p in params.values())
    return Para(_box(name, function, data @ weights, **static), {name: params} if params else {})


def cached(build: Function) -> Function:
    """The function, whose calls with equal arguments give one object.

    What JAX traces depends on two of its settings as well, so they are part of the key.
    """

    @lru_cache(maxsize=4096, typed=True)
    def remembered(_x64: bool, _precision: str | None, *args: Any, **options: Any) -> Any:
        return build(*args, **options)

    @wraps(build)
    def call(*args: Any, **options: Any) -> Any:
        config: Any = jax.config
        return remembered(config.jax_enable_x64, config.jax_default_matmul_precision, *args, **options)

    return call  # type: ignore[return-value]


@cached
def _box(name: str, function: Callable[..., Any], dom: Ty, **static: Any) -> Box:
    traced = from_jax(partial(function, **static), *dom)
    graph = traced.graph
    only = graph.table[0] if len(graph) == 1 else None
    # a function that is jitted in JAX under this very name is the box already
    if only is not None and only.name == name and traced == only:
        return only
    return traced.boxed(name)


# -- types -------------------------------------------------------------------------------------


def typed(name: str, x: Input, axes: str = "...", kinds: str = "R", example: str = "R(3)") -> Ty:
    """The type of the input of the layer `name`: one wire of one of these kinds, with these axes.

    `axes` names them, `"length, features"`; a first `...` stands for any number of axes.
    Raises `CompositionError` for anything else.
    """
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool) and x >= 0:
        x = Ty.of((wire((int(x),), {"R": "float32", "Z": "int32"}[kinds[0]]),))
    if not isinstance(x, Ty):
        raise CompositionError(f"{name} takes the type of its input first, such as {example}, and got {x!r}")
    expected = " or ".join(f"{kind}({axes})" for kind in kinds)
    if len(x) != 1:
        raise CompositionError(f"{name} takes one wire {expected} and got the {len(x)} wires {x}: pick one by index")
    named = axes.split(", ")
    rank, least = len(x.wire.shape), len(named) - (named[0] == "...")
    if x.wire.kind not in kinds or rank < least or (named[0] != "..." and rank > least):
        raise CompositionError(f"{name} takes {expected} and got {x} (wire 0): give a type such as {example}")
    return x


def like(x: Ty, *shape: int) -> Ty:
    """The wire of this shape and of the dtype of `x`."""
    return Ty.of((wire(shape, x.wire.dtype),))


def whole(name: str, what: str, value: Any, least: int = 1) -> int:
    """The value as an int; raises `CompositionError` for what is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise CompositionError(f"{name}: {what} is {value!r}, expected a whole number of at least {least}")
    return int(value)


def each(name: str, what: str, value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """One whole number for each of n axes; a single one stands for all."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(values) != n:
        raise CompositionError(f"{name}: {what} is {value!r}, expected one number or {n}, one for each axis")
    return tuple(whole(name, what, v) for v in values)


# -- pieces of layers' functions ---------------------------------------------------------------


def spread(weight: jax.Array, x: jax.Array) -> jax.Array:
    """The vector of the last axis as an array of the shape of `x`: the broadcast, said aloud."""
    return jnp.broadcast_to(weight, x.shape)


def wide(x: jax.Array) -> jax.Array:
    """The array in at least 32 bits: statistics of bfloat16 and float16 arrays lose too much in their own dtype."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x
