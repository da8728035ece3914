"""Rematerialization: a box whose inside is computed again on the way back, as `jax.checkpoint` has it.

Its optic keeps its inputs, and what a policy names; the backward map is a checkpoint too, so that XLA does not merge
the second computation with the first (A. Griewank, A. Walther, "Evaluating derivatives", 2008, chapter 12). Which
wires are kept changes memory and never the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np
from jax.ad_checkpoint import checkpoint_name

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.params import Body, Marked
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.arrays import aval
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.tracing.lookup import primitive
from ...diagrams.traversal import Open, live, rebuild
from ...diagrams.types import Ty, Wire
from .cond import cond_halves
from .forwarding import push
from .optic import Base, Halves, Mask, Optic, Tangent, chosen, first_places, inline, precision, read_only
from .reversing import pull
from .scan import scan_halves

__all__ = ["checkpoint", "recomputing", "remat_optic", "remat_tangent", "remembering"]

Keep = Callable[[Box], bool]


@lru_cache(maxsize=1)
def _template() -> Box:
    """A checkpoint as this version of JAX writes it."""
    return from_jax(jax.checkpoint(jax.numpy.sin), jax.ShapeDtypeStruct((), "float32")).boxes[0]


def checkpoint(d: Diagram, name: str, params: dict[str, Any] | None = None) -> Box:
    """The diagram in a box that is computed again when it is differentiated.

    It is not merged with equal computations outside once it is `differentiated`.
    """
    like = _template()
    found = {**(like.params if params is None else params), "jaxpr": Body.passing(d, closed=False)}
    return Box(name, d.dom, d.cod, op=like.op, params=found)


def remat_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """Keep the inputs, and what the policy of the box says."""
    policy = box.params.get("policy")

    def keep(inner: Box) -> bool:
        """Whether JAX's policy saves what a primitive gives; offloading counts as saving."""
        if policy is None or not inner.op or inner.op == "constant":
            return False
        shapes = [aval(w) for w in inner.dom.inside]
        answer = policy(primitive(inner.op), *shapes, **inner.params)
        return bool(answer) and type(answer).__name__ != "RecomputeType"

    body = box.params["jaxpr"].diagram
    if policy is not None:
        body = _reaching(body, keep)
    return recomputing(pull(body.graph, wants, present, base), box, keep)


def _reaching(d: Diagram, keep: Keep) -> Diagram:
    """The diagram with those boxes open that hold one to keep: a policy is about primitives, however deep inside."""
    inner: dict[int, Diagram] = {}
    for box in d.graph.table:
        if box.definition is not None and not box.op:
            part = _reaching(box.definition, keep)
            if any(_holds(b, keep) for b in part.graph.table):
                inner[id(box)] = part
    if not inner:
        return d
    return rebuild(d.graph, lambda box: inner[id(box)] if id(box) in inner else box)


def _holds(box: Box, keep: Keep) -> bool:
    """Whether a box gives something to keep, or a loop or a choice has such a box inside."""
    if keep(box) and box.n_in:
        return True
    if box.op not in HALVES and (box.op or box.definition is None):
        return False
    return any(_holds(b, keep) for d in box.bodies.values() for b in d.graph.table)


def recomputing(optic: Optic, box: Box, keep: Keep) -> Optic:
    """The optic that keeps only inputs and what boxes with `keep` give, and computes the rest of the residual again."""
    n_in, n_out = box.n_in, box.n_out
    ends = optic.forward.graph.outputs.tolist()
    cut = _cut(optic.forward.graph, [j if j < n_in else ends[j - n_in] for j in optic.residual], keep)
    graph, residual, kept, redone = cut.graph, cut.residual, cut.kept, cut.redone
    outputs = graph.outputs.tolist()
    extra = [w for w in kept if w >= n_in and w not in outputs[:n_out]]
    wires = graph.wires()
    cod = Ty.of((*box.cod.inside, *(wires[w] for w in extra)))
    ends = np.asarray([*outputs[:n_out], *extra], dtype=np.int32)
    forward = Diagram.of_graph(replace(graph, cod=cod, outputs=ends))

    n_cts = len(optic.backward.dom) - len(optic.residual)
    cts = optic.backward.dom[len(optic.residual) :]
    back = Builder(Ty.of(wires[w] for w in kept) @ cts)
    again = {w: i for i, w in enumerate(kept)}
    for inner, reads, writes in redone:
        again.update(zip(writes, back.add(inner, [again[i] for i in reads]), strict=True))
    taken = [*(again[w] for w in residual), *range(len(kept), len(kept) + n_cts)]
    body = Diagram.of_graph(back.finish(inline(back, optic.backward, taken), optic.backward.cod))
    params = {**(box.params if "jaxpr" in box.params else _template().params), "differentiated": True}
    place = first_places([*range(n_in), *outputs[:n_out], *extra])
    small, _ = read_only(forward, range(n_in))
    backward = checkpoint(body, box.name, params).playing("reverse", box)
    plain = not extra and optic.plain
    return Optic(box if plain else small, tuple(place[w] for w in kept), backward, optic.gives, plain)


