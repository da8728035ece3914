"""Makes almost straight wires straight, by moving whole groups of cells that straight wires hold together.

The sweeps of `heights` move one cell at a time, and cannot move a chain of boxes by the few pixels that
would straighten the wire into it. Here the unit is the group of cells that straight wires connect:
it moves when its order and distances in every column allow it and the wires around it bend less.
"""

from __future__ import annotations

from collections.abc import Sequence

from .grid import Edge, Grid

__all__ = ["bend_of", "straighten"]

FARTHEST, ATTEMPTS = 60.0, 600
SLACK = 6.0  # how much closer than usual two cells may come for the sake of a straight wire


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
