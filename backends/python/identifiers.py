"""Names: identifiers of Python from names of boxes, wires and parameters, each of them once.

The way back through `dense` is `dense_back`, its tangent map `dense_tangent`. A name never hides another one that is
seen where it stands: a keyword or builtin of Python, a module, a function of the program, a variable of the function
around.

>>> identifier("R[dense]_1"), identifier("block/dense 2"), identifier("lambda")
('dense_1_back', 'block_dense_2', 'lambda_')
"""

from __future__ import annotations

import builtins
import keyword
import re

from ...diagrams.box import Box
from .expressions import Expr

__all__ = ["KINDS", "RESERVED", "STEMS", "Names", "cotangent", "identifier", "partner", "titles"]

RESERVED = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
RESERVED |= {"jax", "jnp", "lax", "np", "base64", "partial", "primitives", "params", "checkpoint_name"}

# What a value is called that one box of JAX's makes, where the box's own name is a builtin or says little.
STEMS = {
    **dict.fromkeys(("add", "add_any"), "total"),
    **dict.fromkeys(("lt", "gt", "le", "ge", "eq", "ne", "and", "or", "not", "lt_to", "le_to", "eq_to"), "mask"),
    **dict.fromkeys(("reduce_and", "reduce_or", "is_finite"), "mask"),
    **dict.fromkeys(("max", "reduce_max"), "largest"),
    **dict.fromkeys(("min", "reduce_min"), "smallest"),
    **dict.fromkeys(("convert_element_type", "bitcast_convert_type"), "converted"),
    **dict.fromkeys(("pow", "integer_pow"), "power"),
    **dict.fromkeys(("dynamic_slice", "slice", "squeeze"), "part"),
    **dict.fromkeys(("shift_left", "shift_right_logical", "shift_right_arithmetic"), "shifted"),
    **dict.fromkeys(("broadcast_in_dim", "reshape"), "reshaped"),
    "gather": "taken",
    "conv_general_dilated": "conv",
    "sub": "difference",
    "mul": "product",
    "div": "ratio",
    "neg": "negative",
    "abs": "size",
    "round": "rounded",
    "dot_general": "dot",
    "reduce_sum": "total",
    "reduce_prod": "product",
    "select_n": "chosen",
    "transpose": "transposed",
    "iota": "numbers",
    "rev": "flipped",
    "concatenate": "joined",
    "stop_gradient": "fixed",
    "logistic": "sigmoid",
    "custom_linear_solve": "solution",
    "constant": "constant",
    "sort": "ordered",
    "complex": "pair",
    "remat2": "block",
    "scan": "result",
    "while": "result",
    "cond": "result",
    "random_bits": "bits",
    "random_split": "keys",
}


# What data of a kind is called.
KINDS = {"Key": "key", "B": "mask"}


def identifier(name: str) -> str:
    """A name of Python's for the name of a box."""
    found = re.fullmatch(r"([RD])\[(.*)\](_\d+)?", name)
    if found:
        kind, inner, count = found.groups()
        return f"{identifier(inner + (count or '')).rstrip('_')}_{'back' if kind == 'R' else 'tangent'}"
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "value"
    plain = "function" if name == "<lambda>" else plain
    plain = f"n{plain}" if plain[0].isdigit() else plain
    return f"{plain}_" if plain in RESERVED else plain


def partner(box: Box, name: str) -> str:
    """The name in its graph of the box that a box called `name` there is the way back or the tangent map of, or ""."""
    return box.of + name.removeprefix(box.name) if box.role else ""


def cotangent(e: Expr) -> str:
    """The name of the cotangent of an expression: `dw` of `w`, and `d_dense_w` of `params["dense"]["w"]`."""
    text = "_".join(re.findall(r'\["([^"]*)"\]', e.text)) or e.text
    if not re.fullmatch(r"\w+", text) or e.value is not None:
        text = e.hint or "x"
    return f"d{text}" if re.fullmatch(r"[a-z](_?\d+)?", text) else f"d_{identifier(text)}"


def titles(xs: list[Expr]) -> list[str]:
    """A name for each argument of a function: its role, or x, y, z, ... for data; a name may come twice."""
    data = iter("xyzuv")
    return [e.role or KINDS.get(e.wire.kind) or next(data, "x") for e in xs]


class Names:
    """The names of one function, which hides none of those around it.

    `functions` are those of the program's functions, and `used` those of all variables, which a later function avoids.
    """

    def __init__(self, functions: set[str], used: set[str], around: Names | None = None) -> None:
        self.functions, self.used = functions, used
        self.taken: set[str] = set(around.taken) if around else set()
        self.counts: dict[str, int] = {}

    def fresh(self, name: str) -> str:
        """The name, or with `_1`, `_2`, ... if it is taken; a name of a function is what it gives `out`."""
        name = identifier(name)
        base = f"{name}_out" if name in self.functions else name
        while base in self.functions:
            base += "_"
        stem = re.sub(r"_\d+$", "", base) if base in self.taken else base
        found, k = base, self.counts.get(stem, 0)
        while found in self.taken or found in self.functions:
            k += 1
            found = f"{stem}_{k}"
        self.counts[stem] = k
        self.taken.add(found)
        self.used.add(found)
        return found

    def exactly(self, name: str) -> str:
        """A name that was asked for."""
        self.taken.add(name)
        self.used.add(name)
        return name

    def function(self, name: str) -> str:
        """A name for a function of the program, which no variable has."""
        base = identifier(name)
        found, k = base, 0
        while found in self.functions or found in self.used or found in self.taken:
            k += 1
            found = f"{base}_{k}"
        self.functions.add(found)
        return found
