"""Sums, products and extrema over axes, whole (`reduce_sum`) and so far (`cumsum`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from sympy import Add, And, Integer, Max, Min, Mul, Or, S, Xor, exp, log

from ....diagrams.box import Box
from .elementary import Scalar, chosen, compared
from .symbols import Entries, along

__all__ = ["REDUCING"]

Combine = Callable[[list[Scalar]], Scalar]


def _whole(combine: Combine) -> Callable[..., list[Entries]]:
    return lambda box, x: [along(x, box.params["axes"], combine)]


def _so_far(combine: Combine) -> Callable[..., list[Entries]]:
    """Each entry becomes what all entries up to it combine to, from either end."""

    def rule(box: Box, x: Entries) -> list[Entries]:
        axis = box.params["axis"]
        flipped = np.flip(x, axis) if box.params["reverse"] else x
        parts = [
            along(flipped.take(range(k + 1), axis), (axis,), combine).reshape(_one_long(x.shape, axis))
            for k in range(x.shape[axis])
        ]
        made = np.concatenate(parts, axis) if parts else x
        return [np.flip(made, axis) if box.params["reverse"] else made]

    return rule


def _one_long(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], 1, *shape[axis + 1 :])


def first_extreme(row: list[Scalar], relation: Any) -> list[Scalar]:
    """For each entry the condition that it is the first of those that no other one exceeds."""
    strict = {sympy.Ge: sympy.Gt, sympy.Le: sympy.Lt}[relation]
    return [
        And(*[compared(strict if j < i else relation, x, y) for j, y in enumerate(row) if j != i])
        for i, x in enumerate(row)
    ]


def picked(conditions: list[Scalar], values: list[Scalar]) -> Scalar:
    """The value whose condition holds, where exactly one does."""
    made = values[-1]
    for condition, value in zip(conditions[-2::-1], values[-2::-1], strict=True):
        made = chosen(condition, value, made)
    return made


def _place(relation: Any) -> Callable[..., list[Entries]]:
    """Where the first of the largest (or smallest) entries stands."""

    def combine(row: list[Scalar]) -> Scalar:
        return picked(first_extreme(row, relation), [Integer(k) for k in range(len(row))])

    return _whole(combine)


def _extremum(extremum: Any, of_truths: Any) -> Combine:
    def combine(row: list[Scalar]) -> Scalar:
        truths = any(v is S.true or v is S.false or v.is_Relational for v in row)
        return (of_truths if truths else extremum)(*row)

    return combine


def _log_of_sum(row: list[Scalar]) -> Scalar:
    return row[0] if len(row) == 1 else log(Add(*map(exp, row)))


def _total(row: list[Scalar]) -> Scalar:
    return Add(*row)


def _product(row: list[Scalar]) -> Scalar:
    return Mul(*row)


MAX, MIN = _extremum(Max, Or), _extremum(Min, And)

REDUCING: dict[str, Callable[..., list[Entries]]] = {
    "reduce_sum": _whole(_total),
    "reduce_prod": _whole(_product),
    "reduce_max": _whole(MAX),
    "reduce_min": _whole(MIN),
    "reduce_and": _whole(lambda row: And(*row)),
    "reduce_or": _whole(lambda row: Or(*row)),
    "reduce_xor": _whole(lambda row: Xor(*row)),
    "argmax": _place(sympy.Ge),
    "argmin": _place(sympy.Le),
    "cumsum": _so_far(_total),
    "cumprod": _so_far(_product),
    "cummax": _so_far(MAX),
    "cummin": _so_far(MIN),
    "cumlogsumexp": _so_far(_log_of_sum),
}
