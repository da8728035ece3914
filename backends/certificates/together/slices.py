"""The part of a diagram up to a box: a box along the image of whatever flows into the whole.

Curves between the values that a box met leave what can flow into it: a product of a matrix and its transpose is
symmetric, copies of one value are equal. A curve of the whole stays within. So a box is accused where the composite of
it with all that comes before it has a wrong derivative.

>>> d = from_jax(lambda x: jnp.cos(jnp.sin(x) * 2.0), R(3))
>>> [box.op for box in upto(d, "mul").boxes]
['sin', 'constant', 'mul']
"""

from __future__ import annotations

from ....diagrams.box import Box
from ....diagrams.graph import Builder, Graph, normal_form
from ....diagrams.primitives import traits
from ....diagrams.syntax import Diagram

__all__ = ["after", "upto"]


def upto(d: Diagram, path: str, *, before: bool = False) -> Diagram:
    """The diagram from the inputs to what the box at a path gives; what is in a loop or a branch counts as that.

    With `before` it is that to what the box reads. Definitions around the box are opened.
    """
    build = Builder(d.dom)
    graph, env, parts = d.graph, list(range(d.n_in)), path.split("/")
    while True:
        reads: list[int] = []
        for name, (box, inputs, _) in zip(graph.names(), graph.nodes(), strict=True):
            reads = [env[i] for i in inputs]
            if name == parts[0]:
                break
            env.extend(build.add(box, reads))
        else:
            raise ValueError(f"no box {path}")
        inside, parts = _inside(box, parts[1:])
        if inside is None:
            made = build.finish(reads, box.dom) if before else build.finish(list(build.add(box, reads)), box.cod)
            return Diagram.of_graph(normal_form(made))
        graph, env = inside.graph, reads


def _inside(box: Box, parts: list[str]) -> tuple[Diagram | None, list[str]]:
    """What a box runs in its place, and the rest of a path into it; None where the path ends, or goes into a loop."""
    if not parts:
        return None, parts
    if not box.op and box.definition is not None:
        return box.definition, parts
    if traits(box.op).calling:
        label, body = next(iter(box.bodies.items()))
        return body, parts[1:] if label and parts[0] == label else parts
    return None, parts


def after(d: Diagram, path: str) -> Diagram | None:
    """The diagram from its inputs, and then what the box at a path gives, to the outputs; None where it is in a loop.

    The box itself is not in it: its outputs come from outside.
    """
    end = upto(d, path).cod
    build = Builder(d.dom @ end)
    outputs = _replaced(build, d.graph, list(range(d.n_in)), path.split("/"), list(range(d.n_in, d.n_in + len(end))))
    return None if outputs is None else Diagram.of_graph(normal_form(build.finish(outputs, d.cod)))


def _replaced(build: Builder, graph: Graph, env: list[int], parts: list[str], instead: list[int]) -> list[int] | None:
    for name, (box, inputs, _) in zip(graph.names(), graph.nodes(), strict=True):
        reads = [env[i] for i in inputs]
        if name != parts[0]:
            env.extend(build.add(box, reads))
            continue
        inside, rest = _inside(box, parts[1:])
        made = instead if not parts[1:] else None
        if inside is not None:
            made = _replaced(build, inside.graph, reads, rest, instead)
        if made is None:
            return None
        env.extend(made)
    return [env[i] for i in graph.outputs.tolist()]
