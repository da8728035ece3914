"""Zeros and ones: the units of addition and multiplication, and what is the same on both sides of a choice."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import lax

from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import B, R
from .boxes import elementwise, filled
from .constants import is_zero
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["UNITS"]


def _operand(terms: Terms, term: Term, place: int) -> list[int] | None:
    """The operand at a place as the result, if it has the type of the result."""
    w = term.inputs[place]
    return [w] if terms.ty(w) == term.box.cod.inside[0] else None


def _is(terms: Terms, w: int, number: int) -> bool:
    found = terms.number(w)
    return found is not None and bool(found == number)


@rewrites("add", "add_any", "or", "xor", example=lambda: from_jax(lambda x: x + 0.0, R(3)))
def adding_zero(terms: Terms, term: Term) -> Sequence[int] | None:
    """x + 0 = x"""
    for place in (0, 1):
        if is_zero(terms, term.inputs[1 - place]):
            return _operand(terms, term, place)
    return None


@rewrites("sub", example=lambda: from_jax(lambda x: (x - 0.0) - (0.0 - x), R(3)))
def subtracting_zero(terms: Terms, term: Term) -> Sequence[int] | None:
    """x - 0 = x  and  0 - x = -x"""
    x, y = term.inputs
    if is_zero(terms, y):
        return _operand(terms, term, 0)
    if is_zero(terms, x) and terms.ty(y) == term.box.cod.inside[0]:
        return terms.put(elementwise("neg", terms.ty(y)), [y])
    return None


@rewrites("mul", "and", example=lambda: from_jax(lambda x: x * 1.0, R(3)))
def multiplying_by_one(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · 1 = x"""
    one = -1 if term.op == "and" else 1
    for place in (0, 1):
        w = term.inputs[1 - place]
        if terms.ty(w).kind == "B" and _is(terms, w, 1):
            return _operand(terms, term, place)
        if terms.ty(w).kind != "B" and _is(terms, w, one):
            return _operand(terms, term, place)
    return None


@rewrites("mul", example=lambda: from_jax(lambda x: x * -1.0, R(3)))
def multiplying_by_minus_one(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · (-1) = -x"""
    for place in (0, 1):
        if _is(terms, term.inputs[1 - place], -1) and _operand(terms, term, place):
            return terms.put(elementwise("neg", term.box.cod.inside[0]), [term.inputs[place]])
    return None


@rewrites("div", example=lambda: from_jax(lambda x: x / 1.0, R(3)))
def dividing_by_one(terms: Terms, term: Term) -> Sequence[int] | None:
    """x / 1 = x"""
    return _operand(terms, term, 0) if _is(terms, term.inputs[1], 1) else None


@rewrites("integer_pow", "pow", example=lambda: from_jax(lambda x: x**1.0 + lax.integer_pow(x, 1), R(3)))
def first_power(terms: Terms, term: Term) -> Sequence[int] | None:
    """x¹ = x"""
    if term.op == "integer_pow":
        return _operand(terms, term, 0) if term.params["y"] == 1 else None
    return _operand(terms, term, 0) if _is(terms, term.inputs[1], 1) else None


@rewrites("mul", finite=True, example=lambda: from_jax(lambda x: x * 0.0, R(3)))
def multiplying_by_zero(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · 0 = 0"""
    if any(is_zero(terms, w) for w in term.inputs):
        return terms.put(filled(0, term.box.cod.inside[0]), ())
    return None


@rewrites(
    "dot_general", "conv_general_dilated", finite=True, example=lambda: from_jax(lambda x: x @ jnp.zeros((3, 2)), R(3))
)
def products_with_zero(terms: Terms, term: Term) -> Sequence[int] | None:
    """x @ 0 = 0"""
    if any(is_zero(terms, w) for w in term.inputs[:2]):
        return terms.put(filled(0, term.box.cod.inside[0]), ())
    return None


@rewrites("sub", finite=True, example=lambda: from_jax(lambda x: x - x, R(3)))
def a_difference_with_itself(terms: Terms, term: Term) -> Sequence[int] | None:
    """x - x = 0"""
    x, y = term.inputs
    return terms.put(filled(0, term.box.cod.inside[0]), ()) if x == y else None


@rewrites("select_n", example=lambda: from_jax(lambda c, x: lax.select(c, x, x), B(3), R(3)))
def choosing_between_equals(terms: Terms, term: Term) -> Sequence[int] | None:
    """where(c, x, x) = x"""
    return [term.inputs[1]] if len(set(term.inputs[1:])) == 1 else None


@rewrites("select_n", example=lambda: from_jax(lambda x, y: lax.select(jnp.ones(3, bool), x, y), R(3), R(3)))
def a_known_choice(terms: Terms, term: Term) -> Sequence[int] | None:
    """where(true, x, y) = x"""
    number = terms.number(term.inputs[0])
    if number is None or not 0 <= int(number) < len(term.inputs) - 1:
        return None
    return [term.inputs[1 + int(number)]]


@rewrites("select_n", example=lambda: from_jax(lambda c, x, y: lax.select(~c, x, y), B(3), R(3), R(3)))
def a_choice_turned(terms: Terms, term: Term) -> Sequence[int] | None:
    """where(not c, x, y) = where(c, y, x)"""
    turned = terms.of(term.inputs[0], "not")
    if turned is None or len(term.inputs) != 3 or terms.ty(term.inputs[0]).kind != "B":
        return None
    _, x, y = term.inputs
    return terms.add(term.box, [turned.inputs[0], y, x])


@rewrites("max", "min", "and", "or", example=lambda: from_jax(lambda x: jnp.maximum(x, x), R(3)))
def greatest_of_equals(terms: Terms, term: Term) -> Sequence[int] | None:
    """max(x, x) = x"""
    x, y = term.inputs
    return [x] if x == y else None


UNITS = (
    adding_zero,
    subtracting_zero,
    multiplying_by_one,
    multiplying_by_minus_one,
    dividing_by_one,
    first_power,
    multiplying_by_zero,
    products_with_zero,
    a_difference_with_itself,
    choosing_between_equals,
    a_known_choice,
    a_choice_turned,
    greatest_of_equals,
)
