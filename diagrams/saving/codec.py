"""The written form of a box's parameters, shared by saving, equality and hashing.

`encode` writes a value as a JSON tree and `decode` reads it back; the digest of a box is the digest
of that tree (`fingerprint`), so that equality, hashing and saving agree on what a box is.

>>> decode(json.loads(json.dumps(encode((1, 2.5, "same", float("inf"))))))
(1, 2.5, 'same', inf)
"""

from __future__ import annotations

import base64
import enum
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ...categories.errors import FileError
from ..params import Body, Constant, LazyDiagram, LazyRules, Marked, Sealed
from ..tracing.lookup import primitive

if TYPE_CHECKING:
    from ..syntax import Diagram

__all__ = ["decode", "encode", "fingerprint"]


def encode(
    value: Any,
    diagram: Callable[[Diagram], Any] | None = None,
    array: Callable[[Constant], Any] | None = None,
    rule: Callable[[LazyDiagram], Any] | None = None,
    opaque: Callable[[Any], Any] | None = None,
    rules: Callable[[LazyRules], Any] | None = None,
) -> Any:
    """The value as a JSON tree; the functions say how the leaves of those kinds are written.

    Raises `FileError` for a leaf that has no written form and no function.
    """

    def walk(v: Any) -> Any:
        if v is None or type(v) in (bool, int, str):
            return v
        if type(v) is tuple:
            return {"$tuple": [walk(x) for x in v]}
        if isinstance(v, Body) and diagram is not None:
            return {"$body": diagram(v.diagram), "closed": v.closed, "weak": list(v.weak)}
        if isinstance(v, LazyDiagram) and rule is not None:
            return {"$rule": rule(v)}
        if isinstance(v, LazyRules) and rules is not None:
            return {"$rules": rules(v)}
        if isinstance(v, Constant):
            return array(v) if array is not None else _array(v)
        for belongs, write in WRITERS:
            if belongs(v):
                return write(v, walk)
        if opaque is None:
            raise FileError(f"no written form for {v!r} of type {type(v).__name__}")
        return opaque(v)

    return walk(value)


def _record(v: Any, walk: Callable[[Any], Any]) -> Any:
    names = v._fields if hasattr(v, "_fields") else [f.name for f in fields(v)]
    return {"$record": type(v).__name__, "fields": {k: walk(getattr(v, k)) for k in names}}


# Plain and foreign values: which they are, and what is written.
# (JAX writes a sharding over no devices where it means none.)
WRITERS: tuple[tuple[Callable[[Any], Any], Callable[[Any, Callable[[Any], Any]], Any]], ...] = (
    (lambda v: isinstance(v, float), lambda v, walk: v if np.isfinite(v) else {"$float": repr(v)}),
    (lambda v: isinstance(v, complex), lambda v, walk: {"$complex": [walk(v.real), walk(v.imag)]}),
    (lambda v: isinstance(v, np.dtype), lambda v, walk: {"$dtype": str(v)}),
    (
        lambda v: isinstance(v, enum.Enum) and _public(type(v)),
        lambda v, walk: {"$enum": type(v).__name__, "name": v.name},
    ),
    (lambda v: hasattr(v, "_fields") and _public(type(v)), _record),
    (lambda v: is_dataclass(v) and _public(type(v)), _record),
    (lambda v: getattr(getattr(v, "mesh", None), "empty", False), lambda v, walk: {"$unsharded": len(v.spec)}),
    (lambda v: hasattr(v, "bind") and hasattr(v, "multiple_results"), lambda v, walk: {"$primitive": v.name}),
    (lambda v: type(v).__name__ == "PRNGImpl", lambda v, walk: {"$prng": v.name}),
    (lambda v: isinstance(v, Sealed), lambda v, walk: {"$sealed": _sealed(v.value, walk)}),
    (lambda v: isinstance(v, Marked), lambda v, walk: {"$marked": list(v.names)}),
    (lambda v: _policy(v), lambda v, walk: {"$policy": _policy(v)}),
)


def _sealed(value: Any, walk: Callable[[Any], Any]) -> Any:
    """Numbers of numpy as what they are."""
    if type(value) is tuple:
        return {"$tuple": [_sealed(v, walk) for v in value]}
    return {"$numpy": walk(Constant(value))} if isinstance(value, np.generic) else walk(value)


def _array(constant: Constant) -> dict[str, Any]:
    array = np.asarray(constant.value, order="C")
    data = base64.b64encode(array.tobytes()).decode()
    return {"$array": data, "dtype": str(array.dtype), "shape": list(array.shape), "weak": constant.weak}


