"""Sums and products of arrays: sums of sums are one sum, and a product says itself which axes it is over."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

import jax
import jax.numpy as jnp
from jax import lax

from ...diagrams.primitives import having
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R, wire
from .boxes import elementwise, filled, like, reshaped, spread, summed
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["SUMS"]

REDUCTIONS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or")


@rewrites("reduce_sum", example=lambda: from_jax(lambda x: x.sum(1).sum(0), R(2, 3)))
def two_sums(terms: Terms, term: Term) -> Sequence[int] | None:
    """the sum of sums = one sum"""
    inner = terms.of(term.inputs[0], "reduce_sum")
    if inner is None or not terms.once(term.inputs[0]):
        return None
    x, gone = inner.inputs[0], set(inner.params["axes"])
    left = [i for i in range(len(terms.ty(x).shape)) if i not in gone]
    axes = tuple(sorted(gone | {left[i] for i in term.params["axes"]}))
    return terms.put(summed(terms.ty(x), axes), [x])


@rewrites(*REDUCTIONS, example=lambda: from_jax(lambda x: lax.reduce_sum(x, (1,)), R(2, 1)))
def a_sum_of_one(terms: Terms, term: Term) -> Sequence[int] | None:
    """a sum over axes of length one = a reshape"""
    x, out = term.inputs[0], term.box.cod.inside[0]
    w = terms.ty(x)
    if w.dtype != out.dtype or any(w.shape[i] != 1 for i in term.params["axes"]):
        return None
    return [x] if w == out else terms.put(reshaped(w, out.shape), [x])


@rewrites(*REDUCTIONS, example=lambda: from_jax(lambda x: x.transpose(2, 0, 1).sum(0), R(2, 3, 4)))
def a_sum_of_a_transpose(terms: Terms, term: Term) -> Sequence[int] | None:
    """a sum of a transpose, whose other axes are in their old order = the sum"""
    inner = terms.of(term.inputs[0], "transpose")
    if inner is None:
        return None
    order, gone = inner.params["permutation"], term.params["axes"]
    rest = [a for i, a in enumerate(order) if i not in gone]
    if rest != sorted(rest):
        return None
    axes, x = tuple(sorted(order[i] for i in gone)), inner.inputs[0]
    return terms.add(like(term.box, [terms.ty(x)], term.box.cod.inside[0], axes=axes), [x])


@rewrites("reduce_sum", example=lambda: from_jax(lambda x: jnp.broadcast_to(x, (4, 3)).sum(0), R(3)))
def a_sum_of_copies(terms: Terms, term: Term) -> Sequence[int] | None:
    """the sum of n copies of x = n · x"""
    inner = terms.of(term.inputs[0], "broadcast_in_dim")
    if inner is None or terms.ty(term.inputs[0]).kind not in "RC":
        return None
    x, out = inner.inputs[0], term.box.cod.inside[0]
    shape, gone, at = terms.ty(term.inputs[0]).shape, set(term.params["axes"]), inner.params["broadcast_dimensions"]
    own = terms.ty(x).shape
    mine = tuple(k for k, i in enumerate(at) if i in gone)
    times = prod(shape[i] for i in gone) // max(1, prod(own[k] for k in mine))
    if not prod(shape) or (times > 1 and (not terms.ample(x) or terms.ty(x).kind == "C")):
        return None
    (total,) = terms.put(summed(terms.ty(x), mine), [x]) if mine else [x]
    left = [i for i in range(len(shape)) if i not in gone]
    axes = tuple(left.index(i) for k, i in enumerate(at) if k not in mine)
    w = terms.ty(total)
    if times > 1:
        (scale,) = terms.put(filled(times, wire((), w.dtype)), ())
        (total,) = terms.put(elementwise("mul", w, wire((), w.dtype)), [total, scale])
    return [total] if w == out else terms.put(spread(w, out.shape, axes), [total])


def _multiples() -> Diagram:
    return from_jax(lambda x, s: (x * jnp.broadcast_to(s, (3, 2))).sum(0), R(3, 2), R(2))


@rewrites("reduce_sum", finite=True, example=_multiples)
def a_sum_of_multiples(terms: Terms, term: Term) -> Sequence[int] | None:
    """Σ (x · s) = (Σ x) · s, where s is the same all along the sum"""
    inner = terms.of(term.inputs[0], "mul")
    whole, gone = terms.ty(term.inputs[0]), term.params["axes"]
    if inner is None or not terms.ample(term.inputs[0]):
        return None
    for place in (1, 0):
        w, x = inner.inputs[place], inner.inputs[1 - place]
        if terms.number(w) is not None or terms.ty(x) != whole or not gone:
            continue
        small = _along(terms, w, whole.shape, gone)
        if small is None:
            continue
        (total,) = terms.add(term.box, [x])
        if terms.once(term.inputs[0]) or terms.number(total) == 0:
            return terms.put(elementwise("mul", terms.ty(total), terms.ty(small)), [total, small])
    return None


def _along(terms: Terms, w: int, shape: tuple[int, ...], gone: tuple[int, ...]) -> int | None:
    """The wire without the axes `gone` of a shape that it is widened to, if it is the same all along them."""
    if not terms.ty(w).shape:
        return w
    made = terms.of(w, "broadcast_in_dim")
    if made is None or len(terms.ty(w).shape) != len(shape):
        return None
    axes, s = made.params["broadcast_dimensions"], made.inputs[0]
    if any(i in gone for i in axes) or any(terms.ty(s).shape[k] != shape[i] for k, i in enumerate(axes)):
        return None
    left = [i for i in range(len(shape)) if i not in gone]
    out = tuple(shape[i] for i in left)
    if not terms.ty(s).shape or terms.ty(s).shape == out:
        return s
    return terms.put(spread(terms.ty(s), out, tuple(left.index(i) for i in axes)), [s])[0]


# -- entry by entry on broadcasts -------------------------------------------------------------------


@rewrites(
    ops=lambda: having("pointwise"), example=lambda: from_jax(lambda x: jnp.exp(jnp.broadcast_to(x, (4, 3))), R(3))
)
def entry_by_entry_before_copies(terms: Terms, term: Term) -> Sequence[int] | None:
    """f(copies of x, copies of y) = copies of f(x, y), entry by entry"""
    out = term.box.cod.inside[0]
    made = [terms.of(w, "broadcast_in_dim") for w in term.inputs]
    spreads = [m for m in made if m is not None]
    first = max(spreads, key=lambda m: len(terms.ty(m.inputs[0]).shape), default=None)
    if first is None or any(terms.ty(w).shape not in ((), out.shape) for w in term.inputs):
        return None
    axes, source = first.params["broadcast_dimensions"], terms.ty(first.inputs[0]).shape
    if any(source[k] != out.shape[i] for k, i in enumerate(axes)) or len(source) == len(out.shape):
        return None
    wires = []
    for w, m in zip(term.inputs, made, strict=True):
        s = w if m is None else m.inputs[0]
        if terms.ty(s).shape and (m is None or (m.params["broadcast_dimensions"], terms.ty(s).shape) != (axes, source)):
            return None
        wires.append(s)
    small = wire(source, out.dtype)
    (value,) = terms.add(like(term.box, [terms.ty(w) for w in wires], small), wires)
    return terms.put(spread(small, out.shape, axes), [value])


WIDENING = ("add", "sub", "mul", "div", "max", "min", "pow")


@lru_cache(maxsize=1)
def _widens() -> bool:
    """Whether this version of JAX's generators widen axes of length one."""
    try:
        jax.eval_shape(lax.mul, jax.ShapeDtypeStruct((2, 1), "float32"), jax.ShapeDtypeStruct((2, 2), "float32"))
    except TypeError:
        return False
    return True


