"""`check` with sympy at its side: small boxes are proved, and the digits of slopes in doubles are counted.

>>> assert_certified(jnp.tanh, 0.5, domain=[(-2, 2)]).verdict
'proved'
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

import sympy

from ...categories.errors import ParalensError
from ...diagrams.box import Box
from ...functors import certificates
from .entries import entries_of, symbols_of
from .proofs import prove

__all__ = ["Sympy", "assert_certified", "check"]

WORK = 20_000  # parts of formulas in a proof; what is as small takes some hundreds
STEPS = 400  # operations of the formulas that are evaluated

P = ParamSpec("P")
R = TypeVar("R")

_one_at_a_time = Lock()  # sympy's caches are not made for threads


class Sympy:
    """The computer algebra system that `check` asks."""

    def proves(self, box: Box) -> bool:
        """Whether the derivative of a box is proved; False for what is not decided."""
        with _one_at_a_time:
            return _proved(box)

    def slopes(self, box: Box) -> Sequence[Sequence[Callable[..., Any]]]:
        """For each entry of the outputs its derivatives in the entries of the inputs, as functions of mpmath's numbers.

        None of them where the formulas are long. Raises `NoMeaningError` for a box without a formula.
        """
        with _one_at_a_time:
            symbols = [symbols_of(w, f"x{i}") for i, w in enumerate(box.dom.inside)]
            names = [s for a in symbols for s in a.flat]
            values = [e for y in entries_of(box, symbols) for e in y.flat]
            if sum(e.count_ops() for e in values) > STEPS:
                return []
            return [[sympy.lambdify(names, e.diff(s), "mpmath") for s in names] for e in values]


@lru_cache(maxsize=1024)
def _proved(box: Box) -> bool:
    try:
        return prove(box, work=WORK).verdict == "proved"
    except ParalensError:
        return False


def _with_sympy(f: Callable[P, R]) -> Callable[P, R]:
    """The function with sympy handed in."""

    @wraps(f)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        kwargs.setdefault("algebra", Sympy())
        return f(*args, **kwargs)

    return run


check = _with_sympy(certificates.check)
assert_certified = _with_sympy(certificates.assert_certified)
