"""The page: the budgets, then the tables of every part, with how to read them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .reading import CHAINS
from .syntax import DERIVATIVES, STAGES
from .tables import BYTES, TIME, agreement, cell, compared, per_box, shown, table

__all__ = ["environment", "markdown"]

PACKAGES = ("paralens", "jax", "jaxlib", "equinox", "flax", "discopy", "numpy")

METHOD = """\
Written by `make bench`, that is `python -m benchmarks`; nothing here is typed by hand.

Every model is written four times, with the same weights: in plain `jax.numpy`, as a diagram
(`paralens.nn`, then `batch`), in Equinox and in Flax NNX. Before anything is timed, the scores, the loss and the
gradient of every weight must agree to float32 accuracy; the gradient is read off the very step that is timed. A
step is gradient descent on the mean cross entropy, and gives the new parameters and the loss. Of *Paralens* it is the
step of a `Learner` with `optimizers.sgd`: its gradient is our own reverse derivative, a diagram, and JAX
differentiates nothing. *Paralens, jax.grad* is the same diagram under `jax.value_and_grad`, as all others are. All
are compiled ahead of time by the same calls, and none is given the memory of its arguments, so libraries' own
dispatch (`filter_jit`, `nnx.jit`) is not measured; taking a library's container of parameters apart at every call
is, and shows in the steps of small models.

**How to read a cell**: the median, in brackets the quartiles, after the *x* the ratio to hand-written
JAX. Contestants take turns within each round, and a ratio is the median of the ratios within rounds. The
last column is the hand-written program a second time: how far its ratio is from 1 is the noise of this
machine, and no smaller difference means anything. *Trace and lower* and *compile* are of the training
step with JAX's caches empty; of *Paralens* the first begins before the learner is made. FLOPs, bytes accessed and
temporary memory are XLA's own analyses of the compiled step; they have no noise. *JAX, dict* is the hand-written
program with its parameters in the nested dict that the other libraries' users have too, instead of a list of tuples.
Where the two are the same program and their times differ, the container is what differs: hundreds of arrays come in
another order, and a dict is taken apart more slowly. The budget of a step's time compares the diagram with that
one, like with like; the tables below compare everything with the list of tuples. *Same program* says whether XLA's
optimized instructions are those of the hand-written step, in any order: then step times differ by the container and
by noise alone. They are so *but for signs* where that holds if additions count as subtractions: a learner adds the
change, which is minus the gradient, where the others subtract the gradient. Garbage collection is off while a clock
runs."""

PYTHON = """\
**Python alone** is the second table of a model: from nothing to the jaxpr of loss and gradient. Everything in the
first column was done once before in the process, so that the rules of the kinds of boxes are there, and JAX's caches
are warm on both sides; before the second `jax.clear_caches()` is called for each side; the third is the first time
in a process of its own for each side, after imports and the making of the data. The *x* compares with JAX's trace in
the same column. The budget is of the first."""

SECOND = """\
The gradient of the loss, and the product of its Hessian with a vector: `forward(reverse(...))` along the parameters,
beside `jax.jvp` of `jax.grad`. Parameters come in the same nested dict on both sides. Python alone is the way to the
jaxpr, from the building of the model on, warm on both sides."""

REPETITION = """\
The MLP of a transformer block, n times in sequence, as `repeat(block, n)` and unrolled: value and gradient of the mean
square of the result. The *x* compares with the first row. JAX's caches are empty before each row."""

STEP = """\
One call, beside `jax.lax.scan` written by hand under `jax.value_and_grad`, with n = {n}. XLA's counts of FLOPs and
bytes of a scan are those of one of its steps."""

MEMORY = """\
What residual policies keep, with n = {n}: "store" beside the scan by hand, and "recompute" beside the same scan with
`jax.checkpoint` around its step."""

CERTIFYING = """\
Rules that were planted wrong, and functions that are right but hard, are given to `paralens.check` and to
`jax.test_util.check_grads` (ten random points of the domain, and with the declared points besides)."""

