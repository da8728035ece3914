"""The budgets: what the project promises of its speed, as limits on ratios of the results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import epochs, reading, repetition
from .contestants import CONTROL, OURS
from .imports import STAGES as IMPORT
from .programs import TIMES
from .syntax import DERIVATIVES, STAGES
from .traces import OURS as PYTHON

__all__ = ["budgets"]

RATIOS = {"step": 1.02, "temporary": 1.02, "flops": 1.005}
COMPOSED, SECONDS, GROWTH = 100_000, 5.0, 1.15
TRACE = 0.6
# one scan is one scan: what is above 1 is noise of compiling
CONSTANT = 1.25
HALF = 0.5
MISSED, CERTIFIED, EVALUATIONS = 0.03, 30.0, 1000
FORMULAS = 10.0
Budget = dict[str, Any]


def budgets(results: dict[str, Any]) -> list[Budget]:
    """Every budget that the results speak about: what it is, the value, the limit, and whether it is met."""
    found: list[Budget] = []
    for case, result in results.get("models", {}).items():
        found += _ratios(case, result, OURS, like=result["like"])
        found.append(_budget(f"{case}: gradient in Python", _ratio(result["python"]["warm"][PYTHON[-1]]), TRACE))
    for case, result in results.get("second order", {}).items():
        found += _ratios(f"{case}, Hessian-vector product", result, OURS)
        found.append(_budget(f"{case}, Hessian-vector product: in Python", _ratio(result["trace"][OURS]), TRACE))
    for part, of in PARTS.items():
        if part in results:
            found += of(results[part])
    return found


def _repetition(result: dict[str, Any]) -> list[Budget]:
    repeated = [name for name in result["growth"] if name.startswith(repetition.SCAN)]
    last = result["growth"][repeated[-1]]["together"]
    found = [_budget(f"{repeated[-1]}: built, reversed, compiled, to {repeated[0]}", _ratio(last), CONSTANT)]
    n, memory = result["memory"]["n"], result["memory"]
    found += _ratios(f"repeat, n = {result['step']['n']}", result["step"], repetition.SCAN)
    found += _ratios(f"repeat, n = {n}, store", memory, repetition.STORED)
    found += _ratios(f"repeat, n = {n}, recompute, to jax.checkpoint", memory, repetition.RECOMPUTED, memory["like"])
    less = _ratio(memory["saved"]["temporary"])
    return [*found, _budget(f"repeat, n = {n}: temporary memory of recompute, to that of store", less, HALF)]


def _imports(result: dict[str, Any]) -> list[Budget]:
    rows = {name: found["rows"][IMPORT[-1]] for name, found in result.items()}
    return [_budget(f"imported {name}: gradient in Python", _ratio(row), TRACE) for name, row in rows.items()]


def _epoch(result: dict[str, Any]) -> list[Budget]:
    cells, loop = result["epoch"], result["scan to loop"]
    noise = _ratio(cells[CONTROL])
    return [
        _budget("epoch as one scan", _ratio(cells[epochs.SCAN]), RATIOS["step"], noise),
        _budget("epoch as one scan, to a Python loop of steps", _ratio(loop), RATIOS["step"], noise),
    ]


def _syntax(result: dict[str, Any]) -> list[Budget]:
    run, found = result["sizes"].get(str(COMPOSED)), []
    if run:
        total = sum(run["seconds"][stage]["median"] for stage in ("compose", "flatten", "hash"))
        found.append(_budget(f"{COMPOSED:,} boxes composed, flattened, hashed (seconds)", total, SECONDS))
    stages: Sequence[str] = (*STAGES, *DERIVATIVES)
    return found + [_budget(f"growth exponent: {stage}", result["exponents"][stage], GROWTH) for stage in stages]


def _reading(result: dict[str, Any]) -> list[Budget]:
    arrays = result["transformer"]["seconds"]["arrays"]["median"]
    found = [_budget("the gradient of a transformer as formulas of arrays (seconds)", arrays, FORMULAS)]
    run = result["sizes"].get(str(COMPOSED))
    if run:
        time = run["seconds"]["simplify"]["median"]
        found.append(
            _budget(f"{run['boxes']:,} boxes simplified (seconds for 100,000)", time * COMPOSED / run["boxes"], SECONDS)
        )
    return found + [_budget(f"growth exponent: {s}", result["exponents"][s], GROWTH) for s in reading.CHAINS]


def _certifying(result: dict[str, Any]) -> list[Budget]:
    (found, of), (alarms, _) = (result["corpus"]["check"][key] for key in ("found", "alarms"))
    rows = [_budget("wrong rules missed (part)", 1 - found / of, MISSED), _budget("false alarms", alarms, 0)]
    model = result["model"]
    if model is None:
        return rows
    return [
        *rows,
        _budget("a transformer certified (seconds)", model["seconds"], CERTIFIED),
        _budget("derivative evaluations of a kind of box", model["evaluations"], EVALUATIONS),
    ]


PARTS = {
    "repetition": _repetition,
    "epoch": _epoch,
    "imports": _imports,
    "syntax": _syntax,
    "reading": _reading,
    "certifying": _certifying,
}


def _ratios(what: str, result: dict[str, Any], name: str, like: dict[str, Any] | None = None) -> list[Budget]:
    """The budgets of a compiled program, relative to the first of its table, or to another where `like` has it."""
    found = []
    # another base than the first program altogether: then it says nothing whether that is the same
    other = like is not None and "flops" in like
    for measure, limit in RATIOS.items():
        cells = result["measures"][measure]
        timed = measure in TIMES
        entry = (like or {}).get(measure, cells[name])
        noise = _ratio(cells[CONTROL]) if timed else None
        same = result["same program"][name] if timed and not other else None
        found.append(_budget(f"{what}: {measure}", _ratio(entry), limit, noise, same))
    return found


def _ratio(entry: dict[str, Any]) -> float:
    return entry["ratio"]["median"]


def _budget(what: str, value: float, limit: float, noise: float | None = None, same: str | None = None) -> Budget:
    return {"what": what, "value": value, "limit": limit, "noise": noise, "same program": same, "met": value <= limit}
