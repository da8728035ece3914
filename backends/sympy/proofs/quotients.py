"""Quotients of polynomials, and roots: the arithmetic of normal forms.

A generator may stand for 1/D or for an n-th root of r, where D and r are polynomials in generators before it. Every
element is then a Laurent polynomial, sums and products need no common denominators, and no greatest common divisor is
ever computed; only the question whether an element is zero clears denominators, those of the last generators first.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .polynomials import (
    Poly,
    add,
    constant,
    content,
    degrees,
    exponents,
    generator,
    key,
    multiply,
    power,
    scale,
    shifted,
    split_by,
    whole,
)

__all__ = ["Generator", "NoNormalForm", "Quotients"]


class NoNormalForm(Exception):
    """An expression holds something that the normal form has no generator for."""


@dataclass(frozen=True)
class Generator:
    """A generator: its kind ("free", "exp", "inverse" or "root"), what it is made of, and a number.

    It may be known to be real, and to be positive almost everywhere. One that `jumps` is not analytic on all of the
    domain, as that may fall into pieces: something made of it may be zero on a piece, and not on another.
    """

    kind: str
    of: Any = None
    n: Any = 0
    positive: bool = False
    real: bool = True
    jumps: bool = False


class Quotients:
    """Elements over one growing list of generators, of which the first is i, a root of -1."""

    def __init__(self) -> None:
        self.generators: list[Generator] = []
        self._place: dict[Hashable, int] = {}
        self._number_roots: list[int] = []
        self.i = generator(self.new("i", Generator("root", constant(-1), 2, real=False)))

    def new(self, name: Hashable, made: Generator) -> int:
        """The number of the generator of this name."""
        at = self._place.get(name)
        if at is None:
            at = self._place[name] = len(self.generators)
            self.generators.append(made)
            if made.kind == "root" and set(made.of) == {0}:
                self._number_roots.append(at)
        return at

    # --- arithmetic ---

    def times(self, *factors: Poly) -> Poly:
        made = constant(1)
        for p in factors:
            made = self._tidy(multiply(made, p))
        return made

    def to_the(self, p: Poly, n: int) -> Poly:
        """A whole power."""
        if n < 0:
            return self.to_the(self.inverse(p), -n)
        if len(p) == 1 and n > 1:
            ((m, c),) = p.items()
            for _, e in exponents(m):
                generator(0, e * n)  # refuses powers that are too large
            return self._tidy({m * n: c**n})
        made = constant(1)
        for _ in range(n):
            made = self.times(made, p)
        return made

    def _tidy(self, p: Poly) -> Poly:
        """Powers of roots of numbers reduced."""
        for g in self._out_of_range(p):
            root = self.generators[g]
            ((_, r),) = root.of.items()
            made = []
            for e, c in split_by(p, g).items():
                q, t = divmod(e, root.n)
                made.append(scale(shifted(c, next(iter(generator(g, t))) if t else 0), Fraction(r) ** q))
            p = add(*made)
        return p

    def _out_of_range(self, p: Poly) -> list[int]:
        """The roots of numbers whose powers in p are not reduced."""
        return [g for g in self._number_roots if any(not 0 <= e < self.generators[g].n for e in degrees(p, g))]

    def inverse(self, p: Poly) -> Poly:
        """1 / p: of one term directly, of several by a generator for what remains without their content."""
        if not p:
            raise NoNormalForm("a division by zero")
        c, m = content(p)
        rest = scale(shifted(p, -m), 1 / c)
        outside = self._tidy({-m: 1 / c})
        if len(rest) == 1:
            return outside
        if self.zero(rest):
            raise NoNormalForm("a division by zero")
        made = Generator("inverse", rest, positive=self.positive(rest), real=self.real(rest), jumps=self.jumps(rest))
        g = self.new(("inverse", key(rest)), made)
        return self.times(outside, generator(g))

    # --- what is known of signs ---

    def real(self, p: Poly) -> bool:
        """Whether every generator in p is real."""
        return all(self.generators[g].real for m in p for g, _ in exponents(m))

    def jumps(self, p: Poly) -> bool:
        """Whether p may be zero on a set of positive measure without being zero."""
        return any(self.generators[g].jumps for m in p for g, _ in exponents(m))

    def positive(self, p: Poly) -> bool:
        """Whether every term is positive, almost everywhere, or some are and no other is negative."""
        terms = [(self._sign(m), c) for m, c in p.items()]
        return all(c > 0 and sign >= 0 for sign, c in terms) and any(sign > 0 for sign, _ in terms)

    def _sign(self, m: int) -> int:
        """1 for a positive monomial, 0 for one that is not negative, -1 for any other: even powers are positive."""
        found = 1
        for g, e in exponents(m):
            made = self.generators[g]
            if not made.positive:
                found = min(found, -1 if e % 2 or not made.real else 0 if made.jumps else 1)
        return found

    # --- zero ---

    def zero(self, p: Poly) -> bool:
        """Whether p is zero by the relations of the generators; raises `TooLarge`."""
        p, _ = whole(p)
        for g in range(len(self.generators) - 1, -1, -1):
            if not p:
                return True
            kind = self.generators[g].kind
            if kind == "inverse":
                p = self._cleared(p, g)
            elif kind == "root":
                p = self._reduced(p, g)
        return not p

    def _cleared(self, p: Poly, g: int) -> Poly:
        """p times a power of the denominator D = d / c of which the generator g is the inverse."""
        parts = split_by(p, g)
        if set(parts) <= {0}:
            return p
        high = max(parts)
        d, c = whole(self.generators[g].of)
        return self._tidied(add(*[scale(multiply(q, power(d, high - e)), c**e) for e, q in parts.items()]))

    def _reduced(self, p: Poly, g: int) -> Poly:
        """p times a power of r = d / c, with powers of the root s, s^n = r, below n."""
        parts, root = split_by(p, g), self.generators[g]
        if all(0 <= e < root.n for e in parts):
            return p
        low, high = min(parts) // root.n, max(parts) // root.n
        d, c = whole(root.of)
        made = []
        for e, q in parts.items():
            times, rest = divmod(e, root.n)
            inside = scale(multiply(q, power(d, times - low)), c ** (high - times))
            made.append(shifted(inside, next(iter(generator(g, rest))) if rest else 0))
        return self._tidied(add(*made))

    def _tidied(self, p: Poly) -> Poly:
        return whole(self._tidy(p))[0] if p else p
