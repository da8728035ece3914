"""Piecewise functions of one real number, and what boxes do to them.

A `Pieces` has finitely many cuts, and between two of them a function that is analytic a little beyond as well. A
pointwise box is read by running its definition on such functions, `interpret` with one more kind of value. A piece is
a polynomial with rational coefficients, so that cuts are exact, or a function known by evaluation only, such as the
exponential of a piece; of those it is kept where they vanish and whether they are positive, as far as that follows. A
comparison cuts the line where the difference of two pieces, of degree one at most, changes sign.

Continuous such functions are the activations of W. Lee, S. Park, A. Aiken, "On the correctness of automatic
differentiation for neural networks with machine-representable parameters" (2023), section 2.

>>> from paralens import nn
>>> [str(cut) for cut in read(nn.relu6(3).arrow, [LINE], (3,)).cuts]
['0', '6']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...diagrams.box import Box
from ...diagrams.params import Constant
from ...diagrams.tracing.emit import apply_box
from ...diagrams.traversal import interpret

__all__ = ["LINE", "Piece", "Pieces", "UnreadError", "constant", "read"]

Poly = tuple[Fraction, ...]
Zeros = frozenset[Fraction] | None


class UnreadError(ValueError):
    """A box that is no pointwise function whose pieces can be found."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece: its polynomial if it has one, how it is evaluated, its zeros if known, whether it is above zero."""

    poly: Poly | None
    run: Callable[[Any], Any]
    zeros: Zeros = None
    positive: bool = False


@dataclass(frozen=True, eq=False)
class Pieces:
    """A function of the line: `pieces[i]` to the left of `cuts[i]`, the last one to the right of all."""

    cuts: tuple[Fraction, ...]
    pieces: tuple[Piece, ...]


# -- polynomials -------------------------------------------------------------------------------------


def _polynomial(coefficients: Sequence[Fraction]) -> Piece:
    """The piece with these coefficients, lowest first."""
    poly = list(coefficients)
    while poly and not poly[-1]:
        poly.pop()

    def run(t: Any) -> Any:
        made = jnp.zeros_like(t)
        for c in reversed(poly):
            made = made * t + jnp.asarray(float(c), t.dtype)
        return made

    roots = _roots(poly) if poly else frozenset()
    return Piece(tuple(poly), run, roots, bool(poly) and not roots and poly[0] > 0)


def _roots(poly: Sequence[Fraction]) -> frozenset[Fraction]:
    """The real roots, exact up to degree one."""
    if len(poly) < 3:
        return frozenset([-poly[0] / poly[1]] if len(poly) == 2 else [])
    found = np.roots([float(c) for c in reversed(poly)])
    return frozenset(Fraction(float(z.real)) for z in found if abs(z.imag) <= 1e-9 * (1.0 + abs(z)))


def _constant(value: Any) -> Piece:
    if not math.isfinite(value):
        raise UnreadError(f"the constant {value}")
    return _polynomial([Fraction(value)])


def _plus(a: Poly, b: Poly, sign: int = 1) -> Piece:
    n = max(len(a), len(b))
    wide = [(*p, *[Fraction(0)] * (n - len(p))) for p in (a, b)]
    return _polynomial([x + sign * y for x, y in zip(*wide, strict=True)])


