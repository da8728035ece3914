"""Rewriting: rules that keep value and derivative, and the functor that applies them."""

from .rule import Rule, equation, rewrites
from .simplification import simplify
from .tables import RULES

__all__ = ["RULES", "Rule", "equation", "rewrites", "simplify"]
