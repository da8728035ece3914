"""Programs as text: what they look like, that they run and say what the diagram means, and what is refused."""

import ast
import keyword
import pickle
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import QUICK
from hypothesis import given, settings
from numerics import arguments
from strategies import diagrams, paras

from paralens import (
    B,
    Box,
    C,
    Diagram,
    Key,
    Learner,
    Para,
    R,
    Ty,
    Z,
    forward,
    from_jax,
    losses,
    nn,
    optimizers,
    repeat,
    reverse,
    to_jax,
)
from paralens.backends.python import source
from paralens.categories.errors import CompositionError, InputError, NoMeaningError

ROWS = R(8, 4)
MLP = nn.dense(R(8, 3), 4) >> nn.relu(ROWS) >> nn.dense(ROWS, 2)
CROSS_ENTROPY = losses.softmax_cross_entropy(R(10))


def traced(f, *examples):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return from_jax(f, *examples)


def given_to(d, seed=0):
    """Random arguments of a diagram or a model, in the order of the program's."""
    if isinstance(d, Para):
        return d.nest(arguments(d.weight, seed)), *arguments(d.dom, seed + 1)
    return tuple(arguments(d, seed) if not isinstance(d, Diagram) else arguments(d.dom, seed))


def says_the_same(d, exactly=False, tolerance=2e-5):
    """Assert that the program of d gives what d means, to the bit or up to rounding; gives the program."""
    text, values = source(d), given_to(d)
    ast.parse(text)
    assert all(len(line) <= 120 for line in text.splitlines()), max(text.splitlines(), key=len)
    run = (lambda f: f) if exactly else lambda f: jax.jit(f, compiler_options=QUICK)
    got, expected = (jax.tree.leaves(run(f)(*values)) for f in (text.function(), to_jax(d)))
    for a, e in zip(got, expected, strict=True):
        a, e = np.asarray(a), np.asarray(e)
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
        if exactly:
            np.testing.assert_array_equal(a, e)
        else:
            size = max(1.0, float(np.abs(e.astype(complex)).max(initial=0.0)))
            np.testing.assert_allclose(a.astype(complex), e.astype(complex), rtol=tolerance, atol=tolerance * size)
    return text


def body(text):
    """A program without its imports."""
    return text.partition("\n\n\n")[2].strip()


# -- what it looks like --------------------------------------------------------------------------


def test_a_dense_layer_is_one_line():
    assert source(nn.dense(R(8, 3), 4)) == (
        'def f(params, x):\n    return x @ params["dense"]["w"] + params["dense"]["b"]\n'
    )


def test_a_model_reads_its_parameters_by_path_and_names_values_after_its_layers():
    assert body(source(MLP)) == (
        "def f(params, x):\n"
        '    dense = x @ params["dense"]["w"] + params["dense"]["b"]\n'
        '    return jax.nn.relu(dense) @ params["dense_1"]["w"] + params["dense_1"]["b"]'
    )


def test_the_reverse_of_a_model_reads_as_written_by_hand():
    assert (
        source(reverse(MLP), "grad")
        == """import jax
import jax.numpy as jnp


def relu(x):
    return jax.nn.relu(x), x > 0.0


def dense_back(x, w, dy):
    return dy @ w.T, x.T @ dy, jnp.sum(dy, axis=0)


def grad(params, x, dy):
    dense = x @ params["dense"]["w"] + params["dense"]["b"]
    relu_out, mask = relu(dense)
    d_relu_out, d_dense_1_w, d_dense_1_b = dense_back(relu_out, params["dense_1"]["w"], dy)
    d_dense = jnp.where(mask, d_relu_out, 0.0)
    dx, d_dense_w, d_dense_b = dense_back(x, params["dense"]["w"], d_dense)
    return dx, d_dense_w, d_dense_b, d_dense_1_w, d_dense_1_b
"""
    )


def test_layer_norm_keeps_its_dimensions():
    assert body(source(nn.layer_norm(ROWS).arrow, inputs=("x", "scale", "bias"))) == (
        "def layer_norm(x, scale, bias):\n"
        "    difference = x - jnp.sum(x, axis=1, keepdims=True) / 4.0\n"
        "    total = jnp.sum(jnp.square(difference), axis=1, keepdims=True) / 4.0 + 1e-06\n"
        "    return difference * lax.rsqrt(total) * scale + bias\n\n\n"
        "def f(x, scale, bias):\n"
        "    return layer_norm(x, scale, bias)"
    )


