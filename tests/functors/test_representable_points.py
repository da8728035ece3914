"""Which networks are recognized, what their activations are, and what is known of a gradient at one parameter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paralens import Param, R, from_jax, nn
from paralens.categories.errors import InputError
from paralens.functors.representable import machine_parameters, recognize
from paralens.functors.representable.kinks import profile
from paralens.functors.representable.pieces import UnreadError
from paralens.functors.representable.report import values_of

ACTIVATIONS = [
    ("relu", {}, [0.0], {0.0}),
    ("relu6", {}, [0.0, 6.0], {0.0}),
    ("leaky_relu", {"negative_slope": 0.25}, [0.0], {0.0}),
    ("hard_tanh", {}, [-1.0, 1.0], {0.0}),
    ("hard_sigmoid", {}, [-3.0, 3.0], {-3.0}),
    ("hard_silu", {}, [-3.0, 3.0], {-3.0, 0.0}),
    ("elu", {}, [], {0.0}),
    ("elu", {"alpha": 0.5}, [0.0], {0.0}),
    ("selu", {}, [0.0], {0.0}),
    ("sparse_plus", {}, [], {-1.0}),
    ("sparse_sigmoid", {}, [-1.0, 1.0], {-1.0}),
    ("softplus", {}, [], None),
    ("gelu", {}, [], None),
    ("silu", {}, [], {0.0}),
    ("tanh", {}, [], {0.0}),
    ("sigmoid", {}, [], set()),
]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "options", "kinks", "edges"), ACTIVATIONS)
def test_the_kinks_and_zeros_of_the_activations_are_found(name, options, kinks, edges, dtype):
    found = profile(getattr(nn, name)(R(2, dtype=dtype), **options).arrow)
    assert [k.at for k in found.kinks] == kinks and not found.faults
    assert found.edges == edges


@pytest.mark.parametrize("f", [jnp.abs, lambda x: jnp.clip(x, -0.5, 2.0), lambda x: jnp.maximum(x, 1.5), jnp.square])
def test_slopes_of_a_closed_function_agree_with_differences(f):
    found = profile(from_jax(f, R(3)).boxed("f"))
    for k in found.kinks:
        assert np.isclose(k.left, float(f(jnp.float32(k.at)) - f(jnp.float32(k.at - 0.25))) / 0.25)
        assert np.isclose(k.right, float(f(jnp.float32(k.at + 0.25)) - f(jnp.float32(k.at))) / 0.25)
        assert min(k.left, k.right) <= k.rule <= max(k.left, k.right)


REFUSED = [
    (lambda x: jnp.where(x > 0, 1.0, 0.0), "jumps at 0"),
    (lambda x: x[::-1], "rev"),
    (lambda x: jnp.cumsum(x), "cumsum"),
    (lambda x: jnp.floor(x), "floor"),
    (lambda x: jnp.sqrt(jnp.square(x)), "sqrt"),
    (lambda x: jnp.maximum(x * x, 1.0), "degree two"),
    (lambda x: jax.lax.stop_gradient(x), "derivative rule gives 0"),
    (lambda x: 1.0 / x, "may vanish"),
]


@pytest.mark.parametrize(("f", "why"), REFUSED)
def test_what_is_no_continuous_pointwise_function_is_refused(f, why):
    with pytest.raises(UnreadError, match=why):
        profile(from_jax(f, R(3)).boxed("f"))


def standings(model):
    return [(g.path, g.standing) for g in recognize(model).groups if g.kinks]


def test_dense_networks_have_biases_of_their_own_unless_there_is_a_batch():
    assert standings(nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2)) == [("relu", "own")]
    batched = nn.dense(R(5, 3), 4) >> nn.relu(R(5, 4)) >> nn.dense(R(5, 4), 2)
    assert standings(batched) == [("relu", "biaffine")]


def test_convolutions_are_well_structured_biaffine():
    x = R(4, 4, 2)
    model = nn.conv2d(R(4, 4, 1), 2, 3) >> nn.relu(x) >> nn.conv2d(x, 2, 3, bias=False) >> nn.relu6(x)
    model = model >> nn.flatten(x) >> nn.dense(32, 3) >> nn.softmax(3)
    assert standings(model) == [("relu", "biaffine"), ("relu6", "biaffine")]
    bound = machine_parameters(model, formats=["bfloat16"]).bounds[0]
    assert bound.rough == bound.wrong == 32 * 3 / 65279


def test_paths_lead_into_named_blocks():
    block = (nn.dense(3, 3) >> nn.relu(3)).named("block")
    assert standings(block >> nn.residual(nn.dense(3, 3) >> nn.layer_norm(3) >> nn.relu(3))) == [
        ("block/relu", "own"),
        ("relu", "own"),
    ]


def test_a_tied_bias_is_the_own_bias_of_the_first_kink_only():
    model = nn.dense(3, 3) >> nn.relu(3) >> nn.dense(3, 3) >> nn.relu(3)
    assert standings(model.tie("dense/b", "dense_1/b")) == [("relu", "own"), ("relu_1", "none")]


UNRECOGNIZED = [
    (nn.conv2d(R(4, 4, 1), 2, 3) >> nn.max_pool(R(4, 4, 2)), "max_pool/reduce_window_max"),
    (from_jax(lambda p, x: jnp.where(x * p > 0, x, p), R(3), params=R(3)), "select_n"),
    (from_jax(lambda p, x: jnp.maximum(x * p, p), R(3), params=R(3)), "max"),
    (from_jax(lambda p, x: jnp.sort(x * p), R(3), params=R(3)), "sort"),
    (nn.dense(3, 3, bias=False) >> nn.layer_norm(3, bias=False) >> nn.relu(3), "relu: its input has no bias"),
    (nn.dense(3, 3) >> nn.gelu(3) >> nn.dense(3, 3, bias=False) >> nn.relu(3), "gelu: where it vanishes is not known"),
]


@pytest.mark.parametrize(("model", "reason"), UNRECOGNIZED)
def test_no_bound_is_claimed_where_the_structure_is_not_recognized(model, reason):
    report = machine_parameters(model)
    assert not report.recognized and not report.always_right and report.bounds == ()
    assert any(reason in r for r in report.reasons) and reason in str(report)


# -- one parameter -----------------------------------------------------------------------------------


def judged(model, params, *data):
    point = machine_parameters(model, params, *data).point
    assert point is not None
    return point


def test_a_point_away_from_kinks_has_a_derivative():
    model = nn.dense(2, 2) >> nn.relu(2) >> nn.dense(2, 1)
    point = judged(model, model.init(0), np.ones(2, np.float32))
    assert (point.touched, point.differentiable, point.correct, point.membership) == ((), True, True, "derivative")


def test_touched_neurons_are_named_and_only_those_with_an_adjoint_count():
    model = (nn.dense(2, 2) >> nn.relu(2)).named("block") >> nn.dense(2, 1)
    params = jax.tree.map(jnp.zeros_like, model.init(0))
    params["dense"]["w"] = jnp.array([[0.0], [3.0]])
    point = judged(model, params, np.ones(2, np.float32))
    assert [(t.path, t.index, t.adjoint) for t in point.touched] == [
        ("block/relu", (0,), 0.0),
        ("block/relu", (1,), 3.0),
    ]
    assert point.differentiable is False and point.membership == "Bouligand"
    assert "block/relu[1] at 0: slopes 0 and 1, rule 0, adjoint 3" in str(point)
    params["dense"]["w"] = jnp.zeros((2, 1))
    point = judged(model, params, np.ones(2, np.float32))
    assert (len(point.touched), point.differentiable, point.membership) == (2, True, "derivative")


def test_a_rule_between_the_slopes_gives_a_clarke_subderivative():
    model = from_jax(lambda p, x: jnp.maximum(x + p, 0.0), R(2), params=R(2))
    model = type(model)(model.arrow, {"b": Param(R(2))})
    point = judged(model, {"b": np.float32([1.0, 2.0])}, np.float32([-1.0, 0.0]))
    assert (point.differentiable, point.membership) == (False, "Clarke")


def added(activation):
    """The sum of an activation of x + b over a batch of two, one b for both."""
    return nn.bias(R(2, 1)) >> activation(R(2, 1))


def test_a_shared_bias_needs_one_share_of_the_slopes():
    """At b = 0 relu6(b) + relu6(6 + b) has the derivative 1, and the rule, zero at both kinks, gives 0."""
    params = {"bias": {"b": np.zeros(1, np.float32)}}
    here = np.zeros((2, 1), np.float32)
    point = judged(added(nn.relu6), params, here)
    assert (point.differentiable, point.membership) == (None, "Clarke")
    apart = np.float32([[0.0], [6.0]])
    assert judged(added(nn.relu6), params, apart).membership == "unknown"
    assert judged(added(nn.hard_tanh), params, np.float32([[-1.0], [1.0]])).membership == "unknown"


def test_without_biases_independent_inputs_are_enough():
    model = nn.dense(R(2, 2), 1, bias=False) >> nn.relu6(R(2, 1))
    params = {"dense": {"w": np.zeros((2, 1), np.float32)}}
    point = judged(model, params, np.eye(2, dtype=np.float32))
    assert (point.differentiable, point.membership) == (False, "Bouligand")
    point = judged(model, params, np.ones((2, 2), np.float32))
    assert (point.differentiable, point.membership) == (None, "unknown")


def test_a_neuron_that_never_leaves_its_kink_does_not_count():
    model = nn.dense(2, 2, bias=False) >> nn.relu(2)
    point = judged(model, model.init(0), np.zeros(2, np.float32))
    assert (point.differentiable, point.membership) == (True, "derivative")
    model = nn.dense(1, 1, bias=False) >> nn.relu(1) >> nn.dense(1, 1, bias=False) >> nn.relu(1)
    for first, membership in ((-1.0, "derivative"), (0.0, "unknown"), (1.0, "Bouligand")):
        params = model.nest([np.full((1, 1), first, np.float32), np.full((1, 1), first <= 0, np.float32)])
        assert judged(model, params, np.ones(1, np.float32)).membership == membership


def test_the_shared_weight_is_undecided_at_zero():
    model = from_jax(lambda p: jax.nn.relu(p["w"]) - jax.nn.relu(-p["w"]), params={"w": R()})
    assert judged(model, {"w": np.float32(0.0)}).membership == "unknown"
    assert judged(model, {"w": np.float32(1.0)}).membership == "derivative"


def test_a_wrong_rule_at_a_smooth_point_is_a_fault():
    odd = from_jax(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), R(1)).boxed("odd")
    report = machine_parameters(nn.dense(1, 1) >> odd, formats=[(-1, 0, 1)])
    assert not report.always_right and report.bounds[0].wrong == 1 / 3
    assert "wrong rule at 0" in str(report)


# -- the report --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fmt", "n"),
    [
        ("float8_e4m3fn", 253),
        ("float8_e5m2", 247),
        ("float16", 63487),
        ("bfloat16", 65279),
        ("float32", 2**32 - 2**24 - 1),
    ],
)
def test_formats_have_as_many_reals_as_finite_patterns(fmt, n):
    assert values_of(fmt) == n


def test_wrong_formats_and_examples_are_refused():
    model = nn.dense(2, 2)
    for fmt in ("int8", "float33", [], ["x"], [float("nan")]):
        with pytest.raises(InputError):
            machine_parameters(model, formats=[fmt])
    with pytest.raises(InputError, match="after the parameters"):
        machine_parameters(model, None, np.ones(2))
    with pytest.raises(InputError, match="0 examples for the 1 data wires"):
        machine_parameters(model, model.init(0))


def test_the_report_is_a_table():
    model = nn.dense(2, 2) >> nn.relu6(2)
    report = machine_parameters(model, model.init(0), np.ones(2, np.float32), formats=["float16"])
    assert str(report).splitlines()[:4] == [
        "box    neurons  kinks  before it",
        "---------------------------------------",
        "relu6  2        0, 6   an own bias each",
        "incorrect set: empty (every kink has its own bias)",
    ]
    assert '<td style="text-align: left">relu6</td>' in report._repr_html_()
    assert repr(report) == "<MachineReport of 1 boxes, incorrect set: empty (every kink has its own bias)>"
