"""Long rows folded: where to cut a row, the scenes of the parts, and the parts one below the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from .block import Block, Cut, line
from .bundles import Bundle
from .leads import STEP, Leads
from .picture import Shape, moved
from .scene import Scene

__all__ = ["cuts_of", "parts_of", "stacked"]

MOST = 12  # more wires than these are not led from one row to the next


def cuts_of(whole: Block, width: float) -> list[Cut]:
    """Where to cut a row into parts of about equal width, at places that few wires cross."""
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
        if len(best.wires) > MOST:
            return []
        found.append(best)
        start = best.x
    return found


def parts_of(scene: Scene, cuts: list[Cut]) -> tuple[list[tuple[Scene, list[int]]], dict[int, Bundle]]:
    """The scenes of the rows, with the numbers that their items have in the whole; and the bundles that rows share.

    A bundle that several rows read comes to each of them from a source of its own, a negative number.
    """
    row_of_item = [sum(k not in c.items for c in cuts) for k in range(len(scene.items))]
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
            items=tuple(scene.items[k] for k in numbers),
            bundles=tuple(bundles),
        )
        found.append((part, numbers))
    return found, shared


def stacked(rows: list[Block], shared: Mapping[int, Bundle]) -> Block:
    """Rows one below the other, each led back to the start of the next, and their parameters led to them."""
    leads = Leads(rows, shared)
    margin = STEP * (max(len(row.right) for row in rows[:-1]) + len(leads.lane)) + 12
    tops, at = [], 0.0
    for row in rows:
        tops.append(at)
        at += row.height + 24 + STEP * len(row.right)
    shapes = [s for row, y in zip(rows, tops, strict=True) for s in moved(row.shapes, margin, y)]
    for n, row in enumerate(rows[:-1]):
        shapes += _returns(row, rows[n + 1], margin, tops[n], tops[n + 1])
    shapes += [line("wire", (0, y), (margin, y)) for y in rows[0].left]
    more, ports = leads.drawn(margin, tops)
    reach = max(row.end + 8 + STEP * len(row.right) for row in rows[:-1])
    width = max(reach, *[row.width for row in rows]) + margin
    right = [y + tops[-1] for y in rows[-1].right]
    height = tops[-1] + rows[-1].height
    return Block(width, height, margin + rows[-1].end, rows[0].left, right, ports, leads.thick, [*shapes, *more])


def _returns(row: Block, after: Block, margin: float, y: float, below: float) -> list[Shape]:
    """The wires from the end of a row to the start of the next, nested so that they do not cross."""
    found: list[Shape] = []
    last, end = len(row.right) - 1, margin + row.end
    for i, (start, goal) in enumerate(zip(row.right, after.left, strict=True)):
        right, left = end + 6 + STEP * (last - i), margin - 6 - STEP * i
        middle = y + row.height + 12 + STEP * (last - i)
        way = [(end, y + start), (right, y + start), (right, middle), (left, middle), (left, below + goal)]
        found.append(line("wire", *way, (margin, below + goal)))
    return found
