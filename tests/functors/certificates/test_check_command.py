"""`python -m paralens check`: what a name may stand for, exit statuses, files."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from paralens.__main__ import main

CODE = """
import jax, jax.numpy as jnp
from paralens import nn

model = nn.dense(2, 2)
square = (lambda x: x * x, 1.0, {"domain": [(-2, 2)]})

@jax.custom_jvp
def sine(x):
    return jnp.sin(x)

sine.defjvp(lambda xs, vs: (jnp.sin(*xs), -jnp.cos(*xs) * vs[0]))

def wrong():
    return sine, 1.0, {"domain": [(-2, 2)]}

class shelf:
    model = staticmethod(lambda: nn.dense(2, 2))

def noisy():
    return jnp.sin, 1.0

def needs(x):
    return x

def broken():
    raise RuntimeError("on purpose")

misfit = (jnp.sin, 1.0, {"effort": "heroic"})
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command on names of a module in an otherwise empty folder; gives the status and what was said."""
    name = f"cases_{os.path.basename(tmp_path).replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(CODE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])

    def command(attribute, *options):
        status = main(["check", f"{name}:{attribute}" if attribute else name, *options])
        said = capsys.readouterr()
        return status, said.out, said.err

    yield command
    sys.modules.pop(name, None)


def test_a_wrong_derivative_is_status_one_with_its_witness(run):
    status, out, _ = run("wrong")
    assert status == 1 and "WRONG" in out and "looks like a wrong sign" in out


def test_a_function_with_its_examples_and_facts_is_checked(run):
    status, out, err = run("square")
    assert (status, err) == (0, "") and "proved: 1 kind of box" in out and "effort standard, seed 0" in out


def test_models_and_what_gives_one_are_checked_and_told_in_files(run, tmp_path):
    status, out, _ = run("model", "--json", "it.json", "--draw", "it.svg", "--seed", "5")
    assert status == 0 and "dense/dot_general" in out and "seed 5" in out
    assert json.loads((tmp_path / "it.json").read_text())["seed"] == 5
    assert "correct" in (tmp_path / "it.svg").read_text()
    assert run("shelf.model")[0] == 0


@pytest.mark.parametrize(
    "name, words",
    [
        ("", "write module:name"),
        ("nothing", "has nothing called 'nothing'"),
        ("needs", "takes arguments"),
        ("broken", "on purpose"),
        ("jnp", "check takes a diagram"),
    ],
)
def test_what_cannot_be_checked_is_status_two_with_the_reason(run, name, words):
    status, out, err = run(name)
    assert (status, out) == (2, "") and words in err


def test_a_module_that_is_not_there_is_status_two(capsys):
    assert main(["check", "no_such_module:f"]) == 2
    assert "there is no module 'no_such_module'" in capsys.readouterr().err


def test_what_is_undecided_warns_on_stderr(run, monkeypatch):
    from paralens import Certificate, R, from_jax
    from paralens.functors.certificates.certificate import BoxCertificate

    d = from_jax(lambda x: x * x, R(1))
    row = BoxCertificate("mul", ("mul",), d, "undecided", "integral", "noise")
    monkeypatch.setattr("paralens.check", lambda *args, effort: Certificate(d, (row,), None, 0, effort))
    status, out, err = run("noisy", "--effort", "quick")
    assert status == 0 and "UNDECIDED" in out and "is not all decided" in err


@pytest.mark.slow
def test_the_command_runs_as_a_module(tmp_path):
    (tmp_path / "few.py").write_text("from paralens import nn\nmodel = nn.dense(2, 2)\n")
    command = [sys.executable, "-m", "paralens", "check", "few:model", "--effort", "quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "dense/dot_general" in done.stdout
