"""The constructions stand over any base: the laws of Para, lenses and dual numbers on finite sets and on matrices."""

import numpy as np
import pytest
from bases import FINITE, TROPICAL, Map, Sets
from hypothesis import given, settings
from hypothesis import strategies as st

from paralens import CompositionError, Para, Param, ParameterError, R, Ty, Z, draw, from_jax, lens, nn
from paralens.categories import Pair
from paralens.categories.category import Monoidal, category_of, wired
from paralens.categories.differential import laws
from paralens.categories.duals import Dual, Duals
from paralens.categories.functions import Function, Word
from paralens.categories.laws import PARA
from paralens.categories.lens import Lens, Lenses

BASES = {"functions on finite sets": FINITE, "tropical matrices": TROPICAL}
SEEDS = st.integers(0, 2**32 - 1)
bases = pytest.mark.parametrize("base", BASES.values(), ids=BASES)


def instance(law, rng, objects, maps):
    """Values of the variables of a law: `"A"`, an object, or `"f: A > B"`, a map."""
    known = {}
    values = []
    for variable in law.variables:
        letters = [c for c in variable.partition(":")[2] or variable if c.isupper()]
        for c in letters:
            known[c] = known[c] if c in known else objects(rng)
        values.append(maps(rng, *[known[c] for c in letters]) if ":" in variable else known[letters[0]])
    return values


def words(base, most=2):
    return lambda rng: base.word(rng, rng.integers(0, most + 1))


def pairs(base):
    def draw(rng):
        value = base.word(rng, rng.integers(0, 2))
        return Pair(value, base.word(rng, len(value)), base)

    return draw


@bases
@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_bases_are_categories(base, seed):
    for law in laws(base):
        assert law.holds(base, *instance(law, np.random.default_rng(seed), words(base), base.random)), law.name


@bases
@settings(max_examples=20)
@given(seed=SEEDS)
def test_para_obeys_its_laws(base, seed):
    def maps(rng, dom, cod):
        weight = base.word(rng, rng.integers(0, 2))
        entries = {f"w{i}": Param(weight[i : i + 1]) for i in range(len(weight))}
        return Para(base.random(rng, dom @ weight, cod), entries)

    for law in PARA:
        assert law.holds(base, *instance(law, np.random.default_rng(seed), words(base, 1), maps)), law.name


@bases
@settings(max_examples=20)
@given(seed=SEEDS)
def test_lenses_obey_their_laws(base, seed):
    lenses = Lenses(base, base.plus, base.zero)

    def maps(rng, dom, cod):
        kept = base.word(rng, rng.integers(0, 2))
        forward = base.random(rng, dom.value, cod.value @ kept)
        return Lens(forward, base.random(rng, kept @ cod.back, dom.back), dom, cod)

    for law in laws(lenses):
        assert law.holds(lenses, *instance(law, np.random.default_rng(seed), pairs(base), maps)), law.name


@bases
@settings(max_examples=20)
@given(seed=SEEDS)
def test_dual_numbers_obey_their_laws(base, seed):
    duals = Duals(base)

    def maps(rng, dom, cod):
        return Dual(base.random(rng, dom.value @ dom.back, cod.value @ cod.back), dom, cod)

    for law in laws(duals):
        assert law.holds(duals, *instance(law, np.random.default_rng(seed), pairs(base), maps)), law.name


@settings(max_examples=20)
@given(seed=SEEDS)
def test_para_over_lenses_of_finite_sets_obeys(seed):
    def maps(rng, dom, cod):
        weight = pairs(FINITE)(rng)
        entries = {f"w{i}": Param(weight[i : i + 1].value) for i in range(len(weight))}
        whole = dom @ weight
        forward = FINITE.random(rng, whole.value, cod.value)
        return Para(Lens.of(forward, FINITE.random(rng, whole.value @ cod.back, whole.back), whole, cod), entries)

    for law in PARA:
        assert law.holds(Lens, *instance(law, np.random.default_rng(seed), pairs(FINITE), maps)), law.name


