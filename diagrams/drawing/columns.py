"""How far to the right everything of a row stands, once its columns are settled.

Between two columns there are, from left to right: the types of the wires that start there, the
curves, the lanes of parameters on their way down to items that are not topmost, and constants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple

from .block import RADIUS, TYPE, Block, inset, spacing_of
from .grid import Grid, Size
from .scene import Scene
from .style import clipped, measure

__all__ = ["HEADROOM", "Columns", "Drop"]

LANE, HEADROOM = 11.0, 36.0


class Drop(NamedTuple):
    """A parameter's way down to an item: along x = `lane` to y = `bend`, then to the port at (x, y).

    It comes to the port from above, or from the left if it is `low`; if that is a `drain`, it turns down there. A
    `stub` is the whole line, with its label right above an item that other items are above.
    """

    bundle: int
    lane: float
    bend: float
    x: float
    y: float
    low: bool = False
    drain: bool = False
    stub: bool = False

    @property
    def bends(self) -> bool:
        """Whether it comes along a lane beside other items."""
        return self.bend < self.y


class Columns:
    """Where the columns of a row start and end, its curves (`bends`), its cells (`x`) and its drops.

    The middles of the columns are at `centers` or farther right, the items `drains` at the places given for them.
    """

    def __init__(
        self,
        scene: Scene,
        grid: Grid,
        sizes: Sequence[Size],
        inside: Mapping[int, Block],
        *,
        quiet: bool,
        centers: Sequence[float] = (),
        drains: Mapping[int, float] | None = None,
    ) -> None:
        self.drains = drains or {}
        self.wanted = centers
        self.scene, self.grid, self.sizes, self.inside, self.quiet = scene, grid, sizes, inside, quiet
        self.outputs = {w for w in scene.outputs if isinstance(w, int)}
        place = {bundle.number: b for b, bundle in enumerate(scene.bundles)}
        self.entries = [[place[n] for n in item.bundles] for item in scene.items]
        self.spacing = [spacing_of(item, [scene.bundles[place[n]] for n in item.bundles]) for item in scene.items]
        self.start: list[float] = []
        self.end: list[float] = []
        self.bends: list[tuple[float, float]] = []
        self.x = [0.0] * len(grid.item)
        self.drops: list[Drop] = []
        self.labelled = 0.0  # where the labels of the parameters end
        for i in range(len(grid.columns)):
            self._column(i)

    @property
    def width(self) -> float:
        """The width of the row."""
        return max(self.end[-1], self.labelled)

    @property
    def centers(self) -> list[float]:
        """The middles of the columns."""
        return [(a + b) / 2 for a, b in zip(self.start, self.end, strict=True)]

    def label(self, wire: int, column: int) -> str:
        """The type to write on a wire; none for one that goes straight to a boundary, where it is written anyway."""
        last = column == len(self.grid.columns) - 2
        return "" if self.quiet and last and wire in self.outputs else clipped(self.scene.types[wire])

    def beside(self, d: Drop) -> bool:
        """Whether a parameter has its label beside the item that reads it, and not at the top of the row."""
        alone = len(self.scene.bundles[d.bundle].readers) == 1
        return d.stub or (d.bends and alone and not d.low and not d.drain)

    def _column(self, i: int) -> None:
        column = self.grid.columns[i]
        items = [self.grid.item[c] for c in column if self.grid.item[c] >= 0]
        width = max((self.sizes[k].width for k in items), default=0.0)
        before = self._constants(i, width) + LANE * self._lanes(items)
        start = (self.bends[-1][1] + before + 8) if i else 0.0
        start = float(ceil(max(start, self.wanted[i] - width / 2 if self.wanted else 0.0)))
        drops = self._drops(items, column, start, width, start - before)
        known = {d.bundle for d in self.drops}
        fresh = [d for d in drops if d.bundle not in known and not self.beside(d)]
        if fresh:
            push = float(ceil(max(0.0, self.labelled - min(d.lane for d in fresh))))
            start += push
            drops = self._drops(items, column, start, width, start - before)
            self.labelled = max([d.lane + push + self.scene.bundles[d.bundle].room for d in fresh])
        self.drops += drops
        self.start.append(start)
        self.end.append(start + width)
        for c in column:
            own = self.sizes[self.grid.item[c]].width if self.grid.item[c] >= 0 else 0.0
            self.x[c] = self.drains.get(self.grid.item[c], start + (width - own) / 2)
        if i + 1 < len(self.grid.columns):
            labels = [d.x + self.scene.bundles[d.bundle].room - 4 - self.end[i] for d in drops if self.beside(d)]
            first = ceil(self.end[i] + max([self._types(i), *labels]))
            self.bends.append((first, first + round(self._curves(i))))

    def _low(self, k: int, b: int) -> bool:
        return self.scene.items[k].low == self.scene.bundles[b].number

    def _stub(self, k: int, b: int) -> bool:
        """Whether a parameter starts right above an item that other items are above."""
        bundle = self.scene.bundles[b]
        return bundle.source is None and len(bundle.readers) == 1 and self.scene.items[k].look != "drain"

    def _free(self, k: int, items: Sequence[int]) -> bool:
        """Whether nothing is above an item in its column, of these items."""
        drain = self.scene.items[k].look == "drain"
        return k == items[0] or (drain and all(self.scene.items[o].look == "drain" for o in items))

    def _lanes(self, items: Sequence[int]) -> int:
        """How many parameters go along lanes to the items of a column: all that cannot come straight from above."""
        pairs = [(k, b) for k in items for b in self.entries[k]]
        return sum(self._low(k, b) or not (self._free(k, items) or self._stub(k, b)) for k, b in pairs)

    def _drops(
        self, items: Sequence[int], column: Sequence[int], start: float, width: float, lane: float
    ) -> list[Drop]:
        """Straight down to the topmost item of a column, along lanes on its left to the others."""
        found = []
        tops = {self.grid.item[c]: self.grid.y[c] for c in column}
        lane += LANE * self._lanes(items)
        for k in items:
            item, left = self.scene.items[k], start + (width - self.sizes[k].width) / 2
            left = self.drains.get(k, left)
            straight = [b for b in self.entries[k] if not self._low(k, b)]
            for b in self.entries[k]:
                low = b not in straight
                x, y = left + 4, tops[k] + RADIUS + 9
                if not low:
                    at = straight.index(b) - (len(straight) - 1) / 2
                    x = left + self.sizes[k].width / 2 + at * self.spacing[k]
                    y = tops[k] + (4 if item.look == "symbol" else 0)  # a circle is lower beside its middle
                if k in self.inside:
                    x = left + inset(item) + self.inside[k].tops[self.scene.bundles[b].number][0]
                if self._free(k, items) and not low:
                    found.append(Drop(b, x, y, x, y, drain=item.look == "drain"))
                    continue
                if self._stub(k, b) and not low:
                    found.append(Drop(b, x, y, x, y, stub=True))
                    continue
                # the lower the item, the farther left its lane, so that lanes do not cross
                lane -= LANE
                if item.look == "drain":
                    near = x if abs(x - lane) < LANE and x < start - 6 else lane
                    found.append(Drop(b, near, y + 4 * (near != x), x, y, drain=True))
                else:
                    found.append(Drop(b, lane, y - 12 if low else y - HEADROOM + 4, x, y, low))
        return found

    def _constants(self, i: int, width: float) -> float:
        """The room for constants on the left of a column."""
        need = 0.0
        for c in self.grid.columns[i]:
            k = self.grid.item[c]
            reads = self.scene.items[k].reads if k >= 0 else ()
            free = (width - self.sizes[k].width) / 2 if k >= 0 else 0.0
            need = max([need, *(measure(r, TYPE) + 22 - free for r in reads if isinstance(r, str))])
        if i == len(self.grid.columns) - 1:
            need = max([need, *(measure(r, TYPE) + 22 for r in self.scene.outputs if isinstance(r, str))])
        return need

    def _types(self, i: int) -> float:
        """The room for the types of the wires that start in a column."""
        need = 4.0 if i else 10.0
        for c in self.grid.columns[i]:
            k = self.grid.item[c]
            for w in self.scene.items[k].writes if k >= 0 else ():
                text = self.label(w, i)
                room = measure(text, TYPE) + 10 if text else 8.0
                need = max(need, room - (self.end[i] - self.x[c] - self.sizes[k].width))
        return need

    def _curves(self, i: int) -> float:
        """The room for the curves after a column: more where they are steep or many."""
        y, edges = self.grid.y, self.grid.edges[i]
        steep = max((abs(y[e.a] + e.p - y[e.b] - e.q) for e in edges), default=0.0)
        if not steep:
            return 12.0
        return min(18.0 + 0.35 * steep, 70.0) + min(len(edges), 40) * 0.5
