"""Plots, and relations between a curve and what is claimed of its derivative, one for each type former.

Beside a type X stands the type X' of its values with their derivatives, and a plot of X is a pair of curves

    g : I -> X        g' : I -> X'

The relation S_X holds of the plots whose claim g' is right, to an order n that is 1 for plain derivatives:

    S_R      = {(g, (c_0, ..., c_n)) | c_0 = g,  (r + 1) c_{r+1} = d c_r / dt}      so c_r = g^(r) / r!
    S_{A⊗B}  = componentwise,  S_1 = everything
    S_Z      = {(g, g) | g is constant}                          of what does not move: integers, booleans, keys
    S_{ΣA_l} = {the tag is constant, and equal on both sides; the payload is in S_{A_l}}       as R is connected
    S_[A]    = {the length is constant, and equal on both sides; every entry is in S_A}
    S_{A→B}  = {(F, F') | for all (g, g') in S_A:  (t ↦ F(t)(g(t)), t ↦ F'(t)(g'(t))) in S_B}

A derivative is tested as an integral, F(t) - F(s) = ∫ d from s to t, by a function that is given: `holds(times, values,
tangents)`. Here is no number that decides anything. A plot is known at finitely many times, the nodes of a panel, and
"for all" is tried on a supply: a relation that is refuted is refuted, one that holds was tried. A curve that jumps is
no plot of its type, and nothing is decided of its claim.

Sources: M. Huot, S. Staton, M. Vákár, "Correctness of automatic differentiation via diffeologies and categorical
gluing" (2020), sections 3 to 6; for c_r, A. Kock, "Synthetic differential geometry" (2006), I.3 on Taylor.

>>> exact = Reals(lambda times, values, tangents: Evidence(values == [t * t for t in times] and tangents == [2 * t
...     for t in times]))
>>> square = Plot.of((0, 1, 2), lambda t: t * t, lambda t: (t * t, 2 * t))
>>> Product((exact, Discrete())).test(Plot(square.times, [(x, 7) for x in square.values],
...     [(c, 7) for c in square.claims])).ok
True
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

from .errors import DerivativeError

__all__ = ["Arrow", "Discrete", "Evidence", "Lists", "Plot", "Product", "Reals", "Relation", "Sum"]

Same = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Evidence:
    """What a test found: whether the relation `holds` (None: undecided), why, and the worst `defect` over its bound.

    `path` leads to the part of the type at which it was found.
    """

    holds: bool | None
    why: str = ""
    defect: float = 0.0
    path: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the relation was found to hold; what is undecided is not."""
        return self.holds is True

    def below(self, name: str) -> Evidence:
        """The same evidence as seen from outside of the part `name`."""
        return replace(self, path=(name, *self.path))

    @classmethod
    def worst(cls, found: Iterable[Evidence]) -> Evidence:
        """That for all of them at once: what fails, else what is undecided, else the largest defect."""
        rank = {False: 2, None: 1, True: 0}
        return max(found, key=lambda e: (rank[e.holds], e.defect), default=cls(True))

    def __str__(self) -> str:
        verdict = {True: "holds", False: "fails", None: "undecided"}[self.holds]
        return f"{'/'.join((*self.path, verdict))}{': ' * bool(self.why)}{self.why}"


@dataclass(frozen=True)
class Plot:
    """A curve with its claim, at the nodes of a panel: `values[i]` in X and `claims[i]` in X' at `times[i]`."""

    times: Sequence[float]
    values: Sequence[Any]
    claims: Sequence[Any]

    @classmethod
    def of(cls, times: Sequence[float], value: Callable[[float], Any], claim: Callable[[float], Any]) -> Plot:
        """The plot of two functions of time."""
        return cls(times, [value(t) for t in times], [claim(t) for t in times])

    def along(self, f: Callable[[Any], Any], derivative: Callable[[Any], Any]) -> Plot:
        """The plot (f ∘ g, f' ∘ g')."""
        return Plot(self.times, [f(x) for x in self.values], [derivative(c) for c in self.claims])

    def part(self, key: Any) -> Plot:
        """The plot of one component of tuples."""
        return self.along(operator.itemgetter(key), operator.itemgetter(key))


class Relation(ABC):
    """S_X: which plots of X are right, and how cotangents of X pair with velocities."""

    @abstractmethod
    def test(self, plot: Plot) -> Evidence:
        """Whether the plot is in the relation."""

    @abstractmethod
    def velocity(self, claim: Any) -> Any:
        """The velocity in a claim, of the shape of a value."""

    @abstractmethod
    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """The number ⟨w, v⟩ of a cotangent and a value or velocity."""


@dataclass(frozen=True)
class Reals(Relation):
    """The reals, or arrays of them; a claim holds the Taylor coefficients c_0 to c_n of the curve, n = `order`.

    `holds(times, values, tangents)` tests that the tangents are the derivative of the values, `same` that two values
    are equal up to rounding, and `pair` gives ⟨w, v⟩.
    """

    holds: Callable[[Sequence[float], Sequence[Any], Sequence[Any]], Evidence]
    order: int = 1
    same: Same = operator.eq
    pair: Callable[[Any, Any], Any] = operator.mul

    def test(self, plot: Plot) -> Evidence:
        """c_0 is the curve, and (r + 1) c_{r+1} is the derivative of c_r for every r below the order."""
        if any(len(c) != self.order + 1 for c in plot.claims):
            return Evidence(False, f"the claim has not the {self.order + 1} coefficients of order {self.order}")
        if not all(self.same(x, c[0]) for x, c in zip(plot.values, plot.claims, strict=True)):
            return Evidence(False, "the derivative goes along with another value")
        curves = [plot.values, *([c[r] for c in plot.claims] for r in range(1, self.order))]
        slopes = [[(r + 1) * c[r + 1] for c in plot.claims] for r in range(self.order)]
        found = [self.holds(plot.times, x, d) for x, d in zip(curves, slopes, strict=True)]
        return Evidence.worst(e.below(f"order {r + 1}") if r else e for r, e in enumerate(found))

    def velocity(self, claim: Any) -> Any:
        """c_1."""
        return claim[1]

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """⟨w, v⟩ as given."""
        return self.pair(cotangent, vector)


