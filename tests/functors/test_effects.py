"""Callbacks, prints and randomness: a rewrite never runs them; prints are refused, kept or dropped as is asked for."""

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, compile, forward, from_jax, reverse, simplify, symbolic, to_jax
from paralens.categories.errors import EffectError, InputError

X = jnp.arange(3.0, dtype="float32")
SCALAR = jax.ShapeDtypeStruct((), jnp.float32)


def test_a_callback_on_constants_is_not_run_by_simplify():
    def never(_):
        raise RuntimeError("it was run")

    def f(x):
        risky = lambda: jax.pure_callback(never, SCALAR, jnp.float32(1))  # noqa: E731
        return jax.lax.cond(x > 1e9, risky, lambda: jnp.float32(2)) + x

    for d in (from_jax(f, R()), from_jax(lambda x: f(x) * 1.0, R())):
        assert to_jax(simplify(d))(1.0) == 3.0


def test_a_callback_on_whole_numbers_is_not_run_by_the_reading_of_formulas():
    ran = []

    def count(n):
        ran.append(n)
        return np.int32(n + 1)

    def f(x):
        return x * jax.pure_callback(count, jax.ShapeDtypeStruct((), jnp.int32), jnp.int32(1)).astype("float32")

    assert "pure_callback" in str(symbolic(from_jax(f, R()), "entries").expr)
    assert not ran


def test_a_primitive_of_another_library_is_not_run_by_simplify():
    p = jax.extend.core.Primitive("never_run")
    p.def_abstract_eval(lambda x: x)

    def never(x):
        raise RuntimeError("it was run")

    p.def_impl(never)
    d = from_jax(lambda x: x + p.bind(jnp.float32(1)), R())
    assert [box.name for box in simplify(d).boxes].count("never_run") == 1


def test_what_is_drawn_is_left_to_the_program():
    def f(x):
        key = jax.random.wrap_key_data(jnp.zeros(2, jnp.uint32))
        return x + jax.random.bits(key).astype("float32")

    d = from_jax(f, R())
    drawn = {"random_wrap", "random_bits"}
    assert drawn <= {box.op for box in simplify(d).boxes}
    assert to_jax(simplify(d))(1.0) == f(jnp.float32(1))


def noisy(x):
    jax.debug.print("x is {}", x.sum())

    def step(c, y):
        jax.debug.print("c is {}", c, ordered=False)
        return c + jnp.sin(y), c * y

    return jax.lax.scan(step, 0.0, x)[1].sum() + x[0]


def test_prints_are_refused_with_the_option_that_keeps_them():
    with pytest.raises(EffectError, match=r'the effect Debug.*say from_jax\(..., debug="keep"\) or debug="drop"'):
        from_jax(noisy, X)
    with pytest.raises(InputError, match='prints are "refuse", "keep" or "drop"'):
        from_jax(noisy, X, debug="print")
    with pytest.raises(EffectError, match="return the value as an output"):
        from_jax(lambda x: jax.experimental.io_callback(lambda v: v, x, x), X, debug="keep")


@pytest.mark.parametrize("debug, shown", [("keep", 4), ("drop", 0)])
def test_prints_are_kept_or_dropped(debug, shown, capsys):
    d = from_jax(noisy, X, debug=debug)

    def lines():
        jax.effects_barrier()
        return capsys.readouterr().out.count(" is ")

    for run in (to_jax(d), compile(d)):
        np.testing.assert_allclose(run(X), noisy_value(X), rtol=1e-6)
        assert lines() == shown
    one = jnp.float32(1)
    np.testing.assert_allclose(to_jax(reverse(d))(X, one), jax.grad(noisy_value)(X), rtol=1e-6)
    assert lines() == shown
    np.testing.assert_allclose(to_jax(forward(d))(X, X), jax.jvp(noisy_value, (X,), (X,)), rtol=1e-6)
    assert lines() == shown
    np.testing.assert_allclose(to_jax(simplify(d))(X), noisy_value(X), rtol=1e-6)


def noisy_value(x):
    return jax.lax.scan(lambda c, y: (c + jnp.sin(y), c * y), 0.0, x)[1].sum() + x[0]


def test_prints_inside_of_custom_rules_are_kept(capsys):
    @jax.custom_vjp
    def f(x):
        return jnp.sin(x)

    def ahead(x):
        jax.debug.print("ahead is {}", x)
        return jnp.sin(x), x

    f.defvjp(ahead, lambda x, c: (2.0 * c * x,))
    d = from_jax(f, R(), debug="keep")
    assert to_jax(reverse(d))(3.0, 1.0) == 6.0
    jax.effects_barrier()
    assert "ahead is 3.0" in capsys.readouterr().out
