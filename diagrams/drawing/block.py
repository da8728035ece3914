"""What a drawn scene is to the scene around it (`Block`), the sizes of items, and how they are drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

from .grid import Size
from .picture import Circle, Command, Curve, Rect, Shape, Text, moved
from .scene import Item
from .style import LOOKS, SOFT, measure

__all__ = ["NAME", "TYPE", "Block", "Cut", "closed", "closed_size", "frame", "inset", "is_round", "open_size", "pill"]

NAME, TYPE = 12.0, 10.0  # font sizes
PORT, PAD, HEADER, RADIUS, LOOP, ASIDE = 18.0, 11.0, 24.0, 13.0, 10.0, 22.0


@dataclass(frozen=True)
class Cut:
    """A place where a row may be cut: its x, the wires that cross it from top to bottom, the items before it."""

    x: float
    wires: tuple[int, ...]
    items: frozenset[int]


@dataclass
class Block:
    """A drawn scene: its size, the heights of its ports, and where parameters come in, as (x, y) by their source.

    The ports on the right stand at x = `end`; `thick` are the sources that are bundles.
    """

    width: float
    height: float
    end: float
    left: list[float]
    right: list[float]
    tops: dict[int, tuple[float, float]]
    thick: frozenset[int]
    shapes: list[Shape]
    cuts: list[Cut] = field(default_factory=list)


def is_round(item: Item, bundles: int) -> bool:
    """Whether a closed item is a symbol in a circle."""
    return item.look == "symbol" and not bundles


def closed_size(item: Item, bundles: int) -> Size:
    """The size of a closed item with so many bundles of parameters on top."""
    side = aside(item) if not bundles else 0
    if is_round(item, bundles):
        # both wires into a sum or product end in its middle, so that the one that comes straight stays straight
        step = 0.0 if item.commutes or side else 10.0
        return _with_aside(Size(2 * RADIUS, 2 * RADIUS, _spread(len(item.reads), 2 * RADIUS, step), [RADIUS]), side)
    ports = max(len(item.reads), len(item.writes))
    step = PORT if ports <= 24 else 12.0
    height = max(30.0, step * ports + 6) if not side else 30.0
    width = max(measure(item.label, NAME) + 2 * PAD, 34.0, 16.0 * bundles + 14)
    if side:
        return _with_aside(Size(width, height, [height / 2] * 2, [height / 2]), side)
    return Size(width, height, _spread(len(item.reads), height, step), _spread(len(item.writes), height, step))


def aside(item: Item) -> int:
    """Where the constant of an item with one wire and one constant stands: -1 above if first, 1 below if second."""
    if len(item.reads) != 2 or len(item.writes) != 1:
        return 0
    first, second = (isinstance(w, str) for w in item.reads)
    return int(second) - int(first)


def _with_aside(size: Size, side: int) -> Size:
    """The size with room for a constant above (-1) or below (1)."""
    down = ASIDE if side < 0 else 0.0
    left, right = ([y + down for y in ys] for ys in (size.left, size.right))
    return Size(size.width, size.height + (ASIDE if side else 0.0), left, right)


def _spread(n: int, length: float, step: float) -> list[float]:
    return [length / 2 + (i - (n - 1) / 2) * step for i in range(n)]


def open_size(item: Item, block: Block) -> Size:
    """The size of an open item around the block inside it."""
    width = max(block.width + 2 * inset(item), measure(item.label, NAME) + 3 * PAD)
    left, right = ([y + HEADER for y in side] for side in (block.left, block.right))
    return Size(width, block.height + HEADER + 12 + inset(item), left, right)


def inset(item: Item) -> float:
    """The room beside and below the inside of an open loop, where its feedback runs."""
    return LOOP * len(item.loops) + 8 if item.loops else 0.0


def closed(item: Item, size: Size, x: float, y: float, bundles: int) -> list[Shape]:
    """A closed item with its top left corner at (x, y), and its constants above, below or on its left."""
    side = aside(item) if not bundles else 0
    height, top = size.height - (ASIDE if side else 0), y + (ASIDE if side < 0 else 0)
    pills = constants(item, size, x, y)
    if side:
        text = next(r for r in item.reads if isinstance(r, str))
        pills = _pill_aside(text, x + size.width / 2, top + (height if side > 0 else 0), side)
    middle = Text(x + size.width / 2, top + height / 2 + 4.3, item.label, NAME, "middle")
    if is_round(item, bundles):
        return [*pills, Circle(x + RADIUS, top + RADIUS, RADIUS, item.look, item.tip), middle]
    return [*pills, Rect(x, top, size.width, height, 4, item.look, item.tip), middle]


def _pill_aside(text: str, x: float, y: float, side: int) -> list[Shape]:
    w = measure(text, TYPE) + 10
    far = y + side * (ASIDE - 15)
    return [
        line("wire", (x, y), (x, far)),
        Rect(x - w / 2, min(far, far + 15 * side), w, 15, 7.5, "constant"),
        Text(x, far + 7.5 * side + 3.6, text, TYPE, "middle", SOFT),
    ]


def constants(item: Item, size: Size, x: float, y: float) -> list[Shape]:
    """The constants that an item reads, each a pill before its port."""
    return [s for r, p in zip(item.reads, size.left, strict=False) if isinstance(r, str) for s in pill(r, x, y + p)]


def pill(text: str, x: float, y: float) -> list[Shape]:
    """A constant: a small rounded label whose wire ends at (x, y)."""
    w = measure(text, TYPE) + 10
    start = x - w - 10
    return [
        line("wire", (start + w, y), (x, y)),
        Rect(start, y - 7.5, w, 15, 7.5, "constant"),
        Text(start + w / 2, y + 3.6, text, TYPE, "middle", SOFT),
    ]


def line(look: str, *points: tuple[float, float]) -> Curve:
    """A polygon line with rounded corners."""
    commands: list[Command] = [("M", *points[0])]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        near, far = _towards(here, before), _towards(here, after)
        commands += [("L", *near), ("C", *here, *here, *far)]
    return Curve((*commands, ("L", *points[-1])), look)


def _towards(here: tuple[float, float], there: tuple[float, float]) -> tuple[float, float]:
    """The point at most 7 pixels, and at most half the way, from here to there."""
    dx, dy = there[0] - here[0], there[1] - here[1]
    far = max(abs(dx), abs(dy), 1e-9)
    k = min(7.0, far / 2) / far
    return here[0] + k * dx, here[1] + k * dy


def frame(item: Item, size: Size, block: Block, x: float, y: float) -> list[Shape]:
    """An open item: a frame with its name, its inside, and the feedback of a loop."""
    dx = inset(item)
    name = _clear(measure(item.label, NAME) * 1.12, size.width, [px + dx for px, _ in block.tops.values()])
    found: list[Shape] = [
        *constants(item, size, x, y),
        Rect(x, y, size.width, size.height, 8, item.look, item.tip),
        Text(x + name, y + 16, item.label, NAME, fill=LOOKS[item.look].stroke, bold=True, halo=True),
    ]
    for source, (px, _) in block.tops.items():
        look = "bundle" if source in block.thick else "parameter"
        found.append(line(look, (x + dx + px, y), (x + dx + px, y + HEADER)))
    for near, far, side in ((0.0, dx, block.left), (dx + block.end, size.width, block.right)):
        if near < far:
            found += [line("wire", (x + near, y + HEADER + py), (x + far, y + HEADER + py)) for py in side]
    found += [s for j in range(len(item.loops)) for s in _feedback(item, size, block, x, y, j)]
    return found + moved(block.shapes, x + dx, y + HEADER)


def _clear(text: float, width: float, ports: list[float]) -> float:
    """Where a name that is so wide can start in a frame without covering the parameters that come in."""
    for start in (PAD, *[p + 7 for p in sorted(ports)]):
        if start + text + 5 <= width and not any(start - 4 < p < start + text + 4 for p in ports):
            return start
    return PAD


def _feedback(item: Item, size: Size, block: Block, x: float, y: float, j: int) -> list[Shape]:
    """The way back from an output of a loop to the input of its next round, below the inside."""
    out, into = item.loops[j]
    right, left = x + inset(item) + block.width + 4 + LOOP * j, x + inset(item) - 4 - LOOP * j
    start, end = y + HEADER + block.right[out], y + HEADER + block.left[into]
    below = y + HEADER + block.height + 8 + LOOP * j
    way = line("feedback", (right, start), (right, below), (left, below), (left, end))
    return [way, Circle(right, start, 3, "dot"), Circle(left, end, 3, "dot")]
