"""From the flat graph to DisCoPy's layers: copies, swaps and discards made explicit again.

DisCoPy draws and interprets a diagram as a list of layers, each one box between two types. This
module routes the wires of a graph through the plane: before a box, each wire that it reads is
copied if it is read again later, and carried by swaps to its place; wires that nothing reads are
discarded where they appear.

In a Paralens diagram structure is wiring, not boxes: `Diagram.copy`, `swap` and `discard` take any type. DisCoPy
lists them as boxes over single wires, which its functors and drawing know by class; `Copy`, `Swap` and `Discard` here
are such boxes, and ours at the same time.
"""

from __future__ import annotations

from typing import Any

from ..box import Box
from ..graph import Graph
from ..syntax import Diagram, as_ty
from ..types import Ty, Wire
from .seam import FreeCopy, FreeDiscard, FreeSwap, FreeTy, Layer

__all__ = ["Copy", "Discard", "Swap", "layers"]


class Structure(Box):
    """A structural box, as DisCoPy's layers need them; `wiring` says which input each output is."""

    __slots__ = ("wiring",)

    def __init__(self, name: str, dom: Ty, wiring: tuple[int, ...]) -> None:
        super().__init__(name, dom, Ty.of(dom.inside[i] for i in wiring))
        self.form, self.wiring = ("wires", wiring, None), wiring

    __eq__, __hash__ = Diagram.__eq__, Diagram.__hash__


class Swap(FreeSwap, Structure):
    """The swap of two single wires, as a box of DisCoPy's layers; see `Diagram.swap` for types."""

    __slots__ = ()
    draw_as_wires, draw_as_braid = True, False

    def __init__(self, left: FreeTy, right: FreeTy) -> None:
        self.left, self.right = as_ty(left), as_ty(right)
        Structure.__init__(self, f"Swap({left}, {right})", self.left @ self.right, (1, 0))

    def __reduce__(self) -> tuple[Any, ...]:
        return Swap, (self.left, self.right)


class Copy(FreeCopy, Structure):
    """The copy of a single wire, as a box of DisCoPy's layers; see `Diagram.copy` for types."""

    __slots__ = ()
    draw_as_spider, color, drawing_name = True, "black", ""

    def __new__(cls, x: FreeTy, n: int = 2) -> Copy:
        return object.__new__(cls)

    def __init__(self, x: FreeTy, n: int = 2) -> None:
        Structure.__init__(self, f"Copy({x}, {n})", as_ty(x), (0,) * n)

    def __reduce__(self) -> tuple[Any, ...]:
        return Copy, (self.dom, self.n_out)

    dagger = Diagram.dagger


class Discard(Copy, FreeDiscard):
    """The discard of a single wire, as a box of DisCoPy's layers."""

    __slots__ = ()

    def __init__(self, x: FreeTy, n: int = 0) -> None:
        Copy.__init__(self, x, 0)


Diagram.braid_factory, Diagram.copy_factory, Diagram.discard_factory = Swap, Copy, Discard


class _Router:
    """The wires at the present height, in planar order, and the layers so far."""

    def __init__(self, graph: Graph) -> None:
        self.types = graph.wires()
        self.uses = graph.uses().tolist()
        self.row = list(range(len(graph.dom)))
        self.out: list[Layer] = []
        self.cache: dict[Any, Any] = {}
        for w in reversed(self.row.copy()):
            self.drop_if_unread(w)

    def ty(self, row: list[int]) -> Ty:
        return Ty.of(self.types[w] for w in row)

    def structure(self, cls: type, *args: Wire | int) -> Any:
        key = (cls, *args)
        if key not in self.cache:
            self.cache[key] = cls(*[Ty.of((a,)) if isinstance(a, Wire) else a for a in args])
        return self.cache[key]

    def emit(self, at: int, box: Any, made: list[int]) -> None:
        left, right = self.ty(self.row[:at]), self.ty(self.row[at + box.n_in :])
        key = (left.inside, id(box), right.inside)
        if key not in self.cache:
            self.cache[key] = (Layer(left, box, right), box)
        self.out.append(self.cache[key][0])
        self.row[at : at + box.n_in] = made

    def drop_if_unread(self, w: int) -> None:
        if self.uses[w] == 0:
            self.emit(self.row.index(w), self.structure(Discard, self.types[w]), [])

    def swap(self, at: int) -> None:
        a, b = self.row[at : at + 2]
        self.emit(at, self.structure(Swap, self.types[a], self.types[b]), [b, a])

    def gather(self, wires: tuple[int, ...]) -> int:
        """Bring these wires side by side, copying those that are read again; gives where they start."""
        start = None
        for k, w in enumerate(wires):
            lo = 0 if start is None else start
            taken = range(lo, lo + k) if start is not None else range(0)
            at = next(i for i, v in enumerate(self.row) if v == w and i not in taken)
            self.uses[w] -= 1
            if self.uses[w] > 0:
                self.emit(at, self.structure(Copy, self.types[w], 2), [w, w])
                if start is not None and at < start:
                    start, at = start + 1, at + 1
            if start is None:
                start = at
                continue
            while at > start + k:
                self.swap(at - 1)
                at -= 1
            if at < start:
                while at < start + k - 1:
                    self.swap(at)
                    at += 1
                start -= 1
        return len(self.row) if start is None else start


def layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers of a graph, one box each."""
    router = _Router(graph)
    # by hand: wires are routed through the plane
    for box, reads, writes in graph.nodes():
        at = router.gather(reads)
        router.emit(at, box, list(writes))
        for w in writes:
            router.drop_if_unread(w)
    outputs = tuple(graph.outputs.tolist())
    router.gather(outputs)
    return tuple(router.out)
