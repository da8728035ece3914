"""Types: a wire is an array, a type is a list of wires.

`R(3, 4)` is the type of one wire that carries a float32 array of shape (3, 4); `Z` is for integers,
`B` for booleans, `C` for complex numbers, `Key` for JAX's PRNG keys. Types compose by `@`, with the
unit `Ty()`: the free monoid on the wires, strictly associative and unital.

>>> R(3, 4) @ Z(10)
R(3, 4) @ Z(10)
>>> (R(3) @ B()) @ R(2, dtype="bfloat16") == R(3) @ (B() @ R(2, dtype="bfloat16"))
True
>>> R(3).wire.shape, R(3).wire.dtype
((3,), 'float32')

A wire keeps its whole type in its name, because that is what DisCoPy compares; wires are interned,
so comparing two of them is comparing two addresses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from math import prod
from typing import Any, overload

import numpy as np

from ..categories.errors import CompositionError, ParalensError
from .discopy.seam import FreeTy, Ob, unwritable

__all__ = ["B", "C", "Key", "R", "Ty", "Wire", "Z", "stacked", "wire"]

# The letter of a wire by the kind of its dtype, and the dtype that the letter means when none is given.
DEFAULTS = {"R": "float32", "C": "complex64", "Z": "int32", "B": "bool", "Key": "key<fry>"}
BITS = {"int2": 2, "int4": 4, "uint2": 2, "uint4": 4, "float4_e2m1fn": 4}


def letter(dtype: str) -> str:
    """The letter, one of R, C, Z, B and Key, of a dtype's name; refuses a name that is no dtype of JAX."""
    if dtype.startswith("key<"):
        return "Key"
    if dtype == "bool":
        return "B"
    for prefix, kind in (("float", "R"), ("bfloat", "R"), ("complex", "C"), ("int", "Z"), ("uint", "Z")):
        if dtype.startswith(prefix):
            return kind
    raise CompositionError(f"no wire can carry the dtype {dtype!r}: use a float, complex, integer, bool or key dtype")


class Wire(Ob):
    """One wire: an array of a given `shape` (a tuple of ints) and `dtype` (its name in JAX).

    `kind` is R, C, Z, B or Key; a wire is `differentiable`, that is, it has a tangent, if it is real or complex.
    """

    __slots__ = ("_hash", "differentiable", "dtype", "kind", "shape")
    shape: tuple[int, ...]
    dtype: str
    kind: str
    differentiable: bool

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        kind = letter(dtype)
        if kind != "Key" and dtype not in BITS:
            _itemsize(dtype)
        inside = [str(n) for n in shape] + ([] if DEFAULTS[kind] == dtype else [f"dtype={dtype!r}"])
        self.shape, self.dtype, self.kind, self.differentiable = shape, dtype, kind, kind in "RC"
        super().__init__(f"{kind}({', '.join(inside)})")
        self._hash = hash(self.name)

    @property
    def size(self) -> int:
        """The number of entries."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The number of bytes of the array (PRNG keys count their words)."""
        if self.kind == "Key":
            return self.size * (8 if self.dtype == "key<fry>" else 16)
        if self.dtype in BITS:
            return (self.size * BITS[self.dtype] + 7) // 8
        return self.size * _itemsize(self.dtype)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Ob) and self.name == other.name)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return self.name

    def to_tree(self) -> Any:
        raise ParalensError(unwritable("a wire"))

    def __reduce__(self) -> tuple[Any, ...]:
        return wire, (self.shape, self.dtype)


@cache
def _itemsize(dtype: str) -> int:
    import ml_dtypes  # registers bfloat16 and the float8 family with numpy; a dependency of jax

    try:
        found = np.dtype(getattr(ml_dtypes, dtype, dtype))
        if str(found) != dtype:
            raise TypeError
        return found.itemsize
    except TypeError:
        raise CompositionError(f"no wire can carry the dtype {dtype!r}: JAX has no dtype of that name") from None


@cache
def wire(shape: tuple[int, ...], dtype: str) -> Wire:
    """The one wire of this shape and dtype."""
    return Wire(shape, dtype)


def stacked(w: Wire, n: int) -> Wire:
    """The wire of n arrays of this type, along a leading axis."""
    return wire((n, *w.shape), w.dtype)


