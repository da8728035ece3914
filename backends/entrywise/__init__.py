"""Exact meaning entry by entry: every wire an array of sympy expressions.

`entries_of` is the functor, `number` says which number a constant stands for, and `SCALARS` holds the formulas of the
primitives that act entry by entry.
"""

from .arrays import symbols_of
from .meaning import entries_of
from .numbers import number
from .scalars import SCALARS

__all__ = ["SCALARS", "entries_of", "number", "symbols_of"]
