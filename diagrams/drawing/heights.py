"""The heights of cells, at which as many wires as possible run straight.

Sweeps move each cell to where its weightiest wire is straight. Keeping the order and the distances in a
column is then isotonic regression: u_i = wanted_i - (heights above) must not decrease, and pooling
adjacent violators gives the nearest such u in one pass (R. Barlow, D. Bartholomew, J. Bremner, H. Brunk,
"Statistical inference under order restrictions", 1972). Wires past columns weigh so much that they stay
straight. Last, groups of cells move together: sweeps move one cell at a time, and cannot move a chain of
boxes by the few pixels that would straighten the wire into it. There the unit is the group of cells that
straight wires connect; it moves when its order and distances in every column allow it and the wires
around it bend less.
"""

from __future__ import annotations

from collections.abc import Sequence

from .grid import Edge, Grid

__all__ = ["align"]

GAP = 16.0  # between two cells
HEAVY = 1000.0
FARTHEST, ATTEMPTS = 60.0, 600
SLACK = 6.0  # how much closer than usual two cells may come for the sake of a straight wire


def align(grid: Grid) -> None:
    """Heights at which as many wires as possible are straight, the best of several sweeps."""
    grid.y = [0.0] * len(grid.item)
    before: list[list[Edge]] = [[] for _ in grid.item]
    after: list[list[Edge]] = [[] for _ in grid.item]
    for edges in grid.edges:
        for e in edges:
            before[e.b].append(e)
            after[e.a].append(e)
    steps = [_steps(grid, column) for column in grid.columns]
    for column, step in zip(grid.columns, steps, strict=True):
        _settle(grid, column, step, [0.0] * len(column), [1.0] * len(column))
    best = None
    for sweep in range(12 if len(grid.item) < 3000 else 4):
        order = range(len(grid.columns))
        for i in order if sweep % 2 == 0 else reversed(order):
            column = grid.columns[i]
            wanted = [_wanted(grid, c, before[c], after[c], sweep) for c in column]
            weights = [HEAVY if grid.item[c] < 0 and before[c] and after[c] else 1.0 for c in column]
            _settle(grid, column, steps[i], wanted, weights)
        bend = _bend(grid)
        if best is None or bend < best[0] - 1e-6:
            best = (bend, list(grid.y))
    grid.y = best[1] if best else grid.y
    straighten(grid, steps)
    top = min(grid.y, default=0.0)
    grid.y = [y - top for y in grid.y]


def _bend(grid: Grid) -> float:
    """How far wires run up or down, where each that is not straight counts 12 pixels more."""
    return sum(bend_of(e.weight, grid.y[e.a] + e.p - grid.y[e.b] - e.q) for edges in grid.edges for e in edges)


def _steps(grid: Grid, column: Sequence[int]) -> list[float]:
    """How far below the first cell's top each cell's top is when the column is packed."""
    found, at, items = [], 0.0, 0
    for i, c in enumerate(column):
        if i:
            thin = all(grid.item[n] < 0 or n in grid.sunk for n in (c, column[i - 1]))
            # the topmost item gets its parameters straight from above, the others by a lane that bends
            at += grid.height[column[i - 1]] + (GAP - 4 if thin else GAP) + (grid.above[c] if items else 0.0)
        items += grid.item[c] >= 0
        found.append(at)
    return found


def _wanted(grid: Grid, c: int, before: Sequence[Edge], after: Sequence[Edge], sweep: int) -> float:
    """The top at which the weightiest wire is straight: the weighted median over the wires that this sweep sees.

    The first and the last sweeps see one side only, those between both.
    """
    rightwards, both = sweep % 2 == 0, 4 <= sweep < 8
    seen = [(grid.y[e.a] + e.p - e.q, e.weight) for e in before] if rightwards or both else []
    if not rightwards or both:
        seen += [(grid.y[e.b] + e.q - e.p, e.weight) for e in after]
    if not seen:
        return grid.y[c]
    seen.sort()
    half, total = sum(w for _, w in seen) / 2, 0.0
    for i, (y, weight) in enumerate(seen):
        total += weight
        if abs(total - half) < 1e-9 and i + 1 < len(seen):
            # two halves of equal weight: stay if between them, else go to the nearer
            return min(max(grid.y[c], y), seen[i + 1][0])
        if total > half:
            return y
    return seen[-1][0]


