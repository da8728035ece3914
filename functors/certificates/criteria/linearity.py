"""The criteria beside the relation itself: transpose, linearity, finiteness of cotangents, and precision.

transpose    ⟨w, J v⟩ = ⟨Jᵀ w, v⟩ at every node, gauged by the sums of absolute terms
linear       J (v + v') = J v + J v', J (c v) = c J v for c = 1e±9, J 0 = 0, and the same for cotangents
precision    the rule in the wire's own dtype against its promotion: it may lose what an ulp of the input does, and
             no more than half of the digits where the value loses none
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..plots.bounds import MARGIN, jittered
from ..plots.curves import Curve
from ..plots.parts import Fixed, Panel
from ..plots.shaking import ULPS, shaken, shaken_inside
from ..plots.subjects import Arrays, Node, Subject, repeated

__all__ = ["Violation", "linear", "precise", "transposed"]

STABLE = 20.0  # a gap that is so many times larger than its own scatter under ulps of the input is no rounding
LARGE = 2.0**30  # a power of two, by which scaling is exact
OVERFLOW = 1e4  # times a number, in which terms that cancel may be larger
SHAKES = 7  # trials in which every box rounds otherwise
LOOSE = 16.0  # half of the digits, and some


@dataclass(frozen=True, eq=False)
class Violation:
    """A criterion that does not hold: at x, for direction vs and cotangent ws, two numbers that should be equal."""

    criterion: str
    mode: str
    x: Arrays
    vs: Arrays
    ws: Arrays
    claimed: float
    actual: float
    ratio: float
    fixed: Fixed = None
    hint: str = ""


def transposed(
    subject: Subject, panels: list[Panel], rng: np.random.Generator, looks: int = 3
) -> tuple[Violation | None, float]:
    """Whether the reverse derivative is the transpose of the forward one at the nodes of these panels.

    So many nodes at which it seems not to be are looked at again.
    """
    worst = 0.0
    if subject.per_node < 2:
        return None, worst
    suspects: list[tuple[float, Panel, int]] = []
    for panel in panels:
        if panel.slopes:
            continue
        node = panel.node
        # what each side may be off by, where the author says so
        tiny = np.finfo(float).tiny + _off(subject, panel.at(0)[1]) + _off(subject, panel.ws) / len(panel.ws[0])
        with np.errstate(all="ignore"):
            right, terms = node.right.sum(axis=1), node.left_terms + node.right_terms.sum(axis=1)
            ratio = np.abs(node.left - right) / (MARGIN * subject.unit * terms + tiny)
        ratio = np.where(np.isfinite(ratio) & np.isfinite(node.F).all(axis=1), ratio, 0.0)
        worst = max(worst, float(ratio[ratio <= 1].max(initial=0.0)))
        suspects += [(float(ratio[j]), panel, int(j)) for j in np.flatnonzero(ratio > 1)]
    for ratio, panel, j in sorted(suspects, key=lambda s: -s[0])[:looks]:
        x, v, w = panel.at(j)
        found = _scattered(subject, x, v, w, panel.fixed, rng)
        if found is not None:
            return Violation("transpose", "reverse", x, v, w, found[1], found[0], ratio, panel.fixed), worst
    return None, worst


def _scattered(
    subject: Subject, x: Arrays, v: Arrays, w: Arrays, fixed: Fixed, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Both sides of the transpose where their gap is more than its scatter when all is rounded otherwise, or None."""
    n = 9
    moved = [np.concatenate([a[None], jittered(a, subject.unit, rng, n - 1)]) for a in x]
    vs, ws = repeated(v, n), repeated(w, n)
    node = subject.run(moved, vs, ws, fixed)
    gap = node.left - node.right.sum(axis=1)
    terms = float((node.left_terms + node.right_terms.sum(axis=1))[0])
    if not np.isfinite(gap).all():
        return None
    scatter, other = float(np.std(gap)), shaken(subject)
    if other is not None:
        rounded = other.run(moved, vs, ws, fixed)
        subject.evals += n * subject.per_node
        scatter = max(scatter, float(np.nan_to_num(np.std(rounded.left - rounded.right.sum(axis=1)))))
    off = _off(subject, v) + _off(subject, w)
    if abs(np.median(gap)) > STABLE * scatter + 10 * MARGIN * subject.unit * terms + off:
        return float(node.left[0]), float(node.right.sum(axis=1)[0])
    return None


