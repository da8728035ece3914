"""Where a diagram leaves for another system."""

from .graphs import from_networkx, to_networkx
from .programs import Compiled, compile, export, to_jax
from .sources import Source, source

__all__ = ["Compiled", "Source", "compile", "export", "from_networkx", "source", "to_jax", "to_networkx"]
