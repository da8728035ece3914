"""Lenses: bidirectional maps over any symmetric monoidal base, stored as optics.

Data: an object is a pair (A, A'), of values and of what comes back. A morphism (A, A') -> (B, B') is

    forward : A -> B ⊗ M          backward : M ⊗ B' -> A'

with a residual M between them. Identity: M = I. Composition and tensor share the forward pass, so that nothing is
computed twice:

    (f ; g).forward  = f.forward ; (g.forward ⊗ M)        residual N ⊗ M
    (f ; g).backward = g.backward on N ⊗ C', then f.backward on M ⊗ B'

Over a cartesian base two optics are equal if their `get : A -> B` and `put : A ⊗ B' -> A'` are: maps slide through M
(M. Riley, "Categories of optics", 2018), and (f ; g).put(a, c') = f.put(a, g.put(f.get a, c')). No law between get
and put is asked (G. Cruttwell et al., "Categorical foundations of gradient-based learning", 2021). A pair may have no
way back on some wires: A' has no wire for an integer, or for data whose cotangent nobody wants.

>>> from paralens import R, from_jax, lens
>>> f = lens(from_jax(jnp.sin, R(3)))
>>> f.dom, f.residual, f.put.dom
((R(3), R(3)), R(3), R(3) @ R(3))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import matmul
from typing import Any

from .category import Pictured, category_of, each, wired
from .errors import CompositionError

__all__ = ["Lens", "Lenses", "Pair", "offsets"]


class Pair:
    """An object (A, A'): a type of values, and of what comes back along its wires.

    `back` is a type with as many wires as `value`, or for each of these the type of what comes back, a wire or none.
    `base` is the category, that of the types where they say it. Raises `CompositionError` for a `back` that does not
    fit. `inside` lists the wires, each a type of its own, with what comes back.

    >>> from paralens import R, Z, Ty
    >>> Pair(R(3) @ R(2), R(3) @ R(2)), Pair(R(3) @ Z(), [R(3), Ty()])
    ((R(3) @ R(2), R(3) @ R(2)), (R(3) @ Z(), R(3)))
    """

    __slots__ = ("base", "inside")
    inside: tuple[tuple[Any, Any], ...]
    base: Any

    def __init__(self, value: Any, back: Any, base: Any = None) -> None:
        for word in (value, *(back if type(back) in (list, tuple) else [back])):
            if not hasattr(word, "__len__") or not hasattr(word, "__matmul__"):
                raise CompositionError(f"a pair is of two types, such as Pair(R(3), R(3)), and got {word!r}")
        parts = list(back if type(back) in (list, tuple) else each(back))
        if len(parts) != len(value):
            raise CompositionError(
                f"{value} has {len(value)} wires, and {back} says what comes back along {len(parts)}: "
                "give a type for each wire, empty where nothing does"
            )
        self._set(tuple(zip(each(value), parts, strict=True)), category_of(value) if base is None else base)

    def _set(self, inside: tuple[tuple[Any, Any], ...], base: Any) -> Pair:
        object.__setattr__(self, "inside", inside)
        object.__setattr__(self, "base", base)
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a pair of types does not change")

    @classmethod
    def of(cls, value: Any, back: Sequence[Any], base: Any) -> Pair:
        """The pair of a type, or a list of single wires, and for each of them the type that comes back."""
        return cls.joined(zip(value if type(value) is list else each(value), back, strict=True), base)

    @classmethod
    def joined(cls, inside: Iterable[tuple[Any, Any]], base: Any) -> Pair:
        """The pair with these wires."""
        return object.__new__(cls)._set(tuple(inside), base)

    @property
    def unit(self) -> Any:
        """The unit type of the base."""
        return self.inside[0][0][:0] if self.inside else self.base.id().dom

    @property
    def value(self) -> Any:
        """A, the type of the values."""
        return reduce(matmul, [a for a, _ in self.inside], self.unit)

    @property
    def back(self) -> Any:
        """A', the type of what comes back."""
        return reduce(matmul, [b for _, b in self.inside], self.unit)

    @property
    def category(self) -> Any:
        """The category of lenses."""
        return Lens

    def tensor(self, *others: Pair) -> Pair:
        """This object beside the others; `@` is the same."""
        return Pair.joined((x for p in (self, *others) for x in p.inside), self.base)

    def __matmul__(self, other: Any) -> Pair:
        return self.tensor(other) if isinstance(other, Pair) else NotImplemented

    def __len__(self) -> int:
        return len(self.inside)

    def __iter__(self) -> Iterator[Pair]:
        return each(self)

    def __getitem__(self, index: Any) -> Pair:
        part = index if isinstance(index, slice) else slice(index, index + 1 or None)
        return Pair.joined(self.inside[part], self.base)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and (self.inside, self.base) == (other.inside, other.base)

    def __hash__(self) -> int:
        return hash((self.value, self.back))

    def __repr__(self) -> str:
        return f"({self.value}, {self.back})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Pair.joined, (self.inside, self.base)


@dataclass(frozen=True, eq=False)
class Lens(Pictured):
    """An optic (A, A') -> (B, B'): `forward : A -> B ⊗ M` and `backward : M ⊗ B' -> A'`.

    Raises `CompositionError` where the two maps do not fit the boundary or each other.
    """

    forward: Any
    backward: Any
    dom: Pair
    cod: Pair

    def __post_init__(self) -> None:
        n_out = len(self.cod.value)
        wrong = []
        if self.forward.dom != self.dom.value or self.forward.cod[:n_out] != self.cod.value:
            wrong.append(
                f"forward is {self.forward.dom} -> {self.forward.cod}, not {self.dom.value} -> {self.cod.value} @ M"
            )
        if self.backward.cod != self.dom.back or self.backward.dom != self.residual @ self.cod.back:
            wanted = f"{self.residual @ self.cod.back} -> {self.dom.back}"
            wrong.append(f"backward is {self.backward.dom} -> {self.backward.cod}, not {wanted}")
        if wrong:
            raise CompositionError("the two maps make no lens: " + "; ".join(wrong))

    # -- what it is --------------------------------------------------------------------------------

    @property
    def base(self) -> Any:
        """The category of the two maps."""
        return category_of(self.forward)

    @property
    def residual(self) -> Any:
        """M, what the forward map keeps for the backward map."""
        return self.forward.cod[len(self.cod.value) :]

    @cached_property
    def get(self) -> Any:
        """The map A -> B."""
        return self.forward.then(wired(self.base, self.forward.cod, range(len(self.cod.value))))

    @cached_property
    def put(self) -> Any:
        """The map A ⊗ B' -> A'."""
        return self.both.then(wired(self.base, self.both.cod, range(len(self.cod.value), len(self.both.cod))))

    @cached_property
    def both(self) -> Any:
        """The map A ⊗ B' -> B ⊗ A' that runs forward and back once."""
        base, n, back = self.base, len(self.cod.value), self.cod.back
        return self.forward.tensor(base.id(back)).then(base.id(self.forward.cod[:n]).tensor(self.backward))

    @property
    def n_in(self) -> int:
        """The number of wires of values that come in."""
        return len(self.dom)

    @property
    def n_out(self) -> int:
        """The number of wires of values that go out."""
        return len(self.cod)

    # -- structure ---------------------------------------------------------------------------------

    @staticmethod
    def svg_of(thing: Any) -> str | None:
        """The picture of a lens, or of a `Para` over one, by the base."""
        draw = getattr(getattr(thing, "arrow", thing).base, "svg_of", None)
        return None if draw is None else draw(thing)

    @classmethod
    def of(cls, get: Any, put: Any, dom: Pair, cod: Pair) -> Lens:
        """The lens of `get : A -> B` and `put : A ⊗ B' -> A'`, which keeps its input (the base is cartesian)."""
        base = category_of(get)
        copied = base.copy(dom.value).then(get.tensor(base.id(dom.value)))
        return cls(copied, put, dom, cod)

    @classmethod
    def id(cls, dom: Pair) -> Lens:
        """The identity, M = I."""
        return cls(dom.base.id(dom.value), dom.base.id(dom.back), dom, dom)

    @classmethod
    def wires(cls, dom: Pair, outputs: Sequence[int]) -> Lens:
        """The permutation whose output i is input `outputs[i]`; copying and discarding need addition (see `copy`)."""
        if sorted(outputs) != list(range(len(dom))):
            raise CompositionError(
                f"{tuple(outputs)} is no permutation of {dom}: Lens.copy and Lens.discard take what adds"
            )
        base = dom.base
        cod = Pair.joined((dom.inside[i] for i in outputs), base)
        at = offsets(cod)
        back = [j for i in range(len(dom)) for j in at[list(outputs).index(i)]]
        return cls(wired(base, dom.value, outputs), wired(base, cod.back, back), dom, cod)

    @classmethod
    def swap(cls, left: Pair, right: Pair) -> Lens:
        """The symmetry."""
        n, m = len(left), len(right)
        return cls.wires(left @ right, (*range(n, n + m), *range(n)))

    @classmethod
    def copy(cls, dom: Pair, plus: Any) -> Lens:
        """Copy forward and, back, `plus : A' ⊗ A' -> A'`."""
        return cls(dom.base.copy(dom.value), plus, dom, dom @ dom)

    @classmethod
    def discard(cls, dom: Pair, zero: Any) -> Lens:
        """Discard forward and, back, `zero : I -> A'`."""
        return cls(dom.base.discard(dom.value), zero, dom, dom[:0])

    def then(self, *others: Lens) -> Lens:
        """This lens followed by the others; `>>` is the same."""
        result = self
        for g in others:
            result = result._then(g)
        return result

    def _then(self, g: Lens) -> Lens:
        if self.cod != g.dom:
            raise CompositionError(f"the lens gives {self.cod} but the next takes {g.dom}")
        base, m, n = self.base, self.residual, g.residual
        forward = self.forward.then(g.forward.tensor(base.id(m)))
        order = [
            *range(len(n)),
            *range(len(n) + len(m), len(n) + len(m) + len(g.cod.back)),
            *range(len(n), len(n) + len(m)),
        ]
        turned = wired(base, n @ m @ g.cod.back, order)
        swapped = base.swap(self.cod.back, m)
        backward = turned.then(g.backward.tensor(base.id(m))).then(swapped).then(self.backward)
        return Lens(forward, backward, self.dom, g.cod)

    def tensor(self, *others: Lens) -> Lens:
        """This lens beside the others; `@` is the same."""
        result = self
        for g in others:
            result = result._tensor(g)
        return result

    def _tensor(self, g: Lens) -> Lens:
        base, m, n = self.base, self.residual, g.residual
        b, d = self.cod.value, g.cod.value
        middle = base.id(b).tensor(base.swap(m, d), base.id(n))
        forward = self.forward.tensor(g.forward).then(middle)
        back = base.id(m).tensor(base.swap(n, self.cod.back), base.id(g.cod.back))
        return Lens(forward, back.then(self.backward.tensor(g.backward)), self.dom @ g.dom, self.cod @ g.cod)

    def __rshift__(self, other: Lens) -> Lens:
        return self.then(other)

    def __matmul__(self, other: Lens) -> Lens:
        return self.tensor(other)

    # -- equality and looking ------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Lens):
            return NotImplemented
        same = self.dom == other.dom and self.cod == other.cod
        return same and self.get == other.get and self.put == other.put

    def __hash__(self) -> int:
        return hash((self.get, self.put))

    def __repr__(self) -> str:
        return f"<Lens {self.dom} -> {self.cod}, residual {self.residual}>"

    def mismatch(self, other: Lens, gives: int, takes: int) -> str:
        """Why the first outputs of this lens do not fit the first inputs of another."""
        return f"the lens gives {self.cod[:gives]} but the next takes {other.dom[:takes]}"


@dataclass(frozen=True)
class Lenses:
    """The category of lenses over a base, as what the suite of laws runs against.

    `plus(A)` and `zero(A)` are the addition `A ⊗ A -> A` and the zero `I -> A` of the base, back along copy and
    discard.
    """

    base: Any
    plus: Callable[[Any], Any]
    zero: Callable[[Any], Any]
    cartesian = False  # only lenses whose way back is additive commute with copying

    def id(self, dom: Pair | None = None) -> Lens:
        """The identity, on the unit by default."""
        return Lens.id(Pair.joined((), self.base) if dom is None else dom)

    def swap(self, left: Pair, right: Pair) -> Lens:
        """The symmetry."""
        return Lens.swap(left, right)

    def copy(self, dom: Pair) -> Lens:
        """Copy forward, add back."""
        return Lens.copy(dom, self.plus(dom.back))

    def discard(self, dom: Pair) -> Lens:
        """Discard forward, zero back."""
        return Lens.discard(dom, self.zero(dom.back))


def offsets(pair: Pair) -> list[range]:
    """For each wire of values, which wires of A' belong to it."""
    found, at = [], 0
    for _, b in pair.inside:
        found.append(range(at, at + len(b)))
        at += len(b)
    return found
