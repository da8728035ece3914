"""Rules of matrices, transforms and indices: transposes, inverses, symmetry, conjugates, places; those of
functions on manifolds are right.

The right formulas are those of M. Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008); complex cotangents pair without conjugation, as in JAX.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from corpus import array, f32, f64, i32, of_kind, planted, right
from jax import lax

UNIT, WIDE = (-1.0, 1.0), (-3.0, 3.0)
T = jnp.transpose


def spd(rng, n=3):
    """A random positive definite matrix, well conditioned."""
    a = rng.normal(size=(n, n))
    return (a @ a.T / n + np.eye(n),)


def symmetric(rng, point):
    """A symmetric tangent at a symmetric matrix."""
    a = rng.normal(size=point[0].shape)
    return (a + a.T,)


SPD = {"domain": spd, "tangent": symmetric}
MATRIX = spd(np.random.default_rng(1))[0]
SKEW = np.asarray([[2.0, 0.7, -0.3], [-0.4, 1.5, 0.6], [0.2, -0.9, 1.8]])


# -- matrices --------------------------------------------------------------------------------------


def _cholesky_tangent(a, da):
    factor = jnp.linalg.cholesky(a)
    inside = jax.scipy.linalg.solve_triangular(
        factor, T(jax.scipy.linalg.solve_triangular(factor, da, lower=True)), lower=True
    )
    return factor @ jnp.tril(inside)


def root(a):
    values, vectors = jnp.linalg.eigh(a)
    return (vectors * jnp.sqrt(values)[None]) @ T(vectors)


def _root_tangent(a, da):
    values, vectors = jnp.linalg.eigh(a)
    return vectors @ (T(vectors) @ da @ vectors / (2 * jnp.sqrt(values)[:, None])) @ T(vectors)


def _root_rule(a, da):
    """The right one: X dX + dX X = dA, whose solution needs no gap between eigenvalues."""
    values, vectors = jnp.linalg.eigh(a)
    roots = jnp.sqrt(values)
    return vectors @ (T(vectors) @ da @ vectors / (roots[:, None] + roots[None])) @ T(vectors)


def _eigenvalues_back(a, c):
    _, vectors = jnp.linalg.eigh(a)
    return T(vectors) @ (c[:, None] * vectors)


def solve_back(a, b, c):
    bar = jnp.linalg.solve(a, c)  # where the transpose of a should stand
    return -jnp.outer(bar, jnp.linalg.solve(a, b)), bar


def linear_solver():
    return lambda a, b: lax.custom_linear_solve(
        lambda v: a @ v, b, lambda mv, r: jnp.linalg.solve(a, r), lambda mv, r: jnp.linalg.solve(a, r)
    )


def matrices():
    x, y, a, b = array(3), array(3, seed=1), SKEW, array(3, 3)
    inv, near = jnp.linalg.inv, {"domain": lambda rng: (SKEW + rng.uniform(-0.3, 0.3, (3, 3)),)}
    system = {"domain": lambda rng: (SKEW + rng.uniform(-0.3, 0.3, (3, 3)), rng.uniform(-1, 1, 3))}
    logdet = lambda a: jnp.linalg.slogdet(a)[1]  # noqa: E731
    yield planted(
        "a product with its weight transposed",
        lambda x, w: x @ w,
        a,
        b,
        back=lambda x, w, c: (c @ T(w), T(c) @ x),
        domain=(WIDE,) * 2,
    )
    yield planted(
        "a product with its input by w",
        lambda x, w: x @ w,
        f32(x),
        f32(b),
        back=lambda x, w, c: (c @ w, jnp.outer(x, c)),
    )
    yield planted(
        "a quadratic form as if symmetric",
        lambda x, m: x @ m @ x,
        x,
        a,
        tangents=lambda x, m, dx, dm: 2 * (m @ x) @ dx + x @ dm @ x,
        domain=(UNIT, WIDE),
    )
    yield planted("a trace by ones", jnp.trace, f32(b), back=lambda x, c: c * jnp.ones_like(x))
    yield planted("a determinant without itself", jnp.linalg.det, a, back=lambda x, c: c * T(inv(x)), **near)
    yield planted("log det with the inverse not transposed", logdet, a, back=lambda x, c: c * inv(x), **near)
    yield planted(
        "log det by the textbook for symmetric matrices",
        logdet,
        MATRIX,
        back=lambda x, c: c * (2 * inv(x) - jnp.diag(jnp.diag(inv(x)))),
        **SPD,
    )
    yield planted("an inverse without its sign", inv, a, tangents=lambda x, dx: inv(x) @ dx @ inv(x), **near)
    yield planted("an inverse with nothing transposed", inv, a, back=lambda x, c: -inv(x) @ c @ inv(x), **near)
    yield planted("cholesky with the whole diagonal", jnp.linalg.cholesky, MATRIX, tangents=_cholesky_tangent, **SPD)
    yield planted("a root of a matrix by its rows", root, MATRIX, tangents=_root_tangent, **SPD)
    yield planted("eigenvalues with vectors by rows", jnp.linalg.eigvalsh, MATRIX, back=_eigenvalues_back, **SPD)
    yield planted("a solution with the system not transposed", jnp.linalg.solve, a, x, back=solve_back, **system)
    yield planted(
        "a solution that forgets its matrix",
        jnp.linalg.solve,
        a,
        x,
        tangents=lambda a, b, da, db: jnp.linalg.solve(a, db),
        **system,
    )
    yield planted("a linear solver that is not transposed", jnp.linalg.solve, a, x, make=linear_solver, **system)
    yield planted("an outer product the other way", jnp.outer, f32(x), f32(y), back=lambda x, y, c: (c @ y, c @ x))
    yield planted(
        "|z|² without the conjugate",
        lambda z: jnp.real(z * jnp.conj(z)),
        x + 1j * y,
        tangents=lambda z, dz: 2 * jnp.real(z * dz),
    )
    yield planted(
        "a complex product with conjugates",
        lambda z, w: z * w,
        (x + 1j * y).astype("complex64"),
        (y - 1j).astype("complex64"),
        back=lambda z, w, c: (c * jnp.conj(w), c * jnp.conj(z)),
    )
    yield planted("a transform back by the inverse", jnp.fft.fft, array(4), back=lambda x, c: jnp.real(jnp.fft.ifft(c)))


# -- indices -----------------------------------------------------------------------------------------


def _max_pool(x):
    return jnp.max(x.reshape(4, 2), 1)


def _interpolate(x):
    grid = jnp.asarray([0.0, 1.0, -1.0, 2.0, 0.5], x.dtype)
    k = jnp.clip(jnp.floor(x).astype("int32"), 0, 3)
    return grid[k] + (x - k.astype(x.dtype)) * (grid[k + 1] - grid[k])


def _slope_of_the_cell_before(x, dx):
    grid = jnp.asarray([0.0, 1.0, -1.0, 2.0, 0.5], x.dtype)
    k = jnp.clip(jnp.floor(x).astype("int32") - 1, 0, 3)
    return dx * (grid[k + 1] - grid[k])


def rope(x, angle):
    return jnp.stack([jnp.cos(angle) * x[0] - jnp.sin(angle) * x[1], jnp.sin(angle) * x[0] + jnp.cos(angle) * x[1]])


def indices():
    x, k, at = array(6), array(3, seed=1), i32([4, 1, 4, 0])
    take, put = lambda x, i: x[i], jnp.zeros_like
    pooled = lambda x, c: jnp.repeat(c, 2)  # noqa: E731
    full = lambda s, k, mode: jnp.convolve(s, k, mode=mode)  # noqa: E731
    yield planted("a cumulative sum the same way", jnp.cumsum, x, back=lambda x, c: jnp.cumsum(c))
    yield planted(
        "a convolution without the flip",
        lambda x, k: full(x, k, "valid"),
        x,
        k,
        back=lambda x, k, c: (full(c, k, "full"), full(x, c[::-1], "valid")[::-1]),
    )
    yield planted("a gather one index off", take, x, i32([0, 3]), back=lambda x, i, c: (put(x).at[i + 1].add(c), None))
    yield planted("a gather that overwrites", take, f32(x), at, back=lambda x, i, c: (put(x).at[i].set(c), None))
    yield planted(
        "a mean of segments without the counts",
        lambda x: jnp.asarray([jnp.mean(x[:4]), jnp.mean(x[4:])]),
        x,
        back=lambda x, c: jnp.repeat(c, jnp.asarray([4, 2]), total_repeat_length=6),
    )
    yield planted(
        "a permutation by itself",
        lambda x: x[jnp.asarray([2, 0, 1, 5, 3, 4])],
        f32(x),
        back=lambda x, c: c[jnp.asarray([2, 0, 1, 5, 3, 4])],
    )
    yield planted("padding cut one off", lambda x: jnp.pad(x, (2, 1)), x, back=lambda x, c: c[1:-2])
    yield planted("a shift the same way", lambda x: jnp.roll(x, 1), x, back=lambda x, c: jnp.roll(c, 1))
    yield planted("a sort that forgets the order", jnp.sort, x, back=lambda x, c: c)
    yield planted("max pooling to the whole window", _max_pool, array(8, dtype="float32"), back=pooled)
    yield planted(
        "an interpolation by the cell before",
        _interpolate,
        f64([1.5, 2.2]),
        tangents=_slope_of_the_cell_before,
        domain=((0.0, 4.0),),
    )
    yield planted(
        "a rotation by itself",
        rope,
        x[:2],
        k[0],
        back=lambda x, a, c: (rope(c, a), rope(x, a + jnp.pi / 2) @ c),
        domain=(UNIT, WIDE),
    )
    yield planted(
        "a masked sum that forgets its mask",
        lambda x, m: jnp.sum(jnp.where(m, x, 0.0)),
        x,
        np.asarray([True, False] * 3),
        back=lambda x, m, c: (c * jnp.ones_like(x), None),
    )
    yield planted(
        "the label counted from the last but one",
        lambda x, n: -jax.nn.log_softmax(x)[n],
        x,
        i32(2),
        back=lambda x, n, c: (c * (jax.nn.softmax(x) - jax.nn.one_hot(jnp.minimum(n, 4), 6, dtype=x.dtype)), None),
        domain=(WIDE, None),
        special=((x, i32(5)),),
        witness=(x, i32(5)),
    )
    yield planted(
        "a third power as a square",
        lambda x, n: x ** n.astype(x.dtype),
        f32(x) + 2,
        i32(2),
        tangents=lambda x, n, dx, _: 2 * x * dx,
        domain=((0.5, 2.0), None),
        special=((f32(x) + 2, i32(3)),),
        witness=(f32(x) + 2, i32(3)),
    )


# -- right ones, on manifolds -----------------------------------------------------------------------------------------


def orthogonal(rng):
    return (np.linalg.qr(rng.normal(size=(3, 3)))[0],)


def turning(rng, point):
    a = rng.normal(size=(3, 3))
    return (point[0] @ (a - a.T),)


def shares(rng):
    return (rng.dirichlet(np.full(5, 2.0)),)


def balanced(rng, point):
    v = rng.normal(size=5) * point[0]
    return (v - v.sum() * point[0],)


def sphere(rng):
    x = rng.normal(size=3)
    return (x / np.linalg.norm(x),)


def along(rng, point):
    v = rng.normal(size=3)
    return (v - point[0] * (v @ point[0]),)


def manifolds():
    rng = np.random.default_rng(5)
    logdet = lambda a: jnp.linalg.slogdet(a)[1]  # noqa: E731
    entropy = lambda p: -jnp.sum(p * jnp.log(p))  # noqa: E731
    turn, simplex = {"domain": orthogonal, "tangent": turning}, {"domain": shares, "tangent": balanced}
    yield right("log det of a covariance", logdet, MATRIX, **SPD)
    yield right("cholesky", jnp.linalg.cholesky, MATRIX, **SPD)
    yield right("the root of a matrix", root, MATRIX, tangents=_root_rule, truth=root, **SPD)
    yield right("eigenvalues", jnp.linalg.eigvalsh, MATRIX, **SPD)
    yield right("an exponential of a matrix", jax.scipy.linalg.expm, MATRIX, domain=SPD["domain"], tangent=symmetric)
    yield right(
        "a quadratic form of a rotation",
        lambda q: jnp.trace(T(q) @ jnp.asarray(SKEW) @ q @ q),
        *orthogonal(rng),
        **turn,
    )
    yield right("entropy", entropy, *shares(rng), **simplex)
    yield right("divergence from even shares", lambda p: jnp.sum(p * jnp.log(5 * p)), *shares(rng), **simplex)
    yield right(
        "a height on the sphere", lambda x: x[2] * x[0] + jnp.exp(x[1]), *sphere(rng), domain=sphere, tangent=along
    )


ALGEBRA = (*of_kind("matrix", matrices()), *of_kind("index", indices()), *of_kind("manifold", manifolds()))
