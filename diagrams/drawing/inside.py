"""What an open box shows: the graph inside it, its feedback, and what its parts are called there.

A definition, and the body of a scan, are graphs already. `cond` has its branches side by side and a
choice after them. `while` is drawn as data flows: the state comes to the gate with the verdict of the
test; the gate lets it out (false) or into the body (true), whose results go back to where the state came in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..box import Box
from ..graph import Builder, Graph
from ..types import Ty, wire

__all__ = ["Inside", "inside_of"]


@dataclass(frozen=True)
class Inside:
    """A graph to draw inside a box.

    `level` is what paths into the box name first ("" for none). `loops` pairs outputs with the inputs
    that they are fed back to; outputs beyond those of the box are fed back only. `labels` are for nodes
    by their name, `marks` for wires by their number.
    """

    graph: Graph
    level: str = ""
    loops: tuple[tuple[int, int], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[int, str] = field(default_factory=dict)


def inside_of(box: Box) -> Inside:
    """What is inside a box with bodies: its definition, its one body over the same wires, or its wired bodies."""
    if box.definition is not None:
        return Inside(box.definition.graph)
    bodies = box.bodies
    if len(bodies) == 1:
        label, body = next(iter(bodies.items()))
        if box.op == "scan":
            first, n = box.params["num_consts"], box.params["num_carry"]
            return Inside(body.graph, label, tuple([(j, first + j) for j in range(n)]))
        if (body.dom, body.cod) == (box.dom, box.cod):
            return Inside(body.graph, label)
    return WIRINGS.get(box.op, _apart)(box)


def _cond(box: Box) -> Inside:
    """Every branch reads everything but the first wire, which chooses among their results."""
    build = Builder(box.dom)
    made = [w for k, d in box.bodies.items() for w in build.add(d.boxed(k), range(1, box.n_in))]
    dom = Ty.of((box.dom.inside[0], *box.cod.inside * len(box.bodies)))
    outputs = build.add(Box("choose", dom, box.cod, op="choose"), [0, *made])
    labels = {k: f"branch {i}" for i, k in enumerate(box.bodies)}
    return Inside(build.finish(outputs, box.cod), labels=labels)


def _while(box: Box) -> Inside:
    """The test and the body read the state, after constants of their own; the gate stands between them."""
    build = Builder(box.dom)
    n, m = box.params["cond_nconsts"], box.params["body_nconsts"]
    state: Sequence[int] = range(n + m, box.n_in)
    ty = box.cod.inside
    test = build.add(box.bodies["cond_jaxpr"].boxed("cond_jaxpr"), [*range(n), *state])
    gate = Box("gate", Ty.of((wire((), "bool"), *ty)), Ty.of(ty * 2), op="gate")
    through = build.add(gate, [*test, *state])
    out, again = through[: len(ty)], through[len(ty) :]
    made = build.add(box.bodies["body_jaxpr"].boxed("body_jaxpr"), [*range(n, n + m), *again])
    return Inside(
        build.finish([*out, *made], Ty.of(ty * 2)),
        loops=tuple([(len(ty) + j, w) for j, w in enumerate(state)]),
        labels={"cond_jaxpr": "test", "body_jaxpr": "do"},
        marks={**dict.fromkeys(out, "false: "), **dict.fromkeys(again, "true: ")},
    )


def _apart(box: Box) -> Inside:
    """How this primitive uses its bodies is not known here: they stand beside a box for the primitive itself."""
    build = Builder(box.dom)
    made = build.add(Box(box.name, box.dom, box.cod, op=box.op), range(box.n_in))
    for label, body in box.bodies.items():
        build.add(Box(f"{label} : {body.dom} → {body.cod}", Ty(), Ty(), op=label), ())
    return Inside(build.finish(made, box.cod))


WIRINGS = {"cond": _cond, "while": _while}
