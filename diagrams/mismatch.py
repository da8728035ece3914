"""The text of a composition error: both boxes, the wire and both types, all mismatches at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .graph import Graph
    from .syntax import Diagram

__all__ = ["explain", "givers", "takers"]


def explain(left: Diagram, right: Diagram, gives: int | None = None, takes: int | None = None) -> str:
    """Why `left >> right` does not compose; `gives` and `takes` count the wires that meet, all by default."""
    given = left.cod.inside[: left.n_out if gives is None else gives]
    taken = right.dom.inside[: right.n_in if takes is None else takes]
    sources, targets = givers(left.graph), takers(right.graph)
    lines = [
        f"{sources[i]} gives {a} but {targets[i]} takes {b} (wire {i})"
        for i, (a, b) in enumerate(zip(given, taken, strict=False))
        if a != b
    ]
    for i in range(len(taken), len(given)):
        lines.append(f"{sources[i]} also gives {given[i]} (wire {i}), which nothing takes")
    for i in range(len(given), len(taken)):
        lines.append(f"{targets[i]} also takes {taken[i]} (wire {i}), which nothing gives")
    shown = lines if len(lines) <= 8 else [*lines[:8], f"... and {len(lines) - 8} more"]
    return "cannot compose: " + "; ".join(shown)


def givers(graph: Graph) -> list[str]:
    """For each wire of the codomain, the name of the box that writes it, or `input i`."""
    names = [f"input {i}" for i in range(len(graph.dom))]
    # by hand, here and below: the kit of traversals stands on diagrams, whose errors these are
    for name, (_, _, writes) in zip(graph.names(), graph.nodes(), strict=True):
        names.extend([name] * len(writes))
    return [names[i] for i in graph.outputs.tolist()]


def takers(graph: Graph) -> list[str]:
    """For each wire of the domain, the name of the first box that reads it, or `output i`."""
    found = ["nothing"] * len(graph.dom)
    for i, w in enumerate(graph.outputs.tolist()):
        if w < len(found):
            found[w] = f"output {i}"
    for name, (_, reads, _) in reversed(list(zip(graph.names(), graph.nodes(), strict=True))):
        for w in reads:
            if w < len(found):
                found[w] = name
    return found
