"""2-cells of Para: maps between objects of parameters, along which a 1-cell is reparameterized.

A 2-cell `(P, f) => (Q, g)` is a map `r : Q -> P` with `(X ⊗ r) ; f = g`. Tying is along a copy, freezing along a point
`I -> P`, a new order along a permutation; an adapter at some of the parameters is `r ⊗ id` after a permutation.

Source: G. Cruttwell, B. Gavranović, N. Ghani, P. Wilson, F. Zanasi, "Categorical Foundations of Gradient-Based
Learning" (2022), section 2.

>>> model = Para(Box("f", R(2) @ R(3) @ R(3), R()), {"v": Param(R(3)), "w": Param(R(3))})
>>> r, entries = copying(model, ("v", "w"), None)
>>> r == Diagram.copy(R(3)), [path for path, _ in entries]
(True, [('v',)])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import matmul
from typing import Any

from .category import each, wired
from .errors import CompositionError, ParameterError
from .param import Entry, leaves

__all__ = ["along", "copying", "pointing"]


def along(cell: Any, r: Any, entries: Sequence[Entry], at: Sequence[str]) -> tuple[Any, tuple[Entry, ...]]:
    """The map of a 1-cell along `r`, which gives the parameters at these paths, or all of them; and its names."""
    base, places = cell.base, list(range(cell.n_params))
    weight, beside, back = cell.weight, base.id(cell.weight[:0]), places
    if at:
        places = [i for path in at for i in cell.places(path)]
        among = set(places)
        others = [i for i in range(cell.n_params) if i not in among]
        back = [*others, *places]
        weight, beside = _weights(cell, places), base.id(_weights(cell, others))
        entries = (*(cell.entries[i] for i in others), *entries)
    if r.cod != weight:
        names = ", ".join(cell.paths[i] for i in places)
        raise CompositionError(f"the 2-cell gives {r.cod}, and the parameters {names} are {weight}")
    made = beside.tensor(r)
    place = {i: k for k, i in enumerate(back)}
    order = wired(base, made.cod, [place[i] for i in range(cell.n_params)])
    return base.id(cell.dom).tensor(made.then(order)).then(cell.arrow), tuple(entries)


def copying(cell: Any, paths: Sequence[str], name: str | None) -> tuple[Any, list[Entry]]:
    """The copy that puts one parameter, or one group, in the place of several, and its names."""
    if len(set(paths)) < 2:
        raise ParameterError(f"tie takes two or more paths, and got {', '.join(paths) or 'none'}")
    names = cell.paths
    groups = [cell.places(p) for p in paths]
    inner = [[names[i].removeprefix(p) for i in g] for p, g in zip(paths, groups, strict=True)]
    types = [[cell.entries[i][1].wire for i in g] for g in groups]
    if any(x != inner[0] for x in inner) or any(x != types[0] for x in types):
        found = "; ".join(f"{p} is {t}" for p, t in zip(paths, types, strict=True))
        raise ParameterError(f"only equal types can be tied: {found}")
    first = {i: g0 for g in groups for g0, i in zip(groups[0], g, strict=True)}
    kept = [i for i in range(cell.n_params) if first.get(i, i) == i]
    place = {i: k for k, i in enumerate(kept)}
    entries = [
        (_renamed(names[i], paths[0], name), cell.entries[i][1]) if i in first else cell.entries[i] for i in kept
    ]
    source = [place[first.get(i, i)] for i in range(cell.n_params)]
    return wired(cell.base, _weights(cell, kept), source), entries


def pointing(cell: Any, values: Mapping[str, Any]) -> tuple[Any, list[Entry]]:
    """The point that fixes these parameters, beside the identity of the others, and their names."""
    base = cell.base
    if values and not hasattr(base, "point"):
        raise CompositionError(f"{base!r} has no points I -> A, along which parameters could be fixed")
    names = cell.paths
    index = {p: i for i, p in enumerate(names)}
    fixed: dict[int, Any] = {}
    for parts, value in leaves(values, empty=True):
        path = "/".join(parts)
        if isinstance(value, Mapping):
            cell.places(path)  # an empty group fixes nothing, but has to be one
            continue
        i = index[path] if path in index else cell.places(path, only=True)[0]
        fixed[i] = cell.entries[i][1].array(value, path)
    cells = [base.point(fixed[i]) if i in fixed else base.id(ty) for i, ty in enumerate(each(cell.weight))]
    kept = [entry for i, entry in enumerate(cell.entries) if i not in fixed]
    return base.id(cell.weight[:0]).tensor(*cells), kept


def _weights(cell: Any, places: Sequence[int]) -> Any:
    """The type of some parameters."""
    parts = list(each(cell.weight))
    return reduce(matmul, [parts[i] for i in places], cell.weight[:0])


def _renamed(path: str, start: str, name: str | None) -> tuple[str, ...]:
    return tuple(f"{start if name is None else name}{path.removeprefix(start)}".split("/"))
