"""The diagrams that rules build from: generators at given types, each traced once.

>>> transposed(R(2, 3).wire, (1, 0))
<Diagram R(2, 3) -> R(3, 2), 1 box>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...diagrams.box import Box
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.arrays import constant
from ...diagrams.types import Ty, Wire, wire
from ..derivatives.optic import precision, rule

__all__ = ["converted", "elementwise", "filled", "like", "reshaped", "spread", "summed", "traced", "transposed"]


def traced(function: Callable[..., Any], *wires: Wire) -> Diagram:
    """A function of `jax.lax` with one result as a diagram over these wires."""
    return rule(lambda *xs: [function(*xs)], wires)[0]


@lru_cache(maxsize=4096)
def transposed(w: Wire, order: tuple[int, ...]) -> Diagram:
    """The transposition that puts axis order[i] at place i."""
    return traced(lambda x: lax.transpose(x, order), w)


@lru_cache(maxsize=4096)
def reshaped(w: Wire, shape: tuple[int, ...]) -> Diagram:
    """The same entries in another shape."""
    return traced(lambda x: lax.reshape(x, shape), w)


@lru_cache(maxsize=4096)
def spread(w: Wire, shape: tuple[int, ...], axes: tuple[int, ...]) -> Diagram:
    """The array repeated along new axes of `shape`; its own go to `axes`."""
    return traced(lambda x: lax.broadcast_in_dim(x, shape, axes), w)


@lru_cache(maxsize=4096)
def summed(w: Wire, axes: tuple[int, ...]) -> Diagram:
    """The sum over axes."""
    return traced(lambda x: lax.reduce_sum(x, axes), w)


@lru_cache(maxsize=4096)
def converted(w: Wire, dtype: str) -> Diagram:
    """The same numbers in another dtype."""
    with precision([w, wire(w.shape, dtype)]):
        return traced(lambda x: lax.convert_element_type(x, dtype), w)


@lru_cache(maxsize=4096)
def elementwise(op: str, *wires: Wire) -> Diagram:
    """A generator of `jax.lax` that works entry by entry."""
    return traced(getattr(lax, op), *wires)


@lru_cache(maxsize=4096)
def _filled(number: bytes, w: Wire) -> Diagram:
    with precision([w]):
        scalar = constant(np.frombuffer(number, dtype=jnp.dtype(w.dtype))[0])
    return scalar if not w.shape else Diagram.then(scalar, spread(wire((), w.dtype), w.shape, ()))


def filled(number: Any, w: Wire) -> Diagram:
    """The array of this type with the same number everywhere, as a diagram without inputs."""
    return _filled(np.asarray(number).astype(jnp.dtype(w.dtype)).tobytes(), w)


def like(box: Box, wires: Sequence[Wire], cod: Wire, **params: Any) -> Box:
    """The same generator on other wires, with some static parameters changed."""
    return Box(box.name, Ty.of(wires), Ty.of((cod,)), op=box.op, params={**box.params, **params})
