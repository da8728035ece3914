"""A picture is a list of shapes; both writers, SVG and PNG, read the same list.

>>> Picture((Rect(1, 1, 8, 8, 2, "primitive", "f : R(2) -> R(3)"),), 10, 10).width
10
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ...categories.errors import FileError
from .style import FONT, INK, LOOKS, THICK

__all__ = ["Circle", "Curve", "Picture", "Rect", "Shape", "Text", "mirrored", "moved", "printable"]

Command = tuple[Any, ...]


@dataclass(frozen=True)
class Rect:
    """A rectangle with rounded corners; `tip` is shown when the pointer rests on it."""

    x: float
    y: float
    w: float
    h: float
    r: float
    look: str
    tip: str = ""


@dataclass(frozen=True)
class Circle:
    """A disk."""

    x: float
    y: float
    r: float
    look: str
    tip: str = ""


@dataclass(frozen=True)
class Curve:
    """A path of commands ("M", x, y), ("L", x, y) and ("C", x1, y1, x2, y2, x, y)."""

    commands: tuple[Command, ...]
    look: str
    tip: str = ""


@dataclass(frozen=True)
class Text:
    """A line of text; `y` is the baseline and `anchor` is start, middle or end. `halo` clears what is behind it.

    `tip` is the whole of a text that is shortened.
    """

    x: float
    y: float
    text: str
    size: float = 12.0
    anchor: str = "start"
    fill: str = INK
    bold: bool = False
    halo: bool = False
    tip: str = ""


Shape = Rect | Circle | Curve | Text


def moved(shapes: Iterable[Shape], dx: float, dy: float) -> list[Shape]:
    """The shapes, shifted."""
    found: list[Shape] = []
    for s in shapes:
        if isinstance(s, Curve):
            found.append(replace(s, commands=tuple([_shift(c, dx, dy) for c in s.commands])))
        else:
            found.append(replace(s, x=s.x + dx, y=s.y + dy))
    return found


def mirrored(shapes: Iterable[Shape], width: float) -> list[Shape]:
    """The shapes with left and right exchanged on a page of that width; texts stay readable."""
    found: list[Shape] = []
    for s in shapes:
        if isinstance(s, Curve):
            turned = [(c[0], *[v if i % 2 else width - v for i, v in enumerate(c[1:])]) for c in s.commands]
            found.append(replace(s, commands=tuple(turned)))
        elif isinstance(s, Text):
            anchor = {"start": "end", "end": "start"}.get(s.anchor, s.anchor)
            found.append(replace(s, x=width - s.x, anchor=anchor))
        else:
            found.append(replace(s, x=width - s.x - (s.w if isinstance(s, Rect) else 0)))
    return found


def _shift(c: Command, dx: float, dy: float) -> Command:
    return (c[0], *[v + (dy if i % 2 else dx) for i, v in enumerate(c[1:])])


@dataclass(frozen=True)
class Picture:
    """A drawn diagram: `shapes`, in the order of painting, on a page of `width` times `height` pixels.

    Notebooks show it by themselves; `save` writes a file; `.svg` is the text of a standalone SVG.
    """

    shapes: tuple[Shape, ...]
    width: int
    height: int

    @property
    def svg(self) -> str:
        """The picture as a standalone SVG document."""
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="{FONT}">',
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>',
            *[ELEMENTS[type(s)](s) for s in self.shapes],
            "</svg>\n",
        ]
        return "\n".join(lines)

    def beside(self, other: Picture, sign: str = "") -> Picture:
        """This picture and another one to the right of it, with a sign between them, such as "="."""
        gap = 24 + 12 * len(sign)
        height = max(self.height, other.height)
        between = [Text(self.width + gap / 2, height / 2 + 6, sign, 18.0, "middle")] if sign else []
        left = moved(self.shapes, 0, (height - self.height) // 2)
        right = moved(other.shapes, self.width + gap, (height - other.height) // 2)
        return Picture((*left, *between, *right), self.width + gap + other.width, height)

    def painted(self, look: Callable[[str], str]) -> Picture:
        """This picture with the box at each path in the look (a key of `LOOKS`) that a function gives for the path.

        An open box is in the look "open" and that name.
        """
        # what has a tip is a box
        found = [_painted(s, look) if isinstance(s, (Rect, Circle)) and s.tip else s for s in self.shapes]
        return replace(self, shapes=tuple(found))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file named .svg or .png, whole or not at all. Raises `FileError` for other names."""
        target = Path(path)
        writers: dict[str, Callable[[str], None]] = {".svg": self._write_svg, ".png": self._write_png}
        write = writers.get(target.suffix.lower())
        if write is None:
            raise FileError(f"cannot save a picture as {str(target)!r}: give a path that ends in .svg or .png")
        try:
            handle, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}", suffix=target.suffix)
        except OSError as e:
            raise FileError(f"cannot save a picture as {str(target)!r}: {e.strerror}") from e
        os.close(handle)
        try:
            write(scratch)
            os.chmod(scratch, 0o644)  # mkstemp makes files that only their owner reads
            os.replace(scratch, target)
        except OSError as e:
            raise FileError(f"cannot save a picture as {str(target)!r}: {e.strerror}") from e
        finally:
            if os.path.exists(scratch):
                os.unlink(scratch)

    def _write_svg(self, path: str) -> None:
        Path(path).write_text(self.svg, encoding="utf-8")

    if TYPE_CHECKING:

        def _write_png(self, path: str) -> None: ...  # of `png`, bound when the folder is entered

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<Picture {self.width} x {self.height}, {len(self.shapes)} shapes>"


