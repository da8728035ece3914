"""The command line: `python -m paralens demo` runs the main job on real data, `check` certifies derivatives.

    python -m paralens check package.module:name

The name is that of a diagram, a model or a learner, or of a function of no arguments that gives one of these, or a JAX
function with what `check` is to know of it: `(f, *examples)` or `(f, *examples, {"domain": ..., "special": ...})`.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

INTERRUPTED = 130  # the exit status of shells for what the keyboard ended
USAGE = 2  # the exit status of a command that could not be run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status (0 when all went well)."""
    from . import __version__

    parser = argparse.ArgumentParser(prog="paralens", description="Deep learning where a model is a string diagram.")
    parser.add_argument("--version", action="version", version=f"paralens {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="compose, draw, compile and train a classifier of handwritten digits")
    demo.add_argument("--out", type=Path, default=Path("out"), help="folder of the pictures (default: out)")
    demo.add_argument("--epochs", type=int, default=20, help="passes over the training data (default: 20)")
    demo.add_argument("--seed", type=int, default=0, help="seed of the parameters and the shuffling (default: 0)")
    commands.add_parser("coverage", help="list every primitive of the installed JAX and how it is differentiated")
    _check_options(commands.add_parser("check", help="certify the derivatives of a diagram, a model or a function"))
    chosen = parser.parse_args(arguments)
    return COMMANDS[chosen.command](chosen)


def _demo(chosen: argparse.Namespace) -> int:
    from .backends.demo import run

    return run(chosen.out, epochs=chosen.epochs, seed=chosen.seed)


def _coverage(chosen: argparse.Namespace) -> int:
    from .functors import coverage

    print(coverage())
    return 0


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Certify derivatives, box by box. The exit status is 0 when nothing is wrong, 1 when something is, and 2 when "
        "nothing could be checked; what is undecided is told on stderr."
    )
    parser.add_argument(
        "name",
        metavar="module:name",
        help="a diagram, model or learner, or a function of no arguments that gives one, or (f, *examples) or "
        "(f, *examples, {fact: value}) for a JAX function f",
    )
    parser.add_argument("--effort", choices=("quick", "standard", "thorough"), help="evaluations (default: standard)")
    parser.add_argument("--order", type=int, help="order of the derivatives (default: 1)")
    parser.add_argument("--seed", type=int, help="seed of curves and directions (default: 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the certificate as JSON")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="draw the diagram with verdicts (.svg or .png)")


def _check(chosen: argparse.Namespace) -> int:
    """Certify what a name stands for, say so, and give the exit status."""
    from . import ParalensError, check

    try:
        arguments, facts = _arguments(_named(chosen.name))
        facts |= {k: v for k in ("effort", "order", "seed") if (v := getattr(chosen, k)) is not None}
        found = check(*arguments, **facts)
        print(found)
        if chosen.json:
            found.to_json(chosen.json)
        if chosen.draw:
            found.draw(chosen.draw)
    except (ParalensError, LookupError) as error:
        print(f"paralens check: {error}", file=sys.stderr)
        return USAGE
    except Exception:  # a status of 1 would say that a derivative is wrong
        traceback.print_exc()
        return USAGE
    if found.left_out and found.ok:
        print("paralens check: interrupted", file=sys.stderr)
        return INTERRUPTED
    if found.verdict == "undecided":
        print(f"paralens check: warning: {chosen.name} is not all decided", file=sys.stderr)
    return 0 if found.ok else 1


def _named(name: str) -> Any:
    """What stands under module:name. Raises `LookupError` where nothing does."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise LookupError(f"{name!r} names nothing: write module:name, as in examples.models:transformer")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of this folder, for the installed command too
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        if not error.name or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise LookupError(f"there is no module {error.name!r}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise LookupError(f"{module!r} has nothing called {attribute!r}")
        found = getattr(found, part)
    return found


def _arguments(found: Any) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of `check` and its facts."""
    from . import Diagram, Learner, Para, check

    if callable(found) and not isinstance(found, (Diagram, Para, Learner)):
        if any(
            p.default is p.empty and p.kind < p.VAR_POSITIONAL for p in inspect.signature(found).parameters.values()
        ):
            raise LookupError(
                f"{getattr(found, '__name__', found)} takes arguments, and there is no example of them: name a "
                "function of none that returns (f, *examples)"
            )
        found = found()
    given = list(found) if isinstance(found, (tuple, list)) else [found]
    known = {p.name for p in inspect.signature(check).parameters.values() if p.kind is p.KEYWORD_ONLY}
    last = given[-1] if len(given) > 1 else None
    if isinstance(last, dict) and last and set(last) <= known:
        return given[:-1], dict(last)
    return given, {}


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {"demo": _demo, "coverage": _coverage, "check": _check}

if __name__ == "__main__":
    sys.exit(main())
