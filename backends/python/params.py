"""Static parameters and primitives as text: what is written of a box that has no shorter form.

A value is written as the public Python expression that makes it; one that has none (a function, a mesh, a device) is
refused by the name of the box and of the parameter, and never left out.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import jax
import numpy as np
from jax import lax

from ...categories.errors import NoMeaningError
from ...diagrams.box import Box
from ...diagrams.params import Marked
from ...diagrams.tracing.lookup import primitive, public_name
from .expressions import Expr, array, call, dtype_text, tuple_text

__all__ = ["Several", "Unwritten", "bound", "given", "option", "policy", "refuse", "written"]


class Several(str):
    """The text of a tuple or list of all outputs of a box."""


class Unwritten(Exception):
    """A value that no public expression makes."""


def given(value: Any) -> bool:
    """Whether a parameter says something; JAX writes a sharding over no devices where it means none."""
    return value is not None and not getattr(getattr(value, "mesh", None), "empty", False)


def written(value: Any) -> str:
    """The expression that makes a value; raises `Unwritten` if there is none."""
    if not given(value):
        return "None"
    if type(value) in (bool, int, str):
        return repr(value)
    if type(value) in (tuple, list):
        return tuple_text([written(v) for v in value])
    for belongs, write in WRITERS:
        if belongs(value):
            return write(value)
    raise Unwritten


def _float(value: float) -> str:
    return repr(value) if np.isfinite(value) else f'float("{value}")'


def _public(value: Any) -> str:
    """The public name of a class, function or primitive of `jax.lax`, or nothing."""
    name = getattr(value, "__name__", "")
    for space, prefix in ((lax, "lax"), (lax.linalg, "lax.linalg")):
        if name and getattr(space, name, None) is value:
            return f"{prefix}.{name}"
    return ""


def _record(value: Any) -> str:
    names = value._fields if hasattr(value, "_fields") else [f.name for f in fields(value)]
    return call(_public(type(value)), **{k: written(getattr(value, k)) for k in names})


WRITERS = (
    (lambda v: isinstance(v, float), _float),
    (lambda v: isinstance(v, complex), repr),
    (lambda v: isinstance(v, np.dtype), lambda v: f"jnp.dtype({dtype_text(str(v))})"),
    (lambda v: isinstance(v, enum.Enum) and _public(type(v)), lambda v: f"{_public(type(v))}.{v.name}"),
    (lambda v: (hasattr(v, "_fields") or is_dataclass(v)) and _public(type(v)), _record),
    (lambda v: hasattr(v, "bind") and hasattr(v, "multiple_results"), lambda v: _of_primitive(v)),
)


def _of_primitive(p: Any) -> str:
    """The public name of a primitive."""
    for prefix, space in {"lax": lax, "lax.linalg": lax.linalg}.items():
        names = [name for name in dir(space) if getattr(space, name) is p]
        if names:
            return f"{prefix}.{names[0]}"
    name = public_name(p)
    if name is None:
        raise Unwritten
    return f"primitives.{name}"


def policy(box: Box, value: Any) -> str | None:
    """A policy of rematerialization as text; nothing for the default one."""
    if value is None:
        return None
    if isinstance(value, Marked):
        return call("jax.checkpoint_policies.save_only_these_names", *map(repr, value.names))
    for name, known in vars(jax.checkpoint_policies).items():
        if known is value or (type(known) is type(value) and known == value):
            return f"jax.checkpoint_policies.{name}"
    raise refuse(box, "policy")


def bound(box: Box, xs: Sequence[Expr]) -> Several | str:
    """The call of the primitive itself: what is always the same program.

    Raises `NoMeaningError`, naming the box and the parameter, where a parameter has no text.
    """
    p = primitive(box.op)
    try:
        name = _of_primitive(p)
    except Unwritten:
        raise refuse(box) from None
    options = {key: option(box, key, value) for key, value in box.params.items()}
    text = call(f"{name}.bind", *[array(x).text for x in xs], **options)
    if not p.multiple_results:
        return text
    return Several(text) if box.n_out != 1 else f"{text}[0]"


def option(box: Box, key: str, value: Any) -> str:
    """A parameter as text; raises `NoMeaningError`, naming the box and the parameter, where it has none."""
    try:
        return written(value)
    except Unwritten:
        raise refuse(box, key) from None


def refuse(box: Box, parameter: str = "") -> NoMeaningError:
    """The error for a box that has no text."""
    if parameter:
        return NoMeaningError(
            f"box {box.name!r} : {box.dom} -> {box.cod} has no source: no public expression makes its parameter "
            f"{parameter!r}, which is {box.params.get(parameter)!r:.100}"
        )
    why = f"the primitive {box.op!r} has no public name" if box.op else "it is abstract: give it a definition"
    return NoMeaningError(f"box {box.name!r} : {box.dom} -> {box.cod} has no source: {why}")
