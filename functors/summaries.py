"""Summary: a diagram as a table, one row a box.

The rows are the images of the boxes under three functors into commutative monoids: the cost (`cost`), the
type, and the parameters that a box is the first to read. Law: the counts of the rows of one level add up to
those of the total, whatever is left out in the middle of a long chain, and those of the rows under a box to
the box's own (for a conditional: at most).

An *array* is one named parameter array, and the *number of parameters* is the number of entries of arrays. An
array belongs to the box that reads its wire, in a definition too. A box that reads an array which a box above it
has read already (tying) shows it as shared and does not count it again. Rows in the body of a scan show all of
its trips. Constants cost nothing and get no row, unless the diagram is nothing else.

>>> from paralens import Box, Para, Param
>>> layer = Para(Box("linear", R(3) @ R(3, 2), R(2)), {"w": Param(R(3, 2))})
>>> [(row.path, str(row.dom), row.parameters) for row in summary(layer).rows]
[('linear', 'R(3)', 6)]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ..categories.errors import InputError
from ..categories.para import Para
from ..diagrams.box import Box
from ..diagrams.graph import Graph
from ..diagrams.surgery.opening import entrance
from ..diagrams.syntax import Diagram, require
from ..diagrams.types import Ty
from .costs import Cost, Counter
from .derivatives.derivative import reversal

__all__ = ["Row", "Summary", "summary"]

LONGEST = 200  # rows of one level before its middle is left out
WIDTH = 100  # columns of the text
HEADER = ("path", "type", "parameters", "FLOPs", "bytes")


@dataclass(frozen=True)
class Row:
    """One row: the `path` of a box, the types of its data wires, its parameters and its cost.

    `parameters` is their number: the entries of the arrays that no row above it counts; `shared` is that of the others.
    `left_out` is the number of boxes that the row stands for, if it stands for the middle of a long chain.
    """

    path: str
    dom: Ty
    cod: Ty
    parameters: int
    cost: Cost
    shared: int = 0
    level: int = 0
    label: str = ""
    left_out: int = 0

    @property
    def flops(self) -> int:
        """Arithmetic operations; exponentials and their like are `cost.transcendentals`."""
        return self.cost.flops

    @property
    def bytes(self) -> int:
        """Bytes read and written by the boxes inside, as if nothing were fused."""
        return self.cost.bytes

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as it is shown."""
        indent = "  " * self.level
        if self.left_out:
            name, kind = f"{indent}… {self.left_out:,} boxes left out", ""
        else:
            name, kind = indent + (self.label or self.path), f"{self.dom} → {self.cod}"
        counted = human(self.parameters) if self.parameters else ""
        parameters = f"{counted} (shared {human(self.shared)})".strip() if self.shared else counted
        mark = "" if self.cost.exact else "~" if self.cost.guessed else "≥ " if self.cost.at_least else "≤ "
        return name, kind, parameters, mark + human(self.flops), human(self.bytes, "B")


