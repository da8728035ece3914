"""Losses: maps `prediction ⊗ label -> R()`, each one box with a definition.

A loss on B is a 1-cell B -> L of Para whose parameter is the label (G. Cruttwell et al., "Categorical foundations of
gradient-based learning", 2021, section 3). With p the prediction and t the label,

    name                     value                                     derivative in p
    squared_error            ½ Σ (p - t)²                              p - t
    mean_squared_error       the mean of (p - t)²                      2 (p - t) / size
    absolute_error           Σ |p - t|                                 sign(p - t)
    huber                    Σ h(p - t), h(e) = ½ e² up to δ,          p - t, clipped to ±δ
                             then δ (|e| - ½ δ)
    dot_product              Σ p t                                     t
    softmax_cross_entropy    -Σ t log softmax(p)                       softmax(p) Σ t - t
    binary_cross_entropy     -Σ t log s(p) + (1 - t) log s(-p),        s(p) - t
                             s the sigmoid

The first argument is the type of the prediction, of one wire; an int n stands for R(n). A loss sums over the entries of
one prediction. Losses of 16-bit predictions are computed, and given, in 32 bits.

>>> from paralens import reverse, to_jax
>>> loss = squared_error(2)
>>> loss.dom, loss.cod
(R(2) @ R(2), R())
>>> p, t = jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])
>>> float(to_jax(loss)(p, t)), to_jax(reverse(loss, wrt=[0]))(p, t, 1.0).tolist()
(2.5, [1.0, -2.0])
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..categories.errors import CompositionError
from .nn.make import Input, layer, typed, wide
from .syntax import Diagram
from .types import R, Ty, Z

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "dot_product",
    "huber",
    "itself",
    "mean_squared_error",
    "softmax_cross_entropy",
    "squared_error",
]


def squared_error(x: Input) -> Diagram:
    """½ Σ (p - t)², with the half that makes its derivative p - t."""
    return _loss("squared_error", _squared_error, x)


def _squared_error(p: jax.Array, t: jax.Array) -> jax.Array:
    return 0.5 * jnp.sum(jnp.square(p - t))


def mean_squared_error(x: Input) -> Diagram:
    """The mean of (p - t)² over the entries, without a half."""
    return _loss("mean_squared_error", _mean_squared_error, x)


def _mean_squared_error(p: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(p - t))


def absolute_error(x: Input) -> Diagram:
    """Σ |p - t|; its derivative where p = t is 0."""
    return _loss("absolute_error", _absolute_error, x)


def _absolute_error(p: jax.Array, t: jax.Array) -> jax.Array:
    # the derivative of abs at 0 is 1 in JAX, and would drive a perfect prediction away; here it is 0
    error = p - t
    return jnp.sum(jnp.maximum(error, -error))


def huber(x: Input, delta: float = 1.0) -> Diagram:
    """Σ h(p - t), quadratic up to `delta` and linear from there on (P. Huber, 1964).

    Raises `CompositionError` unless `delta` is positive.
    """
    if isinstance(delta, bool) or not isinstance(delta, (int, float)) or not delta > 0:
        raise CompositionError(f"huber: delta is {delta!r}, expected a positive number")
    return _loss("huber", _huber, x, delta=float(delta))


def _huber(p: jax.Array, t: jax.Array, *, delta: float) -> jax.Array:
    error = jnp.abs(p - t)
    # both branches read the minimum, so that the derivative at the seam is not counted twice
    quadratic = jnp.minimum(error, delta)
    return jnp.sum(0.5 * jnp.square(quadratic) + delta * (error - quadratic))


def dot_product(x: Input) -> Diagram:
    """Σ p t; its derivative is the label, so that a positive rate moves the prediction along it (deep dreaming)."""
    return _loss("dot_product", _dot_product, x)


def _dot_product(p: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(p * t)


def softmax_cross_entropy(x: Input, labels: str = "probabilities") -> Diagram:
    """-Σ t log softmax(p) over the last axis of the logits p, and the mean over the axes before it, if any.

    `labels` says what t is: "probabilities", of the type of p, or "integer", the number of the right class, of type
    Z() for R(n) and Z(length) for R(length, n). Raises `CompositionError` for anything else.
    """
    x = typed("softmax_cross_entropy", x, axes="..., classes")
    if labels == "probabilities":
        return _loss("softmax_cross_entropy", _softmax_cross_entropy, x)
    if labels == "integer":
        return _loss("softmax_cross_entropy", _softmax_cross_entropy_integer, x, label=Z(*x.wire.shape[:-1]))
    raise CompositionError(f'softmax_cross_entropy: labels is {labels!r}, expected "probabilities" or "integer"')


def _softmax_cross_entropy(p: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.mean(-jnp.sum(t * jax.nn.log_softmax(p), axis=-1))


def _softmax_cross_entropy_integer(p: jax.Array, t: jax.Array) -> jax.Array:
    right = jnp.take_along_axis(p, jnp.expand_dims(t, -1), axis=-1)
    return jnp.mean(jax.nn.logsumexp(p, axis=-1) - jnp.squeeze(right, -1))


def binary_cross_entropy(x: Input) -> Diagram:
    """-Σ t log sigmoid(p) + (1 - t) log sigmoid(-p): p are logits, t the probabilities of yes."""
    return _loss("binary_cross_entropy", _binary_cross_entropy, x)


def _binary_cross_entropy(p: jax.Array, t: jax.Array) -> jax.Array:
    # log sigmoid(-p) and not log(1 - sigmoid(p)), which is -inf for large logits
    return -jnp.sum(t * jax.nn.log_sigmoid(p) + (1.0 - t) * jax.nn.log_sigmoid(-p))


def itself(x: Ty | None = None) -> Diagram:
    """The identity R() -> R(): the model's own output is the loss, and there is no label.

    Raises `CompositionError` for an output that is not one real number.
    """
    x = typed("itself", R() if x is None else x, example="R()")
    if x.wire.shape:
        raise CompositionError(f"itself takes one real number and got {x} (wire 0): end the model with a sum or a mean")
    return Diagram.id(x).boxed("itself")


def _loss(name: str, function: Any, x: Input, label: Ty | None = None, **static: Any) -> Diagram:
    """The box of a loss on predictions of type x, with labels of the same type unless one is given."""
    x = typed(name, x)
    return layer(name, _widened, x @ (x if label is None else label), {}, line=function, **static).arrow


def _widened(p: jax.Array, t: jax.Array, *, line: Any, **static: Any) -> jax.Array:
    return line(wide(p), t if jnp.issubdtype(t.dtype, jnp.integer) else wide(t), **static)
