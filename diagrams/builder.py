"""The pointful builder: a Python function over wires, whose calls of boxes become wiring.

>>> from paralens import Box, R, diagram
>>> f, add = Box("f", R(3), R(3)), Box("add", R(3) @ R(3), R(3))
>>> @diagram(R(3), R(3))
... def residual(x):
...     return add(x, f(x))
>>> residual == Diagram.copy(R(3)) >> R(3) @ f >> add
True

The function is run once, on wires that stand for its arguments. Using a wire twice copies it, not
using it discards it. A `Para` can be called too; its parameters become parameters of the result.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import numpy as np

from ..categories.errors import CompositionError, ParalensError
from ..categories.para import Para
from .box import Box
from .graph import Builder, Graph, splice
from .syntax import Diagram
from .types import Ty, Wire

__all__ = ["Var", "apply", "diagram"]


class _Sketch:
    """A diagram under construction; parameters are numbered -1, -2, ... until the end."""

    def __init__(self, name: str, dom: Ty) -> None:
        self.name = name
        self.build = Builder(dom)
        self.parts: list[Para] = []
        self.n_params = 0
        self.open = True

    def parameters(self, para: Para) -> list[int]:
        first = self.n_params
        self.parts.append(para)
        self.n_params += para.n_params
        return [-1 - i for i in range(first, self.n_params)]

    def finish(self, outputs: Sequence[Var], cod: Ty) -> Any:
        self.open = False
        n, extra = len(self.build.dom), self.n_params
        graph = self.build.finish([v.number for v in outputs], cod)
        dom = Ty.of((*self.build.dom.inside, *(w for p in self.parts for w in p.weight.inside)))

        def renumber(wires: Any) -> Any:
            return np.where(wires < 0, n - 1 - wires, np.where(wires < n, wires, wires + extra)).astype(np.int32)

        whole = Graph(dom, cod, graph.table, graph.ops, renumber(graph.inputs), renumber(graph.outputs))
        arrow = Diagram.of_graph(whole)
        return Para.composite(arrow, self.parts) if extra else arrow


# The diagram under construction, for boxes without inputs, which no wire leads to it.
_current: ContextVar[_Sketch | None] = ContextVar("_current", default=None)


class Var:
    """A wire of a diagram under construction.

    Pass it to boxes and layers, combine it with wires of its type and with numbers by + - * / ** and
    by @, or apply any JAX function to it: `x.apply(jnp.tanh)`, `x.apply(lambda a, b: a[b], i)`.
    """

    __slots__ = ("number", "sketch", "wire")
    # numpy must leave `array * wire` to the wire
    __array_ufunc__ = None

    def __init__(self, sketch: _Sketch, number: int, wire: Wire) -> None:
        self.sketch, self.number, self.wire = sketch, number, wire

    @property
    def ty(self) -> Ty:
        """The type of the wire."""
        return Ty.of((self.wire,))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array that the wire carries."""
        return self.wire.shape

    @property
    def dtype(self) -> str:
        """The name of the dtype of the array that the wire carries."""
        return self.wire.dtype

    def apply(self, function: Callable[..., Any], *others: Var) -> Any:
        """A JAX function of this wire and others, traced into boxes."""
        from .tracing.jaxpr import from_jax

        return from_jax(function, self.ty, *[v.ty for v in others])(self, *others)

    def __add__(self, other: Any) -> Var:
        return _arithmetic("add", self, other)

    def __radd__(self, other: Any) -> Var:
        return _arithmetic("add", self, other, swapped=True)

    def __sub__(self, other: Any) -> Var:
        return _arithmetic("sub", self, other)

    def __rsub__(self, other: Any) -> Var:
        return _arithmetic("sub", self, other, swapped=True)

    def __mul__(self, other: Any) -> Var:
        return _arithmetic("mul", self, other)

    def __rmul__(self, other: Any) -> Var:
        return _arithmetic("mul", self, other, swapped=True)

    def __truediv__(self, other: Any) -> Var:
        return _arithmetic("truediv", self, other)

    def __rtruediv__(self, other: Any) -> Var:
        return _arithmetic("truediv", self, other, swapped=True)

    def __pow__(self, other: Any) -> Var:
        return _arithmetic("pow", self, other)

    def __matmul__(self, other: Var) -> Var:
        if not isinstance(other, Var):
            raise CompositionError(f"cannot multiply the wire {self.wire} by {_kind(other)}: make the matrix a wire")
        return _operator("matmul", self.wire, other.wire)(self, other)

    def __neg__(self) -> Var:
        return _operator("neg", self.wire)(self)

    def __repr__(self) -> str:
        return f"<wire {self.number} : {self.wire}>"

    def __bool__(self) -> bool:
        raise CompositionError("a wire has no truth value while a diagram is built: use x.apply(jnp.where, ...)")

    def __iter__(self) -> Any:
        raise CompositionError(f"one wire {self.wire} cannot be unpacked: its box gives a single output")

    def __getitem__(self, index: Any) -> Any:
        raise CompositionError(f"a wire is no array yet: write x.apply(lambda a: a[...]) to index {self.wire}")


