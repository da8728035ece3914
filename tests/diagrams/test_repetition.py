"""`repeat` is the composite of a block with itself, at a price that does not grow with the number of times."""

import jax
import numpy as np
import pytest
from numerics import arguments

from paralens import CompositionError, Diagram, R, load, nn, repeat, reverse, save, to_jax
from paralens.diagrams.tracing.emit import callable_of


def block():
    return nn.dense(4, 4) >> nn.tanh(4)


def unrolled(n):
    """The composite, and its parameters from stacked ones."""
    whole = Diagram.id(R(4))
    for _ in range(n):
        whole = whole >> block()

    def unstack(params):
        names = ["dense", *[f"dense_{k}" for k in range(1, n)]]
        return {name: {k: v[i] for k, v in params["dense"].items()} for i, name in enumerate(names)}

    return whole, unstack


@pytest.mark.parametrize("n", [1, 2, 5])
def test_it_equals_the_unrolled_composite_with_its_derivative(n):
    many, (whole, unstack) = repeat(block(), n), unrolled(n)
    params = many.init(0)
    x, dy = arguments(R(4) @ R(4))
    np.testing.assert_allclose(to_jax(many)(params, x), to_jax(whole)(unstack(params), x), rtol=1e-6)
    dx, dw, db = to_jax(reverse(many))(params, x, dy)
    expected = to_jax(reverse(whole))(unstack(params), x, dy)
    np.testing.assert_allclose(dx, expected[0], rtol=1e-5)
    np.testing.assert_allclose(dw, np.stack(expected[1::2]), rtol=1e-5)
    np.testing.assert_allclose(db, np.stack(expected[2::2]), rtol=1e-5)


def test_zero_times_is_the_identity():
    none = repeat(block(), 0)
    x = arguments(R(4))[0]
    np.testing.assert_array_equal(
        to_jax(none)(none.nest([np.zeros(w.shape, "float32") for w in none.weight.inside]), x), x
    )


def test_its_size_and_that_of_its_derivative_do_not_grow():
    small, large = repeat(block(), 3), repeat(block(), 3000)
    assert len(small.graph) == len(large.graph) == 1
    assert len(reverse(small).graph) == len(reverse(large).graph)
    jaxpr = jax.make_jaxpr(callable_of(reverse(large).arrow))(
        *[np.zeros(w.shape, w.dtype) for w in reverse(large).arrow.dom.inside]
    )
    assert len(jaxpr.eqns) < 8


def test_every_repetition_begins_on_its_own():
    w = repeat(block(), 3).init(0)["dense"]["w"]
    assert w.shape == (3, 4, 4)
    assert not np.allclose(w[0], w[1]) and not np.allclose(w[1], w[2])


def test_repetitions_nest():
    twice = repeat(repeat(block(), 3), 2)
    assert twice.params["dense"]["w"].ty == R(2, 3, 4, 4)
    assert to_jax(twice)(twice.init(0), arguments(R(4))[0]).shape == (4,)


def test_it_is_saved_with_its_initializers(tmp_path):
    many = repeat(block(), 3)
    save(many, tmp_path / "many.json")
    back = load(tmp_path / "many.json")
    assert back == many
    jax.tree.map(np.testing.assert_array_equal, back.init(1), many.init(1))


def test_a_block_that_gives_something_else_is_refused():
    with pytest.raises(CompositionError, match=r"takes R\(4\) and gives R\(3\)"):
        repeat(nn.dense(4, 3), 2)


@pytest.mark.parametrize("n", [-1, 2.5, True])
def test_a_number_of_times_that_is_none_is_refused(n):
    with pytest.raises(CompositionError, match="number of times"):
        repeat(block(), n)
