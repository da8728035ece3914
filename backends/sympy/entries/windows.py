"""Sums and extrema over windows that slide over axes.

Which entries are in which window is told by the sums over windows of the unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sympy
from sympy import Add, Max, Min, S

from ....diagrams.box import Box
from ....diagrams.tracing.lookup import primitive
from .elementary import Scalar, chosen
from .reducing import first_extreme, picked
from .symbols import Entries, filled

__all__ = ["WINDOWS"]

SHAPE = ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation")


def _members(box: Box, shape: tuple[int, ...]) -> tuple[tuple[int, ...], list[list[int]]]:
    """The shape of the array of windows, and for each window the numbers of its entries."""
    n = max(int(np.prod(shape)), 1)
    ones = (1,) * len(shape)
    params = {k: box.params.get(k, ones) for k in SHAPE}
    units = jnp.eye(n, int(np.prod(shape)), dtype="float32").reshape(n, *shape)
    found = np.asarray(jax.vmap(lambda x: primitive("reduce_window_sum").bind(x, **params))(units))
    return found.shape[1:], [np.flatnonzero(column).tolist() for column in found.reshape(n, -1).T]


def _over_windows(combine: Callable[[list[Scalar]], Scalar]) -> Callable[..., list[Entries]]:
    def rule(box: Box, x: Entries) -> list[Entries]:
        shape, members = _members(box, x.shape)
        entries = list(x.flat)
        return [filled(shape, [combine([entries[i] for i in window]) for window in members])]

    return rule


def _relation(box: Box) -> Any:
    """The order whose first entry is chosen."""
    return sympy.Ge if box.params["select_prim"].name == "ge" else sympy.Le


def _gathered(box: Box, dx: Entries, x: Entries) -> list[Entries]:
    """The entry of dx where that of x is the extreme one of its window."""
    shape, members = _members(box, x.shape)
    xs, dxs, relation = list(x.flat), list(dx.flat), _relation(box)
    made = [picked(first_extreme([xs[i] for i in w], relation), [dxs[i] for i in w]) if w else S.Zero for w in members]
    return [filled(shape, made)]


def _scattered(box: Box, source: Entries, x: Entries) -> list[Entries]:
    """Each window's source is added at its extreme entry."""
    _, members = _members(box, x.shape)
    xs, relation = list(x.flat), _relation(box)
    terms: list[list[Scalar]] = [[] for _ in xs]
    for window, value in zip(members, source.flat, strict=True):
        for i, condition in zip(window, first_extreme([xs[i] for i in window], relation), strict=True):
            terms[i].append(chosen(condition, value, S.Zero))
    return [filled(x.shape, [Add(*t) for t in terms])]


def _extremum(extremum: Any, empty: Scalar) -> Callable[[list[Scalar]], Scalar]:
    return lambda row: extremum(*row) if row else empty


WINDOWS: dict[str, Callable[..., list[Entries]]] = {
    "reduce_window_sum": _over_windows(lambda row: Add(*row)),
    "reduce_window_max": _over_windows(_extremum(Max, -sympy.oo)),
    "reduce_window_min": _over_windows(_extremum(Min, sympy.oo)),
    "select_and_gather_add": _gathered,
    "select_and_scatter_add": _scattered,
}
