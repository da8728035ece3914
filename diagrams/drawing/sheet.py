"""The whole sheet: scenes inside out, long rows folded, types at the boundary, and a title."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Protocol, runtime_checkable

from ...categories.lens import Lens
from ...categories.para import Para
from ...categories.param import Entry
from ..syntax import Diagram, require
from ..types import Ty
from .block import NAME, TYPE, Block
from .bundles import Given
from .cables import gathered, tinted
from .facing import Port, faced, facing_of
from .fold import cuts_of, parts_of, stacked
from .picture import Picture, Shape, Text, moved
from .place import Row
from .scene import Inside, Open, Scene, scene_of
from .style import INK, clipped, measure

__all__ = ["draw", "flat"]

MARGIN = 16.0
LARGE = 300  # with more boxes than these a backward pass stands below its forward pass, whatever the width


@runtime_checkable
class Learning(Protocol):
    """A learner: its step is a model whose parameters are the state; the first outputs are the next state."""

    @property
    def para(self) -> Para: ...

    @property
    def entries(self) -> Sequence[Entry]: ...


def draw(
    d: Diagram | Para | Lens | Learning,
    path: str | os.PathLike[str] | None = None,
    *,
    open: str | Iterable[str] = (),
    depth: int = 0,
    title: str | None = None,
    width: int = 1500,
    bundle: bool = True,
    outputs: Sequence[str] = (),
) -> Picture:
    """The picture of a diagram, a model, a lens or a learner, saved as SVG or PNG too if a `path` is given.

    Data flows from left to right, parameters (violet) come in from the top, several arrays together in a thick line.
    A dot is a copy, a bar ends what nothing reads, a dashed line with an arrow is feedback. At a circle the first
    operand comes in above the second, where their order matters. Boxes with something inside are blue, derivatives
    `R[f]` and `D[f]` red, loops amber, primitives white, abstract boxes dashed.

    A backward pass stands below its forward pass, each `R[f]` below its `f`, and flows from right to left: its inputs
    are on the right and its results on the left. Cotangents are red with arrows, and the residuals that come to `R[f]`
    from above gray. Where boxes cannot face each other so, all flows to the right.

    Boxes are closed; `open` names those to open (`"block"`, `"block_1/attention"`), `depth` opens all of them so
    many levels deep. A picture wider than `width` pixels is folded into rows. Wires of data that run side by side
    are one thick line, unless `bundle` is False; `outputs` are names for the first outputs, as paths, which a learner
    gives itself. Raises `CompositionError` for what cannot be drawn, `PathError` for a path that names no box that
    opens, `FileError` for a file that cannot be written.

    >>> draw(Box("f", R(2), R(3)) >> Box("g", R(3), R(4)))
    <Picture 274 x 62, 10 shapes>
    """
    if isinstance(d, Learning):
        outputs = outputs or ["/".join(path) for path, _ in d.entries]
        d = d.para
    arrow, entries = flat(d)
    graph = arrow.graph
    given = [None] * (len(graph.dom) - len(entries)) + [Given(p, q.wire, p) for p, q in entries]
    paths = [open] if isinstance(open, str) else list(open)
    scene = scene_of(Inside(graph), given, Open.at(paths, depth))
    named = zip(scene.outputs, outputs, strict=False)
    scene = replace(scene, names={w: tuple(name.split("/")) for w, name in named if isinstance(w, int)})
    scene = tinted(gathered(scene) if bundle else scene)
    picture = _sheet(scene, *_whole(scene, float(width)), title)
    if path is not None:
        picture.save(path)
    return picture


def flat(d: Any) -> tuple[Diagram, Sequence[Entry]]:
    """The diagram that is drawn, with its parameters: of a lens both halves, which share the forward pass.

    Raises `CompositionError` for what is no diagram.
    """
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    if isinstance(arrow, Lens):
        both, n = arrow.both, len(entries)
        data, stop = len(arrow.dom) - n, len(arrow.dom)
        # parameters are drawn from above: they come last, after the cotangents
        order = [*range(data), *range(stop, len(both.dom)), *range(data, stop)]
        back = [order.index(i) for i in range(len(order))]
        arrow = Diagram.wires(Ty.of(both.dom.inside[i] for i in order), back).then(both)
    require(arrow, "draw")
    return arrow, entries


def _sheet(scene: Scene, block: Block, ports: Sequence[Port], title: str | None) -> Picture:
    """A block on its page, with the names and types of its inputs and outputs beside it."""
    found: list[Shape] = []
    room = [0.0, 0.0]
    for w, y, side in ports:
        whole = scene.types[w] if isinstance(w, int) else ""
        text = clipped(whole) if whole else ""
        tip = "" if text == whole else whole
        if isinstance(w, int):
            tip = scene.tip(w) or tip
            text = f"{clipped('/'.join(scene.names[w]))} : {text}" if w in scene.names and w in scene.outputs else text
        at, anchor = (block.end + 6, "start") if side else (-6.0, "end")
        found.append(Text(at, y + 3.6, text, TYPE + 1, anchor, INK, tip=tip))
        over = block.end - block.width if side else 0.0
        room[side] = max(room[side], measure(text, TYPE + 1) + 8 + over)
    room = [float(ceil(r)) for r in room]
    top = MARGIN + (28 if title else 0)
    shapes = moved([*block.shapes, *found], MARGIN + room[0], top)
    if title:
        shapes.append(Text(MARGIN, MARGIN + 12, title, NAME + 3, bold=True))
    least = measure(title or "", NAME + 4) + 2 * MARGIN
    w, h = max(block.width + sum(room) + 2 * MARGIN, least), block.height + top + MARGIN
    return Picture(tuple(shapes), ceil(w), ceil(h))


def _whole(scene: Scene, width: float) -> tuple[Block, list[Port]]:
    """The block of the whole scene, and the wires at its edges: a backward pass below its forward pass if it has both.

    Where these would be wider than two rows may be, they follow one another if that is less wide.
    """
    halves = facing_of(scene)
    facing = None if halves is None else faced(halves, lambda half: _inside(half, width))
    if facing is not None and (facing[0].width <= 2.4 * width or len(scene.items) > LARGE):
        return facing
    block = _block(scene, width)
    if facing is not None and facing[0].width <= block.width:
        return facing
    ports = [Port(w, y, False) for w, y in zip(scene.inputs, block.left, strict=True)]
    return block, ports + [Port(w, y, True) for w, y in zip(scene.outputs, block.right, strict=True)]


def _inside(scene: Scene, width: float) -> dict[int, Block]:
    """The blocks of the open items of a scene."""
    inner = max(width - 120, 400.0)
    return {k: _block(item.inside, inner) for k, item in enumerate(scene.items) if item.inside is not None}


def _block(scene: Scene, width: float) -> Block:
    """The block of a scene, in one row if that is not much wider than `width`, else in several."""
    inside = _inside(scene, width)
    whole = Row(scene, inside).block()
    if whole.width <= 1.2 * width:
        return whole
    cuts = cuts_of(whole, width)
    if not cuts:
        return whole
    parts, shared = parts_of(scene, cuts)
    rows = []
    for n, (part, numbers) in enumerate(parts):
        blocks = {j: inside[k] for j, k in enumerate(numbers) if k in inside}
        rows.append(Row(part, blocks, quiet=n == len(parts) - 1).block())
    return stacked([part for part, _ in parts], rows, shared)
