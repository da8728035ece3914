"""Who is at fault: boxes are accused along the image of the whole, and a whole that is wrong says where from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import check, from_jax
from paralens.functors.certificates.together.slices import upto

pytestmark = pytest.mark.usefixtures("ordinary")


def ruled(f, rule):
    g = jax.custom_jvp(lambda *xs: f(*xs))
    g.defjvp(lambda xs, vs: (f(*xs), rule(xs, vs)))
    return g


def test_a_solver_that_reads_one_triangle_is_not_accused_beside_symmetric_matrices():
    def f(a, b):
        return jax.scipy.linalg.solve(a @ a.T + jnp.eye(3), b, assume_a="pos")

    found = check(f, np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32), np.ones(3, np.float32))
    assert found.verdict == "correct" and found.ok, str(found)
    assert "beside the values" in found.boxes["_solve"].reason


def on_sphere(rng):
    a = rng.normal(size=3)
    return (a / np.linalg.norm(a),)


def tangent(rng, arguments):
    (x,) = arguments
    v = rng.normal(size=3)
    return (v - np.dot(v, x) * x,)


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_a_rule_on_the_sphere_is_judged_on_the_sphere(factor):
    def angle(x):
        return jnp.arccos(jnp.clip(x[2] / jnp.linalg.norm(x), -1, 1))

    f = ruled(angle, lambda xs, vs: -factor * vs[0][2] / jnp.sqrt(1 - xs[0][2] ** 2))
    first = on_sphere(np.random.default_rng(1))[0].astype(np.float32)
    for g in (f, lambda x: 2 * f(x)):
        found = check(g, first, domain=on_sphere, tangent=tangent)
        assert found.ok is (factor == 1.0), str(found)


def test_a_wrong_claim_at_a_kink_is_found_though_the_kink_is_nowhere_declared():
    relu = ruled(
        lambda x: jnp.maximum(x, 0),
        lambda xs, vs: jnp.where(xs[0] > 0, 1.0, jnp.where(xs[0] == 0, 2.0, 0.0)) * vs[0],
    )
    found = check(lambda x: relu(x - 0.25) * 2, 0.5, domain=[(-1, 1)])
    assert [row.path for row in found.rows if not row.ok] == [found.worst.path]


def test_a_rule_that_is_wrong_on_symmetric_matrices_alone_is_wrong_at_one():
    square = ruled(
        lambda a: a @ a,
        lambda xs, vs: jnp.where(jnp.all(xs[0] == xs[0].T), 1.5, 1.0) * (xs[0] @ vs[0] + vs[0] @ xs[0]),
    )
    found = check(square, np.array([[1.0, 0.3], [0.3, 2.0]], np.float32))
    assert found.verdict == "wrong" and found.worst.witness.criterion == "point", str(found)
    claimed, actual = found.worst.witness.replay()
    assert abs(claimed - 1.5 * actual) < 1e-3 * abs(actual)


def test_an_unrelated_kink_does_not_excuse_a_wrong_rule():
    rule = lambda xs, vs: jnp.sum((1 - jnp.tanh(xs[0]) ** 2) * vs[0] * jnp.where(xs[0] > 1, 1.1, 1.0))  # noqa: E731
    tail = ruled(lambda q: jnp.sum(jnp.tanh(q)), rule)
    q = np.array([0.1, 0.5, 2.0], np.float32)
    assert check(tail, q).verdict == "wrong"
    assert check(lambda q: tail(q) + jnp.max(q), q).verdict == "wrong"


def test_a_whole_that_loses_its_derivative_says_where_and_its_witness_runs_again():
    found = check(lambda x: jnp.linalg.norm(x) ** 2, np.zeros(3, np.float32))
    assert found.verdict == "wrong" and found.worst is found.whole, str(found)
    assert "norm/sqrt" in found.worst.reason and "norm/sqrt" in str(found)
    claimed, actual = found.worst.witness.replay()
    assert np.isnan(claimed) and abs(actual) < 1e-3


def test_a_claim_that_is_no_number_at_the_example_is_seen_by_the_quick_effort():
    def f(x):
        u, s, v = jnp.linalg.svd(x)
        return jnp.sum(((u * s) @ v) ** 2)

    assert check(f, np.diag([1.0, 1.0, 2.0]), effort="quick").verdict == "wrong"
    assert check(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), 0.0, effort="quick").verdict != "correct"


def test_a_cotangent_of_another_precision_is_wrong_wherever_the_rule_stands():
    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (2 * x.astype(jnp.float32) * g.astype(jnp.float32),))
    x = jnp.ones(3, jnp.bfloat16)
    for f in (square, lambda x: jax.lax.scan(lambda c, _: (square(c), None), x, None, length=2)[0]):
        found = check(f, x, effort="quick")
        assert found.verdict == "wrong" and found.worst.witness.criterion == "type", str(found)
        assert "which jax.grad does not take" in found.worst.witness.hint
        assert found.worst.witness.replay() == (2.0**-24, 2.0**-8)


def test_two_powers_that_have_no_slope_at_the_origin_are_not_accused_there():
    found = check(lambda x, y: x**y, 0.5, 1.5, domain=[(0, 3), (0, 3)], special=[(0.0, 0.0)])
    assert found.ok, str(found)


def test_a_batch_of_different_rows_is_compared_with_single_calls():
    slope = jax.custom_batching.custom_vmap(jnp.cos)
    slope.def_vmap(lambda n, batched, x: (jnp.repeat(jnp.cos(x[:1]), n, 0), True))
    f = ruled(jnp.sin, lambda xs, vs: slope(xs[0]) * vs[0])
    found = check(f, 0.7)
    assert found.verdict == "wrong" and "under vmap" in found.worst.witness.criterion, str(found)
    claimed, actual = found.worst.witness.replay()
    assert abs(claimed - actual) > 1e-3 * abs(actual)


def test_a_batching_rule_that_forgets_the_tangent_is_found():
    f = jax.custom_batching.custom_vmap(lambda x: jnp.sum(jnp.exp(x)))
    f.def_vmap(lambda n, batched, xs: (jnp.sum(jnp.exp(jax.lax.stop_gradient(xs)), -1), True))
    found = check(lambda x: f(x), np.array([0.1, -0.4, 0.7], np.float32), modes=("forward",))
    assert found.verdict == "wrong" and "under vmap" in found.worst.witness.criterion, str(found)


def test_the_part_of_a_diagram_up_to_a_box_opens_what_is_around_it_and_keeps_loops():
    def f(x):
        y = jax.nn.softplus(x)
        return jax.lax.scan(lambda c, _: (jnp.sin(c), c), y, None, length=3)[0] + 1.0

    d = from_jax(f, jnp.ones(3))
    inner = upto(d, "softplus/logaddexp") if "softplus" in d.graph.names() else upto(d, d.graph.names()[0])
    assert inner.dom == d.dom
    assert upto(d, "scan/body/sin").boxes[-1].op == "scan"


@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_the_accuracy_of_an_iterative_adjoint_is_believed_where_it_is_declared(noise):
    @jax.custom_vjp
    def solve(a, b):
        return jnp.linalg.solve(a, b)

    def bwd(kept, g):
        a, x = kept

        def going(state):
            z, i = state
            return (jnp.max(jnp.abs(g - a.T @ z)) > 1e-6) & (i < 500)

        z, _ = jax.lax.while_loop(going, lambda s: (s[0] + 0.3 * (g - a.T @ s[0]), s[1] + 1), (jnp.zeros_like(g), 0))
        return -jnp.outer(z, x), z

    solve.defvjp(lambda a, b: (jnp.linalg.solve(a, b),) * 1 + ((a, jnp.linalg.solve(a, b)),), bwd)

    def domain(rng):
        return np.array([[2.0, 0.3], [0.1, 1.5]]) + 0.1 * rng.normal(size=(2, 2)), rng.normal(size=2)

    first = [a.astype(np.float32) for a in domain(np.random.default_rng(0))]
    found = check(solve, *first, domain=domain, noise=noise)
    assert found.verdict == ("correct" if noise else "wrong"), str(found)
