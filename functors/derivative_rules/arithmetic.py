"""Arithmetic, comparison of two numbers, choice: elementwise generators of several inputs.

At a tie of `max` and `min` each side gets half, as JAX has it: the middle of the Clarke subdifferential.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jax import lax

from ...diagrams.box import Box
from .facts import Elementwise, Fact, General, Linear, summed, widened

__all__ = ["ARITHMETIC"]

Values = Sequence[Any]


def _nonzero(x: Any) -> Any:
    """x with ones for its zeros, to divide by."""
    return lax.select(lax.eq(x, lax.full_like(x, 0)), lax.full_like(x, 1), x)


def _total(parts: Values) -> Any:
    return sum(parts[1:], parts[0])


# --- sums ---


def _added(sign: int) -> Linear:
    """`add` and `sub`: the sign of the second operand is given."""
    signs = (1, sign)

    def tangent(box: Box, dxs: Values, xs: Values) -> Values:
        """Only one of the operands moves."""
        parts = [d if s > 0 else -d for d, s in zip(dxs, signs, strict=True) if d is not None]
        return [_total([widened(p, box.cod.inside[0].shape) for p in parts])]

    def transpose(box: Box, dys: Values, xs: Values) -> Values:
        return [
            summed(dys[0] if s > 0 else -dys[0], w.shape)
            for s, w in zip(signs, box.dom.inside, strict=True)
            if w.differentiable
        ]

    return Linear(transpose, tangent=tangent)


# --- powers, quotients ---


def _power_base(g: Any, z: Any, x: Any, y: Any) -> Any:
    """The slope of x ** y in x: y x^(y - 1), and zero where y is an integer zero, or both are zero."""
    constant = lax.eq(y, lax.full_like(y, 0))
    if y.dtype == z.dtype:
        constant = lax.bitwise_and(*(widened(v, z.shape) for v in (constant, lax.eq(x, lax.full_like(x, 0)))))
    y, x, constant = (widened(v, z.shape) for v in (lax.convert_element_type(y, z.dtype), x, constant))
    slope = y * lax.pow(x, lax.select(constant, lax.full_like(y, 1), y - 1.0))
    return g * lax.select(constant, lax.full_like(slope, 0), slope)


def _power_exponent(g: Any, z: Any, x: Any, y: Any) -> Any:
    """The slope of x ** y in y: z log x, and zero at x = 0."""
    return g * (lax.log(_nonzero(widened(x, z.shape))) * z)


def _integer_power(box: Box, g: Any, x: Any) -> Any:
    n = box.params["y"]
    if n == 0:
        return None
    return g if n == 1 else g * (float(n) * lax.integer_pow(x, n - 1))


def _quotient_tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Of z = x / y it is dx / y - z (dy / y), divided where y is small."""
    (_, y), z = xs, ys[0]
    parts = [dxs[0] / y] if dxs[0] is not None else []
    parts += [-(z * (dxs[1] / y))] if dxs[1] is not None else []
    return [_total([widened(p, z.shape) for p in parts])]


def _quotient_back(box: Box, xs: Values, ys: Values, dys: Values) -> Values:
    """The cotangent of y is summed to its shape before it is divided: a row of sums, not a matrix of quotients.

    It keeps x, which is there anyway, and not z, which XLA would hold in a second layout (seen in softmax).
    """
    (x, y), g = xs, dys[0]
    return [summed(g / y, x.shape), -(summed(g * x, y.shape) / y / y)]


def _remainder(g: Any, z: Any, x: Any, y: Any) -> Any:
    """The slope of rem(x, y) in y: minus the quotient, rounded to zero."""
    q = x / y
    return -(g * (lax.sign(q) * lax.floor(lax.abs(q))))