Redone = tuple[Box, Sequence[int], Sequence[int]]  # a box that is computed again, with what it reads and writes


@dataclass(frozen=True)
class _Cut:
    """A graph whose loops and choices give what is kept inside of them, and where it is cut for `residual` to be there.

    Fields: `kept`, the wires to keep; `redone`, the nodes to compute again, in order.
    """

    graph: Graph
    residual: list[int]
    kept: list[int]
    redone: list[Redone]


def _cut(graph: Graph, residual: list[int], keep: Keep) -> _Cut:
    saved = {id(box) for box in graph.table if keep(box) and box.n_in}
    # what computing the residual again would compute, as far as it is known what is kept
    reached = live(graph, residual, lambda box: id(box) not in saved)
    build, new = Builder(graph.dom), list(range(len(graph.dom)))
    again: dict[int, Redone] = {}
    # by hand: halves are chosen by the wires that are computed again
    for box, reads, writes in graph.nodes():
        present = tuple(bool(reached[w]) for w in writes)
        halve = HALVES.get(box.op) if any(present) and id(box) not in saved else None
        halves = (
            None if halve is None else halve(box, present, lambda d, wanted, always: _halved(d, wanted, always, keep))
        )
        inputs = [new[i] for i in reads]
        made = build.add(box if halves is None else halves.forward, inputs)
        new.extend(made[: box.n_out])
        if halves is None:
            again |= dict.fromkeys(made, (box, inputs, made))
        else:
            held, given = made[box.n_out :], [made[i] for i in halves.gives]
            one = (halves.again, [*(inputs[i] for i in halves.reads), *held], given)
            again |= dict.fromkeys(given, one)
    outputs = [new[w] for w in graph.outputs.tolist()]
    ends = [new[w] for w in residual]
    kept: dict[int, None] = {}
    redone: dict[int, Redone] = {}
    stack = list(reversed(ends))
    while stack:
        w = stack.pop()
        one = again.get(w)
        if one is None or id(one[0]) in saved:
            kept[w] = None
        elif one[2][0] not in redone:
            redone[one[2][0]] = one
            stack.extend(one[1])
    return _Cut(build.finish(outputs, graph.cod), ends, list(kept), [redone[w] for w in sorted(redone)])


def _halved(d: Diagram, wanted: Sequence[bool], always: Sequence[int], keep: Keep) -> Halves | None:
    """The halves of a diagram for the outputs that are wanted, which read the inputs `always`; None if they are it."""
    if all(wanted) and not any(_holds(box, keep) for box in d.graph.table):
        return None
    graph = _reaching(d, keep).graph
    ends = [w for w, on in zip(graph.outputs.tolist(), wanted, strict=True) if on]
    cut = _cut(graph, ends, keep)
    held = [w for w in cut.kept if w >= d.n_in]
    if all(wanted) and not held:
        return None
    wires = cut.graph.wires()
    types = Ty.of(wires[w] for w in held)
    outputs = np.asarray([*cut.graph.outputs.tolist(), *held], dtype=np.int32)
    forward = replace(cut.graph, cod=d.cod @ types, outputs=outputs)
    reads = sorted({w for w in cut.kept if w < d.n_in} | set(always))
    back = Builder(Ty.of(wires[w] for w in reads) @ types)
    at = {w: i for i, w in enumerate([*reads, *held])}
    for box, inputs, writes in cut.redone:
        at.update(zip(writes, back.add(box, [at[i] for i in inputs]), strict=True))
    cod = Ty.of(chosen(d.cod.inside, wanted))
    again = back.finish([at[w] for w in cut.residual], cod)
    gives = tuple(i for i, on in enumerate(wanted) if on)
    return Halves(Diagram.of_graph(forward) if held else d, Diagram.of_graph(again), tuple(reads), gives)


