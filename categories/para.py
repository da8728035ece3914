"""Para(C): maps with parameters, over any cartesian category C.

Data: a 1-cell `X -> Y` is an object P and a map `f : X ⊗ P -> Y` of C, of which `categories.category` says what it
must offer. Identity: P = I. Composition:
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

import operator
import zlib
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import matmul
from typing import Any

from . import two_cells
from .category import Pictured, category_of, each, wired
from .errors import CompositionError, ParameterError, PathError
from .param import Entry, joined, leaves, nested, refuse_clashes, refuse_others

__all__ = ["Para"]


class Para(Pictured):
    """A 1-cell of Para: a map `arrow : X ⊗ P -> Y` whose last inputs are named parameters.

    `params` is a nested dict of `Param`s, in the order of the wires of P (`from_jax(f, *data, params=...)`
    traces a function of a tree of parameters and keeps their names itself). Compose with `>>` and `@`,
    with maps of the base category too. A group of parameters that is called as the box which reads it is so in
    every composite: `dense_1/w` is the weight of the box `dense_1`. Others of one name are kept apart: the second
    becomes `name_1`. Raises `ParameterError` when the parameters are not the last wires of the domain.
    """

    __slots__ = ("_children", "_entries", "arrow", "n_params")
    _entries: tuple[Entry, ...] | None

    def __init__(self, arrow: Any, params: Mapping[str, Any] | Sequence[Entry] = ()) -> None:
        if isinstance(arrow, type) or not hasattr(arrow, "tensor") or not hasattr(arrow, "dom"):
            name = getattr(arrow, "__name__", None)
            hint = f"; {name} is a function: call it first if it makes a layer, such as nn.relu(10)" if name else ""
            raise CompositionError(f"a model is made of diagrams and layers, not of {arrow!r}{hint}")
        entries: tuple[Entry, ...] = tuple(leaves(params) if isinstance(params, Mapping) else params)
        refuse_others(entries)
        # over lenses a wire of the domain is a pair, and the parameter is its value
        last = [getattr(w, "value", w) for w in each(arrow.dom[max(0, len(arrow.dom) - len(entries)) :])]
        if len(entries) > len(arrow.dom):
            raise ParameterError(f"{len(entries)} parameters for the {len(arrow.dom)} inputs {arrow.dom}")
        wrong = [
            f"{'/'.join(p)} is {q.ty} but the map takes {w}"
            for (p, q), w in zip(entries, last, strict=True)
            if q.ty != w
        ]
        if wrong:
            raise ParameterError(
                "the parameters are the last inputs of the map, in order: " + "; ".join(wrong) + "; "
                "from_jax lists the leaves of a dict sorted by key; from_jax(f, *data, params=...) names them itself"
            )
        refuse_clashes([p for p, _ in entries])
        self.arrow, self.n_params, self._entries = arrow, len(entries), entries
        self._children: tuple[Para, ...] = ()

    @classmethod
    def composite(cls, arrow: Any, parts: Sequence[Para]) -> Para:
        """The 1-cell made of others, with their parameters in order; names are joined when asked for."""
        new = object.__new__(cls)
        new.arrow, new.n_params = arrow, sum(p.n_params for p in parts)
        new._entries, new._children = None, tuple(parts)
        return new

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Path and `Param` of each parameter, in the order of the wires of P."""
        if self._entries is None:
            self._entries = _named_like_boxes(self.arrow, self.parts)
        return self._entries

    @property
    def parts(self) -> list[Para]:
        """The 1-cells that this one was composed of, whose own names say what it is called: itself if of none."""
        found: list[Para] = []
        stack: list[Para] = [self]
        while stack:
            p = stack.pop()
            if p._children:
                stack.extend(reversed(p._children))
            else:
                found.append(p)
        return found

    # -- structure -----------------------------------------------------------------------------

    @property
    def dom(self) -> Any:
        """X, the type of the data."""
        return self.arrow.dom[: len(self.arrow.dom) - self.n_params]

    @property
    def cod(self) -> Any:
        """Y, the type of the result."""
        return self.arrow.cod

    @property
    def weight(self) -> Any:
        """P, the type of the parameters."""
        return self.arrow.dom[len(self.arrow.dom) - self.n_params :]

    @property
    def base(self) -> Any:
        """C, the category of the map."""
        return category_of(self.arrow)

    @classmethod
    def id(cls, dom: Any) -> Para:
        """The identity, P = I."""
        return cls(category_of(dom).id(dom))

    @classmethod
    def wires(cls, dom: Any, outputs: Sequence[int]) -> Para:
        """Any copying, dropping and permuting of wires, without parameters."""
        return cls(wired(category_of(dom), dom, outputs))

    @classmethod
    def swap(cls, left: Any, right: Any) -> Para:
        """The symmetry."""
        n, m = len(left), len(right)
        return cls.wires(left @ right, (*range(n, n + m), *range(n)))

    @classmethod
    def copy(cls, dom: Any, n: int = 2) -> Para:
        """So many copies."""
        return cls.wires(dom, tuple(range(len(dom))) * n)

    @classmethod
    def discard(cls, dom: Any) -> Para:
        """Everything dropped."""
        return cls.wires(dom, ())

    @classmethod
    def lift(cls, arrow: Any) -> Para:
        """A map of the base category as a 1-cell without parameters; raises `CompositionError` for anything else."""
        return arrow if isinstance(arrow, Para) else cls(arrow)

    def then(self, *others: Any) -> Para:
        """This 1-cell followed by the others; `>>` is the same."""
        result = self
        for other in map(Para.lift, others):
            if result.cod != other.dom:
                raise CompositionError(_mismatch(result, other))
            arrow = result.arrow.tensor(other.base.id(other.weight)).then(other.arrow)
            result = Para.composite(arrow, (result, other))
        return result

    def tensor(self, *others: Any) -> Para:
        """This 1-cell beside the others; `@` is the same."""
        cells = [self, *map(Para.lift, others)]
        data = reduce(matmul, [c.dom for c in cells])
        dom = reduce(matmul, [data, *[c.weight for c in cells]])
        route, at_data, at_weight = [], 0, len(data)
        for c in cells:
            n = len(c.dom)
            route += [*range(at_data, at_data + n), *range(at_weight, at_weight + c.n_params)]
            at_data, at_weight = at_data + n, at_weight + c.n_params
        first, *rest = (c.arrow for c in cells)
        return Para.composite(wired(self.base, dom, route).then(first.tensor(*rest)), cells) if rest else self

    def __rshift__(self, other: Any) -> Para:
        return self.then(other)

    def __add__(self, other: Any) -> Any:
        raise CompositionError("models have no sums: compose them by >> and @, or add their results by a box")

    __radd__ = __mul__ = __rmul__ = __add__

    def __rrshift__(self, other: Any) -> Para:
        return Para.lift(other).then(self)

    def __matmul__(self, other: Any) -> Para:
        return self.tensor(_whisker(self, other))

    def __rmatmul__(self, other: Any) -> Para:
        return Para.lift(_whisker(self, other)).tensor(self)

    # -- 2-cells -------------------------------------------------------------------------------

    def reparam(self, r: Any, params: Mapping[str, Any] | Sequence[Entry], *, at: str | Sequence[str] = ()) -> Para:
        """The 1-cell `(X ⊗ r) ; f` along the 2-cell `r : Q -> P`, with `params` the names on Q.

        With `at`, paths of parameters or of groups of them, r gives only those and the others stay:
        a low-rank adapter at one weight is `reparam(product, {...}, at="dense/w")`.
        """
        entries = tuple(leaves(params) if isinstance(params, Mapping) else params)
        return Para(*two_cells.along(self, r, entries, (at,) if isinstance(at, str) else tuple(at)))

    def tie(self, *paths: str, name: str | None = None) -> Para:
        """One parameter in the place of several, or one group in the place of several: the 2-cell is copy.

        It keeps the first path, or is named `name`. Raises `ParameterError` when the types differ or
        the groups have other names inside, `PathError` for a path that names no parameter.
        """
        return self.reparam(*two_cells.copying(self, paths, name))

    def freeze(self, values: Mapping[str, Any]) -> Para:
        """The 1-cell with these parameters fixed to arrays: the 2-cell is a point.

        `values` is nested or by path, and may hold a group. Raises `ParameterError` for a wrong shape, `PathError`
        for a name that no parameter has, `CompositionError` over a category that has no points.
        """
        return self.reparam(*two_cells.pointing(self, values))

    def named(self, name: str) -> Para:
        """The same map closed into one box of this name, with `name` in front of its parameters' paths.

        A single layer is renamed: its own name gives way, in the box and in the paths.
        """
        own = getattr(self.arrow, "name", None)
        if own is not None and all(p[0] == own and len(p) > 1 for p, _ in self.entries):
            return Para(self.arrow.renamed(name), [((name, *p[1:]), q) for p, q in self.entries])
        boxed = self.arrow.boxed(name) if hasattr(self.arrow, "boxed") else self.arrow
        return Para(boxed, [((name, *p), q) for p, q in self.entries])

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
        """The number of parameters: the entries of all arrays together, and one for what is no array."""
        return sum(getattr(q.wire, "size", 1) for _, q in self.entries)

    def init(self, key: Any) -> dict[str, Any]:
        """Initial values, a nested dict of arrays; each depends on the key and its own path only.

        `key` is a PRNG key or a seed. Raises `ParameterError`, naming the path, where there is no
        initializer or it fails.
        """
        import jax

        missing = [p for p, (_, q) in zip(self.paths, self.entries, strict=True) if q.init is None]
        if missing:
            raise ParameterError(f"no initializer for {', '.join(missing)}: give one to Param(ty, init=...)")
        if getattr(key, "shape", ()) == () and not str(getattr(key, "dtype", "")).startswith("key<"):
            key = jax.random.key(operator.index(key))
        keys = [jax.random.fold_in(key, zlib.crc32(p.encode())) for p in self.paths]
        made = [q.make(k, p) for k, p, (_, q) in zip(keys, self.paths, self.entries, strict=True)]
        return self.nest(made)

    def nest(self, values: Sequence[Any]) -> dict[str, Any]:
        """One value a parameter, in the order of P, as a nested dict."""
        return nested([path for path, _ in self.entries], values)

    def flat(self, tree: Any) -> list[Any]:
        """The values of a nested dict in the order of P.

        Raises `ParameterError` that lists every missing, extra and misshapen path.
        """
        given = dict(leaves(tree)) if isinstance(tree, Mapping) else None
        if given is None:
            raise ParameterError(f"parameters come as a nested dict, not as {type(tree).__name__}")
        wrong = [f"missing {'/'.join(p)} : {q.ty}" for p, q in self.entries if p not in given]
        known = {p for p, _ in self.entries}
        wrong += [f"extra {'/'.join(p)}" for p in given if p not in known]
        wrong += [t for p, q in self.entries if p in given for t in q.misfits(given[p], "/".join(p))]
        if wrong:
            raise ParameterError("the parameters do not fit: " + "; ".join(wrong))
        return [given[p] for p, _ in self.entries]

    def places(self, path: str, *, only: bool = False) -> list[int]:
        """The numbers of the parameters at or below a path (`only` at it); raises `PathError` if there are none."""
        names = self.paths

        def below_it(p: str) -> bool:
            return p == path or (not only and p.startswith(f"{path}/"))

        found = [i for i, p in enumerate(names) if below_it(p)]
        graph = getattr(self.arrow, "graph", None)
        if not found and graph is not None and path.partition("/")[0] in graph.names():
            # a library may keep the parameters of its layers below a name of its own, such as `params`
            found = [i for i, p in enumerate(names) if below_it(p.partition("/")[2])]
        if not found:
            below = [p for p in names if p.startswith(f"{path}/")]
            hint = f"{path!r} is a group of {len(below)}" if below else f"there are {', '.join(names) or 'none'}"
            raise PathError(f"no parameter {path!r}; {hint}")
        return found

    # -- boxes -----------------------------------------------------------------------------------

    @property
    def graph(self) -> Any:
        """The flat graph of the map."""
        return self.arrow.graph

    def at(self, path: str) -> Para:
        """The model at a path such as `block_1/attention`, with its own parameters; `arrow.at` gives the bare box.

        Its data are what the box there reads that depends on the data of the whole. Raises `PathError`.
        """
        return self.arrow.part_of(self, path)

    def replace(self, path: str, other: Any) -> Para:
        """The model with another model or map in the place of the box at a path.

        A layer goes in under its own name; of several boxes one is made, named as the one whose place it takes.
        Parameters that nothing reads any more are dropped. Raises `PathError`, and `CompositionError`, with path and
        types, where the other does not fit.
        """
        return self.arrow.replace_in(self, path, other)

    def open(self, *paths: str, depth: int = 0) -> Para:
        """The model with the boxes at these paths, or all down to a depth, replaced by their definitions."""
        return Para(self.arrow.open(*paths, depth=depth), self.entries)

    # -- equality and looking --------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Para):
            return NotImplemented
        return self.n_params == other.n_params and self.arrow == other.arrow

    def __hash__(self) -> int:
        return hash((self.arrow, self.n_params))

    def __repr__(self) -> str:
        n = self.n_params
        return f"<Para {self.dom} -> {self.cod}, {n} array{'s' * (n != 1)}, {self.size:,} parameters>"

    def __call__(self, *wires: Any) -> Any:
        """Apply the 1-cell to wires of a diagram under construction (see `@diagram`)."""
        return self.arrow.apply_para(self, wires)


def _named_like_boxes(arrow: Any, parts: Sequence[Para]) -> tuple[Entry, ...]:
    """The parameters of the parts of a composite: what is called as the box that reads it goes on to be."""
    parts = [p for p in parts if p.n_params]
    known: dict[tuple[int, str], str] = {}
    n = sum(p.n_params for p in parts)
    takers = iter(arrow.takers[len(arrow.dom) - n :] if hasattr(arrow, "takers") else ())
    for k, p in enumerate(parts):
        before = getattr(p.arrow, "takers", ())[len(p.dom) :]
        for (path, _), own, now in zip(p.entries, before, takers, strict=False):
            if path[0] == own:
                known[k, own] = now
    return joined([p.entries for p in parts], known)


def _whisker(one: Para, other: Any) -> Any:
    return other if hasattr(other, "then") else one.base.id(other)


def _mismatch(left: Para, right: Para) -> str:
    """Why the results of one 1-cell are not the data of another, as the base tells it."""
    if hasattr(left.arrow, "mismatch"):
        return left.arrow.mismatch(right.arrow, len(left.cod), len(right.dom))
    return f"the first gives {left.cod} but the next takes {right.dom}"
