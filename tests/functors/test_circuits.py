"""Polynomial circuits: rings, derivatives, normal forms, and learning by reverse derivative ascent."""

from functools import cache
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import instances

from paralens import (
    CompositionError,
    DerivativeError,
    Diagram,
    InputError,
    Learner,
    NoMeaningError,
    Para,
    Param,
    Z,
    compile,
    diagram,
    draw,
    forward,
    from_jax,
    lens,
    load,
    reverse,
    save,
    to_jax,
)
from paralens.categories.differential import FORWARD, REVERSE
from paralens.diagrams import circuits
from paralens.diagrams.circuits import Ring, circuit, polynomial, truth_table
from paralens.diagrams.graph import Builder
from paralens.diagrams.tracing.emit import callable_of
from paralens.functors import Differential
from paralens.functors.circuits import added, ascent, differences, formal, multilinear, polynomials, residue
from paralens.functors.circuits.ascent import scaled

Z2, Z3, Z5 = Ring.z2(), Ring.mod(3), Ring.mod(5)
SATURATING, TROPICAL = Ring.saturating(2), Ring.tropical()
RINGS = [Z2, Z3, Z5, SATURATING, TROPICAL]
every_ring = pytest.mark.parametrize("ring", RINGS, ids=lambda r: r.name)
ELEMENTS = {
    Z2: [False, True],
    Z3: [0, 1, 2],
    Z5: [0, 1, 2, 3, 4],
    SATURATING: [0, 1, 2],
    TROPICAL: [0.0, 1.0, 3.0, np.inf],
}


def R(ring, f):
    return reverse(f, base=polynomials(ring))


def values(ring, d):
    """What a circuit over single elements gives, one row for each input, on 256 inputs where there are more."""
    choices = ELEMENTS[ring]
    n, total = d.n_in, len(choices) ** d.n_in
    rows = np.arange(total) if total <= 256 else np.random.default_rng(0).integers(0, total, 256)
    places = rows[:, None] // len(choices) ** np.arange(n)[::-1] % len(choices)
    grid = np.array(choices, ring.dtype)[places]
    if not d.n_out:
        return grid[:, :0]
    run = callable_of(d)
    with jax.disable_jit():  # many small circuits, each run once
        made = jax.vmap(lambda xs: jnp.stack(run(*xs)), axis_size=len(grid))(jnp.asarray(grid))
    return np.asarray(made)


def same(ring, left, right):
    """Equal as polynomials, and on all inputs."""
    assert (left.dom, left.cod) == (right.dom, right.cod)
    assert formal(left, ring) == formal(right, ring)
    np.testing.assert_array_equal(values(ring, left), values(ring, right))


@cache
def part(ring, which):
    """Closed boxes to find in random circuits."""
    body = [lambda x, y: x * y + x, lambda x, y: (x + y) * (x * x)][which]
    return circuit(ring, 2)(body).boxed(f"part_{which}")


@st.composite
def random_circuits(draw, ring, n=None, m=None, most=4):
    """A circuit S^n -> S^m of generators and closed boxes, with copying and discarding."""
    n = draw(st.integers(1, 2)) if n is None else n
    m = draw(st.integers(1, 2)) if m is None else m
    point = circuits.constant(ring, draw(st.sampled_from(ELEMENTS[ring])))
    boxes = [circuits.add(ring), circuits.multiply(ring), circuits.multiply(ring), part(ring, 0), part(ring, 1)]
    build = Builder(ring.ty() ** n)
    build.add(point, ())
    for _ in range(draw(st.integers(1, most))):
        box = draw(st.sampled_from(boxes))
        build.add(box, [draw(st.integers(0, build.n_wires - 1)) for _ in range(box.n_in)])
    outputs = [draw(st.integers(0, build.n_wires - 1)) for _ in range(m)]
    return Diagram.of_graph(build.finish(outputs, ring.ty() ** m))


# -- rings and generators --------------------------------------------------------------------------


