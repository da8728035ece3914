"""What is seen of many outputs: signed sums, of which what stays is no part, however large it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, check, from_jax
from paralens.functors.certificates.plots.subjects import Subject, claims_of, double

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


L = np.linspace(0.1, 1, 600).astype("float32")


def spread(fill, part=0.3, n=513):
    return np.where(np.random.default_rng(1).random(n) < part, fill, 0).astype("float32")


@pytest.mark.parametrize("fill", [-np.inf, -3.4e38, -1e20, -1e17, -1e9])
def test_a_mask_that_is_added_is_right_whether_it_swallows_what_it_is_added_to_or_not(fill):
    assert check(lambda x: x + spread(fill), X.ravel()[:513]).verdict in ("correct", "proved")


def test_attention_is_right_under_every_mask():
    q, k, v = (np.random.default_rng(i).normal(size=(1, 24, 1, 4)).astype("float32") for i in range(3))
    found = check(lambda q, k, v: jax.nn.dot_product_attention(q, k, v, is_causal=True), q, k, v)
    assert found.verdict in ("correct", "proved", "intensional"), str(found)
    triangle = np.tri(24, dtype=bool)
    for fill in (-jnp.inf, np.float32(-2.38e38)):
        found = check(lambda x, fill=fill: jax.nn.softmax(jnp.where(triangle, x, fill)), X[:24, :24])
        assert found.verdict in ("correct", "intensional"), str(found)


def ruled(value, slope):
    f = jax.custom_jvp(value)
    f.defjvp(lambda x, v: (value(*x), slope(*x, *v)))
    return f


def test_faults_in_rows_of_opposite_signs_do_not_cancel():
    weights = np.array([1, 1.5, 0.5, 1], "float32")
    f = ruled(lambda x: jnp.sin(x)[:, None] * jnp.ones(4, "float32"), lambda x, v: (jnp.cos(x) * v)[:, None] * weights)
    assert check(f, X.ravel()[:256]).verdict == "wrong"


@pytest.mark.parametrize("factor", [-1, 1.001])
@pytest.mark.parametrize("fill", [-1e30, -1e15])
def test_a_fault_in_one_entry_is_found_beside_a_huge_constant(fill, factor):
    held, weights = np.arange(600) == 1, np.where(np.arange(600) == 2, factor, 1).astype("float32")
    f = ruled(
        lambda x: jnp.where(held, jnp.float32(fill), jnp.sin(x)),
        lambda x, v: jnp.where(held, 0, jnp.cos(x) * v * weights),
    )
    assert check(f, L).verdict == "wrong"


def test_a_fault_in_one_entry_is_found_beside_a_huge_one_that_moves():
    scale = np.where(np.arange(600) == 1, 1e12, 1).astype("float32")
    f = ruled(lambda x: jnp.sin(x) * scale, lambda x, v: (jnp.cos(x) * v * scale).at[2].multiply(-1))
    assert check(f, X.ravel()[:600]).verdict == "wrong"


def test_an_output_that_is_no_number_hides_no_fault_beside_it():
    one = jnp.array([1, jnp.nan, 1, 1])
    f = ruled(
        lambda x: jnp.sin(x)[:, None] * one,
        lambda x, v: (2 * jnp.cos(x) * v)[:, None] * jnp.array([0.5, 0, 1, 1]),
    )
    assert check(f, X.ravel()[:256]).verdict == "wrong"


def test_outputs_are_seen_by_size_where_slopes_are_pairings():
    held = np.arange(600) == 1

    def rule(factor):
        def value(x):
            return jnp.where(held, jnp.float32(-1e30), jnp.sin(x))

        f = jax.custom_vjp(value)
        f.defvjp(lambda x: (value(x), x), lambda x, ct: (jnp.where(held, 0, ct * jnp.cos(x) * factor),))
        return f

    assert check(rule(1.0), L, modes=("reverse",)).verdict == "correct"
    assert check(rule(1.01), L, modes=("reverse",)).verdict == "wrong"


def test_the_size_of_a_sum_is_that_of_what_has_changed():
    with double():
        d = from_jax(lambda x: jnp.concatenate([x, jnp.full(1024, 1e30, x.dtype)]), R(1024, dtype="float64"))
        start = np.ones(1024)
        subject = Subject(claims_of(d), [start])
        node = subject.run([2 * np.ones((3, 1024))], [np.ones((3, 1024))], [np.ones((3, 2048))])
    large, middle = node.size[0][256:512], node.size[0][512:768]
    assert not large.any() and not node.F[:, 256:512].any()
    assert middle.max() == pytest.approx(2 * np.sqrt(8)) and np.abs(node.F[:, 512:768]).max() <= 8
