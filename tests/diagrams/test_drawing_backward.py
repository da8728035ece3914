"""Pictures of backward passes and of learners: thick lines of data, red boxes, and R[f] below f."""

import re
from itertools import combinations, pairwise

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import box, boxes, lines, looks, overlap, texts

from paralens import Box, Diagram, Learner, R, diagram, draw, forward, from_jax, lens, nn, reverse
from paralens.diagrams import losses, optimizers
from paralens.diagrams.drawing.picture import Circle, Curve, Rect, Text
from paralens.diagrams.drawing.style import PARAMETER, measure

SEVERAL = ("several wire", "several residual", "several cotangent")


def mlp():
    return nn.dense(6, 5) >> nn.relu(5) >> nn.dense(5, 4)


def learner(optimizer=None):
    return Learner(mlp(), losses.squared_error(4), optimizer or optimizers.adam(1e-3))


def split(n, name="f"):
    return Box(name, R(2), R(2) ** n)


def join(n, name="g"):
    return Box(name, R(2) ** n, R(2))


def text(picture, written):
    return next(s for s in picture.shapes if isinstance(s, Text) and s.text == written)


def middle(shape):
    return shape.x + shape.w / 2 if isinstance(shape, Rect) else shape.x


# -- thick lines of data -------------------------------------------------------------------------------


def test_four_wires_side_by_side_are_one_thick_line_that_names_their_types():
    d = Box("f", R(2), R(2) @ R(3) @ R(4) @ R(5)) >> Box("g", R(2) @ R(3) @ R(4) @ R(5), R(2))
    picture = draw(d)
    (line,) = lines(picture, *SEVERAL)
    assert "4 arrays" in texts(picture) and line.tip == "R(2), R(3), R(4), R(5)"
    every = draw(d, bundle=False)
    assert looks(every, *SEVERAL) == (0, 0, 0) and {"R(2)", "R(3)", "R(4)", "R(5)"} <= set(texts(every))


@pytest.mark.parametrize(
    "d",
    [
        split(3) >> join(3),
        split(4) >> Diagram.wires(R(2) ** 4, [0, 2, 1, 3]) >> join(4),
        split(4) >> Diagram.wires(R(2) ** 4, [0, 1, 1, 2, 3]) >> join(5),
        split(4) >> R(2) ** 2 @ Box("h", R(2), R(2)) @ R(2) >> join(4),
        split(4) >> Diagram.wires(R(2) ** 4, [0, 1, 2, 3, 0]) >> join(4) @ R(2),
        split(5),
        join(5),
    ],
    ids=["few", "crossing", "copied", "one through a box", "one also a result", "results", "inputs"],
)
def test_what_branches_off_or_crosses_or_shows_its_types_at_an_edge_is_no_thick_line(d):
    assert looks(draw(d), *SEVERAL) == (0, 0, 0)


def test_many_wires_from_or_to_an_edge_are_one_line_with_their_number_as_its_label():
    picture = draw(join(7) >> split(6))
    assert looks(picture, "several wire") == (2,)
    assert {"7 arrays", "6 arrays"} <= set(texts(picture))


def test_outputs_may_have_names_that_thick_lines_share():
    names = ["state/a", "state/b", "state/c", "state/d", "loss"]
    picture = draw(split(5), outputs=names)
    assert {"state : 4 arrays", "loss : R(2)"} <= set(texts(picture))
    every = draw(split(5), outputs=names, bundle=False)
    assert {"state/a : R(2)", "state/d : R(2)", "loss : R(2)"} <= set(texts(every))


def test_wires_of_an_open_box_are_not_gathered():
    inner = (split(4) >> join(4)).boxed("inner")
    outer = inner >> split(4, "f") >> (join(4) >> Box("h", R(2), R(2))).boxed("end")
    assert looks(draw(outer), *SEVERAL) == (1, 0, 0)
    assert looks(draw(outer, open="inner"), *SEVERAL) == (2, 0, 0)
    assert looks(draw(outer, open="end"), *SEVERAL) == (0, 0, 0)


def test_a_learner_names_what_goes_out():
    written = texts(draw(learner()))
    assert {"memory : 9 arrays", "params : 4 arrays", "4 arrays", "R()"} <= set(written)
    assert "memory : 9 arrays" not in texts(draw(learner(), bundle=False))
    assert "params/dense/w : R(6, 5)" in texts(draw(learner(), bundle=False))


# -- how derivatives look ------------------------------------------------------------------------------


def test_derivatives_are_red_open_and_closed_and_other_boxes_are_not():
    kinds = {s.tip.split(" : ")[0]: s.look for s in boxes(draw(reverse(mlp())))}
    assert kinds == {
        "dense": "defined",
        "relu": "defined",
        "R[dense]": "derivative",
        "R[relu]": "derivative",
        "R[dense]_1": "derivative",
    }
    assert {s.look for s in boxes(draw(forward(mlp())))} == {"derivative"}
    assert box(draw(reverse(mlp()), open="R[dense]"), "R[dense]").look == "open derivative"


