"""Windows that slide over axes: convolution, and sums and extrema over windows.

Along one axis a convolution with stride s, padding lo, and dilations d of the input and r of the kernel is

    y[o] = Σ_k w[k] · x̃[o s + k r],        x̃[i d + lo] = x[i],   zero elsewhere.

Its transposes are convolutions: in x of the dilated cotangent with the reversed kernel, in w of the input with the
dilated cotangent (V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016). Groups of
features in the convolution are groups of features in its transpose in x, and groups of the batch in that in w.

The largest entry of a window, the first where several tie, is where its tangent is gathered from and where its
cotangent is scattered to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.tracing.lookup import primitive
from .facts import Bilinear, Fact, General, Linear

__all__ = ["WINDOWS"]

Values = Sequence[Any]
Shape = Sequence[int]


def _dilated(shape: Shape, by: Shape) -> list[int]:
    """The lengths with holes between the entries."""
    return [(n - 1) * d + 1 if n else 0 for n, d in zip(shape, by, strict=True)]


def _transposed_padding(shape: Shape, window: Shape, out: Shape, lows: Shape) -> list[tuple[int, int]]:
    """The padding of the transpose in the input, from dilated lengths; the window is reversed."""
    pads = [w - 1 - lo for w, lo in zip(window, lows, strict=True)]
    return [(lo, n + w - 1 - o - lo) for lo, n, w, o in zip(pads, shape, window, out, strict=True)]


def _split(x: Any, axis: int, groups: int, onto: int) -> Any:
    """Take `groups` out of an axis, as its slow part, and put them in front of another axis."""
    if groups == 1:
        return x
    shape = x.shape
    x = lax.reshape(x, (*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :]))
    order = list(range(x.ndim))
    order.insert(onto, order.pop(axis))
    merged = [n // groups if i == axis else n * groups if i == onto else n for i, n in enumerate(shape)]
    return lax.reshape(lax.transpose(x, order), merged)


def _spatial(box: Box) -> tuple[list[int], list[int], list[int], list[int]]:
    """The dilated spatial lengths of input, kernel and result, and the padding in front."""
    p = box.params
    at_x, at_w, at_y = (spec[2:] for spec in p["dimension_numbers"])
    x, w, y = (
        [wire.shape[i] for i in at]
        for wire, at in zip((*box.dom.inside, box.cod.inside[0]), (at_x, at_w, at_y), strict=True)
    )
    lows = [lo for lo, _ in p["padding"]]
    return _dilated(x, p["lhs_dilation"]), _dilated(w, p["rhs_dilation"]), _dilated(y, p["window_strides"]), lows


def _conv_left(box: Box, dy: Any, w: Any) -> Any:
    """The cotangent of the input: the dilated cotangent convolved with the reversed kernel."""
    p = box.params
    x_spec, (outs, ins, *at_w), y_spec = p["dimension_numbers"]
    groups = p["feature_group_count"] * p["batch_group_count"]
    kernel = _split(lax.rev(w, at_w), outs, groups, ins)
    made = _convolved(
        box,
        dy,
        lax.convert_element_type(kernel, dy.dtype),
        (y_spec, (ins, outs, *at_w), x_spec),
        _transposed_padding(*_spatial(box)),
        (p["lhs_dilation"], p["window_strides"], p["rhs_dilation"]),
        (groups, 1),
    )
    made = lax.convert_element_type(made, box.dom.inside[0].dtype)
    batch, features, *_ = x_spec
    return _split(made, features, p["batch_group_count"], batch)


def _conv_right(box: Box, dy: Any, x: Any) -> Any:
    """The cotangent of the kernel: the input convolved with the dilated cotangent."""
    p, kernel = box.params, box.dom.inside[1]
    if 0 in dy.shape:
        return jnp.zeros(kernel.shape, kernel.dtype)  # a kernel without entries is no convolution
    numbers = tuple((b, a, *rest) for a, b, *rest in p["dimension_numbers"])
    shape, window, out, lows = _spatial(box)
    padding = [(lo, o + w - 1 - n - lo) for n, w, o, lo in zip(shape, window, out, lows, strict=True)]
    made = _convolved(
        box,
        lax.convert_element_type(x, dy.dtype),
        dy,
        (numbers[0], numbers[2], numbers[1]),
        padding,
        (p["rhs_dilation"], p["lhs_dilation"], p["window_strides"]),
        (p["batch_group_count"], p["feature_group_count"]),
    )
    return lax.convert_element_type(made, kernel.dtype)


def _convolved(
    box: Box,
    x: Any,
    w: Any,
    numbers: Any,
    padding: Sequence[tuple[int, int]],
    steps: Sequence[Shape],
    groups: tuple[int, int],
) -> Any:
    """The convolution with these strides and dilations, and groups of features and of the batch."""
    p, (strides, of_x, of_w) = box.params, steps
    return lax.conv_general_dilated(
        x,
        w,
        strides,
        padding,
        lhs_dilation=of_x,
        rhs_dilation=of_w,
        dimension_numbers=lax.ConvDimensionNumbers(*map(tuple, numbers)),
        feature_group_count=groups[0],
        batch_group_count=groups[1],
        precision=p["precision"],
        preferred_element_type=p["preferred_element_type"],
    )


def _window_sum_back(box: Box, dys: Values, xs: Values) -> Values:
    """Each entry gets the sum of the cotangents of the windows that it is in."""
    p, g = box.params, dys[0]
    window = p["window_dimensions"]
    pads = _transposed_padding(
        _dilated(box.dom.inside[0].shape, p["base_dilation"]),
        _dilated(window, p["window_dilation"]),
        _dilated(g.shape, p["window_strides"]),
        [lo for lo, _ in p["padding"]],
    )
    config = [(lo, hi, stride - 1) for (lo, hi), stride in zip(pads, p["window_strides"], strict=True)]
    ones = (1,) * g.ndim
    made = primitive("reduce_window_sum").bind(
        lax.pad(g, lax.full_like(g, 0, shape=()), config),
        window_dimensions=window,
        window_strides=p["base_dilation"],
        padding=((0, 0),) * g.ndim,
        base_dilation=ones,
        window_dilation=p["window_dilation"],
    )
    return [made]


def _window_extremum(select: str) -> General:
    """The tangent of the entry that is chosen."""

    def tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
        gather = primitive("select_and_gather_add")
        return [gather.bind(dxs[0], xs[0], select_prim=primitive(select), **box.params)]

    return General(tangent)


def _gathered_back(box: Box, dys: Values, xs: Values) -> Values:
    """Scatter to the entry that was chosen; holes between the entries are filled by what is never chosen."""
    p, x, base = box.params, xs[1], box.params["base_dilation"]
    if any(d != 1 for d in p["window_dilation"]):
        raise DerivativeError(
            f"the largest or smallest entry of a window with window_dilation={p['window_dilation']} has no reverse "
            "derivative: take strided slices of the array and their maximum or minimum"
        )
    never = lax.full_like(x, -np.inf if p["select_prim"].name == "ge" else np.inf, shape=())
    shape = x.shape
    if any(d != 1 for d in base):
        x = lax.pad(x, never, [(0, 0, d - 1) for d in base])
    keys = ("select_prim", "window_dimensions", "window_strides", "padding")
    made = primitive("select_and_scatter_add").bind(dys[0], x, **{k: p[k] for k in keys})
    return [made if made.shape == shape else lax.slice(made, (0,) * x.ndim, made.shape, base)]


def _scattered_back(box: Box, dys: Values, xs: Values) -> Values:
    ones = (1,) * dys[0].ndim
    gather = primitive("select_and_gather_add")
    return [gather.bind(dys[0], xs[1], **box.params, base_dilation=ones, window_dilation=ones)]


WINDOWS: dict[str, Fact] = {
    "conv_general_dilated": Bilinear(_conv_left, _conv_right),
    "reduce_window_sum": Linear(_window_sum_back),
    "reduce_window_max": _window_extremum("ge"),
    "reduce_window_min": _window_extremum("le"),
    "select_and_gather_add": Linear(_gathered_back, at=(0,)),
    "select_and_scatter_add": Linear(_scattered_back, at=(0,)),
}
