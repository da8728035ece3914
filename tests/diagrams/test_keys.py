"""PRNG keys among the parameters, as in every Flax NNX model with dropout."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from paralens import Learner, R, check, compile, from_jax, load, losses, reverse, save, summary
from paralens.diagrams.optimizers import adam, by_path, frozen


class Net(nnx.Module):
    def __init__(self, rngs):
        self.first, self.last = nnx.Linear(4, 8, rngs=rngs), nnx.Linear(8, 2, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.last(self.drop(jnp.tanh(self.first(x))))


DEFINITION, STATE = nnx.split(Net(nnx.Rngs(0)))
X = jnp.linspace(-1.0, 1.0, 12).reshape(3, 4)
MODEL = from_jax(lambda state, x: nnx.merge(DEFINITION, state)(x), X, params=STATE)


def same_keys(a, b):
    return (jax.random.key_data(a) == jax.random.key_data(b)).all()


def test_a_model_with_dropout_begins_with_its_key_and_runs_as_flax_runs_it():
    params = MODEL.init(7)
    assert same_keys(params["drop"]["rngs"]["key"], STATE["drop"]["rngs"]["key"][...])
    expected = nnx.merge(DEFINITION, STATE)(X)
    np.testing.assert_allclose(compile(MODEL)(params, X), expected, rtol=1e-6)
    rows = summary(MODEL)
    assert rows.total.parameters == 4 * 8 + 8 + 8 * 2 + 2 + 2  # the key and its count among them


def test_its_gradient_is_that_of_jax_and_none_flows_to_the_key():
    params = MODEL.init(0)
    back = reverse(MODEL, wrt=["first", "last"])
    found = compile(back)(params, X, jnp.ones((3, 2)))

    def loss(moving):
        return compile(MODEL)({**params, **moving}, X).sum()

    moving = {k: params[k] for k in ("first", "last")}
    for a, b in zip(found, jax.tree.leaves(jax.grad(loss)(moving)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert all(w.kind == "R" for w in reverse(MODEL).cod.inside)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_a_model_with_a_key_is_saved_with_it(tmp_path, impl):
    def noisy(p, x):
        return x * p["scale"] + jax.random.normal(p["key"], x.shape)

    model = from_jax(noisy, R(3), params={"key": jax.random.key(3, impl=impl), "scale": jnp.float32(2.0)})
    save(model, tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert again == model and again.paths == model.paths
    for other in (again, pickle.loads(pickle.dumps(model))):
        assert same_keys(other.init(1)["key"], jax.random.key(3, impl=impl)) and other.init(1)["scale"] == 2.0
    x = jnp.ones(3)
    np.testing.assert_array_equal(compile(again)(again.init(0), x), compile(model)(model.init(0), x))


def test_a_model_with_a_key_is_checked_and_trained():
    params = MODEL.init(0)
    assert check(MODEL, params, X, effort="quick").ok
    learner = Learner(MODEL, losses.squared_error(R(3, 2)), by_path({"drop": frozen(), "": adam(1e-2)}))
    state, _ = compile(learner)(learner.init(0), X, jnp.zeros((3, 2)))
    assert same_keys(state.params["drop"]["rngs"]["key"], params["drop"]["rngs"]["key"])
