"""Wrong derivatives that people reported are found, and the same functions mended raise no alarm."""

import pytest

from paralens import check
from programs.records import checked
from programs.reports import REPORTS

pytestmark = pytest.mark.usefixtures("ordinary")


def each(field):
    def marks(report):
        why = getattr(report, field)
        return [pytest.mark.xfail(strict=False, reason=why)] if why else []

    return pytest.mark.parametrize("report", [pytest.param(r, id=r.name, marks=marks(r)) for r in REPORTS])


@pytest.mark.long
@each("missed")
def test_a_derivative_that_was_reported_wrong_is_found(report):
    found = checked(report.build(), check, **report.facts)
    assert report.meets(found), str(found)


@pytest.mark.long
@each("alarmed")
def test_the_same_function_mended_raises_no_alarm(report):
    found = checked(report.mended(), check, **report.facts)
    assert found.ok, str(found)


def test_there_are_twenty_reports_and_each_has_its_source():
    assert len({report.source for report in REPORTS}) >= 20
    assert len({report.name for report in REPORTS}) == len(REPORTS)
