"""Programs of kinds that people publish are read, differentiated, saved, shown and certified."""

from functools import cache

import pytest

from programs.trying import STEPS, Trial
from programs.works import WORKS

pytestmark = pytest.mark.usefixtures("ordinary")


@cache
def trial(work):
    return Trial(work)


def tried(work, step):
    why = work.failing.get(step)
    marks = [pytest.mark.xfail(strict=False, reason=why)] if why else []
    return pytest.param(work, step, id=f"{work.name}, {step}", marks=marks)


@pytest.mark.long
@pytest.mark.parametrize("work, step", [tried(work, step) for work in WORKS for step in STEPS])
def test_a_published_kind_of_program_does_as_jax_does(work, step):
    getattr(trial(work), step)()


def test_there_are_twenty_kinds_of_programs_and_each_has_its_source():
    assert len({work.kind for work in WORKS}) == len(WORKS) >= 20
    assert all(work.source and set(work.failing) <= set(STEPS) for work in WORKS)