def _settle(
    grid: Grid, column: Sequence[int], step: Sequence[float], wanted: Sequence[float], weights: Sequence[float]
) -> None:
    """Put a column's cells as near to where they want to be as their order and distances allow."""
    pools: list[list[float]] = []  # mean, weight, number of cells
    for want, down, weight in zip(wanted, step, weights, strict=True):
        pools.append([want - down, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, total, n = pools.pop()
            other = pools[-1]
            other[0] = (other[0] * other[1] + mean * total) / (other[1] + total)
            other[1], other[2] = other[1] + total, other[2] + n
    means = [mean for mean, _, n in pools for _ in range(int(n))]
    for c, mean, down in zip(column, means, step, strict=True):
        grid.y[c] = round(mean) + down  # whole pixels, so that straight wires are exactly straight


def bend_of(weight: float, off: float) -> float:
    """The cost of a wire between two columns whose ends are `off` apart."""
    return weight * (abs(off) + 12) if abs(off) > 0.5 else 0.0


def straighten(grid: Grid, steps: Sequence[Sequence[float]]) -> None:
    """Move groups of cells as long as that straightens a wire; `steps` are the least distances in each column."""
    _Groups(grid, steps).run()


class _Groups:
    def __init__(self, grid: Grid, steps: Sequence[Sequence[float]]) -> None:
        self.grid = grid
        self.around: list[list[Edge]] = [[] for _ in grid.item]
        for edges in grid.edges:
            for e in edges:
                self.around[e.a].append(e)
                self.around[e.b].append(e)
        # for each cell, its neighbors in the column with the least distances of the tops
        self.above: list[tuple[int, float] | None] = [None] * len(grid.item)
        self.below: list[tuple[int, float] | None] = [None] * len(grid.item)
        for column, step in zip(grid.columns, steps, strict=True):
            for i in range(1, len(column)):
                least = step[i] - step[i - 1]
                self.above[column[i]] = (column[i - 1], least)
                self.below[column[i - 1]] = (column[i], least)

    def run(self) -> None:
        tried = 0
        for _ in range(2):
            bent = [(abs(self.off(e)), i, e) for i, e in enumerate(e for edges in self.grid.edges for e in edges)]
            for far, _, e in sorted(b for b in bent if 0.5 < b[0] < FARTHEST):
                if tried == ATTEMPTS:
                    return
                tried += 1
                off = self.off(e)
                if 0.5 < abs(off) <= far + 1 and not self.move(e.b, off):
                    self.move(e.a, -off)

    def off(self, e: Edge) -> float:
        """How far the end of a wire is above its start (negative: below)."""
        return self.grid.y[e.a] + e.p - self.grid.y[e.b] - e.q

    def move(self, cell: int, by: float) -> bool:
        """Move the group of a cell down by so much, if that is possible and makes the wires around bend less."""
        y = self.grid.y
        group = self.group(cell)
        for c in group:
            up, down = self.above[c], self.below[c]
            if up and up[0] not in group and y[c] + by - y[up[0]] < up[1] - SLACK:
                return False
            if down and down[0] not in group and y[down[0]] - y[c] - by < down[1] - SLACK:
                return False
        before = after = 0.0
        for c in group:
            for e in self.around[c]:
                if (e.a in group) != (e.b in group):
                    off = self.off(e)
                    before += bend_of(e.weight, off)
                    after += bend_of(e.weight, off + (by if e.a in group else -by))
        if after >= before - 1e-6:
            return False
        for c in group:
            y[c] += by
        return True

    def group(self, cell: int) -> set[int]:
        """The cells that straight wires connect with this one."""
        found, stack = {cell}, [cell]
        while stack:
            c = stack.pop()
            for e in self.around[c]:
                other = e.a if e.b == c else e.b
                if other not in found and abs(self.off(e)) <= 0.5:
                    found.add(other)
                    stack.append(other)
        return found
