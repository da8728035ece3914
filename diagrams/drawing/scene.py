"""What is to be seen of a diagram: its items, the open ones with a scene inside, and its bundles of parameters.

A scene forgets everything that a picture does not show. Constants are no items: where one is read
stands its text. Wires that carry parameters are no inputs: those that go to the same items form one
bundle, which comes in from the top.

>>> f = Box("f", R(2) @ R(2, 3), R(3))
>>> scene_of(f.graph, (None, Given(("w",), R(2, 3).wire))).bundles[0].head
'w'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...categories.errors import PathError
from ..box import Box
from ..graph import Builder, Graph
from ..types import Ty, Wire, wire
from .style import COMMUTATIVE, clipped, count, label_of, look_of, type_text

__all__ = ["Bundle", "Given", "Item", "Open", "Scene", "opened", "scene_of"]

Read = int | str  # the number of a wire, or the text of a constant


@dataclass(frozen=True)
class Given:
    """An input that is a parameter: its path, its wire, and the bundle around the scene that it comes in with."""

    path: tuple[str, ...]
    wire: Wire
    bundle: int | None = None


@dataclass(frozen=True)
class Item:
    """A box to draw: what it reads on its left (`reads`) and writes, and the scene inside if it is open.

    `loops` pairs outputs with the inputs to which a loop feeds them back.
    """

    name: str
    label: str
    look: str
    tip: str
    reads: tuple[Read, ...]
    writes: tuple[int, ...]
    inside: Scene | None = None
    loops: tuple[tuple[int, int], ...] = ()
    commutes: bool = False


@dataclass(frozen=True)
class Bundle:
    """Parameters that go to the same items: a label of two lines, whether they are several, where they come from.

    `source` is the bundle around the scene, or a negative number for one that several rows share.
    """

    head: str
    detail: str
    several: bool
    readers: tuple[int, ...]
    source: int | None = None


@dataclass(frozen=True)
class Scene:
    """The items of one level in topological order, over wires whose types are `types`."""

    types: Mapping[int, str]
    inputs: tuple[int, ...]
    outputs: tuple[Read, ...]
    items: tuple[Item, ...]
    bundles: tuple[Bundle, ...]
    names: Mapping[int, str] = field(default_factory=dict)  # inputs that are parameters all the same, by name


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


def scene_of(graph: Graph, given: Sequence[Given | None], open_: Open | None = None, where: str = "") -> Scene:
    """The scene of a graph, with the inputs that are `given` as parameters.

    Raises `PathError` for an open path that names nothing, listing what there is at its level.
    """
    open_ = open_ or Open()
    names = graph.names()
    types = {i: type_text(w) for i, w in enumerate(graph.wires())}
    _refuse_unknown(graph, names, open_, where)
    outputs: list[int] = graph.outputs.tolist()
    kept = set(outputs)  # a parameter that is also a result comes in from the left
    above = {i: g for i, g in enumerate(given) if g is not None and i not in kept}
    nodes = [(name, *node) for name, node in zip(names, graph.nodes(), strict=True)]
    texts: dict[int, Read] = {w: _constant(box) for _, box, _, made in nodes for w in made if box.op == "constant"}
    nodes = [node for node in nodes if node[1].op != "constant"]
    bundles, entering = _bundles(above, [reads for _, _, reads, _ in nodes])
    items = []
    for k, (name, box, reads, made) in enumerate(nodes):
        inner = open_.inside(name) if box.bodies else None
        passed = [_passed(above.get(w), entering.get((k, w))) for w in reads]
        left = tuple(texts.get(w, w) for w in reads if w not in above)
        items.append(_item(name, box, left, made, passed, inner, f"{where}{name}/"))
    return Scene(
        types,
        tuple(i for i in range(len(given)) if i not in above),
        tuple([texts.get(w, w) for w in outputs]),
        tuple(items),
        bundles,
        {i: "/".join(g.path) for i, g in enumerate(given) if g is not None and i in kept},
    )


def _item(
    name: str,
    box: Box,
    left: tuple[Read, ...],
    made: range,
    passed: list[tuple[Given, int] | None],
    inner: Open | None,
    where: str,
) -> Item:
    shown = clipped(label_of(box, name))
    tip = f"{where[:-1]} : {_sides(box)}"
    look = look_of(box)
    closed = Item(
        name, shown, look, tip, left, tuple(made), commutes=box.op in COMMUTATIVE and len(set(left)) == len(left)
    )
    if inner is None:
        return closed
    graph, level, loops = opened(box)
    if box.definition is None and not level and not inner.parts:
        inner = Open(depth=inner.depth + 1)  # an open loop or branch shows its bodies open
    if level:  # the one body of a loop is a level of its own in paths, but no second frame
        _refuse_unknown(graph, [level], Open(inner.parts), where, [box])
        inner, where = inner.inside(level) or inner, f"{where}{level}/"
    given = [None if p is None else replace(p[0], bundle=p[1]) for p in passed]
    inside = scene_of(graph, given, inner, where)
    on_left = [i for i, p in enumerate(passed) if p is None]
    pairs = tuple((o, on_left.index(i)) for o, i in loops if i in on_left)
    return replace(closed, inside=inside, look=f"open {'loop' if look == 'loop' else 'defined'}", loops=pairs)


def _sides(box: Box) -> str:
    sides = [", ".join(map(type_text, t.inside[:8])) + (", ..." if len(t) > 8 else "") for t in (box.dom, box.cod)]
    return f"{sides[0] or '()'} → {sides[1] or '()'}"


def _passed(given: Given | None, entering: tuple[int, int] | None) -> tuple[Given, int] | None:
    """A parameter on its way into a box: with the part of its path that the label of the bundle left unsaid."""
    if given is None or entering is None:
        return None
    bundle, said = entering
    return replace(given, path=given.path[min(said, len(given.path) - 1) :]), bundle


def _constant(box: Box) -> str:
    return type_text(box.cod.inside[0]) if box.name in ("constant", "key") else box.name


# -- open boxes ----------------------------------------------------------------------------------


def opened(box: Box) -> tuple[Graph, str, list[tuple[int, int]]]:
    """The graph inside a box, the level that its paths name first ("" for none), and its feedback.

    A box with a definition, or with one body over the same wires, has that graph inside. `cond` has its
    branches side by side and a choice after them; `while` its test and its body; others their bodies, unconnected.
    """
    if box.definition is not None:
        return box.definition.graph, "", []
    bodies = box.bodies
    if len(bodies) == 1:
        label, body = next(iter(bodies.items()))
        if box.op == "scan" or (body.dom, body.cod) == (box.dom, box.cod):
            first, k = (box.params["num_consts"], box.params["num_carry"]) if box.op == "scan" else (0, 0)
            return body.graph, label, [(j, first + j) for j in range(k)]
    build = Builder(box.dom)
    outputs, loops = WIRINGS.get(box.op, _apart)(box, build)
    return build.finish(outputs, box.cod), "", loops


def _branches(box: Box, build: Builder) -> tuple[Sequence[int], list[tuple[int, int]]]:
    """Every branch reads everything but the first wire, which chooses among their results."""
    made = [w for k, d in box.bodies.items() for w in build.add(d.boxed(k), range(1, box.n_in))]
    dom = Ty.of((box.dom.inside[0], *box.cod.inside * len(box.bodies)))
    return build.add(Box("choose", dom, box.cod, op="choose"), [0, *made]), []


def _while(box: Box, build: Builder) -> tuple[Sequence[int], list[tuple[int, int]]]:
    """The test and the body read the state, after constants of their own; the body's results are the next state."""
    n, m = box.params["cond_nconsts"], box.params["body_nconsts"]
    state = range(n + m, box.n_in)
    test = build.add(box.bodies["cond_jaxpr"].boxed("cond_jaxpr"), [*range(n), *state])
    made = build.add(box.bodies["body_jaxpr"].boxed("body_jaxpr"), [*range(n, n + m), *state])
    dom = Ty.of((wire((), "bool"), *box.cod.inside))
    ends = build.add(Box("repeat while", dom, box.cod, op="repeat while"), [*test, *made])
    return ends, [(j, w) for j, w in enumerate(state)]


