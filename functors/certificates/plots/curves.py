"""Curves through a domain: the plots along which the relation between a map and its derivative is checked.

A curve is t -> x(t) for t in [0, 1] with its velocity, over all wires that move:

    line        x(t) = a + t (b - a)
    bent        x(t) = a + (t + c t (1 - t)) (b - a)     each entry from end to end at a pace of its own, |c| < 1
    geometric   |x(t)| = |a|^(1-t) |b|^t        entry by entry, where a and b have one sign: every scale of magnitude

A region is what is known of the domain: a box given by ranges, a supply of points, or nothing but values that were met,
whose convex hull no chord between them leaves. Chords between opposite corners of a box reach its edges, which random
chords alone miss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....categories.errors import InputError
from ....diagrams.types import Wire

__all__ = ["Curve", "Region", "region_of"]

FLOATS = 4e-8  # of the size, over which looks at a ten millionth of it still see sixteen doubles
HUGE = 1e9  # times what is usual
NEAR = 10  # square roots of the unit roundoff
Arrays = list[np.ndarray]
Range = tuple[Any, ...] | None


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve from `start` to `end`, geometric on the wires listed in `log`; `label` says how it was chosen."""

    start: Arrays
    end: Arrays
    log: tuple[int, ...]
    label: str
    bends: Arrays | None = None

    def at(self, times: np.ndarray) -> tuple[Arrays, Arrays]:
        """Points and velocities at some times, stacked along a first axis."""
        xs, vs = [], []
        for k, (a, b) in enumerate(zip(self.start, self.end, strict=True)):
            t = times.reshape(-1, *[1] * a.ndim)
            if k in self.log:
                first = np.log(np.abs(a))
                ratio = np.log(np.abs(b)) - first
                x = np.sign(a) * np.exp(first + t * ratio)
                xs.append(x)
                vs.append(x * ratio)
            else:
                # what is infinite at an end stays where it is
                along = _between(a, b)
                c = 0.0 if self.bends is None else self.bends[k]
                xs.append(a + (t + c * t * (1 - t)) * along)
                vs.append(np.broadcast_to((1 + c * (1 - 2 * t)) * along, xs[-1].shape))
        return xs, vs


