"""The evaluator's rules for formulas about entries: for each kind of term, its value as an array with named axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import sympy
from jax.scipy import special
from sympy import Add, Mul, S

from .....categories.errors import NoMeaningError
from .entries import At, Fold, ScalarCall, Softmax, sigmoid, softplus
from .evaluate import Evaluator, Named, aligned, alike, call, real_part
from .linear import NUMBERS

__all__ = ["ENTRIES", "FUNCTIONS"]


def _symbol(ev: Evaluator, e: Any) -> Named:
    value, axes = ev.whole(e) if e in ev.ranges else ev.named_raw(e)
    return ev.real(value), axes


def _entry(ev: Evaluator, e: Any) -> Named:
    value, axes = ev.named_raw(e)
    return ev.real(value), axes


def _element(ev: Evaluator, e: Any) -> Named:
    value, axes = ev.taken(ev.matrix(e.parent), (e.i, e.j))
    return ev.real(value), axes


def _nary(function: Callable[[Any, Any], Any]) -> Callable[[Evaluator, Any], Named]:
    return lambda ev, e: ev.pointwise(lambda *xs: reduce(function, xs), [ev.named(a) for a in e.args])


def _power(ev: Evaluator, e: Any) -> Named:
    base, exponent = e.args
    value, axes = ev.named(base)
    if base.is_negative and not exponent.is_integer:  # the principal value
        value = value.astype(ev.complex)
    if exponent.is_Integer and abs(int(exponent)) < 64:
        return jax.lax.integer_pow(value, int(exponent)), axes
    if exponent == sympy.Rational(1, 2):
        return jnp.sqrt(value), axes
    if exponent == sympy.Rational(-1, 2):
        return jax.lax.rsqrt(value), axes
    return ev.pointwise(jnp.power, [(value, axes), ev.named(exponent)])


def _sum(ev: Evaluator, e: Any) -> Named:
    return _over(ev, e.args[0], [(x[0], x[1], x[2]) for x in e.args[1:]], jnp.sum)


def _product(ev: Evaluator, e: Any) -> Named:
    return _over(ev, e.args[0], [(x[0], x[1], x[2]) for x in e.args[1:]], jnp.prod)


def _over(ev: Evaluator, body: Any, limits: Sequence[Any], kind: Callable[..., Any]) -> Named:
    """A sum or a product between limits that are numbers; a sum of products is contracted at once."""
    sizes = {}
    for index, low, high in limits:
        if not (low.is_Integer and high.is_Integer):
            raise NoMeaningError(f"the limits {low} and {high} of the index {index} are not numbers")
        sizes[index] = int(high) - int(low) + 1
        if low != 0:
            body = body.xreplace({index: index + low})
    before = dict(ev.ranges)
    ev.ranges |= sizes
    if kind is jnp.sum:
        made = _contracted(ev, [ev.named(f) for f in Mul.make_args(body)], sizes)
    else:
        made = ev.named(body)
        for index, n in sizes.items():
            value, axes = made
            others = tuple(a for a in axes if a != index)
            value = jnp.prod(aligned(made, (*others, index)), axis=-1) if index in axes else value**n
            made = value, others
    ev.ranges = before
    return made


def _contracted(ev: Evaluator, factors: Sequence[Named], sizes: dict[Any, int]) -> Named:
    names: dict[Any, str] = {}
    for _, axes in factors:
        for a in axes:
            names.setdefault(a, chr(ord("a") + len(names)))
    out = tuple(a for a in names if a not in sizes)
    times = 1
    for index, n in sizes.items():
        times *= 1 if index in names else n
    text = ",".join("".join(names[a] for a in axes) for _, axes in factors) + "->" + "".join(names[a] for a in out)
    value = jnp.einsum(text, *alike(*[v for v, _ in factors]))
    return (value * value.dtype.type(times) if times != 1 else value), out


def _fold(ev: Evaluator, e: Any) -> Named:
    value, axes = ev.within(e.args[2], int(e.args[3]), e.args[1])
    value = value if e.rule in ("sum", "prod") else real_part(value)
    return FOLDS[e.rule](value, axis=-1), axes[:-1]


def _softmax(ev: Evaluator, e: Any) -> Named:
    body, k, n, at = e.args
    value, axes = ev.within(k, int(n), body)
    value = jax.nn.softmax(real_part(value), axis=-1)
    others = axes[:-1]
    if at in ev.ranges and at not in others:
        return value, (*others, at)
    place, its = ev.whole(at)
    every = tuple(dict.fromkeys((*others, *its)))
    places = [ev.whole(a) for a in others] + [(place, its)]
    return value[tuple(aligned(p, every) for p in places)], every


def _piecewise(ev: Evaluator, e: Any) -> Named:
    *cases, last = e.args
    if last.cond is not S.true:
        raise NoMeaningError(f"a case is missing from {e}: give the last one the condition True")
    made = ev.named(last.expr)
    for case in reversed(cases):
        made = ev.pointwise(jnp.where, [ev.named(case.cond), ev.named(case.expr), made])
    return made


def _relation(ev: Evaluator, e: Any) -> Named:
    whole = all(a.is_integer for a in e.args)
    compare = RELATIONS[e.rel_op] if e.rel_op in ("==", "!=") else of_reals(RELATIONS[e.rel_op])
    return ev.pointwise(compare, [ev.whole(a) if whole else ev.named(a) for a in e.args])


def _delta(ev: Evaluator, e: Any) -> Named:
    value, axes = ev.pointwise(jnp.equal, [ev.whole(a) for a in e.args])
    return ev.real(value), axes


def _scalar_call(ev: Evaluator, e: Any) -> Named:
    return ev.real(call(ev, e.operation, e.args[1:])[e.operation.output]), ()


def _ordered(function: Callable[[int, Any], Any]) -> Callable[[Evaluator, Any], Named]:
    """A function of a whole number, which is its order, and of one more argument."""

    def rule(ev: Evaluator, e: Any) -> Named:
        if not e.args[0].is_Integer:
            raise NoMeaningError(f"{e} has no meaning in JAX here: its order is not a number")
        order = int(e.args[0])
        return ev.pointwise(lambda x: function(order, x), [ev.named(e.args[1])])

    return rule


def _bessel(order: int, x: Any) -> Any:
    if order not in (0, 1):
        raise NoMeaningError(f"the Bessel function of order {order} has no meaning in JAX")
    return (special.i0, special.i1)[order](x)


def _zeta(x: Any, *shift: Any) -> Any:
    if not shift:
        raise NoMeaningError("the function zeta of one argument, Riemann's, has no meaning in JAX: it has Hurwitz's")
    return special.zeta(x, *shift)


def of_reals(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of the real parts: formulas have it of real numbers only."""
    return lambda *xs: function(*map(real_part, xs))


