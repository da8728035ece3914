"""The flat graph: what every functor walks over.

A `Graph` lists boxes in topological order, each with the numbers of the wires that it reads and
writes. Wires 0, 1, ... are the inputs; every box then numbers its outputs on from there. A wire may
be read many times (that is copy) or never (discard); swaps vanish. It is the presentation of a
morphism of the free cartesian category on the boxes by its term graph, cf. B. Fong and D. Spivak,
"Supplying bells and whistles in symmetric monoidal categories" (2019), and for hash-consing of
terms J.-C. Filliatre and S. Conchon, "Type-safe modular hash-consing" (2006).

Laws, which `normal_form` decides and tests check on random diagrams:

    associativity, units, interchange          the same graph
    f ; copy = copy ; (f @ f)                  equal boxes on equal inputs are one node
    f ; discard = discard                      nodes that no output needs are dropped
    copy ; swap = copy,  copy ; (id @ discard) = id     wires are numbers

All loops are over arrays; nothing recurses over the depth of a diagram.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ..categories.errors import CompositionError
from ..categories.param import numbered
from .cache import derived
from .types import Ty, Wire

if TYPE_CHECKING:
    from .box import Box
    from .discopy.seam import Layer
    from .syntax import Diagram

__all__ = ["Builder", "Graph", "flatten", "normal_form"]

Ints = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Graph:
    """Boxes in topological order over numbered wires.

    Fields: `dom` and `cod`; `table`, the distinct boxes; `ops`, for each node its place in the
    table; `inputs`, the wires read by the nodes, one node after the other; `outputs`, the wires at
    the codomain. What each node writes follows from these.
    """

    dom: Ty
    cod: Ty
    table: tuple[Box, ...]
    ops: Ints
    inputs: Ints
    outputs: Ints

    def __len__(self) -> int:
        return len(self.ops)

    @property
    def n_wires(self) -> int:
        """The number of wires: inputs and everything that a box writes."""
        return len(self.dom) + int(self.widths(1).sum())

    def widths(self, side: int) -> NDArray[np.int64]:
        """How many wires each node reads (`side=0`) or writes (`side=1`)."""
        per_box = np.array([b.n_out if side else b.n_in for b in self.table], dtype=np.int64)
        return per_box[self.ops] if len(self.ops) else per_box[:0]

    def nodes(self) -> Iterator[tuple[Box, tuple[int, ...], range]]:
        """Each node as its box, the wires it reads and the wires it writes."""
        inputs, at, fresh = self.inputs.tolist(), 0, len(self.dom)
        for op in self.ops.tolist():
            box = self.table[op]
            yield box, tuple(inputs[at : at + box.n_in]), range(fresh, fresh + box.n_out)
            at, fresh = at + box.n_in, fresh + box.n_out

    @property
    def steps(self) -> Iterable[tuple[Box, tuple[int, ...], range]]:
        """The nodes; those of a small graph, which is spliced again and again, are listed once."""
        if len(self.ops) > 64:
            return self.nodes()
        return derived(self, "steps", lambda: list(self.nodes()))

    def wires(self) -> list[Wire]:
        """The type of every wire, by number."""
        return _types(self.dom, self.table, self.ops.tolist())

    def uses(self) -> NDArray[np.int64]:
        """How often each wire is read, the codomain included."""
        n = self.n_wires
        return np.bincount(self.inputs, minlength=n) + np.bincount(self.outputs, minlength=n)

    def last_reads(self) -> list[int]:
        """For each wire the place in `inputs` where it is read last; past the end for wires of the codomain."""
        last = np.zeros(self.n_wires, dtype=np.int64)
        last[self.inputs] = np.arange(len(self.inputs))  # the last assignment of an index stands
        last[self.outputs] = len(self.inputs)
        return last.tolist()

    def names(self) -> list[str]:
        """A unique name for every node: that of its box, with `_1`, `_2` ... for the second, third ... use.

        Ways back are counted from the end, so that `R[dense]_1` is that through `dense_1`.
        """
        ops = self.ops.tolist()
        labels = [self.table[op].name for op in ops]
        turned = [box.role == "reverse" for box in self.table]
        back = [k for k, op in enumerate(ops) if turned[op]]
        among = set(back)
        order = [*(k for k in range(len(labels)) if k not in among), *reversed(back)]
        found = dict(zip(order, numbered([labels[k] for k in order]), strict=True))
        return [found[k] for k in range(len(labels))]

    @property
    def digest(self) -> bytes:
        """Sixteen bytes that depend on the content only: the same in every process."""
        h = hashlib.blake2b(digest_size=16)
        h.update(f"{self.dom}->{self.cod};{len(self.table)};{len(self.ops)};".encode())
        for box in self.table:
            h.update(box.content)
        for numbers in (self.ops, self.inputs, self.outputs):
            h.update(np.ascontiguousarray(numbers, dtype="<i4").tobytes())
        return h.digest()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Graph) and (self.dom, self.cod) == (other.dom, other.cod) and self.digest == other.digest
        )

    def __hash__(self) -> int:
        return int.from_bytes(self.digest[:8], "little")


class Builder:
    """Grows a graph node by node; `add` returns the numbers of the wires that the box writes."""

    def __init__(self, dom: Ty) -> None:
        self.dom = dom
        self.n_wires = len(dom)
        self.table: list[Box] = []
        self.ops: list[int] = []
        self.inputs: list[int] = []
        self._place: dict[int, int] = {}

    def add(self, box: Box, inputs: Sequence[int]) -> range:
        """Append `box` reading the wires `inputs` (unchecked)."""
        place = self._place.get(id(box))
        if place is None:
            place = self._place[id(box)] = len(self.table)
            self.table.append(box)
        self.ops.append(place)
        self.inputs.extend(inputs)
        fresh = range(self.n_wires, self.n_wires + box.n_out)
        self.n_wires = fresh.stop
        return fresh

    def wires(self) -> list[Wire]:
        """The type of every wire so far, by number."""
        return _types(self.dom, self.table, self.ops)

    def finish(self, outputs: Sequence[int], cod: Ty) -> Graph:
        """The graph with these wires at its codomain."""
        return Graph(self.dom, cod, tuple(self.table), _ints(self.ops), _ints(self.inputs), _ints(outputs))


def _types(dom: Ty, table: Sequence[Box], ops: Sequence[int]) -> list[Wire]:
    found = list(dom.inside)
    for op in ops:
        found.extend(table[op].cod.inside)
    return found


def _ints(numbers: Sequence[int]) -> Ints:
    return np.asarray(numbers, dtype=np.int32)


def flatten(diagram: Diagram) -> Graph:
    """The graph of a diagram, in one pass with an explicit stack.

    The stack holds diagrams with the offset of their first wire in `current`, the list of wires at
    the present height; each form rewrites its own slice of that list.
    """
    build = Builder(diagram.dom)
    current: list[int] = list(range(len(diagram.dom)))
    stack: list[tuple[Diagram, int]] = [(diagram, 0)]
    while stack:
        d, at = stack.pop()
        kind, left, right = d.form
        if kind == "then":
            stack += ((right, at), (left, at))
        elif kind == "tensor":
            stack += ((right, at + left.n_out), (left, at))
        elif kind == "box":
            current[at : at + d.n_in] = build.add(cast("Box", d), current[at : at + d.n_in])
        elif kind == "wires":
            here = current[at : at + d.n_in]
            current[at : at + d.n_in] = [here[i] for i in left]
        elif kind == "graph":
            current[at : at + d.n_in] = splice(build, left, current[at : at + d.n_in])
        elif kind == "layers":
            for layer in left:
                _layer(build, current, at, layer)
    return build.finish(current, diagram.cod)


def _layer(build: Builder, current: list[int], at: int, layer: Layer) -> None:
    """Rewrite `current` by one of DisCoPy's layers: types and boxes in turn, from left to right."""
    for i, item in enumerate(layer):
        if i % 2 == 0:
            at += len(item)
            continue
        if not hasattr(item, "wiring"):
            raise CompositionError(f"the layer {layer} holds a foreign box {item!r}: use paralens.Box")
        here = current[at : at + item.n_in]
        new = list(build.add(item, here)) if item.wiring is None else [here[j] for j in item.wiring]
        current[at : at + item.n_in] = new
        at += len(new)


