"""Plots: curves through a domain, with what a map and its claims give along them, and what rounding does to that."""
