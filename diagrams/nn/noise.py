"""Dropout: a random map is a map with a wire for its key, so nothing random is hidden.

    dropout(x, key) = x / (1 - rate)  where a coin of the key's shows 1 - rate, else 0

Its mean is x. Two calls on copies of one key drop the same entries. The input's extra wire becomes
an extra input of the `sequential` model around it.

>>> dropout(128, 0.1).dom, dropout(128, 0.1, deterministic=True).dom
(R(128) @ Key(), R(128))
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ...categories.errors import CompositionError
from ...categories.para import Para
from ..syntax import Diagram
from ..types import Key
from .make import Input, layer, typed

__all__ = ["dropout"]


def dropout(x: Input, rate: float, *, deterministic: bool = False) -> Para:
    """Dropout X @ Key() -> X; with `deterministic`, for evaluation, the identity on X.

    Raises `CompositionError` for a rate outside of 0 to 1.
    """
    x = typed("dropout", x)
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise CompositionError(f"dropout: rate is {rate!r}, expected the share of entries to drop, from 0 to 1")
    if deterministic:
        return Para.lift(Diagram.id(x))
    return layer("dropout", _dropout, x @ Key(), {}, rate=float(rate))


def _dropout(x: jax.Array, key: jax.Array, *, rate: float) -> jax.Array:
    if rate == 1.0:
        return jnp.zeros_like(x)
    kept = jax.random.bernoulli(key, 1.0 - rate, x.shape)
    return jnp.where(kept, x / (1.0 - rate), jnp.zeros_like(x))
