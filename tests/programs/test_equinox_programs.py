"""Primitives of Equinox, and primitives with programs, lists and numbers of numpy among their parameters."""

import jax
import jax.extend.core
import jax.numpy as jnp
import numpy as np
import pytest
from imported import agrees
from jax.interpreters import ad

from paralens import from_jax, load, reverse, save, to_jax

eqx = pytest.importorskip("equinox")
X = jnp.arange(3.0, dtype="float32")


@pytest.mark.long
def test_a_function_that_was_closed_is_called_with_its_own_arguments():
    def closed(a, y):
        f = eqx.filter_closure_convert(lambda z, k: jnp.sin(z * a) * k, y, 2.0)
        return f(y, 2.0).sum()

    agrees(closed, jnp.float32(0.5), X)


@pytest.mark.long
def test_a_loop_with_checkpoints_runs():
    def loop(x):
        def step(carry):
            i, y = carry
            return i + 1, y * 1.5

        return eqx.internal.while_loop(lambda c: c[0] < 4, step, (0, x), kind="checkpointed", max_steps=8)[1].sum()

    d = from_jax(loop, X)
    np.testing.assert_allclose(to_jax(d)(X), loop(X), rtol=1e-6)


def primitive_of(name, check):
    """x -> 2 x, which refuses parameters that are not what it was given."""
    p = jax.extend.core.Primitive(name)

    def run(x, **params):
        check(**params)
        return 2.0 * x

    p.def_impl(run)
    p.def_abstract_eval(lambda x, **params: (check(**params), x)[1])
    ad.primitive_jvps[p] = lambda primals, tangents, **params: (p.bind(*primals, **params), 2.0 * tangents[0])
    return p


def test_parameters_of_a_foreign_primitive_stay_the_objects_that_they_are():
    program = jax.make_jaxpr(jnp.sin)(1.0)

    def check(**params):
        assert params["program"] is program and params["many"][0] is program
        assert type(params["many"][1]) is np.float32 and type(params["number"]) is np.float32

    p = primitive_of("sealed_program", check)
    two = np.float32(2)
    d = from_jax(lambda x: p.bind(x, program=program, many=(program, two), number=two), X)
    np.testing.assert_array_equal(to_jax(d)(X), 2.0 * X)
    np.testing.assert_array_equal(to_jax(reverse(d))(X, X), 2.0 * X)


def test_numbers_of_a_foreign_primitive_are_saved_as_they_are(tmp_path):
    def check(**params):
        assert type(params["number"]) is np.float32 and type(params["many"][1][0]) is np.int8

    p = primitive_of("sealed_number", check)

    def diagram(n):
        return from_jax(lambda x: p.bind(x, number=np.float32(n), many=(3.0, (np.int8(2),))), X)

    d = diagram(1)
    save(d, tmp_path / "d.json")
    again = load(tmp_path / "d.json")
    assert again == d == diagram(1) != diagram(2)
    np.testing.assert_array_equal(to_jax(again)(X), 2.0 * X)
