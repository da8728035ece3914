"""Normalization: an array is centered, scaled to variance one, then scaled and shifted by parameters.

    layer norm   (x - mean x) / sqrt(var x + ε) * scale + bias      over the last axis
    group norm   the same over all axes but the last, and blocks of channels
    rms norm     x / sqrt(mean x² + ε) * scale                      over the last axis

Statistics are computed in at least 32 bits and from the centered array: `mean x² - (mean x)²`
cancels. Sources: Ba, Kiros, Hinton (2016); Wu, He (2018); Zhang, Sennrich (2019). The default ε is Flax's.

>>> layer_norm(64).params
{'layer_norm': {'scale': R(64), 'bias': R(64)}}
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from ...categories.errors import CompositionError
from ...categories.para import Para
from ...categories.param import Param
from ..types import Ty
from .make import Input, layer, like, spread, typed, whole, wide

__all__ = ["group_norm", "layer_norm", "rms_norm"]


def layer_norm(x: Input, *, epsilon: float = 1e-6, bias: bool = True) -> Para:
    """The layer norm over the last axis, with parameters scale and bias along it."""
    x = typed("layer_norm", x, "..., features")
    return layer("layer_norm", _layer_norm, x, _affine(x, bias), epsilon=_small("layer_norm", epsilon))


def rms_norm(x: Input, *, epsilon: float = 1e-6) -> Para:
    """The root-mean-square norm over the last axis, with a parameter scale along it."""
    x = typed("rms_norm", x, "..., features")
    return layer("rms_norm", _rms_norm, x, _affine(x, bias=False), epsilon=_small("rms_norm", epsilon))


def group_norm(x: Input, groups: int, *, epsilon: float = 1e-6, bias: bool = True) -> Para:
    """The norm over all axes but the last, in `groups` blocks of channels; scale and bias are per channel.

    Raises `CompositionError` when the groups do not divide the channels.
    """
    x = typed("group_norm", x, "..., channels", example="R(28, 28, 32)")
    groups, channels = whole("group_norm", "groups", groups), x.wire.shape[-1]
    if channels % groups:
        raise CompositionError(f"group_norm: {groups} groups do not divide the {channels} channels ({x}, wire 0)")
    epsilon = _small("group_norm", epsilon)
    return layer("group_norm", _group_norm, x, _affine(x, bias), groups=groups, epsilon=epsilon)


def _affine(x: Ty, bias: bool) -> dict[str, Param]:
    last = like(x, x.wire.shape[-1])
    return {"scale": Param(last, "ones")} | ({"bias": Param(last, "zeros")} if bias else {})


def _small(name: str, epsilon: float) -> float:
    if not isinstance(epsilon, (int, float)) or not 0 <= epsilon < 1:
        raise CompositionError(f"{name}: epsilon is {epsilon!r}, expected a number from 0 to 1 such as 1e-6")
    return float(epsilon)


def _standard(x: jax.Array, axes: tuple[int, ...], epsilon: float) -> jax.Array:
    centered = x - jnp.mean(x, axes, keepdims=True)
    return centered * lax.rsqrt(jnp.mean(jnp.square(centered), axes, keepdims=True) + epsilon)


def _scaled(y: jax.Array, x: jax.Array, scale: jax.Array, bias: jax.Array | None) -> jax.Array:
    """The affine map of the normalized y, in the dtype of x."""
    y = y * spread(wide(scale), y)
    return (y if bias is None else y + spread(wide(bias), y)).astype(x.dtype)


def _layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array | None = None, *, epsilon: float) -> jax.Array:
    return _scaled(_standard(wide(x), (-1,), epsilon), x, scale, bias)


def _rms_norm(x: jax.Array, scale: jax.Array, *, epsilon: float) -> jax.Array:
    square = jnp.mean(jnp.square(wide(x)), -1, keepdims=True)
    return _scaled(wide(x) * lax.rsqrt(square + epsilon), x, scale, None)


def _group_norm(
    x: jax.Array, scale: jax.Array, bias: jax.Array | None = None, *, groups: int, epsilon: float
) -> jax.Array:
    blocks = wide(x).reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    axes = (*range(x.ndim - 1), x.ndim)
    return _scaled(_standard(blocks, axes, epsilon).reshape(x.shape), x, scale, bias)
