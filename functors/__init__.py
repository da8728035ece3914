"""Maps out of diagrams: from diagram to diagram, and from diagram to meaning."""

from .batch import batch, batched

__all__ = ["batch", "batched"]
