"""Sub-models by path.

`part` gives the box at a path with its parameters: a model of the wires of the box that depend on the data of the
whole, which holds all that makes its weights (those that are tied, frozen or of low rank too).

>>> from paralens import nn
>>> part(nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2), "dense_1") == nn.dense(4, 2)
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ...categories.errors import PathError
from ...categories.para import Para
from ...categories.param import Entry, Param, Path, Stacked
from ..box import Box
from ..graph import Builder, Graph
from ..syntax import Diagram
from ..traversal import dependent
from ..types import Ty
from .opening import entrance, into, missing, splice_at

__all__ = ["Level", "below", "dataless_wires", "levels_to", "part"]


@dataclass(frozen=True, eq=False)
class Level:
    """A graph on the way down a path.

    `above` is the path to it, `label` which body of the box around it it is, `node` where the path goes on. For each
    input, `dataless` says whether it is free of the model's data, and `entry` which parameter it is, if it is one.
    """

    graph: Graph
    above: Path
    label: str
    node: int
    dataless: tuple[bool, ...]
    entry: tuple[Entry | None, ...]

    @cached_property
    def nodes(self) -> list[tuple[Box, tuple[int, ...], range]]:
        # listed by hand: surgery is about single nodes and their wires
        return list(self.graph.nodes())

    @cached_property
    def names(self) -> list[str]:
        return self.graph.names()

    @property
    def path(self) -> Path:
        return (*self.above, self.names[self.node])

    @property
    def box(self) -> Box:
        return self.nodes[self.node][0]

    def parameters(self) -> list[Entry]:
        """The parameters that the box at the node reads directly."""
        reads = self.nodes[self.node][1]
        return [e for w in reads if w < len(self.entry) and (e := self.entry[w]) is not None]


def levels_to(model: Para, path: str) -> list[Level]:
    """The graphs from the whole down to the one whose box the path names; raises `PathError`."""
    parts, graph, above, label = tuple(path.split("/")), model.arrow.graph, (), ""
    n = len(model.dom)
    dataless = (*[False] * n, *[True] * model.n_params)
    entry: tuple[Entry | None, ...] = (*[None] * n, *model.entries)
    found: list[Level] = []
    while True:
        names = graph.names()
        if parts[0] not in names:
            raise PathError(missing(parts[0], "/".join(above), names))
        level = Level(graph, above, label, names.index(parts[0]), dataless, entry)
        found.append(level)
        above, parts = (*above, parts[0]), parts[1:]
        if not parts:
            return found
        label, parts = into(level.box, parts, "/".join(above))
        body = level.box.bodies[label]
        dataless, entry = _inside(level, label, body)
        if not parts:  # the whole body, as a box of its own
            return [*found, Level(body.boxed(label).graph, above, label, 0, dataless, entry)]
        above, graph = (*above, label) if label else above, body.graph


def _inside(level: Level, label: str, body: Diagram) -> tuple[tuple[bool, ...], tuple[Entry | None, ...]]:
    """What the inputs of a body carry."""
    box, reads, _ = level.nodes[level.node]
    standing = dataless_wires(level.graph, level.dataless)
    places = entrance(box, label, body) or [None] * len(body.dom)
    n_fixed, n_slices = len(places), len(places)  # what changes from step to step lies between
    if box.op == "scan":
        n_fixed = box.params["num_consts"]
        n_slices = n_fixed + box.params["num_carry"]
    elif box.op == "while":
        n_fixed = box.params["cond_nconsts" if label.startswith("cond") else "body_nconsts"]
    dataless: list[bool] = []
    entry: list[Entry | None] = []
    for j, i in enumerate(places):
        wire = reads[i] if i is not None and not n_fixed <= j < n_slices else None
        here = level.entry[wire] if wire is not None and wire < len(level.entry) else None
        if here is not None and j >= n_slices:
            here = (here[0], _slice(here[1], Ty.of((body.dom.inside[j],))))
        # where the steps of a loop read a slice or a copy of what other boxes make, that is data to its body
        dataless.append(wire is not None and standing[wire] and (here is not None or not label))
        entry.append(here)
    return tuple(dataless), tuple(entry)


def _slice(q: Param, ty: Ty) -> Param:
    return Param(ty, q.init.init if isinstance(q.init, Stacked) else None)


def dataless_wires(graph: Graph, inputs: Sequence[bool]) -> list[bool]:
    """The wires that depend on inputs that stand still alone."""
    return [not on for on in dependent(graph, [not on for on in inputs])]


# -- the model at a path -----------------------------------------------------------------------


def part(model: Para, path: str) -> Para:
    """The model at a path; raises `PathError`."""
    levels = levels_to(model, path)
    last = levels[-1]
    first = max((i for i, level in enumerate(levels) if level.label), default=0)
    root, graph, node = levels[first], levels[first].graph, levels[first].node
    for level in levels[first + 1 :]:
        graph, node = splice_at(graph, node), node + level.node
    arrow, inputs = _with_its_weights(graph, node, dataless_wires(graph, root.dataless))
    entries = [e for i in inputs if (e := root.entry[i]) is not None]
    rest = [below(p, last.path) for p, _ in entries]
    named = [p if b is None else (last.box.name, *b[1]) for (p, _), b in zip(entries, rest, strict=True)]
    if len(set(named)) < len(named):
        named = [p for p, _ in entries]
    return Para(arrow, [(p, q) for p, (_, q) in zip(named, entries, strict=True)])


def _with_its_weights(graph: Graph, node: int, dataless: Sequence[bool]) -> tuple[Diagram, list[int]]:
    """The box at a node after all that makes its weights, and the inputs that stand still which are read for it."""
    nodes = list(graph.nodes())
    box, reads, _ = nodes[node]
    wanted = {w for w in reads if dataless[w]}
    before = []
    for k in range(node - 1, -1, -1):
        if any(w in wanted for w in nodes[k][2]):
            before.append(k)
            wanted.update(nodes[k][1])
    inputs = [w for w in dict.fromkeys([*reads, *sorted(wanted)]) if w in wanted and w < len(graph.dom)]
    data = [w for w in reads if not dataless[w]]
    if not before and list(reads) == [*data, *inputs]:
        return box, inputs
    types = graph.wires()
    build = Builder(Ty.of(types[w] for w in (*data, *inputs)))
    new = {w: len(data) + i for i, w in enumerate(inputs)}
    for k in reversed(before):
        new.update(zip(nodes[k][2], build.add(nodes[k][0], [new[w] for w in nodes[k][1]]), strict=True))
    numbers = iter(range(len(data)))
    made = build.add(box, [new[w] if dataless[w] else next(numbers) for w in reads])
    return Diagram.of_graph(build.finish(made, box.cod)), inputs


def below(p: Path, q: Path) -> tuple[Path, Path] | None:
    """A path of a parameter cut behind the names that the path of a box ends with, as many as there are.

    A part of an imported model may be called by a path itself, `blocks.0`.
    """
    q = tuple(name for part in q for name in part.split("."))
    for j in range(len(q)):
        end = q[j:]
        for i in range(len(p) - len(end) + 1):
            if p[i : i + len(end)] == end:
                return p[: i + len(end)], p[i + len(end) :]
    return None
