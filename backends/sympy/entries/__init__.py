"""Exact meaning entry by entry: every wire an array of sympy expressions.

`entries_of` is the functor, `number` says which number a constant stands for, and `SCALARS` holds the formulas of the
primitives that act entry by entry.
"""

from .elementary import SCALARS
from .meaning import entries_of
from .numbers import number
from .symbols import symbols_of

__all__ = ["SCALARS", "entries_of", "number", "symbols_of"]
