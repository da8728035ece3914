"""What `check` takes: the arguments of a model by name, before its data; what does not fit is refused by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import Learner, check, losses, nn, optimizers
from paralens.categories.errors import InputError, ParameterError
from paralens.functors.certificates.asked import Asked

MODEL = nn.dense(3, 3)
PARAMS = MODEL.init(0)
X = np.array([1.0, 2.0, 3.0], np.float32)


pytestmark = pytest.mark.usefixtures("ordinary")


def asked(given, *examples, domain=None, special=(), guards=None, surrogate=None):
    return Asked(given, examples, domain, special, guards, surrogate, 0)


def test_the_parameters_of_a_model_come_first_as_compile_takes_them():
    x, w, b = asked(MODEL, PARAMS, X).first  # all fit each other where the layer is square
    assert (x == X).all() and (w == PARAMS["dense"]["w"]).all() and (b == PARAMS["dense"]["b"]).all()
    assert check(MODEL, PARAMS, X, effort="quick").ok


def test_what_is_left_out_of_a_model_is_made():
    made = MODEL.flat(MODEL.init(jax.random.key(0)))
    x, *others = asked(MODEL, X).first
    assert (x == X).all() and all((a == b).all() for a, b in zip(others, made, strict=True))
    assert (asked(MODEL, PARAMS).first[1] == PARAMS["dense"]["w"]).all()


def test_the_state_of_a_learner_comes_first():
    learner = Learner(nn.dense(1, 1), losses.squared_error(1), optimizers.momentum(0.1))
    state = learner.init(0)
    first = asked(learner, state, np.ones(1), 2 * np.ones(1)).first
    assert (first[-2] == 1).all() and (first[-1] == 2).all()
    weights = np.asarray(jax.tree.leaves(state.params["dense"]["w"])[0])
    assert any(a.shape == weights.shape and (a == weights).all() for a in first[:-2])
    assert (asked(learner, np.ones(1), 2 * np.ones(1)).first[-1] == 2).all()
    with pytest.raises(InputError, match=r"check\(learner, state, x0, x1\).*the state comes first"):
        asked(learner, np.ones(1), np.ones(1), state)
    with pytest.raises(InputError, match=r"learner\.init"):
        asked(learner, state.params, np.ones(1), np.ones(1))


@pytest.mark.parametrize(
    "examples, error, message",
    [
        ((X, PARAMS), InputError, r"check\(model, params, x\), with data R\(3\): the parameters come first"),
        ((X, *MODEL.flat(PARAMS)), InputError, "the parameters come first"),
        ((PARAMS, X[:2]), InputError, r"the data takes R\(3\) and got an array of shape \(2,\)"),
        ((PARAMS, X * 1j), InputError, "got dtype complex64"),
        (
            ({"dense": {"w": np.ones((3, 4)), "c": 1.0}}, X),
            ParameterError,
            r"missing dense/b; extra dense/c; dense/w takes R\(3, 3\) and got an array of shape \(3, 4\)",
        ),
    ],
)
def test_what_does_not_fit_a_model_is_refused_by_name(examples, error, message):
    with pytest.raises(error, match=message):
        check(MODEL, *examples)


def test_arrays_are_fitted_to_wires_and_arguments_by_name():
    with pytest.raises(InputError, match=r"wire 0 takes R\(3\) and got an array of shape \(2,\)"):
        check(MODEL.arrow, X[:2])
    with pytest.raises(InputError, match=r"argument 0\['b'\] takes R\(3\) and got an array of shape \(2,\)"):
        asked(lambda d: d["a"] * d["b"], {"a": X, "b": X}, special=[({"a": X, "b": X[:2]},)])
    with pytest.raises(InputError, match=r"argument 1 takes Z\(\) and got dtype float"):
        asked(lambda x, k: x * k, X, 1, special=[(X, 1.5)])
    assert asked(lambda x, k: x * k, X, 1, special=[(X, 2.0)]).declared[0][1] == 2


def test_what_is_declared_of_a_model_speaks_of_the_same_arguments():
    given = asked(MODEL, PARAMS, X, domain=[{"dense/w": (-1, 1)}, (-2, 2)], special=[(X,), (PARAMS, 2 * X)])
    assert [r and r[:2] for r in given.region.ranges] == [(-2, 2), (-1, 1), None]
    assert (given.declared[0][1] == PARAMS["dense"]["w"]).all() and (given.declared[1][0] == 2 * X).all()
    assert asked(MODEL, PARAMS, X, domain=(-2, 2)).region.ranges == [(-2, 2), None, None]
    assert asked(MODEL, X, domain=[(0, 1), None]).region.ranges == [None, (0, 1), (0, 1)]
    supplied = asked(MODEL, PARAMS, X, domain=lambda rng: (PARAMS, rng.uniform(5, 6, 3)))
    assert (supplied.met[-1][0] >= 5).all()
    kinks = asked(MODEL, PARAMS, X, domain=(-2, 2), guards=lambda params, x: x[0] + params["dense"]["b"][0])
    assert kinks.declared and all(abs(p[0][0] + p[2][0]) < 1e-5 for p in kinks.declared)
    tangent = asked(MODEL, PARAMS, X).tangent(lambda rng, arguments: (arguments[0], 2 * arguments[1]))
    v = tangent(np.random.default_rng(0), (X, *MODEL.flat(PARAMS)))
    assert (v[0] == 2 * X).all() and v[1].shape == (3, 3)


@pytest.mark.parametrize(
    "domain, message", [([{"dens": (0, 1)}, None], "a range for dens"), ([None] * 3, "1 for the data")]
)
def test_a_domain_that_does_not_fit_a_model_is_refused(domain, message):
    with pytest.raises(InputError, match=message):
        asked(MODEL, PARAMS, X, domain=domain)


@pytest.mark.parametrize("surrogate", [MODEL, MODEL.arrow, lambda p, x: x @ p["dense"]["w"] + p["dense"]["b"]])
def test_the_surrogate_of_a_model_may_be_a_model_a_diagram_or_a_function(surrogate):
    assert check(MODEL, PARAMS, X, surrogate=surrogate, effort="quick").verdict == "correct"


def with_backward(rule):
    f = jax.custom_vjp(lambda x: x * 2)
    f.defvjp(lambda x: (x * 2, x), rule)
    return f


def with_tangent(rule):
    f = jax.custom_jvp(lambda x: x * 2)
    f.defjvp(rule)
    return f


@pytest.mark.parametrize(
    "twice, message",
    [
        (with_backward(lambda r, g: (g[0],)), "Custom VJP bwd rule"),
        (with_backward(lambda r, g: (jnp.dot(r[:2], g),)), "dot_general"),
        (with_tangent(lambda xs, vs: (2 * xs[0], jnp.dot(xs[0][:2], vs[0]))), "dot_general"),
        (with_tangent(lambda xs, vs: (2 * xs[0], vs[0].astype(jnp.bfloat16))), "Custom JVP rule"),
    ],
)
def test_a_rule_that_jax_refuses_is_named_by_its_path(twice, message):
    found = check(lambda x: jax.jit(lambda y: twice(jnp.sin(y)))(x), X, effort="quick")
    (bad,) = [row for row in found.rows if row.verdict == "undecided"]
    assert found.verdict == "undecided" and message in bad.reason and message in str(found)
    assert bad.path.startswith("<lambda>/") and bad.method == "no derivative"
