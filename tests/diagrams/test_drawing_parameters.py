"""Parameters on pictures: bundles, their labels, how they split, are copied and led to their boxes."""

from itertools import pairwise

import pytest
from pictures import box, boxes, looks, texts

from paralens import Box, Diagram, Para, Param, R, from_jax
from paralens.diagrams.drawing import draw
from paralens.diagrams.drawing.picture import Circle, Curve, Text
from paralens.diagrams.drawing.style import PARAMETER, measure


def linear(name="dense", n=8):
    arrow = from_jax(lambda x, w, b: x @ w + b, R(n), R(n, n), R(n)).boxed(name)
    return Para(arrow, {name: {"w": Param(R(n, n)), "b": Param(R(n))}})


def nested():
    inner = (linear("query") >> linear("key")).named("attention")
    return (inner >> linear("mlp")).named("block")


def test_parameters_come_in_from_the_top_and_those_of_one_box_are_one_bundle():
    picture = draw(linear() >> linear())
    assert {"dense", "dense_1", "2 arrays, 72 parameters"} <= set(texts(picture))
    lines = [s for s in picture.shapes if isinstance(s, Curve) and s.look == "bundle"]
    assert len(lines) == 2
    for line, name in zip(lines, ("dense", "dense_1"), strict=True):
        (_, x, y), (_, to, end) = line.commands
        assert x == to and y < end == box(picture, name).y
        assert box(picture, name).x < x < box(picture, name).x + box(picture, name).w


def test_a_single_parameter_is_labelled_with_its_path_and_type():
    model = Para(Box("scale", R(3) @ R(3), R(3)), {"norm": {"gain": Param(R(3))}})
    assert {"norm/gain", "R(3)"} <= set(texts(draw(model)))


def test_an_open_box_shows_where_each_of_its_parameters_goes():
    picture = draw(nested(), open="block")
    assert {"6 arrays, 216 parameters", "attention", "4 arrays, 144", "2 arrays, 72"} <= set(texts(picture))


def test_a_label_that_the_frames_around_have_said_is_not_repeated():
    scale = Box("scale", R(3) @ R(3), R(3))
    model = Para(scale, {"gain": Param(R(3))}).named("inner").named("outer")
    assert [t for t in texts(draw(model, depth=2)) if "gain" in t] == ["outer/gain"]
    assert texts(draw(linear(), depth=1)).count("w") == 1


@pytest.mark.parametrize("width", [1500, 500, 300])
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_every_line_of_a_parameter_leads_from_its_label_to_its_box(width, depth):
    model = linear("first") >> nested() >> linear("second") >> nested() >> linear("third")
    picture = draw(model.tie("first/w", "third/w", name="tied"), depth=depth, width=width)
    labels = [s for s in picture.shapes if isinstance(s, Text) and s.fill == PARAMETER]
    lines = [s for s in picture.shapes if isinstance(s, Curve) and s.look in ("parameter", "bundle")]
    closed = [b for b in boxes(picture) if not b.look.startswith("open")]
    for label in labels:
        assert any(touches(s, label.x - 6.5, label.y, 12) for s in lines)
    for i, s in enumerate(lines):
        others = [o for j, o in enumerate(lines) if j != i]
        x, y = s.commands[0][-2:]
        named = [t for t in labels if abs(t.x - 6.5 - x) < 1 and 0 <= t.y - y < 40]
        assert named or any(touches(o, x, y) for o in others), "a line starts at a label or another line"
        x, y = s.commands[-1][-2:]
        assert any(touches(o, x, y) for o in others) or any(on(b, x, y) for b in closed), "and ends there or at a box"


def touches(curve, x, y, slack=2):
    """Whether a part of a line between two of its points passes that near to a point."""
    for a, b in pairwise([c[-2:] for c in curve.commands]):
        if min(a[0], b[0]) - 2 <= x <= max(a[0], b[0]) + 2 and min(a[1], b[1]) - slack <= y <= max(a[1], b[1]) + slack:
            return True
    return False


def on(shape, x, y):
    if isinstance(shape, Circle):
        return (x - shape.x) ** 2 + (y - shape.y) ** 2 <= (shape.r + 1) ** 2
    return shape.x <= x <= shape.x + shape.w and abs(y - shape.y) <= 1


def test_a_bundle_that_splits_has_no_dot_and_names_of_frames_are_clear_of_parameters():
    model = linear("first") >> nested() >> linear("a_layer_with_a_long_name")
    for width in (1500, 500, 300):
        for depth in range(4):
            picture = draw(model, depth=depth, width=width)
            assert looks(picture, "parameter dot") == (0,)
            upright = [s.commands for s in picture.shapes if isinstance(s, Curve) and s.look in ("parameter", "bundle")]
            for t in picture.shapes:
                if isinstance(t, Text) and t.bold:
                    width_ = measure(t.text, t.size) * 1.1
                    for (_, x, y), (*_, z) in ((c[0], c[1]) for c in upright if c[0][1] == c[1][1]):
                        assert not (t.x < x < t.x + width_ and y < t.y < z), t.text


def test_tied_parameters_fork():
    model = (linear() >> linear() >> linear()).tie("dense/w", "dense_1/w", "dense_2/w", name="shared")
    picture = draw(model)
    assert texts(picture).count("shared") == 1
    assert sum(isinstance(s, Circle) and s.look == "parameter dot" for s in picture.shapes) == 2
    narrow = draw(model, width=300)
    assert narrow.height > picture.height and texts(narrow).count("shared") == 1
    assert looks(narrow, "parameter dot") == (2,)


def test_parameters_that_nothing_reads_or_that_are_results_too_are_drawn():
    unread = Para(R(2) @ Diagram.discard(R(3)), {"idle": Param(R(3))})
    assert "idle" in texts(draw(unread))
    passed = Para(Diagram.swap(R(2), R(3)), {"kept": Param(R(3))})
    assert "kept" in texts(draw(passed))
