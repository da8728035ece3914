"""Differential equations of diffrax, with each of its adjoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from imported import agrees

from paralens import R, from_jax, reverse, to_jax

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


Y, K = np.array([1.0, 0.5], "float32"), np.float32(0.5)


def decayed(y, k, **options):
    term = dfx.ODETerm(lambda t, y, k: -k * y)
    at = dfx.SaveAt(t1=True)
    found = dfx.diffeqsolve(term, dfx.Tsit5(), 0.0, 1.0, 0.25, y, args=k, saveat=at, max_steps=16, **options)
    return found.ys[0]


@pytest.mark.parametrize("adjoint", ["RecursiveCheckpointAdjoint", "DirectAdjoint", "BacksolveAdjoint"])
def test_a_solution_is_differentiated_by_the_adjoint_that_was_chosen(adjoint):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):

        def f(y, k):
            return decayed(y, k, adjoint=getattr(dfx, adjoint)())

        d = from_jax(f, R(2), R())
        np.testing.assert_allclose(to_jax(d)(Y, K), f(Y, K), rtol=1e-6)
        expected = jax.vjp(f, Y, K)[1](jnp.ones(2))
        for found, right in zip(to_jax(reverse(d))(Y, K, np.ones(2, "float32")), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-5)
        found = to_jax(reverse(d, wrt=[0]))(Y, K, np.ones(2, "float32"))
        np.testing.assert_allclose(found, expected[0], rtol=1e-5)
