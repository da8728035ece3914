"""Tables of Markdown: numbers with their units, spreads and ratios.

A cell is the median, its quartiles in brackets, and after the *x* the ratio to the first program of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["BYTES", "SHOWN", "TIME", "Units", "agreement", "cell", "compared", "per_box", "shown", "table"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def compared(result: dict[str, Any]) -> str:
    """The table of programs that were compared: measures as rows, programs as columns."""
    names = list(result["measures"]["step"])
    rows = [
        [text, *[cell(result["measures"][measure][name], units) for name in names]]
        for measure, (text, units) in SHOWN.items()
        if measure in result["measures"]
    ]
    rows.append(["same program", *[result["same program"][name] for name in names]])
    return table(["", *names], rows)


def agreement(result: dict[str, Any]) -> str:
    """How far the results of the programs are from those of the first."""
    return ", ".join(f"{name} {value:.0e}" for name, value in result["difference"].items())


def cell(entry: dict[str, Any], units: Units) -> str:
    """Median, quartiles and ratio."""
    value, size, unit = entry["value"], *_scale(entry["value"]["median"], units)
    spread = f" [{value['low'] / size:.3g} … {value['high'] / size:.3g}]" if value["count"] > 1 else ""
    return f"{value['median'] / size:.4g} {unit}{spread} x {entry['ratio']['median']:.3f}"


def _scale(value: float, units: Units) -> tuple[float, str]:
    """The largest unit that is not above the value, or the last: its size and its name."""
    return next(((size, name) for name, size in units if value >= size), (units[-1][1], units[-1][0]))


def shown(value: float, units: Units) -> str:
    """A number with its unit."""
    size, unit = _scale(value, units)
    return f"{value / size:.3g} {unit}"


def per_box(time: float, n: int) -> str:
    """Seconds of n boxes, and of one."""
    return f"{shown(time, TIME)} ({1e6 * time / n:.2f} µs)"


def _counted(unit: str) -> Units:
    return (f"G{unit}", 1e9), (f"M{unit}", 1e6), (f"k{unit}", 1e3), (unit, 1.0)


Units = Sequence[tuple[str, float]]
TIME: Units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
BYTES = _counted("B")

SHOWN: dict[str, tuple[str, Units]] = {
    "trace and lower": ("trace and lower", TIME),
    "compile": ("compile", TIME),
    "forward": ("forward pass", TIME),
    "step": ("step", TIME),
    "flops": ("FLOPs of a step", _counted("FLOP")),
    "bytes": ("bytes accessed", BYTES),
    "temporary": ("temporary memory", BYTES),
}
