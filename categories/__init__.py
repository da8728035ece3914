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
    UndecidedWarning,
)
from .gluing import Glued, Gluings
from .lens import Lens, Lenses, Pair
from .para import Para
from .param import Init, Param
from .relations import Evidence, Plot

__all__ = [
    "CompositionError",
    "DerivativeError",
    "EffectError",
    "Evidence",
    "FileError",
    "Glued",
    "Gluings",
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
    "Plot",
    "RewriteError",
    "UndecidedWarning",
]
