"""One row of a scene as shapes: wires, items, and the parameters that come down from above.

The parameters have three bands over the columns. In the first, what comes in from around the scene
spreads along a line to where it is needed; in the second stand the labels; in the third, a parameter
that several items read forks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil

from .block import RADIUS, TYPE, Block, Cut, arrow, bar, closed, closed_size, frame, is_round, line, open_size, pill
from .bundles import DETAIL, HEAD, Bundle
from .columns import HEADROOM, Columns, Drop
from .grid import Hop, Size, grid_of
from .heights import align
from .picture import Circle, Command, Curve, Shape, Text, moved
from .scene import Scene
from .style import PARAMETER, SOFT, line_look

__all__ = ["Row"]

LEVEL, FLAG = 9.0, 28.0  # the heights of a line in the bands, and of a label


class Row:
    """A scene in one row whose places are settled: `block` is all of it.

    `inside` are the blocks of its open items; `quiet` leaves out the types at its end, `straight` the lines along
    which parameters spread. `ranks` are as for `grid_of`; the wires `led` go elsewhere than to items of the row.
    """

    def __init__(
        self,
        scene: Scene,
        inside: Mapping[int, Block],
        *,
        quiet: bool = True,
        straight: bool = False,
        ranks: tuple[Sequence[int], int] | None = None,
        led: Collection[int] = (),
    ) -> None:
        self.scene, self.inside, self.quiet, self.straight = scene, inside, quiet, straight
        self.numbered = {b.number: b for b in scene.bundles}
        self.sizes = [self._size(k) for k in range(len(scene.items))]
        self.grid = grid_of(scene, self.sizes, ranks)
        align(self.grid)
        self.columns = Columns(scene, self.grid, self.sizes, inside, quiet=quiet)
        self.read = {h.wire for hops in self.grid.hops for h in hops}.union(led)

    def spread(self, centers: Sequence[float], drains: Mapping[int, float] | None = None) -> None:
        """Move the columns to the right, and the drains to their places."""
        self.columns = Columns(
            self.scene, self.grid, self.sizes, self.inside, quiet=self.quiet, centers=centers, drains=drains
        )

    def block(self) -> Block:
        """The row as a block."""
        grid, scene = self.grid, self.scene
        ends = [self.operands(hops) for hops in grid.hops]
        wires = [s for i, hops in enumerate(grid.hops) for n, h in enumerate(hops) for s in self.hop(i, h, ends[i][n])]
        lines, labels, tops, thick, head, reach = _parameters(self.columns, scene, self.straight)
        items = [s for c in range(len(grid.item)) for s in self.item(c)]
        shapes = [*wires, *self.ends(), *lines, *items, *self.types(), *labels]
        left, right = [
            [grid.y[c] + grid.height[c] / 2 + head for c in column] for column in (grid.columns[0], grid.columns[-1])
        ]
        bottom = max([grid.y[c] + grid.height[c] for c in range(len(grid.item))], default=10.0)
        place = {grid.item[c]: i for i, column in enumerate(grid.columns) for c in column if grid.item[c] >= 0}
        cuts = [self.cut(i, place) for i in range(1, len(grid.columns) - 2)]
        tops = {source: (x, y + head) for source, (x, y) in tops.items()}
        end, width = self.columns.end[-1], max(self.columns.width, reach)
        gray = frozenset(b.source for b in scene.bundles if b.source is not None and b.kind == "residual")
        return Block(width, bottom + head, end, left, right, tops, thick, moved(shapes, 0, head), cuts, gray, head)

    def _size(self, k: int) -> Size:
        item = self.scene.items[k]
        bundles = [self.numbered[n] for n in item.bundles]
        size = open_size(item, self.inside[k]) if k in self.inside else closed_size(item, bundles)
        above = HEADROOM if item.bundles and item.look != "drain" else 0.0
        width = 2.0 * ceil(max(size.width, item.least) / 2)  # so that edges and middles are at whole pixels
        return size._replace(width=width if width > 1 else 0.0, above=above)

    def _right(self, c: int, i: int) -> float:
        """Where the wires out of a cell in column i start."""
        k = self.grid.item[c]
        return self.columns.x[c] + self.sizes[k].width if k >= 0 else self.columns.end[i]

    def operands(self, hops: Sequence[Hop]) -> list[list[float]]:
        """How far below its port each wire of a column ends: two wires into a circle end at two points of it.

        The first operand ends above the second; where their order has no meaning, the wire from above does.
        """
        y, found = self.grid.y, [[0.0] * len(h.targets) for h in hops]
        into: dict[int, list[tuple[float, float, int, int]]] = {}
        for n, h in enumerate(hops):
            for j, (c, q) in enumerate(h.targets):
                k = self.grid.item[c]
                if k >= 0 and is_round(self.scene.items[k]):
                    off = y[h.cell] + h.port - y[c] - q
                    into.setdefault(c, []).append((q, off, n, j))
        for ends in into.values():
            if len(ends) == 2:
                (_, above, n, i), (_, below, m, j) = sorted(ends)
                straight = abs(above) < 1, abs(below) < 1
                found[n][i] = 0.0 if straight == (True, False) else -9.0 if straight == (False, True) else -6.0
                found[m][j] = 0.0 if straight == (False, True) else 9.0 if straight == (True, False) else 6.0
        return found

    def hop(self, i: int, h: Hop, off: Sequence[float]) -> list[Shape]:
        """A wire from column i to the next: straight, then a curve to each target, with a dot where it forks."""
        grid = self.grid
        y, (first, last) = grid.y[h.cell] + h.port, self.columns.bends[i]
        kind, look, tip = self.scene.kinds.get(h.wire, "wire"), self.scene.look(h.wire), self.scene.tip(h.wire)
        commands: list[Command] = [("M", self._right(h.cell, i), y), ("L", first, y)]
        more: list[Shape] = []
        for j, (c, q) in enumerate(h.targets):
            z, middle, k = grid.y[c] + q + off[j], (first + last) / 2, grid.item[c]
            z = y if abs(z - y) < 1 else z
            end = self.columns.x[c] if k >= 0 else self.columns.end[i + 1]
            way: list[Command] = [("M", first, y)] if j else []
            way += [("C", middle, y, middle, z, last, z)] if z != y else []
            if c in grid.sunk:  # it turns down there
                down = line("residual", (last, z), (end, z), (end, z + 8))
                way = [("M", first, y), *[c for c in way if c[0] == "C"], ("L", last, z), *down.commands[1:]]
                more.append(Curve(tuple(way), line_look("residual", h.wire in self.scene.cables), tip))
                continue
            around = RADIUS if k >= 0 and is_round(self.scene.items[k]) else 0.0
            commands += [*way, ("L", end + around, z)]
            if self.scene.turned and (k >= 0 or (self.straight and i + 2 == len(grid.columns))):
                inner = around - max(around**2 - (z - grid.y[c] - RADIUS) ** 2, 0) ** 0.5
                more.append(arrow(end + inner, z, f"{kind} arrow"))
        dot = "dot" if kind == "wire" else f"{kind} dot"
        dots: list[Shape] = [Circle(first, y, 3, dot)] if len(h.targets) > 1 else []
        return [Curve(tuple(commands), look, tip), *more, *dots]

    def ends(self) -> list[Shape]:
        """What nothing reads, a short wire that ends in a bar; and the constants among the outputs."""
        found: list[Shape] = []
        grid = self.grid
        starts = [(w, c, grid.height[c] / 2, 0) for w, c in zip(self.scene.inputs, grid.columns[0], strict=True)]
        for i, column in enumerate(grid.columns):
            for c in column:
                k = grid.item[c]
                writes = self.scene.items[k].writes if k >= 0 else ()
                starts += [(w, c, self.sizes[k].right[j], i) for j, w in enumerate(writes)]
        for w, c, port, i in starts:
            if w not in self.read:
                y, far = grid.y[c] + port, self.columns.bends[i][0]
                found += [line(self.scene.look(w), (self._right(c, i), y), (far, y)), bar(far, y)]
        for c, out in zip(grid.columns[-1], self.scene.outputs, strict=True):
            found += pill(out, self.columns.x[c], grid.y[c] + grid.height[c] / 2) if isinstance(out, str) else []
        return found

    def types(self) -> list[Shape]:
        """The types of wires, each where its wire leaves an item."""
        found: list[Shape] = []
        for i, column in enumerate(self.grid.columns):
            for c in column:
                k = self.grid.item[c]
                for j, w in enumerate(self.scene.items[k].writes if k >= 0 else ()):
                    above = 6 if w in self.scene.cables else 4
                    at = (self._right(c, i) + 5, self.grid.y[c] + self.sizes[k].right[j] - above)
                    text = self.columns.label(w, i)
                    tip = self.scene.tip(w) or ("" if text == self.scene.types[w] else self.scene.types[w])
                    found += [Text(*at, text, TYPE, fill=SOFT, halo=True, tip=tip)] if text else []
        return found

    def item(self, c: int) -> list[Shape]:
        """The item of a cell, open or closed."""
        k = self.grid.item[c]
        if k < 0:
            return []
        item, size, x, y = self.scene.items[k], self.sizes[k], self.columns.x[c], self.grid.y[c]
        if k not in self.inside:
            return closed(item, size, x, y)
        return frame(item, size, self.inside[k], x, y)

    def cut(self, i: int, columns: Mapping[int, int]) -> Cut:
        """What it takes to cut the row after column i; `columns` are those of all items."""
        grid = self.grid
        hops = sorted(grid.hops[i], key=lambda h: (grid.place[h.cell], h.port))
        return Cut(self.columns.end[i], tuple(h.wire for h in hops), i, columns)


Bands = tuple[list[Shape], list[Shape], dict[int, tuple[float, float]], frozenset[int], float, float]


def _parameters(columns: Columns, scene: Scene, straight: bool) -> Bands:
    """Lines and labels of the parameters, where their sources come in, which are thick, the bands' height and width.

    The columns start at y = 0; the bands are above, at negative y.
    """
    bundles = scene.bundles
    if not bundles:
        return [], [], {}, frozenset(), 0.0, 0.0
    drops: list[list[Drop]] = [[] for _ in bundles]
    for d in columns.drops:
        drops[d.bundle].append(d)
    beside = [len(ds) == 1 and columns.beside(ds[0]) for ds in drops]
    width = [0.0 if near else bundles[b].room for b, near in enumerate(beside)]
    trunk, reach = _trunks(drops, width)
    rows = _label_rows(trunk, width)
    shared = [b for b, ds in enumerate(drops) if len(ds) > 1]
    bottom = -12 - LEVEL * len(shared)
    top = bottom - FLAG * (1 + max(rows) if any(width) else 0)
    sources = list(dict.fromkeys(b.source for b in bundles if b.source is not None))
    sources.sort(key=lambda s: s < 0)  # the lines of bundles that rows share start from those around the scene
    level = {s: top - LEVEL * (len(sources) - j - 1) * (not straight) - 4 for j, s in enumerate(sources)}
    lines: list[Shape] = []
    labels: list[Shape] = []
    for b, bundle in enumerate(bundles):
        above = bottom - FLAG * (rows[b] + 1)
        start = above + 4 if width[b] else bottom - 4
        start = start if bundle.source is None else level[bundle.source]
        start = drops[b][0].y - HEADROOM + 2 if beside[b] and drops[b][0].stub else start
        fork = -8 - LEVEL * shared.index(b) if b in shared else bottom
        lines += _way_down(bundle, trunk[b], start, fork, drops[b])
        at = (drops[b][0].x + 7, drops[b][0].y - 34) if beside[b] else (trunk[b] + 6, above)
        labels += _label(bundle, *at)
    tops, thick = _sources(bundles, trunk, level)
    for s, (_, y) in tops.items():
        ends = sorted((trunk[b], bundle.several) for b, bundle in enumerate(bundles) if bundle.source == s)
        for i, ((x, _), (far, several)) in enumerate(pairwise(ends)):
            kind = next(b.kind for b in bundles if b.source == s)
            lines.append(line(line_look(kind, several or i + 2 < len(ends)), (x, y), (far, y)))
    return lines, labels, tops, thick, 4 - min([top, *level.values()]), reach


def _trunks(drops: Sequence[Sequence[Drop]], width: Sequence[float]) -> tuple[list[float], float]:
    """Where each bundle comes down, those that nothing reads on the right of the others; and where the last ends."""
    trunk = [min((d.lane for d in ds), default=0.0) for ds in drops]
    reach = max([x + w for x, w, ds in zip(trunk, width, drops, strict=True) if ds], default=0.0)
    for b, ds in enumerate(drops):
        if not ds:
            trunk[b] = reach + 14
            reach = trunk[b] + width[b]
    return trunk, reach


def _sources(
    bundles: Sequence[Bundle], trunk: Sequence[float], level: Mapping[int, float]
) -> tuple[dict[int, tuple[float, float]], frozenset[int]]:
    """Where each source comes in, over the leftmost of its bundles; and which sources are several parameters."""
    tops: dict[int, tuple[float, float]] = {}
    thick = set()
    for bundle, x in zip(bundles, trunk, strict=True):
        s = bundle.source
        if s is None:
            continue
        if bundle.several or s in tops:
            thick.add(s)
        tops[s] = (min(x, tops.get(s, (x, 0.0))[0]), level[s])
    return tops, frozenset(thick)


def _label_rows(trunk: Sequence[float], width: Sequence[float]) -> list[int]:
    """A row for each label, so that none covers another or another's line; the rightmost of a group is lowest."""
    rows = [0] * len(trunk)
    order = sorted((b for b in range(len(trunk)) if width[b]), key=lambda b: -trunk[b])
    for n, b in enumerate(order):
        end = trunk[b] + width[b]
        below = [rows[o] for o in order[max(0, n - 60) : n] if trunk[o] < end]
        rows[b] = 1 + max(below, default=-1)
    return rows


