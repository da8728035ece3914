"""Pictures: everything is on them, where it should be, for ordinary and unusual diagrams."""

import re
import struct
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import box, boxes, lines, looks, overlap, texts

from paralens import Box, Diagram, Para, Param, R, Ty, Z, diagram, from_jax
from paralens.categories.errors import FileError, PathError
from paralens.diagrams.drawing import Picture, draw
from paralens.diagrams.drawing.picture import Circle, Curve, Rect, Text

SVG = "{http://www.w3.org/2000/svg}"
UNIT = Ty()


def parsed(picture):
    return ElementTree.fromstring(picture.svg)


def linear(name="dense", n=8):
    arrow = from_jax(lambda x, w, b: x @ w + b, R(n), R(n, n), R(n)).boxed(name)
    return Para(arrow, {name: {"w": Param(R(n, n)), "b": Param(R(n))}})


def unary(name="f", n=8):
    return Box(name, R(n), R(n))


def nested():
    inner = (linear("query") >> linear("key")).named("attention")
    return (inner >> linear("mlp")).named("block")


# -- what is on a picture --------------------------------------------------------------------------


def test_the_svg_parses_and_every_box_and_boundary_type_is_on_it():
    d = unary("first") >> Box("second", R(8), R(3) @ Z(2)) >> Box("third", R(3) @ Z(2), R(5))
    picture = draw(d, title="Three boxes")
    root = parsed(picture)
    assert (root.tag, int(root.get("width")), int(root.get("height"))) == (f"{SVG}svg", picture.width, picture.height)
    written = [e.text for e in root.iter(f"{SVG}text")]
    assert {"first", "second", "third", "Three boxes", "R(8)", "R(3)", "Z(2)", "R(5)"} <= set(written)
    assert picture._repr_svg_() == picture.svg


def test_data_flows_from_left_to_right():
    picture = draw(unary("a") >> unary("b") >> unary("c"))
    assert box(picture, "a").x < box(picture, "b").x < box(picture, "c").x
    assert box(picture, "a").y == box(picture, "b").y == box(picture, "c").y


def test_primitives_have_symbols_and_constants_stand_beside_the_box_that_reads_them():
    picture = draw(from_jax(lambda x: (x * 2.5 + x) / 4.0, R(3)))
    assert {"\u00d7", "+", "÷", "2.5", "4.0"} <= set(texts(picture))
    assert len(boxes(picture)) == 3


@pytest.mark.parametrize("f", [jnp.add, jnp.subtract, jnp.multiply, jnp.divide])
def test_two_constants_at_one_circle_stand_above_and_below_it(f):
    d = Diagram.point(np.float32(2.0)) @ Diagram.point(np.float32(3.0)) >> from_jax(f, R(), R())
    for e in (d, R() @ d >> from_jax(jnp.add, R(), R())):
        picture = draw(e)
        two, three = [s for s in picture.shapes if isinstance(s, Text) and s.text in ("2.0", "3.0")]
        (circle, *_) = [s for s in boxes(picture) if isinstance(s, Circle)]
        assert two.text == "2.0" and two.y < circle.y - circle.r and circle.y + circle.r < three.y - 8
        assert two.x == three.x == circle.x


def test_a_copied_wire_has_a_dot_and_an_unread_one_ends_in_a_bar():
    assert looks(draw(unary()), "dot", "end") == (0, 0)
    assert looks(draw(Diagram.copy(R(8)) >> unary() @ unary()), "dot", "end") == (1, 0)
    assert looks(draw(Box("g", R(8), R(8) @ R(3)) >> R(8) @ Diagram.discard(R(3))), "dot", "end") == (0, 1)
    assert looks(draw(Diagram.discard(R(2))), "dot", "end") == (0, 1)


@pytest.mark.parametrize("f", [jnp.subtract, jnp.divide])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_operands_of_a_circle_end_at_two_points_the_first_above_the_second(f, swapped):
    picture = draw(from_jax(lambda x, y: f(y, x) if swapped else f(x, y), R(3), R(3)))
    lines = [s.commands for s in picture.shapes if isinstance(s, Curve)]
    left = min(commands[0][1] for commands in lines)
    first, second = sorted(commands for commands in lines if commands[0][1] == left)  # the inputs from top to bottom
    below = second[-1][-1] - first[-1][-1]
    assert (below < -8) if swapped else (below > 8)


