"""Diagrams as JAX functions and as compiled programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import diagrams

from paralens import (
    Box,
    Diagram,
    Key,
    Para,
    Param,
    R,
    Ty,
    Z,
    batch,
    compile,
    draw,
    export,
    from_jax,
    nn,
    summary,
    to_jax,
)
from paralens.categories.errors import CompositionError, InputError, NoMeaningError, ParameterError

LINEAR = from_jax(lambda x, w, b: x @ w + b, R(3), R(3, 2), R(2)).boxed("linear")
MODEL = Para(LINEAR, {"linear": {"w": Param(R(3, 2), "glorot_uniform"), "b": Param(R(2), "zeros")}})
X = jnp.array([1.0, -2.0, 0.5])


def values(dom):
    return [jnp.linspace(0.0, 1.0, max(w.size, 1))[: w.size].reshape(w.shape).astype(w.dtype) for w in dom.inside]


@given(data=diagrams(max_boxes=3), more=diagrams(max_boxes=2))
@settings(max_examples=15)
def test_to_jax_is_a_functor(data, more):
    both = to_jax(data @ more)(*values(data.dom @ more.dom))
    left, right = to_jax(data)(*values(data.dom)), to_jax(more)(*values(more.dom))
    flat = jax.tree.leaves((left, right))
    for a, b in zip(jax.tree.leaves(both), flat, strict=True):
        np.testing.assert_array_equal(a, b)
    identity = to_jax(Diagram.id(data.dom) >> data)(*values(data.dom))
    for a, b in zip(jax.tree.leaves(identity), jax.tree.leaves(left), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_output_is_an_array_and_several_are_a_tuple():
    assert to_jax(Diagram.id(R(3)))(X) is X
    assert to_jax(Diagram.copy(R(3)))(X) == (X, X)
    assert to_jax(Diagram.discard(R(3)))(X) == ()
    assert to_jax(Diagram.id(Ty()))() == ()
    assert to_jax(Diagram.point(3.0))() == 3.0


def test_a_model_takes_its_nested_parameters_first():
    params = MODEL.init(0)
    expected = X @ params["linear"]["w"] + params["linear"]["b"]
    np.testing.assert_array_equal(to_jax(MODEL)(params, X), expected)
    np.testing.assert_array_equal(compile(MODEL)(params, X), jax.jit(lambda p: to_jax(MODEL)(p, X))(params))
    grad = jax.grad(lambda p: to_jax(MODEL)(p, X).sum())(params)
    np.testing.assert_array_equal(grad["linear"]["w"], jnp.stack([X, X], 1))


def test_a_compiled_diagram_shows_its_jaxpr_hlo_cost_and_memory():
    c = compile(MODEL >> from_jax(jax.nn.relu, R(2)))
    assert "linear" in str(c.jaxpr) and "custom_jvp_call" in str(c.jaxpr)
    assert "stablehlo" in c.hlo(optimized=False) and "HloModule" in c.hlo()
    assert c.cost()["flops"] >= 12 and c.cost()["bytes"] > 0
    assert c.memory()["arguments"] == 4 * (3 + 6 + 2) and c.memory()["outputs"] == 8
    assert "Compiled" in repr(c)


def test_a_compiled_diagram_takes_what_jax_takes():
    c = compile(from_jax(lambda x, n: x * n.astype("float32"), R(3), Z()))
    expected = 2 * np.asarray(X)
    for x in (X, np.asarray(X), np.asarray(X, dtype="float64")):
        np.testing.assert_array_equal(c(x, jnp.int32(2)), expected)
    np.testing.assert_array_equal(c(X, 2), expected)
    np.testing.assert_array_equal(jax.jit(c)(X, jnp.int32(2)), expected)
    np.testing.assert_array_equal(jax.vmap(c, in_axes=(0, None))(jnp.stack([X, X]), jnp.int32(2))[1], expected)
    np.testing.assert_array_equal(jax.grad(lambda x: c(x, jnp.int32(2)).sum())(X), [2.0, 2.0, 2.0])


def test_keys_and_half_precision_are_wires():
    d = from_jax(lambda k, x: x + jax.random.normal(k, (3,), "bfloat16"), Key(), R(3, dtype="bfloat16"))
    key, x = jax.random.key(1), jnp.ones(3, "bfloat16")
    np.testing.assert_array_equal(
        np.asarray(compile(d)(key, x), "float32"),
        np.asarray(jax.jit(lambda k, x: x + jax.random.normal(k, (3,), "bfloat16"))(key, x), "float32"),
    )


@pytest.mark.parametrize(
    "arguments, text",
    [
        ((X,), "takes 2 arrays R(3) @ Z(), and got 1"),
        ((jnp.ones(4), jnp.int32(1)), "wire 0 takes R(3) and got an array of shape (4,)"),
        ((X, jnp.float32(1)), "wire 1 takes Z() and got dtype float32"),
        (("x", jnp.int32(1)), "wire 0 takes R(3) and got a str"),
        ((jnp.ones(4), jnp.float32(1)), "shape (4,); wire 1"),
    ],
)
@pytest.mark.parametrize("functor", [to_jax, compile])
def test_arrays_that_do_not_fit_are_refused_by_wire(functor, arguments, text):
    run = functor(from_jax(lambda x, n: x * n.astype("float32"), R(3), Z()))
    with pytest.raises(InputError) as error:
        run(*arguments)
    assert text in str(error.value)


@pytest.mark.parametrize("functor", [to_jax, compile])
def test_wrong_parameter_trees_name_missing_extra_and_misshapen_paths(functor):
    run = functor(MODEL)
    with pytest.raises(ParameterError) as error:
        run({"linear": {"w": jnp.ones((3, 3)), "c": 1.0}, "more": {"w": 2.0}}, X)
    for text in ("missing linear/b : R(2)", "extra linear/c", "extra more/w", "linear/w has shape (3, 3), expected"):
        assert text in str(error.value)
    with pytest.raises(ParameterError, match="nested dict, not as list"):
        run([1, 2], X)
    with pytest.raises(InputError, match="is called as f\\(params, x\\) with data R\\(3\\), and got 1 argument"):
        run(MODEL.init(0))


@pytest.mark.parametrize("functor", [to_jax, compile])
def test_parameters_of_another_dtype_or_kind_are_named_by_path(functor):
    run, params = functor(MODEL), MODEL.init(0)
    with pytest.raises(ParameterError, match="linear/w has dtype bfloat16, expected float32"):
        run(jax.tree.map(lambda a: a.astype("bfloat16"), params), X)
    with pytest.raises(ParameterError, match="linear/b is a list, expected an array R"):
        run({"linear": {"w": params["linear"]["w"], "b": [0.0, 0.0]}}, X)


def test_helpful_words_where_a_batch_or_a_key_was_meant():
    with pytest.raises(InputError, match=r"batch\(model, n\) takes n examples"):
        to_jax(MODEL)(MODEL.init(0), jnp.ones((5, 3)))
    with pytest.raises(InputError, match=r"a key is made by jax.random.key\(0\)"):
        compile(from_jax(jax.random.bits, Key()))(0)


@pytest.mark.parametrize("functor", [to_jax, compile, draw, summary, lambda d: batch(d, 2)])
def test_what_is_no_diagram_is_refused_in_words(functor):
    with pytest.raises(CompositionError, match="relu is a function, not a diagram"):
        functor(nn.relu)
    with pytest.raises(CompositionError, match="3 is not a diagram"):
        functor(3)


def test_an_abstract_box_is_refused_when_compiled():
    with pytest.raises(NoMeaningError, match="'f'"):
        compile(Box("f", R(3), R(3)))(X)


def test_memory_of_arguments_can_be_donated():
    c = compile(from_jax(lambda x: x + 1.0, R(1000)), donate=(0,))
    x = jnp.ones(1000)
    np.testing.assert_array_equal(c(x), np.full(1000, 2.0, "float32"))
    assert x.is_deleted()


def test_export_gives_stablehlo_that_runs():
    exported = export(MODEL)
    assert "stablehlo" in exported.mlir_module()
    params = MODEL.init(0)
    np.testing.assert_array_equal(exported.call(params, X), compile(MODEL)(params, X))


def test_a_box_used_many_times_is_traced_once():
    step = from_jax(lambda x: jnp.sin(x) * 2.0, R(3)).boxed("step")
    chain = step
    for _ in range(20):
        chain = chain >> step
    assert str(compile(chain).jaxpr).count("sin") == 1
