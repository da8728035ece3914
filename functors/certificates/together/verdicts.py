"""One verdict, of the boxes and the whole together.

By the fundamental lemma the boxes speak for the whole, where each is a morphism on all of its inputs. Three things they
do not say. A comparison that curves cross is no morphism: what is made of it was looked at where it is crossed, or
nothing is known. A box without a derivative at a point may stand in a whole that has one. And what is right only
together is asked of the whole alone.

    wrong          a box is, or the whole
    undecided      a box is; or the whole, where it alone knows
    imprecise      a box is
    else           the whole where it was looked at, and the boxes where it was not
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..certificate import VERDICTS, BoxCertificate
from ..criteria.guards import guarded

__all__ = ["at_points", "settled", "unseen"]

DECIDED = frozenset(("proved", "correct", "intensional", "discontinuous"))
POINTS = frozenset(("intensional", "discontinuous"))  # verdicts that speak of points


def at_points(rows: Sequence[BoxCertificate]) -> list[BoxCertificate]:
    """The boxes of which something was found at points, and no decided definition around them speaks."""
    around = [p for row in rows if row.verdict in DECIDED for p in row.paths]
    return [
        row
        for row in rows
        if row.verdict in POINTS and not all(any(p.startswith(f"{q}/") for q in around) for p in row.paths)
    ]


def unseen(rows: Sequence[BoxCertificate]) -> bool:
    """Whether some box chooses between pieces and was met in one only: curves of the whole may cross it."""
    return any(guarded(row.box) and not row.crossed for row in rows)


def settled(rows: Sequence[BoxCertificate], whole: BoxCertificate, *, bare: bool) -> BoxCertificate:
    """The certificate of the whole with the verdict of all; `bare` where something is right only in the whole."""
    if whole.verdict == "wrong" or any(row.verdict == "wrong" for row in rows):
        named = any(row.verdict == "wrong" for row in rows)
        return replace(whole, verdict="wrong", reason="a box is wrong" if named else whole.reason)
    unknown = [row for row in rows if row.verdict == "undecided"]
    if unknown:
        return replace(whole, verdict="undecided", reason=f"{unknown[0].path} is undecided")
    lossy = [row for row in rows if row.verdict == "imprecise"]
    if lossy:
        return replace(whole, verdict="imprecise", reason=f"{lossy[0].path} is imprecise")
    decided = whole.verdict in DECIDED
    left = [row for row in at_points(rows) if not (decided and _answered(row, whole))]
    guards = [row for row in left if _guard(row)]
    if not decided and (bare or guards or not rows):
        return whole
    if guards:
        reason = f"{guards[0].path} is crossed by values that it met, and by no curve of the whole"
        return replace(whole, verdict="undecided", reason=reason)
    by_boxes = min((row.verdict for row in (left if decided else rows)), key=VERDICTS.index, default="proved")
    if not decided:
        return replace(whole, verdict=by_boxes, method="boxes", reason="", points=())
    if rows and all(row.verdict == "proved" for row in rows) and not bare:
        return replace(whole, verdict="proved", method="boxes") if whole.verdict == "correct" else whole
    return replace(whole, verdict=min(whole.verdict, by_boxes, key=VERDICTS.index))


def _guard(row: BoxCertificate) -> bool:
    """Whether a box gives nothing that has a tangent."""
    return not any(w.differentiable for w in row.box.cod.inside)


def _answered(row: BoxCertificate, whole: BoxCertificate) -> bool:
    """Whether the whole was looked at where this box, what is in it or what it is in is crossed."""
    crossed = whole.crossed
    return any(p == q or p.startswith(f"{q}/") or q.startswith(f"{p}/") for p in row.paths for q in crossed)
