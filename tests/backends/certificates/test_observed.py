"""What is seen of many outputs: signed sums, of which what stays is no part, however large it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, check, from_jax
from paralens.backends.certificates.plots.subjects import Subject, claims_of, double

MASK = np.random.default_rng(0).random((40, 40)) > 0.5
X = np.random.default_rng(1).normal(size=(40, 40)).astype("float32")
FILLS = (-2.38e38, -np.inf, -1e9)


@pytest.mark.parametrize("fill", FILLS)
def test_what_is_masked_is_right_however_large_the_filling(fill):
    assert check(lambda x: jnp.where(MASK, x, fill), X).verdict in ("correct", "proved")


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("factor, verdict", [(1.0, "correct"), (1 + 1e-3, "wrong")])
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_beside_a_large_filling_a_fault_is_found(mode, fill, factor, verdict):
    def value(x):
        return jnp.where(MASK, jnp.sin(x), fill)

    def slope(x, v):
        return jnp.where(MASK, v * jnp.cos(x) * factor, 0)

    if mode == "forward":
        f = jax.custom_jvp(value)
        f.defjvp(lambda x, v: (value(*x), slope(*x, *v)))
    else:
        f = jax.custom_vjp(value)
        f.defvjp(lambda x: (value(x), x), lambda x, ct: (slope(x, ct),))
    assert check(f, X).verdict == verdict


def test_the_size_of_a_sum_is_that_of_what_has_changed():
    with double():
        d = from_jax(lambda x: jnp.concatenate([x, jnp.full(1000, 1e30, x.dtype)]), R(1000, dtype="float64"))
        start = np.zeros(1000)
        subject = Subject(claims_of(d), [start])
        node = subject.run([np.ones((3, 1000))], [np.ones((3, 1000))], [np.ones((3, 2000))])
    samples = np.abs(node.F[0]) == node.size[0]
    sums = ~samples | (node.size[0] == 0)
    assert (np.abs(node.F[:, sums]) <= 8).all() and node.size[0][sums].max() <= np.sqrt(8)
