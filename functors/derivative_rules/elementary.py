"""Elementary functions of one variable: for each the map g -> g · f'(x), from y = f(x) where that is cheaper.

The formulas are those of any table, e.g. M. Abramowitz and I. Stegun, "Handbook of mathematical functions" (1964).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from .facts import Elementwise, Fact

__all__ = ["ELEMENTARY"]


def _of_one(partial: Callable[[Any, Any, Any], Any]) -> Elementwise:
    return Elementwise((partial,))


def _over(root: Callable[[Any], Any]) -> Elementwise:
    """Functions whose derivative is one over something."""
    return _of_one(lambda g, y, x: g / root(x))


ELEMENTARY: dict[str, Fact] = {
    "exp": _of_one(lambda g, y, x: g * y),
    "exp2": _of_one(lambda g, y, x: g * (y * math.log(2.0))),
    "expm1": _of_one(lambda g, y, x: g * (y + 1.0)),
    "log": _of_one(lambda g, y, x: g / x),
    "log2": _of_one(lambda g, y, x: g / (x * math.log(2.0))),
    "log1p": _over(lambda x: x + 1.0),
    "sin": _of_one(lambda g, y, x: g * lax.cos(x)),
    "cos": _of_one(lambda g, y, x: -(g * lax.sin(x))),
    "tan": _of_one(lambda g, y, x: g * (1.0 + y * y)),
    "asin": _of_one(lambda g, y, x: g * lax.rsqrt(1.0 - x * x)),
    "acos": _of_one(lambda g, y, x: -(g * lax.rsqrt(1.0 - x * x))),
    "atan": _over(lambda x: 1.0 + x * x),
    "sinh": _of_one(lambda g, y, x: g * lax.cosh(x)),
    "cosh": _of_one(lambda g, y, x: g * lax.sinh(x)),
    # the factors are exact in the tails, where 1 - y² loses all its digits
    "tanh": _of_one(lambda g, y, x: (g * (1.0 - y)) * (1.0 + y)),
    "asinh": _of_one(lambda g, y, x: g * lax.rsqrt(x * x + 1.0)),
    "acosh": _of_one(lambda g, y, x: g * (lax.rsqrt(x - 1.0) * lax.rsqrt(x + 1.0))),
    "atanh": _over(lambda x: (1.0 - x) * (1.0 + x)),
    "logistic": _of_one(lambda g, y, x: g * (y * (1.0 - y))),
    "sqrt": _of_one(lambda g, y, x: g * (0.5 / y)),
    "rsqrt": _of_one(lambda g, y, x: g * (-0.5 * (y / x))),
    "cbrt": _of_one(lambda g, y, x: g / (3.0 * (y * y))),
    "square": _of_one(lambda g, y, x: g * (2.0 * x)),
    "one_minus_square": _of_one(lambda g, y, x: g * (-2.0 * x)),
    "erf": _of_one(lambda g, y, x: g * (2.0 / math.sqrt(math.pi) * lax.exp(-(x * x)))),
    "erfc": _of_one(lambda g, y, x: g * (-2.0 / math.sqrt(math.pi) * lax.exp(-(x * x)))),
    "erf_inv": _of_one(lambda g, y, x: g * (math.sqrt(math.pi) / 2.0 * lax.exp(y * y))),
    "lgamma": _of_one(lambda g, y, x: g * lax.digamma(x)),
    "digamma": _of_one(lambda g, y, x: g * lax.polygamma(lax.full_like(x, 1.0), x)),
    "bessel_i1e": _of_one(lambda g, y, x: g * _bessel_slope(x, y)),
    "bessel_i0e": _of_one(lambda g, y, x: g * (lax.bessel_i1e(x) - lax.sign(x) * y)),
}


def _bessel_slope(x: Any, y: Any) -> Any:
    """The slope of exp(-|x|) I1(x): I1' = I0 - I1 / x, and 1/2 at zero, where nothing is divided by what is tiny."""
    eps = float(jnp.finfo(x.dtype).eps)
    at_zero = lax.le(lax.abs(x), lax.full_like(x, eps))
    safe = lax.select(at_zero, lax.full_like(x, eps), x)
    slope = lax.bessel_i0e(safe) - y * (lax.sign(safe) + 1.0 / safe)
    return lax.select(at_zero, lax.full_like(x, 0.5), slope)
