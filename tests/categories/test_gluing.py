"""Glued maps obey the laws, keep their relations, and name the generator that does not."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import same as same_numbers
from strategies import instances, smooth_diagrams, smooth_types

from paralens import CompositionError, DerivativeError, Diagram, lens
from paralens.categories.differential import laws
from paralens.categories.functions import Function, Word
from paralens.categories.gluing import Glued, Gluings, Part, Space, composed_error, paired, preserved, pushed
from paralens.categories.lens import Lens
from paralens.categories.relations import Arrow, Discrete, Evidence, Lists, Plot, Product, Reals, Sum
from paralens.functors.gluing import GLUINGS, NODES, integral, space, taylor

REAL = Reals(integral)


def curve(f, *derivatives):
    """A plot of the reals with its coefficients."""
    ranks = [f, *derivatives]
    return Plot.of(NODES, f, lambda t: tuple(g(t) / math.factorial(k) for k, g in enumerate(ranks)))


SINE, WRONG = curve(math.sin, math.cos), curve(math.sin, lambda t: math.cos(t) * (1 + 1e-6))

# -- relations ---------------------------------------------------------------------------------------


def test_a_real_curve_is_related_to_its_derivative_only():
    assert REAL.test(SINE).ok
    assert REAL.test(WRONG).holds is False
    assert "another value" in REAL.test(curve(math.sin, math.cos).along(lambda x: x + 1, lambda c: c)).why
    assert REAL.test(curve(abs, lambda t: 1.0)).ok  # on one side of the kink
    kink = Plot.of(NODES, lambda t: abs(t - 0.3), lambda t: (abs(t - 0.3), math.copysign(1, t - 0.3)))
    assert REAL.test(kink).holds is None
    assert REAL.test(curve(math.sin, lambda t: math.nan)).holds is False


def test_a_jet_holds_all_coefficients_along_the_curve():
    third = Reals(integral, order=3)
    ranks = [math.exp] * 4
    assert third.test(curve(*ranks)).ok
    found = third.test(curve(*ranks[:3], lambda t: 3.01 * math.exp(t) / 3))
    assert found.holds is False and found.path == ("order 3",)
    assert third.test(SINE).holds is False


def test_products_are_related_componentwise_and_the_unit_always():
    pairs = lambda p, q: Plot(NODES, [*zip(p.values, q.values)], [*zip(p.claims, q.claims)])  # noqa: E731, B905
    both = Product((REAL, REAL))
    assert both.test(pairs(SINE, SINE)).ok
    assert both.test(pairs(SINE, WRONG)).path == ("1",)
    assert Product(()).test(Plot(NODES, [()] * 17, [()] * 17)).ok


def test_what_is_discrete_stays_where_it_is():
    still = Discrete()
    assert still.test(Plot.of(NODES, lambda t: 3, lambda t: 3)).ok
    assert still.test(Plot.of(NODES, lambda t: int(t > 0.5), lambda t: int(t > 0.5))).holds is None  # no plot of Z
    assert still.test(Plot.of(NODES, lambda t: 3, lambda t: 4)).holds is False


def test_the_tag_of_a_sum_is_constant_and_the_same_on_both_sides():
    either = Sum((("left", REAL), ("right", REAL)))

    def tagged(plot, tag, claimed=None):
        return plot.along(lambda x: (tag, x), lambda c: (claimed or tag, c))

    assert either.test(tagged(SINE, "left")).ok and either.test(tagged(SINE, "right")).ok
    assert "tag" in either.test(tagged(SINE, "left", "right")).why
    crossing = SINE.along(
        lambda x: ("left" if x < 0.4 else "right", x), lambda c: ("left" if c[0] < 0.4 else "right", c)
    )
    assert "tag" in either.test(crossing).why
    assert either.test(tagged(WRONG, "right")).path == ("right",)
    assert math.isnan(either.pairing(("left", 2.0), ("right", 3.0)))
    assert either.pairing(("left", 2.0), either.velocity(("left", (1.0, 3.0)))) == 6.0


@pytest.mark.parametrize("n", (0, 1, 3))
def test_lists_of_any_length_are_related_entrywise(n):
    many = Lists(REAL)
    assert many.test(SINE.along(lambda x: [x] * n, lambda c: [c] * n)).ok
    assert "length" in many.test(SINE.along(lambda x: [x] * n, lambda c: [c] * (n + 1))).why
    assert many.test(WRONG.along(lambda x: [x] * n, lambda c: [c] * n)).ok is (n == 0)
    assert many.pairing([2.0] * n, many.velocity([(1.0, 3.0)] * n)) == 6.0 * n


def arguments(times):
    """Right plots of the reals: a constant, a line, a sine."""
    yield Plot.of(times, lambda t: 0.3, lambda t: (0.3, 0.0))
    yield Plot.of(times, lambda t: t, lambda t: (t, 1.0))
    yield Plot.of(times, math.sin, lambda t: (math.sin(t), math.cos(t)))


def test_functions_are_related_if_they_send_right_arguments_to_right_results():
    arrow = Arrow(REAL, REAL, arguments)
    # t -> (x -> t sin x), with the tangent of both
    value = lambda t: lambda x: t * math.sin(x)  # noqa: E731
    claim = lambda k: lambda t: lambda c: (t * math.sin(c[0]), math.sin(c[0]) + k * t * math.cos(c[0]) * c[1])  # noqa: E731
    assert arrow.test(Plot.of(NODES, value, claim(1.0))).ok
    assert arrow.test(Plot.of(NODES, value, claim(1.001))).holds is False
    assert Arrow(REAL, REAL, lambda times: ()).test(Plot.of(NODES, value, claim(1.0))).holds is None
    untrue = Arrow(REAL, REAL, lambda times: [WRONG]).test(Plot.of(NODES, value, claim(1.0)))
    assert untrue.holds is None and "argument is not in the relation" in untrue.why
    with pytest.raises(DerivativeError, match="apply them to an argument"):
        arrow.velocity(None)


def test_evidence_is_as_good_as_its_worst_part():
    found = [
        Evidence(True, defect=9.0),
        Evidence(None, "a kink"),
        Evidence(False, "off", 2.0),
        Evidence(False, "far", 5.0),
    ]
    assert Evidence.worst(found).why == "far"
    assert Evidence.worst(found[:2]).holds is None
    assert Evidence.worst([]).ok
    assert str(found[3].below("1").below("left")) == "left/1/fails: far"


# -- laws --------------------------------------------------------------------------------------------


def image(value):
    """A diagram with its derivatives, or the object of a type."""
    if not isinstance(value, Diagram):
        return space(value)
    return Glued(value, taylor(value), space(value.dom), space(value.cod), {}, lens(value))


def ahead(value):
    """The image without its way back."""
    found = image(value)
    return Glued(found.primal, found.derivative, found.dom, found.cod) if isinstance(found, Glued) else found


@pytest.mark.parametrize("law", laws(Gluings(Diagram)), ids=lambda law: law.name)
@settings(max_examples=8)
@given(data=st.data())
def test_glued_maps_are_a_cartesian_category(law, data):
    assert law.holds(Gluings(Diagram), *[ahead(v) for v in data.draw(instances(law))])


def up_to_adding(f, g):
    """Equal, where the ways back may add in another order."""
    ends = (f.dom, f.cod, f.primal, f.derivative) == (g.dom, g.cod, g.primal, g.derivative)
    return ends and same_numbers(f.reverse.put, g.reverse.put)


BOTH_WAYS = Gluings(Diagram, GLUINGS.plus, GLUINGS.zero, up_to_adding)


@pytest.mark.parametrize("law", laws(BOTH_WAYS), ids=lambda law: law.name)
@settings(max_examples=5)
@given(data=st.data())
def test_glued_maps_with_their_ways_back_are_a_cartesian_category(law, data):
    assert law.holds(BOTH_WAYS, *[image(v) for v in data.draw(instances(law, smooth_diagrams, smooth_types))])


# -- a small world of functions ------------------------------------------------------------------------

X, C, W = Word("x"), Word("c"), Word("w")
NUMBER = Part(X, C, W, REAL)
ADD = Function.of(lambda a, b: (a + b,), W @ W, W)
WORLD = Gluings(Function, lambda ty: ADD, lambda ty: Function.of(lambda: (0.0,), Word(), W))


def generator(name, f, *partials):
    """A map of numbers with its partial derivatives, and its way back."""
    n = len(partials)
    dom, cod = Space((NUMBER,) * n, Function), Space((NUMBER,), Function)

    def push(*cs):
        xs = [c[0] for c in cs]
        return ((f(*xs), sum(d(*xs) * c[1] for d, c in zip(partials, cs, strict=True))),)

    def put(*values):
        *xs, w = values
        return tuple(w * d(*xs) for d in partials)

    primal = Function.of(lambda *xs: (f(*xs),), dom.value, cod.value)
    back = Lens.of(primal, Function.of(put, dom.value @ W, dom.pair.back), dom.pair, cod.pair)
    return Glued(primal, Function.of(push, dom.moved, cod.moved), dom, cod, {name: Evidence(True)}, back)


SIN = generator("sin", math.sin, math.cos)
EXP = generator("exp", lambda x: math.exp(-x), lambda x: -math.exp(-x))
MUL = generator("mul", lambda x, y: x * y, lambda x, y: y, lambda x, y: x)
MEAN = generator("mean", lambda x, y: (x + y) / 2, lambda x, y: 0.5, lambda x, y: 0.5)
RIGHT = (SIN, EXP, MUL, MEAN)
LINE = Plot.of(NODES, lambda t: (0.2 + t, 0.9 - t / 2), lambda t: ((0.2 + t, 1.0), (0.9 - t / 2, -0.5)))


@st.composite
def programs(draw, most=8):
    """A random composite of generators, as (which, inputs) at a time; every result joins the wires."""
    steps, n = [], 2
    for _ in range(draw(st.integers(1, most))):
        k = draw(st.integers(0, 3))
        steps.append((k, [draw(st.integers(0, n - 1)) for _ in RIGHT[k].dom.inside]))
        n += 1
    return steps


def composite(steps, generators):
    """The glued map of a program: each step copies the wires it reads, beside all that there are."""
    result = WORLD.id(Space((NUMBER,) * 2, Function))
    for k, inputs in steps:
        n = len(result.cod)
        spread = WORLD.wires(result.cod, [*range(n), *inputs])
        result = result >> spread >> WORLD.id(result.cod) @ generators[k]
    return result


@given(steps=programs())
@settings(max_examples=40)
def test_generators_that_keep_the_relation_make_composites_that_keep_it(steps):
    f = composite(steps, RIGHT)
    assert f.ok
    assert preserved(f, LINE).ok
    w = [1.0 / (k + 1) for k in range(len(f.cod))]
    assert paired(f, LINE, w, holds=integral).ok


@given(steps=programs(), at=st.integers(0, 7), factor=st.sampled_from((1.0001, 0.0, -1.0)))
@settings(max_examples=40)
def test_a_generator_that_breaks_the_relation_is_named_and_the_composite_is_refused(steps, at, factor):
    k, inputs = steps[at % len(steps)]
    name = next(iter(RIGHT[k].certificate))
    right = RIGHT[k]
    broken = scaled(right, name, factor)
    steps = [*steps[: at % len(steps)], (4, inputs), *steps[at % len(steps) + 1 :]]
    f = composite(steps, (*RIGHT, broken))
    assert f.faults == (f"wrong {name}",) and not f.ok
    assert preserved(f, LINE).holds is False
    assert not paired(f, LINE, [1.0 if j == 2 + at % len(steps) else 0.0 for j in range(len(f.cod))], holds=integral).ok


def scaled(f, name, factor):
    """The generator with its derivatives off by a factor, and evidence of that."""
    push = f.derivative.then(Function.of(lambda c: ((c[0], factor * c[1]),), C, C))
    put = Function.of(lambda w: (factor * w,), W, W)
    back = Lens.of(f.primal, Function.id(f.dom.value).tensor(put).then(f.reverse.put), f.dom.pair, f.cod.pair)
    return Glued(f.primal, push, f.dom, f.cod, {f"wrong {name}": Evidence(False)}, back)


def test_certificates_join_like_sets():
    f, g, h = SIN, EXP, scaled(SIN, "sin", 2.0)
    assert (f >> g >> h).certificate == (f >> (g >> h)).certificate == (f @ (h @ g)).certificate
    assert (f >> g >> f).certificate == (g >> f).certificate and (f >> g).faults == ()
    assert (f >> g >> h).faults == ("wrong sin",)
    assert WORLD.id(SIN.dom).certificate == {}


def test_a_plot_that_is_not_right_proves_nothing():
    off = LINE.along(lambda x: x, lambda c: ((c[0][0], 1.5), c[1]))
    assert preserved(MUL, off).holds is None and paired(MUL, off, [1.0], holds=integral).holds is None


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(CompositionError, match="its derivative is"):
        Glued(SIN.primal, MUL.derivative, SIN.dom, SIN.cod)
    with pytest.raises(CompositionError, match="but the next takes"):
        SIN >> MUL
    with pytest.raises(CompositionError, match="the function gives"):
        SIN.primal >> MUL.primal


# -- sums, functions, lists ----------------------------------------------------------------------------


def outputs(f, *values):
    return f.primal(*values), f.derivative(*[(v, 1.0) if isinstance(v, float) else v for v in values])


def test_a_case_after_an_injection_is_the_branch_with_its_way_back():
    either = WORLD.case({"left": SIN, "right": EXP})
    options = {"left": NUMBER, "right": NUMBER}
    for tag, branch in (("left", SIN), ("right", EXP)):
        f = WORLD.inject(options, tag) >> either
        assert f.certificate.keys() == {"sin", "exp"}
        assert f.primal(0.4) == branch.primal(0.4)
        assert f.derivative((0.4, 1.0)) == branch.derivative((0.4, 1.0))
        assert f.reverse.put(0.4, 2.0) == branch.reverse.put(0.4, 2.0)
        plot = Plot.of(NODES, lambda t: (t,), lambda t: ((t, 1.0),))
        assert preserved(f, plot).ok and paired(f, plot, [1.0], holds=integral).ok
    assert WORLD.inject(options, "left").reverse.put(0.4, ("right", 7.0)) == (0.0,)  # from an absent branch
    assert WORLD.inject(options, "left").reverse.put(0.4, ("left", 7.0)) == (7.0,)


def test_a_case_beside_a_context_keeps_the_relation_for_every_tag_and_refuses_a_change_of_tags():
    f = WORLD.case({"times": MUL, "mean": MEAN})
    assert len(f.dom) == 2
    for tag in ("times", "mean"):
        plot = LINE.along(lambda x, t=tag: ((t, x[0]), x[1]), lambda c, t=tag: ((t, c[0]), c[1]))
        assert preserved(f, plot).ok and paired(f, plot, [1.0], holds=integral).ok
    changing = LINE.along(lambda x: (("times" if x[0] < 0.5 else "mean", x[0]), x[1]), lambda c: (("mean", c[0]), c[1]))
    assert preserved(f, changing).holds is None


def test_currying_and_evaluating_are_inverse_and_keep_the_relation():
    curried = WORLD.curry(MUL, arguments)
    one = Space((NUMBER,), Function)
    again = curried @ WORLD.id(one) >> WORLD.evaluate(NUMBER, NUMBER, arguments)
    assert outputs(again, 0.3, 0.4) == outputs(MUL, 0.3, 0.4)
    assert again.certificate.keys() == {"mul"}
    assert preserved(again, LINE).ok
    line = LINE.along(lambda x: x[:1], lambda c: c[:1])
    assert preserved(curried, line).ok
    assert preserved(WORLD.curry(scaled(MUL, "mul", 1.01), arguments), line).holds is False


@pytest.mark.parametrize("times", (0, 1, 3))
def test_a_box_that_takes_a_function_may_call_it_any_number_of_times(times):
    hom = WORLD.hom(NUMBER, NUMBER, arguments)
    dom, cod = Space((hom, NUMBER), Function), Space((NUMBER,), Function)

    def iterate(f, x):
        for _ in range(times):
            x = f(x)
        return (x,)

    def forgetful(f, c):
        return ((iterate(f, c)[0][0], c[1]),)

    primal = Function.of(iterate, dom.value, cod.value)
    plot = pushed(WORLD.curry(MUL, arguments), LINE.along(lambda x: x[:1], lambda c: c[:1]))
    plot = Plot(
        NODES,
        [(f, x[1]) for (f,), x in zip(plot.values, LINE.values, strict=True)],
        [(f, c[1]) for (f,), c in zip(plot.claims, LINE.claims, strict=True)],
    )
    assert preserved(Glued(primal, Function.of(iterate, dom.moved, cod.moved), dom, cod), plot).ok
    off = preserved(Glued(primal, Function.of(forgetful, dom.moved, cod.moved), dom, cod), plot)
    assert off.ok is (times == 0)


@pytest.mark.parametrize("n", (0, 1, 4))
def test_a_fold_keeps_the_relation_for_lists_of_every_length(n):
    f = WORLD.fold(MUL)
    plot = LINE.along(lambda x: ([x[0]] * n, x[1]), lambda c: ([c[0]] * n, c[1]))
    assert preserved(f, plot).ok and f.certificate.keys() == {"mul"}
    assert preserved(WORLD.fold(scaled(MUL, "mul", 0.9)), plot).ok is (n == 0)


# -- the composed bound ----------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(0, 10**6))
@settings(max_examples=30)
def test_the_error_of_a_composite_is_bounded_by_those_of_its_boxes(n, seed):
    rng = np.random.default_rng(seed)
    true = rng.normal(size=(n, 3, 3))
    wrong = rng.normal(size=(n, 3, 3)) * 10.0 ** rng.uniform(-8, 0, (n, 1, 1))
    product = lambda ms: np.linalg.multi_dot([np.eye(3), *ms[::-1], np.eye(3)])  # noqa: E731
    norm = lambda m: np.linalg.norm(m, 2)  # noqa: E731
    before = [norm(product(true[:i])) for i in range(n)]
    after = [norm(product((true + wrong)[i + 1 :])) for i in range(n)]
    bound = composed_error([norm(m) for m in wrong], before, after)
    assert norm(product(true + wrong) - product(true)) <= bound * (1 + 1e-9) + 1e-12