@every_ring
def test_a_ring_obeys_the_laws_of_a_commutative_semiring_in_python_and_in_jax(ring):
    for read in (lambda x: x, lambda x: jnp.asarray(x, ring.dtype)):
        for x, y, z in product(map(read, ELEMENTS[ring]), repeat=3):
            assert ring.plus(ring.plus(x, y), z) == ring.plus(x, ring.plus(y, z))
            assert ring.times(ring.times(x, y), z) == ring.times(x, ring.times(y, z))
            assert ring.times(x, ring.plus(y, z)) == ring.plus(ring.times(x, y), ring.times(x, z))
            assert ring.plus(x, y) == ring.plus(y, x) and ring.times(x, y) == ring.times(y, x)
            assert ring.plus(x, read(ring.zero)) == x == ring.times(x, read(ring.one))
            assert ring.times(x, read(ring.zero)) == read(ring.zero)
        if ring.minus is not None:
            assert ring.plus(read(ring.one), read(ring.minus)) == read(ring.zero)


def test_the_largest_ring_does_not_overflow_and_a_larger_one_is_refused():
    ring = Ring.mod(46337)
    assert int(to_jax(circuits.multiply(ring))(jnp.int32(46336), jnp.int32(46336))) == 46336**2 % 46337
    for make in (lambda: Ring.mod(46342), lambda: Ring.mod(1), lambda: Ring.saturating(0)):
        with pytest.raises(InputError, match="the largest element"):
            make()
    with pytest.raises(InputError, match="no negation"):
        circuits.constant(SATURATING, -1)


def test_circuits_are_written_with_operators_and_numbers():
    f = circuit(Z5, 2)(lambda x, y: (x**3 - 2 * y + 1, 3, (1 - x) * x**0))
    assert f.dom == Z() @ Z() and f.cod == Z() @ Z() @ Z()
    x, y = np.meshgrid(range(5), range(5), indexing="ij")
    expected = np.stack([(x**3 - 2 * y + 1) % 5, np.full_like(x, 3), (1 - x) % 5], axis=-1)
    np.testing.assert_array_equal(values(Z5, f), expected.reshape(-1, 3))
    with pytest.raises(CompositionError, match="no negation"):
        circuit(SATURATING, 1)(lambda x: -x)
    with pytest.raises(CompositionError, match="one exponent for each variable"):
        polynomial(Z5, {(1,): 1, (1, 2): 1})


@every_ring
def test_generators_work_on_arrays_and_a_linear_map_is_its_matrix(ring):
    a, b = ELEMENTS[ring][1], ELEMENTS[ring][-1]
    matrix = np.array([[a, b, ring.one], [ring.zero, a, a]], ring.dtype)
    x = [ring.one, a, b]
    expected = []
    for row in matrix.tolist():
        total = ring.zero
        for c, v in zip(row, x, strict=True):
            total = ring.plus(total, ring.times(c, v))
        expected.append(total)
    box = circuits.linear(ring, matrix)
    assert to_jax(box)(jnp.asarray(x, ring.dtype)).tolist() == expected
    assert compile(box)(jnp.asarray(x, ring.dtype)).tolist() == expected
    assert R(ring, box) == Diagram.discard(box.dom) @ circuits.linear(ring, matrix.T)
    xs = jnp.asarray(x, ring.dtype)
    assert to_jax(circuits.add(ring, 3))(xs, xs).tolist() == [ring.plus(v, v) for v in x]
    with pytest.raises(CompositionError, match="needs a matrix with 3 axes"):
        circuits.linear(ring, matrix, rank=3)


@pytest.mark.parametrize("ring", [Z2, Z5, TROPICAL], ids=lambda r: r.name)
def test_circuits_are_saved_drawn_and_compiled_as_all_diagrams_are(ring, tmp_path):
    d = part(ring, 1) >> circuits.linear(ring, [ring.one, ring.zero], rank=0)
    save(R(ring, d), tmp_path / "circuit")
    again = load(tmp_path / "circuit")
    assert again == R(ring, d)
    assert R(ring, R(ring, d)) == R(ring, again)
    assert "multiply" in draw(d.open("part_1")).svg
    x = jnp.asarray(ELEMENTS[ring][1], ring.dtype)
    assert compile(d)(x, x).tolist() == to_jax(d)(x, x).tolist()


# -- the normal form -------------------------------------------------------------------------------