READING = """\
What it costs to simplify a diagram and to list it, one line a box, and to read a gradient as formulas of arrays and as
Python code, with the text that is shown."""

IMPORTS = """\
Models that are written in plain JAX, Equinox and Flax, and a *llama* in plain JAX: the loss is imported by `from_jax`,
differentiated by `reverse` in the parameters and handed back to JAX, beside JAX's own trace of value and gradient of
the same function. All was done once before in the process. The last column is a part of the first: `from_jax` has JAX
run the program once."""

EPOCH = """\
An epoch of an MLP by gradient descent, each step on a batch of its own: `compile(learner.epoch(n))`, one scan, beside a
Python loop over `compile(learner)`, and both by hand. All are given the memory of the parameters."""


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


# -- tables --------------------------------------------------------------------------------------


def markdown(results: dict[str, Any]) -> str:
    """The whole page."""
    parts = ["# Benchmarks", METHOD, PYTHON, _environment(results["environment"])]
    parts += ["## Budgets", _budgets(results["budgets"])]
    for case, result in results.get("models", {}).items():
        parts += [f"## {case}", _model(result)]
    if results.get("second order"):
        parts += ["## Second order", SECOND]
    for case, result in results.get("second order", {}).items():
        parts += [f"### {case}", _second(result)]
    for name, (title, show) in SECTIONS.items():
        if name in results:
            parts += [f"## {title}", show(results[name])]
    return "\n\n".join(parts) + "\n"


