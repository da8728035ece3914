"""Losses: values and derivatives agree with optax and with the table of the theory, and stay finite at large logits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from paralens import CompositionError, Diagram, R, Z, from_jax, to_jax
from paralens.diagrams import losses
from paralens.functors.derivatives.derivative import reverse

N = 4
VECTORS = arrays(np.float32, N, elements=st.floats(-8.0, 8.0, width=32))


def weights(t):
    return jax.nn.softmax(t)


def yes(t):
    return jax.nn.sigmoid(t)


# name -> our loss, optax's, how a vector becomes a label, and the derivative in the prediction
TABLE = {
    "squared_error": (losses.squared_error(N), lambda p, t: optax.l2_loss(p, t).sum(), None, lambda p, t: p - t),
    "mean_squared_error": (
        losses.mean_squared_error(N),
        lambda p, t: optax.squared_error(p, t).mean(),
        None,
        lambda p, t: 2 * (p - t) / N,
    ),
    "absolute_error": (
        losses.absolute_error(N),
        lambda p, t: jnp.abs(p - t).sum(),
        None,
        lambda p, t: jnp.sign(p - t),
    ),
    "huber": (
        losses.huber(N, delta=1.5),
        lambda p, t: optax.huber_loss(p, t, delta=1.5).sum(),
        None,
        lambda p, t: jnp.clip(p - t, -1.5, 1.5),
    ),
    "dot_product": (losses.dot_product(N), lambda p, t: (p * t).sum(), None, lambda p, t: t),
    "softmax_cross_entropy": (
        losses.softmax_cross_entropy(N),
        optax.softmax_cross_entropy,
        weights,
        lambda p, t: jax.nn.softmax(p) - t,
    ),
    "binary_cross_entropy": (
        losses.binary_cross_entropy(N),
        lambda p, t: optax.sigmoid_binary_cross_entropy(p, t).sum(),
        yes,
        lambda p, t: jax.nn.sigmoid(p) - t,
    ),
}
COMPILED = {
    name: (jax.jit(to_jax(ours)), jax.jit(to_jax(reverse(ours, wrt=[0])))) for name, (ours, *_) in TABLE.items()
}


@pytest.mark.parametrize("name", TABLE)
@given(VECTORS, VECTORS)
def test_losses_agree_with_optax_and_with_the_derivative_of_the_table(name, p, t):
    _, theirs, label, slope = TABLE[name]
    value, gradient = COMPILED[name]
    t = t if label is None else label(t)
    np.testing.assert_allclose(value(p, t), theirs(p, t), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(gradient(p, t, 1.0), slope(p, t), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_the_derivative_is_that_of_jax(name):
    ours, theirs, label, _ = TABLE[name]
    p, t = jax.random.normal(jax.random.key(0), (2, N))
    t = t if label is None else label(t)
    found = jax.jit(to_jax(reverse(ours)))(p, t, 1.0)
    for ct, expected in zip(found, jax.grad(theirs, argnums=(0, 1))(p, t), strict=True):
        np.testing.assert_allclose(ct, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_a_loss_is_one_box_with_a_definition_named_after_itself(name):
    ours = TABLE[name][0]
    (box,) = ours.boxes
    assert (box.name, box.op) == (name, "") and box.definition is not None
    assert (ours.dom, ours.cod) == (R(N) @ R(N), R())


def test_known_answers():
    p, t = jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0])
    assert float(to_jax(losses.squared_error(2))(p, t)) == 2.5
    assert float(to_jax(losses.mean_squared_error(2))(p, t)) == 2.5
    assert float(to_jax(losses.absolute_error(2))(p, t)) == 3.0
    assert float(to_jax(losses.huber(2))(p, t)) == 0.5 + 1.5
    assert float(to_jax(losses.dot_product(2))(p, t)) == 8.0
    even = to_jax(losses.softmax_cross_entropy(2))(jnp.zeros(2), jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(even, np.log(2), rtol=1e-6)
    half = to_jax(losses.binary_cross_entropy(R()))(jnp.float32(0), jnp.float32(1))
    np.testing.assert_allclose(half, np.log(2), rtol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 5)], ids=str)
def test_integer_labels_agree_with_optax_and_with_one_hot_probabilities(shape):
    p = 3 * jax.random.normal(jax.random.key(1), shape)
    t = jax.random.randint(jax.random.key(2), shape[:-1], 0, 5)
    ours, probable = losses.softmax_cross_entropy(R(*shape), labels="integer"), losses.softmax_cross_entropy(R(*shape))
    assert ours.dom == R(*shape) @ Z(*shape[:-1])
    value, gradient = jax.value_and_grad(lambda p: optax.softmax_cross_entropy_with_integer_labels(p, t).mean())(p)
    np.testing.assert_allclose(jax.jit(to_jax(ours))(p, t), value, rtol=1e-6)
    np.testing.assert_allclose(jax.jit(to_jax(reverse(ours)))(p, t, 1.0), gradient, rtol=1e-5, atol=1e-7)
    hot = jax.nn.one_hot(t, 5)
    np.testing.assert_allclose(jax.jit(to_jax(probable))(p, hot), value, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(to_jax(reverse(probable, wrt=[0])))(p, hot, 1.0), gradient, rtol=1e-5, atol=1e-7)


def test_cross_entropies_stay_finite_and_right_at_large_logits():
    p, t = jnp.array([1e4, -1e4, 0.0, 0.0]), jnp.array([0.0, 1.0, 0.0, 0.0])
    ours = losses.softmax_cross_entropy(N)
    assert float(to_jax(ours)(p, t)) == 2e4
    np.testing.assert_array_equal(to_jax(reverse(ours, wrt=[0]))(p, t, 1.0), [1.0, -1.0, 0.0, 0.0])
    both = losses.binary_cross_entropy(N)
    t = jnp.array([0.0, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(to_jax(both)(p, t), 1e4 + 2 * np.log(2), rtol=1e-6)
    np.testing.assert_array_equal(to_jax(reverse(both, wrt=[0]))(p, t, 1.0), [1.0, 0.0, 0.5, -0.5])
    # log(1 - s(20)) would be lost in float32, and with it the whole loss
    sure = to_jax(losses.binary_cross_entropy(R()))(jnp.float32(20.0), jnp.float32(1.0))
    np.testing.assert_allclose(sure, np.log1p(np.exp(-20.0)), rtol=1e-5)


def test_derivatives_at_kinks_are_the_middle_ones():
    zeros = jnp.zeros(N)
    np.testing.assert_array_equal(to_jax(reverse(losses.absolute_error(N), wrt=[0]))(zeros, zeros, 1.0), zeros)
    seam = to_jax(reverse(losses.huber(N), wrt=[0]))(zeros + 1.0, zeros, 1.0)
    np.testing.assert_array_equal(seam, zeros + 1.0)


def test_losses_of_half_precision_are_computed_in_float32():
    x = R(N, dtype="bfloat16")
    loss = losses.mean_squared_error(x)
    assert (loss.dom, loss.cod) == (x @ x, R())
    p, t = jnp.full(N, 300.0, "bfloat16"), jnp.zeros(N, "bfloat16")
    assert float(to_jax(loss)(p, t)) == 9e4
    assert to_jax(reverse(loss, wrt=[0]))(p, t, 1.0).dtype == "bfloat16"


def test_the_output_of_a_model_can_be_its_own_loss():
    model = from_jax(lambda x: jnp.sum(x**2), R(3))
    closed = model >> losses.itself()
    assert losses.itself().boxes[0].name == "itself" and losses.itself().dom == R()
    assert losses.itself().open("itself") == Diagram.id(R())
    np.testing.assert_array_equal(to_jax(reverse(closed))(jnp.ones(3), 1.0), [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.itself(R(3)), "itself takes one real number"),
        (lambda: losses.squared_error(Z(3)), "squared_error takes R"),
        (lambda: losses.squared_error(R(3) @ R(3)), "2 wires"),
        (lambda: losses.softmax_cross_entropy(R()), "classes"),
        (lambda: losses.softmax_cross_entropy(3, labels="one-hot"), '"probabilities" or "integer"'),
        (lambda: losses.huber(3, delta=0.0), "delta is 0.0"),
        (lambda: R(2) @ losses.squared_error(3) >> losses.dot_product(2), "takes"),
    ],
)
def test_a_loss_that_does_not_fit_says_why(make, words):
    with pytest.raises(CompositionError, match=words):
        make()