@every_ring
@given(data=st.data())
@settings(max_examples=15)
def test_the_polynomials_of_a_circuit_give_its_values(ring, data):
    f = data.draw(random_circuits(ring))
    again = polynomial(ring, *formal(f, ring), n=f.n_in)
    assert formal(again, ring) == formal(f, ring)
    np.testing.assert_array_equal(values(ring, again), values(ring, f))


def test_polynomials_of_arrays_are_listed_entry_by_entry():
    d = circuits.add(Z3, 2) >> circuits.linear(Z3, [1, 2])
    assert formal(d, Z3) == ({(1, 0, 0, 0): 1, (0, 1, 0, 0): 2, (0, 0, 1, 0): 1, (0, 0, 0, 1): 2},)
    with pytest.raises(NoMeaningError, match=r"add : .* is no polynomial over Z_5"):
        formal(d, Z5)


# -- derivatives -----------------------------------------------------------------------------------


def power_rule(ring, f):
    """R[f] from the polynomials of f by the rule (x^k)' = x^(k-1) + ... + x^(k-1)."""
    n, m = f.n_in, f.n_out
    found = []
    for i in range(n):
        terms = {}
        for j, p in enumerate(formal(f, ring)):
            for key, c in p.items():
                total = ring.zero
                for _ in range(key[i]):
                    total = ring.plus(total, c)
                if total != ring.zero:
                    lowered = tuple(e - (k == i) for k, e in enumerate(key))
                    terms[(*lowered, *(int(k == j) for k in range(m)))] = total
        found.append(terms)
    return tuple(found)


@every_ring
@given(data=st.data())
@settings(max_examples=30)
def test_the_reverse_derivative_is_the_formal_derivative_of_the_polynomials(ring, data):
    f = data.draw(random_circuits(ring))
    assert formal(R(ring, f), ring) == power_rule(ring, f)


def test_a_square_and_its_argument_are_one_function_with_two_derivatives_over_z2():
    square, straight = circuit(Z2, 1)(lambda x: x * x), Diagram.id(Z2.ty())
    np.testing.assert_array_equal(values(Z2, square), values(Z2, straight))
    assert formal(R(Z2, square), Z2) == ({},)
    assert formal(R(Z2, straight), Z2) == ({(0, 1): True},)


@every_ring
@pytest.mark.parametrize("law", [*REVERSE, *FORWARD], ids=lambda law: law.name)
@given(data=st.data())
@settings(max_examples=4)
def test_the_laws_of_a_reverse_derivative_category_hold(ring, law, data):
    types = st.integers(0, 2).map(lambda n: ring.ty() ** n)
    most = 2 if law.name.startswith(("RD.6", "RD.7")) else 4
    maps = lambda dom, cod: random_circuits(ring, len(dom), len(cod), most)  # noqa: E731
    same(ring, *law.sides(Differential(polynomials(ring)), *data.draw(instances(law, maps, types))))


def test_the_chain_rule_holds_as_diagrams_where_no_sum_is_reordered():
    f = circuit(Z3, 3)(lambda x, y, z: (x * y, z + x))
    g = circuit(Z3, 2)(lambda u, v: u * v + 2)
    rule = next(law for law in REVERSE if law.name.startswith("RD.5"))
    assert rule.holds(Differential(polynomials(Z3)), f, g)
    base = polynomials(Z3)
    assert lens(f >> g, base=base) == lens(f, base=base) >> lens(g, base=base)


@pytest.mark.parametrize("ring", [Z2, TROPICAL], ids=lambda r: r.name)
@given(data=st.data())
@settings(max_examples=20)
def test_the_lens_of_a_composite_is_the_composite_of_the_lenses(ring, data):
    f = data.draw(random_circuits(ring))
    g = data.draw(random_circuits(ring, n=f.n_out))
    base = polynomials(ring)
    whole, parts = lens(f >> g, base=base), lens(f, base=base) >> lens(g, base=base)
    same(ring, whole.get, parts.get)
    same(ring, whole.put, parts.put)


