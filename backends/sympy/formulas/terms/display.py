"""How our terms and matrices are written, in text and in LaTeX: one line each.

In text products of matrices are `A*B`, products entry by entry `A.*B` and `A.**2`, a column of ones `1`. In LaTeX these
are A B, A ∘ B and a bold 1, functions act entry by entry, and sums bind tighter than what is around them by brackets.
Only commands that matplotlib's mathtext knows are used, but for `Piecewise`, which is sympy's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sympy import Mul, Symbol, Transpose, fraction
from sympy.printing.precedence import PRECEDENCE, precedence

__all__ = ["LATEX", "TEXT", "Shown", "escaped"]

Writer = Callable[[Any, Any], str]
PRODUCT, POWER, ATOM = PRECEDENCE["Mul"], PRECEDENCE["Pow"], PRECEDENCE["Func"]


class Shown:
    """What is written by the tables below, under the name of its class."""

    __slots__ = ()
    precedence: Any = PRECEDENCE["Atom"]

    @property
    def parts(self) -> tuple[Any, ...]:
        """The arguments."""
        return self.args  # type: ignore[attr-defined]

    def _sympystr(self, printer: Any, *args: Any) -> str:
        return TEXT[type(self).__name__](printer, self)

    def _latex(self, printer: Any, *args: Any, **options: Any) -> str:
        made = LATEX[type(self).__name__](printer, self)
        return f"{{{_wrapped(made)}}}^{{{options['exp']}}}" if "exp" in options else made


def _wrapped(text: str) -> str:
    return rf"\left({text}\right)"


# --- sums and products of matrices ---


def _held(printer: Any, e: Any, least: int) -> str:
    """The text, in brackets where it holds together less tightly than this."""
    text = printer._print(e)
    if _strength(e) >= least:
        return text
    return f"({text})" if printer.printmethod == "_sympystr" else _wrapped(text)


def _strength(e: Any) -> int:
    if isinstance(e, Shown):
        return e.precedence
    return POWER if isinstance(e, Transpose) else PRECEDENCE["Atom"] if e.is_symbol else precedence(e)


def _sum(printer: Any, e: Any) -> str:
    found = ""
    for term in e.args:
        text = printer._print(term)
        minus = text.startswith("-")
        found += (" - " if minus else " + ") + text.removeprefix("-").lstrip() if found else text
    return found


def _product(printer: Any, e: Any) -> str:
    """A number and matrices: the number as a fraction, its denominator last in text."""
    text = printer.printmethod == "_sympystr"
    number = Mul(*[a for a in e.args if not hasattr(a, "shape")])
    negative = number.could_extract_minus_sign()
    over, under = fraction(-number if negative else number)
    matrices = [_held(printer, a, POWER) for a in e.args if hasattr(a, "shape")]
    if text and all(of_ones(a) for a in e.args if hasattr(a, "shape")):
        return f"{'-' if negative else ''}{printer.parenthesize(over / under, PRODUCT, strict=True)}"
    if text:
        front = [] if over == 1 else [printer.parenthesize(over, PRODUCT, strict=True)]
        below = "" if under == 1 else "/" + printer.parenthesize(under, PRODUCT, strict=False)
        made = "*".join([*front, *matrices]) + below
    else:
        front = [] if (over, under) == (1, 1) else [printer._print(over / under)]
        if over.is_Add and under == 1:
            front = [_wrapped(front[0])]
        words = any(m.startswith(r"\mathrm") for m in matrices)
        made = (r" \, " if words else " ").join([*front, *matrices])
    return f"-{made}" if negative else made


def of_ones(e: Any) -> bool:
    """Whether this is the column of ones, or the row."""
    return type(e.arg if isinstance(e, Transpose) else e).__name__ == "Ones"


def _entry_product(sign: str) -> Writer:
    return lambda p, e: sign.join(_held(p, a, POWER) for a in e.args)


def _power_text(p: Any, e: Any) -> str:
    return f"{_held(p, e.args[0], ATOM)}.**{p.parenthesize(e.args[1], POWER, strict=False)}"


def _power_latex(p: Any, e: Any) -> str:
    return rf"{_held(p, e.args[0], ATOM)}^{{\circ {p._print(e.args[1])}}}"


# --- functions ---


def _call_text(name: Callable[[Any], str]) -> Writer:
    def write(p: Any, e: Any) -> str:
        title, more = _parted(name(e))
        return f"{title}({', '.join([*(p._print(a) for a in _arguments(e)), *more])})"

    return write


def _call_latex(name: Callable[[Any], str]) -> Writer:
    def write(p: Any, e: Any) -> str:
        title, more = _parted(name(e))
        inside = ", ".join([*(p._print(a) for a in _arguments(e)), *map(roman, more)])
        return rf"{roman(title)}\left({inside}\right)"

    return write


def _parted(label: str) -> tuple[str, list[str]]:
    """The name of a function, and the static parameters that stand with its arguments."""
    name, bracket, more = label.partition("[")
    return (name, [more[:-1]]) if bracket and more.endswith("]") and "=" in more else (label, [])


def roman(name: str) -> str:
    """A name in upright letters; those that LaTeX knows by themselves as their commands."""
    if name in ("max", "min", "exp", "log"):
        return f"\\{name}"
    return rf"\mathrm{{{escaped(name)}}}"


def escaped(text: str) -> str:
    """Text as LaTeX, and matplotlib's mathtext, take it."""
    return re.sub(r"([_%#&$])", r"\\\1", text)


