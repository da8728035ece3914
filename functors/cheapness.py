"""The cheap gradient principle: a map with its reverse derivative costs a small multiple of the map.

Let f be a diagram whose boxes are b_1, ..., b_n, and R[f]⁺ : A ⊗ B' -> B ⊗ A' its value and reverse. The reverse
derivative is a functor to optics and `cost` a functor to a commutative monoid, so that, as one sum over the boxes,

    cost(R[f]⁺) = Σ cost(R[b_i]⁺) + copies(f)          copies(f) = Σ (cotangents that meet on a wire - 1) · size

up to boxes that R[f]⁺ leaves out or has no need to make again. With c the largest cost(R[b]⁺) / cost(b) over the
boxes that compute, and free(f) the operations in the reverse of what computes nothing (a copy goes to an addition, a
broadcast to a sum, a gather to a scatter),

    cost(R[f]⁺) <= c · cost(f) + free(f)

and the number of inputs is nowhere in it: the gradient in a million of them is as cheap as in a few. Charge each
addition to the box whose cotangent is added, and c = 5 is reached by the product x · y: itself, two products on the
way back, two additions (W. Baur, V. Strassen, "The complexity of partial derivatives", 1983; A. Griewank, A. Walther,
"Evaluating Derivatives", 2008, section 4.4). An *operation* is a FLOP or a transcendental: tanh is one transcendental
forward and FLOPs back, so that a ratio of FLOPs alone says little.

>>> from paralens import nn
>>> found = gradient_cost(nn.dense(64, 32))
>>> found.forward.flops, found.both.flops, round(found.ratio, 2), found.worst.path
(4128, 12320, 2.98, 'dense/dot_general')
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..categories.para import Para
from ..diagrams.box import Box
from ..diagrams.graph import Graph
from ..diagrams.syntax import Diagram, require
from ..diagrams.types import Wire
from .costs import Cost, Counter
from .derivatives.derivative import reversal, reverse
from .derivatives.optic import Mask
from .derivatives.reversing import Pass, moved
from .derivatives.smooth import SMOOTH
from .summaries import human, operations

__all__ = ["GradientCost", "GradientRow", "gradient_cost"]

SHOWN = 5  # boxes in the text


def times_over(both: int, forward: int) -> float:
    """How many times `forward` is in `both`: 1 where there is nothing to do, infinite where only the way back works."""
    return both / forward if forward else float("inf") if both else 1.0


@dataclass(frozen=True)
class GradientRow:
    """A kind of box: the `path` of the first, how many `times` it stands there, and the cost of one.

    `forward` is the box's own cost, `both` that of its optic: what runs in its place forward, and its backward map.
    """

    path: str
    times: int
    forward: Cost
    both: Cost

    @property
    def ratio(self) -> float:
        """Operations of value and reverse over those of the box."""
        return times_over(operations(self.both), operations(self.forward))


@dataclass(frozen=True, repr=False)
class GradientCost:
    """What `gradient_cost` gives: the cost of a map (`forward`), with its reverse (`both`), and of each kind of box.

    `rows` are the boxes that are no composites, inside of definitions too, the dearest ratio first; `copies` counts the
    additions of cotangents on wires that are read more than once.
    """

    forward: Cost
    both: Cost
    rows: tuple[GradientRow, ...]
    copies: Cost

    @property
    def ratio(self) -> float:
        """Operations of value and reverse over those of the map; infinite where the map only moves data."""
        return times_over(operations(self.both), operations(self.forward))

    @property
    def flop_ratio(self) -> float:
        """The ratio without transcendentals, which are dear and hardly occur on the way back."""
        return times_over(self.both.flops, self.forward.flops)

    @property
    def worst(self) -> GradientRow | None:
        """The box with the largest ratio among those that compute something, if there are any."""
        return next((row for row in self.rows if operations(row.forward)), None)

    @property
    def constant(self) -> float:
        """c, the largest ratio of a box that computes; at least 1."""
        return max(1.0, self.worst.ratio) if self.worst else 1.0

    @property
    def free(self) -> int:
        """free(f), the operations in the reverse of what computes nothing: copies, broadcasts, gathers."""
        moved = (row.times * operations(row.both) for row in self.rows if not operations(row.forward))
        return operations(self.copies) + sum(moved)

    @property
    def bound(self) -> float:
        """c + free(f) / cost(f), which the ratio does not exceed."""
        own = operations(self.forward)
        return self.constant + self.free / own if own else times_over(self.free, 0)

    def __str__(self) -> str:
        both, forward = self.both, self.forward
        table = [
            ("", "forward", "with reverse", "ratio"),
            ("operations", human(operations(forward)), human(operations(both)), format_ratio(self.ratio)),
            ("FLOPs", human(forward.flops), human(both.flops), format_ratio(self.flop_ratio)),
            ("bytes", human(forward.bytes), human(both.bytes), format_ratio(times_over(both.bytes, forward.bytes))),
        ]
        boxes = [("dearest boxes", "", "", "")] + [
            (row.path, human(operations(row.forward)), human(operations(row.both)), format_ratio(row.ratio))
            for row in [row for row in self.rows if operations(row.forward)][:SHOWN]
        ]
        bound = (
            f"bound {format_ratio(self.bound)}: no box over {format_ratio(self.constant)} times its own, and "
            f"{human(self.free)} operations in the reverse of copies and moved entries"
        )
        return "\n".join([*aligned([*table, ("", "", "", ""), *boxes]), "", bound])

    def __repr__(self) -> str:
        return f"<GradientCost {format_ratio(self.ratio)}, at most {format_ratio(self.bound)}>"


def format_ratio(ratio: float) -> str:
    """A ratio for people."""
    return "∞" if ratio == float("inf") else f"{ratio:.2f}"


def aligned(table: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """The lines of a table, the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows = (
        [f"{row[0]:{widths[0]}}", *(f"{c:>{n}}" for c, n in zip(row[1:], widths[1:], strict=True))] for row in table
    )
    return ["  ".join(cells).rstrip() for cells in rows]


