"""Right derivatives that are hard to check: ill-conditioned, huge, tiny, piecewise, near-singular, oscillating.

Whatever differences a function at a random point cries wolf on many of these. `truth`, where given, is the same
function written so that rounding does less.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from corpus import array, f32, f64, i32, of_kind, right
from corpus_algebra import SKEW
from corpus_wrong import attention, cubic, layer_norm, settled
from jax import lax
from jax.scipy import special as sp

WIDE, FAR = (-3.0, 3.0), (-40.0, 40.0)
X, Y = array(4), array(4, seed=1)
S = f32(X)
HILBERT = f64([[1 / (i + j + 1) for j in range(6)] for i in range(6)])
T = jnp.transpose


def log(lo, hi):
    """A domain on a logarithmic scale, for one argument."""
    return ((lo, hi, "log"),)


# -- conditioning, magnitude ---------------------------------------------------------------------------


def expanded(x):
    found = jnp.ones_like(x)
    for c in (-8.0, 28.0, -56.0, 70.0, -56.0, 28.0, -8.0, 1.0):
        found = found * x + c
    return found


def chebyshev(x):
    return lax.fori_loop(0, 30, lambda i, s: (s[1], 2 * x * s[1] - s[0]), (jnp.ones_like(x), x))[1]


def logistic_map(x):
    return lax.scan(lambda x, _: (3.9 * x * (1 - x), x), x, None, length=20)[1]


def near_hilbert(rng):
    return HILBERT[:4, :4] * (1 + 1e-3 * rng.uniform(-1, 1, (4, 4))), rng.uniform(-1, 1, 4)


def conditioning():
    solve = jnp.linalg.solve
    yield right("a Hilbert system", lambda b: solve(jnp.asarray(HILBERT), b), array(6))
    yield right(
        "a Hilbert matrix and its right side", solve, *near_hilbert(np.random.default_rng(0)), domain=near_hilbert
    )
    yield right("a power expanded", expanded, X * 0.1 + 1, domain=((0.9, 1.1),))
    yield right("a power expanded, in single precision", expanded, f32(X * 0.1 + 1), domain=((0.8, 1.2),))
    yield right("exp x - 1 over x", lambda x: (jnp.exp(x) - 1) / x, abs(X), domain=log(1e-8, 1.0))
    yield right(
        "log of 1 + x, naively", lambda x: jnp.log(1 + x), abs(X) * 1e-4, domain=log(1e-12, 1e-3), truth=jnp.log1p
    )
    yield right(
        "1 - cos x", lambda x: 1 - jnp.cos(x), abs(X), domain=log(1e-9, 1.0), truth=lambda x: 2 * jnp.sin(x / 2) ** 2
    )
    yield right("a Chebyshev polynomial by recurrence", chebyshev, X, truth=lambda x: jnp.cos(31 * jnp.arccos(x)))
    yield right("twenty steps of the logistic map", logistic_map, f64(0.3), domain=((0.1, 0.9),))
    yield right(
        "a determinant that nearly vanishes",
        jnp.linalg.det,
        HILBERT[:4, :4],
        domain=lambda rng: (near_hilbert(rng)[0],),
    )
    yield right("tiny arguments", lambda x: jnp.tanh(1e20 * x), S * 1e-20, domain=((-3e-20, 3e-20),))
    yield right("huge arguments squared", lambda x: x * x, abs(X) * 1e120, domain=log(1e100, 1e150))
    yield right("roots of tiny numbers", jnp.sqrt, abs(X) * 1e-30, domain=log(1e-40, 1e-20))
    yield right(
        "a ratio of huge and tiny",
        lambda x, y: x / y,
        f64(1e30),
        f64(1e-30),
        domain=((1e25, 1e35, "log"), (1e-35, 1e-25, "log")),
    )
    yield right(
        "products of many scales",
        jnp.prod,
        f64([1e-60, 1e50, 1e30, 1e-40]),
        domain=((0.0, f64([1e-59, 1e51, 1e31, 1e-39])),),
    )
    yield right("a large offset", lambda x: jnp.sum(jnp.sin(x) + 1e8), X, domain=(WIDE,))
    yield right("Lennard-Jones", lambda r: 4 * (r**-12 - r**-6), abs(X) + 0.8, domain=((0.3, 3.0),))
    yield right("entries of very unlike size", lambda x: x * jnp.asarray([1e-12, 1.0, 1e6, 1e12], x.dtype), X)


# -- kinks, ties, jumps ------------------------------------------------------------------------------


def pieces():
    ties, zero = f32([0.5, 0.5, -0.5, 0.5]), f64([0.0, 0.5, -1.0, 1.0])
    huber = lambda x: jnp.where(abs(x) < 1, x * x / 2, abs(x) - 0.5)  # noqa: E731
    pool = lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2,), (1,), "VALID")  # noqa: E731
    yield right("relu", jax.nn.relu, S, special=((f32(zero),),), guards=lambda x: x)
    yield right(
        "relu6",
        jax.nn.relu6,
        3 * S,
        domain=((-9.0, 9.0),),
        special=((f32([0, 6, 3, 0]),),),
        guards=lambda x: x * (x - 6),
    )
    yield right("leaky relu", jax.nn.leaky_relu, X, special=((zero,),))
    yield right("huber", huber, X, domain=(WIDE,), special=((zero,),))
    yield right(
        "hinge", lambda x: jnp.sum(jnp.maximum(1 - x, 0)), X, domain=(WIDE,), special=((zero,),), guards=lambda x: 1 - x
    )
    yield right("a clip", lambda x: jnp.clip(x, -0.5, 0.5), S, special=((ties,),))
    yield right("a sum of absolute values", lambda x: jnp.sum(abs(x)), X, special=((zero,),), guards=lambda x: x)
    yield right("sort", jnp.sort, array(12), special=((np.repeat(zero, 3),),))
    yield right(
        "the three greatest",
        lambda x: lax.top_k(x, 3)[0],
        array(9, dtype="float32"),
        special=((np.zeros(9, "float32"),),),
    )
    yield right("median", jnp.median, array(7))
    yield right("max pooling with ties", pool, S, special=((ties,),))
    yield right("a greatest entry", jnp.max, array(30), special=((np.ones(30),),))
    yield right(
        "least of many squares", lambda x: jnp.min((x[:, None] - x[None]) ** 2 + 4 * jnp.eye(4, dtype=x.dtype)), X
    )
    yield right(
        "a saw", lambda x: x - jnp.floor(x), X, domain=(WIDE,), guards=lambda x: jnp.sin(jnp.pi * x), truth=lambda x: x
    )
    yield right("a staircase of slopes", lambda x: x * jnp.floor(x), S + 0.5, domain=(WIDE,))
    yield right("rounding", jnp.round, 3 * X, domain=(WIDE,), truth=lambda x: 0 * x)
    yield right(
        "a sign times a square", lambda x: jnp.sign(x) * x * x, X, special=((zero,),), truth=lambda x: x * abs(x)
    )
    yield right("a step", lambda x: jnp.heaviside(x, 0.5), X, truth=lambda x: 0 * x)
    yield right("branches that do not meet", lambda x: lax.cond(jnp.sum(x) > 0, jnp.sin, jnp.exp, x), X)
    yield right("branches that meet", lambda x: jnp.where(x < 0, jnp.exp(x), 1 + x + x * x / 2), X, special=((zero,),))
    yield right("a remainder", lambda x: jnp.mod(x, 0.7), S, domain=(WIDE,), truth=lambda x: x)


# -- near singularities, oscillation, steepness, tails ----------------------------------------------------


def extremes():
    norm = lambda x: jnp.sqrt(jnp.sum(x * x))  # noqa: E731
    bump = lambda x: jnp.exp(-1 / (1 - x * x))  # noqa: E731
    softplus, tail = jax.nn.softplus, ((FAR,))
    yield right("a narrow peak", lambda x: 1 / (x * x + 1e-8), X)
    yield right("a narrower peak, in single precision", lambda x: 1 / (x * x + 1e-6), S)
    yield right("a root near zero", jnp.sqrt, f32(abs(X)), domain=log(1e-12, 1.0))
    yield right("a norm near zero", norm, abs(X) * 1e-6, domain=log(1e-9, 1e-6))
    yield right("tan near its pole", jnp.tan, X * 0.01 + 1.55, domain=((1.5, 1.5707),))
    yield right("log near zero", jnp.log, abs(X), domain=log(1e-250, 1.0))
    yield right("arccos near its ends", jnp.arccos, X, domain=((-0.9999999, 0.9999999),))
    yield right("sin of a thousand x", lambda x: jnp.sin(1e3 * x), X)
    yield right("sin of a hundred x, in single precision", lambda x: jnp.sin(1e2 * x), S)
    yield right("a chirp", lambda x: jnp.sin(100 * x * x), X, domain=(WIDE,))
    yield right("a beat near zero", lambda x: x * x * jnp.sin(1 / x), abs(X), domain=log(1e-3, 1.0))
    yield right("a steep sigmoid", lambda x: jax.nn.sigmoid(1e4 * x), X)
    yield right("a narrow erf", lambda x: lax.erf(1e3 * x), S)
    yield right("a sharp softmax", lambda x: jax.nn.softmax(500 * x), X)
    yield right("tanh in its tails", jnp.tanh, X, domain=tail)
    yield right("sigmoid in its tails", jax.nn.sigmoid, S, domain=tail)
    yield right("softplus in its tails", softplus, X, domain=tail)
    yield right("expm1 in its tail", jnp.expm1, X - 20, domain=((-40.0, 1.0),))
    yield right("log softmax of large scores", jax.nn.log_softmax, f32(1e3 * X), domain=((-1e4, 1e4),))
    yield right("a flat bump", bump, X, domain=((-0.99, 0.99),))
    yield right("erfc in its tail", lax.erfc, abs(X) * 20, domain=((0.0, 25.0),))
    yield right("x to the y", jnp.power, abs(X) + 1, Y, domain=((1e-3, 10.0), (-5.0, 5.0)))
    yield right("lgamma", lax.lgamma, abs(X) + 1, domain=log(1e-3, 50.0))
    yield right("a Bessel function", sp.i0e, X, domain=((-20.0, 20.0),))


# -- rules that are better than what follows from the definition ---------------------------------------


def _log1p_exp(x):
    return jnp.log1p(jnp.exp(x))


def _steady_sum(x):
    top = jnp.max(x)
    return top + jnp.log(jnp.sum(jnp.exp(x - top)))


def _settled_back(w, x, c):
    z = settled(w, x)
    slope = 1 - z * z
    u = slope * jnp.linalg.solve(T(jnp.eye(len(z)) - slope[:, None] * w), c)
    return jnp.outer(u, z), u


def newton_root(x):
    """The square root by Newton's iteration, until it no longer changes."""
    again = lambda s: (abs(s[0] - s[1]) > 1e-15 * abs(s[1])) & (s[2] < 100)  # noqa: E731
    return lax.while_loop(again, lambda s: (s[1], (s[1] + x / s[1]) / 2, s[2] + 1), (x + 1, (x + 2) / 2, 0))[1]


