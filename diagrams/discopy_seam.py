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

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..categories.errors import CompositionError, ParalensError

if TYPE_CHECKING:
    from .syntax import Diagram
    from .types import Ty

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
    "LayerError",
    "Layered",
    "Ob",
    "adopted",
    "adopted_layer",
    "unwritable",
]

NO_DAGGER = "a diagram of arrays has no dagger: arrays flow one way"


class LayerError(ParalensError, NotImplementedError):
    """DisCoPy's rewriting of layers has no result for this diagram; `last_step` is as far as it came."""

    def __init__(self, what: str, last_step: Diagram) -> None:
        super().__init__(what)
        self.last_step = last_step


class Layered(FreeDiagram):
    """The part of a diagram that DisCoPy's algorithms over layers ask for."""

    __slots__ = ()
    if TYPE_CHECKING:
        graph: Any

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

    @classmethod
    def decode(
        cls,
        dom: FreeTy,
        boxes_and_offsets: Iterable[tuple[Any, int]] | None = None,
        boxes: Sequence[Any] | None = None,
        offsets: Sequence[int] | None = None,
        cod: FreeTy | None = None,
    ) -> Diagram:
        """The diagram with these boxes, each after so many wires, one layer each: the inverse of `encode`.

        Raises `CompositionError` where a box does not fit the wires at its offset.
        """
        from .syntax import Diagram, as_ty

        if boxes_and_offsets is None:
            boxes, offsets = boxes or (), offsets or ()
            if len(boxes) != len(offsets):
                raise CompositionError(f"decode got {len(boxes)} boxes and {len(offsets)} offsets: encode() gives both")
            boxes_and_offsets = zip(boxes, offsets, strict=True)
        flowing, layers = as_ty(dom), []
        for box, offset in boxes_and_offsets:
            end = offset + len(box.dom)
            if offset < 0 or end > len(flowing) or flowing[offset:end] != box.dom:
                raise CompositionError(f"decode: {box} takes {box.dom}, and does not fit {flowing} at offset {offset}")
            layers.append(Layer(flowing[:offset], box, flowing[end:]))
            flowing = flowing[:offset] @ box.cod @ flowing[end:]
        if cod is not None and flowing != cod:
            raise CompositionError(f"decode: the boxes give {flowing} where {cod} was declared")
        return Diagram(layers, as_ty(dom), flowing, _scan=False)

    @property
    def width(self) -> int:
        """The largest number of wires side by side."""
        return max(len(self.dom), *[len(layer.cod) for layer in self.inside], 0)

    def __getitem__(self, key: Any) -> Any:
        return self.dagger() if isinstance(key, slice) and key.step == -1 else FreeDiagram.__getitem__(self, key)

    # -- DisCoPy's rewriting of layers ---------------------------------------------------------------

    def normal_form(self, **options: Any) -> Diagram:
        """DisCoPy's normal form, by interchanging layers; `normal` is the one that decides equality.

        Raises `LayerError`, a `NotImplementedError` as DisCoPy's, where a part has no way to the boundary.
        """
        return self._plainly(lambda plain: plain.normal_form(**options))

    def normalize(self, **options: Any) -> Iterator[Diagram]:
        """The steps of DisCoPy's normal form, one interchange each."""
        plain, back = named(self)
        yield from map(back, plain.normalize(**options))

    def foliation(self) -> Diagram:
        """The diagram with layers merged where their boxes stand side by side."""
        return self._plainly(lambda plain: plain.foliation())

    def to_staircases(self) -> Diagram:
        """The diagram with one box in each layer, the boxes of a layer from left to right."""
        return self._plainly(lambda plain: plain.to_staircases())

    def interchange(self, i: int, j: int, left: bool = False) -> Diagram:
        """The diagram with the box of layer i moved to layer j; raises DisCoPy's `AxiomError` where it is held."""
        return self._plainly(lambda plain: plain.interchange(i, j, left=left))

    def simplify(self) -> Diagram:
        """The diagram with its wires routed anew: swaps that undo each other and copies that are dropped vanish."""
        from .syntax import Diagram

        return Diagram.of_graph(self.graph)

    def _plainly(self, change: Callable[[Any], Any]) -> Diagram:
        plain, back = named(self)
        try:
            return back(change(plain))
        except NotImplementedError as error:
            what = str(error) or "a layer holds several boxes: write d.to_staircases() first"
            raise LayerError(what, back(getattr(error, "last_step", plain))) from error

    # -- building ----------------------------------------------------------------------------------

    @classmethod
    def from_callable(cls, dom: Ty, cod: Ty) -> Callable[[Callable[..., Any]], Any]:
        """A decorator that reads a function over wires as a diagram; `@diagram(dom, cod)` is the same."""
        from .builder import diagram

        return diagram(dom, cod)

    def __rrshift__(self, other: Any) -> Any:
        return adopted(other).then(self) if isinstance(other, FreeDiagram) else NotImplemented

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


