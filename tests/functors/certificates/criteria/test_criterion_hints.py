"""What a wrong slope looks like: a factor, a sign, an input that was dropped."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.hints import hint_of
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.panels import Integral
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def hint(value, slope, *ends):
    """The hint of the first defect of a rule along the line between these ends, one pair for each input."""
    f = jax.custom_jvp(value)
    f.defjvp(lambda xs, vs: (value(*xs), slope(*xs, *vs)))
    starts, lasts = ([np.asarray(e[k], float) for e in ends] for k in (0, 1))
    d = from_jax(f, *[R(*a.shape, dtype="float64") for a in starts])
    subject = Subject(claims_of(d), starts)
    integral = Integral(subject, np.random.default_rng(0))
    integral.check(Curve(starts, lasts, (), "line"), 1)
    return hint_of(subject, integral, integral.found[0])


@pytest.mark.parametrize("factor", [2, 0.5, -3, 1.001])
def test_a_constant_factor_is_named(factor):
    found = hint(jnp.exp, lambda x, v: factor * jnp.exp(x) * v, (0.0, 1.0))
    assert found == f"looks like a constant factor {factor}"


def test_a_wrong_sign_is_one():
    assert hint(jnp.sin, lambda x, v: -jnp.cos(x) * v, (0.1, 1.0)) == "looks like a wrong sign"


def test_the_factor_of_one_entry_is_named_beside_others():
    wrong = np.array([1.0, 1.0, 3.0])
    found = hint(jnp.exp, lambda x, v: wrong * jnp.exp(x) * v, (np.zeros(3), np.array([0.5, 0.7, 1.0])))
    assert found == "looks like a constant factor 3"


def test_a_factor_along_one_line_that_is_none_along_another_is_not_named():
    # x and y move alike, so that the slope 2x + y is one and a half times x + y there
    f = lambda x, y: (x + y) ** 1  # noqa: E731
    found = hint(f, lambda x, y, v, w: 2 * v + w, (0.0, 1.0), (0.0, 1.0))
    assert found == ""


def test_a_slope_that_is_another_function_has_no_hint():
    assert hint(jnp.sin, lambda x, v: jnp.sin(x) * v, (0.1, 1.0)) == ""


def test_a_slope_of_zero_is_a_dependence_that_was_dropped():
    assert hint(jnp.exp, lambda x, v: 0 * v, (0.0, 1.0)) == "looks like a dropped dependence: the claimed slope is zero"


def test_the_inputs_that_were_dropped_are_named():
    f = lambda x, y, z: x * x + jnp.exp(y) + z**3  # noqa: E731
    ends = [(0.1, 1.0), (0.2, 1.0), (0.3, 1.0)]
    assert hint(f, lambda x, y, z, u, v, w: 2 * x * u + jnp.exp(y) * v, *ends).endswith("on input 2")
    assert hint(f, lambda x, y, z, u, v, w: jnp.exp(y) * v, *ends).endswith("on input 0, 2")


STILL = "the value does not change along the curve, though a slope is claimed"


def test_a_slope_of_what_does_not_change_is_one_too_many():
    assert hint(lambda x: 0 * x, lambda x, v: v, (0.0, 1.0)) == STILL


def test_a_slope_of_a_constant_is_one_too_many():
    assert hint(lambda x: 0 * x + 0.3, lambda x, v: v, (0.0, 1.0)) == STILL
