"""Entries moved about: a move that moves nothing goes, and two moves become one."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...diagrams.primitives import having
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R, Wire
from .boxes import converted, like, reshaped, spread, traced, transposed
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["MOVING", "rigid"]

RESHAPES = ("reshape", "squeeze", "expand_dims")
# what stops a gradient or marks a value does more than to move it
MOVES = sorted((having("moving") | {"convert_element_type"}) - having("marking") - having("constant"))


def _nothing_moved() -> Diagram:
    part = from_jax(lambda x: lax.slice(x, (1,), (4,)), R(5))
    whole = like(part.boxes[0], R(3).inside, R(3).wire, start_indices=(0,), limit_indices=(3,))
    return part >> whole


@rewrites(*MOVES, example=_nothing_moved)
def a_move_that_moves_nothing(terms: Terms, term: Term) -> Sequence[int] | None:
    """transpose by the identity = id, and alike for other moves"""
    x, p = term.inputs[0], term.params
    if terms.ty(x) != term.box.cod.inside[0]:
        return None
    n = len(terms.ty(x).shape)
    if term.op == "transpose" and p["permutation"] != tuple(range(n)):
        return None
    if term.op == "rev" and any(terms.ty(x).shape[i] > 1 for i in p["dimensions"]):
        return None
    if term.op == "pad" and any(config != (0, 0, 0) for config in p["padding_config"]):
        return None
    if term.op == "reshape" and p.get("dimensions") is not None:
        return None
    if term.op == "concatenate" and len(term.inputs) > 1:
        return None
    return [x]


@rewrites("transpose", example=lambda: from_jax(lambda x: x.transpose(1, 0, 2).transpose(2, 1, 0), R(2, 3, 4)))
def two_transposes(terms: Terms, term: Term) -> Sequence[int] | None:
    """transpose after transpose = one transpose"""
    inner = terms.of(term.inputs[0], "transpose")
    if inner is None:
        return None
    order = tuple(inner.params["permutation"][i] for i in term.params["permutation"])
    return terms.put(transposed(terms.ty(inner.inputs[0]), order), inner.inputs)


@rewrites(*RESHAPES, example=lambda: from_jax(lambda x: x.reshape(2, 6).reshape(3, 4), R(12)))
def two_reshapes(terms: Terms, term: Term) -> Sequence[int] | None:
    """reshape after reshape = one reshape"""
    inner = terms.of(term.inputs[0], *RESHAPES)
    if inner is None or _permuting(term) or _permuting(inner):
        return None
    x, shape = inner.inputs[0], term.box.cod.inside[0].shape
    return inner.inputs if terms.ty(x).shape == shape else terms.put(reshaped(terms.ty(x), shape), [x])


def _permuting(term: Term) -> bool:
    return term.params.get("dimensions") is not None and term.op == "reshape"


@rewrites("rev", example=lambda: from_jax(lambda x: lax.rev(lax.rev(x, (0, 1)), (1,)), R(2, 3)))
def two_reversals(terms: Terms, term: Term) -> Sequence[int] | None:
    """the reverse of the reverse = one reversal, of the axes that are in one of them"""
    inner = terms.of(term.inputs[0], "rev")
    if inner is None:
        return None
    axes = tuple(sorted(set(term.params["dimensions"]) ^ set(inner.params["dimensions"])))
    x = inner.inputs[0]
    return [x] if not axes else terms.put(traced(lambda v: lax.rev(v, axes), terms.ty(x)), [x])


@rewrites(
    "convert_element_type",
    example=lambda: from_jax(lambda x: x.astype("float32").astype("bfloat16"), R(3, dtype="bfloat16")),
)
def there_and_back(terms: Terms, term: Term) -> Sequence[int] | None:
    """a conversion after one to a wider dtype = one conversion"""
    inner = terms.of(term.inputs[0], "convert_element_type")
    if inner is None:
        return None
    x, middle = inner.inputs[0], terms.ty(term.inputs[0])
    if not np.can_cast(jnp.dtype(terms.ty(x).dtype), jnp.dtype(middle.dtype), "safe"):
        return None
    ends = {terms.ty(x).dtype, term.box.cod.inside[0].dtype}
    if terms.ty(x).kind == "Z" and middle.kind != "Z" and (len(ends) > 1 or terms.ty(x).dtype in ("int64", "uint64")):
        return None  # of integers numpy's rule is not exact, and a float is cut off otherwise than an integer wraps
    if terms.ty(x).differentiable and not middle.differentiable:
        return None
    return terms.put(converted(terms.ty(x), term.box.cod.inside[0].dtype), [x])


# -- broadcasts ------------------------------------------------------------------------------------


def rigid(before: Wire, after: tuple[int, ...]) -> list[int] | None:
    """For each axis of an array where a reshape that only adds axes of length one puts it; None if it does more."""
    places = [i for i, n in enumerate(after) if n != 1]
    if 1 in before.shape or [after[i] for i in places] != list(before.shape):
        return None
    return places


@rewrites(
    "broadcast_in_dim",
    example=lambda: from_jax(lambda x: jnp.broadcast_to(jnp.broadcast_to(x, (3, 2)), (4, 3, 2)), R(2)),
)
def two_broadcasts(terms: Terms, term: Term) -> Sequence[int] | None:
    """broadcast after broadcast = one broadcast"""
    inner = terms.of(term.inputs[0], "broadcast_in_dim")
    if inner is None:
        return None
    at = term.params["broadcast_dimensions"]
    axes = tuple(at[i] for i in inner.params["broadcast_dimensions"])
    return terms.put(spread(terms.ty(inner.inputs[0]), term.box.cod.inside[0].shape, axes), inner.inputs)


@rewrites("reshape", "expand_dims", example=lambda: from_jax(lambda x: x.reshape(3, 1), R(3)))
def new_axes(terms: Terms, term: Term) -> Sequence[int] | None:
    """a reshape that only adds axes of length one = a broadcast"""
    x, out = term.inputs[0], term.box.cod.inside[0]
    if _permuting(term) or len(terms.ty(x).shape) >= len(out.shape):
        return None
    places = rigid(terms.ty(x), out.shape)
    return None if places is None else terms.put(spread(terms.ty(x), out.shape, tuple(places)), [x])


@rewrites(*RESHAPES, example=lambda: from_jax(lambda x: jnp.broadcast_to(x, (1, 2, 3)).reshape(2, 3), R(3)))
def a_broadcast_with_axes_dropped(terms: Terms, term: Term) -> Sequence[int] | None:
    """a reshape that drops or adds axes of length one, after broadcast = one broadcast"""
    inner = terms.of(term.inputs[0], "broadcast_in_dim")
    if inner is None or _permuting(term):
        return None
    x, out = inner.inputs[0], term.box.cod.inside[0]
    before = terms.ty(term.inputs[0]).shape
    old = [i for i, n in enumerate(before) if n != 1]
    new = [i for i, n in enumerate(out.shape) if n != 1]
    axes = inner.params["broadcast_dimensions"]
    if [before[i] for i in old] != [out.shape[i] for i in new] or any(before[i] == 1 for i in axes):
        return None
    where = dict(zip(old, new, strict=True))
    return terms.put(spread(terms.ty(x), out.shape, tuple(where[i] for i in axes)), [x])


@rewrites("transpose", example=lambda: from_jax(lambda x: jnp.broadcast_to(x, (4, 2, 3)).transpose(2, 0, 1), R(2, 3)))
def a_broadcast_transposed(terms: Terms, term: Term) -> Sequence[int] | None:
    """transpose after broadcast = broadcast, after a transpose of fewer numbers if need be"""
    inner = terms.of(term.inputs[0], "broadcast_in_dim")
    if inner is None:
        return None
    x, order = inner.inputs[0], list(term.params["permutation"])
    axes = [order.index(i) for i in inner.params["broadcast_dimensions"]]
    turn = tuple(sorted(range(len(axes)), key=axes.__getitem__))
    (small,) = terms.put(transposed(terms.ty(x), turn), [x])
    return terms.put(spread(terms.ty(small), term.box.cod.inside[0].shape, tuple(sorted(axes))), [small])


# -- pieces ----------------------------------------------------------------------------------------


@rewrites("slice", example=lambda: from_jax(lambda x: x[1:5][1:3], R(6)))
def two_slices(terms: Terms, term: Term) -> Sequence[int] | None:
    """a slice of a slice = one slice"""
    inner = terms.of(term.inputs[0], "slice")
    if inner is None or term.params["strides"] or inner.params["strides"]:
        return None
    low = inner.params["start_indices"]
    start = [a + b for a, b in zip(low, term.params["start_indices"], strict=True)]
    stop = [a + b for a, b in zip(low, term.params["limit_indices"], strict=True)]
    x = inner.inputs[0]
    return terms.put(traced(lambda v: lax.slice(v, start, stop), terms.ty(x)), [x])


@rewrites("slice", example=lambda: from_jax(lambda x, y: jnp.concatenate([x, y])[2:5], R(2), R(3)))
def a_slice_of_one_part(terms: Terms, term: Term) -> Sequence[int] | None:
    """a slice inside of one part of a concatenation = a slice of that part"""
    inner = terms.of(term.inputs[0], "concatenate")
    if inner is None or term.params["strides"]:
        return None
    axis, at = inner.params["dimension"], 0
    start, stop = list(term.params["start_indices"]), list(term.params["limit_indices"])
    for x in inner.inputs:
        n = terms.ty(x).shape[axis]
        if at <= start[axis] and stop[axis] <= at + n:
            start[axis], stop[axis] = start[axis] - at, stop[axis] - at
            if terms.ty(x) == term.box.cod.inside[0]:
                return [x]
            return terms.put(traced(lambda v: lax.slice(v, start, stop), terms.ty(x)), [x])
        at += n
    return None


@rewrites("concatenate", example=lambda: from_jax(lambda x: jnp.concatenate([x[:2], x[2:]]), R(5)))
def slices_put_together(terms: Terms, term: Term) -> Sequence[int] | None:
    """all slices of an array, concatenated = the array"""
    axis, at = term.params["dimension"], 0
    source: int | None = None
    for w in term.inputs:
        made = terms.of(w, "slice")
        if made is None or made.params["strides"] or (source is not None and made.inputs[0] != source):
            return None
        source = made.inputs[0]
        whole = list(terms.ty(source).shape)
        start, stop = list(made.params["start_indices"]), list(made.params["limit_indices"])
        if start[axis] != at:
            return None
        at = stop[axis]
        start[axis], stop[axis] = 0, whole[axis]
        if any(start) or stop != whole:
            return None
    return [source] if source is not None and terms.ty(source) == term.box.cod.inside[0] else None


MOVING = (
    a_move_that_moves_nothing,
    two_transposes,
    two_reshapes,
    two_reversals,
    there_and_back,
    two_broadcasts,
    new_axes,
    a_broadcast_with_axes_dropped,
    a_broadcast_transposed,
    two_slices,
    a_slice_of_one_part,
    slices_put_together,
)
