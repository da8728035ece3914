"""What is known without any input: generators on constants, and arrays that hold one number everywhere.

A large array that holds one number is kept as that number, repeated: it says what it is, and XLA does not store it.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ...diagrams.box import Box
from ...diagrams.primitives import having, traits
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.arrays import constant
from ...diagrams.tracing.emit import apply_box
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R, Ty, wire
from ..derivative_rules import computable, fact_of
from ..derivative_rules.facts import Linear
from ..derivatives.optic import precision
from .boxes import filled
from .rule import rewrites
from .terms import Term, Terms

__all__ = ["CONSTANTS"]

LARGEST = 256  # entries of an array that is computed now rather than in the program


@rewrites(example=lambda: from_jax(lambda x: x * jnp.sqrt(jnp.float32(4.0)), R(3)))
def constants(terms: Terms, term: Term) -> Sequence[int] | None:
    """a generator on constants = its value"""
    box = term.box
    if not term.inputs or not all(terms.of(w, "constant") for w in term.inputs) or not computable(box):
        return None
    if any(w.size > LARGEST or w.kind == "Key" for w in (*box.cod.inside, *box.dom.inside)):
        return None
    values = [terms.array(w) for w in term.inputs]
    if any(v is None for v in values):
        return None
    with precision([*box.dom.inside, *box.cod.inside]), jax.ensure_compile_time_eval():
        made = [np.asarray(v) for v in apply_box(box, *map(jnp.asarray, values))]
        return [terms.add(constant(v), ())[0] for v in made]


@rewrites(ops=lambda: having("pointwise"), example=lambda: from_jax(lambda x: x + jnp.full((3,), 2.0) * 3.0, R(3)))
def numbers(terms: Terms, term: Term) -> Sequence[int] | None:
    """a generator, entry by entry, on arrays that hold one number = an array that holds one number"""
    values = [terms.number(w) for w in term.inputs]
    if any(v is None for v in values):
        return None
    (out,) = term.box.cod.inside
    scalars = [wire((), w.dtype) for w in term.box.dom.inside]
    small = Box(term.box.name, Ty.of(scalars), Ty.of((wire((), out.dtype),)), op=term.op, params=term.params)
    with precision([*term.box.dom.inside, out]), jax.ensure_compile_time_eval():
        (made,) = apply_box(small, *map(jnp.asarray, values))
    return terms.put(filled(np.asarray(made), out), ())


@rewrites(
    ops=lambda: having("moving") - having("marking"),
    example=lambda: from_jax(lambda x: x + jnp.ones((3, 2)).reshape(6)[1:4], R(3)),
)
def moving_numbers(terms: Terms, term: Term) -> Sequence[int] | None:
    """an array that holds one number, with its entries moved = an array that holds one number"""
    number = terms.number(term.inputs[0])
    if len(term.inputs) != 1 or number is None or any(w.kind == "Key" for w in term.box.cod.inside):
        return None
    made = terms.of(term.inputs[0])
    if (
        term.op == "broadcast_in_dim"
        and made is not None
        and made.op == "constant"
        and not made.box.cod.inside[0].shape
    ):
        return None  # it is in this form already
    return [terms.put(filled(number, w), ())[0] for w in term.box.cod.inside]


@rewrites(
    ops=lambda: having("linear") - having("marking"),
    example=lambda: from_jax(lambda x: x + lax.cumsum(jnp.zeros(3)), R(3)),
)
def zeros(terms: Terms, term: Term) -> Sequence[int] | None:
    """a linear map of zeros = zeros"""
    if len(term.inputs) == 1 and traits(term.op).moving:
        return None  # this is so of every number
    fact = fact_of(term.op)
    if not isinstance(fact, Linear):
        return None
    at = fact.linear(term.box)
    if not at or any(not is_zero(terms, term.inputs[i]) for i in at):
        return None
    if any(not w.differentiable for w in term.box.cod.inside):
        return None
    return [terms.put(filled(0, w), ())[0] for w in term.box.cod.inside]


def is_zero(terms: Terms, w: int) -> bool:
    """Whether every entry of a wire is known to be zero."""
    number = terms.number(w)
    return number is not None and bool(number == 0)


@rewrites("", example=lambda: Diagram.id(R(3)).boxed("same") >> from_jax(jnp.sin, R(3)))
def a_box_of_wires(terms: Terms, term: Term) -> Sequence[int] | None:
    """a box that holds nothing but wires = what is inside"""
    inside = term.box.definition
    return terms.put(inside, term.inputs) if inside is not None and not len(inside.graph) else None


CONSTANTS = (a_box_of_wires, constants, numbers, moving_numbers, zeros)
