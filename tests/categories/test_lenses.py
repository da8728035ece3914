"""Lenses and dual numbers obey their laws, and the derivative is a functor to them, on random diagrams."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerics import same
from strategies import diagrams, instances, paras, types

from paralens import CompositionError, Diagram, Para, R, Ty, Z, from_jax, lens, nn
from paralens.categories.differential import laws
from paralens.categories.duals import Dual, Duals
from paralens.categories.laws import PARA
from paralens.categories.lens import Lens, Lenses, Pair
from paralens.functors.derivatives.derivative import Differential, dual

D = Differential()
LENSES, DUALS = Lenses(Diagram, D.plus, D.zero), Duals(Diagram)


def pair(ty):
    return lens(Diagram.id(ty)).dom


def images(functor):
    """The image under a functor of a value of a law: a map, or the object of a type."""
    return lambda value: functor(value) if isinstance(value, Diagram) else pair(value)


@pytest.mark.parametrize("law", laws(LENSES), ids=lambda law: law.name)
@settings(max_examples=15)
@given(data=st.data())
def test_lenses_obey(law, data):
    values = [images(lens)(v) for v in data.draw(instances(law))]
    if "copy" in law.name:
        left, right = law.sides(LENSES, *values)
        assert left.get == right.get
    else:
        assert law.holds(LENSES, *values)


@pytest.mark.parametrize("law", laws(DUALS), ids=lambda law: law.name)
@settings(max_examples=15)
@given(data=st.data())
def test_duals_obey(law, data):
    assert law.holds(DUALS, *[images(dual)(v) for v in data.draw(instances(law))])


@pytest.mark.parametrize("law", PARA, ids=lambda law: law.name)
@settings(max_examples=10)
@given(data=st.data())
def test_para_over_lenses_obeys(law, data):
    class Category:
        id, swap = staticmethod(Lens.id), staticmethod(Lens.swap)

    assert law.holds(Category, *[lens(v) for v in data.draw(instances(law, maps=paras))])


def same_lens(f, g):
    """Equal as lenses, where adding a zero changes nothing: what is not used has the cotangent zero."""
    return (f.dom, f.cod) == (g.dom, g.cod) and f.get == g.get and same(f.put, g.put)


@settings(max_examples=25)
@given(data=st.data())
def test_lens_is_a_functor(data):
    b = data.draw(types)
    f, g, h = data.draw(diagrams(cod=b)), data.draw(diagrams(dom=b)), data.draw(diagrams(max_boxes=2))
    assert same_lens(lens(f >> g), lens(f) >> lens(g))
    assert same_lens(lens(f @ h), lens(f) @ lens(h))
    assert lens(Diagram.id(b)) == Lens.id(pair(b))


@settings(max_examples=25)
@given(data=st.data())
def test_forward_is_a_functor(data):
    b = data.draw(types)
    f, g, h = data.draw(diagrams(cod=b)), data.draw(diagrams(dom=b)), data.draw(diagrams(max_boxes=2))
    assert same(dual(f >> g).both, (dual(f) >> dual(g)).both)
    assert same(dual(f @ h).both, (dual(f) @ dual(h)).both)


def test_lens_of_a_model_is_the_model_in_para_over_lenses():
    f, g = nn.dense(3, 4), nn.dense(4, 2)
    assert lens(f >> g) == lens(f) >> lens(g)
    assert lens(f >> g).paths == (f >> g).paths
    assert isinstance(lens(f), Para)


def test_a_residual_slides_through_without_changing_the_lens():
    f = lens(from_jax(lambda x: x * x, R(3)))
    g = Lens.of(f.get, f.put, f.dom, f.cod)
    assert g.residual == R(3) and f == g
    store = Lens(
        f.forward >> R(3) @ Diagram.copy(f.residual), R(3) @ Diagram.discard(R(3)) @ R(3) >> f.backward, f.dom, f.cod
    )
    assert store.residual == R(3) @ R(3) and store == f


def test_a_lens_whose_maps_do_not_fit_is_refused():
    f = Diagram.id(R(2))
    with pytest.raises(CompositionError, match=r"backward is R.2. -> R.2., not"):
        Lens(f, f, Pair.of(R(2), [R(2)], Diagram), Pair.of(R(2), [R(3)], Diagram))


def test_lenses_that_do_not_meet_are_refused():
    f, g = lens(Diagram.id(R(2))), lens(Diagram.id(R(3)))
    with pytest.raises(CompositionError, match=r"gives \(R\(2\), R\(2\)\) but the next takes"):
        f >> g
    with pytest.raises(CompositionError, match="but the next takes"):
        Dual.id(pair(R(2))) >> Dual.id(pair(R(3)))


def test_copying_along_a_lens_needs_addition():
    with pytest.raises(CompositionError, match=r"Lens\.copy"):
        Lens.wires(pair(R(2)), (0, 0))
    assert Lens.copy(pair(R(2)), D.plus(R(2))) == lens(Diagram.copy(R(2)))
    assert Lens.discard(pair(R(2)), D.zero(R(2))) == lens(Diagram.discard(R(2)))


def test_integer_wires_have_no_way_back():
    assert pair(R(2) @ Z(3)).back == R(2)
    assert lens(from_jax(lambda x, i: x[i], R(5), Z())).dom.inside[1] == (Z(), Ty())
