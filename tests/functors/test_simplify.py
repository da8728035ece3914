"""`simplify` keeps value and derivatives, is idempotent, goes into boxes, and reaches what a person writes by hand."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from numerics import same
from strategies import diagrams, smooth_diagrams

from paralens import (
    B,
    Box,
    CompositionError,
    Diagram,
    Para,
    R,
    RewriteError,
    Ty,
    forward,
    from_jax,
    losses,
    nn,
    repeat,
    reverse,
    rewriting,
    simplify,
)
from paralens.diagrams.types import wire as jax_wire
from paralens.functors.rewriting.verifying import counterexample

LAYERS = {
    "dense": nn.dense(3, 2),
    "mlp": nn.mlp(3, 4, 2) if hasattr(nn, "mlp") else nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2),
    "layer norm": nn.layer_norm(4),
    "softmax": nn.softmax(4),
    "gelu": nn.gelu(3),
    "cross entropy": losses.softmax_cross_entropy(4),
}


def arrow(d):
    return d.arrow if isinstance(d, Para) else d


@settings(deadline=None, max_examples=25)
@given(smooth_diagrams())
def test_value_and_derivatives_stay(d):
    made = simplify(d)
    assert same(made, d)
    assert same(reverse(made), reverse(d)) and same(forward(made), forward(d))


@settings(deadline=None, max_examples=40)
@given(diagrams())
def test_simplifying_again_changes_nothing(d):
    made = simplify(d)
    assert (made.dom, made.cod) == (d.dom, d.cod)
    assert len(made.graph) <= len(d.graph)
    assert simplify(made) == made


@pytest.mark.parametrize("name", LAYERS)
def test_layers_keep_value_and_derivatives_open_and_closed(name):
    d = arrow(LAYERS[name])
    for e in (d, d.open(depth=9)):
        assert counterexample(e, simplify(e)) is None
    back = reverse(d).open(depth=9)
    made = simplify(back)
    assert counterexample(back, made) is None
    assert len(made.graph) < len(back.graph)
    assert same(simplify(back, finite=True), back)


@pytest.mark.parametrize("name", LAYERS)
def test_the_reverse_of_the_simplified_is_the_simplified_reverse(name):
    d = arrow(LAYERS[name]).open(depth=9)
    first, last = simplify(reverse(simplify(d))), simplify(reverse(d))
    assert same(first, last)
    assert abs(len(first.graph) - len(last.graph)) <= 3


def test_equal_boxes_are_shared_and_dead_ones_dropped():
    d = from_jax(lambda x: (jnp.sin(x) * jnp.sin(x), jnp.cos(x))[0], R(3))
    assert [b.name for b in simplify(d).boxes] == ["sin", "mul"]
    commuted = from_jax(lambda x, y: (x + y) * (y + x), R(3), R(3))
    assert len(simplify(commuted).graph) == 2


def test_a_gradient_loses_what_a_person_would_not_write():
    d = from_jax(lambda w, x, b, y: 0.5 * jnp.sum((w @ x + b - y) ** 2), R(2, 3), R(3), R(2), R(2))
    made = simplify(reverse(d, wrt=[1]))
    assert [b.name for b in made.boxes] == ["dot_general", "add", "sub", "mul", "dot_general"]


def test_boxes_stay_closed_and_are_simpler_inside():
    inner = from_jax(lambda x: (x * 1.0).T.T + 0.0, R(2, 3)).boxed("inner")
    d = (inner >> from_jax(lambda x: jnp.tanh(x) * 1.0, R(2, 3))).boxed("outer")
    double = d >> d
    made = simplify(double)
    assert [b.name for b in made.boxes] == ["outer", "outer"]
    assert [b.name for b in made.boxes[0].definition.boxes] == ["tanh"]


@pytest.mark.parametrize("f, name", [(lambda x: jnp.where(x > 0, x, 0.0), "_where"), (lambda x: jnp.var(x), "_var")])
def test_the_boxes_of_jaxs_own_functions_stay_closed_too(f, name):
    d = from_jax(f, R(3))
    made = simplify(d)
    assert name in [b.name for b in made.boxes] and same(made, d)
    assert name not in [b.name for b in simplify(d.open(depth=9)).boxes]
    wires = Diagram.swap(R(3), R(2)).boxed("turn")
    assert not len(simplify(wires).graph) and simplify(wires) == Diagram.swap(R(3), R(2))


def test_bodies_of_loops_and_choices_are_simplified():
    d = from_jax(lambda x: jax.lax.scan(lambda c, _: (c * 1.0 + 0.0 + jnp.sin(c), None), x, None, length=3)[0], R(3))
    made = simplify(d)
    (scan,) = made.boxes
    assert scan.op == "scan" and [b.name for b in scan.bodies["body"].boxes] == ["sin", "add"]
    assert counterexample(d, made) is None
    cond = from_jax(lambda c, x: jax.lax.cond(c, lambda v: v * 1.0, lambda v: jnp.sin(v), x), B(), R(3))
    assert counterexample(cond, simplify(cond)) is None
    tower = arrow(repeat(nn.dense(3, 3), 5))
    assert counterexample(reverse(tower), simplify(reverse(tower))) is None


def test_the_rule_of_a_custom_derivative_stays():
    @jax.custom_jvp
    def twice(x):
        return (x * 1.0) + 0.0

    @twice.defjvp
    def _(xs, dxs):
        return twice(*xs), 7.0 * dxs[0]

    d = from_jax(twice, R(3))
    made = simplify(d)
    assert counterexample(d, made) is None and [b.name for b in made.boxes] == ["twice"]


def test_a_model_keeps_its_parameters():
    model = nn.dense(3, 2) >> nn.relu(2)
    made = simplify(model)
    assert isinstance(made, Para) and made.paths == model.paths and same(made.arrow, model.arrow)


def test_what_presumes_finite_numbers_is_asked_for():
    d = from_jax(lambda x: x * 0.0 + jnp.sin(x), R(3))
    assert len(simplify(d).graph) > len(simplify(d, finite=True).graph) == 1


def test_no_kink_is_crossed():
    d = from_jax(lambda x: jax.nn.relu(x) - jax.nn.relu(-x), R(3))
    assert counterexample(d, simplify(d)) is None
    assert len(simplify(d).graph) > 1


@pytest.mark.parametrize("dtype", ["complex64", "bfloat16", "float16", "int32", "uint8"])
def test_other_dtypes_keep_their_values(dtype):
    def f(x, y):
        two, six = jnp.asarray(2, dtype), jnp.asarray(6, dtype)
        return (-x) * two * (-y) * six + (x - (-y)) * (x * jnp.asarray(0, dtype) + y), jnp.sum(-x * two)

    wire = Ty.of((jax_wire((3,), dtype),))
    d = from_jax(f, wire, wire)
    assert counterexample(d, simplify(d)) is None
    assert len(simplify(d).graph) < len(d.graph)


def test_chosen_rules_alone_are_used():
    d = from_jax(lambda x: (x + 0.0) * 1.0, R(3))
    assert [b.name for b in simplify(d, rules=[rewriting.RULES["adding zero"]]).boxes] == ["1.0", "mul"]


def test_abstract_boxes_and_empty_diagrams_pass():
    f = Box("f", R(3), R(3))
    assert simplify(f >> f) == f >> f
    assert simplify(Diagram.id(R(3) @ R())) == Diagram.id(R(3) @ R())
    assert simplify(Diagram.swap(R(3), R())) == Diagram.swap(R(3), R())


def test_a_hundred_thousand_boxes_pass_without_recursion():
    layer = from_jax(lambda x: jnp.tanh(x * 1.0) + 0.0 + x, R(2))
    d = layer
    for _ in range(13):
        d = d >> d
    made = simplify(d)
    assert len(made.graph) == 2 * 2**13


def test_rules_are_given_as_rules():
    with pytest.raises(RewriteError, match="give rules"):
        simplify(Diagram.id(R()), rules=["adding zero"])
    with pytest.raises(CompositionError):
        rewriting.equation("nothing", None, Diagram.id(R()))


def narrow(shape, dtype):
    return Ty.of((jax_wire(shape, dtype),))


BYTES, HALF = narrow((3,), "uint8"), narrow((3,), "float16")

# What an earlier version got wrong, or did not come to an end on.
FOUND = {
    "a number over a number": from_jax(lambda x: (2.0 / x) * 3.0, R()),
    "numbers over": from_jax(lambda b, c: c * (0.5 / b), R(), R()),
    "a quotient by a number": from_jax(lambda x, s: (x / 0.5) * s, R(3), R()),
    "a sum of what is read again": from_jax(lambda x, s: (lambda p: (p.sum(), p))(x.T * s), R(2, 3), R()),
    "nothing times a number": from_jax(lambda x, s: (x * s) * 2.0, R(0), R()),
    "many factors": from_jax(lambda x, *s: jnp.sum(x * s[0] * s[1] * s[2] * s[3]), R(3), *[R()] * 4),
    "a quotient of bytes": from_jax(lambda x, y: jax.lax.div(jax.lax.neg(x), y), BYTES, BYTES),
    "a product of bytes in integers": from_jax(
        lambda x, y: jax.lax.dot(jax.lax.neg(x), y, preferred_element_type=jnp.int32), BYTES, BYTES
    ),
    "integers through floats": from_jax(lambda x: x.astype("float32").astype("uint8"), narrow((3,), "int8")),
    "a product beyond the range": from_jax(lambda x: x * 1e30 * 1e30, R(3)),
    "a product below the range": from_jax(lambda x: x * 1e-30 * 1e-30, R(3)),
    "over zero": from_jax(lambda x: x * 2.0 / 0.0, R(3)),
    "halves beyond the range": from_jax(lambda x: x * 300 * 300, HALF),
    "a sum of small halves": from_jax(lambda x: jnp.sum(x * 0.001), HALF),
    "the one of three": from_jax(lambda x, y: jax.lax.select_n(jnp.array([1, 1, 1]), x, y), R(3), R(3)),
    "two signs of zero": from_jax(lambda x: 1 / (x + jnp.array([0.0] * 300 + [-0.0] * 300)), R(600)),
    "a norm": reverse(from_jax(lambda x: x / jnp.sqrt(jnp.sum(x * x)), R(3))),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_went_wrong_once_is_right_now(name):
    for finite in (False, True):
        made = simplify(FOUND[name], finite=finite)
        assert counterexample(FOUND[name], made, finite=True) is None
        assert simplify(Diagram.of_graph(made.graph), finite=finite) == made
