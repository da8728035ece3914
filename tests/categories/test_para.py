"""Models: names, initial values, tying, freezing, adapting, and what wrong input gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import Box, Diagram, Init, Para, Param, R, diagram, from_jax, load, nn, save, to_jax
from paralens.categories.errors import CompositionError, ParameterError, PathError

TWO = nn.dense(3, 3) >> nn.tanh(3) >> nn.dense(3, 3)
X = jnp.array([0.5, -1.0, 2.0])


def test_names_nest_by_path_and_two_uses_get_two_parameters():
    assert TWO.paths == ("dense/w", "dense/b", "dense_1/w", "dense_1/b")
    deep = TWO.named("encoder") >> TWO.named("encoder") >> nn.dense(3, 2)
    assert deep.paths[:2] == ("encoder/dense/w", "encoder/dense/b") and deep.paths[4] == "encoder_1/dense/w"
    assert deep.arrow.graph.names() == ["encoder", "encoder_1", "dense"]
    assert set(deep.params) == {"encoder", "encoder_1", "dense"} and deep.size == 4 * 12 + 8
    assert nn.dense(3, 3).named("first").paths == ("first/w", "first/b")
    assert repr(TWO) == "<Para R(3) -> R(3), 4 arrays, 24 parameters>"


def test_initial_values_depend_on_the_key_and_the_path_alone():
    longer = TWO >> nn.dense(3, 2)
    a, b = TWO.init(7), longer.init(jax.random.key(7))
    np.testing.assert_array_equal(a["dense_1"]["w"], b["dense_1"]["w"])
    assert not np.array_equal(a["dense"]["w"], a["dense_1"]["w"])
    assert not np.array_equal(a["dense"]["w"], TWO.init(8)["dense"]["w"])


def test_the_gradient_of_a_tied_parameter_is_the_sum_over_its_copies():
    tied = TWO.tie("dense/w", "dense_1/w", name="shared/w")
    assert tied.paths == ("shared/w", "dense/b", "dense_1/b")
    params = tied.init(0)
    w = params["shared"]["w"]
    apart = {k: {"w": w, "b": params[k]["b"]} for k in ("dense", "dense_1")}
    tied_grad = jax.grad(lambda p: to_jax(tied)(p, X).sum())(params)
    grads = jax.grad(lambda p: to_jax(TWO)(p, X).sum())(apart)
    np.testing.assert_allclose(tied_grad["shared"]["w"], grads["dense"]["w"] + grads["dense_1"]["w"], rtol=1e-6)


def test_whole_groups_are_tied_as_in_a_siamese_network():
    encoder = (nn.dense(3, 4) >> nn.tanh(4)).named("encoder")

    @diagram(R(3) @ R(3), R())
    def siamese(a, b):
        return encoder(a).apply(lambda x, y: jnp.sum((x - y) ** 2), encoder(b))

    twins = siamese.tie("encoder", "encoder_1")
    assert twins.paths == ("encoder/dense/w", "encoder/dense/b")
    assert to_jax(twins)(twins.init(0), X, X) == 0.0
    assert siamese.tie("encoder", "encoder_1", name="shared").paths == ("shared/dense/w", "shared/dense/b")


def test_freezing_takes_nested_values_and_arrays_of_any_float():
    frozen = TWO.freeze({"dense": {"w": np.eye(3)}, "dense_1/b": [0.0, 0.0, 1.0]})
    assert frozen.paths == ("dense/b", "dense_1/w")
    params = frozen.init(0)
    expected = jnp.tanh(X + params["dense"]["b"]) @ params["dense_1"]["w"] + jnp.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(to_jax(frozen)(params, X), expected, rtol=1e-6)
    with pytest.raises(ParameterError, match=r"dense/w has shape \(2, 2\), expected \(3, 3\)"):
        TWO.freeze({"dense": {"w": np.eye(2)}})
    assert TWO.freeze({"dense": {}}).paths == TWO.freeze({}).paths == TWO.paths


def test_one_weight_of_many_is_reparameterized_by_path():
    product = from_jax(lambda w, u, v: w + u @ v, R(3, 3), R(3, 1), R(1, 3))
    names = {"base": Param(R(3, 3), "zeros"), "u": Param(R(3, 1), "ones"), "v": Param(R(1, 3), "ones")}
    adapted = TWO.reparam(product, names, at="dense_1/w")
    assert adapted.paths == ("dense/w", "dense/b", "dense_1/b", "base", "u", "v")
    params = adapted.init(0)
    full = {"dense": params["dense"], "dense_1": {"w": jnp.ones((3, 3)), "b": params["dense_1"]["b"]}}
    np.testing.assert_allclose(to_jax(adapted)(params, X), to_jax(TWO)(full, X), rtol=1e-6)
    with pytest.raises(CompositionError, match="the parameters dense/w are R"):
        TWO.reparam(Diagram.id(R(2)), {"q": Param(R(2))}, at="dense/w")


def test_a_function_of_a_tree_of_parameters_becomes_a_model(tmp_path):
    def f(p, x):
        return x * p["scale"] + p["shift"]["bias"]

    tree = {"scale": Param(R(3), "ones"), "shift": {"bias": jnp.array([1.0, 2.0, 3.0])}}
    model = from_jax(f, R(3), params=tree)
    assert isinstance(model, Para) and model.dom == R(3) and model.paths == ("scale", "shift/bias")
    params = model.init(0)
    np.testing.assert_array_equal(params["shift"]["bias"], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(to_jax(model)(params, X), f(params, X))
    save(model, tmp_path / "m.json")
    np.testing.assert_array_equal(load(tmp_path / "m.json").init(0)["shift"]["bias"], [1.0, 2.0, 3.0])


def test_layers_compose_with_plain_diagrams_and_types():
    f = Box("f", R(3), R(3))
    assert (f >> nn.dense(3, 3)).paths == (nn.dense(3, 3) >> f).paths == ("dense/w", "dense/b")
    assert (nn.dense(3, 3) @ R(2)).dom == R(3) @ R(2) and (R(2) @ nn.dense(3, 3)).cod == R(2) @ R(3)
    assert (nn.dense(3, 3) @ f).dom == (f @ nn.dense(3, 3)).dom == R(3) @ R(3)
    assert TWO.arrow.at("dense_1").name == "dense" and TWO.open("dense").paths == TWO.paths
    assert len(TWO.open(depth=1).graph) > len(TWO.graph)


def test_a_long_chain_of_layers_is_linear_in_names():
    model = nn.dense(2, 2)
    for _ in range(3000):
        model = model >> nn.dense(2, 2)
    assert model.paths[-1] == "dense_3000/b" and model.n_params == 6002


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda: Para(Box("f", R(2), R(2)), {"a": Param(R(3))}), ParameterError, "a is R(3) but the map takes R(2)"),
        (lambda: Para(Box("f", R(2), R(2)), {"a": Param(R(3))}), ParameterError, "from_jax(f, *data, params=...)"),
        (lambda: Para(Box("f", R(2), R(2)), [(("a",), Param(R(2)))] * 2), ParameterError, "2 parameters for the 1"),
        (
            lambda: Para(Box("f", R(2) @ R(2), R(2)), [(("a",), Param(R(2)))] * 2),
            ParameterError,
            "parameter names clash: a",
        ),
        (lambda: Para(lambda x: x), CompositionError, "a model is made of diagrams and layers"),
        (lambda: Param(R(2) @ R(2)), ParameterError, "a parameter is one wire"),
        (lambda: Param("x"), ParameterError, "has a type of one wire, such as Param(R(3)), and got 'x'"),
        (lambda: Param(R(3), "zeross"), ParameterError, "jax.nn.initializers has no 'zeross'"),
        (lambda: Param(R(3), jnp.ones(2)), ParameterError, "the initial array has shape (2,), expected (3,)"),
        (lambda: Param(R(3), 7), ParameterError, "an initializer is a name, an array or a function, and got 7"),
        (lambda: Init("normal", {"std": 0.1}), ParameterError, "takes other options"),
        (lambda: TWO.tie("dense/w"), ParameterError, "tie takes two or more paths"),
        (lambda: TWO.tie("dense/w", "dense/b"), ParameterError, "only equal types can be tied"),
        (lambda: TWO.tie("dense/w", "nope"), PathError, "no parameter 'nope'; there are dense/w"),
        (lambda: TWO.freeze({"dense": jnp.ones(3)}), PathError, "'dense' is a group of 2"),
        (lambda: TWO.freeze({"dens": {}}), PathError, "no parameter 'dens'; there are dense/w"),
        (lambda: TWO.freeze({"dense": {"u": {}}}), PathError, "no parameter 'dense/u'"),
        (lambda: TWO.named("a/b"), CompositionError, "holds a '/'"),
        (lambda: nn.dense(3, 4) >> nn.dense(5, 2), CompositionError, "dense gives R(4) but dense takes R(5) (wire 0)"),
        (
            lambda: nn.dense(3, 4) @ nn.dense(3, 4) >> nn.dense(4, 2),
            CompositionError,
            "dense_1 also gives R(4) (wire 1), which nothing takes",
        ),
        (lambda: nn.relu(3) >> nn.relu, CompositionError, "relu is a function: call it first if it makes a layer"),
    ],
)
def test_mistakes_name_the_paths_and_say_what_to_do(make, error, text):
    with pytest.raises(error) as caught:
        make()
    assert text in str(caught.value)


def test_an_initializer_that_fails_names_its_path():
    model = Para(Box("f", R(2) @ R(3), R(2)), {"layer": {"w": Param(R(3), "lecun_normal")}})
    with pytest.raises(ParameterError, match=r"layer/w : R\(3\) cannot be initialized by lecun_normal"):
        model.init(0)
    with pytest.raises(ParameterError, match="no initializer for w"):
        Para(Box("f", R(2), R(2)), {"w": Param(R(2))}).init(0)
