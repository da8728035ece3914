"""Equality of maps by numbers, for laws that hold up to rounding or up to adding zeros."""

import numpy as np

from paralens.diagrams.tracing.emit import callable_of


def arguments(ty, seed=0):
    """Random arrays of a type: small normal numbers, small integers, coins."""
    rng = np.random.default_rng(seed)

    def one(w):
        if w.kind == "Z":
            return rng.integers(0, 3, w.shape).astype(w.dtype)
        if w.kind == "B":
            return rng.integers(0, 2, w.shape).astype(bool)
        return (0.3 * rng.normal(size=w.shape)).astype(w.dtype)

    return [one(w) for w in ty.inside]


def same(left, right, tolerance=1e-3):
    """Whether two diagrams of one type give nearly the same numbers at a few random points.

    Errors are measured against the largest entry of each result.
    """
    if (left.dom, left.cod) != (right.dom, right.cod):
        return False
    for seed in range(2):
        values = arguments(left.dom, seed)
        for x, y in zip(callable_of(left)(*values), callable_of(right)(*values), strict=True):
            x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
            scale = max(1.0, float(np.abs(x).max(initial=0.0)))
            if not np.allclose(x, y, rtol=0, atol=tolerance * scale):
                return False
    return True