def _apart(box: Box, build: Builder) -> tuple[Sequence[int], list[tuple[int, int]]]:
    """How this primitive uses its bodies is not known here: they stand beside a box for the primitive itself."""
    made = build.add(Box(box.name, box.dom, box.cod, op=box.op), range(box.n_in))
    for label, body in box.bodies.items():
        build.add(Box(f"{label} : {body.dom} → {body.cod}", Ty(), Ty(), op=label), ())
    return made, []


WIRINGS = {"cond": _branches, "while": _while}


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


# -- parameters ------------------------------------------------------------------------------------


def _bundles(
    above: Mapping[int, Given], reads: Sequence[Sequence[int]]
) -> tuple[tuple[Bundle, ...], dict[tuple[int, int], tuple[int, int]]]:
    """The parameters grouped by the items that read them; and for each item and parameter its bundle.

    With the number of the bundle stands how many parts of the path its label has said.
    """
    readers: dict[int, list[int]] = {w: [] for w in above}
    for k, wires in enumerate(reads):
        for w in dict.fromkeys(wires):
            if w in above:
                readers[w].append(k)
    groups: dict[tuple[int | None, tuple[int, ...]], list[int]] = {}
    for w, items in readers.items():
        groups.setdefault((above[w].bundle, tuple(items)), []).append(w)
    bundles, entering = [], {}
    for (source, items), members in groups.items():
        made, said = _bundle([above[w] for w in members], items, source)
        entering.update({(k, w): (len(bundles), said) for w in members for k in items})
        bundles.append(made)
    return tuple(bundles), entering


def _bundle(members: Sequence[Given], items: tuple[int, ...], source: int | None) -> tuple[Bundle, int]:
    paths = [g.path for g in members]
    said = next((i for i, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))
    if len(members) == 1:
        return Bundle(clipped("/".join(paths[0])), type_text(members[0].wire), False, items, source), said
    names = ", ".join("/".join(p) for p in paths)
    head = "/".join(paths[0][:said]) or (names if len(names) <= 24 else f"{'/'.join(paths[0])}, …")
    total = count(sum(g.wire.size for g in members))
    return Bundle(clipped(head), f"{len(members)} parameters, {total}", True, items, source), said
