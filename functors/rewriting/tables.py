"""The rules by name."""

from __future__ import annotations

from .constants import CONSTANTS
from .moving import MOVING
from .quotients import QUOTIENTS
from .rule import Rule
from .scalars import SCALARS
from .sums import SUMS
from .units import UNITS

__all__ = ["RULES", "STANDARD"]

STANDARD: tuple[Rule, ...] = (*CONSTANTS, *UNITS, *MOVING, *SUMS, *SCALARS, *QUOTIENTS)

RULES: dict[str, Rule] = {rule.name: rule for rule in STANDARD}
