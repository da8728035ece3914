"""Maps out of diagrams: from diagram to diagram, and from diagram to meaning."""

from .batching import batch, batched
from .costs import Cost, cost
from .summaries import Summary, summary

__all__ = ["Cost", "Summary", "batch", "batched", "cost", "summary"]
