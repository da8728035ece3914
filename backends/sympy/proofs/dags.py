"""Expressions as graphs: equal parts are visited once, where sympy's own walks visit them as often as they are used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["nodes", "rebuilt", "symbols_in"]


def nodes(*exprs: Any) -> set[Any]:
    """All the different parts of some expressions, and these themselves."""
    seen: set[Any] = set()
    stack = list(exprs)
    while stack:
        e = stack.pop()
        if e not in seen:
            seen.add(e)
            stack += e.args
    return seen


def symbols_in(*exprs: Any) -> set[Any]:
    """The symbols of some expressions."""
    return {e for e in nodes(*exprs) if e.is_Symbol}


def rebuilt(expr: Any, change: Callable[[Any], Any]) -> Any:
    """The expression with parts exchanged, from the outside in: what `change` gives, or the part if that is None.

    >>> from sympy import sin, symbols
    >>> x, y = symbols("x y")
    >>> rebuilt(sin(x) + x, lambda e: y if e == sin(x) else None)
    x + y
    """
    made: dict[Any, Any] = {}
    stack = [expr]
    while stack:
        e = stack[-1]
        if e in made:
            stack.pop()
            continue
        new = change(e)
        if new is None:
            missing = [a for a in e.args if a not in made]
            if missing:
                stack += missing
                continue
            parts = [made[a] for a in e.args]
            new = e if all(a is b for a, b in zip(parts, e.args, strict=True)) else e.func(*parts)
        made[stack.pop()] = new
    return made[expr]
