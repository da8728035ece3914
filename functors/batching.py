"""Batching: the functor that adds an axis to data wires and none to parameters.

On types it sends `R(3)` to `R(n, 3)`; on a diagram it is `jax.vmap` of its meaning, read back. Boxes
with a definition stay boxes of the same name, so that a batched model is as readable as the model.
It commutes with composition, and running it is running the diagram on each example (tests/functors).

>>> d = from_jax(lambda x, w: x @ w, R(3), R(3, 2))
>>> batch(d, 8).dom, batch(d, 8, data=1).dom
(R(8, 3) @ R(8, 3, 2), R(8, 3) @ R(3, 2))
"""

from __future__ import annotations

from typing import Any, TypeVar

import jax

from ..categories.errors import CompositionError
from ..categories.para import Para
from ..diagrams.syntax import Diagram
from ..diagrams.tracing.emit import callable_of
from ..diagrams.tracing.jaxpr import from_jax
from ..diagrams.types import Ty, wire

__all__ = ["batch", "batched"]

D = TypeVar("D", Diagram, Para)


def batched(ty: Ty, n: int) -> Ty:
    """The type with a leading axis of length `n` on every wire."""
    return Ty.of(wire((n, *w.shape), w.dtype) for w in ty.inside)


def batch(d: D, n: int, *, data: int | None = None) -> D:
    """The diagram on `n` examples at once; every wire but parameters gets a leading axis of length `n`.

    Of a `Para` the data wires are batched and the parameters are shared; of a diagram the first
    `data` inputs (all of them by default) are batched and the rest is shared.
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise CompositionError(f"a batch has a positive number of examples, not {n!r}")
    if isinstance(d, Para):
        return Para(batch(d.arrow, n, data=len(d.dom)), d.entries)
    data = d.n_in if data is None else data
    if not 0 <= data <= d.n_in:
        raise CompositionError(f"cannot batch the first {data} of the {d.n_in} inputs {d.dom}")
    if data == 0:
        return d >> _repeated(d.cod, n)
    types = [*batched(d.dom[:data], n), *d.dom[data:]]
    axes = [0] * data + [None] * (d.n_in - data)
    mapped: Any = jax.vmap(callable_of(d), in_axes=axes, axis_size=n)
    return from_jax(mapped, *types)


def _repeated(ty: Ty, n: int) -> Diagram:
    """What does not depend on the example, once for each example."""
    return from_jax(lambda *xs: tuple(jax.numpy.broadcast_to(x, (n, *x.shape)) for x in xs), *ty)
