"""Values of expressions at points, to many digits: how a wrong derivative is refuted.

A point gives a fraction to every symbol, and an expression has a value there in arithmetic of fifty digits. Points at
which a function is not real or not finite are outside of its domain. Values never prove an equality.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import sympy
from mpmath.libmp import NoConvergence
from sympy import Expr, S

__all__ = ["DIGITS", "Outside", "Point", "evaluate", "points"]

DIGITS = 50
# Where symbols are sampled: signed numbers, and where logarithms, roots and inverse functions are defined.
RANGES = ((-2, 2), (0, 1), (1, 3), (0, 3), (-1, 1))
DENOMINATORS = (7, 9, 11, 13, 16, 17, 19)

Point = dict[Any, Any]


class Outside(Exception):
    """An expression has no real finite value at a point."""


def points(symbols: Sequence[Any], seed: int, count: int) -> Iterator[Point]:
    """Random points: fractions for real symbols, small whole numbers, and truth values."""
    rng = random.Random(seed)
    for k in range(count):
        low, high = RANGES[k % len(RANGES)]
        yield {s: _sample(s, rng, low, high) for s in symbols}


def _sample(symbol: Any, rng: random.Random, low: int, high: int) -> Any:
    if symbol.is_integer:
        return rng.randint(0, 2)
    if symbol.is_real is None:
        return rng.random() < 0.5
    q = rng.choice(DENOMINATORS)
    n = rng.randint(low * q + 1, high * q - 1)
    return Fraction(n, q) if n else Fraction(1, q)


def evaluate(expr: Any, point: Mapping[Any, Any], known: dict[Any, Any] | None = None) -> Any:
    """The value at a point, a number of mpmath or a truth value; shared parts are evaluated once (`known`).

    Raises `Outside` where there is none.
    """
    values: dict[Any, Any] = {} if known is None else known
    stack = [expr]
    while stack:
        e = stack[-1]
        if e in values:
            stack.pop()
            continue
        if isinstance(e, sympy.Piecewise):
            todo = _next_of_piecewise(e, values)
        else:
            todo = [a for a in e.args if a not in values] if e.func in FUNCTIONS else []
        if todo:
            stack += todo
            continue
        stack.pop()
        values[e] = _value(e, values, point)
    return values[expr]


def _next_of_piecewise(e: Any, values: dict[Any, Any]) -> list[Any]:
    """What is to be evaluated next: the conditions in turn, and the piece of the first that holds."""
    for piece, condition in e.args:
        if condition not in values:
            return [condition]
        if values[condition]:
            return [] if piece in values else [piece]
    raise Outside


def _value(e: Any, values: dict[Any, Any], point: Mapping[Any, Any]) -> Any:
    if e.func is sympy.Piecewise:
        return next(values[piece] for piece, condition in e.args if values[condition])
    if e in point:
        v = point[e]
        return mpmath.mpf(v.numerator) / v.denominator if isinstance(v, Fraction) else v
    if e is S.true or e is S.false:
        return e is S.true
    try:
        if e.func in FUNCTIONS:
            arguments = [values[a] for a in e.args]
            made = _plain(FUNCTIONS[e.func](*arguments))
            if isinstance(made, mpmath.mpc) and not any(isinstance(a, mpmath.mpc) for a in arguments):
                raise Outside  # of a real number, a function that is not real there
        else:
            made = _by_sympy(e, point)
    except (ZeroDivisionError, ValueError, OverflowError, TypeError, NoConvergence):
        raise Outside from None
    if isinstance(made, (mpmath.mpf, mpmath.mpc)) and not mpmath.isfinite(made):
        raise Outside
    return made


def _by_sympy(e: Expr, point: Mapping[Any, Any]) -> Any:
    """Constants, and the functions that only sympy has."""
    found: Any = e.xreplace({s: sympy.sympify(v) for s, v in point.items()})
    found = found.evalf(DIGITS) if isinstance(found, Expr) else found
    if (
        not isinstance(found, Expr)
        or not found.is_number
        or found.has(S.NaN, S.ComplexInfinity, S.Infinity, S.NegativeInfinity)
    ):
        raise Outside
    re, im = found.as_real_imag()
    value = mpmath.mpc(*(mpmath.mpf(str(part)) for part in (re, im)))
    return value.real if value.imag == 0 else value


def _plain(x: Any) -> Any:
    """A complex number that is real up to rounding as a real one."""
    if isinstance(x, mpmath.mpc) and abs(x.imag) <= mpmath.mpf(10) ** (10 - DIGITS) * abs(x):
        return x.real
    return x


def _product(*factors: Any) -> Any:
    made = mpmath.mpf(1)
    for x in factors:
        made = made * x
    return made


def _sum(*terms: Any) -> Any:
    made = mpmath.mpf(0)
    for x in terms:
        made = made + x
    return made


def _real(x: Any) -> Any:
    """The number, if it is real up to rounding: only such are compared."""
    if isinstance(x, mpmath.mpc):
        if abs(x.imag) > mpmath.mpf(10) ** (-DIGITS // 2) * (1 + abs(x)):
            raise Outside
        return x.real
    return x


def _same(x: Any, y: Any) -> bool:
    return x is y if isinstance(x, bool) else bool(abs(x - y) <= mpmath.mpf(10) ** (10 - DIGITS) * (1 + abs(x)))


def _step(x: Any) -> Any:
    x = _real(x)
    return mpmath.mpf(x > 0) if x else mpmath.mpf(1) / 2


def _compared(relation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda x, y: bool(relation(_real(x), _real(y)))


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sympy.Add: _sum,
    sympy.Mul: _product,
    sympy.Pow: lambda x, y: mpmath.power(x, y),
    sympy.exp: mpmath.exp,
    sympy.log: mpmath.log,
    sympy.Abs: abs,
    sympy.sign: lambda x: mpmath.sign(_real(x)),
    sympy.Heaviside: lambda x, *_: _step(x),
    sympy.Max: lambda *xs: max(map(_real, xs)),
    sympy.Min: lambda *xs: min(map(_real, xs)),
    sympy.floor: lambda x: mpmath.floor(_real(x)),
    sympy.ceiling: lambda x: mpmath.ceil(_real(x)),
    sympy.Mod: lambda x, y: x - y * mpmath.floor(x / y),
    sympy.conjugate: mpmath.conj,
    sympy.KroneckerDelta: lambda x, y: mpmath.mpf(_same(x, y)),
    sympy.Eq: _same,
    sympy.Ne: lambda x, y: not _same(x, y),
    sympy.StrictLessThan: _compared(lambda x, y: x < y),
    sympy.LessThan: _compared(lambda x, y: x <= y),
    sympy.StrictGreaterThan: _compared(lambda x, y: x > y),
    sympy.GreaterThan: _compared(lambda x, y: x >= y),
    sympy.And: lambda *xs: all(xs),
    sympy.Or: lambda *xs: any(xs),
    sympy.Not: lambda x: not x,
    sympy.ITE: lambda c, x, y: x if c else y,
    sympy.Xor: lambda *xs: sum(map(bool, xs)) % 2 == 1,
    sympy.Equivalent: lambda x, y: bool(x) == bool(y),
    sympy.besseli: mpmath.besseli,
    sympy.loggamma: mpmath.loggamma,
    sympy.erfinv: mpmath.erfinv,
    sympy.polygamma: lambda m, x: mpmath.psi(int(m) if m == int(m) else m, x),
}
FUNCTIONS |= {
    getattr(sympy, name): getattr(mpmath, name)
    for name in "sin cos tan cot sinh cosh tanh coth asin acos atan asinh acosh atanh atan2 erf erfc gamma".split()
}
