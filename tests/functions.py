"""JAX functions of every kind with arguments, and the list of equations of a jaxpr; shared by the tests."""

import re

import jax
import jax.numpy as jnp
import numpy as np

X = jnp.linspace(-1.0, 1.0, 3)
W = jnp.linspace(-1.0, 1.0, 9).reshape(3, 3)
IMAGE = jnp.linspace(-1.0, 1.0, 2 * 8 * 8 * 3).reshape(2, 8, 8, 3)


def inner(jaxpr):
    return getattr(jaxpr, "jaxpr", jaxpr)


def equations(jaxpr):
    """Every equation as primitive, results and static parameters, with `jit` inlined and bodies nested."""
    found = []
    for eqn in inner(jaxpr).eqns:
        if eqn.primitive.name in ("jit", "pjit"):
            found += equations(eqn.params["jaxpr"])
            continue
        params = []
        for key, value in sorted(eqn.params.items()):
            for item in value if isinstance(value, tuple) else (value,):
                if hasattr(inner(item), "eqns"):
                    params.append((key, equations(item)))
                elif not callable(item) and not re.search("<function|at 0x|Wrapped function", repr(item)):
                    params.append((key, re.sub(r"np\.int64\((\d+)\)", r"\1", repr(item))))
        found.append((eqn.primitive.name, [str(v.aval) for v in eqn.outvars], params))
    return found


@jax.custom_vjp
def scaled(x, n):
    return x * n, n + 1


scaled.defvjp(lambda x, n: (scaled(x, n), (x, n)), lambda r, c: (c[0] * r[1] * 2, None))


@jax.custom_jvp
def cubed(x, n):
    return x**n


cubed.defjvps(lambda t, ans, x, n: 7.0 * t, None)

FUNCTIONS = {
    "arithmetic": (lambda x, w: jnp.tanh(x @ w + x) / (1.0 + x**2), X, W),
    "relu": (lambda x, i: (jax.nn.relu(x) * 2.0, x[i]), X, jnp.int32(1)),
    "softmax": (lambda x: jax.nn.softmax(jax.nn.gelu(x)), X),
    "variance": (jnp.var, X),
    "attention": (jax.nn.dot_product_attention, *[jnp.ones((3, 4, 5))] * 3),
    "scan with a Python carry": (lambda x: jax.lax.scan(lambda c, y: (c * 3 + y, c), 0.0, x), X),
    "scan over a closure": (lambda x, w: jax.lax.scan(lambda c, y: (c @ w + y, c.sum()), x, jnp.ones((4, 3))), X, W),
    "scan without outputs": (lambda x: jax.lax.scan(lambda c, _: (jnp.sin(c), None), x, None, length=3)[0], X),
    "scan backwards": (lambda x: jax.lax.scan(lambda c, y: (c, y * y), None, x, reverse=True)[1], X),
    "fori": (lambda x: jax.lax.fori_loop(0, 4, lambda i, c: c + i * x, x), X),
    "while": (lambda x: jax.lax.while_loop(lambda c: (c < x).all(), lambda c: c + 0.1 * x, x * 0), abs(X) + 1),
    "switch": (lambda i, x: jax.lax.switch(i, [jnp.sin, jnp.cos], x), jnp.int32(1), X),
    "cond": (lambda x: jax.lax.cond(x.sum() > 0, lambda v: v, lambda v: -v, x), X),
    "scatter": (lambda x: x.at[jnp.array([0, 0])].add(2.0), X),
    "gather": (lambda x: x[jnp.array([2, 0])], X),
    "solve": (lambda x: jax.scipy.sparse.linalg.cg(lambda v: 2 * v, x)[0], X),
    "reduce": (lambda x: jax.lax.reduce(x, 0.0, lambda a, b: a + b * b, (0,)), X),
    "remat": (jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)), policy=jax.checkpoint_policies.dots_saveable), X),
    "random": (lambda k: (jax.random.split(k), jax.random.normal(k, (2,))), jax.random.key(0)),
    "eigh": (jnp.linalg.eigh, W + W.T),
    "cholesky": (lambda w: jnp.linalg.cholesky(w @ w.T + jnp.eye(3)), W),
    "sort": (jnp.sort, X),
    "fft": (jnp.fft.fft, X),
    "convolution": (
        lambda x, k: jax.lax.conv_general_dilated(x, k, (2, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
        IMAGE,
        jnp.ones((3, 3, 3, 4)),
    ),
    "pooling": (lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME"), IMAGE),
    "gradient": (jax.value_and_grad(lambda x: jnp.sum(jax.nn.relu(x) ** 2)), X),
    "hessian": (jax.hessian(lambda x: jnp.sum(jax.nn.relu(x) ** 3)), X),
    "vmap": (jax.vmap(lambda x: jax.nn.logsumexp(x)), W),
    "a user's vjp": (lambda x, n: scaled(jnp.sin(x), n)[0], X, jnp.float32(3.0)),
    "a user's jvp": (cubed, X, jnp.float32(3.0)),
    "pure callback": (lambda x: jax.pure_callback(np.sin, x, x), X),
    "half precision": (lambda x: jax.nn.silu(x.astype("bfloat16")), X),
    "booleans": (lambda x: (x > 0) & (x < 0.5), X),
    "literal nan": (lambda x: jnp.where(x > 0, x, jnp.nan), X),
    "pytrees": (lambda tree: {"b": tree["a"][0] + 1.0, "a": tree["a"][1]}, {"a": [X, W]}),
}
