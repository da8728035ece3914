"""Arrays: shapes, reductions, constants and parts of arrays.

An axis that is only inserted, or repeated, is left to numpy's broadcasting where the next box broadcasts; a sum whose
axis comes back with one entry is `keepdims=True`; a part of one entry that loses its axis is an index.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...diagrams.box import Box
from ...diagrams.params import Constant
from ...diagrams.types import Wire
from .expressions import ATOM, Expr, array, at, call, dtype_text, is_default, item, number, plain, reshaped, tuple_text
from .operators import Writing
from .params import Several
from .writer import Block

__all__ = ["ARRAYS", "array_text", "constant", "is_view"]

SMALL = 16
Written = Expr | str | Several | None


def is_view(box: Box) -> bool:
    """Whether a box gives its input to numpy's broadcasting: it inserts and repeats axes, or does nothing."""
    if box.op == "broadcast_in_dim":
        return True
    if box.op == "reshape":
        return _inserted(box) is not None
    if box.op == "split":
        return box.n_out == 1
    return box.op.startswith("reduce_") and box.params.get("axes") == ()


def _inserted(box: Box) -> list[int] | None:
    """Where the axes of the input are in the result, for a reshape that inserts axes of one entry."""
    before, after = box.dom.inside[0].shape, box.cod.inside[0].shape
    if box.params.get("dimensions") is not None or len(after) < len(before):
        return None
    dims, i = [], 0
    for k, n in enumerate(after):
        if i < len(before) and n == before[i]:
            dims.append(k)
            i += 1
        elif n != 1:
            return None
    return dims if i == len(before) else None


def _view(box: Box, x: Expr, dims: Sequence[int]) -> Expr:
    after = box.cod.inside[0]
    made, kept = reshaped(x, after, dims), x.also.get(_kept_as(dims, len(after.shape)))
    if kept is None or made.text == x.text:
        return made
    return replace(kept, wire=after, own_shape=kept.shape)


def _broadcast(box: Box, xs: Sequence[Expr]) -> Expr:
    return _view(box, xs[0], box.params["broadcast_dimensions"])


def _reshape(box: Box, xs: Sequence[Expr]) -> Expr | str:
    (x,), sizes, dims = xs, box.params["new_sizes"], _inserted(box)
    if dims is not None:
        return _view(box, x, dims)
    if box.params.get("dimensions") is not None:
        return call("lax.reshape", array(x).text, tuple_text(sizes), str(box.params["dimensions"]))
    text = f"{item(x)}.reshape({', '.join(map(str, sizes)) or '()'})"
    shape = x.wire.shape
    rest = [i for i, n in enumerate(shape) if n != 1]
    return _less(box, x, rest, text) if [shape[i] for i in rest] == list(sizes) else text


def _less(box: Box, x: Expr, rest: Sequence[int], text: str) -> Expr:
    """The array with its axes `rest` alone, the others of one entry: it may come back with those that it had."""
    after, gone = box.cod.inside[0], len(x.wire.shape) - len(x.shape)
    if all(i in rest for i in range(gone, len(x.wire.shape))):
        return x.standing_for(after)
    return Expr(text, after, also={_kept_as(rest, len(x.wire.shape)): x})


def _kept_as(rest: Sequence[int], n: int) -> str:
    """The key of an array of n axes whose axes `rest` the result has."""
    return f"kept {tuple_text(rest)} of {n}"


def reduction(name: str, otherwise: str, dtypes: tuple[str, ...] = ()) -> Writing:
    """A reduction along axes; `jax.numpy` computes some dtypes in others, and those are left to `lax`."""

    def write(box: Box, xs: Sequence[Expr]) -> Expr | str | None:
        (x,), axes, w = xs, box.params["axes"], box.dom.inside[0]
        if not axes:
            return x
        text = array(x).text
        if dtypes and w.dtype not in dtypes:
            return call(f"lax.{otherwise}", text, tuple_text(axes))
        options = {} if len(axes) == len(w.shape) else {"axis": str(axes[0] if len(axes) == 1 else axes)}
        rest = [i for i in range(len(w.shape)) if i not in axes]
        if all(w.shape[i] == 1 for i in axes):
            return _less(box, x, rest, f"{item(x)}.squeeze({axes[0] if len(axes) == 1 else axes})")
        one = Wire(tuple(1 if i in axes else n for i, n in enumerate(w.shape)), w.dtype)
        kept = Expr(call(name, text, **options, keepdims="True"), one)
        return Expr(call(name, text, **options), box.cod.inside[0], also={_kept_as(rest, len(w.shape)): kept})

    return Writing(write, ("axes",))