def linear(subject: Subject, x: Arrays, rng: np.random.Generator, fixed: Fixed = None) -> Violation | None:
    """Whether tangents and cotangents enter linearly at a point."""
    large = LARGE if subject.unit < 1e-9 else 2.0**10
    #           base    other   sum     large       small           zero
    pick = [(1, 0), (0, 1), (1, 1), (large, 0), (1 / large, 0), (0, 0)]

    def rows(
        subject: Subject, x: Arrays, v: list[Arrays], w: list[Arrays]
    ) -> tuple[np.ndarray, np.ndarray, Arrays, Arrays, np.ndarray, bool]:
        made = [(_combined(v, c), w[0]) for c in pick] + [(v[0], _combined(w, c)) for c in pick[1:]]
        vs, ws = ([np.stack([r[k][i] for r in made]) for i in range(len(made[0][k]))] for k in (0, 1))
        node = subject.run(repeated(x, len(made)), vs, ws, fixed)
        back = [0, 6, 7, 8, 9, 10]
        right, terms = (a.sum(axis=1)[back][:, None] for a in (node.right, node.right_terms))
        return node.d[:6], np.asarray(right), list(vs), list(ws), np.asarray(terms), bool(np.isfinite(node.F[0]).all())

    v, w = ([_direction(wires, rng) for _ in range(2)] for wires in (subject.inputs, subject.outputs))
    d, right, vs, ws, terms, finite = rows(subject, x, v, w)
    if not finite:
        return None
    modes = [("forward", 0, d, None)] if subject.claims.forward is not None else []
    modes += [("reverse", 1, right, terms)] if subject.claims.reverse is not None else []
    for mode, which, values, gauge in modes:
        gap, bound, should = _additive(values, large, subject.unit, gauge)
        off = _off(subject, v[0]) if which else 8 * subject.noise
        bound = bound + off * np.array([3.0, 1 + large, 1 + 1 / large, 1.0])[:, None]
        if not (gap > bound).any():
            continue
        # a map that is linear but ill-conditioned scatters as much under ulps of its inputs, or of all its boxes
        again, other = [], shaken(subject)
        for s in [subject] * 6 + ([] if other is None else [other] * 6):
            near, u, c = ([jittered(a, subject.unit, rng) for a in arrays] for arrays in (x, v[0], w[0]))
            moved = rows(s, near, [u, v[1]], [c, w[1]])
            again.append(_signed(moved[1] if which else moved[0], large))
        signed = np.array([_signed(values, large), *again])
        sure = np.abs(np.median(signed, axis=0)) > STABLE * np.std(signed, axis=0) + bound
        sure |= ~np.isfinite(signed).any(axis=0) & np.isfinite(values[:2]).all()
        if sure.any():
            row, e = np.unravel_index(
                int(np.where(sure, np.nan_to_num(gap / bound, nan=np.inf), 0).argmax()), gap.shape
            )
            at = 2 + int(row) + (5 if which else 0)
            claimed = float(values[2 + row, e])
            return Violation(
                "linear",
                mode,
                x,
                [a[at] for a in vs],
                [a[at] for a in ws],
                claimed,
                float(should[row, e]),
                float(gap[row, e] / bound[row, e]),
                fixed,
            )
    return None


def _off(subject: Subject, paired: Arrays) -> float:
    """What a pairing with these may be off by, where entries are as accurate as the author declares."""
    return 8 * subject.noise * sum(float(np.abs(a).sum()) for a in paired)


def _combined(pair: list[Arrays], c: tuple[float, float]) -> Arrays:
    return [c[0] * a + c[1] * b for a, b in zip(*pair, strict=True)]


def _direction(wires: list, rng: np.random.Generator) -> Arrays:
    return [rng.normal(size=w.shape) + (1j * rng.normal(size=w.shape) if w.kind == "C" else 0) for w in wires]


@np.errstate(invalid="ignore")
def _signed(d: np.ndarray, large: float) -> np.ndarray:
    """By how much additivity, both scalings and zero fail: a row each."""
    return np.stack([d[2] - d[0] - d[1], d[3] - large * d[0], d[4] - d[0] / large, d[5]])


