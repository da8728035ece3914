"""What each primitive says about one entry of its result: the table of this functor.

    READINGS[op](box, known, *bodies) -> formulas of the outputs, or None where there is no formula

A body gives the entry of an operand at the free indices. Moving entries about is a substitution of indices, and a
product of arrays the sum over a new index; what acts entry by entry is read from the exact table of scalars. Formulas
are over the real numbers, which are finite: tests for infinities are decided, gradients are stopped nowhere, and the
index of a gather or a scatter is in its range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from sympy import Eq, Indexed, KroneckerDelta, Ne, S, sympify
from sympy.core.function import AppliedUndef

from ....diagrams.box import Box
from ..entries.elementary import SCALARS
from ..entries.meaning import agrees, registered
from ..entries.numbers import number
from .algebra import Known, added, exponential, logarithm, multiplied, summed
from .terms.entries import FREE, At, Fold, bound, level, of, sigmoid

__all__ = ["READINGS", "entrywise"]

Bodies = Sequence[Any]
Reading = Callable[..., Any]


def widened(body: Any, shape: Sequence[int], out: Sequence[int]) -> Any:
    """The entry of an operand of this shape at the entries of an array that it is widened to."""
    shift = len(out) - len(shape)
    if not shape or (not shift and tuple(shape) == tuple(out)):
        return body
    moved = {FREE[i]: FREE[i + shift] for i, n in enumerate(shape) if n != 1}
    return body.xreplace(moved) if shift else body


def entrywise(box: Box, known: Known, *bodies: Any) -> Bodies | None:
    """A primitive that acts entry by entry."""
    out = box.cod.inside[0].shape
    xs = [widened(b, w.shape, out) for b, w in zip(bodies, box.dom.inside, strict=True)]
    rule, meaning = SPECIAL.get(box.op), registered(box)
    if meaning is not None:
        agrees(box)
        made = sympify(meaning(*xs))
    elif rule is not None:
        made = rule(box, known, *xs)
    else:
        made = SCALARS[box.op](box, *xs)
    unknown = made.args[0] if isinstance(made, Ne) else made
    return None if isinstance(unknown, AppliedUndef) else [made]


# --- entry by entry, where more is known ---


def _product(box: Box, known: Known, x: Any, y: Any) -> Any:
    return multiplied(x * y, known)


def _quotient(box: Box, known: Known, x: Any, y: Any) -> Any:
    if not box.cod.inside[0].differentiable:
        return SCALARS["div"](box, x, y)
    return multiplied(x / y, known)


def _sum(box: Box, known: Known, x: Any, y: Any) -> Any:
    return added(SCALARS[box.op](box, x, y))


def _comparison(box: Box, known: Known, x: Any, y: Any) -> Any:
    """Real numbers are finite, so that comparing with infinity is decided, and every number equals itself."""
    if box.dom.inside[0].kind in "RZ" and (x.is_infinite or y.is_infinite) and x != y:
        if box.op == "ne":
            return S.true
        larger = x if x.is_infinite else y
        above = (larger is S.Infinity) == (larger is y)
        return S.false if box.op == "eq" else S.true if (box.op in ("lt", "le")) == above else S.false
    made = SCALARS[box.op](box, x, y)
    return _decided(made)


def _decided(relation: Any) -> Any:
    """The relation, or its truth value where the signs of both sides tell it."""
    if len(relation.args) != 2 or not relation.is_Relational or not relation.args[1].is_zero:
        return relation
    x, op = relation.args[0], relation.rel_op
    if x.is_positive and op in (">", ">=", "!="):
        return S.true
    return S.true if x.is_nonnegative and op == ">=" else relation


def _chosen(box: Box, known: Known, which: Any, *cases: Any) -> Any:
    """A choice; of a number or zero where two whole numbers are equal it is a product with Kronecker's delta."""
    if isinstance(which, (Eq, Ne)) and len(cases) == 2 and all(a.is_integer for a in which.args):
        yes, no = reversed(cases) if isinstance(which, Eq) else cases
        if no == 0 and box.cod.inside[0].kind in "RC":
            return yes * KroneckerDelta(*which.args)
    return SCALARS["select_n"](box, which, *cases)


