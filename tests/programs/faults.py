"""Functions with a wrong rule: formulas, what a rule leaves out, linearity and types; each beside its mended twin."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .records import backward_rules, both, by_cotangents, f64, forward_rules

A = f64([[1.0, 0.0, 2.0], [0.5, -1.0, 0.0]])


# -- formulas --------------------------------------------------------------------------------------


def squared_difference():
    f = lambda x, y: (x - y) ** 2  # noqa: E731
    x, y = np.float32([0.5, -1.0, 2.0]), np.float32([1.5, 0.25, -0.5])
    right = lambda x, y, c: (2 * c * (x - y), 2 * c * (y - x))  # noqa: E731
    return backward_rules(f, lambda x, y, c: (x, y), right, x, y)


def cube():
    f = lambda x: 0.1 * x * x * x  # noqa: E731
    return forward_rules(f, lambda x, v: 0.1 * x * x * v, lambda x, v: 0.3 * x * x * v, f64(1.7))


def length():
    f = lambda x: jnp.sqrt(x @ x)  # noqa: E731
    return forward_rules(f, lambda x, v: x @ v / f(x) ** 1.5, lambda x, v: x @ v / f(x), f64([1.0, 2.0, 1.5]))


def truncated_exponential():
    """The logarithm of the density of an exponential variable between 1 and 20."""

    def f(rate, x):
        return jnp.log(rate) - rate * x - jnp.log(jnp.exp(-rate) - jnp.exp(-20 * rate))

    def wrong(rate, x, dr, dx):
        return (1 / rate - x) * dr - rate * dx

    def right(rate, x, dr, dx):
        low, high = jnp.exp(-rate), jnp.exp(-20 * rate)
        return wrong(rate, x, dr, dx) + (low - 20 * high) / (low - high) * dr

    return forward_rules(f, wrong, right, f64(0.5), f64(3.0))


def alignments(logp):
    """Minus the logarithm of the sum over all alignments of the labels 1, 2 with the frames, blanks between."""
    ext = np.asarray([0, 1, 0, 2, 0])
    start = jnp.where(np.arange(5) < 2, logp[0, ext], -1e3)

    def step(alpha, frame):
        one = jnp.concatenate([jnp.full(1, -1e3), alpha[:-1]])
        two = jnp.where(np.asarray([0, 0, 0, 1, 0]) > 0, jnp.concatenate([jnp.full(2, -1e3), alpha[:-2]]), -1e3)
        return jnp.logaddexp(jnp.logaddexp(alpha, one), two) + frame[ext], None

    return -jnp.logaddexp(*lax.scan(step, start, logp[1:])[0][-2:])


def alignment_loss():
    logp = f64(np.random.default_rng(0).normal(size=(4, 3)) - 1.0)  # not normalized
    posterior = jax.grad(alignments)
    right = lambda p, c: (c * posterior(p),)  # noqa: E731
    return backward_rules(alignments, lambda p, c: (c * (jnp.exp(p) + posterior(p)),), right, logp)


def first_passage():
    """A density as a series for small times and another for large ones."""
    k, m = jnp.arange(1.0, 9.0), jnp.arange(-4.0, 5.0)

    def large(t, w):
        return jnp.pi * jnp.sum(k * jnp.exp(-((k * jnp.pi) ** 2) * t / 2) * jnp.sin(k * jnp.pi * w))

    def small(t, w):
        return jnp.sum((w + 2 * m) * jnp.exp(-((w + 2 * m) ** 2) / (2 * t))) / jnp.sqrt(2 * jnp.pi * t**3)

    def f(t, w):
        return jnp.where(t > 0.3, large(t, w), small(t, w))

    def rule(sign):
        def tangent(t, w, dt, dw):
            late = jax.jvp(large, (t, w), (dt, sign * dw))[1]
            return jnp.where(t > 0.3, late, jax.jvp(small, (t, w), (dt, dw))[1])

        return tangent

    return forward_rules(f, rule(-1.0), rule(1.0), f64(0.5), f64(0.4))


# -- what a rule leaves out ------------------------------------------------------------------------


def runge_kutta(y, a, end):
    """The solution at time `end` of y' = a sin y + cos t."""
    h = end / 16
    field = lambda t, y: a * jnp.sin(y) + jnp.cos(t)  # noqa: E731

    def step(y, i):
        t = i * h
        p = field(t, y)
        q = field(t + h / 2, y + h / 2 * p)
        r = field(t + h / 2, y + h / 2 * q)
        return y + h / 6 * (p + 2 * q + 2 * r + field(t + h, y + h * r)), None

    return lax.scan(step, y, jnp.arange(16.0))[0]