def gradient_cost(d: Diagram | Para, *, wrt: Sequence[int | str] | None = None) -> GradientCost:
    """The cost of a map, of its value and reverse `reverse(d, value=True)`, and of each kind of box in it.

    `wrt` is as for `reverse`; of a model the reverse is in data and parameters. Raises `DerivativeError` where there is
    no derivative.

    >>> square = from_jax(lambda x: x * x, R(10))
    >>> found = gradient_cost(square)
    >>> found.ratio, found.constant, found.free    # a product and two products back; x is copied, which adds
    (4.0, 3.0, 10)
    """
    require(d, "gradient_cost")
    made = reverse(d, wrt=wrt, value=True).arrow if isinstance(d, Para) else reverse(d, wrt=wrt, value=True)
    note = reversal(made)
    assert note is not None
    counter = Counter()
    asked = tuple(SMOOTH.moves(w) for w in note.of.cod.inside)
    found = _Census(counter).graph(note.of.graph, note.wanted, asked, nested=False)
    rows = sorted(found.rows.values(), key=lambda row: -row.ratio)
    return GradientCost(counter.of(note.of), counter.of(made), tuple(rows), found.copies)


# A kind of box: what it is, the inputs whose cotangents are wanted, and the outputs whose cotangents are there.
Kind = tuple[bytes, Mask, Mask]


@dataclass(frozen=True)
class _Found:
    """What is in a graph: the kinds of boxes, and the additions on its wires."""

    rows: dict[Kind, GradientRow]
    copies: Cost


class _Census:
    """Counts boxes with their optics; each definition once for each choice of cotangents, however often it stands."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.known: dict[Kind, _Found] = {}

    def graph(self, graph: Graph, wanted: Mask, present: Mask, *, nested: bool) -> _Found:
        """The boxes of a graph, for the wanted cotangents of its inputs and those there are of its outputs."""
        times: Tally[Kind] = Tally()
        first: dict[Kind, tuple[int, Box]] = {}
        flow = _Flow(graph, wanted, present)
        for k, (box, wants, asked) in enumerate(flow.passed):
            kind = (box.content, wants, asked)
            times[kind] += 1
            first.setdefault(kind, (k, box))
        names = graph.names()
        rows: dict[Kind, GradientRow] = {}
        copies = sum((n * self.counter.of(SMOOTH.plus(w)) for w, n in flow.additions().items()), Cost())
        for kind, (k, box) in first.items():
            found = self.box(box, kind, nested=nested)
            copies += times[kind] * found.copies
            for inner, row in found.rows.items():
                _note(rows, inner, row, names[k], times[kind])
        return _Found(rows, copies)

    def box(self, box: Box, kind: Kind, *, nested: bool) -> _Found:
        """A box: the boxes of its definition, or itself."""
        _, wants, asked = kind
        if box.definition is not None and not box.op and any(asked):
            # by the graph: equal diagrams may differ in boxes that nothing reads, which are counted
            graph = box.definition.graph
            key = (graph.digest, wants, asked)
            if key not in self.known:
                self.known[key] = self.graph(graph, wants, asked, nested=True)
            return self.known[key]
        optic = SMOOTH.optic(box, wants, asked) if any(asked) else None
        maps = [box] if optic is None else [optic.forward, optic.backward]
        # the backward pass of a definition makes again what it can have for a move, in place of keeping it
        again = [b for b in maps[0].boxes if moved(b)] if nested else []
        both = sum((self.counter.of(d) for d in [*maps, *again]), Cost())
        return _Found({kind: GradientRow("", 1, self.counter.of(box), both)}, Cost())


def _note(rows: dict[Kind, GradientRow], kind: Kind, row: GradientRow, name: str, times: int) -> None:
    """Note `times` boxes of a kind, found inside of the box of that name."""
    if kind in rows:
        rows[kind] = replace(rows[kind], times=rows[kind].times + times * row.times)
    else:
        path = f"{name}/{row.path}" if row.path else name
        rows[kind] = replace(row, path=path, times=times * row.times)


class _Flow:
    """The way of the cotangents through a graph: `passed`, each box with the masks that its optic is asked for."""

    def __init__(self, graph: Graph, wanted: Mask, present: Mask) -> None:
        way = Pass(graph, wanted, present, SMOOTH)
        self.wires = way.wires
        self.passed: list[tuple[Box, Mask, Mask]] = []
        # how many cotangents come to each wire
        self.coming = [0] * len(way.wires)
        for w, on in zip(graph.outputs.tolist(), present, strict=True):
            self.coming[w] += on and way.active[w]
        for (box, reads, writes), optic in zip(way.nodes, way.optics, strict=True):
            asked = tuple(bool(way.flows[w]) for w in writes)
            wants = tuple(optic is not None and bool(way.active[i]) for i in reads)
            self.passed.append((box, wants, asked))
            for j in () if optic is None else optic.gives:
                self.coming[reads[j]] += 1

    def additions(self) -> Tally[Wire]:
        """How many additions there are on wires of each type."""
        found: Tally[Wire] = Tally()
        for w, n in zip(self.wires, self.coming, strict=True):
            if n > 1:
                found[w] += n - 1
        return found
