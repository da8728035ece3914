"""Differential equations of diffrax, with the adjoints that JAX can differentiate through."""

import jax.numpy as jnp
import pytest
from imported import agrees

pytest.importorskip("diffrax")
import diffrax as dfx

pytestmark = pytest.mark.long

X = jnp.float32(0.7)


def solved(adjoint, solver, **options):
    def end(rate, start):
        decay = dfx.ODETerm(lambda t, y, k: -k * y)
        return dfx.diffeqsolve(decay, solver, 0.0, 1.0, 0.1, start, args=rate, adjoint=adjoint, **options).ys[-1]

    return end


ADAPTIVE = {"stepsize_controller": dfx.PIDController(1e-5, 1e-5)}


@pytest.mark.parametrize("options", [{}, ADAPTIVE], ids=["fixed", "adaptive"])
def test_a_solve_is_differentiated_through_its_steps(options):
    agrees(solved(dfx.DirectAdjoint(), dfx.Tsit5(), **options), X, X)


def test_a_solve_has_a_forward_derivative():
    agrees(solved(dfx.ForwardMode(), dfx.Euler()), X, X, modes=("forward",))


def test_a_solve_is_differentiated_implicitly():
    agrees(solved(dfx.ImplicitAdjoint(), dfx.Euler()), X, X)
