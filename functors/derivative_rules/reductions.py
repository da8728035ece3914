"""Reductions over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jax import lax

from ...diagrams.box import Box
from .facts import Fact, General, Linear

__all__ = ["REDUCTIONS"]

Values = Sequence[Any]


def _along(box: Box, value: Any) -> Any:
    """A value of the result's shape at every entry that was reduced to it."""
    shape, axes = box.dom.inside[0].shape, box.params["axes"]
    return lax.broadcast_in_dim(value, shape, [i for i in range(len(shape)) if i not in axes])


def _extreme(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The mean of the tangents of the entries that attain the extremum."""
    axes = box.params["axes"]
    at = lax.convert_element_type(lax.eq(xs[0], _along(box, ys[0])), dxs[0].dtype)
    return [lax.reduce_sum(dxs[0] * at, axes) / lax.reduce_sum(at, axes)]


REDUCTIONS: dict[str, Fact] = {
    "reduce_sum": Linear(lambda box, dys, xs: [_along(box, dys[0])]),
    "reduce_max": General(_extreme),
    "reduce_min": General(_extreme),
}
