"""Values whose dtype gives way: Python's numbers, and arrays that are made of such numbers alone.

JAX calls them *weak*. Wires do not say so, because the dtype is the same and most values are not weak: it is found out
when a program runs. How weak a derivative is would then depend on how its rule was written, were it not said here:
a cotangent is as weak as its input, a tangent as weak as its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
from jax.core import Tracer

from ..cache import derived
from ..syntax import Diagram

__all__ = ["Weakness", "is_weak", "noted_weakness", "weakly", "weakness_of"]


def is_weak(value: Any) -> bool:
    """Whether a value is a Python number in JAX's sense, whose dtype gives way to that of its partner."""
    return type(value) in (int, float, complex) or bool(getattr(value, "weak_type", False))


def weakly(value: Any, weak: bool = True) -> Any:
    """The same array with its dtype weak, or strong; only the dtypes that Python's numbers have are ever weak."""
    if is_weak(value) == weak or (weak and value.dtype not in _defaults(bool(jax.config.read("jax_enable_x64")))):
        return value
    if isinstance(value, Tracer):
        return _convert(value, weak)
    with jax.ensure_compile_time_eval():
        return _convert(value, weak)


def _convert(value: Any, weak: bool) -> Any:
    made = jax.make_jaxpr(lambda x: jax.lax.convert_element_type(x, "float32"))(jax.ShapeDtypeStruct((), "int32"))
    eqn = getattr(made, "jaxpr", made).eqns[0]
    return eqn.primitive.bind(value, **{**eqn.params, "new_dtype": value.dtype, "weak_type": weak})


@cache
def _defaults(wide: bool) -> tuple[Any, ...]:
    """The dtypes of Python's numbers, without 64 bits or with them."""
    return tuple(jax.numpy.asarray(x).dtype for x in (0, 0.0, 0j))


@dataclass(frozen=True)
class Weakness:
    """Of a derivative A -> B: for each output what it is as weak as, by number into A ⊗ B, or None.

    `follows` are the inputs that are cotangents or tangents, whose own weakness says nothing.
    """

    like: tuple[int | None, ...]
    follows: frozenset[int]

    @classmethod
    def of_reverse(cls, wanted: Sequence[bool], n_flowing: int, n_values: int) -> Weakness:
        """Of A ⊗ B' -> B ⊗ A', with `n_flowing` wires in B', and `n_values` in B, none where the value is not asked."""
        n = len(wanted)
        like = (*(None,) * n_values, *(i for i, on in enumerate(wanted) if on))
        return cls(like, frozenset(range(n, n + n_flowing)))

    @classmethod
    def of_forward(cls, n_in: int, n_flowing: int, moves: Sequence[bool]) -> Weakness:
        """Of A ⊗ A' -> B ⊗ B', with `n_flowing` wires in A'; `moves` says which wires of B' are there."""
        stop = n_in + n_flowing
        like = (*(None,) * len(moves), *(stop + i for i, on in enumerate(moves) if on))
        return cls(like, frozenset(range(n_in, stop)))

    def through(self, order: Sequence[int]) -> Weakness:
        """Of the same map with other inputs, of which input `order[i]` goes to input i here."""
        like = tuple(order[i] if i is not None and i < len(order) else i for i in self.like)
        return Weakness(like, frozenset(order[i] for i in self.follows))


def noted_weakness(d: Diagram, weakness: Weakness | None) -> Weakness | None:
    """Note the weakness of this very diagram, once; gives what is noted."""
    return derived(d, "weakness", lambda: weakness)


def weakness_of(d: Diagram) -> Weakness | None:
    """The weakness of what `reverse` or `forward` gave; None for any other diagram, composites of these too."""
    return noted_weakness(d, None)
