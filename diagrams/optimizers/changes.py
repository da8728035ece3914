"""Transformations of the change: lenses (S ⊗ P, S ⊗ P') -> (P, P') with the identity as get.

They stand before the optimizer that takes the step, `clip(1.0) >> sgd(0.1)`, in the order in which the change passes. A
parameter without a change (an integer) passes by.

>>> from paralens import Param, R, to_jax
>>> lens = clip(1.0).build([(("w",), Param(R(2)))]).lens
>>> to_jax(lens.put)(jnp.zeros(2), jnp.array([0.5, -3.0])).tolist()
[0.5, -1.0]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ...categories.lens import Lens
from ...categories.param import Entry
from ..graph import Builder
from ..nn.make import wide
from ..syntax import Diagram
from ..types import Ty
from .optimizer import Cell, Optimizer, changes, pair, weights
from .per_array import box, by_array, number, times
from .schedules import Rate

__all__ = ["add_weight_decay", "clip", "clip_by_global_norm", "negated"]

Reads = tuple[str, Callable[..., Any]] | None


def clip(limit: float) -> Optimizer:
    """Each entry of the change clipped to ±`limit`."""
    return _blind("clip", _clip, limit=limit)


def _clip(q: jax.Array, *, limit: float) -> jax.Array:
    return jnp.clip(q, -limit, limit)


def negated() -> Optimizer:
    """The change with its sign turned."""
    return _blind("negated", _negated)


def _negated(q: jax.Array) -> jax.Array:
    return -q


def add_weight_decay(weight_decay: Rate) -> Optimizer:
    """The change q - w p, which draws the parameters to zero whichever sign the rate cap has."""
    return by_array("add_weight_decay", _decay, rate=weight_decay, takes_step=False)


def _decay(p: jax.Array, q: jax.Array, *, rate: Any) -> tuple[jax.Array]:
    return (q - times(rate, p),)


def clip_by_global_norm(limit: float) -> Optimizer:
    """All changes scaled by one factor so that their norm together is at most `limit` (R. Pascanu et al., 2013)."""
    return _blind("clip_by_global_norm", _scale, limit=limit, reads=("norm", _norm))


def _norm(*changes: jax.Array) -> jax.Array:
    squares = [jnp.sum(jnp.square(wide(q))) for q in changes]
    widest = max((s.dtype for s in squares), key=lambda dtype: dtype.itemsize)
    return jnp.sqrt(sum(s.astype(widest) for s in squares))


def _scale(q: jax.Array, *, norm: jax.Array, limit: float) -> jax.Array:
    # the order of optax: one factor for all would round otherwise
    return jnp.where(norm < limit, q, (q / norm.astype(q.dtype)) * limit)


# -- lenses without residual -----------------------------------------------------------------------


def _blind(name: str, line: Callable[..., Any], reads: Reads = None, **numbers: Any) -> Optimizer:
    """The transformation q -> line(q, **numbers) of each array, blind to the parameters.

    With `reads`, a keyword and a function, the line is also given what that function makes of all changes.
    """
    fixed = tuple((k, number(name, k, v)) for k, v in numbers.items())
    text = f"{name}({', '.join(repr(v) for _, v in fixed)})"
    return Optimizer(name, False, _cell, (("line", line), ("reads", reads), ("fixed", fixed)), False, text)


def _cell(name: str, entries: Sequence[Entry], line: Any, reads: Reads, fixed: Any) -> Cell:
    weight, back = weights(entries), changes(entries)
    build = Builder(Ty().tensor(*back))
    out = list(range(len(build.dom)))
    real = [i for i in out if build.dom.inside[i].kind == "R"]
    named: dict[str, int] = {}
    labels = Ty()
    if reads and real:
        together = box(*reads, Ty().tensor(*[build.dom[i] for i in real]))
        (named[reads[0]],) = build.add(together, real)
        labels = together.cod
    for i in real:
        update = box("update", line, labels @ build.dom[i], tuple(named), fixed)
        (out[i],) = build.add(update, [*named.values(), i])
    put = Diagram.of_graph(build.finish(out, build.dom)).boxed(name)
    at = pair(weight, back)
    return Cell(Lens(Diagram.id(weight), put, at, at), (), Diagram.discard(weight))
