"""Boxes and the whole: what flows through a diagram, who is at fault, and one verdict of all."""
