"""Linear algebra: solves, factorizations and Fourier transforms, over leading axes of batch.

A factorization is differentiated by its equations. Write Xᴴ for the adjoint, ∘ for the product of entries, tril for
the lower triangle and Φ for the lower triangle with half of the diagonal. Then

    A = L Lᴴ         dL = L Φ(L⁻¹ dA L⁻ᴴ)                                      Murray 2016
    P A = L U        dL = L tril(C, -1), dU = triu(C) U, C = L⁻¹ P dA U⁻¹       Giles 2008
    A = Q R          dQ = Q (Ω - C) + dA R⁻¹, dR = (C - Ω) R, C = Qᴴ dA R⁻¹,
                     Ω = tril(C, -1) - tril(C, -1)ᴴ + i Im diag C              Walter and Lehmann 2018
    A = V w Vᴴ       dw = diag(Vᴴ dA V), dV = V (F ∘ Vᴴ dA V), Fᵢⱼ = 1/(wⱼ - wᵢ)  Giles 2008
    A = U s Vᴴ       ds = Re diag(Uᴴ dA V), dU, dV by Fᵢⱼ = 1/(sⱼ² - sᵢ²)      Townsend 2016

(M. Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation"; I. Murray, "Differentiation of the Cholesky decomposition"; S. Walter and L. Lehmann, "Algorithmic
differentiation of linear algebra functions"; J. Townsend, "Differentiating the singular value decomposition".) The
formulas hold where eigenvalues and singular values are distinct, and have infinite entries elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.tracing.emit import apply_box
from .facts import Fact, General, Linear

__all__ = ["LINALG"]

Values = Sequence[Any]


# Matrices: the last two axes.


def _dot(*factors: Any) -> Any:
    """The product of matrices, from the left, at full precision."""
    made = factors[0]
    for x in factors[1:]:
        made = lax.batch_matmul(made, x, precision=lax.Precision.HIGHEST)
    return made


def _turned(x: Any) -> Any:
    return lax.transpose(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _conj(x: Any) -> Any:
    return lax.conj(x) if jnp.iscomplexobj(x) else x


def _adjoint(x: Any) -> Any:
    return _conj(_turned(x))


def _real(x: Any) -> Any:
    return lax.real(x) if jnp.iscomplexobj(x) else x


def _places(x: Any, keep: Callable[[Any, Any], Any]) -> Any:
    """Where a relation of the row number and the column number holds."""
    rows = lax.broadcasted_iota(np.int32, x.shape, x.ndim - 2)
    return keep(rows, lax.broadcasted_iota(np.int32, x.shape, x.ndim - 1))


def _only(x: Any, keep: Callable[[Any, Any], Any]) -> Any:
    return lax.select(_places(x, keep), x, lax.full_like(x, 0))


def _tril(x: Any, k: int = 0) -> Any:
    return _only(x, lambda i, j: lax.ge(i, j - k))


def _triu(x: Any, k: int = 0) -> Any:
    return _only(x, lambda i, j: lax.le(i, j - k))


def _diagonal(x: Any) -> Any:
    """The diagonal entries of a square matrix."""
    return lax.reduce_sum(_only(x, lax.eq), (x.ndim - 1,))


def _in_rows(v: Any, like: Any) -> Any:
    """The matrix with the entry vᵢ all along row i."""
    return lax.broadcast_in_dim(v, like.shape, tuple(range(v.ndim)))


def _in_columns(v: Any, like: Any) -> Any:
    """The matrix with the entry vⱼ all along column j."""
    return lax.broadcast_in_dim(v, like.shape, (*range(v.ndim - 1), v.ndim))


def _gaps(v: Any, like: Any) -> Any:
    """The matrix of 1 / (vⱼ - vᵢ), zero on the diagonal."""
    same = _places(like, lax.eq)
    gap = lax.select(same, lax.full_like(like, 1.0), _in_columns(v, like) - _in_rows(v, like))
    return lax.select(same, lax.full_like(like, 0.0), 1.0 / gap)


def _padded(x: Any, rows: int, columns: int) -> Any:
    """The matrix with so many rows and columns of zeros added."""
    return lax.pad(x, lax.full_like(x, 0, shape=()), [*[(0, 0, 0)] * (x.ndim - 2), (0, rows, 0), (0, columns, 0)])


def _chosen(x: Any, numbers: Any, axis: int) -> Any:
    """The rows (axis -2) or columns (axis -1) of these numbers, one list for each matrix of the batch."""
    return jnp.take_along_axis(x, jnp.expand_dims(numbers, -3 - axis), axis=axis, mode="promise_in_bounds")


def _solve(a: Any, b: Any) -> Any:
    """The solution X of A X = B, for any invertible A."""
    lu, _, order = lax.linalg.lu(a)
    x = _chosen(b, order, -2)
    x = lax.linalg.triangular_solve(lu, x, left_side=True, lower=True, unit_diagonal=True)
    return lax.linalg.triangular_solve(lu, x, left_side=True)


# Solves.


def _triangle(box: Box, x: Any) -> Any:
    """The part of a matrix that a triangular solve reads."""
    k = 1 if box.params["unit_diagonal"] else 0
    return _tril(x, -k) if box.params["lower"] else _triu(x, k)


def _triangular_tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Of op(A) X = B: op(A) dX = dB - op(dA) X."""
    (a, _), x, (da, db), p = xs, ys[0], dxs, box.params
    if da is not None:
        da = _triangle(box, da)
        da = _turned(da) if p["transpose_a"] else da
        da = _conj(da) if p["conjugate_a"] else da
        pushed = _dot(da, x) if p["left_side"] else _dot(x, da)
        db = lax.neg(pushed) if db is None else db - pushed
    return apply_box(box, a, db)


