"""What the primitives that act entry by entry do to one entry: formulas in sympy, over the real and complex numbers.

    SCALARS[op](box, *scalars) -> scalar

Entries of real wires are real expressions, of integer wires integers, of boolean wires sympy's truth values and
relations. Formulas are those of any table, e.g. F. Olver et al., "NIST digital library of mathematical functions";
rounding is no part of them, so that a conversion between floats is the identity. What has no formula in sympy is an
undefined function of its arguments under the name of the box, never a guess.

>>> from sympy import symbols
>>> x, y = symbols("x y", real=True)
>>> box = from_jax(jax.numpy.maximum, R(), R()).boxes[0]
>>> SCALARS["max"](box, x, y), SCALARS["logistic"](box, x)
(Max(x, y), 1/(1 + exp(-x)))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy
from sympy import Abs, Eq, Integer, Max, Min, Mod, Ne, Piecewise, Rational, S, ceiling, conjugate, exp, floor, log, sqrt

from ....diagrams.box import Box
from ....diagrams.params import Body, Constant, LazyDiagram
from ....diagrams.types import Wire
from .work import choosing

__all__ = ["SCALARS", "UNKNOWN", "Scalar", "chosen", "compared", "indicator", "ordered", "truncated", "undefined"]

Scalar = Any  # an expression or a truth value of sympy; the two have no common class that its stubs know
Rule1 = Callable[..., Scalar]

HALF = Rational(1, 2)
BITS = {"int2": 2, "int4": 4, "int8": 8, "int16": 16, "int32": 32, "int64": 64}


# --- what is not known ---


def undefined(box: Box, arguments: Any, place: tuple[int, ...] = (), output: int = 0) -> Scalar:
    """An undefined function of these arguments, named after the box; `place` is the entry of the output.

    Boxes that differ in their static parameters give different functions.
    """
    w = box.cod.inside[output]
    name = _label(box) + (f"_{output}" if box.n_out > 1 else "")
    kinds = {"Z": {"integer": True}, "R": {"real": True}}.get(w.kind, {})
    made = sympy.Function(name, **kinds)(*arguments, *map(Integer, place))
    return Ne(made, 0) if w.kind == "B" else made


def _label(box: Box) -> str:
    """The name of a box with the static parameters that tell it apart."""
    shown = [
        f"{k}={v}" for k, v in box.params.items() if v is not None and not isinstance(v, (Body, Constant, LazyDiagram))
    ]
    plain = all(len(s) <= 24 for s in shown) and len(shown) == len([v for v in box.params.values() if v is not None])
    text = ",".join(shown) if plain else box.content.hex()[:6]
    return f"{box.name}[{text}]" if text else box.name


# --- comparisons and choices ---


def compared(relation: Callable[..., Any], x: Scalar, y: Scalar) -> Scalar:
    """A relation of two expressions, decided where that is quick: of numbers, infinities and equal expressions."""
    if x == y or (x.is_Atom and y.is_Atom) or x.is_infinite or y.is_infinite or (x.is_number and y.is_number):
        return relation(x, y)
    return relation(x, y, evaluate=False)


def _comparison(relation: Callable[..., Any]) -> Rule1:
    def rule(box: Box, x: Scalar, y: Scalar) -> Scalar:
        if box.dom.inside[0].kind == "B":
            same = sympy.Equivalent(x, y)
            return same if relation is Eq else sympy.Not(same)
        return compared(relation, x, y)

    return rule


def indicator(condition: Scalar) -> Scalar:
    """One where the condition holds, and zero elsewhere."""
    if isinstance(condition, Eq) and condition.lhs.is_integer and condition.rhs.is_integer:
        return sympy.KroneckerDelta(condition.lhs, condition.rhs)
    return chosen(condition, S.One, S.Zero)


def chosen(condition: Scalar, yes: Scalar, no: Scalar) -> Scalar:
    """`yes` where the condition holds, and `no` elsewhere."""
    if condition is S.true or yes == no:
        return yes
    if condition is S.false:
        return no
    choosing(condition)
    if _truth(yes) or _truth(no):
        return sympy.Or(sympy.And(condition, yes), sympy.And(sympy.Not(condition), no))
    return Piecewise((yes, condition), (no, S.true))


def _truth(x: Scalar) -> bool:
    """Whether this can only be a truth value (a symbol may be either)."""
    return isinstance(x, sympy.logic.boolalg.Boolean) and not isinstance(x, sympy.Symbol)


def _select(box: Box, which: Scalar, *cases: Scalar) -> Scalar:
    if box.dom.inside[0].kind == "B":
        return cases[0] if len(cases) == 1 else chosen(which, cases[1], cases[0])
    if which.is_Integer:
        return cases[int(which)]
    made = cases[-1]
    for k in range(len(cases) - 2, -1, -1):
        made = chosen(compared(Eq, which, Integer(k)), cases[k], made)
    return made


def ordered(extremum: Any) -> Rule1:
    """`max` or `min`; of truth values these are "or" and "and"."""

    def rule(box: Box, x: Scalar, y: Scalar) -> Scalar:
        kind = box.dom.inside[0].kind
        if kind == "B":
            return (sympy.Or if extremum is Max else sympy.And)(x, y)
        return undefined(box, (x, y)) if kind == "C" else extremum(x, y)

    return rule


def _clamp(box: Box, low: Scalar, x: Scalar, high: Scalar) -> Scalar:
    return Min(Max(x, low), high)


# --- whole numbers ---


def truncated(x: Scalar) -> Scalar:
    """The number without its fractional part: rounded to zero."""
    return x if x.is_integer else sympy.sign(x) * floor(Abs(x))


def _divide(box: Box, x: Scalar, y: Scalar) -> Scalar:
    return x / y if box.cod.inside[0].differentiable else truncated(x / y)


def _remainder(box: Box, x: Scalar, y: Scalar) -> Scalar:
    """The remainder with the sign of x."""
    return x - y * truncated(x / y)


def _rounded(box: Box, x: Scalar) -> Scalar:
    """To the nearest whole number, halves away from zero or to the even one."""
    if int(box.params["rounding_method"]) == 0:
        return sympy.sign(x) * floor(Abs(x) + HALF)
    nearest = floor(x + HALF)
    return chosen(compared(Eq, nearest, x + HALF), nearest - Mod(nearest, 2), nearest)


def _bitwise(of_truths: Any, of_numbers: Callable[..., int]) -> Rule1:
    """A connective: of truth values, or bit by bit of whole numbers that are known."""

    def rule(box: Box, *xs: Scalar) -> Scalar:
        if box.dom.inside[0].kind == "B":
            return of_truths(*xs)
        if all(x.is_Integer for x in xs):
            return Integer(of_numbers(*map(int, xs)))
        return undefined(box, xs)

    return rule


def _wrapped(rule: Rule1) -> Rule1:
    """The rule with whole numbers that are known taken modulo 2^b, as integers of b bits are."""

    def wrap(box: Box, *xs: Scalar) -> Scalar:
        made, w = rule(box, *xs), box.cod.inside[0]
        if w.kind != "Z" or not made.is_Integer:
            return made
        signed = not w.dtype.startswith("u")
        bits = BITS[w.dtype if signed else w.dtype[1:]]
        n = int(made) % 2**bits
        return Integer(n - 2**bits if signed and n >= 2 ** (bits - 1) else n)

    return wrap


# --- conversions and complex numbers ---


def _converted(box: Box, x: Scalar) -> Scalar:
    source, target = box.dom.inside[0], box.cod.inside[0]
    if source.kind == target.kind:
        return x
    if target.kind == "B":
        return compared(Ne, x, S.Zero)
    if source.kind == "B":
        return indicator(x)
    if source.kind == "C":
        x = _real_part(box, x)
    return truncated(x) if target.kind == "Z" else x


def _real_part(box: Box, x: Scalar) -> Scalar:
    """(x + x*) / 2, which sympy differentiates."""
    return x if x.is_extended_real else sympy.expand((x + conjugate(x)) / 2)


def _imaginary_part(box: Box, x: Scalar) -> Scalar:
    return S.Zero if x.is_extended_real else sympy.expand((x - conjugate(x)) / (2 * sympy.I))


def _is_complex(w: Wire) -> bool:
    return w.kind == "C"


def _abs(box: Box, x: Scalar) -> Scalar:
    return sqrt(x * conjugate(x)) if _is_complex(box.dom.inside[0]) else Abs(x)


def _sign(box: Box, x: Scalar) -> Scalar:
    if not _is_complex(box.dom.inside[0]):
        return sympy.sign(x)
    return S.Zero if x == 0 else x / sqrt(x * conjugate(x))


# --- functions ---


def _of(function: Callable[..., Scalar]) -> Rule1:
    """The rule of a function that needs nothing from the box."""
    return lambda box, *xs: function(*xs)


def _same(box: Box, x: Scalar, *_: Scalar) -> Scalar:
    return x


def _polynomial(box: Box, x: Scalar, *coefficients: Scalar) -> Scalar:
    return sum((c * x**k for k, c in enumerate(coefficients)), S.Zero)


def _finite(x: Scalar) -> Scalar:
    """Real expressions are finite almost everywhere, unless they say that they are not."""
    return S.false if x.has(S.Infinity, S.NegativeInfinity, S.NaN, S.ComplexInfinity) else S.true


def _gamma_cdf(a: Scalar, x: Scalar) -> Scalar:
    return sympy.lowergamma(a, x) / sympy.gamma(a)


def _gamma_cdf_slope(a: Scalar, x: Scalar) -> Scalar:
    """The derivative of the cumulative distribution in the shape, as sympy has it in Meijer's G-function."""
    shape = sympy.Dummy("a", positive=True)
    return _gamma_cdf(shape, x).diff(shape).subs(shape, a)


