"""The free category: wires, boxes, diagrams, the flat graph, and the ways to build them."""

from .builder import Var, diagram
from .diagram import Box, Diagram
from .graph import Graph, interpret, normal_form
from .jaxpr import from_jax
from .store import load, save
from .structure import Copy, Discard, Swap
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
    "save",
    "wire",
]
