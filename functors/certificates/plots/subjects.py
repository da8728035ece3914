"""A map with the derivatives that are claimed of it, as one compiled program over a panel of points.

A subject knows a map F and what is claimed to be its forward derivative J(x) v and its reverse derivative J(x)ᵀ w. At
each node it gives what the criteria compare, all at once: the value, the claimed slope, and both sides of the transpose

    ⟨w, J(x) v⟩ = ⟨J(x)ᵀ w, v⟩         with Σ|terms|, by which rounding is gauged

The pairing is that of JAX: real, complex numbers unconjugated. Points run one after the other inside of one `lax.map`,
so a rule meets `jit` and `scan`, and memory is that of one point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ....categories.errors import DerivativeError
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import callable_of
from ....diagrams.types import Ty, Wire
from ...derivatives.derivative import forward, reverse
from ...promotion import wide_dtype
from ..watching import breathe
from .bounds import PANEL, roundoff
from .compiling import compiled
from .observing import apart, levels, many, observed, paired, sizes, slopes, through

__all__ = ["Claims", "Node", "Subject", "claims_of", "double", "repeated"]

Arrays = list[np.ndarray]
Map = Callable[..., Sequence[Any]]

VALUES, SLOPES, ALL = 0, 1, 2  # what is wanted at a point


@contextmanager
def double() -> Iterator[None]:
    """Where programs in double precision are traced and run, under JAX's ordinary promotion."""
    with ExitStack() as stack:
        stack.enter_context(jax.enable_x64(True))
        stack.enter_context(jax.numpy_dtype_promotion("standard"))
        stack.enter_context(jax.numpy_rank_promotion("allow"))
        yield


@dataclass(frozen=True)
class Claims:
    """A map with its claimed derivatives: `value(*x)`, `forward(*x, *v)` and `reverse(*x, *w)`, each giving a sequence.

    A claim is None where there is none, and `missing` says why. `forward` gives values and tangents. `d` is the diagram
    that they were made of, if it was one.
    """

    dom: Ty
    cod: Ty
    value: Map
    forward: Map | None
    reverse: Map | None
    missing: dict[str, str]
    wrt: tuple[int, ...]
    d: Diagram | None = None


def claims_of(d: Diagram, modes: Sequence[str] = ("forward", "reverse"), wrt: tuple[int, ...] | None = None) -> Claims:
    """A diagram with the derivatives that the functors give it, in all inputs or in those that are asked for."""
    if wrt is None:
        wrt = tuple(i for i, w in enumerate(d.dom.inside) if w.differentiable)
    made: dict[str, Map] = {}
    missing: dict[str, str] = {}
    for mode, functor in (("forward", forward), ("reverse", reverse)):
        if mode not in modes:
            missing[mode] = "was not asked for"
            continue
        try:
            made[mode] = callable_of(functor(d, wrt=wrt))
        except DerivativeError as error:
            missing[mode] = str(error)
    return Claims(d.dom, d.cod, callable_of(d), made.get("forward"), made.get("reverse"), missing, wrt, d)


@dataclass(frozen=True)
class Node:
    """What a panel of points gives, with the points as the first axis of every array.

    Fields: values `F`, claimed slopes `d` and the `size` of what was rounded on the way to values, of the observed
    outputs (n, m); both sides of the transpose with their
    sums of absolute terms (n,), the right one for each input that moves (n, inputs); how far the value that goes with
    the tangent is from the value (n,); and whether every cotangent is finite (n,).
    """

    F: np.ndarray
    size: np.ndarray
    d: np.ndarray
    left: np.ndarray
    left_terms: np.ndarray
    right: np.ndarray
    right_terms: np.ndarray
    apart: np.ndarray
    finite: np.ndarray


