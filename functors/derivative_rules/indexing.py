"""Indexing: reading from places in an array, and writing to them.

Reading and adding are transposes of each other: for places p : J -> I,

    gather(x)_j = x_p(j)        scatter-add(g)_i = sum of g_j over p(j) = i        <gather x, g> = <x, scatter-add g>

Indices are parameters and have no tangent. Places outside of the array read a constant or are dropped, or are moved to
the border, as the `mode` says; the transpose treats them in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.tracing.emit import apply_box
from .facts import Fact, General, Linear

__all__ = ["INDEXING"]

Values = Sequence[Any]


def _slice_back(box: Box, dys: Values, xs: Values) -> Values:
    """The cotangent at the places of the slice, with zeros before, after and between."""
    p, n = box.params, box.dom.inside[0].shape
    strides = p["strides"] or (1,) * len(n)
    lengths = dys[0].shape
    stops = [s + (k - 1) * by + 1 if k else s for s, k, by in zip(p["start_indices"], lengths, strides, strict=True)]
    pads = [(s, m - stop, by - 1) for s, m, stop, by in zip(p["start_indices"], n, stops, strides, strict=True)]
    return [lax.pad(dys[0], jnp.zeros((), dys[0].dtype), pads)]


def _dynamic_slice_back(box: Box, dys: Values, xs: Values) -> Values:
    nothing = jnp.zeros(box.dom.inside[0].shape, dys[0].dtype)
    return [lax.dynamic_update_slice(nothing, dys[0], xs[1:], allow_negative_indices=False)]


def _dynamic_update_slice_back(box: Box, dys: Values, xs: Values) -> Values:
    """What was overwritten gets nothing; the update gets what stands in its place."""
    shape = box.dom.inside[1].shape
    rest = lax.dynamic_update_slice(dys[0], jnp.zeros(shape, dys[0].dtype), xs[2:], allow_negative_indices=False)
    return [rest, lax.dynamic_slice(dys[0], xs[2:], shape, allow_negative_indices=False)]


def _gather(box: Box, dx: Any, index: Any) -> Any:
    """The same places of a tangent; where the value is a constant, nothing."""
    p = {k: v for k, v in box.params.items() if k != "fill_value"}
    return lax.gather(dx, index, fill_value=0, **p)


def _gather_back(box: Box, dys: Values, xs: Values) -> Values:
    p, n = box.params, box.params["dimension_numbers"]
    numbers = lax.ScatterDimensionNumbers(
        update_window_dims=n.offset_dims,
        inserted_window_dims=n.collapsed_slice_dims,
        scatter_dims_to_operand_dims=n.start_index_map,
        operand_batching_dims=n.operand_batching_dims,
        scatter_indices_batching_dims=n.start_indices_batching_dims,
    )
    flags = {k: p[k] for k in ("indices_are_sorted", "unique_indices", "mode")}
    nothing = jnp.zeros(box.dom.inside[0].shape, dys[0].dtype)
    return [lax.scatter_add(nothing, xs[1], dys[0], numbers, **flags), None]


def _read(box: Box, value: Any, index: Any, fill: Any = 0) -> Any:
    """What stands at the places that a scatter writes to, in the shape of its updates."""
    n, shape = box.params["dimension_numbers"], box.dom.inside[2].shape
    numbers = lax.GatherDimensionNumbers(
        offset_dims=n.update_window_dims,
        collapsed_slice_dims=n.inserted_window_dims,
        start_index_map=n.scatter_dims_to_operand_dims,
        operand_batching_dims=n.operand_batching_dims,
        start_indices_batching_dims=n.scatter_indices_batching_dims,
    )
    window = iter(shape[i] for i in n.update_window_dims)
    single = {*n.inserted_window_dims, *n.operand_batching_dims}
    sizes = [1 if i in single else next(window) for i in range(value.ndim)]
    return lax.gather(value, index, numbers, sizes, mode=box.params["mode"], fill_value=fill)


def _write(scatter: Any, box: Box, value: Any, index: Any, updates: Any) -> Any:
    """One of JAX's scatters with the places and the promises of this one."""
    p = box.params
    flags = {k: p[k] for k in ("indices_are_sorted", "unique_indices", "mode")}
    return scatter(value, index, updates, p["dimension_numbers"], **flags)