def _argument(name: str) -> Writing:
    def write(box: Box, xs: Sequence[Expr]) -> str | None:
        if len(box.params["axes"]) != 1:
            return None
        return call(f"lax.{name}", array(xs[0]).text, str(box.params["axes"][0]), dtype_text(box.cod.inside[0].dtype))

    return Writing(write, ("axes", "index_dtype"))


def _cumulative(box: Box, xs: Sequence[Expr]) -> str:
    options = {"reverse": "True"} if box.params["reverse"] else {}
    return call(f"lax.{box.op}", array(xs[0]).text, axis=str(box.params["axis"]), **options)


def _transpose(box: Box, xs: Sequence[Expr]) -> Expr | str:
    order, (x,) = list(box.params["permutation"]), xs
    n = len(order)
    if order == [1, 0] and "T" in x.also and x.own_shape is None:
        return replace(x.also["T"], wire=box.cod.inside[0])
    if order == list(range(n))[::-1]:
        return f"{item(x)}.T"
    if order == [*range(n - 2), n - 1, n - 2]:
        return f"{item(x)}.mT"
    return call("jnp.transpose", array(x).text, tuple_text(order))


def _slice(box: Box, xs: Sequence[Expr]) -> Expr:
    p, shape, (x,) = box.params, box.dom.inside[0].shape, xs
    steps = p["strides"] or (1,) * len(shape)
    parts = [_range(*part) for part in zip(p["start_indices"], p["limit_indices"], steps, shape, strict=True)]
    bounds = zip(p["start_indices"], p["limit_indices"], shape, strict=True)
    single = {i: str(a) for i, (a, b, n) in enumerate(bounds) if b == a + 1 and n > 1}
    point = Expr(_indexed(item(x), [single.get(i, part) for i, part in enumerate(parts)]), box.cod.inside[0])
    return Expr(_indexed(item(x), parts), box.cod.inside[0], also={f"point {tuple_text(list(single))}": point})


def _range(start: int, stop: int, step: int, n: int) -> str:
    text = f"{start or ''}:{'' if stop == n else stop}"
    return text if step == 1 else f"{text}:{step}"


def _indexed(text: str, parts: list[str]) -> str:
    while parts and parts[-1] == ":":
        parts = parts[:-1]
    return f"{text}[{', '.join(parts)}]" if parts else text


def _squeeze(box: Box, xs: Sequence[Expr]) -> Expr | str:
    dims, (x,) = box.params["dimensions"], xs
    point = x.also.get(f"point {tuple_text(dims)}")
    if point is not None:
        return replace(point, wire=box.cod.inside[0])
    text = f"{item(x)}.squeeze({dims[0] if len(dims) == 1 else tuple_text(dims)})"
    return _less(box, x, [i for i in range(len(x.wire.shape)) if i not in dims], text)


def _reverse(box: Box, xs: Sequence[Expr]) -> str:
    dims = box.params["dimensions"]
    return call("jnp.flip", array(xs[0]).text, axis=str(dims[0] if len(dims) == 1 else dims))


def _pad(box: Box, xs: Sequence[Expr]) -> str:
    (x, value), config = xs, box.params["padding_config"]
    plainly = bool(config) and all(low >= 0 and high >= 0 and inner == 0 for low, high, inner in config)
    if plainly and value.value is not None and value.value == 0:
        return call("jnp.pad", array(x).text, tuple_text([(low, high) for low, high, _ in config]))
    return call("lax.pad", array(x).text, plain(value).text, tuple_text(config))


def _joined(name: str, key: str) -> Writing:
    def write(box: Box, xs: Sequence[Expr]) -> str:
        return call(name, f"[{', '.join(array(x).text for x in xs)}]", axis=str(box.params[key]))

    return Writing(write, (key,))


def _split(box: Box, xs: Sequence[Expr]) -> Expr | str:
    if box.n_out == 1:
        return xs[0]  # the only part is the whole
    return Several(call("lax.split", array(xs[0]).text, tuple_text(box.params["sizes"]), axis=str(box.params["axis"])))


def _unstack(box: Box, xs: Sequence[Expr]) -> str:
    text = call("jnp.unstack", array(xs[0]).text, axis=str(box.params["axis"]))
    return f"{text}[0]" if box.n_out == 1 else Several(text)


def _tile(box: Box, xs: Sequence[Expr]) -> str:
    return call("jnp.tile", array(xs[0]).text, tuple_text(box.params["reps"]))


