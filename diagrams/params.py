"""Static parameters of a box: what they may be, and how they are written down.

A box holds hashable specifications only. Its parameters are plain Python values (None, bool, int,
float, complex, str, tuples of these), dtypes, the enumerations and records of `jax.lax`, and four
kinds of our own: `Body` (a diagram inside), `Constant` (an array), `Rule` (a diagram that is traced
only when it is asked for) and any other hashable object, which cannot be saved.

`encode` writes a value as a JSON tree and `decode` reads it back; the digest of a box is the digest
of that tree, so that equality, hashing and saving agree on what a box is.

>>> decode(json.loads(json.dumps(encode((1, 2.5, "same", float("inf"))))))
(1, 2.5, 'same', inf)
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..categories.errors import FileError

if TYPE_CHECKING:
    from .diagram import Diagram

__all__ = ["Body", "Constant", "Rule", "canonical", "decode", "encode", "fingerprint"]


@dataclass(frozen=True)
class Body:
    """A diagram among the parameters of a box.

    `closed` tells JAX's two kinds of jaxpr apart (before 0.12); `weak` lists the inputs that carry
    a Python scalar in JAX's sense, whose dtype gives way to that of its partner.
    """

    diagram: Diagram
    closed: bool = True
    weak: tuple[int, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return Body, (self.diagram, self.closed, self.weak)


@dataclass(frozen=True, eq=False)
class Constant:
    """An array among the parameters of a box, equal to another by dtype, shape and bytes.

    `weak` marks a Python scalar in JAX's sense: its dtype gives way to that of its partner.
    """

    value: Any
    weak: bool = False

    @cached_property
    def digest(self) -> str:
        """The digest of dtype, shape, bytes and weakness."""
        array = np.ascontiguousarray(self.value)
        h = hashlib.blake2b(f"{array.dtype}{array.shape}{self.weak}".encode(), digest_size=16)
        h.update(array.tobytes())
        return h.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.digest == other.digest

    def __hash__(self) -> int:
        return int(self.digest[:15], 16)

    def __repr__(self) -> str:
        array = np.asarray(self.value)
        return str(array) if array.size == 1 else f"<{array.dtype}{list(array.shape)} {self.digest[:6]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Constant, (np.asarray(self.value), self.weak)


class Rule:
    """A diagram that is made when first asked for, such as a user's derivative rule, traced once.

    A rule may contain the very box that it belongs to; its digest stops at that point.
    """

    __slots__ = ("_busy", "_diagram", "_make")

    def __init__(self, make: Callable[[], Diagram] | None = None, diagram: Diagram | None = None) -> None:
        self._make = make
        self._diagram = diagram
        self._busy = False

    @property
    def diagram(self) -> Diagram:
        """The diagram, traced now if it was not yet."""
        if self._diagram is None:
            assert self._make is not None
            self._diagram, self._make = self._make(), None
        return self._diagram

    @property
    def digest(self) -> str:
        """The digest of the diagram, or `up` while it is being computed."""
        if self._busy:
            return "up"
        self._busy = True
        try:
            return self.diagram.digest.hex()
        finally:
            self._busy = False

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Rule) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return "Rule(...)" if self._diagram is None else f"Rule({self._diagram!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Rule, (), self.diagram

    def __setstate__(self, diagram: Diagram) -> None:
        self._diagram = diagram


def canonical(value: Any) -> Any:
    """The value with numpy scalars as Python's and lists as tuples, so that equal parameters are equal objects."""
    if isinstance(value, np.generic) and value.ndim == 0 and value.dtype.kind in "biufc":
        return value.item()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(canonical, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(canonical, value))
    if isinstance(value, np.ndarray):
        return Constant(value)
    return value


