"""Layers of sliding windows: convolution and pooling over one or two axes, channels last.

Over axes of n entries with kernel k, stride s, dilation d and padding (l, h), as in JAX and Flax:

    y[i, o] = sum over j, c of  x[i s + j d - l, c] w[j, c, o]  + b[o]
    the axis of y has (n + l + h - d (k - 1) - 1) // s + 1 entries

`padding` is "VALID" (none), "SAME" (n / s entries, rounded up), a number for every side, or one pair
(l, h) for each axis. With groups, channel block g of y reads channel block g of x only.

>>> from paralens import R
>>> conv2d(R(28, 28, 1), 32, 3, stride=2).cod, max_pool(R(28, 28, 1)).cod
(R(14, 14, 32), R(14, 14, 1))
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ...categories.errors import CompositionError
from ...categories.para import Para
from ...categories.param import Param
from ..types import Ty
from .make import Start, each, layer, like, spread, typed, whole

__all__ = ["avg_pool", "conv1d", "conv2d", "global_avg_pool", "max_pool"]

Sizes = int | Sequence[int]
Padding = str | int | Sequence[Sequence[int]]
Pads = str | tuple[tuple[int, int], ...]

LINE, PLANE = "length, channels", "height, width, channels"


def conv1d(
    x: Ty,
    features: int,
    kernel: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
    bias: bool = True,
    init: Start = "lecun_normal",
    bias_init: Start = "zeros",
) -> Para:
    """The convolution R(length, channels) -> R(length', features); w is (kernel, channels / groups, features).

    Raises `CompositionError` when groups do not divide the channels or the kernel does not fit.
    """
    x = typed("conv1d", x, LINE, example="R(100, 3)")
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _conv("conv1d", x, features, kernel, bias, init, bias_init, **options)


def conv2d(
    x: Ty,
    features: int,
    kernel: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "SAME",
    dilation: Sizes = 1,
    groups: int = 1,
    bias: bool = True,
    init: Start = "lecun_normal",
    bias_init: Start = "zeros",
) -> Para:
    """The convolution R(height, width, channels) -> R(height', width', features).

    The parameter w is (kernel, kernel, channels / groups, features). Raises `CompositionError` when
    groups do not divide the channels or the kernel does not fit.

    >>> from paralens import R
    >>> conv2d(R(28, 28, 4), 8, (3, 5), groups=2, padding="VALID").params
    {'conv2d': {'w': R(3, 5, 2, 8), 'b': R(8)}}
    """
    x = typed("conv2d", x, PLANE, example="R(28, 28, 1)")
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return _conv("conv2d", x, features, kernel, bias, init, bias_init, **options)


def _conv(
    name: str,
    x: Ty,
    features: int,
    kernel: Sizes,
    bias: bool,
    init: Start,
    bias_init: Start,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> Para:
    *space, channels = x.wire.shape
    features, groups = whole(name, "features", features), whole(name, "groups", groups)
    whole(name, f"the last axis of {x}", channels)
    for what, n in (("channels", channels), ("features", features)):
        if n % groups:
            raise CompositionError(f"{name}: {groups} groups do not divide the {n} {what} ({x}, wire 0)")
    sizes = each(name, "kernel", kernel, len(space))
    static = {
        "stride": each(name, "stride", stride, len(space)),
        "padding": _pads(name, padding, len(space)),
        "dilation": each(name, "dilation", dilation, len(space)),
        "groups": groups,
    }
    _fits(name, x, sizes, static["dilation"], static["padding"])
    params = {"w": Param(like(x, *sizes, channels // groups, features), init)}
    params |= {"b": Param(like(x, features), bias_init)} if bias else {}
    return layer(name, _convolve, x, params, **static)


def _convolve(x: jax.Array, w: jax.Array, b: jax.Array | None = None, **static: Any) -> jax.Array:
    space = "HW"[: x.ndim - 1]
    y = lax.conv_general_dilated(
        jnp.expand_dims(x, 0),
        w,
        static["stride"],
        static["padding"],
        rhs_dilation=static["dilation"],
        dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
        feature_group_count=static["groups"],
    )
    y = jnp.squeeze(y, 0)
    return y if b is None else y + spread(b, y)


# -- pooling -----------------------------------------------------------------------------------


def max_pool(x: Ty, window: Sizes = 2, *, stride: Sizes | None = None, padding: Padding = "VALID") -> Para:
    """The maximum of each window of R(length, channels) or R(height, width, channels); padding never wins.

    The stride is the window unless given. Raises `CompositionError` when the window does not fit.
    """
    return _pool("max_pool", _max_pool, x, window, stride, padding)


def avg_pool(x: Ty, window: Sizes = 2, *, stride: Sizes | None = None, padding: Padding = "VALID") -> Para:
    """The mean of each window of R(length, channels) or R(height, width, channels); padding counts as zeros.

    The stride is the window unless given. Raises `CompositionError` when the window does not fit.
    """
    return _pool("avg_pool", _avg_pool, x, window, stride, padding)


def _pool(name: str, function: Any, x: Ty, window: Sizes, stride: Sizes | None, padding: Padding) -> Para:
    many = isinstance(x, Ty) and len(x) == 1 and len(x.wire.shape) == 3
    x = typed(name, x, PLANE if many else LINE, example="R(100, 3) or R(28, 28, 1)")
    rank = len(x.wire.shape) - 1
    sizes, pads = each(name, "window", window, rank), _pads(name, padding, rank)
    _fits(name, x, sizes, (1,) * rank, pads)
    strides = sizes if stride is None else each(name, "stride", stride, rank)
    return layer(name, function, x, {}, window=sizes, stride=strides, padding=pads)


def _windows(window: tuple[int, ...], stride: tuple[int, ...], padding: Pads) -> tuple[Any, Any, Any]:
    """The same with the axis of channels, as `lax.reduce_window` takes them."""
    return (*window, 1), (*stride, 1), padding if isinstance(padding, str) else (*padding, (0, 0))


def _max_pool(x: jax.Array, **static: Any) -> jax.Array:
    return lax.reduce_window(x, -jnp.inf, lax.max, *_windows(**static))


def _avg_pool(x: jax.Array, **static: Any) -> jax.Array:
    return lax.reduce_window(x, 0.0, lax.add, *_windows(**static)) / prod(static["window"])


def global_avg_pool(x: Ty) -> Para:
    """The mean over all axes but the last: R(..., channels) -> R(channels)."""
    return layer("global_avg_pool", _global_avg_pool, typed("global_avg_pool", x, "..., channels"), {})


def _global_avg_pool(x: jax.Array) -> jax.Array:
    return jnp.mean(x, axis=tuple(range(x.ndim - 1)))


# -- checks ------------------------------------------------------------------------------------


def _pads(name: str, padding: Padding, n: int) -> Pads:
    if isinstance(padding, str) and padding.upper() in ("SAME", "VALID"):
        return padding.upper()
    pairs: Any = ((padding, padding),) * n if isinstance(padding, int) else padding
    try:
        found = tuple((whole(name, "padding", low, 0), whole(name, "padding", high, 0)) for low, high in pairs)
    except (TypeError, ValueError):
        found = ()
    if len(found) != n:
        raise CompositionError(
            f'{name}: padding is {padding!r}, expected "SAME", "VALID", a number or {n} pairs (low, high)'
        )
    return found


def _fits(name: str, x: Ty, sizes: Sequence[int], dilation: Sequence[int], padding: Pads) -> None:
    """Refuse a window that is larger than the padded axis it slides over."""
    if padding == "SAME":
        return
    pads = ((0, 0),) * len(sizes) if isinstance(padding, str) else padding
    for axis, (k, d, (low, high)) in enumerate(zip(sizes, dilation, pads, strict=True)):
        span, room = d * (k - 1) + 1, x.wire.shape[axis] + low + high
        if span > room:
            raise CompositionError(
                f"{name}: a kernel of {k} (dilated to {span}) does not fit axis {axis} of {x} (wire 0), "
                f'which has {room} entries with its padding: use a smaller kernel or padding="SAME"'
            )
