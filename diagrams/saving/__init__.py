"""Diagrams in files: what a box says of itself, and how it is written down and read again."""
