"""Eigenvalues and singular values of symmetric and of real matrices, where quadratic equations give them.

Of a symmetric matrix with rows (a, b) and (b, d)

    w = (a + d ∓ r) / 2,    r = sqrt((a - d)^2 + 4 b^2),    v = ± (b, w - a) / |(b, w - a)|

and the singular values of A are the roots of the eigenvalues of A^T A, with its eigenvectors V and U = A V / s. Which
of the two unit vectors a library gives is a convention: an unknown sign, which is constant near every matrix that has
distinct eigenvalues. It is written as the sign of an undefined function of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Add, S, sqrt

from ....diagrams.box import Box
from .elementary import Scalar, undefined
from .symbols import Entries, batched, filled

__all__ = ["SPECTRA"]


def _eigen(a: Scalar, b: Scalar, d: Scalar) -> tuple[list[Scalar], Entries]:
    """The eigenvalues in rising order, and unit eigenvectors as columns."""
    r = sqrt((a - d) ** 2 + 4 * b**2)
    values = [(a + d - r) / 2, (a + d + r) / 2]
    columns = [_unit([b, w - a]) for w in values]
    return values, filled((2, 2), [columns[k][i] for i in range(2) for k in range(2)])


def _unit(v: Sequence[Scalar]) -> list[Scalar]:
    length = sqrt(Add(*[x**2 for x in v]))
    return [x / length for x in v]


def _signs(box: Box, a: Entries, output: int, n: int) -> Entries:
    """The unknown signs of n columns."""
    return filled((n,), [sympy.sign(undefined(box, list(a.flat), (k,), output)) for k in range(n)])


def _eigh(box: Box, a: Entries) -> list[Entries]:
    """Eigenvectors and eigenvalues, from one triangle of the matrix."""
    if len(a) < 2:
        return [_signs(box, a, 0, len(a)).reshape(a.shape), a.reshape(len(a))]
    values, vectors = _eigen(a[0, 0], a[1, 0] if box.params["lower"] else a[0, 1], a[1, 1])
    return [vectors * _signs(box, a, 0, 2), filled((2,), values)]


def _small_eigh(box: Box, a: Entries) -> list[Entries] | None:
    p, n = box.params, a.shape[-1]
    whole = p.get("subset_by_index") in (None, (0, n)) and p.get("sort_eigenvalues", True)
    return _EIGH(box, a) if n <= 2 and whole and box.dom.inside[0].kind == "R" else None


def _svd(box: Box, a: Entries) -> list[Entries]:
    """Singular values, falling, and the singular vectors; the shorter side of the matrix has at most two entries."""
    tall = a if a.shape[0] >= a.shape[1] else a.T
    n = tall.shape[1]
    gram: Any = tall.T @ tall
    if n == 1:
        squares, vectors = [gram[0, 0]], filled((1, 1), [S.One])
    else:
        rising, columns = _eigen(gram[0, 0], gram[0, 1], gram[1, 1])
        squares, vectors = rising[::-1], columns[:, ::-1]
    values = filled((n,), map(sqrt, squares))
    if not box.params["compute_uv"]:
        return [values]
    right: Any = vectors * _signs(box, a, 1, n)
    left = (tall @ right) / values
    return [values, left, right.T] if tall is a else [values, right, left.T]


def _small_svd(box: Box, a: Entries) -> list[Entries] | None:
    p, (m, n) = box.params, a.shape[-2:]
    thin = p.get("subset_by_index") is None and (m == n or not p["compute_uv"] or not p["full_matrices"])
    return _SVD(box, a) if 0 < min(m, n) <= 2 and thin and box.dom.inside[0].kind == "R" else None


_EIGH, _SVD = batched(_eigh, 2), batched(_svd, 2)

SPECTRA: dict[str, Callable[..., list[Entries] | None]] = {"eigh": _small_eigh, "svd": _small_svd}