def _triangular_back(box: Box, xs: Values, ys: Values, dys: Values) -> Values:
    p, x = box.params, ys[0]
    db = lax.linalg.triangular_solve(xs[0], dys[0], **{**p, "transpose_a": not p["transpose_a"]})
    da = lax.neg(_dot(db, _turned(x)) if p["left_side"] else _dot(_turned(x), db))
    da = _turned(da) if p["transpose_a"] else da
    return [_triangle(box, _conj(da) if p["conjugate_a"] else da), db]


def _shifted(x: Any, by: int, axis: int) -> Any:
    """The entries moved along an axis by one place, with a zero where none comes."""
    config = [(0, 0, 0)] * x.ndim
    config[axis] = (by, -by, 0)
    return lax.pad(x, lax.full_like(x, 0, shape=()), config)


def _tridiagonal_tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """Of T X = B: T dX = dB - dT X, where the rows of dT X read the entries before, at and after them."""
    x, at = ys[0], ys[0].ndim - 2
    rhs = dxs[3]
    for d, moved in zip(dxs, (_shifted(x, 1, at), x, _shifted(x, -1, at)), strict=False):
        if d is not None:
            part = _in_rows(d, x) * moved
            rhs = lax.neg(part) if rhs is None else rhs - part
    return apply_box(box, *xs[:3], rhs)


def _tridiagonal_back(box: Box, xs: Values, ys: Values, dys: Values) -> Values:
    low, mid, up, _ = xs
    x, at = ys[0], ys[0].ndim - 2
    db = apply_box(box, _shifted(up, 1, at), mid, _shifted(low, -1, at), dys[0])[0]
    parts = (_shifted(x, 1, at), x, _shifted(x, -1, at))
    return [*(lax.neg(lax.reduce_sum(db * part, (at + 1,))) for part in parts), db]


# Factorizations.


