"""The oracle: a primitive that no fact describes is differentiated by JAX, once, and the result is read as a diagram.

What `jax.vjp` closes over is the residual N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from ...categories.errors import DerivativeError, ParalensError
from ...diagrams.box import Box
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.arrays import FLOAT0, aval, spread
from ...diagrams.tracing.emit import apply_box
from ...diagrams.tracing.jaxpr import read
from ...diagrams.types import Wire
from .optic import Mask, Optic, Tangent, chosen, precision

__all__ = ["oracle_optic", "oracle_tangent"]


def _of_moving(box: Box, mask: Mask, xs: Sequence[Any]) -> tuple[Callable[..., Any], list[Any]]:
    """The box as a function of those inputs at which the mask holds."""

    def call(*moved: Any) -> tuple[Any, ...]:
        given = iter(moved)
        return tuple(apply_box(box, *[next(given) if on else x for x, on in zip(xs, mask, strict=True)]))

    return call, [x for x, on in zip(xs, mask, strict=True) if on]


def oracle_tangent(box: Box, moving: Mask) -> Tangent:
    """Value and tangent by `jax.jvp`."""
    present_at: list[int] = []

    def both(*values: Any) -> Any:
        call, primals = _of_moving(box, moving, values[: box.n_in])
        ys, dys = jax.jvp(call, primals, list(values[box.n_in :]))
        present_at[:] = [i for i, t in enumerate(dys) if t.dtype != FLOAT0]
        return [*ys, *[dys[i] for i in present_at]]

    wires = [*box.dom.inside, *chosen(box.dom.inside, moving)]
    return Tangent(_traced(box, both, wires), tuple(present_at), whole=True)


def oracle_optic(box: Box, wants: Mask, present: Mask) -> Optic:
    """Forward and backward map by `jax.vjp`."""
    closure: list[Any] = []

    def forward(*xs: Any) -> Any:
        call, primals = _of_moving(box, wants, xs)
        ys, pull = jax.vjp(call, *primals)
        leaves, tree = jax.tree.flatten(pull)
        closure[:] = [tree]
        return [*ys, *leaves]

    ran = _traced(box, forward, box.dom.inside)
    held = ran.cod.inside[box.n_out :]

    def backward(*values: Any) -> Any:
        pull = jax.tree.unflatten(closure[0], values[: len(held)])
        given = iter(values[len(held) :])
        full = [
            next(given) if on else jax.numpy.zeros(w.shape, w.dtype) if w.differentiable else None
            for w, on in zip(box.cod.inside, present, strict=True)
        ]
        return list(pull(tuple(spread(box.cod.inside, [v for v in full if v is not None]))))

    back = _traced(box, backward, [*held, *chosen(box.cod.inside, present)])
    first = box.n_in + box.n_out
    gives = tuple(i for i, on in enumerate(wants) if on)
    return Optic(ran, tuple(range(first, first + len(held))), back, gives, plain=False)


def _traced(box: Box, run: Callable[..., Any], wires: Sequence[Wire]) -> Diagram:
    try:
        with precision(wires):
            return read(jax.make_jaxpr(run)(*[aval(w) for w in wires]))
    except ParalensError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise DerivativeError(f"{box.name} : {box.dom} -> {box.cod} has no derivative in JAX: {reason}") from error
