"""The level of arrays: matrices and indexed sums, with names for what is long or read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ....categories.errors import ParalensError
from ....categories.para import Para
from ....diagrams.syntax import Diagram
from ....functors.derivatives.derivative import cotangent, reverse
from .names import Variable, letters
from .reader import Definition, read, tidied
from .result import Content, Symbolic
from .shapes import Sizes
from .substitution import given_entry, replaced
from .terms.entries import size
from .terms.multiplying import NotMatrices
from .terms.writing import array_of
from .walk import course

__all__ = ["ArrayFormulas", "gradient"]


class ArrayFormulas(Content):
    """Definitions and results as formulas of entries, which are written as matrices where they are such."""

    def __init__(
        self,
        d: Diagram,
        inputs: Sequence[Variable],
        options: Mapping[str, Any],
        formulas: tuple[list[Definition], list[Any]] | None = None,
    ) -> None:
        self.d, self.inputs, self.options = d, tuple(inputs), options
        if formulas is None:
            formulas = read(course(d, options["close"], options["depth"]), inputs)
        self.definitions, self.bodies = formulas

    @cached_property
    def _letters(self) -> list[str]:
        return letters([v.name for v in self.inputs] + [e.variable.name for e in self.definitions])

    def numbers(self) -> tuple[list[tuple[Variable, Any]], list[Any]]:
        """Definitions and results, written with numbers for sizes."""
        return self._numbers

    @cached_property
    def _numbers(self) -> tuple[list[tuple[Variable, Any]], list[Any]]:
        where = [(e.variable, array_of(e.body, e.variable.wire.shape, self._letters)) for e in self.definitions]
        outs = zip(self.bodies, self.d.cod.inside, strict=True)
        return where, [array_of(b, w.shape, self._letters) for b, w in outs]

    @cached_property
    def _shown(self) -> tuple[list[tuple[Variable, Any]], list[Any]]:
        if self.options["shapes"] == "numbers":
            return self._numbers
        sizes, where, outs = Sizes(self.inputs, self.definitions, self.bodies), [], []
        for e in self.definitions:
            v = e.variable
            where.append((v, array_of(sizes.written(e.body, v.name), sizes.dims(v.name, v.wire.shape), self._letters)))
        for k, (b, w) in enumerate(zip(self.bodies, self.d.cod.inside, strict=True)):
            outs.append(array_of(sizes.written(b, k), sizes.dims(k, w.shape), self._letters))
        return where, outs

    def where(self) -> list[tuple[Variable, Any]]:
        """The definitions, written."""
        return self._shown[0]

    def results(self) -> list[Any]:
        """The results, written."""
        return self._shown[1]

    def _with(self, definitions: list[Definition], bodies: list[Any]) -> ArrayFormulas:
        return ArrayFormulas(self.d, self.inputs, self.options, (definitions, bodies))

    def only(self, place: int, d: Diagram) -> ArrayFormulas:
        """One output, with the definitions that it needs."""
        return ArrayFormulas(d, self.inputs, self.options, tidied(self.definitions, [self.bodies[place]]))

    def subs(self, given: Mapping[Variable, Any]) -> ArrayFormulas:
        """The formulas at these inputs."""
        entries = {v.name: given_entry(v, x) for v, x in given.items()}
        shapes = {v.name: v.wire.shape for v in given}
        found = [Definition(e.variable, replaced(e.body, entries, shapes)) for e in self.definitions]
        return self._with(*tidied(found, [replaced(b, entries, shapes) for b in self.bodies]))

    def expanded(self, limit: int) -> ArrayFormulas:
        """The results with all definitions put in; those that stay have no form as a matrix where one is needed."""
        entries: dict[str, Any] = {}
        shapes: dict[str, Sequence[int]] = {}
        kept: list[Definition] = []
        for e in self.definitions:
            body = _replaced(e.body, entries, shapes)
            if body is None or e.variable.wire.kind == "B":
                kept.append(Definition(e.variable, e.body if body is None else body))
                continue
            if size(body, limit + 1) > limit:
                raise ParalensError(
                    f"written out, the formulas are longer than {limit} nodes: read them with the names in .where, or "
                    "a part of the diagram with symbolic(d, at=...)"
                )
            entries[e.variable.name], shapes[e.variable.name] = body, e.variable.wire.shape
        bodies = [_replaced(b, entries, shapes) for b in self.bodies]
        if any(b is None for b in bodies):
            raise ParalensError("a named function reads an array that is no matrix: read the names in .where")
        if sum(size(b, limit + 1) for b in bodies) > limit:
            raise ParalensError(f"written out, the results are longer than {limit} nodes: read them with .where")
        return self._with(kept, bodies)

    def diff(self, symbolic: Symbolic, variable: Variable) -> Symbolic:
        """The reverse derivative by an input, read again."""
        d, names = gradient(symbolic.diagram, self.inputs.index(variable))
        return symbolic.again(d, names)


def _replaced(body: Any, entries: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> Any:
    try:
        return replaced(body, entries, shapes)
    except NotMatrices:
        return None


def gradient(d: Diagram | Para, place: int) -> tuple[Diagram | Para, list[str]]:
    """The gradient of a number by an input, or else the cotangent of the input, and the names of new inputs."""
    import numpy as np

    arrow = d.arrow if isinstance(d, Para) else d
    flowing = cotangent(arrow.cod)
    if len(arrow.cod) == 1 and len(flowing) == 1 and not arrow.cod.wire.shape:
        import jax.numpy as jnp

        one = Diagram.point(jnp.asarray(np.float32(1), arrow.cod.wire.dtype))
        found = Diagram.id(arrow.dom).tensor(one).then(reverse(arrow, wrt=[place]))
        return (Para(found, d.entries) if isinstance(d, Para) else found), []
    names = ["dy" if k == 0 else f"dy_{k}" for k in range(len(flowing))]
    if isinstance(d, Para):
        n = len(d.dom)
        return reverse(d, wrt=[place if place < n else d.paths[place - n]]), names
    return reverse(d, wrt=[place]), names