def _converted(box: Box, known: Known, x: Any) -> Any:
    """A test of two whole numbers for equality becomes Kronecker's delta."""
    source, target = box.dom.inside[0].kind, box.cod.inside[0].kind
    if source == "B" and target in "RZ" and isinstance(x, Eq) and all(a.is_integer for a in x.args):
        return KroneckerDelta(*x.args)
    if source == "B" and target in "RZ" and isinstance(x, Ne) and x.args[1] == 0 and of(x.args[0], Indexed, At):
        return x.args[0]  # a wire of booleans carries zeros and ones
    return SCALARS["convert_element_type"](box, x)


def _abs(box: Box, known: Known, x: Any) -> Any:
    """Of what is known not to be negative, itself: sympy would write it anew first."""
    return x if x.is_nonnegative else SCALARS["abs"](box, x)


SPECIAL: dict[str, Reading] = {
    "mul": _product,
    "div": _quotient,
    "add": _sum,
    "add_any": _sum,
    "sub": _sum,
    "abs": _abs,
    "exp": lambda box, known, x: exponential(x, known),
    "log": lambda box, known, x: logarithm(x, known),
    "log1p": lambda box, known, x: logarithm(1 + x, known),
    "logistic": lambda box, known, x: sigmoid(x),
    "select_n": _chosen,
    "convert_element_type": _converted,
    "is_finite": lambda box, known, x: S.true,
    **{op: _comparison for op in ("eq", "ne", "lt", "le", "gt", "ge")},
}


# --- moving entries about ---


def _moved(places: Callable[[Box], dict[Any, Any]]) -> Reading:
    """A primitive of one operand whose entries are read at other places, given as a substitution of indices."""
    return lambda box, known, x: [x.xreplace(places(box))]


def _broadcast(box: Box) -> dict[Any, Any]:
    shape = box.dom.inside[0].shape
    at = box.params["broadcast_dimensions"]
    return {FREE[i]: FREE[a] for i, (a, n) in enumerate(zip(at, shape, strict=True)) if n != 1}


def _transpose(box: Box) -> dict[Any, Any]:
    return {FREE[a]: FREE[i] for i, a in enumerate(box.params["permutation"])}


def _squeeze(box: Box) -> dict[Any, Any]:
    gone = box.params["dimensions"]
    kept = [a for a in range(len(box.dom.inside[0].shape)) if a not in gone]
    return {FREE[a]: FREE[i] for i, a in enumerate(kept)}


def _reverse(box: Box) -> dict[Any, Any]:
    shape = box.dom.inside[0].shape
    return {FREE[a]: shape[a] - 1 - FREE[a] for a in box.params["dimensions"]}


def _slice(box: Box) -> dict[Any, Any]:
    p, shape = box.params, box.cod.inside[0].shape
    strides = p["strides"] or (1,) * len(shape)
    places = zip(p["start_indices"], strides, shape, strict=True)
    return {FREE[a]: sympify(s) + by * (FREE[a] if n != 1 else 0) for a, (s, by, n) in enumerate(places)}


def _reshape(box: Box, known: Known, x: Any) -> Any:
    """Axes that are split are read as i = m a + b; those that are merged have no formula, but the name of reshaping."""
    if box.params.get("dimensions") is not None:
        return None
    old, new = ([(a, n) for a, n in enumerate(w.shape) if n != 1] for w in (box.dom.inside[0], box.cod.inside[0]))
    places, at = {}, 0
    for a, n in old:
        group = []
        while prod([m for _, m in group]) < n and at < len(new):
            group.append(new[at])
            at += 1
        if prod([m for _, m in group]) != n:
            return None
        place: Any = S.Zero
        for b, m in group:
            place = m * place + FREE[b]
        places[FREE[a]] = place
    return [x.xreplace(places)] if 0 not in box.dom.inside[0].shape else None


