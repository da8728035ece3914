"""How many digits of a slope in double precision are right, where the box has a formula.

There is no wider format to promote doubles to. A box that is small, or acts entry by entry, has its value as a formula;
the derivative of that, evaluated with fifty digits (mpmath), is what the claim should be. Allowed is what an ulp of the
inputs does, and half of the digits where the formula loses none.

>>> from paralens.backends.sympy.certifying import Sympy
>>> @jax.custom_jvp
... def sigmoid(x):
...     return 1 / (1 + jnp.exp(-x))
>>> _ = sigmoid.defjvp(lambda x, v: (sigmoid(*x), sigmoid(*x) * (1 - sigmoid(*x)) * v[0]))
>>> with jax.enable_x64(True):
...     d = from_jax(sigmoid, R(dtype="float64"))
>>> left, at = digits_left(d.boxes[0], [[np.array(3.0)], [np.array(38.0)]], Sympy())
>>> left, at[0].item()
(0.0, 38.0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ....categories.errors import ParalensError
from ....diagrams.box import Box
from ....diagrams.syntax import Diagram
from ....diagrams.tracing.emit import callable_of
from ...derivatives.derivative import forward
from ..algebra import Algebra
from ..plots.bounds import roundoff
from .proving import small

__all__ = ["digits_left"]

DIGITS = 50  # of the formula
FULL = 15.95  # decimal digits of a double
POINTS = 40
ULPS = 64.0  # as for other formats: what so many ulps of the inputs do is allowed
TINY = 1e-290  # what is smaller has fewer digits in any case


def digits_left(
    d: Diagram, points: Sequence[Sequence[np.ndarray]], algebra: Algebra
) -> tuple[float, list[np.ndarray]] | None:
    """The least number of right digits of a claim that lost more than half, and where; None where none did.

    `points` are values of all inputs. None too where there is no formula, or where a wire is no double.
    """
    box = small(d)
    if box is None or any(w.dtype != "float64" for w in (*box.dom.inside, *box.cod.inside)):
        return None
    try:
        return _worst(box, points, algebra.slopes(box))
    except (ParalensError, ArithmeticError, ValueError, TypeError, NameError, NotImplementedError):
        return None  # a formula that has no value says nothing


Slopes = Sequence[Sequence[Callable[..., Any]]]


def _worst(box: Box, points: Sequence[Sequence[np.ndarray]], slopes: Slopes) -> tuple[float, list[np.ndarray]] | None:
    import mpmath

    claim = callable_of(forward(box))
    worst: tuple[float, list[np.ndarray]] | None = None
    for x in islice(_entries(box, points), POINTS):
        given = [np.asarray(a, np.float64) for a in x]
        flat = np.concatenate([a.ravel() for a in given])
        for k in range(len(slopes[0]) if slopes else 0):
            claimed = _claimed(box, claim, given, k)
            with mpmath.workdps(DIGITS):
                for e, row in enumerate(slopes):
                    left = _left(claimed[e], row[k], flat)
                    if left is not None and left < FULL / 2 and (worst is None or left < worst[0]):
                        worst = left, given
    return worst


def _entries(box: Box, points: Sequence[Sequence[np.ndarray]]) -> Any:
    """Inputs of the small box: the points themselves, or for one that acts entry by entry, their entries."""
    for x in points:
        arrays = [np.asarray(a) for a in x]
        if [a.shape for a in arrays] == [w.shape for w in box.dom.inside]:
            yield arrays
            continue
        spread = np.broadcast_arrays(*arrays)
        for index in range(min(spread[0].size, 4)):
            yield [a.ravel()[index] for a in spread]


def _claimed(box: Box, claim: Callable[..., Sequence[Any]], x: list[np.ndarray], k: int) -> np.ndarray:
    """The claimed slopes of all entries in the k-th entry of the inputs."""
    flat = np.zeros(sum(a.size for a in x))
    flat[k] = 1.0
    tangents = [t.reshape(a.shape) for t, a in zip(np.split(flat, np.cumsum([a.size for a in x])[:-1]), x, strict=True)]
    made = claim(*x, *tangents)[len(box.cod) :]
    return np.concatenate([np.ravel(np.asarray(a, np.float64)) for a in made])


def _left(claimed: float, slope: Callable[..., Any], x: np.ndarray) -> float | None:
    """Right digits of a claim; None where it is within what is allowed, or the slope is no number."""
    import mpmath

    true = mpmath.mpf(slope(*map(mpmath.mpf, x.tolist())))
    if not mpmath.isfinite(true) or abs(true) < TINY or not np.isfinite(claimed):
        return None
    u = roundoff("float64")
    near = [mpmath.mpf(slope(*[mpmath.mpf(a) * (1 + s * u) for a in x.tolist()])) for s in (-1, 1)]
    moved = max(abs(n - true) for n in near)
    gap = abs(mpmath.mpf(float(claimed)) - true)
    if gap <= mpmath.sqrt(u) * abs(true) + ULPS * moved:
        return None
    return float(max(0.0, -mpmath.log10(gap / abs(true))))
