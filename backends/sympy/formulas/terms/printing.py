"""Printers of formulas: in text, and in LaTeX for pages (MathJax) and pictures (matplotlib's mathtext).

They differ from sympy's in the names of symbols, and in that a constant of forty digits is written with three.
Mathtext has no environments, so that cases stand in one line there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

__all__ = ["Latex", "Text"]

DIGITS = 16


def _rounded(e: Any) -> str | None:
    """A number of many digits, in a few."""
    digits = str(abs(int(e)))
    if len(digits) <= DIGITS:
        return None
    return f"{'-' if e < 0 else ''}{digits[0]}.{digits[1:3]}e+{len(digits) - 1}"


class Text(StrPrinter):
    """Formulas in plain text."""

    def _print_Integer(self, expr: Any) -> str:
        return _rounded(expr) or super()._print_Integer(expr)

    def _print_Relational(self, expr: Any) -> str:
        if expr.rel_op in ("==", "!="):
            return f"{self._print(expr.lhs)} {expr.rel_op} {self._print(expr.rhs)}"
        return super()._print_Relational(expr)

    def _print_MatrixBase(self, expr: Any) -> str:
        if self._print_level < 2:
            return super()._print_MatrixBase(expr)
        rows = [", ".join(self._print(x) for x in row) for row in expr.tolist()]  # in a formula, on one line
        return f"Matrix([{', '.join(rows if expr.shape[1] == 1 else [f'[{row}]' for row in rows])}])"


class Latex(LatexPrinter):
    """Formulas in LaTeX; `names` gives the LaTeX of symbols, and `lines` whether environments are to be avoided."""

    def __init__(self, names: Mapping[str, str], lines: bool = False) -> None:
        super().__init__({"fold_short_frac": False, "long_frac_ratio": 2})
        self.names, self.in_lines = names, lines

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        found = self.names.get(expr.name)
        if found is not None:
            return found
        return expr.name if expr.name.startswith("¤") else super()._print_Symbol(expr, style)

    def _print_MatrixSymbol(self, expr: Any, style: str = "plain") -> str:
        return self.names.get(expr.name) or super()._print_MatrixSymbol(expr, style)  # type: ignore[call-arg]

    def _print_IndexedBase(self, expr: Any) -> str:
        return self.names.get(str(expr.label)) or super()._print_IndexedBase(expr)

    def _print_Indexed(self, expr: Any) -> str:
        base = self._print(expr.base)
        indices = ",".join(map(self._print, expr.indices))
        if base.endswith("}") and "_{" in base:  # a second index joins the first
            return f"{base[:-1]};\\,{indices}}}"
        return f"{base}_{{{indices}}}"

    def _print_Integer(self, expr: Any) -> str:
        found = _rounded(expr)
        if found is None:
            return str(int(expr))
        head, _, power = found.partition("e+")
        return rf"{head} \cdot 10^{{{power}}}"

    def _print_Transpose(self, expr: Any) -> str:
        inside = self._print(expr.arg)
        if getattr(expr.arg, "precedence", 1000) < 1000:
            inside = rf"\left({inside}\right)"
        return f"{inside}^{{T}}" if "^{" not in inside or inside.startswith(r"\left(") else rf"{{{inside}}}^{{T}}"

    def _print_MatrixBase(self, expr: Any) -> str:
        if not self.in_lines:
            return super()._print_MatrixBase(expr)
        rows, columns = expr.shape
        if columns == 1:
            return rf"\left({', '.join(map(self._print, expr.flat()))}\right)^{{T}}"
        made = [", ".join(self._print(expr[i, j]) for j in range(columns)) for i in range(rows)]
        return r"\left(" + r";\ ".join(made) + r"\right)"

    def _print_Mod(self, expr: Any, exp: Any = None) -> str:
        left, right = (self.parenthesize(a, PRECEDENCE["Mul"], strict=True) for a in expr.args)
        made = rf"{left}\ \mathrm{{mod}}\ {right}"
        return made if exp is None else rf"\left({made}\right)^{{{exp}}}"

    def _print_Piecewise(self, expr: Any) -> str:
        if not self.in_lines:
            return super()._print_Piecewise(expr)
        cases = []
        for value, condition in expr.args:
            when = r"\ \mathrm{otherwise}" if condition == True else rf"\ \mathrm{{if}}\ {self._print(condition)}"  # noqa: E712
            cases.append(self._print(value) + when)
        return r"\left\{" + r",\ ".join(cases) + r"\right."
