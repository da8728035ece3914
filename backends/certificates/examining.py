"""A box examined, or remembered: from its examination to a certificate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...categories.errors import ParalensError
from .certificate import BoxCertificate, Point
from .clauses.subjects import double
from .examination import UNRESOLVED, Examination
from .orders import higher
from .proving import proved
from .stored import key_of, remembered
from .targets import Facts, Target, release

__all__ = ["examine"]


def examine(target: Target, facts: Facts, path: str, paths: Sequence[str], order: int = 1) -> BoxCertificate:
    """Examine one box or diagram, or remember that this was done."""
    with double():
        key = key_of(target, facts, order)
    return remembered(key, target.d, path, paths, lambda: _examined(target, facts, path, paths, order))


def _examined(target: Target, facts: Facts, path: str, paths: Sequence[str], order: int) -> BoxCertificate:
    start = time.perf_counter()

    def certificate(verdict: str, method: str, **more: Any) -> BoxCertificate:
        took = time.perf_counter() - start
        return BoxCertificate(path, tuple(paths), target.d, verdict, method, seconds=took, order=order, **more)

    moves = any(w.size for w in target.region.wires)
    if not moves or not any(w.differentiable and w.size for w in target.d.cod.inside):
        return certificate("proved", "nothing moves")
    with double():
        run = Examination(target, facts, order)
        missing = run.subject.claims.missing
        if not run.subject.per_node:
            reason = "; ".join(dict.fromkeys(missing.values()))
            return certificate("undecided", "no derivative", reason=reason, missing=missing)
        try:
            run.run()
        except (ParalensError, KeyboardInterrupt):
            raise
        except Exception as error:  # a program that does not run says nothing about its derivative
            first = str(error).strip().split("\n")[0]
            return certificate("undecided", "did not run", reason=f"{type(error).__name__}: {first}", missing=missing)
        finally:
            release(target)
        verdict, reason = run.verdict()
    found = run.integral
    kinks = [p for p in run.points if p.kind.startswith("kink")]
    made = certificate(
        verdict,
        "tangents" if facts.tangent is not None else "integral",
        reason=reason,
        curves=run.curves,
        panels=found.panels,
        resolved=found.resolved,
        worst=max(found.worst, run.worst) if run.witness is None else run.witness.ratio,
        evals=run.subject.evals + run.spent,
        points=tuple(Point(tuple(p.x), p.claimed, p.low, p.high, p.kind == "kink") for p in kinks),
        witness=run.witness,
        missing=missing,
    )
    if (
        (verdict == "correct" or reason == UNRESOLVED)
        and order == 1
        and facts.effort != "quick"
        and facts.tangent is None
        and facts.surrogate is None
    ):
        made = replace(made, verdict="proved", method="sympy", reason="") if proved(target.d) else made
    return made if order >= facts.order or not made.ok else higher(made, target, facts, order, examine)
