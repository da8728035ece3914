"""Layers that are linear or affine in their input: dense, bias, embeddings.

    dense      y = x w + b        w : R(n, m) on the last axis, b : R(m)
    bias       y = x + b
    embedding  y = w[x]           the rows of w : R(n, d), that is dense on one-hot vectors

>>> from paralens import R
>>> dense(R(10, 3), 4), dense(3, 4).params
(<Para R(10, 3) -> R(10, 4), 2 arrays, 16 parameters>, {'dense': {'w': R(3, 4), 'b': R(4)}})
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ...categories.errors import CompositionError
from ...categories.para import Para
from ...categories.param import Init, Param
from ..types import R, letter
from .make import Input, Start, layer, like, spread, typed, whole

__all__ = ["bias", "dense", "embedding", "position_embedding"]

# an embedding is a linear map of one-hot vectors: the fan is the width, not the number of rows
ROWS = Init("variance_scaling", {"scale": 1.0, "mode": "fan_in", "distribution": "normal", "out_axis": 0})


def dense(
    x: Input, features: int, *, bias: bool = True, init: Start = "lecun_normal", bias_init: Start = "zeros"
) -> Para:
    """The affine map of the last axis to `features`, with parameters w (in, out) and b (out).

    Raises `CompositionError` for an input without a last axis of at least one entry.

    >>> dense(784, 128, bias=False).paths
    ('dense/w',)
    """
    x = typed("dense", x, "..., features", "RC")
    features = whole("dense", "features", features)
    whole("dense", f"the last axis of {x}", x.wire.shape[-1])
    params = {"w": Param(like(x, x.wire.shape[-1], features), init)}
    params |= {"b": Param(like(x, features), bias_init)} if bias else {}
    return layer("dense", _dense, x, params)


def _dense(x: jax.Array, w: jax.Array, b: jax.Array | None = None) -> jax.Array:
    y = x @ w
    return y if b is None else y + spread(b, y)


def bias(x: Input, *, init: Start = "zeros") -> Para:
    """The sum of the input and a parameter b along its last axis."""
    x = typed("bias", x, "..., features", "RC")
    return layer("bias", _bias, x, {"b": Param(like(x, x.wire.shape[-1]), init)})


def _bias(x: jax.Array, b: jax.Array) -> jax.Array:
    return x + spread(b, x)


def embedding(x: Input, count: int, features: int, *, dtype: str = "float32", init: Start = ROWS) -> Para:
    """The rows of a parameter w (count, features) that the integers of the input name: Z(n) -> R(n, features).

    An int n as the input stands for Z(n). A number outside of the rows gives NaN.

    >>> embedding(16, 1000, 64)
    <Para Z(16) -> R(16, 64), 1 array, 64,000 parameters>
    """
    x = typed("embedding", x, kinds="Z", example="Z(16)")
    shape = whole("embedding", "count", count), whole("embedding", "features", features)
    if letter(dtype) != "R":
        raise CompositionError(f"embedding: dtype is {dtype!r}, expected a float dtype such as 'bfloat16'")
    return layer("embedding", _embedding, x, {"w": Param(R(*shape, dtype=dtype), init)})


def _embedding(x: jax.Array, w: jax.Array) -> jax.Array:
    return jnp.take(w, x, axis=0)


def position_embedding(x: Input, *, init: Start = Init("normal", {"stddev": 0.02})) -> Para:  # noqa: B008
    """The sum of a sequence R(length, features) and a parameter w of its shape."""
    x = typed("position_embedding", x, "length, features", example="R(10, 3)")
    return layer("position_embedding", jnp.add, x, {"w": Param(x, init)})