class Subject:
    """A map with its claims, run at panels of points; `evals` counts the derivatives that it evaluated.

    `noise` is the absolute accuracy, of values and of the entries of claims, that its author declares.
    """

    def __init__(self, claims: Claims, fixed: Sequence[Any], *, compare: bool = True) -> None:
        """`fixed` are all inputs, of which those that move are replaced at every node.

        Without `compare` the value that goes with a tangent may be another, as that of a surrogate.
        """
        self.claims, self.fixed, self.compare = claims, list(fixed), compare
        self.evals = 0
        self.noise = 0.0
        self._like: list[np.ndarray] | None = None  # what it gives at a point without a value
        self.moves = [i for i in claims.wrt if claims.dom.inside[i].size]
        self.flows = [i for i, w in enumerate(claims.cod.inside) if w.differentiable]
        self.per_node = (claims.forward is not None) + (claims.reverse is not None)

    @property
    def inputs(self) -> list[Wire]:
        """The wires that move."""
        return [self.claims.dom.inside[i] for i in self.moves]

    @property
    def outputs(self) -> list[Wire]:
        """The wires that have cotangents."""
        return [self.claims.cod.inside[i] for i in self.flows]

    @property
    def unit(self) -> float:
        """The coarsest unit roundoff among the wires."""
        return max([roundoff(w.dtype) for w in (*self.inputs, *self.outputs)], default=roundoff("float64"))

    @property
    def only_reverse(self) -> bool:
        """Whether slopes are read from the reverse derivative, one cotangent at a time."""
        return self.claims.forward is None

    @cached_property
    def levels(self) -> list[list[np.ndarray]]:
        """Masks of the outputs, one for each size of entries, where slopes are seen by pairings and sizes differ."""
        held = self._held(self.fixed)
        ys = jax.jit(lambda fixed: [self.claims.value(*fixed)[i] for i in self.flows])(held)
        return levels([np.asarray(y) for y in ys])

    def rounded(self, arrays: Arrays, outputs: bool = False) -> Arrays:
        """Arrays as numbers that the wires can hold, in double precision."""
        wide = self._typed(arrays, self.outputs if outputs else self.inputs)
        return [a.astype(np.complex128 if np.iscomplexobj(a) else np.float64) for a in wide]

    @property
    def tiny(self) -> float:
        """The smallest normal number of the coarsest wire: below it all formats lose digits."""
        return max([float(jnp.finfo(w.dtype).tiny) for w in (*self.inputs, *self.outputs)], default=0.0)

    def run(
        self, xs: Arrays, vs: Arrays, ws: Arrays, fixed: Sequence[Any] | None = None, *, slopes: bool = False
    ) -> Node:
        """The nodes at points xs with directions vs and cotangents ws, each stacked along a first axis of any length.

        With `slopes` only values and slopes are wanted: the reverse derivative is not run if there is a forward one.
        """
        self.evals += len(xs[0]) * (1 if slopes else self.per_node)
        return Node(*self._over(SLOPES if slopes else ALL, xs, vs, ws, fixed))

    def values(self, xs: Arrays, ws: Arrays | None = None, fixed: Sequence[Any] | None = None) -> np.ndarray:
        """The observed values at points (n, m), which cost no derivative; paired with ws where only those are seen."""
        if ws is None:
            ws = [np.zeros((len(xs[0]), *w.shape)) for w in self.outputs]
        return self._over(VALUES, xs, xs, ws, fixed)[0]

    def release(self) -> None:
        """Let go of the compiled program; the next run makes it again."""
        program = self.__dict__.pop("_program", None)
        if program is not None:
            program.clear_cache()

    def _over(self, what: int, xs: Arrays, vs: Arrays, ws: Arrays, fixed: Sequence[Any] | None) -> list[Any]:
        """The program over any number of points: it has one shape, and a short rest is filled with its last point."""
        n, parts = len(xs[0]), []
        sides = [(xs, self.inputs), (vs, self.inputs), (ws, self.outputs)]
        held = self._held(self.fixed if fixed is None else fixed)
        for at in range(0, n, PANEL):
            breathe()
            last = min(at + PANEL, n)
            given = [self._typed([_filled(a[at:last]) for a in arrays], wires) for arrays, wires in sides]
            parts.append([a[: last - at] for a in self._made(held, np.int32(what), given, last - at)])
        return [np.concatenate(columns) for columns in zip(*parts, strict=True)]

    def _made(self, held: Any, what: Any, given: list[list[Any]], n: int) -> list[np.ndarray]:
        """What the program gives at n points. One at which it raises, though not at the first of all, has no value."""
        try:
            made = [np.asarray(a) for a in self._program(held, what, *given)]
            self._like = [np.full_like(a[:1], np.nan if a.dtype.kind == "f" else 0) for a in made]
            return made
        except Exception:  # a callback raises whatever its library raises
            if self._like is None:
                raise
            known = [self._alone(held, what, given, k) for k in range(n)]
        return [np.concatenate(column) for column in zip(*(m or self._like for m in known), strict=True)]

    def _alone(self, held: Any, what: Any, given: list[list[Any]], k: int) -> list[np.ndarray] | None:
        """What the program gives at one of the points; None where it raises."""
        try:
            alone = [[np.broadcast_to(a[k], a.shape) for a in arrays] for arrays in given]
            return [np.asarray(a)[:1] for a in self._program(held, what, *alone)]
        except Exception:
            return None

    def _held(self, fixed: Sequence[Any]) -> list[Any]:
        """The inputs that do not move, in the dtypes of their wires."""
        pairs = zip(fixed, self.claims.dom.inside, strict=True)
        return [np.asarray(a).astype(jnp.dtype(w.dtype)) if w.differentiable else a for a, w in pairs]

    def _typed(self, arrays: Arrays, wires: list[Wire]) -> list[Any]:
        with np.errstate(over="ignore", invalid="ignore"):
            return [np.asarray(a).astype(jnp.dtype(w.dtype), copy=False) for a, w in zip(arrays, wires, strict=True)]

    def _merged(self, fixed: Sequence[Any], x: Sequence[Any]) -> list[Any]:
        found = list(fixed)
        for i, value in zip(self.moves, x, strict=True):
            found[i] = value
        return found

    def _tangents(self, v: Sequence[Any]) -> list[Any]:
        """Tangents of all wires that have them: of arrays without entries too."""
        at = dict(zip(self.moves, v, strict=True))
        wires = self.claims.dom.inside
        return [at[i] if i in at else jnp.zeros(wires[i].shape, wires[i].dtype) for i in self.claims.wrt]

    @cached_property
    def _program(self) -> Callable[..., tuple[Any, ...]]:
        def run(fixed: Any, what: Any, xs: Any, vs: Any, ws: Any) -> Any:
            start = self._start(fixed)
            return lax.map(lambda p: self._node(fixed, start, what, *p), (xs, vs, ws))

        return compiled(run, self.claims.d)

    def _start(self, fixed: Any) -> Sequence[Any] | None:
        """Values from which on sums of outputs are observed: what stays as it is, however large, rounds nothing."""
        if not self.only_reverse and not many(self.outputs):
            return None
        ys = self.claims.value(*fixed)
        return [ys[i] for i in self.flows]

    def _node(self, fixed: Any, start: Any, what: Any, x: Any, v: Any, w: Any) -> tuple[Any, ...]:
        """One point. What is not wanted is not run: a program for each wish would cost more to compile."""
        at = self._merged(fixed, x)
        ys = self.claims.value(*at)
        ys = [ys[i] for i in self.flows]
        if self.only_reverse:
            w, F, size = through(w, ys, start)
            right, right_terms, finite = self._back(what, at, v, w)
            return F, size, right.sum()[None], *[jnp.zeros(())] * 2, right, right_terms, jnp.zeros(()), finite
        F = observed(ys, start)
        pushed = self._pushed(what, at, v, w, ys, start, F)
        right, right_terms, finite = self._back(what, at, v, w)
        return F, *pushed[:4], right, right_terms, pushed[4], finite

    def _pushed(self, what: Any, at: Any, v: Any, w: Any, ys: Any, start: Any, F: Any) -> tuple[Any, ...]:
        """The size, the slopes, both sums of the pairing, and how far the value that comes with them is apart."""
        claim, n = self.claims.forward, len(self.claims.cod)

        def nothing() -> tuple[Any, ...]:
            return *[jnp.zeros_like(F)] * 2, *[jnp.zeros(())] * 3

        def run() -> tuple[Any, ...]:
            assert claim is not None
            made = claim(*at, *self._tangents(v))
            ts = made[n:]
            off = apart([made[i] for i in self.flows], ys)
            return sizes(ts, ys, start), slopes(ts, ys, start), *paired(w, ts), jnp.asarray(off, jnp.zeros(()).dtype)

        return nothing() if claim is None else lax.cond(what >= SLOPES, run, nothing)

    def _back(self, what: Any, at: Any, v: Any, w: Any) -> tuple[Any, ...]:
        claim = self.claims.reverse

        def nothing() -> tuple[Any, ...]:
            return *[jnp.zeros(len(v))] * 2, jnp.array(True)

        def run() -> tuple[Any, ...]:
            assert claim is not None
            cts = [c for c, i in zip(claim(*at, *w), self.claims.wrt, strict=True) if i in self.moves]
            pairs = [paired([a], [b]) for a, b in zip(cts, v, strict=True)]
            finite = jnp.stack([jnp.isfinite(c).all() for c in cts]).all()
            return *(jnp.stack(c) for c in zip(*pairs, strict=True)), finite

        return nothing() if claim is None else lax.cond(what >= (SLOPES if self.only_reverse else ALL), run, nothing)


def _filled(a: np.ndarray) -> np.ndarray:
    """As many points as a panel has, by repeating the last one."""
    if len(a) == PANEL:
        return a
    if len(a) == 1:
        return np.broadcast_to(a, (PANEL, *a.shape[1:]))
    return np.concatenate([a, np.broadcast_to(a[-1:], (PANEL - len(a), *a.shape[1:]))])


def repeated(arrays: Arrays, n: int) -> Arrays:
    """The arrays n times, along a first axis."""
    return [np.broadcast_to(a, (n, *np.shape(a))) for a in arrays]


def widened(wires: Sequence[Wire], values: Sequence[Any]) -> list[Any]:
    """Values of wires as those of their promotions."""
    return [np.asarray(a).astype(wide_dtype(w)) if w.differentiable else a for w, a in zip(wires, values, strict=True)]
