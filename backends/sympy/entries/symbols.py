"""Arrays of expressions: numpy arrays of dtype object with one expression an entry, and what all rules need of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import S

from ....diagrams.box import Box
from ....diagrams.types import Wire
from .elementary import Scalar, undefined
from .numbers import number

__all__ = ["Entries", "along", "batched", "filled", "known", "numbers_of", "symbols_of", "unknown", "values_of"]

Entries = NDArray[Any]


def filled(shape: Sequence[int], entries: Iterable[Scalar]) -> Entries:
    """The array of this shape with these entries, in row-major order."""
    made = np.empty(len(given := list(entries)), dtype=object)
    made[:] = given
    return made.reshape(tuple(shape))


def symbols_of(w: Wire, name: str, *, split: bool = False, **assumptions: bool) -> Entries:
    """A symbol for each entry of a wire: `x` for a scalar, and else `x_0`, `x_{0,1}`.

    Those of real wires are real, of integer wires integers. With `split` an entry of a complex wire is the sum of a
    real symbol and an imaginary one, which sympy differentiates and conjugates.
    """
    kinds = {"R": {"real": True}, "Z": {"integer": True}, "C": {"complex": True}}.get(w.kind, {})
    kinds = {**kinds, **assumptions}

    def made(place: tuple[int, ...]) -> Any:
        label = ",".join(map(str, place))
        label = f"_{{{label}}}" if len(place) > 1 else f"_{label}" if place else ""
        if w.kind == "C" and split:
            re, im = (sympy.Symbol(f"{part}({name}{label})", real=True) for part in ("re", "im"))
            return re + sympy.I * im
        return sympy.Symbol(f"{name}{label}", **kinds)

    return filled(w.shape, [made(place) for place in np.ndindex(w.shape)])


def numbers_of(values: Any, dtype: str) -> Entries:
    """The exact numbers that an array of numpy or JAX stands for."""
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":  # bfloat16 and its like
        array = array.astype("float64")
    return filled(array.shape, [number(v, dtype) for v in array.reshape(-1).tolist()])


def known(*arrays: Entries) -> bool:
    """Whether every entry is a whole number or a truth value that is known."""
    return all(v is S.true or v is S.false or v.is_Integer for a in arrays for v in a.flat)


def values_of(entries: Entries, dtype: str) -> NDArray[Any]:
    """An array of whole numbers or truth values that are known, as numpy has it."""
    flat = [v is S.true if dtype == "bool" else int(v) for v in entries.flat]
    return np.array(flat, dtype=dtype).reshape(entries.shape)


def unknown(box: Box, *arrays: Entries) -> list[Entries]:
    """Undefined functions of all entries of all inputs, one for each entry of the outputs."""
    arguments = [v for a in arrays for v in a.flat]
    return [
        filled(w.shape, [undefined(box, arguments, place, i) for place in np.ndindex(w.shape)])
        for i, w in enumerate(box.cod.inside)
    ]


def along(x: Entries, axes: Sequence[int], combine: Callable[[list[Scalar]], Scalar]) -> Entries:
    """Each list of entries along some axes combined to one entry."""
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = tuple(x.shape[i] for i in kept)
    return filled(shape, [combine(row) for row in _rows(x.transpose([*kept, *axes]), len(kept))])


def _rows(x: Entries, n_kept: int) -> Iterator[list[Scalar]]:
    for place in np.ndindex(x.shape[:n_kept]):
        yield list(x[place].flat) if n_kept < x.ndim else [x[place]]


def batched(rule: Callable[..., Sequence[Entries]], *ranks: int) -> Callable[..., list[Entries]]:
    """The rule at each place of the leading axes; the operands have these numbers of axes of their own."""

    def each(box: Box, *arrays: Entries) -> list[Entries]:
        outer = arrays[0].shape[: arrays[0].ndim - ranks[0]]
        made = [np.empty(w.shape, dtype=object) for w in box.cod.inside]
        for place in np.ndindex(outer):
            for out, value in zip(made, rule(box, *[a[place] for a in arrays]), strict=True):
                out[place] = value if value.ndim else value[()]
        return made

    return each
