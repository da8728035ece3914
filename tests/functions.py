"""JAX functions of every kind with arguments, and the list of equations of a jaxpr; shared by the tests."""

import re

import jax
import jax.experimental.ode
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.experimental import pallas as pl

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
            if key in ("ft_in", "ft_out"):
                continue  # how a version of JAX groups the operands of a scan, which the shapes say already
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


def _custom_root(x):
    def newton(f, y):
        return jax.lax.fori_loop(0, 20, lambda i, v: v - f(v) / (3 * v * v + 1e-3), y)

    return jax.lax.custom_root(lambda y: y**3 - x.sum(), x.sum() + 1.0, newton, lambda g, y: y / g(1.0))


def _odeint(x):
    return jax.experimental.ode.odeint(lambda y, t: -y * x.sum(), x, jnp.linspace(0.0, 1.0, 3))


def _kernel(x):
    def body(source, target):
        target[...] = source[...] + 1.0

    return pl.pallas_call(body, out_shape=jax.ShapeDtypeStruct(x.shape, x.dtype), interpret=True)(x)


def _scan_of_sines(x):
    return jax.lax.scan(lambda c, a: (jnp.sin(c) * a, c), 1.0, x)[0]


MESH = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("i",))
SQUARE = W + 3.0 * jnp.eye(3)
SPEC = jax.sharding.PartitionSpec("i")
# Rarer primitives and nested programs; not all of them have a written form.
RARE = {
    "shard_map": (
        lambda x: jax.shard_map(lambda a: jax.lax.psum(a, "i"), mesh=MESH, in_specs=SPEC, out_specs=SPEC)(x),
        X,
    ),
    "sharding constraint": (
        lambda x: jax.lax.with_sharding_constraint(x * 2, jax.sharding.NamedSharding(MESH, SPEC)),
        X,
    ),
    "pallas": (_kernel, X),
    "associative scan": (lambda x: jax.lax.associative_scan(jnp.add, x), X),
    "map": (lambda x: jax.lax.map(jnp.sin, x), X),
    "platform": (lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos), X),
    "barrier": (jax.lax.optimization_barrier, X),
    "root": (_custom_root, X + 2.0),
    "ode": (_odeint, X),
    "top k": (lambda x: jax.lax.top_k(x, 2), X),
    "named checkpoint": (lambda x: checkpoint_name(jnp.sin(x), "a"), X),
    "linear call": (lambda x: jax.custom_derivatives.linear_call(lambda r, v: v * r, lambda r, c: c * r, x, x), X),
    "svd": (jnp.linalg.svd, SQUARE),
    "qr": (jnp.linalg.qr, SQUARE),
    "lu": (jax.scipy.linalg.lu, SQUARE),
    "linear solve": (jnp.linalg.solve, SQUARE, X),
    "special functions": (lambda x: (jax.scipy.special.gammaln(x), jax.scipy.special.i0(x), jax.lax.erf_inv(x / 2)), X),
    "sort by keys": (lambda x: jnp.lexsort((x, x)), X),
    "unique": (lambda x: jnp.unique(x, size=3), X),
    "gradient of pooling": (
        jax.grad(lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2,), (1,), "VALID").sum()),
        X,
    ),
    "einsum at a precision": (lambda w: jnp.einsum("ij,kj->ik", w, w, precision="highest"), W),
    "complex": (lambda x: jnp.abs(jnp.conj(x + 1j * x)), X),
    "another generator": (lambda: jax.random.normal(jax.random.key(0, impl="rbg"), (2,)),),
    "raw keys": (lambda k: jax.random.uniform(k, (2,)), jax.random.PRNGKey(0)),
    "integers": (lambda i: (jnp.bitwise_xor(i, 3), jax.lax.population_count(i), i // 2, i % 3), jnp.arange(4)),
    "float8": (lambda x: x.astype("float8_e4m3fn").astype("float32"), X),
    "transposed convolution": (
        lambda x: jax.lax.conv_transpose(x, jnp.ones((3, 3, 3, 2)), (2, 2), "SAME"),
        IMAGE,
    ),
    "jacobian": (jax.jacrev(lambda x: jnp.tanh(W @ x)), X),
    "third derivative": (jax.grad(jax.grad(jax.grad(lambda t: jnp.sin(t) * t))), 1.0),
    "gradient of a scan": (jax.grad(_scan_of_sines), X),
    "gradient of remat": (jax.grad(lambda x: jax.checkpoint(lambda v: jnp.sin(jnp.sin(v)))(x).sum()), X),
    "batched cond": (jax.vmap(lambda a: jax.lax.cond(a > 0, jnp.sin, jnp.cos, a)), X),
    "interpolation": (lambda x: jnp.interp(x, jnp.sort(x), x), X),
}
