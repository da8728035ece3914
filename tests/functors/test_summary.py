"""The summary table: what its rows say, and that they add up."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from jax import lax
from strategies import diagrams, paras

from paralens import B, Box, Diagram, Para, Param, R, from_jax
from paralens.categories.errors import InputError
from paralens.functors.costs import cost
from paralens.functors.summaries import human, summary


def dense(n, m, act=jnp.tanh):
    d = from_jax(lambda x, w, b: act(x @ w + b), R(n), R(n, m), R(m))
    return Para(d.boxed("dense"), {"dense": {"w": Param(R(n, m)), "b": Param(R(m))}})


MLP = dense(64, 128) >> dense(128, 128) >> dense(128, 10)


def children(rows, row):
    return [r for r in rows if r.level == row.level + 1 and r.path.startswith(row.path + "/")]


def adds_up(rows, whole):
    assert sum(r.parameters for r in rows) == whole.parameters
    assert sum((r.cost for r in rows), start=0 * whole.cost) == whole.cost


def test_each_box_has_a_row_with_its_data_type_parameters_and_cost():
    table = summary(MLP)
    assert [(r.path, str(r.dom), str(r.cod), r.parameters) for r in table.rows] == [
        ("dense", "R(64)", "R(128)", 64 * 128 + 128),
        ("dense_1", "R(128)", "R(128)", 128 * 128 + 128),
        ("dense_2", "R(128)", "R(10)", 128 * 10 + 10),
    ]
    assert table.rows[0].flops == 2 * 64 * 128 + 128
    assert (table.total.dom, table.total.cod, table.total.parameters) == (R(64), R(10), MLP.size)
    assert table.total.cost == cost(MLP)


def test_rows_inside_of_a_box_carry_its_path_and_its_parameters():
    rows = summary(MLP.named("mlp"), depth=3).rows
    assert [(r.path, r.level, r.parameters) for r in rows[:6]] == [
        ("mlp", 0, MLP.size),
        ("mlp/dense", 1, 8320),
        ("mlp/dense/dot_general", 2, 8192),
        ("mlp/dense/add", 2, 128),
        ("mlp/dense/tanh", 2, 0),
        ("mlp/dense_1", 1, 16512),
    ]


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_rows_add_up_to_the_row_above_them(depth):
    table = summary(MLP.named("mlp") >> dense(10, 3).named("head"), depth)
    adds_up([r for r in table.rows if r.level == 0], table.total)
    assert max(r.level for r in table.rows) == min(depth, 3) - 1
    for row in table.rows:
        if inside := children(table.rows, row):
            adds_up(inside, row)


@given(d=diagrams(), model=paras())
def test_rows_of_random_diagrams_add_up_too(d, model):
    for one in (d, model):
        table = summary(one)
        read = sum(r.parameters for r in table.rows)
        assert read <= table.total.parameters == (one.size if isinstance(one, Para) else 0)
        assert sum((r.cost for r in table.rows), start=0 * table.total.cost) == table.total.cost


def test_a_tied_parameter_is_counted_once_and_shown_as_shared_after_that():
    rows = summary((dense(8, 8) >> dense(8, 8)).tie("dense/w", "dense_1/w"), depth=2).rows
    first, second = (r for r in rows if r.level == 0)
    assert (first.parameters, first.shared) == (72, 0)
    assert (second.parameters, second.shared) == (8, 64)
    assert [(r.parameters, r.shared) for r in children(rows, second)][:2] == [(0, 64), (8, 0)]
    assert second.cells[2] == "8 (shared 64)"


def test_a_parameter_read_twice_by_one_box_is_one_parameter():
    both = from_jax(lambda x, w: (x @ w) @ w, R(3), R(3, 3))
    rows = summary(Para(both.boxed("twice"), {"w": Param(R(3, 3))}), depth=2).rows
    assert [(r.parameters, r.shared) for r in rows] == [(9, 0), (9, 0), (0, 9)]


def test_the_body_of_a_scan_is_shown_with_all_of_its_trips():
    f = from_jax(lambda x, ws: lax.scan(lambda c, w: (jnp.tanh(c @ w), None), x, ws)[0], R(8), R(6, 8, 8))
    table = summary(Para(f, {"ws": Param(R(6, 8, 8))}), depth=2)
    scan, product, tanh = table.rows
    assert (product.path, product.label) == ("scan/body/dot_general", "body/dot_general")
    assert (product.parameters, product.dom) == (6 * 64, R(8))
    assert scan.cost == product.cost + tanh.cost == table.total.cost


def test_parameters_are_followed_into_loops_branches_and_rematerialized_calls():
    def f(x, p, u, v, w):
        y = lax.while_loop(lambda c: jnp.sum(c @ u) < 1.0, lambda c: c @ v, x)
        z = lax.cond(p, lambda c, m: c @ m, lambda c, m: c, y, w)
        return jax.checkpoint(lambda c, m: c @ m)(z, w)

    square = R(3, 3)
    model = Para(from_jax(f, R(3), B(), square, square, square), {k: Param(square) for k in "uvw"})
    rows = summary(model, depth=2).rows
    products = {r.path.rpartition("/")[0]: r for r in rows if r.path.endswith("dot_general")}
    counted = [(r.parameters, r.shared, str(r.dom)) for r in products.values()]
    assert counted == [(9, 0, "R(3)"), (9, 0, "R(3)"), (9, 0, "R(3)"), (0, 9, "R(3)")]
    assert sum(r.parameters for r in rows if r.level == 0) == model.size


def test_a_long_chain_is_shortened_in_the_middle_without_losing_anything():
    layer = dense(4, 4)
    long = layer
    for _ in range(260):
        long = long >> layer
    table = summary(long)
    (gap,) = [r for r in table.rows if r.left_out]
    assert len(table.rows) == 200
    assert len(table.rows) - 1 + gap.left_out == 261
    adds_up(table.rows, table.total)
    assert table.total.parameters == long.size
    assert f"… {gap.left_out} boxes left out" in str(table)
    assert table.rows[-1].path == "dense_260"


def test_a_chain_of_two_hundred_boxes_is_shown_whole():
    table = summary(Diagram.id(R(3)).then(*[Box("f", R(3), R(3))] * 200))
    assert len(table.rows) == 200
    assert not any(r.left_out for r in table.rows)


def test_a_hundred_thousand_boxes_are_summarized():
    f = from_jax(jnp.sin, R(3)).boxed("f")
    d = Diagram.id(R(3)).then(*[f] * 100_000)
    table = summary(d, depth=2)
    assert sum(r.cost.transcendentals for r in table.rows if r.level == 0) == 300_000


def test_constants_have_no_row_unless_there_is_nothing_else():
    assert [r.path for r in summary(from_jax(lambda x: x * 2.0, R(3))).rows] == ["mul"]
    assert [r.path for r in summary(Diagram.point(jnp.float32(3.0))).rows] == ["3.0"]
    assert summary(Diagram.id(R(3))).rows == []


def test_the_text_is_plain_and_of_a_fixed_width():
    text = str(summary(MLP, depth=2))
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert "│   dot_general │ R(64) → R(128)  │      8.2 k │ 16.4 k │  33.5 kB │" in text
    assert "26.1 k parameters, 52.0 kFLOP, 266 transcendentals" in text


def test_long_types_and_paths_are_folded_and_not_cut():
    wide = Box("a_box_with_a_name_that_goes_on_and_on_for_more_than_one_column" * 2, R(3) ** 30, R(3))
    text = str(summary(wide))
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("R(3)") >= 60


def test_names_are_shown_as_they_are_and_never_read_as_markup():
    box = Box("[bold]<b>", R(3), R(3))
    assert "[bold]<b>" in str(summary(box))
    assert "[bold]&lt;b&gt;" in summary(box)._repr_html_()


def test_the_notebook_table_has_every_row():
    html = summary(MLP, depth=2)._repr_html_()
    assert html.count("<tr>") == len(summary(MLP, depth=2).rows) + 2
    assert "R(64) → R(128)" in html


def test_guesses_and_bounds_are_marked_and_explained():
    loop = from_jax(lambda x: lax.while_loop(lambda c: c[0] < 3.0, lambda c: c * 2.0, x), R(3))
    choice = from_jax(lambda p, x: lax.cond(p, jnp.sin, lambda v: v * 2.0, x), B(), R(3))
    assert summary(Box("mystery", R(3), R(3))).rows[0].cells[3] == "~3"
    assert "~ guessed at one FLOP an output: mystery" in str(summary(Box("mystery", R(3), R(3))))
    assert "≥ a while loop is counted for one trip" in str(summary(loop))
    assert "≤ a conditional is counted as its dearest branch" in str(summary(choice))


def test_a_depth_below_one_is_refused():
    with pytest.raises(InputError, match="depth is the number of levels to show, at least 1, and got 0"):
        summary(MLP, depth=0)


@pytest.mark.parametrize(
    ("n", "unit", "text"),
    [
        (0, "", "0"),
        (999, "B", "999 B"),
        (1000, "", "1.0 k"),
        (1_234_567, "", "1.2 M"),
        (999_960, "", "1.0 M"),
        (3_400_000_000, "FLOP", "3.4 GFLOP"),
        (5 * 10**21, "", "5000.0 E"),
    ],
)
def test_large_numbers_are_shown_for_people(n, unit, text):
    assert human(n, unit) == text
