"""Terms of formulas: of entries and of matrices, how one becomes the other, how they are written and evaluated.

entries      formulas of one entry of an array: folds over indices, entries of arrays, calls of boxes
nodes        formulas of whole matrices
matrices     from entries to matrices, with `contraction` and `multiplying` for products
writing      formulas as they are shown; `display` and `printing` write them in text and LaTeX
evaluate     formulas as arrays of JAX; its rules are in `pointwise` and `linear`
"""

from .evaluate import Evaluator as _Evaluator
from .linear import MATRICES as _MATRICES
from .pointwise import ENTRIES as _ENTRIES
from .pointwise import FUNCTIONS as _FUNCTIONS

_Evaluator.matrices, _Evaluator.entries, _Evaluator.functions = _MATRICES, _ENTRIES, _FUNCTIONS
