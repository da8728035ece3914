"""The optimizers, each the line of `jax.numpy` that it is for one array.

With q the incoming change, -gradient at the rate cap -1, and r the rate,

    name       state                put
    gradient                        p + q
    sgd                             p + r q
    momentum   trace                s' = g s + q;  p + r s'
    nesterov   trace                the same, and the model is evaluated at p + r g s
    adagrad    sum_of_squares       h' = h + q²;  p + r q / sqrt(h' + eps)
    rmsprop    nu                   v' = d v + (1 - d) q²;  p + r q / sqrt(v' + eps)
    adam       count, mu, nu        m' = b1 m + (1 - b1) q;  v' = b2 v + (1 - b2) q²;
                                    p + r m̂ / (sqrt(v̂ + eps_root) + eps),  m̂ = m' / (1 - b1^t),  v̂ = v' / (1 - b2^t)
    adamw      count, mu, nu        as adam, and - r w p
    lion       mu                   p + r (sign(b1 m + (1 - b1) q) - w p);  m' = b2 m + (1 - b2) q

State holds moments without correction, and the correction is inside of the update only. Where optax places `eps`
otherwise than the papers, here it stands as in optax. All but `gradient` are scaled: q carries the sign of the rate cap
and no rate, since adaptive rules would divide a second rate out again.

>>> momentum(0.1)
momentum(0.1, decay=0.9)
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from .optimizer import Optimizer
from .per_array import by_array, number, times
from .schedules import Rate

__all__ = ["adagrad", "adam", "adamw", "gradient", "lion", "momentum", "nesterov", "rmsprop", "sgd"]


def gradient() -> Optimizer:
    """The optimizer without state that adds the change: the step size is that of the rate cap."""
    return by_array("gradient", _gradient)


def _gradient(p: jax.Array, q: jax.Array) -> tuple[jax.Array]:
    return (p + q,)


def sgd(rate: Rate) -> Optimizer:
    """Gradient descent with a rate of its own."""
    return by_array("sgd", _sgd, rate=rate)


def _sgd(p: jax.Array, q: jax.Array, *, rate: Any) -> tuple[jax.Array]:
    return (p + times(rate, q),)


def momentum(rate: Rate, decay: float = 0.9) -> Optimizer:
    """Heavy ball (B. Polyak, 1964); with `decay` 0 it is `sgd`."""
    return by_array("momentum", _momentum, rate=rate, state=[("trace", 0.0)], numbers={"decay": decay})


def _momentum(p: jax.Array, q: jax.Array, trace: jax.Array, *, rate: Any, decay: float) -> tuple[jax.Array, ...]:
    trace = q + decay * trace
    return trace, p + times(rate, trace)


def nesterov(rate: Rate, decay: float = 0.9) -> Optimizer:
    """Momentum with the gradient taken ahead, at `get(s, p) = p + r g s` (Y. Nesterov, 1983).

    The points at which the model is evaluated are the iterates of `optax.sgd(..., nesterov=True)`, schedules included.
    """
    state, numbers = [("trace", 0.0)], {"decay": decay}
    return by_array("nesterov", _nesterov, rate=rate, state=state, numbers=numbers, lookahead=_lookahead)


def _lookahead(p: jax.Array, trace: jax.Array, *, last: Any, decay: float) -> jax.Array:
    return p + times(last, decay * trace)


def _nesterov(
    p: jax.Array, q: jax.Array, trace: jax.Array, *, rate: Any, last: Any, decay: float
) -> tuple[jax.Array, ...]:
    # for a constant rate this is p + rate * trace', the same as momentum
    return q + decay * trace, _lookahead(p, trace, last=last, decay=decay) + times(rate, q)


def adagrad(rate: Rate, initial_accumulator_value: float = 0.1, eps: float = 1e-7) -> Optimizer:
    """Steps scaled by the root of the sum of all squares so far (J. Duchi, E. Hazan, Y. Singer, 2011)."""
    start = number("adagrad", "initial_accumulator_value", initial_accumulator_value)
    return by_array("adagrad", _adagrad, rate=rate, state=[("sum_of_squares", start)], numbers={"eps": eps})


def _adagrad(p: jax.Array, q: jax.Array, total: jax.Array, *, rate: Any, eps: float) -> tuple[jax.Array, ...]:
    total = q * q + total
    scale = jnp.where(total > 0, jax.lax.rsqrt(total + eps), jnp.zeros_like(total))
    return total, p + times(rate, scale * q)


def rmsprop(rate: Rate, decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0) -> Optimizer:
    """Steps scaled by the root of a decaying mean of squares (T. Tieleman, G. Hinton, 2012)."""
    state = [("nu", number("rmsprop", "initial_scale", initial_scale))]
    return by_array("rmsprop", _rmsprop, rate=rate, state=state, numbers={"decay": decay, "eps": eps})


def _rmsprop(
    p: jax.Array, q: jax.Array, nu: jax.Array, *, rate: Any, decay: float, eps: float
) -> tuple[jax.Array, ...]:
    nu = _mean(nu, q * q, decay)
    return nu, p + times(rate, jax.lax.rsqrt(nu + eps) * q)


def adam(rate: Rate, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0) -> Optimizer:
    """Steps along the mean of changes, scaled by the root of the mean of squares (D. Kingma, J. Ba, 2015)."""
    numbers = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root}
    return by_array("adam", _adam, rate=rate, state=[("mu", 0.0), ("nu", 0.0)], numbers=numbers, counts=True)


def _adam(
    p: jax.Array, q: jax.Array, mu: jax.Array, nu: jax.Array, *, rate: Any, count: jax.Array, **numbers: float
) -> tuple[jax.Array, ...]:
    mu, nu, move = _adam_move(q, mu, nu, count, **numbers)
    return mu, nu, p + times(rate, move)


def adamw(
    rate: Rate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    eps_root: float = 0.0,
    weight_decay: float = 1e-4,
) -> Optimizer:
    """Adam whose parameters decay apart from the moments (I. Loshchilov, F. Hutter, 2019)."""
    numbers = {"b1": b1, "b2": b2, "eps": eps, "eps_root": eps_root, "weight_decay": weight_decay}
    return by_array("adamw", _adamw, rate=rate, state=[("mu", 0.0), ("nu", 0.0)], numbers=numbers, counts=True)


def _adamw(
    p: jax.Array,
    q: jax.Array,
    mu: jax.Array,
    nu: jax.Array,
    *,
    rate: Any,
    count: jax.Array,
    weight_decay: float,
    **numbers: float,
) -> tuple[jax.Array, ...]:
    mu, nu, move = _adam_move(q, mu, nu, count, **numbers)
    return mu, nu, p + times(rate, move - weight_decay * p)


def _adam_move(
    q: jax.Array, mu: jax.Array, nu: jax.Array, count: jax.Array, *, b1: float, b2: float, eps: float, eps_root: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    mu, nu = _mean(mu, q, b1), _mean(nu, q * q, b2)
    return mu, nu, _unbiased(mu, b1, count) / (jnp.sqrt(_unbiased(nu, b2, count) + eps_root) + eps)


def lion(rate: Rate, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 1e-3) -> Optimizer:
    """Steps along the sign of an interpolated momentum (X. Chen et al., 2023)."""
    numbers = {"b1": b1, "b2": b2, "weight_decay": weight_decay}
    return by_array("lion", _lion, rate=rate, state=[("mu", 0.0)], numbers=numbers)


def _lion(
    p: jax.Array, q: jax.Array, mu: jax.Array, *, rate: Any, b1: float, b2: float, weight_decay: float
) -> tuple[jax.Array, ...]:
    return _mean(mu, q, b2), p + times(rate, jnp.sign(_mean(mu, q, b1)) - weight_decay * p)


def _mean(old: jax.Array, new: jax.Array, decay: float) -> jax.Array:
    return (1.0 - decay) * new + decay * old


def _unbiased(moment: jax.Array, decay: float, count: jax.Array) -> jax.Array:
    # in 16 bits decay ** count would round to 1, and the division be one by zero
    power = decay ** count.astype(moment.dtype if moment.dtype.itemsize > 4 else jnp.float32)
    return moment / (1.0 - power).astype(moment.dtype)
