"""What a drawn scene is to the scene around it (`Block`), the sizes of items, and how they are drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .bundles import Bundle
from .grid import Size
from .picture import Circle, Command, Curve, Rect, Shape, Text, moved
from .scene import ARRAY, Item
from .style import LOOKS, SOFT, line_look, measure

__all__ = [
    "NAME", "RADIUS", "TYPE", "Block", "Cut", "arrow", "bar", "closed", "closed_size", "frame", "inset", "is_round",
    "line", "open_size", "pill", "spacing_of",
]  # fmt: skip

NAME, TYPE = 12.0, 10.0  # font sizes
PORT, PAD, HEADER, RADIUS, LOOP, ASIDE = 18.0, 11.0, 24.0, 13.0, 10.0, 22.0


@dataclass(frozen=True)
class Cut:
    """A place where a row may be cut: its x, the wires that cross it from top to bottom, the column before it.

    `columns` has the columns of all items.
    """

    x: float
    wires: tuple[int, ...]
    column: int
    columns: Mapping[int, int]

    def before(self, item: int) -> bool:
        """Whether an item stands before the cut."""
        return self.columns[item] <= self.column


@dataclass
class Block:
    """A drawn scene: its size, the heights of its ports, and where parameters come in, by the number of their source.

    The ports on the right stand at x = `end`. The lines of parameters are still to be led to their places `tops`;
    `thick` are the sources that are several arrays, `gray` those that are residuals.
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
    gray: frozenset[int] = frozenset()
    head: float = 0.0  # the height of what stands above a row for its parameters

    def look(self, source: int) -> str:
        """How the line of a source looks."""
        return line_look("residual" if source in self.gray else "parameter", source in self.thick)


def is_round(item: Item) -> bool:
    """Whether a closed item is a symbol in a circle."""
    return item.look == "symbol"


def spacing_of(item: Item, bundles: Sequence[Bundle]) -> float:
    """How far apart bundles come to the top of a closed item.

    Where they come from around the scene, their lines pass beside all labels, which thus need room between them.
    """
    if is_round(item) or len(bundles) < 2:
        return 16.0
    return max([16.0, *[b.room for b in bundles if b.source is not None]])


def closed_size(item: Item, bundles: Sequence[Bundle]) -> Size:
    """The size of a closed item that reads these bundles."""
    sides = asides(item)
    if item.look == "turn":
        return Size(0.0, 0.0, [], [0.0])
    if item.look == "drain":
        return Size(0.0, 8.0, [4.0] * len(item.reads), [])
    if is_round(item):
        # Both wires aim at the middle, so that one of them is straight; `place` ends them at two points. If their
        # order matters, the second aims a little lower, so that the order of the columns heeds it.
        step = 0.0 if item.commutes or sides else 0.5
        return _with_asides(Size(2 * RADIUS, 2 * RADIUS, _spread(len(item.reads), 2 * RADIUS, step), [RADIUS]), sides)
    ports = max(len(item.reads), len(item.writes))
    step = PORT if ports <= 24 else 12.0
    height = max(30.0, step * ports + 6) if not sides else 30.0
    width = max(measure(item.label, NAME) + 2 * PAD, 34.0, spacing_of(item, bundles) * (len(bundles) - 1) + 30)
    if sides:
        return _with_asides(Size(width, height, [height / 2] * 2, [height / 2]), sides)
    return Size(width, height, _spread(len(item.reads), height, step), _spread(len(item.writes), height, step))


def asides(item: Item) -> dict[int, str]:
    """The constants that stand above an item (-1, the first operand) or below it (1, the second).

    They are the one of an item that reads a wire and a constant, and both of a circle, whose ports are one point.
    """
    if len(item.reads) != 2 or len(item.writes) != 1 or item.bundles:
        return {}
    found = {side: r for side, r in zip((-1, 1), item.reads, strict=True) if isinstance(r, str)}
    return found if len(found) == 1 or is_round(item) else {}


def _with_asides(size: Size, sides: Collection[int]) -> Size:
    """The size with room for a constant above (-1), below (1) or both."""
    down = ASIDE if -1 in sides else 0.0
    left, right = ([y + down for y in ys] for ys in (size.left, size.right))
    return Size(size.width, size.height + ASIDE * len(sides), left, right)


def _spread(n: int, length: float, step: float) -> list[float]:
    return [length / 2 + (i - (n - 1) / 2) * step for i in range(n)]


def open_size(item: Item, block: Block) -> Size:
    """The size of an open item around the block inside it."""
    _, least = _name(item, block)
    width = max(block.width + 2 * inset(item), least)
    left, right = ([y + HEADER for y in side] for side in (block.left, block.right[: len(item.writes)]))
    return Size(width, block.height + HEADER + 12 + inset(item), left, right)


def _name(item: Item, block: Block) -> tuple[float, float]:
    """Where the name of a frame starts, clear of the parameters that come in, and the least width for that."""
    ports = sorted(x + inset(item) for x, _ in block.tops.values())
    text = measure(item.label, NAME) * 1.12
    starts = [PAD, *[p + 7 for p in ports]]
    start = next(s for s in starts if not any(s - 4 < p < s + text + 4 for p in ports))
    # if it starts on the right of all only because it is long, the frame grows
    return start, start + text + PAD


