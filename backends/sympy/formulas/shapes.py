"""Numbers of index values as symbols: dimensions that must be equal get one letter, and others do not.

Two axes are of one size where one index runs over both: the least equivalence with these pairs, over all formulas, is
what types them. It is unification without function symbols, by union and find (J. Robinson, "A machine-oriented logic
based on the resolution principle", 1965). Numbers that only happen to be as large stay numbers, such as the 64 that a
mean divides by.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Indexed, IndexedBase, KroneckerDelta, MatrixSymbol, Symbol

from .names import Variable
from .reader import Definition
from .terms.entries import FREE, Fold, Softmax, base_name, of

__all__ = ["Sizes"]

LETTERS = "nmdhkpqrs"


class Sizes:
    """The dimensions of all arrays in some formulas, as letters; `dims` gives those of a name or of a result."""

    def __init__(self, inputs: Sequence[Variable], definitions: Sequence[Definition], results: Sequence[Any]) -> None:
        self.shapes = {v.name: v.wire.shape for v in [*inputs, *(d.variable for d in definitions)]}
        self.parent: dict[Any, Any] = {}
        for d in definitions:
            for a in range(len(d.variable.wire.shape)):
                self._join((d.variable.name, a), (d.variable.name, FREE[a]))
            self._read(d.body, d.variable.name)
        for k, body in enumerate(results):
            self._read(body, k)
        self.letters: dict[Any, Symbol] = {}
        taken = {*self.shapes, *"ij"}
        self.free = iter([c for c in (*LETTERS, *(f"n_{i}" for i in range(1, 999))) if c not in taken])
        for v in inputs:
            self.dims(v.name, v.wire.shape)

    def _find(self, key: Any) -> Any:
        while self.parent.setdefault(key, key) != key:
            key = self.parent[key]
        return key

    def _join(self, a: Any, b: Any) -> None:
        self.parent[self._find(a)] = self._find(b)

    def _key(self, scope: Any, index: Any, n: int) -> Any:
        """The class of an index: a bound one belongs to its formula and its range."""
        return (scope, index) if index in FREE else (scope, index, n)

    def _read(self, body: Any, scope: Any) -> None:
        """Join the axes that one index of a formula runs over."""
        todo = [body]
        while todo:
            e = todo.pop()
            todo.extend(e.args)
            if of(e, Indexed) and base_name(e) in self.shapes:
                for a, (index, n) in enumerate(zip(e.indices, self.shapes[base_name(e)], strict=True)):
                    if index.is_Symbol and index.name[0] in "_@":
                        self._join((base_name(e), a), self._key(scope, index, n))
            elif of(e, KroneckerDelta) and all(a in FREE for a in e.args):
                self._join(*[(scope, a) for a in e.args])

    def _letter(self, key: Any) -> Any:
        root = self._find(key)
        if root not in self.letters:
            self.letters[root] = Symbol(next(self.free), integer=True, positive=True)
        return self.letters[root]

    def dims(self, name: Any, shape: Sequence[int]) -> tuple[Any, ...]:
        """The dimensions of a named array, or of the result of this number; those of one entry are ones."""
        keys = [(name, FREE[a] if isinstance(name, int) else a) for a in range(len(shape))]
        return tuple(n if n < 2 else self._letter(key) for key, n in zip(keys, shape, strict=True))

    def written(self, body: Any, scope: Any) -> Any:
        """A formula with letters for the sizes of arrays and the ends of folds."""

        def walk(e: Any) -> Any:
            if of(e, IndexedBase) and str(e.label) in self.shapes:
                return IndexedBase(e.label, shape=self.dims(str(e.label), self.shapes[str(e.label)]))
            if of(e, MatrixSymbol) and e.name in self.shapes:
                return MatrixSymbol(e.name, *(*self.dims(e.name, self.shapes[e.name]), 1)[:2])
            if not e.args:
                return e
            args = [walk(a) for a in e.args]
            if of(e, Fold):
                args[3] = self._letter(self._key(scope, e.args[2], int(e.args[3])))
            if of(e, Softmax):
                args[2] = self._letter(self._key(scope, e.args[1], int(e.args[2])))
            return e.func(*args)

        return walk(body)
