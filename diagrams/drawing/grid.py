"""Which column everything goes to, and in which order.

The layered method of K. Sugiyama, S. Tagawa, M. Toda, "Methods for visual understanding of hierarchical
system structures" (1981). A *cell* is an item, a boundary wire, or a wire on its way past a column.

1. An item's column is the longest path to it; items that widen the stream then move right.
2. Sweeps put each cell at the mean place of its neighbors; the order with the fewest crossings stays.
3. `heights` and `straighten` then say how high each cell stands.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .scene import Scene

__all__ = ["Grid", "Hop", "Size", "grid_of"]

THIN = 8.0  # the height of a wire's own cell


class Size(NamedTuple):
    """The size of an item, the heights of its ports below its top, and the room that it needs above."""

    width: float
    height: float
    left: Sequence[float]
    right: Sequence[float]
    above: float = 0.0


class Edge(NamedTuple):
    """A wire between neighboring columns: from cell `a`, `p` below its top, to cell `b`, `q` below its top."""

    a: int
    p: float
    b: int
    q: float
    weight: float


class Hop(NamedTuple):
    """All of a wire between a column and the next: from one cell to several."""

    wire: int
    cell: int
    port: float
    targets: list[tuple[int, float]]


@dataclass
class Grid:
    """Cells in columns. `item[c]` is the item of a cell, or -1; `y[c]` is where its top is.

    The cells `sunk` stand at the bottom of their columns, by their numbers from top to bottom.
    """

    columns: list[list[int]]
    item: list[int] = field(default_factory=list)
    height: list[float] = field(default_factory=list)
    above: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    hops: list[list[Hop]] = field(default_factory=list)
    edges: list[list[Edge]] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    sunk: dict[int, int] = field(default_factory=dict)

    def cell(self, column: int, item: int, height: float, above: float = 0.0) -> int:
        """A new cell at the bottom of a column."""
        self.columns[column].append(len(self.item))
        self.item.append(item)
        self.height.append(height)
        self.above.append(above)
        return len(self.item) - 1


def grid_of(scene: Scene, sizes: Sequence[Size], ranks: tuple[Sequence[int], int] | None = None) -> Grid:
    """The items and wires of a scene in columns and in order; `align` gives them heights.

    `ranks` are the column of each item and the last column, if they are given.
    """
    rank, last = ranks or _ranks(scene)
    grid = Grid([[] for _ in range(last + 1)])
    grid.hops, grid.edges = [[] for _ in range(last)], [[] for _ in range(last)]
    _fill(grid, scene, sizes, rank, last)
    _order(grid)
    return grid


# -- columns -------------------------------------------------------------------------------------


def _ranks(scene: Scene) -> tuple[list[int], int]:
    """The column of every item, and the column of the outputs."""
    at = dict.fromkeys(scene.inputs, 0)
    rank: list[int] = []
    for item in scene.items:
        rank.append(1 + max((at[w] for w in item.reads if isinstance(w, int)), default=0))
        at.update(dict.fromkeys(item.writes, rank[-1]))
    last = 1 + max(rank, default=0)
    limit = {w: last for w in scene.outputs if isinstance(w, int)}
    for k in reversed(range(len(rank))):
        item = scene.items[k]
        reads = {w for w in item.reads if isinstance(w, int)}
        used = [w for w in item.writes if w in limit]
        if used and (len(reads) < len(used) or not reads):
            rank[k] = min(limit[w] for w in used) - 1
        for w in reads:
            limit[w] = min(limit.get(w, last), rank[k])
    return rank, last


def _fill(grid: Grid, scene: Scene, sizes: Sequence[Size], rank: Sequence[int], last: int) -> None:
    """One cell for every boundary wire and item, one for a wire in every column that it passes, and the hops."""
    start: dict[int, tuple[int, float, int]] = {}
    goals: dict[int, dict[int, list[tuple[int, float]]]] = {}
    for w in scene.inputs:
        start[w] = (grid.cell(0, -1, THIN), THIN / 2, 0)
    for k, (item, size) in enumerate(zip(scene.items, sizes, strict=True)):
        c = grid.cell(rank[k], k, size.height, size.above)
        if item.look == "drain":
            grid.sunk[c] = len(grid.sunk) + 1
        start.update({w: (c, size.right[i], rank[k]) for i, w in enumerate(item.writes)})
        for i, w in enumerate(item.reads):
            if isinstance(w, int):
                goals.setdefault(w, {}).setdefault(rank[k], []).append((c, size.left[i]))
    for w in scene.outputs:
        c = grid.cell(last, -1, THIN)
        if isinstance(w, int):
            goals.setdefault(w, {}).setdefault(last, []).append((c, THIN / 2))
    for w, (cell, port, column) in start.items():
        for here in range(column, max(goals.get(w, {column: []}))):
            targets = list(goals[w].get(here + 1, ()))
            if here + 1 < max(goals[w]):
                targets.append((grid.cell(here + 1, -1, THIN), THIN / 2))
            _hop(grid, here, Hop(w, cell, port, targets))
            cell, port = targets[-1]


def _hop(grid: Grid, column: int, hop: Hop) -> None:
    grid.hops[column].append(hop)
    for c, q in hop.targets:
        passing = (grid.item[hop.cell] < 0) + (grid.item[c] < 0)
        weight = 0.2 if c in grid.sunk else (1.0, 2.0, 8.0)[passing]
        grid.edges[column].append(Edge(hop.cell, hop.port, c, q, weight))


# -- order ---------------------------------------------------------------------------------------


def _order(grid: Grid) -> None:
    """Order the columns between the first and the last, which keep theirs."""
    grid.place = [0] * len(grid.item)
    for column in grid.columns:
        _number(grid, column)
    inner = range(1, len(grid.columns) - 1)
    best = None
    for sweep in range(9 if len(grid.item) < 3000 else 3):
        for column in inner if sweep % 2 == 0 else reversed(inner):
            _by_neighbors(grid, column, sweep % 2 == 0)
        crossings = sum(map(lambda edges: _crossings(grid, edges), grid.edges))
        if best is None or crossings < best[0]:
            best = (crossings, [list(c) for c in grid.columns])
        if crossings == 0:
            break
    grid.columns = best[1] if best else grid.columns
    for column in grid.columns:
        _number(grid, column)


def _number(grid: Grid, column: Sequence[int]) -> None:
    for i, c in enumerate(column):
        grid.place[c] = i


def _by_neighbors(grid: Grid, column: int, from_left: bool) -> None:
    total = dict.fromkeys(grid.columns[column], 0.0)
    number = dict.fromkeys(grid.columns[column], 0)
    for e in grid.edges[column - 1 if from_left else column]:
        c, other, port = (e.b, e.a, e.p) if from_left else (e.a, e.b, e.q)
        total[c] += grid.place[other] + port / (grid.height[other] + 1)
        number[c] += 1
    # a cell without neighbors on this side keeps its place
    key = {c: total[c] / number[c] if number[c] else float(grid.place[c]) for c in total}
    grid.columns[column].sort(key=lambda c: (grid.sunk.get(c, 0), key[c]))
    _number(grid, grid.columns[column])


def _crossings(grid: Grid, edges: Sequence[Edge]) -> int:
    """How many pairs of wires cross between two columns: inversions, counted by insertion."""
    ends = sorted((grid.place[e.a], e.p, grid.place[e.b], e.q) for e in edges)
    seen: list[tuple[int, float]] = []
    found = 0
    for end in ends:
        found += len(seen) - bisect_right(seen, end[2:])
        insort(seen, end[2:])
    return found
