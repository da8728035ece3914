"""Sums of products as products of matrices: the elimination of bound indices.

Each factor is a vector (one index) or a matrix (two). Eliminating the index k joins the vectors on k, entry by entry,
to v and the matrices on k, grouped by their other index, to at most two:

    no matrix          the number Σ_k v(k)          two vectors: their dot product
    one, with l        the vector M v over l
    two, with l, m     the matrix M diag(v) Nᵀ over l and m
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import MatMul, Mul, Pow, S, Transpose

from .display import of_ones
from .entries import Fold
from .multiplying import NotMatrices, entrywise_product, opened_folds, ordered, times, transposed
from .nodes import Diagonal, Hadamard, Inner, Ones, Power, Times, Whole

__all__ = ["contracted"]


def contracted(reader: Any, e: Any) -> Any:
    """The matrix of a product, or of a sum of a product, over the indices that it depends on."""
    body, ranges = opened_folds(e) if isinstance(e, Fold) else (e, {})
    inner = type(reader)(reader.sizes | ranges)
    factors: list[tuple[tuple[Any, ...], Any]] = []
    number: Any = S.One
    for f in Mul.make_args(body):
        for axes, m in _factors(inner, f):
            if not axes:
                number = number * m
                continue
            if isinstance(m, MatMul) and not hasattr(m.args[0], "shape"):
                number, m = number * m.args[0], times(S.One, m.args[1:])
            factors.append((axes, m))
    pending = list(ranges)
    while pending:
        k = min(pending, key=lambda k: len(_others(factors, k)))
        pending.remove(k)
        c, factors = _eliminated(factors, k, pending, inner.sizes)
        number = number * c
    axes = inner.union(factors)
    return _joined(number, factors, axes, inner.sizes)


def _factors(reader: Any, f: Any) -> list[Any]:
    """A factor; a whole power of a matrix that may be contracted is as many factors."""
    if isinstance(f, Pow) and f.exp == 2:
        axes, m = reader.read(f.base)
        return [(axes, m), (axes, m)] if axes else [((), m**2)]
    return [reader.read(f)]


def _others(factors: Sequence[Any], k: Any) -> set[Any]:
    return {a for axes, _ in factors if k in axes for a in axes if a != k}


def _eliminated(factors: Sequence[Any], k: Any, pending: Sequence[Any], sizes: dict[Any, int]) -> tuple[Any, list[Any]]:
    """The number and the factors that are left when the index k is summed over."""
    mine = [f for f in factors if k in f[0]]
    rest = [f for f in factors if k not in f[0]]
    vectors = [m for axes, m in mine if len(axes) == 1]
    groups: dict[Any, list[Any]] = {}
    for axes, m in mine:
        if len(axes) == 2:
            other = axes[0] if axes[1] == k else axes[1]
            groups.setdefault(other, []).append(transposed(m) if axes[0] == k else m)  # rows are the other index
    if len(groups) > 2:
        raise NotMatrices
    if not groups:
        return _dot(vectors, sizes[k]), rest
    if len(groups) == 1:
        ((other, matrices),) = groups.items()
        if len(matrices) >= 2 and not vectors and other in pending and not any(other in a for a, _ in rest):
            # a sum over both indices of a product entry by entry; the other index is summed as one of a vector of ones
            whole = _dot(matrices, None)
            return whole / sizes[other], [*rest, ((other,), Ones(sizes[other]))]
        v = _squares(vectors, entrywise_product) if vectors else Ones(sizes[k])
        return S.One, [*rest, ((other,), times(S.One, [_squares(matrices, entrywise_product), v]))]
    a, b = ordered(groups)
    left, right = groups[a], groups[b]
    middle = [Diagonal(_squares(vectors, entrywise_product))] if vectors else []
    made = times(S.One, [_squares(left, entrywise_product), *middle, transposed(_squares(right, entrywise_product))])
    return S.One, [*rest, ((a, b), made)]


def _dot(matrices: Sequence[Any], n: int | None) -> Any:
    """The sum of the products of the entries."""
    if not matrices:
        return S(n or 0)
    found = [m for m in matrices if not isinstance(m, Ones)]
    if not found:
        return S(n if n is not None else matrices[0].shape[0])
    matrices = found
    if len(matrices) == 1:
        m = matrices[0]
        while isinstance(m, Times) and of_ones(m.args[-1]):  # the sum of the sums of the rows
            m = times(S.One, m.args[:-1])
        while isinstance(m, Times) and of_ones(m.args[0]):
            m = times(S.One, m.args[1:])
        if isinstance(m, Hadamard) and len(m.args) == 2:
            return Inner(*m.args)
        return Inner(m.base, m.base) if isinstance(m, Power) and m.exp == 2 else Whole("sum", m)
    left, right = matrices[0], _squares(matrices[1:], entrywise_product)
    if isinstance(left, Times) and left.shape[1] == 1 and hasattr(left.args[0], "shape"):  # (A a)ᵀ b = aᵀ (Aᵀ b)
        return Inner(left.args[-1], times(S.One, [*[transposed(m) for m in reversed(left.args[:-1])], right]))
    return Inner(left, right)


def _joined(number: Any, factors: Sequence[Any], axes: tuple[Any, ...], sizes: dict[Any, int]) -> Any:
    """What is left, multiplied entry by entry."""
    if not factors:
        return (), number
    if len(axes) == 1:
        return axes, times(number, [_squares([m for _, m in factors], entrywise_product)])
    matrices = [m if mine == axes else transposed(m) for mine, m in factors if len(mine) == 2]
    rows, columns = ([m for mine, m in factors if mine == (a,)] for a in axes)
    if not matrices:
        left, right = (_squares(side, entrywise_product) for side in (rows, columns))
        return axes, times(number, [left, transposed(right)])
    made = [_squares(matrices, entrywise_product)]
    made = ([Diagonal(_squares(rows, entrywise_product))] if rows else []) + made
    made += [Diagonal(_squares(columns, entrywise_product))] if columns else []
    return axes, times(number, made)


def _squares(matrices: Sequence[Any], product: Any) -> Any:
    """The product entry by entry, with powers for equal factors."""
    counted: dict[Any, int] = {}
    for m in matrices:
        counted[m] = counted.get(m, 0) + 1

    def power(m: Any, n: int) -> Any:
        return transposed(Power(m.arg, n)) if isinstance(m, Transpose) else Power(m, n)

    return product([m if n == 1 else power(m, n) for m, n in counted.items()])