def adopted(x: Any) -> Diagram:
    """A diagram of DisCoPy's own over our wires, as one of ours; its boxes become abstract boxes.

    Raises `CompositionError` for what has no place in a diagram of arrays: merges, traces, bubbles, sums, daggers.
    """
    from .syntax import Diagram, as_ty

    return x if isinstance(x, Diagram) else Diagram(x.inside, as_ty(x.dom), as_ty(x.cod), _scan=False)


def adopted_layer(layer: Any) -> Layer:
    """A layer of DisCoPy's as one over our types and boxes."""
    from .syntax import as_ty

    parts = tuple(layer)
    if all(hasattr(box, "wiring") for box in parts[1::2]):
        return layer
    return Layer(*[_adopted_box(item) if i % 2 else as_ty(item) for i, item in enumerate(parts)])


def _adopted_box(box: Any) -> Any:
    from .box import Box
    from .layers import Copy, Discard, Swap
    from .syntax import as_ty

    found = box if hasattr(box, "wiring") else _structure(box, as_ty, Swap, Copy, Discard)
    if found is not None:
        return found
    if type(box) is not FreeBox or box.is_dagger or box.data is not None:
        raise CompositionError(
            f"{box} is DisCoPy's {type(box).__module__}.{type(box).__name__} with its own meaning, which a diagram of "
            "arrays has not: use paralens.Box, or a functor that says what it becomes"
        )
    return Box(box.name, box.dom, box.cod)


def _structure(box: Any, ty: Callable[[Any], Any], swap: Any, copy: Any, discard: Any) -> Any:
    """A swap, copy or discard, over types read by `ty` and as a box of these classes; None for any other box."""
    if isinstance(box, FreeSwap):
        return swap(ty(box.left), ty(box.right))
    if isinstance(box, FreeCopy):
        return copy(ty(box.dom), len(box.cod)) if len(box.cod) else discard(ty(box.dom))
    return None


def named(d: Any) -> tuple[Any, Callable[[Any], Diagram]]:
    """DisCoPy's own diagram of the same layers, and the way back.

    A wire is its name there; a box is its name too, with a number behind where two different boxes share it.
    """
    from .layers import Copy, Discard, Swap
    from .syntax import Diagram
    from .types import Ty

    boxes: dict[str, Any] = {}
    names: dict[bytes, str] = {}
    wires = {w.name: w for layer in d.inside for x in (layer.dom, layer.cod) for w in x.inside}

    def ty(x: Any) -> FreeTy:
        return FreeTy(*[w.name for w in x.inside])

    def own_ty(x: Any) -> Any:
        return Ty.of(wires[ob.name] for ob in x.inside)

    def plain(box: Any) -> Any:
        if box.wiring is not None:
            return _structure(box, ty, FreeSwap, FreeCopy, FreeDiscard)
        name = names.get(box.content)
        if name is None:
            name = names[box.content] = box.name if box.name not in boxes else f"{box.name}#{len(boxes)}"
            boxes[name] = box
        return FreeBox(name, ty(box.dom), ty(box.cod))

    def own(box: Any) -> Any:
        return _structure(box, own_ty, Swap, Copy, Discard) or boxes[box.name]

    def layered(inside: Any, types: Any, box: Any) -> list[Layer]:
        return [Layer(*[box(x) if i % 2 else types(x) for i, x in enumerate(layer)]) for layer in inside]

    def back(e: Any) -> Diagram:
        return Diagram(layered(e.inside, own_ty, own), d.dom, d.cod, _scan=False)

    return FreeDiagram(tuple(layered(d.inside, ty, plain)), ty(d.dom), ty(d.cod), _scan=False), back


def unwritable(what: str) -> str:
    """Why DisCoPy's `dumps` and `loads` refuse a wire, a type or a diagram."""
    return (
        f"{what} of arrays is not written by DisCoPy's dumps, whose loads finds classes of DisCoPy alone: "
        "use paralens.save and paralens.load, or pickle"
    )
