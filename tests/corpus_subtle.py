"""Rules that are not linear, wrong in their last digits, of higher order, for one entry of many or for a batch."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from corpus import array, by_cotangents, by_tangents, f32, i32, of_kind, planted, positional
from jax import lax

WIDE = (-3.0, 3.0)
X, Y = array(4), array(4, seed=1)
S = f32(X)


# -- cotangents that are not passed on linearly -----------------------------------------------------------


def cotangents():
    square = lambda x: x * x  # noqa: E731
    unit = lambda c: c / jnp.sqrt(jnp.sum(c * c) + 1e-12)  # noqa: E731
    yield planted("a clipped cotangent", square, S, back=lambda x, c: jnp.clip(2 * x * c, -1.0, 1.0))
    yield planted(
        "a clipped norm of the cotangent",
        square,
        X,
        back=lambda x, c: 2 * x * c * jnp.minimum(1.0, 5.0 * lax.rsqrt(jnp.sum(c * c))),
    )
    yield planted("weight decay in the rule", lambda x, w: x * w, X, Y, back=lambda x, w, c: (c * w, c * x + 1e-2 * w))
    yield planted("a quantized cotangent", jnp.sin, S, back=lambda x, c: jnp.cos(x) * jnp.round(8 * c) / 8)
    yield planted("an ignored cotangent", lambda x: jnp.sum(x * x), X, back=lambda x, c: 2 * x)
    yield planted("a normalized cotangent", jnp.exp, S, back=lambda x, c: unit(c) * jnp.exp(x))
    yield planted(
        "small cotangents cut off",
        jnp.tanh,
        X,
        back=lambda x, c: jnp.where(abs(c) < 1e-2, 0.0, c) * (1 - jnp.tanh(x) ** 2),
        witness=(X,),
    )
    yield planted("noise on the cotangent", jnp.cos, S, back=lambda x, c: -jnp.sin(x) * c + 1e-2 * jnp.sin(100 * x))
    yield planted("a reversed gradient, undeclared", lambda x: 1.0 * x, X, back=lambda x, c: -0.3 * c)
    yield planted("rounding straight through, undeclared", jnp.round, 3 * X, back=lambda x, c: c, domain=(WIDE,))
    yield planted(
        "a sign straight through, undeclared", jnp.sign, S, back=lambda x, c: c * (abs(x) < 1).astype(x.dtype)
    )
    yield planted(
        "a stopped gradient, undeclared",
        lambda x: x * jnp.sin(x),
        X,
        make=lambda: lambda x: by_tangents(lambda x: x * jnp.sin(x), lambda x, dx: jnp.sin(x) * dx)(x),
    )


# -- precision ----------------------------------------------------------------------------------------------


def low(dtype, slope):
    """A rule computed in another precision."""
    return lambda x, c: c * slope(x.astype(dtype)).astype(x.dtype)


def _norm(x):
    return jnp.sqrt(jnp.sum(x * x))


def _scaled_norm(x):
    scale = jnp.max(abs(x))
    return scale * jnp.sqrt(jnp.sum((x / scale) ** 2))


def _low_product_back(x, w, c):
    half = lambda a: a.astype("bfloat16").astype(a.dtype)  # noqa: E731
    return half(c) @ half(w).T, half(x).T @ half(c)


def precision():
    ratio = lambda x: jnp.exp(x) / (1 + jnp.exp(x))  # noqa: E731
    shares = lambda x: jnp.exp(x) / jnp.sum(jnp.exp(x))  # noqa: E731
    yield planted("a rule in bfloat16", jnp.tanh, S, back=low("bfloat16", lambda x: 1 - jnp.tanh(x) ** 2))
    yield planted("a rule in float16", jnp.sin, S, back=low("float16", jnp.cos), domain=(WIDE,), witness=(3 * S,))
    yield planted("a rule in single precision", jnp.exp, X, back=low("float32", jnp.exp))
    yield planted(
        "a product's cotangents in bfloat16",
        lambda x, w: x @ w,
        array(3, 3, dtype="float32"),
        array(3, 3, seed=1, dtype="float32"),
        back=_low_product_back,
    )
    yield planted("a rule by differences", jnp.sin, X, back=lambda x, c: c * (jnp.sin(x + 1e-7) - jnp.sin(x)) / 1e-7)
    yield planted("a rule with a cancelling offset", jnp.sin, X, back=lambda x, c: c * jnp.cos((x + 1e8) - 1e8))
    yield planted(
        "logistic by quotients",
        jax.nn.sigmoid,
        S,
        back=lambda x, c: c * jnp.exp(x) / (1 + jnp.exp(x)) ** 2,
        domain=((-100.0, 100.0),),
        witness=(95 + S,),
    )
    yield planted(
        "softplus by quotients",
        jax.nn.softplus,
        X,
        tangents=lambda x, dx: ratio(x) * dx,
        domain=((-800.0, 800.0),),
        witness=(750 + X,),
    )
    yield planted(
        "logsumexp by quotients",
        jax.nn.logsumexp,
        S,
        back=lambda x, c: c * shares(x),
        domain=((-200.0, 200.0),),
        witness=(100 + S,),
    )
    yield planted(
        "a norm that underflows",
        _scaled_norm,
        1e-25 * (S + 2),
        back=lambda x, c: c * x / _norm(x),
        domain=((1e-30, 1e-20, "log"),),
    )
    yield planted(
        "sin, in bfloat16, one in ten off",
        jnp.sin,
        X.astype(jnp.bfloat16),
        tangents=lambda x, dx: 1.1 * jnp.cos(x) * dx,
    )
    yield planted(
        "a sum in float16, one entry lost",
        lambda x: jnp.sum(x * x),
        X.astype("float16"),
        back=lambda x, c: (2 * x * c).at[2].set(0.0),
    )


# -- higher orders, transformations, many entries -----------------------------------------------------------------


def _slowly(x):
    return by_tangents(jnp.cos, lambda x, dx: -2 * jnp.sin(x) * dx)(x)


def batched(f, wrong):
    """f, which is another function of all examples together when it is batched."""
    ruled = jax.custom_batching.custom_vmap(positional(f))
    ruled.def_vmap(lambda size, batched, x: (wrong(x), True))
    return ruled


def _seventeenth(x, c):
    return (c * 2 * x).at[17].set(0.0)


def others():
    stop, cube = lax.stop_gradient, lambda x: x**3
    many, tall = array(40), array(200, 5, seed=3)
    mask = lambda seed: jax.random.bernoulli(jax.random.key(seed), 0.5, (12,))  # noqa: E731
    drop = lambda x: jnp.where(mask(0), x, 0.0)  # noqa: E731
    scores = lambda x: x * jnp.asarray([0.1, 0.2, 0.3, 0.4], x.dtype)  # noqa: E731
    yield planted(
        "a rule that stops its own derivative", jnp.sin, X, tangents=lambda x, dx: jnp.cos(stop(x)) * dx, order=2
    )
    yield planted(
        "a backward map that stops its own derivative", cube, S, back=lambda x, c: 3 * stop(x) ** 2 * c, order=2
    )
    yield planted("a second derivative twice", jnp.sin, X, tangents=lambda x, dx: _slowly(x) * dx, order=2)
    yield planted(
        "a second derivative without its cross term",
        lambda x: jnp.sum(x) ** 2,
        X,
        back=lambda x, c: c * 2 * (stop(jnp.sum(x)) + x - stop(x)),
        order=2,
    )
    yield planted("one input of forty lost", lambda x: jnp.sum(x * x), many, back=_seventeenth)
    yield planted(
        "one output of two hundred lost",
        lambda x: jnp.asarray(tall) @ x,
        array(5),
        back=lambda x, c: jnp.asarray(c).at[137].set(0.0) @ jnp.asarray(tall),
    )
    yield planted(
        "one weight in a thousand, slightly",
        lambda x: jnp.sum(jnp.sin(x)),
        array(1000),
        back=lambda x, c: c * jnp.cos(x).at[613].multiply(1.01),
    )
    yield planted("dropout by another mask", drop, array(12), back=lambda x, c: jnp.where(mask(1), c, 0.0))
    yield planted(
        "a leak by its default",
        lambda x, a: jnp.where(x > 0, x, a * x),
        S,
        f32(0.3),
        tangents=lambda x, a, dx, da: jnp.where(x > 0, dx, 0.01 * dx + x * da),
    )
    yield planted(
        "a slope that a hidden setting doubles", scores, X, back=lambda x, c: c * 2 * jnp.asarray([0.1, 0.2, 0.3, 0.4])
    )
    yield planted(
        "a plateau's edge by its height",
        lambda x, n: jnp.where(n > 2, x * x, x),
        X,
        i32(1),
        back=lambda x, n, c: (c, None),
        special=((X, i32(3)),),
        witness=(X, i32(3)),
    )
    yield planted(
        "a gradient by its own forward pass",
        lambda x: jnp.exp(jnp.sin(x)),
        X,
        make=lambda: by_cotangents(
            lambda x: jnp.exp(jnp.sin(x)), lambda s, c: c * jnp.exp(s) * s, lambda x: (jnp.sin(x),)
        ),
    )


def batches():
    """Rules that hold for one example and not for a batch of them."""
    twice, first = lambda x: 2 * jnp.cos(x), lambda x: jnp.broadcast_to(jnp.cos(x[:1]), x.shape)
    total = lambda x: batched(jnp.cumsum, lambda x: jnp.cumsum(x, 0))(x)  # noqa: E731
    slope = lambda f: lambda x, dx: batched(jnp.cos, f)(x) * dx  # noqa: E731
    yield planted("a sum along the batch", jnp.cumsum, X, make=lambda: by_tangents(total, lambda x, dx: jnp.cumsum(dx)))
    yield planted("a slope twice for a batch", jnp.sin, S, tangents=slope(twice))
    yield planted("the first example's slope for all", jnp.sin, X, tangents=slope(first))


SUBTLE = (
    *of_kind("not linear", cotangents()),
    *of_kind("precision", precision()),
    *of_kind("other", others()),
    *of_kind("batch", batches()),
)
