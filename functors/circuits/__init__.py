"""Polynomial circuits as a reverse differential category: their derivatives, their normal form, how they learn."""

from .ascent import added, ascent, residue
from .formal import differences, formal, multilinear
from .rules import polynomials

__all__ = ["added", "ascent", "differences", "formal", "multilinear", "polynomials", "residue"]
