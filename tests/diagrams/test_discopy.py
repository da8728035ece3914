"""A diagram is a DisCoPy diagram, or says where not: on random diagrams, against plain DisCoPy."""

import jax.numpy as jnp
import numpy as np
import pytest
from discopy import cat, markov
from discopy.utils import AxiomError
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import diagrams

from paralens import Box, Diagram, R, Ty, Z, from_jax, to_jax
from paralens.categories.errors import CompositionError, ParalensError

OURS = markov.Category(Ty, Diagram)
F, G = Box("f", R(2), R(2)), Box("g", R(2) @ R(2), R(2))


def plain_ty(x):
    return markov.Ty(*[w.name for w in x.inside])


def plain(d):
    """DisCoPy's own diagram of the same layers, by a functor; boxes are told apart by their content."""
    boxes = lambda b: markov.Box(b.content.hex()[:6], plain_ty(b.dom), plain_ty(b.cod))  # noqa: E731
    return markov.Functor(plain_ty, boxes)(d)


def outcome(function, d):
    """What a function gives, or the class of its refusal."""
    try:
        return function(d)
    except (AxiomError, NotImplementedError, IndexError) as error:
        return next(c for c in (AxiomError, NotImplementedError, IndexError) if isinstance(error, c))


def agree(d, function):
    """That a method of DisCoPy's gives on d what it gives on the plain diagram, and leaves the morphism the same."""
    ours, theirs = outcome(function, d), outcome(function, plain(d))
    if isinstance(ours, type):
        return ours is theirs
    return isinstance(ours, Diagram) and ours == d and plain(ours).inside == theirs.inside


@given(d=diagrams())
@settings(max_examples=25)
def test_normal_form_and_its_steps_are_those_of_discopy(d):
    assert agree(d, lambda e: e.normal_form())
    assert agree(d, lambda e: e.normal_form(left=True))
    for step in (0, 1, 2):
        steps = [next((s for k, s in enumerate(e.normalize()) if k == step), None) for e in (d, plain(d))]
        assert (steps[0] is None) is (steps[1] is None)
        assert steps[0] is None or (steps[0] == d and plain(steps[0]).inside == steps[1].inside)


def test_what_is_not_connected_has_no_normal_form_and_says_how_far_it_came():
    loose = from_jax(lambda: jnp.float32(1))
    with pytest.raises(NotImplementedError, match="is not boundary-connected") as error:
        (loose @ loose >> Diagram.discard(R() @ R())).normal_form()
    assert isinstance(error.value, ParalensError) and isinstance(error.value.last_step, Diagram)


def test_interchanging_layers_of_several_boxes_is_refused():
    folded = (F @ F >> F @ F).foliation()
    assert len(folded.inside) == 2 and folded.to_staircases().interchange(0, 1) == folded
    with pytest.raises(ParalensError, match="layer holds several boxes"):
        folded.interchange(0, 1)


@given(d=diagrams())
@settings(max_examples=60)
def test_foliation_and_the_way_back_are_those_of_discopy(d):
    folded, theirs = d.foliation(), plain(d).foliation()
    assert folded == d and [len(layer.boxes) for layer in folded.inside] == [len(la.boxes) for la in theirs.inside]
    assert plain(folded.to_staircases()).inside == theirs.to_staircases().inside
    assert folded.foliation().inside == folded.inside and folded.to_staircases() == d
    assert Diagram.decode(*folded.encode()) == d


@given(d=diagrams(), data=st.data())
@settings(max_examples=60)
def test_interchanging_two_layers_is_done_or_refused_as_by_discopy(d, data):
    places = st.integers(0, len(d.inside))
    i, j, left = data.draw(places), data.draw(places), data.draw(st.booleans())
    assert agree(d, lambda e: e.interchange(i, j, left=left))


@given(d=diagrams())
@settings(max_examples=100)
def test_decoding_what_was_encoded_gives_the_diagram_layer_by_layer(d):
    dom, pairs = d.encode()
    again = Diagram.decode(dom, pairs)
    assert again == d and again.inside == d.inside
    assert [n for _, n in pairs] == plain(d).offsets
    assert Diagram.decode(d.dom, boxes=[b for b, _ in pairs], offsets=[n for _, n in pairs], cod=d.cod) == d
    if all(box.wiring is None for box, _ in pairs):
        assert list(zip(d.boxes, d.offsets, strict=True)) == pairs
    else:
        with pytest.raises(ParalensError, match=r"encode\(\) gives the boxes of all layers"):
            _ = d.offsets


def test_decode_refuses_boxes_that_do_not_fit():
    for make, text in [
        (lambda: Diagram.decode(R(2), [(F, 1)]), "f takes R(2), and does not fit R(2) at offset 1"),
        (lambda: Diagram.decode(R(2) @ R(2), [(F, -1)]), "at offset -1"),
        (lambda: Diagram.decode(R(3), [(F, 0)]), "f takes R(2), and does not fit R(3)"),
        (lambda: Diagram.decode(R(2), boxes=[F, F], offsets=[0]), "2 boxes and 1 offsets"),
        (lambda: Diagram.decode(R(2), [(F, 0)], cod=R(3)), "the boxes give R(2) where R(3) was declared"),
    ]:
        with pytest.raises(CompositionError) as error:
            make()
        assert text in str(error.value)


