"""Out to JAX: functions, compiled programs and training steps."""

from .programs import Compiled, compile, export, to_jax

__all__ = ["Compiled", "compile", "export", "to_jax"]
