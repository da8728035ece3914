"""What is to be seen of a diagram: its items, the open ones with a scene inside, and its bundles of parameters.

A scene forgets everything that a picture does not show. Constants are no items: where one is read
stands its text. Wires that carry parameters are no inputs: those that go to the same items form one
bundle, which comes in from the top.

>>> f = Box("f", R(2) @ R(2, 3), R(3))
>>> scene_of(Inside(f.graph), (None, Given(("w",), R(2, 3).wire, ("w",)))).bundles[0].head
'w'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...categories.errors import PathError
from ..box import Box
from ..graph import Graph
from .bundles import Bundle, Given, bundles_of
from .inside import Inside, inside_of
from .style import COMMUTATIVE, clipped, label_of, look_of, type_text

__all__ = ["ARRAY", "Item", "Open", "Scene", "scene_of"]

Read = int | str  # the number of a wire, or the text of a constant
ARRAY = "constant "  # how the text of a constant that is no scalar starts


@dataclass(frozen=True)
class Item:
    """A box to draw: what it reads on its left (`reads`) and writes, and the scene inside if it is open.

    `loops` pairs outputs of that scene with the inputs, or (negative) the bundles, to which a loop feeds them
    back. `bundles` are the numbers of the bundles that it reads, in the order of its inputs; `low` is the one that
    is the second operand of an operation whose order matters.
    """

    name: str
    label: str
    look: str
    tip: str
    reads: tuple[Read, ...] = ()
    writes: tuple[int, ...] = ()
    inside: Scene | None = None
    loops: tuple[tuple[int, int], ...] = ()
    commutes: bool = False
    bundles: tuple[int, ...] = ()
    low: int | None = None


@dataclass(frozen=True)
class Scene:
    """The items of one level in topological order, over wires whose types are `types`."""

    types: Mapping[int, str]
    inputs: tuple[int, ...]
    outputs: tuple[Read, ...]
    items: tuple[Item, ...]
    bundles: tuple[Bundle, ...]


@dataclass
class Open:
    """Which boxes are open: those named here, and all of them to a `depth`."""

    parts: dict[str, Open] = field(default_factory=dict)
    depth: int = 0

    @classmethod
    def at(cls, paths: Iterable[str], depth: int) -> Open:
        """The boxes on the way to each path."""
        root = cls(depth=depth)
        for path in paths:
            here = root
            for part in path.split("/"):
                here = here.parts.setdefault(part, cls())
        return root

    def inside(self, name: str) -> Open | None:
        """What is open inside a box, or None if the box is closed."""
        found = self.parts.get(name)
        if found is None:
            return Open(depth=self.depth - 1) if self.depth > 0 else None
        return Open(found.parts, max(self.depth - 1, 0))


def scene_of(view: Inside, given: Sequence[Given | None], open_: Open | None = None, where: str = "") -> Scene:
    """The scene of a graph, with the inputs that are `given` as parameters.

    Raises `PathError` for an open path that names nothing, listing what there is at its level.
    """
    graph, open_ = view.graph, open_ or Open()
    names = graph.names()
    types = {i: view.marks.get(i, "") + type_text(w) for i, w in enumerate(graph.wires())}
    _refuse_unknown(graph, names, open_, where)
    outputs: list[int] = graph.outputs.tolist()
    above = {i: g for i, g in enumerate(given) if g is not None}
    nodes = [(name, *node) for name, node in zip(names, graph.nodes(), strict=True)]
    texts: dict[int, Read] = {w: _constant(box) for _, box, _, made in nodes for w in made if box.op == "constant"}
    nodes = [node for node in nodes if node[1].op != "constant"]
    results = [w for w in dict.fromkeys(outputs) if w in above]
    reads = [reads for _, _, reads, _ in nodes] + [(w,) for w in results]
    symbols = {k for k, node in enumerate(nodes) if look_of(node[1]) == "symbol"}
    bundles, entering = bundles_of(above, reads, symbols)
    items = []
    for k, (name, box, wires, made) in enumerate(nodes):
        item = _item(name, view.labels.get(name) or label_of(box, name), box, f"{where}{name}")
        left = tuple([texts.get(w, w) for w in wires if w not in above])
        item = replace(item, reads=left, writes=tuple(made), **_entries(item, k, wires, entering))
        inner = open_.inside(name) if box.bodies else None
        if inner is not None:
            passed = [above[w].inside(entering[k, w]) if w in above else None for w in wires]
            item = _opened(item, box, inner, passed, f"{where}{name}/")
        items.append(item)
    for k, w in enumerate(results, len(nodes)):  # a parameter that is also a result turns to the right
        texts[w] = len(types)
        items.append(Item("", "", "turn", "", writes=(len(types),), bundles=(entering[k, w].number,)))
        types[len(types)] = types[w]
    inputs = tuple([i for i in range(len(given)) if i not in above])
    return Scene(types, inputs, tuple([texts.get(w, w) for w in outputs]), tuple(items), bundles)


def _item(name: str, label: str, box: Box, path: str) -> Item:
    """A closed item that reads and writes nothing yet."""
    return Item(name, clipped(label), look_of(box), f"{path} : {_sides(box)}", commutes=box.op in COMMUTATIVE)


def _entries(item: Item, k: int, wires: Sequence[int], entering: Mapping[tuple[int, int], Bundle]) -> dict[str, Any]:
    """The bundles that the k-th item reads, and which of them is low."""
    numbers = [entering[k, w].number for w in wires if (k, w) in entering]
    second = item.look == "symbol" and not item.commutes and len(set(wires)) == 2 and (k, wires[1]) in entering
    return {"bundles": tuple(dict.fromkeys(numbers)), "low": numbers[-1] if second else None}


def _opened(item: Item, box: Box, open_: Open, given: list[Given | None], where: str) -> Item:
    """The item with the scene inside of its box."""
    view = inside_of(box)
    if box.definition is None and not view.level and not open_.parts:
        open_ = Open(depth=open_.depth + 1)  # an open loop or branch shows its bodies open
    if view.level:  # the one body of a loop is a level of its own in paths, but no second frame
        _refuse_unknown(view.graph, [view.level], Open(open_.parts), where, [box])
        open_, where = open_.inside(view.level) or open_, f"{where}{view.level}/"
    left = [i for i, g in enumerate(given) if g is None]
    loops = []
    for out, into in view.loops:
        start = given[into]
        loops.append((out, -1 - start.around.number if start and start.around else left.index(into)))
    look = "open loop" if item.look == "loop" else "open defined"
    return replace(item, inside=scene_of(view, given, open_, where), look=look, loops=tuple(loops))


def _sides(box: Box) -> str:
    sides = [", ".join(map(type_text, t.inside[:8])) + (", ..." if len(t) > 8 else "") for t in (box.dom, box.cod)]
    return f"{sides[0] or '()'} → {sides[1] or '()'}"


def _constant(box: Box) -> str:
    """The text of a constant: its value if that is short, else what it is."""
    return ARRAY + clipped(type_text(box.cod.inside[0])) if box.name == "constant" else clipped(box.name)


def _refuse_unknown(graph: Graph, names: list[str], open_: Open, where: str, boxes: Sequence[Box] = ()) -> None:
    if not open_.parts:
        return
    found = dict(zip(names, boxes or [graph.table[i] for i in graph.ops.tolist()], strict=True))
    place = where[:-1] or "the diagram"
    closed = [n for n, b in found.items() if b.bodies]
    for part in open_.parts:
        if part not in found:
            raise PathError(f"no box {part!r} in {place}; there are {_listed(dict.fromkeys([*closed, *names]))}")
        if part not in closed:
            raise PathError(f"{part!r} in {place} has nothing inside; what opens there: {_listed(closed)}")


def _listed(names: Iterable[str], most: int = 40) -> str:
    names = list(names)
    return (", ".join(names[:most]) or "none") + (f" and {len(names) - most} more" if len(names) > most else "")
