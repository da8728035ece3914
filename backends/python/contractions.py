"""Products: matrix products, convolutions, windows, and reading from and writing to places.

A contraction is `x @ y` where numpy says the same, with transposed operands where need be, else an `einsum`. The
transpose of a matrix product is the product of the operands the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jax import lax

from ...diagrams.box import Box
from ...diagrams.types import Wire, wire
from .expressions import ATOM, PRODUCT, Expr, array, call, dtype_text, infix, item, number, tuple_text
from .operators import Writing
from .params import Unwritten, written

__all__ = ["PRODUCTS"]

# Negative places stay what they are in a box: outside of the array.
WRAP = "wrap_negative_indices=False"
LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


def _dot(box: Box, xs: Sequence[Expr]) -> Expr | str | None:
    x, y = map(array, xs)
    contract, batch = box.params["dimension_numbers"]
    options = _options(box)
    if options is None:
        return None
    sides = _matrices(x, y, contract, batch)
    if sides is None:
        return _einsum(box, x, y, contract, batch, options)
    made = _matmul(box, *sides, options)
    if len(x.wire.shape) == len(y.wire.shape) == 2:
        turned = _matmul(box, _turned(sides[1]), _turned(sides[0]), options)
        return replace(made, also={"T": turned})
    return made


def _options(box: Box) -> dict[str, str] | None:
    """The keywords of a product that is not computed in the dtype of its operands; nothing if they have no text."""
    p, dtypes = box.params, {w.dtype for w in (*box.dom.inside, *box.cod.inside)}
    if len({w.dtype for w in box.dom.inside}) > 1:
        return None
    options = {}
    try:
        if p["precision"] is not None:
            options["precision"] = _precision(p["precision"])
    except Unwritten:
        return None
    preferred = p["preferred_element_type"]
    if len(dtypes) > 1 or (preferred is not None and str(preferred) not in dtypes):
        options["preferred_element_type"] = dtype_text(str(preferred))
    return options


def _precision(value: Any) -> str:
    same = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
    return json.dumps(same.name.lower()) if isinstance(same, lax.Precision) else written(value)


def _matmul(box: Box, x: Expr, y: Expr, options: dict[str, str]) -> Expr:
    w = box.cod.inside[0]
    if options:
        return Expr(call("jnp.matmul", x.text, y.text, **options), w)
    return Expr(infix("@", PRODUCT, x, y), w, PRODUCT)


def _turned(x: Expr) -> Expr:
    """The matrix, or stack of matrices, with its last two axes exchanged."""
    if x.text.endswith((".T", ".mT")) and x.level == ATOM:
        return replace(x, text=x.text.rsplit(".", 1)[0])
    return Expr(f"{item(x)}.{'T' if len(x.wire.shape) == 2 else 'mT'}", _swapped(x.wire))


def _swapped(w: Wire) -> Wire:
    return wire((*w.shape[:-2], w.shape[-1], w.shape[-2]), w.dtype)


def _matrices(x: Expr, y: Expr, contract: Any, batch: Any) -> tuple[Expr, Expr] | None:
    """The operands, transposed if need be, whose `@` is the contraction; nothing if there are none."""
    n, m = len(x.wire.shape), len(y.wire.shape)
    (left, right), k = contract, len(batch[0])
    stacked = tuple(range(k)) == tuple(batch[0]) == tuple(batch[1])
    if len(left) != 1 or not stacked or n <= k or m <= k:
        return None
    if k and not (n == m == k + 2):
        return None
    if not k and m > 2:
        return None
    if left[0] != n - 1:
        if n - k != 2:
            return None
        x = _turned(x)
    if right[0] != max(m - 2, 0):
        y = _turned(y)
    return x, y


def _einsum(box: Box, x: Expr, y: Expr, contract: Any, batch: Any, options: dict[str, str]) -> Expr | str | None:
    n, m, pairs = len(x.wire.shape), len(y.wire.shape), [*zip(*batch, strict=True), *zip(*contract, strict=True)]
    if n + m > len(LETTERS):
        return None
    if not pairs and n == m == 1 and not options:
        turned = Expr(call("jnp.outer", y.text, x.text), box.cod.inside[0])
        return Expr(call("jnp.outer", x.text, y.text), box.cod.inside[0], also={"T": turned})
    left, shared, others = list(LETTERS[:n]), {j: i for i, j in pairs}, iter(LETTERS[n:])
    right = [left[shared[j]] if j in shared else next(others) for j in range(m)]
    out = [left[i] for i in batch[0]]
    out += [c for i, c in enumerate(left) if i not in (*batch[0], *contract[0])]
    out += [c for j, c in enumerate(right) if j not in (*batch[1], *contract[1])]
    return call("jnp.einsum", f'"{"".join(left)},{"".join(right)}->{"".join(out)}"', x.text, y.text, **options)


# -- convolutions and windows ------------------------------------------------------------------


def _convolution(box: Box, xs: Sequence[Expr]) -> str | None:
    p, (x, kernel) = box.params, [array(e).text for e in xs]
    numbers, ones = p["dimension_numbers"], (1,) * len(p["window_strides"])
    specs = (numbers.lhs_spec, "NC"), (numbers.rhs_spec, "OI"), (numbers.out_spec, "NC")
    if len(ones) > 3:
        return None
    # JAX reads the order of the spatial axes off the letters of the kernel
    letters = f"({', '.join(json.dumps(_layout(*s)) for s in specs)})"
    ordered = sorted(numbers.rhs_spec[2:]) == list(numbers.rhs_spec[2:])
    options = {"dimension_numbers": letters if ordered else written(numbers)}
    for key in ("lhs_dilation", "rhs_dilation"):
        options |= {key: tuple_text(p[key])} if p[key] != ones else {}
    for key in ("feature_group_count", "batch_group_count"):
        options |= {key: str(p[key])} if p[key] != 1 else {}
    more = _options(box)
    if more is None:
        return None
    return call(
        "lax.conv_general_dilated",
        x,
        kernel,
        window_strides=tuple_text(p["window_strides"]),
        padding=tuple_text(p["padding"]),
        **options,
        **more,
    )


def _layout(spec: Sequence[int], ends: str) -> str:
    """The axes of an operand by their letters, such as NHWC."""
    letters = [""] * len(spec)
    for place, letter in zip(spec, ends + "DHW"[5 - len(spec) :], strict=True):
        letters[place] = letter
    return "".join(letters)


def _window(monoid: str, start: Any) -> Writing:
    def write(box: Box, xs: Sequence[Expr]) -> str | None:
        p, w = box.params, box.dom.inside[0]
        if w.kind != "R":
            return None
        n = len(w.shape)
        options = {k: tuple_text(p[k]) for k in ("base_dilation", "window_dilation") if p[k] != (1,) * n}
        sizes = [tuple_text(p[k]) for k in ("window_dimensions", "window_strides", "padding")]
        first = number(start, wire((), w.dtype)).text if w.dtype == "float32" else f"{dtype_text(w.dtype)}({start})"
        first = first.replace("(-inf", "(-jnp.inf").replace("(inf", "(jnp.inf")
        return call("lax.reduce_window", array(xs[0]).text, first, monoid, *sizes, **options)

    return Writing(write, ("window_dimensions", "window_strides", "padding", "base_dilation", "window_dilation"))


# -- places ------------------------------------------------------------------------------------

MODES = {
    lax.GatherScatterMode.CLIP: "clip",
    lax.GatherScatterMode.FILL_OR_DROP: "fill",
    lax.GatherScatterMode.PROMISE_IN_BOUNDS: "promise_in_bounds",
}


def _flags(box: Box) -> dict[str, str]:
    keys = ("indices_are_sorted", "unique_indices")
    return {k: "True" for k in keys if box.params[k]}


def _along(box: Box, places: Expr, axis: Sequence[int], window: Sequence[int]) -> str | None:
    """The index `[:, i]`: all entries of an array at places along one axis, if a box reads or writes those."""
    shape, batch = box.dom.inside[0].shape, len(places.wire.shape) - 1
    if len(axis) != 1 or places.wire.shape[-1:] != (1,):
        return None
    (a,) = axis
    if list(window) != [*range(a), *range(a + batch, len(shape) - 1 + batch)]:
        return None
    return f"[{', '.join([':'] * a + [_last(places, batch)])}]"


def _last(places: Expr, batch: int) -> str:
    """The places without their last axis, of one entry."""
    if batch == 0 and not places.shape:
        return places.text
    text, ending = item(places), f"[{', '.join([':'] * batch + ['None'])}]"
    return text.removesuffix(ending) if text.endswith(ending) else f"{text}[..., 0]"


def _gather(box: Box, xs: Sequence[Expr]) -> str | None:
    p, (x, places), shape = box.params, xs, box.dom.inside[0].shape
    numbers, mode = p["dimension_numbers"], MODES.get(p["mode"])
    axis, batching = numbers.start_index_map, (*numbers.operand_batching_dims, *numbers.start_indices_batching_dims)
    fill = {} if p["fill_value"] is None else {"fill_value": _fill(p["fill_value"])}
    whole = all(n == (1 if i in axis else m) for i, (n, m) in enumerate(zip(p["slice_sizes"], shape, strict=True)))
    if mode and whole and not batching and numbers.collapsed_slice_dims == axis:
        index = _along(box, places, axis, numbers.offset_dims)
        if index:
            return f"{item(x)}.at{index}.get(mode={json.dumps(mode)}, {_options_text(fill | _flags(box))}{WRAP})"
    return call(
        "lax.gather",
        array(x).text,
        array(places).text,
        written(numbers),
        tuple_text(p["slice_sizes"]),
        mode=written(p["mode"]),
        **_flags(box),
        **fill,
    )


def _fill(value: Any) -> str:
    return "jnp.nan" if value != value else written(value)


def _options_text(options: dict[str, str]) -> str:
    return "".join(f"{k}={v}, " for k, v in options.items())


def _scatter(name: str, method: str) -> Writing:
    def write(box: Box, xs: Sequence[Expr]) -> str | None:
        p, (x, places, updates) = box.params, xs
        numbers, mode = p["dimension_numbers"], MODES.get(p["mode"])
        axis, batching = numbers.scatter_dims_to_operand_dims, numbers.operand_batching_dims
        if p["update_consts"] or mode is None:
            return None
        if method and not batching and numbers.inserted_window_dims == axis:
            index = _along(box, places, axis, numbers.update_window_dims)
            if index:
                mode = json.dumps("drop" if mode == "fill" else mode)
                ends = f"mode={mode}, {_options_text(_flags(box))}{WRAP}"
                return f"{item(x)}.at{index}.{method}({array(updates).text}, {ends})"
        texts = [array(e).text for e in (x, places, updates)]
        return call(f"lax.{name}", *texts, written(numbers), mode=written(p["mode"]), **_flags(box))

    known = ("dimension_numbers", "indices_are_sorted", "unique_indices", "mode", "update_jaxpr", "update_consts")
    return Writing(write, known)


def _dynamic(box: Box, xs: Sequence[Expr]) -> str:
    n = 1 if box.op == "dynamic_slice" else 2
    arrays, places = [array(x).text for x in xs[:n]], xs[n:]
    options = {}
    if any(x.value is None or x.value < 0 for x in places):
        options["allow_negative_indices"] = "False"
    sizes = [tuple_text(box.params["slice_sizes"])] if n == 1 else []
    return call(f"lax.{box.op}", *arrays, tuple_text([x.text for x in places]), *sizes, **options)


DOT = ("dimension_numbers", "precision", "preferred_element_type")
CONVOLUTION = ("window_strides", "padding", "lhs_dilation", "rhs_dilation", "feature_group_count", "batch_group_count")
GATHER = ("dimension_numbers", "slice_sizes", "indices_are_sorted", "unique_indices", "mode", "fill_value")

PRODUCTS: dict[str, Writing] = {
    "dot_general": Writing(_dot, DOT),
    "conv_general_dilated": Writing(_convolution, (*DOT, *CONVOLUTION)),
    "reduce_window_max": _window("lax.max", float("-inf")),
    "reduce_window_min": _window("lax.min", float("inf")),
    "reduce_window_sum": _window("lax.add", 0.0),
    "gather": Writing(_gather, GATHER),
    "scatter": _scatter("scatter", "set"),
    "scatter-add": _scatter("scatter_add", "add"),
    "scatter-sub": _scatter("scatter_sub", ""),
    "scatter_sub": _scatter("scatter_sub", ""),
    "scatter-mul": _scatter("scatter_mul", "multiply"),
    "scatter_mul": _scatter("scatter_mul", "multiply"),
    "scatter-min": _scatter("scatter_min", "min"),
    "scatter_min": _scatter("scatter_min", "min"),
    "scatter-max": _scatter("scatter_max", "max"),
    "scatter_max": _scatter("scatter_max", "max"),
    "dynamic_slice": Writing(_dynamic, ("slice_sizes",)),
    "dynamic_update_slice": Writing(_dynamic),
}
