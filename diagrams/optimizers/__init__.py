"""Optimizers: lenses (S ⊗ P, S ⊗ P) -> (P, P') along which the parameters of a model are changed.

`get(s, p)` is where the model is evaluated, and `put(s, p, q) = (s', p')` takes the step; q is the incoming change,
with the sign of the rate cap. Names of options, defaults and the numbers, step for step, are those of optax.

>>> from paralens import Param, R
>>> cell = adam(1e-3).cell([(("dense", "w"), Param(R(3, 2)))])
>>> [("/".join(path), ty) for path, ty in cell.state]
[('count', Z()), ('mu/dense/w', R(3, 2)), ('nu/dense/w', R(3, 2))]
>>> clip_by_global_norm(1.0) >> adam(schedules.cosine_decay(1e-3, 1000))
clip_by_global_norm(1.0) >> adam(cosine_decay, b1=0.9, b2=0.999, eps=1e-08, eps_root=0.0)

Transformations of the change (`clip`, `clip_by_global_norm`, `add_weight_decay`) stand before an optimizer in a
`chain`; `by_path` puts different optimizers on different parameters; `from_optax` takes any transformation of optax.
"""

from . import schedules
from .changes import add_weight_decay, clip, clip_by_global_norm
from .library import adagrad, adam, adamw, gradient, lion, momentum, nesterov, rmsprop, sgd
from .optax_seam import from_optax
from .optimizer import Cell, Optimizer, chain
from .partition import ascending, by_path, frozen

__all__ = [
    "Cell",
    "Optimizer",
    "adagrad",
    "adam",
    "adamw",
    "add_weight_decay",
    "ascending",
    "by_path",
    "chain",
    "clip",
    "clip_by_global_norm",
    "from_optax",
    "frozen",
    "gradient",
    "lion",
    "momentum",
    "nesterov",
    "rmsprop",
    "schedules",
    "sgd",
]
