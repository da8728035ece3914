"""Out to sympy: exact entries, formulas, proofs, and what the checker of derivatives asks of it."""

from .certifying import assert_certified, check
from .formulas import Symbolic, from_sympy, symbolic
from .proofs import Proof, prove

__all__ = ["Proof", "Symbolic", "assert_certified", "check", "from_sympy", "prove", "symbolic"]
