"""Formulas of diagrams: known answers, names, derivatives, levels, and what bad input gets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy
from jax import lax
from matplotlib.mathtext import MathTextParser

from paralens import Box, C, Diagram, R, Ty, Z, forward, from_jax, losses, nn, reverse, to_jax
from paralens.backends.sympy.formulas import Symbolic, symbolic
from paralens.categories.errors import (
    DerivativeError,
    InputError,
    NoMeaningError,
    ParalensError,
    PathError,
)


def squares():
    return from_jax(lambda W, x, b, y: 0.5 * jnp.sum((W @ x + b - y) ** 2), R(3, 4), R(4), R(3), R(3))


def least_squares(level="arrays"):
    return symbolic(squares(), level, names=("W", "x", "b", "y"))


def seeded(d, wrt=None):
    """The gradient of a number: its reverse derivative at the cotangent one."""
    return Diagram.id(d.dom) @ Diagram.point(jnp.float32(1)) >> reverse(d, wrt=wrt)


def text(d, *names, **options):
    return str(symbolic(d, names=names or None, **options))


# --- known answers ---


def test_least_squares_and_its_gradients_read_as_in_a_textbook():
    s = least_squares()
    assert str(s.expr) == "|W*x + b - y|**2/2"
    assert str(s.diff("x").expr) == "W.T*(W*x + b - y)"
    assert str(s.diff("W").expr) == "(W*x + b - y)*x.T"
    assert str(s.diff("b").expr) == "W*x + b - y"
    assert str(s.diff("y").expr) == "y - W*x - b"


def test_the_second_derivative_is_the_product_with_the_hessian():
    s = least_squares()
    assert str(s.diff("x").diff("x")) == "W.T*W*dy"
    assert str(s.diff("W").diff("W")) == "dy*x*x.T"


def test_a_hessian_vector_product_is_the_formula_of_forward_of_reverse():
    d = from_jax(lambda x, A: 0.5 * x @ (A @ x), R(3), R(3, 3))
    product = forward(seeded(d, [0]), wrt=[0])
    s = symbolic(product, names=("x", "A", "v"))
    assert str(s[1]) == "(A.T + A)*v/2"


def test_the_reverse_derivative_has_a_factor_for_the_cotangent():
    s = symbolic(reverse(squares()), names=("W", "x", "b", "y", "c"), outputs=("dW", "dx", "db", "dy"))
    assert str(s).splitlines() == [
        "mul_1 = c*(W*x + b - y)",
        "dW = mul_1*x.T",
        "dx = W.T*mul_1",
        "db = mul_1",
        "dy = -mul_1",
    ]


def test_logistic_regression_has_the_gradient_that_everyone_knows():
    d = from_jax(lambda w, X, y: jnp.sum(jax.nn.softplus(X @ w) - y * (X @ w)), R(4), R(5, 4), R(5))
    assert text(seeded(d, [0]), "w", "X", "y") == "X.T*(sigmoid(X*w) - y)"


def test_the_gradient_of_the_binary_cross_entropy_is_the_sigmoid_less_the_label():
    assert text(seeded(losses.binary_cross_entropy(4), [0]), "p", "t") == "sigmoid(p) - t"


@pytest.mark.parametrize("function", ["log_softmax", "logsumexp"])
def test_the_gradient_of_the_cross_entropy_is_the_softmax_less_the_label(function):
    loss = losses.softmax_cross_entropy(R(5, 3), labels="integer")
    if function == "log_softmax":
        loss = from_jax(lambda p, t: -jnp.sum(jax.nn.one_hot(t, 3) * jax.nn.log_softmax(p)) / 5.0, R(5, 3), Z(5))
    assert text(seeded(loss, [0]), "P", "t") == "(softmax(P) - onehot(t))/5"


def test_the_cross_entropy_itself_reads_its_label_by_index():
    s = symbolic(losses.softmax_cross_entropy(R(5, 3), labels="integer"), names=("P", "t"))
    assert str(s) == "Sum(logsumexp(P[i, j], (j, 0, 2)) - P[i, t[i]], (i, 0, 4))/5"


def test_a_dense_layer_and_softmax_read_as_products_of_matrices():
    model = nn.dense(R(5, 3), 4) >> nn.softmax(R(5, 4))
    assert text(model) == "softmax(x*dense_w + 1*dense_b.T)"
    s = symbolic(reverse(model), names=("x", "g"))
    assert str(s).splitlines() == [
        "dense_1 = x*dense_w + 1*dense_b.T",
        "R_softmax_1 = (g - (softmax(dense_1).*g)*1*1.T).*softmax(dense_1)",
        "y_0 = R_softmax_1*dense_w.T",
        "y_1 = x.T*R_softmax_1",
        "y_2 = R_softmax_1.T*1",
    ]


def test_the_layer_norm_reads_as_centering_and_scaling():
    s = symbolic(nn.layer_norm(R(5, 8)))
    assert s.lines() == [
        "sub_1 = x - x*1*1.T/8",
        "diag((sub_1.**2*1/8 + 1/1000000).**(-1/2))*sub_1*diag(layer_norm_scale) + 1*layer_norm_bias.T",
    ]


def test_attention_of_one_head_reads_as_in_the_paper():
    attention = from_jax(lambda q, k, v: jax.nn.softmax(q @ k.T / 2.0) @ v, R(5, 4), R(6, 4), R(6, 3))
    assert text(attention, "Q", "K", "V") == "softmax(Q*K.T/2)*V"
    assert text(reverse(attention), "Q", "K", "V", "G").splitlines() == [
        "div_1 = Q*K.T/2",
        "dot_general_1 = G*V.T",
        "div_2 = ((dot_general_1 - (softmax(div_1).*dot_general_1)*1*1.T).*softmax(div_1))/2",
        "y_0 = div_2*K",
        "y_1 = div_2.T*Q",
        "y_2 = softmax(div_1).T*G",
    ]


def test_attention_of_several_heads_reads_as_sums_over_indices():
    lines = symbolic(nn.multi_head_attention(R(5, 8), 2)).lines()
    assert lines[0] == "query_1 = x*attention_query_w + 1*attention_query_b.T"
    weights = "softmax(Sum(key_1[p, 4*j + l]*query_1[i, 4*j + l], (l, 0, 3))/2, p)"
    assert lines[3] == f"dot_general_1[i, j, k] = Sum(value_1[p, 4*j + k]*{weights}, (p, 0, 4))"
    assert lines[4] == "reshape(dot_general_1)*attention_out_w + 1*attention_out_b.T"


def test_an_embedding_is_a_gather_and_its_gradient_a_product_with_one_hots():
    model = nn.embedding(Z(5), 10, 4)
    assert text(model, "t") == "[embedding_w[t[i], j] | i < 5, j < 4]"
    assert text(reverse(model), "t", "g") == "onehot(t).T*g"


def test_choices_come_out_as_piecewise_and_numbers_stay_exact():
    assert text(from_jax(lambda x: jnp.where(x > 0, x, 0.1 * x), R(3))) == "Piecewise((x, x > 0), (x/10, True))"
    assert text(seeded(from_jax(lambda x: jnp.sum(jax.nn.relu(x)), R(3)))) == "Piecewise((1, x > 0), (0, True))"
    assert text(from_jax(lambda x: x * jnp.sqrt(2 / jnp.pi), R())) == "sqrt(2)*x/sqrt(pi)"


def test_products_of_all_kinds_become_products_of_matrices():
    assert text(from_jax(lambda a, M, b: a @ M @ b, R(3), R(3, 4), R(4)), "a", "M", "b") == "a.T*M*b"
    assert text(from_jax(lambda A, B: jnp.sum(A * B), R(3, 4), R(3, 4)), "A", "B") == "sum(A.*B)"
    assert text(from_jax(jnp.outer, R(3), R(4)), "a", "b") == "a*b.T"
    assert text(from_jax(lambda A, v: A * v[:, None], R(3, 4), R(3)), "A", "v") == "diag(v)*A"
    three = from_jax(lambda A, B: jnp.einsum("bij,bjk->bik", A, B), R(2, 3, 4), R(2, 4, 5))
    assert text(three, "A", "B") == "[Sum(A[i, j, l]*B[i, l, k], (l, 0, 3)) | i < 2, j < 3, k < 5]"


# --- names, parts ---


def test_a_model_names_its_parameters_by_path():
    s = symbolic(nn.sequential(4, nn.dense(4, 5), nn.tanh(5), nn.dense(5, 3)))
    assert str(s) == "dense_1_w.T*tanh(dense_w.T*x + dense_b) + dense_1_b"
    assert s.symbols["dense/w"] == sympy.MatrixSymbol("dense_w", 4, 5)
    assert s.paths["dense_1_b"] == "dense_1/b"
    assert "W_{\\mathrm{dense}}^{T} x" in s.latex()


def test_boxes_that_are_closed_stay_named_functions():
    model = nn.dense(3, 4) >> nn.softmax(R(4))
    s = symbolic(model, close=("softmax",))
    assert str(s) == "softmax(dense_w.T*x + dense_b)"
    assert list(s.functions) == ["softmax"]
    assert str(symbolic(nn.dense(3, 4), depth=0)) == "dense(x, dense_w, dense_b)"


def test_a_box_is_read_at_its_path_with_the_names_of_its_parameters():
    model = nn.dense(3, 4) >> (nn.dense(4, 4) >> nn.tanh(4)).named("inner")
    assert str(symbolic(model, at="inner/dense")) == "inner_dense_w.T*x + inner_dense_b"


def test_a_box_without_a_formula_is_a_named_function_of_its_inputs():
    unknown = Box("mystery", R(3), R(3)) >> nn.tanh(3).arrow
    s = symbolic(unknown)
    assert str(s) == "tanh(mystery(x))"
    with pytest.raises(NoMeaningError, match=r"'mystery'.*abstract"):
        s.lambdify()(jnp.ones(3))
    assert text(from_jax(lambda x: jnp.cumsum(x) * 2.0, R(5))) == "2*cumsum(x)"


def test_a_loop_is_a_named_function_whose_body_can_be_read():
    loop = from_jax(lambda x: lax.scan(lambda c, a: (jnp.tanh(c + a), c * a), jnp.float32(0), x), R(5))
    s = symbolic(loop)
    assert str(s).splitlines() == ["y_0 = scan_0(0, x)", "y_1 = scan_1(0, x)"]
    assert [str(f) for f in s.functions.values()] == ["y_0 = tanh(x + x_1)\ny_1 = x*x_1"]


def test_one_output_is_read_alone_with_what_it_needs():
    s = symbolic(reverse(squares()), names=("W", "x", "b", "y", "c"))
    assert str(s[3]) == "c*(y - W*x - b)"
    assert str(s[-1]) == str(s[3])
    with pytest.raises(PathError, match="no output 7: there are 4"):
        s[7]


def test_sizes_are_written_as_letters_on_request():
    d = from_jax(lambda A, B: jnp.einsum("bij,bjk->bik", A, B), R(2, 3, 4), R(2, 4, 5))
    s = symbolic(d, names=("A", "B"), shapes="symbolic")
    assert str(s.expr.body) == "Sum(A[i, j, l]*B[i, l, k], (l, 0, d - 1))"
    assert symbolic(nn.dense(3, 4), shapes="symbolic").expr.shape == (sympy.Symbol("m", integer=True, positive=True), 1)


def test_shared_parts_get_names_and_are_written_out_on_request():
    model = nn.sequential(4, nn.dense(4, 5), nn.tanh(5), nn.dense(5, 3))
    s = symbolic(reverse(model))
    assert [str(symbol) for symbol, _ in s.where] == ["tanh_1", "mul_1"]
    assert s.expanded.where == []
    deep = symbolic(reverse(nn.sequential(4, *[nn.dense(4, 4), nn.tanh(4)] * 12)))
    with pytest.raises(ParalensError, match="longer than"):
        _ = deep.expanded


# --- entries ---


def test_at_the_level_of_entries_every_entry_is_a_formula():
    s = symbolic(from_jax(lambda A, x: A @ x, R(2, 2), R(2)), "entries", names=("A", "x"))
    A, x = (s.symbols[k] for k in "Ax")
    assert s.expr == sympy.Matrix([[A[i, 0] * x[0] + A[i, 1] * x[1]] for i in range(2)])
    assert s.diff("x").expr == sympy.Matrix(2, 2, lambda i, j: A[i, j])
    assert s.diff("x").diff("A").expr.shape == (2, 2, 2, 2)


def test_the_derivative_of_the_entries_is_the_reverse_derivative():
    d = squares()
    xs = [np.random.default_rng(0).standard_normal(w.shape).astype("float32") for w in d.dom.inside]
    mine, its = least_squares("entries").diff("x"), least_squares().diff("x")
    np.testing.assert_allclose(mine.lambdify()(*xs), its.lambdify()(*xs), rtol=1e-5)
    second = least_squares("entries").diff("x").diff("x").lambdify()(*xs)
    np.testing.assert_allclose(second, xs[0].T @ xs[0], rtol=1e-5)


# --- the listing ---


def test_a_listing_has_one_line_a_box():
    model = nn.dense(R(5, 3), 4) >> nn.softmax(R(5, 4))
    assert symbolic(model, "listing").lines() == [
        "dense = dense(x, dense/w, dense/b)",
        "softmax = softmax(dense)",
        "return softmax",
    ]
    opened = symbolic(model, "listing", depth=1).lines()
    assert opened[0] == "dense/dot_general = x @ dense/w"
    assert opened[2] == "dense/add = dense/dot_general + dense/broadcast_in_dim"


def test_a_listing_of_ten_thousand_boxes_is_linear_in_them():
    step = Box("f", R(2), R(2))
    chain = Diagram.id(R(2)).then(*[step] * 10_000)
    lines = symbolic(chain, "listing").lines()
    assert len(lines) == 10_001
    assert lines[5000] == "f_5000 = f(f_4999)"


def test_a_listing_is_evaluated_line_by_line():
    model = nn.dense(3, 4) >> nn.tanh(4)
    params, x = model.init(0), jnp.ones(3)
    s = symbolic(model, "listing")
    np.testing.assert_allclose(s.lambdify()(params, x), to_jax(model)(params, x), rtol=1e-6)
    d = s.diff("dense/w")
    assert d.lambdify()(params, x, jnp.ones(4)).shape == (3, 4)
    fixed = s.subs({"dense/b": 0})
    expected = jnp.tanh(x @ params["dense"]["w"])
    np.testing.assert_allclose(fixed.lambdify()({"dense": {"w": params["dense"]["w"]}}, x), expected, rtol=1e-6)


# --- substitution ---


def test_values_take_the_places_of_inputs():
    s = least_squares()
    assert str(s.subs({"b": 0})) == "|W*x - y|**2/2"
    assert str(s.subs({"b": 0}).diff("x")) == "W.T*(W*x - y)"
    assert str(s.subs({"x": sympy.MatrixSymbol("z", 4, 1)})) == "|W*z + b - y|**2/2"
    assert str(s.subs({"W": sympy.ZeroMatrix(3, 4)}).subs({"y": 0})) in ("|b|**2/2", "|0*x + b|**2/2")
    given = s.subs({"b": np.array([1.0, 2.0, 3.0])})
    xs = [np.random.default_rng(1).standard_normal(w.shape).astype("float32") for w in squares().dom.inside]
    expected = to_jax(squares())(xs[0], xs[1], np.array([1, 2, 3], "float32"), xs[3])
    np.testing.assert_allclose(given.lambdify()(xs[0], xs[1], xs[3]), expected, rtol=1e-5)


# --- LaTeX ---


@pytest.mark.parametrize(
    "model",
    [
        nn.dense(R(5, 3), 4) >> nn.softmax(R(5, 4)),
        nn.layer_norm(R(5, 8)),
        nn.gelu(4),
        nn.relu(4),
        nn.embedding(Z(5), 10, 4),
        nn.multi_head_attention(R(5, 8), 2, causal=True),
        losses.softmax_cross_entropy(R(5, 3), labels="integer"),
    ],
    ids=["softmax", "norm", "gelu", "relu", "embedding", "attention", "loss"],
)
def test_the_lines_of_latex_are_set_by_matplotlib(model):
    parser = MathTextParser("agg")
    for d in (model, reverse(model)):
        for level in ("arrays", "listing"):
            for line in symbolic(d, level).lines(latex=True):
                parser.parse(f"${line}$")


def test_latex_of_one_formula_is_an_expression_and_of_several_aligned():
    assert least_squares().diff("x").latex() == r"W^{T} \left(W x + b - y\right)"
    several = symbolic(reverse(squares())).latex()
    assert several.startswith("\\begin{aligned}") and several.count("&=") == 5
    assert least_squares()._repr_latex_().startswith("$\\displaystyle")


# --- what bad input gets ---


def test_a_wrong_path_level_or_number_of_names_is_said():
    s, model = least_squares(), nn.dense(3, 4)
    with pytest.raises(PathError, match="no input 'q'; there are W, x, b, y"):
        s.diff("q")
    with pytest.raises(PathError, match="no input 'q'"):
        s.subs({"q": 1})
    with pytest.raises(InputError, match="no level 'entry': choose one of entries, arrays, listing"):
        symbolic(model, "entry")
    with pytest.raises(InputError, match="2 names for the 4 inputs"):
        symbolic(squares(), names=("a", "b"))
    with pytest.raises(InputError, match="not all different"):
        symbolic(squares(), names=("a", "a", "b", "c"))
    with pytest.raises(InputError, match="1 names for the 4 outputs"):
        symbolic(reverse(squares()), outputs=("a",))
    with pytest.raises(PathError, match="no box 'inside'"):
        symbolic(model, at="inside")
    with pytest.raises(PathError, match="names no box in the diagram; there are dense"):
        symbolic(model, close=("softmax",))
    with pytest.raises(ParalensError, match="takes a diagram or a model"):
        symbolic(3)
    with pytest.raises(InputError, match="too many to write"):
        symbolic(nn.dense(200, 200), "entries")
    with pytest.raises(InputError, match="symbolic"):
        symbolic(model, shapes="letters")


def test_arrays_that_do_not_fit_are_refused():
    s, model = least_squares(), nn.dense(3, 4)
    with pytest.raises(InputError, match="take 4 arrays, W, x, b, y, and got 1"):
        s.lambdify()(1.0)
    with pytest.raises(InputError, match="missing dense/w, dense/b"):
        symbolic(model).lambdify()({}, jnp.ones(3))
    with pytest.raises(InputError, match=r"x is R\(4\), and got an array of shape \(3,\)"):
        s.lambdify()(jnp.ones((3, 4)), jnp.ones(3), jnp.ones(3), jnp.ones(3))
    with pytest.raises(InputError, match=r"x is R\(4\), and got an array of shape \(3,\)"):
        s.subs({"x": np.ones(3)})


def test_there_is_no_derivative_by_whole_numbers():
    with pytest.raises(DerivativeError):
        symbolic(nn.embedding(Z(5), 10, 4)).diff("x")
    with pytest.raises(DerivativeError, match="does not move"):
        symbolic(nn.embedding(Z(2), 3, 2), "entries").diff("x")


def test_a_diagram_without_boxes_is_its_own_formula():
    assert text(Diagram.id(R(2, 3))) == "x"
    assert symbolic(Diagram.id(Ty())).expr == ()
    assert isinstance(symbolic(Diagram.id(R(3))), Symbolic)


def test_an_index_is_read_without_its_normalization_and_other_choices_are_kept():
    assert text(from_jax(lambda e, t: e[t], R(5, 3), Z()), "E", "t") == "[E[t, i] | i < 3]"
    choice = from_jax(lambda n: jnp.where(n < 0, n + 5, n), Z(3))
    assert text(choice, "n") == "Piecewise((n + 5, n < 0), (n, True))"


def test_equal_numbers_that_need_not_be_equal_get_different_letters():
    s = symbolic(nn.dense(R(5, 5), 5), shapes="symbolic")
    n, m, d = (sympy.Symbol(c, integer=True, positive=True) for c in "nmd")
    assert s.expr.shape == (n, d)
    assert s.expr.args[0].args[0].shape == (n, m)


def test_complex_numbers_are_conjugated_where_the_program_does():
    s = symbolic(from_jax(lambda z: jnp.sum(jnp.conj(z) * z), C(3)), names=("z",))
    assert str(s) == "z.T*conjugate(z)"
    np.testing.assert_allclose(s.lambdify()(1j * jnp.ones(3, "complex64")), 3.0)
