"""How parameters get to the rows of a folded scene: along its left margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .block import Block, line
from .bundles import Bundle
from .picture import Circle, Shape

__all__ = ["STEP", "Leads"]

STEP = 8.0  # between two lines in the margin
LINES = ("parameter", "bundle")  # one array, several


class Leads:
    """The lines that lead parameters along the left margin to the rows.

    A source around the scene whose parts go to several rows splits, without dots. A bundle that several rows read
    has a line of its own, with a dot at each row but the last: it is copied.
    """

    def __init__(self, rows: list[Block], shared: Mapping[int, Bundle]) -> None:
        self.rows, self.shared = rows, shared
        around = [b.source for b in shared.values() if b.source is not None]
        sources = dict.fromkeys([s for row in rows for s in row.tops if s >= 0] + around)
        self.thick = frozenset(s for s in sources if self._arrays(s))
        # the lane of each in the margin: none if it comes straight down to the first row alone
        led = [s for s in sources if any(s in row.tops for row in rows[1:]) or s not in rows[0].tops]
        self.lane = {s: 4 + STEP * j for j, s in enumerate([*led, *shared])}

    def _arrays(self, source: int) -> bool:
        """Whether a source is several arrays."""
        bundles = [b for b in self.shared.values() if b.source == source]
        alone = [row for row in self.rows if source in row.tops]
        return any(b.several for b in bundles) or len(bundles) + len(alone) > 1 or any(source in r.thick for r in alone)

    def places(self, source: int, margin: float, tops: Sequence[float]) -> list[tuple[float, float, bool]]:
        """Where a source enters the rows that need it, and whether it is thick there."""
        return [
            (row.tops[source][0] + margin, row.tops[source][1] + y, source in row.thick)
            for row, y in zip(self.rows, tops, strict=True)
            if source in row.tops
        ]

    def drawn(self, margin: float, tops: Sequence[float]) -> tuple[list[Shape], dict[int, tuple[float, float]]]:
        """The lines, and where each source around the scene comes in."""
        first = self.rows[0].tops
        found: list[Shape] = []
        ports = {s: (first[s][0] + margin, first[s][1]) for s in first if s >= 0}
        for s, x in self.lane.items():
            if s >= 0:
                ports.setdefault(s, (x, 0.0))
                found += self._split(x, ports[s], self.places(s, margin, tops), s in self.thick)
        for s, bundle in self.shared.items():
            start = None if bundle.source is None else ports[bundle.source]
            found += self._copied(self.lane[s], start, self.places(s, margin, tops))
        return found, ports

    def _split(
        self, x: float, port: tuple[float, float], places: list[tuple[float, float, bool]], thick: bool
    ) -> list[Shape]:
        """The line of a source along x, from its port past the rows."""
        down = [p for p in places if p[:2] != port]
        if not down:
            return []
        found: list[Shape] = [line(LINES[thick], port, (x, port[1]))] if x != port[0] else []
        for i, ((_, before, _), (px, py, here)) in enumerate(pairwise([(*port, thick), *down])):
            more = here or i + 1 < len(down)  # what is still to go to the rows below is several arrays
            found += [line(LINES[more], (x, before), (x, py)), line(LINES[here], (x, py), (px, py))]
        return found

    def _copied(
        self, x: float, start: tuple[float, float] | None, places: list[tuple[float, float, bool]]
    ) -> list[Shape]:
        """The line of a bundle that several rows read, from where it starts, or from the label in the first of them."""
        (fx, fy, thick), *_, last = places
        look, dots = LINES[thick], [(x, py) for _, py, _ in places[:-1]]
        if start is None:
            start, dots[0] = (fx, fy), (fx, fy)
            found: list[Shape] = [line(look, (fx, fy - 10), (fx, fy))]
        else:
            found = [line(look, (x, fy), (fx, fy))]
        found.append(line(look, start, (x, start[1]), (x, last[1]), last[:2]))
        found += [line(look, (x, py), (px, py)) for px, py, _ in places[1:-1]]
        return found + [Circle(*at, 3.5, "parameter dot") for at in dots]
