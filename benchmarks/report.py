"""The tables: results as Markdown, with the budgets and whether they are met.

A cell of a model's table is the median, its quartiles in brackets, and after the *x* the ratio to
hand-written JAX. "JAX again" is the hand-written model a second time: what differs from 1 there is noise.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .contestants import CONTROL
from .programs import COUNTS, TIMES
from .syntax import STAGES

__all__ = ["budgets", "environment", "markdown"]

PACKAGES = ("paralens", "jax", "jaxlib", "equinox", "flax", "discopy", "numpy")
RATIOS = {"step": 1.02, "temporary": 1.02, "flops": 1.005}
COMPOSED, SECONDS, GROWTH = 100_000, 5.0, 1.15

METHOD = """\
Written by `make bench`, that is `python -m benchmarks`; nothing here is typed by hand.

Every model is written four times, with the same weights: in plain `jax.numpy`, as a diagram
(`paralens.nn`, then `batch`), in Equinox and in Flax NNX. Before anything is timed, the scores and the
gradient of every weight must agree to float32 accuracy. A step is `jax.value_and_grad` of the mean cross
entropy followed by gradient descent; of a diagram it is taken through `to_jax`. All are compiled ahead
of time by the same calls, so libraries' own dispatch (`filter_jit`, `nnx.jit`) is not measured; taking a
library's container of parameters apart at every call is, and shows in the steps of small models.

**How to read a cell**: the median, in brackets the quartiles, after the *x* the ratio to hand-written
JAX. Contestants take turns within each round, and a ratio is the median of the ratios within rounds. The
last column is the hand-written program a second time: how far its ratio is from 1 is the noise of this
machine, and no smaller difference means anything. *Trace and lower* and *compile* are of the training
step with JAX's caches empty. FLOPs, bytes accessed and temporary memory are XLA's own analyses of the
compiled step; they have no noise. *JAX, dict* is the hand-written program with its parameters in the
nested dict that the other libraries' users have too, instead of a list of tuples. Where the two are the
same program and their times differ, the container is what differs: hundreds of arrays come in another order,
and a dict is taken apart more slowly. The budget of a step's time compares the diagram with that one, like
with like; the tables below compare everything with the list of tuples. *Same program* says whether XLA's
optimized instructions are those of the hand-written step, in any order: then step times differ by the
container and by noise alone. Garbage collection
is off while a clock runs."""


def environment() -> dict[str, str]:
    """The machine, the versions and the date."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found | {"date": date.today().isoformat(), "command": "python -m benchmarks " + " ".join(sys.argv[1:])}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


# -- budgets -------------------------------------------------------------------------------------