def _arithmetic(name: str, left: Var, right: Any, swapped: bool = False) -> Var:
    if isinstance(right, (bool, int, float, complex)):
        return _with_number(name, left.wire, right, swapped)(left)
    if not isinstance(right, Var):
        raise CompositionError(
            f"cannot {name} the wire {left.wire} and {_kind(right)}: write x.apply(lambda a: ...) with the array inside"
        )
    if left.wire != right.wire:
        raise CompositionError(
            f"cannot {name} {left.wire} and {right.wire}: broadcasting is a box, write x.apply(lambda a, b: ..., y)"
        )
    return _operator(name, left.wire, right.wire)(left, right)


@lru_cache(maxsize=1024)
def _operator(name: str, *wires: Wire) -> Diagram:
    from .tracing.jaxpr import from_jax

    return from_jax(getattr(operator, name), *[Ty.of((w,)) for w in wires])


@lru_cache(maxsize=1024, typed=True)
def _with_number(name: str, wire: Wire, number: Any, swapped: bool) -> Diagram:
    from .tracing.jaxpr import from_jax

    op = getattr(operator, name)
    return from_jax(lambda x: op(number, x) if swapped else op(x, number), Ty.of((wire,)))


def _kind(value: Any) -> str:
    """What a value is, in words that do not name classes of other libraries."""
    return "an array" if hasattr(value, "shape") and hasattr(value, "dtype") else f"{value!r}"


def apply(d: Diagram, wires: Sequence[Any], para: Para | None = None) -> Any:
    """Read `wires` into a diagram; gives one wire, or a tuple of them. Called by `d(x, y)`."""
    flat = _flat(wires)
    name = d.name if isinstance(d, Box) else "the diagram"
    at_hand = _current.get()
    if not flat and at_hand is None:
        raise CompositionError(f"{name} was called without wires: call it inside @diagram, on wires of that function")
    for v in flat:
        if not isinstance(v, Var):
            raise CompositionError(
                f"{name} was called on {_kind(v)}: diagrams are called on wires inside @diagram; "
                "to compute with arrays write to_jax(d)(...) or compile(d)(...), with the parameters first"
            )
    sketch: Any = flat[0].sketch if flat else at_hand
    strangers = [v for v in flat if v.sketch is not sketch]
    if strangers or not sketch.open:
        raise CompositionError(f"{name} was called on a wire of another diagram: wires live in one @diagram function")
    expected = d.dom.inside if para is None else para.dom.inside
    wrong = [
        f"wire {i} is {v.wire} but {name} takes {w}"
        for i, (v, w) in enumerate(zip(flat, expected, strict=False))
        if v.wire != w
    ]
    if len(flat) != len(expected):
        wrong.append(f"{name} takes {len(expected)} wires {Ty.of(expected)} and got {len(flat)}")
    if wrong:
        raise CompositionError("; ".join(wrong))
    numbers = [v.number for v in flat] + ([] if para is None else sketch.parameters(para))
    made = (
        sketch.build.add(d, numbers)
        if isinstance(d, Box) and d.wiring is None
        else splice(sketch.build, d.graph, numbers)
    )
    outs = tuple(Var(sketch, i, w) for i, w in zip(made, d.cod.inside, strict=True))
    return outs[0] if len(outs) == 1 else outs


def _flat(wires: Any) -> list[Any]:
    if isinstance(wires, (tuple, list)):
        return [v for w in wires for v in _flat(w)]
    return [wires]


def diagram(dom: Ty, cod: Ty | None = None) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that runs a function over wires and gives the diagram `dom -> cod` that it wired.

    The function takes one wire for each wire of `dom` and returns a wire or a tuple of wires. Gives a
    `Para` when the function called one. Raises `CompositionError`, naming box, wire and types, where a
    call or the result does not fit.
    """

    if not isinstance(dom, Ty) or not (cod is None or isinstance(cod, Ty)):
        raise CompositionError(f"@diagram takes types, such as @diagram(R(3), R(2)), and got {dom!r}")

    def decorate(function: Callable[..., Any]) -> Any:
        name = function.__name__
        sketch = _Sketch(name, dom)
        token = _current.set(sketch)
        try:
            result = function(*[Var(sketch, i, w) for i, w in enumerate(dom.inside)])
        except TypeError as error:
            if isinstance(error, ParalensError) or "Var" not in str(error):
                raise
            raise CompositionError(
                f"{name} applied a function to a wire as if it were an array; write x.apply(jnp.tanh), or "
                f"from_jax(jnp.tanh, x.ty)(x): {error}"
            ) from error
        finally:
            _current.reset(token)
        if result is None:
            raise CompositionError(f"{name} returned nothing: return its output wires, or () for no outputs")
        outs = _flat(result)
        for i, v in enumerate(outs):
            if not isinstance(v, Var) or v.sketch is not sketch:
                raise CompositionError(f"{name} returned {_kind(v)} as output {i}: return wires of this diagram")
        given = Ty.of(v.wire for v in outs)
        if cod is not None and given != cod:
            raise CompositionError(f"{name} was declared {dom} -> {cod} but returns {given}")
        return sketch.finish(outs, given)

    return decorate
