"""A library as others write one: a primitive, and special functions with their own rules. It knows nothing of us."""

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

cube_p = Primitive("cube")


def cube(x):
    """x³."""
    return cube_p.bind(jnp.asarray(x))


def _times(x):
    return x * x * x


cube_p.def_impl(_times)
cube_p.def_abstract_eval(lambda x: x)
mlir.register_lowering(cube_p, mlir.lower_fun(_times, multiple_results=False))
ad.defjvp(cube_p, lambda t, x: 3.0 * t * x * x)
batching.defvectorized(cube_p)


@jax.custom_jvp
def lambertw(x):
    """The w from -1 on with w exp(w) = x, for x from -1/e on."""
    w = jnp.log1p(x)
    for _ in range(8):
        e = jnp.exp(w)
        w = w - (w * e - x) / (e * (w + 1.0))
    return w


@lambertw.defjvp
def _(primals, tangents):
    w = lambertw(*primals)
    return w, tangents[0] / (jnp.exp(w) * (1.0 + w))


@jax.custom_jvp
def erfcx(x):
    """The scaled complementary error function exp(x²) erfc(x)."""
    return jnp.exp(x * x) * jax.scipy.special.erfc(x)


@erfcx.defjvp
def _(primals, tangents):
    y = erfcx(*primals)
    return y, (2.0 * primals[0] * y - 2.0 / jnp.sqrt(jnp.pi).astype(y.dtype)) * tangents[0]
