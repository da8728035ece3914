"""Tries the reports and the programs of tests/programs and writes docs/tried.md: `make tried`."""

import sys
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from programs.records import checked  # noqa: E402
from programs.reports import REPORTS  # noqa: E402
from programs.trying import STEPS, Trial  # noqa: E402
from programs.works import WORKS  # noqa: E402

from paralens import check  # noqa: E402

PAGE = Path(__file__).parent / "tried.md"
HEAD = """# Tried on what others reported and wrote

This page was written by `make tried`, which tries the cases of `tests/programs` on the installed Paralens and JAX. The
code of every case is our own: of a report the kind of fault is taken, of a program the kind of computation.

## Wrong derivatives that were reported

Beside the verdict of each faulty function stands that of the same function mended.

| case | reported in | fault | verdict | mended |
| --- | --- | --- | --- | --- |
"""
MIDDLE = """
## Programs

Value, reverse and forward are compared with JAX; the diagram is saved and read again, simplified (with its value and
gradient compared once more), drawn, summed up, run as source text, and checked by the quick effort.

| program | kind | as published in | agrees | certificate |
| --- | --- | --- | --- | --- |
"""


def verdict(built, facts):
    """The verdict of a check, or the error that came instead."""
    try:
        return checked(built, check, **facts)
    except Exception as failure:
        return type(failure).__name__


def report_row(report):
    faulty, mended = (verdict(make(), report.facts) for make in (report.build, report.mended))
    said, again = (getattr(found, "verdict", found) for found in (faulty, mended))
    met = not isinstance(faulty, str) and report.meets(faulty)
    said = said if met else f"{said}, where {report.expected} is right"
    again = f"{again}, where nothing is wrong" if again == "wrong" else again
    return report.name, _where(report.source), report.kind, said, again


def work_row(work):
    trial, failed = Trial(work), []
    for step in STEPS[:-1]:
        try:
            getattr(trial, step)()
        except Exception as failure:
            failed.append(f"{step}: {type(failure).__name__}")
    found = verdict((trial.f, trial.examples), {"effort": "quick"})
    agrees = "in all" if not failed else "not in " + ", ".join(failed)
    said = getattr(found, "verdict", found)
    return work.name, work.kind, work.source, agrees, f"{said}: it stops gradients" if work.stopped else said


def _where(source):
    repository, number = source.split("#")
    return f"[{source}](https://github.com/{repository}/issues/{number})"


def written():
    """The rows of the page as it is, by the name of their case."""
    lines = PAGE.read_text().splitlines() if PAGE.exists() else []
    return {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}


def main():
    """Try all cases, or those named on the command line, and write the page anew with the rows of the others."""
    warnings.simplefilter("ignore", RuntimeWarning)  # of numbers that are not finite, which some cases are about
    named, rows = set(sys.argv[1:]), written()
    for make, records in ((report_row, REPORTS), (work_row, WORKS)):
        for record in records:
            if named and record.name not in named:
                continue
            start = time.time()
            rows[record.name] = f"| {' | '.join(make(record))} |"
            print(f"{time.time() - start:6.1f} s  {rows[record.name]}", flush=True)
            tables = ["".join(f"{rows[r.name]}\n" for r in found if r.name in rows) for found in (REPORTS, WORKS)]
            PAGE.write_text(HEAD + tables[0] + MIDDLE + tables[1])


if __name__ == "__main__":
    main()
