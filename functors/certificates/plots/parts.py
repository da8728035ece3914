"""Panels: parts of curves with what a subject gives at their nodes, and defects on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bounds import NODES, PANEL
from .curves import Curve
from .subjects import Node

__all__ = ["Defect", "Fixed", "Panel", "Stretch", "roughness"]

Fixed = Sequence[Any] | None


@dataclass(frozen=True, eq=False)
class Stretch:
    """A part of a curve, and the inputs that do not move along it."""

    curve: Curve
    low: float
    high: float
    fixed: Fixed

    @property
    def half(self) -> float:
        """Half of the width."""
        return (self.high - self.low) / 2

    @property
    def times(self) -> np.ndarray:
        """The times of the nodes."""
        return (self.low + self.high) / 2 + self.half * NODES


@dataclass(frozen=True, eq=False)
class Panel(Stretch):
    """A part of a curve with what the subject gives there, and its cotangent."""

    node: Node
    ws: list[np.ndarray]
    slopes: bool

    def at(self, j: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """The point, the direction and the cotangent of a node."""
        xs, vs = self.curve.at(self.times[[j]])
        return [a[0] for a in xs], [a[0] for a in vs], [w[j] for w in self.ws]


@dataclass(frozen=True, eq=False)
class Defect:
    """A defect on a panel: the worst output entry, its size over the bound, and the claimed and actual slope at a node.

    `noisy` says that the bound is mostly noise that was measured.
    """

    panel: Panel
    entry: int
    ratio: float
    defect: float
    bound: float
    noisy: bool
    node: int
    claimed: float
    actual: float


def _neighbors() -> np.ndarray:
    """The matrix that takes values at the nodes to their differences from the cubic through four others nearby."""
    made = np.zeros((PANEL, PANEL))
    for j in range(PANEL):
        near = [i for i in range(max(0, j - 2), min(PANEL, j + 3)) if i != j]
        near = near if len(near) == 4 else sorted(set(range(PANEL)) - {j}, key=lambda i: abs(i - j))[:4]
        for i in near:
            others = [k for k in near if k != i]
            made[j, i] = -np.prod([(NODES[j] - NODES[k]) / (NODES[i] - NODES[k]) for k in others])
        made[j, j] = 1.0
    return made


NEIGHBORS = _neighbors()


def roughness(values: np.ndarray) -> np.ndarray:
    """How far each value is from what its neighbors say it should be."""
    return np.abs(NEIGHBORS @ values)
