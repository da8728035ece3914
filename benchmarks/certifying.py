"""Finding wrong derivatives: `paralens.check` beside `jax.test_util.check_grads` on the corpus of the tests.

    transformer seconds to certify a model at the default effort, and once more from memory
    corpus      of the planted rules, how many are found; of the right ones, how many raise an alarm; seconds a case
    pipelines   of those with one wrong box, how many are found, and in how many it alone is named

`check_grads` is given ten random points of the domain, and once more the declared special points as well. What it
cannot run (a `custom_vjp` forwards, an argument that is an integer) it is spared.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import jax
import jax.test_util
import numpy as np

from . import with_paralens
from .cases import Transformer
from .timing import seconds

__all__ = ["METHODS", "measure"]

METHODS = ("check_grads", "check_grads with points", "check")
SEEDS = 10
TESTS = str(Path(__file__).parent.parent / "tests")


def corpus() -> tuple[Sequence[Any], Sequence[Any]]:
    """The cases and the pipelines; they lie with the tests."""
    if TESTS not in sys.path:
        sys.path.append(TESTS)
    return import_module("corpus").cases(), import_module("corpus_pipelines").pipelines()


def measure(every: int, spec: Transformer | None, say: Callable[[str], None]) -> dict[str, Any]:
    """What each method says of every so many-th case and pipeline, and a model's time, as plain data."""
    cases, pipelines = corpus()
    model = None if spec is None else _model(spec, say)
    rows = [_case(case, say) for case in cases[::every]]
    named = [_pipeline(pipeline, say) for pipeline in pipelines[::every]]
    whole = {"cases": rows, "pipelines": named, "corpus": _totals(rows), "named": _counts(named)}
    return whole | {"every": every, "model": model}


def _model(spec: Transformer, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds to certify a transformer, first and again, its kinds of boxes and the evaluations of the dearest."""
    from paralens import check

    say(str(spec))
    model, x = with_paralens.transformer(spec), spec.data()[0][0]
    made: dict[str, Any] = {}
    first = seconds(lambda: made.update(found=check(model, x)))
    again = seconds(lambda: check(model, x))
    rows = made["found"].rows
    return {
        "spec": str(spec),
        "seconds": first,
        "again": again,
        "kinds": len(rows),
        "evaluations": max(row.evals for row in rows),
        "verdict": made["found"].verdict,
    }


def _case(case: Any, say: Callable[[str], None]) -> dict[str, Any]:
    say(case.name)
    found = {
        "check_grads": lambda: _differences(case, case.samples(SEEDS)),
        "check_grads with points": lambda: _differences(case, [*case.samples(SEEDS), *case.special]),
        "check": lambda: _verdict(lambda check: case.run(check)),
    }
    row: dict[str, Any] = {"name": case.name, "kind": case.kind, "expected": case.expected, "says": {}, "seconds": {}}
    for method, ask in found.items():
        jax.clear_caches()  # each method compiles for itself
        row["seconds"][method] = seconds(lambda method=method, ask=ask: row["says"].update({method: ask()}))
    return row


def _verdict(run: Callable[[Any], Any]) -> str:
    from paralens import check

    return run(check).verdict


def _differences(case: Any, points: Iterable[Any]) -> str:
    """ "wrong" if finite differences disagree at one of the points, "correct" if at none; or why it does not run."""
    with jax.enable_x64(case.x64), warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        f = case.make()
        try:
            return "correct" if all(_agrees(f, x, case.order) for x in points) else "wrong"
        except Exception as error:
            return type(error).__name__


def _agrees(f: Callable[..., Any], point: Any, order: int) -> bool:
    moving = [i for i, x in enumerate(point) if jax.numpy.issubdtype(np.asarray(x).dtype, np.inexact)]

    def only(*xs: Any) -> Any:
        values = dict(zip(moving, xs, strict=True))
        return f(*(values.get(i, x) for i, x in enumerate(point)))

    xs = tuple(jax.numpy.asarray(point[i]) for i in moving)
    try:
        jax.test_util.check_grads(only, xs, order)
    except TypeError:
        return _passes(only, xs, order, ("rev",))
    except AssertionError:
        return False
    return True


def _passes(f: Callable[..., Any], xs: Any, order: int, modes: Sequence[str]) -> bool:
    try:
        jax.test_util.check_grads(f, xs, order, modes)
    except AssertionError:
        return False
    return True


def _pipeline(pipeline: Any, say: Callable[[str], None]) -> dict[str, Any]:
    """Whether the faulty one is found, whether its culprits alone are named, and whether the sound one passes."""
    from paralens import check

    say(pipeline.name)
    made: dict[str, Any] = {}
    time = seconds(lambda: made.update(faulty=pipeline.run(check), sound=pipeline.run(check, faulty=False)))
    wrong = [row.path for row in made["faulty"].rows if row.verdict == "wrong"]
    missed = [c for c in pipeline.culprits if not any(c in path for path in wrong)]
    others = [path for path in wrong if not any(c in path for c in pipeline.culprits)]
    return {
        "name": pipeline.name,
        "found": bool(wrong),
        "named": not missed and not others,
        "wrong": wrong,
        "alarm": made["sound"].verdict == "wrong",
        "seconds": time,
    }


def _totals(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each method: planted rules found, alarms on right ones, what did not run, seconds in the median."""

    def count(method: str, expected: str) -> list[int]:
        of = [row for row in rows if row["expected"] == expected]
        return [sum(row["says"][method] == "wrong" for row in of), len(of)]

    def fails(method: str) -> int:
        return sum(row["says"][method].endswith(("Error", "Exception")) for row in rows)

    return {
        method: {
            "found": count(method, "wrong"),
            "alarms": count(method, "fine"),
            "did not run": fails(method),
            "seconds": float(np.median([row["seconds"][method] for row in rows])),
        }
        for method in METHODS
    }


def _counts(named: Sequence[dict[str, Any]]) -> dict[str, Any]:
    total = {key: sum(row[key] for row in named) for key in ("found", "named", "alarm")}
    return total | {"of": len(named), "seconds": float(np.median([row["seconds"] for row in named]))}
