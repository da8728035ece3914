"""The activations of `jax.nn`, under their names and with their options.

Each takes the type of its input, or an int n for R(n), and keeps it (`glu` halves an axis). They are
1-cells without parameters; those that `jax.nn` jits are the very box that JAX shows.

>>> relu(128), glu(8).cod, leaky_relu(3, negative_slope=0.2).arrow.name
(<Para R(128) -> R(128), 0 arrays, 0 parameters>, R(4), 'leaky_relu')
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from ...categories.errors import CompositionError
from ...categories.para import Para
from .make import Input, layer, typed

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "identity",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
]


def _activation(name: str) -> Callable[..., Para]:
    function = getattr(jax.nn, name)

    def activation(x: Input, **options: Any) -> Para:
        x = typed(name, x)
        try:
            return layer(name, function, x, {}, **options)
        except Exception as error:
            given = "".join(f", {k}={v!r}" for k, v in options.items())
            raise CompositionError(f"{name}({x}{given}) is refused by jax.nn.{name}: {error}") from error

    activation.__name__ = activation.__qualname__ = name
    activation.__doc__ = f"`jax.nn.{name}` of a wire of type x, with its options as keywords."
    return activation


celu = _activation("celu")
elu = _activation("elu")
gelu = _activation("gelu")
glu = _activation("glu")
hard_sigmoid = _activation("hard_sigmoid")
hard_silu = hard_swish = _activation("hard_silu")
hard_tanh = _activation("hard_tanh")
identity = _activation("identity")
leaky_relu = _activation("leaky_relu")
log_sigmoid = _activation("log_sigmoid")
log_softmax = _activation("log_softmax")
mish = _activation("mish")
relu = _activation("relu")
relu6 = _activation("relu6")
selu = _activation("selu")
sigmoid = _activation("sigmoid")
silu = swish = _activation("silu")
soft_sign = _activation("soft_sign")
softmax = _activation("softmax")
softplus = _activation("softplus")
sparse_plus = _activation("sparse_plus")
sparse_sigmoid = _activation("sparse_sigmoid")
squareplus = _activation("squareplus")
tanh = _activation("tanh")
