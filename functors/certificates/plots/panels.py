"""The relation in integral form, along curves: F(t) - F(s) = ∫ d, panel by panel, refined where it is not resolved.

Integrating does not divide rounding by a step, covers a positive length of the domain, and tells apart what a
difference quotient confuses:

    a wrong rule      a defect on a panel where value and slope are both resolved
    a kink            one ever smaller unresolved panel, with a defect no larger than the spread of slopes over it
    a jump            an unresolved panel whose defect stays as it shrinks

An entry of an output counts on a panel where it is finite. A defect above the first bound is looked at again: the
noise of values and slopes and the response to an ulp of the input are measured, and a half of the panel must agree.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import count, pairwise

import numpy as np

from .bounds import CHEBYSHEV, MARGIN, NODES, NOISE_POINTS, PANEL, QUADRATURE, tails
from .curves import Curve
from .measuring import noise_of, response_of, scatter_of, shaken_noise, turns
from .parts import Defect, Fixed, Panel, roughness
from .shaking import shaken
from .subjects import Node, Subject

__all__ = ["Integral"]

TAILS = 64.0  # of a kink the tails are 1/300 of the spread of slopes and the defect up to 1/20 of it
STEP = 8.0  # times what is usual on the panel: two neighbors do not follow from those around them
RESOLVED = 1e-7  # tails below this part of what the panel does are as good as none
SMALL = 2e-4  # the width, as a part of a curve, below which a kink has been closed in on
IMPRECISE = 1e4  # times the rounding of values that slopes may scatter: a rule may lose four digits more than its map
CONFIRM = 4 * PANEL  # evaluations kept in hand for what looks wrong
CLEAR = 1e6  # times the bound, with all noise measured: no half need say so too
SURE = 10.0  # times the bound; below it a smaller panel, or nothing, decides


@dataclass(eq=False)
class Integral:
    """The check of a subject along curves. `worst` is the largest defect over its bound that was accepted."""

    subject: Subject
    rng: np.random.Generator
    slack: float = 0.0  # what is declared: the absolute accuracy of the primal
    constants: float = 0.0  # the relative accuracy of constants that both sides hold
    last: float = math.inf  # evaluations of the subject beyond which nothing is looked at twice
    worst: float = 0.0
    size: np.ndarray = field(default_factory=lambda: np.zeros(1))
    panels: int = 0
    measured: int = 0
    inside: tuple[float, float] | None = None  # noise of value and slope by rounding inside, where it was measured
    started: int = 0
    resolved: int = 0
    found: list[Defect] = field(default_factory=list)
    noisy: list[Defect] = field(default_factory=list)
    unsure: list[Defect] = field(default_factory=list)
    suspects: list[tuple[Panel, int]] = field(default_factory=list)
    nodes: list[Panel] = field(default_factory=list)
    _queue: list[tuple[float, int, Panel, tuple[float, float], int]] = field(default_factory=list)
    _order: count = field(default_factory=count)

    def panel(
        self, curve: Curve, low: float, high: float, fixed: Fixed = None, of: Panel | None = None, slopes: bool = False
    ) -> Panel:
        """Run the subject over a part of a curve, for its slopes alone where it is `of` another panel."""
        slopes |= of is not None
        times = (low + high) / 2 + (high - low) / 2 * NODES
        xs, vs = curve.at(times)
        ws = of.ws if of is not None and self.subject.only_reverse else self._cotangents()
        node = self.subject.run(xs, vs, ws, fixed, slopes=slopes)
        return Panel(curve, low, high, fixed, node, ws, slopes and self.subject.per_node > 1)

    def _cotangents(self) -> list[np.ndarray]:
        """A cotangent for each node, on one output only every other time; one for all nodes where values are paired."""
        n = 1 if self.subject.only_reverse else PANEL
        outputs = self.subject.outputs
        keep = self.rng.integers(len(outputs), size=n) if len(outputs) > 1 else np.zeros(n, int)
        alone = self.rng.random(n) < 0.5
        found = []
        for k, w in enumerate(outputs):
            a = self.rng.normal(size=(n, *w.shape))
            if w.kind == "C":
                a = a + 1j * self.rng.normal(size=a.shape)
            on = ~alone | (keep == k) if len(outputs) > 1 else np.ones(n, bool)
            found.append(np.broadcast_to(a * on.reshape(-1, *[1] * len(w.shape)), (PANEL, *w.shape)))
        masks = self.subject.levels if self.subject.only_reverse else []
        if masks and self.rng.random() < 0.75:
            # beside the large entries nothing is seen of the small ones
            return [a * m for a, m in zip(found, masks[self.rng.integers(len(masks))], strict=True)]
        return found

    def check(self, curve: Curve, parts: int, fixed: Fixed = None) -> None:
        """Check a curve in equal parts; what is not resolved is queued for `refine`."""
        cuts = np.linspace(0.0, 1.0, parts + 1)
        for low, high in pairwise(cuts):
            # the way back is compared with the way forward on every third panel, at each of its nodes
            self._judge(self.panel(curve, float(low), float(high), fixed, slopes=self.started % 3 != 0))
            self.started += 1
            if self.found or self.unsure:
                return

    def refine(self, budget: int) -> None:
        """Refine the least resolved panels while evaluations are left and nothing is found wrong."""
        last = self.subject.evals + budget
        while self._queue and not self.found and self.subject.evals + CONFIRM <= last:
            severity, _, panel, (low, high), entry = heapq.heappop(self._queue)
            if high - low <= SMALL / 100:
                continue  # a kink, closed in on
            if (low, high) != (panel.low, panel.high):
                self._judge(self.panel(panel.curve, low, high, panel.fixed, panel))
            else:
                for piece, part in self._pieces(panel, entry):
                    # what was cut off further goes on before other curves, down to the width of a point
                    part = part if piece[1] - piece[0] > SMALL else 0.01
                    self._push(-severity * part, panel, piece, entry)

    # -- one panel ---------------------------------------------------------------------------------

    def _judge(self, panel: Panel) -> None:
        self.panels += 1
        self.nodes.append(panel)
        node, h = panel.node, panel.half
        good = np.asarray(np.isfinite(node.F).all(axis=0))
        slopes = np.isfinite(node.d).all(axis=0)
        if not good.all() or not slopes.all():
            self._broken(panel)
        good &= slopes
        if not good.any():
            return
        defect, bound = self._defects(node, h)
        ratio = np.where(good, (defect / bound).max(axis=0), 0.0)
        loose, entry = self._unresolved(node, h, good)
        bad = np.flatnonzero(ratio > 1)
        # what is resolved or nearly so, and wrong beyond the bound
        for e in bad[np.argsort(-ratio[bad])][:3]:
            self._confirm(panel, int(e))
            if self.found or self.unsure:
                return
        self._rough(panel, good)
        if self.found:
            return
        accepted = ratio[ratio <= 1]
        self.worst = max(self.worst, float(accepted.max(initial=0.0)))
        if loose > RESOLVED:
            # the deeper the sooner: a feature is followed down before the same one on the next curve
            self._push(loose * (h**-0.5 if 2 * h > SMALL else h), panel, (panel.low, panel.high), entry)
        else:
            self.resolved += 1

    def _push(self, severity: float, panel: Panel, part: tuple[float, float], entry: int) -> None:
        heapq.heappush(self._queue, (-severity, next(self._order), panel, part, entry))

    def _defects(self, node: Node, h: float) -> tuple[np.ndarray, np.ndarray]:
        """Defects (17, m) and the first bound, at every node and entry."""
        u = self.subject.unit
        with np.errstate(all="ignore"):
            F, d, size = node.F, node.d, node.size
            defect = np.abs(F - F[0] - h * (QUADRATURE @ d))
            moved = h * (np.abs(QUADRATURE) @ np.abs(d))
            tail = h * tails(d) + tails(F)
            tiny = np.finfo(np.float64).tiny / u
            bound = MARGIN * u * (size + size[0] + moved) + TAILS * tail + tiny
            return defect, bound + 8 * self.slack * (1 + h) + 8 * self.constants * moved

    def _unresolved(self, node: Node, h: float, good: np.ndarray) -> tuple[float, int]:
        """How much of what a panel does is not resolved, and for which entry."""
        with np.errstate(all="ignore"):
            does = np.ptp(node.F, axis=0) + h * np.abs(node.d).max(axis=0)
            self.size = np.maximum(self.size, np.nan_to_num(node.size.max(axis=0), posinf=0.0))
            # an entry that is zero but for rounding is gauged by the others
            floor = self.subject.unit * (MARGIN * self.size + self.size.max(initial=0.0)) + 8 * self.slack
            left = h * tails(node.d) + tails(node.F) - floor - MARGIN * self.subject.unit * does
            part = np.maximum(left, 0.0) / (does + floor + np.finfo(np.float64).tiny)
        part = np.where(good, np.nan_to_num(part, nan=0.0, posinf=1.0), 0.0)
        entry = int(part.argmax()) if part.size else 0
        return float(part.max(initial=0.0)), entry

    def _top(self, entry: int) -> float:
        """The largest value of an entry on any panel."""
        return float(self.size[entry] if self.size.size > entry else self.size.max(initial=0.0))

    def _confirm(self, panel: Panel, entry: int) -> None:
        """Measure noise; a defect that stays above the bound must show on a half of the panel too."""
        noise = (0.0, 0.0)
        first = self._measured(panel, entry, noise)  # what an ulp of the inputs does may be enough
        if first.ratio > 1:
            noise = noise_of(self.subject, panel, entry, self._top(entry))
            first = self._measured(panel, entry, noise)
        if first.ratio > 1 and shaken(self.subject) is not None:
            # along a curve rounding inside may stay what it is, as on a staircase
            if self._affords(6 * NOISE_POINTS):
                self.inside = shaken_noise(self.subject, panel, entry, self.rng)
            elif self.inside is None:
                self.unsure.append(first)  # what is not measured accuses nobody
                return
            noise = max(noise[0], self.inside[0]), max(noise[1], self.inside[1])
            first = self._measured(panel, entry, noise)
        if first.ratio <= 1:
            self.worst = max(self.worst, first.ratio)
            return
        if first.ratio > CLEAR and not first.noisy:
            self.found.append(first)
            return
        middle = (panel.low + panel.high) / 2
        smaller = []
        for low, high in ((panel.low, middle), (middle, panel.high)):
            if not self._affords(PANEL):
                self.unsure.append(first)
                return
            half = self.panel(panel.curve, low, high, panel.fixed, panel)
            if np.isfinite(half.node.F[:, entry]).all() and np.isfinite(half.node.d[:, entry]).all():
                smaller.append(self._measured(half, entry, noise))
                if smaller[-1].ratio > SURE:
                    self.found.append(smaller[-1])
                    return
        worst = max(smaller, key=lambda f: f.ratio, default=first)
        if not smaller or worst.ratio <= 1:
            return
        if worst.noisy:
            self.noisy.append(worst)
        else:
            # what is not resolved hides it: closer
            part = worst.panel
            self._push(1.0 / part.half, part, (part.low, part.high), entry)

    def _affords(self, evaluations: int) -> bool:
        return self.subject.evals + evaluations <= self.last

    def _rough(self, panel: Panel, good: np.ndarray) -> None:
        """Slopes unlike those next to them at every node are noise; noise that no value has is a fault of the rule."""
        node, h, u = panel.node, panel.half, self.subject.unit
        if self.slack or self.constants > 1e-12 or self.measured >= 4 or not self._affords(8 * NOISE_POINTS):
            return
        with np.errstate(all="ignore"):
            # a step is rough at a few nodes, and noise at all of them
            residue = roughness(np.where(good, node.d, 0.0))
            middle = np.median(residue, axis=0)
            scale_F = node.size.max(axis=0)
            scale = scale_F + h * np.abs(node.d).max(axis=0)
            noisy = (middle > residue.max(axis=0) / 10) & (tails(node.d) > middle / 1e3)
            rough = good & noisy & (h * middle > IMPRECISE * u * scale)
        for e in np.flatnonzero(rough)[:1]:
            self.measured += 1
            sigma_d = min(scatter_of(self.subject, panel, int(e), place) for place in (3, 13))
            if h * sigma_d <= IMPRECISE * u * scale[e]:
                continue
            sigma_F, _ = noise_of(self.subject, panel, int(e), self._top(int(e)))
            if sigma_F > np.ptp(node.F[:, e]) / 10 or turns(self.subject, panel, int(e), sigma_d, u * scale_F[e]):
                continue  # values turn as fast, or too fast to be seen
            if h * sigma_d > IMPRECISE * (
                u * scale[e] + sigma_F + u * response_of(self.subject, panel, int(e), self.rng)
            ):
                actual = self.actual(node.F[:, e], h)
                k = int(np.abs(actual - node.d[:, e])[2:-2].argmax()) + 2
                ratio = h * sigma_d / (u * scale[e])
                self.found.append(
                    Defect(
                        panel,
                        int(e),
                        float(ratio),
                        float(h * sigma_d),
                        float(u * scale[e]),
                        True,
                        k,
                        float(node.d[k, e]),
                        float(actual[k]),
                    )
                )

    def _measured(self, panel: Panel, entry: int, noise: tuple[float, float]) -> Defect:
        """The defect of an entry against the whole bound, with measured noise."""
        node, h, u = panel.node, panel.half, self.subject.unit
        defect, bound = (a[:, entry] for a in self._defects(node, h))
        plain = bound.copy()
        if (defect > bound).any():
            sigma_F, sigma_d = noise
            bound = bound + MARGIN * (sigma_F + h * sigma_d + u * response_of(self.subject, panel, entry, self.rng))
        ratio = defect / bound
        j = int(ratio.argmax())
        actual = self.actual(node.F[:, entry], h)
        k = int(np.abs(actual - node.d[:, entry])[1:-1].argmax()) + 1
        return Defect(
            panel,
            entry,
            float(ratio[j]),
            float(defect[j]),
            float(bound[j]),
            bool(bound[j] > 4 * plain[j]),
            k,
            float(node.d[k, entry]),
            float(actual[k]),
        )

    @staticmethod
    def actual(F: np.ndarray, h: float) -> np.ndarray:
        """The slope of the interpolant of the values."""
        made = np.polynomial.chebyshev.chebder(CHEBYSHEV @ F)
        return np.polynomial.chebyshev.chebval(NODES, made) / h

    # -- what is not resolved, or not finite ---------------------------------------------------------

    def _pieces(self, panel: Panel, entry: int) -> list[tuple[tuple[float, float], float]]:
        """The parts to look at next, and how much of the severity goes to each.

        Where value or slope steps between two nodes, that gap is looked at first: a rule that is wrong in a small
        region shows there, and a kink closes in on a point.
        """
        times = panel.times
        for values in (panel.node.d[:, entry], panel.node.F[:, entry]):
            rough = roughness(values)
            steps = rough[:-1] + rough[1:]
            if np.isfinite(steps).all() and steps.max() > STEP * np.median(steps):
                cuts = np.flatnonzero(steps > steps.max() / 2)
                gaps = [(float(times[i]), float(times[i + 1])) for i in cuts[:2]]
                ends = [panel.low, *(t for gap in gaps for t in gap), panel.high]
                between = [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b > a]
                return [(gap, 4.0) for gap in gaps] + [(part, 3.0) for part in between]
        middle = (panel.low + panel.high) / 2
        return [((panel.low, middle), 1.0), ((middle, panel.high), 1.0)]

    def _broken(self, panel: Panel) -> None:
        """Values that are not finite end the domain; slopes that are not, where values are, are suspect points.

        What is between is looked at: the slope of arcsin is infinite at 1, and may be wrong beside it.
        """
        node = panel.node
        finite = np.isfinite(node.F)
        strange = finite & ~np.isfinite(node.d)
        for j, _ in np.argwhere(strange)[:1]:
            self.suspects.append((panel, int(j)))
        finite &= np.isfinite(node.d)
        # the longest stretch of nodes at which everything is finite that can be
        whole = np.asarray(finite[:, finite.any(axis=0)].all(axis=1)) if finite.any() else np.zeros(PANEL, bool)
        runs = np.split(np.arange(PANEL), np.flatnonzero(np.diff(whole.astype(int))) + 1)
        runs = [r for r in runs if len(r) > 2 and whole[r[0]]]
        if runs and panel.high - panel.low > 1e-3:
            run = max(runs, key=len)
            times = panel.times
            # halving would do, but the end of a domain is found faster from within
            piece = Panel(panel.curve, float(times[run[0]]), float(times[run[-1]]), panel.fixed, node, panel.ws, True)
            if run[0] > 0 or run[-1] < PANEL - 1:
                self._again.append(piece)

    _again: list[Panel] = field(default_factory=list)

    def within(self, budget: int) -> None:
        """Check the parts of curves at which values were found finite."""
        last = self.subject.evals + budget
        while self._again and not self.found and self.subject.evals + PANEL * self.subject.per_node <= last:
            p = self._again.pop()
            self._judge(self.panel(p.curve, p.low, p.high, p.fixed, p))
