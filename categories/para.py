"""Para(C): maps with parameters, over any cartesian category C.

Data: a 1-cell `X -> Y` is an object P and a map `f : X ⊗ P -> Y` of C. Identity: P = I. Composition:
`(P, f) ; (Q, g) = (P ⊗ Q, (f ⊗ Q) ; g)`. Tensor: parameters are swapped to the right. A 2-cell
`(P, f) => (Q, g)` is a reparameterisation `r : Q -> P` with `(X ⊗ r) ; f = g`: tying is along copy,
freezing along a point `I -> P`, permuting along swap.

Laws (tests/categories): associativity and units are strict; `reparam(r)` then `reparam(s)` is
`reparam(s ; r)`; `(f ; g) reparam (r ⊗ s) = f reparam r ; g reparam s`; interchange of `;` and `⊗`
holds up to the swap 2-cell. Names of parameters are data on P and no part of equality.

Source: G. Cruttwell, B. Gavranović, N. Ghani, P. Wilson, F. Zanasi, "Categorical Foundations of
Gradient-Based Learning" (2022), section 2; our parameters stand on the right of the domain.

>>> w = Param(R(3, 2), init="glorot_uniform")
>>> layer = Para(Box("linear", R(3) @ R(3, 2), R(2)), {"w": w})
>>> (layer.named("first") >> Box("f", R(2), R(3)) >> layer.named("second")).params
{'first': {'w': R(3, 2)}, 'second': {'w': R(3, 2)}}
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import CompositionError, ParameterError, PathError

__all__ = ["Init", "Para", "Param", "joined"]

Path = tuple[str, ...]
Entry = tuple[Path, "Param"]


@dataclass(frozen=True)
class Init:
    """An initializer by its name in `jax.nn.initializers` with its options, so that it can be compared and saved.

    >>> Init("normal", {"stddev": 0.02})
    normal(stddev=0.02)
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", dict(sorted(self.options.items())))

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.options.items())))

    def __call__(self, key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
        import jax.nn.initializers as library

        make = getattr(library, self.name, None)
        if make is None:
            raise ParameterError(f"jax.nn.initializers has no {self.name!r}: use one of its names, or a function")
        # zeros and ones are initializers themselves, the others are made by a call
        init = make if self.name in ("zeros", "ones") else make(**self.options)
        return init(key, shape, dtype)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})" if self.options else self.name


Initializer = Init | Callable[[Any, tuple[int, ...], Any], Any]


class Param:
    """One parameter: a type of one wire and how it is initialized.

    `init` is the name of an initializer of `jax.nn.initializers`, an `Init`, or a function of a key,
    a shape and a dtype.
    """

    __slots__ = ("init", "ty")

    def __init__(self, ty: Any, init: str | Initializer | None = None) -> None:
        if len(ty) != 1:
            raise ParameterError(f"a parameter is one wire, and {ty} has {len(ty)}: name each of them")
        self.ty = ty
        self.init: Initializer | None = Init(init) if isinstance(init, str) else init

    @property
    def wire(self) -> Any:
        """The wire: its `shape` and `dtype`."""
        return self.ty.inside[0]

    def make(self, key: Any) -> Any:
        """An initial value; raises `ParameterError` if there is no initializer."""
        if self.init is None:
            raise ParameterError(f"the parameter {self.ty} has no initializer: give one to Param(ty, init=...)")
        return self.init(key, self.wire.shape, self.wire.dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Param) and (self.ty, self.init) == (other.ty, other.init)

    def __hash__(self) -> int:
        return hash(self.ty)

    def __repr__(self) -> str:
        return repr(self.ty)


