"""Documentation is tested: code blocks of Markdown files, docstring examples of every module, examples, links."""

import doctest
import importlib
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import paralens

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(
    ".".join(("paralens", *p.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for room in ("categories", "diagrams", "functors", "backends")
    for p in (ROOT / room).rglob("*.py")
)
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_code_block_of_a_page_runs_and_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filled = runpy.run_path(str(ROOT / "docs" / "outputs.py"))["filled"]
    assert filled(page.read_text(), page.name) == page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_and_pictures_of_a_page_exist(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name, tmp_path):
    module = importlib.import_module(name)
    public = {n: getattr(paralens, n) for n in paralens.__all__}
    names = {**public, **vars(module), "jax": jax, "jnp": jnp, "folder": tmp_path}
    if not hasattr(module, "json"):
        import json

        names["json"] = json
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for test in doctest.DocTestFinder(exclude_empty=True).find(module, name, globs=names):
            runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_examples_run(path, tmp_path):
    run = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ))
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_pictures_of_the_documentation_are_made_by_its_command(tmp_path, monkeypatch):
    made = runpy.run_path(str(ROOT / "docs" / "make_pictures.py"))
    monkeypatch.setitem(made["main"].__globals__, "FOLDER", tmp_path)
    made["main"]()
    kept = {p.name: p for p in (ROOT / "docs" / "pictures").glob("*.svg")}
    assert {p.name for p in tmp_path.glob("*.svg")} == set(kept)
    assert (tmp_path / "mlp.svg").read_text() == kept["mlp.svg"].read_text()