HALVES = {"scan": scan_halves, "cond": cond_halves}


def remat_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A checkpoint of value and tangent."""
    found = push(box.params["jaxpr"].diagram.graph, moving, base)
    again = checkpoint(found.push, box.name, dict(box.params)).playing("forward", box)
    return Tangent(again, found.gives, whole=True)


# -- policies ----------------------------------------------------------------------------------------

Policy = str | Sequence[str] | Callable[[str, Box], bool]


def remembering(d: Diagram, residual: Policy) -> Diagram:
    """The diagram with checkpoints, so that its derivatives keep what the policy says and compute the rest again.

    "store" keeps whatever the way back reads. "recompute" keeps what flows between the boxes of the diagram that have a
    definition and between the steps of its scans, and computes what is inside again. Paths of boxes, or a predicate
    of path and box, name the boxes whose outputs are kept. The value is the same. Raises `PathError` for a path that
    names no box, `DerivativeError` for a predicate that names none.
    """
    if residual == "store":
        return d
    if residual == "recompute":
        return _recomputed(d)
    if isinstance(residual, str):
        raise DerivativeError(
            f"residual={residual!r} is no policy: give 'store', 'recompute', paths of boxes to keep, or a predicate"
        )
    if callable(residual):
        paths = _paths(d, residual)
    else:
        paths = list(residual)
        for path in paths:
            _refuse_inside(d, path)
    if not paths:
        raise DerivativeError("the residual policy names no box: 'recompute' keeps the fewest")
    policy = Marked(tuple(paths))
    return checkpoint(
        _marked(d, {tuple(p.split("/")): p for p in paths}), "checkpoint", {**_template().params, "policy": policy}
    )


def _refuse_inside(d: Diagram, path: str) -> None:
    """Refuse a path that names no box, or one in the body of a loop or a choice."""
    d.at(path)
    parts = path.split("/")
    for k in range(1, len(parts)):
        above = "/".join(parts[:k])
        if d.at(above).op:
            raise DerivativeError(
                f"residual={path!r} is inside {above}, which is not a box with a definition: keep what {above} gives, "
                "or put jax.checkpoint with a policy in its body"
            )


def _recomputed(d: Diagram) -> Diagram:
    """Every box with a definition and every step of a scan, or else the whole diagram, as a checkpoint."""
    made = {id(box): _lighter(box) for box in d.graph.table}
    if all(made[id(box)] is box for box in d.graph.table):
        return checkpoint(d, "checkpoint")
    return rebuild(d.graph, lambda box: made[id(box)])


def _lighter(box: Box) -> Box:
    """The box with a checkpoint inside."""
    if box.op == "scan":
        return box.with_bodies({"body": checkpoint(box.bodies["body"], "checkpoint")})
    if box.definition is None or box.op:
        return box
    return box.replaced(definition=checkpoint(box.definition, "checkpoint"))


def _paths(d: Diagram, keep: Callable[[str, Box], bool], above: str = "") -> list[str]:
    """The paths of the outermost boxes that a predicate holds of."""
    found: list[str] = []
    for name, box in zip(d.graph.names(), d.boxes, strict=True):
        if keep(above + name, box):
            found.append(above + name)
        elif box.definition is not None and not box.op:
            found += _paths(box.definition, keep, f"{above}{name}/")
    return found


def _marked(d: Diagram, paths: dict[tuple[str, ...], str]) -> Diagram:
    """The diagram in which what the boxes at these paths give is named, and the boxes around them are open."""
    around = {"/".join(parts[:k]) for parts in paths for k in range(1, len(parts))}
    named = {"/".join(parts): tag for parts, tag in paths.items()}

    def one(box: Box, *, path: str) -> Diagram | Open:
        if path in named:
            tags = [_tag(named[path], w) for w in box.cod.inside]
            return box.then(Diagram.id(Ty()).tensor(*tags))
        return Open() if path in around and box.definition is not None else box

    return rebuild(d.graph, one, path="")


@lru_cache(maxsize=4096)
def _tag(name: str, w: Wire) -> Box:
    """The identity that JAX's policies know by name."""
    with precision([w]):
        return from_jax(lambda x: checkpoint_name(x, name), aval(w)).boxes[0]
