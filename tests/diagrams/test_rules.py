"""Derivative rules that users gave, in the corners where reading them can go wrong; each was a bug once."""

import functools

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import Box, Diagram, R, Z, compile, from_jax, to_jax
from paralens.categories.errors import InputError, PathError

X = jnp.arange(3.0, dtype="float32")


def with_vjp(f, slope):
    g = jax.custom_vjp(f)
    g.defvjp(lambda x: (f(x), x), lambda r, c: (c * slope(r),))
    return g


def test_functions_made_at_one_line_keep_their_own_rules():
    def make(c, inner):
        f = jax.custom_jvp(jnp.sin)
        f.defjvp(lambda p, t: (f(*p), c * inner(p[0]) * t[0]))
        return f

    f = make(2.0, make(3.0, jnp.cos))
    back = to_jax(from_jax(f, R()))
    for order in range(3):
        np.testing.assert_array_equal(back(1.0), f(1.0), err_msg=f"order {order}")
        f, back = jax.grad(f), jax.grad(back)


def test_a_rule_with_an_integer_array_inside_is_differentiated():
    f = jax.custom_jvp(lambda x: x[jnp.array([0, 2, 1])])
    f.defjvp(lambda p, t: (f(*p), t[0]))
    d = from_jax(f, R(3))
    np.testing.assert_array_equal(jax.grad(lambda x: to_jax(d)(x)[1])(X), jax.grad(lambda x: f(x)[1])(X))
    assert d == from_jax(f, R(3))


def test_a_rule_within_a_rule_that_closes_over_an_array_has_a_second_derivative():
    three = np.ones(3, np.float32)
    f = with_vjp(with_vjp(lambda x: x * three, jnp.sin), jnp.cos)
    back = to_jax(from_jax(f, R(3)))

    def second(g):
        return jax.jit(jax.grad(lambda y: jax.grad(lambda z: g(z).sum())(y).sum()))(X)

    np.testing.assert_array_equal(second(back), second(f))


def test_a_gradient_keeps_the_dtype_that_weak_types_give_it():
    f = jax.custom_vjp(lambda x, s: x * s)
    f.defvjp(lambda x, s: (x * s, (x, s)), lambda r, g: (g * r[1], jnp.sum(g * r[0]).astype("float32")))
    x = jnp.ones(3, "bfloat16")
    back = to_jax(from_jax(lambda x: f(x, 2.0).sum(), x))
    assert jax.grad(back)(x).dtype == "bfloat16"


def test_a_rule_that_refuses_to_be_traced_does_not_keep_diagrams_from_being_compared():
    def refuse(residual, cotangent):
        raise NotImplementedError("no derivative")

    f = jax.custom_vjp(jnp.sin)
    f.defvjp(lambda x: (jnp.sin(x), None), refuse)
    assert from_jax(f, R(3)) == from_jax(f, R(3))


def test_arrays_that_a_program_closes_over_are_its_own():
    a = np.ones(3, np.float32)
    d = from_jax(lambda x: x + a, R(3))
    before = hash(d)
    a[0] = 100.0
    np.testing.assert_array_equal(to_jax(d)(X), X + 1.0)
    assert hash(d) == before


def test_parameters_that_python_takes_for_equal_are_told_apart():
    p = jax.extend.core.Primitive("divided_by")
    p.def_impl(lambda x, c: x / np.float32(c if not isinstance(c, tuple) else c[0]))
    p.def_abstract_eval(lambda x, c: x)

    def divided(c):
        return from_jax(lambda x: p.bind(x, c=c), R(3))

    assert divided(0.0) != divided(-0.0) and divided((1,)) != divided((1.0,)) != divided((True,))
    np.testing.assert_array_equal(to_jax(divided(-0.0))(X + 1.0), np.full(3, -np.inf))


def test_callbacks_over_different_data_are_different():
    def call(a, x):
        return (x + a[1000]).astype(np.float32)

    one, two = np.arange(2000.0, dtype=np.float32), np.arange(2000.0, dtype=np.float32)
    two[1000] = -9.0

    def diagram(a):
        return from_jax(lambda x: jax.pure_callback(functools.partial(call, a), x, x), R(3))

    assert diagram(one) != diagram(two)


def test_equality_is_transitive_for_boxes_without_outputs():
    f, g, identity = Box("f", R(3), R()[:0]), Box("g", R(3), R()[:0]), Diagram.id(R(3))
    assert f == identity >> f == identity >> g == g and f == g


@pytest.mark.parametrize("functor", [to_jax, compile])
def test_numbers_are_taken_as_their_wires_say(functor):
    square = functor(from_jax(lambda x: x * x, R()))
    assert square(2) == 4.0 and square(2).dtype == "float32"
    with pytest.raises(InputError, match=r"wire 0 takes R\(\) and got the complex 2j"):
        square(2j)
    with pytest.raises(InputError, match=r"wire 0 takes Z\(\) and got the float 2.5"):
        functor(from_jax(lambda x: x * x, Z()))(2.5)


def test_what_comes_out_is_always_an_array_of_jax():
    first, second = to_jax(from_jax(lambda x: (x, 1.0), R(3)))(np.ones(3))
    assert isinstance(first, jax.Array) and isinstance(second, jax.Array) and first.dtype == "float32"
    assert Diagram.point(1.0).cod == R() and Diagram.point([1, 2]).cod == Z(2)


def test_boxes_inside_of_a_linear_solve_open():
    def solve(b):
        return jax.lax.custom_linear_solve(lambda v: jax.nn.relu(v) + v, b, lambda mv, b: b / 2)

    d = from_jax(solve, R(3))
    (path,) = [f"custom_linear_solve/{k}/relu" for k in d.at("custom_linear_solve").bodies if k.endswith("[0]")]
    assert d.open(path) != d
    with pytest.raises(PathError, match="is what is inside of custom_linear_solve, not a box"):
        d.open(path.removesuffix("/relu"))


def test_programs_run_where_jit_is_disabled():
    d = from_jax(lambda x: jax.lax.scan(lambda c, y: (c + y, c), 0.0, x)[1], R(3))
    with jax.disable_jit():
        np.testing.assert_array_equal(to_jax(d)(X), [0.0, 0.0, 1.0])
        np.testing.assert_array_equal(compile(d)(X), [0.0, 0.0, 1.0])


def test_hashing_a_rule_full_of_shared_programs_is_not_exponential():
    add, multiply = jax.jit(lambda a, b: a + b), jax.jit(lambda a, b: a * b)

    def deep(p, t):
        a, b = p[0], t[0]
        for _ in range(40):
            a, b = add(a, b), multiply(a, b)
        return jnp.sin(p[0]), b

    f = jax.custom_jvp(jnp.sin)
    f.defjvp(deep)
    assert from_jax(f, R()) == from_jax(f, R())


def test_discopys_normal_form_works():
    m = Box("m", R(2) @ R(2), R(2))
    d = Diagram.copy(R(2)) >> m
    assert d.normal_form() == d


def test_large_values_are_let_go_once_nothing_reads_them():
    from paralens import interpret

    alive, most = set(), [0]

    class Value:
        def __init__(self):
            alive.add(id(self))
            most[0] = max(most[0], len(alive))

        def __del__(self):
            alive.discard(id(self))

    step = Box("step", R(2), R(2))
    chain = step
    for _ in range(50):
        chain = chain >> step
    interpret(chain.graph, lambda box, v: (Value(),), [Value()])
    assert most[0] <= 3
