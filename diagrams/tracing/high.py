"""Primitives of JAX's newer form: one equation, `call_hi_primitive`, that holds an object with its rules.

Where `jax_remat3` or `jax_custom_vjp3` is set, which JAX has announced as its defaults, `jax.checkpoint`,
`checkpoint_name` and `jax.custom_vjp` are written in that form. They become the same boxes as in the older one, so that
every functor, and files, see no difference. Any other primitive that says how cotangents pass through it becomes a box
with a definition and that rule; one that does not is kept as it is.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax

from ..box import Box
from ..types import Ty
from .arrays import aval
from .lookup import CHECKPOINT
from .rules import Reader, custom

__all__ = ["high"]


def high(reader: Reader, eqn: Any, dom: Ty, cod: Ty) -> Box | None:
    """The box of such an equation; None for a primitive to be kept as it is."""
    held = eqn.params["_prim"]
    if type(held).__name__ == "RematTraced":
        params = {"jaxpr": reader.enclosed(held.jaxpr), "policy": held.policy}
        return Box(CHECKPOINT, dom, cod, op=CHECKPOINT, params={**params, "prevent_cse": True, "differentiated": False})
    if type(held).__name__ == "CheckpointName":
        return Box("name", dom, cod, op="name", params={"name": held.name})
    for rule, op in (("vjp_fwd", "custom_vjp_call"), ("jvp", "custom_jvp_call")):
        if _says(held, rule):
            return custom(reader, _call(eqn, held, op, dom), dom, cod)
    return None


def _says(held: Any, rule: str) -> bool:
    """Whether the class of a primitive, or of that which it is the `vmap` of, has a rule of its own."""
    while type(held).__name__ == "VmapOf":
        held = held.prim
    return getattr(type(held), rule) is not getattr(type(held).__mro__[-2], rule)


def _call(eqn: Any, held: Any, op: str, dom: Ty) -> Any:
    """The equation as one of the older form."""
    params = {
        **{k: v for k, v in held.params.items() if k != "traced"},
        "call_jaxpr": _definition(held, dom),
        "num_consts": 0,
        "symbolic_zeros": bool(getattr(held, "symbolic_zeros", False)),
    }
    as_before = SimpleNamespace(name=op, bind=eqn.primitive.bind, get_bind_params=lambda _: {"_prim": held})
    return SimpleNamespace(primitive=as_before, params=params, invars=eqn.invars, outvars=eqn.outvars)


def _definition(held: Any, dom: Ty) -> Any:
    """The program that a primitive stands for."""
    traced = getattr(held, "traced", None)
    if traced is not None and not getattr(traced, "_consts", (None,)):
        return traced.jaxpr

    def run(*values: Any) -> Any:
        return jax.tree.leaves(held.expand(*jax.tree.unflatten(held.in_tree, values)))

    return jax.make_jaxpr(run)(*[aval(w) for w in dom.inside])
