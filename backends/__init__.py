"""Where a diagram leaves for another system."""

from .to_jax import Compiled, compile, export, to_jax

__all__ = ["Compiled", "compile", "export", "to_jax"]