def _iota(box: Box, known: Known) -> Bodies:
    p = box.params
    return [FREE[p["dimension"]] if p["shape"][p["dimension"]] != 1 else S.Zero]


def _split(box: Box, known: Known, x: Any) -> Bodies:
    axis, start, found = box.params["axis"], 0, []
    for w in box.cod.inside:
        n = w.shape[axis]
        found.append(x.xreplace({FREE[axis]: sympify(start) + (FREE[axis] if n != 1 else 0)}))
        start += n
    return found


# --- sums and products over axes ---


def _folded(kind: str) -> Reading:
    """A reduction over axes: their indices are bound, one after the other."""

    def rule(box: Box, known: Known, x: Any) -> Bodies:
        shape, axes = box.dom.inside[0].shape, box.params["axes"]
        kept = [a for a in range(len(shape)) if a not in axes]
        depth = level(x)
        over = {a: bound(depth + 1 + i) for i, a in enumerate(axes)}
        x = x.xreplace({FREE[a]: FREE[i] for i, a in enumerate(kept)} | {FREE[a]: b for a, b in over.items()})
        if kind == "sum":
            return [summed(x, [(over[a], shape[a]) for a in axes if shape[a] != 1])]
        for a in axes:
            if shape[a] != 1 and (kind == "prod" or over[a] in x.free_symbols):
                x = Fold(kind, x, over[a], shape[a])
        return [x]

    return rule


def _dot(box: Box, known: Known, x: Any, y: Any) -> Bodies:
    (left, right), (left_batch, right_batch) = box.params["dimension_numbers"]
    shapes = [w.shape for w in box.dom.inside]
    depth = level(x, y)
    over = [bound(depth + 1 + i) for i in range(len(left))]
    places: list[dict[Any, Any]] = [{}, {}]
    for side, (axes, batch) in enumerate(((left, left_batch), (right, right_batch))):
        places[side] |= {FREE[a]: b for a, b in zip(axes, over, strict=True)}
        places[side] |= {FREE[a]: FREE[i] for i, a in enumerate(batch)}
    at = len(left_batch)
    for side, taken in enumerate(((*left, *left_batch), (*right, *right_batch))):
        for a in range(len(shapes[side])):
            if a not in taken:
                places[side][FREE[a]] = FREE[at]
                at += 1
    product = x.xreplace(places[0]) * y.xreplace(places[1])
    ranges = [(b, shapes[0][a]) for b, a in zip(over, left, strict=True) if shapes[0][a] != 1]
    return [summed(multiplied(product, known), ranges)]


# --- constants ---


def _constant(box: Box, known: Known) -> Any:
    """A number, or an array all of whose entries are one number."""
    import numpy as np

    if "impl" in box.params:
        return None
    value = np.asarray(box.params["value"].value)
    if value.size and (value.size == 1 or (value == value.flat[0]).all()):
        return [number(value.flat[0], str(value.dtype))]
    return None


def _same(box: Box, known: Known, *xs: Any) -> Bodies:
    return xs


READINGS: dict[str, Reading] = {
    **{op: entrywise for op in SCALARS},
    "broadcast_in_dim": lambda box, known, x, *_: [x.xreplace(_broadcast(box))],
    "transpose": _moved(_transpose),
    "squeeze": _moved(_squeeze),
    "rev": _moved(_reverse),
    "slice": _moved(_slice),
    "reshape": _reshape,
    "iota": _iota,
    "split": _split,
    "reduce_sum": _folded("sum"),
    "reduce_prod": _folded("prod"),
    "reduce_max": _folded("max"),
    "reduce_min": _folded("min"),
    "dot_general": _dot,
    "constant": _constant,
    "optimization_barrier": _same,
    "device_put": _same,
    "sharding_constraint": _same,
}
