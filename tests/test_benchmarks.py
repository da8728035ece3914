"""The benchmarks run, at their smallest, and their tables have every part."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTESTANTS = {"JAX", "Paralens", "Equinox", "Flax NNX", "JAX again", "JAX, dict"}
MEASURES = {"trace and lower", "compile", "forward", "step", "flops", "bytes", "temporary"}
STAGES = {"compose", "flatten", "hash", "interpret", "save", "load"}
FLAGS = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
# the deeper ones are the code of the first
CASES = {"mlp4", "conv", "transformer"}


def benchmarks(*options):
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks", *options]
    # XLA's own passes, which the counts come from, stay on; only the machine code is not optimized
    environment = os.environ | {"XLA_FLAGS": FLAGS}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The output and the numbers of one run at the smallest size."""
    file = tmp_path_factory.mktemp("benchmarks") / "numbers.json"
    run = benchmarks("--tiny", "--json", str(file), "--only", "syntax", *sorted(CASES))
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(file.read_text())


def test_every_model_has_every_measure_of_every_contestant(ran):
    models = ran[1]["models"]
    assert set(models) == CASES
    for result in models.values():
        assert set(result["measures"]) == MEASURES
        for cells in result["measures"].values():
            assert set(cells) == CONTESTANTS
            assert all(cell["value"]["median"] >= 0 for cell in cells.values())
            assert cells["JAX"]["ratio"]["median"] == 1


def test_the_contestants_compute_the_same(ran):
    for result in ran[1]["models"].values():
        assert max(result["difference"].values()) < 1e-4


def test_the_compiled_program_of_a_diagram_costs_what_the_handwritten_one_costs(ran):
    for result in ran[1]["models"].values():
        assert result["measures"]["flops"]["Paralens"]["ratio"]["median"] <= 1.005
        assert result["measures"]["temporary"]["Paralens"]["ratio"]["median"] <= 1.02
        assert result["same program"]["JAX again"]


def test_syntax_has_every_stage_of_every_size_and_exponents(ran):
    syntax = ran[1]["syntax"]
    assert all(set(run["seconds"]) == STAGES for run in syntax["sizes"].values())
    assert len(syntax["sizes"]) == 2
    assert set(syntax["exponents"]) == {*STAGES, "discopy"}


def test_every_budget_says_its_limit_and_whether_it_is_met(ran):
    output, results = ran
    assert len(results["budgets"]) == 3 * len(CASES) + len(STAGES)
    assert all(b["met"] == (b["value"] <= b["limit"]) for b in results["budgets"])
    assert {"processor", "cores", "Python", "jax", "equinox", "flax", "date", "command"} <= set(results["environment"])
    assert "Benchmarks" in output and "Syntax at scale" in output


def test_a_part_that_does_not_exist_is_refused():
    run = benchmarks("--only", "lstm")
    assert run.returncode == 2
    assert "invalid choice: 'lstm'" in run.stderr