def _cholesky(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The factor reads the lower triangle, and of its diagonal the real part."""
    low = _tril(ys[0])
    d = _tril(dxs[0], -1)
    d = d + _adjoint(d) + _only(_real(dxs[0]), lax.eq).astype(d.dtype)
    half = lax.linalg.triangular_solve(low, d, lower=True, transpose_a=True, conjugate_a=True)
    c = _tril(lax.linalg.triangular_solve(low, half, left_side=True, lower=True))
    return [_dot(low, lax.select(_places(c, lax.eq), 0.5 * c, c))]


def _lu(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """L and U share a matrix; where that is not square they are made square by ones on the diagonal."""
    lu, _, order = ys
    m, n = lu.shape[-2:]
    k = min(m, n)
    low = _padded(_tril(lu[..., :k], -1), 0, m - k)
    low = lax.select(_places(low, lax.eq), lax.full_like(low, 1), low)
    up = _padded(_triu(lu[..., :k, :]), n - k, 0)
    up = lax.select(_places(up, lambda i, j: lax.eq(i, j) & lax.ge(i, lax.full_like(i, k))), lax.full_like(up, 1), up)
    half = lax.linalg.triangular_solve(low, _chosen(dxs[0], order, -2), left_side=True, lower=True, unit_diagonal=True)
    c = lax.linalg.triangular_solve(up, half)
    return [_dot(low, _tril(c, -1)) + _dot(_triu(c), up), None, None]


def _qr(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """A wide matrix is Q (R₁ R₂) with square R₁; a full Q of a tall one follows its thin part."""
    q, r, *order = ys
    d = _chosen(dxs[0], order[0], -1) if order else dxs[0]
    m, n = d.shape[-2:]
    if m < n:
        dq, first = _thin_qr(q, r[..., :m], d[..., :m])
        rest = _dot(_adjoint(q), d[..., m:]) - _dot(_adjoint(q), dq, r[..., m:])
        return [dq, lax.concatenate((first, rest), r.ndim - 1), *[None] * len(order)]
    dq, dr = _thin_qr(q[..., :n], r[..., :n, :], d)
    if q.shape[-1] > n:
        dq, dr = lax.concatenate((dq, _complement(q, dq)), q.ndim - 1), _padded(dr, m - n, 0)
    return [dq, dr, *[None] * len(order)]


def _thin_qr(q: Any, r: Any, d: Any) -> tuple[Any, Any]:
    scaled = lax.linalg.triangular_solve(r, d)
    c = _dot(_adjoint(q), scaled)
    low = _tril(c, -1)
    turn = low - _adjoint(low)
    if jnp.iscomplexobj(c):
        turn = turn + _only(c - _real(c).astype(c.dtype), lax.eq)
    return _dot(q, turn - c) + scaled, _dot(c - turn, r)


def _complement(q: Any, dq: Any) -> Any:
    """The tangent of the further columns of a full Q as Householder reflections make them: arXiv:2409.13374, (32)."""
    n = dq.shape[-1]
    top, bottom = q[..., :n, :n], q[..., n:, :n]
    eye = lax.select(_places(top, lax.eq), lax.full_like(top, 1), lax.full_like(top, 0))
    z = _adjoint(_solve(_adjoint(top - eye), _adjoint(bottom)))
    slip = dq[..., n:, :] - _dot(z, dq[..., :n, :])
    return _dot(dq, _adjoint(z)) - _dot(q[..., :n] + _dot(q[..., n:], z), _adjoint(slip))


def _whole(box: Box, n: int) -> None:
    """Refuse a decomposition of which a part is asked for."""
    part = box.params.get("subset_by_index")
    if part is not None and tuple(part) != (0, n):
        raise DerivativeError(
            f"{box.name} with subset_by_index={part} has no derivative: decompose the whole matrix "
            "(subset_by_index=None) and slice the result"
        )


def _eigh(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The tangent is taken as Hermitian, as the matrix is, whichever triangle of it is read."""
    v, w = ys
    _whole(box, v.shape[-2])
    c = _dot(_adjoint(v), dxs[0], v)
    return [_dot(v, _gaps(w.astype(v.dtype), c) * c), _diagonal(_real(c))]


def _svd(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    p, (m, n) = box.params, xs[0].shape[-2:]
    _whole(box, min(m, n))
    if not p["compute_uv"]:
        _, u, vt = ys
        return [_diagonal(_real(_dot(_adjoint(u), dxs[0], _adjoint(vt))))]
    if p["full_matrices"] and m != n:
        raise DerivativeError(
            f"svd with full_matrices=True has no derivative for a matrix of {m} by {n}: "
            "pass full_matrices=False, or differentiate the singular values alone (compute_uv=False)"
        )
    s, u, vt = ys
    return _thin_svd(s, u, _adjoint(vt), dxs[0])


def _svd_with_vectors(box: Box, xs: Values) -> Values | None:
    """Singular values alone are differentiated along their vectors, which are computed once, forward."""
    p = box.params
    if p["compute_uv"]:
        return None
    kept = {k: p[k] for k in ("algorithm",) if k in p}
    u, s, vt = lax.linalg.svd(xs[0], full_matrices=False, compute_uv=True, **kept)
    return [s, u, vt]


def _thin_svd(s: Any, u: Any, v: Any, d: Any) -> Values:
    """The tangents of s, U and Vᴴ."""
    c = _dot(_adjoint(u), d, v)
    scale = s.astype(c.dtype)
    # sⱼ² - sᵢ² as a product of sum and difference, which loses less
    sums = _in_columns(scale, c) + _in_rows(scale, c)
    f = _gaps(scale, c) / lax.select(_places(c, lax.eq), lax.full_like(c, 1), sums)
    right, left = _in_columns(scale, c) * c, _in_rows(scale, c) * c
    turn = f * (right + _adjoint(right))
    if jnp.iscomplexobj(c):
        turn = turn + _phase(c, s)
    du, dv = _dot(u, turn), _dot(v, f * (left + _adjoint(left)))
    if u.shape[-2] > s.shape[-1]:
        du = du + _outside(u, _dot(d, v)) / _in_columns(scale, u)
    if v.shape[-2] > s.shape[-1]:
        dv = dv + _outside(v, _dot(_adjoint(d), u)) / _in_columns(scale, v)
    return [_diagonal(_real(c)), du, _adjoint(dv)]


def _phase(c: Any, s: Any) -> Any:
    """How the columns of U turn in the complex plane, where those of V do not: i Im diag(C) / s."""
    still = lax.eq(s, lax.full_like(s, 0))
    inverse = lax.select(still, s, 1 / lax.select(still, lax.full_like(s, 1), s)).astype(c.dtype)
    return _only(0.5 * (c - _adjoint(c)) * _in_columns(inverse, c), lax.eq)


def _outside(q: Any, x: Any) -> Any:
    """What of the columns of x is orthogonal to the columns of q."""
    return x - _dot(q, _dot(_adjoint(q), x))


def _eig(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    p, w = box.params, ys[0]
    d = dxs[0].astype(w.dtype)
    if box.n_out == 1:
        return [_diagonal(_dot(_solve(ys[1], d), ys[1]))]
    if not p.get("enable_eigvec_derivs", False):
        raise DerivativeError(
            "eig gives eigenvectors whose derivatives hold only where the eigenvalues are distinct: pass "
            "enable_eigvec_derivs=True to jax.lax.linalg.eig, or ask for the eigenvalues alone"
        )
    found = []
    if p["compute_left_eigenvectors"]:
        dw, dv = _eigenvectors(lax.conj(w), ys[1], _adjoint(d))
        found = [lax.conj(dw), dv]
    if p["compute_right_eigenvectors"]:
        dw, dv = _eigenvectors(w, ys[-1], d)
        found = [dw, *found[1:], dv]
    return found


def _eig_with_vectors(box: Box, xs: Values) -> Values | None:
    """Eigenvalues alone are differentiated along their vectors, which are computed once, forward."""
    if box.n_out > 1:
        return None
    kept = {k: v for k, v in box.params.items() if k in ("implementation", "enable_eigvec_derivs")}
    return lax.linalg.eig(xs[0], compute_left_eigenvectors=False, compute_right_eigenvectors=True, **kept)


def _eigenvectors(w: Any, v: Any, d: Any) -> tuple[Any, Any]:
    """The tangents of A V = V w, where columns of V have length one and a largest entry that is real (LAPACK)."""
    c = _dot(_solve(v, d), v)
    moved = _dot(v, _gaps(w, c) * c)
    largest = lax.argmax(lax.abs(v), v.ndim - 2, np.int32)
    rows = lax.broadcasted_iota(np.int32, v.shape, v.ndim - 2)
    at = lax.eq(rows, _in_columns(largest, v)).astype(v.dtype)
    total = lambda x: lax.reduce_sum(x, (x.ndim - 2,))  # noqa: E731
    grown = lax.real(total(lax.conj(v) * moved))
    turned = lax.imag(total(at * moved)) / lax.real(total(at * v))
    return _diagonal(c), moved - v * _in_columns(lax.complex(grown, turned), v)


# Fourier transforms.


def _fft_back(box: Box, dys: Values, xs: Values) -> Values:
    """The Fourier matrix is symmetric; a real transform leaves out half of the spectrum, the mirror of the other."""
    g, lengths = dys[0], box.params["fft_lengths"]
    kind, total = lax.FftType(box.params["fft_type"]), math.prod(lengths)
    if kind == lax.FftType.RFFT:
        return [total * lax.fft(lax.conj(g) / _doubled(g, lengths[-1]), lax.FftType.IRFFT, lengths)]
    if kind == lax.FftType.IRFFT:
        g = lax.fft(g, lax.FftType.RFFT, lengths)
        return [lax.conj(g * _doubled(g, lengths[-1])) / total]
    return apply_box(box, g)


def _doubled(g: Any, n: int) -> Any:
    """How many entries of a whole spectrum of length n each entry of half a spectrum stands for."""
    column = lax.broadcasted_iota(np.int32, g.shape, g.ndim - 1)
    alone = lax.eq(column, lax.full_like(column, 0)) | lax.eq(2 * column, lax.full_like(column, n))
    return lax.select(alone, lax.full_like(g, 1), lax.full_like(g, 2))


LINALG: dict[str, Fact] = {
    "triangular_solve": General(_triangular_tangent, _triangular_back),
    "tridiagonal_solve": General(_tridiagonal_tangent, _tridiagonal_back),
    "cholesky": General(_cholesky),
    "lu": General(_lu),
    "qr": General(_qr),
    "eigh": General(_eigh),
    "svd": General(_svd, augmented=_svd_with_vectors),
    "eig": General(_eig, augmented=_eig_with_vectors),
    "fft": Linear(_fft_back),
}
