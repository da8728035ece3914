"""From formulas of entries to matrices: which formulas are products, sums and functions of whole matrices.

    Σ_k A(i, k) B(k, j)  =  A B          A(j, i)  =  Aᵀ           a(i) b(j)  =  a bᵀ
    Σ_k A(i, k) v(k) B(k, j)  =  A diag(v) B                      a(i) B(i, j)  =  diag(a) B
    b(j), widened to rows  =  1 bᵀ       f(A(i, j), B(i, j))  =  f of the entries

A product of factors with at most two indices each is a network of tensors; its bound indices are eliminated one by
one, and the elimination of k joins all that carries k to a vector or a matrix (cf. R. Penrose, "Applications of
negative dimensional tensors", 1971). It fails, by `NotMatrices`, where three indices meet, or where an index is
computed; such formulas stay as they are, about entries.

>>> from sympy import IndexedBase
>>> from paralens.backends.sympy.formulas.terms.entries import bound
>>> W, x = IndexedBase("W", shape=(3, 4)), IndexedBase("x", shape=(4,))
>>> matrix_of(Fold("sum", W[FREE[0], bound(1)] * x[bound(1)], bound(1), 4), (3,))
W*x
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import (
    Add,
    Dummy,
    Identity,
    Indexed,
    KroneckerDelta,
    MatrixSymbol,
    Mul,
    Piecewise,
    Pow,
    S,
    Symbol,
    Transpose,
    ZeroMatrix,
    sympify,
)
from sympy.logic.boolalg import Boolean

from .contraction import contracted
from .entries import FREE, At, Fold, Softmax, of
from .multiplying import NotMatrices, opened_folds, ordered, plus, times, transposed
from .nodes import Along, Entrywise, MatrixCall, OneHot, Ones, Power, Reduced, Whole

__all__ = ["matrix_call", "matrix_of"]


Value = tuple[tuple[Any, ...], Any]  # the indices that a matrix depends on, none, one (a column) or two, and the matrix


def matrix_of(body: Any, shape: Sequence[int]) -> Any:
    """The formula of an array of at most two axes as a matrix, or a number where it has none.

    Raises `NotMatrices` where it is none.
    """
    if len(shape) > 2 or body.is_Boolean or (body.is_Symbol and body in FREE):
        raise NotMatrices
    if body is S.Zero and shape:
        return ZeroMatrix(*(*shape, 1)[:2])
    sizes = dict(zip(FREE, shape, strict=False))
    axes = tuple(FREE[a] for a, n in enumerate(shape) if n != 1)
    found = _Matrices(sizes).read(body)
    if not shape:
        return found[1]
    matrix = spread(found, axes, sizes)
    columns = (*shape, 1)[1]
    if len(axes) == 2 or (columns == 1 and len(axes) == 1):
        return matrix
    if len(axes) == 1:
        return transposed(matrix)
    return times(matrix, [Ones(1)]) if not hasattr(matrix, "shape") else matrix


def matrix_call(operation: Any, arguments: Sequence[Any]) -> Any:
    """What a box gives of whole arrays, as a matrix or a column."""
    shape = operation.box.cod.inside[operation.output].shape
    return MatrixCall(operation, *(*shape, 1)[:2], *arguments)


# --- building matrices without sympy's own rewriting, which costs more and orders factors anew ---


def spread(value: Value, axes: tuple[Any, ...], sizes: dict[Any, int]) -> Any:
    """The value as a matrix over these axes: a number, a column, or a matrix."""
    mine, m = value
    if mine == axes:
        return m
    if of(m, Boolean):
        raise NotMatrices  # no number that a matrix of ones could be multiplied by
    if len(axes) == 1:
        return times(m, [Ones(sizes[axes[0]])])
    if len(mine) == 2:
        return transposed(m)
    rows, columns = (sizes[a] for a in axes)
    if not mine:
        return times(m, [Ones(rows), Transpose(Ones(columns))])
    if mine[0] == axes[0]:
        return times(S.One, [m, Transpose(Ones(columns))])
    return times(S.One, [Ones(rows), transposed(m)])


class _Matrices:
    """Reads formulas, given how many values the indices have."""

    def __init__(self, sizes: dict[Any, int]) -> None:
        self.sizes = sizes

    def read(self, e: Any) -> Value:
        """The matrix of a formula, over the indices that it depends on."""
        rule = RULES.get(type(e))
        if isinstance(e, (Indexed, At)) and not self.depends(e):
            return (), e
        if rule is not None:
            return rule(self, e)
        if isinstance(e, Symbol) and (e in FREE or e.name[0] == "@"):
            raise NotMatrices
        if not e.args:
            return (), e
        return self.function(e) if self.depends(e) else ((), self.template(e, {}))

    def depends(self, e: Any) -> bool:
        """Whether a formula depends on an index."""
        return any(s.name[0] in "_@" and s in self.sizes for s in e.free_symbols if isinstance(s, Symbol))

    def entry(self, array: Any, shape: Sequence[int], indices: Sequence[Any]) -> Value:
        """The entry of a matrix at plain indices."""
        if len(shape) > 2:
            raise NotMatrices
        axes = [i for i, n in zip(indices, shape, strict=True) if n != 1]
        if any(i not in self.sizes for i in axes) or len(set(axes)) < len(axes):
            raise NotMatrices
        if any(_differ(self.sizes[i], n) for i, n in zip(indices, shape, strict=True) if n != 1):
            raise NotMatrices  # a part of the array only
        if len(axes) == 1 and len(shape) == 2 and shape[0] == 1:
            array = transposed(array)
        if not axes:
            raise NotMatrices
        return tuple(axes), array

    def indexed(self, e: Any) -> Value:
        shape = tuple(e.base.shape)
        name = str(e.base.label)
        return self.entry(MatrixSymbol(name, *(*shape, 1)[:2]) if len(shape) < 3 else None, shape, e.indices)

    def at(self, e: Any) -> Value:
        array, *indices = e.args
        shape = tuple(getattr(array, "shape", ()))
        if not shape:
            raise NotMatrices
        return self.entry(array, shape[: len(indices)], indices)

    def add(self, e: Any) -> Value:
        content, terms = _content(e, self.depends)
        parts = [self.read(t) for t in terms]
        axes = self.union(parts)
        if not axes:
            return (), content * Add(*[p for _, p in parts])
        numbers = [p for mine, p in parts if not mine]
        parts = [p for p in parts if p[0]] + ([((), Add(*numbers))] if numbers else [])
        return axes, times(content, [plus([spread(p, axes, self.sizes) for p in parts])])

    def union(self, parts: Sequence[Value]) -> tuple[Any, ...]:
        """All indices of some values, in the order of the matrices among them, or else in their own."""
        found = dict.fromkeys(a for mine, _ in parts for a in mine)
        if len(found) > 2:
            raise NotMatrices
        orders = {mine for mine, _ in parts if len(mine) == 2}
        return next(iter(orders)) if len(orders) == 1 else ordered(found)

    def power(self, e: Any) -> Value:
        base, exponent = e.args
        if self.depends(exponent):
            return self.function(e)
        axes, m = self.read(base)
        return axes, Power(m, exponent) if axes else m**exponent

    def function(self, e: Any) -> Value:
        """A function of entries: its arguments are matrices, or numbers that it keeps."""
        leaves: dict[Any, tuple[Any, Value]] = {}
        template = self.template(e, leaves, top=True)
        parts = [v for _, v in leaves.values()]
        axes = self.union(parts)
        matrices = [spread(v, axes, self.sizes) for v in parts]
        return axes, Entrywise(template, [d for d, _ in leaves.values()], *matrices)

    def template(self, e: Any, leaves: dict[Any, tuple[Any, Value]], top: bool = False) -> Any:
        """The formula with a variable for every matrix in it."""
        if not e.has(*LEAVES):
            if self.depends(e):
                raise NotMatrices
            return e
        if type(e) in LEAVES and not self.depends(e) and not top:
            return self.read(e)[1]
        if type(e) in LEAVES and not top:
            if e not in leaves:
                value = self.read(e)
                leaves[e] = (Dummy(f"u{len(leaves)}", real=e.is_real or None), value)
            return leaves[e][0]
        if isinstance(e, Piecewise):
            return Piecewise(*[tuple(self.template(x, leaves) for x in p.args) for p in e.args], evaluate=False)
        arguments = [self.template(a, leaves) for a in e.args]
        return e.func(*arguments, evaluate=False) if e.is_Relational else e.func(*arguments)

    def delta(self, e: Any) -> Value:
        a, b = e.args
        if a in self.sizes and b in self.sizes:
            return (a, b), Identity(self.sizes[a])
        a, b = (b, a) if b in self.sizes else (a, b)
        if a not in self.sizes:
            raise NotMatrices
        axes, m = self.read(b)
        if len(axes) > 1 or a in axes:
            raise NotMatrices
        return (*axes, a), OneHot(m, self.sizes[a])

    def softmax(self, e: Any) -> Value:
        body, k, _, at = e.args
        if at not in self.sizes or at in body.free_symbols:
            raise NotMatrices
        axes, m = self.read(body.xreplace({k: at}))
        if at not in axes:
            raise NotMatrices
        return axes, Along("softmax", m, axes.index(at))

    def fold(self, e: Any) -> Value:
        kind = e.args[0]
        if str(kind) == "sum":
            return self.product(e)
        inner, ranges = opened_folds(e)
        axes, m = _Matrices(self.sizes | ranges).read(inner)
        if len(axes) - len([a for a in axes if a in ranges]) > 1 or any(k not in axes for k in ranges):
            raise NotMatrices
        if all(a in ranges for a in axes):
            return (), Whole(str(kind), m)
        kept = next(a for a in axes if a not in ranges)
        return (kept,), Reduced(str(kind), m if axes[0] == kept else transposed(m))

    def product(self, e: Any) -> Value:
        return contracted(self, e)


def _content(e: Any, depends: Any) -> tuple[Any, list[Any]]:
    """What all terms of a sum have in front that depends on no index, and the terms without it."""
    terms = list(Add.make_args(e))
    fixed = [[f for f in Mul.make_args(t) if not f.is_Number and not depends(f)] for t in terms]
    numbers = {t.as_coeff_Mul()[0] for t in terms}
    sizes = {abs(c) for c in numbers}
    c = sizes.pop() * (-1 if all(c.is_negative for c in numbers) else 1) if len(sizes) == 1 else S.One
    c = Mul(c, *[f for f in fixed[0] if all(f in others for others in fixed[1:])])
    return (S.One, terms) if c == 1 else (c, [t / c for t in terms])


def _differ(n: Any, m: Any) -> bool:
    """Whether two sizes are different numbers; a letter may stand for any."""
    return sympify(n).is_Integer and sympify(m).is_Integer and n != m


RULES: dict[type, Any] = {
    Add: _Matrices.add,
    Mul: _Matrices.product,
    Pow: _Matrices.power,
    Indexed: _Matrices.indexed,
    At: _Matrices.at,
    KroneckerDelta: _Matrices.delta,
    Softmax: _Matrices.softmax,
    Fold: _Matrices.fold,
}
LEAVES = frozenset(RULES)
