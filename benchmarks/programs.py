"""What is measured of programs that compute the same: compiling, running, and XLA's own counts.

    trace and lower   making the function, then `jax.jit(...).lower(...)`, JAX's caches empty
    compile           `.compile()` of the result, without the persistent cache
    step              one call of the compiled program until its result is ready
    flops, bytes, temporary    XLA's analyses of the compiled program
    same program      whether its optimized instructions are those of the first program, whatever their order and
                      names ("yes"), or are them if + counts as - and the sign of a constant does not ("but for
                      signs"): then every difference of their times is noise

All are compiled ahead of time by the same calls, so that the time of a step is that of the program and not of a
library's dispatch. No program is given the memory of its arguments.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from .timing import Effort, Spread, calls_for, ratio, rounds, seconds

__all__ = ["COUNTS", "TIMES", "Compared", "Program", "call", "compare", "difference", "entry", "running", "table"]

TIMES = ("trace and lower", "compile", "forward", "step")
COUNTS = ("flops", "bytes", "temporary")
Samples = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class Program:
    """A function, made anew each time that it is compiled, and its arguments."""

    make: Callable[[], Callable[..., Any]]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Compared:
    """The samples of each program by measure, round by round, and whether it is the same program as the first."""

    samples: Samples
    same: dict[str, str]

    def result(self) -> dict[str, Any]:
        """As plain data: by measure and program, with ratios to the first."""
        return {"measures": table(self.samples), "same program": self.same}


def compare(found: Mapping[str, Program], efforts: dict[str, Effort]) -> Compared:
    """Compile and run these programs in turns."""
    made: dict[str, Any] = {}
    compiling = rounds({name: partial(_compiled, name, p, made) for name, p in found.items()}, efforts["compile"])
    times = running({name: partial(call, made[name], *p.arguments) for name, p in found.items()}, efforts["run"])
    samples = {}
    for name, program in made.items():
        tracing, lowered = compiling[name]
        samples[name] = {"trace and lower": tracing, "compile": lowered, "step": times[name]} | _counts(program)
    texts = {name: program.as_text() for name, program in made.items()}
    first = next(iter(texts.values()))
    return Compared(samples, {name: _same(text, first) for name, text in texts.items()})


def table(samples: Samples) -> dict[str, dict[str, Any]]:
    """By measure and program: the spread of the samples, and of their ratios to those of the first program."""
    base = next(iter(samples.values()))
    return {
        measure: {name: entry(found[measure], base[measure]) for name, found in samples.items()} for measure in base
    }


def entry(samples: Sequence[float], base: Sequence[float]) -> dict[str, Any]:
    """The spread of some samples, and of their ratios to others round by round."""
    return {"value": asdict(Spread.of(samples)), "ratio": asdict(ratio(samples, base))}


def _compiled(name: str, program: Program, made: dict[str, Any]) -> tuple[float, float]:
    """Seconds to make, trace and lower a function, and to compile it; the program is left in `made`."""
    jax.clear_caches()
    start = time.perf_counter()
    lowered = jax.jit(program.make()).lower(*program.arguments)
    middle = time.perf_counter()
    made[name] = lowered.compile()
    return middle - start, time.perf_counter() - middle


def call(program: Any, *arguments: Any) -> None:
    """Run a compiled program until its result is ready."""
    jax.block_until_ready(program(*arguments))


def running(calls: Mapping[str, Callable[[], None]], effort: Effort) -> dict[str, list[float]]:
    """Seconds of a call, round by round; everyone is called equally often in a sample."""
    n = min(calls_for(run) for run in calls.values())
    found = rounds({name: partial(_repeated, run, n) for name, run in calls.items()}, effort)
    return {name: numbers[0] for name, numbers in found.items()}


def _repeated(run: Callable[[], None], n: int) -> tuple[float]:
    def many() -> None:
        for _ in range(n):
            run()

    return (seconds(many) / n,)


def _counts(program: Any) -> dict[str, list[float]]:
    """XLA's count of floating point operations, bytes accessed and bytes of temporary memory."""
    cost = program.cost_analysis()
    cost = cost[0] if isinstance(cost, (list, tuple)) else cost
    temporary = float(program.memory_analysis().temp_size_in_bytes)
    return {"flops": [cost["flops"]], "bytes": [cost["bytes accessed"]], "temporary": [temporary]}


def _same(text: str, first: str) -> str:
    if _instructions(text) == _instructions(first):
        return "yes"
    unsigned = [SIGNS.sub(_unsigned, t) for t in (text, first)]
    return "but for signs" if _instructions(unsigned[0]) == _instructions(unsigned[1]) else "no"


def _instructions(text: str) -> Counter[str]:
    """The instructions without their names and the order of arguments and results."""
    lines = (line for line in text.splitlines() if " = " in line and not re.search(r"\btuple\(", line))
    return Counter(NAMES.sub("", line) for line in lines)


def _unsigned(found: re.Match[str]) -> str:
    return {"subtract(": "add(", "constant(-": "constant("}[found[0]]


NAMES = re.compile(r", metadata=\{[^}]*\}|ROOT |%[\w.-]+|(?<=parameter\()\d+")
SIGNS = re.compile(r"\bsubtract\(|\bconstant\(-")


# -- the same result -------------------------------------------------------------------------------


def difference(found: Sequence[Any], base: Sequence[Any]) -> tuple[float, int]:
    """The largest relative difference of arrays from others, and the place of the array that has it.

    Some weights have no gradient but rounding (the bias of a key): no array counts as smaller than a thousandth of all.
    """
    least = 1e-3 * float(np.sqrt(sum(float(np.sum(np.square(b))) for b in base)))
    off = [_distance(np.asarray(a), np.asarray(b), least) for a, b in zip(found, base, strict=True)]
    return max(off), int(np.argmax(off))


def _distance(a: np.ndarray, b: np.ndarray, least: float) -> float:
    """The distance of a from b relative to the size of b, or to `least` where b is smaller."""
    if a.shape != b.shape:
        raise AssertionError(f"an array has shape {a.shape} instead of {b.shape}")
    return float(np.linalg.norm(a - b) / max(float(np.linalg.norm(b)), least, 1e-30))
