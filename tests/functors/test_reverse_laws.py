"""Diagrams over the real numbers are a reverse derivative category: RD.1 to RD.7, on random diagrams and by numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import same
from strategies import instances, smooth_diagrams, smooth_types

from paralens import R, from_jax, nn, reverse
from paralens.categories.differential import FORWARD, REVERSE
from paralens.functors import Differential

SMOOTH = Differential(same=same)


@pytest.mark.parametrize("law", [*REVERSE, *FORWARD], ids=lambda law: law.name)
@settings(max_examples=5)
@given(data=st.data())
def test_random_diagrams_obey(law, data):
    assert law.holds(SMOOTH, *data.draw(instances(law, smooth_diagrams, smooth_types)))


@pytest.mark.parametrize("law", [*REVERSE, *FORWARD], ids=lambda law: law.name)
def test_layers_obey(law):
    """The variables f, g, ... are layers that can be composed: A, B and C are all R(4)."""
    layers = (nn.softmax(4).arrow, nn.gelu(4).arrow, from_jax(lambda x: x * x.max(), R(4)))
    values = iter(layers)
    assert law.holds(SMOOTH, *[next(values) if ">" in v else R(4) for v in law.variables])


@pytest.mark.parametrize(
    "law", [law for law in REVERSE if law.name.startswith(("RD.3", "RD.5"))], ids=lambda law: law.name
)
def test_the_functor_to_lenses_is_one_on_the_nose_with_all_boxes_open(law):
    layers = (nn.softmax(4).arrow, nn.gelu(4).arrow)
    values = iter(layers)
    left, right = law.sides(Differential(), *[next(values) if ">" in v else R(4) for v in law.variables])
    assert left.open(depth=9) == right.open(depth=9)


def test_the_gradient_of_a_tied_model_is_the_sum_of_the_untied_gradients():
    import numpy as np

    from paralens import to_jax

    untied = nn.dense(3, 3).named("one") >> nn.tanh(3) >> nn.dense(3, 3).named("two")
    tied = untied.tie("one", "two")
    w = {"w": np.eye(3, dtype="float32") + 0.1, "b": np.ones(3, "float32")}
    x, dy = np.arange(3, dtype="float32"), np.ones(3, "float32")
    _, w1, b1, w2, b2 = to_jax(reverse(untied))({"one": w, "two": w}, x, dy)
    _, dw, db = to_jax(reverse(tied))({"one": w}, x, dy)
    np.testing.assert_allclose(dw, w1 + w2, rtol=1e-6)
    np.testing.assert_allclose(db, b1 + b2, rtol=1e-6)


def test_a_hessian_vector_product_along_the_parameters_alone():
    import jax
    import numpy as np

    from paralens import forward, losses, to_jax

    model = nn.dense(3, 3) >> nn.tanh(3)
    objective = model @ R(3) >> losses.squared_error(3)
    params, x, t = model.init(0), np.arange(3, dtype="float32"), np.ones(3, "float32")
    along = jax.tree.map(lambda p: 0.5 * np.ones_like(p), params)
    product = forward(reverse(objective, wrt=objective.paths), wrt=objective.paths)
    found = to_jax(product)(params, x, t, 1.0, *objective.flat(along))[2:]
    run = to_jax(objective)
    expected = jax.jvp(jax.grad(lambda p: run(p, x, t)), (params,), (along,))[1]
    for y, z in zip(found, objective.flat(expected), strict=True):
        np.testing.assert_allclose(y, z, rtol=1e-4, atol=1e-5)
