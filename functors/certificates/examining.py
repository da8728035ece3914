"""A box examined, or remembered: from its examination to a certificate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...categories.errors import ParalensError
from ...diagrams.box import Box
from ...diagrams.tracing.emit import callable_of
from .algebra import Algebra
from .certificate import BoxCertificate, Point
from .criteria.digits import digits_left
from .criteria.guards import Crossing, guarded
from .criteria.noise import OPEN
from .criteria.proving import proved
from .display import listed
from .examination import UNRESOLVED, Examination
from .orders import higher
from .plots.parts import Stretch
from .plots.subjects import double, widened
from .stored import key_of, remembered
from .targets import EFFORTS, Facts, Target, guards_in, release, running

__all__ = ["examine"]

FORMULAS = frozenset(("correct", "proved", "intensional"))


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
        crossings = _crossed(target, facts) if moves else []
        if crossings:
            where = tuple(Point(tuple(c.point), np.nan, *_sides(target, c), False, jump=True) for c in crossings)
            return certificate("discontinuous", "guard", points=where, crossed=tuple(paths[:1]))
        return certificate("proved", "nothing moves")

    def again() -> BoxCertificate:
        """Promoted as a diagram, then in its own format: what is in it may refuse any other."""
        other = replace(target, baked=target.wide is None, wide=None)
        return _examined(other, facts, path, paths, order)

    with running(target):
        try:
            run = Examination(target, facts, order)
        except Exception as error:
            if target.own:
                return again()
            if isinstance(error, ParalensError):
                raise
            return certificate("undecided", "no derivative", reason=_first_line(error))
        missing = run.subject.claims.missing
        if not run.subject.per_node:
            if target.own:
                return again()
            reason = "; ".join(dict.fromkeys(missing.values()))
            return certificate("undecided", "no derivative", reason=reason, missing=missing)
        try:
            run.run()
        except Exception as error:  # a program that does not run says nothing about its derivative
            if target.own:
                return again()
            if isinstance(error, ParalensError):
                raise
            return certificate("undecided", "did not run", reason=_first_line(error), missing=missing)
        finally:
            release(target)
        verdict, reason = run.verdict()
    made = _judged(target, facts, run, verdict, reason, certificate)
    if order == 1 and facts.effort != "quick" and facts.surrogate is None and facts.algebra is not None:
        made = _by_formula(made, target, facts, run, facts.algebra)
    return made if order >= facts.order or not made.ok else higher(made, target, facts, order, examine)


def _judged(
    target: Target,
    facts: Facts,
    run: Examination,
    verdict: str,
    reason: str,
    certificate: Callable[..., BoxCertificate],
) -> BoxCertificate:
    """The certificate of what an examination found."""
    found = run.integral
    kinks = [p for p in run.points if p.kind.startswith("kink") or p.kind == "jump"]
    return certificate(
        verdict,
        "tangents" if facts.tangent is not None else "integral",
        reason=reason,
        curves=run.curves,
        panels=found.panels,
        resolved=found.resolved,
        worst=max(found.worst, run.worst) if run.witness is None else run.witness.ratio,
        evals=run.subject.evals + run.spent,
        points=tuple(Point(tuple(p.x), p.claimed, p.low, p.high, p.kind == "kink", p.kind == "jump") for p in kinks),
        crossed=tuple(run.crossed),
        witness=run.witness,
        missing=run.subject.claims.missing,
    )


def _by_formula(
    made: BoxCertificate, target: Target, facts: Facts, run: Examination, algebra: Algebra
) -> BoxCertificate:
    """The certificate with what computer algebra knows of the box: a proof, or how many digits its slopes have lost."""
    open_ = made.verdict == "correct" or made.reason in (UNRESOLVED, OPEN["noise"])
    if open_ and facts.tangent is None and proved(target.d, algebra):
        made = replace(made, verdict="proved", method="sympy", reason="")
    return _precise(made, target, run, algebra) if made.verdict in FORMULAS else made


def _precise(made: BoxCertificate, target: Target, run: Examination, algebra: Algebra) -> BoxCertificate:
    """The certificate, which is of something imprecise where slopes in doubles have lost most of their digits."""
    if len(target.moves) != len(target.d.dom):
        return made
    with double():
        points = [p.at(j)[0] for p in run.integral.nodes[:4] for j in range(0, 17, 2)]
        found = digits_left(target.d, [*points, *target.region.met], algebra)
    if found is None:
        return made
    left, at = found
    reason = f"{left:.0f} of 16 digits of its slope are left at {listed(at)}"
    return replace(made, verdict="imprecise", method="mpmath", reason=reason)


def _crossed(target: Target, facts: Facts) -> list[Crossing]:
    """Where curves through a region cross a box that gives nothing with a tangent, such as a comparison."""
    if target.d.bodies if isinstance(target.d, Box) else not guarded(target.d):
        return []
    with double():
        guards = guards_in(target)
        if guards is None:
            return []
        rng = np.random.default_rng(facts.seed)
        effort = EFFORTS[facts.effort]
        panels = []
        for curve in islice(target.region.curves(rng), 2 * effort.curves):
            panels += [
                Stretch(curve, a, b, None) for a, b in pairwise(np.linspace(0.0, 1.0, effort.parts + 1).tolist())
            ]
        try:
            return guards.crossings(panels, 1)
        finally:
            guards.release()


def _sides(target: Target, c: Crossing) -> tuple[float, float]:
    """The first entry that is another on the other side of a crossing, and what it is on both."""
    found = []
    with double():
        for t in (c.low, c.high):
            given = list(widened(target.d.dom.inside, target.met[0] if c.fixed is None else c.fixed))
            xs = [a[0] for a in c.curve.at(np.array([t]))[0]]
            for i, x in zip(target.moves, xs, strict=True):
                given[i] = jnp.asarray(x, target.promotion.dom.inside[i].dtype)
            made = callable_of(target.promotion)(*given)
            found.append(np.concatenate([np.ravel(np.asarray(y)).astype(float) for y in made]))
    differ = np.flatnonzero(found[0] != found[1])
    e = int(differ[0]) if len(differ) else 0
    return float(found[0][e]), float(found[1][e])


def _first_line(error: Exception) -> str:
    """The first line of what went wrong."""
    return f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"
