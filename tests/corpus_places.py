"""Rules that are wrong only somewhere: on a half space, a ball, a corner, in a tail, at a kink, at a point."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from corpus import array, f32, f64, of_kind, planted
from jax import lax

WIDE = (-3.0, 3.0)
X, Y = array(4), array(4, seed=1)
S = f32(X)


def spoiled(where, slope, by=1.5):
    """The tangent map of slope(x), multiplied by a factor in a region."""
    return lambda x, dx: jnp.where(where(x), by, 1.0).astype(x.dtype) * slope(x) * dx


# -- regions -----------------------------------------------------------------------------------------


def product(x):
    return jnp.sin(x[0]) * jnp.exp(x[1]) * (2 + x[2])


def of_product(where):
    """The gradient of `product`, halved where a condition on all of x holds."""

    def back(x, c):
        return jnp.where(where(x), 0.5, 1.0) * c * jax.grad(product)(x)

    return back


def _arctan_tangent(y, x, dy, dx):
    # right in the half plane x > 0, where the quotient tells the angle
    return jnp.sign(x) * (x * dy - y * dx) / (x * x + y * y)


def regions():
    sin, cos, softplus = jnp.sin, jnp.cos, jax.nn.softplus
    yield planted("leaky relu with a dead half", jax.nn.leaky_relu, X, back=lambda x, c: jnp.where(x > 0, c, 0.0))
    yield planted(
        "sin on one part in a hundred",
        sin,
        X,
        tangents=spoiled(lambda x: (x > 0.5) & (x < 0.52), cos),
        witness=(0 * X + 0.51,),
    )
    yield planted(
        "sin on a thirtieth, slightly",
        sin,
        S,
        tangents=spoiled(lambda x: abs(x + 0.4) < 0.03, cos, 1.1),
        witness=(0 * S - 0.4,),
    )
    yield planted(
        "a product in a corner",
        product,
        X[:3],
        back=of_product(lambda x: jnp.all(x > 0.9)),
        witness=(f64([0.95, 0.92, 0.99]),),
    )
    yield planted(
        "a product in a ball",
        product,
        X[:3] + 0.5,
        back=of_product(lambda x: jnp.sum(x * x) < 0.09),
        witness=(0.1 * X[:3],),
    )
    yield planted(
        "a product on a slab across",
        product,
        X[:3],
        back=of_product(lambda x: abs(jnp.sum(x)) < 0.05),
        witness=(f64([0.3, 0.4, -0.7]),),
    )
    yield planted("an odd cube as an even one", lambda x: x**3, X, back=lambda x, c: 3 * x * abs(x) * c)
    yield planted(
        "softplus in its tail",
        softplus,
        X,
        tangents=spoiled(lambda x: x > 30, jax.nn.sigmoid, 0.0),
        domain=((-40.0, 40.0),),
        witness=(X + 32,),
    )
    yield planted(
        "a sin by periods",
        sin,
        X,
        tangents=spoiled(lambda x: jnp.floor(x) % 7 == 6, cos, 0.9),
        domain=((-20.0, 20.0),),
        witness=(f64([6.5, 1.0, 2.0, 3.0]),),
    )
    yield planted(
        "x log x with an offset",
        lambda x: x * jnp.log(x),
        abs(X),
        back=lambda x, c: c * (jnp.log(x + 1e-6) + 1),
        domain=((1e-9, 1.0, "log"),),
    )
    yield planted(
        "a root with an offset",
        jnp.sqrt,
        abs(S),
        back=lambda x, c: c * 0.5 / (jnp.sqrt(x) + 1e-3),
        domain=((1e-4, 4.0, "log"),),
    )
    yield planted(
        "arcsin with a bounded slope",
        jnp.arcsin,
        X,
        back=lambda x, c: c * jnp.minimum(lax.rsqrt(1 - x * x), 5.0),
        domain=((-0.999, 0.999),),
        witness=(f64([0.995, 0.0, 0.0, 0.0]),),
    )
    yield planted("a clip that lets all through", lambda x: jnp.clip(x, -0.5, 0.5), X, back=lambda x, c: c)
    yield planted(
        "huber with another width",
        lambda x: jnp.where(abs(x) < 1, x * x / 2, abs(x) - 0.5),
        S,
        back=lambda x, c: c * jnp.clip(x, -2.0, 2.0),
        domain=(WIDE,),
        witness=(3 * S,),
    )
    yield planted("an angle in the half plane", jnp.arctan2, X, Y, tangents=_arctan_tangent, witness=(abs(X), -abs(Y)))
    yield planted(
        "negative powers as positive ones",
        lambda x, n: x**n,
        abs(X) + 1,
        f64([-2.0, 1.0, 2.0, 3.0]),
        tangents=lambda x, n, dx, dn: jnp.abs(n) * x ** (n - 1) * dx + x**n * jnp.log(x) * dn,
        domain=((0.5, 2.0), WIDE),
    )
    yield planted(
        "relu6 without its upper kink",
        jax.nn.relu6,
        3 * S,
        back=lambda x, c: jnp.where(x > 0, c, 0.0),
        domain=((-9.0, 9.0),),
        witness=(S + 7,),
    )
    yield planted(
        "hinge with a margin of two",
        lambda x: jnp.maximum(1 - x, 0),
        X,
        back=lambda x, c: jnp.where(x < 2, -c, 0.0),
        domain=(WIDE,),
        witness=(X * 0.1 + 1.5,),
    )


# -- points -------------------------------------------------------------------------------------------


def at_zero(value):
    """A rule that is `slope` except at zero, where it is a value of its own."""
    return lambda slope: lambda x, c: c * jnp.where(x == 0, value, slope(x))


def _norm(x):
    return jnp.sqrt(jnp.sum(x * x))


def _sinc(x):
    return jnp.where(abs(x) < 1e-3, 1 - x * x / 6, jnp.sin(x) / jnp.where(x == 0, 1.0, x))


def _tied(x, c):
    return c * (x == jnp.max(x)).astype(x.dtype)


def _both(x, y, c):
    return jnp.where(x >= y, c, 0.0), jnp.where(y >= x, c, 0.0)


def _ball(rng):
    a = rng.uniform(-0.4, 0.4, (3, 3))
    return (a + a.T,)


def _symmetric(rng, point):
    return _ball(rng)


def _exponential(a):
    values, vectors = jnp.linalg.eigh(a)
    return (vectors * jnp.exp(values)[None]) @ jnp.transpose(vectors)


def point(name, f, example, special, **facts):
    """A case that is wrong at one declared point only."""
    return planted(name, f, example, special=((special,),), witness=(special,), **facts)


def points():
    zero, step = f64([0.0, 0.5, -0.5, 0.3]), lambda x: (x > 0).astype(x.dtype)
    yield point("relu with slope two at zero", jax.nn.relu, S, f32(zero), back=at_zero(2.0)(step))
    yield point("relu with slope minus one at zero", jax.nn.relu, X, zero, back=at_zero(-1.0)(step))
    yield point("an absolute value with slope three at zero", jnp.abs, X, zero, back=at_zero(3.0)(jnp.sign))
    yield point("x |x| with slope one at zero", lambda x: x * abs(x), X, zero, back=at_zero(1.0)(lambda x: 2 * abs(x)))
    yield point(
        "a hard tanh with slope two at its ends",
        lambda x: jnp.clip(x, -1, 1),
        S,
        f32([1.0, -1.0, 0.0, 2.0]),
        back=lambda x, c: c * jnp.where(abs(x) == 1, 2.0, (abs(x) < 1).astype(x.dtype)),
        domain=(WIDE,),
    )
    yield planted("a maximum that counts ties twice", jnp.maximum, X, Y, back=_both, special=((X, X),), witness=(X, X))
    yield point("a greatest entry that counts ties twice", jnp.max, S, f32([0.5, 0.5, 0.0, -1.0]), back=_tied)
    yield point(
        "sin x / x by the quotient", _sinc, X, zero, tangents=lambda x, dx: (jnp.cos(x) / x - jnp.sin(x) / x**2) * dx
    )
    yield point("a norm by division", _norm, X, 0 * X, back=lambda x, c: c * x / _norm(x))
    yield point("a product by division", jnp.prod, S, f32(zero), back=lambda x, c: c * jnp.prod(x) / x)
    yield planted(
        "a zeroth power as a first",
        lambda x, n: x**n,
        abs(X) + 1,
        Y,
        back=lambda x, n, c: (c * jnp.where(n == 0, 1.0, n * x ** (n - 1)), c * x**n * jnp.log(x)),
        domain=((0.5, 2.0), WIDE),
        special=((abs(X) + 1, zero),),
        witness=(abs(X) + 1, zero),
    )
    yield planted(
        "a guarded power, dead on one side",
        lambda x: jnp.maximum(x, 0.0) ** 1.5,
        X,
        make=lambda: lambda x: jnp.where(x > 0, x**1.5, 0.0),
    )
    yield point(
        "a guarded quotient", _sinc, S, f32(zero), make=lambda: lambda x: jnp.where(x == 0, 1.0, jnp.sin(x) / x)
    )
    yield point(
        "a power by logarithms",
        lambda x: x * x * jnp.sqrt(x),
        abs(X),
        abs(zero),
        make=lambda: lambda x: jnp.exp(2.5 * jnp.log(x)),
        domain=((0.0, 2.0),),
    )
    yield point(
        "an exponential by vectors that are not there",
        jax.scipy.linalg.expm,
        _ball(np.random.default_rng(0))[0],
        0.5 * np.eye(3),
        make=lambda: _exponential,
        domain=_ball,
        tangent=_symmetric,
    )
    yield point(
        "a length of a difference by division",
        lambda x: _norm(x[:2] - x[2:]),
        X,
        f64([0.2, 0.3, 0.2, 0.3]),
        back=lambda x, c: c * jnp.concatenate([x[:2] - x[2:], x[2:] - x[:2]]) / _norm(x[:2] - x[2:]),
    )


PLACES = (*of_kind("region", regions()), *of_kind("point", points()))
