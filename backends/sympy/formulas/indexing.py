"""Reading from places in an array, and adding at them, as formulas.

    gather        y(i, j) = x(t(i), j)                     the places are entries of an array of whole numbers
    scatter-add   y(i, j) = x(i, j) + Σ_k δ(i, t(k)) g(k, j)

Each is the transpose of the other, with Kronecker's delta as the matrix of the places (for JAX's dimension
numbers: the documentation of XLA, "Gather" and "Scatter"). An index is in its range; one that is read may be negative
and then counts from the end, as in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Indexed, KroneckerDelta, Lt, Mod, Piecewise, S, sympify

from ....diagrams.box import Box
from .algebra import Known, summed
from .terms.entries import FREE, bound, level, of

__all__ = ["INDEXING"]

Bodies = Sequence[Any]


def _at(body: Any, wire: Any, places: Sequence[Any]) -> Any:
    """The entry at these places; axes of one entry have no index."""
    moved = {FREE[a]: p for a, (p, n) in enumerate(zip(places, wire.shape, strict=True)) if n != 1}
    return body.xreplace({a: sympify(p) for a, p in moved.items() if a != p})


def _plain(place: Any, n: int, known: Known) -> Any:
    """The index t where a program writes "t + n if t < 0, else t": an index counts from the end if it is negative."""
    found = known(place) if not place.args or isinstance(place, Indexed) else place
    if of(found, Piecewise) and len(found.args) == 2:
        (above, negative), (t, _) = (p.args for p in found.args)
        if negative == Lt(t, 0, evaluate=False) and above - t == n:
            return t
    return place


def _gather(box: Box, known: Known, x: Any, index: Any) -> Bodies:
    n, sizes = box.params["dimension_numbers"], box.params["slice_sizes"]
    operand, indices, out = box.dom.inside[0], box.dom.inside[1], box.cod.inside[0]
    batch = [FREE[a] if out.shape[a] != 1 else S.Zero for a in range(len(out.shape)) if a not in n.offset_dims]
    offsets = iter([FREE[a] if out.shape[a] != 1 else S.Zero for a in n.offset_dims])
    places = []
    for d, size in enumerate(operand.shape):
        place: Any = S.Zero
        if d in n.operand_batching_dims:
            place = batch[n.start_indices_batching_dims[n.operand_batching_dims.index(d)]]
        elif d in n.start_index_map and sizes[d] != size:
            place = _plain(_at(index, indices, [*batch, n.start_index_map.index(d)]), size, known)
        if d not in n.collapsed_slice_dims and d not in n.operand_batching_dims:
            place = place + next(offsets)
        places.append(place)
    return [_at(x, operand, places)]


def _scatter_add(box: Box, known: Known, x: Any, index: Any, g: Any) -> Bodies | None:
    n = box.params["dimension_numbers"]
    operand, indices, updates = box.dom.inside
    scattered = [a for a in range(len(updates.shape)) if a not in n.update_window_dims]
    depth = level(x, index, g)
    batch: list[Any] = [bound(depth + 1 + i) for i in range(len(scattered))]
    ranges = {b: updates.shape[a] for b, a in zip(batch, scattered, strict=True)}
    batch = [b if ranges[b] != 1 else S.Zero for b in batch]
    for d, k in zip(n.operand_batching_dims, n.scatter_indices_batching_dims, strict=True):
        batch[k] = FREE[d]
    window = iter(n.update_window_dims)
    update: dict[int, Any] = dict(zip(scattered, batch, strict=True))
    deltas = []
    for d, size in enumerate(operand.shape):
        if d in n.operand_batching_dims:
            continue
        place = None
        if d in n.scatter_dims_to_operand_dims:
            place = _plain(_at(index, indices, [*batch, n.scatter_dims_to_operand_dims.index(d)]), size, known)
        if d not in n.inserted_window_dims:
            a = next(window)
            if updates.shape[a] == size:
                update[a], place = FREE[d], None
            elif updates.shape[a] != 1:
                return None  # slices written at places that are computed
        elif place is None and size != 1:
            place = S.Zero
        if place is not None and size != 1:
            deltas.append(KroneckerDelta(FREE[d], place))
    body = _at(g, updates, [update.get(a, S.Zero) for a in range(len(updates.shape))])
    for delta in deltas:
        body = body * delta
    return [x + summed(body, [(b, ranges[b]) for b in batch if b in ranges and ranges[b] != 1])]


def _dynamic_slice(box: Box, known: Known, x: Any, *starts: Any) -> Bodies:
    operand, out = box.dom.inside[0], box.cod.inside[0]
    places = []
    for a, (n, m) in enumerate(zip(operand.shape, out.shape, strict=True)):
        offset = FREE[a] if m != 1 else S.Zero
        places.append(offset if n == m else _plain(starts[a], n, known) + offset)
    return [_at(x, operand, places)]


def _dynamic_update_slice(box: Box, known: Known, x: Any, update: Any, *starts: Any) -> Bodies | None:
    """Slices of one entry, or of all, written into zeros: what is written, times Kronecker's deltas."""
    operand, part = box.dom.inside[0], box.dom.inside[1]
    if x is not S.Zero or any(m not in (1, n) for n, m in zip(operand.shape, part.shape, strict=True)):
        return None
    for a, (n, m) in enumerate(zip(operand.shape, part.shape, strict=True)):
        if n != m:
            place = _plain(starts[a], n, known)
            update = update * KroneckerDelta(FREE[a], place if place == starts[a] else Mod(place, n))
    return [update]


INDEXING: dict[str, Any] = {
    "gather": _gather,
    "scatter-add": _scatter_add,
    "dynamic_slice": _dynamic_slice,
    "dynamic_update_slice": _dynamic_update_slice,
}