def test_a_square_has_two_wires_into_its_circle():
    wire = next(s for s in draw(from_jax(lambda x: x * x, R(3))).shapes if isinstance(s, Curve))
    assert [c[0] for c in wire.commands].count("M") == 2
    assert len({c[-1] for c in wire.commands if c[0] == "C"}) == 2


def test_a_sum_is_a_circle_whatever_its_operands_are():
    b = {"b": Param(R(3))}
    for d in (
        from_jax(jnp.add, R(3), R(3)),
        Para(from_jax(jnp.add, R(3), R(3)), b),
        from_jax(lambda x: x + 1.0, R(3)),
        Para(from_jax(lambda a, b: a + b, R(3), R(3)), {"a": Param(R(3)), **b}),
    ):
        assert [type(s) for s in boxes(draw(d))] == [Circle] and texts(draw(d)).count("+") == 1


def test_a_parameter_comes_to_a_difference_from_above_if_first_and_from_below_if_second():
    for f, above in ((lambda x, b: b - x, True), (lambda x, b: x - b, False)):
        picture = draw(Para(from_jax(f, R(3), R(3)), {"b": Param(R(3))}))
        (circle,) = boxes(picture)
        (line,) = [s for s in picture.shapes if isinstance(s, Curve) and s.look == "parameter"]
        assert (line.commands[-1][2] < circle.y) == above
    both = draw(Para(from_jax(lambda a, b: b - a, R(3), R(3)), {"a": Param(R(3)), "b": Param(R(3))}))
    ends = {s.tip[0]: s.commands[-1][2] for s in both.shapes if isinstance(s, Curve) and s.look == "parameter"}
    assert ends["b"] < boxes(both)[0].y < ends["a"]


def test_boxes_show_the_names_that_paths_take():
    d = from_jax(lambda x, w: (jnp.sin(x @ w) @ w).sum() ** 3, R(3), R(3, 3))
    assert {"dot_general", "dot_general_1", "reduce_sum", "integer_pow, y = 3"} <= set(texts(draw(d)))


def test_constant_arrays_are_told_from_scalars():
    model = linear().freeze({"dense/w": jnp.ones((8, 8))})
    picture = draw(model)
    assert "constant R(8, 8)" in texts(picture) and looks(picture, "constant", "constant array") == (0, 1)
    assert looks(draw(from_jax(lambda x: x * 2.5, R(8))), "constant", "constant array") == (1, 0)


def test_what_is_shortened_is_whole_when_pointed_at():
    wide = R(*range(100, 112), dtype="bfloat16")
    texts_ = [s for s in draw(Box("f", wide, wide) >> Box("g" * 80, wide, R())).shapes if isinstance(s, Text)]
    assert all(len(t.text) <= 32 for t in texts_)
    assert sum(t.tip.endswith("111) bf16") for t in texts_) == 2


def test_the_same_diagram_gives_the_same_bytes():
    assert draw(nested(), depth=3).svg == draw(nested(), depth=3).svg


def test_kinds_of_boxes_look_different():
    d = from_jax(lambda x: jax.lax.scan(lambda s, _: (s * s, None), x, None, 3)[0], R(8))
    d = d >> unary() >> from_jax(jnp.sin, R(8)) >> from_jax(jnp.sin, R(8)).boxed("h")
    assert {s.look for s in boxes(draw(d))} == {"loop", "abstract", "primitive", "defined"}


# -- opening -----------------------------------------------------------------------------------------


def test_boxes_are_closed_by_default_and_open_by_path():
    model = nested() >> nested()
    assert [s.tip.split(" : ")[0] for s in boxes(draw(model))] == ["block", "block_1"]
    picture = draw(model, open="block_1/attention")
    assert {"block", "block_1", "attention", "mlp", "query", "key"} <= set(texts(picture))
    frame, inner = box(picture, "block_1"), box(picture, "block_1/attention/query")
    assert frame.look == "open defined"
    assert frame.x < inner.x and inner.x + inner.w < frame.x + frame.w
    assert frame.y < inner.y and inner.y + inner.h < frame.y + frame.h


def test_depth_opens_every_box_so_many_levels():
    shown = [len(boxes(draw(nested(), depth=k))) for k in range(4)]
    assert shown == [1, 3, 7, 11]


def test_a_wrong_path_is_refused_with_what_there_is_at_its_level():
    with pytest.raises(PathError, match="no box 'attn' in block; there are attention, mlp"):
        draw(nested(), open="block/attn")
    with pytest.raises(PathError, match="no box 'blok' in the diagram; there are block"):
        draw(nested(), open=("block", "blok"))
    with pytest.raises(PathError, match="'dot_general' in block/mlp has nothing inside; what opens there: none"):
        draw(nested(), open="block/mlp/dot_general")