class Summary:
    """What `summary` gives: `rows`, `total`, and a table as text, in a terminal (`rich`) and in a notebook.

    `origin` says of a reverse derivative what it is the reverse of and how many times its cost it costs.
    """

    def __init__(self, rows: list[Row], total: Row, origin: str = "") -> None:
        self.rows = rows
        self.total = total
        self.origin = origin

    @property
    def notes(self) -> list[str]:
        """What the table needs to be read rightly: the totals in words, and what was not counted exactly."""
        t = self.total
        found = [
            f"{human(t.parameters)} parameters, {human(t.flops, 'FLOP')}, "
            f"{human(t.cost.transcendentals)} transcendentals, {human(t.bytes, 'B')} moved"
        ]
        if t.cost.guessed:
            found.append(f"~ guessed at one FLOP an output: {', '.join(t.cost.guessed)}")
        if t.cost.at_least:
            found.append("≥ a while loop is counted for one trip")
        if t.cost.at_most:
            found.append("≤ a conditional is counted as its dearest branch")
        return [*found, self.origin] if self.origin else found

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(*HEADER[:2], show_footer=False)
        for title in HEADER[2:]:
            table.add_column(title, justify="right", overflow="fold")
        for column in table.columns[:2]:
            column.overflow = "fold"
        for i, row in enumerate(self.rows):
            table.add_row(*map(Text, row.cells), end_section=i == len(self.rows) - 1)
        table.add_row(*[Text(cell, style="bold") for cell in self.total.cells])
        return Group(table, *map(Text, self.notes))

    def __str__(self) -> str:
        from io import StringIO

        from rich.console import Console

        out = StringIO()
        Console(
            file=out, width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False, legacy_windows=False
        ).print(self)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def __repr__(self) -> str:
        return f"<Summary of {len(self.rows)} rows, {self.notes[0]}>"

    def _repr_html_(self) -> str:
        def cells(tag: str, values: tuple[str, ...]) -> str:
            align = ["left"] * 2 + ["right"] * 3
            made = [
                f'<{tag} style="text-align: {a}; white-space: pre-wrap">{escape(v)}</{tag}>'
                for a, v in zip(align, values, strict=True)
            ]
            return f"<tr>{''.join(made)}</tr>"

        body = "\n".join(cells("td", row.cells) for row in self.rows)
        notes = "<br>".join(map(escape, self.notes))
        return (
            f"<table>\n<thead>{cells('th', HEADER)}</thead>\n<tbody>\n{body}\n</tbody>\n"
            f"<tfoot>{cells('th', self.total.cells)}</tfoot>\n</table>\n<p>{notes}</p>"
        )


def summary(d: Diagram | Para, depth: int = 1) -> Summary:
    """The table of a diagram or a model, with the boxes inside of boxes down to `depth` levels.

    Raises `InputError` for a depth below one.
    """
    require(d, "summary")
    if depth < 1:
        raise InputError(f"depth is the number of levels to show, at least 1, and got {depth}")
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    data = arrow.n_in - len(entries)
    writer = _Writer(tuple(q.wire.size for _, q in entries), depth, Counter())
    carries = {data + i: i for i in range(len(entries))}
    rows = list(writer.rows(arrow.graph, carries, _Place("", "", 0, 1), set()))
    total = Row("total", arrow.dom[:data], arrow.cod, sum(writer.sizes), writer.counter.of(arrow))
    return Summary(rows, total, _origin(arrow, writer.counter))


def operations(cost: Cost) -> int:
    """FLOPs and transcendentals, each counted as one."""
    return cost.flops + cost.transcendentals


def _origin(arrow: Diagram, counter: Counter) -> str:
    """What a reverse derivative is the reverse of, and their ratio; nothing of any other diagram."""
    note = reversal(arrow)
    if note is None:
        return ""
    own, here = counter.of(note.of), counter.of(arrow)
    before, after = operations(own), operations(here)
    wanted, moving = sum(note.wanted), sum(note.moves)
    what = "value and reverse" if note.value else "reverse"
    where = f", in {wanted} of {moving} inputs" if wanted < moving else ""
    mark = "" if own.exact and here.exact else "about "
    ratio = f"{mark}{after / before:.1f} times its cost" if before else f"{mark}{human(after)}"
    return f"{what} of a diagram of {human(before)} operations (FLOPs, transcendentals){where}: {ratio}"


# The number of a wire, or the place of an input of a box, to the number of the parameter array that it carries.
Carries = Mapping[int, int]


@dataclass(frozen=True)
class _Place:
    """Where a graph stands: the path of the box around it, the label of the body that it is, its level and trips."""

    path: str
    body: str
    level: int
    trips: int

    def label(self, name: str) -> str:
        return f"{self.body}/{name}" if self.body else name

    def of(self, name: str) -> str:
        return f"{self.path}/{self.label(name)}" if self.path else self.label(name)


