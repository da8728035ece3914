"""A map with its claims at panels of points: values, slopes and both sides of the transpose, all known by hand."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import C, R, from_jax
from paralens.functors.certificates.plots.bounds import PANEL
from paralens.functors.certificates.plots.subjects import Subject, claims_of, double, repeated

pytestmark = pytest.mark.usefixtures("doubles")


def types(*shapes, dtype="float64"):
    return [R(*s, dtype=dtype) for s in shapes]


A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
with double():
    LINEAR = claims_of(from_jax(lambda x: jnp.asarray(A) @ x, *types((2,))))


def test_doubles_are_doubles_inside_and_not_outside():
    assert jnp.zeros(()).dtype == "float64"
    with jax.enable_x64(False):
        with double():
            assert (jnp.zeros((), "float64") + jnp.ones(1, "float32")).dtype == "float64"
        assert jnp.zeros(()).dtype == "float32"


def test_the_node_of_a_matrix_has_its_products():
    x, v, w = np.array([1.0, 1.0]), np.array([1.0, -1.0]), np.array([1.0, 0.0, -2.0])
    subject = Subject(LINEAR, [x])
    node = subject.run([x[None]], [v[None]], [w[None]])
    np.testing.assert_array_equal(node.F[0], [3, 7, 11])
    np.testing.assert_array_equal(node.size[0], [3, 7, 11])
    np.testing.assert_array_equal(node.d[0], [-1, -1, -1])
    assert node.left[0] == node.right[0].sum() == 1  # ⟨w, A v⟩ = -1 + 2
    assert node.left_terms[0] == 3 and node.right_terms[0].sum() == abs(-9) + abs(-10)
    assert node.apart[0] == 0 and node.finite[0]


def test_every_input_has_its_own_pairing():
    d = from_jax(lambda x, y: x * y, *types((), ()))
    one = [np.array([1.0])]
    node = Subject(claims_of(d), [np.array(0.0)] * 2).run([np.array([3.0]), np.array([5.0])], one * 2, one)
    assert node.right[0].tolist() == [5, 3] and node.left[0] == 8


@pytest.mark.parametrize("n", [1, PANEL, PANEL + 3])
def test_any_number_of_points_is_run_and_counted(n):
    subject = Subject(LINEAR, [np.zeros(2)])
    points, ws = [np.arange(2.0 * n).reshape(n, 2)], [np.ones((n, 3))]
    node = subject.run(points, points, ws)
    np.testing.assert_array_equal(node.F, points[0] @ A.T)
    assert subject.evals == 2 * n and subject.per_node == 2
    subject.run(points, points, ws, slopes=True)
    np.testing.assert_array_equal(subject.values(points), node.F)
    assert subject.evals == 3 * n  # slopes cost one, and values nothing


def test_only_inputs_that_are_asked_for_move():
    d = from_jax(lambda x, y: x * y, *types((), ()))
    subject = Subject(claims_of(d, wrt=(1,)), [np.array(2.0), np.array(0.0)])
    assert subject.moves == [1] and len(subject.inputs) == 1
    one = [np.array([1.0])]
    assert subject.run([np.array([5.0])], one, one).d == 2
    assert subject.run([np.array([5.0])], one, one, [np.array(7.0), np.array(0.0)]).d == 7


def test_a_mode_that_is_not_asked_for_is_missing_with_a_reason():
    d = from_jax(jnp.sin, *types(()))
    claims = claims_of(d, ("reverse",))
    assert claims.forward is None and claims.missing == {"forward": "was not asked for"}
    subject = Subject(claims, [np.array(0.0)])
    assert subject.only_reverse and subject.per_node == 1


def test_slopes_are_pairings_where_there_is_a_reverse_derivative_alone():
    subject = Subject(claims_of(LINEAR.d, ("reverse",)), [np.zeros(2)])
    x, v, w = np.array([1.0, 1.0]), np.array([1.0, -1.0]), np.array([1.0, 0.0, -2.0])
    node = subject.run([x[None]], [v[None]], [w[None]])
    assert node.F.tolist() == [[3 - 22]] and node.d.tolist() == [[1]]


def test_a_value_that_goes_with_a_tangent_is_compared_with_the_value():
    claims = replace(LINEAR, forward=lambda x, v: [2 * (jnp.asarray(A) @ x), jnp.asarray(A) @ v])
    one = [np.ones((1, 2))]
    assert Subject(claims, [np.ones(2)]).run(one, one, [np.ones((1, 3))]).apart == 0.5


def test_a_cotangent_that_is_not_finite_is_seen():
    claims = replace(LINEAR, reverse=lambda x, w: [jnp.array([jnp.inf, 0.0])])
    one = [np.ones((1, 2))]
    assert not Subject(claims, [np.ones(2)]).run(one, one, [np.ones((1, 3))]).finite[0]


def test_the_pairing_of_complex_numbers_is_real_and_unconjugated():
    d = from_jax(lambda z: z * 1j, C(dtype="complex128"))
    one = [np.array([1.0 + 0j])]
    node = Subject(claims_of(d), [np.array(1 + 0j)]).run(one, [np.array([2 + 3j])], [np.array([5 + 7j])])
    assert node.left[0] == node.right[0].sum() == ((5 + 7j) * (2 + 3j) * 1j).real
    assert node.d.tolist() == [[-3, 2]]


def test_a_point_at_which_a_callback_raises_has_no_value():
    def refuse(x):
        if x > 1:
            raise ValueError("too large")
        return np.sin(x)

    @jax.custom_jvp
    def f(x):
        return jax.pure_callback(refuse, jax.ShapeDtypeStruct((), x.dtype), x)

    f.defjvp(lambda x, v: (f(*x), jnp.cos(*x) * v[0]))
    subject = Subject(claims_of(from_jax(f, *types(()))), [np.array(0.5)])
    subject.values([np.array([0.5])])
    found = subject.values([np.array([0.5, 2.0, 0.7])])[:, 0]
    np.testing.assert_allclose(found, [np.sin(0.5), np.nan, np.sin(0.7)])


def test_the_coarsest_wire_gives_the_unit_and_rounds():
    subject = Subject(claims_of(from_jax(lambda x: 2 * x, R(dtype="float16"))), [np.array(0.0)])
    assert (subject.unit, subject.tiny) == (2.0**-11, 2.0**-14)
    assert subject.rounded([np.array(1 + 2.0**-12)])[0] == 1


def test_arrays_are_repeated_along_a_first_axis():
    assert repeated([np.arange(3.0), np.array(1.0)], 4)[0].shape == (4, 3)
    assert repeated([np.array(1.0)], 4)[0].tolist() == [1] * 4
