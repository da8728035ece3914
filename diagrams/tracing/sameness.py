"""Which Python functions are the same program, so that equal calls of a custom rule are read once.

A derivative rule is a Python function that JAX traces only when it is asked for, and that it wraps anew at each call:
in static arguments, in the trees of its arguments, in the axes of a `vmap`. `program(f)` is a value, and

    program(f) == program(g)   only if   tracing f and tracing g, at one time, gives the same jaxpr.

A function of a user is the same as itself and as no other, whatever its code and what it closes over. What JAX wraps
around it is compared by content; a number, a text, a tuple, a list and a dict that are passed on are too, with
their types, as 1, 1.0 and True are equal to Python and differ to a program. Anything else is the same as itself alone,
so that not to know a wrapper costs time and nothing else.

>>> program((1, "a")) == program((1, "a")), program(1) == program(True), program(0.0) == program(-0.0)
(True, False, False)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, is_dataclass
from types import FunctionType, MethodType
from typing import Any

import jax
import numpy as np

__all__ = ["changeable", "program"]

PLAIN = (type(None), bool, int, float, complex, str, bytes)
# Where JAX puts results, and where it notes what it is tracing and for whom: they do not change what is traced.
STATELESS = {"Store", "EqualStore", "TraceTag", "DynamicJaxprTrace", "DebugInfo"}
# JAX's class of functions with transformations around them.
WRAPPED = "WrappedFun"
# What keeps the results of a function in what it closes over; what binds a call again and passes its rule on, with the
# name by which it knows the rule; and the identity, where nothing is closed over.
MEMOIZED = "_memoize.<locals>.memoized"
LIFTS = {"lift_jvp.<locals>.jvp": "jvp_jaxpr_fun", "lift_fwd.<locals>.fwd": "fwd_jaxpr_thunk"}
WITHOUT_CONSTANTS = "_handle_consts_in_bwd"
DEEPEST = 40


class _Itself:
    """An object that is equal to itself alone."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def program(value: Any, depth: int = 0) -> Hashable:
    """What a function, or a value that it is given, is to whoever traces it."""
    kind = type(value)
    if kind in PLAIN:
        return kind, repr(value)
    if kind is _Itself:
        return value
    parts = _parts(kind)
    if parts is None or depth > DEEPEST:
        return _Itself(value)
    return kind, *[program(part, depth + 1) for part in parts(value)]


@functools.cache
def _parts(kind: type) -> Callable[[Any], Sequence[Any]] | None:
    """What makes a value of this class what it is; None where that is not known."""
    if kind in PARTS:
        return PARTS[kind]
    if issubclass(kind, np.generic):
        return lambda x: (x.dtype.str, x.tobytes())
    if not kind.__module__.startswith("jax."):
        return None
    if kind.__name__ in STATELESS:
        return lambda x: ()
    if kind.__name__ == WRAPPED:
        return _wrapped
    if kind.__name__ in ("Unhashable", "_HashableWithStrictTypeEquality"):
        return lambda x: (x.val,)
    if kind.__name__ == "ShapedArray":
        return lambda x: (str(x), bool(x.weak_type), repr(x.sharding))
    if is_dataclass(kind):
        names = [f.name for f in fields(kind)]
        return lambda x: [getattr(x, name) for name in names]
    return None


def changeable(signature: Any) -> bool:
    """Whether a program was given a list or a dict, which may hold something else later."""
    return isinstance(signature, tuple) and (signature[:1] in ((list,), (dict,)) or any(map(changeable, signature)))


def _function(f: FunctionType) -> Sequence[Any]:
    """The code of a function of JAX's own with what it closes over; a user's function is known by itself."""
    if not _of_jax(f) or not f.__closure__:
        return (_Itself(f),)
    held = _held(f)
    if f.__qualname__ == MEMOIZED:
        return (held["fn"],)
    return _Itself(f.__code__), *map(_fixed, held.values()), f.__defaults__, f.__kwdefaults__


def _of_jax(f: FunctionType) -> bool:
    return str(f.__module__).startswith("jax.")


def _held(f: FunctionType) -> dict[str, Any]:
    """What a function closes over, by name."""
    return dict(zip(f.__code__.co_freevars, map(_content, f.__closure__ or ()), strict=True))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return _Itself(cell)


def _fixed(value: Any) -> Any:
    """A list of JAX's own, which nobody changes, as a tuple."""
    return tuple(value) if type(value) is list else value


def _wrapped(f: Any) -> Sequence[Any]:
    while (inner := _passed_on(f)) is not None:
        f = inner
    transforms = [
        part
        for gen, given in f.transforms
        if not (getattr(gen, "__name__", "") == WITHOUT_CONSTANTS and given in (((),), ([],)))
        for part in (gen, *map(_fixed, given))
    ]
    return f.f, *transforms, f.params, f.in_type


def _passed_on(f: Any) -> Any:
    """The rule of a call that was bound again, which a rule passes on as it is, for the same types; else None."""
    outer = _thunk(f)
    rule: Any = outer.get("jvp", outer.get("fwd"))
    if not _is_wrapped(rule) or rule.transforms or rule.params or type(rule.f) is not FunctionType:
        return None
    lift = _held(rule.f) if _of_jax(rule.f) and rule.f.__qualname__ in LIFTS else {}
    inner: Any = lift.get(LIFTS.get(rule.f.__qualname__, ""))
    if not _is_wrapped(inner) or lift.get("num_consts") != 0:
        return None
    here, there = outer.get("in_avals"), _thunk(inner).get("in_avals")
    return inner if here is not None and there is not None and program(here) == program(there) else None


def _is_wrapped(value: Any) -> bool:
    return type(value).__name__ == WRAPPED and type(value).__module__.startswith("jax.")


def _thunk(f: Any) -> dict[str, Any]:
    """What JAX's memoized function, which traces a rule, closes over; nothing if this is none."""
    if f.transforms or f.params or type(f.f) is not FunctionType or not _of_jax(f.f) or f.f.__qualname__ != MEMOIZED:
        return {}
    inside = _held(f.f)["fn"]
    return _held(inside) if type(inside) is FunctionType and _of_jax(inside) else {}


def _tree(tree: Any) -> Sequence[Any]:
    """The nodes of a tree with what they hold; a tree's own equality takes 1, 1.0 and True for the same."""
    node = tree.node_data()
    held = () if node is None else (_Itself(node[0]), _fixed(node[1]))
    return tree.num_leaves, *held, *tree.children()


PARTS: dict[type, Callable[[Any], Sequence[Any]]] = {
    tuple: lambda x: x,
    list: lambda x: x,
    dict: lambda x: [part for item in x.items() for part in item],
    functools.partial: lambda f: (f.func, f.args, tuple(f.keywords.items())),
    MethodType: lambda f: (f.__func__, _Itself(f.__self__)),
    FunctionType: _function,
    type(jax.tree.structure(0)): _tree,
}
