"""From formulas to diagrams: an expression of sympy as a diagram over the wires of its symbols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import sympy
from sympy import IndexedBase, MatrixSymbol, Symbol

from ....categories.errors import InputError
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.jaxpr import from_jax
from ....diagrams.types import Ty, wire
from .result import Symbolic
from .terms.entries import Family
from .terms.evaluate import Evaluator

__all__ = ["from_sympy"]


def from_sympy(expr: Any, *symbols: Any, types: Mapping[Any, Ty] | None = None) -> Diagram:
    """The diagram of an expression, or of several as its outputs, with one input for each symbol.

    Without `symbols` these are the free symbols of the expression by name. A `Symbol` is a wire R(), a `MatrixSymbol`
    R(n, m), an `IndexedBase` of a shape R of that shape; whole numbers are on Z wires. `types` says otherwise, by the
    symbol or its name. A `Symbolic` comes back with the inputs and outputs of its diagram.

    Raises `InputError` for what is no formula, or a symbol without a shape in numbers, and `NoMeaningError` for a
    function that JAX has not.

    >>> x, y = sympy.symbols("x y")
    >>> from_sympy(sympy.sin(x) * y).dom
    R() @ R()
    """
    if isinstance(expr, Symbolic):
        return from_jax(expr.flat(), *[Ty.of((v.wire,)) for v in expr.inputs])
    exprs = tuple(_expression(e) for e in (expr if isinstance(expr, (tuple, list)) else (expr,)))
    if not symbols:
        symbols = tuple(sorted(_symbols(exprs), key=str))
    given = {str(k): t for k, t in (types or {}).items()}
    dom = [given.get(str(s)) or _type(s) for s in symbols]
    names = [str(s.name if hasattr(s, "name") else s) for s in symbols]

    def evaluate(*values: Any) -> Any:
        dtypes = [v.dtype for v in values if jnp.issubdtype(v.dtype, jnp.inexact)]
        evaluator = Evaluator(dict(zip(names, values, strict=True)), dtypes[0] if dtypes else "float32")
        made = tuple(evaluator.array(e) for e in exprs)
        return made[0] if len(made) == 1 else made

    return from_jax(evaluate, *dom)


def _expression(e: Any) -> Any:
    """A formula of sympy as it is, a number of Python as one; nothing else is read."""
    if isinstance(e, (bool, int, float, complex)):
        return sympy.sympify(e)
    if not isinstance(e, (sympy.Basic, sympy.MatrixBase, sympy.NDimArray)):
        raise InputError(f"{e!r} is no formula of sympy: make one with sympy.sympify")
    return e


def _symbols(exprs: Sequence[Any]) -> set[Any]:
    """The free symbols; of indexed entries their bases, and no indices that are bound."""
    found: set[Any] = set()
    for e in exprs:
        free: set[Any] = e.free_symbols if hasattr(e, "free_symbols") else set()
        bases: set[Any] = {x for x in free if isinstance(x, sympy.Indexed)}
        labels = {x.base.label for x in bases}
        arrays: set[Any] = set(e.atoms(IndexedBase, MatrixSymbol)) if hasattr(e, "atoms") else set()
        hidden = labels | {a.label for a in arrays if isinstance(a, IndexedBase)} | bases
        bound = {r[0] for r in e.ranges} if isinstance(e, Family) else set()
        found |= {x for x in free if x not in hidden and x not in bound} | arrays
    return found


def _type(symbol: Any) -> Ty:
    """The type of the wire of a symbol."""
    if isinstance(symbol, (MatrixSymbol, IndexedBase)):
        shape = symbol.shape
        if shape is None or not all(sympy.sympify(n).is_Integer for n in shape):
            raise InputError(f"{symbol} has the shape {shape}: give its type in numbers, types={{'{symbol}': R(3, 4)}}")
        whole = isinstance(symbol, IndexedBase) and symbol.is_integer
        return Ty.of((wire(tuple(int(str(n)) for n in shape), "int32" if whole else "float32"),))
    if not isinstance(symbol, Symbol):
        raise InputError(f"{symbol!r} is no symbol: give Symbol, MatrixSymbol or IndexedBase")
    return Ty.of((wire((), "int32" if symbol.is_integer else "float32"),))
