"""One box examined: every criterion on its promotion, and its own precision against that.

The order is from what costs least and shows most: naturality and linearity at an example, claims at examples and
declared points, the integral form along curves, the places where these cross a guard, the transpose, precision, probes
that nobody asked for, and what is left of the effort for refinement. A fault that is found ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...diagrams.box import Box
from ...diagrams.primitives import traits
from ..derivatives.optic import WIDE
from ..promotion import rounded_constants
from .certificate import Witness
from .criteria.crossing import GUARDS, further, jump_at, kink_at, looks
from .criteria.hints import hint_of
from .criteria.linearity import Violation, linear, precise, transposed
from .criteria.naturality import BATCH, beside, natural
from .criteria.noise import OPEN
from .criteria.places import probes
from .criteria.points import RADII, Finding, check_point
from .criteria.tangents import admissible, along_tangents
from .criteria.types import typed
from .criteria.values import value_apart
from .plots.bounds import roundoff
from .plots.panels import Integral
from .plots.parts import Defect, Fixed
from .plots.subjects import Arrays, widened
from .targets import EFFORTS, Facts, Target, guards_in, subject_of

__all__ = ["UNRESOLVED", "Examination"]

UNRESOLVED = "on no part of a curve were values and slopes resolved"

COARSE = 1e-9  # roundoff beyond which claims at points as near as are looked at differ by rounding alone
SMALL = 16  # kinds of boxes up to which a function is run eagerly too
BATCHED = 64  # and up to which it is run over a batch


class _Stop(Exception):
    """Something was found."""


class Examination:
    """The criteria in order, on one target."""

    def __init__(self, target: Target, facts: Facts, order: int) -> None:
        self.target, self.facts, self.order = target, facts, order
        self.effort = EFFORTS[facts.effort]
        self.rng = np.random.default_rng(facts.seed)
        self.region = target.region
        self.subject = subject_of(target, facts)
        exact = target.promotion is target.d or not rounded_constants(target.d) or target.wide is not None
        constants = 0.0 if exact else max(roundoff(w.dtype) for w in target.d.dom.inside if w.differentiable)
        self.integral = Integral(self.subject, self.rng, facts.noise, constants, self.effort.most)
        self.points: list[Finding] = []
        self.worst = 0.0
        self.curves = 0
        self.spent = 0
        self.witness: Witness | None = None
        self.guards = guards_in(target) if facts.surrogate is None and facts.tangent is None else None
        self.crossed: list[str] = []

    # -- the order of things -----------------------------------------------------------------------

    def run(self) -> None:
        """All criteria, until one fails or the effort is spent."""
        try:
            self._violated(typed(self.target.d, self.subject, self._starts()[0]) if self.order == 1 else None)
            self._natural()
            self._numbers()
            self._linear()
            if self.facts.tangent is not None:
                self._declared()
                self._on_manifold()
                return
            if self.effort.points:
                self._declared()
                self._curves()
            else:
                self._curves()
                self._declared()
            self._crossings()
            self._transposes()
            self._precision()
            self._probes()
            self._refine()
        except _Stop:
            pass

    @property
    def left(self) -> int:
        """Evaluations that the effort still allows."""
        return self.effort.limit - self.subject.evals - self.spent

    @property
    def _around(self) -> int:
        """Evaluations of a look at a point."""
        return (2 * self.effort.ways + 1) * self.subject.per_node

    @property
    def _near(self) -> bool:
        """Whether claims at points are compared with those nearby, which rounding does not drown."""
        return bool(self.effort.points) and self.subject.unit <= COARSE

    def _starts(self) -> list[Arrays]:
        return [self._moving(m) for m in self.target.met]

    def _moving(self, values: Sequence[Any]) -> Arrays:
        wide = widened(self.target.d.dom.inside, values)
        return [np.asarray(wide[i]) for i in self.subject.moves]

    def _natural(self) -> None:
        """A function is asked whether it says the same however it is called."""
        g = self.target.function
        if g is None or self.facts.surrogate is not None or self.order > 1:
            return
        with self._narrow():
            own = subject_of(self.target, self.facts, own=True)
            points = [[jnp.asarray(a) for a in m] for m in self.target.met[: self.effort.calls]]
            self.spent += 8 * len(points)
            scales = self.region.scales(self._moving(self.target.met[0]))
            points += [beside(points[0], self.subject.moves, scales, self.rng) for _ in range(len(points), BATCH)]
            kinds = len(self.target.d.graph.table)
            found = natural(g, own, points, self.rng, small=kinds <= SMALL, batched=kinds <= BATCHED)
        self.integral.last = self.effort.most - self.spent
        self._violated(found)

    def _numbers(self) -> None:
        """At an example that has a value, what is claimed is a number, wherever there is a derivative or a kink."""
        for values in self.target.met[:1]:
            x = self._moving(values)
            vs = [s * self.rng.normal(size=s.shape) for s in self.region.scales(x)]
            ws = [self.rng.normal(size=w.shape) for w in self.subject.outputs]
            node = self.subject.run([a[None] for a in x], [v[None] for v in vs], [w[None] for w in ws])
            lost = np.isnan(node.d).any() or np.isnan(node.right).any()
            if np.isnan(node.F).all():
                self.points.append(Finding(x, "no value", True))
            if lost and np.isfinite(node.F).all() and self.facts.tangent is None:
                fixed = widened(self.target.d.dom.inside, values)
                before = len(self.points)
                self._point(x, True, 1, fixed)
                if not any(p.kind.startswith("kink") for p in self.points[before:]):
                    # where there is neither derivative nor subderivative, that is said
                    at = Finding(x, "kink without value", True, np.nan, np.nan, np.nan, vs, ws, fixed)
                    self.points[before:] = [at]

    def _linear(self) -> None:
        for x in self._starts()[: self.effort.lines]:
            if self.left < 11 * self.subject.per_node:
                return
            found = linear(self.subject, x, self.rng)
            self._violated(found)

    def _declared(self) -> None:
        points = [(p, max(3, self.effort.directions)) for p in self.target.declared]
        points += [(m, 1) for m in self.target.met[: self.effort.points // 2]]
        half = self.effort.limit // 2 if self.effort.points else 0
        for k, (values, directions) in enumerate(points):
            directions = min(directions, max(1, self.left // 100))
            first = k < min(len(self.target.declared), self.effort.points, 2)
            if self.left >= max(half, self._around) or first:
                fixed = widened(self.target.d.dom.inside, values)
                self._point(self._moving(values), True, directions, fixed)

    def _point(self, x: Arrays, declared: bool, directions: int, fixed: Fixed = None) -> None:
        if self.subject.unit > COARSE:
            return
        tangent = (
            None
            if self.facts.tangent is None
            else lambda x: admissible(self.subject, self.facts, self._inputs(x, fixed), self.rng)
        )
        ways = self.effort.ways
        composite = self.target.composite
        found = check_point(
            self.subject, self.region, x, declared, directions, self.rng, fixed, tangent, ways, composite
        )
        if found.kind == "wrong" and composite and np.isfinite(found.claimed) and self._between(x, fixed):
            found = replace(found, kind="kink outside")
        self.points.append(found)
        if found.kind == "wrong":
            self._wrong_point(found)

    def _curves(self) -> None:
        e, supply = self.effort, self.region.curves(self.rng)
        for values in self.target.declared[:3]:
            # what a rule says near a declared point may be as wrong as what it says there
            for radius in (1e-1, 1e-3) if e.points else ():
                if self.left >= e.limit // 4:
                    curve = self.region.through(self._moving(values), radius, self.rng)
                    self.integral.check(curve, 1, widened(self.target.d.dom.inside, values))
                    self._judge()
        for other in self.target.others:
            if self.left < 34:
                break
            curve = next(supply)
            self.integral.check(curve, 1, widened(self.target.d.dom.inside, other))
            self._judge()
        for k in range(e.curves + e.singles):
            # what turns too often over its domain is seen close to an example
            near = k and not e.points and not self.integral.resolved
            curve = self.region.near(self._starts()[0], self.subject.unit, self.rng) if near else next(supply)
            # the effort that spares points has no more than one panel beside those that were declared
            parts = e.parts if k < e.curves and (e.points or not self.target.declared) else 1
            if self.left < 17 * parts + 17:
                break
            self.integral.check(curve, parts)
            self.curves += 1
            self._judge()
        self.integral.within(min(self.left, self.effort.limit // 5))
        self._judge()

    def _between(self, x: Arrays, fixed: Fixed) -> bool:
        """Whether a point lies between pieces: claims of parts that are right there need not make a right one."""
        scales = self.region.scales(x)
        return self.guards is not None and self.guards.crosses(x, scales, RADII[1], self.rng, fixed)

    def _crossings(self) -> None:
        """Places at which the curves cross a guard: values that jump there, and claims."""
        if self.guards is None or self.order > 1:
            return
        jumps: set[str] = set()
        times = looks(self.target.d)
        more = further(self.region, self.rng) if times == GUARDS and self.effort.points else []
        for k, c in enumerate(self.guards.crossings([*self.integral.nodes, *more], times * self.effort.crossings)):
            if c.path in jumps:
                continue
            jump = jump_at(self.subject, c, self.target.unit, self.facts.noise, self.rng)
            look = self.left >= 4 * self._around or not k  # a kink takes more than the first of its looks
            if jump is not None:
                self.points.append(jump)
                jumps.add(c.path)
            elif look and self._near and k < self.effort.crossings:
                self._point(c.point, False, 1, c.fixed)
            elif look and not self.facts.noise and self.subject.unit <= COARSE:
                kink = kink_at(self.subject, c, self.rng)
                self.points += [] if kink is None else [kink]
            self.crossed += [] if c.path in self.crossed else [c.path]

    def _transposes(self) -> None:
        found, worst = transposed(self.subject, self.integral.nodes, self.rng, 3 if self.effort.points else 1)
        self.worst = max(self.worst, worst)
        self._violated(found)
        apart = value_apart(self.subject, self.integral.nodes, self.rng)
        self._violated(apart)
        for panel in self.integral.nodes:
            bad = np.isfinite(panel.node.F).all(axis=1) & ~panel.node.finite
            if bad.any() and not panel.slopes and self.subject.claims.reverse is not None:
                self.integral.suspects.append((panel, int(bad.argmax())))
                break
        for panel, j in self.integral.suspects[:2]:
            if self.effort.points or self.left >= self._around:
                self._point(panel.at(j)[0], False, 1)

    def _precision(self) -> None:
        box = self.target.d
        if isinstance(box, Box) and (traits(box.op).exact or traits(box.op).converting):
            return
        if not self.target.own or not self.effort.precise or self.facts.surrogate is not None:
            return
        with self._narrow():
            own = subject_of(self.target, self.facts, own=True)
        points = self.effort.precise if self.left > 0 else self.effort.precise // 2
        times = np.linspace(0.02, 0.98, points)
        panels = [p for p in self.integral.nodes if p.curve.label != "geometric"][:1]
        for panel in panels:
            fixed = (panel.fixed, panel.fixed and widened(self.target.d.dom.inside, panel.fixed))
            found, worst = precise(
                own, self.subject, panel.curve, times, self.rng, fixed, self._narrow, self.target.composite
            )
            self.worst = max(self.worst, worst)
            self._violated(found)
        self.spent += own.evals

    def _narrow(self) -> Any:
        """The setting in which the map itself runs: in 64 bits only if it has them."""
        wires = (*self.target.d.dom.inside, *self.target.d.cod.inside)
        return jax.enable_x64(any(w.dtype in WIDE for w in wires))

    def _probes(self) -> None:
        for x in probes(self.region)[: self.effort.points]:
            if self.left < 17 * self.subject.per_node + self.effort.limit // 8:
                return
            self._point(x, False, 1)

    def _refine(self) -> None:
        before = len(self.integral.nodes)
        self.integral.refine(self.left)
        self._judge()
        for panel, j in self.integral.suspects[2:3] if len(self.integral.nodes) > before else []:
            self._point(panel.at(j)[0], False, 1)

    def _on_manifold(self) -> None:
        found, worst, tried = along_tangents(self.subject, self.target, self.facts, self.rng, self.left)
        self.worst, self.curves = max(self.worst, worst), tried
        self._violated(found)

    # -- what was found ----------------------------------------------------------------------------

    def _judge(self) -> None:
        if self.integral.found:
            self._defect(self.integral.found[0])

    def _inputs(self, x: Arrays, fixed: Fixed) -> tuple[Any, ...]:
        given = widened(self.target.d.dom.inside, self.target.met[0] if fixed is None else fixed)
        for i, a in zip(self.subject.moves, x, strict=True):
            given[i] = a
        return tuple(given)

    def _defect(self, f: Defect) -> None:
        panel = f.panel
        mode = "reverse" if self.subject.only_reverse else "forward"
        label = f"{panel.curve.label}, t in [{panel.low:.4g}, {panel.high:.4g}]"
        v = Violation("slope", mode, *panel.at(f.node), f.claimed, f.actual, f.ratio, panel.fixed)
        self._violated(v, label, hint_of(self.subject, self.integral, f))

    def _wrong_point(self, f: Finding) -> None:
        assert f.vs is not None and f.ws is not None
        near = f.low if abs(f.claimed - f.low) < abs(f.claimed - f.high) else f.high
        v = Violation(
            "point",
            "forward" if not self.subject.only_reverse else "reverse",
            f.x,
            f.vs,
            f.ws,
            f.claimed,
            near,
            np.inf,
            f.fixed,
        )
        exists = abs(f.high - f.low) <= 1e-2 * max(abs(f.low), abs(f.high))
        hint = "" if exists else f"slopes nearby are {f.low:.4g} to {f.high:.4g}"
        if self.guards is not None:
            scales = self.region.scales(f.x)
            for path in self.guards.alone(f.x, scales, RADII[1], self.rng, f.fixed)[:1]:
                hint = f"{path} chooses a branch at this point alone" + (f"; {hint}" if hint else "")
        self._violated(v, "a declared point" if f.declared else "a special point", hint)

    def _violated(self, v: Violation | None, plot: str = "a point", hint: str = "") -> None:
        if v is None:
            return
        narrow = v.criterion.startswith(("precision", "natural", "type"))
        first = self.order == 1
        self.witness = Witness(
            self.target.d if narrow else self.target.promotion,
            v.criterion,
            v.mode,
            self.order,
            self._inputs(v.x, v.fixed),
            tuple(v.vs),
            tuple(v.ws),
            v.claimed,
            v.actual,
            v.ratio,
            plot,
            hint or v.hint,
            self.facts.seed,
            wrt=self.target.wrt,
            against=self.facts.surrogate if first else None,
            function=self.target.function if first else None,
        )
        raise _Stop

    # -- the verdict -------------------------------------------------------------------------------

    def verdict(self) -> tuple[str, str]:
        """The verdict and its reason."""
        found = self.integral
        if self.witness is not None:
            return "wrong", ""
        if found.noisy:
            f = max(found.noisy, key=lambda f: f.ratio)
            return "undecided", f"a defect of {f.ratio:.2g} times the bound, most of which is measured noise"
        if found.unsure:
            f = max(found.unsure, key=lambda f: f.ratio)
            return "undecided", f"a defect of {f.ratio:.2g} times the bound, at which this effort does not look again"
        if left := [p for p in self.points if p.kind in OPEN]:
            return "undecided", OPEN[left[0].kind]
        if self.facts.tangent is None and not any(np.isfinite(p.node.F).any() for p in found.nodes):
            return "undecided", "no curve was tried on which values are finite"
        if self.facts.tangent is None and not found.resolved:
            return "undecided", UNRESOLVED
        if any(p.kind == "jump" for p in self.points):
            return "discontinuous", ""
        if any(p.kind.startswith("kink") for p in self.points):
            return "intensional", ""
        return "correct", ""
