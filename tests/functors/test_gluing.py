"""The functor to glued maps: evidence for generators, composition for the rest, and the law of the trace for scans."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from numerics import arguments, same
from strategies import diagrams, types

from paralens import C, DerivativeError, Diagram, Key, R, Z, from_jax, nn
from paralens.categories.gluing import paired, preserved
from paralens.categories.relations import Evidence
from paralens.diagrams.tracing.emit import callable_of
from paralens.functors import gluing
from paralens.functors.derivatives.derivative import forward
from paralens.functors.gluing import NODES, generators, glued, integral, lines, on_lines, taylor, trace_law, unrolled

GOOD, BAD = Evidence(True), Evidence(False)


def trusted(box):
    """Evidence without looking."""
    return GOOD


def law(d, **options):
    return glued(d, trusted, trace=trusted, **options)


@jax.custom_jvp
def crooked(x):
    return jnp.sin(x)


crooked.defjvps(lambda t, y, x: 1.02 * t * jnp.cos(x))

# -- a functor ---------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(data=st.data())
def test_glued_is_a_functor(data):
    b = data.draw(types)
    f, g, h = data.draw(diagrams(cod=b)), data.draw(diagrams(dom=b)), data.draw(diagrams(max_boxes=2))
    for whole, parts in ((law(f >> g), law(f) >> law(g)), (law(f @ h), law(f) @ law(h))):
        assert (whole.dom, whole.cod, whole.primal) == (parts.dom, parts.cod, parts.primal)
        assert same(whole.derivative, parts.derivative)
        assert same(whole.reverse.put, parts.reverse.put)
        assert dict(whole.certificate) == dict(parts.certificate)
    assert law(Diagram.id(b)).certificate == {}
    assert same(law(Diagram.copy(b)).derivative, gluing.GLUINGS.copy(law(Diagram.id(b)).dom).derivative)


def test_every_distinct_generator_is_asked_for_once_wherever_it_stands():
    block = from_jax(lambda x: jnp.tanh(x) * x + 1.0, R(3)).boxed("block")
    asked = []

    def evidence(box):
        asked.append(box.name)
        return GOOD

    f = glued(block >> block >> block.boxed("again") >> block, evidence)
    assert sorted(asked) == ["add", "mul", "tanh"] and f.ok
    assert generators(block >> block)[next(iter(f.certificate))] == "block/tanh"


def test_a_model_is_checked_as_its_map():
    f = law(nn.dense(3, 4) >> nn.relu(4))
    assert "relu" in {box.name for box in f.certificate}
    assert "max" not in {box.name for box in f.certificate}  # a custom rule is a generator, whatever is inside


def test_what_stops_a_gradient_is_checked_as_a_part_of_the_smallest_diagram_around_it():
    right, wrong = lambda x: x - lax.stop_gradient(x) + jnp.sin(x), lambda x: x * lax.stop_gradient(x)
    through = from_jax(wrong, R(2)).boxed("product")
    softmax = glued(nn.softmax(4) >> nn.relu(4))
    assert softmax.ok and {"softmax", "exp", "div", "relu"} <= {b.name for b in softmax.certificate}
    assert "stop_gradient" not in {b.name for b in softmax.certificate}
    assert [b.name for b in glued(through >> through).faults] == ["product"]
    assert [b.name for b in glued(from_jax(wrong, R(2))).faults] == ["diagram"]
    assert not glued(from_jax(right, R(2))).ok


@pytest.mark.parametrize("where", (0, 17, 59))
def test_one_wrong_box_among_sixty_is_named(where):
    steps = [jnp.tanh, lambda x: x * jnp.cos(x), lambda x: jnp.exp(-x) + 0.5]

    def chain(x):
        for k in range(60):
            x = crooked(x) if k == where else steps[k % 3](x)
        return x

    d = from_jax(chain, R(2))
    f = glued(d, lambda box: Evidence(box.name != "crooked"))
    assert [box.name for box in f.faults] == ["crooked"]
    assert generators(d)[f.faults[0]] == "crooked"


def test_the_plain_tester_finds_a_rule_that_is_off_and_the_composite_on_a_plot_is_refused():
    d = from_jax(lambda x: jnp.exp(crooked(x) * x), R(2))
    f = glued(d)
    assert [box.name for box in f.faults] == ["crooked"]
    plot = lines(R(2))
    assert preserved(f, plot, callable_of).holds is False
    assert paired(f, plot, [np.float32([1.0, -2.0])], callable_of, holds=integral).holds is False
    right = from_jax(lambda x: jnp.exp(jnp.sin(x) * x), R(2))
    assert glued(right).ok and preserved(glued(right), plot, callable_of).ok


def test_a_rule_that_is_right_forward_and_wrong_back_is_found():
    @jax.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, g: (g * kept[1], 0.999 * g * kept[0]))
    found = on_lines(from_jax(f, R(), R()).boxes[0], back=True)
    assert found.holds is False


@pytest.mark.parametrize(
    "d",
    [
        from_jax(lambda x, i: x[i], R(5), Z(2)),
        from_jax(lambda z: (jnp.exp(z) * z, jnp.abs(z)), C(3)),
        from_jax(lambda k, x: x * jax.random.uniform(k, (3,)), Key(), R(3)),
        from_jax(lambda x: (jnp.sum(x), jnp.argmax(x), x > 0.5), R(4)),
        from_jax(lambda x: jnp.linalg.det(x + 2.0 * jnp.eye(2)), R(2, 2)),
        from_jax(lambda x: jax.checkpoint(lambda y: jnp.sin(y) * y)(x), R(3, dtype="bfloat16")),
    ],
    ids=("integers", "complex", "keys", "booleans", "matrices", "recomputed"),
)
def test_boxes_on_wires_of_every_kind_keep_the_relation(d):
    f = glued(d)
    assert all(e.holds is not False for e in f.certificate.values()), {b.name: str(e) for b, e in f.certificate.items()}
    assert preserved(f, lines(d.dom, 3), callable_of).holds is not False


def test_a_deep_diagram_overflows_no_stack():
    box = from_jax(jnp.sin, R()).boxes[0]
    d = Diagram.id(R())
    for _ in range(3000):
        d = d >> box
    f = law(d)
    assert len(f.primal.graph) == 3000 and list(f.certificate) == [box]


# -- jets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", (1, 2, 3))
def test_taylor_coefficients_are_those_of_the_composite_along_a_polynomial(order):
    d = from_jax(lambda x, y: jnp.exp(jnp.sin(x) * y) / (1.0 + x * x), R(), R())
    rng = np.random.default_rng(order)
    coefficients = rng.normal(size=(2, order + 1)).astype("float32")

    def along(t):
        x, y = (sum(float(c) * t**k for k, c in enumerate(cs)) for cs in coefficients)
        return jnp.exp(jnp.sin(x) * y) / (1.0 + x * x)

    found = callable_of(taylor(d, order))(*coefficients.ravel())
    expected, derivative = [], along
    for k in range(order + 1):
        expected.append(float(derivative(0.0)) / float(np.prod(range(1, k + 1))))
        derivative = jax.grad(derivative)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_relation_of_jets_holds_of_a_right_rule_and_finds_a_wrong_second_derivative():
    @jax.custom_jvp
    def flat(x):
        return jnp.sin(x)

    flat.defjvps(lambda t, y, x: t * lax.stop_gradient(jnp.cos(x)))
    right, wrong = from_jax(jnp.sin, R()), from_jax(flat, R())
    assert on_lines(right, order=3).ok
    assert on_lines(wrong, order=1).ok
    found = on_lines(wrong, order=2)
    assert found.holds is False and "order 2" in found.path


# -- boxes that hold diagrams --------------------------------------------------------------------------


def cell(c, x):
    return jnp.tanh(c * x) + 0.5, (jnp.sin(c), x * c)


@pytest.mark.parametrize("back_to_front", (False, True))
def test_a_scan_is_the_composite_of_its_steps_and_so_are_its_derivatives(back_to_front):
    d = from_jax(lambda w, c, xs: lax.scan(lambda c, x: cell(c * w, x), c, xs, reverse=back_to_front), R(), R(), R(3))
    scan = next(b for b in d.boxes if b.op == "scan")
    assert same(scan, unrolled(scan, 3))
    assert trace_law(scan).ok
    f = glued(d)
    assert f.ok and {"scan", "tanh", "sin"} <= {b.name for b in f.certificate}


def test_a_scan_whose_carry_loses_its_tangent_is_found_though_every_step_is_right(monkeypatch):
    scan = next(b for b in from_jax(lambda c, xs: lax.scan(cell, c, xs), R(), R(4)).boxes if b.op == "scan")

    def truncated(d):
        """The tangent of a scan that lets no tangent into its carry."""
        found = forward(d)
        if getattr(d, "op", "") != "scan":
            return found
        stop = from_jax(lambda c: c * 0.0, R())
        keep = Diagram.id(found.dom[:2]) @ stop @ Diagram.id(found.dom[3:])
        return keep >> found

    monkeypatch.setattr(gluing, "forward", truncated)
    found = trace_law(scan)
    assert found.holds is False and "composite of its steps" in found.why


def test_a_fault_inside_of_a_scan_or_a_branch_is_named_with_its_path():
    def f(c, xs):
        c, ys = lax.scan(lambda c, x: (crooked(c) * x, c), c, xs)
        return lax.cond(c > 0.1, lambda c: crooked(c + 1.0), lambda c: c, c), ys

    d = from_jax(f, R(), R(3))
    found = glued(d, lambda box: Evidence(box.name != "crooked"), trace=trusted)
    assert [b.name for b in found.faults] == ["crooked"]
    assert generators(d)[found.faults[0]] in ("scan/body/crooked", "cond/branches[1]/crooked")
    assert {"cond", "scan"} <= {b.name for b in found.certificate}


def test_a_while_loop_is_glued_forward_only():
    d = from_jax(lambda x: lax.while_loop(lambda v: v < 10.0, lambda v: v * 2.0, x), R())
    with pytest.raises(DerivativeError):
        law(d)
    f = law(d, back=False)
    assert f.reverse is None and {"while", "mul"} <= {b.name for b in f.certificate}
    assert paired(f, lines(R()), [1.0], callable_of, holds=integral).holds is None


# -- the plain test of derivatives -----------------------------------------------------------------------


@pytest.mark.parametrize("scale", (1e-30, 1.0, 1e30))
def test_the_integral_test_knows_no_scale(scale):
    values = [np.float64(scale * np.sin(t)) for t in NODES]
    tangent = lambda k: [np.float64(k * scale * np.cos(t)) for t in NODES]  # noqa: E731
    assert integral(NODES, values, tangent(1.0)).ok
    assert integral(NODES, values, tangent(1 + 1e-9)).holds is False


def test_the_integral_test_decides_nothing_where_it_does_not_resolve():
    jump = [float(t > 0.4) for t in NODES]
    assert integral(NODES, jump, [0.0] * 17).holds is None
    assert integral(NODES, [np.nan] * 17, [0.0] * 17).holds is None
    assert integral(NODES, [1.0] * 17, [np.inf] * 17).holds is False
    assert integral(NODES, [np.zeros((0, 3))] * 17, [np.zeros((0, 3))] * 17).ok


def test_random_values_of_a_type_serve_both_sides_of_a_law():
    plot = lines(R(2) @ Z() @ C())
    assert glued(Diagram.id(R(2) @ Z() @ C())).dom.test(plot).ok
    assert len(arguments(R(2))) == 1
