"""Order: sorting and the largest entries, of a few entries.

Of n entries one of n! permutations sorts them, and each is told by n - 1 comparisons. A sorted entry is a `Piecewise`
over the permutations; keys that are known are sorted at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sympy import And, Eq, Ge, Gt, Integer, Le, Lt, Or, S

from ....diagrams.box import Box
from .elementary import Scalar, compared
from .reducing import picked
from .symbols import Entries, filled

__all__ = ["SORTING"]

LIMIT = 4  # entries in a row
Order = tuple[int, ...]


def _before(keys: Sequence[Sequence[Scalar]], i: int, j: int, relations: tuple[Any, Any]) -> Scalar:
    """Whether entry i comes before entry j, by the first key and then by the next; of equals the first one does."""
    strict, weak = relations
    last = weak if i < j else strict
    made = compared(last, keys[-1][i], keys[-1][j])
    for key in keys[-2::-1]:
        x, y = key[i], key[j]
        made = Or(compared(strict, x, y), And(compared(Eq, x, y), made))
    return made


def _orders(keys: Sequence[Sequence[Scalar]], relations: tuple[Any, Any]) -> list[tuple[Order, Scalar]] | None:
    """The permutations that may sort entries with these keys, each with its condition; None if there are too many."""
    n = len(keys[0])
    if n < 2:
        return [(tuple(range(n)), S.true)]
    before = {(i, j): _before(keys, i, j, relations) for i in range(n) for j in range(n) if i != j}
    if all(c is S.true or c is S.false for c in before.values()):
        order = sorted(range(n), key=lambda i: sum(before[j, i] is S.true for j in range(n) if j != i))
        return [(tuple(order), S.true)]
    if n > LIMIT:
        return None
    every = [(p, And(*[before[i, j] for i, j in itertools.pairwise(p)])) for p in itertools.permutations(range(n))]
    return [(p, c) for p, c in every if c is not S.false]


def _sort(box: Box, *arrays: Entries) -> list[Entries] | None:
    axis, n_keys = box.params["dimension"], box.params["num_keys"]
    moved = [np.moveaxis(a, axis, -1) for a in arrays]
    made = [np.empty(a.shape, dtype=object) for a in moved]
    for place in np.ndindex(moved[0].shape[:-1]):
        rows = [list(a[place]) for a in moved]
        orders = _orders(rows[:n_keys], (Lt, Le))
        if orders is None:
            return None
        for out, row in zip(made, rows, strict=True):
            out[place] = _permuted(orders, row, len(row))
    return [np.moveaxis(a, -1, axis) for a in made]


def _permuted(orders: list[tuple[Order, Scalar]], row: Sequence[Scalar], n: int) -> Entries:
    """The first n entries of the row in the order that holds."""
    conditions = [c for _, c in orders]
    return filled((n,), [picked(conditions, [row[p[k]] for p, _ in orders]) for k in range(n)])


def _largest(axis_name: str, relations: Callable[[Box], tuple[Any, Any]]) -> Callable[..., list[Entries] | None]:
    """The first k entries in an order, and where they stood."""

    def rule(box: Box, x: Entries) -> list[Entries] | None:
        axis, k = box.params[axis_name] % x.ndim, box.params["k"]
        moved = np.moveaxis(x, axis, -1)
        values, places = (np.empty((*moved.shape[:-1], k), dtype=object) for _ in range(2))
        for place in np.ndindex(moved.shape[:-1]):
            row = list(moved[place])
            orders = _orders([row], relations(box))
            if orders is None:
                return None
            values[place] = _permuted(orders, row, k)
            places[place] = _permuted(orders, [Integer(i) for i in range(len(row))], k)
        return [np.moveaxis(a, -1, axis) for a in (values, places)]

    return rule


def _approximate(box: Box) -> tuple[Any, Any]:
    return (Gt, Ge) if box.params["is_max_k"] else (Lt, Le)


SORTING: dict[str, Callable[..., list[Entries] | None]] = {
    "sort": _sort,
    "top_k": _largest("axis", lambda box: (Gt, Ge)),
    "approx_top_k": _largest("reduction_dimension", _approximate),
}
