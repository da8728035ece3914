"""Maps out of diagrams: from diagram to diagram, and from diagram to meaning."""

from .batch import batch, batched
from .cost import Cost, cost
from .summary import Summary, summary

__all__ = ["Cost", "Summary", "batch", "batched", "cost", "summary"]
