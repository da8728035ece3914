"""Slopes at points of a manifold along admissible tangents, extrapolated from values beside it."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.tangents import admissible, along_tangents, ridders
from paralens.functors.certificates.plots.curves import Region
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


def circle(rng):
    t = rng.uniform(0, 2 * np.pi)
    return [np.array([np.cos(t), np.sin(t)])]


def around(rng, inputs):
    x, y = np.asarray(inputs[0])
    return np.array([-y, x]) * rng.choice([-1.0, 1.0])


def subject(f, *shape, slope=None, modes=("forward", "reverse")):
    if slope is not None:
        value, f = f, jax.custom_jvp(f)
        f.defjvp(lambda xs, vs: (value(*xs), slope(*xs, *vs)))
    d = from_jax(f, R(*shape, dtype="float64"))
    return Subject(claims_of(d, modes), [np.ones(shape)])


def examined(f, slope=None, noise=0.0, first=(0.6, 0.8)):
    """What is found of a map on the unit circle."""
    met = [[np.array(first)]]
    s = subject(f, 2, slope=slope)
    region = Region(s.inputs, met, [None], circle)
    target = SimpleNamespace(region=region, met=met, unit=s.unit)
    facts = SimpleNamespace(tangent=around, noise=noise)
    return along_tangents(s, target, facts, np.random.default_rng(0), 200)


def test_the_slope_of_an_exponential_is_its_value():
    for x, v in ((0.0, 1.0), (1.0, -2.0)):
        one = [np.array(v)]
        slope, error = ridders(subject(jnp.exp), [np.array(x)], one, [np.array(1.0)])
        assert slope == pytest.approx(v * np.exp(x), rel=1e-10) and error < 1e-9


def test_entries_and_pairings_have_their_slopes():
    f = lambda x: jnp.stack([x[0] * x[1], jnp.sin(x[0])])  # noqa: E731
    x, v, w = np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([5.0, 7.0])
    known = np.array([2 * 3 - 1, 3 * np.cos(1.0)])
    np.testing.assert_allclose(ridders(subject(f, 2), [x], [v], [w])[0], known, rtol=1e-9)
    paired = ridders(subject(f, 2, modes=("reverse",)), [x], [v], [w])[0]
    np.testing.assert_allclose(paired, [w @ known], rtol=1e-9)


def test_the_slope_of_a_kink_has_a_large_error():
    _, error = ridders(subject(lambda x: jnp.abs(x - 5e-5)), [np.array(0.0)], [np.array(1.0)], [np.array(1.0)])
    assert error > 1e-3


def test_a_tangent_is_that_of_the_author_for_the_wires_that_move():
    s = subject(lambda x: x.sum(), 2)
    facts = SimpleNamespace(tangent=around)
    (v,) = admissible(s, facts, ([3.0, 4.0],), np.random.default_rng(0))
    assert np.abs(v).tolist() == [4, 3] and v @ [3, 4] == 0
    facts = SimpleNamespace(tangent=lambda rng, inputs: (np.ones(3), np.zeros(2)))
    s.moves = [1]
    assert admissible(s, facts, (), np.random.default_rng(0))[0].tolist() == [0, 0]


def test_a_right_derivative_is_right_along_the_circle():
    found, worst, tried = examined(lambda x: x[0] ** 2 * x[1])
    assert found is None and worst < 1 and tried >= 4


def test_what_is_claimed_across_the_circle_is_not_asked():
    # the gradient of x² + y² is claimed to be none, as it is along the circle
    found, _, _ = examined(lambda x: x @ x + x[0], slope=lambda x, v: v[0])
    assert found is None


def test_a_slope_of_zero_with_no_error_is_right_too():
    assert examined(lambda x: x[0], first=(1.0, 0.0))[0] is None


def test_a_wrong_slope_along_the_circle_is_found_with_the_right_one():
    found, _, _ = examined(lambda x: x[0], slope=lambda x, v: 1.01 * v[0])
    assert (found.criterion, found.mode) == ("slope", "forward")
    assert found.claimed == pytest.approx(1.01 * found.vs[0][0])
    assert found.actual == pytest.approx(found.vs[0][0], rel=1e-9)
    assert np.linalg.norm(found.x[0]) == pytest.approx(1) and found.x[0] @ found.vs[0] == pytest.approx(0)


def test_what_is_declared_as_noise_is_none():
    wrong = lambda x, v: v[0] + 1e-6 * v[1]  # noqa: E731
    assert examined(lambda x: x[0], slope=wrong)[0] is not None
    assert examined(lambda x: x[0], slope=wrong, noise=1e-9)[0] is None
