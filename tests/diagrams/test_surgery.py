"""Sub-models and surgery: what stands at a path, and putting another in its place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import Box, Diagram, Para, Param, R, compile, diagram, from_jax, nn, repeat, reverse, to_jax
from paralens.categories.errors import CompositionError, PathError

X = jnp.array([0.5, -1.0, 2.0])
MODEL = nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2)
BLOCK = (nn.dense(4, 4) >> nn.relu(4)).named("block")
DEEP = (nn.dense(3, 4) >> BLOCK >> (BLOCK >> BLOCK).named("twice") >> nn.dense(4, 2)).named("head") >> nn.tanh(2)
DEEP = DEEP.open("head")
PATHS = ["dense", "block", "block/dense", "block/relu", "twice", "twice/block_1", "twice/block_1/dense", "tanh"]


def test_a_sub_model_has_its_parameters_and_composes_as_a_layer():
    second = MODEL.at("dense_1")
    assert second == nn.dense(4, 2) and second.paths == ("dense/w", "dense/b") and isinstance(second.arrow, Box)
    assert (MODEL.at("dense") >> second.named("again")).paths[-2:] == ("again/w", "again/b")
    assert MODEL.at("relu") == Para.lift(nn.relu(4)) and MODEL.at("relu").n_params == 0
    params = MODEL.init(0)
    hidden = jax.nn.relu(X @ params["dense"]["w"] + params["dense"]["b"])
    np.testing.assert_allclose(
        compile(second)({"dense": params["dense_1"]}, hidden), compile(MODEL)(params, X), rtol=1e-6
    )
    inner = DEEP.at("twice/block_1/dense")
    assert inner == nn.dense(4, 4) and DEEP.at("twice/block_1").paths == ("block/dense/w", "block/dense/b")
    with pytest.raises(PathError, match="no box 'conv' in twice; there are block, block_1"):
        DEEP.at("twice/conv")


@pytest.mark.parametrize("path", PATHS)
def test_what_is_at_a_path_put_back_changes_nothing(path):
    model = Para(DEEP.arrow, [(tuple(p.split("/")[1:]), q) for p, (_, q) in zip(DEEP.paths, DEEP.entries, strict=True)])
    same = model.replace(path, model.at(path))
    assert same == model and same.entries == model.entries


@pytest.mark.parametrize("path, new, found", [
    ("block/dense", nn.dense(4, 4).named("f"), "block/f"),
    ("twice/block_1/relu", nn.gelu(4), "twice/block_1/gelu"),
    ("twice/block", nn.dense(4, 4) >> nn.tanh(4), "twice/block"),
    ("tanh", nn.dense(2, 5), "dense_2"),
])  # fmt: skip
def test_what_was_put_at_a_path_is_there(path, new, found):
    new = Para.lift(new)
    there = DEEP.replace(path, new).at(found)
    assert there == new or there.open(found.split("/")[-1]) == new
    assert [q for _, q in there.entries] == [q for _, q in new.entries]


def test_an_activation_and_a_head_are_exchanged_and_the_rest_keeps_its_names_and_weights():
    assert MODEL.replace("relu", nn.gelu(4)) == nn.dense(3, 4) >> nn.gelu(4) >> nn.dense(4, 2)
    wider = MODEL.replace("dense_1", nn.dense(4, 10).named("head"))
    assert wider.cod == R(10) and wider.paths == ("dense/w", "dense/b", "head/w", "head/b")
    assert wider == nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 10).named("head")
    middle = nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 4) >> nn.dense(4, 2)
    fewer = middle.replace("dense_1", nn.gelu(4))
    assert fewer.paths == ("dense/w", "dense/b", "dense_1/w", "dense_1/b")
    assert fewer.arrow.graph.names() == ["dense", "relu", "gelu", "dense_1"]
    assert fewer == nn.dense(3, 4) >> nn.relu(4) >> nn.gelu(4) >> nn.dense(4, 2)
    more = middle.replace("relu", nn.layer_norm(4))
    assert more.paths[2:4] == ("layer_norm/scale", "layer_norm/bias")
    assert more == nn.dense(3, 4) >> nn.layer_norm(4) >> nn.dense(4, 4) >> nn.dense(4, 2)


def test_surgery_inside_of_closed_boxes_moves_their_parameters_with_them():
    changed = (BLOCK >> BLOCK).replace("block_1/relu", nn.dense(4, 4))
    assert changed.paths == (
        "block/dense/w", "block/dense/b", "block_1/dense/w", "block_1/dense/b", "block_1/dense_1/w", "block_1/dense_1/b"
    )  # fmt: skip
    assert changed == BLOCK >> (nn.dense(4, 4) >> nn.dense(4, 4)).named("block")
    params = changed.init(0)
    plain = jax.nn.relu(jnp.ones(4) @ params["block"]["dense"]["w"])
    for name in ("dense", "dense_1"):
        plain = plain @ params["block_1"][name]["w"]
    np.testing.assert_allclose(to_jax(changed)(params, jnp.ones(4)), plain, rtol=1e-6)
    last = (BLOCK >> BLOCK).replace("block_1/relu", nn.dense(4, 9))
    assert last.cod == R(9)
    none = (BLOCK >> BLOCK).replace("block/dense", nn.tanh(4))
    assert none.paths == ("block_1/dense/w", "block_1/dense/b")
    gradient = to_jax(reverse(none, wrt=["block_1"]))(none.init(0), jnp.ones(4), jnp.ones(4))
    assert [g.shape for g in gradient] == [(4, 4), (4,)]


def test_weights_that_other_boxes_make_belong_to_the_sub_model():
    product = from_jax(lambda u, v: u @ v, R(4, 1), R(1, 2))
    low = MODEL.reparam(product, {"u": Param(R(4, 1), "ones"), "v": Param(R(1, 2), "ones")}, at="dense_1/w")
    found = low.at("dense_1")
    assert found.dom == R(4) and set(found.paths) == {"dense/b", "u", "v"}
    params = found.init(0)
    np.testing.assert_allclose(to_jax(found)(params, jnp.ones(4)), [4.0, 4.0])
    assert (
        low.replace("dense_1", nn.dense(4, 2)) == MODEL and low.replace("dense_1", nn.dense(4, 2)).paths == MODEL.paths
    )

    frozen = MODEL.freeze({"dense": {"w": np.ones((3, 4)), "b": np.zeros(4)}})
    assert frozen.at("dense").dom == R(3) and frozen.at("dense").n_params == 0
    np.testing.assert_allclose(to_jax(frozen.at("dense"))({}, X), np.full(4, 1.5))
    assert frozen.replace("dense", nn.dense(3, 4)) == MODEL

    tied = (nn.dense(4, 4) >> nn.dense(4, 4)).tie("dense", "dense_1")
    assert tied.at("dense_1").paths == ("dense/w", "dense/b")
    untied = tied.replace("dense_1", nn.dense(4, 4).named("g"))
    assert untied.paths == ("dense/w", "dense/b", "g/w", "g/b")


def test_surgery_on_a_diagram_without_parameters_reads_constants_or_leaves_them_out():
    d = from_jax(lambda x: jnp.sin(x * 2.0) + 1.0, R(3))
    assert d.replace("sin", from_jax(jnp.cos, R(3))) == from_jax(lambda x: jnp.cos(x * 2.0) + 1.0, R(3))
    assert d.replace("mul", from_jax(jnp.exp, R(3))) == from_jax(lambda x: jnp.sin(jnp.exp(x)) + 1.0, R(3))
    divide = from_jax(lambda x, c: x / c, R(3), R()).boxed("ratio")
    assert "ratio" in d.replace("mul", divide).graph.names()
    assert isinstance(d.replace("sin", nn.dense(3, 3)), Para)


def test_the_body_of_a_loop_keeps_its_type():
    model = repeat(nn.dense(4, 4) >> nn.relu(4), 5)
    inner = model.at("scan/body/dense")
    assert inner == nn.dense(4, 4) and inner.init(0)["dense"]["w"].shape == (4, 4)
    assert model.at("scan/body").paths == ("dense/w", "dense/b")
    swapped = model.replace("scan/body/relu", nn.tanh(4))
    assert swapped == repeat(nn.dense(4, 4) >> nn.tanh(4), 5) and swapped.paths == model.paths
    assert model.replace("scan", nn.relu(4)) == Para.lift(nn.relu(4))
    with pytest.raises(CompositionError, match="inside of scan keeps its type, parameters included"):
        model.replace("scan/body/relu", nn.dense(4, 4))
    with pytest.raises(PathError, match="scan/body is what is inside of scan, not a box"):
        model.replace("scan/body", nn.relu(4))


@pytest.mark.parametrize("path, new, text", [
    ("block_1/relu", nn.relu(9), r"relu : R\(9\) -> R\(9\) cannot take the place of block_1/relu : R\(4\) -> R\(4\)"),
    ("block/dense", nn.dense(4, 9), r"replace block/dense: dense gives R\(9\) but relu takes R\(4\) \(wire 0\)"),
    ("block", nn.dense(4, 9), r"cannot replace block: dense gives R\(9\) but block_1 takes R\(4\) \(wire 0\)"),
    ("block", Diagram.copy(R(4)), r"block : R\(4\) -> R\(4\) @ R\(4\) cannot take the place of block"),
    ("block/relu/relu", nn.relu(4), "block/relu is a relu box with its own derivative"),
    ("block/relu", nn.relu, "replace takes a diagram or a model: relu is a function"),
])  # fmt: skip
def test_what_does_not_fit_is_refused_with_path_and_types(path, new, text):
    with pytest.raises(CompositionError, match=text):
        (BLOCK >> BLOCK).replace(path, new)


def test_a_box_that_reads_one_wire_twice_keeps_its_places():
    @diagram(R(3), R(3))
    def squares(x):
        return Box("f", R(3) @ R(3), R(3))(x, nn.dense(3, 3)(x))

    assert squares.at("f").dom == R(3) @ R(3) and squares.at("dense") == nn.dense(3, 3)
    g = Box("g", R(3) @ R(3), R(3))
    assert squares.replace("f", g).at("g") == Para.lift(g)
    shared = Para(Box("h", R(3) @ R(3) @ R(3), R(3)), {"h": {"u": Param(R(3)), "v": Param(R(3))}}).tie("h/u", "h/v")
    assert shared.at("h").paths == ("h/u",) and shared.at("h") == shared
