"""How much work formulas may take: counted, so that what is too much is so on every machine.

An expression counts by its parts, a part that is used twice twice: sympy's own walks visit it as often. A condition
that holds choices is multiplied out by sympy, so that it counts for every combination of their cases. What sympy does
with an expression of allowed size is not seen by that; there the calls of its functions are counted, which caches may
change a little, and so that limit is far above what the first one lets through.

>>> from paralens.backends.sympy.entries import entries_of, symbols_of
>>> with limited(10):
...     entries_of(from_jax(lambda x: x * (1 + x) * (2 + x), R()), [symbols_of(R().wire, "x")])
Traceback (most recent call last):
paralens.backends.sympy.entries.work.TooMuchWork: it takes more work than is allowed
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sympy

__all__ = ["TooMuchWork", "choosing", "limited", "spent"]

CALLS = 100  # of Python's functions for each part of an expression: proofs of formulas that are small take most


class TooMuchWork(BaseException):
    """A limit of work is reached. No part of sympy that catches exceptions takes it for one of its own."""

    def __init__(self) -> None:
        super().__init__("it takes more work than is allowed")


class Work:
    """What is left of a limit, and the sizes of expressions that were seen."""

    def __init__(self, parts: int) -> None:
        self.left = parts
        self.sizes: dict[Any, int] = {}

    def spend(self, parts: int) -> None:
        """Take so much of what is left; raises `TooMuchWork` where there is not so much."""
        self.left -= parts
        if self.left < 0:
            raise TooMuchWork

    def size(self, expr: Any) -> int:
        """The number of parts of an expression, one that is used twice counted twice."""
        sizes, stack = self.sizes, [expr]
        while stack:
            e = stack[-1]
            missing = [a for a in e.args if a not in sizes]
            if e not in sizes and not missing:
                sizes[e] = 1 + sum(sizes[a] for a in e.args)
            if e in sizes:
                stack.pop()
            else:
                stack += missing
        return sizes[expr]


_work: ContextVar[Work | None] = ContextVar("work", default=None)


def spent(exprs: Iterable[Any]) -> None:
    """Count expressions that were made; raises `TooMuchWork` where that is too much."""
    work = _work.get()
    if work is not None:
        work.spend(sum(work.size(e) for e in exprs))


def choosing(condition: Any) -> None:
    """Count a condition that is about to be chosen by, for every combination of the cases inside of it."""
    work = _work.get()
    if work is not None and condition.args:
        inside = len(condition.atoms(sympy.Piecewise))
        work.spend(work.size(condition) << min(inside, 40))


@contextmanager
def limited(parts: int) -> Iterator[None]:
    """Where formulas may have so many parts in all. Raises `TooMuchWork`."""
    token = _work.set(Work(parts))
    before, left = sys.gettrace(), CALLS * parts

    def counted(frame: Any, event: Any, argument: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise TooMuchWork
        return None if before is None else before(frame, event, argument)

    sys.settrace(counted)
    try:
        yield
    finally:
        sys.settrace(before)
        _work.reset(token)
