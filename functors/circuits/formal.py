"""What a circuit means in POLY_S: a tuple of formal polynomials, the normal form under the laws of a semiring.

`formal` is the functor that interprets circuits in S[x_0, ..., x_n-1]: two circuits are equal in POLY_S if and only
if their polynomials are. Over Z_2 a function has many polynomials, and one of them is multilinear; `multilinear`
reduces to it, which keeps the function and changes the derivative (x x becomes x). On multilinear polynomials the
derivative is the difference quotient,

    R[f](x, dy)_i = sum over j of (f_j(x) + f_j(x + e_i)) dy_j,

and on others it is not: as a rule for all circuits it would break the chain rule RD.5 (x x = copy ; multiply).

Source: P. Wilson and F. Zanasi, "Reverse derivative ascent" (2021), section 4. A polynomial may have exponentially
more monomials than its circuit has boxes.

>>> from paralens.diagrams.circuits import Ring, circuit
>>> f = circuit(Ring.z2(), 2)(lambda x, y: (x + y) * (x + y))
>>> formal(f, Ring.z2())
({(2, 0): True, (0, 2): True},)
>>> formal(multilinear(f), Ring.z2())
({(1, 0): True, (0, 1): True},)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from ...categories.errors import CompositionError, NoMeaningError
from ...diagrams.box import Box
from ...diagrams.circuits import Number, Ring, add, constant, matrix_of, multiply, polynomial
from ...diagrams.graph import Builder
from ...diagrams.syntax import Diagram
from ...diagrams.traversal import interpret
from ...diagrams.types import Ty
from ..derivatives.optic import inline

__all__ = ["Polynomial", "differences", "formal", "multilinear"]

Polynomial = dict[tuple[int, ...], Number]
"""From the exponents of a monomial to its coefficient, which is not zero."""


def formal(d: Diagram, ring: Ring) -> tuple[Polynomial, ...]:
    """The polynomials of a circuit: one for each entry of its outputs, in the entries of its inputs, in order.

    Boxes with a definition are opened. Raises `NoMeaningError` for a box that is not polynomial over the ring.
    """
    n = sum(w.size for w in d.dom.inside)
    powers = iter(np.eye(n, dtype=int).tolist())
    variables = [[{tuple(next(powers)): ring.one} for _ in range(w.size)] for w in d.dom.inside]

    def rule(box: Box, *values: list[Polynomial]) -> list[list[Polynomial]]:
        if box.op == "constant":
            entries = np.ravel(box.params["value"].value).tolist()
            return [[_constant(ring, n, ring.element(c)) for c in entries]]
        if box.params.get("generator") in MEANING and box.params["ring"] == ring.name:
            return [MEANING[box.params["generator"]](ring, box, n, *values)]
        if box.op or box.definition is None or "generator" in box.params:
            raise NoMeaningError(f"{box.name} : {box.dom} -> {box.cod} is no polynomial over {ring.name}")
        return interpret(box.definition.graph, rule, values)

    return tuple(p for entries in interpret(d.graph, rule, variables) for p in entries)


def _constant(ring: Ring, n: int, c: Number) -> Polynomial:
    return {} if c == ring.zero else {(0,) * n: c}


def _collected(ring: Ring, terms: Any) -> Polynomial:
    """The polynomial of these terms (exponents, coefficient), without zeros."""
    found: Polynomial = {}
    for key, c in terms:
        found[key] = ring.plus(found[key], c) if key in found else c
    return {key: c for key, c in found.items() if c != ring.zero}


def _plus(ring: Ring, p: Polynomial, q: Polynomial) -> Polynomial:
    return _collected(ring, [*p.items(), *q.items()])


def _times(ring: Ring, p: Polynomial, q: Polynomial) -> Polynomial:
    pairs = ((a, b, ring.times(c, d)) for a, c in p.items() for b, d in q.items())
    return _collected(ring, ((tuple(map(sum, zip(a, b, strict=True))), c) for a, b, c in pairs))


def _add(ring: Ring, box: Box, n: int, xs: Sequence[Polynomial], ys: Sequence[Polynomial]) -> list[Polynomial]:
    return [_plus(ring, p, q) for p, q in zip(xs, ys, strict=True)]


def _multiply(ring: Ring, box: Box, n: int, xs: Sequence[Polynomial], ys: Sequence[Polynomial]) -> list[Polynomial]:
    return [_times(ring, p, q) for p, q in zip(xs, ys, strict=True)]


def _linear(ring: Ring, box: Box, n: int, xs: Sequence[Polynomial]) -> list[Polynomial]:
    m, _ = matrix_of(box)
    rows = m.reshape(-1, len(xs)).tolist()
    scaled = [[_times(ring, _constant(ring, n, c), x) for c, x in zip(row, xs, strict=True)] for row in rows]
    return [_collected(ring, (term for p in ps for term in p.items())) for ps in scaled]


MEANING: dict[str, Callable[..., list[Polynomial]]] = {"add": _add, "multiply": _multiply, "linear": _linear}


def multilinear(d: Diagram) -> Diagram:
    """The circuit over Z_2 of the multilinear polynomials with the same values: x x is replaced by x.

    Raises `CompositionError` where a wire carries an array.
    """
    _refuse_arrays(d, "multilinear")
    z2 = Ring.z2()
    reduced = [_collected(z2, ((tuple(min(e, 1) for e in key), c) for key, c in p.items())) for p in formal(d, z2)]
    return polynomial(z2, *reduced, n=d.n_in)


def differences(d: Diagram) -> Diagram:
    """The brute-force rule A ⊗ B' -> A' over Z_2, by differences; equal to `reverse` on multilinear circuits only.

    Raises `CompositionError` where a wire carries an array.
    """
    _refuse_arrays(d, "differences")
    z2, n, m = Ring.z2(), d.n_in, d.n_out
    build = Builder(d.dom @ d.cod)

    def put(box: Diagram, *inputs: int) -> int:
        return inline(build, box, inputs)[0]

    here, one, found = inline(build, d, range(n)), put(constant(z2, 1)), []
    for i in range(n):
        moved = inline(build, d, [put(add(z2), x, one) if x == i else x for x in range(n)])
        steps = [put(add(z2), y, z) for y, z in zip(here, moved, strict=True)]
        parts = [put(multiply(z2), s, n + j) for j, s in enumerate(steps)]
        found.append(reduce(lambda x, y: put(add(z2), x, y), parts) if m else put(constant(z2, 0)))
    return Diagram.of_graph(build.finish(found, d.dom))


def _refuse_arrays(d: Diagram, taker: str) -> None:
    if (d.dom @ d.cod).inside != (Ring.z2().ty() ** (d.n_in + d.n_out)).inside:
        wrong = Ty.of(w for w in (d.dom @ d.cod).inside if w != Ring.z2().ty().wire)
        raise CompositionError(f"{taker} takes a circuit over single bits, on wires B(), and this one has {wrong}")
