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
