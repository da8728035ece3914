"""Boxes that are linear in each of two operands, and Fourier transforms.

Of a bilinear map only the coefficients matter. Where they are not written out here, the primitive itself tells them:
at the unit vectors of its right operand, and labels for the entries of the left one, each entry of the result is the
label of the one entry that the unit is multiplied with there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from sympy import Add, I, Integer, Rational, S, conjugate, cos, pi, sin

from ....diagrams.box import Box
from ....diagrams.tracing.emit import apply_box
from .elementary import Scalar
from .moving import labels
from .symbols import Entries, filled, known, values_of

__all__ = ["PRODUCTS"]

LIMIT = 1 << 24  # whole numbers up to here are exact in float32


def _dot(box: Box, x: Entries, y: Entries) -> list[Entries]:
    """The sum over the contracted axes; the batch axes come first in the result."""
    contract, batch = box.params["dimension_numbers"]
    left, right = (_folded(a, b, c) for a, b, c in zip((x, y), batch, contract, strict=True))
    entries = [
        Add(*[a * b for a, b in zip(row, column, strict=True)])
        for rows, columns in zip(left, right, strict=True)
        for row in rows
        for column in columns
    ]
    return [filled(box.cod.inside[0].shape, entries)]


def _folded(x: Entries, batch: Sequence[int], contract: Sequence[int]) -> Entries:
    """The operand as an array of three axes: batch, free and contracted."""
    free = [i for i in range(x.ndim) if i not in batch and i not in contract]
    sizes = [math.prod(x.shape[i] for i in axes) for axes in (batch, free, contract)]
    return x.transpose([*batch, *free, *contract]).reshape(sizes)


def _by_units(box: Box, x: Entries, y: Entries, *rest: Entries) -> list[Entries] | None:
    """The coefficients at units of y and labels of x; what comes after the operands must be known."""
    if not known(*rest) or x.size >= LIMIT:
        return None
    if x.size * y.size * math.prod(box.cod.inside[0].shape) == 0:
        return [filled(box.cod.inside[0].shape, [S.Zero] * math.prod(box.cod.inside[0].shape))]
    params = {k: v for k, v in box.params.items() if k != "preferred_element_type"}
    plain = Box(box.name, box.dom, box.cod, op=box.op, params={**params, "preferred_element_type": None})
    others = [values_of(a, w.dtype) for a, w in zip(rest, box.dom.inside[2:], strict=True)]
    numbers = jnp.asarray(labels(x)[0], "float32")
    units = jnp.eye(y.size, dtype="float32").reshape(y.size, *y.shape)
    found = np.asarray(lax.map(lambda unit: apply_box(plain, numbers, unit, *others)[0], units))
    return [_assembled(found.round().astype(int), x, y)]


def _assembled(found: Any, x: Entries, y: Entries) -> Entries:
    """The sums of products of which `found` says, for each entry of y and of the result, the entry of x."""
    xs, ys = list(x.flat), list(y.flat)
    terms: list[list[Scalar]] = [[] for _ in range(math.prod(found.shape[1:]))]
    for k, row in enumerate(found.reshape(len(ys), -1)):
        for at in np.flatnonzero(row):
            terms[at].append(xs[row[at] - 1] * ys[k])
    return filled(found.shape[1:], [Add(*t) for t in terms])


# --- Fourier transforms ---


def _root(k: int, n: int) -> Scalar:
    """exp(-2 π i k / n)."""
    angle = 2 * pi * Rational(k % n, n)
    return cos(angle) - I * sin(angle)


def _transformed(x: Entries, axis: int, n: int, inverse: bool) -> Entries:
    """The transform of length n along one axis."""
    moved = np.moveaxis(x, axis, -1)
    sign, scale = (-1, Rational(1, n)) if inverse else (1, S.One)
    made = np.empty((*moved.shape[:-1], n), dtype=object)
    for place in np.ndindex(moved.shape[:-1]):
        for k in range(n):
            made[(*place, k)] = scale * Add(*[v * _root(sign * j * k, n) for j, v in enumerate(moved[place])])
    return np.moveaxis(made, -1, axis)


def _fft(box: Box, x: Entries) -> list[Entries]:
    lengths, kind = box.params["fft_lengths"], lax.FftType(box.params["fft_type"])
    inverse = kind in (lax.FftType.IFFT, lax.FftType.IRFFT)
    axes = range(x.ndim - len(lengths), x.ndim)
    last = x.ndim - 1
    if kind == lax.FftType.IRFFT:
        for axis, n in zip(axes[:-1], lengths[:-1], strict=True):
            x = _transformed(x, axis, n, True)
        return [_real_inverse(x, lengths[-1])]
    for axis, n in reversed(list(zip(axes, lengths, strict=True))):
        x = _transformed(x, axis, n, inverse)
        if kind == lax.FftType.RFFT and axis == last:
            x = x[..., : n // 2 + 1]
    return [x]


def _real_inverse(x: Entries, n: int) -> Entries:
    """The real signal of length n with this half of a spectrum, of which the real parts of the ends count."""
    half = n // 2 + 1
    made = np.empty((*x.shape[:-1], n), dtype=object)
    for place in np.ndindex(x.shape[:-1]):
        given = x[place][:half]
        for k in range(n):
            terms = [v * _root(-j * k, n) for j, v in enumerate(given)]
            parts = [(t + conjugate(t)) / (2 if j == 0 or 2 * j == n else 1) for j, t in enumerate(terms)]
            made[(*place, k)] = Add(*parts) / Integer(n)
    return made


PRODUCTS: dict[str, Callable[..., list[Entries] | None]] = {
    "dot_general": _dot,
    "conv_general_dilated": _by_units,
    "ragged_dot_general": _by_units,
    "fft": _fft,
}
