"""Loops and choices are differentiated as boxes, and agree with JAX in every nesting."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import agree, every_box
from jax import lax

from paralens import Diagram, R, Z, from_jax, lens, to_jax
from paralens.categories.errors import DerivativeError
from paralens.functors.derivatives.derivative import forward, reverse


def entries(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).uniform(0.3, 1.5, shape)


X, W, V, U = entries(4, 3), entries(3, 3), entries(3), entries(3, seed=1)


@dataclass(frozen=True, eq=False)
class Case:
    """A function and the arrays to take its derivatives at; the order to go to in slow tests."""

    name: str
    f: object
    inputs: tuple
    order: int = 2


def scan(name, step, *inputs, **options):
    """A scan with the first input as constant, the second as carry, the third as what it runs over."""
    return Case(name, lambda w, c, xs: lax.scan(lambda c, x: step(w, c, x), c, xs, **options), inputs or (W, V, X))


def rnn(w, c, x):
    return jnp.tanh(w @ c) + x, c * x


def scans():
    yield scan("scan", rnn)
    yield scan("scan from the end", rnn, reverse=True)
    yield scan("scan, unrolled", rnn, W, V, entries(6, 3), unroll=3)
    yield scan("scan of no steps", rnn, W, V, entries(0, 3))
    yield scan("scan of one step", rnn, W, V, entries(1, 3))
    yield scan("carry kept", lambda w, c, x: (c, c))
    yield scan("carry replaced by the input", lambda w, c, x: (x, c * x))
    yield scan("carry set to zero", lambda w, c, x: (jnp.zeros_like(c), c * x))
    yield scan("input given out", lambda w, c, x: (c * x, x))
    yield scan("integers given out", lambda w, c, x: (c * x, (c > 0.5, c.argmax(), jnp.sin(c))))
    yield scan("only the constant has a gradient", lambda w, c, x: (lax.stop_gradient(c) + w[0], (c * w[1]).sum()))
    yield scan("kinks", lambda w, c, x: (jax.nn.relu(c - 0.8) + jax.nn.silu(x), jax.nn.logsumexp(c)))
    yield scan("gradient in the body", lambda w, c, x: (c - jax.grad(lambda c: jnp.sin(w @ c).sum())(c) * x, None))
    yield scan("rows", lambda w, c, i: (c * w[i], jnp.sin(c)), W, V, np.array([0, 2, 2], "int32"))
    yield scan("complex", lambda w, c, x: (jnp.sin(c) * x, c.real), W, V + 1j * U, X + 0j)
    yield Case("last carry only", lambda c, xs: lax.scan(lambda c, x: (c * c, x.sum()), c, xs)[0], (V, X))
    yield Case("stack only", lambda c, xs: lax.scan(lambda c, x: (c * c, c * x.sum()), c, xs)[1], (V, X))
    yield Case("Python scalar carried", lambda xs: lax.scan(lambda c, x: (c * 1.5 + x.sum(), c), 0.0, xs), (X,))
    yield Case("sums of several kinds", lambda x: (jnp.cumsum(x, 0), lax.associative_scan(jnp.multiply, x)), (X,))
    yield Case("map", lambda x: lax.map(lambda r: jnp.sin(r) * r.sum(), x, batch_size=3), (X,))
    yield Case("fori_loop", lambda w, c: lax.fori_loop(0, 3, lambda i, c: jnp.tanh(w @ c) * w[i], c), (W, V))
    yield Case("batch of scans", lambda w, c, xs: jax.vmap(lambda c: lax.scan(rnn_of(w), c, xs))(xs), (W, V, X))
    yield Case("gradient of a scan", lambda w, c: jax.grad(lambda c: lax.scan(rnn_of(w), c, X)[0].sum())(c), (W, V))


def rnn_of(w):
    return lambda c, x: rnn(w, c, x)


def carries():
    def counted(c):
        def step(s, _):
            return (s[0] + 1, s[1] * jnp.sin(s[1]) * s[0].astype(s[1].dtype)), s[0]

        return lax.scan(step, (1, c), None, length=3)

    def chained(p, q, r):
        """The cotangent of p is there at the third step back only."""
        step = lambda s, _: ((s[0] * s[0], s[1] + jnp.sin(s[0]), s[2] * s[1]), None)  # noqa: E731
        return lax.scan(step, (p, q, r), None, length=4)[0][2]

    def random(data, c):
        def step(s, _):
            key, sub = jax.random.split(s[0])
            return (key, s[1] * jax.random.normal(sub, (3,), c.dtype)), s[1].sum()

        (_, c), sums = lax.scan(step, (jax.random.wrap_key_data(data), c), None, length=3)
        return c, sums

    def swapped(a, b, xs):
        return lax.scan(lambda s, x: ((s[1], s[0] * x), s[1]), (a, b), xs)

    yield Case("an integer carried", counted, (V,))
    yield Case("a carry that counts through others", chained, (V, U, entries(3, seed=2)))
    yield Case("a key carried", random, (np.array([1, 2], "uint32"), V))
    yield Case("carries swapped", swapped, (V, U, X))
    yield Case("one carry unchanged", lambda k, c: lax.scan(lambda s, x: ((s[0], s[0] * s[1]), x), (k, c), X), (V, U))


def nestings():
    def deep(w, c, xs, ks):
        def inner(c):
            return lax.scan(lambda c, _: (jnp.tanh(w @ c), None), c, None, length=2)[0]

        def outer(c, xk):
            c = lax.cond(xk[1] > 0, lambda c: inner(c) * xk[0], lambda c: c * jnp.sin(xk[0]), c)
            return c, c.sum()

        return lax.scan(outer, c, (xs, ks))

    def twice(w, c, xs):
        return lax.scan(lambda c, x: lax.scan(lambda c, y: (jnp.tanh(w @ c) * y, c.sum()), c, x), c, xs)

    yield Case("scan in scan", twice, (W, V, X))
    yield Case("scan in cond in scan", deep, (W, V, X, np.array([0, 1, 0, 1], "int32")))
    yield scan("checkpoint in scan", jax.checkpoint(lambda w, c, x: (jnp.tanh(w @ c) * x, jnp.sin(c))))
    yield Case("cond in checkpoint", jax.checkpoint(lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x)), (V,))


CELL = jax.jit(lambda w, c, x: (jnp.tanh((w * w) @ c) * x, jnp.sin(w).sum() * c))


def standing():
    """Bodies that compute something from the constants alone."""
    yield scan("a cell with a softmax of its weight", lambda w, c, x: (jax.nn.softmax(w) @ c * x, c.sum()))
    yield scan("a closed cell", CELL)
    yield scan("a checkpoint of a closed cell", jax.checkpoint(CELL))
    yield scan("a cell given out", lambda w, c, x: (jnp.exp(w[0]) * c, jnp.exp(w[0])))
    yield scan("a carry that stands still", lambda w, c, x: (jnp.exp(w[0]), jnp.exp(w[0]) * c))
    yield scan("nothing moves", lambda w, c, x: (c, jnp.sin(w) * jnp.cos(w)))
    inner = lambda w, c, x: lax.scan(lambda c, _: (jax.nn.softmax(w) @ c * jnp.exp(x), None), c, None, length=2)  # noqa: E731
    yield scan("in a scan in a scan", inner)
    yield scan("in a branch", lambda w, c, x: lax.cond(x[0] > 1, lambda c: CELL(jnp.sin(w), c, x), lambda c: (c, x), c))


def branches():
    def switch(i, x):
        last = lambda x: (jnp.tanh(x) + jnp.exp(x), x[0])  # noqa: E731
        return lax.switch(i, [lambda x: (jnp.sin(x) * x, x.sum()), lambda x: (jnp.ones(3, x.dtype), x[1]), last], x)

    def cond(name, f, g, *inputs):
        return Case(name, lambda p, *xs: lax.cond(p, f, g, *xs), (np.array(True), *(inputs or (V,))))

    for i in (0, 2, 7, -3):
        yield Case(f"switch at {i}", switch, (np.array(i, "int32"), V))
    yield cond("a branch that ignores its input", lambda x: jnp.zeros(3, x.dtype), lambda x: x * x)
    yield cond("branches that are constant", lambda x: jnp.zeros(3, x.dtype), lambda x: jnp.ones(3, x.dtype))
    yield cond("branches that keep different things", lambda x: jnp.sin(jnp.exp(x)), lambda x: jnp.cos(jnp.tanh(x)) * x)
    yield cond("branches that give integers", lambda x: (x * x, x.argmax()), lambda x: (jnp.sin(x), x.argmin()))
    yield cond("branches that give their inputs", lambda x, y: (x, x, y), lambda x, y: (y, x * y, x), V, U)
    yield Case("arrays closed over", lambda x, w: lax.cond(x[0] > 0.5, lambda: jnp.tanh(w @ x), lambda: x), (V, W))
    yield Case("a choice for each row", jax.vmap(lambda r: lax.cond(r[0] > 0.8, jnp.sin, jnp.exp, r)), (X,))


MAKERS = (scans, carries, nestings, standing, branches)
CASES = [case for make in MAKERS for case in make()]
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@EVERY
def test_first_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *case.inputs, written=False)


@pytest.mark.slow
@EVERY
def test_second_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *case.inputs, order=case.order, written=False)


THIRD = ("scan", "a cell with a softmax of its weight", "switch at 0")


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.name in THIRD], ids=lambda c: c.name)
def test_third_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *[x[:2] if x is X else x for x in case.inputs], order=3, written=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cholesky", "ode", "lstm", "sinkhorn", "implicit"])
def test_models_written_in_jax_agree(name):
    with jax.enable_x64(True):
        agree(*MODELS[name], order=2, written=False)


def _gaussian(s, x):
    root = jnp.linalg.cholesky(s)
    z = jax.scipy.linalg.solve_triangular(root, x, lower=True)
    return -0.5 * z @ z - jnp.log(jnp.diag(root)).sum()


def _ode(y, k):
    def f(y):
        return jnp.stack([y[1], -k * jnp.sin(y[0]), y[2] * y[0]])

    def step(y, _):
        a = f(y)
        b = f(y + 0.05 * a)
        return y + 0.1 * f(y + 0.05 * b), y

    return lax.scan(step, y, None, length=6)


def _lstm(w, u, xs):
    def step(s, x):
        i, f, g, o = jnp.split(w @ x + u @ s[0], 4)
        c = jax.nn.sigmoid(f) * s[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(step, (jnp.zeros(2, xs.dtype), jnp.zeros(2, xs.dtype)), xs)


def _sinkhorn(cost, p):
    def step(f, _):
        g = -jax.nn.logsumexp(f[:, None] - cost, axis=0)
        return jnp.log(p) - jax.nn.logsumexp(g[None] - cost, axis=1), None

    return lax.scan(step, jnp.zeros(3, p.dtype), None, length=4)[0]


def _root(x):
    def newton(f, y):
        return lax.fori_loop(0, 30, lambda i, y: y - f(y) / (3.0 * y * y), y)

    return lax.custom_root(lambda y: y**3 - x, x, newton, lambda g, y: y / g(jnp.ones_like(y)))


MODELS = {
    "cholesky": (_gaussian, W @ W.T + np.eye(3), V),
    "ode": (_ode, V, np.array(1.3)),
    "lstm": (_lstm, entries(8, 3), entries(8, 2), X),
    "sinkhorn": (_sinkhorn, W, V),
    "implicit": (_root, V),
}


def test_what_is_the_same_at_every_step_is_not_stacked():
    def run(w, c, xs):
        return lax.scan(lambda c, x: (jnp.tanh(jax.nn.softmax(w) @ c) * x, None), c, xs)[0]

    def closed(w, c, xs):
        return lax.scan(lambda c, x: (jax.jit(lambda w, c: jnp.tanh(jnp.exp(w) @ c))(w, c) * x, None), c, xs)[0]

    for f in (run, closed):
        kept = lens(from_jax(f, R(6, 6), R(6), R(20, 6))).residual
        assert R(6, 6) in kept
        assert all(w.shape != (20, 6, 6) for w in kept.inside)


def test_the_reverse_of_a_scan_is_a_scan_and_of_a_cond_a_cond():
    d = from_jax(lambda p, x: lax.cond(p, lambda x: lax.scan(rnn_of(jnp.outer(x, x)), x, X)[0], jnp.sin, x), True, V)
    assert {b.op for b in reverse(d).boxes if b.op in ("cond", "scan")} == {"cond"}
    assert {"cond", "scan"} <= {b.op for b in every_box(reverse(d))}


# -- while loops -------------------------------------------------------------------------------------


def _powers(n, x):
    return lax.scan(lambda c, _: (lax.fori_loop(0, n, lambda i, c: jnp.sin(c) * x, c), c), x, None, length=2)


def test_while_loops_go_forward_in_a_scan_too():
    n, x, dx = np.array(2, "int32"), np.float32(0.5), np.float32(1.0)
    found = to_jax(forward(from_jax(_powers, n, x)))(n, x, dx)
    expected = jax.tree.leaves(jax.jvp(lambda x: _powers(n, x), (x,), (dx,)))
    np.testing.assert_allclose(np.hstack(found), np.hstack(expected), rtol=1e-6)


def test_while_loops_are_refused_backward_with_their_path():
    with pytest.raises(DerivativeError, match="at scan/while: a while loop has no reverse derivative"):
        reverse(from_jax(_powers, Z(), R()))


def test_a_while_loop_of_integers_is_in_nobodys_way():
    d = from_jax(lambda n, x: lax.fori_loop(0, n, lambda i, k: k + 2, 1).astype(x.dtype) * x, Z(), R())
    assert float(to_jax(reverse(d))(3, 5.0, 1.0)) == 7.0


# -- settings of JAX and sizes ------------------------------------------------------------------------


def test_a_diagram_in_double_precision_is_differentiated_whatever_the_setting():
    def f(x, y):
        return jnp.tanh(x) * y.sum(), lax.cumsum(x), y.max(0), lax.scan(rnn_of(y), x, y), jax.scipy.special.gammaln(x)

    with jax.enable_x64(True):
        d = from_jax(f, V, W)
    outside, back = reverse(d), reverse(reverse(d))
    assert {w.dtype for w in (*outside.cod.inside, *back.cod.inside)} == {"float64"}
    with jax.enable_x64(True):
        values = [np.ones(w.shape) * 0.3 for w in outside.dom.inside]
        for got, expected in zip(to_jax(outside)(*values), to_jax(reverse(from_jax(f, V, W)))(*values), strict=True):
            assert got.dtype == np.float64
            np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_derivatives_are_taken_without_jit_and_inside_of_jit_and_vmap():
    f, xs = (lambda x: lax.erf(x) * jax.nn.softplus(x)), jnp.arange(3.0)
    expected = jax.vmap(jax.grad(f))(xs)
    with jax.disable_jit():
        np.testing.assert_allclose([to_jax(reverse(from_jax(f, R())))(x, 1.0) for x in xs], expected, rtol=1e-6)
    inside = jax.jit(jax.vmap(lambda x: to_jax(reverse(from_jax(f, R())))(x, 1.0)))
    np.testing.assert_allclose(inside(xs), expected, rtol=1e-6)


def test_inputs_may_be_asked_for_by_numbers_of_numpy():
    d = from_jax(lambda x, y, z: jnp.stack([x, y, z]), R(), R(), R())
    assert to_jax(reverse(d, wrt=np.array([0, 2])))(0.0, 0.0, 0.0, np.arange(3.0, dtype="float32")) == (0.0, 2.0)


def test_thousands_of_inputs_and_outputs_are_no_trouble():
    n = 20000
    d = from_jax(lambda *xs: jnp.concatenate(xs), *[R(1)] * n)
    assert reverse(d, wrt=range(0, n, 2)).n_out == n // 2
    many = Diagram.wires(R(1), [0] * n).boxed("many")
    assert len(lens(many >> d).residual) == 0
