"""Out to JAX: functions, compiled programs and training steps."""

from .compiling import compile
from .programs import Compiled, export, to_jax

__all__ = ["Compiled", "compile", "export", "to_jax"]