def splice(build: Builder, graph: Graph, inputs: Sequence[int]) -> list[int]:
    """Copy `graph` into the graph under construction, reading `inputs`; gives the wires of its codomain."""
    env = list(inputs)
    for box, reads, _ in graph.steps:
        env.extend(build.add(box, [env[i] for i in reads]))
    return [env[i] for i in graph.outputs.tolist()]


def normal_form(graph: Graph) -> Graph:
    """The canonical graph of its class: equal nodes shared, dead nodes gone, order by depth-first search.

    Two diagrams are equal up to the equations of a cartesian category if and only if their normal
    forms are identical. Linear in the number of boxes.
    """
    table, place = _canonical_table(graph)
    value = list(range(len(graph.dom)))
    known: dict[tuple[int, ...], range] = {}
    reads: dict[int, tuple[int, ...]] = {}
    writes: dict[int, range] = {}
    kind: dict[int, int] = {}
    at, fresh, read = 0, len(graph.dom), graph.inputs.tolist()
    for op in graph.ops.tolist():
        box = graph.table[op]
        arguments = tuple([value[i] for i in read[at : at + box.n_in]])
        at += box.n_in
        key = (place[op], *arguments)
        made = known.get(key)
        if made is None:
            made = known[key] = range(fresh, fresh + box.n_out)
            reads[fresh], writes[fresh], kind[fresh] = arguments, made, place[op]
        value.extend(made)
        fresh += box.n_out
    outputs = [value[i] for i in graph.outputs.tolist()]
    return _renumber(graph, table, outputs, reads, writes, kind)


def _canonical_table(graph: Graph) -> tuple[list[Box], list[int]]:
    """The distinct boxes up to structural equality, and where each box of the graph's table is among them."""
    table: list[Box] = []
    index: dict[bytes, int] = {}
    place = []
    for box in graph.table:
        found = index.setdefault(box.content, len(table))
        if found == len(table):
            table.append(box)
        place.append(found)
    return table, place


def _renumber(
    graph: Graph,
    table: list[Box],
    outputs: list[int],
    reads: dict[int, tuple[int, ...]],
    writes: dict[int, range],
    kind: dict[int, int],
) -> Graph:
    """Order the nodes that the outputs need by depth-first search from the outputs, and number afresh."""
    node_of = {w: start for start, made in writes.items() for w in made}
    new = {w: w for w in range(len(graph.dom))}
    build = Builder(graph.dom)
    done: set[int] = set()
    stack = [node_of[w] for w in reversed(outputs) if w in node_of]
    while stack:
        start = stack[-1]
        if start in done:
            stack.pop()
            continue
        missing = [node_of[w] for w in reversed(reads[start]) if w not in new]
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        done.add(start)
        made = build.add(table[kind[start]], [new[w] for w in reads[start]])
        new.update(zip(writes[start], made, strict=True))
    return build.finish([new[w] for w in outputs], graph.cod)
