"""Expressions of Python: text with its precedence, and the array that it stands for.

An expression means the array of its wire, and may be smaller than that: numpy broadcasts it where it is used, so that
a bias reads `x @ w + b`. What is meant and what is written agree by numpy's rule,

    broadcast(shape of the text, shape of the wire) = shape of the wire

so that an elementwise function of such expressions is again one of them, at the broadcast of their shapes.

>>> x, y = Expr("x", Wire((3,), "float32")), Expr("y + 1.0", Wire((3,), "float32"), SUM)
>>> infix("*", PRODUCT, x, y)
'x * (y + 1.0)'
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np

from ...diagrams.types import Wire

__all__ = [
    "AND",
    "ATOM",
    "COMPARE",
    "LAMBDA",
    "OR",
    "POWER",
    "PRODUCT",
    "SHIFT",
    "SUM",
    "UNARY",
    "XOR",
    "Expr",
    "array",
    "at",
    "call",
    "dtype_text",
    "infix",
    "is_default",
    "item",
    "number",
    "plain",
    "reshaped",
    "spread",
    "tuple_text",
    "typed",
]

# Python's precedences, from what binds least.
LAMBDA, COMPARE, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(11)

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Expr:
    """Text, how tightly it binds, and the wire that it stands for.

    `shape` is that of the text itself where it differs from the wire's; `value` the Python number that the text is,
    whose dtype is that of its partner; `hint` a name for it; `role` the name of a function's argument that it is
    given for; `also` other texts for what a next box may make of it, such as its transpose.
    """

    text: str
    wire: Wire
    level: int = ATOM
    own_shape: Shape | None = None
    value: Any = None
    hint: str = ""
    role: str = ""
    also: Mapping[str, Expr] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """The shape of what the text gives."""
        return self.wire.shape if self.own_shape is None else self.own_shape

    @property
    def simple(self) -> bool:
        """Whether the text may be repeated: a name, a number, an entry of a name, its transpose."""
        return self.value is not None or re.fullmatch(r'\w+(\[[\w":, /-]*\])*(\.m?T)?', self.text) is not None

    def named(self, name: str) -> Expr:
        """The same array under a name."""
        return Expr(name, self.wire, own_shape=self.own_shape, hint=self.hint, role=self.role)

    def standing_for(self, wire: Wire, shape: Shape | None = None) -> Expr:
        """The same text, meant as the array of another wire."""
        return replace(self, wire=wire, own_shape=self.shape if shape is None else shape, also={})


def at(e: Expr, level: int) -> str:
    """The text where something that binds as tightly as `level` is expected."""
    return e.text if e.level >= level else f"({e.text})"


def infix(symbol: str, level: int, left: Expr, right: Expr) -> str:
    """`left symbol right`, in parentheses where the order of evaluation needs them."""
    tight = level in (COMPARE, POWER)
    exponent = level == POWER and right.value is not None
    return f"{at(left, level + tight)} {symbol} {at(right, UNARY if exponent else level + 1)}"


def call(function: str, *args: str, **options: str) -> str:
    """`function(*args, **options)`."""
    return f"{function}({', '.join([*args, *(f'{k}={v}' for k, v in options.items())])})"


def tuple_text(items: Sequence[Any]) -> str:
    """The tuple of these, as Python writes it."""
    return f"({', '.join(map(str, items))}{',' * (len(items) == 1)})"


def dtype_text(dtype: str) -> str:
    """The dtype as it is written in a program."""
    return "jnp.bool_" if dtype == "bool" else f"jnp.{dtype}"


def is_default(dtype: str) -> bool:
    """Whether a Python number on its own becomes an array of this dtype."""
    kinds = {"f": "float64", "c": "complex128", "i": "int64", "b": "bool"}
    kind = kinds.get(jax.numpy.dtype(dtype).kind) if not dtype.startswith("key<") else None
    return kind is not None and str(jax.dtypes.canonicalize_dtype(kind)) == dtype


def number(value: Any, wire: Wire) -> Expr:
    """A scalar as a Python number; one that JAX would not take for its dtype is written with it."""
    value = _shortest(np.asarray(value))
    negative = not isinstance(value, (bool, complex)) and (value < 0 or str(value) == "-0.0")
    found = Expr(_number_text(value), wire, UNARY if negative else ATOM, (), value)
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        return typed(found)
    return found


def _shortest(value: Any) -> Any:
    """The Python number with the fewest digits that is this scalar."""
    if value.dtype.kind == "f" or value.dtype.name.startswith(("bfloat", "float")):
        short = float(str(value[()])) if value.dtype.itemsize <= 4 else float(value)
        return short if np.asarray(short).astype(value.dtype) == value else float(value)
    return value.item()


def _number_text(value: Any) -> str:
    if isinstance(value, complex):
        return f"complex({_number_text(value.real)}, {_number_text(value.imag)})"
    if isinstance(value, float) and not np.isfinite(value):
        return "jnp.nan" if np.isnan(value) else "-jnp.inf" if value < 0 else "jnp.inf"
    return repr(value)


def typed(e: Expr) -> Expr:
    """A number as an array of its dtype."""
    if e.value is None:
        return e
    return replace(e, text=f"{dtype_text(e.wire.dtype)}({e.text})", level=ATOM, value=None)


def plain(e: Expr) -> Expr:
    """The array of the wire, in full; a scalar may be a Python number if JAX makes an array of this dtype of it."""
    if e.value is not None and not e.wire.shape and is_default(e.wire.dtype):
        return e
    return array(e)


def array(e: Expr) -> Expr:
    """The array of the wire, in full."""
    if e.shape == e.wire.shape:
        return typed(e)
    shape = tuple_text(e.wire.shape)
    added = len(e.wire.shape) - len(e.shape)
    if e.value is None and added in (1, 2) and e.wire.shape == (1,) * added + e.shape:
        return Expr(f"{at(e, ATOM)}[{', '.join(['None'] * added)}]", e.wire, hint=e.hint, role=e.role)
    if e.value is None:
        return Expr(call("jnp.broadcast_to", e.text, shape), e.wire, hint=e.hint, role=e.role)
    dtype = [] if is_default(e.wire.dtype) else [dtype_text(e.wire.dtype)]
    if str(e.value) in ("0", "0.0", "1", "1.0") and not isinstance(e.value, bool):
        of_type = [] if isinstance(e.value, float) and is_default(e.wire.dtype) else [dtype_text(e.wire.dtype)]
        text = call("jnp.ones" if e.value else "jnp.zeros", shape, *of_type)
    else:
        text = call("jnp.full", shape, e.text, *dtype)
    return Expr(text, e.wire, hint=e.hint, role=e.role)


def item(e: Expr) -> str:
    """The text of the array in full where an attribute, an index or a method follows."""
    return at(array(e), ATOM)


def spread(xs: Sequence[Expr]) -> Shape:
    """The shape that numpy gives an elementwise function of these."""
    return np.broadcast_shapes(*[x.shape for x in xs])


def reshaped(e: Expr, wire: Wire, dims: Sequence[int]) -> Expr:
    """The array with its axes at `dims` of a larger shape, by numpy's broadcasting and new axes where it needs them."""
    own = e.shape
    places = list(dims)[len(dims) - len(own) :]
    if places == list(range(len(wire.shape) - len(own), len(wire.shape))):
        return e.standing_for(wire)
    first, last = places[0], places[-1]
    index = [":" if i in places else "None" for i in range(first, len(wire.shape))]
    shape = tuple(own[places.index(i)] if i in places else 1 for i in range(first, len(wire.shape)))
    while index and index[-1] == ":" and last == len(wire.shape) - 1:
        index.pop()
    return replace(e, text=f"{at(e, ATOM)}[{', '.join(index)}]", level=ATOM, wire=wire, own_shape=shape, also={})
