"""JAX's primitives by name.

A box holds the name of its primitive, so that it can be compared, saved and loaded. The name is
resolved in the public list of `jax.extend.core.primitives`, among the primitives that `from_jax` has
met in this process, and among those that a few public functions use which the list leaves out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jax
import jax.extend.core.primitives as public
import jax.numpy as jnp

from ...categories.errors import NoMeaningError

__all__ = ["CHECKPOINT", "DEBUG", "calls_out", "foreign", "known", "primitive", "public_name", "remember"]

# What shows values and changes none.
DEBUG = {"debug_callback", "debug_print"}

CHECKPOINT: str = public.remat_p.name  # what `jax.checkpoint` is, under the name that this version of JAX has for it
_met: dict[str, Any] = {}


def remember(p: Any) -> None:
    """Note a primitive under its name; two primitives of one name in one process cannot be told apart."""
    known = _met.setdefault(p.name, p)
    if known is not p:
        raise NoMeaningError(f"two different primitives are named {p.name!r}: rename one of them")


def primitive(name: str) -> Any:
    """The primitive of this name; raises `NoMeaningError` for one that this process has not met."""
    found = _met.get(name) or _public().get(name) or _unlisted().get(name)
    if found is None:
        raise NoMeaningError(
            f"no primitive is named {name!r} here: import the package that defines it and trace it once with from_jax"
        )
    return found


@lru_cache(maxsize=4096)
def foreign(p: Any) -> bool:
    """Whether a primitive is not JAX's own: no module of JAX holds it."""
    if _public().get(p.name) is p:
        return False
    of_jax = (vars(module) for name, module in tuple(sys.modules.items()) if name.startswith("jax."))
    return not any(value is p for held in of_jax for value in tuple(held.values()))


def calls_out(name: str) -> bool:
    """Whether a primitive calls a function of the user's while a program runs, or is another library's."""
    met = _met.get(name)
    return name in DEBUG or name.endswith("_callback") or (met is not None and foreign(met))


def public_name(p: Any) -> str | None:
    """The name of a primitive in `jax.extend.core.primitives`, or None if it is not in that list."""
    return next((name for name in dir(public) if getattr(public, name) is p), None)


def known() -> dict[str, Any]:
    """The primitives of the installed JAX by name: its public list, and those that only public functions lead to."""
    return {**_unlisted(), **_public()}


@lru_cache(maxsize=1)
def _public() -> dict[str, Any]:
    every = (getattr(public, name) for name in dir(public) if name.endswith("_p"))
    return {p.name: p for p in every if hasattr(p, "bind")}


@lru_cache(maxsize=1)
def _unlisted() -> dict[str, Any]:
    """The primitives that public functions of JAX use and its public list does not have."""
    found: dict[str, Any] = {}
    for use in USES:
        try:
            traced = jax.make_jaxpr(use)(jnp.ones((4, 4)))
        except (AttributeError, TypeError, NotImplementedError):
            continue  # this version of JAX has no such function
        found |= {p.name: p for p in _primitives(traced)}
    return found


def _primitives(jaxpr: Any) -> Iterator[Any]:
    for eqn in getattr(jaxpr, "jaxpr", jaxpr).eqns:
        yield eqn.primitive
        for value in eqn.params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                    yield from _primitives(inner)


def _branch(x: Any) -> Any:
    return jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x).sum()


USES: tuple[Callable[[Any], Any], ...] = (
    lambda x: jnp.split(x, 2),
    lambda x: (jnp.stack([x, x]), jnp.tile(x, (2, 1)), jnp.unstack(x)),
    lambda x: x.at[jnp.array([0])].subtract(1.0),
    lambda x: jax.random.uniform(jax.random.PRNGKey(0)),
    lambda x: jax.random.key_data(jax.random.clone(jax.random.key(0))),
    lambda x: jax.random.bits(jax.random.key(0, impl="rbg")),
    lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos),
    jax.lax.optimization_barrier,
    jax.scipy.linalg.lu_factor,
    lambda x: jax.lax.ragged_dot(x, x[None], jnp.array([4])),
    jax.grad(_branch),
    jax.jit(jax.hessian(_branch)),
    lambda x: jax.lax.empty((2,), "float32"),
    lambda x: jax.grad(lambda y: jax.checkpoint(jnp.sin)(y).sum())(x),
    lambda x: jax.custom_derivatives.linear_call(lambda r, v: v * r, lambda r, c: c * r, x, x),
    lambda x: jax.device_put(x),
)
