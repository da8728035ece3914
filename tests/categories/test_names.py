"""One naming of boxes and parameters: what is called as the box that reads it is so in every composite."""

import jax
import numpy as np
import pytest

from paralens import Box, R, diagram, nn, reverse, to_jax
from paralens.categories.param import numbered


def layer(name, n_in=2, n_out=2):
    return nn.dense(n_in, n_out).named(name)


def owners(model):
    """For each group of parameters the box that reads it, by name."""
    return [path.split("/")[0] for path in model.paths[::2]]


def test_a_name_that_somebody_gave_is_never_changed_nor_given_to_another():
    assert numbered(["l_100", "l_100", "l_1"]) == ["l_100", "l_100_1", "l_1"]
    assert numbered(["f", "f", "f_1", "f_1", "f"]) == ["f", "f_2", "f_1", "f_1_1", "f_3"]
    assert numbered(["w", "b"], taken=["w", "w_1"]) == ["w_2", "b"]
    assert numbered([]) == []


def test_boxes_and_parameters_with_digits_in_their_names_are_called_the_same():
    model = layer("l_100", 2, 3) >> layer("l_100", 3, 4) >> layer("l_1", 4, 5)
    assert model.arrow.graph.names() == owners(model) == ["l_100", "l_100_1", "l_1"]
    assert model.arrow.at("l_1").cod == R(5) and reverse(model, wrt=["l_1"]).cod == R(4, 5) @ R(5)
    params, x = model.init(0), np.array([1.0, -2.0], "float32")
    gradient = to_jax(reverse(model, wrt=["l_1/w"]))(params, x, np.ones(5, "float32"))
    expected = jax.grad(lambda p: to_jax(model)(p, x).sum())(params)["l_1"]["w"]
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_names_do_not_depend_on_how_a_model_was_put_together_nor_on_when_they_were_asked_for():
    parts = [layer(name) for name in ("l_1", "l", "l", "l_1", "l_2", "l")]
    left, right = parts[0], parts[-1]
    for part in parts[1:]:
        left = left >> part
        assert left.paths and owners(left) == left.arrow.graph.names()
    for part in reversed(parts[:-1]):
        right = part >> right
        assert right.paths
    middle = (parts[0] >> parts[1] >> parts[2]) >> (parts[3] >> (parts[4] >> parts[5]))
    assert left.paths == right.paths == middle.paths
    assert owners(left) == ["l_1", "l", "l_3", "l_1_1", "l_2", "l_4"]

    wide = (parts[0] @ parts[1]) @ parts[3]
    assert owners(wide) == wide.arrow.graph.names() == ["l_1", "l", "l_1_1"]


def test_a_box_without_parameters_takes_its_name_before_a_layer_of_that_name_does():
    plain = Box("f", R(2), R(2))
    model = plain >> layer("f") >> layer("g")
    assert model.arrow.graph.names() == ["f", "f_1", "g"] and owners(model) == ["f_1", "g"]

    @diagram(R(2), R(2))
    def drawn(x):
        return layer("g")(layer("f")(plain(x)))

    assert drawn.paths == model.paths and drawn == model


def test_a_frozen_tied_or_closed_part_of_a_model_goes_on_to_be_called_as_its_boxes():
    two = layer("f") >> layer("f")
    frozen = two.freeze({"f": {"w": np.eye(2), "b": np.zeros(2)}})
    assert (frozen >> layer("f")).paths == ("f_1/w", "f_1/b", "f_2/w", "f_2/b")
    assert (layer("f") >> frozen).paths == ("f/w", "f/b", "f_2/w", "f_2/b")
    assert (layer("f") >> two.tie("f", "f_1")).paths == ("f/w", "f/b", "f_1/w", "f_1/b")
    assert (layer("f") >> two.tie("f", "f_1", name="shared")).paths == ("f/w", "f/b", "shared/w", "shared/b")
    closed = layer("block") >> two.named("block")
    assert closed.paths[2:] == ("block_1/f/w", "block_1/f/b", "block_1/f_1/w", "block_1/f_1/b")
    assert closed.arrow.at("block_1/f_1").cod == R(2)


@pytest.mark.parametrize("first", ["f", "f_1"])
def test_names_of_groups_that_no_box_bears_are_numbered_around_the_others(first):
    shared = (layer("f") >> layer("f")).tie("f", "f_1", name=first)
    model = layer("f") >> layer("f") >> shared
    assert len(set(model.paths)) == 6 and model.paths[:4] == ("f/w", "f/b", "f_1/w", "f_1/b")
