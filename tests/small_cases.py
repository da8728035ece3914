"""Every generator of the table of facts at a size at which its entries can be written down: scalars, 2 by 2 matrices.

Used to compare the exact meaning of generators with JAX, and to prove their derivative rules.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from paralens import C, R, Z
from paralens.functors.derivative_rules.elementary import ELEMENTARY

NUMBER, PAIR, THREE, SQUARE = R(), R(2), R(3), R(2, 2)


@dataclass(frozen=True, eq=False)
class Case:
    """A function of inputs of these types, sampled between two bounds; `known` gives inputs that are not symbols.

    `undecided` tells, in part, why its derivatives are not proved.
    """

    name: str
    f: object
    types: tuple
    within: tuple = (-1.0, 1.0)
    known: dict = field(default_factory=dict)
    undecided: str = ""

    def arrays(self, seed=0):
        """Random inputs."""
        rng = np.random.default_rng(seed)
        return [self._array(i, t.wire, rng) for i, t in enumerate(self.types)]

    def _array(self, i, w, rng):
        if i in self.known:
            return np.asarray(self.known[i], w.dtype)
        values = rng.uniform(*self.within, w.shape)
        if w.kind == "C":
            values = values + 1j * rng.uniform(*self.within, w.shape)
        return np.asarray(rng.integers(0, 2, w.shape) if w.kind == "Z" else values).astype(w.dtype)


def whole(*numbers):
    return np.array(numbers, "int32")


def elementary():
    positive, inside = (0.3, 3.0), (0.2, 0.8)
    domains = dict.fromkeys(("log", "log2", "log1p", "sqrt", "rsqrt", "lgamma", "digamma"), positive)
    domains |= dict.fromkeys(("asin", "acos", "atanh", "erf_inv"), inside) | {"acosh": (1.2, 3.0)}
    # between the smallest numbers the rule has a constant, where dividing would lose everything
    tiny = {"bessel_i1e": "x + 1/8388608 > 0"}
    for name in ELEMENTARY:
        if hasattr(lax, name):
            yield Case(
                name, getattr(lax, name), (NUMBER,), domains.get(name, (-1.0, 1.0)), undecided=tiny.get(name, "")
            )
    for name in ("exp", "log", "sin", "tanh", "sqrt", "square"):
        yield Case(f"{name} of a complex number", getattr(lax, name), (C(),), (0.2, 0.8))


def arithmetic():
    two = (NUMBER, NUMBER)
    for name in ("add", "sub", "mul", "max", "min", "atan2", "nextafter"):
        yield Case(name, getattr(lax, name), two)
    yield Case("add of a scalar", lax.add, (NUMBER, PAIR))
    yield Case("mul of a scalar", lax.mul, (PAIR, NUMBER))
    yield Case("mul of complex numbers", lax.mul, (C(), C()))
    yield Case("div", lax.div, two, (0.3, 2.0))
    yield Case("div by a scalar", lax.div, (PAIR, NUMBER), (0.3, 2.0))
    yield Case("neg", lax.neg, (PAIR,))
    yield Case("pow", lax.pow, two, (0.3, 2.0))
    yield Case("pow of integers", lax.pow, (R(4), Z(4)), (0.3, 2.0), {1: whole(0, 1, 3, -2)})
    for n in (-2, 0, 1, 3):
        yield Case(f"integer_pow {n}", lambda x, n=n: lax.integer_pow(x, n), (NUMBER,), (0.3, 2.0))
    yield Case("rem", lax.rem, two, (0.3, 2.0))
    yield Case("clamp", lambda x, low, w: lax.clamp(low, x, low + lax.exp(w)), (NUMBER,) * 3)
    yield Case("abs", lax.abs, (PAIR,))
    yield Case("abs of a complex number", lax.abs, (C(),))
    yield Case("sign", lambda x: x * lax.sign(x), (NUMBER,))
    yield Case("sign of a complex number", lax.sign, (C(),))
    yield Case("select_n", lambda i, x, y: lax.select_n(i > 0, x, y), (Z(2), PAIR, PAIR))
    yield Case("select_n of three", lambda i, x, y: lax.select_n(i, x, y, x * y), (Z(), NUMBER, NUMBER))
    yield Case("copy", lambda x: jnp.array(x, copy=True), (NUMBER,))
    yield Case("name", lambda x: jax.ad_checkpoint.checkpoint_name(x * 2.0, "twice"), (NUMBER,))
    yield Case("optimization_barrier", lambda x, y: lax.optimization_barrier((x * y, y))[0], two)
    yield Case("add_any", jax.grad(lambda y: jnp.sin(y) * y), (NUMBER,))
    if hasattr(lax, "polynomial"):
        yield Case("polynomial", lambda x, a, b: lax.polynomial(x, [a, b, a]), (NUMBER,) * 3)


def conversions():
    yield Case("reduce_precision", lambda x: lax.reduce_precision(x, 11, 52), (NUMBER,))
    yield Case("convert_element_type", lambda x: lax.convert_element_type(x, "complex64"), (NUMBER,))
    yield Case("convert to integers", lambda x: x * lax.convert_element_type(x, "int32").astype(x.dtype), (NUMBER,))
    yield Case("real", lambda x: lax.real(x * x), (C(),))
    yield Case("imag", lambda x: lax.imag(x * x), (C(),))
    yield Case("complex", lambda x, y: lax.exp(lax.complex(x, y)), (NUMBER, NUMBER))
    yield Case("conj", lambda x: lax.conj(x) * x, (C(),))


def reindexing():
    yield Case("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 2, 2), (0, 2)), (R(1, 2),))
    yield Case("reshape", lambda x: lax.reshape(x, (3, 2)), (R(2, 3),))
    yield Case("reshape of axes permuted", lambda x: lax.reshape(x, (2, 3), (1, 0)), (R(2, 3),))
    yield Case("squeeze", lambda x: lax.squeeze(x, (1,)), (R(3, 1),))
    yield Case("transpose", lambda x: lax.transpose(x, (2, 0, 1)), (R(2, 1, 2),))
    yield Case("rev", lambda x: lax.rev(x, (0,)), (SQUARE,))
    yield Case("tile", lambda x: jnp.tile(x, (2, 2)), (R(1, 2),))
    yield Case("pad", lambda x, c: lax.pad(x, c, [(1, -1, 2), (-1, 2, 0)]), (SQUARE, NUMBER))
    yield Case("concatenate", lambda x, y: lax.concatenate([x, y, x], 0), (PAIR, THREE))
    yield Case("split", lambda x: lax.split(x, [1, 2], 0), (THREE,))
    yield Case("stack", lambda x, y: jnp.stack([x, y], 1), (PAIR, PAIR))
    yield Case("unstack", lambda x: jnp.unstack(x, axis=1), (SQUARE,))
    yield Case("device_put", lambda x: jax.device_put(x), (PAIR,))
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    yield Case("sharding_constraint", lambda x: lax.with_sharding_constraint(x, device), (PAIR,))


def indexing():
    places, out = {1: whole(0, 2, 2)}, {1: whole(-9, 1, 9)}
    yield Case("slice", lambda x: lax.slice(x, (1,), (5,), (3,)), (R(5),))
    yield Case("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i,), (2,)), (THREE, Z()))
    yield Case(
        "dynamic_slice at the border", lambda x, i: lax.dynamic_slice(x, (i[0],), (2,)), (THREE, Z(1)), known={1: [9]}
    )
    yield Case("dynamic_update_slice", lambda x, i, u: lax.dynamic_update_slice(x, u, (i,)), (THREE, Z(), PAIR))
    yield Case("gather", lambda x, i: x[i], (THREE, Z(2)))
    yield Case("gather rows", lambda x, i: x[i], (R(3, 2), Z(3)), known=places)
    yield Case("scatter-add", lambda x, i, u: x.at[i].add(u), (THREE, Z(2), PAIR))
    for mode in ("clip", "drop"):
        many = (THREE, Z(3), THREE)
        yield Case(
            f"gather, {mode}", lambda x, i, m=mode: x.at[i].get(mode=m, fill_value=7.0), (THREE, Z(3)), known=out
        )
        yield Case(f"scatter-add, {mode}", lambda x, i, u, m=mode: x.at[i].add(u, mode=m), many, known=out)
        yield Case(f"scatter, {mode}", lambda x, i, u, m=mode: x.at[i].set(u, mode=m), many, known=out)
    yield Case("scatter", lambda x, i, u: x.at[i].set(u), (THREE, Z(3), THREE), known=places)
    yield Case("scatter-sub", lambda x, i, u: x.at[i].subtract(u), (THREE, Z(3), THREE), known=places)
    once = {1: whole(2, 0)}
    yield Case("scatter-mul", lambda x, i, u: x.at[i].multiply(u, unique_indices=True), (THREE, Z(2), PAIR), known=once)
    yield Case("scatter-max", lambda x, i, u: x.at[i].max(u), (THREE, Z(2), PAIR), known=once)
    yield Case("scatter-min", lambda x, i, u: x.at[i].min(u, mode="drop"), (PAIR, Z(2), PAIR), known={1: whole(1, 1)})


def order():
    yield Case("sort", lambda x: lax.sort(x, dimension=0), (THREE,))
    yield Case("sort by two keys", lambda x, y: lax.sort([x, y, x * y], dimension=0, num_keys=2), (PAIR, PAIR))
    yield Case("sort by numbers", lambda i, x: lax.sort([-i, x], dimension=0), (Z(3), THREE), known={0: whole(1, 2, 0)})
    yield Case("top_k", lambda x: lax.top_k(x, 2)[0], (THREE,))
    yield Case("approx_top_k", lambda x: lax.approx_max_k(x, 1)[0], (THREE,))
    yield Case("argmax", lambda x: x[x.argmax()], (THREE,))


def products():
    plain = lax.RaggedDotDimensionNumbers((([1], [1]), ([], [])), [0], [0])
    ragged = (R(3, 2), R(2, 2, 2), Z(2))
    yield Case("dot_general", lambda x, y: x @ y, (R(2, 3), R(3, 2)))
    yield Case(
        "dot_general in batches",
        lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))),
        (R(2, 1, 2), R(2, 2, 1)),
    )
    yield Case("dot of scalars", lambda x, y: lax.dot_general(x, y, (((), ()), ((), ()))), (NUMBER, PAIR))
    yield Case(
        "ragged_dot_general", lambda x, y, n: lax.ragged_dot_general(x, y, n, plain), ragged, known={2: whole(2, 1)}
    )


def reductions():
    yield Case("reduce_sum", lambda x: x.sum(0), (R(3, 2),))
    yield Case("reduce_max", lambda x: x.max(1), (R(2, 3),))
    yield Case("reduce_min", lambda x: x.min(), (THREE,))
    yield Case("reduce_prod", lambda x: lax.reduce_prod(x, (0,)), (R(3, 2),))
    for name in ("cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp"):
        for back in (False, True):
            f = getattr(lax, name)
            yield Case(f"{name}{', back' * back}", lambda x, f=f, back=back: f(x, 0, reverse=back), (THREE,))


def windows():
    def pool(x, op, start):
        return lax.reduce_window(x, np.array(start, x.dtype), op, (2,), (1,), ((1, 0),), (2,))

    def gradient(x):
        return jax.grad(
            lambda v: (jnp.array([2.0, 3.0]) * lax.reduce_window(v, -np.inf, lax.max, (2,), (1,), "VALID")).sum()
        )(x)

    yield Case("reduce_window_sum", lambda x: pool(x, lax.add, 0), (THREE,))
    yield Case("reduce_window_max", lambda x: pool(x, lax.max, -np.inf), (THREE,))
    yield Case("reduce_window_min", lambda x: pool(x, lax.min, np.inf), (THREE,))
    yield Case("select_and_scatter_add", lambda x: gradient(x) * x, (THREE,))
    tangent = lambda x, t: jax.jvp(lambda v: pool(v, lax.max, -np.inf), (x,), (t,))[1]  # noqa: E731
    yield Case("select_and_gather_add", tangent, (PAIR, PAIR))
    convolved = lambda x, w: lax.conv_general_dilated(x, w, (2,), ((1, 1),), rhs_dilation=(2,))  # noqa: E731
    yield Case("conv_general_dilated", convolved, (R(1, 2, 3), R(1, 2, 2)))


def linear_algebra():
    solvers, matrix = lax.linalg, (R(2, 2, dtype="float32"),)
    for left in (True, False):
        for lower in (True, False):
            options = {"left_side": left, "lower": lower, "transpose_a": left, "unit_diagonal": not lower}
            yield Case(
                f"triangular_solve {left} {lower}",
                lambda a, b, options=options: solvers.triangular_solve(a, b, **options),
                (SQUARE, R(2, 1) if left else R(1, 2)),
                (0.5, 2.0),
            )
    yield Case("triangular_solve, complex", _conjugated, (C(2, 2), C(2, 1)), (0.5, 2.0))
    yield Case("tridiagonal_solve", _tridiagonal, (PAIR, PAIR, PAIR, R(2, 1)))
    yield Case("cholesky", lambda x: solvers.cholesky(x @ x.T + jnp.eye(2, dtype=x.dtype)), matrix)
    yield Case("lu", lambda x: solvers.lu(x)[0], matrix)
    # without full rank LAPACK's factors still turn smoothly, and the rule divides by zero
    yield Case("qr", lambda x: solvers.qr(x + 3 * jnp.eye(2, dtype=x.dtype)), matrix)
    yield Case("eigh", solvers.eigh, matrix)
    yield Case("eigh of the upper triangle", lambda x: solvers.eigh(x, lower=False), matrix)
    yield Case("eigenvalues", lambda x: solvers.eigh(x)[1], matrix)
    yield Case("svd", lambda x: solvers.svd(x, full_matrices=False), (R(2, 1),))
    yield Case("singular values", lambda x: solvers.svd(x, compute_uv=False), matrix)
    options = {"compute_left_eigenvectors": False, "compute_right_eigenvectors": False}
    yield Case("eig", lambda x: solvers.eig(x, **options), matrix, undecided="eig[")
    yield Case("determinant", jnp.linalg.det, matrix)
    yield Case("fft", lambda x: lax.fft(x, "FFT", (3,)), (C(3),))
    yield Case("inverse fft", lambda x: lax.fft(x, "IFFT", (2, 2)), (C(2, 2),))
    yield Case("rfft", lambda x: lax.fft(x, "RFFT", (4,)), (R(4),))
    yield Case("irfft", lambda x: lax.fft(x, "IRFFT", (3,)), (C(2),))


def _conjugated(a, b):
    return lax.linalg.triangular_solve(a, b, left_side=True, lower=True, transpose_a=True, conjugate_a=True)


def _tridiagonal(low, mid, up, b):
    edge = jnp.array([0.0, 1.0], low.dtype)
    return lax.linalg.tridiagonal_solve(low * edge, mid + 5.0, up * edge[::-1], b)


def special():
    positive, inside = (0.5, 3.0), (0.2, 0.8)
    yield Case("polygamma", lambda x: lax.polygamma(jnp.float32(2), x), (NUMBER,), positive)
    yield Case("zeta", lambda q: lax.zeta(jnp.float32(3), q), (NUMBER,), positive)
    yield Case("igamma", lax.igamma, (NUMBER, NUMBER), positive)
    yield Case("igammac", lax.igammac, (NUMBER, NUMBER), positive)
    yield Case("igamma_grad_a", lambda x: lax.igamma_grad_a(jnp.float32(1.5), x), (NUMBER,), positive)
    yield Case(
        "regularized_incomplete_beta", lambda x: lax.betainc(jnp.float32(2), jnp.float32(1.5), x), (NUMBER,), inside
    )
    draw = lambda a: jax.random.gamma(jax.random.key(0), a)  # noqa: E731
    yield Case("random_gamma", draw, (NUMBER,), positive, undecided="random_gamma")


def still():
    for name in ("floor", "ceil", "round"):
        step = getattr(lax, name)
        yield Case(name, lambda x, f=step: x * f(x), (NUMBER,), (-3.0, 3.0))
    yield Case("eq", lambda x, y: x * (x == y).astype(x.dtype), (NUMBER, NUMBER))
    yield Case("is_finite", lambda x: x * lax.is_finite(x).astype(x.dtype), (NUMBER,))


MAKERS = (elementary, arithmetic, conversions, reindexing, indexing, order, products, reductions, windows)
CASES = [case for make in (*MAKERS, linear_algebra, special, still) for case in make()]
