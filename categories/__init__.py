"""Structure: what a category of ours must offer, its laws, and the constructions over any base."""

from .errors import (
    CompositionError,
    DerivativeError,
    EffectError,
    FileError,
    InputError,
    NoMeaningError,
    ParalensError,
    ParameterError,
    PathError,
    RewriteError,
)
from .lens import Lens, Lenses, Pair
from .para import Para
from .param import Init, Param

__all__ = [
    "CompositionError",
    "DerivativeError",
    "EffectError",
    "FileError",
    "Init",
    "InputError",
    "Lens",
    "Lenses",
    "NoMeaningError",
    "Pair",
    "Para",
    "ParalensError",
    "Param",
    "ParameterError",
    "PathError",
    "RewriteError",
]
