"""What a box is of another, its way back or its tangent map, is said by the box and not read off its name."""

import jax.numpy as jnp
import pytest

from paralens import Box, CompositionError, R, batch, draw, forward, from_jax, load, nn, reverse, save, simplify
from paralens.diagrams.saving import store

SIN = Box("R[sin]", R(3), R(3), definition=from_jax(jnp.sin, R(3)))  # a name that a user chose


def roles(d):
    return [(box.name, box.role, box.of) for box in d.boxes if box.role]


def test_ways_back_and_tangent_maps_say_what_they_are_of():
    layer = nn.dense(3, 2).arrow
    assert roles(reverse(layer)) == [("R[dense]", "reverse", "dense")]
    assert roles(forward(layer)) == [("D[dense]", "forward", "dense")]
    assert roles(reverse(reverse(layer)))[0][1:] == ("reverse", "R[dense]")


def test_a_name_that_begins_like_a_way_back_is_just_a_name():
    twice = SIN >> SIN
    assert SIN.role == "" and twice.graph.names() == ["R[sin]", "R[sin]_1"]
    assert "derivative" not in {shape.look for shape in draw(twice).shapes if hasattr(shape, "look")}
    assert reverse(twice).graph.names() == ["R[sin]", "R[R[sin]]_1", "R[R[sin]]"]


def test_roles_outlive_batching_rewriting_and_saving(tmp_path):
    back = reverse(nn.dense(3, 2) >> nn.relu(2)).arrow
    for d in (batch(back, 4), simplify(back), back.boxes[-1].renamed("again")):
        assert any(box.role == "reverse" for box in d.boxes)
    save(back, tmp_path / "back.json")
    assert load(tmp_path / "back.json") == back and roles(load(tmp_path / "back.json")) == roles(back)
    save(SIN >> SIN, tmp_path / "name.json")
    assert [box.role for box in load(tmp_path / "name.json").boxes] == ["", ""]


def test_files_from_before_roles_tell_them_by_names(tmp_path, monkeypatch):
    back = reverse(nn.dense(3, 2).arrow)
    monkeypatch.setattr(store, "spelled", lambda name: {"role": "reverse", "of": "dense"} if "R[" in name else {})
    save(back, tmp_path / "old.json")
    assert '"role"' not in (tmp_path / "old.json").read_text()
    monkeypatch.undo()
    assert roles(load(tmp_path / "old.json")) == [("R[dense]", "reverse", "dense")]


def test_boxes_that_differ_in_their_role_are_not_equal():
    f = Box("f", R(), R())
    assert Box("R[f]", R(), R()) != Box("g", R(), R()).playing("reverse", f)


def test_an_unknown_role_is_refused():
    with pytest.raises(CompositionError, match="one of reverse, forward, not 'sideways'"):
        Box("f", R(), R(), role="sideways")
