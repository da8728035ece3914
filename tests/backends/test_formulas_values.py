"""Formulas are evaluated to the values of the diagrams that they were read from, and come back as diagrams."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from jax import lax
from strategies import diagrams

from paralens import B, Key, R, Z, forward, from_jax, losses, nn, repeat, reverse, to_jax
from paralens.backends.sympy.formulas import from_sympy, symbolic
from paralens.categories.errors import InputError, NoMeaningError


def arrays(dom):
    """Random arrays of a type; whole numbers are 0, 1 or 2."""
    rng = np.random.default_rng(0)
    found = []
    for w in dom.inside:
        if w.kind == "Key":
            found.append(jax.random.key(0))
        elif w.kind in "ZB":
            found.append(jnp.asarray(rng.integers(0, 3 if w.kind == "Z" else 2, w.shape), w.dtype))
        else:
            found.append(jnp.asarray(rng.standard_normal(w.shape), w.dtype))
    return found


def same(mine, its):
    """Assert equal types, and values up to rounding."""
    for m, i in zip(jax.tree.leaves(mine), jax.tree.leaves(its), strict=True):
        assert (m.shape, m.dtype) == (i.shape, i.dtype)
        expected = np.asarray(i, float)
        scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(np.asarray(m, float), expected, rtol=3e-4, atol=3e-4 * scale)


def evaluates(d, level="arrays"):
    """Assert that the formulas of a diagram have its values."""
    arrow = getattr(d, "arrow", d)
    xs = arrays(arrow.dom)
    same(jax.jit(symbolic(arrow, level).lambdify())(*xs), jax.jit(to_jax(arrow))(*xs))


X = R(4, 6)
LAYERS = {
    "dense": nn.dense(X, 3),
    "softmax": nn.softmax(X),
    "layer norm": nn.layer_norm(X),
    "rms norm": nn.rms_norm(X),
    "group norm": nn.group_norm(R(3, 3, 4), 2),
    "attention": nn.multi_head_attention(R(4, 6), 2, causal=True),
    "masked": nn.multi_head_attention(R(4, 6), 2, mask=True),
    "embedding": nn.embedding(Z(4), 3, 5),
    "convolution": nn.conv2d(R(5, 5, 2), 3, 3),
    "max pool": nn.max_pool(R(4, 4, 2)),
    "mlp": nn.sequential(3, nn.dense(3, 4), nn.tanh(4), nn.dense(4, 2)),
    "repeat": repeat(nn.dense(3, 3) >> nn.tanh(3), 3),
    **{n: getattr(nn, n)(R(5)) for n in ("relu", "gelu", "silu", "elu", "softplus", "log_sigmoid", "mish", "relu6")},
    **{n: getattr(nn, n)(R(5)) for n in ("log_softmax", "leaky_relu", "squareplus", "sparse_plus", "soft_sign")},
    **{n: getattr(losses, n)(R(4, 3)) for n in losses.__all__ if n != "itself"},
    "labels": losses.softmax_cross_entropy(R(4, 3), labels="integer"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_formulas_of_a_layer_have_its_values(name):
    evaluates(LAYERS[name])


@pytest.mark.parametrize("name", LAYERS)
def test_the_formulas_of_its_reverse_derivative_have_its_values(name):
    evaluates(reverse(LAYERS[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_the_formulas_of_its_forward_derivative_have_its_values(name):
    evaluates(forward(LAYERS[name]))


@pytest.mark.slow
def test_the_formulas_of_a_transformer_block_and_its_derivative_have_its_values():
    block = nn.transformer_block(R(4, 8), 2, causal=True)
    evaluates(block)
    evaluates(reverse(block))


FUNCTIONS = {
    "cumsum": (lambda x: jnp.cumsum(x) * 2.0, R(5)),
    "argmax": (lambda x: jnp.argmax(x, axis=0), R(5, 3)),
    "sort": (jnp.sort, R(5)),
    "top k": (lambda x: lax.top_k(x, 2), R(5)),
    "concatenate": (lambda x, y: jnp.concatenate([x, y]) @ jnp.ones(5), R(2), R(3)),
    "pad": (lambda x: jnp.pad(x, 1) ** 2, R(3)),
    "slice": (lambda x: x[1:3] * x[::2][:2], R(5)),
    "rev": (lambda x: x[::-1] * x, R(4)),
    "prod": (jnp.prod, R(4)),
    "max": (lambda x: jnp.max(x, axis=1), R(3, 4)),
    "any": (lambda x: jnp.any(x > 0), R(3)),
    "einsum": (lambda a, b: jnp.einsum("bij,bjk->bik", a, b), R(2, 3, 4), R(2, 4, 5)),
    "trace": (jnp.trace, R(3, 3)),
    "solve": (lambda a, b: jnp.linalg.solve(a @ a.T + jnp.eye(3), b), R(3, 3), R(3)),
    "gather": (lambda e, t: e[t], R(5, 3), Z(4)),
    "one hot": (lambda t: jax.nn.one_hot(t, 4), Z(3)),
    "set": (lambda x, v: x.at[1].set(v), R(4), R()),
    "add at": (lambda x, t, v: x.at[t].add(v), R(4), Z(3), R(3)),
    "scan": (lambda x: lax.scan(lambda c, a: (jnp.tanh(c + a), c * a), jnp.float32(0), x), R(5)),
    "cond": (lambda x: lax.cond(x > 0, jnp.sin, jnp.cos, x), R()),
    "special": (lambda x: jax.scipy.special.i0e(x) + jax.scipy.special.gammaln(jnp.abs(x) + 1.0) + lax.erf(x), R(3)),
    "constant": (lambda x: jnp.array([[1.0, 2.0], [0.5, 3.0]]) @ x, R(2)),
    "table": (lambda x: x * jnp.sin(jnp.arange(40.0)), R(40)),
    "whole": (lambda n: n // 3 + n % 3 * 2, Z(4)),
    "compare": (lambda x, y: (x < y) & (y > 0), R(3), R(3)),
    "where": (lambda m, x: jnp.where(m, x, -x), B(3), R(3)),
    "random": (lambda k, x: x * jax.random.normal(k, (3,)), Key(), R(3)),
    "row": (lambda x: x * jnp.ones((1, 4)), R(1, 4)),
    "column": (lambda x: x @ jnp.ones((1, 3)), R(4, 1)),
    "empty": (jnp.sum, R(0)),
    "lower": (jnp.tril, R(3, 3)),
    "merge": (lambda x: x.reshape(6) @ x.reshape(6), R(2, 3)),
    "reshape": (lambda x: x.reshape(4, 3), R(2, 6)),
    "clip": (lambda x: jnp.clip(x, -1.0, 1.0), R(3)),
    "round": (lambda x: jnp.round(x) + jnp.floor(x) * jnp.sign(x), R(4)),
    "power": (lambda x, y: jnp.abs(x) ** y, R(3), R(3)),
    "spread": (lambda x: (x - x.mean()) / x.std(), R(3, 4)),
    "logsumexp": (lambda x: jax.nn.logsumexp(x, axis=0), R(5, 3)),
    "columns": (lambda x: jax.nn.softmax(x, axis=0), R(5, 3)),
    "half": (lambda x: (x * 2).astype("float32"), R(3, dtype="bfloat16")),
    "window": (lambda x, i: lax.dynamic_slice(x, (i,), (2,)), R(5), Z()),
    "nothing": (lambda: jnp.float32(2.0),),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_formulas_of_a_function_have_its_values(name):
    f, *types = FUNCTIONS[name]
    evaluates(from_jax(f, *types))


@pytest.mark.parametrize("name", ["einsum", "gather", "power", "spread", "logsumexp", "where", "lower", "solve"])
def test_the_formulas_of_derivatives_of_a_function_have_their_values(name):
    f, *types = FUNCTIONS[name]
    evaluates(reverse(from_jax(f, *types)))
    evaluates(forward(from_jax(f, *types)))


@given(diagrams())
@settings(max_examples=25)
def test_the_formulas_of_any_diagram_have_its_values(d):
    evaluates(d)


@given(diagrams(max_boxes=3))
@settings(max_examples=10)
def test_the_listing_of_any_diagram_has_its_values(d):
    evaluates(d, "listing")


def test_formulas_of_entries_are_evaluated_too():
    d = from_jax(lambda A, x: jnp.tanh(A @ x) / (1.0 + jnp.sum(x**2)), R(2, 3), R(3))
    evaluates(d, "entries")
    evaluates(reverse(d), "entries")


@pytest.mark.parametrize("name", ["dense", "softmax", "layer norm", "attention", "labels", "embedding", "mlp"])
def test_formulas_come_back_as_diagrams_of_the_same_type_and_values(name):
    for d in (getattr(LAYERS[name], "arrow", LAYERS[name]), reverse(getattr(LAYERS[name], "arrow", LAYERS[name]))):
        back = from_sympy(symbolic(d))
        assert (back.dom, back.cod) == (d.dom, d.cod)
        xs = arrays(d.dom)
        same(to_jax(back)(*xs), to_jax(d)(*xs))


@pytest.mark.parametrize("name", ["softmax", "layer norm", "mlp", "labels", "gelu"])
def test_one_expression_comes_back_as_a_diagram_with_its_values(name):
    d = getattr(LAYERS[name], "arrow", LAYERS[name])
    s = symbolic(d).expanded
    types = {v.name: w for v, w in zip(s.inputs, d.dom, strict=True)}
    back = from_sympy(s.expr, *[v.array for v in s.inputs], types=types)
    xs = arrays(d.dom)
    mine, its = to_jax(back)(*xs), to_jax(d)(*xs)
    same(mine.reshape(its.shape), its)


def test_expressions_of_sympy_become_diagrams():
    x, y = sympy.symbols("x y")
    d = from_sympy(sympy.sin(x) * y)
    assert d.dom == R() @ R()
    np.testing.assert_allclose(to_jax(d)(1.0, 2.0), 2 * np.sin(1.0), rtol=1e-6)
    W, v = sympy.MatrixSymbol("W", 3, 4), sympy.MatrixSymbol("v", 4, 1)
    assert from_sympy(W * v, W, v).dom == R(3, 4) @ R(4, 1)
    Q, t = sympy.IndexedBase("Q", shape=(3, 4)), sympy.IndexedBase("t", shape=(2,), integer=True)
    i, j = sympy.symbols("i j", integer=True)
    d = from_sympy((sympy.Sum(Q[i, j] ** 2, (i, 0, 2), (j, 0, 3)), sympy.Sum(Q[t[i], i], (i, 0, 1))), Q, t)
    assert (d.dom, d.cod) == (R(3, 4) @ Z(2), R() @ R())
    table = jnp.arange(12.0).reshape(3, 4)
    same(to_jax(d)(table, jnp.array([2, 0])), ((table**2).sum(), table[2, 0] + table[0, 1]))
    whole = from_sympy(sympy.Trace(W * W.T) + sympy.Piecewise((x, x > 0), (0, True)))
    assert whole.dom == R(3, 4) @ R()
    derivative = reverse(whole)
    same(to_jax(derivative)(jnp.ones((3, 4)), 2.0, 1.0), (2 * jnp.ones((3, 4)), jnp.float32(1.0)))


def test_expressions_without_a_meaning_are_refused_by_name():
    x, n = sympy.symbols("x n")
    with pytest.raises(NoMeaningError, match="the function foo has no meaning in JAX"):
        from_sympy(sympy.Function("foo")(x))
    with pytest.raises(NoMeaningError, match="the limits 0 and n of the index i are not numbers"):
        from_sympy(sympy.Sum(x, (sympy.Symbol("i"), 0, n)))
    with pytest.raises(InputError, match="has the shape"):
        from_sympy(sympy.MatrixSymbol("A", n, 2))
    with pytest.raises(InputError, match="is no symbol"):
        from_sympy(x, 3)
