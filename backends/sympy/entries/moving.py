"""Boxes that move entries about, without looking at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sympy import S

from ....diagrams.box import Box
from ....diagrams.tracing.emit import apply_box
from .symbols import Entries, filled

__all__ = ["MOVING", "labels", "placed"]


def labels(*arrays: Entries) -> list[Any]:
    """Whole numbers from one on, one for each entry of each array."""
    found, at = [], 1
    for a in arrays:
        found.append(np.arange(at, at + a.size, dtype=np.int32).reshape(a.shape))
        at += a.size
    return found


def placed(where: Any, *arrays: Entries, otherwise: Any = S.Zero) -> Entries:
    """The entries that labels stand for, and another one where there is no label."""
    entries = [otherwise, *(v for a in arrays for v in a.flat)]
    where = np.asarray(where)
    return filled(where.shape, [entries[max(i, 0)] for i in where.reshape(-1).tolist()])


def _by_labels(box: Box, *arrays: Entries) -> list[Entries]:
    """Where the primitive itself moves the labels."""
    return [placed(made, *arrays) for made in apply_box(box, *labels(*arrays))]


def _of_one(move: Callable[[Box, Entries], Entries]) -> Callable[..., list[Entries]]:
    return lambda box, x: [move(box, x)]


def _broadcast(box: Box, x: Entries) -> Entries:
    at, shape = box.params["broadcast_dimensions"], box.params["shape"]
    wide = [x.shape[at.index(i)] if i in at else 1 for i in range(len(shape))]
    return np.broadcast_to(x.reshape(wide), shape)


def _reshape(box: Box, x: Entries) -> Entries:
    order = box.params.get("dimensions")
    return (x if order is None else x.transpose(order)).reshape(box.cod.inside[0].shape)


def _slice(box: Box, x: Entries) -> Entries:
    p = box.params
    steps = p["strides"] or (1,) * x.ndim
    return x[tuple(map(slice, p["start_indices"], p["limit_indices"], steps))]


def _split(box: Box, x: Entries) -> list[Entries]:
    return np.split(x, np.cumsum(box.params["sizes"])[:-1], box.params["axis"])


def _same(box: Box, *arrays: Entries) -> list[Entries]:
    return list(arrays)


MOVING: dict[str, Callable[..., list[Entries]]] = {
    "broadcast_in_dim": _of_one(_broadcast),
    "reshape": _of_one(_reshape),
    "squeeze": _of_one(lambda box, x: x.reshape(box.cod.inside[0].shape)),
    "transpose": _of_one(lambda box, x: x.transpose(box.params["permutation"])),
    "rev": _of_one(lambda box, x: np.flip(x, box.params["dimensions"])),
    "slice": _of_one(_slice),
    "split": _split,
    "concatenate": lambda box, *xs: [np.concatenate(xs, box.params["dimension"])],
    "pad": _by_labels,
    "tile": _by_labels,
    "stack": _by_labels,
    "unstack": _by_labels,
    "device_put": _same,
    "sharding_constraint": _same,
    "optimization_barrier": _same,
}