def _polynomial(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The polynomial with coefficients k c_k at degree k - 1, and the one with the tangents of the coefficients."""
    (x, *coefficients), (dx, *moved) = xs, dxs
    parts = []
    if dx is not None and len(coefficients) > 1:
        parts.append(dx * _horner(x, [float(k) * c for k, c in enumerate(coefficients)][1:]))
    if any(d is not None for d in moved):
        parts.append(_horner(x, [lax.full_like(x, 0) if d is None else d for d in moved]))
    return [_total([widened(p, ys[0].shape) for p in parts]) if parts else None]


def _horner(x: Any, coefficients: Values) -> Any:
    made = coefficients[-1]
    for c in coefficients[-2::-1]:
        made = made * x + c
    return made


# --- choices ---


def _extremum(first: Callable[..., Any], second: Callable[..., Any]) -> Elementwise:
    """`max` or `min`: the slope is one where an operand is chosen, which the comparison of it with the other tells."""

    def part(compare: Callable[..., Any], place: int) -> Callable[..., Any]:
        def partial(g: Any, z: Any, *xs: Any) -> Any:
            g, x, y = (widened(v, z.shape) for v in (g, *xs))
            # complex numbers are ordered by real, then imaginary part, and JAX has no comparison of them
            mine = lax.eq((x, y)[place], z) if x.dtype.kind == "c" else compare(x, y)
            return lax.select(lax.eq(x, y), g * 0.5, lax.select(mine, g, lax.full_like(g, 0)))

        return partial

    return Elementwise((part(first, 0), part(second, 1)))


def _chosen_cotangents(box: Box, dys: Values, xs: Values) -> Values:
    """A choice among cases: each case gets the cotangent where it was chosen."""
    which, g, n = xs[0], dys[0], box.n_in - 1
    nothing = lax.full_like(g, 0)
    return [lax.select_n(which, *[g if i == j else nothing for j in range(n)]) for i in range(n)]


def _clamp(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Of the operand and the limits that one moves the result which is the result: at a tie a limit, and one alone."""
    shape = ys[0].shape
    low, x, high = (widened(v, shape) for v in xs)
    top = lax.le(high, lax.max(low, x))
    below = lax.bitwise_and(lax.ge(low, x), lax.lt(low, high))
    inside = lax.bitwise_and(lax.gt(x, low), lax.lt(x, high))
    masks = (below, inside, top)
    moved = [(mask, widened(d, shape)) for mask, d in zip(masks, dxs, strict=True) if d is not None]
    return [_total([lax.select(mask, d, lax.full_like(d, 0)) for mask, d in moved])]


# --- complex numbers ---


def _abs(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """|x| grows along the direction of x. At zero the slope is one for real numbers, as JAX has it, and else zero."""
    x, y, d = xs[0], ys[0], dxs[0]
    if box.dom.inside[0].kind != "C":
        return [lax.select(lax.ge(x, lax.full_like(x, 0)), d, -d)]
    return [lax.real(d * (lax.conj(x) / lax.convert_element_type(_nonzero(y), x.dtype)))]


def _sign(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Constant for real numbers; of a complex number x = r e^(it) the direction turns by dt = Im(e^(-it) dx) / r."""
    if box.dom.inside[0].kind != "C":
        return [None]
    y = ys[0]
    turned = lax.imag(lax.conj(y) * dxs[0]) / _nonzero(lax.abs(xs[0]))
    return [lax.complex(-lax.imag(y) * turned, lax.real(y) * turned)]


def _complex_back(box: Box, dys: Values, xs: Values) -> Values:
    return [summed(v, w.shape) for v, w in zip((lax.real(dys[0]), -lax.imag(dys[0])), box.dom.inside, strict=True)]


def _conj_back(box: Box, dys: Values, xs: Values) -> Values:
    return [lax.conj(dys[0]) if box.dom.inside[0].kind == "C" else lax.real(dys[0])]


# --- conversions, and what leaves values as they are ---


def _converted_back(box: Box, dys: Values, xs: Values) -> Values:
    w, g = box.dom.inside[0], dys[0]
    return [lax.convert_element_type(lax.real(g) if w.kind == "R" and g.dtype.kind == "c" else g, w.dtype)]


def _rounded_back(box: Box, dys: Values, xs: Values) -> Values:
    p = box.params
    return [lax.reduce_precision(dys[0], exponent_bits=p["exponent_bits"], mantissa_bits=p["mantissa_bits"])]


def _barrier(values: Values) -> Values:
    """A barrier among those values that are there."""
    made = iter(lax.optimization_barrier(tuple(v for v in values if v is not None)))
    return [None if v is None else next(made) for v in values]


def _barrier_back(box: Box, dys: Values, xs: Values) -> Values:
    return [g for g, w in zip(_barrier(dys), box.dom.inside, strict=True) if w.differentiable]


ARITHMETIC: dict[str, Fact] = {
    "add": _added(1),
    "add_any": _added(1),
    "sub": _added(-1),
    "neg": Linear(lambda box, dys, xs: [-dys[0]]),
    "div": General(_quotient_tangent, _quotient_back),
    "pow": Elementwise((_power_base, _power_exponent)),
    "integer_pow": General(
        lambda box, xs, ys, dxs: [_integer_power(box, dxs[0], xs[0])],
        lambda box, xs, ys, dys: [_integer_power(box, dys[0], xs[0])],
    ),
    "polynomial": General(_polynomial),
    "max": _extremum(lax.gt, lax.lt),
    "min": _extremum(lax.lt, lax.gt),
    "rem": Elementwise((lambda g, z, x, y: g, _remainder)),
    "atan2": Elementwise((lambda g, z, x, y: g * (y / (x * x + y * y)), lambda g, z, x, y: g * (-x / (x * x + y * y)))),
    # the next number is a unit in the last place away, which does not move
    "nextafter": Elementwise((lambda g, z, x, y: g, None)),
    "select_n": Linear(_chosen_cotangents),
    "clamp": General(_clamp),
    "abs": General(_abs),
    "sign": General(_sign),
    "real": Linear(lambda box, dys, xs: [lax.complex(dys[0], lax.full_like(dys[0], 0))]),
    "imag": Linear(lambda box, dys, xs: [lax.complex(lax.full_like(dys[0], 0), -dys[0])]),
    "complex": Linear(_complex_back),
    "conj": Linear(_conj_back),
    "convert_element_type": Linear(_converted_back),
    "reduce_precision": Linear(_rounded_back),
    "copy": Linear(lambda box, dys, xs: [dys[0]]),
    "name": Linear(lambda box, dys, xs: [dys[0]]),
    "optimization_barrier": Linear(_barrier_back, tangent=lambda box, dxs, xs: _barrier(dxs)),
}
