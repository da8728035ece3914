"""Generators that move entries about: each is linear, and its transpose moves cotangents back.

Copying an entry to several places is transposed to adding up, and leaving one out to a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ...diagrams.box import Box
from ...diagrams.tracing.emit import apply_box
from .facts import Fact, Linear

__all__ = ["REINDEXING"]

Values = Sequence[Any]


def _inverse(order: Sequence[int]) -> list[int]:
    """The inverse of a permutation."""
    return [order.index(i) for i in range(len(order))]


def _filled(box: Box, dys: Values) -> Values:
    """The cotangents of all outputs, zeros for those that are not there."""
    wires = box.cod.inside
    return [jnp.zeros(w.shape, w.dtype) if g is None else g for g, w in zip(dys, wires, strict=True)]


def _of_first(transpose: Callable[[Box, Any], Any]) -> Linear:
    """A generator linear in its first input, by the transpose as a map of one cotangent."""
    return Linear(lambda box, dys, xs: [transpose(box, dys[0])], at=(0,))


def _broadcast_back(box: Box, g: Any) -> Any:
    """The sum over the axes that were made: those that are new, and those that were one entry long."""
    shape, at, out = box.dom.inside[0].shape, box.params["broadcast_dimensions"], box.cod.inside[0].shape
    kept = {a for a, n in zip(at, shape, strict=True) if n == out[a]}
    made = lax.reduce_sum(g, tuple(a for a in range(len(out)) if a not in kept))
    return made if made.shape == shape else lax.reshape(made, shape)


def _reshape_back(box: Box, g: Any) -> Any:
    """The old shape again, whose axes may have been permuted first."""
    shape, order = box.dom.inside[0].shape, box.params.get("dimensions")
    if order is None:
        return lax.reshape(g, shape)
    return lax.transpose(lax.reshape(g, [shape[i] for i in order]), _inverse(order))


def _tile_back(box: Box, g: Any) -> Any:
    """The sum over the repetitions, which stand before each axis."""
    shape, reps = box.dom.inside[0].shape, box.params["reps"]
    apart = [k for pair in zip(reps, shape, strict=True) for k in pair]
    return lax.reduce_sum(lax.reshape(g, apart), tuple(range(0, len(apart), 2)))


def _pad_back(box: Box, dys: Values, xs: Values) -> Values:
    """The operand gets its places back, without those that were cut off; the padding value gets the rest."""
    g, config = dys[0], box.params["padding_config"]
    zero, every = jnp.zeros((), g.dtype), tuple(range(g.ndim))
    cut = lax.pad(g, zero, [(-low, -high, 0) for low, high, _ in config])
    mine = lax.slice(cut, [0] * g.ndim, cut.shape, [inner + 1 for _, _, inner in config])
    return [mine, lax.reduce_sum(g, every) - lax.reduce_sum(mine, every)]


def _concatenate_back(box: Box, dys: Values, xs: Values) -> Values:
    axis = box.params["dimension"]
    return lax.split(dys[0], [w.shape[axis] for w in box.dom.inside], axis)


def _split_back(box: Box, dys: Values, xs: Values) -> Values:
    return [lax.concatenate(_filled(box, dys), box.params["axis"])]


def _stack_back(box: Box, dys: Values, xs: Values) -> Values:
    axis = box.params["axis"]
    return [lax.squeeze(g, (axis,)) for g in lax.split(dys[0], [1] * box.n_in, axis)]


def _unstack_back(box: Box, dys: Values, xs: Values) -> Values:
    axis = box.params["axis"]
    return [lax.concatenate([lax.expand_dims(g, (axis,)) for g in _filled(box, dys)], axis)]


def _put_back(box: Box, dys: Values, xs: Values) -> Values:
    """Back to where the operand was, as far as that is known."""
    sources = box.params["srcs"]
    found = [g if g is None or at is None else jax.device_put(g, at) for g, at in zip(dys, sources, strict=True)]
    return [g for g, w in zip(found, box.dom.inside, strict=True) if w.differentiable]


REINDEXING: dict[str, Fact] = {
    "broadcast_in_dim": _of_first(_broadcast_back),
    "reshape": _of_first(_reshape_back),
    "squeeze": _of_first(lambda box, g: lax.reshape(g, box.dom.inside[0].shape)),
    "transpose": _of_first(lambda box, g: lax.transpose(g, _inverse(box.params["permutation"]))),
    "rev": _of_first(lambda box, g: lax.rev(g, box.params["dimensions"])),
    "tile": _of_first(_tile_back),
    "pad": Linear(_pad_back),
    "concatenate": Linear(_concatenate_back),
    "split": Linear(_split_back),
    "stack": Linear(_stack_back),
    "unstack": Linear(_unstack_back),
    "device_put": Linear(_put_back),
    "sharding_constraint": _of_first(lambda box, g: apply_box(box, g)[0]),
}
