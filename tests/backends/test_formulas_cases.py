"""Cases of formulas that are easily read wrong: masks, complex numbers, names, kinks, and functions told apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from jax import lax

from paralens import B, C, R, Z, from_jax, reverse, to_jax
from paralens.backends.sympy.formulas import from_sympy, symbolic
from paralens.categories.errors import InputError, NoMeaningError

MASK = np.array([True, False, True])
LONG = np.arange(20) % 3 == 0
LOWER = np.tril(np.ones((3, 3), bool))


def arrays(d):
    """Some arrays of the domain of a diagram."""
    rng = np.random.default_rng(1)
    found = []
    for w in d.dom.inside:
        value = rng.standard_normal(w.shape) + (1j * rng.standard_normal(w.shape) if w.kind == "C" else 0)
        found.append(jnp.asarray(value > 0 if w.kind == "B" else np.round(value) if w.kind == "Z" else value, w.dtype))
    return found


def evaluates(d, level="arrays"):
    """Assert that the formulas of a diagram have its values, also as a diagram."""
    s, xs = symbolic(d, level), arrays(d)
    back = [to_jax(from_sympy(s))(*xs)] if level == "arrays" else []
    for made in (s.lambdify()(*xs), *back):
        for mine, its in zip(jax.tree.leaves(made), jax.tree.leaves(to_jax(d)(*xs)), strict=True):
            assert (mine.shape, mine.dtype) == (its.shape, its.dtype)
            np.testing.assert_allclose(np.asarray(mine), np.asarray(its), rtol=1e-4, atol=1e-5)


def traced(f, *types):
    """The diagram of a function that mixes truth values, floats and complex numbers."""
    with jax.numpy_dtype_promotion("standard"):
        return from_jax(f, *types)


MASKED = {
    "where": traced(lambda x: jnp.where(MASK, x, 0.0), R(3)),
    "where not": traced(lambda x: jnp.where(~jnp.asarray(MASK), x, 0.0), R(3)),
    "times": traced(lambda x: x * jnp.asarray(MASK), R(3)),
    "long": traced(lambda x: jnp.where(LONG, x, 0.0), R(20)),
    "two": traced(lambda x: jnp.where(LONG, jnp.where(~LONG[::-1], x, 1.0), 0.0), R(20)),
    "causal": traced(lambda x: jax.nn.softmax(jnp.where(LOWER, x, -jnp.inf)), R(3, 3)),
    "and": traced(lambda m: m & jnp.asarray(MASK), B(3)),
    "itself": traced(lambda: jnp.asarray(MASK)),
    "three axes": traced(lambda x: jnp.where(np.arange(8).reshape(2, 2, 2) % 3 == 0, x, 0.0), R(2, 2, 2)),
}


@pytest.mark.parametrize("name", MASKED)
@pytest.mark.parametrize("level", ["arrays", "entries", "listing"])
def test_a_constant_array_of_truth_values_keeps_its_entries(name, level):
    evaluates(MASKED[name], level)


@pytest.mark.parametrize("name", ["where", "where not", "times", "long", "two", "causal"])
def test_the_derivative_keeps_the_mask(name):
    evaluates(reverse(MASKED[name]))


def test_a_mask_is_written():
    s = symbolic(MASKED["where"])
    assert str(s) == "Piecewise((x, Matrix([1, 0, 1]) != 0), (0, True))"
    assert str(s.diff("x")) == "Piecewise((dy, Matrix([1, 0, 1]) != 0), (0, True))"
    assert r"\neq 0" in s.latex() and s.expr.has(sympy.ImmutableDenseMatrix)
    assert "constant() != 0" in str(symbolic(MASKED["long"]))
    assert "constant_1() != 0" in str(symbolic(MASKED["two"])) and "constant_2() != 0" in str(symbolic(MASKED["two"]))


COMPLEX = {
    "abs": traced(lambda x: jnp.abs(x * 1j + 1.0), R()),
    "real": traced(lambda x: jnp.real(jnp.exp(1j * x)), R(3)),
    "imag": traced(lambda x: jnp.floor(jnp.imag(jnp.exp(1j * x)) * 3) + jnp.maximum(jnp.real(1j * x * 1j), 0.1), R(3)),
    "product": traced(lambda A, x: jnp.real((A * 1j) @ (x + 0j) * (2.0 + 1j)), R(2, 3), R(3)),
    "wires": traced(lambda z, x: jnp.exp(z) * x + jnp.conj(z), C(3), R(3)),
    "fft": traced(lambda x: jnp.abs(jnp.fft.fft(x)), R(4)),
    "choice": traced(lambda x: jnp.real(jnp.where(x > 0, 1j * x, x + 0j) ** 2), R(3)),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("level", ["arrays", "entries"])
def test_what_is_complex_on_the_way_is_evaluated_so(name, level):
    evaluates(COMPLEX[name], level)


def test_expressions_with_the_imaginary_unit_become_diagrams_of_complex_numbers():
    x = sympy.Symbol("x", real=True)
    d = from_sympy(sympy.I * x, x)
    assert d.cod == C()
    assert to_jax(d)(jnp.float32(2.0)) == 2j
    root = to_jax(from_sympy(sympy.Pow(-1, sympy.Rational(1, 3))))()
    np.testing.assert_allclose(root, np.exp(1j * np.pi / 3), rtol=1e-6)


@pytest.mark.parametrize("level", ["arrays", "entries", "listing"])
def test_a_parameter_with_the_name_of_an_input_keeps_it_and_the_input_has_another(level):
    model = from_jax(lambda params, x: params["x"] * x**2, R(3), params={"x": jnp.ones(3)})
    s = symbolic(model, level)
    assert [v.path for v in s.inputs] == ["x_1", "x"]
    weights, x = jnp.arange(3.0), jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(s.lambdify()({"x": weights}, x), weights * x**2)
    assert "x_1" in str(s) and "x_1" in str(s.diff("x"))
    with pytest.raises(InputError, match="x is the path of a parameter"):
        symbolic(model, level, names=("x",))


def test_parameters_may_be_given_names_too():
    model = from_jax(lambda params, x: params["w"] * x, R(3), params={"w": jnp.ones(3)})
    s = symbolic(model, names=("a", "b"))
    assert (str(s), str(s.diff("b"))) == ("a.*b", "a.*dy")
    np.testing.assert_allclose(s.lambdify()({"w": jnp.arange(3.0)}, jnp.ones(3)), jnp.arange(3.0))


PLACES = {
    "roll": (lambda x: jnp.sum(jnp.exp(jnp.roll(x, 1))), R(3)),
    "concatenate": (lambda x: jnp.exp(jnp.concatenate([x[1:], x[:1]])), R(3)),
    "first": (lambda x: jnp.sort(x)[0], R(3)),
    "spread": (lambda x: jnp.abs(jnp.broadcast_to(jnp.sum(x), x.shape)), R(3)),
    "choices": (lambda x: jax.nn.relu(jnp.where(jnp.arange(3)[:, None] >= jnp.arange(3)[None], x, -1.0)), R(3, 3)),
    "index": (lambda x, c: jnp.exp(x[c]), R(4), Z()),
    "row": (lambda x, c: jnp.exp(x[c]), R(4, 3), Z()),
}


@pytest.mark.parametrize("name", PLACES)
def test_parts_and_spread_numbers_and_choices_have_derivatives_that_are_evaluated(name):
    f, *types = PLACES[name]
    evaluates(from_jax(f, *types))
    evaluates(reverse(from_jax(f, *types)))
    symbolic(reverse(from_jax(f, *types))).latex()


@pytest.mark.parametrize("place", [2, -1])
def test_the_derivative_of_an_entry_is_one_hot_also_where_it_counts_from_the_end(place):
    s = symbolic(from_jax(lambda x, c: x[c], R(4), Z()), names=("x", "c")).diff("x")
    assert str(s) == "onehot(Mod(c, 4))"
    np.testing.assert_array_equal(s.lambdify()(jnp.ones(4), jnp.int32(place)), jnp.zeros(4).at[place].set(1.0))


KINKS = {
    "max": lambda x: jnp.maximum(x, 0.5),
    "relu": jax.nn.relu,
    "softmax": jax.nn.softmax,
    "clip": lambda x: jnp.clip(x, -1.5, 1.5),
    "sign": lambda x: x * jnp.sign(x),
    "floor": lambda x: x * jnp.floor(x),
    "remainder": lambda x: jnp.mod(x, 1.5),
    "round": jnp.round,
    "cube root": jnp.cbrt,
    "modulus": lambda x: jnp.abs(jnp.fft.fft(x)) ** 2,
}


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_of_entries_are_evaluated_where_functions_have_kinks_and_steps(name):
    x = jnp.array([1.0, -2.0, 3.25])
    s = symbolic(from_jax(KINKS[name], R(3)), "entries").diff("x")
    np.testing.assert_allclose(s.lambdify()(x), jax.jacobian(KINKS[name])(x), rtol=1e-3, atol=1e-4)


def test_the_slope_of_relu_at_zero_is_a_half():
    s = symbolic(from_jax(jax.nn.relu, R()), "entries").diff("x")
    assert s.lambdify()(jnp.float32(0.0)) == 0.5


def solves(a, b):
    solve = jax.scipy.linalg.solve_triangular
    return solve(a, b, lower=True) - solve(a, b)


def loops(x):
    def run(sign):
        return lax.scan(lambda c, a: (c + sign * a, c * a), jnp.float32(0), x)[0]

    return run(1.0) - run(2.0)


@pytest.mark.parametrize(
    ("f", "types", "expected"),
    [
        (lambda x: jnp.cumsum(x) - lax.cumsum(x, reverse=True), [R(3)], "cumsum(x) - cumsum(x, reverse=True)"),
        (lambda x: lax.cumsum(x, reverse=True), [R(3)], "cumsum(x, reverse=True)"),
        (lambda x: jnp.cumsum(x, 0) - jnp.cumsum(x, 1), [R(3, 4)], "cumsum(x, axis=0) - cumsum(x, axis=1)"),
        (solves, [R(3, 3), R(3)], "triangular_solve(x, x_1, lower=True) - triangular_solve(x, x_1)"),
        (loops, [R(3)], "scan_1_0(0, x) - scan_2_0(0, x)"),
    ],
)
def test_functions_that_differ_in_what_is_static_are_written_differently(f, types, expected):
    s = symbolic(from_jax(f, *types))
    assert str(s) == expected
    left, right = s.latex().split(" - ") if " - " in expected else (s.latex(), "")
    assert left != right
    evaluates(from_jax(f, *types))


def test_the_bodies_of_two_loops_have_two_names():
    assert list(symbolic(from_jax(loops, R(3))).functions) == ["scan_1/body", "scan_2/body"]


def test_equal_equations_have_one_name():
    def f(X, w, y):
        return jnp.sum(jnp.exp(X @ w) - y * (X @ w) ** 3 + jnp.sin(X @ w) * (X @ w))

    d = reverse(from_jax(f, R(5, 4), R(4), R(5)))
    s = symbolic(d, names=("X", "w", "y", "c"))
    assert [str(e) for _, e in s.where].count("X*w") == 1
    assert "dot_general_2" not in str(s)
    evaluates(d)


def test_what_is_no_formula_or_has_no_meaning_is_refused_in_words():
    x = sympy.Symbol("x")
    model = symbolic(from_jax(lambda params, x: params["w"] * x, R(3), params={"w": jnp.ones(3)}))
    with pytest.raises(InputError, match="subs takes a dict"):
        model.subs(3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match="nested dict of parameters first"):
        model.lambdify()(jnp.ones(3), jnp.ones(3))
    with pytest.raises(InputError, match="is no formula of sympy"):
        from_sympy("x+y")
    with pytest.raises(NoMeaningError, match="the function zeta"):
        from_sympy(sympy.zeta(x), x)
    assert to_jax(from_sympy(3))() == 3.0


@pytest.mark.parametrize(
    ("f", "types"),
    [
        (lambda x: jax.nn.softmax(x.sum(0)), (R(2, 3),)),
        (lambda x: jax.nn.softmax(jax.nn.logsumexp(x, 0)), (R(2, 3),)),
        (lambda x: jax.nn.logsumexp(jax.nn.logsumexp(x, 0)), (R(2, 3),)),
        (lambda x: x[jnp.array([-1, 0])], (R(3),)),
        (lambda x: jnp.diagonal(x), (R(1, 3),)),
    ],
)
def test_bound_indices_stay_apart_and_known_ones_count_from_zero(f, types):
    d = from_jax(f, *types)
    evaluates(d)
    evaluates(reverse(d))


def test_a_truth_value_alone_in_an_array_is_written():
    assert str(symbolic(from_jax(lambda x: x > 0, R(1)))) == "x[0] > 0"