def budgets(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every budget that the results speak about: what it is, the value, the limit, and whether it is met."""
    found = []
    for case, result in results.get("models", {}).items():
        for measured, limit in RATIOS.items():
            cells = result["measures"][measured]
            noise = cells[CONTROL]["ratio"]["median"] if measured in TIMES else None
            same = result["same program"]["Paralens"] if measured in TIMES else None
            cell = result["like"][measured] if measured in TIMES else cells["Paralens"]
            found.append(_budget(f"{case}: {measured}", cell["ratio"]["median"], limit, noise, same))
    syntax = results.get("syntax")
    if syntax:
        run = syntax["sizes"].get(str(COMPOSED))
        if run:
            total = sum(run["seconds"][stage]["median"] for stage in ("compose", "flatten", "hash"))
            found.append(_budget(f"{COMPOSED:,} boxes composed, flattened, hashed (seconds)", total, SECONDS))
        found += [_budget(f"growth exponent: {stage}", syntax["exponents"][stage], GROWTH) for stage in STAGES]
    return found


def _budget(
    what: str, value: float, limit: float, noise: float | None = None, same: bool | None = None
) -> dict[str, Any]:
    return {"what": what, "value": value, "limit": limit, "noise": noise, "same program": same, "met": value <= limit}


# -- tables --------------------------------------------------------------------------------------


def markdown(results: dict[str, Any]) -> str:
    """The whole page."""
    parts = ["# Benchmarks", METHOD, _environment(results["environment"]), "## Budgets", _budgets(results["budgets"])]
    for case, result in results.get("models", {}).items():
        parts += [f"## {case}", _model(result)]
    if "syntax" in results:
        parts += ["## Syntax at scale", _syntax(results["syntax"])]
    return "\n\n".join(parts) + "\n"


def _environment(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _budgets(found: Sequence[dict[str, Any]]) -> str:
    def row(b: dict[str, Any]) -> list[str]:
        noise = "" if b["noise"] is None else f"{b['noise']:.3f}"
        same = {None: "", True: "yes", False: "no"}[b["same program"]]
        return [b["what"], f"{b['value']:.3f}", noise, same, f"≤ {b['limit']:g}", "met" if b["met"] else "**NOT met**"]

    header = ["budget (ratio to hand-written JAX, unless said)", "value", "noise", "same program", "limit", ""]
    return _table(header, map(row, found))


def _model(result: dict[str, Any]) -> str:
    names = list(result["measures"]["step"])
    rows = [
        [SHOWN[measured][0], *[_cell(result["measures"][measured][name], SHOWN[measured][1]) for name in names]]
        for measured in (*TIMES, *COUNTS)
    ]
    rows.append(["same program", *["yes" if result["same program"][name] else "no" for name in names]])
    worst = ", ".join(f"{name} {value:.0e}" for name, value in result["difference"].items())
    python = [[name, _cell(entry, TIME)] for name, entry in result["python"].items()]
    return "\n\n".join(
        [
            f"`{result['spec']}`. Largest relative difference of scores and gradients: {worst}.",
            _table(["", *names], rows),
            "Python alone, forward pass, caches warm; the *x* compares with JAX's tracing of the hand-written model:",
            _table(["", "time"], python),
        ]
    )


def _syntax(result: dict[str, Any]) -> str:
    sizes = list(result["sizes"])
    header = ["a chain of n boxes", *[f"{int(n):,}" for n in sizes], "growth exponent"]
    rows = []
    for stage in STAGES:
        cells = [_per_box(result["sizes"][n]["seconds"][stage]["median"], int(n)) for n in sizes]
        rows.append([stage, *cells, f"{result['exponents'][stage]:.2f}"])
    rows.append(["peak memory", *[_shown(result["sizes"][n]["memory"], BYTES) for n in sizes], ""])
    others = [[f"{int(n):,}", _per_box(run["median"], int(n))] for n, run in result["discopy"].items()]
    return "\n\n".join(
        [
            "Seconds, and microseconds a box. Each size runs in a process of its own; memory is what its first "
            "pass through all stages adds to the peak. Hashing includes the normal form; saving and loading are "
            "of JSON files that are read back whole.",
            _table(header, rows),
            "DisCoPy's own composition of the same chain, "
            f"which grows with exponent {result['exponents']['discopy']:.2f}:",
            _table(["boxes", "compose"], others),
        ]
    )


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(entry: dict[str, Any], units: Units) -> str:
    value, size, unit = entry["value"], *_scale(entry["value"]["median"], units)
    spread = f" [{value['low'] / size:.3g} … {value['high'] / size:.3g}]" if value["count"] > 1 else ""
    return f"{value['median'] / size:.4g} {unit}{spread} x {entry['ratio']['median']:.3f}"


def _scale(value: float, units: Units) -> tuple[float, str]:
    """The largest unit that is not above the value, or the last: its size and its name."""
    return next(((size, name) for name, size in units if value >= size), (units[-1][1], units[-1][0]))


def _shown(value: float, units: Units) -> str:
    size, unit = _scale(value, units)
    return f"{value / size:.3g} {unit}"


def _per_box(time: float, n: int) -> str:
    return f"{_shown(time, TIME)} ({1e6 * time / n:.2f} µs)"


def _counted(unit: str) -> Units:
    return (f"G{unit}", 1e9), (f"M{unit}", 1e6), (f"k{unit}", 1e3), (unit, 1.0)


Units = Sequence[tuple[str, float]]
TIME: Units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
BYTES = _counted("B")

SHOWN: dict[str, tuple[str, Units]] = {
    "trace and lower": ("trace and lower", TIME),
    "compile": ("compile", TIME),
    "forward": ("forward pass", TIME),
    "step": ("training step", TIME),
    "flops": ("FLOPs of a step", _counted("FLOP")),
    "bytes": ("bytes accessed", BYTES),
    "temporary": ("temporary memory", BYTES),
}
