"""Where a program branches: jumps, kinks and removable places of what comparisons and steps are made into."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, check, from_jax, nn
from paralens.categories.errors import InputError
from paralens.functors.certificates.together.reach import reached
from paralens.functors.certificates.together.verdicts import settled

pytestmark = pytest.mark.usefixtures("ordinary")


def scanned(step):
    return lambda x: jax.lax.scan(lambda c, _: (step(c), c), x, None, length=5)[0]


JUMPS = {
    "a comparison": (lambda x: jnp.where(x > 0, x + 1, x), 0.0),
    "a comparison away from zero": (lambda x: jnp.where(x > 0.3, x + 1, x), 0.3),
    "floor": (lambda x: x + jnp.floor(x), 0.0),
    "sign": (lambda x: x + jnp.sign(x), 0.0),
    "a branch": (lambda x: jax.lax.cond(x > 0.1, lambda x: x * 2, lambda x: x * 3, x), 0.1),
    "the last step of a scan": (scanned(lambda c: jnp.where(c > 0.5, c - 0.5, c + 0.2)), None),
    "the branch cut of a logarithm": (lambda x: jnp.log(-1 + 1j * x).imag, 0.0),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_has_a_word_and_its_point(name):
    f, at = JUMPS[name]
    found = check(f, 0.7, domain=[(-1, 1)])
    assert found.verdict == "discontinuous" and found.whole.verdict == "discontinuous", str(found)
    jumps = [p for p in found.whole.points if p.jump]
    assert jumps and "the value jumps from" in str(jumps[0])
    if at is not None:
        assert min(abs(float(p.x[0]) - at) for p in jumps) < 1e-12


def test_a_jump_is_seen_whether_its_point_is_declared_or_not_and_by_the_quick_effort():
    f = lambda x: jnp.where(x > 0, x + 1, x)  # noqa: E731
    assert check(f, 0.5, domain=[(-1, 1)], special=[(0.0,)]).verdict == "discontinuous"
    assert check(f, 0.5, domain=[(-1, 1)], effort="quick").verdict == "discontinuous"


def test_a_step_alone_jumps_in_a_domain_with_a_whole_number_and_is_proved_in_one_without():
    assert check(jnp.floor, 0.5, domain=[(-2, 2)]).verdict == "discontinuous"
    assert check(jnp.floor, 0.5, domain=[(0.2, 0.8)]).verdict == "proved"


KINKS = {
    "where": lambda x: jnp.where(x > 0, x, 0),
    "relu": jax.nn.relu,
    "leaky relu": jax.nn.leaky_relu,
    "clip": lambda x: jnp.clip(x, -0.3, 0.7),
    "a branch": lambda x: jax.lax.cond(x > 0.0, lambda x: x * 2, lambda x: x * 3, x),
}


@pytest.mark.parametrize("name", KINKS)
def test_values_that_meet_with_slopes_that_do_not_are_a_kink(name):
    found = check(KINKS[name], 0.5, domain=[(-1, 1)])
    assert found.verdict == "intensional", str(found)
    row = found.whole or found.rows[0]
    assert row.points and all(p.clarke and not p.jump for p in row.points)


SMOOTH = {
    "x |x|": lambda x: x * jnp.abs(x),
    "a loss that changes its formula": lambda x: jnp.where(jnp.abs(x) < 0.5, x * x, jnp.abs(x) - 0.25),
    "a series near zero": lambda x: jnp.where(jnp.abs(x) > 1e-3, jnp.sin(x) / jnp.where(x == 0, 1.0, x), 1 - x * x / 6),
    "a scan of kinks that is done with them": scanned(lambda c: jnp.maximum(c, 0.0) ** 2),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_a_whole_that_is_differentiable_is_right_whatever_is_inside(name):
    found = check(SMOOTH[name], 0.5, domain=[(-0.9, 1)])
    assert found.verdict in ("correct", "proved") and found.whole.verdict == found.verdict, str(found)


def test_the_stopped_maximum_of_logsumexp_is_no_kink_of_the_whole():
    found = check(jax.nn.logsumexp, np.array([0.1, 0.5, -0.3], np.float32), effort="quick")
    assert found.verdict == "correct", str(found)
    assert found.boxes["reduce_max"].verdict in ("correct", "intensional")


def test_a_removed_kink_whose_claim_is_no_slope_is_intensional_at_its_place_found_unasked():
    found = check(lambda x: jax.nn.relu(x - 0.3) - jax.nn.relu(0.3 - x), 0.5, domain=[(-1, 1)])
    assert found.verdict == "intensional"
    assert any(not p.clarke and abs(float(p.x[0]) - 0.3) < 1e-12 for p in found.whole.points), str(found)


def test_a_branch_on_equality_that_is_claimed_at_its_point_alone_is_wrong():
    """The weight of an entry that is switched off where it is zero, as in logsumexp with weights."""

    def f(b):
        return jnp.log(1.0 + jnp.where(b != 0, b * jnp.exp(0.5), 0.0))

    found = check(f, 0.0)
    assert found.verdict == "wrong", str(found)
    assert "ne chooses a branch at this point alone" in found.worst.witness.hint


def test_constants_that_no_input_reaches_are_not_moved():
    mask = np.array([True, True, False, True])
    x = np.array([0.1, 0.5, 2.0, -0.3], np.float32)
    for f in (lambda x: jax.nn.softmax(jnp.where(mask, x, -jnp.inf)), lambda x: jnp.max(x, initial=-jnp.inf)):
        found = check(f, x, effort="quick")
        assert found.verdict in ("correct", "intensional"), str(found)


def test_what_depends_on_moving_inputs_is_found_through_loops_to_a_fixed_point():
    def f(x, y):
        def step(c, _):
            a, b, k = c
            return (b, a * 2.0, k + 1.0), k

        (a, b, k), ks = jax.lax.scan(step, (x, 1.0, y), None, length=3)
        return a, b, k, ks

    d = from_jax(f, R(), R())
    assert reached(d, [True, False]) == [True, True, False, False]
    assert reached(d, [False, True]) == [False, False, True, True]


def test_a_definition_around_a_comparison_speaks_for_it_in_a_model():
    model = nn.dense(3, 4) >> from_jax(jax.nn.leaky_relu, R(4)).boxed("leaky") >> nn.dense(4, 2)
    found = check(model, effort="quick")
    assert found.verdict in ("correct", "intensional"), str(found)
    assert any(row.path.endswith("/ge") for row in found.rows)


def test_the_verdict_is_that_of_the_whole():
    for f in (*SMOOTH.values(), *KINKS.values()):
        found = check(f, 0.5, domain=[(-0.9, 1)], effort="quick")
        assert found.whole is None or found.whole.verdict == found.verdict
    assert settled([], found.rows[0], bare=False).verdict == found.rows[0].verdict


BESIDE = {
    "a choice": lambda x: jnp.where(x > 0.3, x + 1, x),
    "a branch on one entry": lambda x: jax.lax.cond(x[0] > 0.3, lambda x: x + 1, lambda x: x, x),
    "a branch at zero": lambda x: jax.lax.cond(x[0] > 0, lambda x: x + 1, lambda x: x, x),
}


@pytest.mark.parametrize("name", BESIDE)
def test_a_jump_on_one_side_of_which_all_examples_lie_is_found_in_the_domain(name):
    x = 0.1 if name == "a choice" else np.array([0.1, 0.2], "float32")
    assert check(BESIDE[name], x, domain=[(-1, 1)]).verdict == "discontinuous"


def test_a_clamp_between_numbers_has_its_kinks():
    found = check(lambda x: jax.lax.clamp(0.2, x, 0.8), np.array([0.1, 0.5, 1, 2], "float32"))
    assert found.verdict == "intensional", str(found)


def test_a_masked_softmax_is_differentiable_where_its_maximum_is_not():
    mask, x = jnp.array([True, True, False]), jnp.array([1.0, 2.0, 3.0])
    found = check(lambda x: jax.nn.softmax(jnp.where(mask, x, -jnp.inf)), x)
    assert found.verdict == "correct", str(found)


def test_what_is_infinite_in_an_example_stays():
    assert check(jax.nn.softmax, jnp.array([1.0, 2.0, -jnp.inf])).verdict == "correct"


def test_a_function_without_a_value_at_its_example_is_undecided():
    found = check(jnp.log, -0.5)
    assert found.verdict == "undecided" and found.worst.reason == "at the example the value is no number"


def test_claims_that_are_nothing_but_rounding_accuse_nobody():
    assert check(lambda x: (jnp.exp(x) - 1) / x, 1e-9).verdict != "wrong"


def test_a_loop_that_reads_one_value_twice_is_asked_as_a_whole_and_ends():
    def root(a):
        return jax.lax.while_loop(lambda y: jnp.abs(y * y - a) > 1e-3, lambda y: 0.5 * (y + a / y), a)

    assert check(root, 2.0, domain=[(1.0, 3.0)], noise=1e-3).verdict != "wrong"


def test_a_negative_noise_is_refused():
    with pytest.raises(InputError, match=r"not negative, not -1\.0"):
        check(jax.nn.relu, 0.5, noise=-1.0)


def test_a_point_at_which_a_callback_raises_has_no_value():
    def refuse(x):
        if x > 1.2:
            raise ValueError("too large")
        return np.sin(x)

    @jax.custom_jvp
    def f(x):
        return jax.pure_callback(refuse, jax.ShapeDtypeStruct((), x.dtype), x)

    f.defjvp(lambda x, v: (f(*x), jnp.cos(*x) * v[0]))
    assert check(f, 1.0).verdict == "correct"


def test_an_output_on_which_no_derivative_of_the_whole_depends_accuses_no_box():
    @jax.custom_jvp
    def solved(x):
        return jnp.sin(x), jnp.round(8 * x) + x

    solved.defjvp(lambda x, v: (solved(*x), (jnp.cos(*x) * v[0], 0 * v[0])))
    assert check(solved, 0.7).verdict == "wrong"
    found = check(lambda x: solved(x * 2)[0] + 1, 0.7)
    assert found.verdict in ("correct", "proved"), str(found)
