"""The pointful builder: calls become wiring."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from strategies import diagrams

from paralens import Box, Diagram, Para, Param, R, Ty, diagram, from_jax, to_jax
from paralens.categories.errors import CompositionError

F, ADD = Box("f", R(3), R(3)), Box("add", R(3) @ R(3), R(3))
LINEAR = Para(from_jax(lambda x, w: x @ w, R(3), R(3, 3)).boxed("linear"), {"linear": {"w": Param(R(3, 3), "ones")}})


def test_using_a_wire_twice_copies_and_not_at_all_discards():
    @diagram(R(3) @ R(2), R(3) @ R(3))
    def d(x, unused):
        y = F(x)
        return ADD(x, y), y

    by_hand = Diagram.copy(R(3)) @ Diagram.discard(R(2)) >> R(3) @ (F >> Diagram.copy(R(3))) >> ADD @ R(3)
    assert d == by_hand


@given(d=diagrams())
def test_applying_a_diagram_to_its_own_inputs_gives_it_back(d):
    assert diagram(d.dom, d.cod)(lambda *xs: d(*xs) if xs else ()) == d if len(d.dom) else True


def test_arithmetic_on_wires_is_boxes():
    @diagram(R(3) @ R(3), R(3))
    def d(x, y):
        return -(x + y * x - y) / x

    x, y = jnp.arange(1.0, 4.0), jnp.ones(3)
    np.testing.assert_allclose(to_jax(d)(x, y), -(x + y * x - y) / x)


def test_numbers_matrices_and_any_jax_function_apply_to_wires():
    @diagram(R(2, 3) @ R(3, 2))
    def d(a, b):
        assert a.shape == (2, 3) and a.dtype == "float32" and a.ty == R(2, 3)
        c = 2.0 * (a @ b) ** 2 - 1.0
        return (1.0 - c / 4.0 + 1.0 / (3.0 + c)).apply(jnp.tanh), a.apply(lambda x, y: x[:, 0] + y[0], b)

    a, b = jnp.arange(6.0).reshape(2, 3), jnp.ones((3, 2))
    c = 2.0 * (a @ b) ** 2 - 1.0
    first, second = to_jax(d)(a, b)
    np.testing.assert_allclose(first, jnp.tanh(1.0 - c / 4.0 + 1.0 / (3.0 + c)), rtol=1e-6)
    np.testing.assert_allclose(second, a[:, 0] + b[0])


def test_layers_bring_their_parameters():
    @diagram(R(3), R(3))
    def model(x):
        y = LINEAR(x)
        return x + LINEAR(y)

    assert isinstance(model, Para)
    assert model.paths == ("linear/w", "linear_1/w")
    assert model == Para(
        Diagram.copy(R(3)) @ R(3, 3) @ R(3, 3)
        >> R(3) @ (LINEAR.arrow @ R(3, 3) >> LINEAR.arrow)
        >> from_jax(jnp.add, R(3), R(3)),
        model.entries,
    )
    w = jax.random.normal(jax.random.key(0), (3, 3))
    x = jnp.ones(3)
    np.testing.assert_allclose(
        to_jax(model)({"linear": {"w": w}, "linear_1": {"w": 2 * w}}, x), x + x @ w @ (2 * w), rtol=1e-6
    )


def test_tuples_of_wires_are_flattened_and_multiple_outputs_unpack():
    split = Box("split", R(3), R(3) @ R(3))

    @diagram(R(3))
    def d(x):
        a, b = split(x)
        return [ADD((b, a))]

    assert d == split >> Diagram.swap(R(3), R(3)) >> ADD


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda x: ADD(x), "add takes 2 wires R(3) @ R(3) and got 1"),
        (lambda x: Box("g", R(4), R(4))(x), "wire 0 is R(3) but g takes R(4)"),
        (lambda x: 3, "returned 3 as output 0"),
        (lambda x: F(jnp.ones(3)), "f was called on an array: diagrams are called on wires inside @diagram"),
        (lambda x: x + jnp.ones(3), "cannot add the wire R(3) and an array"),
        (lambda x: x[0], "write x.apply(lambda a: a[...]) to index R(3)"),
        (lambda x: jnp.tanh(x), "write x.apply(jnp.tanh)"),
        (lambda x: None, "returned nothing: return its output wires"),
        (lambda x: x + from_jax(jnp.sum, R(3))(x), "broadcasting is a box"),
        (lambda x: F(x) if x else x, "a wire has no truth value"),
        (lambda x: list(x), "cannot be unpacked"),
        (lambda x: (x, x), "was declared R(3) -> R(3) but returns R(3) @ R(3)"),
        (lambda x: F(), "f takes 1 wires R(3) and got 0"),
    ],
)
def test_mistakes_name_the_box_the_wire_and_the_types(function, text):
    with pytest.raises(CompositionError) as error:
        diagram(R(3), R(3))(function)
    assert text in str(error.value)


def test_boxes_without_inputs_are_called_without_wires():
    @diagram(R(3), R(3))
    def d(x):
        return x + Diagram.point(jnp.arange(3.0))()

    np.testing.assert_array_equal(to_jax(d)(jnp.ones(3)), [1.0, 2.0, 3.0])
    with pytest.raises(CompositionError, match="f was called without wires"):
        F()


def test_wires_live_in_one_diagram():
    kept = []

    @diagram(R(3), R(3))
    def first(x):
        kept.append(x)
        return x

    assert first == Diagram.id(R(3))
    with pytest.raises(CompositionError, match="wires live in one @diagram function"):
        F(kept[0])
    with pytest.raises(CompositionError, match="returned"):
        diagram(R(3), R(3))(lambda x: kept[0])


def test_nothing_in_and_nothing_out():
    assert diagram(Ty(), Ty())(lambda: ()) == Diagram.id()


def test_the_decorator_wants_types():
    with pytest.raises(CompositionError, match="@diagram takes types, such as"):

        @diagram
        def d(x):
            return x

    with pytest.raises(CompositionError, match="and got 8"):
        diagram(8)
