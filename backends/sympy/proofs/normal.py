"""A normal form of expressions that decides whether one is zero: rational functions in kernels.

An expression is a Laurent polynomial over the rational numbers in generators, and these are

    free        symbols, π, functions with no more to them: log(p), erf(p), an undefined constant ...
    exp         exp(c m) for a monomial m: exponents of sums are taken apart, exp(a + b) = exp(a) exp(b)
    inverse     1/D for a polynomial D of several terms
    root        s with s^n = r: i with i² = -1, the n-th root of a polynomial

Trigonometric and hyperbolic functions are written by exp. Clearing denominators, last generators first, and reducing
powers of roots, an expression is zero if the polynomial that remains is: always a proof, and a decision where the
generators are algebraically independent. It is R. Risch's view of elementary functions ("Algebraic properties of the
elementary functions of analysis", 1979), without his structure theorem.

Identities are those of functions where they are real: logarithms of factors are taken apart only if these are positive,
and an even root is taken of what is not negative.
"""

from __future__ import annotations

from collections.abc import Hashable
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any

import mpmath
import sympy
from sympy import Add, Expr, KroneckerDelta, Mul, Rational
from sympy.core.function import AppliedUndef

from .calculus import STEPS
from .dags import nodes, symbols_in
from .kernels import KERNELS, meijer
from .points import DIGITS, Outside, evaluate, points
from .polynomials import (
    Poly,
    add,
    constant,
    content,
    exponents,
    generator,
    key,
    multiply,
    scale,
    shifted,
)
from .quotients import Generator, NoNormalForm, Quotients

__all__ = ["NoNormalForm", "Normal"]

FINE = 12  # exponents of exp are counted in twelfths of the first one that is met


