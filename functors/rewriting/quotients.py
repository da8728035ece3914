"""Quotients and means, as a person would write them: p for e / Σ e once it is there, and no sum that is zero."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax.numpy as jnp
from jax import lax

from ...diagrams.syntax import Diagram
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R, wire
from .boxes import elementwise, filled, spread
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["QUOTIENTS"]


@rewrites(
    "add", "add_any", "sub", finite=True, example=lambda: from_jax(lambda x, y, z: x / z - y / z, R(3), R(3), R(3))
)
def a_common_divisor(terms: Terms, term: Term) -> Sequence[int] | None:
    """x / z - y / z = (x - y) / z"""
    if not all(map(terms.once, term.inputs)) or not terms.ample(term.inputs[0]):
        return None
    x, y = (_quotient(terms, w) for w in term.inputs)
    if x is None or y is None or x[1] != y[1]:
        return None
    pair, z = [x[0], y[0]], x[1]
    if term.box.cod.inside[0] not in map(terms.ty, pair):
        return None
    op = "add" if term.op == "add_any" else term.op
    (above,) = terms.put(elementwise(op, *map(terms.ty, pair)), pair)
    return terms.put(elementwise("div", terms.ty(above), terms.ty(z)), [above, z])


def _quotient(terms: Terms, w: int) -> tuple[int, int] | None:
    """A wire as x / z; copies of x / z as (copies of x) / (copies of z)."""
    made = terms.of(w, "div")
    if made is not None:
        return made.inputs[0], made.inputs[1]
    copies = terms.of(w, "broadcast_in_dim")
    made = None if copies is None else terms.of(copies.inputs[0], "div")
    if copies is None or made is None or terms.ty(made.inputs[0]) != terms.ty(made.inputs[1]):
        return None
    if terms.number(made.inputs[1]) is not None or not terms.once(copies.inputs[0]):
        return None
    above, below = (terms.add(copies.box, [i])[0] for i in made.inputs)
    return above, below


@rewrites("mul", finite=True, example=lambda: from_jax(lambda x, y, z: (x / z, x * (y / z)), R(3), R(3), R(3)))
def a_quotient_that_is_there(terms: Terms, term: Term) -> Sequence[int] | None:
    """x · (y / z) = (x / z) · y, where x / z is there already"""
    out = term.box.cod.inside[0]
    for place in (1, 0):
        w, x = term.inputs[place], term.inputs[1 - place]
        if not terms.once(w) or not terms.ample(w) or terms.ty(x) != out or terms.number(x) is not None:
            continue
        parts = _quotient(terms, w)
        if parts is None or any(terms.number(i) is not None for i in parts):
            continue
        y, z = parts
        there = terms.find("div", (x, z))
        if there is not None and there[0] not in (w, y):
            return terms.put(elementwise("mul", out, terms.ty(y)), [there[0], y])
    return None


def _softmaxed() -> Diagram:
    def both(e: Any, y: Any, s: Any) -> Any:
        return e / lax.broadcast_in_dim(s, (2, 4), (0,)), (e * y).sum(1) / s

    return from_jax(both, R(2, 4), R(2, 4), R(2))


@rewrites("div", finite=True, example=_softmaxed)
def a_sum_of_quotients_that_are_there(terms: Terms, term: Term) -> Sequence[int] | None:
    """(Σ x · y) / z = Σ (x / z) · y, where x / z is there already"""
    total, z = term.inputs
    over = terms.of(total, "reduce_sum")
    inner = None if over is None else terms.of(over.inputs[0], "mul")
    if over is None or inner is None or not terms.once(total) or not terms.once(over.inputs[0]):
        return None
    if terms.ty(z) not in (terms.ty(total), wire((), terms.ty(total).dtype)) or not terms.ample(total):
        return None
    if terms.number(z) is not None:
        return None
    whole, axes = terms.ty(over.inputs[0]), over.params["axes"]
    left = tuple(i for i in range(len(whole.shape)) if i not in axes)
    ones = tuple(1 if i in axes else n for i, n in enumerate(whole.shape))
    shapes = (ones, whole.shape) if terms.ty(z).shape else ()
    copies = [z, *(terms.put(spread(terms.ty(z), shape, left), [z])[0] for shape in shapes)]
    for place in (0, 1):
        x, y = inner.inputs[place], inner.inputs[1 - place]
        for c in copies:
            there = terms.find("div", (x, c))
            divided = terms.of(y, "div")
            if there is None or terms.ty(there[0]) != whole or terms.ty(y) != whole:
                continue
            if divided is None or divided.inputs[1] != c:  # else the sum would be divided in both of its factors
                (product,) = terms.put(elementwise("mul", whole, whole), [there[0], y])
                return terms.add(over.box, [product])
    return None


def _centered() -> Diagram:
    return from_jax(lambda x: (x - lax.broadcast_in_dim(x.sum(1) / 4.0, (2, 4), (0,))).sum(1), R(2, 4))


@rewrites("reduce_sum", finite=True, example=_centered)
def deviations_from_the_mean(terms: Terms, term: Term) -> Sequence[int] | None:
    """Σ (x - mean x) = 0"""
    inner = terms.of(term.inputs[0], "sub")
    if inner is None or not terms.ample(term.inputs[0]):
        return None
    x, mean = inner.inputs
    shape, axes = terms.ty(x).shape, term.params["axes"]
    left = tuple(i for i in range(len(shape)) if i not in axes)
    copies = terms.of(mean, "broadcast_in_dim")
    over = terms.of(mean if copies is None else copies.inputs[0], "div")
    total = None if over is None else terms.of(over.inputs[0], "reduce_sum")
    if over is None or total is None or total.inputs[0] != x or total.params["axes"] != axes:
        return None
    if left and (copies is None or copies.params["broadcast_dimensions"] != left):
        return None
    number = terms.number(over.inputs[1])
    if number is None or number != prod(shape[i] for i in axes):
        return None
    return terms.put(filled(0, term.box.cod.inside[0]), ())


@rewrites("max", finite=True, example=lambda: from_jax(lambda x: jnp.maximum(x, -jnp.inf), R(3)))
def the_least_of_all(terms: Terms, term: Term) -> Sequence[int] | None:
    """max(x, -∞) = x"""
    for place in (1, 0):
        number, x = terms.number(term.inputs[place]), term.inputs[1 - place]
        if number is not None and number == -jnp.inf and terms.ty(x) == term.box.cod.inside[0]:
            return [x]
    return None


QUOTIENTS = (
    a_common_divisor,
    a_quotient_that_is_there,
    a_sum_of_quotients_that_are_there,
    deviations_from_the_mean,
    the_least_of_all,
)
