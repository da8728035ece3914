"""Reading from places in an array and writing to them, where the places may be symbols.

A place is a list of indices. One that is known says which entry is meant; the primitive itself, run on labels, tells
which, so that what happens at the border is as in JAX. For an index e that is a symbol the choice is a sum over the
places within bounds,

    x[e] = Σ_j x_j δ(e, j)            (x + u at e)_j = x_j + u δ(e, j)            δ = KroneckerDelta

Within bounds an index is not negative, so that `e + n where e < 0, else e`, which JAX makes of e, is e.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from sympy import Add, And, Eq, Integer, KroneckerDelta, Max, Min, Mul, Or, Piecewise, S

from ....diagrams.box import Box
from ....diagrams.tracing.emit import apply_box
from .elementary import Scalar, chosen, compared
from .moving import labels, placed
from .numbers import number
from .symbols import Entries, filled

__all__ = ["INDEXING"]

LIMIT = 4096  # places that one index vector may stand for

Place = tuple[int, ...]
Choice = list[tuple[Place, Scalar]]  # places, each with the condition that it is meant


def _choices(index: Sequence[Scalar], sizes: Sequence[int]) -> Choice | None:
    """The places that a list of indices may mean; those that are symbols range over their axis."""
    index = [_within(e) for e in index]
    ranges = [[int(e)] if e.is_Integer else range(n) for e, n in zip(index, sizes, strict=True)]
    if np.prod([len(r) for r in ranges]) > LIMIT:
        return None
    known = [e.is_Integer for e in index]
    return [
        (place, And(*[compared(Eq, e, Integer(a)) for e, a, k in zip(index, place, known, strict=True) if not k]))
        for place in itertools.product(*ranges)
    ]


def _within(index: Scalar) -> Scalar:
    """The index itself of one that counts from the end where it is negative."""
    if isinstance(index, Piecewise) and len(index.args) == 2:
        pieces: Any = index.args
        (moved, condition), (plain, _) = pieces
        if condition == (plain < 0) and (moved - plain).is_Integer:
            return plain
    return index


def _delta(condition: Scalar) -> Scalar:
    """One where all of these equations of indices hold, and zero elsewhere."""
    equations: Any = condition.args if isinstance(condition, And) else (condition,)
    return Mul(*[S.One if e is S.true else KroneckerDelta(e.lhs, e.rhs) for e in equations])


def _mixed(kind: str, choices: Sequence[tuple[Scalar, Scalar]]) -> Scalar:
    """The entry whose condition holds, of (condition, entry): as a sum, or "or" for truth values."""
    if len(choices) == 1:
        return choices[0][1]
    if kind == "B":
        return Or(*[And(c, v) for c, v in choices])
    if all(v == choices[0][1] for _, v in choices):
        return choices[0][1]
    return Add(*[v * _delta(c) for c, v in choices])


# --- slices ---


def _dynamic(box: Box, n_arrays: int, sizes: Sequence[int], *values: Entries) -> list[Entries] | None:
    """A box on `n_arrays` arrays and a list of indices."""
    arrays, index = values[:n_arrays], [v[()] for v in values[n_arrays:]]
    choices = _choices(index, sizes)
    if choices is None:
        return None
    starts = np.array([place for place, _ in choices], dtype=np.int32)
    given = labels(*arrays)
    found = jax.vmap(lambda s: apply_box(box, *given, *s)[0])(starts)
    at = [placed(where, *arrays) for where in found]
    shape, kind = at[0].shape, box.cod.inside[0].kind
    conditions = [c for _, c in choices]
    made = [_mixed(kind, list(zip(conditions, vs, strict=True))) for vs in zip(*(a.flat for a in at), strict=True)]
    return [filled(shape, made)]


def _dynamic_slice(box: Box, *values: Entries) -> list[Entries] | None:
    window = box.params["slice_sizes"]
    sizes = [n - k + 1 for n, k in zip(values[0].shape, window, strict=True)]
    return _dynamic(box, 1, sizes, *values)


def _dynamic_update_slice(box: Box, *values: Entries) -> list[Entries] | None:
    sizes = [n - k + 1 for n, k in zip(values[0].shape, values[1].shape, strict=True)]
    return _dynamic(box, 2, sizes, *values)


# --- gather ---


def _gather(box: Box, x: Entries, index: Entries) -> list[Entries] | None:
    numbers, window = box.params["dimension_numbers"], box.params["slice_sizes"]
    axes = numbers.start_index_map
    choices = _by_row(index, [x.shape[i] - window[i] + 1 for i in axes])
    if choices is None:
        return None
    plain = Box(box.name, box.dom, box.cod, op=box.op, params={**box.params, "fill_value": -1})
    (given,), shape = labels(x), box.cod.inside[0].shape
    places = sorted({place for choice in choices.values() for place, _ in choice})
    starts = np.array([np.broadcast_to(place, index.shape) for place in places], dtype=np.int32)
    if not places:
        return None
    found = np.asarray(jax.vmap(lambda s: apply_box(plain, given, s)[0])(starts))
    fill = _fill(box)
    at = {place: placed(where, x, otherwise=fill) for place, where in zip(places, found, strict=True)}
    batch = [i for i in range(len(shape)) if i not in numbers.offset_dims]
    kind = box.cod.inside[0].kind
    made = [
        _mixed(kind, [(condition, at[place][o]) for place, condition in choices[tuple(o[i] for i in batch)]])
        for o in np.ndindex(shape)
    ]
    return [filled(shape, made)]


def _by_row(index: Entries, sizes: Sequence[int]) -> dict[Place, Choice] | None:
    """For each list of indices (along the last axis) what it may mean."""
    found = {}
    for row in np.ndindex(index.shape[:-1]):
        choice = _choices(list(index[row]), sizes)
        if choice is None:
            return None
        found[row] = choice
    return found


def _fill(box: Box) -> Scalar:
    """What a gather reads outside of the array."""
    w, fill = box.cod.inside[0], box.params["fill_value"]
    if fill is not None:
        return number(fill, w.dtype)
    return S.NaN if w.differentiable else number(np.iinfo(w.dtype).min, w.dtype) if w.kind == "Z" else S.true


# --- scatter ---


def _scatter(write: Callable[[Scalar, Scalar, Scalar], Scalar]) -> Callable[..., list[Entries] | None]:
    """Writes one window after the other: `write(old, update, condition)` gives the new entry."""

    def rule(box: Box, x: Entries, index: Entries, updates: Entries) -> list[Entries] | None:
        if box.op == "scatter" and box.params.get("update_jaxpr") is not None:
            return None
        writes = _writes(box, x, index, updates)
        if writes is None:
            return None
        made, us = list(x.flat), list(updates.flat)
        for where, condition in writes:
            for at in np.flatnonzero(where > 0):
                made[at] = write(made[at], us[where.flat[at] - 1], condition)
        return [filled(x.shape, made)]

    return rule


def _writes(box: Box, x: Entries, index: Entries, updates: Entries) -> list[tuple[Any, Scalar]] | None:
    """For each window in turn, and each place it may mean: the labels of the updates that land, and the condition."""
    numbers = box.params["dimension_numbers"]
    window = iter(updates.shape[i] for i in numbers.update_window_dims)
    single = {*numbers.inserted_window_dims, *numbers.operand_batching_dims}
    sizes = [1 if i in single else next(window) for i in range(x.ndim)]
    axes = numbers.scatter_dims_to_operand_dims
    choices = _by_row(index, [x.shape[i] - sizes[i] + 1 for i in axes])
    if choices is None:
        return None
    cases = list(_cases(choices, labels(updates)[0], index.shape, numbers.update_window_dims))
    if not cases:
        return []
    starts, masked, conditions = zip(*cases, strict=True)
    nothing, mode = np.zeros(x.shape, np.int32), box.params["mode"]
    land = jax.vmap(lambda s, u: lax.scatter_add(nothing, s, u, numbers, mode=mode))
    found = np.asarray(land(np.array(starts, dtype=np.int32), np.array(masked, dtype=np.int32)))
    return list(zip(found, conditions, strict=True))


def _cases(
    choices: dict[Place, Choice], given: Any, shape: tuple[int, ...], window: Sequence[int]
) -> Iterator[tuple[Any, Any, Scalar]]:
    """Indices that all mean one place, the labels of one window alone, and the condition."""
    outer = [i for i in range(given.ndim) if i not in window]
    for row, choice in choices.items():
        mask = np.ones(given.shape, dtype=bool)
        for axis, i in zip(outer, row, strict=True):
            mask &= np.arange(given.shape[axis]).reshape([-1 if a == axis else 1 for a in range(given.ndim)]) == i
        for place, condition in choice:
            yield np.broadcast_to(place, shape), np.where(mask, given, 0), condition


def _added(sign: int) -> Callable[[Scalar, Scalar, Scalar], Scalar]:
    return lambda old, u, condition: old + sign * u * _delta(condition)


def _combined(combine: Callable[[Scalar, Scalar], Scalar]) -> Callable[[Scalar, Scalar, Scalar], Scalar]:
    return lambda old, u, condition: chosen(condition, combine(old, u), old)


INDEXING: dict[str, Callable[..., list[Entries] | None]] = {
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
    "gather": _gather,
    "scatter": _scatter(_combined(lambda old, u: u)),
    "scatter-add": _scatter(_added(1)),
    "scatter-sub": _scatter(_added(-1)),
    "scatter-mul": _scatter(_combined(lambda old, u: old * u)),
    "scatter-max": _scatter(_combined(Max)),
    "scatter-min": _scatter(_combined(Min)),
}
