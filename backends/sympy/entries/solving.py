"""Solves and factorizations of small matrices by explicit formulas, over leading axes of batch.

    triangular_solve     substitution (any size)
    tridiagonal_solve    elimination without pivots (any size)
    cholesky             L L^H = A, by columns (any size)
    lu                   with the choice of the pivot as a Piecewise, for up to two rows
    qr                   by the reflection that LAPACK makes, where one is enough

(G. Golub and C. Van Loan, "Matrix computations", 2013, chapters 3 to 5.) Eigenvalues and singular
values are in `spectra`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sympy import Abs, Add, And, Ge, Integer, S, conjugate, sign, sqrt

from ....diagrams.box import Box
from .elementary import Scalar
from .reducing import first_extreme, picked
from .symbols import Entries, batched, filled

__all__ = ["MATRICES"]

Branch = tuple[Scalar, Entries, list[int], list[int]]  # condition, matrix, rows exchanged, permutation


def _conjugate(box: Box) -> Callable[[Scalar], Scalar]:
    """Conjugation, which leaves the entries of real wires as they are."""
    return conjugate if box.dom.inside[0].kind == "C" else lambda x: x


# --- solves ---


def _triangular(box: Box, a: Entries, b: Entries) -> list[Entries]:
    """op(A) X = B, or X op(A) = B, by substitution."""
    p = box.params
    lower = p["lower"]
    if p["conjugate_a"]:
        a = filled(a.shape, map(_conjugate(box), a.flat))
    if p["transpose_a"]:
        a, lower = a.T, not lower
    if p["left_side"]:
        return [_substituted(a, b, lower, p["unit_diagonal"])]
    return [_substituted(a.T, b.T, not lower, p["unit_diagonal"]).T]


def _substituted(a: Entries, b: Entries, lower: bool, unit: bool) -> Entries:
    """The solution X of A X = B, with A triangular."""
    n = len(a)
    x = np.empty(b.shape, dtype=object)
    order = range(n) if lower else range(n - 1, -1, -1)
    for i in order:
        before = range(i) if lower else range(i + 1, n)
        for k in range(b.shape[1]):
            rest = b[i, k] - Add(*[a[i, j] * x[j, k] for j in before])
            x[i, k] = rest if unit else rest / a[i, i]
    return x


def _tridiagonal(box: Box, low: Entries, mid: Entries, up: Entries, b: Entries) -> list[Entries]:
    """Elimination from the top, then substitution from the bottom."""
    n, x, pivot = len(mid), b.copy(), list(mid)
    for i in range(1, n):
        factor = low[i] / pivot[i - 1]
        pivot[i] = pivot[i] - factor * up[i - 1]
        x[i] = x[i] - factor * x[i - 1]
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - up[i] * x[i + 1] if i + 1 < n else x[i]) / pivot[i]
    return [x]


# --- factorizations ---


def _cholesky(box: Box, a: Entries) -> list[Entries]:
    """The factor of the matrix with this lower triangle and a real diagonal."""
    n, conj = len(a), _conjugate(box)
    low = np.full((n, n), S.Zero, dtype=object)
    for j in range(n):
        diagonal = (a[j, j] + conj(a[j, j])) / 2
        low[j, j] = sqrt(diagonal - Add(*[low[j, k] * conj(low[j, k]) for k in range(j)]))
        for i in range(j + 1, n):
            low[i, j] = (a[i, j] - Add(*[low[i, k] * conj(low[j, k]) for k in range(j)])) / low[j, j]
    return [low]


def _lu(box: Box, a: Entries) -> list[Entries]:
    """L and U in one matrix, the rows that were exchanged, and the permutation."""
    m, k = len(a), min(a.shape)
    branches: list[Branch] = [(S.true, a, [], list(range(m)))]
    for column in range(k):
        branches = [new for branch in branches for new in _pivoted(branch, column)]
    conditions = [c for c, *_ in branches]
    matrix = [picked(conditions, list(vs)) for vs in zip(*[b[1].flat for b in branches], strict=True)]
    pivots, order = (
        [picked(conditions, [Integer(b[part][i]) for b in branches]) for i in range(n)] for part, n in ((2, k), (3, m))
    )
    return [filled(a.shape, matrix), filled((k,), pivots), filled((m,), order)]


def _pivoted(branch: Branch, k: int) -> Iterator[Branch]:
    """What becomes of a matrix for each choice of the row that comes to place k: the largest entry leads."""
    condition, a, pivots, order = branch
    rows = range(k, len(a))
    for row, largest in zip(rows, first_extreme([Abs(a[i, k]) for i in rows], Ge), strict=True):
        made, moved = a.copy(), list(order)
        made[[k, row]], moved[k], moved[row] = made[[row, k]], moved[row], moved[k]
        for i in range(k + 1, len(a)):
            made[i, k] = made[i, k] / made[k, k]
            made[i, k + 1 :] = made[i, k + 1 :] - made[i, k] * made[k, k + 1 :]
        yield And(condition, largest), made, [*pivots, row], moved


def _small_lu(box: Box, a: Entries) -> list[Entries] | None:
    return _LU(box, a) if a.shape[-2] <= 2 else None


def _qr(box: Box, a: Entries) -> list[Entries]:
    """Q and R by reflections H = 1 - 2 v v^T / v^T v that take a column to the axis, with R_kk = -sign(a_kk) |a_k|."""
    m, n = a.shape
    q: Any = filled((m, m), [S.One if i == j else S.Zero for i in range(m) for j in range(m)])
    r: Any = a.copy()
    for k in range(min(m - 1, n)):
        v: Any = np.full(m, S.Zero, dtype=object)
        v[k:] = r[k:, k]
        length = sqrt(Add(*[x**2 for x in v]))
        target = -sign(v[k]) * length
        v[k] = v[k] - target
        scale = length * (length + Abs(r[k, k]))  # half of v^T v
        q = q - np.outer(q @ v, v) / scale
        r = r - np.outer(v, v @ r) / scale
        r[k, k], r[k + 1 :, k] = target, S.Zero
    kept = m if box.params["full_matrices"] else min(m, n)
    return [q[:, :kept], r[:kept]]


def _small_qr(box: Box, a: Entries) -> list[Entries] | None:
    plain = not box.params["pivoting"] and not box.params.get("use_magma") and box.dom.inside[0].kind == "R"
    return _QR(box, a) if plain and min(a.shape[-2] - 1, a.shape[-1]) <= 1 else None


_LU, _QR = batched(_lu, 2), batched(_qr, 2)


MATRICES: dict[str, Callable[..., list[Entries] | None]] = {
    "triangular_solve": batched(_triangular, 2, 2),
    "tridiagonal_solve": batched(_tridiagonal, 1, 1, 1, 2),
    "cholesky": batched(_cholesky, 2),
    "lu": _small_lu,
    "qr": _small_qr,
}
