"""`register`: one call says to every functor what a primitive or a function of one's own is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
import third_party
from third_party import cube, cube_p, erfcx, lambertw

from paralens import (
    DerivativeError,
    InputError,
    R,
    check,
    cost,
    forward,
    from_jax,
    prove,
    register,
    reverse,
    simplify,
    source,
    summary,
    symbolic,
    to_jax,
)
from paralens.diagrams import registry
from paralens.diagrams.primitives import having, traits
from paralens.diagrams.tracing import lookup
from paralens.functors.derivative_rules import fact_of
from paralens.functors.derivative_rules.facts import Elementwise, Linear, LocallyConstant

X = np.linspace(0.1, 2.0, 3, dtype="float32")


def primitive(name):
    made = jax.extend.core.Primitive(name)
    made.def_impl(lambda x, **options: x * 2.0)
    made.def_abstract_eval(lambda x, **options: x)
    return made


@pytest.fixture(scope="module", autouse=True)
def _registered():
    register(
        cube_p,
        traits=["pointwise", "analytic", "increasing"],
        derivative=lambda g, y, x: 3.0 * g * x * x,
        sympy=lambda x: x**3,
        source="third_party.cube",
        cost=(2, 0),
        bounds=lambda box, x: [(cube(x[0]), cube(x[1]))],
    )
    meaning = lambda x: sympy.exp(x**2) * sympy.erfc(x)  # noqa: E731
    register(erfcx, traits=["pointwise"], sympy=meaning, source="third_party.erfcx", cost=(2, 2))
    register(lambertw, traits=["pointwise"], sympy=sympy.LambertW)


FUNCTIONS = {"cube": cube, "erfcx": erfcx}
both = pytest.mark.parametrize("name", FUNCTIONS)


def single(name, *shape):
    return from_jax(FUNCTIONS[name], R(*shape))


@both
def test_derivatives_are_those_of_jax(name):
    f, d = FUNCTIONS[name], single(name, 3)
    expected = jax.vmap(jax.grad(f))(X)
    np.testing.assert_allclose(to_jax(reverse(d))(X, jnp.ones(3)), expected, rtol=1e-5)
    np.testing.assert_allclose(to_jax(forward(d))(X, jnp.ones(3))[1], expected, rtol=1e-5)
    second = to_jax(reverse(reverse(from_jax(f, R()))))(np.float32(0.7), np.float32(1), np.float32(1))
    np.testing.assert_allclose(second[0], jax.grad(jax.grad(f))(0.7), rtol=1e-4)


def test_the_derivative_is_the_one_that_was_registered():
    assert isinstance(fact_of("cube"), Elementwise) and {"cube"} <= having("pointwise") and traits("cube").increasing
    assert not any(box.op == "cube" for box in reverse(single("cube")).boxes)


def test_formulas_are_those_that_were_registered():
    x = sympy.Symbol("x", real=True)
    assert symbolic(single("cube")).expr == x**3
    assert symbolic(single("erfcx")).expr == sympy.exp(x**2) * sympy.erfc(x)
    assert symbolic(single("cube", 3)).latex() == r"x^{\circ 3}"
    dy = sympy.Symbol("dy", real=True)
    assert symbolic(reverse(single("cube")), names=["x", "dy"]).expr == 3 * dy * x**2


@both
def test_derivatives_are_proved(name):
    assert prove(single(name)).verdict == "proved", str(prove(single(name)))


@both
def test_the_source_calls_the_library_and_runs(name):
    text = source(single(name, 3) >> from_jax(jnp.sum, R(3)))
    assert "import third_party" in text and f"third_party.{name}(" in text
    np.testing.assert_allclose(text.function()(X), FUNCTIONS[name](X).sum(), rtol=1e-6)


@both
def test_costs_are_those_that_were_declared(name):
    flops, transcendentals = {"cube": (2, 0), "erfcx": (2, 2)}[name]
    found = cost(single(name, 3))
    assert (found.flops, found.transcendentals, found.bytes, found.guessed) == (3 * flops, 3 * transcendentals, 24, ())
    assert f"{3 * flops}" in str(summary(single(name, 3)))


def test_rewrites_take_it_for_what_it_is():
    spread = from_jax(lambda x: cube(jnp.broadcast_to(x, (4, 3))), R(3))
    made = simplify(spread)
    assert [box.op for box in made.boxes] == ["cube", "broadcast_in_dim"]
    assert [box.op for box in simplify(from_jax(lambda x: x + cube(jnp.full(3, 2.0)), R(3))).boxes][-1] == "add"
    assert not any(box.op == "cube" for box in simplify(from_jax(lambda x: x + cube(jnp.full(3, 2.0)), R(3))).boxes)


def test_where_no_proof_is_found_numbers_decide():
    d = from_jax(lambertw, R())
    assert symbolic(d).expr.func is sympy.LambertW
    assert prove(d).verdict == "undecided" and "LambertW" in prove(d).reason
    assert check(lambertw, np.float32(0.5), domain=[(0.1, 2.0)]).verdict == "correct"


@both
def test_certified_and_proved(name):
    found = check(FUNCTIONS[name], np.float32(0.5), domain=[(0.1, 2.0)])
    assert found.verdict == "proved", str(found)


def test_a_wrong_rule_that_was_registered_is_found():
    wrong = jax.extend.core.Primitive("wrong_cube")
    wrong.def_impl(lambda x: x * x * x)
    wrong.def_abstract_eval(lambda x: x)
    jax.interpreters.mlir.register_lowering(
        wrong, jax.interpreters.mlir.lower_fun(lambda x: x * x * x, multiple_results=False)
    )
    register(wrong, traits=["pointwise"], derivative=lambda g, y, x: 2.0 * g * x * x, sympy=lambda x: x**3)
    d = from_jax(wrong.bind, R())
    assert check(d, np.float32(0.5), domain=[(-1.0, 1.0)]).verdict == "wrong"
    assert prove(d).verdict == "refuted"


def test_a_wrong_meaning_is_found_where_it_is_read():
    """A proof about another function would be none."""
    square = jax.extend.core.Primitive("square_or_so")
    square.def_impl(lambda x: x * x * x)
    square.def_abstract_eval(lambda x: x)
    register(square, traits=["pointwise"], derivative=lambda g, y, x: 2.0 * g * x, sympy=lambda x: x**2)
    d = from_jax(square.bind, R())
    for read in (prove, symbolic):
        with pytest.raises(InputError, match="the meaning registered for square_or_so is not what it computes: at"):
            read(d)


def test_a_cost_that_nobody_declared_is_xlas():
    plain = jax.extend.core.Primitive("plain_cube")
    plain.def_impl(lambda x: x * x * x)
    plain.def_abstract_eval(lambda x: x)
    jax.interpreters.mlir.register_lowering(
        plain, jax.interpreters.mlir.lower_fun(lambda x: x * x * x, multiple_results=False)
    )
    found = cost(from_jax(plain.bind, R(5)))
    assert (found.flops, found.guessed) == (10, ())


def test_what_says_nothing_of_itself_is_as_before():
    assert registry.entered(from_jax(jnp.sin, R()).boxes[0]) is None

    @jax.custom_jvp
    def lambertw(x):  # another function of the same name
        return 2.0 * x

    lambertw.defjvp(lambda x, v: (lambertw(*x), 2.0 * v[0]))
    assert registry.entered(from_jax(lambertw, R()).boxes[0]) is None
    assert symbolic(from_jax(lambertw, R())).expr == 2 * sympy.Symbol("x", real=True)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: register("sin", traits=["pointwise"]), "one of JAX's own primitives"),
        (lambda: register(3), "takes a primitive, its name, or a jax.custom_jvp"),
        (lambda: register("own", traits=["pointwize"]), "pointwize is no trait"),
        (lambda: register("own", derivative=3), "is one of Linear, Elementwise"),
        (lambda: register(third_party.lambertw, derivative=lambda g, y, x: g), "carries its own derivative rule"),
        (lambda: register("own", source="a b"), "the name of a public function"),
        (lambda: register("own", source="square"), "the name of a public function with its module"),
        (lambda: register("own", sympy="x"), "sympy of own is a function"),
        (lambda: register("own", derivative=LocallyConstant), "is one of Linear, Elementwise"),
        (lambda: register("own", derivative=lambda g, y, x: g), "say traits=['pointwise'], or give a fact"),
        (lambda: register("own", cost=3), "a pair of whole numbers"),
        (lambda: register("own", traits=["increasing", "decreasing"]), "cannot be increasing and decreasing"),
        (lambda: register(jax.custom_jvp(lambda x, n: x**n, nondiff_argnums=(1,))), "has nondiff_argnums"),
        (lambda: register(primitive("cube")), "two different primitives are named 'cube'"),
    ],
)
def test_what_cannot_be_registered_is_refused(make, text):
    with pytest.raises(InputError) as error:
        make()
    assert text in str(error.value)


@pytest.mark.parametrize(
    "fact, text",
    [
        (Linear(lambda box, dys, xs: dys[0]), "a list of 1 cotangents is due"),
        (Linear(lambda box, dys, xs: [dys[0], dys[0]]), "a list of 1 cotangents is due"),
        (Linear(lambda box, dys, xs: [dys[0][:2]]), r"gives R(2) for R(3)"),
        (Elementwise((lambda g, y, x: None,)), "a partial derivative gives an array"),
        (Elementwise((lambda g, y, x: unknown,)), "fails with NameError"),  # noqa: F821
    ],
)
def test_a_rule_that_fails_or_does_not_fit_is_told_with_the_box(fact, text):
    made = primitive(f"own {type(fact).__name__} {id(fact)}")
    register(made, derivative=fact)
    d = from_jax(made.bind, R(3))
    with pytest.raises(DerivativeError) as error:
        reverse(d.boxed("inner"))
    assert text in str(error.value) and str(error.value).startswith("at inner/own")


def test_what_is_said_anew_is_said_of_new_boxes():
    said = primitive("said_twice")
    for factor in (2.0, 3.0):
        register(said, traits=["pointwise"], derivative=lambda g, y, x, factor=factor: factor * g)
        assert to_jax(reverse(from_jax(said.bind, R())))(1.0, 1.0) == factor


def test_options_of_a_primitive_are_written():
    register(primitive("windowed"), source="mylib.windowed")
    text = source(from_jax(lambda x: lookup.primitive("windowed").bind(x, window=3), R(4)))
    assert "mylib.windowed(x, window=3)" in text


def test_a_registered_primitive_is_known_to_files():
    register(primitive("filed"))
    assert lookup.primitive("filed").name == "filed"


def test_other_kinds_of_facts_are_taken():
    register("stair", derivative=LocallyConstant())
    assert isinstance(fact_of("stair"), LocallyConstant)