def _times(a: Poly, b: Poly) -> Piece:
    made = [Fraction(0)] * max(0, len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            made[i + j] += x * y
    return _polynomial(made)


# -- rules on one interval: each gives the cuts inside it and the pieces between them -----------------

Local = tuple[list[Fraction], list[Piece]]
Span = tuple[float, float]
EVERYWHERE: Span = (-math.inf, math.inf)
TRUE, FALSE = _polynomial([Fraction(1)]), _polynomial([])


def _signs(a: Piece, b: Piece, span: Span) -> list[tuple[Fraction | None, int]]:
    """The sign of a - b to the left of each cut, and to the right of the last one (None)."""
    if a.poly is None or b.poly is None:
        if b.poly == () and a.positive:
            return [(None, 1)]
        raise UnreadError("a comparison of functions that are no polynomials")
    d = _plus(a.poly, b.poly, -1).poly or ()
    if len(d) > 2:
        raise UnreadError("a comparison of polynomials of degree two or more")
    slope = 0 if len(d) < 2 else 1 if d[1] > 0 else -1
    if not slope:
        return [(None, 0 if not d else 1 if d[0] > 0 else -1)]
    root = -sum(d[:1], Fraction(0)) / sum(d[1:], Fraction(0))
    if root <= span[0]:
        return [(None, slope)]
    return [(None, -slope)] if root >= span[1] else [(root, -slope), (None, slope)]


def _by_sign(choose: Callable[[int, Piece, Piece], Piece]) -> Callable[..., Local]:
    def rule(box: Box, span: Span, a: Piece, b: Piece = FALSE) -> Local:
        found = _signs(a, b, span)
        return [cut for cut, _ in found if cut is not None], [choose(s, a, b) for _, s in found]

    return rule


def _one(make: Callable[..., Piece]) -> Callable[..., Local]:
    def rule(box: Box, span: Span, *pieces: Piece) -> Local:
        if all(p.poly is not None for p in pieces):
            return [], [make(box, *[p.poly for p in pieces])]
        return _analytic(box, span, *pieces)

    return rule


def _clamp(box: Box, span: Span, low: Piece, x: Piece, high: Piece) -> Local:
    cuts, pieces = RULES["max"](box, span, low, x)
    lower = Pieces(tuple(cuts), tuple(pieces))
    made = _over(box, RULES["min"], [lower, Pieces((), (high,))], span)
    return list(made.cuts), list(made.pieces)


def _select(box: Box, span: Span, which: Piece, *cases: Piece) -> Local:
    if which.poly is None or len(which.poly) > 1:
        raise UnreadError("a choice that changes along a piece")
    return [], [cases[int(which.poly[0]) if which.poly else 0]]


def _quotient(box: Box, span: Span, a: Piece, b: Piece) -> Local:
    if a.poly is not None and b.poly is not None and len(b.poly) == 1:
        return [], [_times(a.poly, (1 / b.poly[0],))]
    if b.zeros is None or any(span[0] <= z <= span[1] for z in b.zeros):
        raise UnreadError("a quotient whose divisor may vanish")
    return [], [_known(box, (a, b), a.zeros, a.positive and b.positive)]


def _power(box: Box, p: Poly) -> Piece:
    if (n := int(box.params.get("y", 2))) < 0:
        raise UnreadError("a negative power")
    made = _polynomial([Fraction(1)])
    for _ in range(n):
        made = _times(made.poly or (), p)
    return made


def _known(box: Box, pieces: Sequence[Piece], zeros: Zeros, positive: bool) -> Piece:
    """The piece made by a box that is analytic on the pieces."""
    runs = [p.run for p in pieces]
    return Piece(None, lambda t: apply_box(box, *[run(t) for run in runs])[0], zeros, positive)


def _analytic(box: Box, span: Span, *pieces: Piece) -> Local:
    """Sums, products and elementary functions of pieces."""
    op, first = box.op, pieces[0]
    if op in ("add", "mul"):
        positive = all(p.positive for p in pieces)
        zeros = frozenset() if positive else None
        if op == "mul" and all(p.zeros is not None for p in pieces):
            zeros = frozenset().union(*[p.zeros or () for p in pieces])
        return [], [
            FALSE if op == "mul" and any(p.poly == () for p in pieces) else _known(box, pieces, zeros, positive)
        ]
    if op in ("sub", "neg", "integer_pow", "square"):
        return [], [_known(box, pieces, first.zeros if op != "sub" else None, False)]
    if op in ABOVE and not first.positive:
        raise UnreadError(f"the {op} of what may not be positive")
    if op not in ENTIRE and op not in ABOVE:
        raise UnreadError(f"the primitive {op or box.name}")
    at, positive = ENTIRE.get(op, ABOVE.get(op, (None, False)))
    if first.poly is not None and len(first.poly) < 2:
        return [], [_known(box, pieces, None, positive)]
    zeros = frozenset() if at == () else first.zeros if at == 0 else None
    return [], [_known(box, pieces, zeros, positive)]


# analytic on the whole line, or where the argument is positive: where the zeros are (None: somewhere) and positivity
ENTIRE: dict[str, tuple[Any, bool]] = {
    **dict.fromkeys(("exp", "exp2", "logistic", "cosh", "erfc"), ((), True)),
    **dict.fromkeys(("expm1", "tanh", "sinh", "asinh", "atan", "erf"), (0, False)),
    **dict.fromkeys(("sin", "cos"), (None, False)),
}
ABOVE: dict[str, tuple[Any, bool]] = {
    "log": (None, False),
    "log1p": ((), True),
    "sqrt": ((), True),
    "rsqrt": ((), True),
}

COMPARISONS: dict[str, Callable[[int], bool]] = {
    "gt": lambda s: s > 0,
    "ge": lambda s: s >= 0,
    "lt": lambda s: s < 0,
    "le": lambda s: s <= 0,
    "eq": lambda s: s == 0,
    "ne": lambda s: s != 0,
}


def _compared(holds: Callable[[int], bool]) -> Callable[..., Local]:
    return _by_sign(lambda s, a, b: TRUE if holds(s) else FALSE)


RULES: dict[str, Callable[..., Local]] = {
    "add": _one(lambda box, a, b: _plus(a, b)),
    "add_any": _one(lambda box, a, b: _plus(a, b)),
    "sub": _one(lambda box, a, b: _plus(a, b, -1)),
    "mul": _one(lambda box, a, b: _times(a, b)),
    "neg": _one(lambda box, a: _plus((), a, -1)),
    "square": _one(_power),
    "integer_pow": _one(_power),
    "div": _quotient,
    "max": _by_sign(lambda s, a, b: a if s >= 0 else b),
    "min": _by_sign(lambda s, a, b: a if s < 0 else b),
    "abs": _by_sign(lambda s, a, b: a if s >= 0 else _plus((), a.poly or (), -1)),
    "sign": _by_sign(lambda s, a, b: _constant(s)),
    "clamp": _clamp,
    "select_n": _select,
    "not": _by_sign(lambda s, a, b: FALSE if s else TRUE),
    **{op: _compared(holds) for op, holds in COMPARISONS.items()},
    **dict.fromkeys(("convert_element_type", "copy", "stop_gradient", "name"), lambda box, span, a: ([], [a])),
}


# -- functions of the whole line ---------------------------------------------------------------------


def _over(
    box: Box, rule: Callable[..., Local], values: Sequence[Pieces], whole: Span = (-math.inf, math.inf)
) -> Pieces:
    """The rule on each interval of the common refinement."""
    marks = sorted({c for v in values for c in v.cuts if whole[0] < c < whole[1]})
    ends: list[Any] = [whole[0], *marks, whole[1]]
    cuts: list[Fraction] = []
    pieces: list[Piece] = []
    for low, high in pairwise(ends):
        here = [v.pieces[sum(c <= low for c in v.cuts)] for v in values]
        inside, made = rule(box, (low, high), *here)
        cuts += [*inside, *([high] if high < whole[1] else [])]
        pieces += made
    return Pieces(tuple(cuts), tuple(pieces))


def _step(shape: tuple[int, ...], box: Box, *values: Pieces) -> Sequence[Pieces]:
    """A box on piecewise functions: the rule of this functor. Arrays are entries alike, of one shape."""
    if box.op == "constant":
        value = box.params["value"]
        array = np.asarray(value.value if isinstance(value, Constant) else value)
        if array.size == 0 or (array != array.flat[0]).any():
            raise UnreadError("a constant whose entries differ")
        return [Pieces((), (_constant(array.flat[0].item()),))]
    if box.op == "broadcast_in_dim" and not box.dom.inside[0].shape:
        return values
    if box.n_out != 1 or box.cod.inside[0].shape not in ((), shape):
        raise UnreadError(f"{box.name} changes the shape")
    if not box.op or box.op == "custom_jvp_call" or box.op == "custom_vjp_call":
        if box.definition is None:
            raise UnreadError(f"{box.name} has no definition")
        return interpret(box.definition.graph, partial(_step, shape), values)
    return [_over(box, RULES.get(box.op, _analytic), values)]


LINE = Pieces((), (_polynomial([Fraction(0), Fraction(1)]),))
"""The function t -> t."""


def constant(value: Any) -> Pieces:
    """The function that is one number everywhere; raises `UnreadError` for infinity and NaN."""
    return Pieces((), (_constant(value),))


def read(box: Box, values: Sequence[Pieces], shape: tuple[int, ...]) -> Pieces:
    """What a box with one output makes of piecewise functions, applied to each entry of arrays of this shape.

    Raises `UnreadError` for a box that does something else, or whose pieces are not found.
    """
    return _step(shape, box, *values)[0]
