"""What is seen of many outputs: some of their entries, and signed sums that every entry is part of.

A sum rounds at the size of its largest terms, so three things keep small terms in sight:

    since      entries count as what has changed since a start: what stays as it is adds nothing, however large it is
    levels     large, middle and small entries, each within four digits of the largest, are summed apart
    size       the norm of those terms that move, or are claimed to: what the rounding of the sum is a part of

An entry without a finite value has no slope, and none of what is claimed of it is part of a sum.

>>> start = [jnp.array([1e30] + [1.0] * 1023)]
>>> observed([start[0].at[1].add(0.5)], start).shape
(1024,)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ....diagrams.types import Wire

__all__ = ["Outputs", "apart", "levels", "many", "observed", "paired", "sizes", "slopes", "through"]

Outputs = Sequence[Any]

OBSERVED, SUMS = 512, 256  # entries that are seen one by one, and sums of each level where there are more
LEVELS, DIGITS = 3, 1e-4


def many(wires: Sequence[Wire]) -> bool:
    """Whether outputs of these types are seen in sums."""
    return sum(w.size * (1 + (w.kind == "C")) for w in wires) > OBSERVED


def observed(ys: Outputs, start: Outputs | None) -> Any:
    """What is seen of values, as one real vector."""
    flat = _flat(ys)
    if start is None:
        return flat
    first = _flat(start)
    return _seen(flat, _since(flat, first), first)


def slopes(ts: Outputs, ys: Outputs, start: Outputs | None) -> Any:
    """What is seen of the slopes of values."""
    flat = _flat(ts)
    if start is None:
        return flat
    return _seen(flat, jnp.where(jnp.isfinite(_flat(ys)), flat, 0), _flat(start))


def sizes(ts: Outputs, ys: Outputs, start: Outputs | None) -> Any:
    """What the rounding of each observed value is a part of: itself, or what terms add up to at random signs."""
    flat = _flat(ys)
    if start is None:
        return jnp.abs(flat)
    first = _flat(start)
    moves = jnp.isfinite(flat) & ((_since(flat, first) != 0) | (_flat(ts) != 0))
    levels = _levels(first)
    found = [_norms(_rows(jnp.where(moves & (levels == k), flat, 0))) for k in range(LEVELS)]
    return jnp.concatenate([jnp.abs(_some(flat)), *found])


def _seen(flat: Any, terms: Any, start: Any) -> Any:
    signs = np.where(np.random.default_rng(0).random(len(flat)) < 0.5, -1.0, 1.0).astype(flat.dtype)
    levels, signed = _levels(start), terms * signs
    sums = [_rows(jnp.where(levels == k, signed, 0)).sum(1) for k in range(LEVELS)]
    return jnp.concatenate([_some(flat), *sums])


def _levels(start: Any) -> Any:
    """For each entry whether it is large, middle or small."""
    size = jnp.where(jnp.isfinite(start), jnp.abs(start), 0)
    large = size > DIGITS * size.max(initial=0.0)
    rest = jnp.where(large, 0, size)
    middle = rest > DIGITS * rest.max(initial=0.0)
    return jnp.where(large, 0, jnp.where(middle, 1, 2))


def _some(flat: Any) -> Any:
    return flat[:: -(-flat.shape[0] // SUMS)]


def _rows(flat: Any) -> Any:
    return jnp.pad(flat, (0, -flat.shape[0] % SUMS)).reshape(SUMS, -1)


def _norms(rows: Any) -> Any:
    """The norm of each row, whose squares may be beyond all numbers."""
    rows = jnp.abs(rows)
    most = jnp.maximum(rows.max(1, initial=0.0), jnp.finfo(rows.dtype).tiny)
    return most * jnp.sqrt(((rows / most[:, None]) ** 2).sum(1))


def _since(y: Any, start: Any) -> Any:
    """How values have changed: by nothing where they are the same, even if they are infinite or no numbers."""
    same = (y == start) | ((y != y) & (start != start))
    return jnp.where(same, 0, y - start)


# -- seen through pairings -------------------------------------------------------------------------


def through(ws: Outputs, ys: Outputs, start: Outputs) -> tuple[Outputs, Any, Any]:
    """The cotangents without those of entries that have no finite value here or at the start; pairings; their size.

    An entry that has none at the start is left out everywhere. One that loses its value on the way leaves none of the
    pairing, which would jump there; nor is there one of no entries.
    """
    known = [jnp.isfinite(a) for a in start]
    ws = [jnp.where(on & jnp.isfinite(y), w, 0) for w, y, on in zip(ws, ys, known, strict=True)]
    moved = [jnp.where(on, _since(y, a), 0) for on, y, a in zip(known, ys, start, strict=True)]
    total, _ = paired(ws, moved)
    some = _flat(known)
    total = jnp.where(some.any() | (some.size == 0), total, jnp.nan)
    terms = [w * jnp.where(jnp.isfinite(y), y, 0) for w, y in zip(ws, ys, strict=True)]
    return ws, total[None], _norms(_flat(terms)[None])


def levels(ys: Sequence[np.ndarray]) -> list[list[np.ndarray]]:
    """Masks of the large, the middle and the small entries of all outputs; none where all are of one size."""
    size = np.concatenate([np.where(np.isfinite(y), np.abs(y), 0).ravel() for y in ys])
    found = np.asarray(_levels(jnp.asarray(size)))
    if not size.any() or (found[size > 0] == 0).all():
        return []
    cuts = np.split(found, np.cumsum([y.size for y in ys])[:-1])
    shaped = [c.reshape(y.shape) for c, y in zip(cuts, ys, strict=True)]
    return [[c == k for c in shaped] for k in range(LEVELS) if (found == k).any()]


def paired(ws: Outputs, ys: Outputs) -> tuple[Any, Any]:
    """Σ Re(w y), and the sum of absolute terms, in at least single precision."""
    total = terms = jnp.zeros(())
    for w, y in zip(ws, ys, strict=True):
        if jnp.iscomplexobj(y):
            parts = [_real(w) * _real(y), -_real(w.imag) * _real(y.imag)]
        else:
            parts = [_real(w) * _real(y)]
        for p in parts:
            total, terms = total + p.sum(), terms + jnp.abs(p).sum()
    return total, terms


def apart(made: Outputs, ys: Outputs) -> Any:
    """How far two values are apart, as a part of the largest entry; 0 where they are not finite."""
    a, b = _flat(made), _flat(ys)
    both = jnp.isfinite(a) & jnp.isfinite(b)
    most = jnp.where(both, jnp.maximum(jnp.abs(a), jnp.abs(b)), 0).max(initial=0.0)
    return jnp.where(both & (a != b), jnp.abs(a - b), 0).max(initial=0.0) / jnp.maximum(most, jnp.finfo(a.dtype).tiny)


def _real(a: Any) -> Any:
    dtype = jnp.promote_types(jnp.float32, jnp.zeros((), a.dtype).real.dtype)
    return a.real.astype(dtype)


def _flat(ys: Outputs) -> Any:
    parts = []
    for y in ys:
        y = jnp.ravel(y)
        parts += [_real(y), _real(y.imag)] if jnp.iscomplexobj(y) else [_real(y)]
    return jnp.concatenate(parts) if parts else jnp.zeros(0)
