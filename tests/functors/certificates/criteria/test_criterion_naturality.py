"""Whether a function says the same eagerly, again, under jit, under vmap and as a diagram."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import R, from_jax
from paralens.functors.certificates.criteria.naturality import BATCH, beside, claims_of_function, natural
from paralens.functors.certificates.plots.subjects import Subject, claims_of

pytestmark = pytest.mark.usefixtures("doubles")


POINTS = np.array([[0.1, 0.7], [0.2, -0.7], [1.3, 0.4]])


def asked(g, diagram=None, **more):
    """What is found of a function of one array, with the diagram of itself or of another one."""
    f = g if diagram is None else diagram
    d = from_jax(lambda x: f(x)[0], R(2, dtype="float64"))
    own = Subject(claims_of(d), [np.zeros(2)])
    return natural(g, own, [[jnp.asarray(p)] for p in POINTS], np.random.default_rng(0), **more)


def test_a_function_has_the_derivatives_that_jax_derives():
    g = lambda x, n: [x * x * n, n]  # noqa: E731
    d = from_jax(lambda x, n: (x * x * n, n), R(dtype="float64"), jax.ShapeDtypeStruct((), "int32"))
    claims = claims_of_function(g, d.dom, d.cod)
    x, n = jnp.array(3.0), jnp.array(2)
    assert claims.wrt == (0,) and not claims.missing
    assert claims.value(x, n) == [18, 2]
    assert claims.forward(x, n, jnp.array(10.0)) == [18, 2, 120]
    assert list(claims.reverse(x, n, jnp.array(10.0))) == [120]


@pytest.mark.parametrize("f", [jnp.sin, lambda x: jnp.cumsum(x) * x[0], lambda x: jnp.where(x > 0, x, x * x)])
def test_a_pure_function_is_natural(f):
    assert asked(lambda x: [f(x)]) is None


def test_a_function_that_counts_its_calls_is_not():
    calls = []

    def g(x):
        calls.append(0)
        return [x * len(calls)]

    found = asked(g, lambda x: [x])
    assert found.criterion == "natural (called again)" and found.mode == "value"
    assert found.claimed != found.actual


def test_a_function_that_looks_whether_it_is_traced_differs_under_jit():
    def g(x):
        return [x * 2 if isinstance(x, jax.core.Tracer) and not hasattr(x, "primal") else x]

    found = asked(g, lambda x: [x])
    assert found.criterion == "natural (under jit)" and found.mode == "value"


def test_a_wrong_batching_rule_is_found():
    @jax.custom_batching.custom_vmap
    def f(x):
        return jnp.sin(x)

    @f.def_vmap
    def rule(size, batched, x):
        return jnp.sin(x) * 1.001, True

    found = asked(lambda x: [f(x)], lambda x: [jnp.sin(x)])
    assert found.criterion == "natural (under vmap)"
    assert found.claimed / found.actual == pytest.approx(1.001)
    assert asked(lambda x: [f(x)], lambda x: [jnp.sin(x)], batched=False) is None


def stopped(x):
    """The square, of one factor of which JAX is told nothing."""
    return [x * jax.lax.stop_gradient(x)]


def test_a_diagram_with_other_values_is_found_with_both():
    found = asked(lambda x: [jnp.sin(x)], lambda x: [jnp.sin(x) * 1.5])
    assert (found.criterion, found.mode, found.hint) == ("natural (as a diagram)", "value", "")
    assert found.claimed == pytest.approx(1.5 * found.actual)


@pytest.mark.parametrize("g, diagram, right", [(0, 1, "the diagram"), (1, 0, "what JAX derives")])
def test_of_two_derivatives_the_values_say_which_one_is_right(g, diagram, right):
    functions = [stopped, lambda x: [x * x]]
    found = asked(functions[g], functions[diagram])
    assert (found.criterion, found.mode) == ("natural (as a diagram)", "forward")
    assert found.hint.startswith(f"the values confirm {right}")
    # of the two that which is wrong is what is claimed: half of the slope
    assert found.actual == pytest.approx(2 * found.claimed)


def test_what_ulps_of_the_input_do_is_natural():
    assert asked(lambda x: [jnp.sin(1e17 * x)], lambda x: [jnp.sin(1e17 * x + 1.0)]) is None


def test_a_point_beside_another_moves_where_it_may():
    point = [jnp.array([1.0, 2.0]), jnp.array(3)]
    found = beside(point, [0], [np.array([1.0, 0.0])], np.random.default_rng(0))
    assert found[0][0] != 1 and found[0][1] == 2 and found[1] == 3
    assert found[0].dtype == point[0].dtype and point[0][0] == 1 and BATCH > 1
