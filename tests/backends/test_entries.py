"""The exact meaning entry by entry is what JAX computes, with exact numbers, cases and readable choices."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from small_cases import CASES
from strategies import diagrams
from sympy import E, Eq, Function, KroneckerDelta, Max, Min, Piecewise, Rational, S, log, pi, sqrt

from paralens import B, Box, Para, Param, R, Z, from_jax, nn, to_jax
from paralens.backends.sympy.entries import entries_of, number, symbols_of
from paralens.backends.sympy.entries.symbols import numbers_of
from paralens.backends.sympy.proofs.points import Outside, evaluate
from paralens.categories.errors import InputError


def meaning(f, *types, **known):
    """The entries of a function's outputs in symbols x0, x1, ..."""
    d = from_jax(f, *types)
    xs = [symbols_of(w, "x" if len(d.dom) == 1 else f"x{i}") for i, w in enumerate(d.dom.inside)]
    return entries_of(d, xs)


def values(d, arrays, known=()):
    """The entries of a diagram at arrays, as numbers; inputs that are known are no symbols."""
    symbols = [
        numbers_of(arrays[i], w.dtype) if i in known else symbols_of(w, f"x{i}", split=True)
        for i, w in enumerate(d.dom.inside)
    ]
    point = {}
    for entries, array in zip(symbols, arrays, strict=True):
        for e, v in zip(entries.flat, np.asarray(array).flat, strict=True):
            for s in e.free_symbols:
                part = v.imag if str(s).startswith("im(") else v.real
                point[s] = bool(v) if array.dtype == bool else int(v) if s.is_integer else mpmath.mpf(float(part))
    made = {}
    with mpmath.workdps(30):
        return [
            np.array([plain(evaluate(e, point, made)) for e in y.flat]).reshape(y.shape) for y in entries_of(d, symbols)
        ]


def plain(v):
    return bool(v) if isinstance(v, bool) else complex(v)


def agree(d, arrays, known=(), tolerance=2e-5):
    expected = to_jax(d)(*map(jnp.asarray, arrays))
    for mine, its in zip(values(d, arrays, known), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(mine.astype(complex), np.asarray(its).astype(complex), tolerance, tolerance)


# Undefined functions have no values, nor have signs that are a convention.
WITHOUT_VALUES = {"random_gamma", "eig", "eigh", "eigh of the upper triangle", "svd"}
WITH_VALUES = [c for c in CASES if c.name not in WITHOUT_VALUES]


@pytest.mark.parametrize("case", WITH_VALUES, ids=lambda c: c.name)
def test_the_entries_of_a_generator_are_what_jax_computes(case):
    agree(from_jax(case.f, *case.types), case.arrays(), case.known)


@given(d=diagrams())
@settings(max_examples=25)
def test_the_entries_of_a_random_diagram_are_what_jax_computes(d):
    rng = np.random.default_rng(0)
    arrays = [np.asarray(rng.uniform(0.2, 1.0, w.shape), w.dtype) for w in d.dom.inside]
    try:
        agree(d, arrays, tolerance=1e-3)
    except (Outside, NotImplementedError):
        return


NUMBERS = {
    0.1: Rational(1, 10),
    1 / 3: Rational(1, 3),
    -2.5: Rational(-5, 2),
    1e-12: Rational(1, 10**12),
    0.044715: Rational(44715, 10**6),
    1.702: Rational(1702, 1000),
    1.000001: Rational(1000001, 10**6),
    math.pi: pi,
    math.pi / 180: pi / 180,
    math.sqrt(2 / math.pi): sqrt(2 / pi),
    math.sqrt(math.pi) / 2: sqrt(pi) / 2,
    1 / math.sqrt(2 * math.pi): 1 / sqrt(2 * pi),
    2 / math.sqrt(math.pi): 2 / sqrt(pi),
    1 / math.sqrt(32): sqrt(2) / 8,
    math.log(2): log(2),
    1 / math.log(2): 1 / log(2),
    math.log(2 * math.pi) / 2: log(2 * pi) / 2,
    math.e: E,
    math.inf: S.Infinity,
    -math.inf: S.NegativeInfinity,
}


@pytest.mark.parametrize("value", NUMBERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_are_the_numbers_they_were_rounded_from(value, dtype):
    assert number(np.dtype(dtype).type(value), dtype) == NUMBERS[value]


@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32), dtype=st.sampled_from(["float32", "bfloat16"]))
def test_a_number_rounds_to_the_float_that_it_stands_for(value, dtype):
    value = jnp.asarray(value, dtype)
    if value != 0 and abs(value) < jnp.finfo(dtype).tiny:
        return  # JAX flushes subnormal numbers to zero
    with mpmath.workdps(40):
        back = jnp.asarray(float(sympy.N(number(float(value), dtype), 40)), dtype)
    assert back == value


def test_numbers_of_other_kinds_are_exact():
    assert number(float("nan"), "float32") is S.NaN
    assert (number(7, "int32"), number(np.True_, "bool")) == (7, S.true)
    assert number(0.1 + 2j, "complex64") == Rational(1, 10) + 2 * sympy.I
    assert number(jnp.bfloat16(0.1), "bfloat16") == Rational(1, 10)


