"""Where a diagram leaves for another system."""

from .graphs import from_networkx, to_networkx
from .programs import Compiled, compile, export, to_jax

__all__ = ["Compiled", "compile", "export", "from_networkx", "to_jax", "to_networkx"]
