"""Certificates for people and programs: tables, pictures, JSON, what is kept, witnesses that run again."""

import json
from types import SimpleNamespace
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import boxes, texts

from paralens import Box, Certificate, R, UndecidedWarning, assert_certified, check, from_jax
from paralens.functors.certificates import stored
from paralens.functors.certificates.certificate import BoxCertificate, Point, Witness, ordered
from paralens.functors.certificates.plots.curves import Region
from paralens.functors.derivative_rules import FACTS

WIDE = R(2, dtype="float64")


def wide(f, *types):
    with jax.enable_x64(True):
        return from_jax(f, *(types or (WIDE,)))


def ruled(f, rule, *types):
    """A diagram of a function whose tangents are `rule(x, v)`."""
    made = jax.custom_jvp(f)
    made.defjvp(lambda xs, vs: (f(*xs), rule(*xs, *vs)))
    return wide(lambda *xs: made(*xs), *types)


def witness(of, **given):
    point, one = np.array([0.5, -1.0]), np.array([1.0, 2.0])
    plain = dict(criterion="slope", mode="forward", order=1, inputs=(point,), direction=(one,), cotangent=(one,))
    told = dict(claimed=1.01, actual=1.0, ratio=1e9, plot="chord, t in [0, 0.5]", hint="looks like a sign", seed=3)
    return Witness(**{"of": of, **plain, **told, **given})


def row(path, verdict, *paths, **given):
    box = Box(path.rsplit("/", 1)[-1], R(2), R(2))
    return BoxCertificate(path, (path, *paths), box, verdict, "integral", **{"evals": 70, "panels": 3, **given})


@pytest.fixture
def certificate():
    """A diagram in which one box is wrong, one has a kink and one is not decided."""
    body = Box("bad", R(2), R(2)) >> Box("good", R(2), R(2))
    d = body.boxed("block") >> Box("kink", R(2), R(2)) >> Box("open<", R(2), R(2)) >> Box("good", R(2), R(2))
    point = Point((np.zeros(2),), 0.0, 0.0, 1.0, True)
    rows = [
        row("block/good", "correct", "good", worst=0.25, resolved=3, missing={"reverse": "there is no rule\nfor it"}),
        row("block/bad", "wrong", worst=1e9, witness=witness(body)),
        row("kink", "intensional", points=(point,) * 6),
        row("open<", "undecided", reason="nothing was resolved"),
    ]
    whole = BoxCertificate("", ("",), d, "wrong", "integral", reason="a box is wrong", witness=witness(d))
    return Certificate(d, ordered(rows), whole, 3, "standard", 1.25)


# -- tables ---------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_kind_of_box_the_worst_first(certificate):
    lines = str(certificate).split("\n")
    assert [line.split()[0] for line in lines[2:7]] == ["block/bad", "open<", "kink", "block/good", "(the"]
    assert "block/good ×2" in lines[5] and "3/3" in lines[5] and "0.25" in lines[5]  # noqa: RUF001
    assert len({len(line) for line in lines[2:6]}) == 1


def test_a_fault_is_told_with_all_that_is_needed_to_see_it(certificate):
    told = str(certificate)
    for words in ("1.01", "1e+09 times", "[0.5, -1]", "[1, 2]", "t in [0, 0.5]; seed 3", "looks like a sign"):
        assert words in told, words
    assert "certificate['block/bad'].witness.replay()" in told


def test_what_is_wrong_in_a_box_is_not_told_again_of_the_whole(certificate):
    assert str(certificate).count("looks like a sign") == 1
    assert "reason  a box is wrong" in str(certificate)


def test_points_reasons_and_missing_derivatives_are_told(certificate):
    told = str(certificate)
    assert told.count("a Clarke subderivative") == 4 and "and 2 more" in told
    assert "UNDECIDED  open<\n  reason  nothing was resolved" in told
    assert "NOT CHECKED  block/good ×2, reverse\n  reason  there is no rule\n" in told  # noqa: RUF001


def test_the_last_line_says_what_was_found_and_what_it_took(certificate):
    assert str(certificate).split("\n")[-1] == (
        "wrong: 4 kinds of boxes (1 wrong, 1 undecided, 1 intensional, 1 correct) in 5 places; "
        "280 derivative evaluations, 1.2 s; effort standard, seed 3"
    )