def _label(bundle: Bundle, x: float, top: float) -> list[Shape]:
    if not bundle.head:
        return []
    first = Text(x, top + 13, bundle.head, HEAD, fill=PARAMETER, halo=True, tip=bundle.tip)
    return [first, Text(x, top + 25, bundle.detail, DETAIL, fill=SOFT, halo=True)]


def _way_down(bundle: Bundle, x: float, start: float, fork: float, drops: list[Drop]) -> list[Shape]:
    """The line of a bundle from its start, forking at the height `fork`, to its items; to a bar if it has none."""
    look = line_look(bundle.kind, bundle.several)
    if not drops:
        return [line(look, (x, start), (x, fork)), bar(x, fork, parameter=True)]
    if len(drops) == 1:
        return [_drop(bundle, start, drops[0])]
    far = max(d.lane for d in drops)
    found: list[Shape] = [line(look, (x, start), (x, fork)), line(look, (x, fork), (far, fork))]
    found += [_drop(bundle, fork, d) for d in drops]
    return found + [Circle(d.lane, fork, 3.5, f"{bundle.kind} dot") for d in drops if d.lane < far]


def _drop(bundle: Bundle, start: float, d: Drop) -> Curve:
    look = line_look(bundle.kind, bundle.several)
    if d.drain:
        way = [(d.lane, start), (d.lane, d.bend), (d.x, d.bend), (d.x, d.y + 8)]
        return replace(line(look, *(way if d.bend > d.y else (way[0], way[-1]))), tip=bundle.tip)
    commands: list[Command] = [("M", d.lane, start), ("L", d.lane, d.bend)]
    if d.low:
        commands += [("C", d.lane, d.y, d.lane, d.y, d.lane + 8, d.y), ("L", d.x, d.y)]
    elif d.bends:
        h = (d.y - d.bend) * 0.7
        commands.append(("C", d.lane, d.bend + h, d.x, d.y - h, d.x, d.y))
    return Curve(tuple(commands), look, bundle.tip)