def _arguments(e: Any) -> list[Any]:
    """The arguments that are shown."""
    name = type(e).__name__
    if name in ("MatrixCall",):
        return list(e.args[3:])
    if name in ("ScalarCall", "ArrayCall"):
        return list(e.args[1:])
    if name in ("OneHot", "Diagonal"):
        return [e.args[0]]
    return [e.args[1]]


def _title(e: Any) -> str:
    return e.operation.title


def _named(e: Any) -> str:
    return str(e.args[0])


def _along_text(p: Any, e: Any) -> str:
    name, matrix, axis = e.args
    column = axis == 0 and matrix.shape[1] == 1
    return f"{name}({p._print(matrix)}{'' if axis == 1 or column else ', axis=0'})"


def _along_latex(p: Any, e: Any) -> str:
    name, matrix, axis = e.args
    column = axis == 0 and matrix.shape[1] == 1
    made = roman(str(name)) + ("" if axis == 1 or column else r"_{\downarrow}")
    return made + _wrapped(p._print(matrix))


def _reduced_text(p: Any, e: Any) -> str:
    name, matrix = e.args
    if isinstance(matrix, Transpose):
        return f"{name}({p._print(matrix.arg)}, axis=0)"
    return f"{name}({p._print(matrix)}, axis=1)"


def _reduced_latex(p: Any, e: Any) -> str:
    name, matrix = e.args
    if isinstance(matrix, Transpose):
        return rf"{roman(str(name))}_{{\downarrow}}" + _wrapped(p._print(matrix.arg))
    return rf"{roman(str(name))}_{{\rightarrow}}" + _wrapped(p._print(matrix))


def _entrywise(p: Any, e: Any) -> str:
    """The template, with the text of the matrices in the places of its variables."""
    template, variables, *matrices = e.args
    text = p.printmethod == "_sympystr"
    names = {v: f"¤{k}¤" for k, v in enumerate(variables)}
    template = template.xreplace({v: Symbol(n, real=v.is_real) for v, n in names.items()})
    made = p._print(template)
    if template.is_Pow and text:
        base, exponent = (p.parenthesize(a, POWER, strict=False) for a in template.args)
        made = f"{base}.**{exponent}"
    for n, m in zip(names.values(), matrices, strict=True):
        made = made.replace(n, p._print(m))
    return rf"\exp\left({made[3:-1]}\right)" if made.startswith("e^{") and not text else made


def _beside(p: Any, e: Any) -> str:
    """A matrix that stands in a product, which may be one itself."""
    return _held(p, e, PRODUCT if type(e).__name__ == "Times" else POWER)


def _dot(p: Any, e: Any) -> str:
    """The inner product of two arrays: the square of a norm, of columns a product, of matrices a sum of entries."""
    a, b = e.args
    text = p.printmethod == "_sympystr"
    if a == b:
        return f"|{p._print(a)}|**2" if text else rf"\left\Vert {p._print(a)}\right\Vert^{{2}}"
    if a.shape[1] == 1:
        return f"{_held(p, a, ATOM)}{'.T*' if text else '^{T} '}{_beside(p, b)}"
    if text:
        return f"sum({_held(p, a, POWER)}.*{_held(p, b, POWER)})"
    return rf"\left\langle {p._print(a)}, {p._print(b)}\right\rangle"