def test_the_reverse_of_softmax_cross_entropy_reads_as_written_by_hand():
    assert body(source(reverse(CROSS_ENTROPY))) == (
        "def log_softmax(x):\n"
        "    difference = x - lax.stop_gradient(jnp.maximum(-jnp.inf, jnp.max(x)))\n"
        "    exp = jnp.exp(difference)\n"
        "    total = jnp.sum(exp)\n"
        "    return difference - jnp.log(total), exp, total\n\n\n"
        "def softmax_cross_entropy(x, y):\n"
        "    log_softmax_out, exp, total = log_softmax(x)\n"
        "    return -jnp.sum(y * log_softmax_out) / 1.0, exp, total, log_softmax_out\n\n\n"
        "def softmax_cross_entropy_back(exp, total, x, log_softmax_out, dy):\n"
        "    negative = -(dy / 1.0)\n"
        "    product = negative * x\n"
        "    return product + jnp.sum(-product) / total * exp, negative * log_softmax_out\n\n\n"
        "def f(x, y, dy):\n"
        "    _, exp, total, log_softmax_out = softmax_cross_entropy(x, y)\n"
        "    dx, dy_1 = softmax_cross_entropy_back(exp, total, y, log_softmax_out, dy)\n"
        "    return dx, dy_1"
    )


