"""The traits of primitives, against what JAX and the table of derivatives say of them."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import paralens
from paralens.diagrams.primitives import Traits, classified, having, inputs_linear_in, traits
from paralens.diagrams.tracing.lookup import known, primitive
from paralens.functors.derivative_rules import FACTS
from paralens.functors.derivative_rules.facts import Bilinear, Elementwise, Linear, LocallyConstant

ROOT = Path(paralens.__file__).parent


def test_every_primitive_of_the_installed_jax_is_classified():
    assert [name for name in known() if not classified(name)] == []


def test_what_is_not_known_has_no_traits():
    assert traits("a_primitive_of_mine") == Traits() and not classified("a_primitive_of_mine")


def test_a_word_that_is_no_trait_is_refused():
    with pytest.raises(ValueError, match="'elementwise' is no trait: they are pointwise"):
        having("elementwise")


@pytest.mark.parametrize("name", sorted(FACTS))
def test_traits_and_facts_of_derivatives_agree(name):
    fact, own = FACTS[name], traits(name)
    assert own.linear == isinstance(fact, Linear)
    assert own.bilinear == isinstance(fact, Bilinear)
    assert own.constant == isinstance(fact, LocallyConstant)
    assert own.pointwise or not isinstance(fact, Elementwise)
    if isinstance(fact, Linear):
        assert inputs_linear_in(name) == fact.at


# -- what numbers say ----------------------------------------------------------------------------------------------

DOMAINS = {name: (0.1, 0.9) for name in ("asin", "acos", "atanh", "erf_inv")} | {"acosh": (1.1, 3.0)}
POSITIVE = ("log", "log1p", "log2", "sqrt", "rsqrt", "lgamma", "digamma")


def applied(name, *arrays, **params):
    return np.asarray(primitive(name).bind(*map(jnp.asarray, arrays), **params))


def parameters(name):
    """The parameters of a unary primitive, as JAX's own function gives them."""
    function = {"erf_inv": jax.scipy.special.erfinv, "not": jnp.logical_not}.get(name) or getattr(jax.lax, name, None)
    if function is None:
        return None
    try:
        eqns = jax.make_jaxpr(function)(0.5).eqns
    except TypeError:
        return None
    return next((e.params for e in eqns if e.primitive.name == name), None)


@pytest.mark.parametrize("name", sorted(having("increasing") | having("decreasing")))
def test_what_is_monotone_is(name):
    params = parameters(name)
    if params is None:
        pytest.skip(f"{name} is a primitive of another version of JAX")
    low, high = DOMAINS.get(name, (0.1, 3.0) if name in POSITIVE else (-3.0, 3.0))
    y = applied(name, np.linspace(low, high, 101, dtype="float32"), **params)
    steps = np.diff(y) if traits(name).increasing else -np.diff(y)
    assert (steps >= -1e-6 * np.abs(y[1:])).all()


LAX = sorted(name for name in having("pointwise") if hasattr(jax.lax, name))


@pytest.mark.parametrize("name", LAX)
def test_what_is_pointwise_and_commutative_is(name):
    for dtype in ("float32", "int32", "bool"):
        x, y = (np.random.default_rng(k).integers(0, 2, 5).astype(dtype) for k in (0, 1))
        for count in (1, 2):
            try:
                f = getattr(jax.lax, name)
                whole = f(*(x, y)[:count])
                parts = [f(*(a[i : i + 1] for a in (x, y)[:count])) for i in range(5)]
            except (TypeError, ValueError, NotImplementedError):
                continue
            np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-6)
            if count == 2:
                same = np.array_equal(whole, f(y, x), equal_nan=True)
                assert same or not traits(name).commutative


@pytest.mark.parametrize("name", sorted(having("exact") & having("pointwise")))
def test_what_is_exact_says_the_same_in_double_precision(name):
    x, y = (np.random.default_rng(k).normal(size=50).astype("float32") for k in (0, 1))
    f = getattr(jax.lax, name, None)
    for arrays in ((x,), (x, y)):
        try:
            narrow = f(*arrays)
        except (TypeError, ValueError, NotImplementedError):
            continue
        if name == "nextafter":  # of another format another number
            continue
        with jax.enable_x64(True):
            wide = f(*(jnp.asarray(a, "float64") for a in arrays))
        np.testing.assert_array_equal(np.asarray(narrow).astype(wide.dtype), wide)


# -- said once -----------------------------------------------------------------------------------------------------

LISTS = re.compile(r'"((?:[a-z_0-9]+ ){4,}[a-z_0-9]+ ?)"')
# lists that give each of their members something of its own: a cost, a text, a meaning
TABLES = {"functors/costs.py", "backends/python/operators.py", "backends/sympy/entries/elementary.py"}
SYMPY = {
    f"backends/sympy/{name}.py" for name in ("formulas/terms/pointwise", "proofs/normal", "proofs/points")
}  # functions
WITHIN = {"functors/certificates/together/flows.py"}  # solvers that are examined together with what is around them


def test_no_other_file_lists_primitives_by_what_they_are():
    names, found = set(known()), {}
    for path in ROOT.rglob("*.py"):
        place = path.relative_to(ROOT).as_posix()
        if place.split("/")[0] not in ("backends", "categories", "diagrams", "functors"):
            continue
        for words in LISTS.findall(path.read_text()):
            if len(names & set(words.split())) >= 4 and place != "diagrams/primitives.py":
                found[place] = words
    assert set(found) <= TABLES | SYMPY | WITHIN, found
