"""What is measured of a model: tracing, compiling, running, and XLA's own counts.

    trace and lower   `jax.jit(step).lower(...)`, JAX's caches empty
    compile           `.compile()` of the result, without the persistent cache
    forward, step     one call of the compiled program until its result is ready
    flops, bytes, temporary    XLA's analyses of the compiled training step
    same program      whether its optimized instructions are those of the hand-written step, whatever their
                      order and names: then every difference of their times is noise

All contestants are compiled ahead of time by the same calls, so that the time of a step is that of
the program and not of a library's dispatch. A second table is about Python alone: building a diagram
and handing it to JAX, beside JAX's tracing of the hand-written function, all with warm caches.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import jax

from paralens import batch, to_jax

from . import handwritten, with_paralens
from .cases import Spec
from .contestants import BASE, LIKE, Contestant, agree, assemble, step_of
from .timing import Effort, Spread, calls_for, ratio, rounds, seconds

__all__ = ["COUNTS", "TIMES", "measure"]

TIMES = ("trace and lower", "compile", "forward", "step")
COUNTS = ("flops", "bytes", "temporary")
Say = Callable[[str], None]


def measure(spec: Spec, efforts: dict[str, Effort], say: Say) -> dict[str, Any]:
    """The measurements of one case as plain data: by measure and contestant, with ratios to hand-written JAX."""
    say("weights and agreement")
    found = assemble(spec)
    data = spec.data()
    difference = agree(found[:-1], *data)
    say("trace and compile")
    steps: dict[str, Any] = {}
    compiling = rounds({c.name: partial(_compiled, c, data, steps) for c in found}, efforts["compile"])
    say("forward and step")
    programs = {c.name: (jax.jit(c.forward).lower(c.params, data[0]).compile(), steps[c.name]) for c in found}
    running = _running(found, programs, data, efforts["run"])
    say("Python alone")
    python = rounds({"": partial(_handed_over, spec)}, efforts["python"])[""]
    times = {name: [*compiling[name], *running[name]] for name in programs}
    table = {
        measured: {name: _entry(times[name][i], times[BASE][i]) for name in programs}
        for i, measured in enumerate(TIMES)
    }
    counts = {name: _counts(step) for name, (_, step) in programs.items()}
    for i, measured in enumerate(COUNTS):
        table[measured] = {name: _entry([counts[name][i]], [counts[BASE][i]]) for name in programs}
    return {
        "spec": repr(spec),
        "difference": difference,
        "same program": {name: _same(step, programs[BASE][1]) for name, (_, step) in programs.items()},
        "measures": table,
        "like": {m: _entry(times["Paralens"][i], times[LIKE][i]) for i, m in enumerate(TIMES)},
        "python": {name: _entry(python[i], python[-1]) for i, name in enumerate(PYTHON)},
    }


def _entry(samples: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    return {"value": asdict(Spread.of(samples)), "ratio": asdict(ratio(samples, base))}


# -- programs ------------------------------------------------------------------------------------


def _compiled(c: Contestant, data: tuple[Any, Any], steps: dict[str, Any]) -> tuple[float, float]:
    """Seconds to trace and lower the training step, and to compile it; the program is left in `steps`."""
    jax.clear_caches()
    start = time.perf_counter()
    lowered = jax.jit(step_of(c.forward)).lower(c.params, *data)
    middle = time.perf_counter()
    steps[c.name] = lowered.compile()
    return middle - start, time.perf_counter() - middle


def _running(
    found: Sequence[Contestant], programs: dict[str, tuple[Any, Any]], data: tuple[Any, Any], effort: Effort
) -> dict[str, list[list[float]]]:
    """Seconds of a forward pass and of a step, for each contestant, round by round."""
    kinds = []
    for place, arguments in enumerate((data[:1], data)):
        calls = {c.name: partial(_call, programs[c.name][place], c.params, *arguments) for c in found}
        # every contestant is called equally often in a sample
        n = min(calls_for(call) for call in calls.values())
        kinds.append(rounds({name: partial(_repeated, call, n) for name, call in calls.items()}, effort))
    return {c.name: [kind[c.name][0] for kind in kinds] for c in found}


def _call(program: Any, *arguments: Any) -> None:
    jax.block_until_ready(program(*arguments))


def _repeated(call: Callable[[], None], n: int) -> tuple[float]:
    def run() -> None:
        for _ in range(n):
            call()

    return (seconds(run) / n,)


def _counts(step: Any) -> tuple[float, float, float]:
    """XLA's count of floating point operations, bytes accessed and bytes of temporary memory."""
    cost = step.cost_analysis()
    cost = cost[0] if isinstance(cost, (list, tuple)) else cost
    return cost["flops"], cost["bytes accessed"], float(step.memory_analysis().temp_size_in_bytes)


def _same(step: Any, base: Any) -> bool:
    """Whether two programs have the same instructions, whatever their names and the order of arguments and results."""
    return _instructions(step.as_text()) == _instructions(base.as_text())


def _instructions(text: str) -> Counter[str]:
    lines = (line for line in text.splitlines() if " = " in line and not re.search(r"\btuple\(", line))
    return Counter(NAMES.sub("", line) for line in lines)


NAMES = re.compile(r", metadata=\{[^}]*\}|ROOT |%[\w.-]+|(?<=parameter\()\d+")


# -- Python --------------------------------------------------------------------------------------

PYTHON = ("build the diagram", "batch", "hand over to JAX", "the three together", "JAX traces the hand-written model")


def _handed_over(spec: Spec) -> tuple[float, ...]:
    """Seconds to build, batch and hand over a diagram, their sum, and to trace the hand-written function."""
    made: list[Any] = []
    build = seconds(lambda: made.append(with_paralens.MODELS[type(spec)](spec)))
    batching = seconds(lambda: made.append(batch(made[0], spec.batch)))
    diagram, x = made[1], spec.data()[0]
    params = diagram.nest([jax.ShapeDtypeStruct(w.shape, w.dtype) for w in diagram.weight.inside])
    handing = seconds(lambda: jax.make_jaxpr(to_jax(diagram))(params, x))
    written, forward = handwritten.MODELS[type(spec)](spec, diagram.flat(params))
    tracing = seconds(lambda: jax.make_jaxpr(forward)(written, x))
    return build, batching, handing, build + batching + handing, tracing