class Ty(FreeTy):
    """A type: a tuple of wires, composed by `@`.

    Raises `CompositionError` when given anything but wires.

    >>> Ty(wire((3,), "float32")), len(Ty()), (R(3) @ Z())[1:]
    (R(3), 0, Z())
    """

    __slots__ = ("_hash", "inside")
    inside: tuple[Wire, ...]
    ob_factory = Ob

    category: Any = None  # the diagrams over these types, named where they are defined

    def __init__(self, *inside: Wire) -> None:
        for item in inside:
            if not isinstance(item, Wire):
                raise CompositionError(f"a type is made of wires, not of {item!r}: write R(3) @ Z(2), or Ty(*wires)")
        self.inside = inside

    @classmethod
    def of(cls, inside: Iterable[Wire]) -> Ty:
        """The type of these wires, unchecked (the fast path of composition)."""
        new = cls.__new__(cls)
        new.inside = tuple(inside)
        return new

    @property
    def name(self) -> str:
        """The type as it is written."""
        return " @ ".join(w.name for w in self.inside) or "Ty()"

    @property
    def wire(self) -> Wire:
        """The only wire of a type of length one."""
        if len(self.inside) != 1:
            raise CompositionError(f"{self} has {len(self.inside)} wires where one was asked for: pick one by index")
        return self.inside[0]

    def tensor(self, *others: FreeTy) -> Ty:
        """This type beside the others; `@` is the same."""
        if not all(isinstance(other, FreeTy) for other in others):
            return NotImplemented
        return Ty.of(chain(self.inside, *(other.inside for other in others)))

    def __matmul__(self, other: Any) -> Any:
        # a type beside a diagram is DisCoPy's whiskering: the diagram's reflected operator handles it
        return self.tensor(other) if isinstance(other, FreeTy) else NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return Ty.of(other.inside + self.inside) if isinstance(other, FreeTy) else NotImplemented

    __add__, __radd__ = __matmul__, __rmatmul__

    def __pow__(self, times: int) -> Ty:
        return Ty.of(self.inside * times)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FreeTy) and self.inside == other.inside

    def __hash__(self) -> int:
        # equal to the hash of DisCoPy's own type of the same wires, so that either finds the other in a dict
        try:
            return self._hash
        except AttributeError:
            self._hash = hash(f"monoidal.Ty({', '.join(map(repr, self.inside))})")
            return self._hash

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__

    def __iter__(self) -> Iterator[Ty]:
        return (Ty.of((w,)) for w in self.inside)

    @overload
    def __getitem__(self, key: int) -> Ty: ...
    @overload
    def __getitem__(self, key: slice) -> Ty: ...
    def __getitem__(self, key: int | slice) -> Ty:
        return Ty.of(self.inside[key] if isinstance(key, slice) else (self.inside[key],))

    def to_tree(self) -> Any:
        raise ParalensError(unwritable("a type"))

    def __reduce__(self) -> tuple[Any, ...]:
        return Ty, self.inside


Ty.factory = Ty  # what DisCoPy makes slices and tensors of types with


def _shape(dims: tuple[Any, ...]) -> tuple[int, ...]:
    for n in dims:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 0:
            raise CompositionError(f"a shape is made of non-negative integers, not of {n!r}: write R(3, 4)")
    return tuple(map(int, dims))


def _typed(kind: str, dims: tuple[Any, ...], dtype: Any) -> Ty:
    dtype = dtype_name(dtype)
    if letter(dtype) != kind:
        raise CompositionError(f"{kind}(..., dtype={dtype!r}): a wire of that dtype is written {letter(dtype)}(...)")
    return Ty.of((wire(_shape(dims), dtype),))


def dtype_name(dtype: Any) -> str:
    """The name of a dtype given as a string, a numpy or JAX dtype, or a scalar class such as `jnp.float32`."""
    if dtype is None:
        raise CompositionError("a wire has a dtype, and got None")
    return dtype if isinstance(dtype, str) else _dtype_name(dtype)


@cache
def _dtype_name(dtype: Any) -> str:
    name = str(dtype)
    return name if name.startswith("key<") else str(np.dtype(dtype))


def R(*shape: int, dtype: Any = "float32") -> Ty:
    """One wire that carries a real array: `R(3, 4)`, `R(3, 4, dtype="bfloat16")`, `R()` for a scalar."""
    return _typed("R", shape, dtype)


def C(*shape: int, dtype: Any = "complex64") -> Ty:
    """One wire that carries a complex array."""
    return _typed("C", shape, dtype)


def Z(*shape: int, dtype: Any = "int32") -> Ty:
    """One wire that carries an array of integers: `Z(10)`; it has no cotangent."""
    return _typed("Z", shape, dtype)


def B(*shape: int) -> Ty:
    """One wire that carries an array of booleans; it has no cotangent."""
    return _typed("B", shape, "bool")


def Key(*shape: int, impl: str = "fry") -> Ty:
    """One wire that carries PRNG keys; `impl` is JAX's tag of the generator (`fry` is threefry2x32)."""
    return _typed("Key", shape, f"key<{impl}>")
