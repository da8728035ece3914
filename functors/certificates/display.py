"""Certificates for people: a table as text and in a notebook, what is wrong in full, and the colored picture.

The table has a row for each kind of box, the worst first, and one for the whole. After it stands what a verdict alone
does not say: for a wrong box all that is needed to see the fault, for an intensional one its points, for an undecided
one the reason. Defects are in units of what rounding allows, so that up to 1 nothing is wrong.

>>> print(str(check(jnp.tanh, 0.5, domain=[(-2, 2)])).split("\\n")[0])
box   verdict  method    curves  panels  worst defect  evaluations
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ...diagrams.drawing import Picture, draw
from ...diagrams.drawing.picture import Circle, Rect, Shape, Text, moved
from ...diagrams.drawing.style import measure

if TYPE_CHECKING:
    from .certificate import BoxCertificate, Certificate, Witness

__all__ = ["failure", "html", "listed", "note", "picture", "text"]

HEADER = ("box", "verdict", "method", "curves", "panels", "worst defect", "evaluations")
WORDS = 3  # columns of words, to the left; the others are numbers
POINTS = 4  # that are listed of one box
LEGEND = 11.0
ASKED = "was not asked for"
FOUND = "a box is wrong"

# What each criterion says, as it should be.
CRITERIA = {
    "slope": "values change by the integral of the claimed slope",
    "transpose": "⟨w, J v⟩ = ⟨Jᵀ w, v⟩",
    "linear": "claims are linear in tangents and cotangents",
    "point": "at a point the claim is the derivative, or lies between those nearby",
    "precision": "the rule in its own format loses what rounding of the inputs does, and no more",
    "value": "the value that comes with a tangent is the value",
    "type": "tangents and cotangents have the types of the wires",
    "natural": "a function and its rule say the same however they are called",
}

ENTRIES: Any = {"float_kind": "{:.6g}".format, "complex_kind": "{:.6g}".format}

# White on these reads in light and in dark.
COLORS = {
    "wrong": "#b3261e",
    "undecided": "#8a6100",
    "imprecise": "#b4570b",
    "discontinuous": "#a3195b",
    "intensional": "#6f42c1",
    "correct": "#1a7f37",
    "proved": "#0b65c2",
}


@dataclass(frozen=True)
class Remark:
    """What is to be said about one box besides its row: labels with texts."""

    verdict: str
    title: str
    lines: tuple[tuple[str, str], ...]


# -- numbers and arrays ---------------------------------------------------------------------------


def array_text(a: Any) -> str:
    """An array in one line; of more than sixteen entries the first and last three, after its shape."""
    try:
        array = np.asarray(a)
    except TypeError:  # keys of random numbers are no numpy arrays
        return str(a)
    shape = f"{list(array.shape)} " if array.size > 16 and array.ndim > 1 else ""
    array = array.ravel() if shape else array
    return shape + np.array2string(array, threshold=16, separator=", ", formatter=ENTRIES).replace("\n", "")


def listed(arrays: Sequence[Any]) -> str:
    """Some arrays in parentheses."""
    return f"({', '.join(map(array_text, arrays))})"


def number(x: float) -> str:
    """A number with three digits."""
    return "∞" if x == float("inf") else f"{x:.3g}"


def counted(n: int, one: str, many: str = "") -> str:
    """A number of things: 1 box, 2 boxes."""
    return f"{n:,}".replace(",", " ") + f" {one if n == 1 else many or one + 's'}"


# -- rows -----------------------------------------------------------------------------------------


def name_of(row: BoxCertificate) -> str:
    """The path of the first use, and how many there are."""
    times = f" ×{len(row.paths)}" if len(row.paths) > 1 else ""  # noqa: RUF001
    return f"{row.path}{times}" if row.path else "(the whole)"


def cells(row: BoxCertificate) -> tuple[str, ...]:
    """The row as it is shown."""
    panels = f"{row.resolved}/{row.panels}" if row.panels else ""
    worst = number(row.worst) if row.evals else ""
    return name_of(row), row.verdict, row.method, str(row.curves or ""), panels, worst, str(row.evals or "")


def rows_of(certificate: Certificate) -> list[BoxCertificate]:
    """The rows of the table: those of boxes, and of the whole."""
    return [*certificate.rows, *([certificate.whole] if certificate.whole else [])]


def note(certificate: Certificate) -> str:
    """The verdict with the counts that it is made of."""
    found = Counter(row.verdict for row in certificate.rows)
    parts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(found.items(), key=lambda f: list(COLORS).index(f[0])))
    kinds = counted(len(certificate.rows), "kind of box", "kinds of boxes")
    return f"{certificate.verdict}: {kinds}" + (f" ({parts})" if parts else "")


def summary(certificate: Certificate) -> str:
    """The last line: what was found and what it took."""
    uses = counted(sum(len(row.paths) for row in certificate.rows), "place")
    evals = counted(certificate.evals, "derivative evaluation")
    return (
        f"{note(certificate)} in {uses}; {evals}, {certificate.seconds:.1f} s; "
        f"effort {certificate.effort}, seed {certificate.seed}"
    )


# -- what is said besides -------------------------------------------------------------------------


def facts_of(witness: Witness) -> list[tuple[str, str]]:
    """All that is needed to see a fault."""
    by = "" if np.isinf(witness.ratio) else f", {witness.ratio:.2g} times what rounding allows"
    hint = [("pattern", witness.hint)] if witness.hint else []
    return [
        ("criterion", f"{witness.criterion}: {CRITERIA.get(witness.criterion.split(' (')[0], '')}".rstrip(": ")),
        ("claimed", f"{witness.claimed:.10g}"),
        ("actual", f"{witness.actual:.10g}{by}"),
        ("at", listed(witness.inputs)),
        ("along", listed(witness.direction)),
        *([("cotangent", listed(witness.cotangent))] if _paired(witness) else []),
        ("plot", f"{witness.plot}; seed {witness.seed}"),
        *hint,
    ]


def _paired(witness: Witness) -> bool:
    return witness.mode == "reverse" and witness.criterion != "value"


def failure(witness: Witness) -> list[str]:
    """The lines of a witness."""
    head = f"{witness.mode}, order {witness.order}"
    return [head, *_aligned(facts_of(witness))]


def remarks(certificate: Certificate) -> Iterator[Remark]:
    """What is to be said besides the table, the worst first."""
    for row in rows_of(certificate):
        place = f"certificate[{row.path!r}]" if row.path else "certificate.whole"
        witness = row.witness
        if row.verdict == "wrong" and row.reason == FOUND:
            yield Remark("wrong", name_of(row), (("reason", row.reason),))
        elif row.verdict == "wrong" and witness is not None:
            title = f"{name_of(row)} : {row.box.dom} -> {row.box.cod}, {witness.mode}, order {witness.order}"
            reason = [("reason", row.reason)] if row.reason else []
            yield Remark("wrong", title, (*facts_of(witness), *reason, ("again", f"{place}.witness.replay()")))
        elif row.verdict in ("undecided", "imprecise"):
            yield Remark(row.verdict, name_of(row), (("reason", row.reason or "none was given"),))
        elif row.points:
            points = [("", str(p)) for p in row.points[:POINTS]]
            more = len(row.points) - POINTS
            yield Remark(row.verdict, name_of(row), (*points, *([("", f"and {more} more")] if more > 0 else ())))
    yield from _unchecked(certificate)


def _unchecked(certificate: Certificate) -> Iterator[Remark]:
    """Derivatives that there are not, and so were not checked, of boxes that have another."""
    for row in rows_of(certificate):
        found = {m: why for m, why in row.missing.items() if why != ASKED and row.verdict != "undecided"}
        for mode, why in found.items():
            yield Remark("not checked", f"{name_of(row)}, {mode}", (("reason", why.split("\n")[0]),))


def _aligned(lines: Iterable[tuple[str, str]]) -> list[str]:
    lines = list(lines)
    width = max((len(label) for label, _ in lines), default=0)
    return [f"  {label:{width}}  {words}" if width else f"  {words}" for label, words in lines]


# -- text and notebooks ---------------------------------------------------------------------------


def text(certificate: Certificate) -> str:
    """The table, the remarks and the summary."""
    table = [HEADER, *map(cells, rows_of(certificate))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(_set(c, k, w) for k, (c, w) in enumerate(zip(row, widths, strict=True))) for row in table]
    found = [lines[0].rstrip(), "-" * max(map(len, lines)), *map(str.rstrip, lines[1:]), ""]
    for remark in remarks(certificate):
        found += [f"{remark.verdict.upper()}  {remark.title}", *_aligned(remark.lines), ""]
    return "\n".join([*found, summary(certificate)])


def _set(cell: str, column: int, width: int) -> str:
    return f"{cell:{width}}" if column < WORDS else f"{cell:>{width}}"


def html(certificate: Certificate) -> str:
    """The same for a notebook."""
    head = "".join(_cell("th", k, escape(c)) for k, c in enumerate(HEADER))
    body = "\n".join(_html_row(row) for row in rows_of(certificate))
    said = "\n".join(
        f"<p>{_badge(remark.verdict)} {escape(remark.title)}</p>\n"
        f"<pre>{escape(chr(10).join(_aligned(remark.lines)))}</pre>"
        for remark in remarks(certificate)
    )
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    return f"{table}\n{said}\n<p>{escape(summary(certificate))}</p>"


def _html_row(row: BoxCertificate) -> str:
    shown = [_badge(c) if HEADER[k] == "verdict" else escape(c) for k, c in enumerate(cells(row))]
    return f"<tr>{''.join(_cell('td', k, c) for k, c in enumerate(shown))}</tr>"


def _cell(tag: str, column: int, inner: str) -> str:
    return f'<{tag} style="text-align: {"left" if column < WORDS else "right"}">{inner}</{tag}>'


def _badge(verdict: str) -> str:
    color = COLORS.get(verdict, "#5f6b7a")
    style = f"background: {color}; color: #ffffff; padding: 0 0.4em; border-radius: 0.3em"
    return f'<span style="{style}">{escape(verdict)}</span>'


# -- the picture ----------------------------------------------------------------------------------


def picture(
    certificate: Certificate,
    path: str | os.PathLike[str] | None = None,
    *,
    open: str | Iterable[str] | None = None,
    depth: int = 0,
    title: str | None = None,
    width: int = 1500,
) -> Picture:
    """The picture of the diagram with boxes in the colors of their verdicts, and a legend."""
    opened = _around(certificate) if open is None else open
    plain = draw(certificate.of, open=opened, depth=depth, title=title, width=width)
    painted = plain.painted(verdict_of(certificate))
    seen = {s.look.removeprefix("open ") for s in painted.shapes if isinstance(s, (Rect, Circle)) and s.tip}
    shapes, wide = _legend(certificate, seen)
    low = moved(shapes, 16, painted.height + 2)
    made = Picture((*painted.shapes, *low), max(painted.width, wide + 32), painted.height + 28)
    if path is not None:
        made.save(path)
    return made


def verdict_of(certificate: Certificate) -> Callable[[str], str]:
    """The verdict of the box at a path: its own; the weakest of what is inside; or that of the box it is inside of."""
    order, own = list(COLORS), {path: row.verdict for path, row in certificate.boxes.items()}
    weakest: dict[str, str] = {}
    for path, verdict in own.items():
        for at in accumulate(path.split("/"), "{}/{}".format):
            weakest[at] = min(weakest.get(at, verdict), verdict, key=order.index)

    def found(path: str) -> str:
        if path in weakest:
            return weakest[path]
        around = list(accumulate(path.split("/"), "{}/{}".format))
        return next((own[at] for at in reversed(around) if at in own), "not checked")

    return found


def _around(certificate: Certificate) -> list[str]:
    """The boxes around those that are wrong."""
    wrong = [row.path for row in certificate.rows if row.verdict == "wrong"]
    return list(dict.fromkeys(path.rsplit("/", 1)[0] for path in wrong if "/" in path))


def _legend(certificate: Certificate, seen: Collection[str]) -> tuple[list[Shape], int]:
    """What the colors that are seen mean, with the number of kinds; and how wide that is."""
    found = Counter(row.verdict for row in certificate.rows)
    words = [(v, f"{v} ({found[v]})") for v in COLORS if v in seen]
    words += [("not checked", "nothing to check")] if "not checked" in seen else []
    shapes: list[Shape] = []
    x = 0.0
    for look, label in words:
        shapes += [Rect(x, 2, 14, 12, 3, look), Text(x + 20, 12, label, LEGEND)]
        x += 40 + measure(label, LEGEND)
    if certificate.whole is not None:
        label = f"the whole: {certificate.whole.verdict}"
        shapes.append(Text(x, 12, label, LEGEND, bold=True))
        x += 1.12 * measure(label, LEGEND)
    return shapes, int(x) + 1
