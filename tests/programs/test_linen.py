"""Programs of Flax linen: their modules are boxes, named as in the tree of their variables."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import compile, draw, from_jax, reverse, summary, to_jax
from paralens.categories.errors import PathError

linen = pytest.importorskip("flax.linen")
pytestmark = pytest.mark.long


class Block(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = x + linen.MultiHeadDotProductAttention(num_heads=2)(linen.LayerNorm()(x))
        return x + linen.Dense(8)(linen.gelu(linen.Dense(32)(linen.LayerNorm()(x))))


class GPT(linen.Module):
    @linen.compact
    def __call__(self, t):
        x = linen.Embed(11, 8)(t)
        for _ in range(3):
            x = Block()(x)
        return linen.Dense(11)(linen.LayerNorm()(x))


TOKENS = jnp.arange(5)
MODULE = GPT()
VARIABLES = MODULE.init(jax.random.key(0), TOKENS)
MODEL = from_jax(MODULE.apply, TOKENS, params=VARIABLES)
PARTS = ["Embed_0", "Block_0", "Block_1", "Block_2", "LayerNorm_0", "Dense_0"]


def size(tree):
    return sum(a.size for a in jax.tree.leaves(tree))


def test_the_modules_are_the_boxes_with_the_sizes_that_linen_lists():
    assert MODEL.arrow.graph.names() == PARTS
    rows = {row.path: row.parameters for row in summary(MODEL, depth=2).rows}
    for name in PARTS:
        assert rows[name] == size(VARIABLES["params"][name])
    listed = linen.tabulate(MODULE, jax.random.key(0), depth=2, console_kwargs={"width": 250})(TOKENS)
    for name, part in VARIABLES["params"]["Block_1"].items():
        assert f"Block_1/{name}" in listed and rows[f"Block_1/{name}"] == size(part)
    svg = draw(MODEL).svg
    assert all(f">{name}<" in svg for name in PARTS)


def test_paths_find_the_parts_with_their_parameters():
    inner = MODEL.at("Block_1/MultiHeadDotProductAttention_0")
    assert inner.n_params == 8 and "MultiHeadDotProductAttention_0/key/kernel" in inner.paths
    assert MODEL.arrow.at("Block_0").definition is MODEL.arrow.at("Block_2").definition


def test_parameters_are_named_by_their_module_as_boxes_are():
    assert MODEL.places("Block_1") == MODEL.places("params/Block_1")
    assert len(reverse(MODEL, wrt=["Dense_0"]).arrow.cod) == 2
    with pytest.raises(PathError, match="no parameter 'Dense_7'"):
        MODEL.places("Dense_7")


def test_values_costs_and_gradients_are_those_of_the_program():
    flat = from_jax(MODULE.apply, TOKENS, params=VARIABLES, scopes=False)
    assert MODEL.open(depth=4) == flat.open(depth=4)
    np.testing.assert_allclose(compile(MODEL)(VARIABLES, TOKENS), MODULE.apply(VARIABLES, TOKENS), rtol=1e-5, atol=1e-6)
    one = jnp.ones((5, 11))
    back = reverse(MODEL)
    assert compile(back).cost()["flops"] <= 1.005 * compile(reverse(flat)).cost()["flops"]
    expected = jax.grad(lambda v: MODULE.apply(v, TOKENS).sum())(VARIABLES)
    for g, e in zip(to_jax(back)(VARIABLES, TOKENS, one), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-4, atol=1e-5)
