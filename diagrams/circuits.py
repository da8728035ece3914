"""Polynomial circuits: the syntax of the category POLY_S, for S a commutative ring or semiring.

Data: a wire of type S carries an element of S, or an array of them. The generators are

    add : S ⊗ S -> S      multiply : S ⊗ S -> S      constant(c) : I -> S      linear(M) : S(m) -> S(n)

beside copy, discard and swap, which diagrams have anyway; linear(M) is what copy, add and constants give, on whole
arrays at once. Laws: those of a commutative semiring, once circuits are read as tuples of formal polynomials
(`functors.circuits.formal`). Each generator names its ring and has a definition in JAX, so that circuits are drawn,
saved and compiled as all diagrams are.

Source: P. Wilson and F. Zanasi, "Reverse derivative ascent: a categorical approach to learning Boolean circuits"
(2021), section 3; "An axiomatic approach to differentiation of polynomial circuits" (2023) for semirings.

>>> from paralens import Diagram, to_jax
>>> z5 = Ring.mod(5)
>>> f = circuit(z5, 2)(lambda x, y: x * x + 3 * y)
>>> f.dom, int(to_jax(f)(jnp.int32(4), jnp.int32(2)))
(Z() @ Z(), 2)
>>> f == polynomial(z5, {(2, 0): 1, (0, 1): 3})
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, reduce, wraps
from math import inf
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ..categories.errors import CompositionError, InputError
from ..categories.para import Para
from ..categories.param import Param
from .box import Box
from .builder import Var, diagram
from .params import Constant
from .syntax import Diagram
from .tracing.jaxpr import from_jax
from .types import Ty, wire

__all__ = [
    "Element",
    "Ring",
    "add",
    "circuit",
    "constant",
    "linear",
    "matrix_of",
    "multiply",
    "polynomial",
    "transposed",
    "truth_table",
]

Number = bool | int | float
LARGEST = 46341  # the largest n with (n - 1)² < 2³¹


@dataclass(frozen=True)
class Ring:
    """A commutative semiring on the numbers of a dtype; equal to another by name.

    `plus` and `times` work on Python's numbers and on JAX's arrays alike; `element` reads a number as an element;
    `minus` is -1, or None where there is none.

    >>> Ring.mod(5).minus, Ring.saturating(3).minus, Ring.z2() == Ring.mod(2)
    (4, None, True)
    """

    name: str
    dtype: str = field(compare=False)
    zero: Number = field(compare=False)
    one: Number = field(compare=False)
    minus: Number | None = field(compare=False)
    plus: Callable[[Any, Any], Any] = field(compare=False, repr=False)
    times: Callable[[Any, Any], Any] = field(compare=False, repr=False)
    element: Callable[[Number], Number] = field(compare=False, repr=False)

    @classmethod
    def z2(cls) -> Ring:
        """The field Z_2 of bits, on boolean wires: xor and and."""
        return cls("Z_2", "bool", False, True, True, _xor, _and, lambda x: bool(int(x) % 2))

    @classmethod
    def mod(cls, n: int) -> Ring:
        """The ring Z_n of integers modulo n, a field where n is prime, on int32 wires (boolean ones for n = 2)."""
        if n == 2:
            return cls.z2()
        _refuse_size(f"Ring.mod({n})", n - 1, 2)
        return cls(
            f"Z_{n}",
            "int32",
            0,
            1,
            n - 1,
            lambda x, y: _rest(x + y, n),
            lambda x, y: _rest(x * y, n),
            lambda x: int(x) % n,
        )

    @classmethod
    def saturating(cls, n: int) -> Ring:
        """The semiring of numbers 0, ..., n on int32 wires, where sums and products stop at n; or and and for n = 1."""
        _refuse_size(f"Ring.saturating({n})", n, 1)
        return cls(
            f"saturating {n}",
            "int32",
            0,
            1,
            None,
            lambda x, y: _least(x + y, n),
            lambda x, y: _least(x * y, n),
            lambda x: min(_natural(x, f"saturating {n}"), n),
        )

    @classmethod
    def tropical(cls) -> Ring:
        """The semiring of real numbers and infinity with minimum and +, on float32 wires."""
        return cls("tropical", "float32", inf, 0.0, None, _least, lambda x, y: x + y, float)

    def ty(self, *shape: int) -> Ty:
        """The type of one wire that carries an array of elements."""
        return Ty.of((wire(shape, self.dtype),))


def _xor(x: Any, y: Any) -> Any:
    return x ^ y


def _and(x: Any, y: Any) -> Any:
    return x & y


def _least(x: Any, y: Any) -> Any:
    return min(x, y) if isinstance(x, (int, float)) else jnp.minimum(x, y)


def _rest(x: Any, n: int) -> Any:
    # nothing here is negative, so that the machine's remainder is the one of arithmetic
    return x % n if isinstance(x, int) else lax.rem(x, jnp.full_like(x, n))


def _natural(x: Number, name: str) -> int:
    if x < 0:
        raise InputError(f"{x} is no element of the semiring {name!r}, which has no negation")
    return int(x)


def _refuse_size(what: str, largest: int, smallest: int) -> None:
    if not smallest <= largest < LARGEST:
        raise InputError(
            f"{what}: the largest element is {largest}, and has to be between {smallest} and {LARGEST - 1}, "
            "so that products fit int32"
        )


# -- generators ------------------------------------------------------------------------------------


def _generator(name: str, ring: Ring, function: Callable[..., Any], dom: Ty, **params: Any) -> Box:
    body = from_jax(function, *dom)
    params = {"generator": name, "ring": ring.name, **params}
    return Box(name, dom, body.cod, params=params, definition=body)


@cache
def add(ring: Ring, *shape: int) -> Box:
    """The sum of two elements, or entry by entry of two arrays: S ⊗ S -> S."""
    return _generator("add", ring, ring.plus, ring.ty(*shape) ** 2)


@cache
def multiply(ring: Ring, *shape: int) -> Box:
    """The product of two elements, or entry by entry of two arrays: S ⊗ S -> S."""
    return _generator("multiply", ring, ring.times, ring.ty(*shape) ** 2)


@cache
def constant(ring: Ring, value: Number, *shape: int) -> Diagram:
    """The element at every entry of an array: I -> S. Integers are read in Z_n as their classes."""
    return Diagram.point(np.full(shape, ring.element(value), ring.dtype))


def linear(ring: Ring, matrix: Any, rank: int = 1) -> Box:
    """The linear map of a constant matrix M: S(m) -> S(n), x -> M x; its derivative back is that of the transpose.

    The last `rank` axes of M are those of the input, so that arrays of any shape are mapped; S(m) -> S() sums with
    weights, and rank 0 is S() -> S(n). Raises `CompositionError` for a rank that M has not.
    """
    m = np.vectorize(ring.element, otypes=[ring.dtype])(np.asarray(matrix))
    if not 0 <= rank <= m.ndim:
        raise CompositionError(f"a linear map from arrays with {rank} axes needs a matrix with {rank} axes or more, "
                               f"and got one of shape {m.shape}")  # fmt: skip
    cut = m.ndim - rank
    zero = np.asarray(ring.zero, ring.dtype)

    def apply(x: Any) -> Any:
        parts = ring.times(jnp.asarray(m), jnp.broadcast_to(x, m.shape))
        return lax.reduce(parts, zero, ring.plus, tuple(range(cut, m.ndim)))

    return _generator("linear", ring, apply, ring.ty(*m.shape[cut:]), matrix=Constant(m))


def matrix_of(box: Box) -> tuple[Any, int]:
    """The matrix of a `linear` box, and how many of its axes are those of the input."""
    return np.asarray(box.params["matrix"].value), len(box.dom.inside[0].shape)


def transposed(ring: Ring, box: Box) -> Box:
    """The `linear` box of the transposed matrix."""
    m, rank = matrix_of(box)
    cut = m.ndim - rank
    return linear(ring, np.transpose(m, (*range(cut, m.ndim), *range(cut))), cut)


# -- writing circuits ------------------------------------------------------------------------------


class Element:
    """A wire of a circuit under construction: combine it with others and with numbers by +, -, * and **."""

    __slots__ = ("ring", "var")

    def __init__(self, ring: Ring, var: Var) -> None:
        self.ring, self.var = ring, var

    def _with(self, box: Callable[..., Box], other: Any) -> Element:
        shape = self.var.shape
        right = other.var if isinstance(other, Element) else constant(self.ring, other, *shape)()
        return Element(self.ring, box(self.ring, *shape)(self.var, right))

    def __add__(self, other: Element | Number) -> Element:
        return self._with(add, other)

    def __mul__(self, other: Element | Number) -> Element:
        return self if not isinstance(other, Element) and other == self.ring.one else self._with(multiply, other)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Element:
        if self.ring.minus is None:
            raise CompositionError(f"the semiring {self.ring.name!r} has no negation")
        return self * self.ring.minus

    def __sub__(self, other: Element | Number) -> Element:
        return self + (-other if isinstance(other, Element) else self.ring.element(-other))

    def __rsub__(self, other: Number) -> Element:
        return -self + other

    def __pow__(self, k: int) -> Element:
        if k == 0:
            return Element(self.ring, constant(self.ring, self.ring.one, *self.var.shape)())
        return reduce(Element.__mul__, [self] * k)


def circuit(ring: Ring, n: int, shape: tuple[int, ...] = ()) -> Callable[[Callable[..., Any]], Diagram]:
    """A decorator that runs a function over n elements (or arrays of them) and gives the circuit that it wrote.

    The function returns an element or a tuple of them; numbers are constants. `add(ring)` and other boxes are called
    inside `@diagram`, which composes with the result.

    >>> half_adder = circuit(Ring.z2(), 2)(lambda x, y: (x + y, x * y))
    >>> half_adder
    <Diagram B() @ B() -> B() @ B(), 2 boxes>
    """

    def decorate(function: Callable[..., Any]) -> Diagram:
        @wraps(function)
        def run(*wires: Var) -> Any:
            made = function(*[Element(ring, w) for w in wires])
            parts = made if isinstance(made, (tuple, list)) else (made,)
            return [v.var if isinstance(v, Element) else constant(ring, v, *shape)() for v in parts]

        run.__name__ = getattr(function, "__name__", "circuit")
        return diagram(ring.ty(*shape) ** n)(run)

    return decorate


def polynomial(ring: Ring, *outputs: Mapping[tuple[int, ...], Number], n: int | None = None) -> Diagram:
    """The circuit S^n -> S^m of m formal polynomials, each from the exponents of its monomials to coefficients.

    `{(2, 1): 3, (0, 0): 1}` is 3 x² y + 1. `n` is needed only where all polynomials are zero. Raises
    `CompositionError` where the numbers of exponents differ.
    """
    lengths = {len(key) for p in outputs for key in p} | (set() if n is None else {n})
    if len(lengths) != 1:
        raise CompositionError(f"a monomial has one exponent for each variable, and got {sorted(lengths)} of them")

    def term(xs: Sequence[Element], key: tuple[int, ...], c: Number) -> Any:
        factors = [x**k for x, k in zip(xs, key, strict=True) if k]
        return reduce(Element.__mul__, factors) * c if factors else c

    def run(*xs: Element) -> list[Any]:
        read = [{key: ring.element(c) for key, c in p.items()} for p in outputs]
        kept = [[term(xs, key, c) for key, c in p.items() if c != ring.zero] for p in read]
        return [reduce(_sum, terms) if terms else ring.zero for terms in kept]

    def _sum(x: Any, y: Any) -> Any:
        return x + y if isinstance(x, Element) else y + x if isinstance(y, Element) else ring.plus(x, y)

    return circuit(ring, lengths.pop())(run)


def truth_table(a: int, b: int) -> Para:
    """The model of all functions from a bits to b bits: B(a) -> B(b), with the table B(b, 2^a) as its parameter.

    Column k of the table holds the value at the bits of k, the first input being the most significant:
    eval(p, x)_j = sum over k of p_jk times the product over i of x_i or x_i + 1. It is linear in the table, and holds
    constants of size b 4^a.
    """
    z2, rows = Ring.z2(), 2**a
    bits = (np.arange(rows)[:, None] >> np.arange(a)[::-1]) & 1
    picks = [linear(z2, np.eye(a, dtype=int)[[i] * rows]) for i in range(a)]
    masks = [Diagram.point(bits[:, i] == 0) for i in range(a)]
    spread = linear(z2, np.broadcast_to(np.eye(rows, dtype=int), (b, rows, rows)))
    total = linear(z2, np.einsum("jl,k->jlk", np.eye(b, dtype=int), np.ones(rows, int)), 2)

    @diagram(z2.ty(a) @ z2.ty(b, rows))
    def evaluate(x: Var, table: Var) -> Any:
        factors = [add(z2, rows)(pick(x), mask()) for pick, mask in zip(picks, masks, strict=True)]
        here = reduce(multiply(z2, rows), factors) if factors else constant(z2, 1, rows)()
        return total(multiply(z2, b, rows)(spread(here), table))

    return Para(evaluate, {"table": Param(z2.ty(b, rows), "zeros")})