def test_a_closed_box_goes_to_a_closed_box_for_each_ring_its_own():
    mul = part(Z5, 1)
    assert [b.name for b in R(Z5, mul >> Diagram.copy(Z())).boxes] == ["part_1", "add", "R[part_1]"]
    assert formal(R(Z5, mul), Z5) == power_rule(Z5, mul)
    twice = Diagram.copy(Z()).boxed("twice")  # a circuit over every ring on these wires
    for ring in (Z3, Z5, SATURATING, Z3):
        assert R(ring, twice).open(depth=1) == Diagram.discard(Z()) @ circuits.add(ring)


def test_what_is_not_polynomial_is_refused_by_name():
    sine = from_jax(lambda x, y: jnp.maximum(x, y), Z(), Z())
    d = (circuits.add(Z5) >> Diagram.copy(Z()) >> sine).boxed("block")
    with pytest.raises(DerivativeError, match=r"block/max.*is not made of generators, so it is no polynomial over Z_5"):
        R(Z5, d)
    with pytest.raises(DerivativeError, match=r"add : .* is a generator over Z_5, so it is no polynomial over Z_3"):
        R(Z3, circuits.add(Z5))
    with pytest.raises(DerivativeError, match=r"part_0/.*Z_5.*Z_3"):
        forward(part(Z5, 0), base=polynomials(Z3))
    assert polynomials(Z5) is polynomials(Ring.mod(5))


# -- multilinear form ------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=30)
def test_the_multilinear_form_keeps_the_function_and_has_differences_as_derivative(data):
    f = data.draw(random_circuits(Z2))
    g = multilinear(f)
    np.testing.assert_array_equal(values(Z2, f), values(Z2, g))
    assert all(e <= 1 for p in formal(g, Z2) for key in p for e in key)
    np.testing.assert_array_equal(values(Z2, differences(g)), values(Z2, R(Z2, g)))
    np.testing.assert_array_equal(values(Z2, differences(f)), values(Z2, R(Z2, g)))


def test_differences_are_no_derivative_of_circuits_that_are_not_multilinear():
    f = circuit(Z2, 2)(lambda x, y: x * (x + y))
    assert not np.array_equal(values(Z2, differences(f)), values(Z2, R(Z2, f)))
    fan, times = Diagram.copy(Z2.ty()), circuits.multiply(Z2)
    left = differences(fan >> times)
    right = Diagram.wires(Z2.ty() ** 2, (0, 0, 1)) >> Z2.ty() @ fan @ Z2.ty() >> Z2.ty() @ differences(times)
    assert not np.array_equal(values(Z2, left), values(Z2, right >> differences(fan)))
    with pytest.raises(CompositionError, match=r"on wires B\(\)"):
        multilinear(circuits.add(Z2, 3))


# -- learning --------------------------------------------------------------------------------------


@cache
def table(a, b):
    """The step of a truth table, and the pass over data in one scan."""
    learner = ascent(truth_table(a, b), Z2)
    return learner, compile(learner), compile(learner.epoch(2**a)), compile(learner.model)


def bits(k, a):
    return np.array([(k >> i) & 1 for i in reversed(range(a))], bool)


def arrays(*shape):
    n = int(np.prod(shape))
    return st.lists(st.booleans(), min_size=n, max_size=n).map(lambda v: np.array(v, bool).reshape(shape))


@given(data=st.data())
@settings(max_examples=40)
def test_a_truth_table_learns_any_function_in_one_pass_in_any_order_from_any_start(data):
    a, b = data.draw(st.sampled_from([(1, 1), (2, 2), (3, 1), (3, 2)]))
    learner, step, epoch, evaluate = table(a, b)
    start, goal = {"table": data.draw(arrays(b, 2**a))}, data.draw(arrays(2**a, b))
    order = data.draw(st.permutations(range(2**a)))
    state = learner.start(start)
    for k in order:
        state, _ = step(state, bits(k, a), goal[k])
    for k in range(2**a):
        assert (np.asarray(evaluate(state.params, bits(k, a))) == goal[k]).all()
    whole, _ = epoch(learner.start(start), np.stack([bits(k, a) for k in order]), goal[list(order)])
    assert (np.asarray(whole.params["table"]) == goal.T).all()


