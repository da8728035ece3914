"""Laurent polynomials with rational coefficients in numbered generators.

A polynomial is a dictionary from monomials to coefficients without zeros. A monomial with exponents e_0, e_1, ... is
the one whole number Σ e_g B^g with |e_g| < B / 2: the balanced digits are unique, negative exponents are nothing
special, and multiplying monomials is adding numbers (after Kronecker's substitution, 1882).
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import lcm

__all__ = [
    "Poly",
    "TooLarge",
    "add",
    "constant",
    "content",
    "degrees",
    "exponents",
    "generator",
    "key",
    "multiply",
    "power",
    "scale",
    "shifted",
    "split_by",
    "whole",
]

Poly = dict[int, "int | Fraction"]

BITS = 32
BASE, HALF, MASK = 1 << BITS, 1 << (BITS - 1), (1 << BITS) - 1
LARGEST = 1 << 16
TERMS = 60_000  # more than this is not computed


class TooLarge(Exception):
    """A polynomial would have too many terms."""


def constant(c: int | Fraction) -> Poly:
    return {0: c} if c else {}


def generator(g: int, exponent: int = 1) -> Poly:
    """The power of one generator; those that a few thousand factors might carry over to the next digit are refused."""
    if abs(exponent) >= LARGEST:
        raise TooLarge
    return {exponent << (BITS * g): 1}


def exponents(monomial: int) -> Iterator[tuple[int, int]]:
    """The generators of a monomial with their exponents."""
    g = 0
    while monomial:
        digit = monomial & MASK
        monomial >>= BITS
        if digit >= HALF:
            digit -= BASE
            monomial += 1
        if digit:
            yield g, digit
        g += 1


def add(*terms: Poly) -> Poly:
    made: Poly = {}
    for p in terms:
        for m, c in p.items():
            total = made.get(m, 0) + c
            if total:
                made[m] = total
            else:
                del made[m]
    return made


def scale(p: Poly, c: int | Fraction) -> Poly:
    return {m: c * d for m, d in p.items()} if c else {}


def whole(p: Poly) -> tuple[Poly, int]:
    """The polynomial times the least number that makes all coefficients whole, and that number."""
    c = lcm(*[d.denominator for d in p.values()])
    return {m: int(c * d) for m, d in p.items()}, c


def shifted(p: Poly, monomial: int) -> Poly:
    """The polynomial times a monomial."""
    return {m + monomial: c for m, c in p.items()}


def multiply(p: Poly, q: Poly) -> Poly:
    """Raises `TooLarge` where the product would be too long."""
    if len(p) * len(q) > 40 * TERMS:
        raise TooLarge
    made: Poly = {}
    for m, c in p.items():
        for n, d in q.items():
            total = made.get(m + n, 0) + c * d
            if total:
                made[m + n] = total
            else:
                del made[m + n]
    if len(made) > TERMS:
        raise TooLarge
    return made


def power(p: Poly, n: int) -> Poly:
    """p to a power that is not negative."""
    made, square = constant(1), p
    while n:
        if n & 1:
            made = multiply(made, square)
        n >>= 1
        square = multiply(square, square) if n else square
    return made


def key(p: Poly) -> frozenset[tuple[int, int | Fraction]]:
    """What tells polynomials apart."""
    return frozenset(p.items())


def content(p: Poly) -> tuple[Fraction, int]:
    """The coefficient, with the sign of the leading one, and the monomial of which all terms are multiples."""
    lead = Fraction(p[max(p)])
    lowest: dict[int, int] = {}
    for i, m in enumerate(p):
        found = dict(exponents(m))
        if i == 0:
            lowest = found
        else:
            lowest = {g: min(lowest.get(g, 0), found.get(g, 0)) for g in {*lowest, *found}}
    return lead, sum(e << (BITS * g) for g, e in lowest.items())


def degrees(p: Poly, g: int) -> list[int]:
    """The exponent of one generator in each term."""
    # with half of the base added to every digit up to this one all digits are positive
    bias = HALF * (((1 << (BITS * (g + 1))) - 1) // MASK)
    return [(((m + bias) >> (BITS * g)) & MASK) - HALF for m in p]


def split_by(p: Poly, g: int) -> dict[int, Poly]:
    """The coefficients of the powers of one generator."""
    made: dict[int, Poly] = {}
    for e, (m, c) in zip(degrees(p, g), p.items(), strict=True):
        made.setdefault(e, {})[m - (e << (BITS * g))] = c
    return made
