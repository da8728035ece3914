"""Linear solves of lineax: a primitive of its own, with programs among its parameters that its own rules read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imported import agrees

from paralens import check, from_jax, save, to_jax
from paralens.categories.errors import FileError

pytest.importorskip("lineax")
import lineax as lx

pytestmark = pytest.mark.long

A = jnp.array([[3.0, 1.0, 0.0], [1.0, 4.0, 0.5], [0.0, 0.5, 5.0]])
B = jnp.array([1.0, 2.0, 3.0])


def by_matrix(a, b):
    return lx.linear_solve(lx.MatrixLinearOperator(a), b).value.sum()


def by_function(a, b):
    operator = lx.FunctionLinearOperator(lambda v: a @ v, jax.ShapeDtypeStruct((3,), jnp.float32))
    return lx.linear_solve(operator, b, lx.GMRES(1e-6, 1e-6)).value.sum()


def by_conjugate_gradients(a, b):
    operator = lx.MatrixLinearOperator(a @ a.T, lx.positive_semidefinite_tag)
    return lx.linear_solve(operator, b, lx.CG(1e-6, 1e-6)).value.sum()


def by_least_squares(a, b):
    return (lx.linear_solve(lx.MatrixLinearOperator(a[:, :2]), b, lx.QR()).value ** 2).sum()


def by_jacobian(a, b):
    operator = lx.JacobianLinearOperator(lambda y, _: a @ y + 0.1 * y**3, b)
    return lx.linear_solve(operator, b, lx.GMRES(1e-6, 1e-6)).value.sum()


@pytest.mark.parametrize("solve", [by_matrix, by_function, by_conjugate_gradients, by_least_squares, by_jacobian])
def test_a_linear_solve_is_run_and_differentiated_by_its_own_rules(solve):
    agrees(solve, A, B)


def test_a_linear_solve_is_batched_by_its_own_rule():
    rows = jnp.stack([B, 2.0 * B, 3.0 * B])
    ours, theirs = (jax.vmap(f, (None, 0))(A, rows) for f in (to_jax(from_jax(by_function, A, B)), by_function))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_linear_solve_that_cannot_be_saved_is_named(tmp_path):
    with pytest.raises(FileError, match="cannot save box 'linear_solve': its parameter 'flatten' holds"):
        save(from_jax(by_function, A, B), tmp_path / "solve.json")


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
def test_a_linear_solve_is_right_though_its_factors_move_along():
    assert check(by_matrix, A, B).verdict == "correct"
