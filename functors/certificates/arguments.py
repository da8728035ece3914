"""The arguments of `check` as arrays of wires, and back: every array is fitted to its wire by name.

A diagram takes an array a wire and a function its own arguments. A model takes what `compile` of it takes, the tree of
its parameters before the data, and a learner its state before the data: `check(model, params, x)` and
`check(learner, state, x, t)`. What was left out is made by `check`, the parameters of a model by their initializers.
Domains, points, guards, tangents and surrogates speak of the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError, ParameterError
from ...categories.para import Para
from ...categories.param import leaves, nested
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, Wire
from ..learning import Learner, State

__all__ = ["Arguments", "Named", "Positional", "arguments_of", "as_array"]

Values = list[Any]


@dataclass(frozen=True, eq=False)
class Positional:
    """Arguments in order: of a function, trees as in its examples; of a diagram, an array a wire."""

    dom: Ty
    trees: Sequence[Any] | None = None

    def examples(self, given: Sequence[Any]) -> Values:
        """The arrays of all wires, None for those that were left out. Raises `InputError` for what does not fit."""
        values = jax.tree.leaves(list(given))
        if self.trees is not None or len(values) > len(self.dom):
            return self.flat(given)
        labels = [f"wire {i}" for i in range(len(values))]
        found = fitted(values, self.dom.inside[: len(values)], labels)
        return [*found, *[None] * (len(self.dom) - len(values))]

    def flat(self, arguments: Any) -> Values:
        """The arrays of all arguments; raises `InputError` where they do not fit."""
        arguments = tuple(arguments) if isinstance(arguments, (tuple, list)) else (arguments,)
        found = jax.tree.leaves(list(arguments))
        if len(found) != len(self.dom):
            raise InputError(f"{len(found)} arrays for the {len(self.dom)} inputs {self.dom}")
        return fitted(found, self.dom.inside, self._labels)

    @property
    def _labels(self) -> list[str]:
        if self.trees is None:
            return [f"wire {i}" for i in range(len(self.dom))]
        filled = [jax.tree.unflatten(t, [0] * t.num_leaves) for t in self.trees]
        paths = [jax.tree_util.tree_flatten_with_path(t)[0] for t in filled]
        return [f"argument {i}{jax.tree_util.keystr(p)}" for i, found in enumerate(paths) for p, _ in found]

    def unflat(self, values: Sequence[Any]) -> list[Any]:
        """Arrays of wires as the arguments that an author's function takes."""
        made, at = [], 0
        for t in self.trees if self.trees is not None else [jax.tree.structure(0)] * len(values):
            made.append(jax.tree.unflatten(t, list(values[at : at + t.num_leaves])))
            at += t.num_leaves
        return made

    def tangents(self, made: Any) -> tuple[Any, ...]:
        """The tangents that an author gave, in the order of wires; those that are None are left out."""
        return tuple(jax.tree.leaves(made))

    def ranges(self, domain: Sequence[Any]) -> list[Any]:
        """The range of every wire; raises `InputError` for too many."""
        domain = [domain] if _is_range(domain) else domain
        counts = [t.num_leaves for t in self.trees] if self.trees is not None else [1] * len(self.dom)
        if len(domain) > len(counts):
            raise InputError(f"the domain has {len(domain)} entries for {len(counts)} arguments")
        entries = [*domain, *[None] * (len(counts) - len(domain))]
        return [r for r, k in zip(entries, counts, strict=True) for _ in range(k)]


