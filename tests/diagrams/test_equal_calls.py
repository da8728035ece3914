"""Equal calls of a custom rule are one kind of box, traced once; what only looks equal is not.

To share too little costs time, to share too much is a wrong derivative in silence: near misses are compared with JAX.
"""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax, reverse, to_jax
from paralens.categories.errors import DerivativeError
from paralens.diagrams.tracing.sameness import changeable, program

X = jnp.float32(0.3)
traces = []


def weight(k):
    """A number that tells apart values that are equal to Python."""
    if isinstance(k, (tuple, list)):
        return 10.0 * weight(k[0])
    if isinstance(k, dict):
        return 20.0 * weight(k["k"])
    number = float(len(k)) if type(k) is str else float(k) + 1.0
    sign = math.copysign(1.0, k) if type(k) is float else 1.0
    return sign * number * {int: 2.0, bool: 3.0, float: 5.0, str: 7.0}.get(type(k), 11.0)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def by_vjp(k, x):
    return jnp.sin(x)


def _forward(k, x):
    traces.append(k)
    return jnp.sin(x), None


by_vjp.defvjp(_forward, lambda k, residual, c: (c * weight(k),))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def by_jvp(k, x):
    return jnp.sin(x)


@by_jvp.defjvp
def _(k, primals, tangents):
    traces.append(k)
    return by_jvp(k, primals[0]), weight(k) * tangents[0]


def kinds(function, *xs):
    """How often a rule was traced; the gradient is that of JAX."""
    want = jax.grad(function)(*xs)
    d = from_jax(function, *xs)
    traces.clear()
    np.testing.assert_allclose(to_jax(reverse(d, wrt=[0]))(*xs, jnp.float32(1)), want, rtol=1e-6)
    return len(traces)


SAME = [(1, 1, 1), ((1, "a"), (1, "a")), ([1], [1]), ({"k": 1}, {"k": 1}), (np.float32(2), np.float32(2)), ("ab", "ab")]
OTHER = [(1, 2), (1, True), (1, 1.0), (0.0, -0.0), ((1,), (1.0,)), ([1], [2]), ((1,), [1]), ({"k": 1}, {"k": True})]


@pytest.mark.parametrize("f", [by_vjp, by_jvp], ids=["custom_vjp", "custom_jvp"])
@pytest.mark.parametrize("static", SAME, ids=str)
def test_calls_with_equal_static_arguments_are_traced_once(f, static):
    assert kinds(lambda x: functools.reduce(lambda v, k: f(k, v), static, x), X) == 1


@pytest.mark.parametrize("f", [by_vjp, by_jvp], ids=["custom_vjp", "custom_jvp"])
@pytest.mark.parametrize("static", OTHER, ids=str)
def test_calls_with_other_static_arguments_keep_their_own_rules(f, static):
    assert kinds(lambda x: functools.reduce(lambda v, k: f(k, v), static, x), X) == len(static)


def test_sixty_calls_of_a_function_are_one_box():
    def deep(x):
        for _ in range(60):
            x = jax.nn.relu(x) + 1.0
        return x

    d = from_jax(deep, R(3))
    assert len({id(box) for box in d.boxes if box.name == "relu"}) == 1
    assert jax.grad(lambda x: to_jax(d)(x).sum())(jnp.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.0, 1.0]


def test_a_rule_that_calls_its_own_function_closes_on_itself():
    inner = from_jax(jax.nn.relu, R(3)).boxes[0].params["jvp"]
    (again,) = [box for box in inner.diagram.boxes if box.name == "relu"]
    assert again.params["jvp"] is inner


@pytest.mark.parametrize("f", [by_vjp, by_jvp], ids=["custom_vjp", "custom_jvp"])
def test_calls_under_equal_vmaps_are_one_kind(f):
    def batched(x):
        rows = jnp.stack([x, 2.0 * x])
        for _ in range(3):
            rows = jax.vmap(functools.partial(f, 2))(rows)
        return rows.sum()

    assert kinds(batched, X) == 1


def test_calls_under_other_vmaps_are_other_kinds():
    def f(x, y):
        return by_pair(x, y)

    @jax.custom_vjp
    def by_pair(x, y):
        return jnp.sin(x) * y

    by_pair.defvjp(lambda x, y: (jnp.sin(x) * y, (x, y)), lambda r, c: (2.0 * c * r[1], 3.0 * c * r[0]))

    def batched(x):
        a = jnp.stack([x, 2.0 * x])
        square = jnp.outer(a, a)
        both, left, right = jax.vmap(f), jax.vmap(f, (0, None)), jax.vmap(f, (None, 0))
        rows, columns = jax.vmap(both), jax.vmap(both, 1, 1)
        return (both(a, a) + left(a, x) + right(x, a)).sum() + (rows(square, square) * columns(square, square)).sum()

    kinds(batched, X)


