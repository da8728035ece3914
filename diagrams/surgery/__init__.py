"""Sub-models by path, and putting others in their place: the two halves of a lens on models."""

from .parts import part
from .replacing import replaced

__all__ = ["part", "replaced"]