ELEMENTARY: dict[str, Callable[..., Scalar]] = {
    "exp": exp,
    "exp2": lambda x: 2**x,
    "expm1": lambda x: exp(x) - 1,
    "log": log,
    "log2": lambda x: log(x) / log(2),
    "log1p": lambda x: log(1 + x),
    "logistic": lambda x: 1 / (1 + exp(-x)),
    "sqrt": sqrt,
    "rsqrt": lambda x: 1 / sqrt(x),
    "cbrt": lambda x: sympy.sign(x) * Abs(x) ** Rational(1, 3),
    "square": lambda x: x**2,
    "one_minus_square": lambda x: 1 - x**2,
    "neg": lambda x: -x,
    "conj": conjugate,
    "floor": floor,
    "ceil": ceiling,
    "is_finite": _finite,
    "atan2": sympy.atan2,
}
# functions that have the same name in sympy
ELEMENTARY |= {
    name: getattr(sympy, name)
    for name in "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc digamma zeta polygamma".split()
}

SPECIAL: dict[str, Callable[..., Scalar]] = {
    "erf_inv": sympy.erfinv,
    "lgamma": sympy.loggamma,
    "bessel_i0e": lambda x: exp(-Abs(x)) * sympy.besseli(0, x),
    "bessel_i1e": lambda x: exp(-Abs(x)) * sympy.besseli(1, x),
    "igamma": _gamma_cdf,
    "igammac": lambda a, x: sympy.uppergamma(a, x) / sympy.gamma(a),
    "igamma_grad_a": _gamma_cdf_slope,
    "regularized_incomplete_beta": lambda a, b, x: sympy.betainc_regularized(a, b, 0, x),
}

