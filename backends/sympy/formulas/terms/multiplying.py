"""Products, sums and transposes of matrices, each in one normal form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sympy import (
    Identity,
    MatMul,
    MatrixSymbol,
    Mul,
    S,
    Transpose,
)

from .display import of_ones
from .entries import FREE, Fold, of
from .nodes import Diagonal, Hadamard, Plus, Times

__all__ = ["NotMatrices", "entrywise_product", "opened_folds", "ordered", "plus", "times", "transposed"]


class NotMatrices(Exception):
    """The formula is not one of matrices."""


def transposed(m: Any) -> Any:
    """The transpose; of a product the product of the transposes, in the other order."""
    if isinstance(m, Transpose):
        return m.arg
    if isinstance(m, MatMul):
        numbers = [a for a in m.args if not hasattr(a, "shape")]
        return times(Mul(*numbers), [transposed(a) for a in reversed(m.args) if hasattr(a, "shape")])
    return m if isinstance(m, (Diagonal, Identity)) else Transpose(m)


def times(c: Any, matrices: Sequence[Any]) -> Any:
    """The product of a number and matrices."""
    flat: list[Any] = []
    for m in matrices:
        parts = list(m.args) if isinstance(m, MatMul) else [m]
        if not hasattr(parts[0], "shape"):
            c = c * parts.pop(0)
        flat += [p for p in parts if not isinstance(p, Identity)] or ([parts[0]] if len(matrices) == 1 else [])
    if not flat:
        flat = [matrices[0]]
    if c == 1 and len(flat) == 1:
        return flat[0]
    return Times(*([] if c == 1 else [c]), *flat)


def plus(matrices: Sequence[Any]) -> Any:
    """The sum: products first, then symbols by name, what is subtracted last."""
    return matrices[0] if len(matrices) == 1 else Plus(*sorted(matrices, key=_place))


def _place(m: Any) -> tuple[bool, int, str]:
    parts = m.args if isinstance(m, MatMul) else (m,)
    negative = not hasattr(parts[0], "shape") and bool(parts[0].could_extract_minus_sign())
    flat = any(of_ones(p) for p in parts)
    rank = 2 if flat else 1 if isinstance(m, MatrixSymbol) else 0
    return (negative, rank, str(m) if isinstance(m, MatrixSymbol) else "")


def entrywise_product(matrices: Sequence[Any]) -> Any:
    """The product entry by entry, numbers in front."""
    c, found = S.One, []
    for m in matrices:
        if isinstance(m, MatMul) and not hasattr(m.args[0], "shape"):
            c, m = c * m.args[0], times(S.One, m.args[1:])
        if not of_ones(m):
            found.append(m)
    if not found:
        return times(c, [matrices[0]])
    if all(isinstance(m, Transpose) for m in found):
        return transposed(entrywise_product([m.arg for m in found])) if c == 1 else times(c, [entrywise_product(found)])
    made = found[0] if len(found) == 1 else Hadamard(*sorted(found, key=lambda m: isinstance(m, MatrixSymbol)))
    return times(c, [made])


def ordered(indices: Iterable[Any]) -> tuple[Any, ...]:
    """Indices in their own order: the free ones first, of bound ones the outer before the inner."""
    return tuple(sorted(indices, key=lambda s: (0, FREE.index(s)) if s in FREE else (1, -int(s.name[1:]))))


def opened_folds(e: Any) -> tuple[Any, dict[Any, int]]:
    """The body of folds of one kind, and the ranges of their indices."""
    kind, ranges = e.rule, {}
    while of(e, Fold) and e.rule == kind:
        ranges[e.args[2]] = e.args[3]
        e = e.args[1]
    return e, ranges
