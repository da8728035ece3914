"""How functions are written in the normal form: each by exp, by roots, by a simpler function, or as it stands.

    sin x = (e^ix - e^-ix) / 2i       sinh, cosh, tanh alike          (exponential form)
    erfc = 1 - erf      Γ = exp log Γ      B(a, b) = Γ(a) Γ(b) / Γ(a + b)      lowergamma = Γ(a) - Γ(a, x)
    I_n = I_(n-2) - 2 (n - 1) / x I_(n-1)                                       (NIST 10.29.1)
    G(x; -, 1; 0 a, -) = Γ(a, x)                                                (NIST 16.17, 8.2.2)

Formulas from F. Olver et al., "NIST digital library of mathematical functions".
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import sympy
from sympy.functions.special.zeta_functions import zeta

from .polynomials import Poly, add, constant, key, scale

if TYPE_CHECKING:
    from .normal import Normal

__all__ = ["KERNELS", "meijer"]

Kernel = Callable[..., Poly]
FINEST = 12  # the largest root that is taken


def _power(form: Normal, e: Any, base: Poly, exponent: Poly) -> Poly:
    """Whole powers, roots, and else exp(y log x)."""
    if e.exp.is_Integer:
        return form.to_the(base, int(e.exp))
    if e.exp.is_Rational and e.exp.q <= FINEST:
        return form.to_the(form.root(base, int(e.exp.q)), int(e.exp.p))
    return form.exp(form.times(exponent, form.log(base)))


def _sine(form: Normal, x: Poly) -> Poly:
    up, down = _around(form, form.times(form.i, x))
    return form.times(scale(add(up, scale(down, -1)), Fraction(-1, 2)), form.i)


def _cosine(form: Normal, x: Poly) -> Poly:
    return scale(add(*_around(form, form.times(form.i, x))), Fraction(1, 2))


def _around(form: Normal, x: Poly) -> tuple[Poly, Poly]:
    """exp(x) and exp(-x)."""
    return form.exp(x), form.exp(scale(x, -1))


def _tangent(form: Normal, x: Poly) -> Poly:
    return form.times(_sine(form, x), form.inverse(_cosine(form, x)))


def _hyperbolic_tangent(form: Normal, x: Poly) -> Poly:
    """(e^2x - 1) / (e^2x + 1)."""
    up = form.exp(scale(x, 2))
    return form.times(add(up, constant(-1)), form.inverse(add(up, constant(1))))


def _log_gamma(form: Normal, x: Poly) -> Poly:
    """log Γ, known at whole numbers and halves."""
    if set(x) == {0}:
        value = Fraction(x[0])
        if value > 0 and value.denominator <= 2:
            return form.log(form.of(sympy.gamma(sympy.Rational(value.numerator, value.denominator))))
    return form.function("loggamma", x)


def _gamma(form: Normal, x: Poly) -> Poly:
    return form.exp(_log_gamma(form, x))


def _beta(form: Normal, a: Poly, b: Poly, *_: Poly) -> Poly:
    return form.exp(add(_log_gamma(form, a), _log_gamma(form, b), scale(_log_gamma(form, add(a, b)), -1)))


def meijer(form: Normal, e: Any) -> Poly:
    """Meijer's G-function; an upper parameter that is a lower one too is none, and what remains may be Γ(a, x)."""
    if e.an or e.bother:
        return form.free(e)
    upper, lower = list(e.aother), list(e.bm)
    for a in e.aother:
        if a in lower:
            upper.remove(a)
            lower.remove(a)
    if upper == [1] and len(lower) == 2 and sympy.S.Zero in lower:
        lower.remove(sympy.S.Zero)
        return form.of(sympy.uppergamma(lower[0], e.argument))
    return form.free(e)


def _bessel(form: Normal, e: Any, order: Poly, x: Poly) -> Poly:
    n = e.order
    if not n.is_Integer:
        return form.function("besseli", order, x)
    n = abs(int(n))
    if n < 2:
        return form.function("besseli", constant(n), x)
    lower, before = (_bessel_of(form, k, x) for k in (n - 2, n - 1))
    return add(lower, scale(form.times(form.inverse(x), before), -2 * (n - 1)))


def _bessel_of(form: Normal, n: int, x: Poly) -> Poly:
    if n < 2:
        return form.function("besseli", constant(n), x)
    step = form.times(form.inverse(x), _bessel_of(form, n - 1, x))
    return add(_bessel_of(form, n - 2, x), scale(step, -2 * (n - 1)))


def _delta(form: Normal, i: Poly, j: Poly) -> Poly:
    """KroneckerDelta, which is symmetric."""
    difference, other = add(i, scale(j, -1)), add(j, scale(i, -1))
    return form.free(("delta", frozenset({key(difference), key(other)})))


def _of(rule: Callable[..., Poly]) -> Kernel:
    """A rule that needs only the arguments' normal forms."""
    return lambda form, e, *arguments: rule(form, *arguments)


def _plain(form: Normal, e: Any, *arguments: Poly) -> Poly:
    return form.function(e.func.__name__, *arguments)


PLAIN = ("erf erfinv asin acos atan atan2 asinh acosh atanh uppergamma floor ceiling Mod betainc_regularized").split()

KERNELS: dict[Any, Kernel] = {
    sympy.Add: _of(lambda form, *terms: add(*terms)),
    sympy.Mul: _of(lambda form, *factors: form.times(*factors)),
    sympy.Pow: _power,
    sympy.exp: _of(lambda form, x: form.exp(x)),
    sympy.log: _of(lambda form, x: form.log(x)),
    sympy.sin: _of(_sine),
    sympy.cos: _of(_cosine),
    sympy.tan: _of(_tangent),
    sympy.cot: _of(lambda form, x: form.inverse(_tangent(form, x))),
    sympy.sinh: _of(lambda form, x: scale(add(form.exp(x), scale(form.exp(scale(x, -1)), -1)), Fraction(1, 2))),
    sympy.cosh: _of(lambda form, x: scale(add(*_around(form, x)), Fraction(1, 2))),
    sympy.tanh: _of(_hyperbolic_tangent),
    sympy.coth: _of(lambda form, x: form.inverse(_hyperbolic_tangent(form, x))),
    sympy.erfc: _of(lambda form, x: add(constant(1), scale(form.function("erf", x), -1))),
    sympy.gamma: _of(_gamma),
    sympy.loggamma: _of(_log_gamma),
    sympy.beta: _of(_beta),
    sympy.lowergamma: _of(lambda form, a, x: add(_gamma(form, a), scale(form.function("uppergamma", a, x), -1))),
    sympy.digamma: _of(lambda form, x: form.function("polygamma", {}, x)),
    sympy.polygamma: _of(lambda form, m, x: form.function("polygamma", m, x)),
    zeta: _of(lambda form, s, a=None: form.function("zeta", s, constant(1) if a is None else a)),
    sympy.besseli: _bessel,
    sympy.conjugate: _of(lambda form, x: form.conjugate(x)),
    sympy.KroneckerDelta: _of(_delta),
    **{getattr(sympy, name): _plain for name in PLAIN},
}
