"""Files: what is saved comes back; what is broken is refused with its reason."""

import hashlib
import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from functions import FUNCTIONS, RARE, equations
from hypothesis import HealthCheck, given, settings
from strategies import diagrams

from paralens import Box, Diagram, Init, Para, Param, R, from_jax, load, save, to_jax
from paralens.categories.errors import FileError

SAVEABLE = [n for n in FUNCTIONS if n not in ("pure callback", "solve")]


@pytest.mark.parametrize("name", SAVEABLE)
def test_a_function_of_every_kind_is_saved_and_loaded(name, tmp_path):
    f, *args = FUNCTIONS[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        d = from_jax(f, *args)
        save(d, tmp_path / "d.json")
        again = load(tmp_path / "d.json")
        assert again == d
        leaves = jax.tree.leaves(args)
        assert equations(jax.make_jaxpr(to_jax(again))(*leaves)) == equations(jax.make_jaxpr(to_jax(d))(*leaves))


@pytest.mark.parametrize("name", RARE)
def test_a_rarer_function_is_saved_or_refused_by_box_and_parameter(name, tmp_path):
    f, *args = RARE[name]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        d = from_jax(f, *args)
        try:
            save(d, tmp_path / "d.json")
        except FileError as refusal:
            assert name in ("shard_map", "sharding constraint", "pallas", "linear call") or "call_hi" in str(refusal)
            assert "cannot save box" in str(refusal)
        else:
            assert load(tmp_path / "d.json") == d


@given(d=diagrams())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_diagram_is_saved_and_loaded_with_its_graph(d, tmp_path):
    save(d, tmp_path / "d.json")
    again = load(tmp_path / "d.json")
    assert again == d
    assert again.graph.names() == d.graph.names()
    np.testing.assert_array_equal(again.graph.inputs, d.graph.inputs)


def test_a_rule_that_contains_its_own_box_is_saved(tmp_path):
    d = from_jax(jax.nn.relu, R(3))
    save(d, tmp_path / "relu.json")
    relu = to_jax(load(tmp_path / "relu.json"))
    np.testing.assert_array_equal(jax.grad(lambda x: relu(x).sum())(jnp.zeros(3)), jnp.zeros(3))


def test_a_para_keeps_its_names_and_initializers(tmp_path):
    arrow = from_jax(lambda x, w: x @ w, R(3), R(3, 2)).boxed("linear")
    model = Para(arrow, {"linear": {"w": Param(R(3, 2), Init("normal", {"stddev": 0.5}))}})
    save(model, tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    assert again == model and again.params == model.params
    np.testing.assert_array_equal(again.init(3)["linear"]["w"], model.init(3)["linear"]["w"])


def test_abstract_boxes_are_saved(tmp_path):
    d = Box("f", R(2), R(3)) >> Diagram.copy(R(3))
    save(d, tmp_path / "d.json")
    assert load(tmp_path / "d.json") == d


def test_what_has_no_written_form_is_refused_by_box_and_parameter(tmp_path):
    d = from_jax(lambda x: jax.pure_callback(np.sin, x, x), R(3))
    with pytest.raises(FileError, match="cannot save box 'pure_callback': its parameter 'callback'"):
        save(d, tmp_path / "d.json")
    model = Para(from_jax(lambda x, w: x * w, R(3), R(3)), {"w": Param(R(3), lambda k, s, d: jnp.zeros(s, d))})
    with pytest.raises(FileError, match="cannot save parameter w"):
        save(model, tmp_path / "m.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "d.json"
    save(Box("f", R(2), R(2)), path)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save(Box("g", R(2), R(2)), path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def _edit(path, change):
    data = json.loads(path.read_text())
    change(data)
    text = json.dumps(data["content"], separators=(",", ":"))
    data["digest"] = hashlib.sha256(f"1;{data['kind']};{text}".encode()).hexdigest()
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda d: d.update(version=99), "has version 99 and this Paralens reads up to 1"),
        (lambda d: d.update(version=-7), "has version -7"),
        (lambda d: d.update(version=True), "has version True"),
        (lambda d: d.update(format="other"), "not a Paralens file"),
        (lambda d: d["content"].pop("boxes"), "holds no diagram: KeyError"),
        (lambda d: d["content"]["diagrams"][0].update(inputs=[7, 1]), "reads a wire which no box before it writes"),
        (lambda d: d["content"]["diagrams"][0].update(inputs=[]), "lists 0 inputs of boxes"),
        (lambda d: d["content"]["diagrams"][0].update(outputs=[9]), "an output that is no wire"),
        (lambda d: d["content"]["diagrams"][0].update(ops=[0, 0]), r"takes R\(2\) and reads wire 1, which carries R"),
        (lambda d: d["content"]["boxes"][0].update(params={"x": {"$evil": 1}}), "unknown value tagged"),
    ],
)
def test_a_file_that_is_no_diagram_is_refused_with_its_reason(change, reason, tmp_path):
    path = tmp_path / "d.json"
    save(Box("f", R(2), R(3)) >> Box("g", R(3), R(2)), path)
    _edit(path, change)
    with pytest.raises(FileError, match=reason):
        load(path)


def test_a_truncated_or_altered_file_is_refused(tmp_path):
    path = tmp_path / "d.json"
    save(Box("f", R(2), R(3)), path)
    whole = path.read_text()
    path.write_text(whole[:-20])
    with pytest.raises(FileError, match="corrupt: not JSON"):
        load(path)
    path.write_text(whole.replace('"f"', '"h"'))
    with pytest.raises(FileError, match="does not have the digest"):
        load(path)
    path.write_text(whole.replace('"kind": "diagram"', '"kind": "para"'))
    with pytest.raises(FileError, match="does not have the digest"):
        load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(FileError, match="corrupt"):
        load(path)
    with pytest.raises(FileError, match="cannot read"):
        load(tmp_path / "nope.json")
    with pytest.raises(FileError, match="cannot write"):
        save(Box("f", R(2), R(3)), tmp_path / "no" / "d.json")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="corrupt"):
        load(path)


@pytest.mark.slow
def test_saved_functions_run_in_a_new_process(tmp_path):
    """A file names primitives; another process must find all of them."""
    expected = {}
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for i, (name, (f, *args)) in enumerate({**FUNCTIONS, **RARE}.items()):
            d = from_jax(f, *args)
            leaves = jax.tree.leaves(args)
            if any(jax.dtypes.issubdtype(getattr(x, "dtype", np.float32), jax.dtypes.prng_key) for x in leaves):
                continue
            try:
                save(d, tmp_path / f"{i}.json")
            except FileError:
                continue
            np.savez(tmp_path / f"{i}.npz", **{f"x{k}": np.asarray(x) for k, x in enumerate(leaves)})
            expected[i] = name
    code = (
        "import jax, jax.numpy as jnp, numpy as np; from paralens import load, to_jax\n"
        f"for i in {list(expected)}:\n"
        "    d, z = load(f'{i}.json'), np.load(f'{i}.npz')\n"
        "    xs = [jnp.asarray(z[f'x{k}'], w.dtype) for k, w in enumerate(d.dom.inside)]\n"
        "    jax.make_jaxpr(to_jax(d))(*xs)\n"
        "    print(i)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    done = [int(line) for line in run.stdout.split()]
    assert done == list(expected), (expected.get(list(expected)[len(done)]), run.stderr[-2000:])