def test_reprs_are_short(certificate):
    assert repr(certificate).startswith("<Certificate wrong: 4 kinds of boxes")
    assert repr(certificate["good"]) == "<BoxCertificate block/good: correct>"
    assert repr(certificate["block/bad"].witness) == "<Witness slope, forward: claimed 1.01, actual 1>"


def test_notebooks_show_the_same_escaped(certificate):
    shown = certificate._repr_html_()
    ElementTree.fromstring(f"<div>{shown}</div>")
    assert "open&lt;" in shown and "looks like a sign" in shown and "background: #b3261e" in shown


# -- pictures -------------------------------------------------------------------------------------


def looks_of(picture):
    return {s.tip.split(" : ")[0]: s.look for s in boxes(picture)}


def test_boxes_have_the_colors_of_their_verdicts_and_what_is_wrong_is_open(certificate):
    looks = looks_of(certificate.draw())
    assert looks["block/bad"] == "wrong" and looks["block/good"] == looks["good"] == "correct"
    assert looks["block"] == "open wrong" and looks["kink"] == "intensional"


def test_a_closed_box_has_the_weakest_verdict_of_what_is_inside(certificate):
    assert looks_of(certificate.draw(open=()))["block"] == "wrong"


def test_the_legend_names_the_colors_that_are_there(certificate):
    written = texts(certificate.draw())
    assert {"wrong (1)", "undecided (1)", "correct (1)", "the whole: wrong"} <= set(written)
    assert not [t for t in written if "proved" in t or "nothing to check" in t]


def test_a_box_without_a_verdict_is_marked_so(certificate):
    partly = Certificate(certificate.of, (row("kink", "proved"),), None, 0, "quick")
    picture = partly.draw()
    assert looks_of(picture) == {
        "block": "not checked",
        "kink": "proved",
        "open<": "not checked",
        "good": "not checked",
    }
    assert "nothing to check" in texts(picture)


def test_what_is_inside_of_a_certified_box_has_its_verdict(certificate):
    partly = Certificate(certificate.of, (row("block", "undecided"),), None, 0, "quick")
    assert looks_of(partly.draw(open="block"))["block/bad"] == "undecided"


def test_pictures_of_certificates_are_saved(certificate, tmp_path):
    certificate.draw(tmp_path / "it.svg")
    certificate.draw(tmp_path / "it.png")
    assert 'class="box wrong"' in (tmp_path / "it.svg").read_text()
    assert (tmp_path / "it.png").read_bytes()[:4] == b"\x89PNG"


# -- JSON and what is kept ------------------------------------------------------------------------


def test_json_holds_everything_but_the_diagrams(certificate, tmp_path):
    said = certificate.to_json(tmp_path / "it.json")
    assert (tmp_path / "it.json").read_text() == said
    tree = json.loads(said, parse_constant=lambda name: pytest.fail(name))
    bad = tree["boxes"][0]
    assert (tree["verdict"], bad["path"], bad["type"], bad["worst"]) == ("wrong", "block/bad", "R(2) -> R(2)", 1e9)
    assert bad["witness"]["inputs"] == [{"dtype": "float64", "shape": [2], "entries": [0.5, -1.0]}]


def test_numbers_and_arrays_that_json_lacks_have_a_form():
    strange = (np.array([np.inf, np.nan]), np.array([1 + 2j]), jax.random.key(0), jnp.ones(1, "bfloat16"), np.True_)
    found = witness(Box("f", R(2), R(2)), inputs=strange, claimed=float("nan"), ratio=float("inf"))
    d = Box("f", R(2), R(2))
    made = Certificate(d, (row("f", "wrong", witness=found),), None, 0, "quick")
    tree = json.loads(made.to_json(), parse_constant=lambda name: pytest.fail(name))["boxes"][0]["witness"]
    assert (tree["claimed"], tree["ratio"]) == ("nan", "inf")
    assert [a["entries"] for a in tree["inputs"]] == [["inf", "nan"], [[1.0, 2.0]], [0, 0], [1.0], [True]]
    assert tree["inputs"][2]["dtype"] == "key<fry>"


def target(d, x, **more):
    region = Region([w for w in d.dom.inside], [[x]], [None], hull=True)
    return SimpleNamespace(**{"d": d, "met": [[x]], "region": region, "wide": None, "others": [], "wrt": None, **more})


def facts(**more):
    plain = dict(noise=0.0, surrogate=None, tangent=None, modes=("forward",), order=1, effort="quick", seed=0)
    return SimpleNamespace(**{**plain, "algebra": None, **more})


