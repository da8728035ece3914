"""Operators: the elementwise functions, as Python and `jax.numpy` write them.

A rule gives the text of a box from those of its inputs. All are elementwise, so that an input which numpy broadcasts
stays as short as it is (`expressions`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from ...diagrams.box import Box
from .expressions import (
    AND,
    ATOM,
    COMPARE,
    OR,
    POWER,
    PRODUCT,
    SHIFT,
    SUM,
    UNARY,
    XOR,
    Expr,
    array,
    at,
    call,
    dtype_text,
    infix,
    number,
    plain,
    spread,
    typed,
)
from .params import Several, Unwritten, given

__all__ = ["OPERATORS", "Writing", "elementwise"]

Texts = Callable[[Box, Sequence[Expr]], "Expr | str | Several | None"]


@dataclass(frozen=True)
class Writing:
    """How a box is written: a function of the box and its inputs, which gives nothing where it does not apply.

    It knows what to make of the `known` parameters; with another one that is not None, the rule is not for the box.
    """

    write: Texts
    known: tuple[str, ...] = ()

    def __call__(self, box: Box, xs: Sequence[Expr]) -> Expr | str | Several | None:
        if any(k not in self.known and given(v) for k, v in box.params.items()):
            return None
        try:
            return self.write(box, xs)
        except Unwritten:
            return None


def elementwise(box: Box, xs: Sequence[Expr], text: str, level: int = ATOM) -> Expr:
    """The result of an elementwise text, at the shape that numpy gives it."""
    return Expr(text, box.cod.inside[0], level, spread(xs))


def _settled(xs: Sequence[Expr]) -> list[Expr]:
    """The inputs with at least one array among them, whose dtype the numbers take."""
    if any(x.value is None for x in xs):
        return list(xs)
    return [typed(xs[0]), *xs[1:]]


def operator(symbol: str, level: int, kinds: str = "RCZB", otherwise: str = "") -> Writing:
    """A binary operator for wires of these kinds; for others a function of `lax`."""

    def write(box: Box, xs: Sequence[Expr]) -> Expr:
        if any(w.kind not in kinds for w in box.dom.inside):
            return _lax(otherwise, box, xs)
        left, right = _settled(xs)
        return elementwise(box, xs, infix(symbol, level, left, right), level)

    return Writing(write)


def _shift(box: Box, xs: Sequence[Expr]) -> Expr:
    # Python's shift to the right is the logical one exactly for numbers without a sign
    if box.dom.inside[0].dtype.startswith("uint") != (box.op == "shift_right_logical"):
        return _lax(box.op, box, xs)
    left, right = _settled(xs)
    return elementwise(box, xs, infix(">>", SHIFT, left, right), SHIFT)


def _lax(name: str, box: Box, xs: Sequence[Expr]) -> Expr:
    if len(xs) == 1:
        return elementwise(box, xs, call(f"lax.{name}", typed(xs[0]).text))
    return Expr(call(f"lax.{name}", *[plain(x).text for x in xs]), box.cod.inside[0])


def function(name: str, kinds: str = "RCZB", otherwise: str = "", known: tuple[str, ...] = ()) -> Writing:
    """A function of `jax.numpy` of as many arrays; `otherwise`, of `lax`, for wires of other kinds."""

    def write(box: Box, xs: Sequence[Expr]) -> Expr | None:
        if any(w.kind not in kinds for w in box.dom.inside):
            return _lax(otherwise, box, xs) if otherwise else None
        return elementwise(box, xs, call(name, *[x.text for x in _settled(xs)]))

    return Writing(write, known)


def of_lax(name: str, known: tuple[str, ...] = ()) -> Writing:
    """A function of `lax`, which does not broadcast."""
    return Writing(lambda box, xs: _lax(name, box, xs), known)


def _unary(symbol: str, kinds: str) -> Writing:
    def write(box: Box, xs: Sequence[Expr]) -> Expr | None:
        (x,) = _settled(xs)
        if x.wire.kind not in kinds:
            return None
        return elementwise(box, xs, f"{symbol}{at(x, UNARY)}", UNARY)

    return Writing(write)


def _power(box: Box, xs: Sequence[Expr]) -> Expr | None:
    if any(w.kind not in "RC" or w.dtype != box.dom.inside[0].dtype for w in box.dom.inside):
        return _lax("pow", box, xs)
    left, right = _settled(xs)
    # a whole number as exponent would be another box
    return elementwise(box, xs, infix("**", POWER, left, right), POWER)


def _integer_power(box: Box, xs: Sequence[Expr]) -> Expr | None:
    (x,), y = _settled(xs), box.params["y"]
    if x.wire.kind == "B":
        return None
    return elementwise(box, xs, f"{at(x, ATOM)} ** {y}", POWER)


def _select(box: Box, xs: Sequence[Expr]) -> Expr | str:
    mask, *cases = xs
    if mask.wire.kind != "B" or len(cases) != 2:
        return call("lax.select_n", *[array(x).text for x in xs])
    no, yes = cases
    if no.value is not None and yes.value is not None:
        yes = typed(yes)
    return elementwise(
        box, xs, call("jnp.where", array(mask).text if mask.value is not None else mask.text, yes.text, no.text)
    )


def _clamp(box: Box, xs: Sequence[Expr]) -> str:
    low, x, high = xs
    return call("lax.clamp", plain(low).text, array(x).text, plain(high).text)


def _convert(box: Box, xs: Sequence[Expr]) -> Expr | None:
    (x,), w = xs, box.cod.inside[0]
    before, after = x.wire, w
    if before.dtype == after.dtype:
        return x
    if "Key" in (before.kind, after.kind):
        return None
    if before.kind == "C" and after.kind != "C":
        real = call("jnp.real", typed(x).text)
        same = {"complex64": "float32", "complex128": "float64"}[before.dtype] == after.dtype
        text = real if same else f"{real}.astype({dtype_text(w.dtype)})"
        return elementwise(box, xs, text) if after.kind == "R" else None
    if x.value is not None:
        made = number(np.asarray(x.value).astype(jnp.dtype(w.dtype)), w)
        return made.standing_for(w, ())
    found = elementwise(box, xs, f"{at(x, ATOM)}.astype({dtype_text(w.dtype)})")
    if before.kind != "B":
        return found
    return Expr(found.text, w, own_shape=found.own_shape, also={"truth": x})


def _conj(box: Box, xs: Sequence[Expr]) -> Expr | None:
    return elementwise(box, xs, call("jnp.conj", *[x.text for x in _settled(xs)])) if xs[0].wire.kind == "C" else None


def _round(box: Box, xs: Sequence[Expr]) -> str:
    return call("lax.round", array(xs[0]).text, f"lax.RoundingMethod.{box.params['rounding_method'].name}")


def _precision(box: Box, xs: Sequence[Expr]) -> str:
    p = box.params
    return call("lax.reduce_precision", array(xs[0]).text, str(p["exponent_bits"]), str(p["mantissa_bits"]))


def _bits(box: Box, xs: Sequence[Expr]) -> str:
    return call("lax.bitcast_convert_type", array(xs[0]).text, dtype_text(box.cod.inside[0].dtype))


def _named(box: Box, xs: Sequence[Expr]) -> str:
    return call("checkpoint_name", array(xs[0]).text, json.dumps(box.params["name"]))


NUMPY = {
    "max": "jnp.maximum",
    "min": "jnp.minimum",
    "exp": "jnp.exp",
    "exp2": "jnp.exp2",
    "log": "jnp.log",
    "log1p": "jnp.log1p",
    "expm1": "jnp.expm1",
    "sin": "jnp.sin",
    "cos": "jnp.cos",
    "tan": "jnp.tan",
    "asin": "jnp.arcsin",
    "acos": "jnp.arccos",
    "atan": "jnp.arctan",
    "atan2": "jnp.arctan2",
    "sinh": "jnp.sinh",
    "cosh": "jnp.cosh",
    "tanh": "jnp.tanh",
    "asinh": "jnp.arcsinh",
    "acosh": "jnp.arccosh",
    "atanh": "jnp.arctanh",
    "sqrt": "jnp.sqrt",
    "cbrt": "jnp.cbrt",
    "square": "jnp.square",
    "abs": "jnp.abs",
    "floor": "jnp.floor",
    "ceil": "jnp.ceil",
    "is_finite": "jnp.isfinite",
    "real": "jnp.real",
    "imag": "jnp.imag",
    "nextafter": "jnp.nextafter",
    "logistic": "jax.nn.sigmoid",
}
LAX = ("rsqrt", "erf", "erfc", "erf_inv", "lgamma", "digamma", "sign", "rem", "complex", "igamma", "igammac")
LAX += ("bessel_i0e", "bessel_i1e", "population_count", "clz", "polygamma", "zeta", "stop_gradient")

OPERATORS: dict[str, Writing] = {
    "add": operator("+", SUM, "RCZ", "add"),
    "add_any": operator("+", SUM, "RCZ", "add"),
    "sub": operator("-", SUM, "RCZ", "sub"),
    "mul": operator("*", PRODUCT, "RCZ", "mul"),
    "div": operator("/", PRODUCT, "RC", "div"),
    "and": operator("&", AND, "ZB", "bitwise_and"),
    "or": operator("|", OR, "ZB", "bitwise_or"),
    "xor": operator("^", XOR, "ZB", "bitwise_xor"),
    "shift_left": operator("<<", SHIFT, "Z"),
    "eq": operator("==", COMPARE, "RCZB", "eq"),
    "ne": operator("!=", COMPARE, "RCZB", "ne"),
    "lt": operator("<", COMPARE, "RZB", "lt"),
    "le": operator("<=", COMPARE, "RZB", "le"),
    "gt": operator(">", COMPARE, "RZB", "gt"),
    "ge": operator(">=", COMPARE, "RZB", "ge"),
    "neg": _unary("-", "RCZ"),
    "not": _unary("~", "ZB"),
    "pow": Writing(_power),
    "integer_pow": Writing(_integer_power, ("y",)),
    "select_n": Writing(_select),
    "clamp": Writing(_clamp),
    "convert_element_type": Writing(_convert, ("new_dtype", "weak_type")),
    "conj": Writing(_conj, ("input_dtype",)),
    "round": Writing(_round, ("rounding_method",)),
    "reduce_precision": Writing(_precision, ("exponent_bits", "mantissa_bits")),
    "bitcast_convert_type": Writing(_bits, ("new_dtype",)),
    "name": Writing(_named, ("name",)),
    "copy": function("jnp.copy", "RCZB"),
    **{op: function(name, otherwise=op if op in ("max", "min", "abs") else "") for op, name in NUMPY.items()},
    **{op: of_lax(op) for op in LAX},
    "shift_right_logical": Writing(_shift),
    "shift_right_arithmetic": Writing(_shift),
}
