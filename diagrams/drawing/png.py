"""The PNG writer: the shapes of a picture through matplotlib's Agg, without its global state."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .picture import Circle, Curve, Rect, Text, printable
from .style import LOOKS, THICK

if TYPE_CHECKING:
    from .picture import Picture

__all__ = ["write"]

SCALE, LONGEST = 2.0, 16000  # pixels of the file a pixel of the picture, and the longest side of the file


def write(self: Picture, path: str) -> None:
    """Write the picture to `path` as a PNG file of twice its size, or less if it is huge."""
    picture = self
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scale = min(SCALE, LONGEST / max(picture.width, picture.height))
    figure = Figure(figsize=(picture.width / 72, picture.height / 72), dpi=72 * scale, facecolor="white")
    axes: Any = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, 0)
    axes.axis("off")
    for order, shape in enumerate(picture.shapes):
        PAINTERS[type(shape)](axes, shape, order)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a letter that the font lacks is drawn as an empty box
        FigureCanvasAgg(figure).print_png(path)


def _patch(axes: Any, patch: Any, look: str, order: int) -> None:
    k = LOOKS[look]
    patch.set(facecolor=k.fill, edgecolor=k.stroke, linewidth=k.width, zorder=order, joinstyle="round")
    patch.set_linestyle((0, (4, 2.4)) if k.dashed else "solid")
    axes.add_artist(patch)


def _rect(axes: Any, s: Rect, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    shape = f"round,pad=0,rounding_size={min(s.r, s.w / 2, s.h / 2)}"
    _patch(axes, FancyBboxPatch((s.x, s.y), s.w, s.h, boxstyle=shape), s.look, order)


def _circle(axes: Any, s: Circle, order: int) -> None:
    from matplotlib.patches import Circle as Disk

    _patch(axes, Disk((s.x, s.y), s.r), s.look, order)


def _curve(axes: Any, s: Curve, order: int) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    kinds = {"M": [Path.MOVETO], "L": [Path.LINETO], "C": [Path.CURVE4] * 3}
    points = [(c[i], c[i + 1]) for c in s.commands for i in range(1, len(c), 2)]
    codes = [code for c in s.commands for code in kinds[c[0]]]
    cap = "projecting" if LOOKS[s.look].width >= THICK else "butt"
    # snapped to pixels, the parts of a line would not meet where one of them has a curve and another has not
    _patch(axes, PathPatch(Path(points, codes), capstyle=cap, snap=False), s.look, order)


def _text(axes: Any, s: Text, order: int) -> None:
    from matplotlib.patheffects import withStroke

    artist = axes.text(
        s.x,
        s.y,
        printable(s.text),
        fontsize=s.size,
        color=s.fill,
        family="DejaVu Sans",
        weight="bold" if s.bold else "normal",
        ha={"start": "left", "middle": "center", "end": "right"}[s.anchor],
        va="baseline",
        zorder=order,
        parse_math=False,
    )
    if s.halo:
        artist.set_path_effects([withStroke(linewidth=3, foreground="white")])


PAINTERS: dict[type, Callable[[Any, Any, int], None]] = {Rect: _rect, Circle: _circle, Curve: _curve, Text: _text}
