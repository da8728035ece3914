"""Order: sorting, and the largest entries.

Where no two keys are equal, the permutation that sorts x is the same for all points near x, so that the tangent is
permuted as the value was. The derivative is linear with a permutation that depends on the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jax import lax

from ...diagrams.box import Box
from .facts import Fact, General

__all__ = ["ORDER"]

Values = Sequence[Any]


def _along(x: Any, index: Any, axis: int) -> Any:
    """The entries of x at these places along an axis, the same place in all other axes."""
    others = tuple(i for i in range(x.ndim) if i != axis)
    numbers = lax.GatherDimensionNumbers(
        offset_dims=(),
        collapsed_slice_dims=(axis,),
        start_index_map=(axis,),
        operand_batching_dims=others,
        start_indices_batching_dims=others,
    )
    places = lax.expand_dims(index, (x.ndim,))
    return lax.gather(x, places, numbers, (1,) * x.ndim, mode=lax.GatherScatterMode.PROMISE_IN_BOUNDS)


def _sorted_with_places(box: Box, xs: Values) -> Values:
    """Sort the places along with the keys."""
    p, axis = box.params, box.params["dimension"]
    places = lax.broadcasted_iota("uint32", xs[0].shape, axis)
    return lax.sort([*xs, places], dimension=axis, is_stable=p["is_stable"], num_keys=p["num_keys"])


def _sort(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Permute the tangents as the keys were."""
    return [None if d is None else _along(d, ys[-1], box.params["dimension"]) for d in dxs]


def _chosen(axis: str) -> General:
    """The largest entries and their places: the places say which tangents."""

    def tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
        return [_along(dxs[0], ys[1], box.params[axis] % xs[0].ndim), None]

    return General(tangent)


ORDER: dict[str, Fact] = {
    "sort": General(_sort, augmented=_sorted_with_places),
    "top_k": _chosen("axis"),
    "approx_top_k": _chosen("reduction_dimension"),
}