@given(d=diagrams())
@settings(max_examples=60)
def test_functors_into_our_diagrams_need_not_name_them(d):
    boxes = lambda b: b >> Diagram.id(b.cod)  # noqa: E731
    identity = markov.Functor(lambda x: x, boxes)
    image = Diagram.id(d.dom) >> identity(d)  # the image of an identity is DisCoPy's own
    assert image == d == markov.Functor(lambda x: x, boxes, dom=OURS, cod=OURS)(d)
    assert Diagram.id(d.dom) >> (identity >> identity)(d) == d


def test_functors_of_our_diagrams_compose():
    d = Diagram.copy(R(2)) >> F @ R(2) >> G
    twice = {F: F >> F, G: G}
    expected = Diagram.copy(R(2)) >> (F >> F >> F >> F) @ R(2) >> G
    for options in ({}, {"dom": OURS, "cod": OURS}):
        functor = markov.Functor({R(2): R(2)}, twice, **options)
        assert (functor >> functor)(d) == functor(functor(d)) == expected
    with pytest.raises(AxiomError, match="does not compose"):  # from DisCoPy's diagrams to ours: not with itself
        functor = markov.Functor({R(2): R(2)}, twice, cod=OURS)
        _ = functor >> functor


@given(d=diagrams())
@settings(max_examples=30)
def test_a_function_over_wires_is_read_by_from_callable(d):
    assert Diagram.from_callable(d.dom, d.cod)(lambda *wires: d(*wires)) == d


def test_from_callable_copies_discards_and_checks_the_declared_type():
    read = Diagram.from_callable(R(2) @ Z(), R(2) @ R(2))(lambda x, n: (F(x), x))
    assert read == Diagram.copy(R(2)) @ Diagram.discard(Z()) >> F @ R(2)
    with pytest.raises(CompositionError, match="declared"):
        Diagram.from_callable(R(2), R(3))(lambda x: F(x))


def test_a_plain_box_over_our_wires_becomes_an_abstract_box():
    box = markov.Box("p", R(2), R(2))
    own = Box("p", R(2), R(2))
    tail = F >> F
    assert F >> box == F >> own and box >> F == own >> F and tail @ box == tail @ own
    assert tail >> (box >> box) == tail >> own >> own and (box >> box) >> tail == own >> own >> tail
    assert Diagram.decode(R(2), [(box, 0)]) == own
    wires = markov.Diagram.swap(R(2), Z()) >> Z() @ markov.Diagram.copy(R(2)) >> markov.Diagram.discard(Z()) @ R(2) ** 2
    assert Diagram.id(R(2) @ Z()) >> wires == Diagram.copy(R(2)) @ Diagram.discard(Z())
    with pytest.raises(TypeError, match=r"Expected paralens\.diagrams\.syntax\.Diagram, got markov\.Box"):
        _ = box >> tail  # DisCoPy composes here: begin with a diagram of ours


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda d: d.dagger(), "has no dagger"),
        (lambda d: d[::-1], "has no dagger"),
        (lambda d: Diagram.copy(R(2))[::-1], "has no dagger"),
        (lambda d: Diagram.copy(R(2)).inside[0].boxes[0].dagger(), "has no dagger"),
        (lambda d: Diagram.merge(R(2)), "wires of R(2) cannot be merged"),
        (lambda d: d.trace(), "a cycle needs a delay"),
        (lambda d: F.trace(), "a cycle needs a delay"),
        (lambda d: cat.dumps(d), "paralens.save and paralens.load"),
        (lambda d: cat.dumps(F), "a diagram of arrays is not written"),
        (lambda d: cat.dumps(d.dom), "a type of arrays is not written"),
        (lambda d: cat.dumps(d.dom.inside[0]), "a wire of arrays is not written"),
        (lambda d: Diagram.from_tree({}), "a diagram of arrays is not written"),
        (lambda d: F + F, "diagrams have no formal sums"),
        (lambda d: sum([d, d]), "diagrams have no formal sums"),
        (lambda d: d.zero(R(2), R(2)), "no formal sums of diagrams"),
        (lambda d: F >> markov.Sum((F, F)), "DisCoPy's discopy.markov.Sum"),
        (lambda d: F.bubble(), "a diagram has no bubbles"),
        (lambda d: d.bubble(), "a diagram has no bubbles"),
        (lambda d: Diagram.twist(R(2)), "do not twist"),
        (lambda d: F.subs("x", 1), "a box holds no symbols"),
        (lambda d: d.lambdify("x"), "a box holds no symbols"),
        (lambda d: F >> markov.Merge(R(2), 1), "DisCoPy's discopy.markov.Merge"),
        (lambda d: F >> markov.Box("p", R(2), R(2), data=3), "p is DisCoPy's discopy.markov.Box with its own meaning"),
        (lambda d: F >> markov.Box("p", R(2), R(2)).dagger(), "p[::-1] is DisCoPy's discopy.markov.Box"),
        (lambda d: F >> markov.Box("p", markov.Ty("x"), R(2)), "a type is made of wires, not of"),
    ],
)
def test_what_arrays_have_not_is_refused_by_name(make, text):
    with pytest.raises(ParalensError) as error:
        make(F >> F)
    assert text in str(error.value)


@given(d=diagrams())
@settings(max_examples=30)
def test_simplifying_width_and_slices_keep_the_diagram(d):
    assert d.simplify() == d and d.width >= max(len(d.dom), len(d.cod))
    half = len(d.inside) // 2
    assert d[:half] >> d[half:] == d and Diagram.id(d.dom).width == len(d.dom)


def test_an_adopted_box_has_no_meaning_and_says_so():
    with pytest.raises(ParalensError, match="p"):
        to_jax(F >> markov.Box("p", R(2), R(2)))(np.zeros(2, "float32"))
