"""The cheap gradient principle: on generators, random diagrams, every layer and every loss; and what is shown of it."""

import jax
import jax.numpy as jnp
import pytest
from functions import FUNCTIONS
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from pictures import texts
from strategies import smooth_diagrams

from paralens import Box, Diagram, R, Z, cost, from_jax, losses, nn, reverse, summary
from paralens.categories.errors import DerivativeError
from paralens.diagrams.drawing.picture import Rect
from paralens.functors.cheapness import GradientCost, GradientRow, gradient_cost
from paralens.functors.costs import Cost
from paralens.functors.derivatives.derivative import reversal
from paralens.functors.gradient_chart import LAYERS, gradient_chart, layer_gradients
from paralens.functors.summaries import operations

C = 5  # the bound on the ratio of a layer, in operations


def parts(found):
    """The operations of the boxes and copies of value and reverse, which add up to the whole."""
    return sum(row.times * operations(row.both) for row in found.rows) + operations(found.copies)


def holds(found, exactly=True):
    """The theorem: the whole is the sum of its boxes and copies, so that a bound on every box is one on the whole.

    Exactly, unless boxes are dead; but the way back makes a conversion again only where it needs it.
    """
    own, both = operations(found.forward), operations(found.both)
    assert sum(row.times * operations(row.forward) for row in found.rows) == own
    again = sum(row.times * operations(row.forward) for row in found.rows if row.path.endswith("convert_element_type"))
    assert both <= parts(found)
    assert parts(found) - again <= both or not exactly
    for row in found.rows:
        assert operations(row.both) <= found.constant * operations(row.forward) or not operations(row.forward), row
    assert both <= found.constant * own + found.free + 1e-6 * both
    assert found.ratio <= found.bound * (1 + 1e-9)


ONE = {
    name: from_jax(f, R(6)).boxed(name)
    for name, f in {
        "sin": jnp.sin,
        "exp": jnp.exp,
        "square": lambda x: x * x,
        "double": lambda x: x + x,
        "scale": lambda x: 3.0 * x,
        "mean": lambda x: x - jnp.mean(x),
        "mix": lambda x: jnp.tanh(x) * jnp.roll(x, 1),
        "product": lambda x: jnp.outer(x, x) @ x,
        "norm": lambda x: x * lax.rsqrt(jnp.sum(x * x) + 1.0),
        "softmax": jax.nn.softmax,
        "scan": lambda x: lax.scan(lambda c, y: (jnp.sin(c * y), c + y), x[0], x)[1],
        "choice": lambda x: lax.cond(x[0] > 0, jnp.sin, lambda v: v * v * v, x),
    }.items()
}
LARGEST = max(gradient_cost(d).constant for d in ONE.values())


@given(names=st.lists(st.sampled_from(sorted(ONE)), min_size=1, max_size=6))
def test_a_bound_on_the_generators_of_a_chain_is_a_bound_on_the_chain(names):
    chain = Diagram.id(R(6)).then(*[ONE[name] for name in names])
    found = gradient_cost(chain)
    holds(found)
    assert found.constant <= LARGEST, f"{found!r} on {names}, and no generator is over {LARGEST}"


@settings(max_examples=40)
@given(d=smooth_diagrams())
def test_the_bound_composes_on_random_diagrams(d):
    holds(gradient_cost(d), exactly=False)
    holds(gradient_cost(d.boxed("closed")), exactly=False)


@given(n=st.integers(1, 40))
def test_the_ratio_does_not_grow_with_the_number_of_inputs(n):
    many = from_jax(lambda *xs: sum(x * x for x in xs), *[R()] * n)
    found = gradient_cost(many)
    holds(found)
    assert found.ratio <= 4, f"{found!r} with {n} inputs"


@pytest.fixture(scope="module")
def layers():
    return layer_gradients()


def test_there_is_an_example_of_every_layer_and_loss():
    assert set(LAYERS) == {*nn.__all__, *losses.__all__}


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_of_every_layer_and_loss_is_cheap(name, layers):
    found = layers[name]
    holds(found)
    own, both = operations(found.forward), operations(found.both)
    assert both - found.free <= C * own, f"c = {C}: {name} costs {found.ratio:.2f} times itself\n{found}"
    moved = {"embedding"}  # a gather is free, and its adjoint adds
    assert found.ratio <= C or name in moved, f"c = {C}: {name} costs {found.ratio:.2f} times itself\n{found}"