@np.errstate(invalid="ignore")
def _additive(
    d: np.ndarray, large: float, u: float, terms: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gaps, bounds and what should be, for additivity, both scalings and zero."""
    top = (np.abs(d) if terms is None else terms)[[0, 1]].max()
    gap = np.nan_to_num(np.abs(_signed(d, large)), nan=np.inf)
    if not np.isfinite(d[[0, 1]]).all():
        gap = np.zeros_like(gap)
    sizes = np.array([top, large * top, top / large, top])
    bound = np.broadcast_to(LOOSE * np.sqrt(u) * sizes[:, None] + np.finfo(float).tiny, gap.shape)
    return gap, bound, np.stack([d[0] + d[1], large * d[0], d[0] / large, 0 * d[0]])


def precise(
    own: Subject,
    wide: Subject,
    curve: Curve,
    times: np.ndarray,
    rng: np.random.Generator,
    fixed: tuple[Fixed, Fixed],
    narrow: Callable[[], Any],
    composite: bool = False,
) -> tuple[Violation | None, float]:
    """Whether the rule in its own dtype says what its promotion says, up to what an ulp of the inputs does.

    Of a `composite` what is lost between its parts is rounding too.

    Gives the violation, if there is one, and the largest loss as a part of what is allowed.
    """
    xs, vs = curve.at(times)
    u = own.unit
    # both at the same points: those that the narrower format has
    xs, vs = (own.rounded(arrays) for arrays in (xs, vs))
    ws = own.rounded([rng.normal(size=(len(times), *w.shape)) for w in own.outputs], outputs=True)
    near = [jittered(x, u, rng, ulps=2.0) for x in xs]
    with narrow():
        mine = own.run(xs, vs, ws, fixed[0])
    its, close = wide.run(xs, vs, ws, fixed[1]), wide.run(near, vs, ws, fixed[1])
    worst, found = 0.0, None
    ok = np.asarray(np.isfinite(its.F).all(axis=1) & np.isfinite(mine.F).all(axis=1))
    with np.errstate(all="ignore"):
        value_gap = np.abs(mine.F - its.F)
        value_loss = value_gap / (its.size.max(axis=1, keepdims=True) + np.abs(close.F - its.F) / u + own.tiny / u)
        kept = np.nan_to_num(value_loss, nan=np.inf).max(axis=1, initial=0.0) <= 64 * u
        # at a point values may be right by chance: they must be nearly everywhere
        accurate = ok & kept & (kept[ok].mean() > 0.9 if ok.any() else False)
    sides = [("forward", mine.d, its.d, close.d)] if own.claims.forward is not None else []
    if own.claims.reverse is not None:
        a, b, c = (n.right.sum(axis=1, keepdims=True) for n in (mine, its, close))
        sides.append(("reverse", a, b, c))
    shaking = _shaken_claims(own, xs, vs, ws, fixed[0], rng, narrow, shaken_inside if composite else shaken)
    extent = [max(float(np.abs(a).max(initial=0.0)) for a in arrays) for arrays in (xs, vs)]
    rate = extent[1] / extent[0] if extent[0] else 0.0
    for mode, a, b, c in sides:
        off = _off(own, vs) if mode == "reverse" else 8 * own.noise
        lost = _loss(own, mode, a, b, np.abs(c - b), its, ok, rate, off)
        if (lost[accurate] > 1).any():
            lost = _loss(own, mode, a, b, np.maximum(np.abs(c - b), shaking(mode)), its, ok, rate, off)
        lost = np.where(accurate[:, None], lost, 0.0)
        worst = max(worst, float(lost[lost <= 1].max(initial=0.0)))
        if (lost > 1).any() and found is None:
            j, e = np.unravel_index(int(lost.argmax()), lost.shape)
            x, v, w = ([v[j] for v in arrays] for arrays in (xs, vs, ws))
            claimed, actual, ratio = (float(array[j, e]) for array in (a, b, lost))
            found = Violation("precision", mode, x, v, w, claimed, actual, ratio, fixed[0])
    return found, worst


def _shaken_claims(
    own: Subject,
    xs: Arrays,
    vs: Arrays,
    ws: Arrays,
    fixed: Fixed,
    rng: np.random.Generator,
    narrow: Callable[[], Any],
    shake: Callable[[Subject], Subject | None],
) -> Callable[[str], np.ndarray]:
    """How far claims move when every box rounds otherwise, for a mode; run when first asked for."""

    @cache
    def nodes() -> list[Node]:
        with narrow():
            other = shake(own)
            if other is None:
                return []
            # by another number of ulps each time: a number has two neighbors only
            moved = [[jittered(x, own.unit, rng, ulps=float(k)) for x in xs] for k in range(1, SHAKES)]
            return [other.run(near, vs, ws, fixed) for near in moved]

    def moved(mode: str) -> np.ndarray:
        claims = [n.d if mode == "forward" else n.right.sum(axis=1, keepdims=True) for n in nodes()]
        return np.nan_to_num(np.ptp(claims, axis=0)) / (2 * ULPS) if claims else np.zeros(1)

    return moved


def _loss(
    own: Subject,
    mode: str,
    a: np.ndarray,
    b: np.ndarray,
    moved: np.ndarray,
    its: Node,
    ok: np.ndarray,
    rate: float,
    off: float,
) -> np.ndarray:
    """How far claims `a` in their own dtype are from `b`, as a part of what is allowed; an ulp does `moved`."""
    u = own.unit
    limit = float(np.finfo(np.float32).max) if u > 1e-9 else np.inf
    with np.errstate(all="ignore"):
        forward = mode == "forward"
        size = np.abs(b).max(axis=1, keepdims=True) if forward else its.right_terms.sum(axis=1, keepdims=True)
        most = np.max(size[ok], initial=0.0)
        # slopes that are small against the value lose what the value loses
        value = 64 * u * rate * its.size.max(axis=1, keepdims=True)
        allowed = np.sqrt(u) * np.maximum(size, 1e-3 * most) + 64 * moved + value + own.tiny + off
        gap = np.abs(a - b)
        # what is added up on the way to a number may be beyond the format where the number is not
        terms = its.right_terms.sum(axis=1, keepdims=True) if not forward else OVERFLOW * np.abs(b)
    # in double precision itself what is not finite is not finite in the promotion either
    broken = np.inf if u > 1e-9 else 0.0
    return np.where(np.isfinite(b) & (terms < limit), np.where(np.isfinite(a), gap / allowed, broken), 0.0)
