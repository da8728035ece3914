"""Schedules: rates that depend on the number of steps taken, as diagrams `Z() -> R()`.

The count is 0 at the first step. Names of arguments and values at every step are those of optax; `schedule` makes
a diagram of any function of the count, such as a schedule of optax.

>>> from paralens import to_jax
>>> rate = warmup_cosine(0.0, 1.0, warmup_steps=2, decay_steps=4)
>>> [round(float(to_jax(rate)(n)), 3) for n in range(5)]
[0.0, 0.5, 1.0, 0.5, 0.0]
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ...categories.errors import CompositionError
from ..box import Box
from ..nn.make import layer
from ..syntax import Diagram
from ..tracing.jaxpr import from_jax
from ..types import R, Z

__all__ = [
    "Rate",
    "constant",
    "cosine_decay",
    "exponential_decay",
    "linear",
    "piecewise",
    "schedule",
    "scheduled",
    "warmup_cosine",
]

Rate = float | Diagram | Callable[[Any], Any]
"""The size of a step: a number, a diagram Z() -> R(), or a function of the count."""


def constant(value: float) -> Diagram:
    """The same rate at every step."""
    return _schedule("constant", _constant, value=_finite("constant", value=value)[0])


def _constant(n: jax.Array, *, value: float) -> jax.Array:
    return jnp.float32(value)


def cosine_decay(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Diagram:
    """Half a wave of cosine from `init_value` to `alpha` times it (I. Loshchilov, F. Hutter, 2017)."""
    init_value, alpha, exponent = _finite("cosine_decay", init_value=init_value, alpha=alpha, exponent=exponent)
    steps = _steps("cosine_decay", "decay_steps", decay_steps)
    return _schedule("cosine_decay", _cosine, init_value=init_value, steps=steps, alpha=alpha, exponent=exponent)


def _cosine(n: jax.Array, *, init_value: float, steps: int, alpha: float, exponent: float) -> jax.Array:
    part = jnp.minimum(_real(n), float(steps)) / steps
    wave = 0.5 * (1.0 + jnp.cos(jnp.pi * part))
    return init_value * ((1.0 - alpha) * wave**exponent + alpha)


def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Diagram:
    """`init_value · decay_rate ** ((n - transition_begin) / transition_steps)`, no further than `end_value`."""
    init_value, decay_rate = _finite("exponential_decay", init_value=init_value, decay_rate=decay_rate)
    steps = _steps("exponential_decay", "transition_steps", transition_steps)
    begin = _steps("exponential_decay", "transition_begin", transition_begin, least=0)
    if decay_rate <= 0:
        raise CompositionError(f"exponential_decay: decay_rate is {decay_rate}, expected a positive number")
    end = None if end_value is None else _finite("exponential_decay", end_value=end_value)[0]
    options = {"init_value": init_value, "steps": steps, "decay_rate": decay_rate, "begin": begin}
    return _schedule("exponential_decay", _exponential, **options, staircase=bool(staircase), end_value=end)


def _exponential(
    n: jax.Array,
    *,
    init_value: float,
    steps: int,
    decay_rate: float,
    begin: int,
    staircase: bool,
    end_value: float | None,
) -> jax.Array:
    part = _real(n - begin) / steps
    part = jnp.maximum(jnp.floor(part) if staircase else part, 0.0)
    value = init_value * decay_rate**part
    if end_value is None:
        return value
    return jnp.maximum(value, end_value) if decay_rate < 1.0 else jnp.minimum(value, end_value)


def linear(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Diagram:
    """A straight line from `init_value` to `end_value` in `transition_steps` steps."""
    init_value, end_value = _finite("linear", init_value=init_value, end_value=end_value)
    steps = _steps("linear", "transition_steps", transition_steps)
    begin = _steps("linear", "transition_begin", transition_begin, least=0)
    return _schedule("linear", _linear, init_value=init_value, end_value=end_value, steps=steps, begin=begin)


def _linear(n: jax.Array, *, init_value: float, end_value: float, steps: int, begin: int) -> jax.Array:
    left = 1.0 - _real(jnp.clip(n - begin, 0, steps)) / steps
    return (init_value - end_value) * left + end_value


def warmup_cosine(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Diagram:
    """A straight line up to `peak_value` in `warmup_steps`, then half a wave of cosine until step `decay_steps`.

    With no `warmup_steps` it begins at the peak.
    """
    values = {"init_value": init_value, "peak_value": peak_value, "end_value": end_value, "exponent": exponent}
    init_value, peak_value, end_value, exponent = _finite("warmup_cosine", **values)
    rising = _steps("warmup_cosine", "warmup_steps", warmup_steps, least=0)
    falling = _steps("warmup_cosine", "decay_steps", decay_steps, least=rising + 1) - rising
    alpha = 0.0 if peak_value == 0.0 else end_value / peak_value
    up = partial(_linear, init_value=init_value, end_value=peak_value, steps=rising, begin=0)
    down = partial(_cosine, init_value=peak_value, steps=falling, alpha=alpha, exponent=exponent)
    whole = (lambda n: jnp.where(n < rising, up(n), down(n - rising))) if rising else down
    return from_jax(whole, Z()).boxed("warmup_cosine")


def piecewise(init_value: float, boundaries_and_scales: Mapping[int, float]) -> Diagram:
    """A staircase: from each boundary on, the rate is multiplied by its scale."""
    (init_value,) = _finite("piecewise", init_value=init_value)
    steps = []
    for boundary, scale in sorted(boundaries_and_scales.items()):
        steps.append((_steps("piecewise", "a boundary", boundary, least=0), *_finite("piecewise", scale=scale)))
    return _schedule("piecewise", _piecewise, init_value=init_value, steps=tuple(steps))


def _piecewise(n: jax.Array, *, init_value: float, steps: tuple[tuple[int, float], ...]) -> jax.Array:
    value = jnp.float32(init_value)
    for boundary, scale in steps:
        value = jnp.where(n < boundary, value, scale * value)
    return value


# -- making --------------------------------------------------------------------------------------


def schedule(f: Callable[[Any], Any], name: str | None = None) -> Box:
    """The diagram of a function of the count, such as a schedule of optax; its result is a float32 scalar.

    Raises `CompositionError` for a function that is no schedule.
    """
    # schedules written for JAX's ordinary settings mix counts and floats
    with jax.numpy_dtype_promotion("standard"):
        try:
            found = from_jax(lambda n: jnp.asarray(f(n), jnp.float32), Z())
        except Exception as error:
            raise CompositionError(f"{f!r} is no schedule, a function of the count of steps: {error}") from error
    return _checked(found, f).boxed(name or _name(f))


def scheduled(rate: Any) -> Box | None:
    """The box Z() -> R() of a rate that is a schedule, None for one that is a number."""
    if isinstance(rate, Diagram):
        found = _checked(rate, rate)
        return found if isinstance(found, Box) else found.boxed("schedule")
    return schedule(rate) if callable(rate) else None


def _checked(d: Diagram, what: Any) -> Diagram:
    if (d.dom, d.cod) != (Z(), R()):
        raise CompositionError(f"{what!r} is {d.dom} -> {d.cod}, and a schedule is Z() -> R()")
    return d


def _name(f: Any) -> str:
    name = getattr(f, "__name__", "schedule")
    return name if re.fullmatch(r"[A-Za-z]\w*", name) else "schedule"


def _schedule(name: str, function: Any, **options: Any) -> Diagram:
    return layer(name, function, Z(), {}, **options).arrow


def _real(n: jax.Array) -> jax.Array:
    return n.astype(jnp.float32)


def _finite(name: str, **values: Any) -> tuple[float, ...]:
    for what, value in values.items():
        if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(value):
            raise CompositionError(f"{name}: {what} is {value!r}, expected a finite number")
    return tuple(map(float, values.values()))


def _steps(name: str, what: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise CompositionError(f"{name}: {what} is {value!r}, expected a whole number of at least {least}")
    return int(value)
