"""JAX's primitives by name.

A box holds the name of its primitive, so that it can be compared, saved and loaded. The name is
resolved in the public list of `jax.extend.core.primitives`, and for primitives outside of that list
(those of other packages) among the ones that `from_jax` has met in this process.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax.extend.core.primitives as public

from ...categories.errors import NoMeaningError

__all__ = ["primitive", "remember"]

_met: dict[str, Any] = {}


def remember(p: Any) -> None:
    """Note a primitive under its name; two primitives of one name in one process cannot be told apart."""
    known = _met.setdefault(p.name, p)
    if known is not p:
        raise NoMeaningError(f"two different primitives are named {p.name!r}: rename one of them")


def primitive(name: str) -> Any:
    """The primitive of this name; raises `NoMeaningError` for one that this process has not met."""
    found = _met.get(name) or _public().get(name)
    if found is None:
        raise NoMeaningError(
            f"no primitive is named {name!r} here: import the package that defines it and trace it once with from_jax"
        )
    return found


@lru_cache(maxsize=1)
def _public() -> dict[str, Any]:
    every = (getattr(public, name) for name in dir(public) if name.endswith("_p"))
    return {p.name: p for p in every if hasattr(p, "bind")}
