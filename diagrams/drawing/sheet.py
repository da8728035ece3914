"""The whole sheet: scenes inside out, long rows folded, types at the boundary, and a title."""

from __future__ import annotations

import os
from collections.abc import Iterable
from math import ceil

from ...categories.para import Para
from ..syntax import Diagram, require
from .block import NAME, TYPE, Block
from .bundles import Given
from .fold import cuts_of, parts_of, stacked
from .inside import Inside
from .picture import Picture, Shape, Text, moved
from .place import row_of
from .scene import Open, Scene, scene_of
from .style import INK, clipped, measure

__all__ = ["draw"]

MARGIN = 16.0


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

    Data flows from left to right, parameters come in from the top, several arrays together in a thick line. A dot
    is a copy, a bar ends what nothing reads, a dashed line with an arrow is feedback. At a circle the first operand
    comes in above the second, where their order matters.

    Boxes are closed; `open` names those to open (`"block"`, `"block_1/attention"`), `depth` opens all of them so
    many levels deep. A picture wider than `width` pixels is folded into rows. Raises `CompositionError` for what is
    neither a diagram nor a model, `PathError` for a path that names no box that opens, `FileError` for a file that
    cannot be written.

    >>> draw(Box("f", R(2), R(3)) >> Box("g", R(3), R(4)))
    <Picture 272 x 62, 10 shapes>
    """
    d = getattr(d, "para", d)  # a learner shows its step
    require(d, "draw")
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    graph = arrow.graph
    given = [None] * (len(graph.dom) - len(entries)) + [Given(p, q.wire, p) for p, q in entries]
    paths = [open] if isinstance(open, str) else list(open)
    scene = scene_of(Inside(graph), given, Open.at(paths, depth))
    picture = _sheet(scene, _block(scene, float(width)), title)
    if path is not None:
        picture.save(path)
    return picture


def _sheet(scene: Scene, block: Block, title: str | None) -> Picture:
    """A block on its page, with the types of its inputs and outputs beside it."""
    found: list[Shape] = []
    room = [0.0, 0.0]
    outs = [scene.types[w] if isinstance(w, int) else "" for w in scene.outputs]
    ins = [scene.types[w] for w in scene.inputs]
    for texts, ys, x, anchor, side in (
        (ins, block.left, -6.0, "end", 0),
        (outs, block.right, block.end + 6, "start", 1),
    ):
        for whole, y in zip(texts, ys, strict=True):
            text = clipped(whole) if whole else ""
            found.append(Text(x, y + 3.6, text, TYPE + 1, anchor, INK, tip="" if text == whole else whole))
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
    cuts = cuts_of(whole, width)
    if not cuts:
        return whole
    parts, shared = parts_of(scene, cuts)
    rows = []
    for n, (part, numbers) in enumerate(parts):
        blocks = {j: inside[k] for j, k in enumerate(numbers) if k in inside}
        rows.append(row_of(part, blocks, quiet=n == len(parts) - 1))
    return stacked(rows, shared)
