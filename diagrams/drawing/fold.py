"""Long rows folded: where to cut a row, the scenes of the parts, and the parts one below the other.

Parameters get to the rows along the left margin (`Leads`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil, sqrt

from .block import Block, Cut, line
from .bundles import Bundle
from .picture import Circle, Shape, moved
from .scene import Item, Scene
from .style import line_look

__all__ = ["cuts_of", "parts_of", "stacked"]

MANY = 12  # wires that cross a cut
STEP, LEAST, ROOM = 8.0, 3.0, 240.0  # between two lines in the margin: less where they would need more than this room


def cuts_of(whole: Block, width: float) -> list[Cut]:
    """Where to cut a row into parts of about equal width, at places that few wires cross.

    Where many cross, each part is as high as the row and the wires are led back between them: such a row has fewer and
    wider parts, so that the page is not much higher than four times its width.
    """
    found = _cuts(whole, width)
    if all(len(c.wires) <= MANY for c in found):
        return found
    parts = max(2, round(sqrt(4 * whole.width / whole.height)))
    return _cuts(whole, max(width, whole.width / parts))


def _cuts(whole: Block, width: float) -> list[Cut]:
    target = whole.width / ceil(whole.width / width)
    found: list[Cut] = []
    start = 0.0
    while whole.width - start > 1.2 * target:
        near = [c for c in whole.cuts if 0.6 * target <= c.x - start <= 1.1 * target]
        near = near or [c for c in whole.cuts if 0.25 * target < c.x - start < 0.6 * target][-1:]
        near = near or [c for c in whole.cuts if c.x - start > 1.1 * target][:1]
        best = min(near, key=lambda c: (len(c.wires), abs(c.x - start - target)), default=None)
        if best is None:
            break
        found.append(best)
        start = best.x
    return found


def parts_of(scene: Scene, cuts: list[Cut]) -> tuple[list[tuple[Scene, list[int]]], dict[int, Bundle]]:
    """The scenes of the rows, with the numbers that their items have in the whole; and the bundles that rows share.

    A bundle that several rows read comes to each of them from a source of its own, a negative number.
    """
    row_of_item = [sum(not c.before(k) for c in cuts) for k in range(len(scene.items))]
    rows_of = [sorted({row_of_item[k] for k in bundle.readers}) or [0] for bundle in scene.bundles]
    shared = {-1 - b.number: b for b, rows in zip(scene.bundles, rows_of, strict=True) if len(rows) > 1}
    found = []
    for n in range(len(cuts) + 1):
        numbers = [k for k in range(len(scene.items)) if row_of_item[k] == n]
        bundles = []
        for bundle, rows in zip(scene.bundles, rows_of, strict=True):
            if n not in rows:
                continue
            source = bundle.source if len(rows) == 1 else -1 - bundle.number
            again = replace(bundle, head="", detail="") if n > rows[0] else bundle
            here = tuple(numbers.index(k) for k in bundle.readers if row_of_item[k] == n)
            bundles.append(replace(again, readers=here, source=source))
        part = replace(
            scene,
            inputs=cuts[n - 1].wires if n else scene.inputs,
            outputs=cuts[n].wires if n < len(cuts) else scene.outputs,
            items=tuple([_sorted(scene.items[k], bundles) for k in numbers]),
            bundles=tuple(bundles),
        )
        found.append((part, numbers))
    return found, shared


def _sorted(item: Item, bundles: Sequence[Bundle]) -> Item:
    """The item with what comes from the margin on the left of what has its label above."""
    labelled = {b.number for b in bundles if b.source is None}
    return replace(item, bundles=tuple(sorted(item.bundles, key=lambda n: n in labelled)))


def stacked(scenes: list[Scene], rows: list[Block], shared: Mapping[int, Bundle]) -> Block:
    """Rows one below the other, each led back to the start of the next, and their parameters led to them."""
    leads = Leads(rows, shared)
    crossing = max(len(row.right) for row in rows[:-1])
    step = max(LEAST, min(STEP, ROOM / max(crossing, 1)))
    margin = step * crossing + STEP * len(leads.lane) + 12
    tops, at = [], 0.0
    for row in rows:
        tops.append(at)
        at += row.height + 24 + step * len(row.right)
    shapes = [s for row, y in zip(rows, tops, strict=True) for s in moved(row.shapes, margin, y)]
    for n, row in enumerate(rows[:-1]):
        looks = [scenes[n].look(w) for w in scenes[n + 1].inputs]
        shapes += _returns(looks, row, rows[n + 1], margin, tops[n], tops[n + 1], step)
    for w, y in zip(scenes[0].inputs, rows[0].left, strict=True):
        shapes.append(line(scenes[0].look(w), (0, y), (margin, y)))
    more, ports = leads.drawn(margin, tops)
    reach = max(row.end + 8 + step * len(row.right) for row in rows[:-1])
    width = max(reach, *[row.width for row in rows]) + margin
    right = [y + tops[-1] for y in rows[-1].right]
    height = tops[-1] + rows[-1].height
    end = margin + rows[-1].end
    return Block(width, height, end, rows[0].left, right, ports, leads.thick, [*shapes, *more], gray=leads.gray)


def _returns(
    looks: list[str], row: Block, after: Block, margin: float, y: float, below: float, step: float
) -> list[Shape]:
    """The wires from the end of a row to the start of the next, nested so that they do not cross."""
    found: list[Shape] = []
    last, end = len(row.right) - 1, margin + row.end
    for i, (look, start, goal) in enumerate(zip(looks, row.right, after.left, strict=True)):
        right, left = end + 6 + step * (last - i), margin - 6 - step * i
        middle = y + row.height + 12 + step * (last - i)
        way = [(end, y + start), (right, y + start), (right, middle), (left, middle), (left, below + goal)]
        found.append(line(look, *way, (margin, below + goal)))
    return found


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
        self.gray = frozenset(s for row in rows for s in row.gray)
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
                found += self._split(s, x, ports[s], self.places(s, margin, tops))
        for s, bundle in self.shared.items():
            start = None if bundle.source is None else ports[bundle.source]
            found += self._copied(bundle.kind, self.lane[s], start, self.places(s, margin, tops))
        return found, ports

    def _split(
        self, source: int, x: float, port: tuple[float, float], places: list[tuple[float, float, bool]]
    ) -> list[Shape]:
        """The line of a source along x, from its port past the rows."""
        kind, thick = "residual" if source in self.gray else "parameter", source in self.thick
        one, several = line_look(kind, False), line_look(kind, True)
        down = [p for p in places if p[:2] != port]
        if not down:
            return []
        found: list[Shape] = [line(line_look(kind, thick), port, (x, port[1]))] if x != port[0] else []
        for i, ((_, before, _), (px, py, here)) in enumerate(pairwise([(*port, thick), *down])):
            more = here or i + 1 < len(down)  # what is still to go to the rows below is several arrays
            found.append(line(several if more else one, (x, before), (x, py)))
            found.append(line(several if here else one, (x, py), (px, py)))
        return found

    def _copied(
        self, kind: str, x: float, start: tuple[float, float] | None, places: list[tuple[float, float, bool]]
    ) -> list[Shape]:
        """The line of a bundle that several rows read, from where it starts, or from the label in the first of them."""
        (fx, fy, thick), *_, last = places
        look, dots = line_look(kind, thick), [(x, py) for _, py, _ in places[:-1]]
        if start is None:
            start, dots[0] = (fx, fy), (fx, fy)
            found: list[Shape] = [line(look, (fx, fy - 10), (fx, fy))]
        else:
            found = [line(look, (x, fy), (fx, fy))]
        found.append(line(look, start, (x, start[1]), (x, last[1]), last[:2]))
        found += [line(look, (x, py), (px, py)) for px, py, _ in places[1:-1]]
        return found + [Circle(*at, 3.5, f"{kind} dot") for at in dots]
