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
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from . import programs, syntax
from .cases import CASES
from .report import budgets, environment, markdown
from .timing import Effort

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"

EFFORTS = {
    "full": {"compile": Effort(3, 7, 60.0), "run": Effort(15, 300, 40.0), "python": Effort(3, 15, 10.0)},
    "quick": {"compile": Effort(1, 2, 10.0), "run": Effort(5, 60, 4.0), "python": Effort(2, 5, 3.0)},
    "tiny": {"compile": Effort(1, 1, 0.0), "run": Effort(1, 1, 0.0), "python": Effort(1, 1, 0.0)},
}
CHAINS = {
    "full": ((10**3, 10**4, 10**5, 10**6), (1000, 3000)),
    "quick": ((10**3, 10**4, 10**5), (100, 300)),
    "tiny": ((10, 100), (10, 20)),
}


def options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Paralens beside other ways to write JAX")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", help="small models, few repeats")
    size.add_argument("--tiny", dest="size", action="store_const", const="tiny", help="does it run: one repeat of all")
    parser.add_argument("--only", nargs="+", choices=["syntax", *CASES], metavar="PART", help="syntax, or a model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to this file")
    parser.set_defaults(size="full")
    return parser.parse_args()


def run(size: str, parts: list[str], say: Callable[[str], None]) -> dict[str, Any]:
    """The results of these parts as plain data."""
    results: dict[str, Any] = {"environment": environment(), "size": size, "models": {}}
    for part in parts:
        if part == "syntax":
            results["syntax"] = syntax.measure(*CHAINS[size], lambda text: say(f"syntax: {text}"))
        else:
            case = CASES[part][size]
            results["models"][part] = programs.measure(
                case, EFFORTS[size], lambda text, part=part: say(f"{part}: {text}")
            )
    return results | {"budgets": budgets(results)}


def main() -> None:
    """Run the benchmarks that were asked for, show them, and write them down."""
    asked = options()
    parts = asked.only or ["syntax", *CASES]
    # a program that comes from the cache was not compiled
    jax.config.update("jax_enable_compilation_cache", False)
    console = Console()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        steps = sum(len(CHAINS[asked.size][0]) + 1 if part == "syntax" else 4 for part in parts)
        task = progress.add_task("", total=steps)

        def say(text: str) -> None:
            progress.update(task, description=text, advance=1)

        results = run(asked.size, parts, say)
    page = markdown(results)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1))
    if asked.size == "full" and not asked.only:
        PAGE.write_text(page)
        console.print(f"wrote {PAGE}")
    console.print(Markdown(page))


if __name__ == "__main__":
    main()