class Para:
    """A 1-cell of Para: a map `arrow : X ⊗ P -> Y` whose last inputs are named parameters.

    `params` is a nested dict of `Param`s, in the order of the wires of P. Compose with `>>` and `@`,
    with maps of the base category too. Two parameters of one name are kept apart: the second becomes
    `name_1`. Raises `ParameterError` when the parameters are not the last wires of the domain.
    """

    __slots__ = ("_entries", "_halves", "arrow", "n_params")
    _entries: tuple[Entry, ...] | None

    def __init__(self, arrow: Any, params: Mapping[str, Any] | Sequence[Entry] = ()) -> None:
        entries: tuple[Entry, ...] = tuple(_leaves(params) if isinstance(params, Mapping) else params)
        last = arrow.dom.inside[len(arrow.dom) - len(entries) :]
        if len(entries) > len(arrow.dom):
            raise ParameterError(f"{len(entries)} parameters for the {len(arrow.dom)} inputs {arrow.dom}")
        wrong = [
            f"{'/'.join(p)} is {q.ty} but the map takes {w}"
            for (p, q), w in zip(entries, last, strict=True)
            if q.wire != w
        ]
        if wrong:
            raise ParameterError("the parameters are the last inputs of the map, in order: " + "; ".join(wrong))
        _refuse_clashes([p for p, _ in entries])
        self.arrow, self.n_params, self._entries = arrow, len(entries), entries
        self._halves: tuple[Para, Para] | None = None

    @classmethod
    def _composite(cls, arrow: Any, left: Para, right: Para) -> Para:
        """The 1-cell with the parameters of `left`, then those of `right`; names are joined when asked for."""
        new = object.__new__(cls)
        new.arrow, new.n_params = arrow, left.n_params + right.n_params
        new._entries, new._halves = None, (left, right)
        return new

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Path and `Param` of each parameter, in the order of the wires of P."""
        if self._entries is None:
            leaves: list[Sequence[Entry]] = []
            stack: list[Para] = [self]
            while stack:
                p = stack.pop()
                if p._entries is None and p._halves is not None:
                    stack += (p._halves[1], p._halves[0])
                else:
                    leaves.append(p.entries)
            self._entries, self._halves = joined(leaves), None
        return self._entries

    # -- structure -----------------------------------------------------------------------------

    @property
    def dom(self) -> Any:
        """X, the type of the data."""
        return self.arrow.dom[: self.arrow.n_in - self.n_params]

    @property
    def cod(self) -> Any:
        """Y, the type of the result."""
        return self.arrow.cod

    @property
    def weight(self) -> Any:
        """P, the type of the parameters."""
        return self.arrow.dom[self.arrow.n_in - self.n_params :]

    @classmethod
    def lift(cls, arrow: Any) -> Para:
        """A map of the base category as a 1-cell without parameters."""
        return arrow if isinstance(arrow, Para) else cls(arrow)

    def then(self, *others: Any) -> Para:
        """This 1-cell followed by the others; `>>` is the same."""
        result = self
        for other in map(Para.lift, others):
            base = type(other.arrow)
            arrow = result.arrow.tensor(base.id(other.weight)).then(other.arrow)
            result = Para._composite(arrow, result, other)
        return result

    def tensor(self, *others: Any) -> Para:
        """This 1-cell beside the others; `@` is the same."""
        result = self
        for other in map(Para.lift, others):
            base = type(other.arrow)
            middle = base.swap(other.dom, result.weight)
            route = base.id(result.dom).tensor(middle, base.id(other.weight))
            arrow = route.then(result.arrow.tensor(other.arrow))
            result = Para._composite(arrow, result, other)
        return result

    def __rshift__(self, other: Any) -> Para:
        return self.then(other)

    def __rrshift__(self, other: Any) -> Para:
        return Para.lift(other).then(self)

    def __matmul__(self, other: Any) -> Para:
        return self.tensor(_whisker(self, other))

    def __rmatmul__(self, other: Any) -> Para:
        return Para.lift(_whisker(self, other)).tensor(self)

    # -- 2-cells -------------------------------------------------------------------------------

    def reparam(self, r: Any, params: Mapping[str, Any] | Sequence[Entry]) -> Para:
        """The 1-cell `(X ⊗ r) ; f` along the 2-cell `r : Q -> P`, with `params` the names on Q."""
        if r.cod != self.weight:
            raise CompositionError(f"a 2-cell gives the parameters {self.weight}, and this one gives {r.cod}")
        return Para(type(r).id(self.dom).tensor(r).then(self.arrow), params)

    def tie(self, *paths: str, name: str | None = None) -> Para:
        """One parameter in the place of several: the 2-cell is copy. It keeps the first path, or is named `name`.

        Raises `ParameterError` when the types differ, `PathError` for a path that names no parameter.
        """
        places = [self._place(p) for p in paths]
        wires = {self.entries[i][1].wire for i in places}
        if len(wires) > 1:
            raise ParameterError(f"cannot tie {', '.join(paths)}: their types are {', '.join(map(str, wires))}")
        kept = [i for i in range(len(self.entries)) if i not in places[1:]]
        entries = [self.entries[i] for i in kept]
        if name is not None:
            entries[kept.index(places[0])] = (tuple(name.split("/")), self.entries[places[0]][1])
        source = [kept.index(places[0] if i in places else i) for i in range(len(self.entries))]
        weight = self.weight
        dom = sum([weight[i] for i in kept], weight[:0])
        return self.reparam(type(self.arrow).wires(dom, source), entries)

    def freeze(self, values: Mapping[str, Any]) -> Para:
        """The 1-cell with these parameters fixed to arrays: the 2-cell is a point. `values` is nested, or by path."""
        fixed = {self._place("/".join(p)): v for p, v in _leaves(values)}
        base = type(self.arrow)
        parts, kept = [], []
        for i, ty in enumerate(self.weight):
            parts.append(base.point(fixed[i]) if i in fixed else base.id(ty))
            kept += [] if i in fixed else [self.entries[i]]
        return self.reparam(base.id(self.weight[:0]).tensor(*parts), kept)

    def named(self, name: str) -> Para:
        """The same map closed into one box of this name, with `name` in front of its parameters' paths.

        A single layer is renamed: its own name gives way, in the box and in the paths.
        """
        own = getattr(self.arrow, "name", None)
        if own is not None and all(p[0] == own and len(p) > 1 for p, _ in self.entries):
            return Para(self.arrow.renamed(name), [((name, *p[1:]), q) for p, q in self.entries])
        return Para(self.arrow.boxed(name), [((name, *p), q) for p, q in self.entries])

    # -- parameters ----------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as a nested dict of `Param`s, which print as their types."""
        return self.nest([q for _, q in self.entries])

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each parameter, in the order of the wires of P."""
        return tuple("/".join(p) for p, _ in self.entries)

    @property
    def size(self) -> int:
        """The number of entries of all parameters together."""
        return sum(q.wire.size for _, q in self.entries)

    def init(self, key: Any) -> dict[str, Any]:
        """Initial values, a nested dict of arrays; each depends on the key and its own path only."""
        import jax

        missing = [p for p, (_, q) in zip(self.paths, self.entries, strict=True) if q.init is None]
        if missing:
            raise ParameterError(f"no initializer for {', '.join(missing)}: give one to Param(ty, init=...)")
        if isinstance(key, int):
            key = jax.random.key(key)
        keys = [jax.random.fold_in(key, zlib.crc32(p.encode())) for p in self.paths]
        return self.nest([q.make(k) for k, (_, q) in zip(keys, self.entries, strict=True)])

    def nest(self, values: Sequence[Any]) -> dict[str, Any]:
        """One value a parameter, in the order of P, as a nested dict."""
        root: dict[str, Any] = {}
        for (path, _), value in zip(self.entries, values, strict=True):
            here = root
            for part in path[:-1]:
                here = here.setdefault(part, {})
            here[path[-1]] = value
        return root

    def flat(self, tree: Any) -> list[Any]:
        """The values of a nested dict in the order of P.

        Raises `ParameterError` that lists every missing, extra and misshapen path.
        """
        given = dict(_leaves(tree)) if isinstance(tree, Mapping) else None
        if given is None:
            raise ParameterError(f"parameters come as a nested dict, not as {type(tree).__name__}")
        wrong = [f"missing {'/'.join(p)} : {q.ty}" for p, q in self.entries if p not in given]
        known = {p for p, _ in self.entries}
        wrong += [f"extra {'/'.join(p)}" for p in given if p not in known]
        for p, q in self.entries:
            if p in given and tuple(getattr(given[p], "shape", ())) != q.wire.shape:
                wrong.append(
                    f"{'/'.join(p)} has shape {tuple(getattr(given[p], 'shape', ()))}, expected {q.wire.shape}"
                )
        if wrong:
            raise ParameterError("the parameters do not fit: " + "; ".join(wrong))
        return [given[p] for p, _ in self.entries]

    def _place(self, path: str) -> int:
        if path not in self.paths:
            raise PathError(f"no parameter {path!r}; there are {', '.join(self.paths) or 'none'}")
        return self.paths.index(path)

    # -- equality and looking --------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Para):
            return NotImplemented
        return self.n_params == other.n_params and self.arrow == other.arrow

    def __hash__(self) -> int:
        return hash((self.arrow, self.n_params))

    def __repr__(self) -> str:
        return f"<Para {self.dom} -> {self.cod}, {len(self.entries)} parameters of {self.size:,} entries>"

    def _repr_svg_(self) -> str | None:
        return type(self.arrow).svg_of(self)

    def __call__(self, *wires: Any) -> Any:
        """Apply the 1-cell to wires of a diagram under construction (see `@diagram`)."""
        return self.arrow.apply_para(self, wires)


def _whisker(one: Para, other: Any) -> Any:
    return other if hasattr(other, "then") else type(one.arrow).id(other)


def _leaves(tree: Mapping[str, Any], above: Path = ()) -> list[tuple[Path, Any]]:
    found: list[tuple[Path, Any]] = []
    for key, value in tree.items():
        path = (*above, *str(key).split("/"))
        found += _leaves(value, path) if isinstance(value, Mapping) else [(path, value)]
    return found


def _refuse_clashes(paths: Sequence[Path]) -> None:
    seen = set(paths)
    twice = sorted({"/".join(p) for p in paths if paths.count(p) > 1}) if len(seen) < len(paths) else []
    inside = sorted({"/".join(p) for p in paths for k in range(1, len(p)) if p[:k] in seen})
    if twice or inside:
        raise ParameterError(f"parameter names clash: {', '.join(twice + inside)}; rename with .named(...)")


def joined(lists: Sequence[Sequence[Entry]]) -> tuple[Entry, ...]:
    """All lists of names in order; where the first part of a path was used before, it gets the next free number.

    Joining is associative, so it does not matter how a model was put together.
    """
    taken: set[str] = set()
    free: dict[str, int] = {}
    result: list[Entry] = []
    for entries in lists:
        renamed: dict[str, str] = {}
        for path, param in entries:
            first = path[0]
            if first not in renamed:
                renamed[first] = _fresh(first, taken, free)
            result.append(((renamed[first], *path[1:]), param))
    return tuple(result)


def _fresh(name: str, taken: set[str], free: dict[str, int]) -> str:
    """The name itself, or its stem with the next number that is not taken; notes it as taken."""
    stem = re.sub(r"_\d+$", "", name)
    while name in taken:
        free[stem] = k = free.get(stem, 0) + 1
        name = f"{stem}_{k}"
    taken.add(name)
    return name