LINES = {
    "precedence": (lambda x, y: (x + y) * (x - (y - x)) / -(x**2), (R(3), R(3)), "(x + y) * (x - (y - x)) / -x ** 2"),
    "right to left": (lambda x, y: x - (y - x) + (y + x), (R(3), R(3)), "x - (y - x) + (y + x)"),
    "comparison": (
        lambda x, y: ((x > 0) == (y <= 1)) & ~(x != y),
        (R(3), R(3)),
        "((x > 0.0) == (y <= 1.0)) & ~(x != y)",
    ),
    "where": (lambda x: jnp.where(x > 0, x, 0.0), (R(3),), "jnp.where(x > 0.0, x, 0.0)"),
    "matrices": (lambda x, y: x.T @ y, (R(3, 2), R(3, 4)), "x.T @ y"),
    "the transpose of a product": (lambda x, y: (x.T @ y).T, (R(3, 2), R(3, 4)), "y.T @ x"),
    "stacks of matrices": (lambda x, y: x @ y.mT, (R(5, 3, 2), R(5, 4, 2)), "x @ y.mT"),
    "a contraction": (lambda x, y: jnp.einsum("abc,cda->bd", x, y), (R(2, 3, 4), R(4, 5, 2)), None),
    "a column": (lambda x, y: x * y[:, None], (R(3, 4), R(3)), "x * y[:, None]"),
    "a row": (lambda x, y: x * y, (R(3, 4), R(4)), "x * y"),
    "a broadcast on its own": (lambda x: jnp.broadcast_to(x, (3, 4)), (R(4),), "jnp.broadcast_to(x, (3, 4))"),
    "slices": (lambda x: x[1:3, ::2], (R(4, 6),), "x[1:3, ::2]"),
    "an entry": (lambda x: x[1], (R(4, 6),), "x[1]"),
    "reshape": (lambda x: x.reshape(2, 6).T, (R(3, 4),), "x.reshape(2, 6).T"),
    "concatenate": (lambda x, y: jnp.concatenate([x, y], 1), (R(2, 3), R(2, 1)), "jnp.concatenate([x, y], axis=1)"),
    "a sum": (lambda x: x.sum((0, 2)), (R(2, 3, 4),), "jnp.sum(x, axis=(0, 2))"),
    "a mean": (lambda x: x / x.max(-1, keepdims=True), (R(2, 3),), "x / jnp.max(x, axis=1, keepdims=True)"),
    "types": (lambda x: x.astype("bfloat16"), (R(3),), "x.astype(jnp.bfloat16)"),
    "zeros": (lambda: jnp.zeros((2, 3)), (), "jnp.zeros((2, 3))"),
    "integers": (lambda x: x % 3 // 2 << 1, (Z(3),), None),
    "not a number": (lambda x: jnp.where(x > -jnp.inf, x, jnp.nan), (R(3),), "jnp.where(x > -jnp.inf, x, jnp.nan)"),
    "small numbers": (lambda x: x * 1e-6 + 0.1, (R(3),), "x * 1e-06 + 0.1"),
    "complex numbers": (lambda x: x * (1 - 2j), (C(3),), "x * complex(1.0, -2.0)"),
    "a large number": (lambda x: x & jnp.uint32(0xFFFFFFFF), (Z(3, dtype="uint32"),), "x & jnp.uint32(4294967295)"),
    "a small array": (lambda x: x + jnp.array([1.0, 2.0]), (R(2),), "x + jnp.array([1.0, 2.0], jnp.float32)"),
    "nothing": (lambda x: jnp.concatenate([x, np.zeros((0, 2), "float32")]), (R(3, 2),), None),
    "numbers alone": (lambda: jnp.float32(1.5) + jnp.float32(2.0), (), None),
}


@pytest.mark.parametrize("name", LINES)
def test_a_line_of_jax_numpy_comes_back_as_it_was(name):
    f, types, line = LINES[name]
    text = says_the_same(traced(f, *types))
    if line is not None:
        assert text.splitlines()[-1].strip() == f"return {line}"


def test_a_value_that_is_read_twice_is_computed_once():
    text = says_the_same(from_jax(lambda x: jnp.sin(x) * jnp.cos(jnp.sin(x)) + jnp.sin(x), R(3)))
    assert text.count("jnp.sin(x)") == 3
    shared = from_jax(lambda x: (lambda s: s * jnp.cos(s) + s)(jnp.sin(x)), R(3))
    assert body(says_the_same(shared)) == "def f(x):\n    sin = jnp.sin(x)\n    return sin * jnp.cos(sin) + sin"


def test_what_nobody_reads_is_not_written():
    d = from_jax(lambda x: (jnp.sin(x), jnp.cos(x)), R(3)) >> Diagram.wires(R(3) @ R(3), [1])
    assert body(source(d)) == "def f(x):\n    return jnp.cos(x)"


def test_loops_and_branches_are_functions_beside_their_line():
    model = repeat(nn.dense(8, 8) >> nn.relu(8), 4)
    assert body(says_the_same(model)) == (
        "def f(params, x):\n"
        "    def step(carry, x_1):\n"
        "        w, b = x_1\n"
        "        return jax.nn.relu(carry @ w + b), None\n\n"
        '    final, _ = lax.scan(step, x, (params["dense"]["w"], params["dense"]["b"]))\n'
        "    return final"
    )
    says_the_same(reverse(model))
    branch = from_jax(lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, lambda v: v + v, x), R(3))
    assert "lax.cond(jnp.sum(x) > 0.0, jnp.sin, lambda x_1: x_1 + x_1, x)" in says_the_same(branch)


@jax.custom_jvp
def twice(x):
    return x * 2.0


twice.defjvps(lambda t, ans, x: t * 3.0)


def test_a_function_keeps_the_derivative_rule_that_it_was_given():
    text = source(from_jax(lambda x: twice(x) + 1.0, R()))
    assert "@jax.custom_jvp\ndef twice(x):" in text and "@twice.defjvp" in text
    run = text.function()
    assert float(run(1.0)) == 3.0 and float(jax.grad(run)(1.0)) == 3.0


def test_equal_functions_are_written_once():
    wide, narrow = nn.layer_norm(R(5, 8)), nn.layer_norm(R(5, 8))
    assert says_the_same(wide >> nn.dense(R(5, 8), 8) >> narrow).count("def layer_norm") == 1
    both = reverse(nn.dense(R(5, 8), 6) >> nn.dense(R(5, 6), 3))
    assert says_the_same(both).count("def dense_back") == 1


