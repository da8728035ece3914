"""Diagrams: composing, DisCoPy's view of them, equality, errors."""

import copy
import pickle

import discopy
import jax.numpy as jnp
import numpy as np
import pytest
from discopy import markov
from hypothesis import given, settings
from strategies import diagrams

from paralens import B, Box, C, Diagram, Key, R, Ty, Z, from_jax, to_jax
from paralens.categories.errors import CompositionError, ParalensError, PathError

F, G = Box("f", R(2), R(3)), Box("g", R(3), R(4))
MIX = Box("mix", R(3) @ R(2) @ R(3), R(1))


def test_types_print_as_they_are_written_and_evaluate_back():
    ty = R(3, 4) @ R(2, dtype="bfloat16") @ Z(10) @ B() @ C(2) @ Key() @ Z(2, dtype="uint8")
    assert eval(repr(ty)) == ty
    assert ty[1:3] == R(2, dtype="bfloat16") @ Z(10)
    assert [w.nbytes for w in ty.inside] == [48, 4, 40, 1, 16, 8, 2]
    assert Ty() @ ty == ty == ty @ Ty() and R(2) ** 3 == R(2) @ R(2) @ R(2)
    assert pickle.loads(pickle.dumps(ty)) == ty


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: R(-1), "non-negative integers, not of -1"),
        (lambda: R(2.5), "non-negative integers, not of 2.5"),
        (lambda: R(3, dtype="int32"), "is written Z"),
        (lambda: Z(3, dtype="float32"), "is written R"),
        (lambda: R(3, dtype="string"), "no wire can carry the dtype 'string'"),
        (lambda: R(3, dtype="float99"), "JAX has no dtype of that name"),
        (lambda: Ty("x"), "a type is made of wires"),
        (lambda: Diagram.copy(3), "3 is not a type"),
        (lambda: Box("a/b", R(1), R(1)), "holds a '/', which separates the parts of a path"),
        (lambda: (R(2) @ R(2)).wire, "has 2 wires where one was asked for"),
        (lambda: Box("", R(1), R(1)), "non-empty string"),
        (lambda: Box("f", R(1), 3), "3 is not a type"),
        (lambda: Box("f", R(1), R(2), definition=F), "is declared R(1) -> R(2) but its definition is R(2) -> R(3)"),
        (lambda: Diagram.wires(R(2), [1]), "name wires that R(2) has not"),
        (lambda: Diagram.permutation([0, 0], R(2) @ R(3)), "is not a permutation"),
        (lambda: F.then(3), "3 is not a diagram"),
        (lambda: F >> F, "f gives R(3) but f takes R(2) (wire 0)"),
        (lambda: F >> G >> F, "g gives R(4) but f takes R(2) (wire 0)"),
        (lambda: F @ F >> G @ F, "f_1 gives R(3) but f takes R(2) (wire 1)"),
        (lambda: F >> G @ G, "g_1 also takes R(3) (wire 1), which nothing gives"),
        (lambda: F @ F >> G, "f_1 also gives R(3) (wire 1), which nothing takes"),
        (lambda: R(2) @ F >> Diagram.id(R(3) @ R(3)), "input 0 gives R(2) but output 0 takes R(3) (wire 0)"),
        (lambda: F.dagger(), "has no dagger: arrays flow one way"),
    ],
)
def test_mistakes_are_reported_when_composing_with_boxes_wire_and_types(make, text):
    with pytest.raises(ParalensError) as error:
        make()
    assert text in str(error.value)


def test_all_mismatches_of_a_composition_come_in_one_error():
    with pytest.raises(CompositionError) as error:
        F @ G @ F >> G @ G @ G
    assert "g gives R(4) but g_1 takes R(3) (wire 1)" in str(error.value)
    assert str(error.value).count("gives") == 1
    with pytest.raises(CompositionError) as error:
        F @ F >> F @ F
    assert str(error.value).count("gives") == 2


def test_a_diagram_is_a_discopy_diagram():
    d = Diagram.copy(R(2), 3) >> F @ R(2) @ F >> MIX
    assert isinstance(d, discopy.monoidal.Diagram) and isinstance(d, markov.Diagram)
    assert isinstance(R(2), discopy.monoidal.Ty) and isinstance(F, markov.Box)
    assert {type(layer) for layer in d.inside} == {discopy.monoidal.Layer}
    assert [layer.boxes[0].name for layer in d.inside if layer.boxes[0].name in "f mix"] == ["f", "f", "mix"]


def test_discopys_functors_hypergraphs_and_drawing_work(tmp_path):
    d = Diagram.copy(R(2), 3) >> F @ R(2) @ F >> MIX
    names = {R(2): markov.Ty("a"), R(3): markov.Ty("b"), R(1): markov.Ty("c")}
    functor = markov.Functor(names, lambda b: markov.Box(b.name, functor(b.dom), functor(b.cod)))
    image = functor(d)
    assert type(image) is markov.Diagram and image.dom == markov.Ty("a") and image.cod == markov.Ty("c")
    assert d.to_hypergraph().dom == d.dom
    assert d[:2].cod == d.inside[1].cod and isinstance(d[0], Diagram)
    image.draw(path=str(tmp_path / "image.png"))
    d.draw(path=str(tmp_path / "d.png"))
    assert (tmp_path / "d.png").read_bytes()[:4] == b"\x89PNG"