def decode(
    tree: Any,
    diagram: Callable[[Any], Diagram] | None = None,
    rule: Callable[[Any], LazyDiagram] | None = None,
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
        if tag == "$rules" and rule is not None:
            held = t["$rules"]
            known = {tuple(still): {k: rule(r) for k, r in made.items()} for still, made in held["known"]}
            return LazyRules(None, held["label"], held["token"], known)
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


def _decode_unsharded(tree: Any, walk: Callable[[Any], Any]) -> Any:
    from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

    return NamedSharding(AbstractMesh((), ()), PartitionSpec(*[None] * tree["$unsharded"]))


def _dtype(name: str) -> Any:
    import ml_dtypes

    return np.dtype(getattr(ml_dtypes, name, name))


def _policy(value: Any) -> str | None:
    """The name of a rematerialisation policy of `jax.checkpoint_policies`."""
    import jax

    policies = vars(jax.checkpoint_policies)
    return next((name for name, p in policies.items() if p is value or (type(p) is type(value) and p == value)), None)


def _decode_policy(tree: Any, walk: Callable[[Any], Any]) -> Any:
    import jax

    if tree["$policy"] not in vars(jax.checkpoint_policies):
        raise FileError(f"this JAX has no checkpoint policy {tree['$policy']!r}")
    return getattr(jax.checkpoint_policies, tree["$policy"])


def _public(cls: type) -> type | None:
    """The class if it can be named in a file: `jax.lax` exports it, or a public function of JAX makes it."""
    return cls if _classes().get(cls.__name__) is cls else None


def _public_named(name: str) -> Any:
    if name not in _classes():
        raise FileError(f"this JAX has no class {name!r}: the file was written with another version")
    return _classes()[name]


@lru_cache(maxsize=1)
def _classes() -> dict[str, type]:
    """The only classes that are read back from a file, by name."""
    import jax

    found = {k: v for space in (jax.lax.linalg, jax.lax) for k, v in vars(space).items() if isinstance(v, type)}
    # classes that JAX keeps private are taken from programs that public functions make
    solve = jax.make_jaxpr(lambda b: jax.lax.custom_linear_solve(lambda v: v, b, lambda _, v: v))(1.0)
    put = jax.make_jaxpr(lambda x: jax.device_put(x))(1.0)
    branch = jax.make_jaxpr(jax.grad(lambda x: jax.lax.cond(x > 0, jax.numpy.sin, jax.numpy.cos, x)))(1.0)
    values = [v for program in (solve, put, branch) for e in program.eqns for v in e.params.values()]
    values += [x for v in values if type(v) is tuple for x in v]
    private = {type(v) for v in values if isinstance(v, enum.Enum) or hasattr(v, "_fields")}
    return found | {cls.__name__: cls for cls in private}


@lru_cache(maxsize=8)
def _prng(name: str) -> Any:
    """JAX's description of a PRNG, which it keeps private, taken from the making of a key."""
    import jax

    seed = jax.make_jaxpr(lambda: jax.random.key(0, impl=name))()
    return next(e.params["impl"] for e in seed.eqns if e.primitive.name == "random_seed")


def fingerprint(*values: Any) -> bytes:
    """Sixteen bytes of the values' written form; objects that have none count by identity."""
    tree = encode(
        values,
        diagram=lambda d: d.digest.hex(),
        array=lambda c: {"$array": c.digest},
        rule=lambda r: r.digest,
        opaque=_identity,
        rules=lambda r: r.token,
    )
    return hashlib.blake2b(json.dumps(tree).encode(), digest_size=16).digest()


def _identity(value: Any) -> Any:
    """What tells a value without a written form apart.

    An enumeration counts by its member, a function that can be imported by its name, a record of plain
    values by these; everything else by the object itself.
    """
    cls = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, enum.Enum):
        return {"$object": cls, "name": value.name}
    name = f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"
    if callable(value) and _imported(name) is value:
        return {"$object": name}
    if is_dataclass(value) and not isinstance(value, type):
        held = {f.name: getattr(value, f.name) for f in fields(value)}
        if all(v is None or type(v) in (bool, int, float, str) for v in held.values()):
            return {"$object": cls, "fields": held}
    return {"$object": cls, "id": id(value)}


def _imported(name: str) -> Any:
    """What stands under a qualified name among the modules that are loaded, if anything does."""
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None)


DECODERS: dict[str, Callable[[Any, Callable[[Any], Any]], Any]] = {
    "$float": lambda t, walk: float(t["$float"]),
    "$complex": lambda t, walk: complex(*map(walk, t["$complex"])),
    "$enum": lambda t, walk: _public_named(t["$enum"])[t["name"]],
    "$record": _decode_record,
    "$tuple": lambda t, walk: tuple(map(walk, t["$tuple"])),
    "$dtype": lambda t, walk: _dtype(t["$dtype"]),
    "$array": _decode_array,
    "$policy": _decode_policy,
    "$sealed": lambda t, walk: Sealed(walk(t["$sealed"])),
    "$numpy": lambda t, walk: walk(t["$numpy"]).value[()],
    "$marked": lambda t, walk: Marked(tuple(t["$marked"])),
    "$primitive": lambda t, walk: primitive(t["$primitive"]),
    "$prng": lambda t, walk: _prng(t["$prng"]),
    "$unsharded": _decode_unsharded,
}