ARITHMETIC: dict[str, Rule1] = {
    "add": _of(lambda x, y: x + y),
    "add_any": _of(lambda x, y: x + y),
    "sub": _of(lambda x, y: x - y),
    "mul": _of(lambda x, y: x * y),
    "div": _divide,
    "rem": _remainder,
    "pow": _of(lambda x, y: x**y),
    "integer_pow": lambda box, x: x ** Integer(box.params["y"]),
    "polynomial": _polynomial,
    "max": ordered(Max),
    "min": ordered(Min),
    "clamp": _clamp,
    "select_n": _select,
    "abs": _abs,
    "sign": _sign,
    "round": _rounded,
    "real": _real_part,
    "imag": _imaginary_part,
    "complex": _of(lambda x, y: x + sympy.I * y),
    "convert_element_type": _converted,
}

COMPARISONS: dict[str, Any] = {"eq": Eq, "ne": Ne, "lt": sympy.Lt, "le": sympy.Le, "gt": sympy.Gt, "ge": sympy.Ge}
CONNECTIVES: dict[str, tuple[Any, Callable[..., int]]] = {
    "and": (sympy.And, lambda x, y: x & y),
    "or": (sympy.Or, lambda x, y: x | y),
    "xor": (sympy.Xor, lambda x, y: x ^ y),
    "not": (sympy.Not, lambda x: ~x),
}
# over the real numbers, the identity: nextafter moves by a unit in the last place
SAME = "copy name stop_gradient reduce_precision nextafter".split()
UNKNOWN = "population_count clz shift_left shift_right_arithmetic shift_right_logical mulhi random_gamma_grad".split()

SCALARS: dict[str, Rule1] = {
    **{name: _of(f) for name, f in {**ELEMENTARY, **SPECIAL}.items()},
    **{name: _wrapped(rule) for name, rule in ARITHMETIC.items()},
    **{name + more: _comparison(r) for name, r in COMPARISONS.items() for more in ("", "_to")},
    **{name: _wrapped(_bitwise(*pair)) for name, pair in CONNECTIVES.items()},
    **{name: _same for name in SAME},
    **{name: lambda box, *xs: undefined(box, xs) for name in UNKNOWN},
}