# --- entries ---


def _fold_text(p: Any, e: Any) -> str:
    kind, body, k, n = e.args
    return f"{kind}({p._print(body)}, ({p._print(k)}, 0, {p._print(n - 1)}))"


def _fold_latex(p: Any, e: Any) -> str:
    kind, body, k, _ = e.args
    names = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min", "logsumexp": r"\mathrm{logsumexp}"}
    return rf"{names[str(kind)]}_{{{p._print(k)}}} " + _wrapped(p._print(body))


def _softmax_text(p: Any, e: Any) -> str:
    body, k, _, at = e.args
    if at.is_Symbol and at not in body.free_symbols:
        return f"softmax({p._print(body.xreplace({k: at}))}, {p._print(at)})"
    return f"softmax({p._print(body)}, {p._print(k)})[{p._print(at)}]"


def _softmax_latex(p: Any, e: Any) -> str:
    body, k, _, at = e.args
    if at.is_Symbol and at not in body.free_symbols:
        return rf"\mathrm{{softmax}}_{{{p._print(at)}}}" + _wrapped(p._print(body.xreplace({k: at})))
    return rf"\mathrm{{softmax}}_{{{p._print(k)}}}{_wrapped(p._print(body))}_{{{p._print(k)}={p._print(at)}}}"


def _at_text(p: Any, e: Any) -> str:
    array, *indices = e.args
    return f"{_held(p, array, ATOM)}[{', '.join(p._print(i) for i in indices)}]"


def _at_latex(p: Any, e: Any) -> str:
    array, *indices = e.args
    return rf"{_wrapped(p._print(array))}_{{{','.join(p._print(i) for i in indices)}}}"


def _family_text(p: Any, e: Any) -> str:
    return f"[{p._print(e.body)} | {', '.join(f'{p._print(i)} < {p._print(n)}' for i, n in e.ranges)}]"


def _family_latex(p: Any, e: Any) -> str:
    return rf"{_wrapped(p._print(e.body))}_{{{','.join(p._print(i) for i, _ in e.ranges)}}}"


TEXT: dict[str, Writer] = {
    "Plus": _sum,
    "Times": _product,
    "Hadamard": _entry_product(".*"),
    "Power": _power_text,
    "Ones": lambda p, e: "1",
    "Entrywise": _entrywise,
    "Along": _along_text,
    "Reduced": _reduced_text,
    "Whole": _call_text(_named),
    "Inner": _dot,
    "Diagonal": _call_text(lambda e: "diag"),
    "OneHot": _call_text(lambda e: "onehot"),
    "MatrixCall": _call_text(_title),
    "ScalarCall": _call_text(_title),
    "ArrayCall": _call_text(_title),
    "Fold": _fold_text,
    "Softmax": _softmax_text,
    "At": _at_text,
    "Family": _family_text,
    "sigmoid": lambda p, e: f"sigmoid({p._print(e.args[0])})",
    "softplus": lambda p, e: f"softplus({p._print(e.args[0])})",
}
LATEX: dict[str, Writer] = {
    "Plus": _sum,
    "Times": _product,
    "Hadamard": _entry_product(r" \circ "),
    "Power": _power_latex,
    "Ones": lambda p, e: r"\mathbf{1}",
    "Entrywise": _entrywise,
    "Along": _along_latex,
    "Reduced": _reduced_latex,
    "Whole": _call_latex(_named),
    "Inner": _dot,
    "Diagonal": _call_latex(lambda e: "diag"),
    "OneHot": _call_latex(lambda e: "onehot"),
    "MatrixCall": _call_latex(_title),
    "ScalarCall": _call_latex(_title),
    "ArrayCall": _call_latex(_title),
    "Fold": _fold_latex,
    "Softmax": _softmax_latex,
    "At": _at_latex,
    "Family": _family_latex,
    "sigmoid": lambda p, e: r"\sigma" + _wrapped(p._print(e.args[0])),
    "softplus": lambda p, e: r"\mathrm{softplus}" + _wrapped(p._print(e.args[0])),
}
