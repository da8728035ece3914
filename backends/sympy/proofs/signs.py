"""Signs of expressions: what follows from answers, and what is to be asked next.

A difference is a number times primitive polynomials, and its sign the product of theirs. Of a primitive polynomial that
is not zero everywhere, and is analytic, two signs are considered, as it is zero almost nowhere; that it is not zero
everywhere is seen at a point. Whole numbers have three signs, and so has what jumps: floor, functions of whole numbers,
and inverse functions and roots, which are analytic only on each piece of their domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
from sympy import S
from sympy.core.function import AppliedUndef

from .dags import symbols_in
from .normal import Normal
from .points import DIGITS, Outside, evaluate, points
from .polynomials import Poly, content, exponents, generator, key, scale, shifted
from .quotients import NoNormalForm

__all__ = ["Answers", "Fact", "Question", "Signs"]

Answers = Mapping[Any, int]


@dataclass(frozen=True)
class Fact:
    """The sign of a primitive polynomial; of a truth value, which has none, 1 or 0."""

    name: Any
    poly: Poly | None
    sign: int


class Question(Exception):
    """What is needed next: one of these lists of facts holds."""

    def __init__(self, alternatives: Sequence[Sequence[Fact]]) -> None:
        self.alternatives = alternatives


@dataclass(frozen=True)
class Factor:
    """A primitive polynomial, and whether it may be zero on a set of positive measure, as whole numbers are."""

    name: Any
    poly: Poly
    whole: bool

    def question(self) -> Question:
        return Question([[Fact(self.name, self.poly, sign)] for sign in ((0, 1, -1) if self.whole else (1, -1))])


Parts = tuple[int, tuple[Factor, ...]]


class Factors:
    """Expressions as a sign times primitive factors, each taken apart once."""

    def __init__(self, form: Normal) -> None:
        self.form = form
        self._known: dict[Any, Parts] = {}

    def of(self, u: Any) -> Parts:
        """The parts of an expression without cases; raises `NoNormalForm` where it may be zero without being so."""
        found = self._known.get(u)
        if found is None:
            if u.is_positive or u.is_negative:
                found = (1 if u.is_positive else -1, ())
            else:
                found = self._of(self.form.of(u), bool(u.is_integer))
            self._known[u] = found
        return found

    def _of(self, p: Poly, whole: bool) -> Parts:
        if self.form.zero(p):
            return 0, ()
        if not self.form.real(p):
            raise NoNormalForm("the sign of a complex number")
        lead, m = content(p)
        sign = 1 if lead > 0 else -1
        if whole:
            return sign, self._primitive(scale(p, 1 / lead), True)
        found = list(self._primitive(scale(shifted(p, -m), 1 / lead), False))
        for g, e in exponents(m):
            if e % 2:
                more, factors = self._of_generator(g)
                sign, found = sign * more, [*found, *factors]
        return sign, tuple(found)

    def _of_generator(self, g: int) -> Parts:
        made = self.form.generators[g]
        if made.positive:
            return 1, ()
        return self._of(made.of, False) if made.kind == "inverse" else (1, self._primitive(generator(g), False))

    def _primitive(self, p: Poly, whole: bool) -> tuple[Factor, ...]:
        if self.form.positive(p):
            return ()
        whole = whole or self.form.jumps(p)
        if not whole and not _not_zero(self.form.expression(p)):
            raise NoNormalForm(f"whether {self.form.expression(p)} is zero")
        return (Factor(key(p), p, whole),)


@lru_cache(maxsize=4096)
def _not_zero(expr: Any) -> bool:
    """Whether the expression is seen not to be zero at some point; a sign that is unknown is one."""
    if isinstance(expr, AppliedUndef):
        return True
    with mpmath.workdps(DIGITS):
        for point in points(sorted(symbols_in(expr), key=str), 0, 60):
            try:
                if abs(evaluate(expr, point)) > mpmath.mpf(10) ** (-DIGITS // 2):
                    return True
            except Outside:
                continue
    return False


@dataclass(frozen=True)
class Signs:
    """The signs of expressions, as far as they follow from answers."""

    answers: Answers
    factors: Factors

    def __call__(self, u: Any) -> int:
        """The sign of an expression without cases; raises `Question`."""
        sign, factors = self.factors.of(u)
        for f in factors:
            answer = self.answers.get(f.name)
            if answer is None:
                raise f.question()
            sign *= answer
        return sign

    def difference(self, x: Any, y: Any) -> int:
        """The sign of x - y; infinities are larger than all that is not. Raises `Question`."""
        for a, s in ((x, 1), (y, -1)):
            if a is S.Infinity or a is S.NegativeInfinity:
                return 0 if x is y else s * (1 if a is S.Infinity else -1)
        return 0 if x == y else self(x - y)

    def same(self, x: Any, y: Any) -> bool:
        """Whether x = y: of real expressions only if they are so everywhere. Raises `Question` for whole numbers."""
        if x == y or S.Infinity in (x, y) or S.NegativeInfinity in (x, y):
            return x == y
        sign, factors = self.factors.of(x - y)
        return self(x - y) == 0 if any(f.whole for f in factors) else sign == 0

    def asked(self, x: Any, y: Any) -> tuple[int | None, Question | None]:
        """The sign of x - y, or the question that it leads to."""
        try:
            return self.difference(x, y), None
        except Question as question:
            return None, question

    def of_extremum(self, *args: Any, way: int) -> int:
        """The sign of the largest (or smallest) of these, which need not be known for it."""
        found = [self.asked(x, S.Zero) for x in args]
        if any(sign == way for sign, _ in found):
            return way
        for _, question in found:
            if question is not None:
                raise question
        return 0 if any(sign == 0 for sign, _ in found) else -way

    def needed(self, x: Any, y: Any, sign: int) -> list[Fact]:
        """What must be answered for x - y to have this sign; raises `Question` where that is not one answer."""
        _, question = self.asked(x, y)
        if question is None:
            return []
        fitting = []
        for facts in question.alternatives:
            more = Signs({**self.answers, **{f.name: f.sign for f in facts}}, self.factors)
            if more.difference(x, y) == sign:
                fitting.append(list(facts))
        if len(fitting) != 1 or len(question.alternatives) != 2:
            raise question
        return fitting[0]
