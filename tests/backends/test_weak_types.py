"""Numbers whose dtype gives way to that of their partner come in, go out and are differentiated as in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, compile, forward, from_jax, load, nn, reverse, save, to_jax
from paralens.categories.para import Para

with jax.numpy_dtype_promotion("standard"):
    H = 1.0 / (jnp.arange(3) + 1.0)  # an array with a weak dtype
HALF = jnp.ones((), "bfloat16")


def kinds(tree):
    return [(str(x.dtype), bool(x.weak_type)) for x in map(jnp.asarray, jax.tree.leaves(tree))]


CASES = {
    "a weak array": (lambda s: H * s, (2.0,)),
    "a weak array and a strong number": (lambda s: H * s, (np.float32(2.0),)),
    "a weak array alone": (lambda x: x * H, (H,)),
    "a number": (lambda x: x * 2.0, (1.0,)),
    "a number in a call": (lambda x: jax.jit(jnp.tanh)(x), (1.0,)),
    "a custom rule": (jax.nn.relu, (1.0,)),
    "a number among arrays": (lambda x, y: x * y, (1.0, np.float32(2.0))),
    "a number among narrow arrays": (lambda x, y: (x * 2.0, x * y), (1.0, jnp.asarray(2.0, "bfloat16"))),
    "a power": (lambda x: x**3, (2.0,)),
    "a checkpoint": (jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))), (1.0,)),
}
LOOPS = {
    "a choice": (lambda x: jax.lax.cond(x > 0, jnp.sin, jnp.cos, x), (1.0,)),
    "a scan": (lambda x: jax.lax.scan(lambda c, h: (c * x, c * h), x, H), (1.0,)),
    "a while": (lambda x: jax.lax.while_loop(lambda c: c < 3.0, lambda c: c * 2.0, x), (1.0,)),
}


@pytest.mark.parametrize("name", [*CASES, *LOOPS])
def test_values_are_as_weak_as_in_jax(name):
    f, xs = (CASES | LOOPS)[name]
    d = from_jax(f, *xs)
    for functor in (to_jax, compile):
        assert kinds(functor(d)(*xs)) == kinds(f(*xs))
        strong = [jnp.asarray(x, jnp.asarray(x).dtype) for x in xs]
        with jax.numpy_dtype_promotion("standard"):
            expected = [(str(y.dtype), False) for y in to_jax(d)(*strong)] if "narrow" in name else kinds(f(*strong))
        assert kinds(functor(d)(*strong)) == expected
        np.testing.assert_allclose(jax.tree.leaves(functor(d)(*xs))[0], jax.tree.leaves(f(*xs))[0], rtol=1e-6)


@pytest.mark.parametrize("name", [*CASES, "a choice", "a scan"])
def test_cotangents_are_as_weak_as_their_inputs_and_tangents_as_their_values(name):
    f, xs = (CASES | LOOPS)[name]
    d = from_jax(f, *xs)
    ys, pull = jax.vjp(f, *xs)
    cts = jax.tree.map(lambda y: jax.lax.full_like(y, 1), ys)
    for functor in (to_jax, compile):
        assert kinds(functor(reverse(d))(*xs, *jax.tree.leaves(cts))) == kinds(pull(cts))
        dual = functor(forward(d))(*xs, *xs)
        assert kinds(dual) == kinds(jax.jvp(f, xs, xs))
    assert kinds(jax.vjp(to_jax(d), *xs)[1](tuple(cts) if isinstance(cts, tuple) else cts)) == kinds(pull(cts))


@jax.numpy_dtype_promotion("standard")
def halved(x):
    return (x * HALF).dtype


@pytest.mark.parametrize("functor", [to_jax, compile])
def test_a_number_that_comes_out_gives_way_to_a_narrow_one(functor):
    d = from_jax(lambda x: x * 2.0, 1.0)
    assert halved(functor(d)(1.0)) == "bfloat16"
    assert halved(functor(d)(np.float32(1.0))) == "float32"
    assert halved(functor(reverse(d))(1.0, 1.0)) == "bfloat16"
    assert halved(functor(reverse(d))(np.float32(1.0), 1.0)) == "float32"
    assert halved(functor(reverse(d, value=True))(np.float32(1.0), 1.0)[1]) == "float32"


def test_a_weak_array_is_kept_in_files(tmp_path):
    d = from_jax(lambda s: H * s, 1.0)
    save(d, tmp_path / "d.json")
    again = load(tmp_path / "d.json")
    assert again == d and kinds(to_jax(again)(2.0)) == [("float32", True)]
    np.testing.assert_array_equal(to_jax(again)(2.0), H * 2.0)


def test_a_weak_array_works_with_64_bits():
    with jax.enable_x64(True):
        h = jnp.full(3, 0.5)
        assert kinds(to_jax(from_jax(lambda s: h * s, 1.0))(2.0)) == [("float64", True)]
        np.testing.assert_array_equal(to_jax(from_jax(lambda s: H * s, R()))(np.float32(2.0)), H * np.float32(2.0))


def test_cotangents_of_a_model_are_those_of_its_inputs():
    model = from_jax(lambda p, x, y: p["w"] * x * y, 1.0, R(), params={"w": R()})
    assert isinstance(model, Para)
    one = np.float32(1.0)
    back = to_jax(reverse(model))({"w": one}, 1.0, one, one)
    assert [weak for _, weak in kinds(back)] == [True, False, False]
    there = compile(forward(model))({"w": one}, 1.0, one, one, one, one)
    assert [weak for _, weak in kinds(there)] == [False, False]
    assert not jnp.asarray(compile(nn.dense(3, 2))(nn.dense(3, 2).init(0), jnp.ones(3))).weak_type
