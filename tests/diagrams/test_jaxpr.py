"""JAX in and out: the equations, the values and the derivatives survive the trip."""

import pickle

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
import pytest
from functions import FUNCTIONS, RARE, W, X, cubed, equations, scaled

from paralens import Diagram, Key, R, Z, from_jax, to_jax
from paralens.categories.errors import EffectError, InputError, NoMeaningError
from paralens.diagrams.box import Box


@pytest.mark.parametrize("name", [*FUNCTIONS, *RARE])
def test_a_function_comes_back_with_its_own_equations_and_bits(name):
    f, *args = {**FUNCTIONS, **RARE}[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        d = from_jax(f, *args)
        back = to_jax(d)
        leaves = jax.tree.leaves(args)
        assert equations(jax.make_jaxpr(back)(*leaves)) == equations(jax.make_jaxpr(f)(*args))
        got, expected = jax.jit(back)(*leaves), jax.tree.leaves(jax.jit(f)(*args))
        got = [got] if len(expected) == 1 else list(got)
        for a, b in zip(got, expected, strict=True):
            assert a.dtype == b.dtype
            if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
                a, b = jax.random.key_data(a), jax.random.key_data(b)
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in ("pure callback", "solve")])
def test_tracing_again_gives_an_equal_diagram_and_pickling_keeps_it(name):
    f, *args = FUNCTIONS[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        d = from_jax(f, *args)
        assert d == from_jax(f, *args)
        again = pickle.loads(pickle.dumps(d))
        assert again == d and hash(again) == hash(d)
        assert equations(jax.make_jaxpr(to_jax(again))(*jax.tree.leaves(args))) == equations(
            jax.make_jaxpr(to_jax(d))(*jax.tree.leaves(args))
        )


def test_a_users_derivative_rule_is_honored_in_every_mode():
    back = to_jax(from_jax(lambda x, n: scaled(jnp.sin(x), n)[0], X, jnp.float32(3.0)))
    expected = jax.grad(lambda x: scaled(jnp.sin(x), 3.0)[0].sum())(X)
    np.testing.assert_array_equal(jax.grad(lambda x: back(x, jnp.float32(3.0)).sum())(X), expected)
    back = to_jax(from_jax(cubed, X, jnp.float32(3.0)))
    np.testing.assert_array_equal(jax.jvp(lambda x: back(x, jnp.float32(3.0)), (X,), (X,))[1], 7.0 * X)
    np.testing.assert_array_equal(jax.grad(lambda x: back(x, jnp.float32(3.0)).sum())(X), jnp.full(3, 7.0))


def test_values_that_a_rule_closes_over_get_no_cotangent_as_in_jax():
    f, x = RARE["ode"]
    back = to_jax(from_jax(f, x))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        np.testing.assert_array_equal(
            jax.jit(jax.grad(lambda x: back(x).sum()))(x), jax.jit(jax.grad(lambda x: f(x).sum()))(x)
        )

    def closing(x, c):
        f = jax.custom_vjp(lambda v: v * c)
        f.defvjp(lambda v: (v * c, None), lambda _, t: (7.0 * t,))
        return f(x).sum()

    d = from_jax(closing, X, jnp.float32(2.0))
    np.testing.assert_array_equal(to_jax(d)(X, jnp.float32(2.0)), closing(X, 2.0))
    with pytest.raises(EffectError, match="closes over a value that is being traced"):
        jax.grad(to_jax(d))(X, jnp.float32(2.0))  # JAX under jit refuses it too


def test_a_rule_that_leads_to_ever_new_rules_is_compared_and_pickled():
    def tower(n):
        f = jax.custom_jvp(lambda x: x * (n + 1.0))
        f.defjvps(lambda t, ans, x: t * tower(n + 1)(x))
        return f

    d = from_jax(tower(0), R())
    assert d == from_jax(tower(0), R()) != from_jax(tower(1), R())
    again = to_jax(pickle.loads(pickle.dumps(d)))
    derivative = jax.grad(jax.grad(jax.grad(again)))
    assert derivative(2.0) == jax.grad(jax.grad(jax.grad(tower(0))))(2.0)


def test_custom_rules_hold_at_second_order_and_under_vmap():
    relu = to_jax(from_jax(jax.nn.relu, R()))
    third = jax.grad(jax.grad(lambda x: relu(x) ** 3))
    expected = jax.grad(jax.grad(lambda x: jax.nn.relu(x) ** 3))
    np.testing.assert_array_equal(jax.vmap(third)(X), jax.vmap(expected)(X))


def test_two_functions_that_differ_only_in_their_rule_are_different():
    def make(slope):
        @jax.custom_jvp
        def f(x):
            return jnp.sin(x)

        f.defjvps(lambda t, ans, x: slope * t)
        return from_jax(f, X)

    assert make(1.0) == make(1.0)
    assert make(1.0) != make(2.0)


def test_nested_programs_are_boxes_that_open():
    d = from_jax(lambda x: jax.lax.scan(lambda c, y: (jax.nn.relu(c) + y, c), jnp.zeros(()), x), X)
    (scan,) = [b for b in d.boxes if b.op == "scan"]
    body = scan.bodies["body"]
    assert [b.name for b in body.boxes] == ["relu", "add"]
    (relu,) = [b for b in body.boxes if b.name == "relu"]
    assert relu.definition is not None and set(relu.rules) == {"jvp"}


def test_examples_may_be_types_shapes_or_arrays():
    by_type = from_jax(lambda x, i, k: (x * 2, i, jax.random.bits(k)), R(3), Z(2), Key())
    by_shape = from_jax(
        lambda x, i, k: (x * 2, i, jax.random.bits(k)),
        jax.ShapeDtypeStruct((3,), "float32"),
        jnp.zeros(2, "int32"),
        jax.random.key(0),
    )
    assert by_type == by_shape
    assert by_type.dom == R(3) @ Z(2) @ Key()


def test_arrays_that_a_function_closes_over_become_constants():
    d = from_jax(lambda x: x @ W, X)
    assert d.dom == R(3)
    assert [b.name for b in d.boxes if b.op == "constant"] == ["constant"]
    np.testing.assert_array_equal(to_jax(d)(X), X @ W)


@pytest.mark.parametrize(
    "effect, name",
    [
        (lambda x: jax.debug.print("{}", x), "debug_print"),
        (lambda x: jax.debug.callback(lambda v: None, x), "debug_callback"),
        (lambda x: jax.experimental.io_callback(lambda v: v, x, x), "io_callback"),
    ],
)
def test_effects_are_refused_by_name_also_inside_loops(effect, name):
    with pytest.raises(EffectError, match=name):
        from_jax(lambda x: (effect(x), x)[1], X)
    with pytest.raises(EffectError):
        from_jax(lambda x: jax.lax.scan(lambda c, y: (c, (effect(y), y)[1]), 0.0, x), X)


def test_mutation_is_refused():
    def mutate(x):
        ref = jax.new_ref(x)
        ref[...] = x + 1.0
        return ref[...]

    with pytest.raises(EffectError):
        from_jax(mutate, X)


def test_a_leaf_that_is_no_array_is_named():
    with pytest.raises(InputError, match=r"example 1\['name'\] is 'a'"):
        from_jax(lambda x, s: x, X, {"name": "a"})


@pytest.mark.parametrize(
    "f",
    [lambda x: x if x.sum() > 0 else -x, lambda x: float(x[0]), lambda x: np.sin(x), lambda x: range(x[0].astype(int))],
    ids=["if", "float", "numpy", "range"],
)
def test_where_python_needs_a_value_jaxs_error_says_what_to_write(f):
    with pytest.raises((TypeError, IndexError)) as caught:
        from_jax(f, R(3))
    assert "jax.lax.cond" in caught.value.__notes__[0]


def test_an_abstract_box_is_refused_by_name_on_the_way_to_jax():
    d = Box("mystery", R(3), R(3)) >> Diagram.id(R(3))
    with pytest.raises(NoMeaningError, match="'mystery' : R\\(3\\) -> R\\(3\\) is abstract"):
        to_jax(d)(X)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_empty_arrays_pass(shape):
    d = from_jax(lambda x: x.sum(0), jnp.zeros(shape))
    np.testing.assert_array_equal(to_jax(d)(jnp.zeros(shape)), jnp.zeros(shape).sum(0))
