"""Formulas back to arrays: an evaluator of sympy's expressions in `jax.numpy`.

The value of a formula about entries is an array with named axes, one for each index that it depends on (D. Chiang,
A. Rush, B. Barak, "Named tensor notation", 2021): a sum of products is an einsum over the names, and an entry at
computed places a gather. A formula about matrices has two axes. Numbers are floats of one precision, complex where
they are not real, and whole numbers where they count places.

>>> W, x = sympy.MatrixSymbol("W", 2, 2), sympy.MatrixSymbol("x", 2, 1)
>>> Evaluator({"W": jnp.eye(2), "x": jnp.ones(2)}).array(W * x + x).tolist()
[[2.0], [2.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar

import jax.numpy as jnp
import sympy
from sympy import Add, Mul

from .....categories.errors import NoMeaningError
from .....diagrams.tracing.emit import apply_box
from .entries import ArrayCall, At, Family, ScalarCall, base_name, of
from .nodes import MatrixCall

__all__ = ["Evaluator", "Named", "aligned", "alike", "call", "fitted", "real_part"]

Named = tuple[Any, tuple[Any, ...]]  # an array, and the indices that are its axes


class Evaluator:
    """Evaluates formulas, given the arrays of the names in them.

    `arrays` maps names to arrays, `sizes` symbols that are numbers of index values to these numbers.
    Raises `NoMeaningError` for a function that has no meaning here, by its name. Its tables are those of `linear` and
    of `pointwise`, whose rules evaluate parts: they are put here when the folder is entered.
    """

    matrices: ClassVar[Mapping[Any, Callable[..., Any]]] = {}
    entries: ClassVar[Mapping[Any, Callable[..., Any]]] = {}
    functions: ClassVar[Mapping[Any, Callable[..., Any]]] = {}

    def __init__(self, arrays: Mapping[str, Any], dtype: Any = "float32") -> None:
        self.arrays, self.dtype = dict(arrays), jnp.finfo(dtype).dtype
        self.complex = jnp.dtype("complex128" if self.dtype == "float64" else "complex64")
        self.ranges: dict[Any, int] = {}

    # -- arrays -------------------------------------------------------------------------------------

    def array(self, e: Any) -> Any:
        """The array of a formula: of no axes, of two, or of as many as a family or a named array has."""
        if isinstance(e, Family):
            return self.family(e)
        if isinstance(e, sympy.IndexedBase):
            return self.lookup(str(e.label))
        if isinstance(e, (sympy.Symbol, sympy.MatrixSymbol)):
            return self.lookup(e.name)
        if of(e, sympy.NDimArray):
            values = alike(*[self.number(x) for x in sympy.flatten(e)])
            return jnp.stack(values).reshape(e.shape) if values else jnp.zeros(e.shape, self.dtype)
        if getattr(e, "is_Matrix", False):
            return self.matrix(e)
        if isinstance(e, MatrixCall):
            return call(self, e.operation, e.args[3:])[e.operation.output]
        if isinstance(e, (ArrayCall, ScalarCall)):
            return call(self, e.operation, e.args[1:])[e.operation.output]
        return self.number(e)

    def family(self, e: Any) -> Any:
        """The array of the entries of a family."""
        indices = tuple(r[0] for r in e.ranges)
        shape = tuple(int(r[1]) for r in e.ranges)
        self.ranges |= dict(zip(indices, shape, strict=True))
        value = self.named(e.body)
        return jnp.broadcast_to(aligned(value, indices), shape)

    def matrix(self, e: Any) -> Any:
        """The array of a matrix."""
        rule = next((self.matrices[c] for c in type(e).__mro__ if c in self.matrices), None)
        if rule is None:
            raise NoMeaningError(f"{type(e).__name__} has no meaning in JAX here: {e}")
        return rule(self, e)

    def number(self, e: Any) -> Any:
        """A formula without indices."""
        value, axes = self.named(e)
        if axes:
            raise NoMeaningError(f"the index {axes[0]} of {e} is free: say its range by Family")
        return value

    def lookup(self, name: str) -> Any:
        """The array of a name."""
        if name not in self.arrays:
            raise NoMeaningError(f"no array is given for {name}: there are {', '.join(self.arrays) or 'none'}")
        return self.arrays[name]

    # -- entries ------------------------------------------------------------------------------------

    def named(self, e: Any) -> Named:
        """The value of a formula about entries, in the dtype of the evaluator."""
        rule = next((self.entries[c] for c in type(e).__mro__ if c in self.entries), None)
        if rule is not None:
            return rule(self, e)
        if e.is_number and not e.args:
            return self.real(complex(e) if e.is_extended_real is False else float(e)), ()
        function = self.functions.get(type(e))
        if function is None:
            raise NoMeaningError(
                f"the function {type(e).__name__} has no meaning in JAX here: {e}; close the box that it stands for, "
                "or replace it by .subs"
            )
        return self.pointwise(function, [self.named(a) for a in e.args])

    def real(self, value: Any) -> Any:
        """The value in the precision of the evaluator; what is complex stays so."""
        value = jnp.asarray(value)
        return value.astype(self.complex if jnp.iscomplexobj(value) else self.dtype)

    def whole(self, e: Any) -> Named:
        """The value of a formula of whole numbers, as integers."""
        if e.is_Integer:
            return jnp.asarray(int(e), "int32"), ()
        if e in self.ranges:
            return jnp.arange(self.ranges[e], dtype="int32"), (e,)
        if isinstance(e, (Add, Mul)):
            parts = [self.whole(a) for a in e.args]
            return self.pointwise(lambda *xs: reduce(jnp.add if e.is_Add else jnp.multiply, xs), parts)
        if isinstance(e, (sympy.Indexed, At, sympy.Symbol)):
            value, axes = self.named_raw(e)
            return value.astype("int32"), axes
        value, axes = self.named(e)
        return jnp.round(real_part(value)).astype("int32"), axes

    def named_raw(self, e: Any) -> Named:
        """An entry of an array, in the dtype of the array."""
        if isinstance(e, sympy.Symbol):
            return self.lookup(e.name), ()
        if isinstance(e, sympy.Indexed):
            return self.taken(self.lookup(base_name(e)), e.indices)
        return self.taken(self.array(e.args[0]), e.args[1:])

    def taken(self, array: Any, indices: Sequence[Any]) -> Named:
        """The entries of an array at these places."""
        array = array.reshape(array.shape[: len(indices)]) if array.ndim > len(indices) else array
        if array.ndim < len(indices):  # a column
            array = array[..., None]
        plain = [i for i in indices if i in self.ranges and self.ranges[i] == array.shape[indices.index(i)]]
        if len(plain) == len(indices) and len(set(plain)) == len(plain):
            return array, tuple(indices)
        places = [self.whole(i) for i in indices]
        axes = tuple(dict.fromkeys(a for _, own in places for a in own))
        return array[tuple(aligned(p, axes) for p in places)], axes

    def pointwise(self, function: Callable[..., Any], values: Sequence[Named]) -> Named:
        """A function of entries, over the axes of all."""
        axes = tuple(dict.fromkeys(a for _, own in sorted(values, key=lambda v: -len(v[1])) for a in own))
        return function(*alike(*[aligned(v, axes) for v in values])), axes

    def within(self, index: Any, n: int, body: Any) -> Named:
        """The value of a body with one more index, which is an axis of it, the last one."""
        before = self.ranges.get(index)
        self.ranges[index] = n
        value, axes = self.named(body)
        others = tuple(a for a in axes if a != index)
        value = jnp.broadcast_to(aligned((value, axes), (*others, index)), (*(self.ranges[a] for a in others), n))
        if before is not None:
            self.ranges[index] = before
        return value, (*others, index)


def aligned(value: Named, axes: Sequence[Any]) -> Any:
    """The array with these axes, of one entry where it has none."""
    array, own = value
    order = [own.index(a) for a in axes if a in own]
    array = jnp.transpose(array, order) if order != list(range(len(order))) else array
    sizes = iter(array.shape)
    return array.reshape([next(sizes) if a in own else 1 for a in axes])


def alike(*arrays: Any) -> list[Any]:
    """The arrays, floats made complex where one of them is."""
    kinds = [a.dtype for a in arrays if jnp.iscomplexobj(a)]
    return [a.astype(kinds[0]) if kinds and jnp.issubdtype(a.dtype, jnp.floating) else a for a in arrays]


def real_part(value: Any) -> Any:
    """The real part of a number that is real by its formula."""
    return jnp.real(value) if jnp.iscomplexobj(value) else value


def call(ev: Evaluator, operation: Any, arguments: Sequence[Any]) -> Sequence[Any]:
    """What a box gives of whole arrays."""
    wires = operation.box.dom.inside
    values = [ev.array(a) for a in arguments]
    return apply_box(operation.box, *[fitted(v, w) for v, w in zip(values, wires, strict=True)])


def fitted(value: Any, w: Any) -> Any:
    """The array in the shape and dtype of a wire: columns lose their second axis."""
    if w.kind == "Key":
        return value
    value = jnp.asarray(value).reshape(w.shape)
    value = value if w.kind == "C" else real_part(value)
    if w.kind == "Z" and not jnp.issubdtype(value.dtype, jnp.integer):
        value = jnp.round(value)
    return value.astype(w.dtype)
