"""Where a program branches: its guards, and the places at which a curve crosses one.

A comparison sends a curve to booleans, which are constant on every plot of the glued category: one that a curve crosses
is no morphism there, and nothing is known of the composite at that place but what is looked at. So are the steps of
`floor` and `sign`, the index of a maximum, and the piece of what is linear in pieces, such as `abs`.

    signal     of a box, a number of 32 bits that says which piece its inputs are in; the same wherever it is
               analytic around
    crossing   a place on a curve between two neighboring floats at which a signal is not the same

What is linear in pieces shows its piece in its derivative. Signals of boxes in loops and branches are those of the
loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ....diagrams.box import Box
from ....diagrams.cache import derived
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import apply_box
from ....diagrams.traversal import Open, inside, interpret
from ....diagrams.types import Wire
from ..plots.bounds import PANEL
from ..plots.compiling import compiled
from ..plots.curves import Curve
from ..plots.parts import Fixed, Stretch
from ..plots.subjects import Arrays
from ..together.reach import carried, reached

__all__ = ["Crossing", "Guards", "guarded", "guards_of", "steps"]

PLACES = 5  # at which a guard is looked at

Signals = list[tuple[str, Any]]


@dataclass(frozen=True, eq=False)
class Crossing:
    """A place at which a guard changes: its `path`, the curve and the two times around it, and the point itself."""

    path: str
    curve: Curve
    low: float
    high: float
    point: Arrays
    fixed: Fixed


def steps(box: Box) -> bool:
    """Whether a box may jump: what it gives is constant in pieces, wholly or in part."""
    # the integers of one are the bits of a float, not a choice
    if box.op == "bitcast_convert_type" or not any(w.differentiable for w in box.dom.inside):
        return False
    return traits(box.op).jumping or (not box.bodies and any(not w.differentiable for w in box.cod.inside))


def guides(box: Box) -> bool:
    """Whether the box itself chooses between pieces."""
    real = all(w.kind != "C" for w in box.dom.inside)
    known = traits(box.op)
    return steps(box) or (known.kinked if real else known.cut)


def guarded(d: Diagram) -> bool:
    """Whether some box of a diagram, or inside of one, chooses between pieces."""
    return derived(d, "guarded", lambda: any(_guarded(box) for box in d.graph.table))


def _guarded(box: Box) -> bool:
    return guides(box) or box.op == "while" or any(guarded(inner) for inner in box.bodies.values())


class Guards:
    """The signals of a diagram, as one program over points; `paths` are those of its guards."""

    def __init__(self, d: Diagram, moves: Sequence[int], wires: Sequence[Wire], fixed: Sequence[Any]) -> None:
        self.d, self.moves, self.wires, self.fixed = d, list(moves), list(wires), list(fixed)
        self.paths: list[str] = []

    def at(self, xs: Arrays, fixed: Fixed = None) -> np.ndarray:
        """The signals (n, guards) at points that are stacked along a first axis."""
        n, parts = len(xs[0]), []
        for at in range(0, n, PANEL):
            index = np.minimum(np.arange(at, at + PANEL), min(at + PANEL, n) - 1)
            given = [np.asarray(a[index]).astype(jnp.dtype(w.dtype)) for a, w in zip(xs, self.wires, strict=True)]
            parts.append(self._signals(list(self.fixed if fixed is None else fixed), given)[: min(PANEL, n - at)])
        return np.concatenate(parts)

    def _signals(self, fixed: list[Any], given: list[np.ndarray]) -> np.ndarray:
        """The signals at the points of a panel; where the program raises, as before."""
        try:
            return np.asarray(self._program(fixed, given))
        except Exception:  # a callback raises whatever its library raises
            rows: list[np.ndarray] = []
        for k in range(PANEL):
            try:
                rows.append(np.asarray(self._program(fixed, [np.broadcast_to(a[k], a.shape) for a in given]))[0])
            except Exception:
                rows.append(rows[-1] if rows else np.zeros(len(self.paths), np.uint32))
        return np.stack(rows)

    def release(self) -> None:
        """Let go of the compiled program."""
        program = self.__dict__.pop("_program", None)
        if program is not None:
            program.clear_cache()

    @cached_property
    def _program(self) -> Callable[..., Any]:
        flags = [i in self.moves for i in range(self.d.n_in)]

        def point(fixed: Any, x: Any) -> Any:
            values = list(fixed)
            for i, a in zip(self.moves, x, strict=True):
                values[i] = a
            signals = _run(self.d, values, flags)[1]
            self.paths = [path for path, _ in signals]
            return jnp.stack([s for _, s in signals]) if signals else jnp.zeros(0, jnp.uint32)

        return compiled(lambda fixed, xs: lax.map(lambda x: point(fixed, x), xs), self.d)

    def crossings(self, panels: Sequence[Stretch], most: int) -> list[Crossing]:
        """Places at which the curves of these panels cross a guard: one for every guard, then a second, and so on."""
        places: dict[str, list[tuple[Stretch, int, int]]] = {}
        for panel in panels:
            signals = self.at(panel.curve.at(panel.times)[0], panel.fixed)
            changes = signals[1:] != signals[:-1]
            for k in np.flatnonzero(changes.any(axis=0)).tolist():
                known = places.setdefault(self.paths[k], [])
                known += [(panel, k, j) for j in np.flatnonzero(changes[:, k]).tolist()]
            if len(places) >= most or (places and min(map(len, places.values())) >= PLACES * PLACES):
                break
        spread = [[known[k] for k in _spread(len(known))] for known in places.values()]
        turns = [known[i] for i in range(PLACES) for known in spread if i < len(known)]
        return [
            self._closed_in(panel, self.paths[k], k, float(panel.times[j]), float(panel.times[j + 1]))
            for panel, k, j in turns[:most]
        ]

    def _closed_in(self, panel: Stretch, path: str, k: int, low: float, high: float) -> Crossing:
        """The crossing between two times, down to neighboring floats."""
        curve = panel.curve
        while True:
            times = np.unique(np.linspace(low, high, PANEL))
            if len(times) < 3:
                break
            signals = self.at(curve.at(times)[0], panel.fixed)[:, k]
            changes = np.flatnonzero(signals[1:] != signals[:-1])
            if not len(changes):
                break
            j = int(changes[0])
            if (float(times[j]), float(times[j + 1])) == (low, high):
                break
            low, high = float(times[j]), float(times[j + 1])
        a, b = ([x[i] for x in curve.at(np.array([low, high]))[0]] for i in (0, 1))
        extent = [np.maximum(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0)) for x, y in _ends(curve)]
        return Crossing(
            path,
            curve,
            low,
            high,
            [simplest(x, y, float(e)) for x, y, e in zip(a, b, extent, strict=True)],
            panel.fixed,
        )

    def alone(
        self, x: Arrays, scales: Arrays, radius: float, rng: np.random.Generator, fixed: Fixed = None
    ) -> list[str]:
        """The guards that choose at this point otherwise than anywhere near to it: `x == 0`, say."""
        near = self.at(self._around(x, scales, radius, rng), fixed)
        here = self.at([np.asarray(a)[None] for a in x], fixed)[0]
        return [p for k, p in enumerate(self.paths) if (near[:, k] == near[0, k]).all() and near[0, k] != here[k]]

    def crosses(self, x: Arrays, scales: Arrays, radius: float, rng: np.random.Generator, fixed: Fixed = None) -> bool:
        """Whether a point lies between pieces: whether a guard has two values near to it, on sides and not on it."""
        near = self.at(self._around(x, scales, radius, rng), fixed)
        return bool((near != near[0]).any())

    @staticmethod
    def _around(x: Arrays, scales: Arrays, radius: float, rng: np.random.Generator) -> Arrays:
        ways = [rng.normal(size=(PANEL - 1, *np.shape(a))) * s * radius for a, s in zip(x, scales, strict=True)]
        return [np.concatenate([a + w, a - w]) for a, w in zip(x, ways, strict=True)]


def _spread(n: int) -> list[int]:
    """Some of n numbers, from the first to the last."""
    return np.unique(np.linspace(0, n - 1, min(PLACES, n)).round().astype(int)).tolist()


def _ends(curve: Curve) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return zip(curve.start, curve.end, strict=True)


@np.errstate(invalid="ignore")  # what is infinite stays
def simplest(a: np.ndarray, b: np.ndarray, extent: float) -> np.ndarray:
    """A point between two neighbors with as few decimals as there can be, entry by entry: where people put kinks."""
    if np.iscomplexobj(a):
        return b
    room = np.abs(b - a) + 4e-16 * extent
    made, done = b.copy(), np.zeros(np.shape(b), bool)
    for digits in range(16):
        short = np.round(b, digits)
        good = ~done & (np.abs(short - b) <= room)
        made, done = np.where(good, short, made), done | good
    return made


def guards_of(d: Diagram, moves: Sequence[int], wires: Sequence[Wire], fixed: Sequence[Any]) -> Guards | None:
    """The guards of a diagram in the inputs that move; None where nothing in it chooses."""
    if not guarded(d):
        return None
    made = derived(d, ("guards", tuple(moves)), lambda: Guards(d, moves, wires, fixed))
    made.fixed = list(fixed)
    return made


# -- the functor ----------------------------------------------------------------------------------


def _run(d: Diagram, values: Sequence[Any], moves: Sequence[bool], path: str = "") -> tuple[list[Any], Signals]:
    """The values of a diagram, with the signals of what is in it."""
    found: Signals = []
    if isinstance(d, Box):
        return list(_box(d, d.name, list(values), tuple(moves), found)), found

    def rule(box: Box, *inputs: tuple[Any, bool], path: str) -> Sequence[tuple[Any, bool]] | Open:
        values, flags = [a for a, _ in inputs], tuple(m for _, m in inputs)
        if any(flags) and _guarded(box) and inside(box) is not None:
            return Open()
        made = _box(box, path, values, flags, found)
        return list(zip(made, reached(box, flags), strict=True))

    return [a for a, _ in interpret(d.graph, rule, list(zip(values, moves, strict=True)), path=path)], found


def _box(box: Box, path: str, values: list[Any], moves: tuple[bool, ...], found: Signals) -> Sequence[Any]:
    if not any(moves) or not _guarded(box):
        return apply_box(box, *values)
    within = inside(box)
    if within is not None:
        made, signals = _run(within, values, moves, path)
        found += signals
        return made
    if box.op in LOOPS:
        made, signal = LOOPS[box.op](box, values, moves)
        found.append((path, signal))
        return made
    made = apply_box(box, *values)
    if guides(box):
        found.append((path, _signal(box, values, moves, made)))
    return made


def _signal(box: Box, values: Sequence[Any], moves: Sequence[bool], made: Sequence[Any]) -> Any:
    if traits(box.op).cut:
        return _hash([(values[0].imag >= 0) & (values[0].real < 0)])
    if box.op == "rem":
        return _hash([jnp.trunc(values[0] / values[1])] if box.dom.inside[0].differentiable else [])
    discrete = [y for y, w in zip(made, box.cod.inside, strict=True) if not w.differentiable]
    if discrete or traits(box.op).jumping:
        return _hash(discrete or made)
    at = [i for i, w in enumerate(box.dom.inside) if w.differentiable and moves[i]]

    def run(*xs: Any) -> Sequence[Any]:
        given = list(values)
        for i, x in zip(at, xs, strict=True):
            given[i] = x
        if box.op == "clamp":  # of scalar limits that move JAX has no derivative
            return [lax.clamp(*(jnp.broadcast_to(a, given[1].shape) for a in given))]
        return list(apply_box(box, *given))

    _, back = jax.vjp(run, *(values[i] for i in at))
    return _hash(back([_weights(y.shape).astype(y.dtype) for y in made]))


def _weights(shape: tuple[int, ...]) -> Any:
    return jnp.asarray(np.random.default_rng(1).integers(1, 1 << 12, shape))


def _hash(arrays: Sequence[Any]) -> Any:
    """A number of 32 bits that depends on every entry."""
    total = jnp.uint32(0)
    for k, a in enumerate(arrays):
        if jnp.issubdtype(a.dtype, jnp.inexact):
            real = jnp.where(a == 0, 0.0, a.real).astype(jnp.float64)  # zero and minus zero are one number
            a = lax.bitcast_convert_type(real, jnp.uint32)
        odd = np.random.default_rng(k).integers(0, 2**31, a.shape) * 2 + 1
        total += (a.astype(jnp.uint32) * odd.astype(np.uint32)).sum(dtype=jnp.uint32)
    return total


def _typed(values: Sequence[Any], wires: Sequence[Wire]) -> list[Any]:
    """The first state of a loop, in the dtypes that its step gives."""
    return [a if w.kind == "Key" else jnp.asarray(a, w.dtype) for a, w in zip(values, wires, strict=False)]


def _joined(signals: Signals) -> Any:
    total = jnp.uint32(7)
    for _, s in signals:
        total = total * jnp.uint32(2654435761) + s
    return total


def _scan(box: Box, values: list[Any], moves: tuple[bool, ...]) -> tuple[list[Any], Any]:
    p = box.params
    n, m = p["num_consts"], p["num_consts"] + p["num_carry"]
    flags = [*moves[:n], *carried(box, moves), *moves[m:]]

    def step(state: tuple[Any, Any], xs: Any) -> Any:
        carry, signal = state
        made, signals = _run(p["body"].diagram, [*values[:n], *carry, *xs], flags)
        return (made[: m - n], signal * jnp.uint32(31) + _joined(signals)), made[m - n :]

    first = (_typed(values[n:m], box.cod.inside), jnp.uint32(0))
    (carry, signal), ys = lax.scan(step, first, values[m:], length=p["length"], reverse=p["reverse"])
    return [*carry, *ys], signal


def _while(box: Box, values: list[Any], moves: tuple[bool, ...]) -> tuple[list[Any], Any]:
    p = box.params
    n = p["cond_nconsts"]
    m = n + p["body_nconsts"]
    flags = [*moves[n:m], *carried(box, moves)]

    def test(state: Any) -> Any:
        return _run(p["cond_jaxpr"].diagram, [*values[:n], *state[0]], [False] * (n + len(state[0])))[0][0]

    def step(state: Any) -> Any:
        made, signals = _run(p["body_jaxpr"].diagram, [*values[n:m], *state[0]], flags)
        return made, state[1] * jnp.uint32(31) + _joined(signals)

    made, signal = lax.while_loop(test, step, (_typed(values[m:], box.cod.inside), jnp.uint32(0)))
    return made, signal


def _cond(box: Box, values: list[Any], moves: tuple[bool, ...]) -> tuple[list[Any], Any]:
    def branch(d: Diagram) -> Callable[..., Any]:
        def run(*xs: Any) -> tuple[list[Any], Any]:
            made, signals = _run(d, xs, moves[1:])
            return made, _joined(signals)

        return run

    index = jnp.clip(jnp.asarray(values[0], jnp.int32), 0, len(box.bodies) - 1)
    made, signal = lax.switch(index, [branch(d) for d in box.bodies.values()], *values[1:])
    return made, signal * jnp.uint32(31) + index.astype(jnp.uint32)


LOOPS: dict[str, Any] = {"scan": _scan, "while": _while, "cond": _cond}
