"""The facts about linear algebra, special functions, windows and cumulative operations agree with JAX."""

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
from paralens.functors.derivative_rules.linalg import LINALG
from paralens.functors.derivative_rules.scans import CUMULATIVE
from paralens.functors.derivative_rules.special import SPECIAL
from paralens.functors.derivative_rules.windows import WINDOWS
from paralens.functors.derivatives.derivative import forward, reverse

REALS, COMPLEXES = ("float64", "float32"), ("complex128", "complex64")
LOW = (*REALS, "bfloat16")
solvers = jax.lax.linalg


def entries(shape, dtype, rng, low=None, high=None):
    """Random numbers: normal, or uniform between bounds."""
    values = rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)
    if np.issubdtype(np.dtype(dtype), np.complexfloating):
        values = values + 1j * rng.standard_normal(shape)
    return values.astype(dtype)


@dataclass(frozen=True, eq=False)
class Case:
    """A function of arrays of these shapes in each of these dtypes; `order` is that of the derivatives in the first."""

    name: str
    f: object
    shapes: tuple
    dtypes: tuple = (*REALS, *COMPLEXES)
    order: int = 1
    within: tuple = (None, None)
    made: object = None  # makes an array of random numbers a fit one, such as a positive definite matrix
    tolerance: float | None = None
    slow: bool = False

    def arrays(self, dtype):
        rng = np.random.default_rng(len(self.name))
        found = [entries(shape, dtype, rng, *self.within) for shape in self.shapes]
        return [self.made(x).astype(dtype) for x in found] if self.made else found


def run(case, dtype):
    with jax.enable_x64(True):
        order = case.order if dtype == case.dtypes[0] else 1
        return agree(case.f, *case.arrays(dtype), order=order, tolerance=case.tolerance)


def cumulative(axis, *operations, ways=(False, True)):
    return lambda x: [op(x, axis, reverse=back) for op in operations for back in ways]


SUMS = (lax.cumsum, lax.cumprod, lax.cumlogsumexp)
EXTREMA = (lax.cummax, lax.cummin)
DTYPES = (*LOW, *COMPLEXES)

SCANS = [
    Case("cumulative", cumulative(0, *SUMS), ((5,),), DTYPES),
    Case("cumulative twice", cumulative(0, *SUMS, ways=(False,)), ((3,),), REALS[:1], order=2),
    Case("cumulative along the last of two axes", cumulative(1, *SUMS), ((2, 4),), slow=True),
    Case("cumulative of one entry", cumulative(0, *SUMS, *EXTREMA), ((1, 2),), REALS[:1]),
    Case("cumulative of nothing", cumulative(0, *SUMS, *EXTREMA), ((0, 2),), REALS[:1]),
    Case("extremum so far", cumulative(1, *EXTREMA), ((2, 3),), LOW),
    Case("extremum so far twice", cumulative(0, lax.cummax, ways=(True,)), ((3,),), REALS[:1], order=2),
    Case(
        "product",
        lambda x: [lax.reduce_prod(x, axes) for axes in ((0, 2), (1,), (), (0, 1, 2))],
        ((2, 1, 3),),
        DTYPES,
    ),
    Case("product twice", lambda x: lax.reduce_prod(x, (0,)), ((4, 2),), REALS[:1], order=2),
    Case("product of nothing", lambda x: [lax.reduce_prod(x, (i,)) for i in (0, 1)], ((0, 2),), REALS[:1]),
]


def pooling(*combine, **window):
    def f(x):
        found = []
        for op, start in combine:
            found.append(lax.reduce_window(x, np.array(start, x.dtype), op, **window))
        return found

    return f


TOTAL, MAX, MIN = (lax.add, 0), (lax.max, -np.inf), (lax.min, np.inf)
POOL = {"window_dimensions": (1, 3, 2, 1), "window_strides": (1, 2, 2, 1), "padding": "SAME"}
ODD = {"window_dimensions": (3, 2), "window_strides": (2, 1), "padding": ((1, 2), (0, 1)), "base_dilation": (2, 1)}
HOLES = {"window_dimensions": (2, 2), "window_strides": (1, 2), "padding": "VALID", "window_dilation": (2, 1)}
ROW = {"window_dimensions": (2,), "window_strides": (1,), "padding": "VALID"}
NOTHING = {"window_dimensions": (1, 2), "window_strides": (1, 1), "padding": "VALID"}