def test_loops_and_branches_open_with_their_bodies():
    scan = from_jax(lambda x, w: jax.lax.scan(lambda s, r: (jnp.tanh(s @ w + r), s), x[0], x), R(3, 4), R(4, 4))
    for picture in (draw(scan, depth=1), draw(scan, open="scan"), draw(scan, open="scan/body")):
        assert {"scan \u00d7 3", "tanh"} <= set(texts(picture))
        assert any(isinstance(s, Curve) and s.look == "feedback" for s in picture.shapes)
    cond = from_jax(lambda i, x: jax.lax.switch(i, [jnp.sin, jnp.cos, jnp.exp], x), Z(), R(3))
    assert {"sin", "cos", "exp", "choose", "branch 2"} <= set(texts(draw(cond, depth=1)))
    one = texts(draw(cond, open="cond/branches[1]"))
    assert "cos" in one and "sin" not in one
    with pytest.raises(PathError, match="there are body"):
        draw(scan, open="scan/bod")


def test_the_state_of_a_while_loop_goes_through_the_gate_and_comes_back_from_the_body():
    loop = from_jax(lambda c, x: jax.lax.while_loop(lambda s: s.sum() < c, lambda s: s * c, x), R(), R(3))
    picture = draw(loop, open="while")
    assert {"test", "gate", "false: R(3)", "true: R(3)", "do"} <= set(texts(picture))
    test, gate, do = (box(picture, f"while/{name}") for name in ("cond_jaxpr", "gate", "body_jaxpr"))
    assert test.x + test.w < gate.x and gate.x + gate.w < do.x
    assert looks(picture, "feedback", "arrow") == (1, 1)
    (back,) = [s for s in picture.shapes if isinstance(s, Curve) and s.look == "feedback"]
    assert back.commands[0][1] > do.x + do.w and back.commands[-1][1] < test.x
    # the only wire that leaves the loop starts at the gate: the body may run no time at all
    (out,) = [t for t in picture.shapes if isinstance(t, Text) and t.text == "false: R(3)"]
    assert any(isinstance(t, Text) and abs(t.y - 3.6 - out.y - 4) < 1 for t in picture.shapes)


def test_a_loop_whose_first_state_is_a_parameter_feeds_back_to_it():
    for f in (lambda c: jax.lax.while_loop(lambda s: s.sum() < 3, lambda s: s * 2, c), scanned):
        picture = draw(Para(from_jax(f, R(4)), {"start": Param(R(4))}), depth=1)
        assert "start" in texts(picture) and looks(picture, "feedback", "arrow") == (1, 1)


def scanned(c):
    return jax.lax.scan(lambda s, _: (jnp.tanh(s), s), c, None, 3)


def test_a_box_with_bodies_of_unknown_wiring_opens():
    reduce = from_jax(lambda x: jax.lax.reduce(x, 0.0, lambda a, b: a * b + a, (0,)), R(3))
    assert any("body : R() @ R()" in t for t in texts(draw(reduce, depth=1)))
    remat = from_jax(jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))), R(3))
    assert {"sin", "sin_1"} <= set(texts(draw(remat, depth=1)))


# -- size ----------------------------------------------------------------------------------------------


def chain(n):
    d = Diagram.id(R(8))
    for _ in range(n):
        d = d >> unary()
    return d


def fan(n):
    d = Diagram.copy(R(8), n)
    return d >> Diagram.id().tensor(*[unary()] * n) >> Box("gather", R(8) ** n, R(8))


def ladder(n):
    add = Box("join", R(8) @ R(8), R(8))

    @diagram(R(8), R(8))
    def residual(x):
        y = x
        for _ in range(n // 2):
            y = add(x, unary()(y))
        return y

    return residual


@pytest.mark.parametrize("make, expected", [(chain, 500), (fan, 501), (ladder, 500)])
def test_500_boxes_are_500_shapes(make, expected):
    picture = draw(make(500))
    assert len(boxes(picture)) == expected
    assert picture.svg.count('class="box ') == expected


def test_a_long_chain_is_folded_into_rows_that_do_not_overlap():
    picture = draw(chain(64), width=1000)
    assert picture.width < 1300
    rows = sorted({b.y for b in boxes(picture)})
    assert len(rows) > 4 and min(b - a for a, b in pairwise(rows)) > 30


def many_abreast(wires, steps):
    def layer(*xs):
        return [jnp.tanh(a) * b for a, b in zip(xs, [*xs[1:], xs[0]], strict=True)]

    def run(*xs):
        for _ in range(steps):
            xs = layer(*xs)
        return xs

    return from_jax(run, *R(3) ** wires)


@pytest.mark.parametrize("wires", [14, 40])
def test_a_row_that_many_wires_cross_is_folded_anyway(wires):
    picture = draw(many_abreast(wires, 7), width=700)
    assert picture.width < (1500 if wires == 14 else 2500) and len(boxes(picture)) == 2 * wires * 7
    assert all(0 <= s.x and s.x + getattr(s, "w", 0) <= picture.width for s in boxes(picture))
    assert all(0 <= v <= picture.width for s in lines(picture, "wire") for c in s.commands for v in c[1::2])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 50)), max_size=12), st.integers(0, 3))