def _numbers(box: Box, xs: Sequence[Expr]) -> str:
    shape, dtype = box.params["shape"], dtype_text(box.cod.inside[0].dtype)
    if len(shape) == 1:
        default = box.cod.inside[0].kind == "Z" and is_default(box.cod.inside[0].dtype)
        return call("jnp.arange", str(shape[0])) if default else call("lax.iota", dtype, str(shape[0]))
    return call("lax.broadcasted_iota", dtype, tuple_text(shape), str(box.params["dimension"]))


def _sort(box: Box, xs: Sequence[Expr]) -> str:
    p, (first, *others) = box.params, [array(x).text for x in xs]
    if not others and p["is_stable"]:
        last = p["dimension"] == len(box.dom.inside[0].shape) - 1
        return call("jnp.sort", first, **({} if last else {"axis": str(p["dimension"])}))
    options = {"dimension": str(p["dimension"]), "is_stable": str(p["is_stable"]), "num_keys": str(p["num_keys"])}
    text = call("lax.sort", tuple_text([first, *others]), **options)
    return f"{text}[0]" if not others else Several(text)


def _top(box: Box, xs: Sequence[Expr]) -> Several | None:
    if box.params.get("axis", 0) not in (-1, len(box.dom.inside[0].shape) - 1):
        return None
    return Several(call("lax.top_k", array(xs[0]).text, str(box.params["k"])))


# -- constants ---------------------------------------------------------------------------------


def constant(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> Expr:
    """An array that the diagram holds: a number, a small array in place, or a name of a large one at the end."""
    held: Constant = box.params["value"]
    value, w = np.asarray(held.value), box.cod.inside[0]
    if "impl" in box.params:
        text = array_text(block, value, "uint32")
        return Expr(call("jax.random.wrap_key_data", text, impl=json.dumps(box.params["impl"])), w, hint="key")
    if not w.shape:
        return number(value, w)
    if value.size and value.tobytes() == value.reshape(-1)[:1].tobytes() * value.size:
        return number(value.reshape(-1)[0], Wire((), w.dtype)).standing_for(w, ())
    return Expr(array_text(block, value, w.dtype), w, hint="constant")


def array_text(block: Block, value: np.ndarray[Any, Any], dtype: str) -> str:
    """The text of an array; a large one is kept at the end of the program, under a name."""
    if not value.size:
        return call("jnp.zeros", tuple_text(value.shape), dtype_text(dtype))
    if value.size <= SMALL:
        return call("jnp.array", _listed(value, dtype), dtype_text(dtype))
    key, arrays = (dtype, value.shape, value.tobytes()), block.program.arrays
    if key not in arrays:
        arrays[key] = block.names.function(f"ARRAY_{len(arrays)}"), value, dtype
    return arrays[key][0]


def _listed(value: np.ndarray[Any, Any], dtype: str) -> str:
    if value.ndim == 0:
        return at(number(value, Wire((), dtype)), ATOM)
    return f"[{', '.join(_listed(v, dtype) for v in value)}]"


SUMMED = ("float32", "float64", "complex64", "complex128")

ARRAYS: dict[str, Writing] = {
    "broadcast_in_dim": Writing(_broadcast, ("broadcast_dimensions", "shape")),
    "reshape": Writing(_reshape, ("new_sizes", "dimensions")),
    "transpose": Writing(_transpose, ("permutation",)),
    "squeeze": Writing(_squeeze, ("dimensions",)),
    "slice": Writing(_slice, ("start_indices", "limit_indices", "strides")),
    "rev": Writing(_reverse, ("dimensions",)),
    "pad": Writing(_pad, ("padding_config",)),
    "concatenate": _joined("jnp.concatenate", "dimension"),
    "stack": _joined("jnp.stack", "axis"),
    "split": Writing(_split, ("sizes", "axis")),
    "unstack": Writing(_unstack, ("axis", "num")),
    "tile": Writing(_tile, ("reps",)),
    "iota": Writing(_numbers, ("dtype", "shape", "dimension")),
    "sort": Writing(_sort, ("dimension", "is_stable", "num_keys")),
    "top_k": Writing(_top, ("k", "axis")),
    "reduce_sum": reduction("jnp.sum", "reduce_sum", SUMMED),
    "reduce_prod": reduction("jnp.prod", "reduce_prod", SUMMED),
    "reduce_max": reduction("jnp.max", "reduce_max"),
    "reduce_min": reduction("jnp.min", "reduce_min"),
    "reduce_and": reduction("jnp.all", "reduce_and", ("bool",)),
    "reduce_or": reduction("jnp.any", "reduce_or", ("bool",)),
    "reduce_xor": reduction("lax.reduce_xor", "reduce_xor", ("none",)),
    "argmax": _argument("argmax"),
    "argmin": _argument("argmin"),
    **{
        op: Writing(_cumulative, ("axis", "reverse"))
        for op in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp")
    },
}