def _environment(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _budgets(found: Sequence[dict[str, Any]]) -> str:
    def row(b: dict[str, Any]) -> list[str]:
        noise = "" if b["noise"] is None else f"{b['noise']:.3f}"
        return [
            b["what"],
            f"{b['value']:.3f}",
            noise,
            b["same program"] or "",
            f"≤ {b['limit']:g}",
            "met" if b["met"] else "**NOT met**",
        ]

    header = ["budget (ratio to hand-written JAX, unless said)", "value", "noise", "same program", "limit", ""]
    return table(header, map(row, found))


def _model(result: dict[str, Any]) -> str:
    said = f"`{result['spec']}`. Largest relative difference of scores, loss and gradients: {agreement(result)}."
    treatments = list(result["python"])
    rows = [
        [name, *[cell(result["python"][treatment][name], TIME) for treatment in treatments]]
        for name in result["python"][treatments[0]]
    ]
    header = ["", "warm", "JAX's caches emptied", "a fresh process"]
    return "\n\n".join([said, compared(result), "Python alone:", table(header, rows)])


def _second(result: dict[str, Any]) -> str:
    said = f"`{result['spec']}`. Largest relative difference: {agreement(result)}."
    traces = ", ".join(f"{name} {cell(entry, TIME)}" for name, entry in result["trace"].items())
    return "\n\n".join([said, compared(result), f"Python alone: {traces}."])


def _repetition(result: dict[str, Any]) -> str:
    parts = [REPETITION, f"`{result['spec']}`."]
    stages = list(next(iter(result["growth"].values())))
    rows = [[name, *[cell(row[stage], TIME) for stage in stages]] for name, row in result["growth"].items()]
    parts.append(table(["", *stages], rows))
    for part, text in (("step", STEP), ("memory", MEMORY)):
        found = result[part]
        parts += [text.format(n=found["n"]), f"Largest relative difference: {agreement(found)}.", compared(found)]
    return "\n\n".join(parts)


def _epoch(result: dict[str, Any]) -> str:
    rows = [[name, cell(entry, TIME)] for name, entry in result["epoch"].items()]
    said = f"`{result['spec']}`. Largest relative difference of parameters and losses: {agreement(result)}."
    loop = f"Of one scan to a Python loop of steps: {cell(result['scan to loop'], TIME)}."
    return "\n\n".join([EPOCH, said, table(["", "an epoch"], rows), loop])


def _imports(result: dict[str, Any]) -> str:
    stages = list(next(iter(result.values()))["rows"])
    rows = [[name, *[cell(found["rows"][stage], TIME) for stage in stages]] for name, found in result.items()]
    off = max(found["difference"] for found in result.values())
    said = f"Largest relative difference of values and gradients: {off:.0e}."
    return "\n\n".join([IMPORTS, said, table(["", *stages], rows)])


def _syntax(result: dict[str, Any]) -> str:
    others = [[f"{int(n):,}", per_box(run["median"], int(n))] for n, run in result["discopy"].items()]
    return "\n\n".join(
        [
            "Seconds, and microseconds a box. Each size runs in a process of its own; memory is what its first "
            "pass through all stages adds to the peak. Hashing includes the normal form; saving and loading are "
            "of JSON files that are read back whole.",
            _chains(result["sizes"], STAGES, result["exponents"]),
            "The derivatives of a chain of sin and tanh, whose rules are there. The result of `reverse` has four boxes "
            "for each, and so have `forward` and the two maps of `lens` together:",
            _chains(result["derivatives"], DERIVATIVES, result["exponents"]),
            "DisCoPy's own composition of the same chain, "
            f"which grows with exponent {result['exponents']['discopy']:.2f}:",
            table(["boxes", "compose"], others),
        ]
    )


def _chains(sizes: dict[str, Any], stages: Sequence[str], exponents: dict[str, float]) -> str:
    header = ["a chain of n boxes", *[f"{int(n):,}" for n in sizes], "growth exponent"]
    rows = []
    for stage in stages:
        cells = [per_box(run["seconds"][stage]["median"], int(n)) for n, run in sizes.items()]
        rows.append([stage, *cells, f"{exponents[stage]:.2f}"])
    rows.append(["peak memory", *[shown(run["memory"], BYTES) for run in sizes.values()], ""])
    return table(header, rows)


def _reading(result: dict[str, Any]) -> str:
    header = [
        "value and reverse of a chain",
        *[f"{run['boxes']:,} boxes" for run in result["sizes"].values()],
        "growth",
    ]
    rows = []
    for stage in CHAINS:
        cells = [per_box(run["seconds"][stage]["median"], run["boxes"]) for run in result["sizes"].values()]
        rows.append([stage, *cells, f"{result['exponents'][stage]:.2f}"])
    rows.append(["boxes left", *[f"{run['left']:,}" for run in result["sizes"].values()], ""])
    found = result["transformer"]
    readings = [[name, shown(s["median"], TIME), f"{found['lines'][name]:,}"] for name, s in found["seconds"].items()]
    return "\n\n".join(
        [
            READING,
            table(header, rows),
            f"Value and gradient of the loss of `{result['spec']}` (lines of text; of *simplify*, closed boxes):",
            table(["", "time", "lines"], readings),
        ]
    )


def _certifying(result: dict[str, Any]) -> str:
    rows = []
    for method, found in result["corpus"].items():
        cells = ["{} of {}".format(*found[key]) for key in ("found", "alarms")]
        rows.append([f"`{method}`", *cells, str(found["did not run"]), shown(found["seconds"], TIME)])
    named, model = result["named"], result["model"]
    lines = [
        f"{CERTIFYING} Every {result['every']}. case is taken." if result["every"] > 1 else CERTIFYING,
        table(["", "found", "false alarms", "did not run", "time a case, in the median"], rows),
        f"Of {named['of']} pipelines with one wrong box among 20 to 200, `check` finds {named['found']} and names the "
        f"wrong box and no other in {named['named']}; without the fault {named['alarm']} raise an alarm.",
    ]
    if model is not None:
        lines.append(
            f"`{model['spec']}` is certified in {shown(model['seconds'], TIME)}, and again, from memory, in "
            f"{shown(model['again'], TIME)}: {model['kinds']} kinds of boxes, the dearest with {model['evaluations']} "
            "derivative evaluations."
        )
    return "\n\n".join(lines)


SECTIONS = {
    "repetition": ("Repetition", _repetition),
    "epoch": ("An epoch", _epoch),
    "imports": ("Imported programs", _imports),
    "syntax": ("Syntax at scale", _syntax),
    "reading": ("Reading a derivative", _reading),
    "certifying": ("Finding wrong derivatives", _certifying),
}
