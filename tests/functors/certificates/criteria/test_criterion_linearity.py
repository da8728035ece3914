"""The transpose, linearity in tangents and cotangents, and precision: violations with both numbers known by hand."""

from contextlib import nullcontext
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.linearity import linear, precise, transposed
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.panels import Integral
from paralens.functors.certificates.plots.subjects import Subject, claims_of

A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
OFF = A.T + np.array([[0, 0, 0], [0, 1e-6, 0]])


pytestmark = pytest.mark.usefixtures("doubles")


def rng():
    return np.random.default_rng(0)


def panel(subject, a, b, **more):
    curve = Curve([np.asarray(a, float)], [np.asarray(b, float)], (), "line")
    return Integral(subject, rng()).panel(curve, 0.0, 1.0, **more)


def matrix(back=A.T, forward=lambda x, v: [jnp.asarray(A) @ x, jnp.asarray(A) @ v]):
    claims = claims_of(from_jax(lambda x: jnp.asarray(A) @ x, R(2, dtype="float64")))
    reverse = back if callable(back) else lambda x, w: [jnp.asarray(back) @ w]
    return Subject(replace(claims, forward=forward, reverse=reverse, d=None), [np.ones(2)])


def test_a_matrix_and_its_transpose_are_transposed():
    subject = matrix()
    found, worst = transposed(subject, [panel(subject, [0.0, 1.0], [1.0, 3.0])], rng())
    assert found is None and worst < 0.1


def test_a_transpose_that_is_off_in_one_entry_is_found_with_both_pairings():
    subject = matrix(OFF)
    found, _ = transposed(subject, [panel(subject, [0.0, 1.0], [1.0, 3.0])], rng())
    (v,), (w,) = found.vs, found.ws
    assert (found.criterion, found.mode) == ("transpose", "reverse")
    assert found.actual == pytest.approx(w @ A @ v, rel=1e-12)
    assert found.claimed == pytest.approx(OFF @ w @ v, rel=1e-12)
    assert found.claimed - found.actual == pytest.approx(1e-6 * v[1] * w[1], rel=1e-5)


def test_a_panel_that_was_run_for_slopes_alone_says_nothing_of_the_transpose():
    subject = matrix(OFF)
    assert transposed(subject, [panel(subject, [0.0, 1.0], [1.0, 3.0], slopes=True)], rng()) == (None, 0)


def test_an_accuracy_that_is_declared_covers_a_transpose_that_is_off():
    subject = matrix(OFF)
    subject.noise = 1e-6
    assert transposed(subject, [panel(subject, [0.0, 1.0], [1.0, 3.0])], rng())[0] is None


def test_the_rounding_of_sums_is_no_violation_of_the_transpose():
    b = np.random.default_rng(1).normal(size=(30, 30)) * 10.0 ** np.random.default_rng(2).uniform(-9, 9, (30, 30))
    d = from_jax(lambda x: jnp.sin(jnp.asarray(b) @ jnp.exp(x)), R(30, dtype="float64"))
    subject = Subject(claims_of(d), [np.zeros(30)])
    assert transposed(subject, [panel(subject, np.zeros(30), np.ones(30))], rng())[0] is None


def test_a_matrix_is_linear():
    assert linear(matrix(), [np.ones(2)], rng()) is None


def squared(x, v):
    return [jnp.asarray(A) @ x, jnp.asarray(A) @ v**2]


NOT_LINEAR = {
    "the square of a tangent": dict(forward=squared),
    "the absolute value of a tangent": dict(forward=lambda x, v: [jnp.asarray(A) @ x, jnp.asarray(A) @ jnp.abs(v)]),
    "a constant beside a tangent": dict(forward=lambda x, v: [jnp.asarray(A) @ x, jnp.asarray(A) @ v + 1e-3]),
    "a tangent that is cut": dict(forward=lambda x, v: [jnp.asarray(A) @ x, jnp.asarray(A) @ jnp.clip(v, -9, 9)]),
    "the square of a cotangent": dict(back=lambda x, w: [A.T @ w**2]),
    "a cotangent that is cut": dict(back=lambda x, w: [A.T @ jnp.clip(w, -9, 9)]),
}


@pytest.mark.parametrize("name", NOT_LINEAR)
def test_what_is_not_linear_is_found(name):
    found = linear(matrix(**NOT_LINEAR[name]), [np.ones(2)], rng())
    assert found.criterion == "linear" and found.mode == ("reverse" if "cotangent" in name else "forward")


def test_the_numbers_of_the_violation_are_those_at_its_tangent():
    found = linear(matrix(forward=squared), [np.ones(2)], rng())
    assert np.abs(A @ found.vs[0] ** 2 - found.claimed).min() <= 1e-9 * abs(found.claimed)
    assert found.claimed != pytest.approx(found.actual) and found.ratio > 1


def test_a_derivative_that_is_ill_conditioned_is_linear():
    d = from_jax(lambda x: jnp.sin(1e8 * x) - jnp.sin(1e8 * x + 1e-9), R(dtype="float64"))
    assert linear(Subject(claims_of(d), [np.array(0.3)]), [np.array(0.3)], rng()) is None


# -- precision ---------------------------------------------------------------------------------------


def precision(slope, a, b):
    """What is found of a rule for sin between a and b, in single precision against double."""

    def subject(dtype):
        f = jax.custom_jvp(jnp.sin)
        f.defjvp(lambda xs, vs: (jnp.sin(*xs), slope(*xs) * vs[0]))
        return Subject(claims_of(from_jax(f, R(dtype=dtype))), [np.asarray(a, dtype)])

    curve = Curve([np.array(a)], [np.array(b)], (), "line")
    times = np.linspace(0.02, 0.98, 9)
    return precise(subject("float32"), subject("float64"), curve, times, rng(), (None, None), nullcontext)


def test_a_rule_that_loses_nothing_is_precise():
    found, worst = precision(jnp.cos, 0.1, 1.0)
    assert found is None and worst < 0.1


def test_a_rule_that_cancels_in_its_own_format_is_not():
    found, _ = precision(lambda x: (jnp.cos(x) + (1e5 + x)) - (1e5 + x), 0.1, 1.0)
    assert (found.criterion, found.mode) == ("precision", "forward") and found.ratio > 1
    assert found.actual == pytest.approx(np.cos(found.x[0]) * found.vs[0], rel=1e-9)
    assert abs(found.claimed - found.actual) > np.sqrt(2.0**-24) * abs(found.actual)


def test_what_overflows_in_its_own_format_alone_is_not_precise():
    found, _ = precision(lambda x: jnp.cos(x) * jnp.cosh(100 * x) / jnp.sinh(100 * x), 0.95, 1.0)
    assert found is not None and not np.isfinite(found.claimed) and np.isfinite(found.actual)
