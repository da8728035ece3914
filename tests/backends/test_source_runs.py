"""Every function of the shared list, and its reverse, runs as text and gives what the diagram means."""

import ast
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import QUICK
from functions import FUNCTIONS, RARE
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from paralens import R, from_jax, reverse, to_jax
from paralens.backends.python import source
from paralens.categories.errors import DerivativeError, NoMeaningError

EVERY = {**FUNCTIONS, **RARE}
# These hold functions, meshes or kernels, which have no text.
WITHOUT = {"pure callback", "shard_map", "sharding constraint", "pallas", "linear call"}


def plain(x):
    """An array that can be compared: of keys their words."""
    x = jnp.asarray(x)
    return np.asarray(jax.random.key_data(x) if str(x.dtype).startswith("key<") else x)


def agrees(d, values):
    text = source(d)
    ast.parse(text)
    assert all(len(line) <= 120 for line in text.splitlines()), max(text.splitlines(), key=len)
    programs = [jax.jit(f, compiler_options=QUICK) for f in (text.function(), to_jax(d))]
    got, expected = (jax.tree.leaves(f(*values)) for f in programs)
    for a, e in zip(got, expected, strict=True):
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        a, e = plain(a).astype(complex), plain(e).astype(complex)
        size = max(1.0, float(np.abs(e[np.isfinite(e)]).max(initial=0.0)))
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-5 * size)


@pytest.mark.parametrize("name", EVERY)
def test_every_function_and_its_reverse_run_as_text(name):
    f, *examples = EVERY[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        d = from_jax(f, *examples)
    values = [jnp.asarray(x) for x in jax.tree.leaves(examples)]
    try:
        agrees(d, values)
        back = reverse(d)
        rng = np.random.default_rng(0)
        cotangents = [rng.standard_normal(w.shape).astype(w.dtype) for w in back.dom.inside[len(values) :]]
        agrees(back, [*values, *map(jnp.asarray, cotangents)])
        assert name not in WITHOUT
    except NoMeaningError as refusal:
        # JAX 0.12 has primitives that hold others
        assert name in WITHOUT or "call_hi_primitive" in str(refusal)
    except DerivativeError:
        assert name in ("while", "pure callback", "pallas", "linear call")


# -- random programs about shapes: what numpy broadcasts, and what comes back from a sum ---------


def inserted(rng, x):
    """The array with an axis more."""
    at = rng.randrange(x.ndim + 1)
    shape = [*x.shape[:at], rng.choice([1, 1, 2]), *x.shape[at:]]
    return lax.broadcast_in_dim(x, shape, [i for i in range(x.ndim + 1) if i != at])


def widened(rng, x):
    return lax.broadcast_in_dim(x, [rng.choice([1, 2, 3]) if n == 1 else n for n in x.shape], range(x.ndim))


def reduced(rng, x):
    axes = sorted(rng.sample(range(x.ndim), rng.randrange(x.ndim + 1)))
    return rng.choice([lax.reduce_sum, lax.reduce_max])(x, axes)


def squeezed(rng, x):
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    return lax.squeeze(x, rng.sample(ones, rng.randrange(len(ones) + 1)))


def sliced(rng, x):
    starts = [rng.randrange(n) for n in x.shape]
    return lax.slice(x, starts, [rng.randrange(s, n) + 1 for s, n in zip(starts, x.shape, strict=True)])


def mapped(rng, x):
    return rng.choice([jnp.sin, lax.neg, lambda v: 1.0 - v, lambda v: v**2, lambda v: jnp.where(v > 0, v, 0.0)])(x)


MOVES = (
    inserted,
    widened,
    reduced,
    squeezed,
    sliced,
    mapped,
    lambda rng, x: lax.transpose(x, rng.sample(range(x.ndim), x.ndim)),
    lambda rng, x: lax.reshape(x, rng.choice([(x.size,), (x.size, 1), (1, x.size)])),
    lambda rng, x: jnp.full(x.shape, rng.choice([0.0, 1.0, -2.5])),
)


def program(seed):
    """A random program of moves, with products and sums of arrays whose shapes fit."""

    def f(*xs):
        rng, values = random.Random(seed), list(xs)
        for _ in range(rng.randrange(4, 14)):
            x, y = rng.choice(values[-5:]), rng.choice(values)
            shared = [(i, j) for i, n in enumerate(x.shape) for j, m in enumerate(y.shape) if n == m]
            if rng.random() < 0.2 and shared and x.ndim + y.ndim < 7:
                (i, j), *_ = rng.sample(shared, 1)
                values.append(lax.dot_general(x, y, (((i,), (j,)), ((), ()))))
            elif rng.random() < 0.3 and x.shape == y.shape:
                values.append(rng.choice([lax.add, lax.sub, lax.mul])(x, y))
            else:
                values.append(rng.choice(MOVES)(rng, x))
        return values[-1], rng.choice(values)

    return f


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25)
def test_programs_about_shapes_run_as_text(seed):
    shapes = R(2, 3), R(3), R(1, 3), R(2, 1)
    d = from_jax(program(seed), *shapes)
    d = reverse(d) if seed % 2 else d
    rng = np.random.default_rng(seed)
    agrees(d, [jnp.asarray(rng.standard_normal(w.shape), w.dtype) for w in d.dom.inside])


def test_a_convolution_whose_axes_are_in_any_order_says_which_is_which():
    numbers = lax.ConvDimensionNumbers((0, 1, 2, 3), (1, 2, 3, 0), (3, 0, 2, 1))

    def f(x, kernel):
        return lax.conv_general_dilated(x, kernel, (2, 1), ((1, 0), (0, 2)), dimension_numbers=numbers)

    for order in (numbers, numbers._replace(rhs_spec=(1, 2, 0, 3)), numbers._replace(lhs_spec=(0, 1, 3, 2))):
        numbers = order
        shape = [0] * 4
        for place, n in zip(order.rhs_spec, (4, 3, 2, 3), strict=True):
            shape[place] = n
        d = from_jax(f, R(2, 3, 6, 5), R(*shape))
        rng = np.random.default_rng(0)
        agrees(d, [jnp.asarray(rng.standard_normal(w.shape), "float32") for w in d.dom.inside])
