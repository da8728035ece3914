"""Formulas as they are shown: indices with letters, folds as sympy's sums and products, arrays as matrices.

A formula of at most two axes is written as a matrix where it is one, and else as the family of its entries. With
`sizes`, numbers of index values are written as symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Expr, Ne, Product, S, Sum, Symbol, Tuple, sympify
from sympy.logic.boolalg import Boolean
from sympy.matrices.exceptions import ShapeError

from .entries import FREE, At, Family, Fold, bound, level
from .matrices import matrix_of
from .multiplying import NotMatrices

__all__ = ["array_of", "family_of"]


def array_of(body: Any, shape: Sequence[int], letters: Sequence[str]) -> Any:
    """The array with these entries: a number, a matrix, or a family."""
    if isinstance(body, Ne) and isinstance(body.lhs, At) and body.rhs == 0:
        body = body.lhs  # what a box gives on a wire of booleans
    whole = _whole(body, shape)
    if whole is not None:
        return whole
    if len(shape) <= 2 and not isinstance(body, Boolean):
        try:
            return matrix_of(body, shape)
        except (NotMatrices, ShapeError):
            pass
    return family_of(body, shape, letters)


def _whole(body: Any, shape: Sequence[int]) -> Any:
    """The array that a body reads at its own place."""
    if isinstance(body, At):
        array, *indices = body.args
        if indices == [S.Zero if n == 1 else i for i, n in zip(FREE, shape, strict=False)]:
            return array
    return None


def family_of(body: Any, shape: Sequence[int], letters: Sequence[str]) -> Any:
    """The family of entries over indices with letters, the free ones first; axes of one entry are left out."""
    free = [a for a, n in enumerate(shape) if n != 1]
    depth = level(body)
    symbols = [Symbol(c, integer=True, nonnegative=True) for c in letters[: len(free) + depth]]
    renamed = {FREE[a]: symbols[i] for i, a in enumerate(free)}
    renamed |= {bound(k): symbols[len(free) + depth - k] for k in range(1, depth + 1)}
    entry = written(body.xreplace(renamed))
    return Family(entry, *[(symbols[i], sympify(shape[a])) for i, a in enumerate(free)]) if free else entry


def written(e: Any) -> Any:
    """The formula with sympy's own sums and products."""
    if not e.has(Fold):
        return e
    args = [written(a) for a in e.args]
    if isinstance(e, Fold) and e.rule in ("sum", "prod"):
        return _limits(Sum if e.rule == "sum" else Product, args[1], (args[2], S.Zero, args[3] - 1))
    return e if args == list(e.args) else e.func(*args)


def _limits(kind: Any, body: Any, *limits: Any) -> Any:
    """A sum or product of sympy's, made without its constructor, which rewrites at length; nested ones join."""
    if isinstance(body, kind):
        body, limits = body.args[0], (*body.args[1:], *limits)
    made = Expr.__new__(kind, body, *[Tuple(*x) for x in limits])
    made.is_commutative = True
    return made