def test_most_layers_cost_three_times_themselves(layers):
    """A product of matrices goes to itself and two more."""
    for name in ("dense", "conv1d", "conv2d", "multi_head_attention", "transformer_block"):
        assert 2.9 < layers[name].ratio < 3, f"{name}: {layers[name]!r}"


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"eigh"}))
def test_the_bound_holds_on_every_function_that_has_a_reverse(name):
    f, *examples = FUNCTIONS[name]
    d = from_jax(f, *examples)
    try:
        found = gradient_cost(d)
    except DerivativeError:
        with pytest.raises(DerivativeError):
            reverse(d)
        return
    holds(found, exactly=False)


def test_the_product_reaches_five_when_its_additions_are_its_own():
    cube = from_jax(lambda x, y: x * y + (x * y) * (x + y), R(8), R(8))
    product = from_jax(lambda x, y: x * y, R(8), R(8))
    found = gradient_cost(product)
    assert (found.ratio, operations(found.copies)) == (3.0, 0)
    assert found.constant + 2 * 8 / operations(found.forward) == 5.0
    # x and y are read three times each, and x + y is read once
    assert operations(gradient_cost(cube).copies) == 8 * (2 + 2)


def test_copies_go_to_additions_and_moves_to_sums():
    copied = gradient_cost(Diagram.copy(R(7)))
    assert (copied.forward, operations(copied.both), copied.free) == (Cost(), 7, 7)
    assert copied.ratio == copied.bound == float("inf")
    moved = gradient_cost(from_jax(lambda x: jnp.broadcast_to(x, (5, 3)), R(3)))
    assert (moved.worst, moved.free, moved.ratio) == (None, 12, float("inf"))
    nothing = gradient_cost(Diagram.swap(R(3), R(4)))
    assert nothing.ratio == nothing.bound == nothing.constant == 1.0


def test_boxes_are_named_by_path_and_counted_with_their_multiplicity():
    model = nn.dense(8, 8) >> nn.tanh(8) >> nn.dense(8, 8)
    found = gradient_cost(model.named("mlp"))
    assert found.worst == GradientRow("mlp/tanh", 1, Cost(0, 8, 64), found.worst.both)
    product = next(row for row in found.rows if row.path == "mlp/dense/dot_general")
    assert (product.times, product.forward.flops, product.both.flops) == (2, 128, 3 * 128)


def test_definitions_that_double_sixty_times_are_counted_once_each():
    d = from_jax(lambda x: x * 2.0, R(1))
    for i in range(60):
        d = (d >> d).boxed(f"level{i}")
    (row,) = gradient_cost(d).rows[:1]
    assert (row.times, gradient_cost(d).ratio) == (2**60, 2.0)
    assert row.path.startswith("level59/level58/level57/")


def test_boxes_off_the_way_of_the_cotangents_need_no_derivative():
    def f(x):
        found = lax.while_loop(lambda c: c[0] < 3.0, lambda c: c * 2.0, x)
        return x * lax.floor(found)

    d = from_jax(f, R(4))
    found = gradient_cost(d)
    holds(found)
    loop = next(row for row in found.rows if row.path == "while")
    assert loop.forward == loop.both and loop.ratio == 1.0


def test_a_missing_derivative_is_an_error_with_the_path():
    with pytest.raises(DerivativeError, match="mystery"):
        gradient_cost(Box("mystery", R(3), R(3)))


def test_fewer_gradients_cost_less():
    model = nn.dense(16, 8)
    w, x, everything = (gradient_cost(model, wrt=wrt) for wrt in (["dense/w"], [0], None))
    assert w.ratio == pytest.approx(x.ratio, abs=0.1) and everything.ratio == pytest.approx(w.ratio + 1, abs=0.1)
    for found in (w, x, everything):
        holds(found)
        assert found.forward == cost(model)
    assert x.both == cost(reverse(model, wrt=[0], value=True))


def test_the_text_names_the_dearest_boxes():
    text = str(gradient_cost(nn.dense(64, 32) >> nn.tanh(32)))
    lines = [line.split() for line in text.splitlines()]
    assert lines[0] == ["forward", "with", "reverse", "ratio"]
    assert ["operations", "4.2", "k", "12.5", "k", "3.00"] in lines
    assert ["tanh", "32", "160", "5.00"] in lines
    assert "bound 5.00: no box over 5.00 times its own, and 0 operations" in text
    assert repr(gradient_cost(nn.tanh(3))) == "<GradientCost 5.00, at most 5.00>"


# -- what summary says -------------------------------------------------------------------------


def last(d):
    return summary(d).notes[-1]


