"""Functions whose derivative is wrong at a point, or whose second derivative is; each beside its mended twin."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .records import backward_rules, by_tangents, f64, forward_rules

# -- points ----------------------------------------------------------------------------------------


def log_sigmoid():
    def wrong(x, v):
        small = jnp.exp(-abs(x))
        return (jnp.where(x < 0, 1.0, 0.0) + jnp.sign(x) * small / (1 + small)) * v

    return forward_rules(jax.nn.log_sigmoid, wrong, lambda x, v: jax.nn.sigmoid(-x) * v, f64(0.7))


def log_sum():
    """log (exp a + exp b), whose shares lose all digits where a and b are huge and equal."""

    def wrong(a, b, da, db):
        y = jnp.logaddexp(a, b)
        return jnp.exp(a - y) * da + jnp.exp(b - y) * db

    right = lambda a, b, da, db: jax.nn.sigmoid(a - b) * da + jax.nn.sigmoid(b - a) * db  # noqa: E731
    return forward_rules(jnp.logaddexp, wrong, right, f64(0.5), f64(1.5))


def early_exit():
    """A product that stops at the first zero, and so forgets what comes after."""

    def stopping(x):
        return lax.scan(lambda p, a: (jnp.where(p == 0, p, p * a), None), jnp.ones_like(x[0]), x)[0]

    others = lambda x: jnp.stack([x[1] * x[2], x[0] * x[2], x[0] * x[1]])  # noqa: E731
    wrong = lambda x, v: jax.jvp(stopping, (x,), (v,))[1]  # noqa: E731
    return forward_rules(jnp.prod, wrong, lambda x, v: others(x) @ v, f64([2.0, 0.5, 3.0]))


def length_of_nothing():
    """The length of a multiple of a vector that is zero."""
    zero = np.zeros(2)
    wrong = lambda a: jnp.linalg.norm(a * zero)  # noqa: E731
    return {"build": lambda: (wrong, (f64(1.3),)), "mended": lambda: (lambda a: a * np.linalg.norm(zero), (f64(1.3),))}


def certain():
    """The likelihood of a failure that is certain, by way of infinite odds."""

    def by_odds(x):
        p = 0.0 * jax.nn.sigmoid(x)
        return -jax.nn.softplus(jnp.log(p) - jnp.log1p(-p))

    right = lambda x: jnp.log1p(-0.0 * jax.nn.sigmoid(x))  # noqa: E731
    return {"build": lambda: (by_odds, (f64(0.3),)), "mended": lambda: (right, (f64(0.3),))}


def equal_singular_values():
    """The sum of the squares of a matrix, put together from its factors."""

    def wrong(a):
        left, s, right = jnp.linalg.svd(a)
        return jnp.sum(((left * s) @ right) ** 2)

    x = (np.diag([1.0, 1.0, 2.0]),)
    return {"build": lambda: (wrong, x), "mended": lambda: (lambda a: jnp.sum(a**2), x)}


# -- second derivatives ------------------------------------------------------------------------------


def saved_by_hand():
    """Six times x, whose way back divides twice x by x, one of them kept as if it were a constant."""
    rule = lambda keep: lambda x, c: (c * 3 * keep(2 * x) / x,)  # noqa: E731
    return backward_rules(lambda x: 6 * x, rule(lax.stop_gradient), rule(lambda x: x), f64([0.7, 1.4]))


def product_of_zeros():
    def wrong(x, v):
        gaps = x == 0
        filled = jnp.where(gaps, 1.0, x)
        alone = jnp.where((jnp.sum(gaps) == 1) & gaps, jnp.prod(filled), 0.0)
        return jnp.where(jnp.any(gaps), alone, jnp.prod(x) / filled) @ v

    def right(x, v):
        return sum(v[i] * jnp.prod(x[np.arange(4) != i]) for i in range(4))

    return forward_rules(jnp.prod, wrong, right, f64([2.0, 3.0, 0.5, 0.7]))


def determinant():
    """A determinant of three rows, whose tangent goes by singular vectors."""

    def f(a):
        return a[0] @ jnp.cross(a[1], a[2])

    def wrong(a, v):
        left, s, right = jnp.linalg.svd(a)
        others = jnp.stack([s[1] * s[2], s[0] * s[2], s[0] * s[1]])
        return f(left) * f(right) * others @ jnp.diag(left.T @ v @ right.T)

    def right(a, v):
        return v[0] @ jnp.cross(a[1], a[2]) + v[1] @ jnp.cross(a[2], a[0]) + v[2] @ jnp.cross(a[0], a[1])

    return forward_rules(f, wrong, right, f64([[1.5, 0.3, 0.1], [-0.2, 0.8, 0.4], [0.3, 0.1, 2.0]]))


def sine_over_argument():
    """sin(πx)/(πx), whose slope at 0 is written as a number."""

    def wrong(x, v):
        near = jnp.where(x == 0, 1.0, x)
        return jnp.where(x == 0, 0.0, (jnp.cos(jnp.pi * near) - jnp.sinc(near)) / near) * v

    def right(x, v):
        z = jnp.pi * x
        series = sum((-1) ** k * 2 * k / math.factorial(2 * k + 1) * z ** (2 * k - 1) for k in S)
        far = jnp.where(abs(x) < 0.1, 1.0, x)
        return jnp.where(abs(x) < 0.1, jnp.pi * series, (jnp.cos(jnp.pi * far) - jnp.sinc(far)) / far) * v

    return forward_rules(jnp.sinc, wrong, right, f64(0.4))


S = range(1, 9)


def bessel():
    def right(x, v):
        return jnp.exp(abs(x)) * jax.scipy.special.i1e(x) * v

    return {
        "build": lambda: (lambda x: jnp.i0(x), (f64(0.3),)),
        "mended": lambda: (by_tangents(lambda x: jnp.i0(x), right), (f64(0.3),)),
    }


def beta():
    gammaln = jax.scipy.special.gammaln
    plain = lambda a, b: gammaln(a) + gammaln(b) - gammaln(a + b)  # noqa: E731
    x = (f64(1.0), f64(1.0))
    return {"build": lambda: (lambda a, b: jax.scipy.special.betaln(a, b), x), "mended": lambda: (plain, x)}
