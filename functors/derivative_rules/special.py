"""Special functions of several variables: for each the partial derivatives that are known in closed form.

    ψ⁽ᵐ⁾(x)     ∂/∂x = ψ⁽ᵐ⁺¹⁾(x)                                        polygamma (NIST 5.15)
    ζ(s, q)     ∂/∂q = -s ζ(s + 1, q)                                    Hurwitz zeta (NIST 25.11.17)
    P(a, x)     ∂/∂x = p(a, x) = x^(a-1) e^(-x) / Γ(a), Q = 1 - P        incomplete gamma (NIST 8.8.13)
    I(a, b, x)  ∂/∂x = x^(a-1) (1 - x)^(b-1) / B(a, b)                   incomplete beta (NIST 8.17.1)

(F. Olver et al., "NIST digital library of mathematical functions".) A sample of a gamma distribution is
differentiated in its shape at fixed randomness: with z the sample and F its cumulative distribution function,
∂z/∂a = -∂F/∂a / ∂F/∂z (M. Figurnov et al., "Implicit reparameterization gradients", 2018).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from .facts import Elementwise, Fact, General, widened

__all__ = ["SPECIAL"]

Values = Sequence[Any]


def _in_last(slope: Callable[..., Any], *names: str) -> General:
    """A function that has a derivative in its last variable only; `slope` takes all of them."""

    def tangent(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
        for name, d in zip(names, dxs, strict=False):
            if d is not None:
                raise DerivativeError(
                    f"{box.name} has no derivative in its argument {name}: differentiate in the last argument only, "
                    f"by `wrt` or by `jax.lax.stop_gradient` of {name}"
                )
        shape = box.cod.inside[0].shape
        return [widened(dxs[-1], shape) * slope(*[widened(x, shape) for x in xs])]

    return General(tangent)


def _density(a: Any, x: Any) -> Any:
    """The density p(a, x) of the gamma distribution."""
    return lax.exp((a - 1.0) * lax.log(x) - x - lax.lgamma(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    normal = lax.lgamma(a) + lax.lgamma(b) - lax.lgamma(a + b)
    return lax.exp((b - 1.0) * lax.log1p(-x) + (a - 1.0) * lax.log(x) - normal)


def _incomplete(sign: float) -> Elementwise:
    """P for sign 1 and Q for sign -1, in both variables."""

    def in_shape(g: Any, y: Any, a: Any, x: Any) -> Any:
        return sign * g * lax.igamma_grad_a(widened(a, y.shape), widened(x, y.shape))

    def in_x(g: Any, y: Any, a: Any, x: Any) -> Any:
        return sign * g * _density(widened(a, y.shape), widened(x, y.shape))

    return Elementwise((in_shape, in_x))


def _sampled(box: Box, xs: Values, ys: Values, dxs: Values) -> Values:
    """The tangent of a gamma sample, or of its logarithm, in the shape of the distribution."""
    shape, sample, logarithm = xs[1], ys[0], box.params["log_space"]
    if logarithm:
        sample = lax.exp(sample)
        tiny = lax.full_like(sample, jnp.finfo(sample.dtype).tiny)
        sample = lax.select(lax.eq(sample, lax.full_like(sample, 0.0)), tiny, sample)
    slope = lax.random_gamma_grad(shape, sample)  # type: ignore[call-arg]  # its decorator fills in the dtype
    return [dxs[1] * (slope / sample if logarithm else slope)]


SPECIAL: dict[str, Fact] = {
    "polygamma": _in_last(lambda m, x: lax.polygamma(m + 1.0, x), "m"),
    "zeta": _in_last(lambda s, q: -s * lax.zeta(s + 1.0, q), "s"),
    "igamma": _incomplete(1.0),
    "igammac": _incomplete(-1.0),
    "igamma_grad_a": _in_last(lambda a, x: _density(a, x) * (lax.log(x) - lax.digamma(a)), "a"),
    "regularized_incomplete_beta": _in_last(_beta_density, "a", "b"),
    "random_gamma": General(_sampled),
}
