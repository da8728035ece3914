"""The writer: one walk over a graph, which gives each box its text and writes a line where a value needs a name.

A value that is read once is written where it is read, as far as the line has room; one that is read more often, or
that is long, gets a line of its own, named after its box. What nobody reads is not written. The walk is linear: each
text is at most as long as a line when it is put into the next.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...diagrams.box import Box
from ...diagrams.graph import Graph
from ...diagrams.registry import entered
from ...diagrams.traversal import Node, backward
from ...diagrams.types import Wire
from .expressions import Expr, array, call
from .identifiers import STEMS, Names, cotangent, identifier, partner
from .layout import broken, indented
from .operators import Writing
from .params import Several, bound, option

__all__ = ["Block", "Program", "Statement", "several"]

INLINE, CLOSED, LINE = 60, 30, 88

Statement = Callable[["Block", Box, list[Expr], str, list[bool]], "list[Expr] | Expr"]


@dataclass
class Program:
    """What is written so far: the functions in order, by text and by box, the arrays, and all names.

    `rules` write a box as an expression, `statements` as lines; `is_view` tells the boxes whose result is its input to
    numpy's broadcasting.
    """

    rules: dict[str, Writing]
    statements: dict[str, Statement]
    is_view: Callable[[Box], bool]
    functions: list[list[str]] = field(default_factory=list)
    by_text: dict[Any, str] = field(default_factory=dict)
    by_box: dict[Any, Any] = field(default_factory=dict)
    arguments: dict[str, list[tuple[Box, list[str]]]] = field(default_factory=dict)
    arrays: dict[Any, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    function_names: set[str] = field(default_factory=set)
    variable_names: set[str] = field(default_factory=set)

    def names(self, around: Names | None = None) -> Names:
        """The names of a new function."""
        return Names(self.function_names, self.variable_names, around)

    def add(self, lines: list[str]) -> None:
        """Append a function."""
        self.functions.append(lines)


class Block:
    """The lines of one function, and its names."""

    def __init__(self, program: Program, names: Names) -> None:
        self.program, self.names = program, names
        self.lines: list[str] = []
        self.calls: dict[str, tuple[Box, list[Expr]]] = {}
        self.asked: list[str] = []

    def inner(self) -> Block:
        """A block for a function inside of this one, which sees its names."""
        return Block(self.program, self.program.names(self.names))

    def run(self, graph: Graph, inputs: Sequence[Expr], asked: Mapping[int, str] | None = None) -> list[Expr]:
        """The outputs of a graph at these inputs, after the lines that they need; `asked` names some cotangents."""
        uses, outputs = self._uses(graph), graph.outputs.tolist()
        ends = {i for i in outputs if uses[i] == 1}
        env: list[Any] = [e if e.simple or n < 2 else self.assign(e) for e, n in zip(inputs, uses, strict=False)]
        # by hand: what a box is written as depends on who reads which of its wires
        for name, (box, reads, writes) in zip(graph.names(), graph.steps, strict=True):
            live = [uses[w] > 0 for w in writes]
            self.asked = [(asked or {}).get(w, "") for w in writes]
            made = self._box(box, [env[i] for i in reads], name, live) if any(live) else [None] * len(live)
            room = 1000 if ends.issuperset(writes) else CLOSED if box.definition is not None else INLINE
            env.extend(self._settled(e, uses[w], room) if e else None for e, w in zip(made, writes, strict=True))
        return [env[i] for i in outputs]

    def _uses(self, graph: Graph) -> list[int]:
        """How often each wire is written: uses by boxes that nobody reads do not count, those of views count for it."""

        def rule(node: Node, *uses: int | None) -> list[int]:
            n = sum(k or 0 for k in uses)
            return [n if self.program.is_view(node.box) else 1] * node.box.n_in

        return [n or 0 for n in backward(graph, rule, [1] * len(graph.cod), operator.add)]

    def _box(self, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
        entry = entered(box)
        if entry is not None and entry.source is not None:
            return self._registered(box, entry.source, xs, name, live)
        statement = self.program.statements.get(box.op)
        if statement is not None:
            made = statement(self, box, xs, name, live)
            return made if isinstance(made, list) else [made]
        rule = self.program.rules.get(box.op)

        if self.program.is_view(box) and not xs[0].simple and rule is not None:
            made = rule(box, xs)
            if isinstance(made, Expr) and made.text.endswith("None]") and made.text != xs[0].text:
                xs = [self.assign(xs[0])]

        def write(inputs: list[Expr]) -> Expr | str:
            made = rule(box, inputs) if rule is not None else None
            return bound(box, inputs) if made is None else made

        hint = name if box.role else STEMS.get(box.op, box.op)
        return self.expression(write, xs, box.cod.inside, [hint] * box.n_out, live)

    def _registered(self, box: Box, function: str, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
        """A call of the public function that was registered, whose module is imported."""
        module = function.rpartition(".")[0]
        if module:
            self.program.imports.add(f"import {module}")
            self.program.function_names.add(module.partition(".")[0])  # nothing else is called so

        # of a function with a rule the parameters are its rules; of a primitive they are its options
        options = {} if box.rules else {key: option(box, key, value) for key, value in box.params.items()}

        def write(inputs: list[Expr]) -> str:
            text = call(function, *[array(x).text for x in inputs], **options)
            return Several(text) if box.n_out != 1 else text

        return self.expression(write, xs, box.cod.inside, [name] * box.n_out, live)

    def expression(
        self,
        write: Callable[[list[Expr]], Expr | str],
        xs: list[Expr],
        wires: Sequence[Wire],
        hints: Sequence[str],
        live: list[bool],
    ) -> list[Any]:
        """The outputs of what `write` makes of the inputs: an expression, or a line that unpacks several."""
        made = self._fitting(write, xs)
        if isinstance(made, Several):
            return self.unpacked(made, wires, hints, live)
        if isinstance(made, str):
            made = Expr(made, wires[0])
        role = made.role or ("dy" if any(x.role == "dy" for x in xs) else "")
        also = {k: replace(v, hint=hints[0], role=role) for k, v in made.also.items()}
        return [replace(made, hint=made.hint or hints[0], role=role, also=also)]

    def _fitting(self, write: Callable[[list[Expr]], Expr | str], xs: list[Expr]) -> Expr | str:
        """What is written, with the longest inputs on lines of their own until it fits on one."""
        xs = list(xs)
        while True:
            made = write(xs)
            long = [i for i, x in enumerate(xs) if not x.simple and len(x.text) > 12]
            if not long or len(made.text if isinstance(made, Expr) else made) <= LINE:
                return made
            i = max(long, key=lambda i: len(xs[i].text))
            xs[i] = self.assign(xs[i])

    def _settled(self, e: Expr, uses: int, room: int) -> Expr:
        """The value, by a name if it is read twice or has no room where it is read."""
        if e.simple or (uses < 2 and len(e.text) <= room):
            return e
        return self.assign(e)

    def assign(self, e: Expr) -> Expr:
        """The expression by a name, after the line that names it."""
        if e.simple:
            return e
        name = self.names.fresh(e.hint or e.role or "value")
        self.lines.append(f"{name} = {e.text}")
        return e.named(name)

    def unpacked(self, text: str, wires: Sequence[Wire], hints: Sequence[str], live: Sequence[bool]) -> list[Any]:
        """Names for several outputs, after the line that unpacks them; `_` for those that nobody reads."""
        names = [self.names.fresh(h) if on else "_" for h, on in zip(hints, live, strict=True)]
        left = f"({names[0]},)" if len(names) == 1 else several(names)
        self.lines.append(f"{left} = {text}")
        pairs = zip(names, wires, live, strict=True)
        return [Expr(n, w, hint=n) if on else None for n, w, on in pairs]

    def returned(self, outputs: Sequence[Expr]) -> str:
        """The text of what a function gives: one array, or a tuple of them."""
        return several([array(e).text for e in outputs])

    def function(self, head: str, result: str, above: Sequence[str] = ()) -> list[str]:
        """The lines of a function with this block as its body."""
        return [*above, *broken(head), *indented([*self.body(), *broken(f"return {result}", 96)])]

    def define(self, lines: Sequence[str]) -> None:
        """Append a function inside of this one, with empty lines around it."""
        self.lines += ["", *lines, ""]

    def body(self) -> list[str]:
        """The lines, none too long."""
        lines = [part for line in self.lines for part in broken(line, 96)]
        doubled = [i for i, line in enumerate(lines) if not line and (i == 0 or not lines[i - 1])]
        return [line for i, line in enumerate(lines) if i not in set(doubled)]

    def cotangents(self, box: Box, name: str, xs: Sequence[Expr]) -> list[str]:
        """Names for what a way back gives: that of `w` is `dw`, as far as the types say which is which.

        What went into the box whose way back it is comes from its call, if that is here, else from what is kept of it.
        """
        of = partner(box, name)
        called, stem = self.calls.get(of), f"d_{identifier(of or name)}"
        args = called[1] if called else self._around(box) or [x for x in xs if x.role != "dy"]
        moving, found = [a for a in args if a.wire.differentiable], []
        for w, asked in zip(box.cod.inside, self.asked, strict=True):
            k = next((i for i, a in enumerate(moving) if a.wire == w), None)
            found.append(asked or (stem if k is None else cotangent(moving[k])))
            moving = moving if k is None else moving[k + 1 :]
        return found

    def _around(self, box: Box) -> list[Expr]:
        """What went into the box whose way back this is, if it was called in another function and all of it moves."""
        calls = self.program.arguments.get(box.of, [])
        for forward, titles in reversed(calls[-8:]):
            moving = [Expr(t, w) for t, w in zip(titles, forward.dom.inside, strict=True) if w.differentiable]
            if [e.wire for e in moving] == list(box.cod.inside):
                return moving
        return []


def several(texts: Sequence[str]) -> str:
    """One text, or the tuple of several, in parentheses where it will be broken over lines."""
    text = ", ".join(texts) or "()"
    return f"({text})" if len(texts) > 1 and len(text) > 88 else text