@dataclass(frozen=True)
class Product(Relation):
    """Tuples, componentwise; without parts it is the unit."""

    parts: tuple[Relation, ...]

    def test(self, plot: Plot) -> Evidence:
        """Every component is in the relation of its part."""
        return Evidence.worst(s.test(plot.part(i)).below(str(i)) for i, s in enumerate(self.parts))

    def velocity(self, claim: Any) -> Any:
        """The velocities of the components."""
        return tuple(s.velocity(c) for s, c in zip(self.parts, claim, strict=True))

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """The sum over the components."""
        return sum(s.pairing(w, v) for s, w, v in zip(self.parts, cotangent, vector, strict=True))


@dataclass(frozen=True)
class Discrete(Relation):
    """What does not move along a curve, and has no tangent."""

    same: Same = operator.eq

    def test(self, plot: Plot) -> Evidence:
        """The value is constant, and the claim is the value."""
        if not all(self.same(plot.values[0], x) for x in plot.values):
            return Evidence(None, "a discrete value changes along the curve")
        if not all(self.same(plot.values[0], c) for c in plot.claims):
            return Evidence(False, "the derivative goes along with another discrete value")
        return Evidence(True)

    def velocity(self, claim: Any) -> Any:
        """None: there is no tangent."""
        return None

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """Zero."""
        return 0


def _constant(what: str, plot: Plot) -> tuple[Any, Evidence | None]:
    """The one value along a plot, and evidence where it is not one, or not the same on both sides."""
    value = plot.values[0]
    if any(x != value for x in plot.values):
        return value, Evidence(None, f"the {what} changes along the curve")
    if any(c != value for c in plot.claims):
        return value, Evidence(False, f"the derivative goes along with another {what}")
    return value, None


@dataclass(frozen=True)
class Sum(Relation):
    """Tagged values (l, x) with x in A_l; `options` lists the tags with their relations."""

    options: tuple[tuple[Any, Relation], ...]

    def test(self, plot: Plot) -> Evidence:
        """One tag all along on both sides, and the payload in its relation."""
        tag, found = _constant("tag", plot.part(0))
        return found or dict(self.options)[tag].test(plot.part(1)).below(str(tag))

    def velocity(self, claim: Any) -> Any:
        """The velocity of the payload, with its tag."""
        return claim[0], dict(self.options)[claim[0]].velocity(claim[1])

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """That of the payloads; not a number where the tags differ, as the type of cotangents depends on the tag."""
        tag, v = vector
        return dict(self.options)[tag].pairing(cotangent[1], v) if cotangent[0] == tag else nan


@dataclass(frozen=True)
class Lists(Relation):
    """Lists of any length, whose entries are in one relation."""

    entry: Relation

    def test(self, plot: Plot) -> Evidence:
        """One length all along on both sides, and every entry in the relation."""
        length, found = _constant("length", plot.along(len, len))
        return found or Product((self.entry,) * length).test(plot)

    def velocity(self, claim: Any) -> Any:
        """The velocities of the entries."""
        return [self.entry.velocity(c) for c in claim]

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """The sum over the entries; not a number where the lengths differ."""
        if len(cotangent) != len(vector):
            return nan
        return sum(self.entry.pairing(w, v) for w, v in zip(cotangent, vector, strict=True))


@dataclass(frozen=True)
class Arrow(Relation):
    """Functions A → B; `supply(times)` gives plots of A at these times to try them on.

    A function is right if it sends right arguments to right results: an argument out of S_A proves nothing.
    """

    source: Relation
    target: Relation
    supply: Callable[[Sequence[float]], Iterable[Plot]]

    def test(self, plot: Plot) -> Evidence:
        """For every argument of the supply, the results are in the relation of B."""
        found = [self._on(plot, x).below(f"argument {k}") for k, x in enumerate(self.supply(plot.times))]
        return Evidence.worst(found) if found else Evidence(None, "there was no argument to try")

    def _on(self, plot: Plot, argument: Plot) -> Evidence:
        if not (given := self.source.test(argument)).ok:
            return Evidence(None, f"the argument is not in the relation: {given}")
        values = [f(x) for f, x in zip(plot.values, argument.values, strict=True)]
        claims = [f(x) for f, x in zip(plot.claims, argument.claims, strict=True)]
        return self.target.test(Plot(plot.times, values, claims))

    def velocity(self, claim: Any) -> Any:
        """Refused: a function has no velocity at a time by itself, its results have."""
        raise DerivativeError("functions have no velocity to pair with a cotangent: apply them to an argument first")

    def pairing(self, cotangent: Any, vector: Any) -> Any:
        """Refused, as for `velocity`."""
        return self.velocity(vector)