def inset(item: Item) -> float:
    """The room beside and below the inside of an open loop, where its feedback runs."""
    return LOOP * len(item.loops) + 8 if item.loops else 0.0


def closed(item: Item, size: Size, x: float, y: float) -> list[Shape]:
    """A closed item with its top left corner at (x, y), and its constants above, below or on its left."""
    if item.look in ("turn", "drain"):
        return []
    sides = asides(item)
    height, top = size.height - ASIDE * len(sides), y + (ASIDE if -1 in sides else 0)
    pills = [] if sides else constants(item, size, x, y)
    for side, text in sides.items():
        pills += _pill_aside(text, x + size.width / 2, top + (height if side > 0 else 0), side)
    middle = Text(x + size.width / 2, top + height / 2 + 4.3, item.label, NAME, "middle")
    if is_round(item):
        return [*pills, Circle(x + RADIUS, top + RADIUS, RADIUS, item.look, item.tip), middle]
    return [*pills, Rect(x, top, size.width, height, 4, item.look, item.tip), middle]


def _pill_aside(text: str, x: float, y: float, side: int) -> list[Shape]:
    far = y + side * (ASIDE - 15)
    return [line("wire", (x, y), (x, far)), *_chip(text, x, far + 7.5 * side)]


def _chip(text: str, x: float, y: float) -> list[Shape]:
    """The text of a constant around (x, y): a scalar in a pill, an array in a small box."""
    w = measure(text, TYPE) + 10
    array = text.startswith(ARRAY)
    return [
        Rect(x - w / 2, y - 7.5, w, 15, 2 if array else 7.5, "constant array" if array else "constant"),
        Text(x, y + 3.6, text, TYPE, "middle", SOFT),
    ]


def constants(item: Item, size: Size, x: float, y: float) -> list[Shape]:
    """The constants that an item reads, each a pill before its port."""
    return [s for r, p in zip(item.reads, size.left, strict=False) if isinstance(r, str) for s in pill(r, x, y + p)]


def pill(text: str, x: float, y: float) -> list[Shape]:
    """A constant: a small label whose wire ends at (x, y)."""
    w = measure(text, TYPE) + 10
    return [line("wire", (x - 10, y), (x, y)), *_chip(text, x - 10 - w / 2, y)]


def bar(x: float, y: float, *, parameter: bool = False) -> Curve:
    """The end of a wire, or of a parameter's line from above, that nothing reads."""
    dx, dy = (5.0, 0.0) if parameter else (0.0, 5.0)
    return line("parameter end" if parameter else "end", (x - dx, y - dy), (x + dx, y + dy))


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
    dx, m = inset(item), len(item.writes)
    start, _ = _name(item, block)
    found: list[Shape] = [
        *constants(item, size, x, y),
        Rect(x, y, size.width, size.height, 8, item.look, item.tip),
        Text(x + start, y + 16, item.label, NAME, fill=LOOKS[item.look].stroke, bold=True, halo=True),
    ]
    for source, (px, py) in block.tops.items():
        found.append(line(block.look(source), (x + dx + px, y), (x + dx + px, y + HEADER + py)))
    if item.inside is not None:
        ends = [w if isinstance(w, int) else -1 for w in item.inside.outputs[:m]]
        sides = ((0.0, dx, item.inside.inputs, block.left), (dx + block.end, size.width, ends, block.right[:m]))
        for near, far, wires, ys in sides:
            for w, py in zip(wires, ys if near < far else (), strict=False):
                look = item.inside.look(w)
                found.append(line(look, (x + near, y + HEADER + py), (x + far, y + HEADER + py)))
    found += [s for j in range(len(item.loops)) for s in _feedback(item, block, x, y, j)]
    return found + moved(block.shapes, x + dx, y + HEADER)


def _feedback(item: Item, block: Block, x: float, y: float, j: int) -> list[Shape]:
    """The way back from an output of a loop to where the next round starts, below the inside."""
    out, into = item.loops[j]
    right, left = x + inset(item) + block.width + 4 + LOOP * j, x + inset(item) - 4 - LOOP * j
    start, below = y + HEADER + block.right[out], y + HEADER + block.height + 8 + LOOP * j
    stub, dots = [line("wire", (x + inset(item) + block.end, start), (right, start))], []
    if out < len(item.writes):
        stub, dots = [], [Circle(right, start, 3, "dot")]
    way = [(right, start), (right, below), (left, below)]
    if into < 0:  # the first state is a parameter, which comes in from the top
        px, py = block.tops[-1 - into]
        end = y + HEADER + py
        way += [(left, end), (x + inset(item) + px - 7, end)]
        return [*stub, line("feedback", *way), *dots, arrow(x + inset(item) + px, end)]
    end = y + HEADER + block.left[into]
    return [*stub, line("feedback", *way, (left, end), (left + 6, end)), *dots, arrow(left + 9, end)]


def arrow(x: float, y: float, look: str = "arrow") -> Curve:
    """The head of an arrow to the right whose tip is at (x, y)."""
    return Curve((("M", x - 8, y - 4.5), ("L", x, y), ("L", x - 8, y + 4.5), ("L", x - 8, y - 4.5)), look)
