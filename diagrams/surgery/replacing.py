"""Putting another model in the place of a box, as deep as it stands.

The parameters that nothing reads any more are dropped. With `part` it is a lens on models, where no other box makes a
weight:

    replaced(m, p, part(m, p)) == m        part(replaced(m, p, n), q) == n, where q is p with the name of the box n

>>> from paralens import nn
>>> model = nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2)
>>> replaced(model, "relu", nn.gelu(4)) == nn.dense(3, 4) >> nn.gelu(4) >> nn.dense(4, 2)
True
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...categories.errors import CompositionError, PathError
from ...categories.para import Para
from ...categories.param import Entry, Path
from ..box import Box
from ..graph import Builder
from ..primitives import traits
from ..syntax import Diagram, require
from ..types import Ty, Wire
from .parts import Level, below, dataless_wires, levels_to

__all__ = ["replaced"]


def replaced(model: Para, path: str, other: Para | Diagram) -> Para:
    """The model with another in the place of the box at a path; raises `PathError` and `CompositionError`.

    A layer goes in under its own name; of several boxes one is made, named as the box whose place it takes. The result
    may have another type than the box had where whatever reads it takes that.
    """
    require(other, "replace")
    levels = levels_to(model, path)
    for level, inner in pairwise(levels):
        _refuse_closed(level, inner)
    last = levels[-1]
    if last.label and len(last.nodes) == 1 and last.names == [last.label]:
        raise PathError(f"{path} is what is inside of {levels[-2].box.name}, not a box: name a box in it")
    new, own = _one_box(Para.lift(other), last.box.name)
    given = new.dom.inside[new.n_in - len(own) :]
    box, reads = new, _data(last, new, len(own), path)
    paths = {p: p for p, _ in model.entries}
    names: list[str] = []
    for i in range(len(levels) - 1, 0, -1):
        made = _Exchange(levels[i], box, reads, given, [not levels[i].label] * len(levels[i].entry))
        names.append(made.name)
        made.rename(paths, i)
        box, reads, given = _around(levels[i - 1], levels[i], made)
    made = _Exchange(levels[0], box, reads, given, [e is not None for e in levels[0].entry])
    names.append(made.name)
    made.rename(paths, 0)
    parent = _parent(levels, model)
    entries = [((*parent, names[0], *p), q) for p, q in own]
    return _assembled(model, levels[0], made, [(paths[p], q) for p, q in model.entries], entries)


def _refuse_closed(level: Level, inner: Level) -> None:
    box, path = level.box, "/".join(level.path)
    if box.rules:
        raise CompositionError(
            f"{path} is a {box.name} box with its own derivative, which would not be that of what is put inside: "
            f"replace {path} itself, or open it first, which forgets the rule"
        )
    # what is inside of a call, a loop or a branch runs as it is, and may be any diagram of its type
    if box.op and not (traits(box.op).looping or traits(box.op).calling):
        raise CompositionError(
            f"{path} is a {box.name} box, and what is inside belongs together: replace {path} itself"
        )


def _one_box(other: Para, name: str) -> tuple[Box, list[Entry]]:
    """A model as a single box, with its parameters named below it."""
    graph = other.arrow.graph
    alone = len(graph) == 1 and graph.inputs.tolist() == list(range(len(graph.dom)))
    if alone and graph.outputs.tolist() == list(range(len(graph.dom), graph.n_wires)):
        box = graph.table[0]
        return box, [(p[1:] if p[0] == box.name and len(p) > 1 else p, q) for p, q in other.entries]
    return other.arrow.boxed(name), list(other.entries)


def _data(level: Level, new: Box, n_own: int, path: str) -> list[int]:
    """The wires that the new box reads: the data that the old one did, with the constants if it takes these too."""
    box, reads, _ = level.nodes[level.node]
    dataless, constant = (
        dataless_wires(level.graph, level.dataless),
        dataless_wires(level.graph, [False] * len(level.dataless)),
    )
    types = level.graph.wires()
    dom = new.dom.inside[: new.n_in - n_own]
    choices = [[w for w in reads if not dataless[w]], [w for w in reads if not dataless[w] or constant[w]]]
    for wires in choices:
        if tuple(types[w] for w in wires) == tuple(dom) and new.n_out == box.n_out:
            return wires
    takes = Ty.of(types[w] for w in choices[0])
    raise CompositionError(
        f"{new.name} : {Ty.of(dom)} -> {new.cod} cannot take the place of {path} : {takes} -> {box.cod}"
    )


class _Exchange:
    """A graph with a box in the place of another; `given` are the types of new inputs, which it reads last.

    What served the old box only, and such inputs where `drop` allows it, are left out. Fields: `graph`, over the
    inputs `kept` and the new ones; `name`, of the new box; `nodes`, the new number of each node that is left.
    """

    def __init__(
        self, level: Level, box: Box, reads: Sequence[int], given: Sequence[Wire], drop: Sequence[bool]
    ) -> None:
        graph, at = level.graph, level.node
        self.level, self.given = level, given
        changed = [(b, (reads if k == at else r), w) for k, (b, r, w) in enumerate(level.nodes)]
        outputs = graph.outputs.tolist()
        before = _alive(level.nodes, [*outputs, *level.nodes[at][2]])
        now = _alive(changed, [*outputs, *level.nodes[at][2]])
        n = len(graph.dom)
        self.kept = [i for i in range(n) if not drop[i] or i in now or i not in before]
        self.nodes: dict[int, int] = {}
        build = Builder(Ty.of((*(graph.dom.inside[i] for i in self.kept), *given)))
        new, types, wrong = {w: i for i, w in enumerate(self.kept)}, list(build.dom.inside), list[str]()
        fresh = range(len(self.kept), len(types))
        for k, (b, wires, writes) in enumerate(changed):
            if k != at and not any(w in now or w not in before for w in writes):
                continue
            inputs = [*(new[w] for w in wires), *(fresh if k == at else ())]
            b = box if k == at else b
            for j, (w, ty) in enumerate(zip(inputs, b.dom.inside, strict=True)):
                if types[w] != ty:
                    wrong.append(f"{level.names[k]} takes {ty} (wire {j})")
            self.nodes[k] = len(build.ops)
            new.update(zip(writes, build.add(b, inputs), strict=True))
            types.extend(b.cod.inside)
        if wrong:
            raise CompositionError(
                f"cannot replace {'/'.join(level.path)}: {box.name} gives {box.cod} but " + "; ".join(wrong)
            )
        ends = [new[w] for w in outputs]
        self.graph = build.finish(ends, Ty.of(types[w] for w in ends))
        self.names = self.graph.names()
        self.name = self.names[self.nodes[at]]

    def rename(self, paths: dict[Path, Path], depth: int) -> None:
        """Let the parameters go on to be called as the boxes that read them."""
        level = self.level
        for k, (_, reads, _) in reversed(list(enumerate(level.nodes))):
            old = level.names[k]
            if k == level.node or k not in self.nodes or self.names[self.nodes[k]] == old:
                continue
            for w in reads:
                e = level.entry[w] if w < len(level.entry) else None
                if e is not None and old in paths[e[0]][depth:]:
                    at = paths[e[0]].index(old, depth)
                    paths[e[0]] = (*e[0][:at], self.names[self.nodes[k]], *paths[e[0]][at + 1 :])


def _alive(nodes: Sequence[tuple[Box, Sequence[int], range]], wires: Sequence[int]) -> set[int]:
    """The wires that these depend on."""
    found = set(wires)
    for _, reads, writes in reversed(nodes):
        if any(w in found for w in writes):
            found.update(reads)
    return found


def _around(outer: Level, inner: Level, made: _Exchange) -> tuple[Box, list[int], Sequence[Wire]]:
    """The box around a changed graph, what it reads of the old wires, and the types of what it reads anew."""
    box, reads, _ = outer.nodes[outer.node]
    inside = Diagram.of_graph(made.graph)
    if inner.label:
        if (inside.dom, inside.cod) != (inner.graph.dom, inner.graph.cod):
            raise CompositionError(
                f"what is inside of {'/'.join(outer.path)} keeps its type, parameters included, and would become "
                f"{inside.dom} -> {inside.cod}: make that part anew"
            )
        return box.with_bodies({inner.label: inside}), list(reads), ()
    return box.replaced(dom=inside.dom, cod=inside.cod, definition=inside), [reads[i] for i in made.kept], made.given


def _parent(levels: Sequence[Level], model: Para) -> Path:
    """Where the parameters of the new box stand: beside those of the old one, or below those of the box around it."""
    found = [b for p, _ in levels[-1].parameters() if (b := below(p, levels[-1].path)) is not None]
    if found:
        return found[0][0][:-1]
    above = [b for level in levels[-2:-1] for p, _ in level.parameters() if (b := below(p, level.path)) is not None]
    return above[0][0] if above else levels[-1].above


def _assembled(model: Para, top: Level, made: _Exchange, old: Sequence[Entry], new: Sequence[Entry]) -> Para:
    """The model of the new graph; the new parameters stand where those of the box stood or would have stood."""
    n = len(model.dom)
    left = [i - n for i in made.kept if i >= n]
    dropped = set(range(len(old))) - set(left)
    later = {w - n for _, reads, _ in top.nodes[top.node + 1 :] for w in reads}
    later -= {w - n for _, reads, _ in top.nodes[: top.node + 1] for w in reads}
    at = min(dropped or later, default=len(old))
    before = [i for i in left if i < at]
    n_left, n_new = len(left), len(new)
    order = [*range(n + len(before)), *range(n + len(before) + n_new, n + n_left + n_new)]
    order += range(n + len(before), n + len(before) + n_new)
    entries = [*(old[i] for i in before), *new, *(old[i] for i in left if i >= at)]
    dom = model.dom @ Ty.of(q.wire for _, q in entries)
    return Para(Diagram.wires(dom, order).then(Diagram.of_graph(made.graph)), entries)