POOLS = [
    Case("pooling", pooling(TOTAL, MAX, MIN, **POOL), ((1, 6, 5, 2),), LOW),
    Case("pooling twice", pooling(TOTAL, MAX, MIN, **ROW), ((4,),), REALS[:1], order=2),
    Case("pooling with holes between the entries", pooling(TOTAL, MAX, MIN, **ODD), ((5, 3),), REALS),
    Case("sums over windows with holes", pooling(TOTAL, **HOLES), ((5, 4),), (*LOW, *COMPLEXES)),
    Case("pooling of nothing", pooling(TOTAL, MAX, MIN, **NOTHING), ((0, 4),), REALS[:1]),
    Case("pooling of one entry", pooling(TOTAL, MAX, **{**ROW, "padding": "SAME"}), ((1,),), REALS[:1]),
]


def convolution(**options):
    return lambda x, w: lax.conv_general_dilated(x, w, **{"window_strides": (1, 2), "padding": "SAME", **options})


LAST = ("NHWC", "HWIO", "NHWC")
MIXED = ("HCNW", "OHWI", "WNHC")
TYPED = {"dimension_numbers": LAST, "preferred_element_type": jnp.float32}

CONVOLUTIONS = [
    Case("convolution", convolution(), ((2, 3, 5, 4), (4, 3, 3, 2)), (*LOW, *COMPLEXES)),
    Case("convolution twice", convolution(window_strides=(2,)), ((1, 1, 4), (1, 1, 2)), REALS[:1], order=2),
    Case("channels last", convolution(dimension_numbers=LAST), ((1, 4, 5, 2), (3, 2, 2, 3)), REALS),
    Case("accumulated", convolution(**TYPED), ((1, 4, 5, 2), (3, 2, 2, 3)), ("bfloat16",), tolerance=5e-2),
    Case("groups of features", convolution(feature_group_count=2), ((2, 4, 3, 3), (6, 2, 2, 2)), REALS),
    Case("depthwise", convolution(feature_group_count=3), ((1, 3, 3, 3), (6, 1, 2, 2)), REALS[:1]),
    Case("groups of the batch", convolution(batch_group_count=2), ((4, 3, 3, 3), (4, 3, 2, 2)), REALS),
    Case(
        "groups in mixed axes",
        convolution(feature_group_count=2, dimension_numbers=MIXED),
        ((5, 4, 2, 4), (4, 3, 2, 2)),
        REALS[:1],
    ),
    Case("no spatial axes", convolution(window_strides=(), padding=()), ((2, 3), (4, 3)), REALS[:1]),
    Case("no batch", convolution(window_strides=(1,)), ((0, 3, 5), (4, 3, 3)), REALS[:1]),
    Case("no room", convolution(window_strides=(1,), padding="VALID"), ((2, 3, 2), (4, 3, 3)), REALS[:1]),
]


def positive(x):
    """Positive definite matrices."""
    return np.matmul(x, x.conj().swapaxes(-1, -2)) + 2 * np.eye(x.shape[-1])


def dominant(x):
    """Square matrices that are well conditioned."""
    return x + 4 * np.eye(x.shape[-1])


def factors(f, **options):
    return lambda x: f(x, **options)


HALF = {"full_matrices": False}
VECTORS = {"enable_eigvec_derivs": True}
EIGENVALUES = {"compute_left_eigenvectors": False, "compute_right_eigenvectors": False}

