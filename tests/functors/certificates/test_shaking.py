"""What rounding may do to a map: every box rounded in another way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, check, from_jax
from paralens.functors.certificates.plots.shaking import shaken
from paralens.functors.certificates.plots.subjects import Subject, claims_of, double


def spread(f, x, n=64):
    """How far the values of a function at n inputs beside x move when every box rounds in another way, and do not."""
    with double():
        subject = Subject(claims_of(from_jax(f, R(1, dtype="float64"))), [np.array([x])])
        points = [x * (1 + np.arange(n)[:, None] * 2.0**-52)]
        return [float(np.std(s.values(points))) for s in (shaken(subject), subject)]


def test_rounding_inside_of_what_contracts_is_seen():
    # the inputs' last digits are lost in the sum, those of the sum come out again
    moved, kept = spread(lambda x: (1.0 + 1e-8 * x) * 3.0 - 3.0, 0.3)
    assert kept < 1e-17 and 1e-16 < moved < 1e-14


def test_boxes_inside_of_others_round_too():
    inner = jax.jit(lambda x: (1.0 + 1e-8 * x) * 3.0)
    assert spread(lambda x: jax.jit(inner)(x) - 3.0, 0.3)[0] > 1e-16


def test_a_single_box_has_nothing_to_round():
    with double():
        assert shaken(Subject(claims_of(from_jax(jnp.sin, R(dtype="float64"))), [np.array(0.3)])) is None


def test_shaking_has_the_derivatives_of_the_map():
    f = lambda x, y: jnp.sin(x) * jnp.exp(y)  # noqa: E731
    with double():
        ty = R(3, dtype="float64")
        subject = Subject(claims_of(from_jax(f, ty, ty)), [np.zeros(3)] * 2)
        points = np.random.default_rng(0).normal(size=(4, 5, 3))
        one, other = (s.run(points[:2], points[2:], [np.ones((5, 3))]) for s in (subject, shaken(subject)))
    for field in ("F", "d", "left", "right"):
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_format_inside_that_is_coarser_than_that_of_the_ends_raises_no_alarm(dtype):
    def f(x):
        for k in range(6):
            x = jnp.sin(x.astype(dtype) + 0.1 * k).astype("float32") * 0.7
        return x - jnp.tanh(x)

    assert check(f, np.linspace(-0.9, 0.9, 4, dtype=np.float32), domain=[(-3, 3)]).ok