SINE = from_jax(jnp.sin, R(2)).boxes[0]
X = np.ones(2, np.float32)


@pytest.fixture
def empty(monkeypatch):
    """Nothing is kept before, and what the test keeps is let go of."""
    monkeypatch.delenv("PARALENS_CACHE", raising=False)
    stored.forget()
    yield
    stored.forget()


def test_keys_tell_apart_all_that_a_certificate_depends_on(empty):
    same = stored.key_of(target(from_jax(jnp.sin, R(2)).boxes[0], X.copy()), facts(), 1)
    assert same == stored.key_of(target(SINE, X), facts(), 1)
    others = [
        stored.key_of(target(from_jax(jnp.cos, R(2)).boxes[0], X), facts(), 1),
        stored.key_of(target(SINE, 2 * X), facts(), 1),
        stored.key_of(target(SINE, X, wrt=(0,)), facts(), 1),
        stored.key_of(target(SINE, X), facts(seed=1), 1),
        stored.key_of(target(SINE, X), facts(effort="standard"), 1),
        stored.key_of(target(SINE, X), facts(tangent=facts), 1),
        stored.key_of(target(SINE, X), facts(), 2),
    ]
    assert len({same, *others}) == 8


def test_exchanged_facts_make_what_is_kept_void(empty, monkeypatch):
    before = stored.key_of(target(SINE, X), facts(), 1)
    monkeypatch.setattr(stored.MEMORY, "changes", stored.MEMORY.changes)
    monkeypatch.setattr(stored.MEMORY, "facts", stored.MEMORY.facts)
    monkeypatch.setitem(FACTS, "sin", FACTS["cos"])
    assert stored.key_of(target(SINE, X), facts(), 1) != before


def test_what_is_kept_is_not_made_again_and_comes_at_its_new_paths(empty):
    key = stored.key_of(target(SINE, X), facts(), 1)
    made = []

    def make():
        made.append(1)
        return row("a", "correct")

    stored.remembered(key, SINE, "a", ["a"], make)
    again = stored.remembered(key, SINE, "b/c", ["b/c", "d"], make)
    assert (len(made), again.path, again.paths, again.box) == (1, "b/c", ("b/c", "d"), SINE)


def test_certificates_are_kept_on_disk_and_corrupt_ones_made_again(empty, monkeypatch, tmp_path):
    monkeypatch.setenv("PARALENS_CACHE", str(tmp_path / "kept"))
    key, made = stored.key_of(target(SINE, X), facts(), 1), []
    point = Point((np.array([0.0, np.inf]),), float("nan"), 0.0, 1.0, False)

    def remembered():
        stored.forget()
        return stored.remembered(key, SINE, "a", ["a"], lambda: made.append(1) or row("a", "correct", points=(point,)))

    first, second = remembered(), remembered()
    assert len(made) == 1
    assert (second.verdict, second.evals, str(second.points[0])) == (first.verdict, first.evals, str(point))
    (file,) = (tmp_path / "kept").iterdir()
    for broken in (b"", b"{}", file.read_bytes()[:-9], file.read_bytes().replace(b'"correct"', b'"proved"')):
        file.write_bytes(broken)
        assert remembered().verdict == "correct"
        assert remembered().verdict == "correct"
    assert len(made) == 5


def test_what_is_wrong_or_rests_on_functions_is_kept_in_memory_only(empty, monkeypatch, tmp_path):
    monkeypatch.setenv("PARALENS_CACHE", str(tmp_path))
    key = stored.key_of(target(SINE, X), facts(), 1)
    stored.remembered(key, SINE, "a", ["a"], lambda: row("a", "wrong", witness=witness(SINE)))
    key = stored.key_of(target(SINE, X), facts(tangent=facts), 1)
    stored.remembered(key, SINE, "a", ["a"], lambda: row("a", "correct"))
    assert not list(tmp_path.iterdir()) and len(stored.MEMORY.kept) == 2


# -- witnesses again ------------------------------------------------------------------------------

AT, ALONG = np.array([0.5, -1.0]), np.array([1.0, 2.0])


def test_a_slope_again_is_the_claimed_one_and_that_of_values():
    d = ruled(jnp.sin, lambda x, v: 1.01 * jnp.cos(x) * v)
    true = float(np.cos(-1.0) * 2)
    claimed, actual = witness(d, claimed=1.01 * true, actual=true).replay()
    assert (claimed, actual) == (pytest.approx(1.01 * true, rel=1e-14), pytest.approx(true, rel=1e-9))


