"""The part of a diagram up to a box: a box along the image of whatever flows into the whole.

Curves between the values that a box met leave what can flow into it: a product of a matrix and its transpose is
symmetric, copies of one value are equal. A curve of the whole stays within. So a box is accused where the composite of
it with all that comes before it has a wrong derivative.

>>> d = from_jax(lambda x: jnp.cos(jnp.sin(x) * 2.0), R(3))
>>> [box.op for box in upto(d, "mul").boxes]
['sin', 'constant', 'mul']
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ....categories.errors import PathError
from ....diagrams.box import Box
from ....diagrams.graph import Builder, normal_form
from ....diagrams.syntax import Diagram
from ....diagrams.traversal import Open, inside_unruled, interpret
from ....diagrams.types import Ty

__all__ = ["after", "upto"]


def upto(d: Diagram, path: str, *, before: bool = False) -> Diagram:
    """The diagram from the inputs to what the box at a path gives; what is in a loop or a branch counts as that.

    With `before` it is that to what the box reads. Definitions around the box are opened.
    """
    build = Builder(d.dom)
    ends: list[tuple[Sequence[int], Ty]] = []

    def at(box: Box, wires: Sequence[int]) -> Sequence[int]:
        made = build.add(box, wires)
        ends.append((wires, box.dom) if before else (made, box.cod))
        return made

    _through(d, path, build, range(d.n_in), at)
    return Diagram.of_graph(normal_form(build.finish(*ends[0])))


def after(d: Diagram, path: str) -> Diagram | None:
    """The diagram from its inputs, and then what the box at a path gives, to the outputs; None where it is in a loop.

    The box itself is not in it: its outputs come from outside.
    """
    end = upto(d, path).cod
    build = Builder(d.dom @ end)
    found: list[bool] = []

    def at(box: Box, wires: Sequence[int]) -> Sequence[int]:
        found.append(True)
        return range(d.n_in, d.n_in + len(end))

    outputs = _through(d, path, build, range(d.n_in), at, exact=True)
    return Diagram.of_graph(normal_form(build.finish(outputs, d.cod))) if found else None


def _through(
    d: Diagram,
    target: str,
    build: Builder,
    wires: Sequence[int],
    at: Callable[[Box, Sequence[int]], Sequence[int]],
    exact: bool = False,
) -> list[int]:
    """Add a diagram to the graph under construction, opened around the box at a path, for which `at` stands.

    With `exact` it does not for a loop or a branch that the box is in. Raises `PathError` where there is no such box.
    """
    found = False

    def rule(box: Box, *wires: int, path: str) -> Sequence[int] | Open:
        nonlocal found
        around = target.startswith(f"{path}/")
        if around and inside_unruled(box) is not None:
            return Open()
        found |= around or path == target
        return at(box, wires) if path == target or (around and not exact) else build.add(box, wires)

    made = interpret(d.graph, rule, list(wires), path="")
    if not found:
        raise PathError(f"no box {target}")
    return made
