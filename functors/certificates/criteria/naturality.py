"""Naturality: a JAX function and its rule must say the same eagerly, twice, under `jit` and under `vmap`.

A diagram is pure and its rules are traced, so that this is asked of functions alone: of their batching rules, of rules
that keep state, and of whether the diagram says what JAX says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ....diagrams.types import Ty
from ..plots.bounds import jittered
from ..plots.shaking import shaken
from ..plots.subjects import Claims, Map, Subject
from .fault import DIAGRAM, right_of
from .linearity import Violation

__all__ = ["BATCH", "beside", "claims_of_function", "natural"]

BATCH = 3  # rows of a batch


def claims_of_function(g: Map, dom: Ty, cod: Ty) -> Claims:
    """What JAX itself derives from a function of one array a wire: where no diagram has a derivative."""
    moves = [i for i, w in enumerate(dom.inside) if w.differentiable]
    flows = [i for i, w in enumerate(cod.inside) if w.differentiable]

    def moving(xs: Sequence[Any]) -> tuple[Callable[..., Any], list[Any]]:
        def run(*moved: Any) -> list[Any]:
            found = list(xs)
            for i, a in zip(moves, moved, strict=True):
                found[i] = a
            ys = g(*found)
            return [ys[i] for i in flows]

        return run, [xs[i] for i in moves]

    def forward(*args: Any) -> list[Any]:
        run, at = moving(args[: len(dom)])
        _, dys = jax.jvp(run, at, list(args[len(dom) :]))
        return [*g(*args[: len(dom)]), *dys]

    def reverse(*args: Any) -> Sequence[Any]:
        run, at = moving(args[: len(dom)])
        return jax.vjp(run, *at)[1](list(args[len(dom) :]))

    return Claims(dom, cod, g, forward, reverse, {}, tuple(moves))


def natural(
    g: Map,
    own: Subject,
    points: Sequence[Sequence[Any]],
    rng: np.random.Generator,
    *,
    small: bool = True,
    batched: bool = True,
) -> Violation | None:
    """Compare values, tangents and cotangents of a function at points in all the ways that it can be called.

    Of a function that is not `small` only its compiled form and its diagram are compared, and a batch where that is
    asked for. The points should differ, as a batch of one shows little.
    """
    dom, cod = own.claims.dom.inside, own.claims.cod.inside
    moves, flows = ([i for i, w in enumerate(ws) if w.differentiable] for ws in (dom, cod))
    vs = [jnp.asarray(rng.normal(size=dom[i].shape).astype(jnp.dtype(dom[i].dtype))) for i in moves]
    ws = [jnp.asarray(rng.normal(size=cod[i].shape).astype(jnp.dtype(cod[i].dtype))) for i in flows]
    ours, theirs = own.claims, claims_of_function(g, own.claims.dom, own.claims.cod)
    neither = ours.forward is None and ours.reverse is None
    # the modes that both the diagram and JAX have
    modes = [m for m in ("forward", "reverse") if neither or getattr(ours, m) is not None]
    modes = [m for m in modes if _traces(getattr(theirs, m), points[0], vs if m == "forward" else ws)]
    labels = ["value"] * len(flows) + ["forward"] * len(flows) * ("forward" in modes) + ["reverse"] * len(moves)
    run = _everything(theirs, modes, vs, ws, flows)
    compiled = jax.jit(run)
    first = [(run if small else compiled)(*p) for p in points]
    fixed = [i for i in range(len(dom)) if i not in moves and dom[i].kind != "Key"]
    same = all((np.asarray(p[i]) == np.asarray(points[0][i])).all() for p in points[1:] for i in fixed)

    ways: dict[str, Callable[[], Any]] = {}
    if small:
        ways = {"called again": lambda: [run(*p) for p in points], "under jit": lambda: [compiled(*p) for p in points]}
    if same and batched:
        row = lambda at, v, w: _everything(theirs, modes, v, w, flows)(*_placed(points[0], moves, at))  # noqa: E731
        ways["under vmap"] = lambda: _stacked(row if small else jax.jit(row), points, moves, vs, ws)
    if own.claims.value is not g:
        diagram = jax.jit(_everything(ours, modes, vs, ws, flows))
        ways["as a diagram"] = lambda: [diagram(*p) for p in points]
    programs = [compiled]
    for how, way in ways.items():
        try:
            found = _apart(first, way(), own.unit, 8 * own.noise)
        except Exception:  # a function need not be one that can be traced in this way
            continue
        if found is not None and len(programs) == 1:
            other = shaken(own)
            programs += [] if other is None else [jax.jit(_everything(other.claims, modes, vs, ws, flows))]
        if found is not None and not _scatters(programs, points[found[0]], moves, found[2] - found[3], rng, own.unit):
            return _differs(how, labels, found, points, moves, (vs, ws), lambda *at: right_of(g, dom, *at))
    return None


def _differs(
    how: str,
    labels: Sequence[str],
    found: tuple[int, int, float, float, float, int],
    points: Sequence[Sequence[Any]],
    moves: Sequence[int],
    along: tuple[list[Any], list[Any]],
    right: Callable[..., str],
) -> Violation:
    """The violation where two ways of calling differ: of the diagram and JAX the one that the values speak against."""
    k, part, a, b, ratio, e = found
    x = [np.asarray(points[k][i]) for i in moves]
    v, w = ([np.asarray(a) for a in arrays] for arrays in along)
    hint = ""
    if how == "as a diagram":
        hint = right(points[k], v, w, (labels[part], part - labels.index(labels[part]), e), a, b)
        a, b = (b, a) if hint == DIAGRAM else (a, b)
    return Violation(f"natural ({how})", labels[part], x, v, w, b, a, ratio, list(points[k]), hint)


def beside(point: Sequence[Any], moves: Sequence[int], scales: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    """A point near to another: the rows of a batch must differ."""
    found = list(point)
    for i, s in zip(moves, scales, strict=True):
        step = 0.25 * s * rng.normal(size=np.shape(s))
        found[i] = jnp.asarray(point[i] + step.astype(jnp.dtype(point[i].dtype)))
    return found


def _placed(point: Sequence[Any], moves: Sequence[int], moved: Sequence[Any]) -> list[Any]:
    found = list(point)
    for i, a in zip(moves, moved, strict=True):
        found[i] = a
    return found


def _stacked(
    row: Callable[..., list[Any]], points: Sequence[Sequence[Any]], moves: Sequence[int], vs: list[Any], ws: list[Any]
) -> list[list[Any]]:
    """What a map of one point, its tangents and cotangents gives under `vmap`, row by row."""
    n = len(points)
    given = [jnp.stack([p[i] for p in points]) for i in moves]
    made = jax.vmap(row)(given, *([jnp.stack([a] * n) for a in arrays] for arrays in (vs, ws)))
    return [[v[k] for v in made] for k in range(n)]


def _everything(
    claims: Claims, modes: Sequence[str], vs: Sequence[Any], ws: Sequence[Any], flows: Sequence[int]
) -> Callable[..., list[Any]]:
    """Values, tangents and cotangents as one function of the inputs, for some of the modes."""
    n = len(claims.cod)

    def run(*x: Any) -> list[Any]:
        found = [claims.value(*x)[i] for i in flows]
        if "forward" in modes and claims.forward is not None:
            found += claims.forward(*x, *vs)[n:]
        if "reverse" in modes and claims.reverse is not None:
            found += claims.reverse(*x, *ws)
        return found

    return run


def _traces(f: Any, point: Sequence[Any], extra: Sequence[Any]) -> bool:
    """Whether JAX has such a mode of a function."""
    try:
        jax.jit(f).lower(*point, *extra)
    except Exception:
        return False
    return True


def _scatters(
    programs: Sequence[Callable[..., Any]],
    point: Sequence[Any],
    moves: Sequence[int],
    gap: float,
    rng: np.random.Generator,
    u: float,
) -> bool:
    """Whether ulps move the results of one of these programs by as much as the gap: those of the inputs, or of all."""
    seen: list[list[np.ndarray]] = [[] for _ in programs]
    for k in range(8):
        near = list(point)
        for i in moves:
            a = near[i]
            # by another number of ulps each time: a number has two neighbors only
            near[i] = a * jittered(np.ones(np.shape(a)), u, rng, ulps=float(1 + k)).astype(jnp.dtype(a.dtype))
        for run, values in zip(programs, seen, strict=True):
            values.append(np.concatenate([np.ravel(np.asarray(a)).astype(complex) for a in run(*near)]))
    with np.errstate(invalid="ignore"):
        moved = [np.nan_to_num(np.ptp(np.real(values), axis=0)).max(initial=0.0) for values in seen]
    return abs(gap) <= 20 * max(moved)


def _apart(
    first: Sequence[Sequence[Any]], again: Sequence[Sequence[Any]], u: float, off: float
) -> tuple[int, int, float, float, float, int] | None:
    """Where two runs differ by more than half of the digits, and than what is declared.

    Gives the point, the part, both numbers, their ratio and the entry.
    """
    for k, (one, other) in enumerate(zip(first, again, strict=True)):
        for part, (a, b) in enumerate(zip(one, other, strict=True)):
            x, y = np.asarray(a).astype(complex), np.asarray(b).astype(complex)
            both = np.isfinite(x) & np.isfinite(y)
            size = max(float(np.abs(x[both]).max(initial=0.0)), float(np.abs(y[both]).max(initial=0.0)))
            gap = np.abs(np.where(both, x, 0) - np.where(both, y, 0))
            if gap.size and gap.max() > np.sqrt(u) * 4 * size + off:
                e = int(gap.argmax())
                return k, part, float(x.flat[e].real), float(y.flat[e].real), float(gap.max() / (u * size)), e
    return None
