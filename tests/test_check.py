"""The checker checked: on rules planted wrong, on right but hard functions, and on pipelines with one wrong box."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corpus import cases
from corpus_pipelines import pipelines

from paralens import R, check, from_jax, losses, nn, optimizers
from paralens.categories.errors import InputError, PathError

WRONG = [c for c in cases() if c.expected == "wrong"]
FINE = [c for c in cases() if c.expected == "fine"]
# One case of so many is looked at in every run; the rest is marked long.
FAST = 6

# Faults that are below what a check in double precision can see, with the reason.
BEYOND = {
    "a rule with a cancelling offset": "the compiler folds x + c - c, so that no compiled rule has the fault",
}


def sampled(found):
    return [pytest.param(c, id=c.name, marks=[] if k % FAST == 0 else pytest.mark.long) for k, c in enumerate(found)]


pytestmark = pytest.mark.usefixtures("ordinary")


@pytest.mark.parametrize("case", sampled([c for c in WRONG if c.name not in BEYOND]))
def test_a_wrong_rule_is_found(case):
    found = case.run(check)
    assert found.verdict == "wrong", str(found)
    assert not found.ok


@pytest.mark.parametrize("case", sampled(FINE))
def test_a_right_but_hard_function_raises_no_alarm(case):
    found = case.run(check)
    assert found.verdict != "wrong", str(found)


@pytest.mark.parametrize("faulty", [True, False], ids=["faulty", "sound"])
@pytest.mark.parametrize(
    "pipeline",
    [pytest.param(p, id=p.name, marks=[] if k == 0 else pytest.mark.long) for k, p in enumerate(pipelines())],
)
def test_the_wrong_box_of_a_pipeline_is_named_and_no_other(pipeline, faulty):
    found = pipeline.run(check, faulty)
    wrong = [row.path for row in found.rows if row.verdict == "wrong"]
    if not faulty:
        assert found.ok, str(found)
        return
    assert len(wrong) == len(pipeline.culprits), str(found)
    assert all(any(name in path for path in wrong) for name in pipeline.culprits), str(found)


def twisted_sin(factor):
    f = jax.custom_jvp(lambda x: jnp.sin(x))
    f.defjvp(lambda xs, vs: (jnp.sin(*xs), factor * jnp.cos(*xs) * vs[0]))
    return f


def test_a_wrong_box_deep_in_a_diagram_is_named_by_its_path():
    stages = [from_jax(jnp.tanh, R(3)).boxed(f"stage_{k}") for k in range(20)]
    stages[12] = from_jax(twisted_sin(1.001), R(3)).boxed("stage_12")
    found = check(stages[0].then(*stages[1:]), np.ones(3, np.float32))
    assert [row.path.split("/")[0] for row in found.rows if row.verdict == "wrong"] == ["stage_12"]
    assert found.worst is found.rows[0]
    assert "constant factor 1.001" in found.worst.witness.hint


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_the_step_of_a_while_is_opened_and_its_counter_keeps_its_width(factor):
    f = twisted_sin(factor)
    loop = lambda x: jax.lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, f(s[1])), (0, x))[1]  # noqa: E731
    found = check(loop, 0.5, domain=[(-2, 2)], modes=("forward",))
    assert found.verdict == ("correct" if factor == 1 else "wrong"), str(found)
    assert {row.path.count("body_jaxpr") for row in found.rows} == ({0, 1} if factor == 1 else {1})


def test_a_witness_runs_again_and_says_the_same():
    witness = check(twisted_sin(2.0), 1.0, domain=[(-3, 3)]).worst.witness
    claimed, actual = witness.replay()
    assert abs(claimed - 2 * actual) < 1e-6 * abs(claimed)


def test_the_same_seed_gives_the_same_certificate():
    from paralens.functors.certificates.stored import forget

    texts = []
    for _ in range(2):
        forget()
        found = check(twisted_sin(1.5), 1.0, domain=[(-3, 3)])
        texts.append(str(found.worst.witness))
    assert texts[0] == texts[1]


def test_relu_is_intensional_with_a_clarke_subderivative():
    found = check(jax.nn.relu, 1.0, domain=[(-3, 3)])
    assert found.verdict == "intensional" and found.ok
    assert all(p.clarke for row in found.rows for p in row.points)


def test_a_composite_of_kinks_may_have_a_derivative_that_no_branch_gives():
    found = check(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), 1.0, domain=[(-1, 1)], special=[(0.0,)])
    assert found.verdict == "intensional"
    assert found.whole.verdict == "intensional" and not found.whole.points[-1].clarke


@pytest.mark.parametrize("effort, limit", [("quick", 100), ("standard", 1000)])
def test_the_effort_bounds_the_evaluations_of_each_kind_of_box(effort, limit):
    found = check(nn.dense(3, 4) >> nn.gelu(4) >> nn.layer_norm(4), effort=effort)
    assert found.ok
    assert max(row.evals for row in found.rows) <= limit


def test_models_losses_and_learners_are_certified():
    from paralens import Learner

    model = nn.dense(3, 4) >> nn.tanh(4) >> nn.dense(4, 1)
    learner = Learner(model, losses.squared_error(1), optimizers.adam(1e-2))
    found = check(learner, effort="quick")
    assert found.ok, str(found)
    assert any("dense" in path for path in found.boxes)


def test_a_fault_of_second_order_is_found_when_it_is_asked_for():
    f = jax.custom_jvp(lambda x: x**3)
    f.defjvp(lambda xs, vs: (xs[0] ** 3, jax.lax.stop_gradient(3 * xs[0] ** 2) * vs[0]))
    assert check(f, 1.0).verdict == "proved"
    found = check(f, 1.0, order=2)
    assert found.verdict == "wrong" and found.worst.witness.order == 2


def test_a_surrogate_is_wrong_until_it_is_declared():
    rounded = jax.custom_jvp(lambda x: jnp.round(x))
    rounded.defjvp(lambda xs, vs: (jnp.round(*xs), vs[0]))
    assert check(rounded, 0.3, domain=[(-2, 2)]).verdict == "wrong"
    assert check(rounded, 0.3, domain=[(-2, 2)], surrogate=lambda x: x).verdict == "correct"


def test_a_path_that_was_not_examined_is_refused_with_those_that_were():
    with pytest.raises(PathError, match="no box 'nope' was examined: there are sin"):
        check(jnp.sin, 0.5, effort="quick")["nope"]


@pytest.mark.parametrize(
    "facts, message",
    [
        ({"effort": "much"}, "effort is one of"),
        ({"modes": ("sideways",)}, "modes are"),
        ({"modes": "reverse"}, 'such as .*, not "?.reverse'),
        ({"noise": float("nan")}, "noise is the absolute accuracy"),
        ({"special": 0.0}, "special is a list of points"),
        ({"guards": [abs]}, "guards is a function"),
        ({"order": 0}, "order is a positive number"),
        ({"domain": [(2.0, 1.0)]}, "the domain of input 0"),
        ({"domain": [None, None]}, "2 entries for 1 arguments"),
        ({"special": [(1.0, 2.0)]}, "2 arrays for the 1 inputs"),
        ({"surrogate": 3}, "surrogate is the function"),
    ],
)
def test_what_does_not_fit_is_refused(facts, message):
    with pytest.raises(InputError, match=message):
        check(jnp.sin, 1.0, **facts)


def test_a_function_needs_examples():
    with pytest.raises(InputError, match="an example of every argument"):
        check(jnp.sin)


def test_what_turns_faster_than_any_panel_is_not_taken_for_noise():
    wide = np.array([5e12, 1e26, 2.0, 447.0])
    found = check(lambda x: jnp.sin(x) + 0 * x, wide)
    assert found.ok and found.whole.method == "boxes", str(found)
    assert {row.path: row.verdict for row in found.rows}["sin"] == "proved"


def test_what_a_composite_in_single_precision_loses_inside_is_no_fault_of_its_rules():
    def f(x):
        x = jax.nn.silu(x)
        for _ in range(2):
            x = x / jnp.linalg.norm(x)
            x = x - x.mean()
        return jnp.cosh(x)

    assert check(f, np.array([-2.93, -2.90, -2.92, -2.89], np.float32)).ok
