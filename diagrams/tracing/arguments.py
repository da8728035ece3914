"""The names that the arguments of a traced function have, kept beside its diagram for what is written of it.

A leaf of a pytree is named by its path: of `f(weights, batch)` with a dict as `batch`, `weights` and `batch_x`.

>>> arguments(from_jax(lambda weights, batch: weights * batch["x"], R(3), {"x": R(3)}))
('weights', 'batch_x')
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax

from ..cache import derived
from ..syntax import Diagram

__all__ = ["arguments", "note_arguments"]


def arguments(d: Diagram) -> tuple[str, ...]:
    """The names of the first inputs of a diagram that `from_jax` made; none of any other."""
    return derived(d, "arguments", tuple)


def note_arguments(d: Diagram, f: Callable[..., Any], paths: Sequence[Any], skip: int) -> None:
    """Keep the names of the arguments of `f` after the first `skip`, whose leaves have these paths."""
    firsts = _parameters(f, skip, 1 + max([p[0].idx for p in paths], default=-1))
    names = [_joined(firsts[p[0].idx], p[1:]) for p in paths] if firsts else []
    derived(d, "arguments", lambda: tuple(names))


def _parameters(f: Callable[..., Any], skip: int, n: int) -> list[str]:
    """The names of n positional arguments after the first ones; none if the function does not say."""
    try:
        known = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return []
    found = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][skip:]
    rest = next((p.name for p in known if p.kind is p.VAR_POSITIONAL), "")
    found += [f"{rest}_{i}" for i in range(n - len(found))] if rest else []
    return found if len(found) >= n else []


def _joined(first: str, path: Any) -> str:
    inner = jax.tree_util.keystr(path, simple=True, separator="_") if path else ""
    return re.sub(r"\W+", "_", f"{first}_{inner}" if inner else first)