def _solve_back(a, b, c):
    bar = jnp.linalg.solve(T(a), c)
    return -jnp.outer(bar, jnp.linalg.solve(a, b)), bar


def _whole_power(x, n):
    return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, jnp.ones_like(x)))[1]


def rules():
    system = lambda rng: (SKEW + rng.uniform(-0.3, 0.3, (3, 3)), rng.uniform(-1, 1, 3))  # noqa: E731
    power = lambda x, n, dx, _: n.astype(x.dtype) * _whole_power(x, n - 1) * dx  # noqa: E731
    yield right(
        "log1p exp, by sigmoid",
        _log1p_exp,
        X,
        tangents=lambda x, dx: jax.nn.sigmoid(x) * dx,
        domain=((-30.0, 30.0),),
        truth=jax.nn.softplus,
    )
    yield right(
        "a steady logsumexp",
        _steady_sum,
        X,
        back=lambda x, c: c * jax.nn.softmax(x),
        domain=((-700.0, 700.0),),
        truth=jax.nn.logsumexp,
    )
    yield right(
        "a root of a cubic, implicitly",
        cubic,
        abs(X) + 1,
        tangents=lambda x, dx: -cubic(x) * dx / (3 * cubic(x) ** 2 + x),
        domain=((0.5, 3.0),),
        noise=1e-14,
        truth=cubic,
    )
    yield right(
        "Newton's square root by a while loop",
        newton_root,
        f64(2.0),
        back=lambda x, c: c * 0.5 / newton_root(x),
        domain=((0.1, 10.0),),
        noise=1e-14,
        truth=jnp.sqrt,
    )
    yield right(
        "a fixed point, implicitly",
        settled,
        0.3 * array(3, 3),
        array(3),
        back=_settled_back,
        domain=((-0.3, 0.3), (-1.0, 1.0)),
        noise=1e-14,
        truth=settled,
    )
    yield right(
        "a solution, implicitly",
        jnp.linalg.solve,
        SKEW,
        array(3),
        back=_solve_back,
        domain=system,
        truth=jnp.linalg.solve,
    )
    yield right(
        "a whole power by a while loop",
        _whole_power,
        X + 2,
        i32(4),
        tangents=power,
        domain=((0.5, 1.5), None),
        truth=lambda x, n: x ** n.astype(x.dtype),
    )
    yield right(
        "rounding straight through, declared",
        jnp.round,
        3 * X,
        back=lambda x, c: c,
        domain=(WIDE,),
        surrogate=lambda x: x,
    )
    yield right(
        "a reversed gradient, declared", lambda x: 1.0 * x, S, back=lambda x, c: -0.3 * c, surrogate=lambda x: -0.3 * x
    )
    yield right(
        "a clip straight through, declared",
        lambda x: jnp.clip(x, -0.5, 0.5),
        X,
        tangents=lambda x, dx: dx,
        surrogate=lambda x: 1.0 * x,
    )
    yield right(
        "a rule in its own precision",
        jnp.tanh,
        X.astype(jnp.bfloat16),
        tangents=lambda x, dx: (1 - jnp.tanh(x) ** 2) * dx,
        truth=jnp.tanh,
    )
    yield right(
        "the norm, guarded",
        lambda x: jnp.sqrt(jnp.sum(x * x)),
        X,
        back=lambda x, c: c * x / jnp.maximum(jnp.sqrt(jnp.sum(x * x)), 1e-300),
        special=((0 * X,),),
    )
    yield right(
        "a logistic loss of a count",
        lambda x, n: jnp.sum(jax.nn.softplus(x) * n.astype(x.dtype)),
        S,
        i32(3),
        back=lambda x, n, c: (c * jax.nn.sigmoid(x) * n.astype(x.dtype), None),
        domain=(WIDE, None),
    )


