"""The wheel: what users install holds the library, its types and its licence, and no tests."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("categories", "diagrams", "functors", "backends")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from a copy of the sources, without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in (*ROOMS, "tests", "docs", "examples", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.py"), *(ROOT / n for n in ("pyproject.toml", "README.md", "LICENSE", "py.typed"))):
        shutil.copy(path, source)
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out, source]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {f"paralens/{p.relative_to(ROOT)}" for room in ROOMS for p in (ROOT / room).rglob("*.py")}
    assert modules | {"paralens/__init__.py", "paralens/__main__.py", "paralens/py.typed"} <= names
    assert not [n for n in names if "test" in n or "benchmark" in n or "example" in n or "conftest" in n]
    assert any(n.endswith("LICENSE") for n in names)


@pytest.mark.slow
def test_the_wheel_imports_and_runs_from_any_folder(wheel, tmp_path):
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import paralens; "
        f"assert paralens.__file__.startswith({str(site)!r}), paralens.__file__; "
        "from paralens import nn, draw; draw(nn.dense(2, 3)).save('d.svg'); print(paralens.__version__)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, check=True, capture_output=True, text=True)
    assert run.stdout.strip() and (elsewhere / "d.svg").exists()


def test_the_command_line_says_its_version_and_refuses_what_it_does_not_know(capsys):
    from paralens.__main__ import main

    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0 and "paralens" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["dance"])
    assert stop.value.code == 2


def test_the_demo_reaches_its_goal_and_says_where_the_pictures_are(tmp_path, capsys):
    from paralens.__main__ import main

    with jax.numpy_dtype_promotion("standard"):  # optax promotes
        assert main(["demo", "--out", str(tmp_path), "--epochs", "8"]) == 0
    said = capsys.readouterr().out
    assert "held-out images are read correctly" in said and "digits.png" in said
    assert "as it is: intensional" in said and "planted: wrong" in said and "leaking wrong" in said
    for name in ("digits", "digits_open", "digits_backward", "digits_learner"):
        assert (tmp_path / f"{name}.svg").read_text().startswith("<svg")
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
