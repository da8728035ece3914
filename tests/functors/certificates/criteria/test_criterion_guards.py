"""Where a program branches: which boxes choose, and the places at which a curve crosses them, to the last float."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.guards import guarded, guards_of, steps
from paralens.functors.certificates.plots.curves import Curve
from paralens.functors.certificates.plots.parts import Stretch

pytestmark = pytest.mark.usefixtures("doubles")


def guards(f, *xs):
    xs = [np.asarray(x, float) for x in xs or (0.5,)]
    d = from_jax(f, *[R(*x.shape, dtype="float64") for x in xs])
    return guards_of(d, list(range(len(xs))), d.dom.inside, xs)


def crossings(f, low, high, most=8):
    low, high = np.asarray(low, float), np.asarray(high, float)
    curve = Curve([low], [high], (), "line")
    return guards(f, low).crossings([Stretch(curve, 0.0, 1.0, None)], most)


def near(*xs):
    return [np.asarray(xs, float)]


def test_floor_is_crossed_at_whole_numbers():
    found = crossings(jnp.floor, 0.3, 3.8)
    assert [c.point[0].item() for c in found] == [1, 2, 3]
    assert all(c.path == "floor" and c.high - c.low < 1e-15 for c in found)


@pytest.mark.parametrize("place", [0.0, 0.3, 1 / 3, -0.123456789, np.pi / 4])
def test_a_comparison_is_crossed_at_its_threshold(place):
    (found,) = crossings(lambda x: jnp.where(x > place, x + 1, x), -1.0, 1.0)
    assert found.point[0] == pytest.approx(place, abs=1e-15)
    x = [found.curve.at(np.array([t]))[0][0][0] for t in (found.low, found.high)]
    assert x[0] <= place + 2e-16 and x[1] >= place - 2e-16 and x[1] - x[0] < 5e-16


CROSSED = {
    "abs": (jnp.abs, [0.0]),
    "sign": (jnp.sign, [0.0]),
    "relu": (lambda x: jnp.maximum(x, 0.25), [0.25]),
    "clip": (lambda x: jnp.clip(x, -0.5, 0.5), [-0.5, 0.5]),
    "round": (lambda x: jnp.round(2 * x + 4), [-0.75, -0.25, 0.25, 0.75]),
    "a branch": (lambda x: jax.lax.cond(x > 0.125, jnp.sin, jnp.cos, x), [0.125]),
    "a remainder": (lambda x: jax.lax.rem(x + 2.0, 0.75), [-0.5, 0.25]),
    "a scan": (lambda x: jax.lax.scan(lambda c, _: (jnp.abs(c) - 0.25, c), x, None, length=2)[0], [-0.25, 0.0, 0.25]),
    "a loop": (lambda x: jax.lax.while_loop(lambda c: c < 1, lambda c: c + 0.5, x), [-0.5, 0.0, 0.5]),
    "an index": (lambda x: jnp.argmax(jnp.stack([x, 0.5 - x])) * x, [0.25]),
}


@pytest.mark.parametrize("name", CROSSED)
def test_what_chooses_is_crossed_where_it_does(name):
    f, places = CROSSED[name]
    found = sorted({round(c.point[0].item(), 12) for c in crossings(f, -0.9, 0.95)})
    assert found == pytest.approx(places)


def test_the_branch_cut_of_a_logarithm_is_crossed():
    (found,) = crossings(lambda x: jnp.log(-1 + 1j * x).imag, -1.0, 0.9)
    assert abs(found.point[0]) < 1e-15


def test_a_curve_that_crosses_nothing_has_no_crossings():
    assert crossings(jnp.floor, 0.1, 0.9) == [] and crossings(jnp.abs, 0.5, 2.0) == []


def test_no_more_crossings_are_closed_in_on_than_asked_for_and_every_guard_has_its_turn():
    found = crossings(lambda x: jnp.floor(x) + jnp.abs(x - 3.5), 0.3, 5.8, most=2)
    assert sorted(c.path for c in found) == ["abs", "floor"]


def test_signals_are_the_same_in_a_piece_and_differ_between_pieces():
    signals = guards(lambda x: jnp.maximum(x, 0.0)).at(near(-2.0, -1.0, 1.0, 2.0))[:, 0]
    assert signals[0] == signals[1] != signals[2] == signals[3]


@pytest.mark.parametrize("f", [lambda x: jnp.round(x), lambda x: jax.lax.rem(x, 0.75)])
def test_signals_are_the_same_on_both_sides_of_a_zero(f):
    below, above = guards(f).at(near(-0.1, 0.1))[:, 0]
    assert below == above


def test_only_what_moves_is_a_guard():
    f = lambda x, y: jnp.abs(x) * jnp.abs(y)  # noqa: E731
    d = from_jax(f, R(dtype="float64"), R(dtype="float64"))
    made = guards_of(d, [1], d.dom.inside[1:], [np.array(2.0), np.array(0.5)])
    assert made.at(near(1.0, -1.0)).shape == (2, 1)


def test_a_smooth_map_has_no_guards():
    assert guards(lambda x: jnp.sin(x) * jnp.exp(x)) is None


def test_a_choice_at_one_point_alone_is_told_from_one_between_pieces():
    x, one, rng = [np.array(0.0)], [np.array(1.0)], np.random.default_rng(0)
    equal = guards(lambda x: jnp.where(x == 0, 7.0, jnp.sin(x)))
    larger = guards(lambda x: jnp.where(x > 0, 7.0, jnp.sin(x)))
    assert equal.alone(x, one, 1e-7, rng) == ["eq"] and not equal.crosses(x, one, 1e-7, rng)
    assert larger.alone(x, one, 1e-7, rng) == [] and larger.crosses(x, one, 1e-7, rng)
    away = [np.array(0.5)]
    assert equal.alone(away, one, 1e-7, rng) == [] and not larger.crosses(away, one, 1e-7, rng)


def test_boxes_that_jump_are_steps_and_those_with_kinks_are_guarded():
    box = lambda f: from_jax(f, R()).boxes[-1]  # noqa: E731
    assert steps(box(jnp.floor)) and steps(box(lambda x: x > 0)) and steps(box(jnp.sign))
    assert not steps(box(jnp.abs)) and not steps(box(jnp.sin))
    for f, expected in ((jnp.abs, True), (jnp.floor, True), (jnp.sin, False), (jax.jit(jnp.abs), True)):
        assert guarded(from_jax(f, R())) == expected
