"""Where a diagram leaves for another system."""

from .jax import Compiled, compile, export, to_jax
from .networkx import from_networkx, to_networkx
from .python import Source, source

__all__ = ["Compiled", "Source", "compile", "export", "from_networkx", "source", "to_jax", "to_networkx"]
