"""What JAX computes of a claimed derivative, at points of many sizes and signs: a safeguard for proofs.

Expressions forget where their parts are defined: sqrt(x)² is x to sympy, and is not a number in JAX where x < 0. So a
claim that was found equal to the true derivative is computed too. A point counts where JAX gives f the value that its
expressions have, which leaves out indices out of range, integers that wrap and overflow. A claim that is not finite
there, where the true derivative is, refutes; one that differs by far more than rounding is never proved.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from typing import Any

import jax.numpy as jnp
import mpmath
import numpy as np

from ....categories.errors import NoMeaningError
from ....diagrams.box import Box
from ....diagrams.syntax import Diagram
from ....diagrams.traversal import interpret
from ....diagrams.types import Wire
from ....functors.derivatives.optic import precision
from ...jax.programs import to_jax
from ..entries.bodies import NESTED
from ..entries.meaning import meaning_of
from ..entries.symbols import Entries
from .deciding import ENOUGH, TRIES, Decision, Domain, Pair
from .points import DIGITS, Outside, Point, evaluate

__all__ = ["Computed", "array_of", "entry_at"]

# Where numbers are sampled: from low to high with these signs, and whole numbers in a range; large ones may overflow.
RANGES = (
    (Fraction(0), Fraction(1), (1,), (0, 2)),
    (Fraction(0), Fraction(1), (-1,), (0, 2)),
    (Fraction(0), Fraction(1, 64), (1, -1), (0, 2)),
    (Fraction(1), Fraction(3), (-1,), (0, 1)),
    (Fraction(1), Fraction(3), (1, -1), (-3, 9)),
    (Fraction(24), Fraction(40), (1,), (0, 2)),
    (Fraction(24), Fraction(40), (-1,), (-3, 9)),
    (Fraction(24), Fraction(40), (1, -1), (0, 2)),
)
INEXACT = ("polygamma", "zeta")  # which JAX computes for positive numbers alone
SLACK = 64  # far more than rounding: so many times the root of the relative rounding error


@dataclass(frozen=True)
class Computed:
    """A diagram and a claimed derivative as programs, and the expressions that their entries stand for.

    `inputs` are those of the claim, of which the first are those of the diagram with the outputs `outputs`. The pairs
    belong to the entries of the outputs of the claim, in order.
    """

    d: Diagram
    claim: Diagram
    inputs: Sequence[Entries]
    outputs: Sequence[Entries]
    pairs: Sequence[Pair]

    def objection(self, domain: Domain, seed: int) -> Decision | None:
        """What speaks against a proof; None if nothing was found."""
        wires = (*self.claim.dom.inside, *self.claim.cod.inside)
        if any(w.kind == "Key" for w in wires):
            return None  # of a key there is no value to compare
        with mpmath.workdps(DIGITS), np.errstate(all="ignore"), precision(wires):
            try:
                return self._first(domain, seed)
            except NoMeaningError:
                return None  # an abstract box has no values

    def _first(self, domain: Domain, seed: int) -> Decision | None:
        """The first point that speaks against the claim; points found in the domain only if few others are there."""
        met = 0
        for point, large, spare in chain(_points(domain.symbols, seed), _spare_points(domain, seed)):
            if spare and met >= ENOUGH:
                break
            wrong = self._wrong(point, large)
            met += wrong is not None
            if wrong and self._wrong(_nearby(point), large):
                return self._told(wrong[0], point, large)
        return None

    def _arrays(self, point: Point) -> list[Any]:
        wires = self.claim.dom.inside
        return [array_of(w, [entry_at(e, point) for e in a.flat]) for w, a in zip(wires, self.inputs, strict=True)]

    def _wrong(self, point: Point, large: bool) -> list[int] | None:
        """The entries of the claim that are wrong at a point; None outside of the domain of the diagram.

        Among large numbers a small one is lost by rounding, and what JAX computes may be far off.
        """
        loose = large or any(box.op in INEXACT for box in self.claim.boxes)
        arrays = self._arrays(point)
        known: dict[Any, Any] = {}
        if not self._agrees(arrays, point, known):
            return None
        claimed = _run(self.claim, arrays)
        true = [_value(p.true, point, known) for p in self.pairs]
        size = max([1.0, *(abs(t) for t in true if t is not None)])
        made = []
        for i, (c, t, pair) in enumerate(zip(claimed, true, self.pairs, strict=True)):
            if t is None or (np.isfinite(c) and abs(c - t) <= _slack(pair) * size):
                continue
            told = not loose if np.isfinite(c) else self._leaves(point)
            if told or not _near(_value(pair.claimed, point, known), t):
                made.append(i)
        return made

    def _leaves(self, point: Point) -> bool:
        """Whether a box of the claim is computed outside of its domain: what JAX cannot compute inside is let pass."""
        found: list[Any] = []

        def entries(d: Diagram, inputs: Sequence[Entries]) -> list[Entries]:
            return interpret(d.graph, value, list(inputs))

        def value(box: Box, *arrays: Entries) -> Sequence[Entries]:
            if box.op in NESTED:
                made = NESTED[box.op](box, entries, *arrays)
                made = meaning_of(box, *arrays) if made is None else made
            else:
                made = meaning_of(box, *arrays)
            real = (y for y, w in zip(made, box.cod.inside, strict=True) if w.differentiable)
            found.extend(e for y in real for e in y.flat if _value(e, point, known) is None)
            return made

        known: dict[Any, Any] = {}
        entries(self.claim, self.inputs)
        return bool(found)

    def _agrees(self, arrays: Sequence[Any], point: Point, known: dict[Any, Any]) -> bool:
        """Whether JAX computes the values that the expressions of the diagram have."""
        computed = _run(self.d, arrays[: len(self.d.dom)])
        wires = [w for w in self.d.cod.inside for _ in range(w.size)]
        for w, c, e in zip(wires, computed, (e for y in self.outputs for e in y.flat), strict=True):
            v = _value(e, point, known) if w.differentiable else c
            if v is None or not (np.isfinite(c) and abs(c - v) <= 0.01 * max(1.0, abs(v))):
                return False
        return True

    def _told(self, at: int, point: Point, large: bool) -> Decision:
        pair, value = self.pairs[at], _run(self.claim, self._arrays(point))[at]
        true = _value(pair.true, point, {})
        if not np.isfinite(value) and not large:
            return Decision("refuted", at=at, point=point, values=(value, true))
        how = "differs by far more than rounding" if np.isfinite(value) else "is not finite at large numbers"
        return Decision("undecided", f"what JAX computes {how}: {value:.4g} and not {true:.4g}", at=at)


def _points(symbols: Sequence[Any], seed: int) -> Iterator[tuple[Point, bool, bool]]:
    """Points at which floats are exact, each with whether it is large, and that it is not spare."""
    rng = random.Random(seed)
    for low, high, signs, whole in RANGES:
        made: Point = {}
        for s, n in zip(symbols, _numbers(len(symbols), rng), strict=True):
            if s.is_integer:
                made[s] = rng.randint(*whole)
            else:
                made[s] = rng.random() < 0.5 if s.is_real is None else rng.choice(signs) * (low + (high - low) * n)
        yield made, high > 10, False


def _spare_points(domain: Domain, seed: int) -> Iterator[tuple[Point, bool, bool]]:
    """Points of the domain, for one that the others do not meet."""
    for point, _ in islice(domain.points(seed, TRIES), ENOUGH):
        near = {s: Fraction(round(v * 64) or 1, 64) if isinstance(v, Fraction) else v for s, v in point.items()}
        yield near, False, True


def _numbers(count: int, rng: random.Random) -> list[Fraction]:
    """Different fractions between zero and one, of seven bits if these are enough."""
    bits = 7 if count <= 64 else count.bit_length() + 2
    return [Fraction(2 * k + 1, 2**bits) for k in rng.sample(range(2 ** (bits - 1)), count)]


def _nearby(point: Point) -> Point:
    """A point next to this one, so that borders of cases do not count."""
    moved = ((s, v, 1 + Fraction(k % 5 + 1, 128)) for k, (s, v) in enumerate(point.items()))
    return {s: v * h if isinstance(v, Fraction) else v for s, v, h in moved}


def array_of(w: Wire, values: Sequence[Any]) -> Any:
    """The array of a wire with these entries, fractions among them."""
    plain = [float(v) if isinstance(v, Fraction) else v for v in values]
    return np.array(plain).reshape(w.shape).astype(jnp.dtype(w.dtype))


def entry_at(e: Any, point: Point) -> Any:
    """The value of an input's entry at a point: a fraction, a whole number, a truth value or a complex number."""
    if e.is_Symbol:
        return point[e]
    if e.free_symbols:
        re, im = sorted(e.free_symbols, key=lambda s: str(s).startswith("im("))
        return complex(point[re], point[im])
    return bool(e) if e.is_Boolean else Fraction(int(e.p), int(e.q)) if e.is_Rational else float(e)


def _run(d: Diagram, arrays: Sequence[Any]) -> list[Any]:
    """The entries of all outputs as numbers."""
    made = to_jax(d)(*arrays)
    outputs = made if isinstance(made, tuple) else (made,)
    wide = {"R": "float64", "C": "complex128", "Z": "int64", "B": "bool"}
    return [
        v
        for w, a in zip(d.cod.inside, outputs, strict=True)
        for v in np.asarray(a).astype(wide[w.kind]).reshape(-1).tolist()
    ]


def _value(e: Any, point: Point, known: dict[Any, Any]) -> Any:
    """The value of an expression as a number of Python, or None where there is none."""
    try:
        v = evaluate(e, point, known)
    except Outside:
        return None
    return v if isinstance(v, (bool, int)) else complex(v)


def _near(x: Any, y: Any) -> bool:
    return x is not None and abs(x - y) <= 1e-9 * max(1.0, abs(x), abs(y))


def _slack(pair: Pair) -> float:
    return SLACK * float(np.sqrt(pair.rounding)) if pair.rounding else 0.01
