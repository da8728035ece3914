"""Whether inequalities between polynomials contradict each other, as far as linear reasoning tells.

Monomials count as independent variables, so that a contradiction is a proof and its absence is none: the elimination of
variables of J. Fourier (1827) and T. Motzkin (1936).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .polynomials import Poly, scale

__all__ = ["possible"]

ROWS = 200


def possible(facts: Sequence[tuple[Poly, int]]) -> bool:
    """Whether no contradiction is found between the signs (1, 0 or -1) of these polynomials."""
    rows: list[tuple[Poly, bool]] = []  # p > 0, or p >= 0 where not strict
    for p, sign in facts:
        if sign == 0:
            rows += [(p, False), (scale(p, -1), False)]
        else:
            rows.append((scale(p, sign), True))
    variables = {m for p, _ in rows for m in p if m}
    for m in variables:
        up, down, rest = [], [], []
        for row in rows:
            c = row[0].get(m, 0)
            (up if c > 0 else down if c < 0 else rest).append(row)
        rows = rest + [_combined(a, b, m) for a in up for b in down]
        if len(rows) > ROWS:
            return True
        if any(_contradicts(row) for row in rows):
            return False
    return not any(_contradicts(row) for row in rows)


def _combined(a: tuple[Poly, bool], b: tuple[Poly, bool], m: int) -> tuple[Poly, bool]:
    (p, strict), (q, also) = a, b
    up, down = Fraction(1) / Fraction(p[m]), Fraction(1) / Fraction(-q[m])
    made: Poly = {}
    for r, c in ((p, up), (q, down)):
        for n, d in r.items():
            if n != m:
                made[n] = made.get(n, 0) + c * d
    return {n: c for n, c in made.items() if c}, strict or also


def _contradicts(row: tuple[Poly, bool]) -> bool:
    p, strict = row
    if set(p) - {0}:
        return False
    value = p.get(0, 0)
    return value < 0 or (strict and value == 0)
