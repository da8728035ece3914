"""An epoch of a learner as one scan, beside a loop of Python over its compiled step, and both by hand.

All train the same MLP for as many steps, each on a batch of its own, and give the new parameters and all losses. All
are given the memory of the parameters that they get, as a training loop does: the state goes from epoch to epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from paralens import Para, batch, compile

from . import handwritten, with_paralens
from .cases import RATE, Epoch
from .contestants import CONTROL, TOLERANCE, step_of, weights_of
from .programs import difference, entry
from .timing import Effort, rounds, seconds

__all__ = ["LOOP", "SCAN", "THEIR_LOOP", "THEIR_SCAN", "measure"]

THEIR_SCAN, THEIR_LOOP = "JAX, one scan", "JAX, Python loop"
SCAN, LOOP = "Paralens, one scan", "Paralens, Python loop"
Run = Callable[[Any], tuple[Any, jax.Array]]


def measure(epoch: Epoch, efforts: dict[str, Effort], say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of an epoch by contestant, with ratios to the scan by hand."""
    say("agreement")
    model = batch(with_paralens.MODELS[type(epoch.model)](epoch.model), epoch.model.batch)
    runs = _by_jax(epoch, model) | _ours(epoch, model)
    runs[CONTROL] = runs[THEIR_SCAN]
    found = {name: run(_state(name, model)) for name, run in runs.items()}
    expected = _arrays(found[THEIR_SCAN], model)
    off = {name: difference(_arrays(made, model), expected)[0] for name, made in found.items() if name != THEIR_SCAN}
    wrong = {name: far for name, far in off.items() if far > TOLERANCE}
    if wrong:
        raise AssertionError(f"epochs give something else: {wrong}")
    say("epoch")
    states = {name: made[0] for name, made in found.items()}
    times = rounds({name: partial(_timed, name, run, states) for name, run in runs.items()}, efforts["run"])
    cells = {name: entry(found[0], times[THEIR_SCAN][0]) for name, found in times.items()}
    both = entry(times[SCAN][0], times[LOOP][0])
    return {"spec": repr(epoch), "difference": off, "epoch": cells, "scan to loop": both}


def _timed(name: str, run: Run, states: dict[str, Any]) -> tuple[float]:
    made: list[Any] = []
    time = seconds(lambda: made.append(jax.block_until_ready(run(states[name]))))
    states[name] = made[0][0]
    return (time,)


def _state(name: str, model: Para) -> Any:
    params = model.nest(weights_of(model))
    return with_paralens.learner(model, RATE).start(params) if name in (SCAN, LOOP) else params


def _arrays(made: tuple[Any, jax.Array], model: Para) -> list[jax.Array]:
    state, losses = made
    return [losses, *model.flat(getattr(state, "params", state))]


def _data(epoch: Epoch) -> tuple[jax.Array, jax.Array]:
    """The batches of an epoch, stacked."""
    x, y = epoch.model.data()
    keys = jax.random.split(jax.random.key(2), epoch.steps)
    return jnp.stack([jax.random.permutation(k, x) for k in keys]), jnp.stack([y] * epoch.steps)


def _loop(step: Callable[..., tuple[Any, jax.Array]], xs: jax.Array, ys: jax.Array) -> Run:
    """An epoch as a Python loop over a compiled step."""
    batches = list(zip(xs, ys, strict=True))

    def loop(state: Any) -> tuple[Any, jax.Array]:
        losses = []
        for x, y in batches:
            state, value = step(state, x, y)
            losses.append(value)
        return state, jnp.stack(losses)

    return loop


def _ours(epoch: Epoch, model: Para) -> dict[str, Run]:
    """The learner's epoch, and its step in a loop."""
    xs, ys = _data(epoch)
    learner = with_paralens.learner(model, RATE)
    scan, step = compile(learner.epoch(epoch.steps)), compile(learner)
    return {SCAN: lambda state: scan(state, xs, ys), LOOP: _loop(step, xs, ys)}


def _by_jax(epoch: Epoch, model: Para) -> dict[str, Run]:
    """The same by hand, over the same nested dict of parameters."""
    xs, ys = _data(epoch)
    written, forward = handwritten.MODELS[type(epoch.model)](epoch.model, model.weight.inside)  # type: ignore[arg-type]
    shape = partial(jax.tree.unflatten, jax.tree.structure(written))
    one = step_of(lambda p, x: forward(shape(model.flat(p)), x), RATE)
    step = jax.jit(one, donate_argnums=0)
    scan = jax.jit(lambda p, *data: jax.lax.scan(lambda q, d: one(q, *d), p, data), donate_argnums=0)
    return {THEIR_SCAN: lambda params: scan(params, xs, ys), THEIR_LOOP: _loop(step, xs, ys)}
