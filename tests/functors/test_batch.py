"""Batching is a functor: it adds an axis to data and none to parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import diagrams

from paralens import Key, Para, Param, R, Z, batch, from_jax, nn, to_jax
from paralens.categories.errors import CompositionError
from paralens.functors import batched

LINEAR = Para(from_jax(lambda x, w: x @ w, R(3), R(3, 2)).boxed("linear"), {"linear": {"w": Param(R(3, 2), "ones")}})


@given(d=diagrams(max_boxes=3))
@settings(max_examples=15)
def test_running_the_batch_is_running_each_example(d):
    b = batch(d, 2)
    assert (b.dom, b.cod) == (batched(d.dom, 2), batched(d.cod, 2))
    one = [jnp.linspace(0.0, 1.0, max(w.size, 1))[: w.size].reshape(w.shape).astype(w.dtype) for w in d.dom.inside]
    two = [jnp.zeros(w.shape, w.dtype) for w in d.dom.inside]
    got = jax.tree.leaves(to_jax(b)(*map(lambda x, y: jnp.stack([x, y]), one, two)))
    for i, values in enumerate((one, two)):
        for a, e in zip(got, jax.tree.leaves(to_jax(d)(*values)), strict=True):
            np.testing.assert_allclose(a[i], e, rtol=1e-5)


@given(d=diagrams(cod=R(2) @ R(3, 2), max_boxes=2), e=diagrams(dom=R(2) @ R(3, 2), max_boxes=2))
@settings(max_examples=10)
def test_the_batch_of_a_composite_is_the_composite_of_the_batches_in_meaning(d, e):
    values = [jnp.linspace(0.0, 1.0, 2 * max(w.size, 1))[: 2 * w.size].reshape(2, *w.shape) for w in d.dom.inside]
    values = [v.astype(w.dtype) for v, w in zip(values, d.dom.inside, strict=True)]
    left, right = to_jax(batch(d >> e, 2))(*values), to_jax(batch(d, 2) >> batch(e, 2))(*values)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_parameters_keep_their_type_and_boxes_their_names():
    model = LINEAR >> from_jax(jax.nn.relu, R(2))
    b = batch(model, 8)
    assert b.dom == R(8, 3) and b.weight == R(3, 2) and b.params == model.params
    assert b.arrow.graph.names() == ["linear", "relu"]
    x, params = jnp.arange(24.0).reshape(8, 3), model.init(0)
    np.testing.assert_allclose(to_jax(b)(params, x), jax.nn.relu(x @ params["linear"]["w"]))


def test_a_batched_dense_layer_is_one_matrix_product():
    b = batch(LINEAR, 8).arrow.open("linear")
    assert [box.op for box in b.boxes] == ["dot_general"]


def test_some_inputs_may_be_shared_and_keys_and_integers_batched():
    d = from_jax(lambda k, i, t: t[i] + jax.random.normal(k), Key(), Z(), R(5))
    b = batch(d, 4, data=2)
    assert b.dom == Key(4) @ Z(4) @ R(5) and b.cod == R(4)
    keys = jax.random.split(jax.random.key(0), 4)
    table, places = jnp.arange(5.0), jnp.array([4, 0, 1, 1])
    expected = jnp.stack([table[i] + jax.random.normal(k) for k, i in zip(keys, places, strict=True)])
    np.testing.assert_allclose(to_jax(b)(keys, places, table), expected, rtol=1e-6)
    shared = batch(from_jax(jnp.sin, R(3)), 2, data=0)
    assert shared.dom == R(3) and shared.cod == R(2, 3)


def test_a_key_may_be_shared_by_all_examples():
    shared = batch(nn.dropout(R(16), 0.5), 4, data=1)
    assert shared.dom == R(4, 16) @ Key() and shared.cod == R(4, 16)
    rows = to_jax(shared)({}, jnp.ones((4, 16)), jax.random.key(0))
    np.testing.assert_array_equal(rows[0], rows[3])
    with pytest.raises(CompositionError, match="cannot batch the first 3 of the 2 inputs"):
        batch(nn.dropout(R(16), 0.5), 4, data=3)


def test_a_kind_of_box_is_batched_once():
    model = nn.relu(3) >> nn.relu(3) >> nn.relu(3)
    assert len(batch(model, 4).arrow.graph.table) == 1


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_a_batch_has_a_positive_number_of_examples(n):
    with pytest.raises(CompositionError, match="a positive number of examples"):
        batch(LINEAR, n)