# -- what is made of the least --------------------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(max_examples=30)
def test_wires_are_made_of_swaps_copies_and_discards(seed):
    rng = np.random.default_rng(seed)
    dom = FINITE.word(rng, rng.integers(1, 4))
    for outputs in (rng.permutation(len(dom)), rng.integers(0, len(dom), rng.integers(0, 4))):
        made = wired(FINITE, dom, [int(i) for i in outputs])
        assert made == Map.of(lambda *x, order=outputs: [x[i] for i in order], dom, Sets(dom[int(i)] for i in outputs))


def test_a_permutation_needs_no_copies():
    class Symmetric:
        id, swap = FINITE.id, FINITE.swap

    assert wired(Symmetric, Sets((2, 3)), (1, 0)) == FINITE.swap(Sets((2,)), Sets((3,)))
    with pytest.raises(CompositionError, match=r"\(0, 0\) copies or drops wires"):
        wired(Symmetric, Sets((2, 3)), (0, 0))


def test_models_over_functions_of_python_are_tied_and_cannot_be_frozen():
    layer = Para(Function.of(lambda x, w: (x * w,), Word("rr"), Word("r")), {"w": Param(Word("r"))})
    two = layer >> layer
    assert two.paths == ("w", "w_1") and two.arrow(2, 3, 5) == (30,)
    assert two.tie("w", "w_1").arrow(2, 3) == (18,) and (layer @ layer).arrow(2, 3, 5, 7) == (10, 21)
    assert layer.named("double").paths == ("double/w",) and layer.size == 1
    with pytest.raises(CompositionError, match="no points"):
        layer.freeze({"w": 2})
    with pytest.raises(CompositionError, match=r"gives .* but the next takes"):
        layer >> layer @ layer
    with pytest.raises(ParameterError, match="w is"):
        Para(layer.arrow, {"w": Param(Word("s"))})


def test_what_says_no_category_is_refused():
    with pytest.raises(CompositionError, match="give int an attribute `category`"):
        category_of(3)
    assert category_of(R(3)) is category_of(nn.dense(3, 2).arrow).factory
    assert {"id"} <= set(dir(Monoidal))


# -- objects of lenses ----------------------------------------------------------------------------------------------


def test_a_pair_takes_types():
    assert Pair(R(3) @ R(2), R(3) @ R(2)) == lens(from_jax(lambda x, y: x.sum() + y.sum(), R(3), R(2))).dom
    assert Pair(R(3) @ Z(), [R(3), Ty()]).back == R(3)
    with pytest.raises(CompositionError, match=r"has 2 wires, and .* along 1: give a type for each wire"):
        Pair(R(3) @ Z(), R(3))
    with pytest.raises(AttributeError):
        Pair(R(3), R(3)).base = None


def test_a_lens_is_drawn_with_both_halves():
    model = nn.dense(3, 4) >> nn.relu(4)
    for picture in (draw(lens(model)), draw(lens(model.arrow))):
        assert all(f">{name}<" in picture.svg for name in ("dense", "relu", "R[dense]", "R[relu]"))
    assert lens(model)._repr_svg_() == draw(lens(model)).svg
    assert lens(model.arrow)._repr_svg_().startswith("<svg")
    assert Lens.id(Pair(Sets((2,)), Sets((2,))))._repr_svg_() is None


# -- Para as the target of a functor ----------------------------------------------------------------------------------


def test_a_functor_of_discopy_gives_a_model():
    from discopy.markov import Box, Category, Copy, Functor, Swap
    from discopy.markov import Ty as FreeTy

    x, y = FreeTy("x"), FreeTy("y")
    layer, join = Box("layer", x, y), Box("join", y @ y, x)
    add = Para(from_jax(lambda a, b: (a + b)[:3], R(4), R(4)))
    F = Functor({x: R(3), y: R(4)}, {layer: nn.dense(3, 4), join: add}, cod=Category(Ty, Para))
    made = F(Copy(x) >> layer @ layer >> join)
    assert made == Para.copy(R(3)) >> nn.dense(3, 4) @ nn.dense(3, 4) >> add
    assert made.paths == ("dense/w", "dense/b", "dense_1/w", "dense_1/b")
    assert F(Swap(x, y)) == Para.swap(R(3), R(4)) and F(Copy(x, 0)) == Para.discard(R(3))
    assert Para.id(R(3)) >> nn.dense(3, 4) == nn.dense(3, 4)
