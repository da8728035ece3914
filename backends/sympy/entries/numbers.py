"""The number that a constant stands for.

A float x of precision p is the image of every real number in its rounding interval, half a unit in the last place to
either side. Somebody meant one of them: 0.1, 1/3, sqrt(2/pi). We take the shortest to write down, by the number of
bits that tell it:

    p/q              log p + log q        the simplest fraction of the interval, found in the Stern-Brocot tree
    d · 10^k         log d + log |k|      the shortest decimal
    m · 2^k          log m + log |k|      what the float is exactly
    forms            those of a fraction, and some more: q π, q/π, sqrt(q), sqrt(q π), sqrt(q/π), q log 2, log q ...

so that π is not 355/113, and no number is taken for a form that is as long as the number itself. It is the principle
of the minimum description length (J. Rissanen, "Modeling by shortest data description", 1978); for the tree see R.
Graham, D. Knuth and O. Patashnik, "Concrete mathematics" (1994), section 4.5. Of two candidates as short the fraction
is taken first. What this assumes is that constants are rounded numbers; where they are not, a proof says how near.

>>> number(0.1, "float32"), number(1 / 3, "float32"), number(0.7978845608, "float32")
(1/10, 1/3, sqrt(2)/sqrt(pi))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

import ml_dtypes
import sympy
from sympy import Basic, Expr, I, Integer, Rational, S, exp, log, pi, sqrt

from ....diagrams.types import letter

__all__ = ["number", "simplest"]

Candidate = tuple[float, Expr]
DIGITS = 60  # of the irrational numbers that a float is compared with


def number(value: Any, dtype: str) -> Any:
    """The exact number, or the truth value, that an entry of this dtype stands for: a sympy expression.

    `value` is a number of Python or a scalar of numpy. Infinities and NaN are sympy's `oo`, `-oo` and `nan`.

    >>> number(True, "bool"), number(-7, "int32"), number(float("-inf"), "float32"), number(1e-12, "float32")
    (True, -7, -oo, 1/1000000000000)
    """
    kind = letter(dtype)
    if kind == "B":
        return S.true if value else S.false
    if kind == "Z":
        return Integer(int(value))
    if kind == "C":
        value, part = complex(value), {"complex64": "float32", "complex128": "float64"}[dtype]
        return _real(value.real, part) + I * _real(value.imag, part)
    return _real(float(value), dtype)


@lru_cache(maxsize=65536)
def _real(x: float, dtype: str) -> Basic:
    if math.isnan(x):
        return S.NaN
    if math.isinf(x):
        return S.Infinity if x > 0 else S.NegativeInfinity
    if x == 0:
        return S.Zero
    found = _shortest(abs(x), dtype)
    return found if x > 0 else -found


def _shortest(x: float, dtype: str) -> Expr:
    """The shortest candidate, or the shortest decimal where none is much shorter than the float itself."""
    info = ml_dtypes.finfo(dtype)
    nmant = int(info.nmant)
    low, high, ulp = _interval(x, nmant, int(info.minexp))
    decimal = _decimal(x, low, high)
    cost, found = min(_rationals(x, low, high, decimal, 0.75 * nmant + 2), key=lambda c: c[0])
    if cost > 8:
        slack = ulp if nmant > 30 else Fraction(0)  # a double is often the result of a few roundings
        limit = min(cost, 0.62 * nmant + 2)
        forms = [c for c in _forms(low - slack, high + slack) if c[0] < limit]
        cost, found = min([(cost, found), *forms], key=lambda c: c[0])
    return found


def _interval(x: float, nmant: int, minexp: int) -> tuple[Fraction, Fraction, Fraction]:
    """The ends of the interval of numbers that round to x, and the unit in its last place."""
    exact = Fraction(x)
    mantissa, exponent = math.frexp(x)
    ulp = Fraction(2) ** (max(exponent - 1, minexp) - nmant)
    below = ulp / 4 if mantissa == 0.5 and exponent - 1 > minexp else ulp / 2
    return exact - below, exact + ulp / 2, ulp


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator and numerator strictly between two positive numbers.

    The walk down the Stern-Brocot tree, by continued fractions.

    >>> simplest(Fraction(3141, 1000), Fraction(3142, 1000))
    Fraction(245, 78)
    """
    # the matrix (a b; c d) of the walk so far: x = (a y + b) / (c y + d)
    a, b, c, d = 1, 0, 0, 1
    while True:
        whole = low.numerator // low.denominator
        if whole + 1 < high:
            return Fraction(a * (whole + 1) + b, c * (whole + 1) + d)
        a, b, c, d = a * whole + b, a, c * whole + d, c
        # low may be whole itself, and then y has no upper end: any number above the lower one will do
        low, high = 1 / (high - whole), 1 / (low - whole) if low > whole else 1 / (high - whole) + 2


