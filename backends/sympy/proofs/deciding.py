"""Whether two expressions are equal almost everywhere: proved, refuted at a point, or undecided with the reason.

First both are evaluated at a few points of the domain; where they differ by more than the rounding of a constant, and
still do so nearby, they are refuted. Then their difference is taken apart into cases, and each case is brought to
normal form; if it is zero in every one the equality is proved. What is left is looked for at points of the case at
hand, and `sympy.simplify` is asked if it is small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import sympy
from sympy import S
from sympy.core.function import AppliedUndef

from .cases import Case, TooManyCases, leaves
from .dags import nodes, rebuilt, symbols_in
from .normal import Normal
from .points import DIGITS, Outside, Point, evaluate, points
from .polynomials import TooLarge
from .quotients import NoNormalForm

__all__ = ["Decision", "Domain", "Pair", "decide", "unknown"]

TRIES, ENOUGH, MANY = 60, 3, 400
SMALL = 60  # different parts of an expression that sympy may simplify
UNKNOWN = (AppliedUndef, sympy.Derivative, sympy.Subs, sympy.Integral)


@dataclass(frozen=True)
class Pair:
    """What is claimed and what is true of one entry; `rounding` is the relative error of a constant there."""

    claimed: Any
    true: Any
    rounding: float = 0.0

    @property
    def difference(self) -> Any:
        return self.claimed - self.true


@dataclass(frozen=True)
class Decision:
    """The verdict on a list of pairs; where one was refuted its number, the point and the two values there."""

    verdict: str
    reason: str = ""
    at: int = 0
    point: Point | None = None
    values: tuple[Any, Any] = (None, None)


@dataclass(frozen=True)
class Domain:
    """The symbols, those of them that move, the expressions that must be real and finite, and if a wire is complex."""

    symbols: tuple[Any, ...]
    moving: frozenset[Any]
    inside: tuple[Any, ...]
    complex: bool = False

    def points(self, seed: int, tries: int) -> Iterator[tuple[Point, dict[Any, Any]]]:
        """Points of the domain, each with the values that are known there."""
        for point in points(self.symbols, seed, tries):
            known: dict[Any, Any] = {}
            try:
                for e in self.inside:
                    value = evaluate(e, point, known)
                    if isinstance(value, mpmath.mpc) and sympy.I not in nodes(e) and abs(value.imag) > TINY:
                        raise Outside
            except Outside:
                continue
            yield point, known


TINY = mpmath.mpf(10) ** (-DIGITS // 2)


def decide(pairs: Sequence[Pair], domain: Domain, seed: int = 0) -> Decision:
    """The verdict on all pairs; the first that is refuted, or else undecided, tells the reason."""
    with mpmath.workdps(DIGITS):
        found = _refuted(pairs, domain, seed, TRIES, ENOUGH)
        if found is not None and found.verdict == "refuted":
            return found
        for i, pair in enumerate(pairs):
            decision = _decide(i, pair, domain, seed)
            if decision.verdict != "proved":
                return found if found is not None and decision.verdict == "undecided" else decision
    return Decision("proved")


# --- refuting ---


def _refuted(
    pairs: Sequence[Pair], domain: Domain, seed: int, tries: int, enough: int, case: Case | None = None
) -> Decision | None:
    """The first pair that differs at a point; one that differs by rounding is told as undecided."""
    rounded, seen = None, 0
    for point, known in domain.points(seed, tries):
        if case is not None and not _inside(case, point):
            continue
        seen += 1
        for i, pair in enumerate(pairs):
            try:
                values = evaluate(pair.claimed, point, known), evaluate(pair.true, point, known)
                apart = _apart(*values)
                if apart <= TINY:
                    continue
                if apart > 4 * pair.rounding and _persists(pair, point):
                    return Decision("refuted", at=i, point=point, values=values)
            except Outside:
                continue
            if apart <= 4 * pair.rounding:
                rounded = Decision("undecided", "equal up to the rounding of a constant", at=i)
        if seen >= enough:
            break
    return rounded


def _apart(x: Any, y: Any) -> Any:
    """The relative difference."""
    size = max(abs(x), abs(y))
    return abs(x - y) / size if size > TINY else size


def _persists(pair: Pair, point: Point) -> bool:
    """Whether the two differ nearby too, and not only at a kink."""
    steps = [Fraction(k + 3, 10**13 + 7 * k) for k in range(len(point))]
    moved = {s: v + h if isinstance(v, Fraction) else v for h, (s, v) in zip(steps, point.items(), strict=True)}
    return _apart(evaluate(pair.claimed, moved), evaluate(pair.true, moved)) > TINY


def _inside(case: Case, point: Point) -> bool:
    """Whether a point belongs to a case."""
    try:
        for difference, sign in case.conditions:
            value = evaluate(difference, point)
            if (int(value) if isinstance(value, bool) else mpmath.sign(value)) != sign:
                return False
    except (Outside, TypeError):
        return False
    return True


# --- proving ---


def _decide(i: int, pair: Pair, domain: Domain, seed: int) -> Decision:
    if pair.claimed == pair.true:
        return Decision("proved")
    difference = pair.difference
    blocked = unknown([difference], domain.moving)
    if blocked:
        return Decision("undecided", blocked, at=i)
    reason, parts = "", nodes(difference)
    for deltas in (False, True):
        try:
            failed = _first_failure(difference, deltas, domain.complex)
        except (NoNormalForm, TooLarge, TooManyCases) as error:
            reason = _told(error)
            continue
        if failed is None:
            return Decision("proved")
        reason = f"no reason to be equal was found where {failed}" if failed.facts else "no reason to be equal"
        found = _refuted([pair], domain, seed + 1, MANY, 2 * ENOUGH, failed)
        if found is not None:
            return Decision(found.verdict, found.reason, at=i, point=found.point, values=found.values)
        if not any(isinstance(e, sympy.KroneckerDelta) for e in parts):
            break
    if len(parts) <= SMALL and sympy.simplify(difference) == 0:
        return Decision("proved")
    return Decision("undecided", reason, at=i)


def _first_failure(difference: Any, deltas: bool, complex: bool) -> Case | None:
    """The first case in which the difference is not seen to be zero."""
    form = Normal(complex or any(e is sympy.I or isinstance(e, sympy.conjugate) for e in nodes(difference)))
    return next((case for case in leaves(difference, form, deltas) if not form.is_zero(case.expr)), None)


def unknown(exprs: Sequence[Any], moving: frozenset[Any]) -> str:
    """Why expressions that hold an undefined function of what moves cannot be decided; empty if none does."""
    parts = nodes(*[rebuilt(expr, _convention) for expr in exprs])
    for e in sorted((e for e in parts if isinstance(e, UNKNOWN)), key=lambda e: str(e.func)):
        if symbols_in(e) & moving:
            return f"{e.func} has no formula" if isinstance(e, AppliedUndef) else f"sympy has no {e}"
    if S.NaN in parts or S.ComplexInfinity in parts:
        return "an entry is not a number"
    return ""


def _convention(e: Any) -> Any:
    """One for a sign that is a convention, and constant almost everywhere."""
    return S.One if isinstance(e, sympy.sign) and isinstance(e.args[0], AppliedUndef) else None


REASONS: dict[type[Exception], Callable[[Exception], str]] = {
    NoNormalForm: lambda e: f"no normal form of {e}",
    TooLarge: lambda e: "the normal form is too large",
    TooManyCases: lambda e: "there are too many cases",
}


def _told(error: Exception) -> str:
    return REASONS[type(error)](error)
