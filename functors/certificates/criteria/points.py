"""What is claimed at a point, against the derivatives nearby: kinks, ties, zeros, ends, removable points.

Nearby derivatives are right almost everywhere once the integral form holds; at the point itself nothing has been said.
With P(x) some linear functionals of J(x) (slopes of all outputs in a direction, and one pairing of the reverse):

    P(y) agrees for all y near x       the derivative exists and the claim must be it
    it does not, and P(x) is between   a kink, and the claim may be a Clarke subderivative (F. Clarke, 1983: the convex
                                       hull of the limits of derivatives nearby), unless the values say that there is
                                       a derivative: then the claim must be it
    it does not, and P(x) is outside   wrong, unless new branches still turn up
    P(y) grows as y approaches x       singular: nothing finite can be claimed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..plots.bounds import PANEL
from ..plots.curves import Region
from ..plots.parts import Fixed
from ..plots.slopes import sided
from ..plots.subjects import Arrays, Node, Subject, repeated
from .noise import noisy
from .tangents import ridders

__all__ = ["Finding", "check_point"]

RADII = (1e-5, 1e-7)  # of the scale of the point: far above rounding of the inputs, far below what functions turn over
SLACK = 1e-7  # of the largest functional: derivatives at two points 1e-7 apart, and the noise of hard ones
KINK = 1e-2  # a spread of this part of the size, at both radii, is no curvature
STEEP = 1e10  # times the value, over one unit of the scale: there, rounding decides which branch is seen
EXISTS = 1e-4  # of the size: slopes of values from both sides that are so near to each other are one
RESOLVED = 1e-5  # of the size: the error of a slope of values that says something
FLAT = 1e-6  # of the value: slopes that err by no more are as good as known
NOISE = 1e-10  # of the value: what rounding may add to a slope
GROWS = 4.0  # times from one radius to the next, is singular: 1/r grows a hundredfold, r^-1/3 nearly fivefold


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found at a point.

    `kind` is "fine", "kink" (the claim lies in the hull), "kink without value" (not a number where no derivative
    exists), "kink outside" (of parts that are right there), "jump", "singular", "noise", "no value", "undecided" or
    "wrong"; `claimed` a functional there, `low` to `high` its values nearby, in direction `vs`. `declared` points are
    examples and those the author named.
    """

    x: Arrays
    kind: str
    declared: bool
    claimed: float = 0.0
    low: float = 0.0
    high: float = 0.0
    vs: Arrays | None = None
    ws: Arrays | None = None
    fixed: Fixed = None


@dataclass
class _Hull:
    claimed: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int
    left: float = np.nan
    value: float = np.inf

    @property
    def spread(self) -> np.ndarray:
        return self.high - self.low

    @property
    def size(self) -> np.ndarray:
        return np.maximum(np.abs(self.low), np.abs(self.high))

    @property
    def outside(self) -> np.ndarray:
        """How far the claim is beyond the hull; infinite where it is not finite."""
        with np.errstate(invalid="ignore"):
            gap = np.maximum(np.maximum(self.low - self.claimed, self.claimed - self.high), 0.0)
        return np.where(np.isfinite(self.claimed), gap, np.inf)

    def joined(self, other: _Hull) -> _Hull:
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        return _Hull(self.claimed, low, high, self.count + other.count)


def check_point(
    subject: Subject,
    region: Region,
    x: Arrays,
    declared: bool,
    directions: int,
    rng: np.random.Generator,
    fixed: Fixed = None,
    tangent: Callable[[Arrays], Arrays] | None = None,
    ways: int = (PANEL - 1) // 2,
    composite: bool = True,
) -> Finding:
    """Compare the claim at a point with claims nearby, in so many directions; admissible ones where those are given.

    Claims nearby are taken in so many `ways` off the point, each up and down. Of a rule, which is not `composite`, the
    claim must be the derivative wherever there is one.
    """
    probe = _Probe(subject, region, x, rng, fixed, tangent, ways)
    probe.composite, probe.declared = composite, declared
    kink: Finding | None = None
    for k in range(directions):
        found = _one(probe, k, declared)
        if found.kind in ("wrong", "undecided", "noise", "singular", "skip"):
            return found
        if found.kind != "fine":
            kink = found if kink is None or found.kind != "kink" else kink
    return Finding(x, "fine", declared, fixed=fixed) if kink is None else kink