FACTORIZATIONS = [
    Case("cholesky", solvers.cholesky, ((2, 3, 3),), made=positive),
    Case("cholesky twice", solvers.cholesky, ((2, 2),), COMPLEXES[:1], order=2, made=positive),
    Case("eigh", solvers.eigh, ((2, 3, 3),), made=positive),
    Case("eigh of the upper triangle", factors(solvers.eigh, lower=False), ((3, 3),), REALS, made=positive),
    Case("eigh twice", solvers.eigh, ((2, 2),), REALS[:1], order=2, made=positive),
    Case("eigenvalues of a hermitian matrix", lambda x: solvers.eigh(x)[1], ((3, 3),), made=positive),
    Case("lu", solvers.lu, ((2, 3, 3),)),
    Case("lu twice", solvers.lu, ((2, 2),), REALS[:1], order=2),
    Case("lu of a tall matrix", solvers.lu, ((3, 2),)),
    Case("lu of a wide matrix", solvers.lu, ((2, 3),)),
    Case("qr", solvers.qr, ((3, 3),)),
    Case("qr of tall matrices", factors(solvers.qr, **HALF), ((2, 4, 2),)),
    Case("qr of a wide matrix", solvers.qr, ((2, 4),)),
    Case("qr twice", factors(solvers.qr, **HALF), ((2, 1),), COMPLEXES[:1], order=2),
    Case("full qr", solvers.qr, ((4, 2),)),
    Case("qr with pivots", factors(solvers.qr, pivoting=True), ((3, 2),)),
    Case("svd", solvers.svd, ((3, 3),)),
    Case("svd of tall matrices", factors(solvers.svd, **HALF), ((2, 3, 2),)),
    Case("svd of a wide matrix", factors(solvers.svd, **HALF), ((2, 3),)),
    Case("svd twice", factors(solvers.svd, **HALF), ((2, 1),), COMPLEXES[:1], order=2, slow=True),
    Case("singular values", factors(solvers.svd, compute_uv=False), ((2, 1),), order=2),
    Case("eigenvalues", factors(solvers.eig, **EIGENVALUES), ((2, 3, 3),)),
    Case("eigenvalues twice", factors(solvers.eig, **EIGENVALUES, **VECTORS), ((2, 2),), REALS[:1], order=2, slow=True),
    Case("eig", factors(solvers.eig, **VECTORS), ((3, 3),)),
    Case("left eigenvectors", factors(solvers.eig, compute_right_eigenvectors=False, **VECTORS), ((2, 2),), REALS[:1]),
    Case(
        "matrices without entries",
        lambda x: [solvers.cholesky(x), solvers.lu(x), solvers.eigh(x), solvers.qr(x)],
        ((0, 0),),
        REALS[:1],
    ),
    Case(
        "matrices without rows",
        lambda x: [solvers.lu(x), solvers.qr(x), solvers.svd(x, **HALF)],
        ((0, 2),),
        REALS[:1],
    ),
    Case("matrices of one entry", lambda x: [f(x) for f in FACTORS], ((1, 1),), made=positive, slow=True),
    Case("empty batch", lambda x: [f(x) for f in FACTORS], ((0, 2, 2),), REALS[:1], made=positive),
]
FACTORS = (solvers.cholesky, solvers.lu, solvers.qr, solvers.eigh, solvers.svd)


def tridiagonal(low, mid, up, b):
    return solvers.tridiagonal_solve(low, mid + jnp.array(5, mid.dtype), up, b)


def transforms(*kinds, lengths):
    return lambda x: [lax.fft(x, kind, n) for kind in kinds for n in lengths]


SOLVES = [
    Case("tridiagonal", tridiagonal, ((4,), (4,), (4,), (4, 2)), order=2),
    Case("tridiagonal systems", tridiagonal, ((2, 3), (2, 3), (2, 3), (2, 3, 1)), REALS[:1]),
    Case("determinant", jnp.linalg.det, ((2, 3, 3),)),
    Case("fft", transforms("FFT", "IFFT", lengths=[(4,), (3, 4)]), ((2, 3, 4),), COMPLEXES, order=2),
    Case("rfft", transforms("RFFT", lengths=[(4,), (3, 4)]), ((2, 3, 4),), REALS, order=2),
    Case("rfft of odd length", transforms("RFFT", lengths=[(5,), (2, 5)]), ((2, 5),), REALS),
    Case("irfft", transforms("IRFFT", lengths=[(4,), (5,), (2, 4), (2, 5)]), ((2, 3),), COMPLEXES),
    Case("fft of one entry", transforms("FFT", lengths=[(1,)]), ((1,),), COMPLEXES[:1]),
]

