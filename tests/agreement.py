"""Derivatives against JAX: whether `reverse` and `forward` of a function agree with `jax.vjp` and `jax.jvp`.

Second and third derivatives are got by applying the functors again, in every order, and compared with JAX's nested
in the same order.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from paralens import from_jax, to_jax
from paralens.functors.derivative_rules import FACTS
from paralens.functors.derivatives.derivative import forward, reverse
from paralens.functors.derivatives.smooth import NESTED

TOLERANCE = {"float64": 1e-9, "complex128": 1e-9, "float32": 2e-4, "complex64": 2e-4, "bfloat16": 4e-2, "float16": 4e-3}

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def agree(f, *examples, order=1, seed=0, tolerance=None, written=True, like=None):
    """Assert that all derivatives of f up to this order agree with JAX's at these arrays, and obey <D v, w> = <v, R w>.

    With `written`, assert too that no rule was taken over from JAX. JAX differentiates `like` instead of f where that
    is given: the same function written otherwise, when JAX has no derivative of f. Gives the diagram of f.
    """
    d = from_jax(f, *examples)
    xs = list(map(np.asarray, examples))

    def flat(*xs):
        return tuple(jax.tree.leaves((like or f)(*xs)))

    points = list(_points(d, flat, xs, order, np.random.default_rng(seed), ""))
    diagrams = [d, *[e for p in points for e in (p.reverse, p.forward)]]
    for e in diagrams if written else ():
        uses_only(e)
    for p, (got, expected) in zip(points, _evaluated(points), strict=True):
        for mode, mine, its in zip(("R", "D"), got, expected, strict=True):
            close(mine, its, tolerance, f"{mode}{p.path} of {d}")
        law(got[1][p.n_values :], p.dys, p.dxs, got[0], tolerance)
    return d


@dataclass(frozen=True)
class Point:
    """A function and its diagram's derivatives, at arrays and their tangents and cotangents."""

    path: str
    f: object
    reverse: object
    forward: object
    xs: list
    dxs: list
    dys: list
    n_values: int


def _points(d, f, xs, order, rng, path):
    """The function, and if the order asks for it its derivatives as functions, theirs, and so on."""
    if not moving(xs):
        return
    ys = jax.eval_shape(f, *xs)
    dxs, dys = tangents(xs, rng), tangents(ys, rng)
    point = Point(path, f, reverse(d), forward(d), xs, dxs, dys, len(ys))
    yield point
    if order > 1:
        n = len(xs)
        yield from _points(point.reverse, lambda *v: pulled(f)(n, *v), [*xs, *dys], order - 1, rng, f"{path}R")
        yield from _points(point.forward, lambda *v: pushed(f)(n, *v), [*xs, *dxs], order - 1, rng, f"{path}D")


def _evaluated(points):
    """For each point the derivatives by us and by JAX; all in one program, as compiling takes the time."""

    def run(given):
        found = []
        for p, (xs, dxs, dys) in zip(points, given, strict=True):
            mine = jax.tree.leaves(to_jax(p.reverse)(*xs, *dys)), jax.tree.leaves(to_jax(p.forward)(*xs, *dxs))
            found.append((mine, (pulled(p.f)(len(xs), *xs, *dys), pushed(p.f)(len(xs), *xs, *dxs))))
        return found

    return jax.jit(run, compiler_options=QUICK)([(p.xs, p.dxs, p.dys) for p in points])


def uses_only(d, known=FACTS):
    """Assert that every box in a diagram, however deep inside, is one that we have written a rule for."""
    wrong = [b.op for b in every_box(d) if b.op not in known and b.op not in NESTED]
    assert not wrong, f"no rule is written for {sorted(set(wrong))}"


def every_box(d):
    """The boxes of a diagram and of the diagrams inside of them."""
    found, todo = {}, [d]
    while todo:
        for box in todo.pop().graph.table:
            if id(box) not in found:
                found[id(box)] = box
                todo.extend(box.bodies.values())
    return list(found.values())


def moving(xs):
    return [i for i, x in enumerate(xs) if jnp.issubdtype(x.dtype, jnp.inexact)]


def tangents(xs, rng):
    """A random tangent for each array that has one."""
    return [random_like(xs[i], rng) for i in moving(xs)]


def random_like(x, rng):
    values = rng.standard_normal(x.shape)
    if jnp.issubdtype(x.dtype, jnp.complexfloating):
        values = values + 1j * rng.standard_normal(x.shape)
    return np.asarray(values).astype(x.dtype)


def pulled(f):
    """`reverse` by JAX: (*xs, *cotangents) to cotangents, integers left out."""

    def run(n, *values):
        xs, at = values[:n], moving(values[:n])
        ys, pull = jax.vjp(lambda *moved: f(*_put(xs, at, moved)), *[xs[i] for i in at])
        given = iter(values[n:])
        full = [next(given) if moving([y]) else np.zeros(y.shape, jax.dtypes.float0) for y in ys]
        return tuple(pull(tuple(full)))

    return run


def pushed(f):
    """`forward` by JAX: (*xs, *tangents) to values and tangents, integers left out."""

    def run(n, *values):
        xs, at = values[:n], moving(values[:n])
        ys, dys = jax.jvp(lambda *moved: f(*_put(xs, at, moved)), [xs[i] for i in at], list(values[n:]))
        return (*ys, *[dy for y, dy in zip(ys, dys, strict=True) if moving([y])])

    return run


def _put(xs, at, moved):
    full = list(xs)
    for i, x in zip(at, moved, strict=True):
        full[i] = x
    return full


def law(dy, w, v, rw, tolerance=None):
    """The transpose law <D v, w> = <v, R w>, with the pairing of JAX: no conjugation, real part."""
    left, right = pairing(dy, w), pairing(v, rw)
    dtypes = [str(x.dtype) for x in (*dy, *v)]
    scale = 1.0 + sum(float(np.abs(wide(a) * wide(b)).sum()) for a, b in zip((*dy, *v), (*w, *rw), strict=True))
    rough = tolerance or max([TOLERANCE[t] for t in dtypes], default=0.0)
    assert abs(left - right) <= rough * scale, f"<D v, w> = {left} and <v, R w> = {right}"


def pairing(xs, ys):
    return sum(float((wide(x) * wide(y)).sum().real) for x, y in zip(xs, ys, strict=True))


def wide(x):
    """The array in double precision."""
    return np.asarray(x).astype(complex if jnp.issubdtype(x.dtype, jnp.complexfloating) else float)


def close(got, expected, tolerance=None, what=""):
    """Assert equal types, and values within the tolerance of the dtype relative to the largest entry."""
    assert len(got) == len(expected), what
    for a, e in zip(got, expected, strict=True):
        a, e = np.asarray(a), np.asarray(e)
        assert (a.shape, a.dtype) == (e.shape, e.dtype), what
        if not moving([a]):
            np.testing.assert_array_equal(a, e, err_msg=what)
            continue
        rough = tolerance or TOLERANCE[str(a.dtype)]
        finite = np.abs(wide(e))[np.isfinite(wide(e))]
        size = max(1.0, float(finite.max(initial=0.0)))
        np.testing.assert_allclose(wide(a), wide(e), rtol=rough, atol=rough * size, err_msg=what)
