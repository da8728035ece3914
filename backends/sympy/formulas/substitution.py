"""Putting formulas in the places of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Indexed, IndexedBase, MatrixSymbol, S, sympify

from ....categories.errors import InputError
from ..entries.numbers import number
from .algebra import summed
from .names import Variable
from .terms.entries import FREE, At, Fold, base_name, level, lifted, of
from .terms.matrices import matrix_of, times
from .terms.multiplying import NotMatrices
from .terms.nodes import Ones

__all__ = ["given_entry", "replaced"]


def replaced(body: Any, entries: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> Any:
    """The formula with names replaced: `entries` says what an entry of each is, over the free indices.

    Bound indices of what comes in are lifted above those that are there.
    """
    depth = level(body)
    known = {k: lifted(v, depth) for k, v in entries.items()}

    def walk(e: Any) -> Any:
        if isinstance(e, Indexed) and base_name(e) in known:
            indices = [walk(i) for i in e.indices]
            return known[base_name(e)].xreplace(dict(zip(FREE, indices, strict=False)))
        if isinstance(e, (IndexedBase, MatrixSymbol)):
            name = str(e.args[0])
            return _array(entries[name], shapes[name]) if name in entries else e
        if e.is_Symbol:
            return known.get(e.name, e)
        if not e.args:
            return e
        args = [walk(a) for a in e.args]
        if isinstance(e, Fold) and e.rule == "sum":
            return summed(args[1], [(args[2], int(args[3]))])
        if isinstance(e, sympy.Basic) and all(a is b for a, b in zip(args, e.args, strict=True)):
            return e
        return e.func(*args)

    return walk(body)


def _array(body: Any, shape: Sequence[int]) -> Any:
    """The whole array of these entries, in a formula that reads it whole."""
    if len(shape) > 2:
        raise NotMatrices
    made = matrix_of(body, shape)
    return made if not shape or hasattr(made, "shape") else times(made, [Ones(shape[0])])


def given_entry(variable: Variable, value: Any) -> Any:
    """The entry, over the free indices, of what the user gives for an array: a number, a formula, or an array.

    Raises `InputError` for an array of another shape.
    """
    shape = variable.wire.shape
    free = [S.Zero if n == 1 else FREE[a] for a, n in enumerate(shape)]
    if of(value, sympy.MatrixExpr, sympy.MatrixBase):
        if tuple(int(n) for n in value.shape) != (*shape, 1)[:2] or len(shape) not in (1, 2):
            raise InputError(f"{variable.path} is {variable.wire}, and got a matrix of shape {tuple(value.shape)}")
        if isinstance(value, MatrixSymbol):
            base: Any = IndexedBase(value.name, shape=shape, real=True)
            return base[tuple(free)]
        if isinstance(value, sympy.Identity):
            return sympy.KroneckerDelta(*free)
        return At(sympy.ImmutableDenseMatrix(value) if isinstance(value, sympy.MatrixBase) else value, *free)
    if of(value, IndexedBase):
        return value[tuple(free)]
    if isinstance(value, (Expr, int, float)) or np.ndim(value) == 0:
        plain = not isinstance(value, Expr)
        return number(np.asarray(value).item(), variable.wire.dtype) if plain else sympify(value)
    array = np.asarray(value)
    if array.shape != shape:
        raise InputError(f"{variable.path} is {variable.wire}, and got an array of shape {array.shape}")
    exact = [number(x, variable.wire.dtype) for x in array.flat]
    if len(shape) <= 2:
        return At(sympy.ImmutableDenseMatrix(*(*shape, 1)[:2], exact), *free)
    return At(sympy.ImmutableDenseNDimArray(exact, shape), *free)
