"""Syntax at scale: what a chain of n boxes costs to compose, flatten, hash, interpret, save, load and differentiate.

The derivatives are those of a chain of sin and tanh; in the other chain boxes are abstract. Each size runs in a process
of its own, so that its peak memory can be read off the operating system:

    python -m benchmarks.syntax stages 1000000     one size, as JSON
    python -m benchmarks.syntax derivatives 1000000
    python -m benchmarks.syntax discopy 1000 3000  DisCoPy's own composition
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .timing import Effort, Spread, quiet, rounds, seconds

__all__ = ["DERIVATIVES", "STAGES", "exponent", "measure"]

STAGES = ("compose", "flatten", "hash", "interpret", "save", "load")
DERIVATIVES = ("reverse", "forward", "lens")
ROOT = Path(__file__).parent.parent
LONG = 20.0


def measure(sizes: Sequence[int], discopy_sizes: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds for each stage and size with the growth exponents, memory, and DisCoPy's times of composing."""
    runs: dict[str, dict[int, Any]] = {"stages": {}, "derivatives": {}}
    for n in sizes:
        for what, found in runs.items():
            say(f"{n:,} boxes, {what}")
            found[n] = _process(what, n)
    say("DisCoPy's own composition")
    others = dict(zip(discopy_sizes, _process("discopy", *discopy_sizes), strict=True))
    growth = {}
    for found in runs.values():
        for stage in found[sizes[0]]["seconds"]:
            growth[stage] = exponent(sizes, [found[n]["seconds"][stage]["median"] for n in sizes])
    growth["discopy"] = exponent(discopy_sizes, [others[n]["median"] for n in discopy_sizes])
    tables = {what: {str(n): run for n, run in found.items()} for what, found in runs.items()}
    return {"sizes": tables["stages"], "derivatives": tables["derivatives"], "discopy": others, "exponents": growth}


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """The k of the fit `time = c n^k`: the slope of the line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _process(*arguments: str | int) -> Any:
    command = [sys.executable, "-m", "benchmarks.syntax", *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed: {run.stderr.strip()[-2000:]}")
    return json.loads(run.stdout)


def paralens_chain(n: int) -> dict[str, Any]:
    """The times of every stage on a chain of n boxes of two kinds, and the memory that the first pass took."""
    from paralens import Box, Diagram, R, load, save
    from paralens.diagrams import interpret

    boxes = [Box("f", R(3), R(4)), Box("g", R(4), R(3))] * (n // 2)

    def compose() -> Diagram:
        chain = Diagram.id(R(3))
        for box in boxes:
            chain = chain >> box
        return chain

    def stages(path: Path) -> tuple[float, ...]:
        made: list[Any] = []
        composing = seconds(lambda: made.append(compose()))
        flattening = seconds(lambda: made.append(made[0].graph))
        chain, graph = made
        return (
            composing,
            flattening,
            seconds(lambda: hash(chain)),
            seconds(lambda: interpret(graph, lambda box, x: (x,), [0])),
            seconds(lambda: save(chain, path)),
            seconds(lambda: load(path)),
        )

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.json"
        return _measured(STAGES, lambda: stages(path))


def derivatives(n: int) -> dict[str, Any]:
    """The times of `reverse`, `forward` and `lens` of a chain of n boxes, and the memory that the first pass took.

    The rules of the two kinds of boxes are there before.
    """
    import jax.numpy as jnp

    from paralens import Diagram, R, forward, from_jax, lens, reverse

    kinds = [from_jax(f, R(3)).boxes[0] for f in (jnp.sin, jnp.tanh)]

    def chain(n: int) -> Diagram:
        return Diagram.id(R(3)).then(*(kinds * (n // 2)))

    def functors(d: Diagram) -> tuple[float, ...]:
        return seconds(lambda: reverse(d)), seconds(lambda: forward(d)), seconds(lambda: lens(d))

    functors(chain(2))
    whole = chain(n)
    assert len(whole.graph) == n
    return _measured(DERIVATIVES, lambda: functors(whole))


def _measured(names: Sequence[str], stages: Callable[[], tuple[float, ...]]) -> dict[str, Any]:
    """The times of some stages, and the memory of their first pass; where that is long, it is all there is."""
    before = _peak()
    with quiet():
        first = stages()
    memory = _peak() - before
    found = rounds({"": stages}, _effort(sum(first)))[""] if sum(first) < LONG else [[t] for t in first]
    spread = {stage: asdict(Spread.of(times)) for stage, times in zip(names, found, strict=True)}
    return {"seconds": spread, "memory": memory}


def discopy_chain(n: int) -> dict[str, Any]:
    """The times of composing a chain of n boxes by DisCoPy's own `>>`."""
    from discopy.markov import Box, Diagram, Ty

    boxes = [Box("f", Ty("x"), Ty("y")), Box("g", Ty("y"), Ty("x"))] * (n // 2)

    def compose() -> None:
        chain = Diagram.id(Ty("x"))
        for box in boxes:
            chain = chain >> box

    first = seconds(compose)
    times = rounds({"": lambda: (seconds(compose),)}, _effort(first))[""][0] if first < 1 else [first]
    return asdict(Spread.of(times))


MEASURED: dict[str, Callable[..., Any]] = {
    "stages": paralens_chain,
    "derivatives": derivatives,
    "discopy": lambda *sizes: [discopy_chain(n) for n in sizes],
}


def _effort(first: float) -> Effort:
    """Ten seconds of repetitions, at least three, when the first took this long."""
    return Effort(3, 30, 10.0) if first > 0.05 else Effort(10, 30, 1.0)


def _peak() -> int:
    """The most memory this process has held so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    print(json.dumps(MEASURED[what](*map(int, given))))
