"""Repetition: one block many times, with weights of its own each time, at the price of one.

The n-fold composite of a 1-cell (P, f) : X -> X of Para has the parameter Pⁿ. `repeat` stacks it, R(n, ...) for each
array of P, and runs a scan, so that building, differentiating and compiling do not grow with n. It equals the
composite:

    repeat(f, n)(x, p) = f(... f(f(x, p[0]), p[1]) ..., p[n - 1])

(B. Gavranovic et al., "Categorical deep learning", 2024: weights untied along copy : P -> Pⁿ give the unrolled
network.)

>>> from paralens import nn, repeat
>>> repeat(nn.dense(8, 8) >> nn.relu(8), 100).params
{'dense': {'w': R(100, 8, 8), 'b': R(100, 8)}}
"""

from __future__ import annotations

import operator

from ...categories.errors import CompositionError
from ...categories.para import Para
from ...categories.param import Param, Stacked
from ..box import Box
from ..params import Body
from ..syntax import Diagram, require
from ..types import Ty, stacked

__all__ = ["repeat", "scan_of"]


def repeat(block: Para | Diagram, n: int) -> Para:
    """The block n times in sequence, with parameters of its own each time, stacked along a leading axis.

    Raises `CompositionError` for a block that does not give what it takes, and for an `n` that is no number from 0 on.
    """
    require(block, "repeat")
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 0:
        raise CompositionError(f"repeat takes a number of times, 0 or more, not {n!r}")
    cell, times = Para.lift(block), operator.index(n)
    if cell.dom != cell.cod:
        raise CompositionError(
            f"repeat: the block takes {cell.dom} and gives {cell.cod}, expected one that gives what it takes"
        )
    scan = scan_of(cell.arrow, times, len(cell.dom))
    return Para(scan, [(path, _stacked(q, times)) for path, q in cell.entries])


def _stacked(q: Param, n: int) -> Param:
    return Param(Ty.of((stacked(q.wire, n),)), None if q.init is None else Stacked(q.init, n))


def scan_of(
    body: Diagram, n: int, n_carry: int, *, n_consts: int = 0, reverse: bool = False, name: str = "scan"
) -> Box:
    """The scan of C ⊗ S ⊗ X -> S ⊗ Y over n stacked X, which stacks Y, from the last to the first if `reverse`.

    C are the first `n_consts` wires, S the next `n_carry`. Raises `CompositionError` for an `n` that is no number.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or operator.index(n) < 0:
        raise CompositionError(f"a scan takes a number of steps, 0 or more, not {n!r}")
    n, n_fixed = operator.index(n), n_consts + n_carry
    dom = (*body.dom.inside[:n_fixed], *(stacked(w, n) for w in body.dom.inside[n_fixed:]))
    cod = (*body.cod.inside[:n_carry], *(stacked(w, n) for w in body.cod.inside[n_carry:]))
    params = {
        "body": Body.passing(body),
        "length": n,
        "reverse": reverse,
        "unroll": 1,
        "num_consts": n_consts,
        "num_carry": n_carry,
    }
    return Box(name, Ty.of(dom), Ty.of(cod), op="scan", params=params)