@rewrites(*WIDENING, example=lambda: from_jax(lambda x, s: x * jnp.full((3,), s), R(3), R()))
def an_operand_of_copies(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · (copies of s) = x · s, for a scalar or along axes of length one"""
    out = term.box.cod.inside[0]
    for place in (1, 0):
        made, other = terms.of(term.inputs[place], "broadcast_in_dim"), term.inputs[1 - place]
        if made is None or terms.ty(other) != out or not out.shape:
            continue
        s, axes = made.inputs[0], made.params["broadcast_dimensions"]
        if terms.ty(s).shape:
            own = dict(zip(axes, terms.ty(s).shape, strict=True))
            shape = tuple(own.get(i, 1) for i in range(len(out.shape)))
            if shape == terms.ty(term.inputs[place]).shape or not _widens():
                continue
            (s,) = terms.put(spread(terms.ty(s), shape, axes), [s])
        wires = list(term.inputs)
        wires[place] = s
        return terms.add(like(term.box, [terms.ty(w) for w in wires], out), wires)
    return None


# -- products --------------------------------------------------------------------------------------


@rewrites("dot_general", example=lambda: from_jax(lambda x, y: x.T @ y.T, R(2, 3), R(4, 2)))
def a_product_of_transposes(terms: Terms, term: Term) -> Sequence[int] | None:
    """a product of transposes = the product over other axes"""
    (left, right), (left_batch, right_batch) = term.params["dimension_numbers"]
    axes = [[left, left_batch], [right, right_batch]]
    wires, found = list(term.inputs), False
    for side in (0, 1):
        inner = terms.of(term.inputs[side], "transpose")
        if inner is None:
            continue
        order = inner.params["permutation"]
        free = [a for i, a in enumerate(order) if i not in (*axes[side][0], *axes[side][1])]
        if free != sorted(free):
            continue
        axes[side] = [tuple(order[i] for i in group) for group in axes[side]]
        wires[side], found = inner.inputs[0], True
    if not found or not _movable(term):
        return None
    numbers = ((axes[0][0], axes[1][0]), (axes[0][1], axes[1][1]))
    box = like(term.box, [terms.ty(w) for w in wires], term.box.cod.inside[0], dimension_numbers=numbers)
    return terms.add(box, wires)


def _movable(product: Term) -> bool:
    """Whether the axes of a product may be moved: nothing else is said of them, such as how they are sharded."""
    precision = product.params.get("precision")
    return product.params.get("out_sharding") is None and not hasattr(precision, "lhs_precision_type")


@rewrites("transpose", example=lambda: from_jax(lambda x, y: (x @ y).T, R(2, 3), R(3, 4)))
def a_product_transposed(terms: Terms, term: Term) -> Sequence[int] | None:
    """(x @ y)ᵀ = yᵀ @ xᵀ, over the axes where the entries are"""
    inner = terms.of(term.inputs[0], "dot_general")
    if inner is None or not terms.once(term.inputs[0]) or not _movable(inner):
        return None
    (left, right), (left_batch, right_batch) = inner.params["dimension_numbers"]
    b = len(left_batch)
    m = len(terms.ty(inner.inputs[0]).shape) - len(left) - b
    rank = len(term.box.cod.inside[0].shape)
    if term.params["permutation"] != (*range(b), *range(b + m, rank), *range(b, b + m)):
        return None
    x, y = inner.inputs
    precision = inner.params["precision"]
    turned = {"dimension_numbers": ((right, left), (right_batch, left_batch))}
    if isinstance(precision, tuple):
        turned["precision"] = precision[::-1]
    return terms.add(like(inner.box, [terms.ty(y), terms.ty(x)], term.box.cod.inside[0], **turned), [y, x])


SUMS = (
    two_sums,
    a_sum_of_one,
    a_sum_of_a_transpose,
    a_sum_of_copies,
    a_sum_of_multiples,
    entry_by_entry_before_copies,
    an_operand_of_copies,
    a_product_of_transposes,
    a_product_transposed,
)
