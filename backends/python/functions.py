"""Boxes with a definition: a function of the program, one line in place, or a function that `jax.nn` has.

A definition becomes one function however often it is used, and two definitions with the same text share it. One that
is a single short expression is written in the place of its box. A box that is what `jax.nn` traces to under its name
is a call of `jax.nn`: this is decided by comparing the boxes, not by the name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax

from ...diagrams.box import Box
from ...diagrams.graph import Graph
from ...diagrams.registry import is_traced_from
from .expressions import Expr, array, call
from .identifiers import titles
from .params import Several, refuse
from .writer import INLINE, Block, Program

__all__ = ["Definition", "call_function", "defined", "definition", "known_to_jax"]


@dataclass(frozen=True)
class Definition:
    """A function of the program: its name, names for what it gives, and whether it is written in place instead."""

    name: str
    hints: tuple[str, ...]
    inline: bool = False


def definition(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    """A box with a definition: what it gives."""
    block.calls[name] = (box, xs)
    block.program.arguments.setdefault(box.name, []).append((box, titles(xs)))
    known = known_to_jax(box)
    if known is not None:
        return block.expression(
            lambda args: call(known, *[array(a).text for a in args]), xs, box.cod.inside, [name], live
        )
    if box.definition is None:
        raise refuse(box)
    found = defined(block.program, box, xs)
    back = box.role == "reverse"
    hints = block.cotangents(box, name, xs) if back else [name, *found.hints[1:]]
    if found.inline:
        (made,) = block.run(box.definition.graph, xs)
        return [made if made.simple else dataclasses.replace(made, hint=hints[0], role="dy" if back else made.role)]
    return call_function(block, found.name, box, xs, hints, live, back)


def call_function(
    block: Block, function: str, box: Box, xs: list[Expr], hints: list[str], live: list[bool], back: bool = False
) -> list[Any]:
    """A call of a function of the program."""

    def write(args: list[Expr]) -> str:
        text = call(function, *[array(a).text for a in args])
        return text if box.n_out == 1 else Several(text)

    made = block.expression(write, xs, box.cod.inside, hints, live)
    # what comes after the result is kept for the way back, which knows it by this name
    roles = ["dy" if back else re.sub(r"_\d+$", "", e.hint) if e and i else "" for i, e in enumerate(made)]
    return [e and dataclasses.replace(e, role=role) for e, role in zip(made, roles, strict=True)]


def defined(program: Program, box: Box, xs: list[Expr]) -> Definition:
    """The function of a box, written when it is first called; its arguments are named after those of that call."""
    key = (box.content, tuple(titles(xs)))
    if key not in program.by_box:
        assert box.definition is not None
        program.by_box[key] = _written(program, box, box.definition.graph, xs)
    return program.by_box[key]


def _written(program: Program, box: Box, graph: Graph, xs: list[Expr]) -> Definition:
    block = Block(program, program.names())
    params = [block.names.fresh(t) for t in titles(xs)]
    outs = block.run(graph, [Expr(p, w, role=x.role) for p, w, x in zip(params, box.dom.inside, xs, strict=True)])
    hints = tuple(e.hint or e.text if not e.simple else e.text for e in outs)
    result = block.returned(outs)
    if not block.lines and len(outs) == 1 and len(result) <= INLINE:
        return Definition(box.name, hints, inline=True)
    stem = box.name
    text = (stem, _alike([", ".join(params), *block.lines, result], block.names.taken))
    if text not in program.by_text:
        name = block.names.function(stem)
        program.by_text[text] = name
        program.add(block.function(f"def {name}({', '.join(params)}):", result))
    return Definition(program.by_text[text], hints)


def _alike(lines: Sequence[str], names: set[str]) -> str:
    """The text with its variables by number, which is equal for functions that differ in their names alone."""
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        name = found[0]
        return numbers.setdefault(name, f"${len(numbers)}") if name in names else name

    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", number, "\n".join(lines))


def known_to_jax(box: Box) -> str | None:
    """The function of `jax.nn` that this very box is what it traces to, if there is one."""
    f = getattr(jax.nn, box.name, None)
    if not callable(f) or not all(w.kind in "RC" for w in box.dom.inside):
        return None
    return f"jax.nn.{box.name}" if is_traced_from(box, f) else None
