"""Signs and scalars: negations and constant factors go towards the outputs, where they meet and cancel.

That is how a person writes a gradient: the ½ of a square and the 2 of its derivative are gone, and a minus stands
where two terms are subtracted. What a factor is taken out of is done once, so nothing is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R, wire
from .boxes import elementwise, filled
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["SCALARS"]


def _binary(terms: Terms, op: str, x: int, y: int) -> Sequence[int]:
    return terms.put(elementwise(op, terms.ty(x), terms.ty(y)), [x, y])


def _negated(terms: Terms, w: int) -> Sequence[int]:
    return terms.put(elementwise("neg", terms.ty(w)), [w])


def _whole(terms: Terms, term: Term, *wires: int) -> bool:
    """Whether these wires have the type of the result, so that nothing is widened on the way."""
    return all(terms.ty(w) == term.box.cod.inside[0] for w in wires)


def unsigned(terms: Terms, w: int) -> int | None:
    """The wire x of which this one is -x, or copies of -x."""
    inner = terms.of(w, "neg")
    if inner is not None:
        return inner.inputs[0]
    copies = terms.of(w, "broadcast_in_dim")
    inner = None if copies is None else terms.of(copies.inputs[0], "neg")
    if copies is None or inner is None or not terms.once(copies.inputs[0]):
        return None
    return terms.add(copies.box, inner.inputs)[0]


@rewrites("neg", example=lambda: from_jax(lambda x: lax.neg(lax.neg(x)), R(3)))
def two_negations(terms: Terms, term: Term) -> Sequence[int] | None:
    """-(-x) = x"""
    inner = terms.of(term.inputs[0], "neg")
    return None if inner is None else [inner.inputs[0]]


@rewrites("neg", example=lambda: from_jax(lambda x, y: -(x - y), R(3), R(3)))
def a_difference_negated(terms: Terms, term: Term) -> Sequence[int] | None:
    """-(x - y) = y - x"""
    inner = terms.of(term.inputs[0], "sub")
    if inner is None or not terms.once(term.inputs[0]):
        return None
    x, y = inner.inputs
    return _binary(terms, "sub", y, x)


@rewrites("add", "add_any", example=lambda: from_jax(lambda x, y: x + (-y), R(3), R(3)))
def adding_a_negative(terms: Terms, term: Term) -> Sequence[int] | None:
    """x + (-y) = x - y"""
    for place in (1, 0):
        x, y = term.inputs[1 - place], unsigned(terms, term.inputs[place])
        if y is not None and _whole(terms, term, x):
            return _binary(terms, "sub", x, y)
    return None


@rewrites("sub", example=lambda: from_jax(lambda x, y: x - (-y), R(3), R(3)))
def subtracting_a_negative(terms: Terms, term: Term) -> Sequence[int] | None:
    """x - (-y) = x + y"""
    y = unsigned(terms, term.inputs[1])
    if y is None or not _whole(terms, term, term.inputs[0]):
        return None
    return _binary(terms, "add", term.inputs[0], y)


@rewrites("mul", "div", example=lambda: from_jax(lambda x, y: (-x) * (-y), R(3), R(3)))
def two_negative_factors(terms: Terms, term: Term) -> Sequence[int] | None:
    """(-x) · (-y) = x · y"""
    x, y = (terms.of(w, "neg") for w in term.inputs)
    if x is None or y is None or not _signs_move(terms, term):
        return None
    return terms.add(term.box, [x.inputs[0], y.inputs[0]])


def _signs_move(terms: Terms, term: Term) -> bool:
    """Whether a product or quotient of negatives is the negative: not of integers that wrap, if it is not exact."""
    dtypes = {w.dtype for w in (*term.box.dom.inside, *term.box.cod.inside)}
    return len(dtypes) == 1 and (term.op != "div" or term.box.cod.inside[0].kind in "RC")


@rewrites("mul", "div", example=lambda: from_jax(lambda x, y: (-x) * y, R(3), R(3)))
def a_negative_factor(terms: Terms, term: Term) -> Sequence[int] | None:
    """(-x) · y = -(x · y)"""
    for place in (0, 1) if _signs_move(terms, term) else ():
        other = term.inputs[1 - place]
        if not (terms.once(term.inputs[place]) or _of_number(terms, other)):
            continue
        x = unsigned(terms, term.inputs[place])
        if x is None:
            continue
        wires = list(term.inputs)
        wires[place] = x
        if (number := terms.number(other)) is not None and _of_number(terms, other):
            wires[1 - place] = terms.put(filled(-number, terms.ty(other)), ())[0]
            return terms.add(term.box, wires)
        return _negated(terms, terms.add(term.box, wires)[0])
    return None


def _of_number(terms: Terms, w: int) -> bool:
    return terms.number(w) is not None and terms.ty(w).kind in "RC"


@rewrites("reduce_sum", "dot_general", "cumsum", example=lambda: from_jax(lambda x, y: (-x) @ y, R(3), R(3, 2)))
def a_sum_of_negatives(terms: Terms, term: Term) -> Sequence[int] | None:
    """Σ (-x) = -Σ x  and  (-x) @ y = -(x @ y), where that is on no more numbers"""
    out = term.box.cod.inside[0]
    for place, w in enumerate(term.inputs):
        inner = terms.of(w, "neg")
        if inner is not None and terms.once(w) and out.size <= terms.ty(w).size and terms.ty(w).dtype == out.dtype:
            wires = list(term.inputs)
            wires[place] = inner.inputs[0]
            return _negated(terms, terms.add(term.box, wires)[0])
    return None


def _factor(terms: Terms, w: int) -> tuple[int, Any, str] | None:
    """A wire as x · c or x / c with a constant number c: x, c, and which of the two."""
    made = terms.of(w, "mul", "div")
    if made is None or terms.ty(w).kind not in "RC":
        return None
    for place in (1, 0) if made.op == "mul" else (1,):
        number, x = terms.number(made.inputs[place]), made.inputs[1 - place]
        if number is not None and _plain(number, made.op) and terms.ty(x) == terms.ty(w):
            return x, number, made.op
    return None


def _plain(number: Any, op: str) -> bool:
    """Whether a factor or divisor is a finite number, and no divisor zero."""
    wide = np.asarray(number).astype(np.complex128)
    return bool(np.isfinite(wide)) and (op == "mul" or wide != 0)


def _scaled(terms: Terms, x: int, number: Any, op: str) -> Sequence[int]:
    """The wire times a number, or divided by it."""
    w = terms.ty(x)
    scalar = terms.put(filled(number, wire((), w.dtype)), ())[0]
    return _binary(terms, op, x, scalar)


@rewrites("mul", "div", example=lambda: from_jax(lambda x: x * 2.0 * 3.0, R(3)))
def two_factors(terms: Terms, term: Term) -> Sequence[int] | None:
    """(x · a) · b = x · (a · b)"""
    outer = _factored(terms, term)
    inner = None if outer is None else _factor(terms, outer[0])
    if outer is None or inner is None:
        return None
    x, a, first = inner
    _, b, second = outer
    made = _joined(a, b, first, second) if _plain(a, "div") and _plain(b, "div") else None
    return None if made is None else _scaled(terms, x, *made)


def _joined(a: Any, b: Any, first: str, second: str) -> tuple[Any, str] | None:
    """x · a · b, x · a / b, x / a · b and x / a / b as one number and operation; None where the number has no place."""
    dtype = np.asarray(a).dtype
    real = dtype.kind != "c"
    u, v = (float(n) if real else complex(n) for n in (a, b))
    try:
        number, op = (u * v, first) if first == second else (u / v if first == "mul" else v / u, "mul")
        if first != second and real and abs(number) < 1 and (1 / number).is_integer():  # type: ignore[union-attr]
            number, op = 1 / number, "div"
    except (OverflowError, ZeroDivisionError):
        return None
    with np.errstate(all="ignore"):
        there = abs(complex(np.asarray(number).astype(dtype)))
    return (number, op) if float(jnp.finfo(dtype).tiny) <= there < np.inf else None


def _factored(terms: Terms, term: Term) -> tuple[int, Any, str] | None:
    """The term itself as x · c or x / c."""
    for place in (1, 0) if term.op == "mul" else (1,):
        number, x = terms.number(term.inputs[place]), term.inputs[1 - place]
        if number is not None and terms.ty(x) == term.box.cod.inside[0] and terms.ty(x).kind in "RC":
            return x, number, term.op
    return None


@rewrites("mul", example=lambda: from_jax(lambda x, y: (x * 2.0) * y, R(3), R(3)))
def a_factor_of_a_product(terms: Terms, term: Term) -> Sequence[int] | None:
    """(x · c) · y = (x · y) · c"""
    for place in (0, 1):
        w, y = term.inputs[place], term.inputs[1 - place]
        inner = _factor(terms, w)
        if inner is None or not terms.once(w) or terms.number(y) is not None or not _whole(terms, term, w):
            continue
        if not terms.ample(w):
            continue
        x, number, op = inner
        return _scaled(terms, terms.add(term.box, [x, y] if place == 0 else [y, x])[0], number, op)
    return None


@rewrites("mul", "div", example=lambda: from_jax(lambda x, s: (x * s) * 2.0, R(3), R()))
def a_factor_on_fewer_numbers(terms: Terms, term: Term) -> Sequence[int] | None:
    """(x · s) · c = x · (s · c), where s has fewer entries"""
    outer = _factored(terms, term)
    inner = None if outer is None else terms.of(outer[0], "mul")
    if outer is None or inner is None or not terms.once(outer[0]):
        return None
    sizes = [terms.ty(w).size for w in inner.inputs]
    if min(sizes) >= term.box.cod.inside[0].size or not terms.ample(outer[0]) or not _plain(outer[1], outer[2]):
        return None
    place = sizes.index(min(sizes))
    (small,) = _scaled(terms, inner.inputs[place], outer[1], outer[2])
    wires = list(inner.inputs)
    wires[place] = small
    return terms.add(inner.box, wires)


@rewrites("mul", example=lambda: from_jax(lambda x, y: x * (2.0 / y), R(3), R(3)))
def a_number_over(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · (c / y) = (x / y) · c"""
    out = term.box.cod.inside[0]
    for place in (1, 0):
        w, x = term.inputs[place], term.inputs[1 - place]
        made = terms.of(w, "div")
        if made is None or not terms.once(w) or terms.ty(x) != out or terms.number(x) is not None:
            continue
        if not terms.ample(x):
            continue
        number, y = terms.number(made.inputs[0]), made.inputs[1]
        if number is not None and terms.ty(y) == terms.ty(w):
            return _scaled(terms, _binary(terms, "div", x, y)[0], number, "mul")
    return None