# -- indices, shapes, dtypes -------------------------------------------------------------------------------


def _dense(x, w):
    return jax.nn.gelu(x @ w)


def _masked(q, k, v):
    scores = jnp.where(jnp.tri(4, dtype=bool), q @ T(k), -1e9)
    return jax.nn.softmax(scores) @ v


def _ode(x):
    return lax.scan(lambda y, _: (y - 0.05 * (y**3 - y + x), None), jnp.zeros_like(x), None, length=100)[0]


def shapes():
    at, q = i32([4, 1, 4, 4, 0]), [array(4, 4, seed=s, dtype="float32") for s in range(3)]
    put = lambda x, i: jnp.zeros_like(x).at[i].add(x[i] ** 2)  # noqa: E731
    half, brain = array(4, 4, dtype="float16"), array(4, 4).astype(jnp.bfloat16)
    yield right("repeated indices", lambda x, i: x[i] * x[i][::-1], array(6), at, special=((array(6), 0 * at),))
    yield right("repeated places", put, array(6, dtype="float32"), at)
    yield right("the spectrum's power", lambda x: abs(jnp.fft.fft(x)) ** 2, array(8))
    yield right("a complex product", lambda z, w: z * jnp.exp(w), X + 1j * Y, Y - 1j * X)
    yield right("a layer in float16", _dense, half, half)
    yield right("a layer in bfloat16", _dense, brain, brain)
    yield right("layer norm of nearly equal entries", layer_norm, 1 + 1e-3 * X, domain=((0.999, 1.001),))
    yield right("attention", attention, *q)
    yield right("attention behind a mask", _masked, *q)
    yield right("ten thousand outputs", lambda x: jnp.sin(jnp.outer(x, jnp.arange(100.0, dtype=x.dtype))), array(100))
    yield right("a constant", lambda x: jnp.ones(3), X, truth=lambda x: jnp.ones(3))
    yield right("nothing at all", lambda x: jnp.exp(x) * 2, np.zeros((0, 3)))
    yield right("axes of length one", lambda x: jax.nn.softmax(x) + jnp.var(x, 0, keepdims=True), array(1, 1))
    yield right(
        "a choice by an integer",
        lambda i, x: lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x),
        i32(1),
        X,
        special=((i32(0), X), (i32(2), X)),
    )
    yield right(
        "a cumulative product through zero", jnp.cumprod, array(6), special=((f64([1.0, 0.0, 2.0, 0.0, 3.0, 1.0]),),)
    )
    yield right("a cumulative logsumexp", lax.cumlogsumexp, array(8, dtype="float32"), domain=((-30.0, 30.0),))
    yield right("a stiff equation by steps", _ode, f64([0.1, -0.3]))


FINE = (
    *of_kind("conditioning", conditioning()),
    *of_kind("pieces", pieces()),
    *of_kind("extremes", extremes()),
    *of_kind("rules", rules()),
    *of_kind("shapes", shapes()),
)