def test_a_transpose_again_is_both_sides_of_it():
    made = jax.custom_vjp(lambda a, x: a @ x)
    made.defvjp(lambda a, x: (a @ x, (a, x)), lambda kept, g: (jnp.outer(g, kept[1]), kept[0] @ g))
    a, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    d = wide(lambda a, x: made(a, x), R(2, 2, dtype="float64"), WIDE)
    given = dict(inputs=(a, x), direction=(np.zeros((2, 2)), ALONG), cotangent=(AT,))
    found = witness(
        d, criterion="slope", mode="reverse", claimed=float(a @ AT @ ALONG), actual=float(AT @ a @ ALONG), **given
    )
    assert found.replay() == (pytest.approx(a @ AT @ ALONG), pytest.approx(AT @ a @ ALONG))


def test_a_rule_that_is_not_linear_is_so_again():
    made = jax.custom_vjp(lambda x: 2 * x)
    made.defvjp(lambda x: (2 * x, None), lambda kept, g: (jnp.clip(2 * g, -1, 1),))
    d = wide(lambda x: made(x))
    large = np.array([1e9, 1e9])
    found = witness(d, criterion="linear", mode="reverse", cotangent=(large,), claimed=3.0, actual=6e9)
    assert found.replay() == (pytest.approx(3.0), pytest.approx(6e9))


def test_a_claim_at_a_kink_is_held_against_the_slopes_beside_it():
    d = ruled(lambda x: jnp.maximum(x, 0), lambda x, v: jnp.where(x >= 0, 2.0, 0.0) * v)
    found = witness(d, criterion="point", inputs=(np.zeros(2),), claimed=4.0, actual=2.0)
    assert found.replay() == (4.0, pytest.approx(2.0))


def test_a_rule_in_low_precision_is_so_again():
    made = jax.custom_jvp(jnp.sin)
    made.defjvp(lambda xs, vs: (jnp.sin(*xs), jnp.cos(xs[0].astype("bfloat16")).astype("float32") * vs[0]))
    d = from_jax(lambda x: made(x), R(2))
    x = np.float32([0.3, 0.7]).astype(float)
    found = witness(d, criterion="precision", inputs=(x,), claimed=1.53, actual=float(2 * np.cos(x[1])))
    claimed, actual = found.replay()
    assert actual == pytest.approx(2 * np.cos(x[1]), rel=1e-12) and 1e-4 < abs(claimed - actual) < 1e-2


def test_a_surrogate_is_what_slopes_are_held_against():
    d = ruled(jnp.sin, lambda x, v: 3.0 * v)
    found = witness(d, claimed=6.0, actual=2.0, against=lambda x: [x])
    assert found.replay() == (pytest.approx(6.0), pytest.approx(2.0))


# -- checks from end to end -----------------------------------------------------------------------


def off(x):
    made = jax.custom_jvp(jnp.sin)
    made.defjvp(lambda xs, vs: (jnp.sin(*xs), 1.01 * jnp.cos(*xs) * vs[0]))
    return made(x) ** 2


def test_a_wrong_derivative_fails_a_test_with_the_table_and_the_witness():
    with pytest.raises(AssertionError, match=r"(?s)not certified.*wrong.*a constant factor 1\.0") as failed:
        assert_certified(off, 1.0, domain=[(-3, 3)])
    assert "witness.replay()" in str(failed.value)


def test_a_found_witness_runs_again():
    found = check(off, 1.0, domain=[(-3, 3)]).worst.witness
    claimed, actual = found.replay()
    assert claimed == pytest.approx(found.claimed, rel=1e-9) and claimed == pytest.approx(1.01 * actual, rel=1e-7)


def test_a_right_derivative_passes_and_gives_its_certificate():
    found = assert_certified(jnp.sin, 1.0, domain=[(-3, 3)])
    assert found.ok and found.verdict in ("correct", "proved")


def test_what_is_undecided_warns_and_fails_where_it_is_strict(monkeypatch):
    undecided = Certificate(SINE, (row("sin", "undecided", reason="too noisy"),), None, 0, "quick")
    monkeypatch.setattr("paralens.functors.certificates.asserting.check", lambda *args, **facts: undecided)
    with pytest.warns(UndecidedWarning, match="too noisy"):
        assert assert_certified(jnp.sin, 1.0) is undecided
    with pytest.raises(AssertionError, match="too noisy"):
        assert_certified(jnp.sin, 1.0, strict=True)