class Normal(Quotients):
    """Normal forms of expressions: kernels are generators, made as they are met.

    With `complex` functions of real numbers may have complex values, and those with a cut are refused on it.
    """

    def __init__(self, complex: bool = False) -> None:
        super().__init__()
        self.complex = complex
        self._known: dict[Any, Poly] = {}

    # --- from expressions ---

    def of(self, expr: Any) -> Poly:
        """The normal form of an expression; raises `NoNormalForm` or `TooLarge`."""
        stack = [expr]
        while stack:
            e = stack[-1]
            if e in self._known:
                stack.pop()
                continue
            missing = [a for a in e.args if a not in self._known] if e.func in KERNELS else []
            if missing:
                stack += missing
                continue
            stack.pop()
            self._known[e] = self._made(e)
        return self._known[expr]

    def _made(self, e: Any) -> Poly:
        if e.is_Rational:
            return constant(Fraction(int(e.p), int(e.q)) if e.q != 1 else int(e.p))
        if e is sympy.I:
            return self.i
        if isinstance(e, sympy.meijerg):
            return meijer(self, e)
        if e.is_Atom or isinstance(e, AppliedUndef):
            return self.free(e, positive=e in POSITIVE)
        if e.func not in KERNELS:
            raise NoNormalForm(str(e.func))
        return KERNELS[e.func](self, e, *[self._known[a] for a in e.args])

    # --- kernels ---

    def free(self, name: Hashable, positive: bool = False, real: bool = True, jumps: bool | None = None) -> Poly:
        """A generator of its own."""
        jumps = _jumps(name) if jumps is None else jumps
        made = Generator("free", name, positive=positive, real=real, jumps=jumps)
        return generator(self.new(("free", name), made))

    def function(self, name: str, *arguments: Poly) -> Poly:
        """A function that nothing more is known of, at these arguments."""
        if name in CUT:
            for p in arguments:
                self._off_cut(p)
        jumps = name in PIECES or any(map(self.jumps, arguments))
        return self.free((name, *map(key, arguments)), real=all(map(self.real, arguments)), jumps=jumps)

    def _off_cut(self, p: Poly) -> None:
        """Refuses, among complex numbers, a root or a logarithm of what may be real and negative."""
        if not self.complex or self.positive(p):
            return
        if self.jumps(p) or self.real(p) or not _not_real(self.expression(p)):
            raise NoNormalForm(f"a function with a cut where {self.expression(p)} may be negative, of complex numbers")

    def exp(self, p: Poly) -> Poly:
        """The product of exp(c m) over the terms."""
        made = constant(1)
        for m, c in p.items():
            made = multiply(made, self._exp_of_term(m, Fraction(c)))
        return made

    def _exp_of_term(self, m: int, c: Fraction) -> Poly:
        alone = self._log_alone(m)
        if alone is not None and c.denominator <= FINE:
            return self.to_the(self.root(alone, c.denominator), c.numerator)
        jumps = self.jumps({m: 1})
        real = self.real({m: 1}) and not (jumps and self._has_log(m))
        made = Generator("exp", m, abs(c) / FINE, positive=real, real=real, jumps=jumps)
        g = self.new(("exp", m), made)
        if (c / self.generators[g].n).denominator > 1:
            g = self.new(("exp", m, abs(c)), made)
        return generator(g, int(c / self.generators[g].n))

    def _has_log(self, m: int) -> bool:
        """Whether there is a logarithm of what may be negative, of which whole powers are real."""
        logs = (g.of for g in (self.generators[g] for g, _ in exponents(m)) if g.kind == "free")
        return any(isinstance(of, tuple) and of[0] == "log" and not self.positive(dict(of[1])) for of in logs)

    def _log_alone(self, m: int) -> Poly | None:
        """The argument, if a monomial is one logarithm."""
        parts = list(exponents(m))
        if len(parts) != 1 or parts[0][1] != 1:
            return None
        g = self.generators[parts[0][0]]
        return dict(g.of[1]) if g.kind == "free" and isinstance(g.of, tuple) and g.of[0] == "log" else None

    def log(self, p: Poly) -> Poly:
        """The logarithm, with positive factors taken apart."""
        if not p:
            raise NoNormalForm("the logarithm of zero")
        self._off_cut(p)
        c, m = content(p)
        rest = scale(shifted(p, -m), 1 / abs(c))
        made = [self._log_of_number(abs(c))]
        inside = 0
        for g, e in exponents(m):
            part = self._log_of_generator(g)
            if part is None:
                inside += next(iter(generator(g, e)))
            else:
                made.append(scale(part, e))
        rest = shifted(rest, inside)
        if len(rest) == 1 and all(e < 0 for _, e in exponents(inside)) and inside:
            made.append(scale(self._log_alone_of(shifted(rest, -2 * inside)), -1))
        elif rest != constant(1):
            made.append(self._log_alone_of(rest))
        return add(*made)

    def _log_alone_of(self, p: Poly) -> Poly:
        if len(p) == 1:
            ((m, c),) = p.items()
            parts = list(exponents(m))
            if c == 1 and len(parts) == 1 and parts[0][1] == 1 and self.generators[parts[0][0]].kind == "inverse":
                return scale(self.log(self.generators[parts[0][0]].of), -1)
        return self.function("log", p)

    def _log_of_number(self, c: Fraction) -> Poly:
        """The sum over the primes."""
        made = []
        for n, sign in ((c.numerator, 1), (c.denominator, -1)):
            for prime, e in sympy.factorint(n).items():
                made.append(scale(self.free(("log", key(constant(int(prime)))), positive=True), sign * int(e)))
        return add(*made)

    def _log_of_generator(self, g: int) -> Poly | None:
        """The logarithm of a positive generator that is a power, an exponential or a fraction."""
        found = self.generators[g]
        if found.kind == "exp" and found.positive:
            return {found.of: found.n}
        if found.kind == "inverse" and found.positive:
            return scale(self.log(found.of), -1)
        if found.kind == "root" and found.positive:
            return scale(self.log(found.of), Fraction(1, found.n))
        return None

    def root(self, p: Poly, n: int) -> Poly:
        """The n-th root, with numbers and positive factors taken apart."""
        if n == 1 or not p:
            return p
        if set(p) != {0}:
            self._off_cut(p)
        c, m = content(p)
        made = [self._root_of_number(abs(c), n)]
        inside = 0
        for g, e in exponents(m):
            part = self._root_of_generator(g, e, n)
            if part is None:
                inside += next(iter(generator(g, e)))
            else:
                made.append(part)
        rest = scale(shifted(p, inside - m), 1 / abs(c))
        if inside and len(rest) == 1 and all(e < 0 for _, e in exponents(inside)):
            made.append(self.to_the(self._new_root(shifted(rest, -2 * inside), n), -1))
        elif rest != constant(1):
            made.append(self._new_root(rest, n))
        return self.times(*made)

    def _new_root(self, p: Poly, n: int) -> Poly:
        if p == constant(-1) and n == 2:
            return self.i
        if len(p) == 1:
            ((m, c),) = p.items()
            parts = list(exponents(m))
            if c == 1 and len(parts) == 1 and parts[0][1] == 1 and self.generators[parts[0][0]].kind == "inverse":
                return self.to_the(self.root(self.generators[parts[0][0]].of, n), -1)
        real = self.real(p) and (set(p) != {0} or self.positive(p))
        jumps = self.jumps(p) or not (set(p) == {0} or self._connected(p))
        return generator(self.new(("root", n, key(p)), Generator("root", p, n, positive=real, real=real, jumps=jumps)))

    def _connected(self, p: Poly) -> bool:
        """Whether p is positive off a set that does not cut its domain into pieces: its terms have no common factor."""
        return self.positive(p) and (len(p) > 1 and content(p)[1] == 0)

    def _root_of_number(self, c: Fraction, n: int) -> Poly:
        made = constant(1)
        for part, sign in ((c.numerator, 1), (c.denominator, -1)):
            for prime, e in sympy.factorint(part).items():
                common = gcd(int(e), n)
                q = constant(int(prime))
                if n // common == 1:
                    made = scale(made, Fraction(int(prime)) ** (sign * int(e) // n))
                    continue
                name = ("root", n // common, key(q))
                g = self.new(name, Generator("root", q, n // common, positive=True))
                made = self.times(made, generator(g, sign * int(e) // common))
        return made

    def _root_of_generator(self, g: int, e: int, n: int) -> Poly | None:
        """The root of a power of a generator, where it may stand outside."""
        found = self.generators[g]
        if found.kind == "exp" and found.positive:
            return self.exp({found.of: found.n * Fraction(e, n)})
        if found.positive and e % n == 0:
            return generator(g, e // n)
        if found.kind == "inverse" and found.positive:
            return self.to_the(self.root(found.of, n), -e)
        return None

    def conjugate(self, p: Poly) -> Poly:
        """The complex conjugate: that of i is -i, of the functions of real numbers themselves."""
        made = []
        for m, c in p.items():
            factors = [self.to_the(self._conjugate_of(g), e) for g, e in exponents(m)]
            made.append(scale(self.times(*factors), c))
        return add(*made)

    def _conjugate_of(self, g: int) -> Poly:
        made = self.generators[g]
        if g == 0:
            return generator(0, -1)
        if made.kind == "exp":
            return self.exp(scale(self.conjugate({made.of: 1}), made.n))
        if made.kind == "inverse":
            return self.inverse(self.conjugate(made.of))
        if made.kind == "root":
            return self.root(self.conjugate(made.of), made.n)
        if not made.real:
            raise NoNormalForm(f"the conjugate of {made.of[0]}")
        return generator(g)

    def is_zero(self, expr: Expr) -> bool:
        """Whether the normal form of an expression is zero; raises `NoNormalForm` or `TooLarge`."""
        return self.zero(self.of(expr))

    # --- back to expressions ---

    def expression(self, p: Poly) -> Any:
        """The polynomial as an expression."""
        return Add(*[Rational(Fraction(c)) * self._monomial(m) for m, c in p.items()])

    def _monomial(self, m: int) -> Any:
        return Mul(*[self._generator(g) ** e for g, e in exponents(m)])

    def _generator(self, g: int) -> Any:
        made = self.generators[g]
        if made.kind == "exp":
            return sympy.exp(Rational(made.n) * self._monomial(made.of))
        if made.kind == "inverse":
            return 1 / self.expression(made.of)
        if made.kind == "root":
            return self.expression(made.of) ** Rational(1, made.n)
        if not isinstance(made.of, tuple):
            return made.of
        name, *arguments = made.of
        if name == "delta":
            return KroneckerDelta(self.expression(dict(min(arguments[0], key=len))), 0)
        return SPELLED[name](*[self.expression(dict(a)) for a in arguments])


SPELLED = {f.__name__: f for f in KERNELS if isinstance(f, type)} | {"log": sympy.log}
CUT = frozenset("asin acos acosh atanh loggamma polygamma".split())
# not analytic, or inverse functions, for which an identity may hold on a part of the domain alone
PIECES = frozenset("floor ceiling Mod asin acos atan atan2 acosh".split())
POSITIVE = frozenset({sympy.pi, sympy.E, sympy.EulerGamma})


def _jumps(name: Any) -> bool:
    """Whether a generator jumps: a whole number, KroneckerDelta, or a function with such an argument."""
    if isinstance(name, tuple):
        return name[0] == "delta"
    return any((e.is_integer and not e.is_Integer) or isinstance(e, STEPS) for e in nodes(name))


@lru_cache(maxsize=4096)
def _not_real(expr: Any) -> bool:
    """Whether the imaginary part is seen not to be zero at some point."""
    with mpmath.workdps(DIGITS):
        for point in points(sorted(symbols_in(expr), key=str), 0, 60):
            try:
                if abs(mpmath.im(evaluate(expr, point))) > mpmath.mpf(10) ** (-DIGITS // 2):
                    return True
            except Outside:
                continue
    return False
