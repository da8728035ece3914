"""Derivatives as functors from diagrams to diagrams."""
