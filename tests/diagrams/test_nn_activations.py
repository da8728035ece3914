"""The activations are those of `jax.nn`, in value, derivative, dtype and options."""

import jax
import numpy as np
import pytest

from paralens import R, Z, nn, to_jax
from paralens.categories.errors import CompositionError
from paralens.diagrams.nn import activations


def draw(ty):
    """Random values of a wire, of both signs."""
    return 2.0 * jax.random.normal(jax.random.key(1), ty.wire.shape, ty.wire.dtype)


@pytest.mark.parametrize("name", activations.__all__)
def test_each_activation_is_that_of_jax_nn_in_value_and_derivative(name):
    ty = R(2, 4)
    layer, function = getattr(nn, name)(ty), getattr(jax.nn, name)
    x = draw(ty)
    y, pull = jax.vjp(jax.jit(lambda a: to_jax(layer)({}, a)), x)
    expected, expected_pull = jax.vjp(jax.jit(function), x)
    assert layer.cod == R(*y.shape)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(pull(y)[0], expected_pull(y)[0])


@pytest.mark.parametrize(
    "name, options",
    [("leaky_relu", {"negative_slope": 0.3}), ("gelu", {"approximate": False}), ("softmax", {"axis": 0})],
)
def test_activations_take_the_options_of_jax_nn(name, options):
    x = draw(R(2, 3))
    ours = jax.jit(to_jax(getattr(nn, name)(R(2, 3), **options)))({}, x)
    np.testing.assert_allclose(ours, getattr(jax.nn, name)(x, **options), rtol=1e-5)


@pytest.mark.parametrize("name", activations.__all__)
def test_each_activation_keeps_bfloat16(name):
    layer = getattr(nn, name)(R(2, 4, dtype="bfloat16"))
    assert layer.cod.wire.dtype == "bfloat16" and layer.cod.wire.shape in [(2, 4), (2, 2)]


def test_activations_that_jax_jits_are_the_box_that_jax_shows():
    assert nn.relu(3).arrow.op == "custom_jvp_call"
    assert nn.silu(3).arrow is nn.swish(3).arrow


def test_an_activation_refuses_options_and_types_that_it_cannot_take():
    with pytest.raises(CompositionError, match=r"^glu\(R\(3\)\) is refused by jax.nn.glu: .*divisible by 2"):
        nn.glu(3)
    with pytest.raises(CompositionError, match=r"^relu\(R\(3\), slope=2\) is refused by jax.nn.relu: "):
        nn.relu(3, slope=2)
    with pytest.raises(CompositionError, match=r"^relu takes R\(\.\.\.\) and got Z\(3\) \(wire 0\)"):
        nn.relu(Z(3))