def _one(probe: _Probe, k: int, declared: bool) -> Finding:
    vs, ws = probe.direction(k)
    first = probe.hull(vs, ws, RADII[0], probe.offsets())
    if first is None:
        return Finding(probe.x, "skip", declared, fixed=probe.fixed)

    def finding(kind: str, hull: _Hull, e: int) -> Finding:
        return Finding(
            probe.x,
            kind,
            declared,
            float(hull.claimed[e]),
            float(hull.low[e]),
            float(hull.high[e]),
            vs,
            ws,
            probe.fixed,
        )

    if not first.count:
        return _differenced(probe, vs, ws, first, finding)
    # the size of what other directions gave counts too: along some of them a derivative vanishes but for rounding
    top = probe.top = max(probe.top, float(first.size.max(initial=0.0)))
    flat = first.spread <= KINK * (first.size + SLACK * top)
    off = probe.off(vs, ws)
    near = first.outside <= np.where(flat, 1.0, 0.02) * first.spread + SLACK * top + off
    if near.all() and flat.all():
        return finding("fine", first, 0)
    second = probe.hull(vs, ws, RADII[1], probe.offsets())
    if second is None or not second.count:
        return finding("fine", first, 0)
    e = (
        int(np.where(near, -1.0, np.nan_to_num(first.outside, posinf=np.inf)).argmax())
        if not near.all()
        else int(first.spread.argmax())
    )
    grows = second.size > GROWS * np.maximum(first.size, SLACK * top)
    lost = not np.isfinite(second.claimed).all()
    if not near.all() and second.size.max(initial=0.0) > STEEP * (first.value + np.finfo(float).tiny):
        return finding("singular", second, e)
    if grows[~near].any() or (grows.any() and (lost or near.all())):
        return finding("singular", second, e)
    # what shrinks with the radius converges to the claim
    near |= second.outside < first.outside / 3
    kinks = (first.spread > KINK * first.size + SLACK * top) & (second.spread > 0.5 * first.spread)
    slack = np.where(kinks, 0.02, 1.0) * second.spread + SLACK * max(top, float(second.size.max(initial=0.0))) + off
    bad = (second.outside > slack) & ~near
    widest = int(np.where(kinks, second.spread, 0).argmax())
    if kinks.any() and probe.tangent is None and noisy(probe.along(vs, ws, widest), float(second.spread[widest])):
        return finding("noise" if probe.declared else "skip", second, e)
    known = probe.derivative(vs, ws) if kinks.any() else None
    if known is not None:
        return _against(probe, second, kinks, known, finding)
    if not bad.any():
        return (
            finding("kink", second, int(np.where(kinks, second.spread, 0).argmax()))
            if kinks.any()
            else finding("fine", first, 0)
        )
    return _outside(probe, vs, ws, second, bad, kinks, finding)


def _outside(
    probe: _Probe, vs: Arrays, ws: Arrays, hull: _Hull, bad: np.ndarray, kinks: np.ndarray, finding: Any
) -> Finding:
    """What a claim is that lies outside of what is claimed nearby."""
    e = int(np.where(bad, np.nan_to_num(hull.outside, posinf=np.inf), -1.0).argmax())
    if not probe.settles(vs, ws):
        return finding("singular", hull, e)
    if not kinks[e]:
        return finding("wrong", hull, e)
    if not np.isfinite(hull.claimed[e]):
        return finding("wrong" if probe.declared else "kink without value", hull, e)
    return _exhausted(probe, vs, ws, hull, e, finding)


def _against(probe: _Probe, hull: _Hull, kinks: np.ndarray, known: np.ndarray, finding: Any) -> Finding:
    """Slopes nearby turn, and values have a derivative all the same: the claim must be it."""
    m = len(known)
    size = max(probe.top, float(np.abs(known).max(initial=0.0)))
    with np.errstate(invalid="ignore"):
        apart = ~(np.abs(hull.claimed[:m] - known) <= EXISTS * size)
    if not apart.any():
        return finding("fine", hull, 0)
    e = int(np.where(apart, np.nan_to_num(np.abs(hull.claimed[:m] - known), nan=np.inf), -1.0).argmax())
    low, high = hull.low.copy(), hull.high.copy()
    if probe.composite and low[e] <= hull.claimed[e] <= high[e]:
        return finding("kink", hull, e)
    low[:m], high[:m] = known, known
    return finding("wrong", _Hull(hull.claimed, low, high, hull.count), e)


