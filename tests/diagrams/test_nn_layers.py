"""What holds for layers as 1-cells: types, names, initial values, shared boxes, randomness, and refusals."""

import itertools
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given
from hypothesis import strategies as st

from paralens import B, C, Key, Para, R, Z, diagram, nn, to_jax
from paralens.categories.errors import CompositionError, ParalensError

IMAGE, ROW = R(8, 6, 4), R(5, 8)
LAYERS = {
    "dense": (lambda: nn.dense(ROW, 3), R(5, 3), ["dense/w", "dense/b"]),
    "bias": (lambda: nn.bias(ROW), ROW, ["bias/b"]),
    "embedding": (lambda: nn.embedding(7, 10, 4), R(7, 4), ["embedding/w"]),
    "position_embedding": (lambda: nn.position_embedding(ROW), ROW, ["position_embedding/w"]),
    "conv1d": (lambda: nn.conv1d(ROW, 6, 3, stride=2), R(3, 6), ["conv1d/w", "conv1d/b"]),
    "conv2d": (lambda: nn.conv2d(IMAGE, 6, (3, 1), padding="VALID"), R(6, 6, 6), ["conv2d/w", "conv2d/b"]),
    "max_pool": (lambda: nn.max_pool(IMAGE, (2, 3)), R(4, 2, 4), []),
    "avg_pool": (lambda: nn.avg_pool(ROW), R(2, 8), []),
    "global_avg_pool": (lambda: nn.global_avg_pool(IMAGE), R(4), []),
    "layer_norm": (lambda: nn.layer_norm(ROW), ROW, ["layer_norm/scale", "layer_norm/bias"]),
    "rms_norm": (lambda: nn.rms_norm(8), R(8), ["rms_norm/scale"]),
    "group_norm": (lambda: nn.group_norm(IMAGE, 2), IMAGE, ["group_norm/scale", "group_norm/bias"]),
    "dropout": (lambda: nn.dropout(ROW, 0.5), ROW, []),
    "relu": (lambda: nn.relu(ROW), ROW, []),
    "flatten": (lambda: nn.flatten(IMAGE), R(192), []),
    "reshape": (lambda: nn.reshape(IMAGE, 2, -1), R(2, 96), []),
}


# -- types, names, boxes -------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_is_a_1_cell_of_one_box_with_its_type_and_names(name):
    make, cod, paths = LAYERS[name]
    layer = make()
    assert isinstance(layer, Para)
    assert layer.cod == cod and list(layer.paths) == paths
    assert layer.arrow.graph.names() == [name]


@pytest.mark.parametrize("name", LAYERS)
def test_equal_layers_share_one_box_and_survive_pickling(name):
    make, _, _ = LAYERS[name]
    assert make().arrow is make().arrow
    assert pickle.loads(pickle.dumps(make().arrow)) == make().arrow


def test_composite_layers_are_shared_as_well():
    make = lambda: nn.transformer_block(ROW, 2, causal=True)  # noqa: E731
    assert make().arrow is make().arrow
    assert pickle.loads(pickle.dumps(make())) == make()
    assert make() != nn.transformer_block(ROW, 2)


def test_a_layer_depends_on_the_precision_that_jax_is_set_to():
    plain = nn.dense(3, 4)
    with jax.default_matmul_precision("float32"):
        assert nn.dense(3, 4).arrow != plain.arrow
    assert nn.dense(3, 4).arrow is plain.arrow


@pytest.mark.parametrize("name", [n for n in LAYERS if n != "embedding"])
def test_dtypes_follow_the_input(name, monkeypatch):
    def narrow(*shape):
        return R(*shape, dtype="bfloat16")

    monkeypatch.setitem(globals(), "IMAGE", narrow(8, 6, 4))
    monkeypatch.setitem(globals(), "ROW", narrow(5, 8))
    make, _, _ = LAYERS[name]
    layer = nn.rms_norm(narrow(8)) if name == "rms_norm" else make()
    wires = (*layer.dom.inside, *layer.weight.inside, *layer.cod.inside)
    assert {w.dtype for w in wires if w.kind != "Key"} == {"bfloat16"}
    data = [jnp.ones(w.shape, w.dtype) if w.kind == "R" else jax.random.key(0) for w in layer.dom.inside]
    assert to_jax(layer)(layer.init(0), *data).dtype == "bfloat16"


