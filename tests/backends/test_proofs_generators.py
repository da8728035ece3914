"""Every written derivative rule is proved: what it says is equal to the derivative that sympy finds."""

import pytest
from agreement import every_box
from jax import lax
from small_cases import CASES

from paralens import R, from_jax, reverse
from paralens.backends.sympy.proofs import prove
from paralens.functors.derivative_rules import FACTS
from paralens.functors.derivative_rules.facts import LocallyConstant
from paralens.functors.derivatives.derivative import forward

# What is not proved, each with a part of the reason that is told, in the cases themselves.
UNDECIDED = {case.name: case.undecided for case in CASES if case.undecided}


@pytest.mark.parametrize("case", [c for c in CASES if not c.undecided], ids=lambda c: c.name)
def test_the_rule_is_proved_in_both_modes(case):
    found = prove(from_jax(case.f, *case.types), known=case.known)
    assert found, str(found)
    assert found.mode == "reverse and forward"


@pytest.mark.parametrize("case", [c for c in CASES if c.undecided], ids=lambda c: c.name)
def test_what_is_not_proved_is_undecided_for_the_reason_that_is_listed(case):
    found = prove(from_jax(case.f, *case.types), known=case.known)
    assert found.verdict == "undecided"
    assert case.undecided in found.reason


def test_every_rule_has_a_case():
    seen = set()
    for case in CASES:
        d = from_jax(case.f, *case.types)
        seen |= {b.op for e in (d, reverse(d), forward(d)) for b in every_box(e)}
    missing = {op for op, fact in FACTS.items() if not isinstance(fact, LocallyConstant)} - seen
    assert missing <= {"log2", "one_minus_square", "polynomial"}  # what only some versions of JAX have


@pytest.mark.slow
def test_the_rule_of_singular_vectors_is_proved():
    assert prove(from_jax(lambda x: lax.linalg.svd(x, full_matrices=False), R(2, 2)))


def test_the_rules_that_are_not_proved_are_these():
    assert set(UNDECIDED) == {"bessel_i1e", "eig", "random_gamma"}
