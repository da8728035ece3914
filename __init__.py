"""Deep learning where a model is a string diagram: compose it, draw it, compile it.

This page is the table of contents; each name says in its docstring what it is, with an example.
"""

from .backends import Compiled, compile, export, to_jax
from .categories import (
    CompositionError,
    EffectError,
    FileError,
    Init,
    InputError,
    NoMeaningError,
    Para,
    ParalensError,
    Param,
    ParameterError,
    PathError,
)
from .diagrams import B, Box, C, Diagram, Graph, Key, R, Ty, Z, diagram, from_jax, interpret, load, nn, save
from .diagrams.drawing import draw
from .functors import batch, cost, summary

__version__ = "0.1.0"

__all__ = [
    "B",
    "Box",
    "C",
    "Compiled",
    "CompositionError",
    "Diagram",
    "EffectError",
    "FileError",
    "Graph",
    "Init",
    "InputError",
    "Key",
    "NoMeaningError",
    "Para",
    "ParalensError",
    "Param",
    "ParameterError",
    "PathError",
    "R",
    "Ty",
    "Z",
    "batch",
    "compile",
    "cost",
    "diagram",
    "draw",
    "export",
    "from_jax",
    "interpret",
    "load",
    "nn",
    "save",
    "summary",
    "to_jax",
]
