"""The methods of `Diagram` that stand on the rest of this room: what is called on a diagram, though it is made of more.

`syntax` declares them and cannot import what they need, which is itself made of diagrams. They are bound here, once,
when the room is entered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..categories.para import Para
from .box import Box
from .builder import apply
from .builder import diagram as building
from .discopy import rewriting
from .discopy.layers import Layer, layers
from .drawing import draw
from .drawing.sheet import flat
from .surgery import part, replaced
from .surgery.opening import box_at, opened
from .syntax import Diagram
from .tracing.arrays import constant
from .types import Ty

__all__: list[str] = []

LARGEST = 1000  # boxes of a diagram that a notebook draws unasked


def point(cls: type[Diagram], value: Any) -> Diagram:
    """The map `Ty() -> A` that gives this array: an element of A."""
    return constant(value)


def from_callable(cls: type[Diagram], dom: Ty, cod: Ty) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that reads a function over wires as a diagram; `@diagram(dom, cod)` is the same."""
    return building(dom, cod)


def svg_of(d: Any) -> str | None:
    """What a notebook shows of a diagram, of a lens or of a `Para`: the picture, unless it is too large to read."""
    return draw(d).svg if len(flat(d)[0].graph) <= LARGEST else None


def _layers(self: Diagram) -> tuple[Layer, ...]:
    """DisCoPy's layers of the graph."""
    return layers(self.graph)


def boxed(self: Diagram, name: str) -> Box:
    """This diagram closed into one box, whose definition it is."""
    return Box(name, self.dom, self.cod, definition=self)


def call(self: Diagram, *wires: Any) -> Any:
    """Apply the diagram to wires of a diagram under construction (see `@diagram`)."""
    return apply(self, wires)


def apply_para(self: Diagram, para: Any, wires: Any) -> Any:
    """Apply a 1-cell over this diagram to wires; its parameters become parameters of the diagram being built."""
    return apply(self, wires, para)


def at(self: Diagram, path: str) -> Box:
    """The box at a path such as `block_1/attention`; raises `PathError`."""
    return box_at(self, path)


def open(self: Diagram, *paths: str, depth: int = 0) -> Diagram:
    """The diagram with the boxes at these paths, or all down to a depth, replaced by their definitions."""
    return opened(self, *paths, depth=depth)


def replace(self: Diagram, path: str, other: Any) -> Any:
    """The diagram with a diagram or a model in the place of the box at a path, as `Para.replace`."""
    made = Para.lift(self).replace(path, other)
    return made if made.n_params else made.arrow


def part_of(self: Diagram, para: Any, path: str) -> Any:
    """The model at a path in a 1-cell over this diagram."""
    return part(para, path)


def replace_in(self: Diagram, para: Any, path: str, other: Any) -> Any:
    """A 1-cell over this diagram with another model in the place of the box at a path."""
    return replaced(para, path, other)


BOUND: dict[str, Any] = {
    "point": classmethod(point),
    "from_callable": classmethod(from_callable),
    "decode": classmethod(rewriting.decode),
    "svg_of": staticmethod(svg_of),
    "_our_layer": staticmethod(rewriting.adopted_layer),
    "_layers": _layers,
    "boxed": boxed,
    "__call__": call,
    "apply_para": apply_para,
    "at": at,
    "open": open,
    "replace": replace,
    "part_of": part_of,
    "replace_in": replace_in,
    "normal_form": rewriting.normal_form,
    "normalize": rewriting.normalize,
    "foliation": rewriting.foliation,
    "to_staircases": rewriting.to_staircases,
    "interchange": rewriting.interchange,
    "simplify": rewriting.simplify,
}
for name, method in BOUND.items():
    setattr(Diagram, name, method)