@dataclass(frozen=True)
class _Writer:
    """Writes rows: knows the size of each parameter array, the depth to show, and the cost of each box."""

    sizes: tuple[int, ...]
    depth: int
    counter: Counter

    def rows(self, graph: Graph, carries: Carries, here: _Place, seen: set[int]) -> Iterator[Row]:
        """The rows of a graph, in the order of its boxes; `seen` are the arrays that rows above have counted."""
        names, reads, nodes = graph.names(), _readers(graph, carries), _worth_a_row(graph)
        first, last = nodes, nodes[:0]
        if len(nodes) > LONGEST:
            first, last = nodes[: LONGEST // 2], nodes[len(nodes) + 1 - LONGEST // 2 :]
        boxes = {i: graph.table[int(graph.ops[i])] for i in (*first, *last)}
        for i in first:
            yield from self.box(boxes[i], names[i], reads.get(i, {}), here, seen)
        if len(last):
            yield self.gap(graph, nodes[len(first) : len(nodes) - len(last)], reads, here, seen)
        for i in last:
            yield from self.box(boxes[i], names[i], reads.get(i, {}), here, seen)

    def box(self, box: Box, name: str, reads: Carries, here: _Place, seen: set[int]) -> Iterator[Row]:
        """The row of a box, and those of what is inside of it."""
        before = seen.intersection(reads.values())
        counted, shared = self.count(set(reads.values()), seen)
        dom = Ty.of(w for i, w in enumerate(box.dom.inside) if i not in reads)
        cost = here.trips * self.counter.of(box)
        yield Row(here.of(name), dom, box.cod, counted, cost, shared, here.level, here.label(name))
        if here.level + 1 >= self.depth:
            return
        trips = here.trips * (box.params["length"] if box.op == "scan" else 1)
        for label, body in box.bodies.items():
            inside = {i: reads[k] for i, k in enumerate(entrance(box, label, body)) if k in reads}
            yield from self.rows(body.graph, inside, _Place(here.of(name), label, here.level + 1, trips), before)

    def gap(
        self, graph: Graph, nodes: Sequence[int], reads: Mapping[int, Carries], here: _Place, seen: set[int]
    ) -> Row:
        """The row that stands for the middle of a long chain."""
        counted, shared = 0, 0
        for i in nodes:
            if i in reads:
                more = self.count(set(reads[i].values()), seen)
                counted, shared = counted + more[0], shared + more[1]
        cost = here.trips * self.counter.graph(graph, slice(nodes[0], nodes[-1] + 1))
        return Row(here.of("…"), Ty(), Ty(), counted, cost, shared, here.level, "…", len(nodes))

    def count(self, parameters: set[int], seen: set[int]) -> tuple[int, int]:
        """The entries of the arrays that are new, and of the others; notes them as seen."""
        new = sum(self.sizes[p] for p in parameters - seen)
        old = sum(self.sizes[p] for p in parameters & seen)
        seen |= parameters
        return new, old


def _readers(graph: Graph, carries: Carries) -> dict[int, dict[int, int]]:
    """For each node that reads parameters, which of its inputs carry which of them."""
    widths = graph.widths(0)
    hits = np.flatnonzero(np.isin(graph.inputs, list(carries)))
    nodes = np.repeat(np.arange(len(graph)), widths)[hits]
    places = hits - (np.cumsum(widths) - widths)[nodes]
    found: dict[int, dict[int, int]] = {}
    for node, place, wire in zip(nodes.tolist(), places.tolist(), graph.inputs[hits].tolist(), strict=True):
        found.setdefault(node, {})[place] = carries[wire]
    return found


def _worth_a_row(graph: Graph) -> list[int]:
    """The nodes that are no constants, or all if there are no others."""
    constant = np.array([box.op == "constant" for box in graph.table], dtype=bool)[graph.ops]
    return (np.arange(len(graph)) if constant.all() else np.flatnonzero(~constant)).tolist()


def human(n: int, unit: str = "") -> str:
    """A count for people: `human(1_234_567)` is `1.2 M`, `human(3_400_000_000, "FLOP")` is `3.4 GFLOP`."""
    if n < 1000:
        return f"{n} {unit}".strip()
    x = float(n)
    for prefix in "kMGTP":
        x /= 1000
        if x < 999.95:  # what rounds to 1000.0 takes the next prefix
            return f"{x:.1f} {prefix}{unit}"
    return f"{x / 1000:.1f} E{unit}"
