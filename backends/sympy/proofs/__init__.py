"""Proofs that derivatives are right: `prove(d)` compares what a diagram says with what sympy finds."""

from .proof import Counterexample, Proof, prove

__all__ = ["Counterexample", "Proof", "prove"]