def test_the_summary_of_a_reverse_derivative_says_what_it_costs():
    model = nn.dense(64, 32) >> nn.tanh(32)
    said = "of a diagram of 4.2 k operations (FLOPs, transcendentals)"
    assert last(reverse(model)) == f"reverse {said}: 2.0 times its cost".replace("2.0", ratio(reverse(model), model))
    assert last(reverse(model, value=True)) == f"value and reverse {said}: 3.0 times its cost"
    partial = reverse(model, wrt=["dense/w"])
    assert last(partial) == f"reverse {said}, in 1 of 3 inputs: {ratio(partial, model)} times its cost"
    assert last(reverse(model.arrow)) == last(reverse(model))
    assert last(reverse(model)) in str(summary(reverse(model))).replace("\n", " ")


def ratio(d, of):
    return f"{operations(cost(d)) / operations(cost(of)):.1f}"


def test_the_summary_of_a_second_derivative_compares_it_with_the_first():
    d = from_jax(lambda x: jnp.sin(x) * x, R(10))
    first = operations(cost(reverse(d)))
    assert last(reverse(reverse(d))).startswith(f"reverse of a diagram of {first} operations")


def test_the_summary_counts_all_that_is_recomputed():
    block = from_jax(lambda x: jnp.sin(jnp.sin(jnp.sin(x))), R(8)).boxed("block")
    stored, again = reverse(block, value=True), reverse(block, value=True, residual="recompute")
    assert operations(cost(stored)) < operations(cost(again))
    assert last(again).endswith(f"{ratio(again, block)} times its cost")


def test_the_summary_says_nothing_of_diagrams_that_are_no_reverse_derivatives():
    d = from_jax(jnp.sin, R(3))
    for other in (d, reverse(d) >> d, d.boxed("f"), from_jax(jnp.sin, R(3))):
        assert reversal(other) is None and summary(other).origin == ""


def test_guesses_are_marked_and_a_map_without_operations_is_not_divided_by():
    loop = from_jax(lambda x: x * lax.while_loop(lambda c: c < 3, lambda c: c + 1, 0).astype("float32"), R(4))
    assert ": about " in last(reverse(loop, value=True))
    assert last(reverse(Diagram.copy(R(7)))) == "reverse of a diagram of 0 operations (FLOPs, transcendentals): 7"


def test_inputs_that_do_not_move_are_not_counted_as_left_out():
    d = from_jax(lambda i, x: x[i], Z(), R(5))
    assert "inputs" not in last(reverse(d))


# -- the chart ---------------------------------------------------------------------------------


def test_the_chart_has_a_bar_for_each_layer_and_marks_those_over_the_bound(layers, tmp_path):
    chart = gradient_chart(layers)
    shown, bars = texts(chart), [s for s in chart.shapes if isinstance(s, Rect)]
    assert set(layers) <= set(shown) and "bound 5" in shown
    still = [name for name, found in layers.items() if not operations(found.both)]
    assert sorted(still) == ["flatten", "identity", "itself", "reshape"]
    assert len(bars) == len(layers) - len(still) and shown.count("only moves data") == len(still)
    assert [s.tip.split(":")[0] for s in bars if s.look == "derivative"] == ["embedding"]
    assert all(0 <= s.x and s.x + s.w < chart.width and s.y + s.h < chart.height for s in bars)
    for name in ("chart.svg", "chart.png"):
        chart.save(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000


def test_the_widths_of_bars_are_the_ratios_and_infinite_ones_are_cut():
    three, copy = gradient_cost(from_jax(lambda x, y: x * y, R(3), R(3))), gradient_cost(Diagram.copy(R(7)))
    chart = gradient_chart({"product": three, "copy": copy, "two": gradient_cost(from_jax(jnp.negative, R(2)))}, 4)
    widths = {s.tip.split(":")[0]: s.w for s in chart.shapes if isinstance(s, Rect)}
    assert widths["product"] / widths["two"] == pytest.approx(three.ratio / 2)
    assert widths["copy"] <= chart.width and "∞" in texts(chart)
    assert isinstance(three, GradientCost)


def test_boxes_that_nothing_reads_count_where_they_are_and_not_in_an_equal_diagram():
    idle = from_jax(lambda x: x + 0.0 * jnp.sin(x), R(3)).boxed("idle")
    with_dead = (Diagram.copy(R(3)) >> Diagram.id(R(3)) @ (idle >> Diagram.discard(R(3)))).boxed("closed")
    without = Diagram.id(R(3)).boxed("closed")
    assert with_dead == without
    assert operations(gradient_cost(with_dead).forward) > 0
    assert not gradient_cost(without).rows
