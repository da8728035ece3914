"""Derivatives at machine-representable parameters: where they are right, by theorem, and how often they are not."""

from .at_point import Point, Touch, watch
from .networks import recognize
from .report import Bound, MachineReport, machine_parameters

__all__ = ["Bound", "MachineReport", "Point", "Touch", "machine_parameters", "recognize", "watch"]
