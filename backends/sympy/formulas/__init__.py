"""Formulas: diagrams as expressions of sympy, entry by entry, about arrays, or one line a box."""

from .incoming import from_sympy
from .levels import symbolic
from .result import Symbolic

__all__ = ["Symbolic", "from_sympy", "symbolic"]
