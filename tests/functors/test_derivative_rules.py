"""The facts about arithmetic, elementary functions, indexing, order, products and reductions agree with JAX."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import agree, every_box
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from paralens import from_jax, to_jax
from paralens.categories.errors import DerivativeError
from paralens.functors.derivative_rules.arithmetic import ARITHMETIC
from paralens.functors.derivative_rules.elementary import ELEMENTARY
from paralens.functors.derivative_rules.indexing import INDEXING
from paralens.functors.derivative_rules.order import ORDER
from paralens.functors.derivative_rules.products import PRODUCTS
from paralens.functors.derivative_rules.reductions import REDUCTIONS
from paralens.functors.derivative_rules.reindexing import REINDEXING
from paralens.functors.derivatives.derivative import forward, reverse


@dataclass(frozen=True)
class On:
    """Random numbers of a shape between two bounds."""

    shape: tuple = (3,)
    low: float = -2.0
    high: float = 2.0

    def array(self, dtype, rng):
        values = rng.uniform(self.low, self.high, self.shape)
        if np.issubdtype(np.dtype(dtype), np.complexfloating):
            values = values + 1j * rng.uniform(0.1, 0.7, self.shape)
        return values.astype(dtype)


@dataclass(frozen=True, eq=False)
class Case:
    """A function of arrays; integers stand for themselves. `like` is the same function for JAX to differentiate."""

    name: str
    f: object
    inputs: tuple
    complex: bool = True
    low: bool = True  # whether JAX has it in bfloat16, and it is not too rough there
    like: object = None
    tolerance: float | None = None  # of a conversion inside, where the dtype of the result does not tell

    def arrays(self, dtype):
        rng = np.random.default_rng(len(self.name))
        return [x.array(dtype, rng) if isinstance(x, On) else np.asarray(x) for x in self.inputs]


def elementary():
    """One case each, on a domain where it is smooth."""
    inside, beyond = (0.2, 0.8), (1.2, 3.0)
    domains = dict.fromkeys(("log", "log2", "log1p", "sqrt", "rsqrt", "cbrt", "lgamma", "digamma"), (0.3, 3.0))
    domains |= dict.fromkeys(("asin", "acos", "atanh", "erf_inv"), inside) | {"acosh": beyond, "tan": (-1.0, 1.0)}
    real = ("cbrt", "erf", "erfc", "erf_inv", "lgamma", "digamma", "bessel_i0e", "bessel_i1e")
    rough = ("lgamma", "digamma", "erf_inv", "bessel_i0e", "bessel_i1e")
    for name in ELEMENTARY:
        if hasattr(lax, name):
            yield Case(
                name,
                getattr(lax, name),
                (On((3,), *domains.get(name, (-2.0, 2.0))),),
                name not in real,
                name not in rough,
            )


def arithmetic():
    def limited(low, x, high):  # JAX has no derivative of scalar limits
        return lax.clamp(jnp.broadcast_to(low, x.shape), x, jnp.broadcast_to(high, x.shape))

    pair = (On(), On((3,), 0.5, 2.0))
    for name in ("add", "sub", "mul", "div", "atan2"):
        yield Case(name, getattr(lax, name), pair, name != "atan2")
    yield Case("neg", lax.neg, (On(),))
    yield Case("pow", lax.pow, (On((3,), 0.5, 2.0), On()))
    yield Case(
        "pow of integers",
        lax.pow,
        (On((5,)), np.array([0, 1, 2, 3, -2], "int32")),
        like=lambda x, n: x ** n.astype(x.dtype),
    )
    for n in (-2, 0, 1, 2, 3):
        yield Case(f"integer_pow {n}", lambda x, n=n: lax.integer_pow(x, n), (On((3,), 0.5, 2.0),))
    yield Case("max", lax.max, (On(), On()), complex=False)
    yield Case("min", lax.min, (On(), On()), complex=False)
    yield Case("rem", lax.rem, (On((3,), 2.2, 2.8), On((3,), 0.9, 1.0)), complex=False)
    yield Case("nextafter", lax.nextafter, (On(), On()), complex=False, low=False, like=lambda x, y: x)
    yield Case("clamp", lax.clamp, (On((), -1, -0.5), On((9,)), On((), 0.5, 1)), complex=False, like=limited)
    yield Case("clamp arrays", lax.clamp, (On((9,), -2, 0), On((9,)), On((9,), 0, 2)), complex=False)
    yield Case("abs", lax.abs, (On(),))
    yield Case(
        "sign", lax.sign, (On(),), like=lambda x: x / jnp.abs(x).astype(x.dtype) if x.dtype.kind == "c" else lax.sign(x)
    )
    yield Case("select_n", lambda p, x, y: lax.select_n(p, x, y), (np.array([True, False, True]), On(), On()))
    yield Case("select_n of a scalar", lambda p, x, y: lax.select_n(p, x, y), (np.array(True), On(), On()))
    yield Case(
        "select_n of three", lambda p, *xs: lax.select_n(p, *xs), (np.array([2, 0, 1], "int32"), On(), On(), On())
    )
    yield Case("reduce_precision", lambda x: lax.reduce_precision(x, 11, 52), (On(),), complex=False)
    yield Case("copy", lambda x: jnp.array(x, copy=True), (On(),))
    yield Case("name", lambda x: jax.ad_checkpoint.checkpoint_name(x * 2.0, "twice"), (On(),))
    yield Case("optimization_barrier", lambda x, y: lax.optimization_barrier((x * y, y, 3))[0], (On(), On()))
    yield Case("add_any", lambda x: jax.grad(lambda y: (jnp.sin(y) * y).sum())(x), (On(),), complex=False)
    if hasattr(lax, "polynomial"):
        yield Case("polynomial", lambda x, a, b: lax.polynomial(x, [a, b, a, b]), (On(), On((3,)), On((3,))))
        yield Case("constant polynomial", lambda x, a: lax.polynomial(x, [a]), (On(), On((3,))))


def conversions():
    yield Case("convert", lambda x: lax.convert_element_type(x, "bfloat16"), (On(),), complex=False, tolerance=4e-2)
    yield Case("convert to complex", lambda x: lax.convert_element_type(x, "complex64"), (On(),), tolerance=2e-2)
    yield Case("convert to real", lambda x: lax.convert_element_type(lax.complex(x, x), x.dtype), (On(),), False, False)
    yield Case(
        "convert to integers", lambda x: x * lax.convert_element_type(x, "int32").astype(x.dtype), (On(),), False
    )
    yield Case("real", lambda x, y: lax.real(lax.complex(x, y) * lax.complex(y, x)), (On(), On()), False, False)
    yield Case("imag", lambda x: lax.imag(lax.exp(lax.complex(x, x))), (On(),), False, False)
    yield Case("conj", lambda x, y: lax.conj(lax.complex(x, y)) * lax.complex(x, y), (On(), On()), False, False)
    yield Case("conj of reals", lambda x: lax.exp(lax.conj(x)), (On(),), False, False)


def reindexing():
    a = On((3, 4))
    yield Case("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 3, 4), (0, 2)), (On((1, 4)),))
    yield Case("reshape", lambda x: lax.reshape(x, (2, 6)), (a,))
    yield Case("reshape of axes permuted", lambda x: lax.reshape(x, (2, 6), (2, 0, 1)), (On((3, 2, 2)),))
    yield Case("squeeze", lambda x: lax.squeeze(x, (1,)), (On((3, 1)),))
    yield Case("transpose", lambda x: lax.transpose(x, (2, 0, 1)), (On((3, 2, 4)),))
    yield Case("rev", lambda x: lax.rev(x, (0,)), (a,))
    yield Case("tile", lambda x: jnp.tile(x, (2, 3)), (a,))
    yield Case("pad", lambda x, c: lax.pad(x, c, [(1, -1, 2), (-1, 2, 0)]), (a, On(())))
    yield Case("concatenate", lambda x, y: lax.concatenate([x, y, x], 1), (a, On((3, 2))))
    yield Case("split", lambda x: lax.split(x, [1, 2, 1], 1), (a,))
    yield Case("one part of a split", lambda x: lax.split(x, [1, 3], 1)[1], (a,))
    yield Case("stack", lambda x, y: jnp.stack([x, y], 1), (a, a))
    yield Case("unstack", lambda x: jnp.unstack(x, axis=1)[1:], (a,))
    yield Case("device_put", lambda x, n: jax.device_put((x, n))[0], (a, np.arange(3, dtype="int32")))
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    yield Case("sharding_constraint", lambda x: lax.with_sharding_constraint(x, device), (a,))


def indexing():
    a, i, out = On((4, 3)), np.array([0, 2, 2], "int32"), np.array([-9, 1, 9], "int32")
    u, once = On((3, 3)), np.array([3, 0, 1], "int32")
    yield Case("slice", lambda x: lax.slice(x, (1, 0), (4, 3), (2, 1)), (a,))
    yield Case("empty slice", lambda x: lax.slice(x, (2, 0), (2, 3)), (a,))
    yield Case("dynamic_slice", lambda x, i: lax.dynamic_slice(x, (i[2], i[2]), (3, 2)), (a, i))
    yield Case("dynamic_update_slice", lambda x, u, i: lax.dynamic_update_slice(x, u, (i[2], i[0])), (a, On((2, 2)), i))
    yield Case("gather", lambda x, i: x[i], (a, i))
    yield Case("gather windows", lambda x, i: x[i[:, None], i[None]], (a, i))
    yield Case("gather in batches", lambda x, i: jnp.take_along_axis(x, i[None], 1), (a, i))
    for mode in ("fill", "clip", "promise_in_bounds"):
        places = i if mode == "promise_in_bounds" else out
        yield Case(
            f"gather, {mode}",
            lambda x, i, m=mode: x.at[i].get(mode=m, fill_value=7.0 if m == "fill" else None),
            (a, places),
        )
        yield Case(f"scatter-add, {mode}", lambda x, i, u, m=mode: x.at[i].add(u, mode=m), (a, places, u))
        yield Case(f"scatter, {mode}", lambda x, i, u, m=mode: x.at[i].set(u, mode=m), (a, places, u))
    yield Case("scatter-add of constants", lambda x, i: x.at[i].add(1.0), (a, i))
    yield Case("scatter-sub", lambda x, i, u: x.at[i].subtract(u), (a, i, u))
    yield Case("scatter columns", lambda x, i, u: x.at[:2, i].set(u), (a, i, On((2, 3))))
    yield Case("scatter once", lambda x, i, u: x.at[i].set(u, unique_indices=True), (a, once, u))
    yield Case("scatter-mul", lambda x, i: x.at[i].multiply(3.0), (a, i))
    yield Case("scatter-mul once", lambda x, i, u: x.at[i].multiply(u, unique_indices=True), (a, once, u))
    yield Case("scatter-max", lambda x, i, u: x.at[i].max(u), (a, i, u), complex=False)
    yield Case("scatter-min", lambda x, i, u: x.at[i].min(u, mode="drop"), (a, out, u), complex=False)


def order():
    a, places = On((4, 3)), np.arange(12, dtype="int32").reshape(4, 3)
    yield Case("sort", lambda x: lax.sort(x, dimension=0), (a,))
    yield Case("sort several", lambda x, y: lax.sort([x, y, x * y], dimension=1, num_keys=2), (a, a))
    yield Case("sort with places", lambda x, i: lax.sort([x, i], dimension=0, is_stable=False), (a, places))
    yield Case("sort by integers", lambda i, x: lax.sort([-i, x], dimension=1), (places, a))
    yield Case("argsort", lambda x: x * jnp.argsort(x, axis=0).astype(x.dtype), (a,), complex=False)
    yield Case("top_k", lambda x: lax.top_k(x, 2), (a,), complex=False)
    yield Case("approx_top_k", lambda x: lax.approx_max_k(x, 2, reduction_dimension=0), (a,), complex=False)


def products():
    def ragged(*numbers):
        return lambda x, y, n: lax.ragged_dot_general(x, y, n, lax.RaggedDotDimensionNumbers(*numbers))

    def dot(*numbers, **options):
        return lambda x, y: lax.dot_general(x, y, numbers, **options)

    def groups(formula):
        def dense(x, y, n):
            at = jnp.repeat(jnp.arange(3), n, total_repeat_length=5)
            return jnp.einsum(formula, (at[None] == jnp.arange(3)[:, None]).astype(x.dtype), x, y)

        return dense

    def rough(f):
        return lambda x, y: f(x.astype("bfloat16"), y.astype("bfloat16"))

    sizes = np.array([2, 1, 2], "int32")
    yield Case("dot_general", dot(((1,), (0,)), ((), ())), (On((2, 3)), On((3, 4))))
    yield Case("dot of scalars", dot(((), ()), ((), ())), (On(()), On((3,))))
    yield Case("dot, axes crossed", dot(((2, 0), (1, 3)), ((1,), (2,))), (On((2, 3, 4)), On((5, 4, 3, 2))))
    yield Case("dot in batches", dot(((2,), (1,)), ((0, 1), (2, 0))), (On((2, 3, 4)), On((3, 4, 2))))
    matrix = dot(((1,), (0,)), ((), ()), preferred_element_type="float32")
    yield Case("dot, wider", rough(matrix), (On((2, 3)), On((3, 4))), False, tolerance=4e-2)
    yield Case(
        "mul, wider", rough(lambda x, y: lax.mul(x, y, out_dtype="float32")), (On(), On()), False, tolerance=4e-2
    )
    plain = (([1], [1]), ([], [])), [0], [0]
    yield Case(
        "ragged_dot_general", ragged(*plain), (On((5, 2)), On((3, 2, 4)), sizes), False, False, groups("gm,mk,gkn->mn")
    )
    crossed = (([0], [1]), ([1], [3])), [2], [0]
    yield Case(
        "ragged in batches",
        ragged(*crossed),
        (On((2, 3, 5)), On((3, 2, 4, 3)), sizes),
        False,
        False,
        groups("gm,kbm,gknb->bmn"),
    )
    apart = (([0], [0]), ([], [])), [0], []
    yield Case("ragged apart", ragged(*apart), (On((5, 2)), On((5, 4)), sizes), False, False, groups("gk,km,kn->gmn"))


def reductions():
    a = On((3, 4))
    yield Case("reduce_sum", lambda x: x.sum(0), (a,))
    yield Case("reduce_sum of all", lambda x: x.sum(), (a,))
    yield Case("reduce_max", lambda x: x.max(1), (a,), complex=False)
    yield Case("reduce_min", lambda x: x.min(), (a,), complex=False)


def still():
    for name in ("floor", "ceil", "round", "stop_gradient"):
        step = getattr(lax, name)
        yield Case(name, lambda x, f=step: x * f(x), (On(),), name == "stop_gradient")
    yield Case("eq", lambda x, y: x * (x == y).astype(x.dtype), (On(), On()))
    yield Case("argmax", lambda x: x[x.argmax()], (On(),), complex=False)
    yield Case("is_finite", lambda x: lax.is_finite(x), (On(),), complex=False)


MAKERS = (elementary, arithmetic, conversions, reindexing, indexing, order, products, reductions, still)
CASES = [case for make in MAKERS for case in make()]
EVERY = pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
pytestmark = pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")


@EVERY
def test_first_and_second_derivatives_agree_in_double_precision(case):
    with jax.enable_x64(True):
        agree(case.f, *case.arrays("float64"), order=2, like=case.like, tolerance=case.tolerance)


OTHERS = [
    pytest.param(case, dtype, id=f"{case.name} in {dtype}")
    for case in CASES
    for dtype, there in (("float32", True), ("bfloat16", case.low), ("complex64", case.complex))
    if there
]


@pytest.mark.slow
@pytest.mark.parametrize("case, dtype", OTHERS)
def test_first_derivatives_agree_in_other_precisions(case, dtype):
    agree(case.f, *case.arrays(dtype), like=case.like, tolerance=case.tolerance)


THIRD = (
    "div",
    "pow",
    "tanh",
    "logistic",
    "integer_pow 3",
    "abs",
    "dot_general",
    "gather",
    "scatter",
    "reduce_max",
    "sort",
)


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in CASES if c.name in THIRD], ids=lambda c: c.name)
def test_third_derivatives_agree(case):
    with jax.enable_x64(True):
        agree(lambda *xs: jax.tree.map(lambda y: y * y * y, case.f(*xs)), *case.arrays("float64"), order=3)


def test_every_generator_of_these_tables_has_a_case():
    ours = {**ARITHMETIC, **ELEMENTARY, **INDEXING, **ORDER, **PRODUCTS, **REDUCTIONS, **REINDEXING}
    met = {b.op for case in CASES for b in every_box(from_jax(case.f, *case.arrays("float32")))}
    missing = {name for name in set(ours) - met if name.replace("-", "_") in dir(lax)}
    assert not missing
    assert len(set(ours) - met) <= 3  # what only some versions of JAX have


BINARY = (lax.add, lax.sub, lax.mul, lax.div, lax.max, lax.min, lax.pow, lax.atan2, lax.complex)


@pytest.mark.parametrize("shapes", [((), (3,)), ((3,), ()), ((1, 3), (2, 3)), ((2, 3), (2, 1)), ((1, 3), (2, 1))])
def test_operands_may_be_scalars_or_have_axes_of_length_one(shapes):
    with jax.enable_x64(True):
        xs = [On(s, 0.5, 2.0).array("float64", np.random.default_rng(i)) for i, s in enumerate(shapes)]
        agree(lambda x, y: [f(x, y) for f in BINARY], *xs)
        if hasattr(lax, "polynomial") and len(shapes[0]) == len(shapes[1]):
            agree(lambda x, y: lax.polynomial(x, [y, y]), *xs)


TIES = {
    "max": (lambda x: (lax.max(x, jnp.zeros(5)), lax.max(jnp.zeros(5), x)), [-1.0, 0.0, 0.0, 1.0, -0.0]),
    "min": (lambda x: lax.min(x, x[::-1]), [-1.0, 0.0, 2.0, 0.0, -1.0]),
    "abs": (lambda x: lax.abs(x), [-1.0, 0.0, -0.0, 1.0]),
    "sign": (lambda x: x * lax.sign(x), [-1.0, 0.0]),
    "clamp": (lambda x: lax.clamp(-jnp.ones(5), x, jnp.ones(5)), [-2.0, -1.0, 0.0, 1.0, 2.0]),
    "clamp between equal limits": (lambda x: lax.clamp(x, x[::-1], jnp.ones(3)), [1.0, 1.0, 0.0]),
    "reduce_max": (lambda x: x.max(), [1.0, 3.0, 3.0, 3.0]),
    "reduce_min": (lambda x: x.reshape(2, 2).min(0), [1.0, 3.0, 1.0, 3.0]),
    "sort": (lambda x: lax.sort([x, jnp.sin(x), x * x], num_keys=1), [1.0, 3.0, 1.0, 3.0]),
    "top_k": (lambda x: lax.top_k(x, 2), [1.0, 3.0, 1.0, 3.0]),
    "scatter-max": (lambda x: x.at[jnp.array([0, 1, 1])].max(x[1:]), [1.0, 1.0, 2.0, 2.0]),
    "pow at zero": (
        lambda x: (lax.pow(x, jnp.array([0, 1, 2])), lax.pow(x, jnp.array([1.0, 2.0, 3.0]))),
        [0.0, 0.0, 0.0],
    ),
    "pow by zero": (lambda x: lax.pow(x + 2.0, x), [0.0, 0.0]),
    "integer_pow at zero": (lambda x: (lax.integer_pow(x, 2), lax.integer_pow(x, 3)), [0.0, -0.0]),
    "abs of complex": (lambda x: lax.abs(lax.complex(x, x)), [0.0, 1.0]),
}


@pytest.mark.parametrize("name", TIES)
def test_at_ties_and_kinks_the_same_choice_is_made_as_in_jax(name):
    f, values = TIES[name]
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):  # for JAX's own derivative of pow
        agree(f, np.array(values))


@pytest.mark.parametrize("low, x, high, moves", [(1, 1, 2, 0), (0, 2, 2, 2), (1, 1, 1, 2), (3, 0, 2, 2), (0, 1, 2, 1)])
def test_what_is_clamped_moves_with_one_of_the_three(low, x, high, moves):
    """JAX holds it still at ties and between limits that cross, where it still goes along with a limit."""
    d = from_jax(lax.clamp, *jnp.zeros(3))
    back = to_jax(reverse(d))(*map(jnp.float32, (low, x, high)), 1.0)
    assert [float(v) for v in back] == [float(i == moves) for i in range(3)]


def test_a_power_is_constant_where_base_and_exponent_are_zero():
    d = from_jax(lambda x, y: lax.pow(x, y), jnp.zeros(()), jnp.zeros(()))
    assert [float(v) for v in to_jax(reverse(d))(0.0, 0.0, 1.0)] == [0.0, 0.0]


SHAPES = st.lists(st.integers(1, 3), min_size=1, max_size=3)


@given(data=st.data(), shape=SHAPES)
@settings(max_examples=8)
def test_moving_entries_about_agrees_in_every_shape(data, shape):
    order = data.draw(st.permutations(range(len(shape))))
    config = [
        (data.draw(st.integers(-1, 2)), data.draw(st.integers(0, 2)), data.draw(st.integers(0, 1))) for _ in shape
    ]
    reps = [data.draw(st.integers(1, 2)) for _ in shape]
    axis = data.draw(st.integers(0, len(shape) - 1))

    def f(x, c):
        parts = lax.split(x, [1, x.shape[axis] - 1], axis)
        wide = lax.broadcast_in_dim(x, (2, *shape), range(1, x.ndim + 1))
        return lax.transpose(x, order), lax.pad(x, c, config), jnp.tile(x, reps), lax.rev(x, (axis,)), parts, wide

    agree(f, On(tuple(shape)).array("float32", np.random.default_rng(0)), np.float32(0.5))


@given(places=st.lists(st.integers(-4, 5), min_size=1, max_size=4), mode=st.sampled_from(["clip", "drop"]))
@settings(max_examples=8)
def test_reading_and_writing_agree_at_every_place(places, mode):
    rng = np.random.default_rng(0)
    u, i = On((len(places), 2)).array("float32", rng), np.array(places, "int32")

    def f(x, u, i):
        at = x.at[i]
        return at.get(mode="fill"), at.add(u, mode=mode), at.set(u, mode=mode), lax.dynamic_slice(x, (i[0], 0), (2, 1))

    agree(f, On((3, 2)).array("float32", rng), u, i)


@pytest.mark.parametrize(
    "f, told",
    [
        (lambda x: x.at[jnp.array([0, 0])].multiply(x[:2]), "promise unique_indices=True"),
        (lambda x: x.at[jnp.array([0, 1])].apply(jnp.sin), "write x.at\\[i\\].set"),
    ],
)
def test_what_jax_refuses_is_refused_with_a_way_out(f, told):
    d = from_jax(f, jnp.ones(3))
    for functor in (reverse, forward):
        with pytest.raises(DerivativeError, match=told):
            functor(d)
