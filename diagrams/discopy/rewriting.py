"""DisCoPy's rewriting of layers on our diagrams, and its diagrams read as ours.

DisCoPy's interchange, normal form and foliation are about one particular list of layers, so they run on DisCoPy's own
diagram of the same layers, in which a box is a name, and what they give is read back:

    plain(d)  --DisCoPy-->  plain(e)        with e = d as a morphism, and the layers of e those of plain(e)

The functions here whose first argument is called `self` are methods of `Diagram`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ...categories.errors import CompositionError, ParalensError
from ..box import Box
from ..syntax import Diagram, as_ty
from ..types import Ty
from .layers import Copy, Discard, Swap
from .seam import FreeBox, FreeCopy, FreeDiagram, FreeDiscard, FreeSwap, FreeTy, Layer

__all__ = [
    "LayerError",
    "adopted_layer",
    "decode",
    "foliation",
    "interchange",
    "normal_form",
    "normalize",
    "simplify",
    "to_staircases",
]


class LayerError(ParalensError, NotImplementedError):
    """DisCoPy's rewriting of layers has no result for this diagram; `last_step` is as far as it came."""

    def __init__(self, what: str, last_step: Diagram) -> None:
        super().__init__(what)
        self.last_step = last_step


def decode(
    cls: type[Diagram],
    dom: FreeTy,
    boxes_and_offsets: Iterable[tuple[Any, int]] | None = None,
    boxes: Sequence[Any] | None = None,
    offsets: Sequence[int] | None = None,
    cod: FreeTy | None = None,
) -> Diagram:
    """The diagram with these boxes, each after so many wires, one layer each: the inverse of `encode`.

    Raises `CompositionError` where a box does not fit the wires at its offset.
    """
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


def normal_form(self: Diagram, **options: Any) -> Diagram:
    """DisCoPy's normal form, by interchanging layers; `normal` is the one that decides equality.

    Raises `LayerError`, a `NotImplementedError` as DisCoPy's, where a part has no way to the boundary.
    """
    return _plainly(self, lambda plain: plain.normal_form(**options))


def normalize(self: Diagram, **options: Any) -> Iterator[Diagram]:
    """The steps of DisCoPy's normal form, one interchange each."""
    plain, back = named(self)
    yield from map(back, plain.normalize(**options))


def foliation(self: Diagram) -> Diagram:
    """The diagram with layers merged where their boxes stand side by side."""
    return _plainly(self, lambda plain: plain.foliation())


def to_staircases(self: Diagram) -> Diagram:
    """The diagram with one box in each layer, the boxes of a layer from left to right."""
    return _plainly(self, lambda plain: plain.to_staircases())


def interchange(self: Diagram, i: int, j: int, left: bool = False) -> Diagram:
    """The diagram with the box of layer i moved to layer j; raises DisCoPy's `AxiomError` where it is held."""
    return _plainly(self, lambda plain: plain.interchange(i, j, left=left))


def simplify(self: Diagram) -> Diagram:
    """The diagram with its wires routed anew: swaps that undo each other and copies that are dropped vanish."""
    return Diagram.of_graph(self.graph)


def _plainly(self: Diagram, change: Callable[[Any], Any]) -> Diagram:
    plain, back = named(self)
    try:
        return back(change(plain))
    except NotImplementedError as error:
        what = str(error) or "a layer holds several boxes: write d.to_staircases() first"
        raise LayerError(what, back(getattr(error, "last_step", plain))) from error


def adopted_layer(layer: Any) -> Layer:
    """A layer of DisCoPy's as one over our types and boxes."""
    parts = tuple(layer)
    if all(hasattr(box, "wiring") for box in parts[1::2]):
        return layer
    return Layer(*[_adopted_box(item) if i % 2 else as_ty(item) for i, item in enumerate(parts)])


def _adopted_box(box: Any) -> Any:
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