SPECIALS = [
    Case("incomplete gamma", lambda a, x: [lax.igamma(a, x), lax.igammac(a, x)], ((3,), (3,)), LOW, within=(0.5, 3.0)),
    Case("incomplete gamma in x", lambda x: lax.igamma(1.5, x), ((3,),), REALS[:1], order=2, within=(0.5, 3.0)),
    Case("polygamma", lambda x: lax.polygamma(jnp.full_like(x, 2), x), ((3,),), LOW, within=(0.5, 3.0)),
    Case("polygamma twice", lambda x: lax.polygamma(1.0, x), ((),), REALS[:1], order=2, within=(0.5, 3.0)),
    Case("beta", lambda x: lax.betainc(jnp.full_like(x, 2), jnp.full_like(x, 1.5), x), ((3,),), LOW, within=(0.1, 0.9)),
    Case("beta twice", lambda x: lax.betainc(2.0, 1.5, x), ((2,),), REALS[:1], order=2, within=(0.1, 0.9)),
    Case("gamma samples", lambda a: jax.random.gamma(jax.random.key(0), a), ((3,),), LOW, within=(0.5, 3.0)),
    Case("log gamma samples", lambda a: jax.random.loggamma(jax.random.key(0), a), ((3,),), REALS, within=(0.2, 3.0)),
]

GROUPS = (SCANS, POOLS, CONVOLUTIONS, FACTORIZATIONS, SOLVES, SPECIALS)
CASES = [case for group in GROUPS for case in group]
FIRST = [pytest.param(c, c.dtypes[0], id=c.name, marks=[pytest.mark.slow] * c.slow) for c in CASES]
OTHERS = [pytest.param(c, dtype, id=f"{c.name} {dtype}") for c in CASES for dtype in c.dtypes[1:]]


