"""Batching: the functor that adds an axis to data wires and none to parameters.

On types it sends `R(3)` to `R(n, 3)`. A box goes to `jax.vmap` of its meaning, read back as a diagram,
once for each kind of box and each choice of inputs that carry the axis; boxes with a definition stay
boxes of the same name, so that a batched model is as readable as the model. It commutes with
composition, and running it is running the diagram on each example (tests/functors).

>>> d = from_jax(lambda x, w: x @ w, R(3), R(3, 2))
>>> batch(d, 8).dom, batch(d, 8, data=1).dom
(R(8, 3) @ R(8, 3, 2), R(8, 3) @ R(3, 2))
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TypeVar

import jax

from ..categories.errors import CompositionError
from ..categories.para import Para
from ..diagrams.box import Box
from ..diagrams.cache import derived
from ..diagrams.graph import Builder, splice
from ..diagrams.syntax import Diagram, require
from ..diagrams.tracing.emit import apply_box, callable_of
from ..diagrams.tracing.jaxpr import from_jax
from ..diagrams.traversal import interpret
from ..diagrams.types import Ty, stacked

__all__ = ["batch", "batched"]

D = TypeVar("D", Diagram, Para)
Value = tuple[int, bool]  # a wire of the graph under construction, and whether it carries the new axis


def batched(ty: Ty, n: int) -> Ty:
    """The type with a leading axis of length `n` on every wire."""
    return Ty.of(stacked(w, n) for w in ty.inside)


def batch(d: D, n: int, *, data: int | None = None) -> D:
    """The diagram on `n` examples at once; every wire but parameters gets a leading axis of length `n`.

    Of a `Para` the data wires are batched and the parameters are shared. With `data`, only the first
    so many inputs are batched and the others are shared too, such as the key of a dropout. Raises
    `CompositionError` for an `n` or `data` out of range.
    """
    for name, number in (("n", n), ("data", 0 if data is None else data)):
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise CompositionError(f"a batch has a positive number of examples, and {name} is no {number!r}")
    n, data = operator.index(n), data if data is None else operator.index(data)
    if n < 1:
        raise CompositionError(f"a batch has a positive number of examples, not {n!r}")
    require(d, "batch")
    most = len(d.dom)
    data = most if data is None else data
    if not 0 <= data <= most:
        raise CompositionError(f"cannot batch the first {data} of the {most} inputs {d.dom}")
    if isinstance(d, Para):
        return Para(batch(d.arrow, n, data=data), d.entries)
    mask = [i < data for i in range(d.n_in)]
    found = _by_box(d, mask, n)
    return _mapped(d, mask, n) if found is None else found


def _typed(dom: Ty, mask: Sequence[bool], n: int) -> Ty:
    return Ty.of(stacked(w, n) if b else w for w, b in zip(dom.inside, mask, strict=True))


def _by_box(d: Diagram, mask: Sequence[bool], n: int) -> Diagram | None:
    """Box by box, or nothing where a primitive would need axes moved around it: then JAX does better on the whole."""
    build = Builder(_typed(d.dom, mask, n))

    def rule(box: Box, *values: Value) -> list[Value]:
        wires, carry = [w for w, _ in values], tuple(b for _, b in values)
        if not any(carry):
            return [(w, False) for w in build.add(box, wires)]
        kind = derived(box, ("batch", carry, n), lambda: _mapped(box, carry, n))
        if box.definition is None and len(kind.graph) != 1:
            raise _Moves
        return [(w, True) for w in splice(build, kind.graph, wires)]

    try:
        outputs = interpret(d.graph, rule, list(enumerate(mask)))
    except _Moves:
        return None
    wires = [w if b else build.add(_repeat(ty, n), [w])[0] for (w, b), ty in zip(outputs, d.cod, strict=True)]
    return Diagram.of_graph(build.finish(wires, batched(d.cod, n)))


class _Moves(Exception):
    """A primitive that `vmap` turns into several, such as a product with the batch on the wrong side."""


def _mapped(d: Diagram, mask: Sequence[bool], n: int) -> Diagram:
    """The diagram of `vmap` of the meaning of d."""
    run = (lambda *xs: tuple(apply_box(d, *xs))) if isinstance(d, Box) else callable_of(d)
    axes = [0 if b else None for b in mask]
    return from_jax(jax.vmap(run, in_axes=axes, axis_size=n), *_typed(d.dom, mask, n))


def _repeat(ty: Ty, n: int) -> Box:
    """What does not depend on the example, once for each example: one primitive."""
    return from_jax(lambda x: jax.numpy.broadcast_to(x, (n, *x.shape)), ty).boxes[0]