def encode(
    value: Any,
    diagram: Callable[[Diagram], Any] | None = None,
    array: Callable[[Constant], Any] | None = None,
    rule: Callable[[Rule], Any] | None = None,
    opaque: Callable[[Any], Any] | None = None,
) -> Any:
    """The value as a JSON tree; the functions say how the leaves of those kinds are written.

    Raises `FileError` for a leaf that has no written form and no function.
    """

    def walk(v: Any) -> Any:
        if v is None or isinstance(v, (bool, str)) or type(v) is int:
            return v
        if isinstance(v, float):
            return v if np.isfinite(v) else {"$float": repr(v)}
        if isinstance(v, complex):
            return {"$complex": [walk(v.real), walk(v.imag)]}
        if isinstance(v, enum.Enum) and _public(type(v)) is not None:
            return {"$enum": type(v).__name__, "name": v.name}
        if isinstance(v, tuple) and hasattr(v, "_fields") and _public(type(v)) is not None:
            return {"$record": type(v).__name__, "fields": {k: walk(getattr(v, k)) for k in v._fields}}
        if is_dataclass(v) and _public(type(v)) is not None:
            return {"$record": type(v).__name__, "fields": {f.name: walk(getattr(v, f.name)) for f in fields(v)}}
        if type(v) is tuple:
            return {"$tuple": [walk(x) for x in v]}
        if isinstance(v, np.dtype):
            return {"$dtype": str(v)}
        if isinstance(v, Body) and diagram is not None:
            return {"$body": diagram(v.diagram), "closed": v.closed, "weak": list(v.weak)}
        if isinstance(v, Rule) and rule is not None:
            return {"$rule": rule(v)}
        if isinstance(v, Constant):
            return array(v) if array is not None else _array(v)
        if opaque is None:
            raise FileError(f"no written form for {v!r} of type {type(v).__name__}")
        return opaque(v)

    return walk(value)


def _array(constant: Constant) -> dict[str, Any]:
    array = np.ascontiguousarray(constant.value)
    data = base64.b64encode(array.tobytes()).decode()
    return {"$array": data, "dtype": str(array.dtype), "shape": list(array.shape), "weak": constant.weak}


def decode(
    tree: Any,
    diagram: Callable[[Any], Diagram] | None = None,
    rule: Callable[[Any], Rule] | None = None,
) -> Any:
    """The value that `encode` wrote; raises `FileError` for a tree that it did not write."""

    def walk(t: Any) -> Any:
        if not isinstance(t, dict):
            return t
        tag = next(iter(t), "")
        if tag == "$body" and diagram is not None:
            return Body(diagram(t["$body"]), t["closed"], tuple(t["weak"]))
        if tag == "$rule" and rule is not None:
            return rule(t["$rule"])
        if tag not in DECODERS:
            raise FileError(f"unknown value tagged {tag!r}")
        return DECODERS[tag](t, walk)

    return walk(tree)


def _decode_record(tree: Any, walk: Callable[[Any], Any]) -> Any:
    cls = _public_named(tree["$record"])
    return cls(**{k: walk(v) for k, v in tree["fields"].items()})


def _decode_array(tree: Any, walk: Callable[[Any], Any]) -> Constant:
    dtype = np.dtype(_dtype(tree["dtype"]))
    array = np.frombuffer(base64.b64decode(tree["$array"]), dtype=dtype).reshape(tree["shape"])
    return Constant(array, tree["weak"])


def _dtype(name: str) -> Any:
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name, name))


DECODERS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "$float": lambda t, walk: float(t["$float"]),
    "$complex": lambda t, walk: complex(*map(walk, t["$complex"])),
    "$enum": lambda t, walk: _public_named(t["$enum"])[t["name"]],
    "$record": _decode_record,
    "$tuple": lambda t, walk: tuple(map(walk, t["$tuple"])),
    "$dtype": lambda t, walk: _dtype(t["$dtype"]),
    "$array": _decode_array,
}


def _public(cls: type) -> type | None:
    """The class if `jax.lax` exports it under its own name; only those are read back from a file."""
    import jax

    for space in (jax.lax, jax.lax.linalg):
        if getattr(space, cls.__name__, None) is cls:
            return cls
    return None


def _public_named(name: str) -> Any:
    import jax

    for space in (jax.lax, jax.lax.linalg):
        if isinstance(getattr(space, name, None), type):
            return getattr(space, name)
    raise FileError(f"jax.lax has no class {name!r}: the file was written with another version of JAX")


def fingerprint(*values: Any) -> bytes:
    """Sixteen bytes of the values' written form; objects that have none count by identity."""
    tree = encode(
        values,
        diagram=lambda d: d.digest.hex(),
        array=lambda c: {"$array": c.digest},
        rule=lambda r: r.digest,
        opaque=_identity,
    )
    return hashlib.blake2b(json.dumps(tree).encode(), digest_size=16).digest()


def _identity(value: Any) -> Any:
    """What tells a value without a written form apart: its qualified name or fields where it has them, else itself."""
    cls = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, enum.Enum):
        return {"$object": cls, "name": value.name}
    name = getattr(value, "__qualname__", "<none>")
    if callable(value) and "<" not in name:
        return {"$object": f"{value.__module__}.{name}"}
    if is_dataclass(value) and not isinstance(value, type):
        return {"$object": cls, "fields": [[f.name, repr(getattr(value, f.name))] for f in fields(value)]}
    return {"$object": cls, "id": id(value)}
