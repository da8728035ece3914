"""Expressions with cases, taken apart: the signs of differences decide Max, Min, Abs, Piecewise and their like.

A sign is asked for only when something depends on it, and of n entries the largest is asked for at once, with n
answers. The answers make a tree, whose leaves are expressions without cases; one that contradicts those before it is
left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import S

from .inequalities import possible
from .normal import Normal
from .polynomials import Poly
from .quotients import NoNormalForm
from .signs import Answers, Fact, Factors, Question, Signs

__all__ = ["Case", "TooManyCases", "leaves", "resolve"]

CASES = 512


class TooManyCases(Exception):
    """The tree of cases has too many leaves."""


@dataclass(frozen=True)
class Case:
    """A leaf: what the expression is where these facts hold."""

    expr: Any
    facts: tuple[Fact, ...]
    form: Normal

    @property
    def conditions(self) -> list[tuple[Any, int]]:
        """The facts as expressions with their signs."""
        return [(f.name[1] if f.poly is None else self.form.expression(f.poly), f.sign) for f in self.facts]

    def __str__(self) -> str:
        signs = {1: ">", -1: "<", 0: "="}
        return " and ".join(f"{d} {signs[s]} 0" for d, s in self.conditions)


def leaves(expr: Any, form: Normal, deltas: bool = False) -> Iterator[Case]:
    """The cases of an expression, one after the other; with `deltas` KroneckerDelta is a case, and else a symbol.

    Raises `TooManyCases`, and what the normal form raises.
    """
    stack: list[tuple[Fact, ...]] = [()]
    count, factors = 0, Factors(form)
    while stack:
        facts = stack.pop()
        try:
            made = resolve(expr, Signs({f.name: f.sign for f in facts}, factors), deltas)
        except Question as question:
            more = [(*facts, *new) for new in question.alternatives]
            stack += [f for f in more if possible(_inequalities(f, form))]
            if len(stack) + count > CASES:
                raise TooManyCases from None
            continue
        count += 1
        yield Case(made, facts, form)


def _inequalities(facts: Sequence[Fact], form: Normal) -> list[tuple[Poly, int]]:
    """The facts, and that monomials in them are positive which are so everywhere."""
    found = [(f.poly, f.sign) for f in facts if f.poly is not None]
    single = {m for p, _ in found for m in p if m}
    return found + [({m: 1}, 1) for m in single if form.positive({m: 1})]


# --- resolving ---


def resolve(expr: Any, signs: Signs, deltas: bool = False) -> Any:
    """The expression without cases where the differences have these signs; raises `Question` for the next one."""
    known: dict[Any, Any] = {}

    def walk(e: Any) -> Any:
        made = known.get(e)
        if made is None:
            made = known[e] = step(e)
        return made

    def step(e: Any) -> Any:
        if e.func is sympy.Piecewise:
            return next(walk(piece) for piece, condition in e.args if _holds(walk(condition)))
        if not e.args:
            return _truth(e, signs.answers) if e.is_Symbol and e.is_real is None and e.is_integer is None else e
        if e.func is sympy.Heaviside:
            return sympy.Rational(1 + signs.of_extremum(*[walk(t) for t in _spread(e.args[0])], way=_way(e.args[0])), 2)
        rule = RULES.get(e.func)
        if rule is not None and (deltas or e.func is not sympy.KroneckerDelta):
            return rule(signs, *[walk(a) for a in e.args])
        parts = [walk(a) for a in e.args]
        return e if all(a is b for a, b in zip(parts, e.args, strict=True)) else e.func(*parts)

    return walk(expr)


def _holds(condition: Any) -> bool:
    if condition is S.true or condition is S.false:
        return condition is S.true
    raise NoNormalForm(f"the condition {condition}")


def _truth(symbol: Any, answers: Answers) -> Any:
    """A symbol for a truth value: both are considered."""
    name = ("truth", symbol)
    if name not in answers:
        raise Question([[Fact(name, None, sign)] for sign in (1, 0)])
    return S.true if answers[name] else S.false


def _extreme_term(e: Any) -> tuple[Any, int]:
    """The term Max or Min of a sum, and its sign, where there is one such with the coefficient 1 or -1."""
    for t in sympy.Add.make_args(e):
        sign, inside = (-1, -t) if t.could_extract_minus_sign() else (1, t)
        if isinstance(inside, (sympy.Max, sympy.Min)):
            return inside, sign
    return None, 1


def _spread(e: Any) -> list[Any]:
    """r + Max(a, b) as r + a and r + b, of which it is the larger; -Max as the smaller."""
    inside, sign = _extreme_term(e)
    return [e] if inside is None else [e - sign * inside + sign * a for a in inside.args]


def _way(e: Any) -> int:
    """1 where that is the largest, and -1 where it is the smallest."""
    inside, sign = _extreme_term(e)
    return sign * (-1 if isinstance(inside, sympy.Min) else 1)


def _extremum(way: int) -> Callable[..., Any]:
    """The largest argument (or the smallest): one alternative for each that may be it."""

    def rule(signs: Signs, *args: Any) -> Any:
        left = [x for x in args if not any(signs.asked(y, x)[0] == way for y in args)]
        # of equal arguments the first stays
        left = [x for i, x in enumerate(left) if not any(signs.asked(y, x)[0] == 0 for y in left[:i])]
        if len(left) > 1:
            raise Question([[f for y in left if y is not x for f in signs.needed(x, y, way)] for x in left])
        return left[0]

    return rule


def _relation(holds: Callable[[int], bool]) -> Callable[..., Any]:
    return lambda signs, x, y: S.true if holds(signs.difference(x, y)) else S.false


RULES: dict[Any, Callable[..., Any]] = {
    sympy.Max: _extremum(1),
    sympy.Min: _extremum(-1),
    sympy.Abs: lambda signs, u: u * signs(u),
    sympy.sign: lambda signs, u: sympy.Integer(signs(u)),
    sympy.Eq: lambda signs, x, y: S.true if signs.same(x, y) else S.false,
    sympy.Ne: lambda signs, x, y: S.false if signs.same(x, y) else S.true,
    sympy.StrictLessThan: _relation(lambda s: s < 0),
    sympy.LessThan: _relation(lambda s: s <= 0),
    sympy.StrictGreaterThan: _relation(lambda s: s > 0),
    sympy.GreaterThan: _relation(lambda s: s >= 0),
    sympy.KroneckerDelta: lambda signs, x, y: S.One if signs.same(x, y) else S.Zero,
}