def _painted(shape: Rect | Circle, look: Callable[[str], str]) -> Rect | Circle:
    name = look(shape.tip.rsplit(" : ", 1)[0])
    return replace(shape, look=f"open {name}" if shape.look.startswith("open ") else name, tip=f"{shape.tip}, {name}")


def _n(v: float) -> str:
    return f"{round(v, 1) + 0.0:.1f}".removesuffix(".0")  # + 0.0 turns -0.0 into 0.0


def printable(text: str) -> str:
    """The text with a mark in place of each character that neither XML nor a font can hold."""
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)


def _safe(text: str) -> str:
    return escape(printable(text), {'"': "&quot;"})


def _paint(look: str, kind: str) -> str:
    k = LOOKS[look]
    dash = ' stroke-dasharray="5 3"' if k.dashed else ""
    return f'class="{kind} {look}" fill="{k.fill}" stroke="{k.stroke}" stroke-width="{_n(k.width)}"{dash}'


def _closed(tag: str, tip: str) -> str:
    name = tag.split(" ", 1)[0]
    return f"<{tag}><title>{_safe(tip)}</title></{name}>" if tip else f"<{tag}/>"


def _rect(s: Rect) -> str:
    kind = "box" if s.tip else "label"
    at = f'x="{_n(s.x)}" y="{_n(s.y)}" width="{_n(s.w)}" height="{_n(s.h)}" rx="{_n(s.r)}"'
    return _closed(f"rect {at} {_paint(s.look, kind)}", s.tip)


def _circle(s: Circle) -> str:
    kind = "box" if s.tip else "point"
    return _closed(f'circle cx="{_n(s.x)}" cy="{_n(s.y)}" r="{_n(s.r)}" {_paint(s.look, kind)}', s.tip)


def _curve(s: Curve) -> str:
    d = " ".join(f"{c[0]}{' '.join(map(_n, c[1:]))}" for c in s.commands)
    cap = ' stroke-linecap="square"' if LOOKS[s.look].width >= THICK else ""
    return _closed(f'path d="{d}" {_paint(s.look, "line")} stroke-linejoin="round"{cap}', s.tip)


def _text(s: Text) -> str:
    more = "" if s.anchor == "start" else f' text-anchor="{s.anchor}"'
    more += ' font-weight="bold"' if s.bold else ""
    more += ' stroke="#ffffff" stroke-width="3" stroke-linejoin="round" paint-order="stroke"' if s.halo else ""
    at = f'x="{_n(s.x)}" y="{_n(s.y)}" font-size="{_n(s.size)}" fill="{s.fill}"{more}'
    title = f"<title>{_safe(s.tip)}</title>" if s.tip else ""
    return f"<text {at}>{_safe(s.text)}{title}</text>"


ELEMENTS: dict[type, Callable[[Any], str]] = {Rect: _rect, Circle: _circle, Curve: _curve, Text: _text}
