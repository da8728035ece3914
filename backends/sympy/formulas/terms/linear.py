"""The evaluator's rules for formulas about matrices, and for what boxes give of whole arrays."""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import sympy
from jax.scipy import special

from .entries import Family
from .evaluate import Evaluator, Named, aligned, alike, call, real_part
from .nodes import Along, Diagonal, Entrywise, Inner, MatrixCall, OneHot, Reduced, Whole

__all__ = ["MATRICES", "NUMBERS"]


def _symbol(ev: Evaluator, e: Any) -> Any:
    value = ev.lookup(e.name)
    return value.reshape(tuple(map(int, e.shape))) if value.ndim != 2 else value


def _float(ev: Evaluator, e: Any) -> Any:
    return ev.real(_symbol(ev, e))


def _times(ev: Evaluator, e: Any) -> Any:
    """A product from the side where it is a vector, and rows and columns of ones as sums and broadcasts."""
    numbers = [a for a in e.args if not getattr(a, "is_Matrix", False)]
    parts = [a for a in e.args if getattr(a, "is_Matrix", False)]
    values = [ev.matrix(p) for p in parts]
    if values[-1].shape[-1] == 1:
        made = reduce(lambda right, left: jnp.matmul(*alike(left, right)), reversed(values))
    else:
        made = reduce(_of_alike(jnp.matmul), values)
    for n in numbers:
        made = _of_alike(jnp.multiply)(ev.number(n), made)
    return made


def _of_alike(function: Any) -> Any:
    return lambda *xs: function(*alike(*xs))


def _power(ev: Evaluator, e: Any) -> Any:
    return jnp.linalg.matrix_power(ev.matrix(e.args[0]), int(e.args[1]))


def _hadamard_power(ev: Evaluator, e: Any) -> Any:
    base, exponent = e.args
    value = ev.matrix(base)
    if exponent.is_Integer and abs(int(exponent)) < 64:
        return jax.lax.integer_pow(value, int(exponent))
    if abs(exponent) == sympy.Rational(1, 2):
        return jnp.sqrt(value) if exponent > 0 else jax.lax.rsqrt(value)
    raised = ev.matrix(exponent) if getattr(exponent, "is_Matrix", False) else ev.number(exponent)
    return _of_alike(jnp.power)(value, raised)


def _entrywise(ev: Evaluator, e: Any) -> Any:
    template, variables, *matrices = e.args
    values = [ev.matrix(m) for m in matrices]
    row, column = (sympy.Symbol(s, integer=True) for s in ("row", "column"))
    names = {v: f"operand {k}" for k, v in enumerate(variables)}
    inner = Evaluator(ev.arrays | {n: x for n, x in zip(names.values(), values, strict=True)}, ev.dtype)
    inner.ranges = dict(zip((row, column), values[0].shape, strict=True))
    bases: dict[Any, Any] = {v: sympy.IndexedBase(n, real=v.is_real) for v, n in names.items()}
    entries = {v: base[row, column] for v, base in bases.items()}
    return jnp.broadcast_to(aligned(inner.named(template.xreplace(entries)), (row, column)), values[0].shape)


def _along(ev: Evaluator, e: Any) -> Any:
    name, matrix, axis = e.args
    return getattr(jax.nn, str(name))(real_part(ev.matrix(matrix)), axis=int(axis))


def _reduced(ev: Evaluator, e: Any) -> Any:
    return _folded(ev, e, axis=1)[:, None]


def _diagonal(ev: Evaluator, e: Any) -> Any:
    return jnp.diag(ev.matrix(e.args[0])[:, 0])


def _one_hot(ev: Evaluator, e: Any) -> Any:
    places, n = e.args
    if not getattr(places, "is_Matrix", False):
        return jax.nn.one_hot(ev.whole(places)[0], int(n), dtype=ev.dtype)[:, None]
    raw = _symbol(ev, places) if places.is_symbol else ev.matrix(places)
    return jax.nn.one_hot(raw[:, 0].astype("int32"), int(n), dtype=ev.dtype)


def _call(ev: Evaluator, e: Any) -> Any:
    made = call(ev, e.operation, e.args[3:])[e.operation.output]
    return ev.real(made).reshape(tuple(map(int, e.shape)))


def _dot(ev: Evaluator, e: Any) -> Named:
    left, right = (ev.matrix(m) for m in e.args)
    return jnp.sum(jnp.multiply(*alike(left, right))), ()


def _whole(ev: Evaluator, e: Any) -> Named:
    return _folded(ev, e, axis=None), ()


def _folded(ev: Evaluator, e: Any, axis: int | None) -> Any:
    kind, value = str(e.args[0]), ev.matrix(e.args[1])
    return WHOLE[kind](value if kind in ("sum", "prod") else real_part(value), axis=axis)


def _function_matrix(ev: Evaluator, e: Any) -> Any:
    (i, j), body = e.lamda.signature, e.lamda.expr
    return ev.family(Family(body, (i, e.shape[0]), (j, e.shape[1])))


def _dense(ev: Evaluator, e: Any) -> Any:
    values = alike(*[ev.number(x) for x in e.flat()])
    return jnp.stack(values).reshape(e.shape) if values else jnp.zeros(e.shape, ev.dtype)


WHOLE = {"sum": jnp.sum, "prod": jnp.prod, "max": jnp.max, "min": jnp.min, "logsumexp": special.logsumexp}
MATRICES: dict[type, Any] = {
    sympy.MatrixSymbol: _float,
    sympy.MatMul: _times,
    sympy.MatAdd: lambda ev, e: reduce(_of_alike(jnp.add), [ev.matrix(a) for a in e.args]),
    sympy.MatPow: _power,
    sympy.Inverse: lambda ev, e: jnp.linalg.inv(ev.matrix(e.args[0])),
    sympy.Transpose: lambda ev, e: ev.matrix(e.arg).T,
    sympy.HadamardProduct: lambda ev, e: reduce(_of_alike(jnp.multiply), [ev.matrix(a) for a in e.args]),
    sympy.HadamardPower: _hadamard_power,
    sympy.Identity: lambda ev, e: jnp.eye(int(e.shape[0]), dtype=ev.dtype),
    sympy.OneMatrix: lambda ev, e: jnp.ones(tuple(map(int, e.shape)), ev.dtype),
    sympy.ZeroMatrix: lambda ev, e: jnp.zeros(tuple(map(int, e.shape)), ev.dtype),
    sympy.FunctionMatrix: _function_matrix,
    sympy.MatrixBase: _dense,
    Entrywise: _entrywise,
    Along: _along,
    Reduced: _reduced,
    Diagonal: _diagonal,
    OneHot: _one_hot,
    MatrixCall: _call,
}
NUMBERS: dict[type, Any] = {
    Inner: _dot,
    Whole: _whole,
    sympy.Trace: lambda ev, e: (jnp.trace(ev.matrix(e.arg)), ()),
    sympy.Determinant: lambda ev, e: (jnp.linalg.det(ev.matrix(e.arg)), ()),
}
