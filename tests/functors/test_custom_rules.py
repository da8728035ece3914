"""Rules that users gave are honored, and agree with JAX: `custom_jvp` and `custom_vjp`."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import agree
from jax import lax

from paralens import R, from_jax, to_jax
from paralens.categories.errors import DerivativeError
from paralens.functors.derivatives.derivative import forward, reverse

V, U = np.random.default_rng(0).uniform(0.3, 1.5, (2, 3))
X = np.random.default_rng(1).uniform(0.3, 1.5, (4, 3))


@dataclass(frozen=True, eq=False)
class Case:
    """A function and the arrays to take its derivatives at; JAX differentiates `like` where it has none of `f`."""

    name: str
    f: object
    inputs: tuple
    like: object = None
    order: int = 2


@jax.custom_jvp
def wave(x, y):
    return jnp.sin(x) * y, x.sum()


@wave.defjvp
def _(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return wave(x, y), (jnp.cos(x) * dx * y + jnp.sin(x) * dy, dx.sum())


@jax.custom_jvp
def linear(x):
    return 3.0 * x


linear.defjvp(lambda primals, tangents: (linear(*primals), linear(*tangents)))


@jax.custom_jvp
def declared(x):
    return x * x


declared.defjvp(lambda primals, tangents: (declared(*primals), tangents[0] * 7.0 * primals[0]))


@jax.custom_jvp
def counted(x, n):
    return x * n.astype(x.dtype), n + 1


@counted.defjvp
def _(primals, tangents):
    return counted(*primals), (tangents[0] * primals[1].astype(tangents[0].dtype), tangents[1])


@jax.custom_vjp
def both(x, y, n):
    return both_plainly(x, y, n)


def both_plainly(x, y, n):
    return jnp.sin(x) * y, x.sum(), n + 1


def _both_back(residual, cotangents):
    x, y, _, large = residual
    dx = jnp.cos(x) * y * cotangents[0] + cotangents[1]
    return jnp.where(large, dx, dx), jnp.sin(x) * cotangents[0], None


both.defvjp(lambda x, y, n: (both(x, y, n), (x, y, n, x > 0.7)), _both_back)


@jax.custom_vjp
def rounded(x):
    return jnp.round(x)


rounded.defvjp(lambda x: (rounded(x), None), lambda _, c: (c,))


@jax.custom_vjp
def product(x, y):
    return x * y


product.defvjp(lambda x, y: (product(x, y), y), lambda y, c: (c * y, None))


@jax.custom_vjp
def double(x):
    return x * 2.0


double.defvjp(lambda x: (double(x), None), lambda _, c: (double(c),))


def cases():
    yield Case("custom_jvp of two outputs", wave, (V, U))
    yield Case("one output of two", lambda x, y: wave(x, y)[0], (V, U))
    yield Case("one input of two", lambda x: wave(x, jnp.ones(3, x.dtype)), (V,))
    yield Case("custom_jvp twice", lambda x, y: wave(wave(x, y)[0], y), (V, U))
    yield Case("a rule that applies its function", lambda x: linear(jnp.sin(x)) * linear(x), (V,))
    yield Case("a rule that is declared", declared, (V,))
    yield Case("a rule with integers", counted, (V, np.array(3, "int32")))
    yield Case("rules of JAX", lambda x: [f(x) for f in (jax.nn.relu, jax.nn.gelu, jax.nn.logsumexp)], (V - 0.8,))
    args = (V, U, np.array(3, "int32"))
    yield Case("custom_vjp", both, args, both_plainly)
    yield Case("custom_vjp, one output", lambda *xs: both(*xs)[0], args, lambda *xs: both_plainly(*xs)[0])
    yield Case("custom_jvp in a scan", lambda c: lax.scan(lambda c, x: (wave(c, x)[0], wave(x, c)[1]), c, X), (V,))
    in_scan = lambda f: lambda c: lax.scan(lambda c, x: (f(c, x, jnp.array(2))[0], c), c, X)  # noqa: E731
    yield Case("custom_vjp in a scan", in_scan(both), (V,), in_scan(both_plainly))
    in_remat = lambda f: jax.checkpoint(lambda x, y, n: f(jnp.sin(x), y, n)[0] * x)  # noqa: E731
    yield Case("custom_vjp in a checkpoint", in_remat(both), args, in_remat(both_plainly))
    yield Case("no cotangent", product, (V, U), lambda x, y: x * lax.stop_gradient(y), 1)
    yield Case("straight through", rounded, (V,), lambda x: x + lax.stop_gradient(jnp.round(x) - x), 1)
    yield Case("a way back by itself", lambda x: double(jnp.sin(x)) * x, (V,), lambda x: 2.0 * jnp.sin(x) * x)


CASES = list(cases())
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)


@EVERY
def test_first_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *case.inputs, like=case.like, written=False)


@pytest.mark.slow
@EVERY
def test_second_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *case.inputs, like=case.like, order=case.order, written=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name in ("custom_jvp of two outputs", "custom_vjp")], ids=lambda c: c.name
)
def test_third_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(case.f, *case.inputs, like=case.like, order=3, written=False)


@pytest.mark.parametrize("first", ["rule", "function"])
def test_a_rule_that_applies_a_function_with_a_rule_does_not_depend_on_what_was_differentiated_before(first):
    @jax.custom_jvp
    def f(x):
        return 4.0 * x

    closed = jax.jit(lambda x: f(x) * 1.0)
    f.defjvp(lambda primals, tangents: (f(*primals), closed(*tangents) * 10.0))
    functions = [lambda x: f(x) + 0.0, lambda x: closed(x) * 2.0]
    order = functions if first == "rule" else functions[::-1]
    found = {g: float(to_jax(reverse(from_jax(g, R())))(1.0, 1.0)) for g in order}
    assert found[functions[0]] == jax.grad(f)(1.0) == 40.0
    assert found[functions[1]] == jax.grad(lambda x: closed(x) * 2.0)(1.0) == 80.0


def test_a_function_that_a_rule_applies_to_a_tangent_is_transposed_by_its_definition():
    @jax.custom_jvp
    def inner(x):
        return 3.0 * x

    inner.defjvp(lambda primals, tangents: (inner(*primals), tangents[0] * 100.0))

    @jax.custom_jvp
    def f(x):
        return x

    for apply in (inner, jax.jit(inner), jax.checkpoint(inner)):
        f.defjvp(lambda primals, tangents, apply=apply: (f(*primals), apply(*tangents)))
        assert float(to_jax(reverse(from_jax(f, R())))(1.0, 1.0)) == jax.grad(f)(1.0) == 3.0


def test_a_rule_that_is_not_linear_in_the_tangent_is_refused_by_name():
    @jax.custom_jvp
    def f(x):
        return x * x

    f.defjvp(lambda primals, tangents: (f(*primals), tangents[0] * tangents[0]))
    d = from_jax(f, R())
    with pytest.raises(DerivativeError, match="at f/mul: mul is not linear, but a derivative rule applies it"):
        reverse(d)
    assert [float(v) for v in to_jax(forward(d))(3.0, 2.0)] == [9.0, 4.0]


def test_the_forward_derivative_of_a_custom_vjp_is_the_transpose_of_its_way_back():
    dy = to_jax(forward(from_jax(lambda x: rounded(x) * x, R())))(1.7, 2.0)
    np.testing.assert_allclose(dy, (3.4, 2.0 * (2.0 + 1.7)), rtol=1e-6)


def test_a_custom_vjp_whose_way_back_is_not_linear_has_no_forward_derivative():
    @jax.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, c: (jnp.clip(c, -1.0, 1.0),))
    d = from_jax(lambda x: clipped(x) * x, R())
    assert float(to_jax(reverse(d))(2.0, 3.0)) == 7.0
    with pytest.raises(DerivativeError, match="not linear"):
        forward(d)


@pytest.mark.parametrize(
    "f, like, told",
    [
        (lambda a, b: jax.scipy.special.xlogy(a, b), (jnp.ones(2, int), jnp.ones(2)), "Called multiply with a float0"),
        (lambda a, b: jax.scipy.special.xlog1py(b, a), (jnp.ones(2, int), jnp.ones(2)), "log1p does not accept dtype"),
        (lambda a: jnp.linalg.det(a), (jnp.ones((0, 0)),), "index is out of bounds"),
    ],
)
def test_what_a_rule_raises_is_a_missing_derivative_with_its_path(f, like, told):
    moving = [k for k, a in enumerate(like) if a.dtype == jnp.float32]
    text = f"^at inner/.*the derivative rule of .* fails with .*{told}"
    with jax.numpy_dtype_promotion("standard"):
        with pytest.raises((TypeError, IndexError), match=told):
            jax.grad(lambda *xs: f(*xs).sum(), moving)(*like)
        d = from_jax(f, *like).boxed("inner") >> from_jax(jnp.sum, from_jax(f, *like).cod)
        for derivative in (reverse, forward):
            with pytest.raises(DerivativeError, match=text) as error:
                derivative(d)
            assert error.value.path[0] == "inner"


def test_an_error_in_a_users_rule_is_told_with_the_name_of_the_function():
    @jax.custom_vjp
    def half(x):
        return x * 0.5

    half.defvjp(lambda x: (half(x), {}["nothing"]), lambda _, c: (c * 0.5,))
    with pytest.raises(DerivativeError, match=r"the derivative rule of half : R\(\) -> R\(\) fails with KeyError"):
        reverse(from_jax(half, R()))
