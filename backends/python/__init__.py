"""Out to text: a diagram as a Python program that a person could have written."""

from .text import Source, source

__all__ = ["Source", "source"]
