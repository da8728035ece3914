"""Which of two numbers the values of a function confirm: that of JAX, that of the diagram, or neither."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import C, R, Z
from paralens.functors.certificates.criteria.fault import DIAGRAM, JAX, NEITHER, right_of


@pytest.fixture(autouse=True)
def ordinary():
    with jax.numpy_dtype_promotion("standard"):
        yield


TWO = [*R(2).inside, *R().inside]
X, Y = np.array([0.5, 2.0], np.float32), np.float32(3.0)


def product(x, y):
    """x y, and the sum of squares of x."""
    return [x * y, (x * x).sum()]


def along(place, theirs, ours, g=product, dom=TWO):
    vs = [np.array([1.0, 10.0]), np.array(7.0)]
    ws = [np.array([1.0, -1.0]), np.array(2.0)]
    return right_of(g, dom, [X, Y][: len(dom)], vs[: len(dom)], ws, place, theirs, ours)


FORWARD = {  # the slopes along (1, 10), 7
    "the first entry": (("forward", 0, 0), 1 * 3 + 0.5 * 7),
    "the second entry": (("forward", 0, 1), 10 * 3 + 2 * 7),
    "the second output": (("forward", 1, 0), 2 * 0.5 * 1 + 2 * 2 * 10),
}
REVERSE = {  # the pairing with (1, -1), 2
    "an entry of an array": (("reverse", 0, 1), -3 + 2 * 2 * 2),
    "a number": (("reverse", 1, 0), 0.5 - 2),
}


@pytest.mark.parametrize("place, slope", [*FORWARD.values(), *REVERSE.values()], ids=[*FORWARD, *REVERSE])
def test_the_one_that_is_the_slope_is_right(place, slope):
    assert along(place, slope, slope + 1) == JAX
    assert along(place, slope - 1, slope) == DIAGRAM
    assert along(place, 2 * slope, slope + 9) == NEITHER


def test_a_small_gap_is_decided_in_double_precision():
    place, slope = FORWARD["the second entry"]
    assert along(place, slope, slope * (1 + 1e-6)) == JAX
    assert along(place, slope * (1 + 1e-6), slope) == DIAGRAM


def test_a_function_that_insists_on_its_own_format_is_run_in_it():
    def narrow(x):
        if x.dtype != "float32":
            raise TypeError("single precision only")
        return [x * x]

    assert along(("forward", 0, 1), 40.0, 20.0, narrow, TWO[:1]) == JAX


def test_where_the_values_have_no_slope_nothing_is_decided():
    assert along(("forward", 0, 0), 1.0, 0.0, lambda x: [jnp.full(2, jnp.nan) * x], TWO[:1]) == ""
    assert along(("forward", 0, 0), 1.0, -1.0, lambda x: [jnp.sqrt(jnp.abs(x - 0.5))], TWO[:1]) in ("", NEITHER)


def test_values_and_complex_numbers_are_not_decided():
    assert along(("value", 0, 0), 1.0, 0.0) == ""
    assert right_of(lambda z: [z * z], C().inside, [1j], [1j], [1j], ("forward", 0, 0), 1.0, 0.0) == ""


def test_a_function_that_fails_decides_nothing():
    def broken(x):
        raise ValueError("no")

    assert along(("forward", 0, 0), 1.0, 0.0, broken, TWO[:1]) == ""


def test_inputs_that_are_no_numbers_of_their_own_are_held():
    f = lambda n, x: [x * n]  # noqa: E731
    dom = [*Z().inside, *R().inside]
    assert right_of(f, dom, [4, 1.5], [np.array(1.0)], [np.array(1.0)], ("reverse", 0, 0), 4.0, 5.0) == JAX