def _differenced(probe: _Probe, vs: Arrays, ws: Arrays, hull: _Hull, finding: Any) -> Finding:
    """Nothing finite is claimed anywhere near: the slope itself tells whether it should be."""
    if probe.subject.per_node == 2 and np.isfinite(hull.claimed[:-1]).all() and np.isfinite(hull.left):
        # the way back alone is lost: its pairing is known from the way forward
        known = np.full(len(hull.claimed), hull.left)
        return finding("wrong", _Hull(hull.claimed, known, known, 0), len(hull.claimed) - 1)
    slope, error = ridders(probe.subject, probe.x, vs, ws, probe.fixed)
    lost = ~np.isfinite(hull.claimed[: len(slope)])
    sure = lost & np.isfinite(slope) & (error <= 1e-4 * np.abs(slope) + 1e-6 * np.abs(slope).max(initial=0.0))
    if not sure.any():
        return finding("skip", hull, 0)
    e = int(sure.argmax())
    known = np.pad(slope, (0, len(hull.claimed) - len(slope)))
    return finding("wrong", _Hull(hull.claimed, known, known, 0), e)


def _exhausted(probe: _Probe, vs: Arrays, ws: Arrays, hull: _Hull, e: int, finding: Any) -> Finding:
    """A claim outside of the branches seen so far: look for more, and decide once no new ones turn up."""
    for _ in range(4):
        more = probe.hull(vs, ws, RADII[1], probe.offsets())
        if more is None:
            break
        joined = hull.joined(more)
        grown = joined.spread[e] > 1.02 * hull.spread[e]
        hull = joined
        if hull.outside[e] <= 0.02 * hull.spread[e]:
            return finding("kink", hull, e)
        if not grown:
            return finding("wrong", hull, e)
    return finding("undecided", hull, e)


