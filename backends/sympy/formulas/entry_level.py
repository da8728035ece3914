"""The level of entries: every entry of every array a formula of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from sympy import Ne

from ....categories.errors import DerivativeError, InputError
from ....diagrams.syntax import Diagram
from ....diagrams.types import Wire, wire
from ..entries import entries_of, symbols_of
from .names import Variable
from .result import Content, Symbolic
from .substitution import given_entry
from .terms.entries import FREE

__all__ = ["EntryFormulas"]

MOST = 20_000  # entries that are written one by one


class EntryFormulas(Content):
    """One array of formulas for each output, and the arrays of symbols that they are about."""

    def __init__(
        self,
        d: Diagram,
        inputs: Sequence[Variable],
        options: Mapping[str, Any],
        arrays: Sequence[Any] | None = None,
        cod: Sequence[Wire] | None = None,
    ) -> None:
        self.d, self.inputs, self.options = d, tuple(inputs), options
        self.cod = tuple(d.cod.inside if cod is None else cod)
        count = sum(w.size for w in d.dom.inside)
        if count > MOST:
            raise InputError(f'the inputs have {count} entries, too many to write: use level="arrays" or "listing"')
        self.symbols = [_symbols(v) for v in inputs]
        self.arrays = list(entries_of(d, self.symbols) if arrays is None else arrays)

    def where(self) -> list[tuple[Variable, Any]]:
        """Nothing: entries are written out."""
        return []

    def results(self) -> list[Any]:
        """Numbers, matrices (columns, of one axis) and arrays."""
        return [_array(a) for a in self.arrays]

    def _mapped(self, function: Any) -> EntryFormulas:
        arrays = [_each(a, function) for a in self.arrays]
        return EntryFormulas(self.d, self.inputs, self.options, arrays, self.cod)

    def subs(self, given: Mapping[Variable, Any]) -> EntryFormulas:
        """The formulas at these inputs."""
        table: dict[Any, Any] = {}
        for v, value in given.items():
            entry = given_entry(v, value)
            for place in np.ndindex(*v.wire.shape):
                here = dict(zip(FREE, map(sympy.Integer, place), strict=False))
                table[_symbol(v, place)] = entry.xreplace(here).replace(_is_at, _read)
        return self._mapped(lambda e: e.xreplace(table))

    def only(self, place: int, d: Diagram) -> EntryFormulas:
        """The entries of one output."""
        return EntryFormulas(self.d, self.inputs, self.options, [self.arrays[place]], [self.cod[place]])

    def expanded(self, limit: int) -> EntryFormulas:
        """The same."""
        return self

    def diff(self, symbolic: Symbolic, variable: Variable) -> Symbolic:
        """sympy's derivative of every entry by every entry of the input."""
        if not variable.wire.differentiable:
            raise DerivativeError(f"{variable.path} is {variable.wire}, which does not move: it has no derivative")
        shape = variable.wire.shape
        arrays = []
        for a in self.arrays:
            made = np.empty((*np.shape(a), *shape), dtype=object)
            for i in np.ndindex(*np.shape(a)):
                for j in np.ndindex(*shape):
                    made[(*i, *j)] = _derivative(np.asarray(a, dtype=object)[i], _symbol(variable, j))
            arrays.append(made)
        cod = [wire((*w.shape, *shape), w.dtype) for w in self.cod]
        content = EntryFormulas(self.d, self.inputs, self.options, arrays, cod)
        if symbolic.given:
            content = content.subs(symbolic.given)
        return symbolic.replace(content=content, cod=tuple(cod))


def _derivative(e: Any, symbol: Any) -> Any:
    """sympy's derivative, where steps are constant almost everywhere."""
    remainders = {m: m.args[0] - m.args[1] * sympy.floor(m.args[0] / m.args[1]) for m in e.atoms(sympy.Mod)}
    made = sympy.diff(e.xreplace(remainders), symbol)
    return made.xreplace({s: sympy.S.Zero for s in made.atoms(sympy.Subs, sympy.Derivative) if _is_slope_of_steps(s)})


def _is_slope_of_steps(e: Any) -> bool:
    inner = e.args[0] if isinstance(e, sympy.Subs) else e
    return isinstance(inner, sympy.Derivative) and isinstance(inner.expr, (sympy.floor, sympy.ceiling))


def _symbol(v: Variable, place: tuple[int, ...]) -> Any:
    return v.base[place] if place else v.array


def _symbols(v: Variable) -> Any:
    """The array of symbols of an input."""
    if v.wire.kind == "Key":
        return symbols_of(v.wire, v.name)
    made = np.empty(v.wire.shape, dtype=object)
    for place in np.ndindex(*v.wire.shape):
        made[place] = Ne(_symbol(v, place), 0) if v.wire.kind == "B" else _symbol(v, place)
    return made


def _each(array: Any, function: Any) -> Any:
    array = np.asarray(array, dtype=object)
    made = np.empty(array.shape, dtype=object)
    for place in np.ndindex(*array.shape):
        made[place] = function(array[place])
    return made


def _array(entries: Any) -> Any:
    entries = np.asarray(entries, dtype=object)
    if entries.ndim == 0:
        return sympy.sympify(entries[()])
    flat = [sympy.sympify(e) for e in entries.flat]
    if entries.ndim <= 2 and not any(e.is_Boolean for e in flat):
        return sympy.ImmutableDenseMatrix(*(*entries.shape, 1)[:2], flat)
    return sympy.ImmutableDenseNDimArray(flat, entries.shape)


def _is_at(e: Any) -> bool:
    return type(e).__name__ == "At"


def _read(e: Any) -> Any:
    array, *indices = e.args
    return array[tuple((*indices, 0)[:2])] if len(indices) <= 2 else array[tuple(indices)]