def test_cotangents_and_residuals_have_colors_of_their_own():
    assert looks(draw(mlp()), "cotangent", "residual", "cotangent arrow") == (0, 0, 0)
    picture = draw(reverse(mlp()))
    assert looks(picture, "cotangent arrow") == (8,)  # three into boxes, five out at the edge
    assert all(looks(picture, "cotangent", "residual"))
    backward = draw(lens(mlp().arrow).backward)
    assert looks(backward, "cotangent") > (5,) and looks(backward, "residual", "cotangent arrow") == (0, 0)


# -- facing passes -------------------------------------------------------------------------------------


def below(picture, pairs):
    """Whether each second box is below its first one, with the same middle."""
    found = [(box(picture, f), box(picture, back)) for f, back in pairs]
    return all(abs(middle(f) - middle(b)) < 1 and f.y + f.h < b.y for f, b in found)


def test_backward_boxes_stand_below_their_forward_boxes_and_flow_to_the_left():
    picture = draw(reverse(mlp()))
    assert below(picture, [("dense", "R[dense]"), ("relu", "R[relu]")])
    reds = sorted((s for s in boxes(picture) if s.look == "derivative"), key=lambda s: s.x)
    assert len(reds) == 3 and reds[1].tip.startswith("R[relu]")
    tips = [s for s in picture.shapes if isinstance(s, Curve) and s.look == "cotangent arrow"]
    assert all(s.commands[1][1] < s.commands[0][1] for s in tips)


def test_cotangents_come_in_on_the_right_and_results_leave_on_the_left():
    picture = draw(reverse(nn.dense(6, 5) >> nn.softmax(5)))
    red = box(picture, "R[softmax]")
    assert any(isinstance(s, Text) and s.text == "R(5)" and s.x > red.x + red.w for s in picture.shapes)
    results = [s for s in picture.shapes if isinstance(s, Text) and s.x < box(picture, "R[dense]").x and s.y > red.y]
    assert {s.text for s in results} == {"R(6)", "R(6, 5)", "R(5)"} and {s.anchor for s in results} == {"end"}


def test_with_its_value_the_forward_pass_leaves_on_the_right():
    picture = draw(reverse(mlp(), value=True))
    assert below(picture, [("dense", "R[dense]"), ("relu", "R[relu]"), ("dense_1", "R[dense]_1")])
    last, out = box(picture, "dense_1"), [s for s in picture.shapes if isinstance(s, Text) and s.text == "R(4)"]
    assert any(s.x > last.x + last.w and abs(s.y - 3.6 - last.y - last.h / 2) < 1 for s in out)


def test_what_a_box_keeps_goes_straight_down_to_its_backward_box():
    picture = draw(learner())
    loss, back = box(picture, "squared_error"), box(picture, "R[squared_error]")
    way = [c[1:] for s in lines(picture, "residual") for c in s.commands if s.commands[0][1] == middle(loss)]
    assert {x for x, _ in way} == {middle(loss)}
    ys = [y for _, y in way]
    assert ys == sorted(ys) and abs(ys[0] - loss.y - loss.h) < 1 and abs(ys[-1] - back.y) < 1


def test_a_learner_stands_with_its_optimizer_on_the_left():
    picture = draw(learner(optimizers.sgd(0.1)))
    assert below(picture, [("model", "R[model]"), ("squared_error", "R[squared_error]")])
    assert box(picture, "sgd").x < box(picture, "R[model]").x < box(picture, "R[squared_error]").x
    assert text(picture, "params : 4 arrays").x < box(picture, "sgd").x
    assert text(picture, "R()").x > box(picture, "squared_error").x


def test_open_boxes_face_too_and_their_insides_flow_the_same_way():
    picture = draw(learner(), open=("model", "R[model]"))
    frame = box(picture, "R[model]")
    inner = [box(picture, f"R[model]/{name}") for name in ("R[dense]", "R[relu]", "R[dense]_1")]
    assert all(frame.x < b.x and b.x + b.w < frame.x + frame.w and frame.y < b.y for b in inner)
    first = box(picture, "model/dense"), box(picture, "model/dense_1")
    assert first[0].x < first[1].x and min(b.x for b in inner) < box(picture, "R[model]/R[relu]").x
    assert below(picture, [("model", "R[model]")])


def test_a_reversed_loop_turns_to_the_left_and_feeds_back():
    def run(s, xs):
        return jax.lax.scan(lambda s, x: (jnp.tanh(s * x), None), s, xs)[0]

    picture = draw(reverse(from_jax(run, R(3), R(4, 3))), open=("scan", "R[scan]"))
    assert box(picture, "scan").y < box(picture, "R[scan]").y
    heads = [s.commands for s in picture.shapes if isinstance(s, Curve) and s.look == "arrow"]
    assert sorted(c[1][1] > c[0][1] for c in heads) == [False, True]  # forward to the right, backward to the left


