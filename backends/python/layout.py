"""Lines: a long line is broken after the commas of its outermost brackets, and its brackets again if need be.

>>> broken("total = f(first, second, g(third, fourth))", 24)
['total = f(', '    first,', '    second,', '    g(third, fourth),', ')']
"""

from __future__ import annotations

import re

__all__ = ["WIDTH", "broken", "indented"]

WIDTH = 100


def broken(line: str, width: int = WIDTH) -> list[str]:
    """The line as lines no longer than `width`, where brackets allow it."""
    done: list[str] = []
    todo = [line]
    while todo:
        here = todo.pop()
        parts = _parts(here) if len(here) > width else None
        if parts is None:
            done.append(here)
        else:
            todo.extend(reversed(parts))
    return done


def indented(lines: list[str]) -> list[str]:
    """The lines one level further in."""
    return [f"    {line}" if line else line for line in lines]


def _parts(line: str) -> list[str] | None:
    """The line up to its widest bracket, what stands between its commas, and the rest; nothing without a bracket."""
    spans = _brackets(line)
    if not spans:
        return None
    start, stop, commas = max(spans, key=lambda s: s[1] - s[0])
    if stop - start < 20:
        return None
    margin = " " * (len(line) - len(line.lstrip()) + 4)
    if not commas:
        inner = line[start + 1 : stop]
        return None if " for " in inner else [line[: start + 1], f"{margin}{inner}", f"{margin[4:]}{line[stop:]}"]
    ends = [*commas, stop]
    items = [line[a + 1 : b].strip() for a, b in zip([start, *commas], ends, strict=True)]
    items = [i for i in items if i]
    return [line[: start + 1], *[f"{margin}{i}," for i in items], f"{margin[4:]}{line[stop:]}"]


def _brackets(line: str) -> list[tuple[int, int, list[int]]]:
    """The outermost brackets with the commas directly in them; strings are stepped over."""
    found: list[tuple[int, int, list[int]]] = []
    depth, start, commas = 0, -1, []
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[()\[\]{},]', line):
        mark = token[0]
        if mark in "([{":
            if depth == 0:
                start, commas = token.start(), []
            depth += 1
        elif mark in ")]}":
            depth = max(depth - 1, 0)  # the line may begin with the end of a bracket
            if depth == 0 and start >= 0:
                found.append((start, token.start(), commas))
                start = -1
        elif mark == "," and depth == 1:
            commas.append(token.start())
    return found
