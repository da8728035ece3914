"""Cumulative operations and products: prefix scans of a monoid, and folds.

The tangent of the scan of a monoid is the scan of its tangent monoid: the tangent functor preserves products, so
that (x, dx) · (y, dy) = (x y, D[·](x, y, dx, dy)) is again associative (R. Cockett and G. Cruttwell, "Differential
structure, tangent structure, and SDG", 2014). For products these are the dual numbers, which are right at zeros too,
where dividing the whole product by an entry is not. The scan is made in log n steps (G. Blelloch, "Prefix sums and
their applications", 1990); its transpose, like that of any linear map, is found by the reverse functor.

At a tie of `cummax` and `cummin` each side of each step of the scan gets half, as in JAX.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...diagrams.box import Box
from .facts import Fact, General, Linear

__all__ = ["CUMULATIVE"]

Values = Sequence[Any]
Pair = tuple[Any, Any]


def _scanned(times: Callable[[Pair, Pair], Pair]) -> General:
    """The prefix scan of a monoid, from the product of its tangent monoid."""

    def tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
        p = box.params
        return [lax.associative_scan(times, (xs[0], dxs[0]), reverse=p["reverse"], axis=p["axis"])[1]]

    return General(tangent)


def _product(a: Pair, b: Pair) -> Pair:
    (x, dx), (y, dy) = a, b
    return x * y, dx * y + x * dy


def _share(x: Any, y: Any, z: Any) -> Any:
    """The slope of z = max(x, y), or min, in x: one where x is chosen, half where both are."""
    whole, half = lax.full_like(z, 1.0), lax.full_like(z, 0.5)
    return lax.select(lax.eq(x, z), lax.select(lax.eq(y, z), half, whole), lax.full_like(z, 0.0))


def _extremum(choose: Callable[[Any, Any], Any]) -> Callable[[Pair, Pair], Pair]:
    def times(a: Pair, b: Pair) -> Pair:
        (x, dx), (y, dy) = a, b
        z = choose(x, y)
        return z, dx * _share(x, y, z) + dy * _share(y, x, z)

    return times


def _logaddexp(a: Pair, b: Pair) -> Pair:
    """The slopes of z = log(exp x + exp y) are exp(x - z) and exp(y - z)."""
    (x, dx), (y, dy) = a, b
    z = jnp.logaddexp(x, y)
    return z, dx * lax.exp(_finite(x) - _finite(z)) + dy * lax.exp(_finite(y) - _finite(z))


def _finite(x: Any) -> Any:
    """Zero for an infinite entry: where x and z are both infinite, so that the slope is one."""
    size = lax.real(x) if jnp.iscomplexobj(x) else x
    return lax.select(lax.eq(size, lax.full_like(size, np.inf)), lax.full_like(x, 0.0), x)


def _cumsum_back(box: Box, dys: Values, xs: Values) -> Values:
    return [lax.cumsum(dys[0], box.params["axis"], reverse=not box.params["reverse"])]


def _reduce_prod(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The sum of the tangents, each times the product of all other entries."""
    axes = box.params["axes"]
    return [lax.reduce_sum(dxs[0] * _others(xs[0], axes), axes)]


def _others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each entry the product of all others along the axes: of those before it and those after it."""
    order = [*(i for i in range(x.ndim) if i not in axes), *axes]
    moved = lax.transpose(x, order)
    n, kept = math.prod(x.shape[i] for i in axes), moved.shape[: x.ndim - len(axes)]
    flat = lax.reshape(moved, (*kept, n))
    one, still = lax.full_like(x, 1, shape=()), [(0, 0, 0)] * len(kept)
    before = lax.cumprod(lax.pad(flat, one, [*still, (1, -1, 0)]), len(kept))
    after = lax.cumprod(lax.pad(flat, one, [*still, (-1, 1, 0)]), len(kept), reverse=True)
    return lax.transpose(lax.reshape(before * after, moved.shape), np.argsort(order))


CUMULATIVE: dict[str, Fact] = {
    "cumsum": Linear(_cumsum_back),
    "cumprod": _scanned(_product),
    "cummax": _scanned(_extremum(lax.max)),
    "cummin": _scanned(_extremum(lax.min)),
    "cumlogsumexp": _scanned(_logaddexp),
    "reduce_prod": General(_reduce_prod),
}
