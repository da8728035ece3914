"""What is examined and how hard: a box or diagram with its promotion, its region, and what its author declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax

from ...categories.errors import NoMeaningError
from ...diagrams.box import Box
from ...diagrams.cache import derived, kept
from ...diagrams.syntax import Diagram
from ..derivatives.optic import WIDE
from ..promotion import promoted
from .algebra import Algebra
from .criteria.guards import Guards, guards_of
from .criteria.naturality import claims_of_function
from .plots.bounds import roundoff
from .plots.curves import Region
from .plots.subjects import Subject, claims_of, double, widened

__all__ = ["EFFORTS", "Effort", "Facts", "Target", "guards_in", "release", "running", "subject_of", "wide_wires"]


@dataclass(frozen=True)
class Effort:
    """How much is tried: curves in `parts` and those in one, and limits in derivative evaluations.

    Around a point so many `ways` are gone, both up and down; a function is called in all ways at `calls` inputs, and
    so many `crossings` of guards are looked at.
    """

    most: int  # evaluations beyond which nothing is looked at twice
    limit: int  # and beyond which no criterion begins
    curves: int
    parts: int
    singles: int
    points: int
    directions: int
    lines: int
    precise: int
    ways: int = 8
    calls: int = 3
    crossings: int = 4


EFFORTS = {
    "quick": Effort(100, 100, 1, 1, 1, 0, 1, 1, 0, ways=4, calls=1, crossings=2),
    "standard": Effort(1000, 930, 2, 6, 4, 2, 2, 1, 9),
    "thorough": Effort(10000, 9000, 6, 16, 40, 12, 5, 6, 51, crossings=12),
}


@dataclass(frozen=True)
class Facts:
    """What the author declares of a function, and what is asked for."""

    noise: float = 0.0
    surrogate: Any = None
    tangent: Callable[..., Any] | None = None
    modes: tuple[str, ...] = ("forward", "reverse")
    order: int = 1
    effort: str = "standard"
    seed: int = 0
    algebra: Algebra | None = None


@dataclass(eq=False)
class Target:
    """What is examined: a diagram, its promotion if there is one, and the region of its inputs.

    `met` are whole inputs, of which those that move are in the region; `others` further values of those that do not.
    With `look`, places are looked at where curves cross a guard. What is `baked` runs in its own format only.
    """

    d: Diagram
    met: list[list[Any]]
    region: Region
    wide: Diagram | None = None
    others: list[list[Any]] = field(default_factory=list)
    declared: list[list[Any]] = field(default_factory=list)
    wrt: tuple[int, ...] | None = None
    function: Callable[..., Sequence[Any]] | None = None
    look: bool = True
    baked: bool = False

    @cached_property
    def promotion(self) -> Diagram:
        """The same map in double precision; the map itself where there is none."""
        if self.baked:
            return self.d
        if self.wide is not None:
            return self.wide
        try:
            return derived(self.d, "in double precision", lambda: _plain(promoted(self.d), self.d))
        except NoMeaningError:
            return self.d

    @property
    def moves(self) -> list[int]:
        """The inputs that move."""
        dom = enumerate(self.d.dom.inside)
        return [i for i, w in dom if w.differentiable and w.size and (self.wrt is None or i in self.wrt)]

    @property
    def composite(self) -> bool:
        """Whether the derivative is made of those of parts, so that no rule is at fault for what it is at a kink."""
        box = self.d if isinstance(self.d, Box) else self.d.graph.table[0] if len(self.d.graph) == 1 else None
        return box is None or (not box.op and box.definition is not None)

    @property
    def unit(self) -> float:
        """The coarsest unit roundoff of the wires that the map itself has."""
        wires = (*self.region.wires, *(w for w in self.d.cod.inside if w.differentiable))
        return max((roundoff(w.dtype) for w in wires), default=roundoff("float64"))

    @property
    def own(self) -> bool:
        """Whether the map in its own precision is another program."""
        return self.promotion is not self.d


@contextmanager
def running(target: Target) -> Iterator[None]:
    """Where a target is traced and run: in 64 bits, unless it is narrower and has no promotion."""
    with double(), jax.enable_x64(target.own or wide_wires(target.d)):
        yield


def wide_wires(d: Diagram) -> bool:
    """Whether some wire at an end of a diagram has 64 bits."""
    return any(w.dtype in WIDE for w in (*d.dom.inside, *d.cod.inside))


def _plain(made: Diagram, d: Diagram) -> Diagram:
    return d if made == d else made


def subject_of(target: Target, facts: Facts, own: bool = False) -> Subject:
    """The subject of a target, in double precision or its own; programs are kept with the diagram."""
    d = target.d if own else target.promotion
    fixed = target.met[0] if own else widened(target.d.dom.inside, target.met[0])
    claims = derived(d, ("claims", facts.modes, target.wrt), lambda: claims_of(d, facts.modes, target.wrt))
    if target.function is not None and claims.forward is None and claims.reverse is None:
        claims = claims_of_function(target.function, d.dom, d.cod)
        return Subject(claims, fixed)
    if facts.surrogate is not None and not own:
        claims = replace(claims, value=facts.surrogate)
        return Subject(claims, fixed, compare=False)
    known = derived(d, ("subject", facts.modes, target.wrt), lambda: Subject(claims, fixed))
    known.fixed, known.evals, known.noise = list(fixed), 0, facts.noise
    return known


def guards_in(target: Target) -> Guards | None:
    """The guards of a target in double precision; None where nothing in it chooses, or nothing is to be looked at."""
    if not target.look:
        return None
    d, moves = target.promotion, target.moves
    return guards_of(d, moves, [d.dom.inside[i] for i in moves], widened(target.d.dom.inside, target.met[0]))


def release(target: Target) -> None:
    """Let go of all programs that were compiled for a target: a process can hold some thousands and no more."""
    for d in (target.d, target.promotion):
        for value in kept(d).values():
            if isinstance(value, (Subject, Guards)):
                value.release()
