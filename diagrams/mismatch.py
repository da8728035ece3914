"""The text of a composition error: both boxes, the wire and both types, all mismatches at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .graph import Graph
    from .syntax import Diagram

__all__ = ["explain", "givers", "takers"]


def explain(left: Diagram, right: Diagram) -> str:
    """Why `left >> right` does not compose."""
    gives, takes = left.cod.inside, right.dom.inside
    sources, targets = givers(left.graph), takers(right.graph)
    lines = [
        f"{sources[i]} gives {a} but {targets[i]} takes {b} (wire {i})"
        for i, (a, b) in enumerate(zip(gives, takes, strict=False))
        if a != b
    ]
    if len(gives) != len(takes):
        lines = lines[:1]
        if len(gives) > len(takes):
            more = [f"{sources[i]} gives {gives[i]}" for i in range(len(takes), len(gives))]
            lines.append(f"{len(gives)} wires meet {len(takes)}: nothing takes what {'; '.join(more[:4])}")
        else:
            more = [f"{targets[i]} takes {takes[i]}" for i in range(len(gives), len(takes))]
            lines.append(f"{len(gives)} wires meet {len(takes)}: nothing gives what {'; '.join(more[:4])}")
    shown = lines if len(lines) <= 8 else [*lines[:8], f"... and {len(lines) - 8} more"]
    return "cannot compose: " + "; ".join(shown)


def givers(graph: Graph) -> list[str]:
    """For each wire of the codomain, the name of the box that writes it, or `input i`."""
    names = [f"input {i}" for i in range(len(graph.dom))]
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