def test_bfloat16_attention_works_under_strict_promotion():
    layer = nn.transformer_block(R(5, 8, dtype="bfloat16"), 2)
    assert to_jax(layer)(layer.init(0), jnp.ones((5, 8), "bfloat16")).dtype == "bfloat16"


def test_an_int_stands_for_a_vector():
    assert nn.dense(3, 4) == nn.dense(R(3), 4) and nn.layer_norm(3) == nn.layer_norm(R(3))
    assert nn.embedding(3, 5, 4) == nn.embedding(Z(3), 5, 4)


def test_dense_takes_complex_wires():
    assert nn.dense(C(3), 2).cod == C(2)


def owners(layer, above=()):
    """The paths of all boxes that have a definition."""
    for name, (box, _, _) in zip(layer.graph.names(), layer.graph.nodes(), strict=True):
        if box.definition is not None:
            yield (*above, name)
            yield from owners(box.definition, (*above, name))


def test_a_parameter_belongs_to_the_box_of_its_path():
    layer = nn.transformer_block(R(6, 8), 2, causal=True)
    model = nn.sequential(R(6, 8), nn.position_embedding, layer, layer, nn.layer_norm, lambda t: nn.dense(t, 5))
    boxes = set(owners(model.arrow))
    assert {tuple(p.split("/")[:-1]) for p in model.paths} <= boxes
    assert "block_1/mlp/dense_1/w" in model.paths and "block/attention/query/b" in model.paths
    inside = layer.arrow.definition.graph.names()
    assert inside == ["layer_norm", "attention", "add", "layer_norm_1", "mlp", "add_1"]


def test_the_shapes_of_a_transformer_block():
    p = nn.transformer_block(R(6, 8), 2, hidden=16).params["block"]
    assert str(p["attention"]["out"]) == "{'w': R(8, 8), 'b': R(8)}"
    assert str(p["mlp"]["dense"]["w"]) == "R(8, 16)" and str(p["mlp"]["dense_1"]["w"]) == "R(16, 8)"
    assert str(p["layer_norm"]) == "{'scale': R(8), 'bias': R(8)}"


# -- initial values ------------------------------------------------------------------------------


def test_initial_values_are_those_of_flax_for_the_same_key():
    key = jax.random.key(3)
    cases = {
        (nn.dense(20, 30), "w"): nnx.nn.linear.default_kernel_init,
        (nn.conv2d(R(8, 8, 4), 6, 3), "w"): nnx.nn.linear.default_kernel_init,
        (nn.embedding(5, 10, 40), "w"): nnx.nn.linear.default_embed_init,
        (nn.dense(20, 30), "b"): nnx.nn.linear.default_bias_init,
        (nn.layer_norm(5), "scale"): jax.nn.initializers.ones,
    }
    for (layer, name), flax in cases.items():
        (param,) = [q for p, q in layer.entries if p[-1] == name]
        shape = param.wire.shape
        np.testing.assert_array_equal(param.init(key, shape, jnp.float32), flax(key, shape, jnp.float32))


def test_initial_values_keep_the_variance_of_what_flows():
    model = nn.sequential(400, *[lambda t: nn.dense(t, 400)] * 4)
    x = jax.random.normal(jax.random.key(1), (400,))
    y = to_jax(model)(model.init(0), x)
    assert 0.7 < float(jnp.std(y)) < 1.4


def test_an_initializer_can_be_chosen():
    layer = nn.dense(3, 2, init="ones", bias_init=lambda key, shape, dtype: jnp.full(shape, 2.0, dtype))
    np.testing.assert_array_equal(to_jax(layer)(layer.init(0), jnp.ones(3)), [5.0, 5.0])


