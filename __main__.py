"""The command line: `python -m paralens demo` runs the main job on real data."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


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
    chosen = parser.parse_args(arguments)
    if chosen.command == "coverage":
        from .functors import coverage

        print(coverage())
        return 0

    from .backends.demo import run

    return run(chosen.out, epochs=chosen.epochs, seed=chosen.seed)


if __name__ == "__main__":
    sys.exit(main())