@dataclass(frozen=True, eq=False)
class Named:
    """Arguments of a model or a learner: a tree of arrays by name, then the data.

    `entries` are paths with wires of what is named, `first` whether these come before the data in `dom`.
    """

    dom: Ty
    entries: Sequence[tuple[tuple[str, ...], Wire]]
    first: bool

    @property
    def _n_data(self) -> int:
        return len(self.dom) - len(self.entries)

    @cached_property
    def _data(self) -> Sequence[Wire]:
        return self.dom.inside[len(self.entries) :] if self.first else self.dom.inside[: self._n_data]

    @property
    def _call(self) -> str:
        """How it is called."""
        xs = [f"x{i}" if self._n_data > 1 else "x" for i in range(self._n_data)]
        name, tree = ("learner", "state") if self.first else ("model", "params")
        return f"check({', '.join([name, tree, *xs])})"

    def examples(self, given: Sequence[Any]) -> Values:
        """The arrays of all wires, None for those that were left out: the tree, the last of the data, or all.

        Raises `InputError` or `ParameterError` for what does not fit.
        """
        tree, data = (given[0], given[1:]) if given and _is_tree(given[0]) else (None, given)
        if len(data) > self._n_data or any(map(_is_tree, data)):
            raise InputError(self._order(given))
        made = self._values(data)
        named = [None] * len(self.entries) if tree is None else self._tree(tree)
        return self._placed(named, [*made, *[None] * (self._n_data - len(made))])

    def flat(self, arguments: Any) -> Values:
        """The arrays of the tree and all data; None for the tree if it is left out."""
        given = tuple(arguments) if _is_sequence(arguments) else (arguments,)
        found = self.examples(given)
        data = found[len(self.entries) :] if self.first else found[: self._n_data]
        if any(a is None for a in data):
            raise InputError(self._order(given))
        return found

    def _order(self, given: Sequence[Any]) -> str:
        shown = ", ".join("a tree" if _is_tree(a) else f"{type(a).__name__}{_shape(a)}" for a in given)
        what = "state comes" if self.first else "parameters come"
        return f"written {self._call}, with data {Ty.of(self._data)}: the {what} first, as one tree; got ({shown})"

    def _placed(self, named: Values, data: Values) -> Values:
        return [*named, *data] if self.first else [*data, *named]

    def _values(self, data: Sequence[Any]) -> Values:
        labels = [f"data {i}" if self._n_data > 1 else "the data" for i in range(len(data))]
        return fitted(data, self._data[: len(data)], labels)

    def _tree(self, tree: Any) -> Values:
        """The arrays of the tree in the order of the wires; raises `ParameterError` that lists all that is amiss."""
        given = self._by_name(tree)
        missing = [p for p, _ in self.entries if p not in given]
        extra = [p for p in given if p not in dict(self.entries)]
        wrong = [f"missing {'/'.join(p)}" for p in missing] + [f"extra {'/'.join(p)}" for p in extra]
        made: Values = []
        for p, w in self.entries:
            value = given.get(p)
            message = "" if p in missing else misfit(value, w, "/".join(p))
            wrong += [message] if message else []
            made.append(None if message or p in missing else cast(value, w))
        if wrong:
            raise ParameterError(f"the {'state does' if self.first else 'parameters do'} not fit: {'; '.join(wrong)}")
        return made

    def _by_name(self, tree: Any) -> dict[tuple[str, ...], Any]:
        if self.first and isinstance(tree, Mapping):
            raise InputError(f"written {self._call}: a learner takes a state, as learner.init(0) gives one")
        if not self.first and _is_state(tree):
            raise InputError(f"written {self._call}: the parameters of a state are state.params")
        tree = {"memory": tree.memory, "params": tree.params} if _is_state(tree) else tree
        return {path: value for path, value in leaves(tree) if value is not None}

    def unflat(self, values: Sequence[Any]) -> list[Any]:
        """Arrays of wires as the arguments that an author's function takes: the tree, then the data."""
        n, k = len(self.entries), self._n_data
        named, data = (values[:n], values[n:]) if self.first else (values[k:], values[:k])
        tree: Any = nested([p for p, _ in self.entries], named)
        if self.first:
            tree = State(tree.get("params", {}), tree.get("memory", {}))
        return [tree, *data]

    def tangents(self, made: Any) -> tuple[Any, ...]:
        """The tangents that an author gave, in the order of wires; those that are None are left out."""
        made = tuple(made) if _is_sequence(made) else (made,)
        if not made or not (_is_tree(made[0]) or made[0] is None):
            raise InputError(f"written {self._call}, and a tangent has a part for each argument, in that order")
        given = {} if made[0] is None else self._by_name(made[0])
        placed = self._placed([given.get(p) for p, _ in self.entries], list(made[1:]))
        return tuple(a for a in placed if a is not None)

    def ranges(self, domain: Sequence[Any]) -> list[Any]:
        """The range of every wire: for the tree a range or None, or such by name; then those of the data."""
        k = self._n_data
        entries = [domain] if k == 1 and _is_range(domain) else list(domain)
        if len(entries) not in (k, k + 1):
            raise InputError(
                f"the domain has {len(entries)} entries: {k} for the data {Ty.of(self._data)}, or one more before them"
            )
        named = [None] * len(self.entries) if len(entries) == k else self._by_path(entries[0])
        return self._placed(named, entries[-k:] if k else [])

    def _by_path(self, given: Any) -> list[Any]:
        """The range of each array that is named: the one at its path or at what is around it."""
        if not isinstance(given, Mapping):
            return [given] * len(self.entries)
        at = dict(leaves(given))
        known = {p[:i] for p, _ in self.entries for i in range(len(p) + 1)}
        if unknown := ["/".join(p) for p in at if p not in known]:
            raise InputError(f"the domain has a range for {', '.join(unknown)}, and nothing is called so")
        return [next((at[p[:i]] for i in range(len(p), -1, -1) if p[:i] in at), None) for p, _ in self.entries]


