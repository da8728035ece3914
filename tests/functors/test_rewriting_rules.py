"""Each rule of rewriting is an equation of maps and of their derivatives, kinks included, and makes things smaller."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from paralens import R, RewriteError, from_jax, rewriting
from paralens.functors.rewriting.rule import rewrites
from paralens.functors.rewriting.verifying import counterexample

RULES = list(rewriting.RULES.values())


def relu(x):
    return jax.nn.relu(x)


RANKS = {"reduce_sum": 2, "mul": 1, "reshape": 1, "squeeze": 1, "expand_dims": 1}


def work(d):
    """What rules make smaller, in order: closed boxes, boxes (constants are free), entries, ranks, early scalars."""
    graph, fixed = d.graph, set()
    closed = boxes = entries = ranks = early = 0
    for k, (box, reads, writes) in enumerate(graph.nodes()):
        if box.op == "constant" or (box.op == "broadcast_in_dim" and set(reads) <= fixed):
            fixed.update(writes)
            continue
        closed += box.definition is not None
        boxes += 1
        entries += sum(w.size for i, w in zip(reads, box.dom.inside, strict=True) if i not in fixed)
        entries += sum(w.size for w in box.cod.inside)
        ranks += RANKS.get(box.op, 0)
        early += len(graph) - k if box.op == "neg" or (box.op in ("mul", "div") and fixed & set(reads)) else 0
    return closed, boxes, entries, ranks, early


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_a_rule_keeps_value_reverse_and_forward_derivative(rule):
    assert rule.left != rule.right, "the rule does not apply to its example"
    assert counterexample(rule.left, rule.right, finite=rule.finite) is None
    if not rule.finite:
        assert counterexample(rule.left, rule.right, seed=1) is None


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_a_rule_makes_a_diagram_smaller_and_comes_to_an_end(rule):
    before, after = work(rule.left), work(rule.right)
    assert after < before
    assert rule(rule.right) == rule.right
    assert rule.law and rule.name in repr(rule)


@pytest.mark.parametrize("rule", RULES[:3], ids=lambda r: r.name)
def test_a_rule_is_drawn_as_an_equation(rule):
    svg = rule.draw().svg
    assert svg.count("<svg") == 1 and ">=</text>" in svg and rule._repr_svg_() == svg


X = from_jax(lambda x: x, R(3))


@pytest.mark.parametrize(
    ("left", "right", "what"),
    [
        (from_jax(lambda x: relu(x) - relu(-x), R(3)), X, "derivative"),
        (
            from_jax(lambda x: jnp.maximum(jnp.maximum(x, 0), 0), R(3)),
            from_jax(lambda x: jnp.maximum(x, 0), R(3)),
            "derivative",
        ),
        (from_jax(lambda x: jnp.abs(jnp.abs(x)), R(3)), from_jax(jnp.abs, R(3)), None),
        (from_jax(lambda x: x.max((0, 1)), R(2, 2)), from_jax(lambda x: x.max(0).max(0), R(2, 2)), "derivative"),
        (from_jax(lambda x: jnp.exp(jnp.log(x)), R(3)), X, "value"),
        (from_jax(lambda x: jnp.sign(x) * x, R(3)), from_jax(jnp.abs, R(3)), "derivative"),
        (from_jax(lambda x: x * (1 + 1e-3), R(3)), X, "value"),
    ],
)
def test_what_is_no_equation_under_r_is_found_out(left, right, what):
    found = counterexample(left, right)
    assert (found is None) == (what is None)
    if found is not None:
        assert what in found.what and "on the left" in str(found)


def test_a_user_adds_a_rule_by_drawing_its_two_sides():
    left = from_jax(lambda x: jnp.log(jnp.exp(x)), R(3))
    rule = rewriting.equation("log exp", left, from_jax(lambda x: x, R(3)))
    d = from_jax(lambda x: jnp.tanh(jnp.log(jnp.exp(jnp.sin(x)))), R(3))
    made = rewriting.simplify(d, rules=[*RULES, rule])
    assert [b.name for b in made.boxes] == ["sin", "tanh"]
    assert [b.name for b in rule(d).boxes] == ["sin", "tanh"]


def test_a_pattern_matches_only_where_its_wires_are_the_same():
    factored = rewriting.equation(
        "factored", from_jax(lambda x, y: x * y + x * x, R(3), R(3)), _factored(), finite=True
    )
    miss = from_jax(lambda a, b, c: jnp.sin(b * a + c * c), R(3), R(3), R(3))
    assert len(factored(miss).graph) == len(miss.graph)
    for f in (lambda a, b: b * a + b * b, lambda a, b: a * b + b * b, lambda a, b: b * b + a * b):
        hit = from_jax(lambda a, b, f=f: jnp.sin(f(a, b)), R(3), R(3))
        assert [box.op for box in factored(hit).boxes] == ["add", "mul", "sin"]


def _factored():
    return from_jax(lambda x, y: x * (y + x), R(3), R(3))


def test_a_pattern_may_read_one_output_of_several():
    split = from_jax(lambda x: jnp.split(x, 2)[1], R(4))
    sliced = from_jax(lambda x: x[2:], R(4))
    whole = split >> from_jax(lambda x: lax.neg(lax.neg(x)), R(2))
    rule = rewriting.equation("back half", whole, sliced)
    assert [b.op for b in rule(whole >> from_jax(jnp.tanh, R(2))).boxes] == [*(b.op for b in sliced.boxes), "tanh"]


@pytest.mark.parametrize(
    ("left", "right", "message"),
    [
        (X, from_jax(lambda x: x, R(2)), "the right R(2) -> R(2)"),
        (from_jax(jnp.sin, R(3)), from_jax(jnp.cos, R(3)), "makes a diagram smaller"),
        (from_jax(lambda x: (jnp.sin(x), x), R(3)), from_jax(lambda x: (x, x), R(3)), "must have one output"),
        (from_jax(lambda x, y: jnp.sin(-x), R(3), R(3)), from_jax(lambda x, y: y, R(3), R(3)), "does not read all"),
        (from_jax(lambda x: relu(lax.neg(lax.neg(x))), R(3)), X, "is no equation of maps and their derivatives"),
    ],
)
def test_a_rule_that_is_none_is_refused(left, right, message):
    with pytest.raises(RewriteError, match=message.replace("(", r"\(").replace(")", r"\)")):
        rewriting.equation("mine", left, right)


def test_rules_without_end_are_refused_by_name():
    @rewrites("add", example=lambda: from_jax(lambda x, y: x + y, R(3), R(3)))
    def there(terms, term):
        """x + y = x - (-y)"""
        return terms.put(from_jax(lambda x, y: x - (-y), R(3), R(3)), term.inputs)

    d = from_jax(lambda x, y: jnp.sin(x) + y, R(3), R(3))
    back = rewriting.RULES["subtracting a negative"]
    with pytest.raises(RewriteError, match="there"):
        rewriting.simplify(d, rules=[there, back])
