"""The free category: wires, boxes, diagrams, the flat graph, and the ways to build them."""

from . import fluent as _fluent  # noqa: F401  (it binds methods of `Diagram`)
from .box import Box
from .builder import Var, diagram
from .discopy.layers import Copy, Discard, Swap
from .graph import Graph, normal_form
from .saving.store import load, save
from .syntax import Diagram
from .tracing.jaxpr import from_jax
from .traversal import interpret, rebuild
from .types import B, C, Key, R, Ty, Wire, Z, wire

__all__ = [
    "B",
    "Box",
    "C",
    "Copy",
    "Diagram",
    "Discard",
    "Graph",
    "Key",
    "R",
    "Swap",
    "Ty",
    "Var",
    "Wire",
    "Z",
    "diagram",
    "from_jax",
    "interpret",
    "load",
    "normal_form",
    "rebuild",
    "save",
    "wire",
]
