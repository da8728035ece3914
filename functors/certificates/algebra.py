"""What the checker asks of a computer algebra system: it is handed in, as such a system stands in another room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ...diagrams.box import Box

__all__ = ["Algebra"]


class Algebra(Protocol):
    """A computer algebra system, as far as `check` needs one; its answers may be asked for from several threads."""

    def proves(self, box: Box) -> bool:
        """Whether the derivative of a box is proved; False for what is not decided."""
        ...

    def slopes(self, box: Box) -> Sequence[Sequence[Callable[..., Any]]]:
        """For each entry of the outputs its derivatives in the entries of the inputs, as functions of mpmath's numbers.

        None of them where the formulas are long. Raises `ParalensError` for a box without a formula, and whatever the
        system raises.
        """
        ...
