"""The laws of a cartesian category, and of Para over it, on random diagrams."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import diagrams, instances, paras, types

from paralens import Diagram, Para, Ty
from paralens.categories.laws import CARTESIAN, MONOIDAL, PARA, SYMMETRIC

STRUCTURE = (*MONOIDAL, *SYMMETRIC, *CARTESIAN)


@pytest.mark.parametrize("law", STRUCTURE, ids=lambda law: law.name)
@given(data=st.data())
def test_diagrams_obey(law, data):
    values = data.draw(instances(law))
    left, right = law.sides(Diagram, *values)
    assert left == right
    assert hash(left) == hash(right)
    assert left.digest == right.digest


@pytest.mark.parametrize("law", PARA, ids=lambda law: law.name)
@given(data=st.data())
def test_para_obeys(law, data):
    assert law.holds(Diagram, *data.draw(instances(law, maps=paras)))


@given(data=st.data())
def test_names_in_para_are_associative_too(data):
    law = PARA[0]
    left, right = law.sides(Diagram, *data.draw(instances(law, maps=paras)))
    assert left.paths == right.paths


@given(data=st.data())
@settings(max_examples=30)
def test_reparameterizing_twice_is_reparameterizing_along_the_composite(data):
    f = data.draw(paras())
    q, p = data.draw(types), f.weight
    r, s = data.draw(diagrams(q, p)), data.draw(diagrams(data.draw(types), q))
    names = lambda ty: [((f"q{i}",), _param(t)) for i, t in enumerate(ty)]  # noqa: E731
    assert f.reparam(r, names(q)).reparam(s, names(s.dom)) == f.reparam(s >> r, names(s.dom))


@given(data=st.data())
@settings(max_examples=30)
def test_reparameterizing_a_composite_is_composing_the_reparameterized(data):
    b = data.draw(types)
    f, g = data.draw(paras(cod=b)), data.draw(paras(dom=b))
    r, s = data.draw(diagrams(cod=f.weight)), data.draw(diagrams(cod=g.weight))
    names = lambda ty: [((f"q{i}",), _param(t)) for i, t in enumerate(ty)]  # noqa: E731
    left = (f >> g).reparam(r @ s, names(r.dom @ s.dom))
    assert left == f.reparam(r, names(r.dom)) >> g.reparam(s, names(s.dom))


def _param(ty):
    from paralens import Param

    return Param(ty, "zeros")


@given(d=diagrams())
def test_a_different_diagram_is_not_equal(d):
    assert d @ Ty() == d
    if d.boxes and len(d.cod):
        swapped = [b for b in d.normal.table]
        if swapped:
            assert d != Diagram.id(d.dom) >> d >> Diagram.wires(d.cod, [*range(len(d.cod)), 0])
    assert Para(d) == Para(d)
