"""Copies, swaps and discards as boxes, for DisCoPy's layers.

In a Paralens diagram structure is wiring, not boxes: `Diagram.copy`, `swap` and `discard` take any
type. DisCoPy lists them as boxes over single wires, which its functors and drawing know by class;
these are such boxes, and ours at the same time.
"""

from __future__ import annotations

from typing import Any

from .box import Box
from .discopy_seam import FreeCopy, FreeDiscard, FreeSwap, FreeTy
from .syntax import Diagram, as_ty
from .types import Ty

__all__ = ["Copy", "Discard", "Swap"]


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


class Discard(Copy, FreeDiscard):
    """The discard of a single wire, as a box of DisCoPy's layers."""

    __slots__ = ()

    def __init__(self, x: FreeTy, n: int = 0) -> None:
        Copy.__init__(self, x, 0)


Diagram.braid_factory, Diagram.copy_factory, Diagram.discard_factory = Swap, Copy, Discard
