"""The derivatives of layers, activations and losses are proved, at the smallest sizes that show everything."""

import pytest

from paralens import R, Z, losses, nn, reverse
from paralens.backends.sympy.proofs import prove
from paralens.diagrams.nn import activations

ACTIVATIONS = activations.__all__


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_of_every_activation_is_proved(name):
    found = prove(getattr(nn, name)(2))
    assert found, str(found)


LAYERS = {
    "dense": lambda: nn.dense(2, 2),
    "bias": lambda: nn.bias(2),
    "embedding": lambda: nn.embedding(Z(2), 3, 2),
    "position_embedding": lambda: nn.position_embedding(R(2, 2)),
    "layer_norm": lambda: nn.layer_norm(3),
    "rms_norm": lambda: nn.rms_norm(3),
    "group_norm": lambda: nn.group_norm(R(2, 4), 2),
    "conv1d": lambda: nn.conv1d(R(3, 1), 2, 2),
    "conv2d": lambda: nn.conv2d(R(2, 2, 1), 1, 2),
    "max_pool": lambda: nn.max_pool(R(4, 1)),
    "avg_pool": lambda: nn.avg_pool(R(4, 1)),
    "global_avg_pool": lambda: nn.global_avg_pool(R(3, 2)),
    "residual": lambda: nn.residual(nn.dense(2, 2) >> nn.tanh(2)),
    "perceptron": lambda: nn.dense(2, 2) >> nn.relu(2) >> nn.dense(2, 1),
    "attention": lambda: nn.multi_head_attention(R(2, 2), heads=1),
    "causal attention": lambda: nn.multi_head_attention(R(2, 2), heads=1, causal=True),
}


SLOW = ("attention", "causal attention")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in LAYERS])
def test_the_derivative_of_a_layer_is_proved(name):
    found = prove(LAYERS[name]())
    assert found, str(found)


LOSSES = {
    "squared_error": lambda: losses.squared_error(2),
    "mean_squared_error": lambda: losses.mean_squared_error(2),
    "absolute_error": lambda: losses.absolute_error(2),
    "huber": lambda: losses.huber(2),
    "softmax_cross_entropy": lambda: losses.softmax_cross_entropy(2),
    "softmax_cross_entropy of labels": lambda: losses.softmax_cross_entropy(3, "integer"),
    "binary_cross_entropy": lambda: losses.binary_cross_entropy(2),
    "dot_product": lambda: losses.dot_product(2),
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_derivative_of_a_loss_is_proved(name):
    found = prove(LOSSES[name]())
    assert found, str(found)


@pytest.mark.parametrize("name", ["tanh", "softplus", "silu"])
def test_the_second_derivative_of_an_activation_is_proved(name):
    assert prove(reverse(getattr(nn, name)(1).arrow))