def end_time():
    back = lambda y, a, t, c: jax.vjp(runge_kutta, y, a, t)[1](c)  # noqa: E731
    wrong = lambda y, a, t, c: (*back(y, a, t, c)[:2], jnp.zeros_like(t))  # noqa: E731
    return backward_rules(runge_kutta, wrong, back, f64(0.3), f64(0.8), f64(1.0))


def euler_states(y):
    h = 1 / 8
    return lax.scan(lambda y, i: (y + h * (i * h) * jnp.sin(3 * y), y), y, jnp.arange(8.0))


def adjoint_time():
    """Steps of y' = t sin 3y; the way back takes the times in the other order."""

    def rule(turned):
        def back(y, c):
            times = jnp.arange(8.0) / 8
            times = times if turned else times[::-1]
            states = euler_states(y)[1][::-1]
            step = lambda c, ty: (c * (1 + 3 / 8 * ty[0] * jnp.cos(3 * ty[1])), None)  # noqa: E731
            return (lax.scan(step, c, (times, states))[0],)

        return back

    return backward_rules(lambda y: euler_states(y)[0], rule(True), rule(False), f64(0.4))


def inverse():
    """The x in [0, 1] at which a x² + b x is (a + b) y."""
    f = lambda x, a, b: (a * x * x + b * x) / (a + b)  # noqa: E731

    def solve(y, a, b):
        def halve(_, ends):
            middle = (ends[0] + ends[1]) / 2
            low = f(middle, a, b) < y
            return jnp.where(low, middle, ends[0]), jnp.where(low, ends[1], middle)

        return sum(lax.fori_loop(0, 60, halve, (0 * y, 0 * y + 1))) / 2

    def wrong(y, a, b, dy, da, db):
        return dy / jax.grad(f)(solve(y, a, b), a, b)

    def right(y, a, b, dy, da, db):
        fx, fa, fb = jax.grad(f, (0, 1, 2))(solve(y, a, b), a, b)
        return (dy - fa * da - fb * db) / fx

    return forward_rules(solve, wrong, right, f64(0.4), f64(1.0), f64(0.7))


# -- linearity and types ---------------------------------------------------------------------------


def confused_perturbations():
    right = lambda x, v: 2 * v  # noqa: E731
    return forward_rules(lambda x: 2 * x, lambda x, v: 2 * v + 2 * x, right, f64([1.0, 2.0, 3.0]))


def zero_without_a_way_back():
    right = lambda x, c: (A.T @ c,)  # noqa: E731
    wrong = lambda x, c: (jnp.where(jnp.all(x == 0), 0.0, A.T @ c),)  # noqa: E731
    return backward_rules(lambda x: jnp.asarray(A) @ x, wrong, right, f64([0.3, -0.2, 0.5]))


def wider_cotangent():
    """A loop of a function in bfloat16 whose way back is in single precision."""

    def make(cast):
        one = by_cotangents(lambda x: x * x, lambda x, c: (cast(2 * x.astype("float32") * c.astype("float32")),))
        return lambda x: lax.scan(lambda x, _: (one(x), None), x, None, length=2)[0]

    return both(make, lambda g: g, lambda g: g.astype("bfloat16"), np.asarray(0.75, "bfloat16"))


def batched_apart():
    """A sum of exponentials, the rule of which is another one for batches."""

    def make(times):
        back = jax.custom_batching.custom_vmap(lambda x, c: c * jnp.exp(x))
        back.def_vmap(lambda size, moved, x, c: (times * jnp.reshape(c, (-1, 1)) * jnp.exp(x), True))
        return by_cotangents(lambda x: jnp.sum(jnp.exp(x)), lambda x, c: (back(x, c),))

    return both(make, 0.0, 1.0, f64([0.1, -0.4, 0.7]))


def batched_by_a_rule():
    """The same sum, itself with a rule for batches, which has no slope."""

    def make(kept):
        f = jax.custom_batching.custom_vmap(lambda x: jnp.sum(jnp.exp(x)))
        f.def_vmap(lambda size, moved, xs: (jnp.sum(jnp.exp(kept(xs)), -1), True))
        return lambda x: f(x)

    return both(make, lax.stop_gradient, lambda x: x, f64([0.1, -0.4, 0.7]))
