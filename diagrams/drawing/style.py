"""How things look: palette, symbols of primitives, short names of types, and the width of text.

A box is colored by what it is, so that a picture can be read without its labels: a box with a
definition (blue, can be opened), a derivative `R[f]` or `D[f]` (red), a primitive (white), a loop or branch
(amber), an abstract box (dashed). A wire that carries a cotangent is red, a residual, which a forward box
keeps for its backward box, gray, a parameter violet. A dot is a copy, a bar at the end of a wire is a
discard, a thick line is several arrays, and a dashed line with an arrow is feedback.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..box import Box
from ..primitives import traits
from ..types import Wire

__all__ = [
    "FONT", "LOOKS", "THICK", "Look", "clipped", "count", "label_of", "line_look", "look_of", "measure", "type_text",
]  # fmt: skip

FONT = "DejaVu Sans, Verdana, Geneva, sans-serif"
INK, SOFT, PARAMETER = "#1f2933", "#5f6b7a", "#7b3fa0"
WIRE, RESIDUAL, COTANGENT = "#333d49", "#98a2b0", "#b03a4e"


class Look(NamedTuple):
    """Fill, stroke, width of the stroke, and whether it is dashed."""

    fill: str
    stroke: str
    width: float = 1.2
    dashed: bool = False


LOOKS = {
    "defined": Look("#e3edfb", "#2f62a8"),
    "derivative": Look("#fae6e9", COTANGENT),
    "primitive": Look("#ffffff", "#4a5563"),
    "symbol": Look("#ffffff", "#4a5563"),
    "loop": Look("#fdf0d5", "#a8690a"),
    "abstract": Look("#ffffff", "#4a5563", 1.2, True),
    "open defined": Look("#f7faff", "#2f62a8"),
    "open derivative": Look("#fef8f8", COTANGENT),
    "open loop": Look("#fffaf0", "#a8690a"),
    "constant": Look("#eceff3", "none", 0.0),
    "constant array": Look("#dfe4ea", "#4a5563", 1.0),
    "wire": Look("none", WIRE, 1.3),
    "residual": Look("none", RESIDUAL, 1.3),
    "cotangent": Look("none", COTANGENT, 1.3),
    "wire arrow": Look(WIRE, "none", 0.0),
    "residual arrow": Look(RESIDUAL, "none", 0.0),
    "cotangent arrow": Look(COTANGENT, "none", 0.0),
    "feedback": Look("none", "#a8690a", 1.3, True),
    "arrow": Look("#a8690a", "none", 0.0),
    "end": Look("none", WIRE, 1.6),
    "dot": Look(WIRE, "none", 0.0),
    "residual dot": Look(RESIDUAL, "none", 0.0),
    "cotangent dot": Look(COTANGENT, "none", 0.0),
    "parameter": Look("none", PARAMETER, 1.3),
    "several wire": Look("none", WIRE, 3.0),
    "several residual": Look("none", RESIDUAL, 3.0),
    "several cotangent": Look("none", COTANGENT, 3.0),
    "bundle": Look("none", PARAMETER, 3.0),
    "parameter end": Look("none", PARAMETER, 1.6),
    "parameter dot": Look(PARAMETER, "none", 0.0),
    # verdicts, told apart by lightness and the width of the stroke too
    "wrong": Look("#f3a59c", "#a31515", 2.6),
    "undecided": Look("#fbe08e", "#8a6100", 1.8),
    "imprecise": Look("#fbe0c8", "#b4570b", 1.7),
    "discontinuous": Look("#fbdcec", "#a3195b", 1.6),
    "intensional": Look("#e9dff8", "#6f42c1", 1.4),
    "correct": Look("#dff2e1", "#2c7a3d"),
    "proved": Look("#d5e8f8", "#1f6fb2"),
    "not checked": Look("#ffffff", "#98a2b0", 1.0),
    "open wrong": Look("#fff6f5", "#a31515", 2.6),
    "open undecided": Look("#fffbee", "#8a6100", 1.8),
    "open imprecise": Look("#fef8f2", "#b4570b", 1.7),
    "open discontinuous": Look("#fef8fb", "#a3195b", 1.6),
    "open intensional": Look("#fbf9fe", "#6f42c1", 1.4),
    "open correct": Look("#f8fcf8", "#2c7a3d"),
    "open proved": Look("#f6fafd", "#1f6fb2"),
    "open not checked": Look("#ffffff", "#98a2b0", 1.0),
}
THICK = 3.0  # lines at least so wide have square ends, so that corners are without notches

SYMBOLS = {
    "add": "+", "add_any": "+", "sub": "−", "mul": "×", "div": "÷", "eq": "=", "ne": "≠", "lt": "<", "le": "≤",  # noqa: RUF001
    "gt": ">", "ge": "≥", "and": "∧", "or": "∨", "not": "¬",  # noqa: RUF001
}  # fmt: skip
SHORT = {"bfloat16": "bf16", "bool": "bool"}


def look_of(box: Box) -> str:
    """The kind of a box: a key of `LOOKS`."""
    if box.role:
        return "derivative"
    if traits(box.op).looping:
        return "loop"
    if box.bodies:
        return "defined"
    if not box.op:
        return "abstract"
    return "symbol" if box.op in SYMBOLS and box.n_in <= 2 and box.n_out == 1 else "primitive"


def line_look(kind: str, several: bool) -> str:
    """The look of a line: "wire", "residual", "cotangent" or "parameter", of one array or several."""
    if not several:
        return kind
    return "bundle" if kind == "parameter" else f"several {kind}"


def label_of(box: Box, name: str) -> str:
    """What is written in a box that is called `name` in its graph: that name, unless a symbol is known to all."""
    if look_of(box) == "symbol":
        return SYMBOLS[box.op]
    if box.op == "scan":
        return f"{name} × {box.params.get('length', '?')}"  # noqa: RUF001
    if box.op == "integer_pow":
        return f"{name}, y = {box.params.get('y', '?')}"
    return name


def _short(dtype: str) -> str:
    """JAX's short name of a dtype: f32, bf16, i8."""
    found = re.fullmatch(r"(float|int|uint|complex)(\d+)(.*)", dtype)
    return found[1][0] + found[2] + found[3] if found else SHORT.get(dtype, dtype)


