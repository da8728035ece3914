"""Custom rules that look at which of their inputs move, or that give what their function does not say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.custom_derivatives import SymbolicZero

from paralens import R, Z, batch, forward, from_jax, load, reverse, save, simplify, source, to_jax
from paralens.categories.errors import DerivativeError, NoMeaningError

A = np.arange(3.0, dtype="float32")


def power_rule(primals, tangents):
    (x, n), (dx, dn) = primals, tangents
    dy = jnp.zeros_like(x)
    if not isinstance(dx, SymbolicZero):
        dy += dx * n * x ** (n - 1.0)
    if not isinstance(dn, SymbolicZero):
        dy += dn * jnp.log(x) * x**n  # not finite at zero
    return power(x, n), dy


@jax.custom_jvp
def power(x, n):
    return x**n


power.defjvp(power_rule, symbolic_zeros=True)


@jax.custom_vjp
def scaled(x, y):
    return x * y


def _scaled(x, y):
    if y.perturbed:
        raise ValueError("the scale may not move")
    return x.value * y.value, y.value


scaled.defvjp(_scaled, lambda y, c: (c * y, None), symbolic_zeros=True)
X, N = np.float32(0.0), np.float32(2.0)


def test_a_rule_with_symbolic_zeros_sees_which_inputs_move():
    d = from_jax(power, R(), R())
    assert float(to_jax(reverse(d, wrt=[0]))(X, N, 1.0)) == jax.grad(power)(X, N) == 0.0
    _, dy = to_jax(forward(d, wrt=[0]))(X, N, 1.0)
    assert dy == jax.jvp(lambda x: power(x, N), (X,), (np.float32(1.0),))[1] == 0.0
    assert np.isnan(to_jax(reverse(d))(X, N, 1.0)[1]) and np.isnan(jax.grad(power, 1)(X, N))
    _, dn = to_jax(reverse(d))(N, N, 1.0)
    np.testing.assert_allclose(dn, jax.grad(power, 1)(N, N), rtol=1e-6)


@pytest.mark.parametrize(
    "f", [scaled, lambda x, y: scaled(x, lax.stop_gradient(y) + 1.0), lambda x, y: scaled(x, jnp.sin(3.0))]
)
def test_a_rule_that_refuses_an_input_that_moves_is_asked_where_it_does_not(f):
    d = from_jax(f, R(), R())
    expected = jax.grad(f)(N, N)
    np.testing.assert_allclose(to_jax(reverse(d, wrt=[0]))(N, N, 1.0), expected, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(to_jax(d))(N, N), expected, rtol=1e-6)
    np.testing.assert_allclose(to_jax(forward(d, wrt=[0]))(N, N, 1.0)[1], expected, rtol=1e-6)
    back = simplify(reverse(d, wrt=[0]))
    np.testing.assert_allclose(to_jax(back)(N, N, 1.0), expected, rtol=1e-6)


def test_a_rule_that_refuses_says_so_with_the_path_of_the_box():
    with pytest.raises(
        DerivativeError, match=r"at scaled: the derivative rule of scaled .* ValueError: the scale may not"
    ):
        reverse(from_jax(scaled, R(), R()))


def test_second_derivatives_see_which_inputs_move():
    d = from_jax(power, R(), R())
    twice = to_jax(reverse(reverse(d, wrt=[0]), wrt=[0]))(N, N, 1.0, 1.0)
    np.testing.assert_allclose(twice, jax.grad(jax.grad(power))(N, N), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(jax.grad(to_jax(d)))(N, N), 2.0, rtol=1e-6)


def test_a_file_keeps_the_rules_that_were_asked_for(tmp_path):
    d = from_jax(power, R(), R())
    to_jax(reverse(d, wrt=[0]))
    save(d, tmp_path / "d.json")
    again = load(tmp_path / "d.json")
    assert again == d
    assert float(to_jax(reverse(again, wrt=[0]))(N, N, 1.0)) == 4.0
    with pytest.raises(NoMeaningError, match="was not kept in the file for the inputs that move here"):
        reverse(again, wrt=[1])


@jax.custom_vjp
def spread(x):
    return jnp.sin(x) * A


spread.defvjp(lambda x: (spread(x), x), lambda x, c: ((c * A).sum() * jnp.cos(x),))
PROGRAMS = {
    "scan": lambda x: lax.scan(lambda c, _: (spread(c).sum(), None), x, None, length=2)[0],
    "cond": lambda x: lax.cond(x > 0, lambda x: spread(x).sum(), lambda x: x, x),
    "fori_loop": lambda x: lax.fori_loop(0, 2, lambda i, x: spread(x).sum(), x),
    "jit": jax.jit(lambda x: spread(x).sum()),
    "scan of cond": lambda x: lax.scan(
        lambda c, _: (lax.cond(c > 0, lambda c: spread(c).sum(), jnp.sin, c), None), x, None, length=2
    )[0],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_rule_that_closes_over_an_array_is_differentiated_inside_a_program_under_vmap(name):
    f = jax.vmap(PROGRAMS[name])
    xs = np.array([0.5, -1.0, 2.0, 0.1], "float32")
    expected = jax.vjp(f, xs)[1](np.ones(4, "float32"))[0]
    np.testing.assert_allclose(to_jax(reverse(from_jax(f, R(4))))(xs, np.ones(4, "float32")), expected, rtol=1e-5)


def with_back(back, f=lambda x, y: x * y):
    g = jax.custom_vjp(f)
    g.defvjp(lambda x, y: (f(x, y), (x, y)), back)
    return g


def test_a_backward_rule_may_give_a_number_of_python():
    f = with_back(lambda r, c: (c * r[1], 0.0))
    assert [float(v) for v in to_jax(reverse(from_jax(f, R(), R())))(2.0, 3.0, 1.0)] == [3.0, 0.0]
    assert jax.grad(f, (0, 1))(2.0, 3.0) == (3.0, 0.0)
    f = with_back(lambda r, c: (c * r[1].astype(c.dtype), 0.0), lambda x, n: x * n.astype(x.dtype))
    assert float(to_jax(reverse(from_jax(f, R(), Z())))(2.0, 3, 1.0)) == 3.0


def test_a_cotangent_of_another_precision_is_cast_to_that_of_its_input():
    f = with_back(lambda r, c: ((c * r[1]).astype("float32"), c * r[0]))
    x = jnp.asarray(1.5, "bfloat16")
    d = from_jax(lambda x, y: f(x, y) + x, x, x)
    back = reverse(d)
    dx, dy = to_jax(back)(x, x, jnp.ones_like(x))
    assert (dx.dtype, dy.dtype) == ("bfloat16", "bfloat16") and (float(dx), float(dy)) == (2.5, 1.5)
    assert back.cod == R(dtype="bfloat16") @ R(dtype="bfloat16")


def test_a_cotangent_of_another_shape_is_refused():
    f = with_back(lambda r, c: (c.sum(), c * r[0]))
    with pytest.raises(
        DerivativeError, match=r"at f: the derivative rule of f : R\(3\) @ R\(3\) -> R\(3\) fails with ValueError"
    ):
        reverse(from_jax(f, R(3), R(3)).boxes[0].renamed("f"))


def test_a_tangent_of_another_precision_is_refused():
    f = jax.custom_jvp(lambda x: x * 2.0)
    f.defjvp(lambda p, t: (p[0] * 2.0, t[0].astype("float32")))
    with pytest.raises(
        DerivativeError, match=r"the derivative rule of .* fails with TypeError: Custom JVP rule must produce"
    ):
        forward(from_jax(f, R(dtype="bfloat16")))


def test_a_batch_and_a_checkpoint_see_which_inputs_move():
    zeros, ones = np.zeros(3, "float32"), np.ones(3, "float32")
    some = batch(from_jax(power, R(), R()), 3, data=1)
    np.testing.assert_array_equal(to_jax(reverse(some, wrt=[0]))(zeros, N, ones), zeros)
    kept = jax.checkpoint(lambda x, y: scaled(jnp.sin(x), y))
    back = to_jax(reverse(from_jax(jax.jit(kept), R(), R()), wrt=[0]))
    np.testing.assert_allclose(back(N, N, 1.0), jax.grad(kept)(N, N), rtol=1e-6)


def test_the_text_of_a_rule_that_looks_at_what_moves_says_so():
    assert "# its rule looks at which arguments move: this is the one where all do\n@jax.custom_jvp" in source(
        from_jax(power, R(), R())
    )
