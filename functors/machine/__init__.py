"""Derivatives at machine-representable parameters: where they are right, by theorem, and how often they are not."""

from .networks import recognize
from .points import Point, Touch, watch
from .report import Bound, MachineReport, machine_parameters

__all__ = ["Bound", "MachineReport", "Point", "Touch", "machine_parameters", "recognize", "watch"]
