"""Matrices: what sympy has no word for in a formula about whole arrays of one or two axes.

    Entrywise(template, variables, A, B, ...)   a function of the entries of matrices of one shape
    Along("softmax", A, axis)                   of the same shape: the softmax of each row (axis 1) or column (0)
    Reduced("max", A)                           a column: the maximum, ... , of each row
    Whole("sum", A)                             a number: the sum, ..., of all entries
    Inner(A, B)                                   a number: Σ_ij A_ij B_ij, which is aᵀb for columns
    Diagonal(a)                                 the matrix with this diagonal
    OneHot(t, n)                                the matrix whose row i is the unit vector number t_i
    MatrixCall(box, rows, columns, ...)         what a box gives of whole arrays
    Plus, Times, Hadamard, Power, Ones          sympy's MatAdd, MatMul, HadamardProduct, HadamardPower and OneMatrix

A vector is a column. All are evaluated by `evaluate`, and print as one writes them.
"""

from __future__ import annotations

from typing import Any

from sympy import (
    Expr,
    HadamardPower,
    HadamardProduct,
    Integer,
    KroneckerDelta,
    MatAdd,
    MatMul,
    MatrixExpr,
    OneMatrix,
    Tuple,
    sympify,
)
from sympy.core.symbol import Str
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.printing.precedence import precedence

from .display import Shown
from .entries import Operation

__all__ = [
    "Along",
    "Diagonal",
    "Entrywise",
    "Hadamard",
    "Inner",
    "MatrixCall",
    "OneHot",
    "Ones",
    "Plus",
    "Power",
    "Reduced",
    "Times",
    "Whole",
]


class Plus(Shown, MatAdd):
    """A sum of matrices, written in its order."""

    precedence = 40


class Times(Shown, MatMul):
    """A product of a number and matrices, written in its order."""

    precedence = 50


class Hadamard(Shown, HadamardProduct):
    """A product of matrices entry by entry."""

    precedence = 50


class Power(Shown, HadamardPower):
    """A power of a matrix entry by entry."""

    precedence = 60


class Ones(Shown, OneMatrix):
    """`Ones(n)`: the column of n ones."""

    def __new__(cls, n: Any, one: Any = 1, **options: Any) -> Any:
        return Expr.__new__(cls, sympify(n), sympify(one))


class Entrywise(Shown, MatrixExpr):
    """`Entrywise(template, variables, *matrices)`: the template at the entries of the matrices."""

    def __new__(cls, template: Any, variables: Any, *matrices: Any) -> Any:
        return Expr.__new__(cls, template, Tuple(*variables), *matrices)

    @property
    def precedence(self) -> int:
        """That of what is written."""
        return precedence(self.parts[0])

    @property
    def shape(self) -> Any:
        """That of the matrices."""
        return self.parts[2].shape

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols of the matrices, and the parameters of the template."""
        inside = self.parts[0].free_symbols - set(self.parts[1])
        return inside.union(*[m.free_symbols for m in self.parts[2:]])

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        return self.parts[0].xreplace({v: m[i, j] for v, m in zip(self.parts[1], self.parts[2:], strict=True)})


class Along(Shown, MatrixExpr):
    """`Along(name, matrix, axis)`: a function of each row (axis 1) or column (axis 0), which keeps its length."""

    def __new__(cls, name: Any, matrix: Any, axis: Any) -> Any:
        return Expr.__new__(cls, Str(name) if isinstance(name, str) else name, matrix, Integer(axis))

    @property
    def shape(self) -> Any:
        """That of the matrix."""
        return self.parts[1].shape

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        return MatrixElement(self, i, j)


class Reduced(Shown, MatrixExpr):
    """`Reduced(name, matrix)`: a column, with one number for each row."""

    def __new__(cls, name: Any, matrix: Any) -> Any:
        return Expr.__new__(cls, Str(name) if isinstance(name, str) else name, matrix)

    @property
    def shape(self) -> Any:
        """One column."""
        return (self.parts[1].shape[0], Integer(1))

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        return MatrixElement(self, i, j)


class Diagonal(Shown, MatrixExpr):
    """`Diagonal(vector)`: the square matrix with this column on its diagonal."""

    def __new__(cls, vector: Any) -> Any:
        return Expr.__new__(cls, vector)

    @property
    def shape(self) -> Any:
        """As many rows and columns as the vector has entries."""
        return (self.parts[0].shape[0],) * 2

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        return self.parts[0][i, 0] * KroneckerDelta(i, j)


class OneHot(Shown, MatrixExpr):
    """`OneHot(t, n)`: row i has a one at place t_i, out of n, and zeros elsewhere; of a number it is a column."""

    def __new__(cls, places: Any, n: Any) -> Any:
        return Expr.__new__(cls, places, sympify(n))

    @property
    def shape(self) -> Any:
        """A row for each place, or one column."""
        places, n = self.parts
        return (places.shape[0], n) if hasattr(places, "shape") else (n, Integer(1))

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        places = self.parts[0]
        return KroneckerDelta(j, places[i, 0]) if hasattr(places, "shape") else KroneckerDelta(i, places)


class MatrixCall(Shown, MatrixExpr):
    """`MatrixCall(operation, rows, columns, *arguments)`: what a box gives of these arrays."""

    def __new__(cls, operation: Any, rows: Any, columns: Any, *arguments: Any) -> Any:
        return Expr.__new__(cls, operation, Integer(rows), Integer(columns), *arguments)

    @property
    def operation(self) -> Operation:
        """The box."""
        return self.parts[0]  # type: ignore[return-value]

    @property
    def shape(self) -> Any:
        """Rows and columns."""
        return self.parts[1:3]

    def _entry(self, i: Any, j: Any, **kwargs: Any) -> Any:
        return MatrixElement(self, i, j)


class _Number(Shown, Expr):
    is_commutative = True
    is_real = True
    __slots__ = ()


class Inner(_Number):
    """`Inner(A, B)`: the sum of the products of the entries, aᵀb for columns."""

    __slots__ = ()

    @property
    def precedence(self) -> int:
        """That of a power for a square, of a product for columns, and else of a function."""
        a, b = self.parts
        return 60 if a == b else 55 if a.shape[1] == 1 else 1000


class Whole(_Number):
    """`Whole(name, matrix)`: a number of all entries of a matrix."""

    __slots__ = ()

    def __new__(cls, name: Any, matrix: Any) -> Any:
        return Expr.__new__(cls, Str(name) if isinstance(name, str) else name, matrix)
