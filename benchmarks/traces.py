"""Python alone: a diagram is built, reversed and handed to JAX, beside JAX's own trace of the gradient.

Both end in a jaxpr of the loss and the gradient. Three treatments, the same for both sides:

    warm     all was done before in this process: the rules of the kinds of boxes are there, and so are JAX's caches
    emptied  the same, but `jax.clear_caches()` comes before each side: JAX traces its own functions anew for both
    fresh    a process of its own for each side, after the imports and the making of the data: nothing is there

    python -m benchmarks.traces ours mlp4 quick          one fresh process, as JSON; `theirs` reads the weights' shapes
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from paralens import batch, to_jax

from . import handwritten, with_paralens
from .cases import CASES, Spec, loss
from .programs import entry
from .timing import Effort, quiet, rounds, seconds

__all__ = ["OURS", "THEIRS", "TREATMENTS", "measure"]

TREATMENTS = ("warm", "emptied", "fresh")
OURS = ("build the model", "batch", "compose with the loss", "reverse", "hand over to JAX", "together")
THEIRS = "JAX traces the gradient"
ALONE = ("hand over the model alone", "JAX traces the model alone")
ROOT = Path(__file__).parent.parent
Shapes = Sequence[tuple[int, ...]]


def measure(case: str, size: str, effort: Effort, processes: int, say: Callable[[str], None]) -> dict[str, Any]:
    """By treatment and row the seconds, with their ratios to JAX's trace of the hand-written function."""
    spec = CASES[case][size]
    data, shapes = spec.data(), _shapes(spec)
    found = {}
    say("Python alone")
    for treatment in TREATMENTS[:2]:
        before = jax.clear_caches if treatment == "emptied" else _nothing
        sides = {"ours": partial(ours, spec, data, before), "theirs": partial(theirs, spec, shapes, data, before)}
        for side in sides.values():
            side()
        found[treatment] = _rows(rounds(sides, effort))
    say("fresh processes")
    samples = {
        side: [list(n) for n in zip(*(_process(side, case, size, shapes) for _ in range(processes)), strict=True)]
        for side in ("ours", "theirs")
    }
    return found | {"fresh": _rows(samples)}


def _rows(found: dict[str, list[list[float]]]) -> dict[str, Any]:
    (*parts, alone), (gradient, model) = found["ours"], found["theirs"]
    rows = {name: entry(times, gradient) for name, times in zip(OURS, parts, strict=True)}
    return rows | {THEIRS: entry(gradient, gradient), ALONE[0]: entry(alone, model), ALONE[1]: entry(model, model)}


def _nothing() -> None:
    pass


def ours(spec: Spec, data: tuple[Any, Any], before: Callable[[], None]) -> tuple[float, ...]:
    """Seconds to build, batch, compose with the loss, reverse and hand over, their sum, and to hand over the model."""
    made: list[Any] = []
    before()
    times = [
        seconds(lambda: made.append(with_paralens.MODELS[type(spec)](spec))),
        seconds(lambda: made.append(batch(made[0], spec.batch))),
        seconds(lambda: made.append(with_paralens.objective(made[1]))),
        seconds(lambda: made.append(with_paralens.value_and_gradient(made[2]))),
    ]
    model, gradient = made[1], made[3]
    params = model.nest([jax.ShapeDtypeStruct(w.shape, w.dtype) for w in model.weight.inside])
    one = jax.ShapeDtypeStruct((), jnp.float32)
    times.append(seconds(lambda: jax.make_jaxpr(to_jax(gradient))(params, *data, one)))
    before()
    return *times, sum(times), seconds(lambda: jax.make_jaxpr(to_jax(model))(params, data[0]))


def theirs(spec: Spec, shapes: Shapes, data: tuple[Any, Any], before: Callable[[], None]) -> tuple[float, float]:
    """Seconds in which JAX traces loss and gradient of the hand-written model, and the model alone."""
    weights = [jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes]
    written, forward = handwritten.MODELS[type(spec)](spec, weights)  # type: ignore[arg-type]
    gradient = jax.value_and_grad(lambda p, x, y: loss(forward(p, x), y))
    before()
    time = seconds(lambda: jax.make_jaxpr(gradient)(written, *data))
    before()
    return time, seconds(lambda: jax.make_jaxpr(lambda p, x: forward(p, x))(written, data[0]))


def _shapes(spec: Spec) -> Shapes:
    return [w.shape for w in with_paralens.MODELS[type(spec)](spec).weight.inside]


# -- fresh processes -------------------------------------------------------------------------------


def _process(side: str, case: str, size: str, shapes: Shapes) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.traces", side, case, size]
    given = json.dumps(shapes)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, input=given)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed: {run.stderr.strip()[-2000:]}")
    return json.loads(run.stdout)


def _main(side: str, case: str, size: str) -> None:
    spec = CASES[case][size]
    shapes = [tuple(s) for s in json.load(sys.stdin)]
    data = jax.block_until_ready(spec.data())
    with quiet():
        print(json.dumps(ours(spec, data, _nothing) if side == "ours" else theirs(spec, shapes, data, _nothing)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
