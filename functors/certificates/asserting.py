"""Certificates in tests: a test that fails where a derivative is wrong.

>>> assert_certified(jnp.tanh, 0.5, domain=[(-2, 2)]).verdict
'correct'
"""

from __future__ import annotations

import warnings
from typing import Any

from ...categories.errors import UndecidedWarning
from .certificate import Certificate
from .checking import check

__all__ = ["assert_certified"]


def assert_certified(d_or_f: Any, *examples: Any, strict: bool = False, **facts: Any) -> Certificate:
    """The certificate that `check` gives for the same arguments, when nothing is wrong.

    Raises `AssertionError` with the certificate as its text where a derivative is wrong, and with `strict` also where
    one is undecided; otherwise what is undecided is an `UndecidedWarning`.
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    found = check(d_or_f, *examples, **facts)
    if found.left_out:
        raise KeyboardInterrupt  # it was meant for the tests
    if not found.ok or (strict and found.verdict == "undecided"):
        raise AssertionError(f"not certified\n\n{found}")
    if found.verdict == "undecided":
        warnings.warn(f"not all of it is decided\n\n{found}", UndecidedWarning, stacklevel=2)
    return found