def _decimal(x: float, low: Fraction, high: Fraction) -> Fraction:
    """The shortest decimal that rounds to x."""
    for digits in range(17):
        q = Fraction(f"{x:.{digits}e}")
        if low < q < high:
            return q
    return Fraction(x)


def _bits(n: int) -> float:
    return math.log2(max(abs(n), 1))


def _size(q: Fraction) -> float:
    return _bits(q.numerator) + _bits(q.denominator)


def _rationals(x: float, low: Fraction, high: Fraction, decimal: Fraction, limit: float) -> Iterator[Candidate]:
    """Fraction and dyadic fraction, if they are shorter than the limit, and decimal, each with its cost."""
    exact, q = Fraction(x), simplest(low, high)
    odd, twos = _stripped(exact, 2)
    found = [(_size(q), q), (_bits(odd) + 2 * _bits(twos) + 2, exact)]
    yield from ((cost, _sympy(q)) for cost, q in found if cost < limit)
    digits, tens = _stripped(decimal, 10)
    yield _bits(digits) + _bits(tens), _sympy(decimal)


def _stripped(q: Fraction, base: int) -> tuple[int, int]:
    """m and k of q = m base^k with the smallest integer m."""
    n, k = q.numerator, 0
    if q.denominator > 1:
        # the denominator divides a power of the base
        k = max(_order(q.denominator, p) for p in (2, 5) if base % p == 0)
        return int(q * base**k), -k
    while n % base == 0:
        n, k = n // base, k + 1
    return n, k


def _order(n: int, p: int) -> int:
    """How often p divides n."""
    k = 0
    while n % p == 0:
        n, k = n // p, k + 1
    return k


def _sympy(q: Fraction) -> Expr:
    return Rational(q.numerator, q.denominator)


# Forms: the cost in bits, the number that the float (or its square) is divided by, and what the fraction q stands for.
LINEAR: tuple[tuple[float, Expr, Callable[[Expr], Expr]], ...] = (
    (2.0, pi, lambda q: q * pi),
    (3.0, 1 / pi, lambda q: q / pi),
    (3.0, log(2), lambda q: q * log(2)),
    (4.0, 1 / log(2), lambda q: q / log(2)),
    (5.0, log(10), lambda q: q * log(10)),
    (5.0, 1 / log(10), lambda q: q / log(10)),
    (5.0, log(2 * pi), lambda q: q * log(2 * pi)),
    (5.0, log(pi), lambda q: q * log(pi)),
    (5.0, sympy.E, lambda q: q * sympy.E),
    (6.0, sympy.EulerGamma, lambda q: q * sympy.EulerGamma),
)
SQUARES: tuple[tuple[float, Expr, Callable[[Expr], Expr]], ...] = (
    (2.0, S.One, sqrt),
    (4.0, pi, lambda q: sqrt(q * pi)),
    (4.0, 1 / pi, lambda q: sqrt(q / pi)),
)


def _forms(low: Fraction, high: Fraction) -> Iterator[Candidate]:
    """Irrational numbers in the interval with their costs."""
    for cost, unit, made in LINEAR:
        u = _approximation(unit)
        q = simplest(low / u, high / u)
        yield cost + _size(q), made(_sympy(q))
    for cost, unit, made in SQUARES:
        u = _approximation(unit)
        q = simplest(low * low / u, high * high / u)
        if not _is_square(q) or unit != 1:
            yield cost + _size(q), made(_sympy(q))
    if 0.01 < low and high < 8:
        q = simplest(_approximation(exp(_sympy(low))), _approximation(exp(_sympy(high))))
        if q > 1:
            yield 4.0 + _size(q), log(_sympy(q))


def _is_square(q: Fraction) -> bool:
    return all(math.isqrt(n) ** 2 == n for n in (q.numerator, q.denominator))


@lru_cache(maxsize=4096)
def _approximation(value: Expr) -> Fraction:
    """The number to many digits."""
    return Fraction(str(sympy.N(value, DIGITS)))