# -- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_its_share_and_the_mean(rate):
    layer = nn.dropout(40000, rate)
    assert layer.dom == R(40000) @ Key()
    f = to_jax(layer)
    y = np.asarray(f({}, jnp.ones(40000), jax.random.key(0)))
    assert set(np.unique(y)) <= {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    assert abs((y == 0).mean() - rate) < 0.01 and abs(y.mean() - 1) < 0.05
    np.testing.assert_array_equal(y, f({}, jnp.ones(40000), jax.random.key(0)))
    assert rate == 0 or (y != f({}, jnp.ones(40000), jax.random.key(1))).any()


def test_dropout_of_everything_gives_zeros_and_finite_gradients():
    f = to_jax(nn.dropout(4, 1.0))
    np.testing.assert_array_equal(f({}, jnp.ones(4), jax.random.key(0)), np.zeros(4))
    np.testing.assert_array_equal(jax.grad(lambda x: f({}, x, jax.random.key(0)).sum())(jnp.ones(4)), np.zeros(4))


def test_dropout_draws_the_coins_of_flax():
    x = jnp.arange(1.0, 33.0)
    key = jax.random.key(5)
    flax = nnx.Dropout(0.3, deterministic=False)
    with jax.numpy_dtype_promotion("standard"):
        expected = flax(x, rngs=key)
    np.testing.assert_allclose(to_jax(nn.dropout(32, 0.3))({}, x, key), expected, rtol=1e-6)


def test_dropout_for_evaluation_is_the_identity():
    layer = nn.dropout(4, 0.5, deterministic=True)
    assert layer.dom == R(4) and len(layer.arrow.graph) == 0


# -- putting together ----------------------------------------------------------------------------


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_sequential_is_composition(widths):
    layers = [nn.dense(n, m) for n, m in itertools.pairwise(widths)]
    made = nn.sequential(widths[0], *[lambda t, m=m: nn.dense(t, m) for m in widths[1:]])
    assert made == nn.sequential(widths[0], *layers)
    assert made.paths == Para.lift(type(made.arrow).id(R(widths[0]))).then(*layers).paths


def test_sequential_takes_layers_alone_and_passes_keys_through():
    assert nn.sequential(nn.dense(3, 4), nn.relu) == nn.dense(3, 4) >> nn.relu(4)
    drop = lambda t: nn.dropout(t, 0.5)  # noqa: E731
    model = nn.sequential(3, drop, lambda t: nn.dense(t, 4), drop)
    assert model.dom == R(3) @ Key() @ Key() and model.cod == R(4)
    p, keys = model.init(0), jax.random.split(jax.random.key(0))
    x = jnp.ones(3)
    half = to_jax(nn.dropout(3, 0.5))({}, x, keys[0])
    expected = to_jax(nn.dropout(4, 0.5))({}, half @ p["dense"]["w"], keys[1])
    np.testing.assert_allclose(to_jax(model)(p, x, *keys), expected, rtol=1e-5)


def test_residual_adds_the_input_and_keeps_names_and_keys():
    layer = nn.residual(nn.dense(3, 3))
    assert layer.paths == ("dense/w", "dense/b") and layer.arrow.graph.names() == ["dense", "add"]
    p, x = layer.init(0), jnp.arange(3.0)
    np.testing.assert_allclose(to_jax(layer)(p, x), x + x @ p["dense"]["w"], rtol=1e-5)
    assert nn.residual(nn.dropout(3, 0.5)).dom == R(3) @ Key()
    assert nn.residual(nn.relu(3)).dom == R(3)


def test_layers_are_called_on_wires():
    @diagram(R(3), R(2))
    def model(x):
        return nn.dense(3, 2)(nn.relu(3)(x))

    assert model == nn.relu(3) >> nn.dense(3, 2)


def test_reshape_and_flatten_keep_the_order_of_entries():
    x = jnp.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(to_jax(nn.flatten(R(2, 3, 4)))({}, x), np.arange(24.0))
    np.testing.assert_array_equal(to_jax(nn.reshape(R(2, 3, 4), 4, -1))({}, x), np.arange(24.0).reshape(4, 6))
    assert nn.flatten(B(2, 2)).cod == B(4)


# -- refusals ------------------------------------------------------------------------------------

REFUSED = {
    "dense takes the type of its input first, such as R(3), and got 'x'": lambda: nn.dense("x", 3),
    "dense takes the type of its input first, such as R(3), and got True": lambda: nn.dense(True, 3),
    "dense takes R(..., features) or C(..., features) and got Z(3) (wire 0)": lambda: nn.dense(Z(3), 3),
    "and got the 2 wires R(3) @ R(4): pick one by index": lambda: nn.dense(R(3) @ R(4), 3),
    "dense: features is 0, expected a whole number of at least 1": lambda: nn.dense(3, 0),
    "dense: features is 2.0, expected a whole number": lambda: nn.dense(3, 2.0),
    "dense: the last axis of R(4, 0) is 0, expected": lambda: nn.dense(R(4, 0), 3),
    "embedding takes Z(...) and got R(3) (wire 0): give a type such as Z(16)": lambda: nn.embedding(R(3), 5, 4),
    "embedding: dtype is 'int32', expected a float dtype": lambda: nn.embedding(3, 5, 4, dtype="int32"),
    "conv2d takes R(height, width, channels) and got R(28, 28) (wire 0)": lambda: nn.conv2d(R(28, 28), 3, 3),
    "conv1d takes R(length, channels) and got R(28) (wire 0)": lambda: nn.conv1d(28, 3, 3),
    "conv2d: 3 groups do not divide the 4 channels (R(8, 6, 4), wire 0)": lambda: nn.conv2d(IMAGE, 6, 3, groups=3),
    "conv2d: 4 groups do not divide the 6 features (R(8, 6, 4), wire 0)": lambda: nn.conv2d(IMAGE, 6, 3, groups=4),
    "conv2d: kernel is (3, 3, 3), expected one number or 2": lambda: nn.conv2d(IMAGE, 6, (3, 3, 3)),
    "conv2d: stride is 0, expected a whole number of at least 1": lambda: nn.conv2d(IMAGE, 6, 3, stride=0),
    'padding is \'FULL\', expected "SAME", "VALID", a number or 2': lambda: nn.conv2d(IMAGE, 6, 3, padding="FULL"),
    "padding is ((1, 1),), expected": lambda: nn.conv2d(IMAGE, 6, 3, padding=((1, 1),)),
    "conv2d: a kernel of 4 (dilated to 7) does not fit axis 1 of R(8, 6, 4) (wire 0), which has 6 entries": lambda: (
        nn.conv2d(IMAGE, 6, 4, padding="VALID", dilation=2)
    ),
    "max_pool: a kernel of 7 (dilated to 7) does not fit axis 1": lambda: nn.max_pool(IMAGE, 7),
    "avg_pool takes R(length, channels) and got R(3) (wire 0)": lambda: nn.avg_pool(3),
    "group_norm: 3 groups do not divide the 8 channels (R(5, 8), wire 0)": lambda: nn.group_norm(ROW, 3),
    "layer_norm: epsilon is -1, expected a number from 0 to 1": lambda: nn.layer_norm(3, epsilon=-1),
    "dropout: rate is 1.5, expected the share of entries to drop": lambda: nn.dropout(3, 1.5),
    "multi_head_attention: 3 heads do not divide the width 8 (R": lambda: nn.multi_head_attention(ROW, 3),
    "the context of multi_head_attention takes R(length, features) and got R(3) (wire 0)": lambda: (
        nn.multi_head_attention(ROW, 2, context=R(3))
    ),
    "have different dtypes": lambda: nn.multi_head_attention(ROW, 2, context=R(5, 8, dtype="float16")),
    "multi_head_attention: 3 heads do not divide the width 8": lambda: nn.transformer_block(ROW, 3),
    "residual: the layer takes R(3) and gives R(4)": lambda: nn.residual(nn.dense(3, 4)),
    "reshape: R(5, 8) (wire 0) has 40 entries, which do not fill the shape (3, -1)": lambda: nn.reshape(ROW, 3, -1),
    "sequential: argument 1 is 5, expected a layer such as nn.dense(3, 4)": lambda: nn.sequential(nn.relu(3), 5),
    "sequential: argument 2 is a function that gave None": lambda: nn.sequential(3, nn.relu, lambda t: None),
    "dense gives R(4) but dense takes R(5) (wire 0)": lambda: nn.sequential(nn.dense(3, 4), nn.dense(5, 6)),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_a_layer_cannot_take_is_refused_by_name(text):
    with pytest.raises(CompositionError) as caught:
        REFUSED[text]()
    assert isinstance(caught.value, ParalensError)
    assert text in str(caught.value)
