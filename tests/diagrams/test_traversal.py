"""The kit of traversals: walks that open boxes, say where they are, rebuild, go backward, and know what is live."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from strategies import diagrams

from paralens import Box, CompositionError, Diagram, NoMeaningError, R, from_jax, interpret, nn, rebuild, to_jax
from paralens.diagrams.traversal import Open, backward, dependent, every_box, inside, inside_unruled, live, nodes

NESTED = from_jax(lambda x: jnp.sin(x) * 2.0, R(3)).boxed("inner").boxed("outer")


def names():
    """A rule that gives numbers, and notes the paths at which it is asked."""
    seen = []

    def rule(box, *inputs, path):
        seen.append(path)
        return [len(seen)] * box.n_out

    return rule, seen


# -- opening, and where the rule is ------------------------------------------------------------------


def test_a_rule_is_told_where_it_is_and_boxes_are_opened_in_place():
    rule, seen = names()
    interpret(NESTED.graph, rule, [0], path="")
    assert seen == ["outer"]
    rule, seen = names()
    interpret(NESTED.graph, rule, [0], open=inside, path="")
    assert seen == ["outer/inner/sin", "outer/inner/2.0", "outer/inner/mul"]
    rule, seen = names()
    interpret((NESTED >> NESTED).graph, rule, [0], open=inside, path="top")
    assert seen[0] == "top/outer/inner/sin" and seen[3] == "top/outer_1/inner/sin"


def test_paths_are_those_of_at():
    d = from_jax(lambda x: jax.checkpoint(jnp.sin)(jax.nn.relu(x)), R(3))
    found = []

    def rule(box, *inputs, path):
        found.append((path, box))
        return [0] * box.n_out

    interpret(d.graph, rule, [0], open=inside, path="")
    assert len(found) > 1 and all(d.at(path) == box for path, box in found)


def test_an_answer_may_be_to_open_with_a_diagram_and_a_last_word():
    closed = Box("closed", R(3), R(3))
    sine = from_jax(jnp.sin, R(3))
    left = []

    def rule(box, x):
        return Open(sine, then=lambda made: left.append(made) or [-made[0]]) if box is closed else [x + 1]

    assert interpret((closed >> closed).graph, rule, [1]) == [1] and left == [[2], [-1]]
    with pytest.raises(NoMeaningError, match=r"at closed: closed cannot be opened: nothing is inside"):
        interpret(closed.graph, lambda box, x: Open(), [1])
    with pytest.raises(CompositionError, match="was opened as"):
        interpret(closed.graph, lambda box, x: Open(Diagram.copy(R(3))) if box is closed else [x], [1])


def test_boxes_with_a_rule_of_their_own_stay_closed_where_that_is_asked():
    relu = from_jax(jax.nn.relu, R(3)).boxes[0]
    while not relu.rules:
        (relu,) = relu.definition.boxes
    assert inside(relu) is relu.definition and inside_unruled(relu) is None
    assert inside(Box("f", R(), R())) is None and inside(from_jax(jnp.sin, R()).boxes[0]) is None


def test_no_depth_of_nesting_is_too_deep():
    d = from_jax(jnp.sin, R())
    for _ in range(3000):
        d = d.boxed("around")
    assert interpret(d.graph, lambda box, x: [x + 1], [0], open=inside) == [1]


# -- errors say where ----------------------------------------------------------------------------------


def failing(error):
    def rule(box, *inputs):
        if box.op == "mul":
            raise error
        return [0] * box.n_out

    return rule


@pytest.mark.parametrize("path", [None, ""])
def test_an_error_says_at_which_box_through_the_boxes_around_it(path):
    d = from_jax(jnp.sin, R(3)) >> NESTED
    rule = failing(NoMeaningError("no"))
    with pytest.raises(NoMeaningError) as error:
        interpret(d.graph, rule if path is None else lambda box, *xs, path: rule(box, *xs), [0], open=inside, path=path)
    assert str(error.value) == "at outer/inner/mul: no" and error.value.path == ("outer", "inner", "mul")


def test_an_error_of_others_has_the_path_as_notes():
    with pytest.raises(ZeroDivisionError) as error:
        interpret(NESTED.graph, failing(ZeroDivisionError()), [0], open=inside)
    assert error.value.__notes__ == ["in the box mul", "in the box inner", "in the box outer"]


def test_an_abstract_box_inside_of_a_model_is_found():
    model = nn.dense(3, 4) >> Box("mystery", R(4), R(4)).boxed("wrapped")
    with pytest.raises(NoMeaningError, match="at wrapped/mystery: box 'mystery'"):
        to_jax(model)(model.init(0), jnp.ones(3))


def test_numbers_of_values_that_do_not_fit_are_refused():
    with pytest.raises(CompositionError, match="2 values for the 1 inputs"):
        interpret(NESTED.graph, lambda box, x: [x], [0, 0])
    with pytest.raises(CompositionError, match="at outer: the rule for outer gave 2 values"):
        interpret(NESTED.graph, lambda box, x: [x, x], [0])


# -- rebuild -------------------------------------------------------------------------------------------


@given(d=diagrams())
@settings(max_examples=30)
def test_rebuilding_by_the_identity_is_the_identity(d):
    assert rebuild(d.graph, lambda box: box) == d
    assert rebuild(d.graph, lambda box, path: box, path="") == d


@given(f=diagrams(max_boxes=4))
@settings(max_examples=30)
def test_rebuilding_is_a_functor(f):
    def twice(box):
        return box >> Box("id", box.cod, box.cod) if box.n_out else box

    g = Diagram.id(f.cod)
    assert rebuild((f >> g).graph, twice) == rebuild(f.graph, twice) >> rebuild(g.graph, twice)
    assert rebuild((f @ f).graph, twice) == rebuild(f.graph, twice) @ rebuild(f.graph, twice)


def test_boxes_are_replaced_at_a_path_and_inside_of_others():
    cos = from_jax(jnp.cos, R(3))

    def rule(box, path):
        return cos if path == "outer/inner/sin" else box

    made = rebuild((NESTED >> NESTED).graph, rule, open=inside, path="")
    assert [box.op for box in made.boxes] == ["cos", "constant", "mul", "sin", "constant", "mul"]


def test_a_diagram_or_a_model_stands_for_its_graph_and_no_list_is_refused():
    assert interpret(NESTED, lambda box, x: [x + 1], [0]) == interpret(NESTED.graph, lambda box, x: [x + 1], [0])
    with pytest.raises(CompositionError, match="at outer: the rule for outer gave None"):
        interpret(NESTED, lambda box, x: None, [0])
    with pytest.raises(CompositionError, match="at outer: the image of outer is None"):
        rebuild(NESTED, lambda box: None)


def test_an_image_with_other_wires_is_refused():
    with pytest.raises(CompositionError, match="with other wires"):
        rebuild(from_jax(jnp.sin, R(3)), lambda box: from_jax(jnp.sin, R(4)))
    with pytest.raises(CompositionError, match=r"at outer: the image of outer .* with other wires"):
        rebuild(NESTED.graph, lambda box: Diagram.copy(R(3)))


# -- backward, live, dependent ---------------------------------------------------------------------------


@given(d=diagrams())
@settings(max_examples=40)
def test_paths_counted_backward_are_those_counted_forward(d):
    """The number of paths from input i to all outputs, by a walk from each side."""
    found = backward(d.graph, lambda node, *n: [sum(k or 0 for k in n)] * node.box.n_in, [1] * len(d.cod), int.__add__)
    for i in range(len(d.dom)):
        forward = interpret(d.graph, lambda box, *n: [sum(n)] * box.n_out, [int(k == i) for k in range(len(d.dom))])
        assert (found[i] or 0) == sum(forward)


@given(d=diagrams())
@settings(max_examples=40)
def test_an_input_is_live_exactly_if_some_output_depends_on_it(d):
    alive = live(d.graph)
    for i in range(len(d.dom)):
        reached = dependent(d.graph, [k == i for k in range(len(d.dom))])
        assert bool(alive[i]) == any(reached[w] for w in d.graph.outputs.tolist())


def test_dependence_stops_where_it_is_said_to():
    d = from_jax(lambda x, y: jnp.sin(jnp.floor(x)) * y, R(), R())
    found = dependent(d.graph, [True, False], lambda box: [box.op != "floor"] * box.n_out)
    assert not any(found[w] for w in d.graph.outputs.tolist())
    assert list(live(d.graph, through=lambda box: box.op != "sin")[:2]) == [0, 1]


def test_boxes_at_any_depth_are_listed_once():
    d = NESTED >> NESTED
    assert [box.name for box in every_box(d)] == ["outer", "inner", "sin", "2.0", "mul"]
    assert [node.number for node in nodes(d.graph)] == [0, 1]
    ruled = from_jax(jax.nn.relu, R(3))
    assert len(list(every_box(ruled, rules=True))) > len(list(every_box(ruled)))
