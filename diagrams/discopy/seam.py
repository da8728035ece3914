"""The only module that imports DisCoPy's concrete classes.

DisCoPy 1.2 gives the free Markov category: types that are tuples of objects, boxes, swaps, copies
and discards, and layered diagrams that its functors and drawing walk over. Everything that
Paralens takes from it passes through here, so that a change of names upstream is a change of one file.

A Paralens diagram is a morphism; its layers are derived from the graph, with copies, swaps and discards as boxes.
DisCoPy's rewriting of layers (interchange, normal form, foliation) is about one particular list of them, so it runs on
DisCoPy's own diagram of the same layers, in which a box is a name, and what it gives is read back:

    plain(d)  --DisCoPy-->  plain(e)        with e = d as a morphism, and the layers of e those of plain(e)

What has no meaning for arrays (daggers, merges, traces without delay, files of DisCoPy's) is refused by name.

DisCoPy is untyped, and its class decorator hides the classes from type checkers; what we use of
them is declared here for those.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...categories.errors import ParalensError

if TYPE_CHECKING:
    from ..types import Ty

    class Ob:
        name: str

        def __init__(self, name: str = "") -> None: ...

    class FreeTy:
        inside: tuple[Any, ...]
        factory: Any

        def __init__(self, *inside: Any) -> None: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Any]: ...

    class Layer:
        dom: Any
        cod: Any

        def __init__(self, left: FreeTy, box: Any, right: FreeTy, *more: Any) -> None: ...
        def __iter__(self) -> Iterator[Any]: ...

    class FreeDiagram:
        factory: Any
        braid_factory: Any
        copy_factory: Any
        discard_factory: Any
        dom: Any
        cod: Any
        inside: Any

        def __init__(self, inside: Any, dom: Any, cod: Any, _scan: bool = True) -> None: ...
        def __len__(self) -> int: ...
        def __getitem__(self, key: Any) -> Any: ...
        def draw(self, **options: Any) -> Any: ...
        def to_hypergraph(self) -> Any: ...

    class FreeBox(FreeDiagram):
        name: Any
        data: Any
        is_dagger: Any

        def __lt__(self, other: Any) -> bool: ...

    class FreeSwap(FreeBox):
        left: Any
        right: Any

    class FreeCopy(FreeBox): ...

    class FreeDiscard(FreeCopy): ...
else:
    from discopy.cat import Ob
    from discopy.markov import Box as FreeBox
    from discopy.markov import Copy as FreeCopy
    from discopy.markov import Diagram as FreeDiagram
    from discopy.markov import Discard as FreeDiscard
    from discopy.markov import Swap as FreeSwap
    from discopy.monoidal import Layer
    from discopy.monoidal import Ty as FreeTy

__all__ = [
    "FreeBox",
    "FreeCopy",
    "FreeDiagram",
    "FreeDiscard",
    "FreeSwap",
    "FreeTy",
    "Layer",
    "Layered",
    "Ob",
    "unwritable",
]

NO_DAGGER = "a diagram of arrays has no dagger: arrays flow one way"


class Layered(FreeDiagram):
    """The part of a diagram that DisCoPy's algorithms over layers ask for."""

    __slots__ = ()
    if TYPE_CHECKING:
        graph: Any

        def to_staircases(self) -> Any: ...

    # -- layers ------------------------------------------------------------------------------------

    @property
    def offsets(self) -> list[int]:
        """How many wires are left of each box, where no layer is a copy, swap or discard (else see `encode`)."""
        found = self.encode()[1]
        if any(box.wiring is not None for box, _ in found):
            raise ParalensError(
                "offsets: the layers hold copies, swaps or discards, which `boxes` leaves out, so that the two lists "
                "would not belong together; encode() gives the boxes of all layers with their offsets"
            )
        return [offset for _, offset in found]

    def encode(self) -> tuple[Ty, list[tuple[Any, int]]]:
        """The domain, and the box of every layer (copies, swaps and discards too) with the wires left of it."""
        stairs = self if all(len(tuple(layer)) == 3 for layer in self.inside) else self.to_staircases()
        return self.dom, [(box, len(left)) for left, box, _ in stairs.inside]

    @property
    def width(self) -> int:
        """The largest number of wires side by side."""
        return max(len(self.dom), *[len(layer.cod) for layer in self.inside], 0)

    def __getitem__(self, key: Any) -> Any:
        return self.dagger() if isinstance(key, slice) and key.step == -1 else FreeDiagram.__getitem__(self, key)

    # -- refusals ----------------------------------------------------------------------------------

    def dagger(self) -> Any:
        raise ParalensError(NO_DAGGER)

    @classmethod
    def merge(cls, x: Any, n: int = 2) -> Any:
        raise ParalensError(f"wires of {x} cannot be merged into one: add them with a box, such as from_jax(jnp.add)")

    def trace(self, n: int = 1, left: bool = False) -> Any:
        raise ParalensError("a diagram of arrays has no trace: a cycle needs a delay, such as lax.scan in from_jax")

    def __add__(self, other: Any) -> Any:
        raise ParalensError(
            "diagrams have no formal sums: copy the inputs, and add the results by a box such as jnp.add"
        )

    __radd__ = __add__

    @classmethod
    def zero(cls, dom: Any, cod: Any) -> Any:
        raise ParalensError("there are no formal sums of diagrams, and so no empty one: from_jax(jnp.zeros_like, ...)")

    def bubble(self, *args: Any, **options: Any) -> Any:
        raise ParalensError("a diagram has no bubbles: d.boxed(name) closes it into a box, and functors act on boxes")

    @classmethod
    def twist(cls, dom: Any) -> Any:
        raise ParalensError("wires of arrays do not twist: the twist of a symmetric category is Diagram.id")

    def subs(self, *args: Any) -> Any:
        raise ParalensError("a box holds no symbols of sympy: symbolic(d) gives formulas, which have subs and lambdify")

    lambdify = subs

    def to_tree(self) -> Any:
        raise ParalensError(unwritable("a diagram"))

    @classmethod
    def from_tree(cls, tree: Any) -> Any:
        raise ParalensError(unwritable("a diagram"))


def unwritable(what: str) -> str:
    """Why DisCoPy's `dumps` and `loads` refuse a wire, a type or a diagram."""
    return (
        f"{what} of arrays is not written by DisCoPy's dumps, whose loads finds classes of DisCoPy alone: "
        "use paralens.save and paralens.load, or pickle"
    )
