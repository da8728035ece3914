"""The kinks and zeros of a pointwise box.

What the theory of machine-representable parameters asks of an activation f, a continuous piecewise analytic function:

    ndf(f)   the points where f is not differentiable: the kinks
    bdz(f)   the boundary of the zero set of f
    D^AD f   an extension of the derivative of f: what the derivative rule gives, at the kinks too

The pieces are read off the box's definition. At each cut the slopes of the two pieces tell whether there is a kink,
and the box's own derivative rule is asked for its value; in between it must agree with the slope of the piece.

Source: W. Lee, S. Park, A. Aiken, "On the correctness of automatic differentiation for neural networks with
machine-representable parameters" (2023), section 2.

>>> from paralens import nn
>>> profile(nn.relu6(3).arrow).kinks
(Kink(at=0.0, left=0.0, right=1.0, rule=0.0), Kink(at=6.0, left=1.0, right=0.0, rule=0.0))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.tracing.emit import apply_box, callable_of
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import R
from ..derivatives.derivative import forward, reverse
from .pieces import LINE, Piece, Pieces, UnreadError, constant, read

__all__ = ["Kink", "Profile", "profile"]


@dataclass(frozen=True)
class Kink:
    """A point with the slopes on its two sides and the slope that the box's derivative rule gives there."""

    at: float
    left: float
    right: float
    rule: float

    @property
    def share(self) -> float:
        """The λ with rule = λ left + (1 - λ) right: 1 and 0 are the two sides."""
        return (self.rule - self.right) / (self.left - self.right)


@dataclass(frozen=True)
class Profile:
    """`kinks`, in order; `faults`, smooth points where the rule gives another slope; `edges`, the boundary of the
    zero set, None where it was not found; `affine`, whether there is one piece, of degree one at most."""

    kinks: tuple[Kink, ...]
    faults: tuple[Kink, ...]
    edges: frozenset[float] | None
    affine: bool


def profile(box: Box, constants: Sequence[Any | None] = (None,)) -> Profile:
    """The kinks and zeros of a box that applies one function of one number to each entry.

    `constants` has a number for each input that is constant, and None for the others, which are one and the same wire.
    Raises `UnreadError` for any other box.
    """
    found = derived(box, ("profile", tuple(constants)), lambda: _attempt(box, constants))
    if isinstance(found, UnreadError):
        raise UnreadError(str(found))
    return found


def _attempt(box: Box, constants: Sequence[Any | None]) -> Profile | UnreadError:
    try:
        return _profile(box, constants)
    except UnreadError as error:
        return error


def _profile(box: Box, constants: Sequence[Any | None]) -> Profile:
    wires = [w for w, c in zip(box.dom.inside, constants, strict=True) if c is None]
    if not wires or box.n_out != 1 or wires[0].kind != "R" or box.cod.inside[0] != wires[0]:
        raise UnreadError("it takes no single real wire to one of its type")
    dtype = wires[0].dtype
    whole = read(box, [LINE if c is None else constant(c) for c in constants], wires[0].shape)
    slopes, at = _rule_of(box, constants)
    cuts = [c for c, a, b in zip(whole.cuts, whole.pieces, whole.pieces[1:], strict=False) if a is not b]
    kinks, faults = [], []
    for cut in cuts:
        a, b = (whole.pieces[i] for i in (whole.cuts.index(cut), whole.cuts.index(cut) + 1))
        (left, dl), (right, dr) = (_jet(p, cut, dtype) for p in (a, b))
        if not _close(left, right, dtype) or not _close(left, at(float(cut)), dtype):
            raise UnreadError(f"it jumps at {float(cut)}")
        found = Kink(float(cut), dl, dr, slopes(float(cut)))
        smooth = dl == dr if a.poly is not None and b.poly is not None else _close(dl, dr, dtype)
        kinks += [] if smooth else [found]
        faults += [found] if smooth and not _close(dl, found.rule, dtype) else []
    for point, piece in _inside(whole):
        if not _close(_jet(piece, point, dtype)[1], slopes(float(point)), dtype):
            raise UnreadError(f"its derivative rule gives {slopes(float(point))} at {float(point)}, where it is smooth")
    affine = len(whole.pieces) == 1 and whole.pieces[0].poly is not None and len(whole.pieces[0].poly) < 3
    return Profile(tuple(kinks), tuple(faults), _edges(whole, dtype), affine)


def _inside(whole: Pieces) -> list[tuple[Fraction, Piece]]:
    """A point in each interval."""
    cuts = whole.cuts or (Fraction(0),)
    ends = [cuts[0] - 2, *cuts, cuts[-1] + 2]
    points = [(a + b) / 2 + (b - a) / 16 for a, b in pairwise(ends)]
    return list(zip(points, whole.pieces if whole.cuts else whole.pieces * 2, strict=True))


def _close(a: float, b: float, dtype: str) -> bool:
    """Equal up to the rounding of a few operations in a dtype."""
    return abs(a - b) <= 8 * float(jnp.finfo(dtype).eps) * max(abs(a), abs(b), 1.0)


def _jet(piece: Piece, at: Fraction, dtype: str) -> tuple[float, float]:
    """Value and slope of a piece, continued to a point at its end."""
    if piece.poly is not None:
        value = sum((c * at**k for k, c in enumerate(piece.poly)), Fraction(0))
        slope = sum((k * c * at ** (k - 1) for k, c in enumerate(piece.poly) if k), Fraction(0))
        return float(value), float(slope)
    moved = forward(from_jax(piece.run, R(dtype=dtype)))
    value, slope = callable_of(moved)(jnp.asarray(float(at), dtype), jnp.ones((), dtype))
    return float(value), float(slope)


def _rule_of(box: Box, constants: Sequence[Any | None]) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """The slope by the box's own derivative rule, and the value, at a point."""
    moving = [i for i, c in enumerate(constants) if c is None]
    back = callable_of(reverse(box, wrt=moving))
    one = jnp.ones(box.cod.inside[0].shape, box.cod.inside[0].dtype)

    def inputs(t: float) -> list[Any]:
        given = zip(box.dom.inside, constants, strict=True)
        return [jnp.full(w.shape, t if c is None else c, w.dtype) for w, c in given]

    def slope(t: float) -> float:
        return float(sum(np.asarray(g, np.float64).ravel()[0] for g in back(*inputs(t), one)))

    return slope, lambda t: float(np.asarray(apply_box(box, *inputs(t))[0], np.float64).ravel()[0])


def _edges(whole: Pieces, dtype: str) -> frozenset[float] | None:
    """The boundary of the zero set."""
    found: set[float] = set()
    ends: list[Any] = [-math.inf, *whole.cuts, math.inf]
    for low, high, piece in zip(ends, ends[1:], whole.pieces, strict=False):
        if piece.poly == ():
            continue
        if piece.zeros is None:
            return None
        found |= {float(z) for z in piece.zeros if low < z < high}
    for cut, a, b in zip(whole.cuts, whole.pieces, whole.pieces[1:], strict=False):
        if (a.poly != () or b.poly != ()) and _close(_jet(a, cut, dtype)[0], 0.0, dtype):
            found.add(float(cut))
    return frozenset(found)
