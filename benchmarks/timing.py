"""The clock: contestants take turns, and each keeps every one of its times.

Machines drift (heat, neighbors), so times of different moments must not be compared. In each round
every contestant runs once, in an order that rotates; a ratio is the median over rounds of the ratios
within a round, where both were measured at about the same moment. Garbage is collected before a
round and not during it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Effort", "Spread", "calls_for", "quiet", "ratio", "rounds", "seconds"]


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds at least and at most, and the seconds after which no new round begins."""

    least: int
    most: int
    budget: float


@dataclass(frozen=True)
class Spread:
    """The median of some numbers, and their quartiles."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """The spread of these numbers."""
        low, median, high = np.percentile(np.asarray(numbers, dtype=float), [25, 50, 75])
        return cls(float(median), float(low), float(high), len(numbers))


@contextmanager
def quiet() -> Any:
    """No garbage collection inside; what is there already is collected first."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds(action: Callable[[], Any]) -> float:
    """The seconds that the action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def calls_for(action: Callable[[], Any], target: float = 5e-3) -> int:
    """How many calls of the action make one sample of about `target` seconds; the action is warm afterwards."""
    action()
    fastest = min(seconds(action) for _ in range(3))
    return max(1, min(1000, round(target / max(fastest, 1e-7))))


def rounds(actions: Mapping[str, Callable[[], tuple[float, ...]]], effort: Effort) -> dict[str, list[list[float]]]:
    """The samples of each action, which measures itself: for each of the numbers that it gives, one a round.

    All run once a round, in an order that rotates.
    """
    names, found = list(actions), {name: [] for name in actions}
    start = time.perf_counter()
    for turn in range(effort.most):
        if turn >= effort.least and time.perf_counter() - start > effort.budget:
            break
        shift = turn % len(names)
        with quiet():
            for name in names[shift:] + names[:shift]:
                found[name].append(actions[name]())
    return {name: [list(numbers) for numbers in zip(*samples, strict=True)] for name, samples in found.items()}


def ratio(samples: Sequence[float], base: Sequence[float]) -> Spread:
    """The spread of the ratios of two contestants, round by round."""
    return Spread.of([a / b for a, b in zip(samples, base, strict=True)])
