"""The table of coverage names every primitive of JAX, and says truly how it is differentiated."""

import jax
import jax.numpy as jnp
import pytest

from paralens import R, from_jax
from paralens.categories.errors import DerivativeError
from paralens.diagrams.tracing.lookup import known
from paralens.functors.coverages import HANDLINGS, PROBES, coverage
from paralens.functors.derivative_rules import FACTS
from paralens.functors.derivatives.derivative import reverse


@pytest.fixture(scope="module")
def table():
    return coverage()


@pytest.fixture(scope="module")
def rows(table):
    return {row.primitive: row for row in table.rows}


def test_every_primitive_is_named_once_with_its_handling_and_how(table):
    names = [row.primitive for row in table.rows]
    assert names == sorted(known())
    assert all(row.handling in HANDLINGS and row.detail for row in table.rows)


def test_nothing_is_left_out_but_what_no_program_holds(rows):
    unknown = {name for name, row in rows.items() if row.detail.startswith("no public function")}
    assert unknown <= {"call"}


@pytest.mark.parametrize(
    "name, handling, detail",
    [
        ("sin", "written", "elementwise"),
        ("dot_general", "written", "bilinear"),
        ("scatter-add", "written", "linear"),
        ("sort", "written", "general"),
        ("floor", "silent", "locally constant"),
        ("jit", "nested", "read as a box with a definition"),
        ("scan", "nested", "as a box with the derivatives of its bodies"),
        ("custom_vjp_call", "nested", "by the rule that it carries"),
        ("custom_linear_solve", "oracle", "traced once"),
        ("psum", "oracle", "inside of a shard_map, which is traced as a whole"),
        ("schur", "refused", "Differentiation rule for 'schur' not implemented"),
        ("pmax", "refused", "Differentiation rule for 'pmax' not implemented"),
    ],
)
def test_each_way_of_handling_has_its_example(rows, name, handling, detail):
    assert rows[name].cells == (name, handling, detail)


def test_a_while_loop_is_said_to_go_forward_only(rows):
    assert rows["while"].handling == "nested"
    assert rows["while"].detail.startswith("not in reverse: a while loop has no reverse derivative")


def test_what_is_refused_says_why_without_addresses_in_memory(rows):
    assert "which a diagram cannot hold" in rows["get"].detail and "0x" not in rows["get"].detail
    assert rows["create_token"].detail == "a wire carries arrays, and cannot carry AbstractToken()"


def test_what_is_refused_for_lack_of_a_rule_is_refused_by_jax_too(rows):
    for name, row in rows.items():
        if "not implemented" in row.detail and row.handling == "refused":
            with pytest.raises(NotImplementedError, match=name):
                jax.jvp(PROBES[name], [jnp.eye(4)], [jnp.eye(4)])
            with pytest.raises(DerivativeError, match="not implemented"):
                reverse(from_jax(PROBES[name], R(4, 4)))


def test_no_fact_and_no_example_is_about_nothing(rows):
    some_versions = {"constant", "log2", "mulhi", "one_minus_square", "polynomial", "eval_jaxpr", "checkpoint"}
    assert {*FACTS, *PROBES} - set(rows) <= some_versions
    assert not set(PROBES) & set(FACTS)


def test_the_table_is_shown_as_text_and_in_a_notebook(table):
    text, html = str(table), table._repr_html_()
    assert table.note in text and f"JAX {jax.__version__}" in table.note
    assert sum(line.startswith("gather ") for line in text.splitlines()) == 1
    assert html.count("<tr>") == len(table.rows) + 1 and "&#x27;schur&#x27;" in html
    assert repr(table) == f"<Coverage of {table.note}>"


def test_the_table_is_the_same_every_time(table):
    assert coverage() == table