def test_closed_boxes_never_overlap_and_lie_on_the_page(plan, n_in):
    build, alive = [], list(range(n_in))
    total = n_in
    for reads, writes, seed in plan:
        picked = [alive[(seed * (j + 1)) % len(alive)] for j in range(reads)] if alive else []
        build.append((len(picked), writes, picked))
        alive += range(total, total + writes)
        total += writes

    from paralens.diagrams.graph import Builder

    b = Builder(R(2) ** n_in)
    for i, (n, m, picked) in enumerate(build):
        b.add(Box(f"b{i}", R(2) ** n, R(2) ** m), picked)
    picture = draw(Diagram.of_graph(b.finish(alive[-3:], R(2) ** len(alive[-3:]))))
    shapes = [s for s in boxes(picture) if isinstance(s, Rect)]
    assert len(shapes) == len(build)
    assert not [pair for pair in combinations(shapes, 2) if overlap(*pair)]
    assert all(0 <= s.x and s.x + s.w <= picture.width and 0 <= s.y and s.y + s.h <= picture.height for s in shapes)
    parsed(picture)


# -- unusual input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "d",
    [
        Diagram.id(UNIT),
        Diagram.id(R(2)),
        Diagram.swap(R(2), R(3) @ Z(4)),
        Diagram.copy(R(2) @ R(3), 3),
        Diagram.discard(R(2) @ R(3)),
        Box("sink", R(2), UNIT),
        Box("source", UNIT, R(2)),
        Box("alone", UNIT, UNIT) @ Box("alone", UNIT, UNIT),
        Box("many", R(2) ** 100, R(2) ** 60),
        from_jax(lambda: jnp.float32(2.0)),
        from_jax(lambda x: (x, 1.0), R(2)),
        from_jax(lambda x: x.astype(jnp.bfloat16) ** -2, R(2)),
    ],
    ids=lambda d: str(d)[:40],
)
def test_unusual_diagrams_draw(d, tmp_path):
    picture = draw(d, tmp_path / "d.png")
    parsed(picture)
    assert picture.width > 0 and picture.height > 0 and len(boxes(picture)) >= len([b for b in d.boxes if not b.op])


@pytest.mark.parametrize("name", ['<&">', "a\nb\x00", "$x_1$", "long " * 40, "注意", "\ud800", " "])
def test_any_name_is_written_safely(name, tmp_path):
    picture = draw(Box(name, R(2), R(2)), tmp_path / "d.png", title=name)
    (title,) = [e.text for e in parsed(picture).iter(f"{SVG}title")]
    assert title.startswith(re.sub("[\x00\ud800]", "\ufffd", name))


# -- files ---------------------------------------------------------------------------------------------


def test_png_and_svg_files_are_written_whole(tmp_path):
    picture = draw(nested(), tmp_path / "model.png")
    data = (tmp_path / "model.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (2 * picture.width, 2 * picture.height)
    picture.save(tmp_path / "model.svg")
    assert (tmp_path / "model.svg").read_text(encoding="utf-8") == picture.svg
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.png", "model.svg"]


def test_other_suffixes_and_missing_folders_are_refused(tmp_path):
    picture = draw(unary())
    with pytest.raises(FileError, match=r"ends in \.svg or \.png"):
        picture.save(tmp_path / "model.pdf")
    with pytest.raises(FileError, match="No such file"):
        picture.save(tmp_path / "missing" / "model.svg")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.svg"
    draw(unary("old"), path)
    before = path.read_text()

    def fail(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Picture, "_write_svg", fail)
    with pytest.raises(FileError, match="No space left"):
        draw(unary("new"), path)
    assert path.read_text() == before and len(list(tmp_path.iterdir())) == 1
