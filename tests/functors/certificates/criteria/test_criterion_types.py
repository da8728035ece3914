"""Rules whose tangents or cotangents are of another precision than their box."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.types import Misfit, misfit, typed
from paralens.functors.certificates.plots.subjects import Subject, claims_of, double


@pytest.fixture(autouse=True)
def ordinary():
    with jax.numpy_dtype_promotion("standard"), jax.enable_x64(True):
        yield


def backward(dtype):
    f = jax.custom_vjp(jnp.sin)
    f.defvjp(lambda x: (jnp.sin(x), x), lambda x, w: ((w * jnp.cos(x)).astype(dtype),))
    return from_jax(f, R(3))


def test_a_cotangent_of_half_precision_is_no_single_one():
    found = misfit(backward("float16"))
    assert (found.mode, found.place) == ("reverse", 0)
    assert (found.given.dtype, found.wanted.dtype) == ("float16", "float32")
    assert found.roundoffs == (2.0**-11, 2.0**-24)


def test_a_wider_cotangent_is_none_either():
    assert misfit(backward("float64")).roundoffs == (2.0**-53, 2.0**-24)


def test_rules_of_the_right_types_and_boxes_without_rules_fit():
    assert misfit(backward("float32")) is None
    assert misfit(from_jax(jnp.sin, R(3))) is None
    assert misfit(from_jax(lambda x: jnp.sin(jnp.cos(x)), R(3))) is None


def test_the_input_of_several_that_is_wrong_is_named():
    f = jax.custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, (x, y)), lambda xy, w: (w * xy[1], (w * xy[0]).astype("float16")))
    found = misfit(from_jax(f, R(), R()))
    assert found.place == 1 and "input 1" in str(found) and "which jax.grad does not take" in str(found)


def test_the_violation_has_both_roundoffs_and_is_infinitely_wrong():
    d = backward("float16")
    with double():
        subject = Subject(claims_of(d), [np.ones(3)])
        found = typed(d, subject, [np.ones(3)])
        assert typed(backward("float32"), subject, [np.ones(3)]) is None
    assert (found.criterion, found.mode) == ("type", "reverse")
    assert (found.claimed, found.actual, found.ratio) == (2.0**-11, 2.0**-24, np.inf)
    assert found.hint == str(misfit(d))


def test_the_number_of_the_wire_is_said_once():
    half, single = R(dtype="float16").inside[0], R().inside[0]
    assert "the tangent of output 7 is" in str(Misfit("forward", 7, half, single))
