"""What a generator is, said once and read by every functor that differentiates.

    Linear        linear in some inputs: the tangent is the box again, the cotangent its transpose
    Elementwise   entry by entry: for each input a map g -> g · ∂f/∂x, which is its own transpose
    Bilinear      linear in each of two inputs: a transpose for each
    General       anything else: its tangent map; the cotangent is the transpose of that, which the
                  reverse functor finds, unless a `back` is written because it is better
    LocallyConstant    no tangent and no cotangent

A fact is written in `jax.lax` and becomes diagrams over the wires of the box at hand. Conventions are
those of JAX: a cotangent of a complex wire pairs with a tangent without conjugation. At kinks and ties
each rule gives a selection of a conservative field, cf. J. Bolte and E. Pauwels, "Conservative set valued
fields" (2021). The transpose of a linear map and the reverse derivative are one thing, by RD.6 and RD.7 of
R. Cockett et al., "Reverse derivative categories" (2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jax import lax

from ...diagrams.box import Box

__all__ = ["Bilinear", "Elementwise", "Fact", "General", "Linear", "LocallyConstant", "summed", "widened"]

Values = Sequence[Any]


@dataclass(frozen=True)
class Linear:
    """Linear in the inputs `at` jointly (all that have tangents when None), the others being parameters.

    `transpose(box, dys, xs)` gives one cotangent for each input in `at`; `dys` holds None for an output without
    a cotangent and `xs` None for the inputs in `at`. `tangent(box, dxs, xs)`, where given, replaces the box
    itself when some tangents are missing (None), as for a sum; otherwise they are filled by zeros.
    """

    transpose: Callable[[Box, Values, Values], Values]
    at: tuple[int, ...] | None = None
    tangent: Callable[[Box, Values, Values], Values] | None = None

    def linear(self, box: Box) -> tuple[int, ...]:
        """The inputs that the box is linear in."""
        if self.at is None:
            return tuple(i for i, w in enumerate(box.dom.inside) if w.differentiable)
        return self.at


@dataclass(frozen=True)
class Elementwise:
    """Entry by entry, with one output: for each input a map `(g, y, *xs) -> g · ∂y/∂x`, or None where it is zero.

    Inputs may be scalars where the output is an array; their cotangents are sums.
    """

    partials: tuple[Callable[..., Any] | None, ...]


@dataclass(frozen=True)
class Bilinear:
    """Linear in input 0 and in input 1: `left(box, dy, x1)` and `right(box, dy, x0)` are the transposes.

    Further inputs are parameters, given after the other operand.
    """

    left: Callable[..., Any]
    right: Callable[..., Any]


@dataclass(frozen=True)
class General:
    """`tangent(box, xs, ys, dxs)` gives one tangent (or None) for each output; `dxs` holds None for what is still.

    `back(box, xs, ys, dys)`, where given, does the same for cotangents of the inputs; without it the
    tangent map, which must be linear in `dxs`, is transposed.

    `augmented(box, xs)`, where given, stands in the place of the box wherever it is differentiated: it gives the
    outputs and then further values that tangents and cotangents need, which follow the outputs in `ys`. None where the
    box will do.
    """

    tangent: Callable[[Box, Values, Values, Values], Values]
    back: Callable[[Box, Values, Values, Values], Values] | None = None
    augmented: Callable[[Box, Values], Values | None] | None = None


@dataclass(frozen=True)
class LocallyConstant:
    """Locally constant wherever it is differentiable: no tangent passes."""


Fact = Linear | Elementwise | Bilinear | General | LocallyConstant


def widened(value: Any, shape: tuple[int, ...]) -> Any:
    """The value at every entry of a shape: generators take scalars, and axes one entry long, for arrays."""
    if value.shape == shape:
        return value
    return lax.broadcast_in_dim(value, shape, tuple(range(len(shape) - value.ndim, len(shape))))


def summed(value: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which an operand of this shape was widened: the transpose of `widened`."""
    if value.shape == shape:
        return value
    extra = value.ndim - len(shape)
    axes = [i for i, n in enumerate(value.shape) if i < extra or shape[i - extra] != n]
    made = lax.reduce_sum(value, tuple(axes))
    return made if made.shape == shape else lax.reshape(made, shape)
