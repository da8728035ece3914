"""Programs of other libraries: their diagrams are compared with the programs themselves and JAX's derivatives."""

import jax
import jax.numpy as jnp
import numpy as np

from paralens import forward, from_jax, reverse, simplify, to_jax

__all__ = ["agrees"]


def agrees(f, *xs, modes=("forward", "reverse"), rtol=1e-4, atol=1e-5):
    """The diagram of a real function of arrays, whose values and first derivatives were found to be those of JAX."""

    with jax.numpy_dtype_promotion("standard"):  # which libraries count on
        return _agrees(f, xs, modes, rtol, atol)


def _agrees(f, xs, modes, rtol, atol):
    def close(ours, theirs, what):
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=what)

    d = from_jax(f, *xs)
    close(to_jax(d)(*xs), f(*xs), "value")
    close(to_jax(simplify(d))(*xs), f(*xs), "value, simplified")
    if "reverse" in modes:
        every = tuple(range(len(xs)))
        close(to_jax(reverse(d))(*xs, jnp.float32(1)), jax.grad(f, every)(*xs), "reverse")
    if "forward" in modes:
        tangents = tuple(jnp.cos(x) for x in xs)
        close(to_jax(forward(d))(*xs, *tangents), jax.jvp(f, xs, tangents), "forward")
    return d