def test_names_hide_nothing_and_are_no_words_of_python():
    inner = from_jax(lambda x: (jnp.sin(x) + x, jnp.cos(x)), R(3))
    swap = Diagram.wires(R(3) @ R(3), [1, 0])
    d = (
        inner.boxed("lambda")
        >> swap
        >> inner.boxed("R[sum]") @ inner.boxed("2 fast!")
        >> Diagram.wires(R(3) ** 4, [0, 3])
    )
    text = says_the_same(d)
    tree = ast.parse(text)
    stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    functions = [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    assert functions == ["lambda_", "sum_back", "n2_fast", "f"]
    assert not set(stored) & ({*functions, "jnp", "lax", "jax"} | set(keyword.kwlist) | set(dir(__builtins__))) - {"_"}


def test_large_arrays_stand_at_the_end_and_come_back_to_the_bit():
    w = np.random.default_rng(0).normal(size=(7, 9)).astype("float32")
    text = says_the_same(from_jax(lambda x: jnp.tanh(x @ w) @ w.T, R(7)), exactly=True)
    assert text.index("def f") < text.index("ARRAY_0 = ") and text.count("b64decode") == 2
    half = jnp.asarray(w).astype("bfloat16")
    says_the_same(from_jax(lambda x: x * half, R(7, 9, dtype="bfloat16")), exactly=True)


def test_names_can_be_chosen():
    text = source(from_jax(lambda x, y: x @ y, R(2, 3), R(3)), "apply", inputs=("matrix", "vector"))
    assert body(text) == "" and text == "def apply(matrix, vector):\n    return matrix @ vector\n"


# -- that it runs --------------------------------------------------------------------------------

LAYERS = {
    "mlp": MLP,
    "mixed": nn.embedding(5, 10, 4) >> nn.layer_norm(R(5, 4)) >> nn.rms_norm(R(5, 4)) >> nn.flatten(R(5, 4)),
    "image": nn.conv2d(R(8, 6, 4), 6, (3, 1)) >> nn.max_pool(R(8, 6, 6), 2) >> nn.group_norm(R(4, 3, 6), 2),
    "transformer": nn.transformer_block(R(4, 8), 2, causal=True),
    "half": nn.dense(R(5, 8, dtype="bfloat16"), 4) >> nn.layer_norm(R(5, 4, dtype="bfloat16")),
    "pool": nn.conv1d(R(6, 4), 3, 3, stride=2) >> nn.gelu(R(3, 3)) >> nn.avg_pool(R(3, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_models_and_their_derivatives_run_and_give_the_same(name):
    rough = 4e-2 if name == "half" else 2e-5
    says_the_same(LAYERS[name], tolerance=rough)
    says_the_same(reverse(LAYERS[name]), tolerance=rough)


@pytest.mark.parametrize("name", ["gelu", "softmax", "silu", "softplus", "elu", "relu", "relu6", "log_softmax"])
def test_activations_are_functions_of_jax(name):
    text = says_the_same(getattr(nn, name)(R(3, 4)))
    assert body(text) == f"def f(params, x):\n    return jax.nn.{name}(x)"
    says_the_same(reverse(getattr(nn, name)(R(3, 4))))


def test_a_box_is_not_taken_for_a_function_of_jax_by_its_name():
    text = says_the_same(from_jax(lambda x: jnp.maximum(x, 0.5), R(3)).boxed("relu"))
    assert body(text) == "def f(x):\n    return jnp.maximum(x, 0.5)"


def test_op_by_op_the_program_gives_the_same_bits():
    with jax.disable_jit():
        for d in (MLP, reverse(MLP), nn.layer_norm(ROWS), reverse(nn.gelu(ROWS)), CROSS_ENTROPY):
            says_the_same(d, exactly=True)


def test_learning_steps_run():
    model, squared = nn.dense(4, 3) >> nn.tanh(3), losses.squared_error(3)
    for optimizer in (optimizers.sgd(0.1), optimizers.adam(0.1), optimizers.clip(0.1) >> optimizers.momentum(0.1)):
        says_the_same(Learner(model, squared, optimizer).para)
        says_the_same(Learner(model, squared, optimizer).step)


def test_derivatives_of_derivatives_run():
    d = from_jax(lambda x: jnp.sum(jnp.tanh(x) ** 3), R(4))
    for f in (reverse(reverse(d)), forward(reverse(d)), reverse(forward(d)), forward(nn.dense(4, 2).arrow)):
        says_the_same(f)


@given(d=diagrams(max_boxes=4))
@settings(max_examples=25)
def test_every_diagram_runs_as_text(d):
    says_the_same(d)


@given(model=paras())
@settings(max_examples=15)
def test_every_model_runs_as_text(model):
    says_the_same(model)


def test_keys_and_random_numbers():
    d = traced(lambda k: (jax.random.normal(k, (3,)), jax.random.split(jax.random.fold_in(k, 3))[0]), jax.random.key(0))
    run, key = source(d).function(), jax.random.key(7)
    for a, e in zip(run(key), to_jax(d)(key), strict=True):
        same = [jax.random.key_data(v) if str(v.dtype).startswith("key") else v for v in (a, e)]
        np.testing.assert_allclose(*same, rtol=1e-6)
    assert "def f(k):" in source(d)


def test_in_64_bits_numbers_are_written_with_their_dtype_where_they_need_it():
    with jax.enable_x64(True):
        d = from_jax(lambda x: (jnp.maximum(x, 0.5), jnp.zeros(3, "float32"), jnp.zeros(3)), R(3))
        assert body(says_the_same(d)) == (
            "def f(x):\n    return jnp.maximum(x, 0.5), jnp.zeros((3,), jnp.float32), jnp.zeros((3,))"
        )
        says_the_same(from_jax(lambda x: jnp.sum(x * 0.1), R(3, dtype="float64")), tolerance=1e-15)


# -- the text as an object -----------------------------------------------------------------------


def test_the_program_is_text_that_runs_alone():
    text = source(MLP)
    space = {}
    exec(text, space)
    params, x = given_to(MLP)
    with jax.numpy_rank_promotion("allow"):
        got = space["f"](params, x)
    np.testing.assert_allclose(got, to_jax(MLP)(params, x), rtol=1e-6)
    assert isinstance(text, str) and type(text.code) is str and text.code == text
    assert "&lt;" not in text._repr_html_() and text._repr_html_().startswith("<pre>")
    assert pickle.loads(pickle.dumps(text)).function()(params, x).shape == (8, 2)


def test_the_function_takes_numbers_and_numpy_arrays():
    assert float(source(from_jax(lambda x: x * 2.0, R())).function()(3)) == 6.0
    d = from_jax(lambda x, i: x.at[i].add(1.0), R(3), Z())
    assert source(d).function()(np.zeros(3, "float32"), 1).tolist() == [0.0, 1.0, 0.0]


def test_the_text_grows_with_the_diagram_and_not_faster():
    def size(n):
        return len(source(nn.sequential(*[nn.dense(4, 4), nn.tanh(4)] * n)).splitlines())

    assert size(401) - size(201) == size(201) - size(1)


# -- what is refused -----------------------------------------------------------------------------

REFUSED = {
    "abstract": (lambda: Box("secret", R(3), R(3)), "box 'secret' : R(3) -> R(3) has no source: it is abstract"),
    "callback": (
        lambda: from_jax(lambda x: jax.pure_callback(np.sin, x, x), R(3)),
        "box 'pure_callback' : R(3) -> R(3) has no source: the primitive 'pure_callback' has no public name",
    ),
    "sharding": (
        lambda: from_jax(
            lambda x: jax.lax.with_sharding_constraint(x, jax.sharding.SingleDeviceSharding(jax.devices()[0])), R(3)
        ),
        "no public expression makes its parameter",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_box_without_text_is_refused_by_name(name):
    make, told = REFUSED[name]
    with pytest.raises(NoMeaningError, match=re.escape(told)):
        source(make())


def test_names_that_python_does_not_allow_and_arguments_that_do_not_fit_are_refused():
    d = from_jax(lambda x, y: x + y, R(3), R(3))
    for name in ("class", "print", "2x", "jnp"):
        with pytest.raises(InputError, match="is no name"):
            source(d, name)
    with pytest.raises(InputError, match="1 names for 2 wires"):
        source(d, inputs=("x", "x"))
    with pytest.raises(InputError, match="f takes 2 arguments, and got 1"):
        source(d).function()(jnp.ones(3))
    with pytest.raises(CompositionError, match="source takes a diagram or a model"):
        source(jnp.sin)


def test_masks_and_keys_are_called_so():
    d = traced(lambda m, x: jnp.where(m, x, -x), B(3), R(3))
    assert "def f(mask, x):" in source(d >> Diagram.id(R(3)))
    assert "def f(key):" in source(
        from_jax(lambda k: jax.random.bits(k, (2,)), Key()) >> Diagram.id(Z(2, dtype="uint32"))
    )


def test_arguments_have_the_names_of_the_function_that_was_traced():
    def loss(weights, batch, *scales):
        return jnp.sum((batch["x"] @ weights - batch["y"]) ** 2) * scales[0] + scales[1]

    d = from_jax(loss, R(3), {"y": R(2), "x": R(2, 3)}, R(), R())
    assert "def f(weights, batch_x, batch_y, scales_0, scales_1):" in says_the_same(d)
    back = says_the_same(reverse(d, wrt=[0]))
    assert "def f(weights, batch_x, batch_y, scales_0, scales_1, dy):" in back
    model = from_jax(lambda p, inputs: inputs @ p["w"], R(3), params={"w": R(3, 2)})
    assert "def f(params, inputs):" in says_the_same(model)
    assert "def f(list_, lambda_1):" in source(from_jax(eval("lambda list, lambda_1: list * lambda_1"), R(), R()))
    assert "def f(x):" in source(from_jax(jax.jit(jnp.tanh), R(3)))


@pytest.mark.parametrize(
    "condition, step, start",
    [
        (lambda c: c < 10.0, lambda c: c * 2.0, lambda x: x),
        (lambda c: c[0] < 10.0, lambda c: (c[0] * 2.0, c[1] + 1), lambda x: (x, 0)),
        (lambda c: c[0] < 10.0, lambda c: (c[0] * 2.0, c[1] + c[0]), lambda x: (x, jnp.ones((2, 2)))),
    ],
)
def test_a_loop_over_a_batch_ends_lane_by_lane(condition, step, start):
    d = traced(jax.vmap(lambda x: jax.lax.while_loop(condition, step, start(x))), R(3))
    values = jnp.array([1.0, 3.0, 20.0])
    for a, e in zip(jax.tree.leaves(source(d).function()(values)), jax.tree.leaves(to_jax(d)(values)), strict=True):
        np.testing.assert_array_equal(a, e)
    twice = traced(
        jax.vmap(jax.vmap(lambda x, n: jax.lax.while_loop(lambda c: c < n, lambda c: c * 2.0, x))), R(2, 3), R(2, 3)
    )
    xs, ns = jnp.arange(1.0, 7.0).reshape(2, 3), jnp.arange(20.0, 14.0, -1.0).reshape(2, 3)
    np.testing.assert_array_equal(source(twice).function()(xs, ns), to_jax(twice)(xs, ns))


@pytest.mark.parametrize(
    "f, op",
    [
        (lambda x: jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((3, 3), jnp.float32), x), "pure_callback"),
        (lambda x: jnp.linalg.qr(x, mode="raw"), "geqrf"),
    ],
)
def test_a_primitive_without_a_public_name_is_refused_by_its_name(f, op):
    with pytest.raises(NoMeaningError, match=f"box '{op}' : .* has no source: the primitive '{op}' has no public name"):
        source(from_jax(f, R(3, 3)))


def test_an_array_without_contents_is_written_by_its_public_name():
    options = {"dtype": np.dtype("float32"), "memory_space": jax.memory.Space.Device}
    d = Box("empty2", Ty(), R(), op="empty2", params=options) @ R() >> from_jax(lambda e, x: x + 0.0 * e, R(), R())
    assert "lax.empty((), jnp.float32)" in source(d) and source(d).function()(2.0).shape == ()
    with pytest.raises(NoMeaningError, match="memory_space"):
        source(Box("empty2", Ty(), R(), op="empty2", params={**options, "memory_space": jax.memory.Space.Host}))


@pytest.mark.long
def test_a_solve_of_lineax_is_refused_by_its_name():
    lineax = pytest.importorskip("lineax")
    d = traced(lambda a, b: lineax.linear_solve(lineax.MatrixLinearOperator(a), b).value, R(3, 3), R(3))
    with pytest.raises(NoMeaningError, match="the primitive 'linear_solve' has no public name"):
        source(d)
