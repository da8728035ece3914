"""Derivatives are proved, wrong ones refuted by a counterexample, and what is not known is said to be undecided."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from strategies import smooth_diagrams

from paralens import Box, C, Para, Param, R, Z, from_jax, reverse, to_jax
from paralens.backends.sympy.proofs import prove
from paralens.backends.sympy.proofs.cases import leaves
from paralens.backends.sympy.proofs.inequalities import possible
from paralens.backends.sympy.proofs.normal import Normal
from paralens.categories.errors import InputError
from paralens.functors.derivatives.derivative import forward

x, y, z = sympy.symbols("x y z", real=True)
exp, log, sin, cos, tan, tanh, sqrt, pi = (getattr(sympy, n) for n in "exp log sin cos tan tanh sqrt pi".split())

# --- the normal form ---

ZEROS = [
    sin(x) ** 2 + cos(x) ** 2 - 1,
    tan(x).diff(x) - 1 / cos(x) ** 2,
    tanh(x) - (exp(x) - exp(-x)) / (exp(x) + exp(-x)),
    1 / (1 + exp(-x)) - exp(x) / (1 + exp(x)),
    exp(x / 3 + 2 * y) - exp(x / 3) * exp(y) ** 2,
    (x**y).diff(x) - y * x ** (y - 1),
    (2**x).diff(x) - log(2) * exp(x * log(2)),
    log(6 * exp(x)) - log(2) - log(3) - x,
    log(1 / (1 + exp(-x))) + log(1 + exp(-x)),
    exp(x - log(exp(x) + exp(y))) - 1 / (1 + exp(y - x)),
    1 / (x - 1 / (x + 1 / x)) - (x**2 + 1) / x**3,
    sqrt(2 * x**2 + 2) - sqrt(2) * sqrt(1 + x**2),
    (1 + x**2) ** sympy.Rational(3, 2) - (1 + x**2) * sqrt(1 + x**2),
    sympy.asin(x).diff(x) * sqrt(1 - x**2) - 1,
    sympy.besseli(1, x).diff(x) - sympy.besseli(0, x) + sympy.besseli(1, x) / x,
    sympy.erfc(x) + sympy.erf(x) - 1,
    sympy.gamma(x) - exp(sympy.loggamma(x)),
    (x + sympy.I) * (x - sympy.I) - x**2 - 1,
]


@pytest.mark.parametrize("expr", ZEROS, ids=str)
def test_identities_are_zero_in_normal_form(expr):
    assert Normal().is_zero(expr)


@pytest.mark.parametrize("expr", [x - y, sin(x) - x, exp(x) - 1 - x, sqrt(x**2 + 1) - 1, log(x) - log(y)], ids=str)
def test_what_is_not_zero_is_not_zero_in_normal_form(expr):
    assert not Normal().is_zero(expr)


RATIONAL = st.recursive(
    st.sampled_from([x, y, z, sympy.Integer(2), sympy.Rational(-1, 3), exp(x), sqrt(1 + y**2)]),
    lambda inner: st.tuples(st.sampled_from(["add", "mul", "div"]), inner, inner).map(
        lambda t: {"add": t[1] + t[2], "mul": t[1] * t[2], "div": t[1] / (1 + t[2] ** 2)}[t[0]]
    ),
    max_leaves=6,
)


@given(expr=RATIONAL, more=RATIONAL)
@settings(max_examples=40)
def test_the_normal_form_is_a_homomorphism_to_a_ring(expr, more):
    form = Normal()
    assert form.is_zero((expr + more) ** 2 - expr**2 - 2 * expr * more - more**2)
    assert form.is_zero(sympy.expand(expr) - expr)
    assert form.is_zero(form.expression(form.of(expr)) - expr)
    assert form.is_zero(expr - more) is (sympy.simplify(expr - more) == 0)


# --- cases ---


def test_cases_are_the_signs_that_matter_and_do_not_contradict_each_other():
    every = list(leaves(sympy.Max(x, y, z) + 0 * x, Normal()))
    assert {case.expr for case in every} == {x, y, z}
    order = sympy.Piecewise((1, (x < y) & (y < z)), (2, (x < y) & (z < y) & (x > z)), (3, True))
    assert {case.expr for case in leaves(order, Normal())} == {1, 2, 3}
    assert [case.expr for case in leaves(abs(x**2 + exp(y)), Normal())] == [x**2 + exp(y)]


def test_an_equality_of_real_expressions_fails_almost_everywhere_and_one_of_whole_numbers_may_hold():
    i = sympy.Symbol("i", integer=True)
    real, whole = (sympy.Piecewise((1, sympy.Eq(s, y if s is x else 3)), (0, True)) for s in (x, i))
    assert [case.expr for case in leaves(real, Normal())] == [0]
    assert {case.expr for case in leaves(whole, Normal())} == {0, 1}


def test_linear_inequalities_that_contradict_each_other_are_seen():
    form = Normal()
    a, b, c = (form.of(e) for e in (x - y, y - z, z - x))
    assert not possible([(a, 1), (b, 1), (c, 1)])
    assert possible([(a, 1), (b, 1), (c, -1)])
    assert not possible([(form.of(x), 0), (form.of(x - 1), 0)])


# --- wrong derivatives ---

W = np.array([[1.0, 2.0], [0.5, -1.0]], "float32")
WRONG = {
    "scaled": (lambda x: jnp.tanh(x), lambda x, g: 1.0001 * g * (1.0 - jnp.tanh(x) ** 2)),
    "a sign": (lambda x: jnp.cos(x), lambda x, g: g * jnp.sin(x)),
    "a matrix transposed": (lambda x: W @ x, lambda x, g: W @ g),
    "an argument dropped": (lambda x: x * jnp.sum(x), lambda x, g: g * jnp.sum(x)),
    "a gradient stopped": (lambda x: x * lax.exp(x), lambda x, g: g * lax.exp(x)),
    "a wrong branch": (lambda x: jnp.where(x > 0.5, x, 0.1 * x), lambda x, g: jnp.where(x > 0.0, g, 0.1 * g)),
    "the wrong end of a sum": (lambda x: lax.cumsum(x), lambda x, g: lax.cumsum(g)),
    "an index off by one": (lambda x: x[jnp.array([0, 0])], lambda x, g: jnp.zeros(2).at[jnp.array([1, 0])].add(g)),
    "half at no tie": (lambda x: lax.max(x, 0.0 * x), lambda x, g: g * 0.5),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_are_refuted_by_a_counterexample_that_jax_reproduces(name):
    f, wrong = WRONG[name]
    d, claim = from_jax(f, R(2)), from_jax(wrong, R(2), R(2))
    found = prove(d, claim)
    assert found.verdict == "refuted" and not found
    example = found.counterexample
    assert example.wire == "x" and example.names == ("x", "g")
    at = example.arrays()
    mine, its = (np.asarray(to_jax(e)(*at))[example.index] for e in (claim, reverse(d)))
    np.testing.assert_allclose([mine, its], [example.claimed.real, example.true.real], rtol=1e-4)
    assert mine != its


def test_a_part_in_a_million_is_refuted_in_double_precision_too():
    with jax.enable_x64(True):
        wide = R(dtype="float64")
        d = from_jax(jnp.sin, wide)
        wrong = from_jax(lambda x, g: g * jnp.cos(x) * (1 + 1e-6), wide, wide)
        found = prove(d, wrong)
        assert found.verdict == "refuted"
        at = found.counterexample.arrays()
        assert float(to_jax(wrong)(*at)) == pytest.approx(found.counterexample.claimed.real, rel=1e-12)
        assert float(to_jax(reverse(d))(*at)) == pytest.approx(found.counterexample.true.real, rel=1e-12)


def test_a_wrong_forward_derivative_is_refuted():
    wrong = from_jax(lambda x, t: (jnp.sin(x), t * jnp.sin(x)), R(), R())
    found = prove(from_jax(jnp.sin, R()), wrong)
    assert (found.verdict, found.mode, found.counterexample.wire) == ("refuted", "forward", "dy")


def test_a_wrong_derivative_of_one_parameter_names_its_path():
    model = Para(from_jax(lambda x, b, w: w * x + b, R(2), R(2), R(2)), {"b": Param(R(2)), "deep": {"w": Param(R(2))}})
    wrong = from_jax(lambda x, b, w, g: (g * w, g, g * w), R(2), R(2), R(2), R(2))
    found = prove(model, wrong)
    assert found.counterexample.wire == "deep/w"
    assert "deep/w" in str(found) and str(found).startswith("refuted: reverse")


def test_a_constant_rounded_otherwise_is_undecided():
    step = np.float32(1 / 3) * np.float32(1 + 2**-23)
    found = prove(from_jax(lambda x: x / 3.0, R()), from_jax(lambda x, g: g * step, R(), R()))
    assert found.verdict == "undecided" and "rounding of a constant" in found.reason


def test_a_wrong_rule_of_a_box_is_refuted():
    @jax.custom_jvp
    def square(x):
        return x * x

    square.defjvp(lambda p, t: (square(*p), 3.0 * p[0] * t[0]))
    found = prove(from_jax(square, R()))
    assert found.verdict == "refuted" and found.counterexample.claimed == 1.5 * found.counterexample.true


# --- what is not proved though it looks right ---


def test_symbols_are_different_whatever_the_names_are():
    def f(x, w):
        return x * w

    model = Para(from_jax(f, R(), R()), {"g": Param(R())})
    assert prove(model)
    wrong = from_jax(lambda x, w, g: (g * g, g * x), R(), R(), R())
    found = prove(model, wrong)
    assert found.verdict == "refuted" and found.counterexample.names == ("x", "g", "g'")
    assert prove(Para(from_jax(f, R(), R()), {"x": Param(R())}))
    assert prove(from_jax(f, R(2), R()), names=("x", "x_0"))
    with pytest.raises(InputError, match="names"):
        prove(from_jax(f, R(), R()), names=("x",))


UNDEFINED = {
    "roots": lambda x, g: 2 * g * jnp.sqrt(x) * jnp.sqrt(x),
    "a logarithm undone": lambda x, g: 2 * g * jnp.exp(jnp.log(x)),
    "a power undone": lambda x, g: 2 * g * (x**0.5) ** 2,
    "a logarithm cancelled": lambda x, g: 2 * g * x + g * (jnp.log(x) - jnp.log(x)),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_a_claim_that_is_not_defined_where_the_derivative_is_is_refuted(name):
    claim = from_jax(UNDEFINED[name], R(), R())
    found = prove(from_jax(lambda x: x * x, R()), claim)
    assert found.verdict == "refuted" and np.isnan(found.counterexample.claimed.real)
    assert np.isnan(to_jax(claim)(*found.counterexample.arrays()))


def test_not_a_number_from_the_branch_that_is_not_taken_is_refuted():
    assert prove(from_jax(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), R())).verdict == "refuted"
    assert prove(from_jax(lambda x: jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0), R()))


CUTS = {
    "abs": (lambda x: jnp.abs(jnp.sqrt(lax.complex(x, 0 * x))) ** 2, lambda x, g: g),
    "log": (lambda x: x * jnp.imag(jnp.log(lax.complex(x, 0 * x))), lambda x, g: 0 * g),
    "imag": (lambda x: jnp.imag(jnp.sqrt(lax.complex(x, 0 * x))), lambda x, g: 0 * g),
}


@pytest.mark.parametrize("name", CUTS)
def test_functions_with_a_cut_are_not_taken_to_be_real(name):
    f, claim = CUTS[name]
    assert prove(from_jax(f, R()), from_jax(claim, R(), R())).verdict != "proved"


JUMPS = {
    "a factor": (lambda x, n: n.astype("float32") * x == 7 * x, Z()),
    "an indicator": (lambda x, n: (1 - (n == 7).astype("float32")) * x == 0.0, Z()),
    "squares": (lambda x, n: jnp.sum(n * n) == 0, Z(6)),
    "a floor": (lambda x, n: jnp.floor(x * x / 100 - 0.5) ** 2 <= 0, Z()),
    "a floor as a factor": (lambda x, n: (jnp.floor(x) - 50) * x == 0, Z()),
    "a power": (lambda x, n: lax.pow(x + 50, n) <= 0, Z()),
    "a root": (lambda x, n: jnp.sqrt(x * x + 100 * x + 2500) + 50 + x == 0, Z()),
}


@pytest.mark.parametrize("name", JUMPS)
def test_what_is_zero_on_a_piece_of_the_domain_is_not_taken_to_be_zero_nowhere(name):
    where, z = JUMPS[name]
    d = from_jax(lambda x, n: jnp.where(where(x, n), 5 * x, x), R(), z)
    assert prove(d, from_jax(lambda x, n, g: g, R(), z, R())).verdict != "proved"


def test_a_proof_with_whole_numbers_is_for_indices_in_range():
    assert "for indices in range" in str(prove(from_jax(lambda x, i: x[i], R(2), Z())))


# --- what is proved ---


def test_a_proof_says_what_was_compared():
    found = prove(from_jax(jnp.sin, R(3)))
    assert str(found) == "proved: reverse and forward, 9 entries" and not found.almost_everywhere
    assert str(prove(from_jax(jax.nn.relu, R()), modes=["reverse"])) == "proved almost everywhere: reverse, 1 entries"


@given(d=smooth_diagrams(max_boxes=2))
@settings(max_examples=15)
def test_the_derivatives_of_random_diagrams_are_proved(d):
    assert prove(d)


@pytest.mark.parametrize(
    "f, types",
    [
        (lambda x, w: jnp.tanh(w @ x), (R(2), R(1, 2))),
        (lambda x: jax.nn.softmax(x), (R(2),)),
        (lambda x: x / jnp.sqrt((x**2).mean() + 1e-5), (R(2),)),
        (lambda x: lax.max(x, x[::-1]) * x, (R(2),)),
    ],
)
def test_second_derivatives_are_proved(f, types):
    d = from_jax(f, *types)
    assert prove(reverse(d))
    assert prove(forward(d), modes=["reverse"])


def test_a_scan_and_its_derivatives_are_proved():
    def f(h, xs, w):
        return lax.scan(lambda c, a: (jnp.tanh(w * c + a), c * a), h, xs)

    assert prove(from_jax(f, R(), R(3), R()))


def test_complex_derivatives_are_proved_with_the_pairing_of_jax():
    assert prove(from_jax(lambda a, b: (a * b, jnp.exp(a), jnp.abs(b), a.real * b.imag), C(), C()))
    wrong = from_jax(lambda a, g: jnp.conj(2.0 * a) * g, C(), C())
    assert prove(from_jax(lambda a: a * a, C()), wrong).verdict == "refuted"


def test_inputs_that_are_known_are_no_variables():
    d = from_jax(lambda a, i: a.at[i].max(a[0]), R(3), Z(2))
    assert prove(d, known={1: np.array([2, 1])})


# --- what is not decided ---


def test_a_box_without_a_formula_is_undecided_and_named():
    found = prove(from_jax(lambda a: jnp.linalg.svd(a, compute_uv=False), R(3, 3)))
    assert found.verdict == "undecided" and "svd" in found.reason and "no formula" in str(found)


def test_what_has_no_derivative_is_undecided():
    loop = from_jax(lambda a: lax.while_loop(lambda c: c < 3, lambda c: c * 2, a), R())
    assert "while loop has no reverse derivative" in prove(loop).reason
    abstract = Box("mystery", R(), R())
    assert "'mystery' is abstract" in prove(abstract).reason


def test_an_unknown_function_of_what_does_not_move_is_a_constant():
    d = from_jax(lambda a, k: a * jax.random.uniform(jax.random.wrap_key_data(k), (2,)), R(2), Z(2, dtype="uint32"))
    assert prove(d)


def test_a_derivative_of_another_type_is_refused():
    with pytest.raises(
        InputError, match=r"is R\(2\) @ R\(\) -> R\(2\) \(reverse\) or R\(2\) @ R\(2\) -> R\(\) @ R\(\)"
    ):
        prove(from_jax(jnp.sum, R(2)), from_jax(jnp.sin, R(2)))
    with pytest.raises(InputError, match="'reverse' and 'forward'"):
        prove(from_jax(jnp.sin, R()), modes=["sideways"])
