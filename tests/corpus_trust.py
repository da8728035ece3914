"""Faults and right programs of the kinds that real programs and reports brought up.

Wrong are claims that hold nearby but not where they are asked for: on a set without volume, at a branch on equality, in
the rows of a batch, in the second order at a declared point. Right are programs whose parts are not: solvers that read
one triangle, constants that are infinite, jumps and kinks that cancel, slopes that are nothing but rounding.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from corpus import array, by_tangents, f32, f64, of_kind, planted, right
from jax import lax

SYMMETRIC = f64([[1.0, 0.3], [0.3, 2.0]])
MASK = np.array([True, True, False, True])


def batched_by_its_first_row():
    slope = jax.custom_batching.custom_vmap(jnp.cos)
    slope.def_vmap(lambda n, batched, x: (jnp.repeat(jnp.cos(x[:1]), n, 0), True))
    return by_tangents(jnp.sin, lambda x, v: slope(x) * v)


def _sinc(x, v):
    y = jnp.where(x == 0, 1.0, x)
    return jnp.where(x == 0, 0.0, (jnp.cos(jnp.pi * y) - jnp.sinc(y)) / y) * v


def places():
    twice = lambda a, v: jnp.where(jnp.all(a == a.T), 1.5, 1.0) * (a @ v + v @ a)  # noqa: E731
    off = lambda b: jnp.log(1.0 + jnp.where(b != 0, b * jnp.exp(0.5), 0.0))  # noqa: E731
    yield planted("a rule that is wrong on symmetric matrices", lambda a: a @ a, SYMMETRIC, tangents=twice, domain=None)
    yield planted(
        "a weight that is switched off at zero",
        lambda b: jnp.log(1.0 + b * jnp.exp(0.5)),
        f32(0.0),
        make=lambda: off,
        domain=((-0.3, 1.0),),
    )
    yield planted(
        "a length that is squared",
        lambda x: jnp.sum(x * x),
        np.zeros(3, np.float32),
        make=lambda: lambda x: jnp.linalg.norm(x) ** 2,
    )
    yield planted(
        "the second derivative of a removed point",
        jnp.sinc,
        f64(0.4),
        tangents=_sinc,
        domain=((-3.0, 3.0),),
        special=((f64(0.0),),),
        witness=(f64(0.0),),
        order=2,
    )


def batches():
    yield planted("a batch by its first row", jnp.sin, f32(0.7), make=batched_by_its_first_row)


def _root(a, b):
    def solve(g, x):
        return lax.fori_loop(0, 40, lambda i, x: x - g(x) / (3 * x**2 + b), x)

    def tangent(g, y):
        return jnp.linalg.solve(jax.jacobian(g)(jnp.ones(2)), y)

    return lax.custom_root(lambda x: x**3 + b * x - a * jnp.sum(a), jnp.full(2, 1.5), solve, tangent)


def parts():
    ones, eye = np.ones(3, np.float32), np.eye(3, dtype=np.float32)
    definite = lambda a, b: jax.scipy.linalg.solve(a @ a.T + eye, b, assume_a="pos")  # noqa: E731
    yield right("a solver that reads one triangle", definite, array(3, 3, dtype="float32"), ones, domain=None)
    yield right("a softmax of what is masked", lambda x: jax.nn.softmax(jnp.where(MASK, x, -jnp.inf)), array(4))
    yield right("a softmax where it is allowed", lambda x: jax.nn.softmax(x, where=MASK), f32(array(4)))
    yield right("a maximum that begins at minus infinity", lambda x: jnp.max(x, initial=-jnp.inf), f32(array(4)))
    yield right("a stopped maximum", jax.nn.logsumexp, f32(array(3)))
    yield right("a slope of rounding", lambda r: 3.0 * (1 - r / r), f32(1.5), domain=((1.0, 2.0),))
    yield right("an absolute value that is smoothed", lambda x: x * abs(x), f32(0.5))
    yield right("a modulus that is squared", lambda z: abs(z) ** 2, np.complex64(0.5 + 0.2j), domain=None)
    yield right("a jump", lambda x: jnp.where(x > 0, x + 1, x), f32(0.5), special=((f32(0.0),),))
    yield right("steps", lambda x: x + jnp.floor(3 * x), f32(0.5))
    yield right("a root of what is closed over", _root, f32([2.0, 3.0]), f32(1.2), domain=((1.0, 4.0), (1.0, 2.0)))
    yield right("powers at the origin", lambda x: x ** f32([1.0, 2.0, 2.5]), f32([0.5, 1.0, 1.5]), domain=((0.0, 3.0),))


TRUST = (
    *of_kind("places", places()),
    *of_kind("batch", batches()),
    *of_kind("parts", parts()),
)
