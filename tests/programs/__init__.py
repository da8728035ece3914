"""Faults that people reported, and programs that people published, each tried on Paralens; the code is our own."""