def test_functions_that_close_over_other_values_keep_their_own_rules():
    def make(c):
        f = jax.custom_vjp(jnp.sin)
        f.defvjp(lambda x: (jnp.sin(x), None), lambda r, g: (g * c,))
        return f

    f, g, h = make(2.0), make(3.0), make(jnp.float32(5.0))
    kinds(lambda x: f(g(h(f(x)))), X)


def test_a_function_that_was_given_another_rule_in_between_has_both():
    f = jax.custom_jvp(jnp.sin)

    def twice(x):
        f.defjvps(lambda t, y, x: 2.0 * t)
        y = f(x)
        f.defjvps(lambda t, y, x: 3.0 * t)
        return f(y)

    kinds(twice, X)


def test_methods_of_other_objects_are_other_rules():
    class Scale:
        def __init__(self, k):
            self.k = k

        def forward(self, x):
            return jnp.sin(x), None

        def backward(self, residual, c):
            return (c * self.k,)

    def make(k):
        f = jax.custom_vjp(jnp.sin)
        f.defvjp(Scale(k).forward, Scale(k).backward)
        return f

    f, g = make(2.0), make(3.0)
    kinds(lambda x: f(g(f(x))), X)


@jax.tree_util.register_dataclass
@dataclasses.dataclass
class Node:
    value: jax.Array
    k: object = dataclasses.field(metadata={"static": True})


@pytest.mark.parametrize("static", [(1, True), (1, 1.0), (0.0, -0.0), (1, 2)], ids=str)
def test_trees_with_other_static_parts_are_other_arguments(static):
    f = jax.custom_vjp(lambda node: jnp.sin(node.value))
    f.defvjp(
        lambda node: (jnp.sin(node.value), node),
        lambda node, c: (Node(c * weight(node.k), node.k),),
    )
    kinds(lambda x: f(Node(f(Node(x, static[0])), static[1])), X)


def test_weak_types_make_other_rules():
    @jax.custom_vjp
    def f(x):
        return x * 1

    def backward(dtype, c):
        return (c * (2.0 if dtype else 3.0),)

    f.defvjp(lambda x: (x * 1, jax.typeof(x).weak_type), backward)

    def both(x):
        return f(x) + f(x.astype("bfloat16")).astype("float32") + f(jax.lax.full_like(x, 1.0)) * x

    kinds(both, X)
    weak, strong = from_jax(f, 1.0), from_jax(f, X)
    for d, want in ((weak, 2.0), (strong, 3.0)):
        assert to_jax(reverse(d))(X, jnp.float32(1)) == want


def test_a_rule_does_not_stand_for_one_that_differs_only_further_down():
    # sin -> its slope -> k times sin of k + 1, where the slopes of any k are the same programs at first sight
    @functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
    def f(k, x):
        return jnp.sin(x)

    @functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
    def slope(k, x):
        return jnp.cos(x)

    f.defjvp(lambda k, p, t: (f(k, p[0]), slope(k, p[0]) * t[0]))
    slope.defjvp(lambda k, p, t: (slope(k, p[0]), k * f(k + 1, p[0]) * t[0]))
    ours, theirs = to_jax(from_jax(functools.partial(f, 1), R())), functools.partial(f, 1)
    for order in range(5):
        np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-5, err_msg=f"order {order}")
        ours, theirs = jax.grad(ours), jax.grad(theirs)


def test_a_list_that_changes_before_the_rule_is_traced_is_refused():
    lists = [[1], [1]]
    d = from_jax(lambda x: by_vjp(lists[0], by_vjp(lists[1], x)), R())
    lists[0][0] = 4
    with pytest.raises(DerivativeError, match="two calls of by_vjp share its derivative rule, and a list or dict"):
        reverse(d)


def test_programs_are_equal_only_by_what_is_known_of_them():
    f = functools.partial(kinds, 1)
    assert program(f) == program(functools.partial(kinds, 1)) != program(functools.partial(kinds, True))
    assert program(lambda: 1) != program(lambda: 1) and program(object()) != program(object())
    assert program(np.float32(1)) != program(np.float64(1)) != program(1.0)
    assert changeable(program(("a", [1]))) and not changeable(program(("a", 1)))
