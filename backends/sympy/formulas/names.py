"""Names: the symbols of inputs, parameters and intermediate results, and the letters of indices.

A parameter is called by its path: `dense/w` is the symbol `dense_w` in text, and W_dense in LaTeX, where a matrix has
a capital letter. Data are x, or x, x_1, ... unless they are given names. All symbols of real wires are real.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from sympy import IndexedBase, MatrixSymbol, Ne, S, Symbol

from ....categories.errors import InputError
from ....categories.para import Para
from ....diagrams.types import Wire
from .terms.display import escaped
from .terms.entries import FREE

__all__ = ["Names", "Variable", "identifier", "latex_name", "letters", "variables"]

LETTERS = "ijklpqrstuvabcefgh"
GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega".split()


@dataclass(frozen=True)
class Variable:
    """A named array: its name in text, its path (of a parameter or a box), and its wire.

    Intermediate arrays are named without their axes of one entry: `axes` are those that are left, of the wire that
    carries the array.
    """

    name: str
    path: str
    wire: Wire
    positive: bool = False
    axes: tuple[int, ...] | None = None

    @property
    def _kinds(self) -> dict[str, bool]:
        kinds = {"R": {"real": True}, "Z": {"integer": True}, "B": {"integer": True}}.get(self.wire.kind, {})
        return kinds | ({"positive": True} if self.positive else {})

    @property
    def array(self) -> Any:
        """The whole array: a symbol, a matrix (a column, of one axis), or the base of indexed entries."""
        shape: tuple[int, ...] = self.wire.shape
        if not shape:
            return Symbol(self.name, **self._kinds)
        if len(shape) <= 2:
            return MatrixSymbol(self.name, *(*shape, 1)[:2])
        return self.base

    @property
    def base(self) -> Any:
        """What its entries are indexed from."""
        kinds: dict[str, Any] = self._kinds
        return IndexedBase(self.name, shape=self.wire.shape, **kinds)

    @property
    def entry(self) -> Any:
        """The entry at the free indices; axes of one entry have the index 0."""
        shape = self.wire.shape
        axes = range(len(shape)) if self.axes is None else self.axes
        indices = tuple(S.Zero if n == 1 else FREE[a] for a, n in zip(axes, shape, strict=True))
        found = self.base[indices] if shape else self.array
        return Ne(found, 0) if self.wire.kind == "B" else found


class Names:
    """Gives each thing a name of its own, and remembers what it was called by the user."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self.count: dict[str, int] = {}

    def fresh(self, name: str, start: int | None = None) -> str:
        """The name, or the first of name_1, name_2, ... that is free; `start` numbers even the first one."""
        if start is None and name not in self.taken:
            self.taken.add(name)
            return name
        k = self.count.get(name, start or 1)
        while f"{name}_{k}" in self.taken:
            k += 1
        self.count[name] = k + 1
        self.taken.add(f"{name}_{k}")
        return f"{name}_{k}"


def identifier(path: str) -> str:
    """The path as one word, of letters, digits and underscores."""
    word = re.sub(r"\W+", "_", path).strip("_") or "x"
    return f"_{word}" if word[0].isdigit() else word


def variables(d: Any, names: Sequence[str] | None) -> list[Variable]:
    """The inputs of a diagram or a model: data, then parameters by path; data are not called as a parameter is.

    Raises `InputError` when the number of names is wrong, or two are equal, or one is the path of a parameter.
    """
    paths = list(d.paths) if isinstance(d, Para) else []
    dom = (d.arrow if isinstance(d, Para) else d).dom
    n = len(dom) - len(paths)
    own = {identifier(p) for p in paths}
    free = (s for s in (f"x_{i}" if i else "x" for i in count()) if s not in own)
    given = list(islice(free, n)) if names is None else [str(s) for s in names]
    if len(given) not in (n, len(dom)):
        more = f" (or {len(dom)}, with the parameters)" if paths else ""
        raise InputError(f"{len(given)} names for the {n} inputs{more} {d.dom}: give one name for each")
    given += paths[len(given) - n :]
    words = [identifier(s) for s in given]
    if names is not None and len(set(words[: len(names)])) < len(names):
        raise InputError(f"the names {', '.join(given)} are not all different: each input has a name of its own")
    if len(set(given)) < len(given):
        twice = next(s for s in given if given.count(s) > 1)
        raise InputError(f"{twice} is the path of a parameter: give the data another name")
    fresh = Names()
    made = [fresh.fresh(w) for w in words]
    return [Variable(m, s, w) for m, s, w in zip(made, given, dom.inside, strict=True)]


def letters(names: Iterable[str]) -> list[str]:
    """Letters for indices that no array has for its name, as many as one likes."""
    used = set(names)
    plain = [c for c in LETTERS if c not in used]
    return plain + [f"i_{k}" for k in range(1, 64) if f"i_{k}" not in used]


def latex_name(path: str, matrix: bool) -> str:
    """How a symbol is set: a parameter by its last name, a capital if it is a matrix, and its group as an index."""
    *group, last = path.split("/")
    stem, _, number = last.rpartition("_") if re.fullmatch(r".+_\d+", last) else (last, "", "")
    if re.fullmatch("d[a-z]", stem):
        head = rf"\mathrm{{d}}{stem[1]}"
    elif len(stem) == 1:
        head = stem.upper() if matrix else stem
    elif stem in GREEK:
        head = f"\\{stem}"
    else:
        head = f"\\mathrm{{{escaped(stem)}}}"
    below = [number] if number else []
    below += [f"\\mathrm{{{escaped('/'.join(group))}}}"] if group else []
    return head + (f"_{{{','.join(below)}}}" if below else "")
