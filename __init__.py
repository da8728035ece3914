"""Deep learning where a model is a string diagram: compose it, draw it, compile it.

This page is the table of contents; each name says in its docstring what it is, with an example.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .backends import Compiled, Source, export, source, to_jax
from .backends import compile as compile
from .categories import (
    CompositionError,
    DerivativeError,
    EffectError,
    FileError,
    Init,
    InputError,
    Lens,
    NoMeaningError,
    Para,
    ParalensError,
    Param,
    ParameterError,
    PathError,
    RewriteError,
    UndecidedWarning,
)
from .categories.differential import laws
from .diagrams import (
    B,
    Box,
    C,
    Diagram,
    Graph,
    Key,
    R,
    Ty,
    Z,
    circuits,
    diagram,
    from_jax,
    interpret,
    load,
    losses,
    nn,
    optimizers,
    rebuild,
    save,
)
from .diagrams.drawing import draw
from .diagrams.nn.repetition import repeat
from .functors import (
    Learner,
    State,
    adversarial,
    batch,
    cost,
    coverage,
    dreaming,
    dual,
    forward,
    gradient_cost,
    lens,
    register,
    reverse,
    rewriting,
    simplify,
    summary,
)

if TYPE_CHECKING:
    from .backends.sympy import Proof, Symbolic, assert_certified, check, from_sympy, prove, symbolic
    from .functors.certificates import Certificate
    from .functors.representable import machine_parameters

__version__ = "0.1.0"

# Without `compile`, which is imported by name: a star must not put it in the place of Python's own.
__all__ = [
    "B",
    "Box",
    "C",
    "Certificate",
    "Compiled",
    "CompositionError",
    "DerivativeError",
    "Diagram",
    "EffectError",
    "FileError",
    "Graph",
    "Init",
    "InputError",
    "Key",
    "Learner",
    "Lens",
    "NoMeaningError",
    "Para",
    "ParalensError",
    "Param",
    "ParameterError",
    "PathError",
    "Proof",
    "R",
    "RewriteError",
    "Source",
    "State",
    "Symbolic",
    "Ty",
    "UndecidedWarning",
    "Z",
    "adversarial",
    "assert_certified",
    "batch",
    "check",
    "circuits",
    "cost",
    "coverage",
    "diagram",
    "draw",
    "dreaming",
    "dual",
    "export",
    "forward",
    "from_jax",
    "from_sympy",
    "gradient_cost",
    "interpret",
    "laws",
    "lens",
    "load",
    "losses",
    "machine_parameters",
    "nn",
    "optimizers",
    "prove",
    "rebuild",
    "register",
    "repeat",
    "reverse",
    "rewriting",
    "save",
    "simplify",
    "source",
    "summary",
    "symbolic",
    "to_jax",
]

# What needs sympy, which takes half a second to import, and what few programs use is imported when it is asked for.
LATER = {
    "Certificate": "functors.certificates",
    "Proof": "backends.sympy",
    "Symbolic": "backends.sympy",
    "assert_certified": "backends.sympy",
    "check": "backends.sympy",
    "from_sympy": "backends.sympy",
    "machine_parameters": "functors.representable",
    "prove": "backends.sympy",
    "symbolic": "backends.sympy",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{LATER[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
