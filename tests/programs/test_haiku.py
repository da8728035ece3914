"""Programs of Haiku: their modules are boxes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import compile, from_jax, reverse, to_jax

hk = pytest.importorskip("haiku")
pytestmark = pytest.mark.long


def network(x):
    return hk.nets.MLP([4, 2])(hk.LayerNorm(-1, True, True)(jnp.tanh(hk.Linear(8)(x))))


NETWORK = hk.without_apply_rng(hk.transform(network))
X = jnp.linspace(-1.0, 1.0, 12).reshape(4, 3)
PARAMS = NETWORK.init(jax.random.key(0), X)
MODEL = from_jax(NETWORK.apply, X, params=PARAMS)


def test_the_modules_are_the_boxes():
    assert MODEL.arrow.graph.names() == ["linear", "tanh", "layer_norm", "mlp"]
    assert [n for n in MODEL.arrow.at("mlp").definition.graph.names() if "linear" in n] == ["linear_0", "linear_1"]
    assert MODEL.at("linear").paths == ("linear/b", "linear/w") and MODEL.at("mlp/linear_0").n_params == 2


def test_values_and_gradients_are_those_of_the_program():
    flat = from_jax(NETWORK.apply, X, params=PARAMS, scopes=False)
    assert MODEL.open(depth=4) == flat.open(depth=4)
    params = MODEL.init(0)
    np.testing.assert_allclose(compile(MODEL)(params, X), NETWORK.apply(PARAMS, X), rtol=1e-5, atol=1e-6)
    found = to_jax(reverse(MODEL, wrt=MODEL.paths))(params, X, jnp.ones((4, 2)))
    expected = jax.grad(lambda p: NETWORK.apply(p, X).sum())(PARAMS)
    for g, e in zip(found, jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-6)
