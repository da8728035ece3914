"""The benchmarks run, at their smallest, and their tables have every part."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTESTANTS = {"JAX", "JAX, dict", "Paralens", "Paralens, jax.grad", "Equinox", "Flax NNX", "JAX again"}
MEASURES = {"trace and lower", "compile", "step", "flops", "bytes", "temporary"}
STAGES = {"compose", "flatten", "hash", "interpret", "save", "load"}
DERIVATIVES = {"reverse", "forward", "lens"}
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
    return run_of(tmp_path_factory, "syntax", "mlp4", "second-mlp4", "epoch", "imports", "reading")


@pytest.fixture(scope="module")
def ran_longer(tmp_path_factory):
    """The same of what takes long to compile."""
    return run_of(tmp_path_factory, "conv", "transformer", "second-transformer", "repetition")


@pytest.fixture(scope="module")
def ran_checks(tmp_path_factory):
    """The same of finding wrong derivatives."""
    return run_of(tmp_path_factory, "certifying")


def run_of(tmp_path_factory, *parts):
    file = tmp_path_factory.mktemp("benchmarks") / "numbers.json"
    run = benchmarks("--tiny", "--json", str(file), "--only", *parts)
    assert run.returncode == 0, run.stderr
    return run.stdout, json.loads(file.read_text())


def ratio(cell):
    return cell["ratio"]["median"]


def costs_as_much(result, name):
    """Whether XLA counts the same floating point operations and temporary memory as of hand-written JAX."""
    measures = result["measures"]
    return ratio(measures["flops"][name]) <= 1.005 and ratio(measures["temporary"][name]) <= 1.02


def check_model(result):
    assert set(result["measures"]) == MEASURES | {"forward"}
    for cells in result["measures"].values():
        assert set(cells) == CONTESTANTS
        assert all(cell["value"]["median"] >= 0 for cell in cells.values())
        assert ratio(cells["JAX"]) == 1
    assert max(result["difference"].values()) < 1e-4
    assert costs_as_much(result, "Paralens")
    assert result["same program"]["JAX again"] == "yes"


def check_second_order(result):
    assert set(result["measures"]) == MEASURES
    assert result["difference"]["Paralens"] < 1e-4
    assert costs_as_much(result, "Paralens")
    assert set(result["trace"]) == {"JAX", "Paralens"}


def test_a_model_has_every_measure_of_every_contestant_and_they_compute_the_same(ran):
    assert set(ran[1]["models"]) == {"mlp4"}
    check_model(ran[1]["models"]["mlp4"])


@pytest.mark.slow
def test_the_other_models_run_too(ran_longer):
    models = ran_longer[1]["models"]
    assert set(models) == {"conv", "transformer"}
    for result in models.values():
        check_model(result)
    check_second_order(ran_longer[1]["second order"]["transformer"])


def test_the_step_of_a_learner_is_the_handwritten_program_but_for_signs(ran):
    assert ran[1]["models"]["mlp4"]["same program"]["Paralens"] in ("yes", "but for signs")


def test_python_is_measured_warm_with_emptied_caches_and_in_fresh_processes(ran):
    python = ran[1]["models"]["mlp4"]["python"]
    assert list(python) == ["warm", "emptied", "fresh"]
    for rows in python.values():
        assert {"reverse", "hand over to JAX", "together", "JAX traces the gradient"} < set(rows)
        assert all(row["value"]["median"] > 0 for row in rows.values())


def test_hessian_vector_products_agree_and_cost_what_the_handwritten_one_costs(ran):
    check_second_order(ran[1]["second order"]["mlp4"])


@pytest.mark.slow
def test_repetition_is_measured_by_growth_step_and_memory(ran_longer):
    result = ran_longer[1]["repetition"]
    assert set(result["growth"]) == {"repeat, n = 2", "repeat, n = 3", "unrolled, n = 2"}
    assert set(result["step"]["measures"]["step"]) == {"JAX", "repeat", "unrolled", "JAX again"}
    policies = {"JAX", "JAX, checkpoint", "store", "recompute", "JAX again"}
    assert set(result["memory"]["measures"]["step"]) == policies
    assert max(result["memory"]["difference"].values()) < 1e-4
    assert ratio(result["memory"]["saved"]["temporary"]) < 1
    assert len([b for b in ran_longer[1]["budgets"] if b["what"].startswith("repeat")]) == 11
    assert "Repetition" in ran_longer[0]


def test_an_epoch_is_measured_as_a_scan_and_as_a_loop(ran):
    result = ran[1]["epoch"]
    assert len(result["epoch"]) == 5
    assert max(result["difference"].values()) < 1e-4


def test_syntax_has_every_stage_of_every_size_and_exponents(ran):
    syntax = ran[1]["syntax"]
    for sizes, stages in ((syntax["sizes"], STAGES), (syntax["derivatives"], DERIVATIVES)):
        assert len(sizes) == 2
        assert all(set(run["seconds"]) == stages for run in sizes.values())
    assert set(syntax["exponents"]) == {*STAGES, *DERIVATIVES, "discopy"}


def test_imported_programs_agree_with_jax_and_are_traced_beside_it(ran):
    found = ran[1]["imports"]
    assert set(found) == {
        *[f"{model}, {library}" for model in ("mlp64", "transformer") for library in ("JAX", "Equinox", "Flax NNX")],
        "llama, JAX",
    }
    for program in found.values():
        assert program["difference"] < 1e-4
        assert set(program["rows"]) == {
            "from_jax",
            "reverse",
            "hand over to JAX",
            "together",
            "JAX traces the gradient",
            "JAX traces the value",
        }


def test_reading_a_gradient_is_measured_and_grows_with_the_number_of_boxes(ran):
    reading = ran[1]["reading"]
    assert len(reading["sizes"]) == 2 and set(reading["exponents"]) == {"simplify", "listing"}
    for run in reading["sizes"].values():
        assert run["left"] < run["boxes"] and run["lines"] >= run["boxes"] // 2
    assert all(n > 10 for n in reading["transformer"]["lines"].values())


@pytest.mark.slow
def test_wrong_derivatives_are_looked_for_by_every_method(ran_checks):
    shown, found = ran_checks[0], ran_checks[1]["certifying"]
    assert set(found["corpus"]) == {"check_grads", "check_grads with points", "check"}
    assert found["corpus"]["check"]["found"][0] == found["corpus"]["check"]["found"][1] > 0
    assert found["corpus"]["check"]["alarms"][0] == 0
    assert "Finding wrong derivatives" in shown


def test_every_budget_says_its_limit_and_whether_it_is_met(ran):
    output, results = ran
    assert len(results["budgets"]) == 4 + 4 + 2 + len(STAGES | DERIVATIVES) + 3 + 7
    assert all(b["met"] == (b["value"] <= b["limit"]) for b in results["budgets"])
    assert {"processor", "cores", "Python", "jax", "equinox", "flax", "date", "command"} <= set(results["environment"])
    for title in (
        "Benchmarks",
        "Second order",
        "An epoch",
        "Imported programs",
        "Syntax at scale",
        "Reading a derivative",
    ):
        assert title in output


def test_a_part_that_does_not_exist_is_refused():
    run = benchmarks("--only", "lstm")
    assert run.returncode == 2
    assert "invalid choice: 'lstm'" in run.stderr
