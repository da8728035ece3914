"""Rules with a wrong formula: a factor, a sign, a term, a normalizer, a step of a loop.

Each fault is one that people have written.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from corpus import array, by_tangents, f32, f64, i32, of_kind, planted
from jax import lax

UNIT, WIDE = (-1.0, 1.0), (-3.0, 3.0)
T = jnp.transpose


# -- factors, signs, terms -----------------------------------------------------------------------


def wire_gelu(x):
    return 0.5 * x * (1.0 + jnp.tanh(0.7978845608 * (x + 0.044715 * x**3)))


def gelu_tangent(x, dx):
    inner = jnp.tanh(0.7978845608 * (x + 0.044715 * x**3))
    return (0.5 * (1 + inner) + 0.5 * x * (1 - inner**2) * 0.7978845608) * dx


def cosine(x, y):
    return x @ y / jnp.sqrt((x @ x) * (y @ y))


def _cosine_back(x, y, c):
    norm = jnp.sqrt((x @ x) * (y @ y))
    return c * (y / norm - cosine(x, y) * x / (x @ x)), c * x / norm


def elementary():
    x, y = array(4), array(4, seed=1)
    yield planted(
        "exp, one in a million off", jnp.exp, x, back=lambda x, c: c * jnp.exp(x) * (1 + 1e-6), domain=(WIDE,)
    )
    yield planted(
        "tanh, one in a thousand off",
        jnp.tanh,
        f32(x),
        tangents=lambda x, dx: (1 - jnp.tanh(x) ** 2) * 1.001 * dx,
        domain=(WIDE,),
    )
    yield planted("sin, twice", jnp.sin, f32(x), tangents=lambda x, dx: 2 * jnp.cos(x) * dx, domain=(WIDE,))
    yield planted(
        "erf with three digits of its constant",
        lax.erf,
        f32(x),
        tangents=lambda x, dx: 1.128 * jnp.exp(-x * x) * dx,
        domain=(WIDE,),
    )
    yield planted("cos without its sign", jnp.cos, x, back=lambda x, c: c * jnp.sin(x), domain=(WIDE,))
    yield planted(
        "logistic with a plus",
        jax.nn.sigmoid,
        f32(x),
        tangents=lambda x, dx: jax.nn.sigmoid(x) * (1 + jax.nn.sigmoid(x)) * dx,
        domain=(WIDE,),
    )
    yield planted(
        "hypot without its second argument",
        jnp.hypot,
        x,
        y,
        tangents=lambda x, y, dx, dy: x / jnp.hypot(x, y) * dx,
        domain=((1.0, 2.0),) * 2,
        witness=(x + 1.5, y + 1.5),
    )
    yield planted(
        "gelu without the cubic term",
        wire_gelu,
        x,
        make=lambda: jax.jit(by_tangents(wire_gelu, gelu_tangent)),
        domain=(WIDE,),
    )
    yield planted(
        "swish with half of the product rule",
        jax.nn.silu,
        f32(x),
        tangents=lambda x, dx: jax.nn.sigmoid(x) * dx,
        domain=(WIDE,),
    )
    yield planted(
        "a square of a sum with the cross terms lost", lambda x: jnp.sum(x) ** 2, x, back=lambda x, c: 2 * x * c
    )
    yield planted(
        "an entropy without its one",
        lambda p, q: jnp.sum(p * jnp.log(p / q)),
        x + 2,
        y + 2,
        tangents=lambda p, q, dp, dq: jnp.sum(jnp.log(p / q) * dp - p / q * dq),
        domain=((0.1, 3.0),) * 2,
    )
    yield planted("cosine similarity with one norm held still", cosine, x, y, back=_cosine_back)
    yield planted(
        "x to the y with the logarithm of y",
        jnp.power,
        x + 2,
        y + 2,
        back=lambda x, y, c: (c * y * x ** (y - 1), c * x**y * jnp.log(y)),
        domain=((0.5, 3.0),) * 2,
    )
    yield planted(
        "lgamma by an asymptotic digamma",
        lax.lgamma,
        x + 4,
        tangents=lambda x, dx: (jnp.log(x) - 0.5 / x) * dx,
        domain=((2.0, 9.0),),
    )
    yield planted(
        "sin with its value for a residual",
        jnp.sin,
        x,
        back=lambda y, c: c * jnp.cos(y),
        keep=lambda x: (jnp.sin(x),),
        domain=(WIDE,),
    )
    yield planted(
        "normalized without dividing back",
        lambda x: x / jnp.sqrt(x @ x),
        x + 2,
        back=lambda y, c: c - y * (y @ c),
        keep=lambda x: (x / jnp.sqrt(x @ x),),
        domain=((0.5, 3.0),),
    )
    yield planted(
        "cross product without its sign",
        jnp.cross,
        f32(x[:3]),
        f32(y[:3]),
        tangents=lambda x, y, dx, dy: jnp.cross(dx, y) + jnp.cross(dy, x),
    )
    yield planted(
        "two outputs swapped",
        lambda x: (jnp.sin(x), jnp.exp(x)),
        x,
        back=lambda x, c: c[1] * jnp.cos(x) + c[0] * jnp.exp(x),
    )
    yield planted(
        "a gradient with the loss's scale left in",
        lambda x: jnp.sum(x * x),
        array(4, dtype="float16"),
        back=lambda x, c: c * 2 * x * 128,
    )


# -- normalizers, sums, axes ----------------------------------------------------------------------


def layer_norm(x):
    centered = x - jnp.mean(x)
    return centered / jnp.sqrt(jnp.mean(centered**2) + 1e-5)


def without_mean(x, dx):
    centered, scale = x - jnp.mean(x), jnp.sqrt(jnp.var(x) + 1e-5)
    return dx / scale - centered * jnp.mean(centered * dx) / scale**3


def without_variance(x, dx):
    return (dx - jnp.mean(dx)) / jnp.sqrt(jnp.var(x) + 1e-5)


def _twisted(x, dx):
    p = jax.nn.softmax(x)
    return p * (dx - jnp.sum(p * dx, 0, keepdims=True))


def _logsumexp_tangent(x, dx):
    return jnp.sum(jax.nn.softmax(x) * dx) + dx[jnp.argmax(x)]


def attention(q, k, v):
    return jax.nn.softmax(q @ T(k) / 2.0) @ v


def _attention_back(q, k, v, c):
    p = jax.nn.softmax(q @ T(k) / 2.0)
    dp = c @ T(v)
    ds = p * (dp - jnp.sum(dp * p, 1, keepdims=True))
    return ds @ k / 2.0, T(ds) @ q, T(p) @ c


def _standardized_tangent(x, dx):
    scale, y = jnp.std(x), (x - jnp.mean(x)) / jnp.std(x)
    return (dx - jnp.mean(dx) - y * jnp.sum(y * dx) / (len(x) - 1)) / scale


def normalizers():
    x, m = array(5), array(4, 4)
    q, k, v = (array(4, 4, seed=s, dtype="float32") for s in range(3))
    affine = lambda x, w, b: x @ w + b[None]  # noqa: E731
    yield planted(
        "softmax without the mean", jax.nn.softmax, x, tangents=lambda x, dx: jax.nn.softmax(x) * dx, domain=(WIDE,)
    )
    yield planted("softmax along the other axis", jax.nn.softmax, f32(m), tangents=_twisted, domain=(WIDE,))
    yield planted(
        "logsumexp with the maximum's share twice", jax.nn.logsumexp, x, tangents=_logsumexp_tangent, domain=(WIDE,)
    )
    yield planted("layer norm with its mean held still", layer_norm, x, tangents=without_mean, domain=(WIDE,))
    yield planted(
        "layer norm with its variance held still", layer_norm, f32(x), tangents=without_variance, domain=(WIDE,)
    )
    yield planted(
        "standardized by n - 1",
        lambda x: (x - jnp.mean(x)) / jnp.std(x),
        x,
        tangents=_standardized_tangent,
        domain=(WIDE,),
    )
    yield planted("attention with unscaled keys", attention, q, k, v, back=_attention_back)
    yield planted(
        "a bias by the mean over the batch",
        affine,
        array(6, 3),
        array(3, 3),
        x[:3],
        back=lambda x, w, b, c: (c @ T(w), T(x) @ c, jnp.mean(c, 0)),
    )
    yield planted(
        "a scale by its first row",
        lambda x, s: x * s,
        f32(m),
        f32(0.7),
        back=lambda x, s, c: (c * s, jnp.sum((c * x)[0])),
    )
    yield planted(
        "a mean by the length of the other axis",
        lambda x: jnp.mean(x, 0),
        array(3, 5),
        back=lambda x, c: jnp.broadcast_to(c / x.shape[1], x.shape),
    )
    yield planted(
        "average pooling without its average",
        lambda x: jnp.mean(x.reshape(4, 2), 1),
        array(8, dtype="float32"),
        back=lambda x, c: jnp.repeat(c, 2),
    )


# -- loops, branches, solvers -----------------------------------------------------------------------


def recurrent(a, xs):
    return lax.scan(lambda h, x: (jnp.tanh(a * h + x), None), jnp.zeros_like(xs[0]), xs)[0]


def _truncated_back(a, xs, c):
    before = recurrent(a, xs[:-1])
    slope = c * (1 - jnp.tanh(a * before + xs[-1]) ** 2)
    return jnp.sum(slope * before), jnp.zeros_like(xs).at[-1].set(slope)


def _step(h, x):
    return 0.8 * jnp.sin(h) + x


def _in_a_loop(step):
    return lambda xs: lax.scan(lambda h, x: (step(h, x), h), jnp.ones_like(xs[0]), xs)


def _branches(x):
    return lax.cond(jnp.sum(x) > 0, jnp.sin, jnp.exp, x)


def _power(x, n):
    return lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] * x), (0, jnp.ones_like(x)))[1]


def cubic(x):
    return lax.fori_loop(0, 60, lambda i, y: y - (y**3 + x * y - 1) / (3 * y * y + x), jnp.ones_like(x))


def _root_by_jax(x):
    def newton(f, y):
        return lax.fori_loop(0, 60, lambda i, v: v - f(v) / (3 * v * v + x), y)

    return lax.custom_root(
        lambda y: y**3 + x * y - 1, jnp.ones_like(x), newton, lambda g, y: y / g(2.0 * jnp.ones_like(y))
    )


def settled(w, x):
    return lax.fori_loop(0, 100, lambda i, z: jnp.tanh(w @ z + x), jnp.zeros_like(x))


def _settled_back(slope_once):
    def back(w, x, c):
        z = settled(w, x)
        slope = 1 - z * z
        inner = jnp.eye(len(z)) - slope[:, None] * w
        u = slope * (c if slope_once else jnp.linalg.solve(inner, c))
        return jnp.outer(u, z), u

    return back


def loops():
    xs, x, w = array(5, 3), array(3), 0.3 * array(3, 3)
    solver = {"domain": ((-0.3, 0.3), UNIT), "noise": 1e-14}
    thrice = lambda x: lax.fori_loop(0, 3, lambda i, y: jnp.sin(2 * y), x)  # noqa: E731
    ruled = lambda: by_tangents(jnp.sin, lambda x, dx: dx)  # noqa: E731
    yield planted("a recurrence cut after one step", recurrent, f64(0.7), xs, back=_truncated_back)
    yield planted(
        "a step that forgets its state",
        _in_a_loop(_step),
        f32(xs),
        make=lambda: _in_a_loop(by_tangents(_step, lambda h, x, dh, dx: dx)),
    )
    yield planted(
        "a wrong rule in a loop under jit",
        thrice,
        x,
        make=lambda: jax.jit(lambda x: lax.fori_loop(0, 3, lambda i, y: ruled()(2 * y), x)),
    )
    yield planted(
        "a wrong rule in a branch",
        _branches,
        x + 1,
        make=lambda: lambda x: lax.cond(jnp.sum(x) > 0, ruled(), jnp.exp, x),
    )
    yield planted(
        "the derivative of the other branch",
        _branches,
        f32(x),
        tangents=lambda x, dx: jnp.where(jnp.sum(x) > 0, jnp.exp(x), jnp.cos(x)) * dx,
    )
    yield planted(
        "a power with one turn too few",
        lambda x, n: x ** n.astype(x.dtype),
        x + 2,
        i32(4),
        make=lambda: by_tangents(_power, lambda x, n, dx, _: n.astype(x.dtype) * _power(x, n - 2) * dx),
        domain=((0.5, 1.5), None),
    )
    yield planted(
        "outputs of a scan in the wrong order",
        jnp.cumsum,
        f32(x),
        back=lambda x, c: lax.scan(lambda s, g: (s + g, s + g), jnp.zeros_like(c[0]), c, reverse=True)[1][::-1],
    )
    yield planted(
        "a root that forgets a term",
        cubic,
        x + 2,
        make=lambda: by_tangents(cubic, lambda x, dx: -cubic(x) * dx / (3 * cubic(x) ** 2)),
        domain=((0.5, 3.0),),
        noise=1e-14,
    )
    yield planted(
        "a root by twice its slope", cubic, f64(1.3), make=lambda: _root_by_jax, domain=((0.5, 3.0),), noise=1e-14
    )
    yield planted("a fixed point by one step", settled, w, x, back=_settled_back(True), **solver)
    yield planted("a fixed point not transposed", settled, w, x, back=_settled_back(False), **solver)
    yield planted("a wrong rule under a checkpoint", jnp.sin, x, make=lambda: jax.checkpoint(ruled()))


WRONG = (
    *of_kind("formula", elementary()),
    *of_kind("normalizer", normalizers()),
    *of_kind("loop", loops()),
)
