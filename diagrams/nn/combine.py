"""Ways to put layers together: in sequence, around a shortcut, and changes of shape between them.

    sequential(f, g, ...) = f ; g ; ...          residual(f)(x) = x + f(x)

Both leave the layers' boxes and the paths of their parameters as they are; close the result into one
box with `.named(...)`.

>>> from paralens import R, nn
>>> nn.sequential(R(28, 28), nn.flatten, lambda t: nn.dense(t, 128), nn.relu, nn.dense(128, 10)).paths
('dense/w', 'dense/b', 'dense_1/w', 'dense_1/b')
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax.numpy as jnp

from ...categories.errors import CompositionError
from ...categories.para import Para
from ..builder import diagram
from ..syntax import Diagram
from ..types import Ty
from .make import Input, layer, like, typed

__all__ = ["flatten", "reshape", "residual", "sequential"]

Layer = Para | Diagram
Maker = Callable[[Ty], Layer]


def sequential(first: Input | Layer, *rest: Layer | Maker) -> Para:
    """The layers one after the other. Each is a layer, or a function from the type that flows to a layer.

    The first may be the type of the input instead. When a layer takes more wires than flow, such as
    the key of `dropout`, the others become inputs of the whole, in order. Raises `CompositionError`,
    naming the place, for what is no layer and where types do not fit.
    """
    start: Any = Diagram.id(typed("sequential", first, kinds="RCZB")) if isinstance(first, (Ty, int)) else first
    result = Para.lift(_layer(0, start, Ty()))
    for place, item in enumerate(rest, 1):
        following = Para.lift(_layer(place, item, result.cod))
        n = len(result.cod)
        extra = following.dom[n:] if following.dom[:n] == result.cod else Ty()
        result = (result @ extra if extra else result) >> following
    return result


def _layer(place: int, item: Any, flowing: Ty) -> Layer:
    made = item if isinstance(item, (Para, Diagram)) or not callable(item) else item(flowing)
    if not isinstance(made, (Para, Diagram)):
        source = f"{made!r}" if made is item else f"a function that gave {made!r}"
        raise CompositionError(
            f"sequential: argument {place} is {source}, expected a layer such as nn.dense(3, 4), "
            "or a function from a type to a layer"
        )
    return made


def residual(block: Layer) -> Para:
    """The sum of a layer and its input, `x + f(x)`; further inputs of f, such as a key, stay inputs.

    Raises `CompositionError` when f does not give the type that it takes first.
    """
    inner = Para.lift(block)
    n = len(inner.cod)
    if inner.dom[:n] != inner.cod or not n:
        raise CompositionError(
            f"residual: the layer takes {inner.dom} and gives {inner.cod}, expected a layer that gives "
            "what it takes: add one that maps back"
        )

    @diagram(inner.dom, inner.cod)
    def total(*wires: Any) -> Any:
        made = inner(*wires)
        made = made if isinstance(made, tuple) else (made,)
        return tuple(x + y for x, y in zip(wires[:n], made, strict=True))

    return Para.lift(total)


def reshape(x: Input, *shape: int) -> Para:
    """The same entries in another shape, as in numpy: one -1 stands for what remains.

    Raises `CompositionError` when the numbers of entries differ.
    """
    x = typed("reshape", x, kinds="RCZB")
    known, size = prod(n for n in shape if n != -1), x.wire.size
    fills = size == known if -1 not in shape else known and size % known == 0
    if not fills or shape.count(-1) > 1 or any(n < -1 for n in shape):
        raise CompositionError(f"reshape: {x} (wire 0) has {size} entries, which do not fill the shape {shape}")
    target = like(x, *(size // known if n == -1 else n for n in shape)).wire.shape
    return layer("reshape", jnp.reshape, x, {}, shape=target)


def flatten(x: Input) -> Para:
    """All entries along one axis."""
    return layer("flatten", jnp.ravel, typed("flatten", x, kinds="RCZB"), {})
