"""The whole sheet: scenes inside out, long rows folded, types at the boundary, and a title."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from ...categories.para import Para
from ..syntax import Diagram
from .block import NAME, TYPE, Block, Cut, line
from .picture import Circle, Picture, Shape, Text, moved
from .place import row_of
from .scene import Given, Open, Scene, scene_of
from .style import INK, measure

__all__ = ["draw"]

MARGIN, STEP = 16.0, 8.0
MOST = 12  # more wires than these are not led from one row to the next


def draw(
    d: Diagram | Para,
    path: str | os.PathLike[str] | None = None,
    *,
    open: str | Iterable[str] = (),
    depth: int = 0,
    title: str | None = None,
    width: int = 1500,
) -> Picture:
    """The picture of a diagram or a model, saved as SVG or PNG too if a `path` is given.

    Data flows from left to right, parameters come in from the top. Boxes are closed; `open` names
    those to open (`"block"`, `"block_1/attention"`), `depth` opens all of them so many levels deep. A
    picture wider than `width` pixels is folded into rows. Raises `PathError` for a path that names no box that opens,
    `FileError` for a file that cannot be written.

    >>> draw(Box("f", R(2), R(3)) >> Box("g", R(3), R(4)))
    <Picture 272 x 62, 10 shapes>
    """
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    graph = arrow.graph
    given = [None] * (len(graph.dom) - len(entries)) + [Given(p, q.wire) for p, q in entries]
    paths = [open] if isinstance(open, str) else list(open)
    scene = scene_of(graph, given, Open.at(paths, depth))
    picture = _sheet(scene, _block(scene, float(width)), title)
    if path is not None:
        picture.save(path)
    return picture


def _sheet(scene: Scene, block: Block, title: str | None) -> Picture:
    """A block on its page, with the types of its inputs and outputs beside it."""
    found: list[Shape] = []
    room = [0.0, 0.0]
    outs = [scene.types[w] if isinstance(w, int) else "" for w in scene.outputs]
    ins = [scene.names.get(w, scene.types[w]) for w in scene.inputs]
    for texts, ys, x, anchor, side in (
        (ins, block.left, -6.0, "end", 0),
        (outs, block.right, block.end + 6, "start", 1),
    ):
        for text, y in zip(texts, ys, strict=True):
            found.append(Text(x, y + 3.6, text, TYPE + 1, anchor, INK))
            over = 0.0 if side == 0 else block.end - block.width
            room[side] = max(room[side], measure(text, TYPE + 1) + 8 + over)
    top = MARGIN + (28 if title else 0)
    shapes = moved([*block.shapes, *found], MARGIN + room[0], top)
    if title:
        shapes.append(Text(MARGIN, MARGIN + 12, title, NAME + 3, bold=True))
    least = measure(title or "", NAME + 4) + 2 * MARGIN
    w, h = max(block.width + sum(room) + 2 * MARGIN, least), block.height + top + MARGIN
    return Picture(tuple(shapes), ceil(w), ceil(h))


def _block(scene: Scene, width: float) -> Block:
    """The block of a scene, in one row if that is not much wider than `width`, else in several."""
    inner = max(width - 120, 400.0)
    inside = {k: _block(item.inside, inner) for k, item in enumerate(scene.items) if item.inside is not None}
    whole = row_of(scene, inside)
    if whole.width <= 1.2 * width:
        return whole
    cuts = _cuts(whole, width)
    if not cuts:
        return whole
    parts = _parts(scene, cuts)
    rows = []
    for n, (part, numbers) in enumerate(parts):
        blocks = {j: inside[k] for j, k in enumerate(numbers) if k in inside}
        rows.append(row_of(part, blocks, quiet=n == len(parts) - 1))
    return _stacked(rows)


# -- folding ---------------------------------------------------------------------------------------


def _cuts(whole: Block, width: float) -> list[Cut]:
    """Where to cut a row into parts of about equal width, at places that few wires cross."""
    target = whole.width / ceil(whole.width / width)
    found: list[Cut] = []
    start = 0.0
    while whole.width - start > 1.2 * target:
        near = [c for c in whole.cuts if 0.6 * target <= c.x - start <= 1.1 * target]
        near = near or [c for c in whole.cuts if c.x - start > 1.1 * target][:1]
        best = min(near, key=lambda c: (len(c.wires), abs(c.x - start - target)), default=None)
        if best is None:
            break
        if len(best.wires) > MOST:
            return []
        found.append(best)
        start = best.x
    return found


def _parts(scene: Scene, cuts: list[Cut]) -> list[tuple[Scene, list[int]]]:
    """The scenes of the rows, with the numbers that their items have in the whole."""
    row_of_item = [sum(k not in c.items for c in cuts) for k in range(len(scene.items))]
    found = []
    first: dict[int, int] = {}
    for b, bundle in enumerate(scene.bundles):
        first[b] = min((row_of_item[k] for k in bundle.readers), default=0)
    for n in range(len(cuts) + 1):
        numbers = [k for k in range(len(scene.items)) if row_of_item[k] == n]
        bundles = []
        for b, bundle in enumerate(scene.bundles):
            rows = {row_of_item[k] for k in bundle.readers} or {0}
            if n not in rows:
                continue
            source = bundle.source if bundle.source is not None or len(rows) == 1 else -1 - b
            again = replace(bundle, head="", detail="") if n > first[b] else bundle
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
    return found


def _stacked(rows: list[Block]) -> Block:
    """Rows one below the other, each led back to the start of the next, and the parameters that several share."""
    shared = list(dict.fromkeys(s for row in rows[1:] for s in row.tops))
    margin = STEP * (max(len(row.right) for row in rows[:-1]) + len(shared)) + 12
    tops, at = [], 0.0
    for row in rows:
        tops.append(at)
        at += row.height + 24 + STEP * len(row.right)
    shapes = [s for row, y in zip(rows, tops, strict=True) for s in moved(row.shapes, margin, y)]
    for n, row in enumerate(rows[:-1]):
        shapes += _returns(row, rows[n + 1], margin, tops[n], tops[n + 1])
    shapes += [line("wire", (0, y), (margin, y)) for y in rows[0].left]
    ports = {s: (x + margin, y) for s, (x, y) in rows[0].tops.items()}
    thick = frozenset().union(*[row.thick for row in rows])
    for j, s in enumerate(shared):
        ports.setdefault(s, (4 + STEP * j, 0.0))
        shapes += _lead(rows, tops, s, margin, 4 + STEP * j)
    reach = max(row.end + 8 + STEP * len(row.right) for row in rows[:-1])
    width = max(reach, *[row.width for row in rows]) + margin
    right = [y + tops[-1] for y in rows[-1].right]
    ports = {s: p for s, p in ports.items() if s >= 0}
    height = tops[-1] + rows[-1].height
    return Block(width, height, margin + rows[-1].end, rows[0].left, right, ports, thick, shapes)


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


def _lead(rows: list[Block], tops: list[float], s: int, margin: float, x: float) -> list[Shape]:
    """The line of a source of parameters along the left margin, from the first row that needs it to the others."""
    places = [(row.tops[s][0] + margin, row.tops[s][1] + y) for row, y in zip(rows, tops, strict=True) if s in row.tops]
    look = "bundle" if any(s in row.thick for row in rows) else "parameter"
    top = places[0][1] if s < 0 or s in rows[0].tops else 0.0
    found: list[Shape] = [line(look, (x, top), (x, places[-1][1]), places[-1])]
    for px, py in places[:-1]:
        found += [line(look, (x, py), (px, py)), Circle(x, py, 3.5, "parameter dot")]
    return found
