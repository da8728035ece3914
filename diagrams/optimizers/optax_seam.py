"""Any gradient transformation of optax as an optimizer: the only file that imports optax.

S is the leaves of `init(params)`, named by their paths; `get` is the projection to P, and `put` traces
`update` and `apply_updates` on the nested dict of the parameters, with the gradient -q.

>>> import optax
>>> from paralens import Param, R
>>> cell = from_optax(optax.adam(1e-3)).cell([(("w",), Param(R(2)))])
>>> ["/".join(path) for path, _ in cell.state]
['0/count', '0/mu/w', '0/nu/w']
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import jax
import jax.numpy as jnp

from ...categories.errors import CompositionError
from ...categories.lens import Lens
from ...categories.param import Entry, Path, leaves, nested
from ..syntax import Diagram
from ..tracing.arrays import aval, wire_of
from ..tracing.jaxpr import from_jax
from ..types import Ty
from .optimizer import Cell, Optimizer, changes, pair, refuse_unfit, weights

__all__ = ["from_optax"]


def from_optax(transformation: Any, name: str = "optax") -> Optimizer:
    """The optimizer of a `GradientTransformation` of optax, which takes the whole step, its rate included.

    Raises `CompositionError` for anything else, and from `cell` for one whose update needs more than gradients and
    parameters.
    """
    if not (callable(getattr(transformation, "init", None)) and callable(getattr(transformation, "update", None))):
        raise CompositionError(
            f"from_optax takes a gradient transformation, such as optax.adam(1e-3), not {transformation!r}"
        )
    return Optimizer(name, True, _wrapped, (("transformation", transformation),), True, f"from_optax({name})")


def _wrapped(name: str, entries: Sequence[Entry], transformation: Any) -> Cell:
    refuse_unfit(name, entries)
    weight, paths = weights(entries), [path for path, _ in entries]
    try:
        with _ordinary():
            shapes = jax.eval_shape(transformation.init, nested(paths, [aval(w) for w in weight.inside]))
            found, treedef = jax.tree_util.tree_flatten_with_path(shapes)
            states = Ty.of(wire_of(leaf) for _, leaf in found)
            update = _update(transformation, paths, treedef, [leaf.dtype for _, leaf in found])
            put = from_jax(update, *states, *weight, *weight).boxed(name)
            start = from_jax(_start(transformation, paths, treedef, states), *weight)
    except Exception as error:
        raise CompositionError(f"{name}: the transformation refuses {weight}: {error}") from error
    get = Diagram.wires(states @ weight, range(len(states), len(states) + len(weight)))
    lens = Lens.of(get, put, pair(states @ weight), pair(weight, changes(entries)))
    return Cell(lens, tuple(zip([_path(keys) for keys, _ in found], states, strict=True)), start)


def _update(transformation: Any, paths: Sequence[Path], treedef: Any, dtypes: Sequence[Any]) -> Any:
    """The function S ⊗ P ⊗ P' -> S ⊗ P of flat arrays."""
    import optax

    def update(*wires: jax.Array) -> list[jax.Array]:
        n, m = treedef.num_leaves, len(paths)
        state, params = jax.tree.unflatten(treedef, wires[:n]), nested(paths, wires[n : n + m])
        gradient = nested(paths, [-q for q in wires[n + m :]])
        updates, after = transformation.update(gradient, state, params)
        new = dict(leaves(optax.apply_updates(params, updates)))  # type: ignore[arg-type]
        kept = [_cast(leaf, dtype) for leaf, dtype in zip(treedef.flatten_up_to(after), dtypes, strict=True)]
        return [*kept, *(new[path] for path in paths)]

    return update


def _start(transformation: Any, paths: Sequence[Path], treedef: Any, states: Ty) -> Any:
    dtypes = [aval(w).dtype for w in states.inside]

    def start(*params: jax.Array) -> list[jax.Array]:
        state = treedef.flatten_up_to(transformation.init(nested(paths, params)))
        return [_cast(leaf, dtype) for leaf, dtype in zip(state, dtypes, strict=True)]

    return start


def _cast(leaf: Any, dtype: Any) -> jax.Array:
    """The leaf as an array of the dtype that it began with: S is the same before and after."""
    return leaf if getattr(leaf, "dtype", None) == dtype else jnp.asarray(leaf, dtype)


def _ordinary() -> ExitStack:
    """JAX's ordinary promotion, which optax is written for."""
    stack = ExitStack()
    stack.enter_context(jax.numpy_dtype_promotion("standard"))
    stack.enter_context(jax.numpy_rank_promotion("allow"))
    return stack


def _path(keys: Any) -> Path:
    """The path of a leaf of the state; a state that is one array has the path `state`."""
    text = jax.tree_util.keystr(keys, simple=True, separator="/")
    return tuple(part for part in text.split("/") if part) or ("state",)