def type_text(w: Wire) -> str:
    """A type as it is written beside a wire: `R(3, 4)`, with a short dtype if it is not the usual one."""
    shape = ", ".join(map(str, w.shape))
    plain = f"{w.kind}({shape})"
    return plain if plain == w.name else f"{plain} {_short(w.dtype)}"


def count(n: int) -> str:
    """A number of entries: 72, 7.1k, 12.3M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if n >= limit:
            return f"{n / limit:.3g}{unit}" if n < 10 * limit else f"{n / limit:.0f}{unit}"
    return str(n)


# Advance widths of DejaVu Sans from space to tilde, in hundredths of the font size.
WIDTHS = tuple(map(int, """
32 40 46 84 64 95 78 27 39 39 50 84 32 36 32 34 64 64 64 64 64 64 64 64 64 64 34 34 84 84 84 53 100 68 69 70 77 63
58 77 75 29 29 66 56 86 75 79 60 79 69 63 61 73 68 99 69 61 69 39 34 39 84 50 50 61 63 55 63 62 35 63 63 28 28 58
28 97 63 61 63 63 41 52 39 63 59 82 59 59 52 64 34 64 84
""".split()))  # fmt: skip


def measure(text: str, size: float) -> float:
    """The width of a line of text in pixels."""
    return size * sum(WIDTHS[ord(c) - 32] if " " <= c <= "~" else 84 for c in text) / 100


def clipped(text: str, longest: int = 32) -> str:
    """The text without line breaks, cut in the middle when it is too long for a box."""
    text = " ".join(text.split()) or "?"
    return text if len(text) <= longest else f"{text[: longest - 9]}…{text[-8:]}"
