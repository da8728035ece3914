"""Where a diagram leaves for another system."""

from .to_jax import Compiled, compile, export, to_jax
from .to_networkx import from_networkx, to_networkx

__all__ = ["Compiled", "compile", "export", "from_networkx", "to_jax", "to_networkx"]