def _geometric(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype.kind != "c" and bool((np.isfinite(a) & np.isfinite(b) & (np.sign(a) * np.sign(b) > 0)).all())


@dataclass(eq=False)
class Region:
    """What is known of where the inputs lie: values that were met, ranges, or a supply of points.

    `met` are values of the wires that move. `ranges` holds for each of them (low, high) or (low, high, "log") or None.
    `supply(rng)` gives further points, of a domain that is no box.
    """

    wires: Sequence[Wire]
    met: list[Arrays]
    ranges: Sequence[Range]
    supply: Callable[[np.random.Generator], Arrays] | None = None
    declared: list[Arrays] = field(default_factory=list)
    hull: bool = False

    @property
    def boxed(self) -> bool:
        """Whether some wire has a range."""
        return any(r is not None for r in self.ranges)

    def sample(self, rng: np.random.Generator) -> Arrays:
        """A point of the domain."""
        if self.supply is not None:
            return self.supply(rng)
        base = self.met[rng.integers(len(self.met))]
        return [self._entry(w, r, a, rng, rng.random(w.shape)) for w, r, a in self._each(base)]

    def corner(self, rng: np.random.Generator, lowest: bool = False) -> tuple[Arrays, Arrays]:
        """Two opposite corners, or the lowest and the highest; where there are no ranges, two points far apart."""
        base = self.met[rng.integers(len(self.met))]
        sides = [np.zeros(w.shape) if lowest else rng.integers(0, 2, w.shape).astype(float) for w in self.wires]
        pair = [
            [self._entry(w, r, a, rng, u) for (w, r, a), u in zip(self._each(base), us, strict=True)]
            for us in (sides, [1 - s for s in sides])
        ]
        return pair[0], pair[1]

    def _each(self, base: Arrays) -> Iterator[tuple[Wire, Range, np.ndarray]]:
        return zip(self.wires, self.ranges, base, strict=True)

    def _entry(self, w: Wire, r: Range, base: np.ndarray, rng: np.random.Generator, u: np.ndarray) -> np.ndarray:
        """Entries at the parts u of their range; around the value that was met where there is none."""
        if r is None:
            if self.hull:
                return base
            size = np.where(np.isfinite(base), np.abs(base), 0.0)
            size = size + _usual(size) * 0.1
            return _complex(w, base + size * (2 * u - 1), rng, size)
        low, high = (np.broadcast_to(np.asarray(e, float), w.shape) for e in r[:2])
        if len(r) > 2:
            if (low > 0).all():
                return np.exp(np.log(low) + u * (np.log(high) - np.log(low)))
            # a range through zero: both signs, from the largest magnitude down over twelve decades
            most = np.maximum(np.abs(low), np.abs(high))
            found = np.sign(u - 0.5) * most * 10.0 ** (-12 * (1 - np.abs(2 * u - 1)))
            return np.clip(found, low, high)
        return _complex(w, low + u * (high - low), rng, (high - low) / 2)

    def inside(self, point: Arrays) -> bool:
        """Whether a point lies within what is known: the ranges, or the hull of what was met."""
        for k, (r, x) in enumerate(zip(self.ranges, point, strict=True)):
            x = np.real(x)
            if r is not None:
                low, high = (np.asarray(e, float) for e in r[:2])
            elif self.hull and x.size:
                known = [np.real(m[k]) for m in self.met]
                low, high = min(a.min() for a in known), max(a.max() for a in known)
            else:
                continue
            if not ((x >= low) & (x <= high)).all():
                return False
        return True

    def scales(self, point: Arrays) -> list[np.ndarray]:
        """How far each entry is moved when it is moved by one unit, near a point: by its size or a typical one."""
        found = []
        for k, (r, x) in enumerate(zip(self.ranges, point, strict=True)):
            size = np.where(np.isfinite(x), np.abs(x), 0.0)
            least = FLOATS * size  # a point moves by some floats at least, however small the domain beside it
            typical = _typical([x]) or _typical([m[k] for m in self.met]) or 1.0
            if r is not None and len(r) == 2:
                width = float(np.max(np.asarray(r[1], float) - np.asarray(r[0], float)))
                step = min(max(float(size.max(initial=0.0)), typical), width) or typical
                found.append(np.maximum(np.full(x.shape, step), least))
            else:
                found.append(np.where(size > 0, np.maximum(size, typical * 1e-3), typical))
        return found

    def beside(self, ranges: Sequence[Range], wires: Sequence[Wire], rng: np.random.Generator) -> Region:
        """This region with further wires that have ranges."""
        supply = self.supply

        def wider(rng: np.random.Generator) -> Arrays:
            assert supply is not None
            return [*supply(rng), *(rng.uniform(-1, 1, w.shape) for w in wires)]

        met = [[*m, *(rng.uniform(-1, 1, w.shape) for w in wires)] for m in self.met]
        made = None if supply is None else wider
        return Region([*self.wires, *wires], met, [*self.ranges, *ranges], made, hull=self.hull)

    def through(self, x: Arrays, radius: float, rng: np.random.Generator, what: str = "a declared point") -> Curve:
        """A chord through a point, this part of its scale to both sides, within the domain."""
        steps = [radius * s * rng.uniform(-1, 1, s.shape) for s in self.scales(x)]
        ends = []
        for sign in (1.0, -1.0):
            end = [a + sign * s for a, s in zip(x, steps, strict=True)]
            for k, r in enumerate(self.ranges):
                if r is not None and self.inside(x):
                    end[k] = np.clip(end[k], np.asarray(r[0], float), np.asarray(r[1], float))
            ends.append(end)
        return Curve(ends[1], ends[0], (), f"through {what} ({radius:g})")

    def near(self, x: Arrays, unit: float, rng: np.random.Generator) -> Curve:
        """A chord through a point, so short that kinks are seldom on it, and so long that rounding shows little."""
        return self.through(x, NEAR * unit**0.5, rng, "an example")

    def curve(
        self,
        start: Arrays,
        end: Arrays,
        label: str,
        geometric: bool | None = None,
        bent: np.random.Generator | None = None,
    ) -> Curve:
        """The curve between two points: geometric on wires with a logarithmic range, or on all if asked for."""
        log = []
        for k, (r, a, b) in enumerate(zip(self.ranges, start, end, strict=True)):
            wanted = (r is not None and len(r) > 2) if geometric is None else geometric
            if wanted and _geometric(a, b):
                log.append(k)
        bends = None if bent is None else [bent.uniform(-0.5, 0.5, np.shape(a)) for a in start]
        return Curve(start, end, tuple(log), label, bends)

    def curves(self, rng: np.random.Generator) -> Iterator[Curve]:
        """Curves without end, the most telling first."""
        if self.supply is not None or self.hull:
            yield from self._chords(rng)
        k = 0
        while True:
            a, b = self.corner(rng, lowest=k == 0)
            yield self.curve(a, b, "corner to corner", bent=rng)
            a, b = self.sample(rng), self.sample(rng)
            yield self.curve(a, b, "chord")
            base, i = self.sample(rng), k % len(self.wires)
            yield self.curve(
                base,
                [c if j == i else a for j, (a, c) in enumerate(zip(base, self.sample(rng), strict=True))],
                f"input {i} alone",
            )
            for part in (1e-3, 1e-6):
                a, b = self.sample(rng), self.sample(rng)
                yield self.curve(a, _part(a, b, part), f"short chord ({part:g})")
            if self.boxed:
                a = self.met[k % len(self.met)]
                yield self.curve(a, self.sample(rng), "from an example")
            a, b = self.sample(rng), self.sample(rng)
            yield self.curve(a, [x * 10.0 ** rng.uniform(-6, 0) for x in a], "geometric", geometric=True)
            k += 1

    def _chords(self, rng: np.random.Generator) -> Iterator[Curve]:
        """Chords between values that were met, or round points of a domain that is no box."""
        k = 0
        while True:
            a = self.supply(rng) if self.supply is not None else self.met[k % len(self.met)]
            b = self.supply(rng) if self.supply is not None else self.met[rng.integers(len(self.met))]
            part = (1.0, 1e-2, 1.0, 1e-4)[k % 4] if self.supply is None else (1e-2, 1e-4, 1e-6)[k % 3]
            if all((x == y).all() for x, y in zip(a, b, strict=True)):
                # one value only: stay close to it
                scales = self.scales(a)
                b = [
                    np.where(np.isfinite(x), x + 0.25 * s * rng.uniform(-1, 1, x.shape), x)
                    for x, s in zip(a, scales, strict=True)
                ]
            yield self.curve(a, _part(a, b, part), f"between values met ({part:g})")
            k += 1


def _typical(arrays: Arrays) -> float:
    """A size of the entries that are neither zero nor infinite; 0 where there are none.

    One that nine of ten exceed: what is masked is often a huge number.
    """
    sizes = np.concatenate([np.abs(np.ravel(a)) for a in arrays]) if arrays else np.zeros(0)
    sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
    return float(np.quantile(sizes, 0.1)) if sizes.size else 0.0


def _usual(size: np.ndarray) -> float:
    """The largest size but for what stands in the place of infinity; 1 where all are zero."""
    some = size[size > 0]
    return float(some[some <= HUGE * np.median(some)].max()) if some.size else 1.0


def _part(a: Arrays, b: Arrays, part: float) -> Arrays:
    """The point this part of the way from a to b."""
    if part == 1:
        return b
    return [x + part * _between(x, y) for x, y in zip(a, b, strict=True)]


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The way from a to b; none where one of them is infinite."""
    finite = np.isfinite(a) & np.isfinite(b)
    return np.where(finite, b, 0.0) - np.where(finite, a, 0.0)


def _complex(w: Wire, real: np.ndarray, rng: np.random.Generator, size: np.ndarray) -> np.ndarray:
    if w.kind != "C" or np.iscomplexobj(real):
        return real
    return real + 1j * size * rng.uniform(-1, 1, w.shape)


def region_of(wires: Sequence[Wire], met: list[Arrays], ranges: Sequence[Range]) -> Region:
    """A region of values that were met and ranges; raises `InputError` for a range that is none."""
    for k, r in enumerate(ranges):
        if r is None:
            continue
        if not (
            isinstance(r, (tuple, list))
            and len(r) in (2, 3)
            and np.all(np.asarray(r[0], float) <= np.asarray(r[1], float))
        ) or (len(r) == 3 and r[2] != "log"):
            raise InputError(f'the domain of input {k} is (low, high) or (low, high, "log") or None, not {r!r}')
    return Region(wires, met, [None if r is None else tuple(r) for r in ranges])
