"""Solvers of optimistix, differentiated implicitly by a linear solve in a rule of its own."""

import jax.numpy as jnp
import pytest
from imported import agrees

from paralens import check

pytest.importorskip("optimistix")
import optimistix as optx

pytestmark = pytest.mark.long

X = jnp.float32(0.7)


def root(a, start):
    return optx.root_find(lambda y, a: y - jnp.cos(a * y), optx.Newton(1e-6, 1e-6), start, args=a).value


def fixed_point(a, start):
    return optx.fixed_point(lambda y, a: jnp.cos(a * y), optx.FixedPointIteration(1e-6, 1e-6), start, args=a).value


def minimum(a, start):
    solver = optx.BFGS(1e-6, 1e-6)
    return optx.minimise(lambda y, a: (y - a) ** 2 + 0.1 * y**4, solver, start, args=a).value


def least_squares(a, start):
    def residuals(y, a):
        return {"near": y["at"] - a, "small": 0.1 * y["at"] ** 2}

    solver = optx.LevenbergMarquardt(1e-6, 1e-6)
    return optx.least_squares(residuals, solver, {"at": start}, args=a).value["at"]


@pytest.mark.parametrize("solve", [root, fixed_point, minimum, least_squares])
def test_a_solver_is_run_and_differentiated_by_its_own_rules(solve):
    agrees(solve, X, X / 2)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
@pytest.mark.parametrize("solve", [root, minimum])
def test_a_solver_is_right_though_what_it_tells_beside_its_solution_has_no_derivative(solve):
    assert check(solve, X, X / 2, domain=[(0.5, 0.9), (0.2, 0.5)], noise=1e-5).verdict == "correct"
