"""What users say of primitives and functions of their own: one entry, which every functor reads when it needs it.

A primitive of JAX's that no table here knows, and a function with its own derivative rule (`jax.custom_jvp`,
`jax.custom_vjp`), are registered once. A primitive is known by its name. A function is known by what it traces to: a
box is that of the function if it equals the box of the function at its types, not if it bears the name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import jax

from ..categories.errors import InputError, NoMeaningError
from .box import Box
from .primitives import Traits, learned
from .tracing.jaxpr import forget_generators, from_jax
from .tracing.lookup import remember

__all__ = ["Entry", "enter", "entered", "entry_of", "facts", "is_traced_from"]

RULED = (jax.custom_jvp, jax.custom_vjp)


@dataclass(frozen=True, eq=False)
class Entry:
    """What was said of a primitive, or of a `function` with its own rule; None where nothing was."""

    name: str
    traits: Traits
    function: Any = None
    derivative: Any = None
    sympy: Callable[..., Any] | None = None
    source: str | None = None
    cost: Any = None
    bounds: Callable[..., Any] | None = None


_primitives: dict[str, Entry] = {}
_functions: dict[str, list[Entry]] = {}


def enter(thing: Any, traits: Traits | Iterable[str], **said: Any) -> Entry:
    """Enter what is said of a primitive, its name, or a function with its own rule; what was said before is forgotten.

    Raises `InputError` for anything else, and for a trait that is none.
    """
    found = traits if isinstance(traits, Traits) else _traits(traits)
    if isinstance(thing, RULED):
        if said.get("derivative") is not None:
            raise InputError(f"{thing.__name__} carries its own derivative rule, and takes no other")
        if getattr(thing, "nondiff_argnums", ()):
            raise InputError(f"{thing.__name__} has nondiff_argnums: register a function of arrays alone")
        entry = Entry(thing.__name__, found, thing, **said)
        others = [e for e in _functions.get(entry.name, []) if e.function is not thing]
        _functions[entry.name] = [*others, entry]
        return entry
    name = thing if isinstance(thing, str) else getattr(thing, "name", None)
    if not isinstance(name, str) or not (isinstance(thing, str) or hasattr(thing, "bind")):
        raise InputError(f"register takes a primitive, its name, or a jax.custom_jvp or custom_vjp, not {thing!r}")
    if found.increasing and found.decreasing:
        raise InputError(f"{name} cannot be increasing and decreasing")
    if hasattr(thing, "bind"):
        try:
            remember(thing)  # files and boxes know it by its name
        except NoMeaningError as error:
            raise InputError(str(error)) from None
    learned(name, found)
    if name in _primitives:
        forget_generators()  # what was derived from boxes that were made before stays with them
    _primitives[name] = Entry(name, found, **said)
    return _primitives[name]


def _traits(names: Iterable[str]) -> Traits:
    known = {field.name for field in fields(Traits)}
    names = [names] if isinstance(names, str) else list(names)
    wrong = sorted(set(names) - known)
    if wrong:
        raise InputError(f"{', '.join(wrong)} is no trait: they are {', '.join(sorted(known))}")
    return Traits(**dict.fromkeys(names, True))


def entered(box: Box) -> Entry | None:
    """What was said of the primitive, or of the function with its own rule, that a box is; None if nothing."""
    found = _primitives.get(box.op)
    if found is not None or box.name not in _functions or not box.rules:
        return found
    return next((e for e in reversed(_functions[box.name]) if is_traced_from(box, e.function)), None)


def entry_of(op: str) -> Entry | None:
    """What was said of a primitive by its name."""
    return _primitives.get(op)


def facts() -> list[Any]:
    """All that was said, as objects that change when it does."""
    return [*_primitives.values(), *(entry for entries in _functions.values() for entry in entries)]


@lru_cache(maxsize=1024)
def is_traced_from(box: Box, f: Any) -> bool:
    """Whether this very box is what a function traces to at the box's types."""
    try:
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            traced = from_jax(f, *box.dom)
    except Exception:
        return False  # it takes other arguments
    only = traced.graph.table[0] if len(traced.graph) == 1 else None
    return only == box if only is not None and only.name == box.name else box.definition == traced
