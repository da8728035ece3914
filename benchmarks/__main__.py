"""The command line: `python -m benchmarks [--quick | --tiny] [--only PART ...] [--json FILE]`.

A full run writes docs/benchmarks.md; any other prints its tables.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import certifying, epochs, imports, models, reading, repetition, second_order, syntax, traces
from .budgets import budgets
from .cases import CASES, EPOCHS, SECOND, STACKS
from .report import environment, markdown
from .timing import Effort

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

EFFORTS = {
    "full": {"compile": Effort(2, 7, 12.0), "run": Effort(15, 300, 11.0), "python": Effort(5, 30, 2.0)},
    "quick": {"compile": Effort(1, 2, 4.0), "run": Effort(5, 60, 3.0), "python": Effort(3, 10, 1.0)},
    "tiny": {"compile": Effort(1, 1, 0.0), "run": Effort(1, 1, 0.0), "python": Effort(1, 1, 0.0)},
}
PROCESSES = {"full": 3, "quick": 1, "tiny": 1}
CHAINS = {
    "full": ((10**3, 10**4, 10**5, 10**6), (1000, 3000)),
    "quick": ((10**3, 10**4, 10**5), (100, 300)),
    "tiny": ((10, 100), (10, 20)),
}
READ = {"full": (10**3, 10**4, 10**5), "quick": (10**3, 10**4), "tiny": (20, 40)}
CERTIFIED = {"full": 3, "quick": 12, "tiny": 60}  # every so many-th case of the corpus
Say = Callable[[str], None]


def _model(size: str, case: str, say: Say) -> dict[str, Any]:
    found = models.measure(CASES[case][size], EFFORTS[size], say)
    return found | {"python": traces.measure(case, size, EFFORTS[size]["python"], PROCESSES[size], say)}


def _second(size: str, case: str, say: Say) -> dict[str, Any]:
    return second_order.measure(CASES[case][size], EFFORTS[size], say)


def _repetition(size: str, part: str, say: Say) -> dict[str, Any]:
    return repetition.measure(STACKS[size], EFFORTS[size], say)


def _epoch(size: str, part: str, say: Say) -> dict[str, Any]:
    return epochs.measure(EPOCHS[size], EFFORTS[size], say)


def _imports(size: str, part: str, say: Say) -> dict[str, Any]:
    return imports.measure(size, EFFORTS[size]["python"], say)


def _reading(size: str, part: str, say: Say) -> dict[str, Any]:
    return reading.measure(READ[size], CASES["transformer"][size], say)  # type: ignore[arg-type]


def _certifying(size: str, part: str, say: Say) -> dict[str, Any]:
    spec = None if size == "tiny" else CASES["transformer"][size]
    return certifying.measure(CERTIFIED[size], spec, say)  # type: ignore[arg-type]


def _syntax(size: str, part: str, say: Say) -> dict[str, Any]:
    chains, others = CHAINS[size]
    return syntax.measure(chains, others, say)


SECOND_ORDER = {f"second-{case}": case for case in SECOND}
PARTS: dict[str, Callable[[str, str, Say], dict[str, Any]]] = {
    "syntax": _syntax,
    **dict.fromkeys(CASES, _model),
    **{name: lambda size, part, say: _second(size, SECOND_ORDER[part], say) for name in SECOND_ORDER},
    "repetition": _repetition,
    "epoch": _epoch,
    "imports": _imports,
    "reading": _reading,
    "certifying": _certifying,
}


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Paralens beside other ways to write JAX")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="small models, few repeats")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="does it run: one repeat of all")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to this file")
    parser.set_defaults(size="full")
    return parser.parse_args()


def run(size: str, parts: list[str], say: Say) -> dict[str, Any]:
    """The results of these parts as plain data."""
    results: dict[str, Any] = {"environment": environment(), "size": size}
    for part in parts:
        found = PARTS[part](size, part, lambda text, part=part: say(f"{part}: {text}"))
        if part in CASES:
            results.setdefault("models", {})[part] = found
        elif part in SECOND_ORDER:
            results.setdefault("second order", {})[SECOND_ORDER[part]] = found
        else:
            results[part] = found
    return results | {"budgets": budgets(results)}


def main() -> None:
    """Run the benchmarks that were asked for, show them, and write them down."""
    asked = options()
    # a program that comes from the cache was not compiled
    jax.config.update("jax_enable_compilation_cache", False)
    console = Console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=None)
        results = run(asked.size, asked.only or list(PARTS), lambda text: progress.update(task, description=text))
    page = markdown(results)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))
    if asked.size == "full" and not asked.only:
        PAGE.write_text(page)
        console.print(f"wrote {PAGE}")
    console.print(Markdown(page))


if __name__ == "__main__":
    main()
