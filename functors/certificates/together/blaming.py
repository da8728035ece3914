"""Who is at fault: accusations of boxes along the image of the whole, and where a wrong whole goes wrong.

A box that is accused beside what can flow into it, where that does not fill its inputs, is examined again with all that
comes before it, on curves of the whole. A whole that is wrong though no box is gets its boxes examined along the image
of what showed it; if none is found, every wire is compared with its own values: the first box at which claims and
values part is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ....categories.errors import DerivativeError, ParalensError
from ....diagrams.box import Box
from ....diagrams.graph import Builder
from ....diagrams.surgery.opening import opened
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import apply_box, callable_of
from ....diagrams.traversal import inside_unruled, interpret
from ....diagrams.types import Ty
from ...derivatives.derivative import forward
from ...promotion import promoted
from ..asked import Asked
from ..certificate import BoxCertificate, Witness
from ..examining import examine
from ..plots.slopes import extrapolated
from ..plots.subjects import double
from ..targets import Facts, Target
from .flows import Kind
from .reach import reached
from .slices import after, upto

__all__ = ["Examine", "along", "confirmed", "culprit", "shown_at"]

LARGE = 250_000  # entries of a derivative whose rank is asked for
WEIGHED = 8  # inputs, beside those that were met, at which outputs of a box are weighed
PLACES = 3  # uses of a kind of box at which an accusation is tried
APART = 1e-5  # of the size, between a claimed slope and that of values, is no noise of the latter
ASIDE = "no derivative of the whole depends on what else it gives"
BESIDE = "its claim is not the derivative beside the values that flow into it here"

Kinds = Callable[[Diagram, Sequence[Sequence[Any]]], Sequence[Kind]]
Examine = Callable[[Sequence[Kind], Facts], list[BoxCertificate]]


def confirmed(asked: Asked, rows: list[BoxCertificate], facts: Facts) -> list[BoxCertificate]:
    """The rows, of which only those are wrong whose fault shows along the image of the whole."""
    return [_tried(asked, row, facts) if row.verdict == "wrong" else row for row in rows]


def _tried(asked: Asked, row: BoxCertificate, facts: Facts) -> BoxCertificate:
    witness = row.witness
    if witness is None or witness.criterion == "type":
        return row  # types are what they are
    several = row.paths[:PLACES] if len(row.box.cod) > 1 else ()
    kept = [any(uses) for uses in zip(*(_weighs(asked, path) for path in several), strict=True)]
    if any(kept) and not all(kept):
        return _aside(asked, row, facts, kept)
    if facts.tangent is None and any(_fills(asked, row, path) for path in row.paths[:PLACES]):
        return row
    found: BoxCertificate | None = None
    harder = {"standard": "thorough"}.get(facts.effort, facts.effort)
    for path in row.paths[:PLACES]:
        target = Target(upto(asked.d, path), asked.met, asked.region, None, asked.others, asked.declared)
        found = examine(target, replace(facts, surrogate=None, effort=harder), path, row.paths)
        if not found.ok or found.verdict == "undecided" or any(not p.clarke for p in found.points):
            return row  # it shows, or nothing was seen that speaks against it
    assert found is not None
    return replace(found, path=row.path, paths=row.paths, box=row.box, method="along the whole", reason=BESIDE)


def _aside(asked: Asked, row: BoxCertificate, facts: Facts, kept: Sequence[bool]) -> BoxCertificate:
    """A row whose box is examined without those outputs on which no derivative of the whole depends."""
    path = row.paths[0]
    d = upto(asked.d, path)
    build = Builder(d.dom)
    made = build.add(Box("before", d.dom, d.cod, definition=d), range(d.n_in))
    outputs = [w for w, keep in zip(made, kept, strict=True) if keep]
    cod = Ty.of(w for w, keep in zip(d.cod.inside, kept, strict=True) if keep)
    part = opened(Diagram.of_graph(build.finish(outputs, cod)), "before")
    target = Target(part, asked.met, asked.region, None, asked.others, asked.declared)
    found = examine(target, replace(facts, surrogate=None), path, row.paths)
    if found.verdict in ("wrong", "undecided"):
        return row
    return replace(found, path=row.path, paths=row.paths, box=row.box, method="along the whole", reason=ASIDE)


def _weighs(asked: Asked, path: str) -> list[bool]:
    """For each output of a box whether derivatives of the whole depend on it, at inputs that it met or may meet."""
    before, rest = upto(asked.d, path), after(asked.d, path)
    if rest is None:
        return [True] * before.n_out
    rng, region, run = np.random.default_rng(0), asked.region, callable_of(before)
    wires, reads = asked.d.dom.inside, []
    try:
        for met in (*asked.met, *(asked.placed(region.sample(rng)) for _ in range(WEIGHED))):
            given = [a if w.kind == "Key" else jnp.asarray(a, w.dtype) for a, w in zip(met, wires, strict=True)]
            reads.append([*given, *run(*given)])
    except Exception:  # what cannot be asked is at fault as long as nothing speaks against it
        return [True] * before.n_out

    def weighs(k: int) -> bool:
        wire = before.cod.inside[k]
        if not wire.differentiable or not wire.size or wire.kind != "R":
            return True
        try:
            slopes = callable_of(forward(rest, wrt=[asked.d.n_in + k]))
            for read in reads:
                made = slopes(*read, jnp.asarray(rng.normal(size=wire.shape), wire.dtype))
                if any((np.asarray(t) != 0).any() for t in made[rest.n_out :]):
                    return True
            return False
        except Exception:
            return True

    return [weighs(k) for k in range(before.n_out)]


def _fills(asked: Asked, row: BoxCertificate, path: str) -> bool:
    """Whether what flows into a box fills an open set of its inputs, so that whatever is beside one value flows too.

    That is where the derivative of what comes before it is onto, at a point of the domain.
    """
    d = upto(asked.d, path, before=True)
    witness = row.witness
    if witness is None:
        return False
    one = sum(np.size(v) for v in witness.direction) < 2  # what is between two values of one number flows too
    if d.cod != row.box.dom:  # it is in a loop
        return one
    flows = reached(d, [i in asked.moves for i in range(d.n_in)])
    places = [i for i, w in enumerate(d.cod.inside) if w.differentiable and w.size and flows[i]]
    wires = [asked.d.dom.inside[i] for i in asked.moves] + [d.cod.inside[i] for i in places]
    n, m = (sum(w.size for w in ws) for ws in (wires[: len(asked.moves)], wires[len(asked.moves) :]))
    if one and m == 1:
        return True
    if n < m or n * m > LARGE or any(w.kind == "C" for w in wires):
        return False
    with double():
        try:
            return _rank(asked, promoted(d), places) == m
        except Exception:  # what has no derivative in JAX is tried along the whole
            return False


def _rank(asked: Asked, d: Diagram, places: Sequence[int]) -> int:
    """The rank of the derivative of some outputs of a diagram at a sample of the domain."""
    run, dom = callable_of(d), d.dom.inside
    first = [a if w.kind == "Key" else jnp.asarray(a, w.dtype) for a, w in zip(asked.met[0], dom, strict=True)]

    def outputs(moving: Sequence[Any]) -> Any:
        values = list(first)
        for i, a in zip(asked.moves, moving, strict=True):
            values[i] = a
        made = run(*values)
        return jnp.concatenate([jnp.ravel(made[i]) for i in places])

    at = asked.region.met[-1] if len(asked.region.met) > 1 else asked.region.sample(np.random.default_rng(0))
    x = [jnp.asarray(a, dom[i].dtype) for i, a in zip(asked.moves, at, strict=True)]
    parts = jax.jacfwd(outputs)(x)
    J = np.concatenate([np.asarray(p).reshape(p.shape[0], -1) for p in parts], axis=1)
    rows = np.abs(J).max(axis=1, keepdims=True)
    return int(np.linalg.matrix_rank(J / np.where(rows > 0, rows, 1.0), tol=1e-9 * len(J)))


def shown_at(
    asked: Asked, points: Sequence[list[Any]], rows: list[BoxCertificate], facts: Facts, kinds: Kinds, examined: Examine
) -> list[BoxCertificate]:
    """The rows with those boxes that are wrong at the values that flow from some inputs of the whole."""
    try:
        met = list(kinds(asked.d, points))
    except ParalensError:
        return rows
    facts = replace(facts, effort="standard") if facts.effort == "quick" else facts
    bad = {r.paths: r for r in examined(met, facts) if r.verdict == "wrong"}
    known = [bad.pop(r.paths, r) for r in rows]
    return known + list(bad.values())


def along(asked: Asked, witness: Witness) -> list[list[Any]]:
    """Inputs of the whole at and around a witness, in its direction."""
    dom = asked.d.dom.inside
    points = []
    for s in (0.0, -1.0, 1.0, -0.5, 0.5):
        values = list(witness.inputs)
        for i, v in zip(asked.moves, witness.direction, strict=True):
            values[i] = np.asarray(values[i]) + s * np.asarray(v) * 1e-2
        points.append([_narrow(v, w) for v, w in zip(values, dom, strict=True)])
    return points


def _narrow(value: Any, w: Any) -> Any:
    return value if not w.differentiable else np.asarray(value).astype(jnp.dtype(w.dtype))


# -- where a whole goes wrong ------------------------------------------------------------------------


def culprit(witness: Witness) -> str:
    """The path of the first box at which claimed slopes part from those of values; empty where none is found."""
    try:
        with double():
            return _first(witness)
    except (DerivativeError, ParalensError):
        return ""


def _first(witness: Witness) -> str:
    d, names, wires, held = _everywhere(witness.of)
    dom = d.dom.inside
    moves = [i for i, w in enumerate(dom) if w.differentiable]
    at = [i for i in moves if dom[i].size and (witness.wrt is None or i in witness.wrt)]
    direction = dict(zip(at, witness.direction, strict=True))
    x = [a if w.kind == "Key" else jnp.asarray(a, w.dtype) for a, w in zip(witness.inputs, dom, strict=True)]
    v = [jnp.asarray(direction.get(i, np.zeros(dom[i].shape)), dom[i].dtype) for i in moves]
    made = callable_of(forward(d))(*x, *v)
    claims = iter(made[d.n_out :])
    claimed = [np.asarray(next(claims)) if w.differentiable else None for w in d.cod.inside]
    run = callable_of(d)

    def values(times: np.ndarray) -> np.ndarray:
        rows = []
        for t in times:
            moved = dict(zip(moves, (x[i] + t * u for i, u in zip(moves, v, strict=True)), strict=True))
            out = run(*[moved.get(i, a) for i, a in enumerate(x)])
            rows.append(np.concatenate([_flat(y) for y, c in zip(out, claimed, strict=True) if c is not None]))
        return np.array(rows)

    sides = [extrapolated(values, 1.0, side) for side in (0, 1, -1)]
    parts = _parted([c for c in claimed if c is not None], sides)
    marks = iter(parts)
    wrong = [next(marks) if c is not None else False for c in claimed]
    # what is held still is meant to part, and what is made of it
    found = zip(names, wires, held, strict=True)
    first = next((name for name, outs, stays in found if not stays and any(wrong[k] for k in outs)), "")
    return first or ("" if np.isfinite(witness.claimed) else _infinite(d, names, x))


def _infinite(d: Diagram, names: Sequence[str], x: Sequence[Any]) -> str:
    """The path of the first box whose derivative is not finite where its value, or nothing, is."""
    places = iter(names)
    found: list[str] = []

    def rule(box: Box, *inputs: Any) -> Sequence[Any]:
        path, made = next(places), apply_box(box, *inputs)
        moving = [a for a, w in zip(inputs, box.dom.inside, strict=True) if w.differentiable]
        if not found and moving and all(np.isfinite(np.asarray(a)).all() for a in moving):
            try:
                slopes = callable_of(forward(box))(*inputs, *map(jnp.ones_like, moving))[len(box.cod) :]
            except (DerivativeError, ParalensError):
                slopes = []
            found.extend([path] if any(not np.isfinite(np.asarray(t)).all() for t in slopes) else [])
        return made

    interpret(d.graph, rule, list(x))
    return found[0] if found else ""


def _flat(y: Any) -> np.ndarray:
    y = np.ravel(np.asarray(y)).astype(complex)
    return np.concatenate([y.real, y.imag])


def _parted(claimed: list[np.ndarray], sides: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[bool]:
    """For each wire whether its claim is none of the slopes of its values, from both sides or from one."""
    at = 0
    for c in claimed:
        flat = _flat(c)
        apart = np.ones(len(flat), bool)
        for slope, error in sides:
            s, e = slope[at : at + len(flat)], error[at : at + len(flat)]
            with np.errstate(invalid="ignore"):
                size = np.abs(np.nan_to_num(s)).max(initial=0.0)
                apart &= ~(np.abs(flat - s) <= APART * size + 8 * e) & np.isfinite(s)
        at += len(flat)
        yield bool(apart.any())


def _everywhere(d: Diagram) -> tuple[Diagram, list[str], list[range], list[bool]]:
    """The diagram with everything that a box gives at its codomain.

    For each box its path, its outputs there, and whether something that it depends on is held still.
    """
    build = Builder(d.dom)
    names: list[str] = []
    outputs: list[int] = []
    kept: list[range] = []
    held: list[bool] = []

    def rule(box: Box, *inputs: tuple[int, bool], path: str) -> list[tuple[int, bool]]:
        made = build.add(box, [w for w, _ in inputs])
        stopped = box.op == "stop_gradient" or any(on for _, on in inputs)
        names.append(path)
        kept.append(range(len(outputs), len(outputs) + len(made)))
        held.append(stopped and len(made) > 0)
        outputs.extend(made)
        return [(w, stopped) for w in made]

    interpret(d.graph, rule, [(w, False) for w in range(d.n_in)], open=inside_unruled, path="")
    types = build.wires()
    return Diagram.of_graph(build.finish(outputs, Ty.of(types[w] for w in outputs))), names, kept, held