def test_a_discopy_diagram_over_named_types_comes_in_through_a_functor():
    x, y = markov.Ty("x"), markov.Ty("y")
    f, g = markov.Box("f", x, y), markov.Box("g", y @ y, x)
    category = markov.Category(Ty, Diagram)
    boxes = {f: Box("f", R(2), R(3)), g: Box("g", R(3) @ R(3), R(2))}
    functor = markov.Functor({x: R(2), y: R(3)}, boxes, cod=category)
    d = functor(markov.Diagram.copy(x) >> f @ f >> g)
    assert d == Diagram.copy(R(2)) >> boxes[f] @ boxes[f] >> boxes[g]
    assert d == boxes[f] >> Diagram.copy(R(3)) >> boxes[g]


@given(d=diagrams())
def test_the_layers_that_discopy_sees_are_the_same_diagram(d):
    again = Diagram(d.inside, d.dom, d.cod)
    assert again == d
    flowing = d.dom
    for layer in d.inside:
        assert layer.dom == flowing
        flowing = layer.cod
    assert flowing == d.cod


@given(d=diagrams())
@settings(max_examples=25)
def test_folding_the_layers_one_by_one_gives_the_same_diagram(d):
    folded = Diagram.id(d.dom)
    for layer in d.inside:
        left, box, right = layer
        folded = folded >> left @ box @ right
    assert folded == d and hash(folded) == hash(d)


@given(d=diagrams(max_boxes=3))
@settings(max_examples=20)
def test_a_discopy_functor_into_python_functions_agrees_with_jax(d):
    """Meaning by DisCoPy's own traversal of layers, against ours of the graph."""
    values = [jnp.linspace(0.0, 1.0, max(w.size, 1))[: w.size].reshape(w.shape).astype(w.dtype) for w in d.dom.inside]
    row = list(values)
    for layer in d.inside:
        left, box, _ = layer
        here = row[len(left) : len(left) + len(box.dom)]
        if box.wiring is None:
            made = to_jax(box)(*here)
            made = [made] if len(box.cod) == 1 else list(made)
        else:
            made = [here[i] for i in box.wiring]
        row[len(left) : len(left) + len(box.dom)] = made
    got = to_jax(d)(*values)
    got = [got] if len(d.cod) == 1 else list(got)
    for a, b in zip(got, row, strict=True):
        np.testing.assert_array_equal(a, b)


@given(d=diagrams(), e=diagrams())
def test_equal_means_equal_and_hashes_follow(d, e):
    if d == e:
        assert hash(d) == hash(e) and (d.dom, d.cod) == (e.dom, e.cod)
    assert pickle.loads(pickle.dumps(d)) == d
    assert copy.deepcopy(d) == d
    assert d != 3


def test_boxes_are_equal_by_content():
    assert Box("f", R(2), R(3)) == F and hash(Box("f", R(2), R(3))) == hash(F)
    assert Box("f", R(2), R(4)) != F and Box("h", R(2), R(3)) != F
    assert Box("f", R(2), R(3), params={"n": 1}) != Box("f", R(2), R(3), params={"n": True})
    assert Diagram.id(R(2)) >> F == F == F @ Ty()
    assert from_jax(jnp.sin, R(3)).boxed("f") != from_jax(jnp.cos, R(3)).boxed("f")


def test_hashes_are_the_same_in_every_process(tmp_path):
    import subprocess
    import sys

    code = (
        "from paralens import *; import jax; "
        "print((from_jax(jax.nn.relu, R(3)) >> Box('f', R(3), R(2)) >> Diagram.copy(R(2))).digest.hex())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] and len(runs[0]) == 33


def test_opening_puts_the_definition_in_the_place_of_its_box():
    import jax

    inner = from_jax(jnp.sin, R(3)).boxed("inner")
    d = inner >> (inner >> inner).boxed("outer") >> inner
    assert d.graph.names() == ["inner", "outer", "inner_1"]
    assert [b.name for b in d.open("outer").boxes] == ["inner"] * 4
    assert [b.name for b in d.open(depth=2).boxes] == ["sin"] * 4
    half = d.open("outer/inner_1")
    assert [b.name for b in half.at("outer").definition.boxes] == ["inner", "sin"]
    assert half.at("outer/inner").name == "inner"
    loop = from_jax(lambda x: jax.lax.scan(lambda c, y: (jax.nn.relu(c) + y, c), jnp.float32(0), x), R(3))
    assert loop.at("scan/body/relu").name == "relu"
    assert loop.at("scan/body/relu").op == "custom_jvp_call"
    assert loop.open("scan/body/relu").at("scan/body/relu").op == ""  # the rule is forgotten, the jit inside is left
    for bad, text in [
        ("nope", "no box 'nope' in the diagram; there are inner, outer, inner_1"),
        ("outer/nope", "no box 'nope' in outer; there are inner, inner_1"),
    ]:
        with pytest.raises(PathError, match=text):
            d.at(bad)
        with pytest.raises(PathError, match=text):
            d.open(bad)
    with pytest.raises(PathError, match="without a definition"):
        d.open(depth=2).open("sin")


def test_a_hundred_thousand_boxes_do_not_meet_a_stack_limit():
    box = from_jax(lambda x: x + 1.0, R(2)).boxed("step")
    chain = box
    for _ in range(100_000):
        chain = chain >> box
    assert len(chain.graph) == 100_001
    assert hash(chain) == hash(Diagram.of_graph(chain.graph))
    wide = Diagram.id()
    for _ in range(20_000):
        wide = wide @ box
    assert len(wide.dom) == 20_000 and len(wide.graph) == 20_000
    assert len((box >> box).inside) == 2 and len(pickle.dumps(chain)) > 0
    right = box
    for _ in range(20_000):
        right = box >> right
    assert len(right.graph) == 20_001