def test_random_numbers_are_not_taken_for_forms():
    found = [number(v, "float32") for v in np.random.default_rng(1).uniform(size=200).astype("float32")]
    assert all(v.is_Rational for v in found)


x, y = sympy.symbols("x0 x1", real=True)


def test_piecewise_functions_come_out_as_cases():
    assert meaning(lambda a, b: lax.max(a, b), R(), R())[0][()] == Max(x, y)
    assert meaning(lambda a, b: jnp.where(a > b, a, 0.5), R(), R())[0][()] == Piecewise(
        (x, x > y), (Rational(1, 2), True)
    )
    assert meaning(lambda a, b: lax.clamp(-1.0, a, 2.0), R(), R())[0][()] == Min(Max(x, -1), 2)


def test_an_index_that_is_a_symbol_is_a_sum_of_deltas():
    i, v = sympy.Symbol("x1", integer=True), [sympy.Symbol(f"x0_{k}", real=True) for k in range(3)]
    chosen = sum(v[k] * KroneckerDelta(k, i) for k in range(3))
    assert meaning(lambda a, i: a[i], R(3), Z())[0][()] == chosen
    assert meaning(lambda a, i: a.at[i].add(2.0), R(3), Z())[0][1] == v[1] + 2 * KroneckerDelta(1, i)


def test_a_one_hot_is_a_delta_and_indices_that_are_known_are_gone():
    i = sympy.Symbol("x", integer=True)
    assert meaning(lambda i: jax.nn.one_hot(i, 2), Z())[0].tolist() == [KroneckerDelta(0, i), KroneckerDelta(1, i)]
    assert [str(v) for v in meaning(lambda a: a[jnp.array([2, 0])], R(3))[0]] == ["x_2", "x_0"]


def test_loops_are_unrolled_and_choices_are_cases():
    assert (
        meaning(lambda a: lax.fori_loop(0, 3, lambda i, c: c * a, a), R())[0][()] == sympy.Symbol("x", real=True) ** 4
    )
    cond = meaning(lambda i, a: lax.cond(i > 0, jnp.sin, jnp.cos, a), Z(), R())[0][()]
    assert isinstance(cond, Piecewise) and {sympy.sin(y), sympy.cos(y)} == {e for e, _ in cond.args}
    known = meaning(lambda a: lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * 2), (0, a))[1], R())
    assert known[0][()] == 8 * sympy.Symbol("x", real=True)


def test_what_has_no_formula_is_a_named_undefined_function_of_all_its_inputs():
    first, second = sympy.symbols("x_0 x_1", real=True)
    box = Box("mystery", R(2), R(2))
    (made,) = entries_of(box, [symbols_of(R(2).wire, "x")])
    assert made.tolist() == [Function("mystery", real=True)(first, second, k) for k in range(2)]
    (other,) = meaning(lambda a: jnp.linalg.svd(a, compute_uv=False), R(3, 3))
    assert all(v.free_symbols == set(symbols_of(R(3, 3).wire, "x").flat) for v in other)


def test_boxes_with_other_parameters_are_other_functions():
    lower, upper = (
        meaning(lambda a, k=k: lax.linalg.eigh(a, lower=k, symmetrize_input=False)[1], R(3, 3)) for k in (True, False)
    )
    assert lower[0][0] != upper[0][0]


def test_a_condition_that_is_not_known_leaves_a_while_loop_undefined():
    made = meaning(lambda a: lax.while_loop(lambda c: c < 3, lambda c: c * 2, a), R())[0][()]
    assert isinstance(made, sympy.core.function.AppliedUndef)


def test_truth_values_are_relations_and_connectives():
    both = meaning(lambda a, b: (a < b) & ~(a == 0), R(), R())[0][()]
    assert both == sympy.And(x < y, sympy.Ne(x, 0))
    assert meaning(lambda p: ~p, B())[0][()] == sympy.Not(sympy.Symbol("x"))
    assert meaning(lambda a, b: a == a, R(), R())[0][()] is S.true
    assert isinstance(meaning(lambda a, b: a == b, R(), R())[0][()], Eq)


def test_whole_numbers_that_are_known_wrap_around_as_they_do_in_jax():
    made = meaning(lambda a: (a.astype("int32") * 0 + jnp.int32(2**31 - 1) + 1) * 1, R())[0][()]
    assert made == -(2**31)


def test_the_parameters_of_a_model_are_its_last_inputs():
    model = Para(from_jax(lambda a, w: w @ a, R(2), R(1, 2)), {"w": Param(R(1, 2))})
    xs = [symbols_of(R(2).wire, "a"), symbols_of(R(1, 2).wire, "w")]
    assert str(entries_of(model, xs)[0][0]) == "a_0*w_{0,0} + a_1*w_{0,1}"
    dense = nn.dense(2, 1)
    assert len(entries_of(dense, [symbols_of(w, f"v{i}") for i, w in enumerate(dense.arrow.dom.inside)])) == 1


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="one array of expressions for each of R\\(2\\)"):
        entries_of(from_jax(jnp.sin, R(2)), [symbols_of(R(3).wire, "x")])
