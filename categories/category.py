"""What a category must offer, so that the constructions of this package stand over it.

Data: objects are words of wires, which are cut and put side by side; morphisms know their ends and compose. What a
category offers beyond that says what it is:

    Monoidal      id(A)                                 Symmetric    swap(A, B)
    Cartesian     copy(A) : A -> A ⊗ A, discard(A)      Additive     plus(A) : A ⊗ A -> A, zero(A) : I -> A
    Differential  reverse(f) : A ⊗ B -> A

The unit is A[:0], of any A. A morphism says of which category it is by its attribute `category`; where it has none, its
class is the category, with these as class methods. That suffices for Para, Lens and dual numbers: Para over a
symmetric category composes, over a cartesian one parameters are tied, and where there are points they are frozen.

>>> from paralens.categories.functions import Function, Word
>>> f = Function.of(lambda x, w: (x * w,), Word("rr"), Word("r"))
>>> layer = Para(f, {"w": Param(Word("r"))})
>>> (layer >> layer).paths, (layer >> layer).arrow(2, 3, 5), (layer >> layer).tie("w", "w_1").arrow(2, 3)
(('w', 'w_1'), (30,), (18,))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self, TypeVar

from .errors import CompositionError

__all__ = [
    "Additive",
    "Cartesian",
    "Differential",
    "Monoidal",
    "Morphism",
    "Object",
    "Pictured",
    "Symmetric",
    "category_of",
    "each",
    "wired",
]


class Object(Protocol):
    """A type: a word of wires. Equal words are equal objects."""

    def __matmul__(self, other: Any, /) -> Self:
        """This word followed by another."""
        ...

    def __len__(self) -> int:
        """The number of wires."""
        ...

    def __getitem__(self, part: Any, /) -> Any:
        """Of a slice, the word of those wires."""
        ...


Ar = TypeVar("Ar", bound="Morphism", covariant=True)


class Morphism(Protocol):
    """A map between two types; equality is that of the category."""

    @property
    def dom(self) -> Any:
        """The type that it takes."""
        ...

    @property
    def cod(self) -> Any:
        """The type that it gives."""
        ...

    def then(self, *others: Any) -> Self:
        """This map followed by the others; raises `CompositionError` where they do not fit."""
        ...

    def tensor(self, *others: Any) -> Self:
        """This map beside the others."""
        ...


class Monoidal(Protocol[Ar]):
    """A strict monoidal category: identities, where composition and tensor are methods of morphisms."""

    def id(self, dom: Any = ..., /) -> Ar:
        """The identity, on the unit by default."""
        ...


class Symmetric(Monoidal[Ar], Protocol[Ar]):
    """A monoidal category with a symmetry."""

    def swap(self, left: Any, right: Any, /) -> Ar:
        """A ⊗ B -> B ⊗ A."""
        ...


class Cartesian(Symmetric[Ar], Protocol[Ar]):
    """A symmetric category in which every object is a comonoid, and, if it says nothing else, every map respects it.

    One in which maps do not, such as that of lenses, says `cartesian = False`.
    """

    def copy(self, dom: Any, /) -> Ar:
        """A -> A ⊗ A."""
        ...

    def discard(self, dom: Any, /) -> Ar:
        """A -> I."""
        ...


class Additive(Cartesian[Ar], Protocol[Ar]):
    """A cartesian category in which every object is a commutative monoid: maps can be added."""

    def plus(self, dom: Any, /) -> Ar:
        """A ⊗ A -> A."""
        ...

    def zero(self, dom: Any, /) -> Ar:
        """I -> A."""
        ...


class Differential(Additive[Ar], Protocol[Ar]):
    """A cartesian reverse differential category (see `categories.differential`)."""

    def reverse(self, f: Any, /) -> Ar:
        """R[f] : A ⊗ B -> A, of f : A -> B."""
        ...


class Pictured:
    """What stands over a `base`, and is shown in a notebook as the picture that the base draws of it, if it draws."""

    __slots__ = ()

    @property
    def base(self) -> Any:
        """The category that it is made in."""
        raise NotImplementedError

    def _repr_svg_(self) -> str | None:
        draw = getattr(self.base, "svg_of", None)
        return None if draw is None else draw(self)


def category_of(thing: Any) -> Any:
    """The category of a morphism or of a type.

    Raises `CompositionError` for what says none: a type without an attribute `category`.
    """
    found = getattr(thing, "category", None)
    if found is not None:
        return found
    if hasattr(type(thing), "id") and hasattr(thing, "dom"):
        return type(thing)
    raise CompositionError(
        f"{thing!r} does not say of which category it is: give {type(thing).__name__} an attribute `category`"
    )


def each(word: Any) -> Iterator[Any]:
    """The wires of a type, each as a type of its own."""
    return (word[i : i + 1] for i in range(len(word)))


def wired(category: Any, dom: Any, outputs: Sequence[int]) -> Any:
    """The map that copies, drops and permutes wires: its output i is the input `outputs[i]`.

    It is the category's own `wires` if there is one; else it is made of copies, discards and swaps of neighbors.
    Raises `CompositionError` where these are needed and the category has none.
    """
    if hasattr(category, "wires"):
        return category.wires(dom, tuple(outputs))
    if sorted(outputs) == list(range(len(dom))):
        return _permuted(category, dom, list(outputs))
    if not (hasattr(category, "copy") and hasattr(category, "discard")):
        raise CompositionError(f"{tuple(outputs)} copies or drops wires of {dom}: {category!r} has no copy and discard")
    return _projected(category, dom, list(outputs))


def _permuted(category: Any, dom: Any, order: list[int]) -> Any:
    """A permutation as swaps of neighbors, as many as it has inversions."""
    made, here, wires = category.id(dom), list(range(len(dom))), list(each(dom))
    for place, wanted in enumerate(order):
        for i in range(here.index(wanted), place, -1):
            before, after = _word(dom, wires[: i - 1]), _word(dom, wires[i + 1 :])
            swap = category.swap(wires[i - 1], wires[i])
            made = made.then(category.id(before).tensor(swap, category.id(after)))
            here[i - 1 : i + 1] = here[i], here[i - 1]
            wires[i - 1 : i + 1] = wires[i], wires[i - 1]
    return made


def _projected(category: Any, dom: Any, outputs: list[int]) -> Any:
    """Each wire copied as often as it is wanted, or dropped, and then a permutation."""
    made = category.id(dom[:0]).tensor(*[_copies(category, wire, outputs.count(i)) for i, wire in enumerate(each(dom))])
    stands = [i for i in range(len(dom)) for _ in range(outputs.count(i))]
    order = []
    for i in outputs:
        order.append(stands.index(i))
        stands[order[-1]] = -1
    return made.then(_permuted(category, made.cod, order))


def _copies(category: Any, wire: Any, n: int) -> Any:
    """So many copies of one wire."""
    if n == 0:
        return category.discard(wire)
    made = category.id(wire)
    for _ in range(n - 1):
        made = made.then(category.copy(wire).tensor(category.id(made.cod[1:])))
    return made


def _word(dom: Any, parts: Sequence[Any]) -> Any:
    """The parts of a type side by side."""
    word = dom[:0]
    for part in parts:
        word = word @ part
    return word