FOLDS = {"max": jnp.max, "min": jnp.min, "logsumexp": special.logsumexp, "sum": jnp.sum, "prod": jnp.prod}
RELATIONS = {
    "==": jnp.equal,
    "!=": jnp.not_equal,
    "<": jnp.less,
    "<=": jnp.less_equal,
    ">": jnp.greater,
    ">=": jnp.greater_equal,
}
ENTRIES: dict[type, Callable[[Evaluator, Any], Named]] = {
    sympy.Symbol: _symbol,
    sympy.Indexed: _entry,
    At: _entry,
    sympy.matrices.expressions.matexpr.MatrixElement: _element,
    Add: _nary(jnp.add),
    Mul: _nary(jnp.multiply),
    sympy.Pow: _power,
    sympy.Max: _nary(of_reals(jnp.maximum)),
    sympy.Min: _nary(of_reals(jnp.minimum)),
    sympy.And: _nary(jnp.logical_and),
    sympy.Or: _nary(jnp.logical_or),
    sympy.Xor: _nary(jnp.logical_xor),
    sympy.Not: lambda ev, e: ev.pointwise(jnp.logical_not, [ev.named(e.args[0])]),
    sympy.logic.boolalg.BooleanTrue: lambda ev, e: (jnp.asarray(True), ()),
    sympy.logic.boolalg.BooleanFalse: lambda ev, e: (jnp.asarray(False), ()),
    sympy.Equivalent: _nary(jnp.equal),
    sympy.ITE: lambda ev, e: ev.pointwise(jnp.where, [ev.named(a) for a in e.args]),
    sympy.Sum: _sum,
    sympy.Product: _product,
    Fold: _fold,
    Softmax: _softmax,
    sympy.Piecewise: _piecewise,
    sympy.core.relational.Relational: _relation,
    sympy.KroneckerDelta: _delta,
    ScalarCall: _scalar_call,
    sympy.polygamma: _ordered(lambda n, x: special.digamma(x) if n == 0 else special.polygamma(n, x)),
    sympy.besseli: _ordered(_bessel),
    **NUMBERS,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    sigmoid: jax.nn.sigmoid,
    softplus: jax.nn.softplus,
    sympy.Abs: jnp.abs,
    sympy.ceiling: of_reals(jnp.ceil),
    sympy.floor: of_reals(jnp.floor),
    sympy.loggamma: special.gammaln,
    sympy.gamma: lambda x: jnp.exp(special.gammaln(x)),
    sympy.digamma: special.digamma,
    sympy.lowergamma: lambda a, x: special.gammainc(a, x) * jnp.exp(special.gammaln(a)),
    sympy.uppergamma: lambda a, x: special.gammaincc(a, x) * jnp.exp(special.gammaln(a)),
    sympy.betainc_regularized: lambda a, b, low, x: special.betainc(a, b, x) - special.betainc(a, b, low),
    sympy.erfinv: special.erfinv,
    sympy.conjugate: jnp.conj,
    sympy.re: jnp.real,
    sympy.im: jnp.imag,
    sympy.Mod: jnp.mod,
    sympy.atan2: jnp.arctan2,
    sympy.zeta: _zeta,
    sympy.Heaviside: lambda x, at_zero: jnp.where(x == 0, at_zero, jnp.where(x > 0, jnp.ones_like(x), 0)),
    sympy.DiracDelta: lambda x, *_: jnp.zeros_like(x),  # almost everywhere
    sympy.arg: jnp.angle,
    sympy.sec: lambda x: 1 / jnp.cos(x),
    sympy.csc: lambda x: 1 / jnp.sin(x),
    sympy.cot: lambda x: 1 / jnp.tan(x),
    sympy.asin: jnp.arcsin,
    sympy.acos: jnp.arccos,
    sympy.atan: jnp.arctan,
    sympy.asinh: jnp.arcsinh,
    sympy.acosh: jnp.arccosh,
    sympy.atanh: jnp.arctanh,
    **{getattr(sympy, n): getattr(jnp, n) for n in "exp log sin cos tan sinh cosh tanh sign".split()},
    **{getattr(sympy, n): of_reals(getattr(special, n)) for n in "erf erfc".split()},
}
