"""Derivatives by sympy itself, of the expressions that a diagram means: the other side of a proof.

What is constant but for jumps (floor, sign, a comparison of whole numbers) stands still, and |u| = u sign u, so that
the derivative is the one almost everywhere. A complex entry x + iy is two real variables; with JAX's pairing of
tangents and cotangents, Re(g t),

    R_z = ∂L/∂x - i ∂L/∂y         L = Re Σ g_k y_k
    D   = Σ_z  ∂f/∂x Re t_z + ∂f/∂y Im t_z
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Add, I, conjugate

from .dags import nodes, rebuilt, symbols_in

__all__ = ["Variable", "gradient", "has_borders", "tangent"]

STEPS = (sympy.floor, sympy.ceiling, sympy.sign, sympy.Heaviside, sympy.KroneckerDelta, sympy.Mod)
KINKS = (sympy.Abs, sympy.Max, sympy.Min, sympy.core.relational.Relational)


def has_borders(exprs: Sequence[Any]) -> bool:
    """Whether expressions are taken apart into cases, or jump, somewhere among the real numbers."""
    found = (e for e in nodes(*exprs) if isinstance(e, (*STEPS, *KINKS)))
    return any(not s.is_integer and s.is_real for e in found for s in symbols_in(e))


@dataclass(frozen=True)
class Variable:
    """An entry of an input: its real part and, where it is complex, its imaginary part."""

    re: Any
    im: Any = None


def _frozen(expr: Any, held: dict[Any, Any]) -> Any:
    """The expression with symbols for what is constant almost everywhere; `held` gets what they stand for."""

    def still(e: Any) -> Any:
        if isinstance(e, sympy.Abs):
            u = e.args[0]
            return _frozen(u, held) * held.setdefault(sympy.sign(u), sympy.Dummy(real=True))
        return held.setdefault(e, sympy.Dummy(real=True)) if isinstance(e, STEPS) else None

    return rebuilt(expr, still)


def _derivatives(expr: Any, symbols: Sequence[Any]) -> list[Any]:
    held: dict[Any, Any] = {}
    plain = _frozen(expr, held)
    back = {symbol: step for step, symbol in held.items()}
    return [rebuilt(plain.diff(s), back.get) for s in symbols]


def gradient(values: Sequence[Any], weights: Sequence[Any], variables: Sequence[Variable]) -> list[Any]:
    """The cotangent of each variable, from the values and their cotangents."""
    symbols = [s for v in variables for s in (v.re, v.im) if s is not None]
    totals: dict[Any, list[Any]] = {s: [] for s in symbols}
    for value, g in zip(values, weights, strict=True):
        inside = nodes(value)
        mine = [s for s in symbols if s in inside]
        real = g.is_extended_real and I not in inside
        for s, slope in zip(mine, _derivatives(value, mine), strict=True):
            term = g * slope
            totals[s].append(term if real else (term + conjugate(term)) / 2)
    parts = {s: Add(*terms) for s, terms in totals.items()}
    return [parts[v.re] if v.im is None else parts[v.re] - I * parts[v.im] for v in variables]


def tangent(value: Any, variables: Sequence[Variable], moves: Sequence[Variable]) -> Any:
    """The tangent of one value, from those of the variables."""
    inside = nodes(value)
    pairs = [
        (s, t)
        for v, m in zip(variables, moves, strict=True)
        for s, t in ((v.re, m.re), (v.im, m.im))
        if s is not None and s in inside
    ]
    return Add(*[slope * t for slope, (_, t) in zip(_derivatives(value, [s for s, _ in pairs]), pairs, strict=True)])
