"""Random keys, transforms and other boxes that public functions of JAX make.

Decompositions and special functions that stand in no table are calls of the primitive itself (`params.bound`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...diagrams.box import Box
from .expressions import Expr, array, call, dtype_text, plain, tuple_text
from .operators import Writing
from .params import Several, written

__all__ = ["LIBRARY"]

# JAX's public names of its PRNGs by their tags.
GENERATORS = {"fry": "threefry2x32", "rbg": "rbg", "urbg": "unsafe_rbg"}


def _generator(box: Box) -> str | None:
    impl = getattr(box.params["impl"], "name", None) or getattr(box.params["impl"], "tag", None)
    return json.dumps(GENERATORS.get(impl, impl)) if impl else None


def _seed(box: Box, xs: Sequence[Expr]) -> str | None:
    impl = _generator(box)
    if impl is None or box.dom.inside[0].shape:
        return None
    return call("jax.random.key", xs[0].text, impl=impl)


def _wrap(box: Box, xs: Sequence[Expr]) -> str | None:
    impl = _generator(box)
    return call("jax.random.wrap_key_data", array(xs[0]).text, impl=impl) if impl else None


def _bits(box: Box, xs: Sequence[Expr]) -> str | None:
    if box.dom.inside[0].shape:
        return None
    return call("jax.random.bits", xs[0].text, tuple_text(box.params["shape"]), dtype_text(box.cod.inside[0].dtype))


def _split(box: Box, xs: Sequence[Expr]) -> str | None:
    if box.dom.inside[0].shape:
        return None
    shape = box.params["shape"]
    return call("jax.random.split", xs[0].text, str(shape[0]) if len(shape) == 1 else tuple_text(shape))


def _fold(box: Box, xs: Sequence[Expr]) -> str | None:
    if box.dom.inside[0].shape or box.dom.inside[1].shape:
        return None
    return call("jax.random.fold_in", xs[0].text, plain(xs[1]).text)


def _of_key(name: str) -> Writing:
    return Writing(lambda box, xs: call(f"jax.random.{name}", xs[0].text))


def _together(name: str) -> Writing:
    """A function of a tuple of arrays that gives one."""

    def write(box: Box, xs: Sequence[Expr]) -> str:
        texts = [array(x).text for x in xs]
        if len(texts) == 1:
            return call(name, texts[0])
        return Several(call(name, tuple_text(texts)))

    return Writing(write)


def _put(box: Box, xs: Sequence[Expr]) -> str | None:
    p = box.params
    if any(v is not None for k in ("devices", "srcs") for v in p[k]):
        return None
    texts = [array(x).text for x in xs]
    return call("jax.device_put", texts[0]) if len(texts) == 1 else Several(call("jax.device_put", tuple_text(texts)))


def _platform(box: Box, xs: Sequence[Expr]) -> str | None:
    options, dtype = {}, dtype_text(box.cod.inside[0].dtype)
    for i, names in enumerate(box.params["platforms"]):
        for name in names or ("default",):
            options[name] = f"lambda: {dtype}({i})"
    return call("lax.platform_dependent", **options)


def _fourier(box: Box, xs: Sequence[Expr]) -> str:
    kind = box.params["fft_type"].name
    return call("lax.fft", array(xs[0]).text, f"lax.FftType.{kind}", tuple_text(box.params["fft_lengths"]))


def _empty(box: Box, xs: Sequence[Expr]) -> str | None:
    if getattr(box.params.get("memory_space"), "name", "Device") != "Device":
        return None
    return call("lax.empty", tuple_text(box.cod.inside[0].shape), dtype_text(box.cod.inside[0].dtype))


def _ragged(box: Box, xs: Sequence[Expr]) -> str:
    numbers, *others = (box.params[k] for k in RAGGED)
    pairs = zip(RAGGED[1:3], others, strict=False)
    options = {k: written(v) for k, v in pairs if v is not None}
    return call("lax.ragged_dot_general", *[array(x).text for x in xs], written(numbers), **options)


RAGGED = ("ragged_dot_dimension_numbers", "precision", "preferred_element_type")

LIBRARY: dict[str, Writing] = {
    "random_seed": Writing(_seed, ("impl",)),
    "random_wrap": Writing(_wrap, ("impl",)),
    "random_bits": Writing(_bits, ("bit_width", "shape")),
    "random_split": Writing(_split, ("shape",)),
    "random_fold_in": Writing(_fold),
    "random_unwrap": _of_key("key_data"),
    "random_clone": _of_key("clone"),
    "optimization_barrier": _together("lax.optimization_barrier"),
    "device_put": Writing(_put, ("copy_semantics", "devices", "srcs")),
    "platform_index": Writing(_platform, ("platforms",)),
    "fft": Writing(_fourier, ("fft_type", "fft_lengths")),
    "ragged_dot_general": Writing(_ragged, RAGGED),
    "empty": Writing(_empty, ("shape", "dtype")),
    "empty2": Writing(_empty, ("dtype", "memory_space")),
}