@rewrites("neg", example=lambda: from_jax(lambda x: -(x * 2.0), R(3)))
def a_factor_negated(terms: Terms, term: Term) -> Sequence[int] | None:
    """-(x · c) = x · (-c)"""
    inner = _factor(terms, term.inputs[0])
    if inner is None or not terms.once(term.inputs[0]):
        return None
    x, number, op = inner
    return _scaled(terms, x, -number, op)


@rewrites("reduce_sum", example=lambda: from_jax(lambda x: lax.reduce_sum(x * 2.0, (0,)), R(3)))
def a_factor_of_a_sum(terms: Terms, term: Term) -> Sequence[int] | None:
    """Σ (x · c) = (Σ x) · c"""
    inner = _factor(terms, term.inputs[0])
    if inner is None or not terms.once(term.inputs[0]) or not terms.ample(term.inputs[0]):
        return None
    x, number, op = inner
    return _scaled(terms, terms.add(term.box, [x])[0], number, op)


SCALARS = (
    two_negations,
    a_difference_negated,
    adding_a_negative,
    subtracting_a_negative,
    two_negative_factors,
    a_negative_factor,
    a_sum_of_negatives,
    two_factors,
    a_factor_of_a_product,
    a_factor_on_fewer_numbers,
    a_number_over,
    a_factor_negated,
    a_factor_of_a_sum,
)
