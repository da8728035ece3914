"""The listing: one line a box, linear in the number of boxes.

    dense/dot_general = x @ dense/w
    dense/add = dense/dot_general + dense/broadcast_in_dim

Names are the paths of boxes and parameters; numbers are written where they are read. Operators are Python's, with
spaces around them, and functions are called by the names of their boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from ....categories.errors import InputError
from ....diagrams.box import Box
from ....diagrams.params import Body, Constant, LazyDiagram
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import apply_box
from .array_level import gradient
from .names import Variable
from .result import Content, Symbolic
from .terms.display import escaped
from .terms.entries import of
from .terms.labels import FLAGS
from .walk import Step, course

__all__ = ["Listing"]

INFIX = {"add": "+", "add_any": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "rem": "%", "and": "&", "or": "|"}
INFIX |= {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
SHORT = {"reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "logistic": "sigmoid"}
SHORT |= {"broadcast_in_dim": "broadcast", "convert_element_type": "convert", "select_n": "select"}
SHOWN = ("axes", "axis", "dimension", "shape", "new_sizes", "permutation", "y", "new_dtype", "start_indices")
SHOWN += ("padding_config",)


class Listing(Content):
    """The boxes of a diagram in order, those deeper than `depth` closed."""

    def __init__(
        self, d: Diagram, inputs: Sequence[Variable], options: Mapping[str, Any], given: Mapping[Variable, Any] = {}
    ) -> None:
        self.d, self.inputs, self.options, self.given = d, tuple(inputs), options, dict(given)
        self.course = course(d, options["close"], 0 if options["depth"] is None else options["depth"])

    @cached_property
    def _names(self) -> dict[int, str]:
        """The name of each wire; a constant is its number."""
        found = {i: str(self.given.get(v, v.path)) for i, v in enumerate(self.inputs)}
        taken = {v.path for v in self.inputs}
        for step in self.course.steps:
            literal = _literal(step.box)
            for k, w in enumerate(step.writes):
                name = step.path if len(step.writes) == 1 else f"{step.path}_{k}"
                found[w] = literal or (f"{name}'" if name in taken else name)
        return found

    def _rows(self) -> list[tuple[str, Step, list[str]]]:
        """The name, box and arguments of each line."""
        names, rows = self._names, []
        for step in self.course.steps:
            if _literal(step.box) is None:
                left = ", ".join(names[w] for w in step.writes)
                rows.append((left, step, [names[w] for w in step.reads]))
        return rows

    def lines(self, symbolic: Symbolic, latex: bool) -> list[str]:
        """The lines, and at the end what comes out."""
        write = _latex if latex else _text
        outs = [self._names[w] for w in self.course.outputs]
        made = [write(left, step.box, arguments) for left, step, arguments in self._rows()]
        last = ", ".join(map(_roman, outs) if latex else outs)
        return [*made, rf"\mathrm{{return}}\ {last}" if latex else f"return {last}"]

    def where(self) -> list[tuple[Variable, Any]]:
        """Each line as a named function of names."""
        names, found = self._names, []
        for step in self.course.steps:
            if _literal(step.box) is None:
                arguments = [sympy.Symbol(names[w]) for w in step.reads]
                for k, (w, wire) in enumerate(zip(step.writes, step.box.cod.inside, strict=True)):
                    title = step.box.name if step.box.n_out == 1 else f"{step.box.name}_{k}"
                    made = sympy.Function(title)(*arguments)
                    found.append((Variable(names[w], step.path, wire), made))
        return found

    def results(self) -> list[Any]:
        """The names of the outputs."""
        return [sympy.Symbol(self._names[w]) for w in self.course.outputs]

    def subs(self, given: Mapping[Variable, Any]) -> Listing:
        """The listing with numbers or arrays in the places of inputs."""
        for v, value in given.items():
            if isinstance(value, sympy.Basic) and not value.is_number:
                raise InputError(f'{v.path}: a listing takes numbers and arrays; formulas go into level="arrays"')
        return Listing(self.d, self.inputs, self.options, {**self.given, **given})

    def only(self, place: int, d: Diagram) -> Listing:
        """The lines that one output needs."""
        return Listing(d, self.inputs, self.options, self.given)

    def expanded(self, limit: int) -> Listing:
        """The listing with every box opened."""
        return Listing(self.d, self.inputs, {**self.options, "depth": 10**6}, self.given)

    def diff(self, symbolic: Symbolic, variable: Variable) -> Symbolic:
        """The listing of the reverse derivative."""
        d, names = gradient(symbolic.diagram, self.inputs.index(variable))
        return symbolic.again(d, names)

    def lambdify(self, symbolic: Symbolic) -> Callable[..., Any]:
        """The lines, one after the other."""

        def run(*values: Any) -> Any:
            free = [v for v in self.inputs if v not in self.given]
            if len(values) != len(free):
                raise InputError(f"the listing takes {len(free)} arrays, and got {len(values)}")
            given = iter(values)
            env: dict[int, Any] = {}
            for i, v in enumerate(self.inputs):
                env[i] = _filled(self.given[v], v) if v in self.given else next(given)
            for step in self.course.steps:
                env.update(zip(step.writes, apply_box(step.box, *[env[w] for w in step.reads]), strict=True))
            made = [env[w] for w in self.course.outputs]
            return made[0] if len(made) == 1 else tuple(made)

        return run


def _filled(value: Any, v: Variable) -> Any:
    import jax.numpy as jnp

    value = float(value) if of(value, sympy.Basic) else value
    return jnp.broadcast_to(jnp.asarray(value, v.wire.dtype), v.wire.shape)


def _literal(box: Box) -> str | None:
    """A number that is written where it is read."""
    if box.op != "constant" or "impl" in box.params or box.cod.inside[0].shape:
        return None
    return box.name if "_" not in box.name else str(np.asarray(box.params["value"].value))


def _call(box: Box, arguments: Sequence[str]) -> tuple[str, str, list[str]]:
    """How a box is written: as "infix", "prefix" or "call", with the sign or the name, and the arguments."""
    if box.op in INFIX and len(arguments) == 2:
        return "infix", INFIX[box.op], list(arguments)
    if box.op == "neg":
        return "prefix", "-", list(arguments)
    if box.op == "dot_general":
        subscripts = _subscripts(box)
        if subscripts in PLAIN:
            return "infix", "@", list(arguments)
        return "call", "einsum", [f"'{subscripts}'", *arguments]
    plain = {k: v for k, v in box.params.items() if not isinstance(v, (Body, Constant, LazyDiagram))}
    extra = [f"{k}={v}" for k, v in plain.items() if k in SHOWN or (k in FLAGS and v is True)]
    return "call", SHORT.get(box.op, box.name), [*arguments, *extra]


PLAIN = ("a,a->", "ab,b->a", "a,ab->b", "ab,bc->ac")


def _subscripts(box: Box) -> str:
    """The contraction as an einsum writes it."""
    (left, right), (left_batch, right_batch) = box.params["dimension_numbers"]
    shapes = [w.shape for w in box.dom.inside]
    names = iter("abcdefghijklmnopqrstuvwxyz")
    axes = [{}, {}]  # type: list[dict[int, str]]
    for i, j in zip(left_batch, right_batch, strict=True):
        axes[0][i] = axes[1][j] = next(names)
    for i in range(len(shapes[0])):
        if i not in axes[0]:
            axes[0][i] = next(names)
    for i, j in zip(left, right, strict=True):
        axes[1][j] = axes[0][i]
    for j in range(len(shapes[1])):
        if j not in axes[1]:
            axes[1][j] = next(names)
    out = [axes[0][i] for i in left_batch]
    out += [axes[0][i] for i in range(len(shapes[0])) if i not in (*left_batch, *left)]
    out += [axes[1][j] for j in range(len(shapes[1])) if j not in (*right_batch, *right)]
    text = [",".join("".join(axes[s][i] for i in range(len(shapes[s]))) for s in (0, 1)), "".join(out)]
    return "->".join(text)


def _text(left: str, box: Box, arguments: Sequence[str]) -> str:
    kind, name, parts = _call(box, arguments)
    if kind == "infix":
        return f"{left} = {parts[0]} {name} {parts[1]}"
    return f"{left} = {name}{parts[0]}" if kind == "prefix" else f"{left} = {name}({', '.join(parts)})"


def _roman(text: str) -> str:
    try:
        float(text)
        return text
    except ValueError:
        return rf"\mathrm{{{escaped(text)}}}"


SIGNS = {"*": r"\circ", "@": r"\,", "==": "=", "!=": r"\neq", "<=": r"\leq", ">=": r"\geq", "%": r"\ \mathrm{rem}\ "}
SIGNS |= {"&": r"\wedge", "|": r"\vee", "**": r"\uparrow"}


def _latex(left: str, box: Box, arguments: Sequence[str]) -> str:
    kind, name, parts = _call(box, arguments)
    parts = [_roman(p) for p in parts]
    head = ",\\ ".join(_roman(p) for p in left.split(", ")) + " = "
    if kind == "infix":
        return f"{head}{parts[0]} {SIGNS.get(name, name)} {parts[1]}"
    if kind == "prefix":
        return f"{head}-{parts[0]}"
    return rf"{head}{_roman(name)}\left({', '.join(parts)}\right)"
