"""What is said of a fault: the format it is looked for in, what it looks like, whose it is, and its numbers again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.custom_derivatives import linear_call

from paralens import R, check, from_jax
from paralens.categories.errors import NoMeaningError
from paralens.functors.certificates.certificate import Witness
from paralens.functors.certificates.criteria.fault import DIAGRAM, JAX, NEITHER
from paralens.functors.certificates.criteria.naturality import natural
from paralens.functors.certificates.plots.subjects import Subject, claims_of, double
from paralens.functors.promotion import promoted

X = np.float32([0.7, 0.6, -0.4])


pytestmark = pytest.mark.usefixtures("ordinary")


# -- formats that are baked in -----------------------------------------------------------------------


def linear(factor):
    def f(x):
        a = jnp.arange(9.0, dtype=jnp.float32).reshape(3, 3)
        return linear_call(lambda r, x: r @ x, lambda r, y: factor * (r.T @ y), a, x)

    return f


def called(factor):
    @jax.custom_jvp
    def f(x):
        out = jax.ShapeDtypeStruct(x.shape, jnp.float32)
        return jax.pure_callback(lambda a: np.sin(a).astype(np.float32), out, x, vmap_method="sequential")

    f.defjvp(lambda xs, vs: (f(*xs), factor * jnp.cos(*xs) * vs[0]))
    return f


def cast(factor):
    """A rule that says which format it is in, to a primitive that promotes nothing."""
    f = jax.custom_jvp(lambda x: jnp.sin(x))
    f.defjvp(lambda xs, vs: (jnp.sin(*xs), jax.lax.mul(jnp.cos(xs[0]) * factor, vs[0].astype(jnp.float32))))
    return f


@pytest.mark.parametrize("make", [linear, called, cast])
@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_what_has_a_format_baked_in_is_examined_in_that_format(make, factor):
    f = make(factor)
    found = check(lambda x: jnp.tanh(f(x)), X)
    bad = [row for row in found.rows if row.verdict == "wrong"]
    if factor == 1.0:
        assert not bad and found.verdict in ("correct", "proved"), str(found)
        return
    assert len(bad) == 1 and bad[0].path in ("linear_call", "f", "<lambda>"), str(found)
    claimed, actual = bad[0].witness.replay()
    assert abs(claimed - factor * actual) < 1e-2 * abs(claimed)


def test_a_box_that_holds_a_function_has_no_promotion():
    with pytest.raises(NoMeaningError, match="linear_call holds a function that was made for its own format"):
        promoted(from_jax(linear(1.0), R(3)))


# -- what it looks like -----------------------------------------------------------------------------


def test_a_wrong_linear_map_is_no_constant_factor_though_it_is_one_along_each_line():
    m = np.arange(9.0).reshape(3, 3) + 1
    f = jax.custom_jvp(lambda x: x @ m)
    f.defjvp(lambda xs, vs: (f(*xs), vs[0] @ m.T))
    assert check(f, np.ones(3)).worst.witness.hint == ""
    g = jax.custom_jvp(lambda x: x @ m)
    g.defjvp(lambda xs, vs: (g(*xs), -1.5 * vs[0] @ m))
    assert check(g, np.ones(3)).worst.witness.hint == "looks like a constant factor -1.5"


# -- whose it is ------------------------------------------------------------------------------------


def sine(factor):
    f = jax.custom_jvp(lambda x: jnp.sin(x))
    f.defjvp(lambda xs, vs: (jnp.sin(*xs), factor * jnp.cos(*xs) * vs[0]))
    return f


@pytest.mark.parametrize("ours, theirs, hint", [(1.0, 1.25, DIAGRAM), (1.25, 1.0, JAX), (1.25, 1.5, NEITHER)])
def test_where_diagram_and_jax_differ_the_values_say_who_is_right(ours, theirs, hint):
    d, g = from_jax(lambda x: sine(ours)(x), R(3)), sine(theirs)
    own = Subject(claims_of(d), [X])
    found = natural(lambda x: [g(x)], own, [[jnp.asarray(X)]], np.random.default_rng(0))
    assert found.criterion == "natural (as a diagram)" and found.hint == hint
    assert found.claimed / found.actual == pytest.approx({DIAGRAM: 1.25, JAX: 1.25, NEITHER: 1.25 / 1.5}[hint], 1e-4)
    given = (d, found.criterion, found.mode, 1, (X,), tuple(found.vs), tuple(found.ws))
    told = (found.claimed, found.actual, found.ratio, "a point", found.hint, 0)
    again = Witness(*given, *told, function=lambda x: [g(x)]).replay()
    assert again == (pytest.approx(found.claimed, rel=1e-6), pytest.approx(found.actual, rel=1e-6))


# -- the numbers again ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, slope, x",
    [
        (jnp.log, lambda x: 1 / x, [1e-12, 0.5]),
        (lambda x: x**1.5, lambda x: 1.5 * x**0.5, [0.0, 2.0]),
        (jnp.arcsin, lambda x: 1 / jnp.sqrt(1 - x * x), [1 - 1e-9, 0.5]),
    ],
)
def test_the_slope_of_a_witness_at_an_end_of_the_domain_comes_again(f, slope, x):
    made = jax.custom_jvp(f)
    made.defjvp(lambda xs, vs: (f(*xs), 1.5 * slope(*xs) * vs[0]))
    with double():
        d = from_jax(lambda x: made(x), R(2, dtype="float64"))
        true = [float(t) for t in slope(jnp.asarray(x))]
    for e in range(2):
        given = (d, "slope", "forward", 1, (np.array(x),), (np.ones(2),), (np.ones(2),), 1.5 * true[e], true[e])
        claimed, actual = Witness(*given, 1e9, "chord", "", 0).replay()
        assert claimed == pytest.approx(1.5 * true[e], rel=1e-6)
        assert actual == pytest.approx(true[e], rel=1e-3, abs=1e-3)


def test_the_box_that_jax_derives_wrong_is_named_and_its_number_is_the_claimed_one(monkeypatch):
    from jax.interpreters import ad

    right = ad.primitive_jvps[jax.lax.sinh_p]

    def wrong(primals, tangents, **params):
        value, slope = right(primals, tangents, **params)
        return value, slope * jnp.asarray(0.9, slope.dtype)

    monkeypatch.setitem(ad.primitive_jvps, jax.lax.sinh_p, wrong)
    found = check(lambda x: jnp.tanh(jnp.sinh(x)), 0.3, domain=[(-1, 1)])
    witness = found.whole.witness
    assert found.verdict == "wrong" and all(row.ok for row in found.rows), str(found)
    assert witness.hint == DIAGRAM and witness.claimed == pytest.approx(0.9 * witness.actual, rel=1e-3)
    assert found.whole.reason == "JAX derives another slope of sinh" and found.whole.reason in str(found)