class _Probe:
    """Functionals of the derivative at a point and around it."""

    def __init__(
        self,
        subject: Subject,
        region: Region,
        x: Arrays,
        rng: np.random.Generator,
        fixed: Fixed,
        tangent: Any,
        ways: int,
    ) -> None:
        self.subject, self.region, self.rng, self.fixed, self.tangent = subject, region, rng, fixed, tangent
        self.x = [np.asarray(a) for a in x]
        self.scales = region.scales(self.x)
        self.ways, self.round = ways, 0
        self.top = self.value = 0.0
        self.composite, self.declared = True, False
        self._smooth: bool | None = None

    def direction(self, k: int) -> tuple[Arrays, Arrays]:
        """The k-th direction and cotangent: random, all ones, then one entry at a time."""
        rng, wires = self.rng, self.subject.inputs
        ws = [rng.normal(size=w.shape) for w in self.subject.outputs]
        if self.tangent is not None:
            return self.tangent(self.x), ws
        if k == 0:
            return [s * rng.normal(size=w.shape) for w, s in zip(wires, self.scales, strict=True)], ws
        if k == 1:
            return [s * np.ones(w.shape) for w, s in zip(wires, self.scales, strict=True)], ws
        if k == 2:
            # the pairing of all outputs alike: what is counted twice shows
            ws = [np.ones(w.shape) for w in self.subject.outputs]
            return [s * rng.choice([-1.0, 1.0], w.shape) for w, s in zip(wires, self.scales, strict=True)], ws
        sizes = np.cumsum([w.size for w in wires])
        place = int(rng.integers(sizes[-1]))
        vs = [np.zeros(w.size) for w in wires]
        at = int(np.searchsorted(sizes, place, side="right"))
        vs[at][place - (sizes[at - 1] if at else 0)] = 1.0
        return [v.reshape(w.shape) * s for v, w, s in zip(vs, wires, self.scales, strict=True)], ws

    def off(self, vs: Arrays, ws: Arrays) -> float:
        """What a functional may be off by, where the author says how accurate entries are."""
        sizes = [1.0, *(float(np.abs(a).sum()) for a in (*vs, *ws))]
        return 8 * self.subject.noise * max(sizes)

    def derivative(self, vs: Arrays, ws: Arrays) -> np.ndarray | None:
        """The slopes of the outputs along vs where values alone say that there is a derivative, else None."""
        if self.tangent is not None or self.subject.noise:
            return None
        if self._smooth is None:
            # Gateaux: from both sides the same, in directions at random
            self._smooth = all(self._slope(*self.direction(0)) is not None for _ in range(3))
        return self._slope(vs, ws) if self._smooth else None

    def along(self, vs: Arrays, ws: Arrays, e: int) -> Callable[[np.ndarray], np.ndarray]:
        """What is claimed of one entry along a line through the point."""
        u = [s * self.rng.choice([-1.0, 1.0], np.shape(a)) for a, s in zip(self.x, self.scales, strict=True)]

        def claims(times: np.ndarray) -> np.ndarray:
            xs = [a + times.reshape(-1, *[1] * np.ndim(a)) * b for a, b in zip(self.x, u, strict=True)]
            node = self.subject.run(xs, repeated(vs, len(times)), repeated(ws, len(times)), self.fixed)
            return _functionals(self.subject, node)[:, e]

        return claims

    def settles(self, vs: Arrays, ws: Arrays) -> bool:
        """Whether values have a slope along vs, on one side at least; that of x log x at 0 grows, but slowly."""
        if self.tangent is not None or self.subject.noise:
            return True
        sides = sided(self.subject, self.x, vs, ws, self.fixed)
        known = [np.isfinite(slope) for slope, _ in sides]
        own = max(float(np.abs(s[k]).max(initial=0.0)) for (s, _), k in zip(sides, known, strict=True))
        settled = [
            k & (error <= max(KINK * own, FLAT * self.value)) for (_, error), k in zip(sides, known, strict=True)
        ]
        return not ((known[0] | known[1]) & ~settled[0] & ~settled[1]).any()

    def _slope(self, vs: Arrays, ws: Arrays) -> np.ndarray | None:
        (left, a), (right, b) = sided(self.subject, self.x, vs, ws, self.fixed)
        error = np.maximum(a, b)
        with np.errstate(invalid="ignore"):
            # against their own size: what turns faster than any step has slopes at random
            own = float(np.maximum(np.abs(left), np.abs(right)).max(initial=0.0))
            fixed = NOISE * self.value
            same = (error <= RESOLVED * own + fixed) & (np.abs(left - right) <= EXISTS * own + fixed)
            return (left + right) / 2 if same.all() else None

    def offsets(self) -> list[Arrays]:
        """The ways off the point, each taken in both directions: together, in a row, alternating, at random."""
        rng, wires = self.rng, self.subject.inputs
        self.round += 1
        made: list[Arrays] = []
        if self.tangent is not None:
            moves = [self.tangent(self.x) for _ in range(self.ways)]
            return [[v / np.where(s > 0, s, 1.0) for v, s in zip(vs, self.scales, strict=True)] for vs in moves]
        if self.round <= 2:
            made.append([np.ones(w.shape) for w in wires])
            made.append([(1.0 + np.arange(w.size)).reshape(w.shape) / max(w.size, 1) for w in wires])
            made.append([(-1.0) ** np.arange(w.size).reshape(w.shape) for w in wires])
        while len(made) < self.ways:
            made.append([rng.normal(size=w.shape) for w in wires])
        return made

    def hull(self, vs: Arrays, ws: Arrays, radius: float, offsets: list[Arrays]) -> _Hull | None:
        """The claim at the point and the hull of those around it; None where the point has no value."""
        points = [self.x]
        for u in offsets:
            for sign in (1.0, -1.0):
                p = [a + sign * radius * s * b for a, b, s in zip(self.x, u, self.scales, strict=True)]
                # at an end of the domain too both sides count: a branch that begins there may be the one claimed
                points.append(p)
        n = len(points)
        xs = [np.stack([p[k] for p in points]) for k in range(len(self.x))]
        node = self.subject.run(xs, repeated(vs, n), repeated(ws, n), self.fixed)
        values = _functionals(self.subject, node)
        if node.F[0].size and not np.isfinite(node.F[0]).any():
            return None
        ok = np.asarray(np.isfinite(node.F).all(axis=1) & np.isfinite(values).all(axis=1))
        ok[0] = False
        if not ok.any():
            return (
                _Hull(values[0], values[0], values[0], 0, float(node.left[0]))
                if not np.isfinite(values[0]).all()
                else None
            )
        near = values[ok]
        seen = values[0].copy()
        # an output without a value has no derivative to be claimed
        lost = ~np.isfinite(node.F[0])
        seen[: len(lost)] = np.where(lost, near[0][: len(lost)], seen[: len(lost)])
        if lost.any():
            seen[len(lost) :] = near[0][len(lost) :]
        self.value = float(node.size[ok].max(initial=0.0))
        return _Hull(seen, near.min(axis=0), near.max(axis=0), int(ok.sum()), value=self.value)


def _functionals(subject: Subject, node: Node) -> np.ndarray:
    """Slopes of the observed outputs and the pairing of the reverse, a row for each point."""
    if subject.claims.reverse is None or subject.only_reverse:
        return node.d
    return np.concatenate([node.d, node.right.sum(axis=1, keepdims=True)], axis=1)