Arguments = Positional | Named


def arguments_of(given: Diagram | Para | Learner) -> Named | Positional:
    """The arguments of a diagram, a model or a learner."""
    if isinstance(given, Para):
        return Named(given.arrow.dom, [(p, q.wire) for p, q in given.entries], False)
    if isinstance(given, Learner):
        return Named(given.step.dom, [(p, q.wire) for p, q in given.entries], True)
    return Positional(given.dom)


# -- arrays and wires -----------------------------------------------------------------------------


def as_array(value: Any) -> Any:
    """A number as the array that JAX makes of it; arrays as they are."""
    if isinstance(value, jax.Array) or isinstance(value, np.ndarray):
        return value
    if isinstance(value, float) and not jax.config.read("jax_enable_x64"):
        return np.asarray(value, np.float32)
    return np.asarray(value)


def fitted(values: Sequence[Any], wires: Sequence[Wire], labels: Sequence[str]) -> Values:
    """The arrays in the dtypes of their wires; raises `InputError` that lists all that do not fit."""
    wrong = [misfit(v, w, label) for v, w, label in zip(values, wires, labels, strict=True)]
    if any(wrong):
        raise InputError("; ".join(filter(None, wrong)))
    return [cast(v, w) for v, w in zip(values, wires, strict=True)]


def misfit(value: Any, w: Wire, label: str) -> str:
    """Why a value is none of a wire; empty if it is one."""
    a = as_array(value)
    if a.dtype == object:
        return f"{label} takes {w} and got a {type(value).__name__}"
    if tuple(a.shape) != w.shape:
        return f"{label} takes {w} and got an array of shape {tuple(a.shape)}"
    if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) != (w.kind == "Key"):
        return f"{label} takes {w} and got dtype {a.dtype}"
    if w.kind == "Key":
        return ""
    a = np.asarray(a)
    lost = jnp.iscomplexobj(a) and w.kind != "C" and bool(np.imag(a).any())
    if lost or (w.kind in "ZB" and not bool((cast(a, w).astype(a.dtype) == a).all())):
        return f"{label} takes {w} and got dtype {a.dtype}"
    return ""


def cast(value: Any, w: Wire) -> Any:
    """A value that fits in the dtype of its wire."""
    a = as_array(value)
    if w.kind == "Key":
        return a
    a = np.asarray(a)
    return (np.real(a) if jnp.iscomplexobj(a) and w.kind != "C" else a).astype(jnp.dtype(w.dtype))


def _is_state(value: Any) -> bool:
    return hasattr(value, "params") and hasattr(value, "memory")


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping) or _is_state(value)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and not _is_state(value)


def _is_range(domain: Sequence[Any]) -> bool:
    """Whether a domain is one range and no list of them."""
    return len(domain) in (2, 3) and not isinstance(domain[0], (tuple, list, Mapping, type(None)))


def _shape(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return "" if shape is None else str(list(shape))
