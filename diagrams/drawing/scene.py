"""What is to be seen of a diagram: its items, the open ones with a scene inside, and its bundles of parameters.

A scene forgets everything that a picture does not show. Constants are no items: where one is read
stands its text. Wires that carry parameters are no inputs: those that go to the same items form one
bundle, which comes in from the top.

An open box shows the graph inside it. A definition, and the body of a scan, are graphs already. `cond` has its
branches side by side and a choice after them. `while` is drawn as data flows: the state comes to the gate with the
verdict of the test; the gate lets it out (false) or into the body (true), whose results go back to where the state
came in.

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
from ..graph import Builder, Graph
from ..primitives import traits
from ..types import Ty, wire
from .bundles import Bundle, Given, bundles_of
from .style import LOOKS, clipped, label_of, line_look, look_of, type_text

__all__ = ["ARRAY", "Inside", "Item", "Open", "Scene", "scene_of"]

Read = int | str  # the number of a wire, or the text of a constant
ARRAY = "constant "  # how the text of a constant that is no scalar starts


@dataclass(frozen=True)
class Item:
    """A box to draw: what it reads on its left (`reads`) and writes, and the scene inside if it is open.

    `loops` pairs outputs of that scene with the inputs, or (negative) the bundles, to which a loop feeds them
    back. `bundles` are the numbers of the bundles that it reads, in the order of its inputs; `low` is the one that
    is the second operand of an operation whose order matters. `least` is the least width. `role` and `of` are those of
    the box, `of` with the number of this one.
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
    least: float = 0.0
    role: str = ""
    of: str = ""

    @property
    def wires(self) -> list[int]:
        """What it reads on its left that is no constant."""
        return [w for w in self.reads if isinstance(w, int)]

    @property
    def back(self) -> bool:
        """Whether it is the backward box of another."""
        return self.role == "reverse"


@dataclass(frozen=True)
class Scene:
    """The items of one level in topological order, over wires whose types are `types`.

    `names` are those of outputs, as paths; `cables` the types of wires that are several; `kinds` tells the wires that
    are not plain; in a scene that is `turned` data flow from right to left.
    """

    types: Mapping[int, str]
    inputs: tuple[int, ...]
    outputs: tuple[Read, ...]
    items: tuple[Item, ...]
    bundles: tuple[Bundle, ...]
    names: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    cables: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    turned: bool = False

    def look(self, wire: int) -> str:
        """How a wire looks."""
        return line_look(self.kinds.get(wire, "wire"), wire in self.cables)

    def tip(self, wire: int) -> str:
        """What a wire shows when pointed at."""
        return ", ".join(self.cables.get(wire, ()))


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
    # by hand: a picture is of nodes and wires
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
    tip, commutes = f"{path} : {_sides(box)}", traits(box.op).commutative
    of = box.of + name.removeprefix(box.name) if box.role else ""
    return Item(name, clipped(label), look_of(box), tip, commutes=commutes, role=box.role, of=of)


def _entries(item: Item, k: int, wires: Sequence[int], entering: Mapping[tuple[int, int], Bundle]) -> dict[str, Any]:
    """The bundles that the k-th item reads, and which of them is low."""
    numbers = [entering[k, w].number for w in wires if (k, w) in entering]
    second = item.look == "symbol" and not item.commutes and len(set(wires)) == 2 and (k, wires[1]) in entering
    return {"bundles": tuple(dict.fromkeys(numbers)), "low": numbers[-1] if second else None}


def _opened(item: Item, box: Box, open_: Open, given: list[Given | None], where: str) -> Item:
    """The item with the scene inside of its box."""
    view = _inside_of(box)
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
    look = f"open {item.look}" if f"open {item.look}" in LOOKS else "open defined"
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


# -- inside of boxes -----------------------------------------------------------------------------


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


def _inside_of(box: Box) -> Inside:
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
