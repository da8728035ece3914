"""Structure: what a category of ours must offer, its laws, and the constructions over any base."""

from .errors import (
    CompositionError,
    EffectError,
    FileError,
    InputError,
    NoMeaningError,
    ParalensError,
    ParameterError,
    PathError,
)
from .para import Para
from .param import Init, Param

__all__ = [
    "CompositionError",
    "EffectError",
    "FileError",
    "Init",
    "InputError",
    "NoMeaningError",
    "Para",
    "ParalensError",
    "Param",
    "ParameterError",
    "PathError",
]
