"""Dual numbers: maps with their tangents, over any cartesian base.

Data: an object is a pair (A, A') of values and tangents, as for lenses but covariant. A morphism (A, A') -> (B, B')
is one map

    both : A ⊗ A' -> B ⊗ B'        whose value does not depend on the tangent

and composition is that of the base: (f ; g).both = f.both ; g.both, which is the chain rule. Over the real numbers
and smooth maps it is arithmetic in R[ε]/ε², with both(a, v) = f(a + εv) (W. Clifford, 1871; for the functor f -> (f,
D[f]) see R. Blute, R. Cockett, R. Seely, "Cartesian differential categories", 2009).

>>> from paralens import R, dual, from_jax
>>> dual(from_jax(jnp.sin, R(3)))
<Dual (R(3), R(3)) -> (R(3), R(3))>
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .category import wired
from .errors import CompositionError
from .lens import Pair, offsets

__all__ = ["Dual", "Duals"]


@dataclass(frozen=True, eq=False)
class Dual:
    """A map with its tangent, `both : A ⊗ A' -> B ⊗ B'`; raises `CompositionError` where it does not fit."""

    both: Any
    dom: Pair
    cod: Pair

    def __post_init__(self) -> None:
        for what, pair, found in (("takes", self.dom, self.both.dom), ("gives", self.cod, self.both.cod)):
            if found != pair.value @ pair.back:
                raise CompositionError(f"the map {what} {found}, not {pair.value @ pair.back}")

    @property
    def value(self) -> Any:
        """The map A ⊗ A' -> B of values."""
        return self.both.then(wired(self.cod.base, self.both.cod, range(len(self.cod.value))))

    @property
    def tangent(self) -> Any:
        """The map A ⊗ A' -> B' of tangents."""
        return self.both.then(wired(self.cod.base, self.both.cod, range(len(self.cod.value), len(self.both.cod))))

    @classmethod
    def id(cls, dom: Pair) -> Dual:
        """The identity."""
        return cls(dom.base.id(dom.value @ dom.back), dom, dom)

    @classmethod
    def wires(cls, dom: Pair, outputs: Sequence[int]) -> Dual:
        """Any copying, dropping and permuting, of values and tangents alike: they are linear."""
        cod = Pair.joined((dom.inside[i] for i in outputs), dom.base)
        at, n = offsets(dom), len(dom)
        order = [*outputs, *(n + j for i in outputs for j in at[i])]
        return cls(wired(dom.base, dom.value @ dom.back, order), dom, cod)

    def then(self, *others: Dual) -> Dual:
        """This map followed by the others; `>>` is the same."""
        result = self
        for g in others:
            if result.cod != g.dom:
                raise CompositionError(f"the dual gives {result.cod} but the next takes {g.dom}")
            result = Dual(result.both.then(g.both), result.dom, g.cod)
        return result

    def tensor(self, *others: Dual) -> Dual:
        """This map beside the others; `@` is the same."""
        result = self
        for g in others:
            base = result.dom.base
            into = _middle(base, result.dom.value, g.dom.value, result.dom.back, g.dom.back)
            out = _middle(base, result.cod.value, result.cod.back, g.cod.value, g.cod.back)
            result = Dual(into.then(result.both.tensor(g.both)).then(out), result.dom @ g.dom, result.cod @ g.cod)
        return result

    def __rshift__(self, other: Dual) -> Dual:
        return self.then(other)

    def __matmul__(self, other: Dual) -> Dual:
        return self.tensor(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Dual):
            return NotImplemented
        return (self.dom, self.cod) == (other.dom, other.cod) and self.both == other.both

    def __hash__(self) -> int:
        return hash(self.both)

    def __repr__(self) -> str:
        return f"<Dual {self.dom} -> {self.cod}>"


def _middle(base: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """A ⊗ B ⊗ C ⊗ D -> A ⊗ C ⊗ B ⊗ D."""
    return base.id(a).tensor(base.swap(b, c), base.id(d))


@dataclass(frozen=True)
class Duals:
    """The category of dual numbers over a base, as what the suite of laws runs against."""

    base: Any
    cartesian = False  # a dual whose value depends on its tangent is no map of the base with its derivative

    def id(self, dom: Pair | None = None) -> Dual:
        """The identity, on the unit by default."""
        return Dual.id(Pair.joined((), self.base) if dom is None else dom)

    def swap(self, left: Pair, right: Pair) -> Dual:
        """The symmetry."""
        n, m = len(left), len(right)
        return Dual.wires(left @ right, (*range(n, n + m), *range(n)))

    def copy(self, dom: Pair) -> Dual:
        """Copy values and tangents."""
        return Dual.wires(dom, (*range(len(dom)), *range(len(dom))))

    def discard(self, dom: Pair) -> Dual:
        """Forget values and tangents."""
        return Dual.wires(dom, ())
