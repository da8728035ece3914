"""From a diagram to formulas: one pass over its boxes, where the value of a wire is the formula of an entry.

A formula is a tree and a diagram is not: a wire that is read twice would double all that is before it. So a formula
that is long, or not short and read more than once, gets a name, and goes into the list of definitions; what is read
on is its name. Each definition is as short as that allows, and the whole is linear in the diagram.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sympy import ImmutableDenseMatrix, Indexed, IndexedBase, Integer, MatrixSymbol, Ne, S, expand_mul, sympify

from ....diagrams.box import Box
from ....diagrams.types import wire as wire_of
from ..entries.meaning import registered
from ..entries.numbers import number
from .algebra import multiplied
from .indexing import INDEXING
from .names import Names, Variable, identifier
from .readings import READINGS, entrywise
from .terms.entries import FREE, ArrayCall, At, Fold, Operation, ScalarCall, base_name, level, lifted, positive, size
from .terms.labels import Labels
from .terms.matrices import matrix_call, matrix_of
from .terms.multiplying import NotMatrices
from .walk import Course, Step, views

__all__ = ["Definition", "read", "tidied"]

LONG = 48  # the size from which a formula gets a name even if it is read once
SHARED = 7  # and the one from which it does if it is read more than once
SHORT = 24  # and the one up to which one that is read once goes back to where it is read
SHOWN = 12  # entries of a constant that are written out
RULES = {**READINGS, **INDEXING}
PLACED = frozenset(("reshape", "gather", "dynamic_slice", "rev"))  # what reads at computed places
NUMBER = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Definition:
    """A name and the formula of its entries, over the free indices."""

    variable: Variable
    body: Any


def read(course: Course, inputs: Sequence[Variable]) -> tuple[list[Definition], list[Any]]:
    """The definitions and the formulas of the results of a course."""
    reader = _Reader(course, inputs)
    for step in course.steps:
        reader.step(step)
    return tidied(reader.definitions, [reader.env[w] for w in course.outputs])


def tidied(definitions: Sequence[Definition], results: Sequence[Any]) -> tuple[list[Definition], list[Any]]:
    """The definitions that are needed, in their places those that are read once and short; sums multiplied out, and
    quotients found to be softmaxes, where that is shorter."""
    for _ in range(2):  # what the first round puts in, the second may find to be a softmax, and its parts unread
        definitions, results = _round(definitions, results)
    return list(definitions), list(results)


def _round(definitions: Sequence[Definition], results: Sequence[Any]) -> tuple[list[Definition], list[Any]]:
    named = {d.variable.name: d for d in definitions}
    reads = Counter(n for body in results for n in _names(body))
    kept: list[Definition] = []
    for d in reversed(definitions):
        if reads[d.variable.name]:
            kept.append(d)
            reads.update(_names(d.body))
    inlined: dict[str, Any] = {}
    found = []
    for d in reversed(kept):
        body = _shorter(_inlined(d.body, inlined), named)
        once = reads[d.variable.name] == 1 and d.variable.wire.kind in "RC"
        if once and size(body, SHORT + 1) <= SHORT:
            inlined[d.variable.name] = body
        else:
            found.append(Definition(d.variable, body))
    return found, [_shorter(_inlined(body, inlined), named) for body in results]


def meaning(entry: Any, named: Mapping[str, Definition]) -> Any:
    """What a named entry stands for; None if it is no such entry."""
    if isinstance(entry, Indexed):
        found, indices = named.get(base_name(entry)), entry.indices
    else:
        found, indices = named.get(entry.name) if entry.is_Symbol else None, ()
    if found is None:
        return None
    # indices that are bound around the entry stay apart from those that are bound in what it stands for
    return lifted(found.body, level(*indices)).xreplace(dict(zip(FREE, indices, strict=False)))


def _names(body: Any) -> list[str]:
    """The names that a formula reads, as often as it does, and twice where the name has to stay: in a whole array, or
    where entries are read at computed places."""
    found, todo = [], [body]
    while todo:
        e = todo.pop()
        if isinstance(e, Indexed):
            plain = all(i.is_Symbol or i == 0 for i in e.indices)
            found += [base_name(e)] * (1 if plain else 2)
            todo.extend(e.indices)
        elif isinstance(e, (IndexedBase, MatrixSymbol)):
            found += [str(e.args[0])] * 2
        elif e.args:
            todo.extend(e.args)
        elif e.is_Symbol:
            found.append(e.name)
    return found


def _inlined(body: Any, known: dict[str, Any]) -> Any:
    """The formula with these names replaced by what they stand for."""
    if not known or not any(n in known for n in _names(body)):
        return body
    depth = level(body)

    def replaced(e: Any) -> Any:
        if isinstance(e, Indexed):
            found = known.get(base_name(e))
            return e if found is None else lifted(found, depth).xreplace(dict(zip(FREE, e.indices, strict=False)))
        if e.is_Symbol:
            return known.get(e.name, e)
        if not e.args or isinstance(e, (IndexedBase, MatrixSymbol)):
            return e
        return e.func(*[replaced(a) for a in e.args])

    return replaced(body)


def _shorter(body: Any, named: Mapping[str, Definition]) -> Any:
    if not (body.is_Add or body.is_Mul):
        return body
    body = body.func(*[multiplied(t, lambda e: meaning(e, named)) for t in body.func.make_args(body)])
    if body.is_Mul:
        body = multiplied(body, lambda e: meaning(e, named))
    made = expand_mul(body)
    return made if size(made) < size(body) else body


class _Reader:
    """One pass: the formulas of the wires so far, and the definitions that were needed."""

    def __init__(self, course: Course, inputs: Sequence[Variable]) -> None:
        self.course = course
        self.names = Names(v.name for v in inputs)
        self.definitions: list[Definition] = []
        self.named: dict[str, Definition] = {}
        self.defined: dict[Any, str] = {}
        self.labels = Labels((s.box for s in course.steps if _is_called(s.box)), self.names)
        self.env: dict[int, Any] = {i: v.entry for i, v in enumerate(inputs)}
        self.atom: dict[int, Variable] = dict(enumerate(inputs))
        self.origin: dict[int, str] = {i: v.path for i, v in enumerate(inputs)}

    def known(self, entry: Any) -> Any:
        """What a named entry stands for."""
        return meaning(entry, self.named)

    def step(self, step: Step) -> None:
        """Read one box."""
        if step.box.op in PLACED:
            self._name_operand(step)
        bodies = [self.env[w] for w in step.reads]
        rule = entrywise if registered(step.box) is not None else RULES.get(step.box.op)
        made = None if rule is None else rule(step.box, self.known, *bodies)
        if made is None:
            made = self._called(step, bodies)
        for w, body in zip(step.writes, made, strict=True):
            view = views(step.box) and step.reads
            self.origin[w] = self.origin.get(step.reads[0], step.path) if view else self.course.names.get(w, step.path)
            self.env[w] = self._settled(step, w, body)

    def _name_operand(self, step: Step) -> None:
        """A sum whose entries are read at computed places is easier to read by name."""
        w, shape = step.reads[0], [n for n in step.box.dom.inside[0].shape if n != 1]
        if step.box.op == "reshape" and shape == [n for n in step.box.cod.inside[0].shape if n != 1]:
            return
        if self.env[w].has(Fold):
            self.env[w] = self._define(w, step.box.dom.inside[0], self.env[w])

    def _settled(self, step: Step, w: int, body: Any) -> Any:
        """The formula, or its name if it deserves one."""
        body = sympify(body)
        wire = step.box.cod.inside[w - step.writes.start]
        uses = self.course.uses[w]
        if wire.kind == "Key" or views(step.box) or not body.args or uses == 0:
            return body
        n = size(body, LONG + 1)
        if n <= SHARED or (n <= LONG and uses < 2) or (w in self.course.outputs and uses == 1):
            return body
        return self._define(w, wire, body)

    def _define(self, w: int, wire: Any, body: Any) -> Any:
        axes = tuple(a for a, n in enumerate(wire.shape) if n != 1)
        small = wire_of(tuple(wire.shape[a] for a in axes), wire.dtype)
        formula = body.xreplace({FREE[a]: FREE[i] for i, a in enumerate(axes) if i != a})
        name = self.defined.get((formula, small))
        if name is None:
            path = self.origin[w]
            name = self.names.fresh(identifier(NUMBER.sub("", path.rsplit("/", 1)[-1])), start=1)
            variable = Variable(name, path, small, wire.kind == "R" and positive(body), axes)
            self.definitions.append(Definition(variable, formula))
            self.named[name], self.defined[formula, small] = self.definitions[-1], name
        self.atom[w] = replace(self.named[name].variable, axes=axes)
        return self.atom[w].entry

    # -- boxes without a formula --------------------------------------------------------------------

    def _called(self, step: Step, bodies: Sequence[Any]) -> list[Any]:
        """A box as a named function of whole arrays."""
        box = step.box
        if box.op == "constant" and "impl" not in box.params:
            found = _constant(box)
            if found is not None:
                return [found]
        arguments = [self._whole(w, wire, b) for w, wire, b in zip(step.reads, box.dom.inside, bodies, strict=True)]
        made = []
        for k, wire in enumerate(box.cod.inside):
            operation = Operation(box, k, self.labels(box))
            made.append(entry_of_call(operation, arguments, wire))
        return made

    def _whole(self, w: int, wire: Any, body: Any) -> Any:
        """The array of a wire, as an argument of a function."""
        if w in self.atom and body == self.atom[w].entry:
            return self.atom[w].array
        if wire.kind not in "B" and not wire.shape:
            return body
        if wire.kind != "B" and len(wire.shape) <= 2:
            try:
                return matrix_of(body, wire.shape)
            except NotMatrices:
                pass
        self.env[w] = self._define(w, wire, body)
        return self.atom[w].array


def entry_of_call(operation: Operation, arguments: Sequence[Any], wire: Any) -> Any:
    """The entry of what a box gives."""
    if not wire.shape:
        made = ScalarCall(operation, *arguments)
    else:
        array = matrix_call(operation, arguments) if len(wire.shape) <= 2 else ArrayCall(operation, *arguments)
        made = At(array, *[S.Zero if n == 1 else FREE[a] for a, n in enumerate(wire.shape)])
    return Ne(made, 0) if wire.kind == "B" else made


def _is_called(box: Box) -> bool:
    """Whether this is one of the boxes that never have a formula of their own; of constants, the long ones."""
    if box.op == "constant":
        return RULES["constant"](box, None) is None and ("impl" in box.params or _constant(box) is None)
    return box.op not in RULES and registered(box) is None


def _constant(box: Box) -> Any:
    """An array of a few numbers, written out."""
    value = np.asarray(box.params["value"].value)
    if not 0 < value.size <= SHOWN or value.ndim > 2:
        return None
    truth = value.dtype.kind == "b"
    numbers = [Integer(bool(x)) if truth else number(x, str(value.dtype)) for x in value.flat]
    shape = value.shape if value.ndim == 2 else (value.shape[0], 1)
    where = [S.Zero if n == 1 else FREE[a] for a, n in enumerate(value.shape)]
    made = At(ImmutableDenseMatrix(*shape, numbers), *where)
    return Ne(made, 0) if truth else made
