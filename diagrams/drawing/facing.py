"""A backward pass below its forward pass, as papers draw lenses: forward to the right, and back to the left.

Each backward box R[f] stands below its f. What goes from above to below, residuals and parameters, comes to a
backward box from the top. So each pass is a row as any other, the lower one mirrored; their columns share their
middles. Above, a wire on its way down ends in a *drain* at the bottom of its column; what f keeps for the R[f] below
leaves at the bottom of f.

Source: G. Cruttwell et al., "Categorical foundations of gradient-based learning" (2022), the figures of section 3.

>>> from paralens.diagrams.drawing.scene import Inside, scene_of
>>> f = Box("f", R(2), R(2) @ R(3))
>>> back = Box("back", R(3) @ R(2), R(2)).playing("reverse", f)
>>> halves = facing_of(scene_of(Inside((f @ R(2) >> R(2) @ back).graph), (None, None)))
>>> [[item.name for item in half.items] for half in (halves.forward, halves.back)]
[['f'], ['R[f]']]
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from .block import TYPE, Block, line
from .bundles import Bundle
from .cables import Backward, backward_of
from .picture import Circle, Shape, Text, mirrored, moved
from .place import Row
from .scene import Item, Scene
from .style import SOFT

__all__ = ["Facing", "Port", "faced", "facing_of"]

STEP = 8.0  # between the lines from a forward item back to below it


class Port(NamedTuple):
    """A wire, or the text of a constant, at the edge of a block: its height, and whether it is on the right."""

    wire: int | str
    y: float
    right: bool


class Facing(NamedTuple):
    """A scene in two halves: the forward items and the backward ones, with their columns and the last of these.

    By the number of the bundle in which the backward scene gets it from above: `drains` are the column, and the wire
    if it is none for parameters, of what comes down past the forward items; `kept` are the item and the wire of what
    the forward item above keeps.
    """

    forward: Scene
    back: Scene
    ranks: tuple[list[int], list[int]]
    last: int
    drains: dict[int, tuple[int, int | None]]
    kept: dict[int, tuple[int, int]]


def facing_of(scene: Scene) -> Facing | None:
    """The two halves of a scene, or None if it has no backward boxes with forward ones, or they cannot face."""
    back = backward_of(scene)
    ranks = _ranks(scene, back) if back.partner else None
    if ranks is None:
        return None
    forward, behind = ([k for k in range(len(scene.items)) if (k in back.items) == side] for side in (False, True))
    maker = {w: k for k, item in enumerate(scene.items) for w in item.writes}
    place: dict[int, int] = {}  # the farthest column, on the right, where each wire is needed below
    for k in behind:
        for w in scene.items[k].wires:
            if maker.get(w) not in back.items and w not in back.inputs:
                place[w] = max(ranks[k], place.get(w, 0))
    # what the item above keeps comes first, that is on the right, and what comes from the left edge last
    crossing = sorted(place, key=lambda w: -ranks[maker[w]] if w in maker else 0)
    source = {w: n for n, w in enumerate(crossing, len(scene.bundles))}
    number = {k: n for half in (forward, behind) for n, k in enumerate(half)}
    kept = {source[w]: (number[maker[w]], w) for w in crossing if w in maker and ranks[maker[w]] == place[w]}
    drains: dict[int, tuple[int, int | None]] = {source[w]: (place[w], w) for w in crossing if source[w] not in kept}
    for b in scene.bundles:
        needed = [ranks[k] for k in b.readers if k in back.items]
        drains.update({b.number: (max(needed), None)} if needed else {})
    lower = _back(scene, behind, [w for w in scene.inputs if w in back.inputs], source)
    wide = {scene.items[f].name: 16.0 * len(lower.items[number[k]].bundles) for k, f in back.partner.items()}
    forth = [w for w in scene.inputs if w not in back.inputs]
    upper = _forward(scene, forward, forth, {w for _, w in kept.values()}, wide)
    last = 1 + max(ranks)
    return Facing(upper, lower, ([ranks[k] for k in forward], [last - ranks[k] for k in behind]), last, drains, kept)


def _ranks(scene: Scene, back: Backward) -> list[int] | None:
    """The column of every item, with R[f] in that of f; None if there is no such order."""
    node = [back.partner.get(k, k) for k in range(len(scene.items))]
    maker = {w: k for k, item in enumerate(scene.items) for w in item.writes}
    after: dict[int, dict[int, int]] = {n: {} for n in node}
    for k, item in enumerate(scene.items):
        for m in [maker[w] for w in item.wires if w in maker]:
            a, b, far = (node[k], node[m], 1) if m in back.items else (node[m], node[k], int(k not in back.items))
            if a != b or far:
                after[a][b] = max(far, after[a].get(b, 0))
    waiting = dict.fromkeys(after, 0)
    for goals in after.values():
        for b in goals:
            waiting[b] += 1
    rank, ready = dict.fromkeys(after, 1), [n for n, count in waiting.items() if not count]
    done = []
    while ready:
        a = ready.pop()
        done.append(a)
        for b, far in after[a].items():
            rank[b] = max(rank[b], rank[a] + far)
            waiting[b] -= 1
            ready += [b] * (not waiting[b])
    if len(done) < len(after):
        return None
    for a in reversed(done):  # pairs move right to where they are needed, such as query to the side of key and value
        if a in back.partner.values():
            rank[a] = min([rank[b] - far for b, far in after[a].items()], default=rank[a])
    return [rank[n] for n in node]


# -- the two scenes ------------------------------------------------------------------------------


def _forward(
    scene: Scene, items: Sequence[int], inputs: Sequence[int], kept: Collection[int], wide: Mapping[str, float]
) -> Scene:
    """The forward scene, without drains. What only the backward pass reads leaves closed items at the bottom."""
    read = {w for k in items for w in scene.items[k].reads} | set(scene.outputs)
    own = set(inputs).union(*[scene.items[k].writes for k in items])
    found = []
    for item in [scene.items[k] for k in items]:
        low = [w for w in item.writes if w in kept and w not in read] if item.inside is None else []
        writes = tuple([w for w in item.writes if w not in low])
        found.append(replace(item, writes=writes, least=wide.get(item.name, 0.0) if low else 0.0))
    outputs = tuple([w for w in scene.outputs if w in own])
    place = {k: n for n, k in enumerate(items)}
    bundles = [replace(b, readers=tuple([place[k] for k in b.readers if k in place])) for b in scene.bundles]
    return replace(scene, items=tuple(found), inputs=tuple(inputs), outputs=outputs, bundles=tuple(bundles))


def _back(scene: Scene, items: Sequence[int], inputs: Sequence[int], source: Mapping[int, int]) -> Scene:
    """The backward scene, in which wires that have a `source` come from above."""
    own = set(inputs).union(*[scene.items[k].writes for k in items])
    place = {k: n for n, k in enumerate(items)}
    bundles = []
    for b in scene.bundles:
        readers = tuple([place[k] for k in b.readers if k in place])
        bundles.append(replace(b, head="", detail="", readers=readers, source=b.number))
    found = replace(
        scene,
        items=tuple([scene.items[k] for k in items]),
        inputs=(*inputs, *source),
        outputs=tuple([w for w in scene.outputs if w in own or isinstance(w, str)]),
        bundles=tuple([b for b in bundles if b.readers]),
    )
    above = {}
    for w, n in source.items():
        size, tip = len(scene.cables.get(w, "1")), scene.tip(w) or scene.types[w]
        above[w] = Bundle(n, size, "", "", (), None, "", 0, tip, "residual")
    return _turned(_risen(found, above))


def _risen(scene: Scene, above: Mapping[int, Bundle]) -> Scene:
    """The scene with inputs that come in from above as bundles: each with the bundle around the scene."""
    first = 1 + max([b.number for b in scene.bundles], default=-1)
    own = {w: replace(b, number=first + i, source=b.number) for i, (w, b) in enumerate(above.items())}
    items, types, outputs = [_lifted(item, own) for item in scene.items], dict(scene.types), list(scene.outputs)
    for w in [w for w in own if w in outputs]:  # what is also a result turns, as parameters do
        new = len(types)
        types[new] = types[w]
        items.append(Item("", "", "turn", "", writes=(new,), bundles=(own[w].number,)))
        outputs = [new if v == w else v for v in outputs]
    bundles = list(scene.bundles)
    for b in own.values():
        bundles.append(replace(b, readers=tuple([k for k, item in enumerate(items) if b.number in item.bundles])))
    inputs = tuple([w for w in scene.inputs if w not in own])
    return replace(
        scene, types=types, items=tuple(items), inputs=inputs, outputs=tuple(outputs), bundles=tuple(bundles)
    )


def _lifted(item: Item, own: Mapping[int, Bundle]) -> Item:
    """The item with what it reads of these from above."""
    mine = [own[w].number for w in own if w in item.reads]
    if not mine:
        return item
    reads = tuple([w for w in item.reads if w not in own])
    second = item.look == "symbol" and not item.commutes and len(item.reads) == 2 and item.reads[1] in own
    low = mine[-1] if second and len(set(item.reads)) == 2 else item.low
    inside, loops = item.inside, item.loops
    if inside is not None:
        above = {v: own[w] for v, w in zip(inside.inputs, item.reads, strict=True) if isinstance(w, int) and w in own}
        left = [v for v in inside.inputs if v not in above]
        goals = [inside.inputs[into] if into >= 0 else -1 for _, into in loops]
        loops = tuple([
            (out, into if into < 0 else -1 - above[v].number if v in above else left.index(v))
            for (out, into), v in zip(loops, goals, strict=True)
        ])  # fmt: skip
        inside = _risen(inside, above)
    return replace(item, reads=reads, bundles=(*mine, *item.bundles), low=low, inside=inside, loops=loops)


def _turned(scene: Scene) -> Scene:
    """The scene, and those inside it, from right to left."""
    items = [i if i.inside is None else replace(i, inside=_turned(i.inside)) for i in scene.items]
    return replace(scene, items=tuple(items), turned=True)


# -- the picture ---------------------------------------------------------------------------------


def faced(halves: Facing, blocks: Callable[[Scene], dict[int, Block]]) -> tuple[Block, list[Port]]:
    """Both halves as one block, and the wires at its edges. `blocks` makes the blocks of the open items of a scene."""
    last = halves.last
    lower = Row(halves.back, blocks(halves.back), ranks=(halves.ranks[1], last), straight=True)
    scene, drains = _drained(halves, _entries(lower))
    ranks = [*halves.ranks[0], *[halves.drains[s][0] for s in drains]]
    upper = Row(scene, blocks(scene), ranks=(ranks, last), led=[w for _, w in halves.kept.values()])
    width = _aligned(upper, lower, {s: len(halves.forward.items) + i for i, s in enumerate(drains)})
    above, below = upper.block(), lower.block()
    tops = {s: (width - x, y) for s, (x, y) in below.tops.items()}
    ways = _Ways(halves, upper, above, drains)
    ways.lead(tops)
    down = ways.bottom + 20
    lines = ways.drawn(tops, down, below)
    shapes = [*lines, *above.shapes, *moved(mirrored(below.shapes, width), 0, down), *ways.more]
    left = [(halves.forward.inputs, above.left, False), (halves.forward.outputs, above.right, True)]
    right = [(halves.back.inputs, below.left, True), (halves.back.outputs, below.right, False)]
    ports = [Port(w, y, side) for wires, ys, side in left for w, y in zip(wires, ys, strict=True)]
    ports += [Port(w, y + down, side) for wires, ys, side in right for w, y in zip(wires, ys, strict=True)]
    size = max(above.width, width), down + below.height
    return Block(*size, width, above.left, above.right, {}, frozenset(), shapes), ports


def _aligned(upper: Row, lower: Row, drains: Mapping[int, int]) -> float:
    """The width at which the columns of both rows share their middles, with the drains over where they lead."""
    width = 0.0
    for _ in range(4):  # the labels of parameters that come down elsewhere may move columns again
        one, two = upper.columns.centers, lower.columns.centers[::-1]
        centers = [one[0]]
        for i in range(len(one) - 1):
            centers.append(centers[-1] + max(one[i + 1] - one[i], two[i] - two[i + 1]))
        width = centers[-1]
        lower.spread([width - x for x in reversed(centers)])
        places = _entries(lower)
        upper.spread(centers, {k: width - places[s] for s, k in drains.items()})
        if upper.columns.centers == centers:
            break
    return width


def _entries(row: Row) -> dict[int, float]:
    """Where each source comes into a row."""
    found: dict[int, float] = {}
    for d in row.columns.drops:
        source = row.scene.bundles[d.bundle].source
        if source is not None:
            found[source] = min(d.lane, found.get(source, d.lane))
    return found


def _drained(halves: Facing, tops: Mapping[int, float]) -> tuple[Scene, list[int]]:
    """The forward scene with drains at its end, and their sources from right to left."""
    scene = halves.forward
    order = sorted(halves.drains, key=tops.__getitem__)
    items, bundles = list(scene.items), {b.number: b for b in scene.bundles}
    for s in order:
        _, wire = halves.drains[s]
        if wire is None:
            bundles[s] = replace(bundles[s], readers=(*bundles[s].readers, len(items)))
        reads, from_top = ((), (s,)) if wire is None else ((wire,), ())
        items.append(Item("", "", "drain", "", reads=reads, bundles=from_top))
    return replace(scene, items=tuple(items), bundles=tuple(bundles.values())), order


class _Ways:
    """The lines from the forward row down to the backward one; `bottom` is where they have passed the former."""

    def __init__(self, halves: Facing, row: Row, block: Block, drains: Sequence[int]) -> None:
        self.scene, self.row, self.head, self.bottom = row.scene, row, block.head, block.height
        self.cells = {k: (i, c) for i, cs in enumerate(row.grid.columns) for c in cs if (k := row.grid.item[c]) >= 0}
        self.drains = {s: len(halves.forward.items) + i for i, s in enumerate(drains)}
        self.kept = halves.kept
        self.passed = {h.wire for hops in row.grid.hops for h in hops}
        self.lanes = [0] * len(row.grid.columns)
        self.ways: dict[int, list[tuple[float, float]]] = {}
        self.more: list[Shape] = []

    def lead(self, tops: Mapping[int, tuple[float, float]]) -> None:
        """Settle the ways of all sources to above their places below."""
        for s, k in self.drains.items():
            # a wire ends a little farther down, where it has turned
            y = self.row.grid.y[self.cells[k][1]] + self.head + (12 if self.scene.items[k].reads else 8)
            self.ways[s] = [(tops[s][0], y)]
        low: dict[int, list[int]] = {}
        for s, (k, w) in self.kept.items():
            if w in self.scene.items[k].writes:
                self._from_side(s, tops[s][0])
            else:
                low.setdefault(k, []).append(s)
        for k, sources in low.items():
            self._from_bottom(k, {s: tops[s][0] for s in sources})

    def _from_bottom(self, k: int, goals: Mapping[int, float]) -> None:
        """The ways out of the bottom of a closed item: straight, or as near as may be, or past the items below it."""
        i, c = self.cells[k]
        left, y = self.row.columns.x[c], self.row.grid.y[c] + self.head + self.row.sizes[k].height
        right = left + self.row.sizes[k].width
        order = sorted(goals, key=lambda s: -goals[s])
        step = min(6.0, (right - left - 8) / len(order))
        for n, s in enumerate(order):
            x = min(max(goals[s], left + 4 + step * (len(order) - n - 1)), right - 4 - step * n)
            self.ways[s] = [(x, y)]
            if not self._lowest(i, c):
                self.lanes[i] += 1
                lane = self.row.columns.end[i] + 5.0 * self.lanes[i]
                self.ways[s] += [(x, y + 5), (lane, y + 5)]
        # of those that go to the right the rightmost turns first, and to the left the leftmost
        to_left = [s for s in reversed(order) if goals[s] < self.ways[s][-1][0]]
        for s in [s for s in order if goals[s] > self.ways[s][-1][0]] + to_left:
            self._turn(s, goals[s])
        text = self.scene.types[self.kept[order[0]][1]]
        at = (self.ways[order[0]][0][0] + 6, y + 13)
        self.more.append(Text(*at, text, TYPE, fill=SOFT, halo=True, tip=self.scene.tip(self.kept[order[0]][1])))

    def _from_side(self, source: int, x: float) -> None:
        """The way from the right side of an item back to below it."""
        k, w = self.kept[source]
        i, c = self.cells[k]
        self.lanes[i] += 1
        y = self.row.grid.y[c] + self.head + self.row.sizes[k].right[self.scene.items[k].writes.index(w)]
        lane = self.row.columns.bends[i][0] - 5.0 * self.lanes[i]
        self.ways[source] = [(self.row.columns.x[c] + self.row.sizes[k].width, y), (lane, y)]
        self._turn(source, x)
        self.more += [Circle(lane, y, 3, "dot")] if w in self.passed else []

    def _turn(self, source: int, x: float) -> None:
        """Let a way run at a height of its own to x."""
        self.bottom += STEP
        self.ways[source] += [(self.ways[source][-1][0], self.bottom), (x, self.bottom)]

    def _lowest(self, i: int, c: int) -> bool:
        grid = self.row.grid
        return all(grid.y[o] <= grid.y[c] for o in grid.columns[i] if grid.item[o] >= 0 and o not in grid.sunk)

    def drawn(self, tops: Mapping[int, tuple[float, float]], down: float, below: Block) -> list[Shape]:
        """The lines to the places where sources come into the block below, which starts at y = `down`."""
        return [line(below.look(s), *way, (tops[s][0], tops[s][1] + down)) for s, way in self.ways.items()]