@pytest.mark.parametrize(
    "make",
    [
        lambda: mlp(),
        lambda: reverse(from_jax(jnp.sin, R(3))),
        lambda: reverse(nn.dense(3, 2)),
        lambda: reverse(reverse(mlp())),
        lambda: forward(reverse(mlp())),
        lambda: learner() >> learner(),
    ],
    ids=["forward", "primitives", "no forward box", "second order", "tangents", "two steps"],
)
def test_what_has_no_two_passes_flows_to_the_right(make):
    assert looks(draw(make()), "cotangent arrow", "wire arrow", "residual arrow") == (0, 0, 0)


# -- nothing overlaps, every line leads somewhere ------------------------------------------------------


def pictures_():
    block = nn.transformer_block(R(6, 8), 2)
    return [
        draw(reverse(mlp())),
        draw(reverse(mlp()), depth=1),
        draw(reverse(block)),
        draw(reverse(block.open("block", "block/attention"))),
        draw(reverse(block.open("block")), open="R[attention]"),
        draw(learner()),
        draw(learner(), depth=1),
        draw(learner(optimizers.chain(optimizers.clip_by_global_norm(1.0), optimizers.adam(1e-3)))),
        draw(reverse(nn.dense(3, 4) >> nn.tanh(4))),
    ]


def area(t):
    wide = measure(t.text, t.size)
    left = {"start": t.x, "end": t.x - wide, "middle": t.x - wide / 2}[t.anchor]
    return Rect(left, t.y - t.size * 0.75, wide, t.size * 0.8, 0, "primitive")


def test_boxes_do_not_overlap_and_labels_of_parameters_do_not_either():
    for picture in pictures_():
        closed = [s for s in boxes(picture) if isinstance(s, Rect) and not s.look.startswith("open")]
        assert not [(a.tip, b.tip) for a, b in combinations(closed, 2) if overlap(a, b)]
        labels = [s for s in picture.shapes if isinstance(s, Text) and s.fill == PARAMETER]
        assert not [(a.text, b.text) for a, b in combinations(labels, 2) if overlap(area(a), area(b))]
        inside = [area(s) for s in picture.shapes if isinstance(s, Text)]
        assert all(0 <= s.x and s.x + s.w <= picture.width and 0 <= s.y <= picture.height for s in inside)


def test_no_line_has_a_kink():
    for picture in pictures_():
        for s in picture.shapes:
            if isinstance(s, Curve) and "arrow" not in s.look:
                for a, b in pairwise(s.commands):
                    off = abs(b[-1] - a[-1]), abs(b[-2] - a[-2])
                    assert b[0] == "M" or off[0] < 0.01 or off[0] >= 1 or off[1] < 1, (s.look, a, b)


def near(shape, x, y):
    if isinstance(shape, Circle):
        return (x - shape.x) ** 2 + (y - shape.y) ** 2 <= (shape.r + 2) ** 2
    return shape.x - 1 <= x <= shape.x + shape.w + 1 and shape.y - 1 <= y <= shape.y + shape.h + 1


def passes(curve, x, y):
    ends = [c[-2:] for c in curve.commands]
    return any(
        min(a[0], b[0]) - 1 <= x <= max(a[0], b[0]) + 1 and min(a[1], b[1]) - 1 <= y <= max(a[1], b[1]) + 1
        for a, b in pairwise(ends)
    )


def test_every_residual_leads_from_a_box_or_a_line_to_a_box_or_a_line():
    kinds = ("wire", "residual", "cotangent", *SEVERAL)
    for picture in pictures_():
        every = lines(picture, *kinds)
        for s in lines(picture, "residual", "several residual"):
            for x, y in (s.commands[0][-2:], s.commands[-1][-2:]):
                met = any(near(b, x, y) for b in boxes(picture)) or any(passes(o, x, y) for o in every if o is not s)
                assert met or x < 120 or x > picture.width - 120, (s.look, s.commands)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["tanh", "square", "mul", "add"]), st.integers(0, 9)), min_size=1, max_size=7)
)
def test_backward_passes_of_random_diagrams_draw_without_overlaps(plan):
    ops = {"tanh": jnp.tanh, "square": jnp.square, "mul": jnp.multiply, "add": jnp.add}
    named = {n: from_jax(f, *[R(3)] * (1 + (n in ("mul", "add")))).boxed(f"f_{n}") for n, f in ops.items()}

    @diagram(R(3) @ R(3), R(3))
    def model(x, y):
        alive = [x, y]
        for name, seed in plan:
            picked = [alive[(seed * (j + 1) + j) % len(alive)] for j in range(named[name].n_in)]
            alive.append(named[name](*picked))
        return alive[-1]

    back = reverse(model)
    picture = draw(back)
    shapes = [s for s in boxes(picture) if isinstance(s, Rect)]
    assert len(boxes(picture)) == len([b for b in back.boxes if b.op != "constant"])
    assert not [(a.tip, b.tip) for a, b in combinations(shapes, 2) if overlap(a, b)]
    assert all(0 <= s.x and s.x + s.w <= picture.width and 0 <= s.y and s.y + s.h <= picture.height for s in shapes)
    assert len(re.findall("<path", picture.svg)) == sum(isinstance(s, Curve) for s in picture.shapes)