def _added(sign: int) -> Linear:
    """`scatter-add` and `scatter-sub`."""

    def transpose(box: Box, dys: Values, xs: Values) -> Values:
        at = _read(box, dys[0], xs[1])
        return [dys[0], at if sign > 0 else -at]

    def tangent(box: Box, dxs: Values, xs: Values) -> Values:
        if dxs[2] is None:
            return [dxs[0]]
        return apply_box(box, jnp.zeros(xs[0].shape, xs[0].dtype), xs[1], dxs[2])

    return Linear(transpose, at=(0, 2), tangent=tangent)


def _refuse_function(box: Box) -> None:
    if box.params["update_jaxpr"] is not None:
        raise DerivativeError(
            "a scatter that applies a function in place has no derivative in JAX: write x.at[i].set(f(x[i]))"
        )


def _written(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Linear in operand and updates: each place of the result comes from one of them."""
    _refuse_function(box)
    dx, du = (jnp.zeros(xs[i].shape, xs[i].dtype) if dxs[i] is None else dxs[i] for i in (0, 2))
    return apply_box(box, dx, xs[1], du)


def _written_back(box: Box, xs: Values, ys: Values, dys: Values) -> Values:
    """The operand gets nothing where it was overwritten; of updates for one place, the one that stayed gets all."""
    _refuse_function(box)
    g, index, shape = dys[0], xs[1], box.dom.inside[2].shape
    rest = _write(lax.scatter, box, g, index, jnp.zeros(shape, g.dtype))
    taken = _read(box, g, index)
    if not box.params["unique_indices"]:
        mine = _numbers(box)
        stayed = _write(lax.scatter, box, jnp.zeros(g.shape, mine.dtype), index, mine)
        taken = lax.select(lax.eq(_read(box, stayed, index), mine), taken, jnp.zeros(shape, g.dtype))
    return [rest, None, taken]


def _numbers(box: Box) -> Any:
    """A number for each window of updates, from one on, at each of its entries."""
    shape, window = box.dom.inside[2].shape, box.params["dimension_numbers"].update_window_dims
    outer = [1 if i in window else n for i, n in enumerate(shape)]
    count = 1
    for n in outer:
        count *= n
    return jnp.broadcast_to(jnp.arange(1, count + 1, dtype="uint32").reshape(outer), shape)


def _multiplied(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """x times the factor that the updates make: scatter-mul(x) = x · scatter-mul(1)."""
    x, index, updates = xs
    parts = []
    if dxs[0] is not None:
        parts.append(dxs[0] * _write(lax.scatter_mul, box, jnp.ones(x.shape, x.dtype), index, updates))
    if dxs[2] is not None:
        if not box.params["unique_indices"]:
            raise DerivativeError(
                "several updates may multiply one place, and then their derivative is not implemented in JAX: "
                "promise unique_indices=True"
            )
        parts.append(x * _write(lax.scatter_add, box, jnp.zeros(x.shape, x.dtype), index, dxs[2]))
    return [sum(parts[1:], parts[0])]


def _extreme(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The mean of the tangents of operand and updates that attain the extremum at each place."""
    x, index, updates = xs
    kept = lax.convert_element_type(lax.eq(x, ys[0]), x.dtype)
    attained = lax.eq(updates, _read(box, ys[0], index, fill=None))
    won = lax.convert_element_type(attained, x.dtype)
    count = _write(lax.scatter_add, box, kept, index, won)
    total = jnp.zeros(x.shape, x.dtype) if dxs[0] is None else dxs[0] * kept
    if dxs[2] is not None:
        total = _write(lax.scatter_add, box, total, index, dxs[2] * won)
    return [total / count]


INDEXING: dict[str, Fact] = {
    "slice": Linear(_slice_back),
    "dynamic_slice": Linear(_dynamic_slice_back, at=(0,)),
    "dynamic_update_slice": Linear(_dynamic_update_slice_back, at=(0, 1)),
    # affine in the operand: outside of the array it reads a constant
    "gather": General(
        lambda box, xs, ys, dxs: [_gather(box, dxs[0], xs[1])],
        lambda box, xs, ys, dys: _gather_back(box, dys, xs),
    ),
    "scatter-add": _added(1),
    "scatter-sub": _added(-1),
    "scatter": General(_written, _written_back),
    "scatter-mul": General(_multiplied),
    "scatter-max": General(_extreme),
    "scatter-min": General(_extreme),
}