@given(data=st.data())
@settings(max_examples=20)
def test_of_conflicting_labels_the_last_one_wins(data):
    learner, step, _, _ = table(2, 2)
    start = data.draw(arrays(2, 4))
    state, last = learner.start({"table": start}), {}
    for k, label in data.draw(st.lists(st.tuples(st.integers(0, 3), arrays(2)), max_size=12)):
        (state, missing), before = step(state, bits(k, 2), label), last.get(k, start[:, k])
        assert (np.asarray(missing) == before ^ label).all()
        last[k] = label
    for k in range(4):
        assert (np.asarray(state.params["table"])[:, k] == last.get(k, start[:, k])).all()


def test_the_step_is_the_rule_of_the_paper():
    model = truth_table(2, 1)
    step = ascent(model, Z2).step
    assert step.dom == model.weight @ model.dom @ model.cod and step.cod == model.weight @ model.cod
    assert residue(Z2, model.cod) == circuits.add(Z2, 1)

    @diagram(step.dom)
    def rule(p, x, y):
        missing = circuits.add(Z2, 1)(model.arrow(x, p), y)
        change = reverse(model.arrow, wrt=[1], base=polynomials(Z2))(x, p, missing)
        return circuits.add(Z2, 1, 4)(p, change), missing

    assert step.open("model", "loss", "R[model]", "R[loss]") == rule


@given(data=st.data())
@settings(max_examples=20)
def test_a_linear_model_over_z5_is_learned_in_one_pass_over_a_basis_with_rate_minus_one(data):
    down, _ = linear_model()
    goal, weight = (data.draw(st.lists(st.integers(0, 4), min_size=3, max_size=3)) for _ in range(2))
    weight = jnp.asarray(weight, "int32")
    for i in data.draw(st.permutations(range(3))):
        weight, _ = down(weight, jnp.eye(3, dtype="int32")[i], jnp.int32(goal[i]))
    assert weight.tolist() == goal


def test_with_the_other_sign_the_error_doubles_whatever_the_sign_of_the_loss():
    down, up = linear_model()
    weight, x, label = jnp.asarray([1, 4, 2], "int32"), jnp.asarray([0, 1, 0], "int32"), jnp.int32(3)
    assert down(weight, x, label)[0].tolist() == [1, 3, 2]
    assert up(weight, x, label)[0].tolist() == [1, 0, 2]  # 4 + (4 - 3)
    negated = residue(Z5, Z()) >> circuits.linear(Z5, -1, rank=0)
    for rate in (1, -1):
        same_rate = scaled(Z5, rate, Z())
        other = Learner(_dot(), negated, added(Z5), rate=same_rate, base=polynomials(Z5))
        step = (down, up)[rate == 1]
        assert to_jax(other.step)(weight, x, label)[0].tolist() == step(weight, x, label)[0].tolist()


def _dot():
    @diagram(Z(3) @ Z(3))
    def dot(x, w):
        return circuits.linear(Z5, [1, 1, 1])(circuits.multiply(Z5, 3)(x, w))

    return Para(dot, {"w": Param(Z(3), "zeros")})


@cache
def linear_model():
    return [jax.jit(to_jax(learner.step)) for learner in (ascent(_dot(), Z5), ascent(_dot(), Z5, rate=1))]


def test_semirings_without_negation_learn_with_the_same_step():
    for ring, expected in ((SATURATING, 2), (TROPICAL, 1.0)):
        model = Para(circuits.multiply(ring), {"w": Param(ring.ty(), "zeros")})
        w, x, y = (jnp.asarray(v, ring.dtype) for v in (1, 1, 0))
        change = ring.times(x, ring.plus(ring.times(w, x), y))
        after, _ = to_jax(ascent(model, ring).step)(w, x, y)
        assert after == ring.plus(w, change) == expected


def test_parameters_may_be_several_and_closed_models_stay_closed():
    half = Para(circuits.multiply(Z2), {"w": Param(Z2.ty(), "zeros")}).named("gate")
    step = ascent(half @ half, Z2).step
    assert step.dom == Z2.ty() ** 6 and step.cod == Z2.ty() ** 4
    assert {"gate", "R[gate]"} <= {b.name for b in step.open("model", "R[model]").boxes}
    x = [jnp.bool_(v) for v in (0, 1, 1, 1, 1, 0)]
    assert [bool(v) for v in to_jax(step)(*x)] == [True, False, True, True]
