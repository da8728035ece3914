"""The free category: wires, boxes, diagrams, the flat graph, and the ways to build them."""

from .box import Box
from .builder import Var, diagram
from .graph import Graph, normal_form
from .layers import Copy, Discard, Swap
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