@pytest.mark.parametrize("case, dtype", FIRST)
def test_derivatives_agree_with_jax(case, dtype):
    run(case, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("case, dtype", OTHERS)
def test_derivatives_agree_with_jax_in_other_dtypes(case, dtype):
    run(case, dtype)


def test_every_fact_is_tested():
    with jax.enable_x64(True):
        seen = {b.op for c in CASES for b in every_box(from_jax(c.f, *c.arrays(c.dtypes[0])))}
        seen |= {b.op for b in every_box(reverse(from_jax(pooling(MAX, **ROW), jnp.ones(3))))}
        seen |= {b.op for b in every_box(forward(from_jax(pooling(MAX, **ROW), jnp.ones(3))))}
    apart = {"triangular_solve", "zeta", "igamma_grad_a"}  # in tests of their own
    assert {*LINALG, *SPECIAL, *WINDOWS, *CUMULATIVE} - apart <= seen


OPTIONS = ("left_side", "lower", "transpose_a", "conjugate_a", "unit_diagonal")


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@given(chosen=st.tuples(*[st.booleans()] * 5), batch=st.sampled_from([(), (2,)]))
@settings(max_examples=6)
def test_triangular_solves_agree_with_all_options(dtype, chosen, batch):
    options = dict(zip(OPTIONS, chosen, strict=True))
    rng = np.random.default_rng(0)
    a = dominant(entries((*batch, 2, 2), dtype, rng))
    b = entries((*batch, *((2, 3) if options["left_side"] else (3, 2))), dtype, rng)
    with jax.enable_x64(True):
        agree(lambda a, b: solvers.triangular_solve(a, b, **options), a, b, order=1 if batch else 2)


@given(data=st.data())
@settings(max_examples=8)
def test_convolutions_agree_with_all_options(data):
    small = st.integers(1, 3)
    length, width = data.draw(st.integers(3, 7)), data.draw(small)
    groups = data.draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    options = {
        "window_strides": (data.draw(small),),
        "padding": ((data.draw(st.integers(-1, 3)), data.draw(st.integers(0, 3))),),
        "lhs_dilation": (data.draw(small),),
        "rhs_dilation": (data.draw(small),),
        "feature_group_count": groups[0],
        "batch_group_count": groups[1],
    }
    rng = np.random.default_rng(0)
    x, w = entries((2, 2, length), "float64", rng), entries((2, 2 // groups[0], width), "float64", rng)
    with jax.enable_x64(True):
        agree(convolution(**options), x, w)


TIES = [1.0, 2.0, 2.0, 1.0, 2.0, 2.0, -1.0]


@pytest.mark.parametrize(
    "f, values",
    [
        (cumulative(0, *EXTREMA), TIES),
        (pooling(MAX, MIN, window_dimensions=(3,), window_strides=(2,), padding="SAME"), TIES),
        (cumulative(0, lax.cumprod), [2.0, 0.0, 3.0, 0.0, 5.0]),
        (lambda x: lax.reduce_prod(x, (0,)), [2.0, 0.0, 3.0]),
        (lambda x: lax.reduce_prod(x, (0,)), [2.0, 0.0, 0.0]),
        (cumulative(0, lax.cumlogsumexp), [-np.inf, 0.0, np.inf, 2.0]),
    ],
    ids=["cummax", "windows", "cumprod", "product with a zero", "product with two zeros", "logsumexp at infinity"],
)
def test_at_ties_and_zeros_the_same_choice_is_made_as_in_jax(f, values):
    with jax.enable_x64(True):
        agree(f, np.array(values))


def differences(f, x, dx, h=1e-6):
    """The directional derivative of the first result of f."""
    return (np.asarray(f(x + h * dx)) - np.asarray(f(x - h * dx))) / (2 * h)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: lax.zeta(jnp.full_like(x, 2.5), x),
        lambda x: lax.igamma_grad_a(jnp.full_like(x, 2.5), x),
        lambda x: solvers.cholesky(x.reshape(2, 2) + 2 * jnp.eye(2), symmetrize_input=False),
        lambda x: solvers.qr(x.reshape(2, 1, 2), pivoting=True, full_matrices=False)[1],
        lambda x: solvers.qr(x.reshape(1, 2, 2), pivoting=True)[0],
    ],
    ids=["zeta", "igamma_grad_a", "cholesky of the lower triangle", "wide qr with pivots", "qr with pivots in a batch"],
)
def test_where_jax_has_no_derivative_ours_is_that_of_differences(f):
    with jax.enable_x64(True):
        x, dx = np.array([0.4, 0.8, 1.2, 2.0]), np.array([1.0, -0.5, 0.3, 0.2])
        d = from_jax(f, x)
        _, dy = to_jax(forward(d))(x, dx)
        np.testing.assert_allclose(dy, differences(f, x, dx), rtol=1e-6, atol=1e-8)
        g = np.arange(1.0, 1.0 + np.size(dy)).reshape(np.shape(dy))
        np.testing.assert_allclose(np.vdot(to_jax(reverse(d))(x, g), dx), np.vdot(g, dy))


@pytest.mark.parametrize(
    "f, told",
    [
        (lambda x: solvers.svd(x[:, :2]), "svd with full_matrices=True .*: pass full_matrices=False"),
        (lambda x: solvers.eigh(x, subset_by_index=(0, 1)), r"subset_by_index=\(0, 1\) .*: decompose the whole"),
        (lambda x: solvers.eig(x), "pass enable_eigvec_derivs=True"),
        (lambda x: lax.polygamma(x, x), "no derivative in its argument m"),
        (lambda x: lax.zeta(x, x), "no derivative in its argument s"),
        (lambda x: lax.betainc(x, x, x), "no derivative in its argument a"),
        (solvers.schur, "has no derivative in JAX"),
    ],
)
def test_what_has_no_derivative_is_refused_with_a_way_out(f, told):
    d = from_jax(f, jnp.eye(3))
    for functor in (reverse, forward):
        with pytest.raises(DerivativeError, match=told):
            functor(d)


def test_a_window_with_holes_has_a_maximum_with_a_forward_derivative_only():
    with jax.enable_x64(True):
        d = from_jax(pooling(MAX, **HOLES), jnp.ones((5, 4)))
        forward(d)
        with pytest.raises(DerivativeError, match="window_dilation"):
            reverse(d)
