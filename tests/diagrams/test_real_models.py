"""Real input: models of Flax NNX and Equinox, and JAX's own attention, come in, go out, and agree to the bit."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from functions import equations

from paralens import R, compile, from_jax, load, save, to_jax


class Block(nnx.Module):
    """A transformer block as Flax users write it."""

    def __init__(self, width, rngs):
        self.norm = nnx.LayerNorm(width, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, width, decode=False, rngs=rngs)
        self.up, self.down = nnx.Linear(width, 4 * width, rngs=rngs), nnx.Linear(4 * width, width, rngs=rngs)

    def __call__(self, x):
        x = x + self.attention(self.norm(x))
        return x + self.down(nnx.gelu(self.up(x)))


class Convolutional(nnx.Module):
    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 4, (3, 3), strides=2, rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.out = nnx.Linear(4 * 4 * 4, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.conv(x)))
        return self.out(x.reshape(x.shape[0], -1))


def linear(n, m):
    return nnx.Linear(n, m, rngs=nnx.Rngs(n))


@pytest.fixture(autouse=True)
def _as_other_libraries_expect():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def agree(f, *args):
    """The diagram has f's own equations, and its compiled program f's own bits, saved and loaded too."""
    d = from_jax(f, *args)
    leaves = jax.tree.leaves(args)
    assert equations(jax.make_jaxpr(to_jax(d))(*leaves)) == equations(jax.make_jaxpr(f)(*args))
    expected = jax.tree.leaves(jax.jit(f)(*args))
    got = jax.tree.leaves(compile(d)(*leaves))
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    return d


@pytest.mark.parametrize(
    "make, x",
    [
        (
            lambda: nnx.Sequential(nnx.Linear(8, 16, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(16, 4, rngs=nnx.Rngs(1))),
            (5, 8),
        ),
        (lambda: Block(16, nnx.Rngs(0)), (2, 6, 16)),
        (lambda: Convolutional(nnx.Rngs(0)), (3, 8, 8, 1)),
    ],
    ids=["mlp", "transformer block", "convolutional net"],
)
def test_a_flax_nnx_model_comes_in_whole(make, x, tmp_path):
    graph, state = nnx.split(make())
    x = jax.random.normal(jax.random.key(1), x)

    def apply(state, x):
        return nnx.merge(graph, state)(x)

    d = agree(apply, state, x)
    save(d, tmp_path / "model.json")
    assert load(tmp_path / "model.json") == d
    # gradients through the diagram are the gradients of the model
    loss, back = lambda s: jnp.sum(apply(s, x) ** 2), to_jax(d)
    leaves = jax.tree.leaves(state)
    got = jax.jit(jax.grad(lambda ls: jnp.sum(back(*ls, x) ** 2)))(leaves)
    for a, b in zip(got, jax.tree.leaves(jax.jit(jax.grad(loss))(state)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "make, x",
    [
        (lambda: eqx.nn.MLP(8, 4, 16, 3, key=jax.random.key(0)), (8,)),
        (lambda: eqx.nn.LayerNorm(8), (8,)),
        (lambda: eqx.nn.MultiheadAttention(2, 8, key=jax.random.key(0)), (5, 8)),
        (lambda: eqx.nn.GRUCell(8, 8, key=jax.random.key(0)), (8,)),
        (lambda: eqx.nn.Conv2d(3, 4, 3, 2, key=jax.random.key(0)), (3, 8, 8)),
    ],
    ids=["mlp", "layer norm", "attention", "gru cell", "convolution"],
)
def test_an_equinox_model_comes_in_whole(make, x):
    model = make()
    x = jax.random.normal(jax.random.key(1), x)
    params, static = eqx.partition(model, eqx.is_array)
    copies = {"MultiheadAttention": 3, "GRUCell": 2}.get(type(model).__name__, 1)
    agree(lambda p, x: eqx.combine(p, static)(*[x] * copies), params, x)
    agree(lambda x: model(*[x] * copies), x)


@pytest.mark.parametrize("causal", [False, True])
def test_jaxs_own_attention_comes_in_whole(causal):
    q = jax.random.normal(jax.random.key(0), (2, 6, 2, 8))
    agree(lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=causal), q, q, q)


def test_a_whole_training_step_is_a_diagram_too():
    import optax

    optimizer = optax.adam(1e-2)
    params = {"w": jnp.ones((3, 2)), "b": jnp.zeros(2)}

    def step(params, state, x, y):
        value, grads = jax.value_and_grad(lambda p: jnp.mean((x @ p["w"] + p["b"] - y) ** 2))(params)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, value

    d = agree(step, params, optimizer.init(params), jnp.ones((4, 3)), jnp.zeros((4, 2)))
    assert d.dom[:2] == R(2) @ R(3, 2)
