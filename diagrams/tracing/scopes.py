"""The scopes of a program as closed boxes: `jax.named_scope`, and the modules of Flax, Haiku and Equinox.

A reader notes for every node the scopes that it was traced in, outermost first. Closing takes each maximal run of nodes
in one scope, in the order of the program, to one box that is named by the scope and whose definition is the run, and
goes on inside. A run of a topological order is convex (no path leaves it and comes back), so no cycle arises; a scope
that is entered twice gives two boxes. Opening all of them gives the graph back: closing changes no value and no
derivative. Scalar constants go inside with those who read them, and equal runs have one definition, so that the blocks
of a model are differentiated, traced and compiled as one.

A scope around the whole program is the diagram itself, and gets no box.

>>> def f(x):
...     with jax.named_scope("inner"):
...         y = jnp.sin(x) * 2.0
...     return y + x
>>> d = from_jax(f, R(3))
>>> [box.name for box in d.boxes], [box.name for box in d.at("inner").definition.boxes]
(['inner', 'add'], ['sin', '2.0', 'mul'])
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from ..box import Box
from ..cache import derived
from ..graph import Builder, Graph
from ..syntax import Diagram
from ..types import Ty

__all__ = ["Scopes", "closed", "noted", "scopes_of"]

Scopes = tuple[str, ...]
Node = tuple[Box, tuple[int, ...], Sequence[int], Scopes]


@lru_cache(maxsize=4096)
def scopes_of(stack: str) -> Scopes:
    """The scopes in the text of a name stack, outermost first.

    Transformations wrap the names of scopes: `transpose(jvp(Block))` is the way back through a block, and stays so
    called, while a block under `vmap` is the block.
    """
    found, depth, part = [], 0, ""
    for c in f"{stack}/":
        depth += (c == "(") - (c == ")")
        if c == "/" and depth == 0:
            found.append(_plain(part))
            part = ""
        else:
            part += c
    # jnp.einsum scopes its products by its subscripts, which name no part of a program
    return tuple(name for name in found if name and "->" not in name)


def _plain(name: str) -> str:
    while name.startswith("vmap(") and name.endswith(")"):
        name = name[len("vmap(") : -1]
    return "" if name.endswith("()") or "()" in name else name.replace("/", "|")


def noted(d: Diagram, scopes: Sequence[Scopes]) -> Diagram:
    """The diagram with the scopes of its nodes noted on it."""
    if any(scopes):
        derived(d, "scopes", lambda: tuple(scopes))
    return d


def closed(d: Diagram, made: dict[int, Any] | None = None) -> Diagram:
    """The diagram with the scopes noted in it, and in the bodies of its boxes, as closed boxes."""
    made = {} if made is None else made
    if id(d) in made:
        return made[id(d)]
    graph, scopes = d.graph, derived(d, "scopes", tuple)
    table = tuple(_inside(box, made) for box in graph.table)
    if any(new is not old for new, old in zip(table, graph.table, strict=True)):
        graph = Graph(graph.dom, graph.cod, table, graph.ops, graph.inputs, graph.outputs)
    new = Diagram.of_graph(_Closing(graph, scopes, made).graph) if scopes else Diagram.of_graph(graph)
    made[id(d)] = d if not scopes and graph is d.graph else new
    return made[id(d)]


def _inside(box: Box, made: dict[int, Any]) -> Box:
    """The box with scopes closed in its bodies; a box with its own rules stays as its rules know it."""
    if id(box) not in made:
        bodies = {} if box.rules else box.bodies
        new = {label: closed(body, made) for label, body in bodies.items()}
        changed = any(new[label] is not body for label, body in bodies.items())
        made[id(box)] = box.with_bodies(new) if changed else box
    return made[id(box)]


class _Closing:
    """One graph being closed; `known` holds the definitions made so far, by content, and boxes of these by name."""

    def __init__(self, graph: Graph, scopes: Sequence[Scopes], known: dict[Any, Any]) -> None:
        self.known, self.types, self.uses = known, graph.wires(), graph.uses().tolist()
        self.n_in, self.scalars = len(graph.dom), dict[int, Box]()
        outside: list[Node] = []
        nodes: list[Node] = []
        # by hand: runs of nodes are closed into boxes
        for (box, reads, writes), scope in zip(graph.nodes(), scopes, strict=True):
            if box.op != "constant":
                nodes.append((box, reads, writes, scope))
            elif box.cod.inside[0].shape == () and box.cod.inside[0].kind != "Key":
                self.scalars[writes[0]] = box
            else:
                outside.append((box, reads, writes, ()))
        shared = _common([scope for _, _, _, scope in nodes])
        top = self.close(nodes, shared)
        self.graph = self.build(range(len(graph.dom)), [*outside, *top], graph.outputs.tolist())

    def close(self, nodes: Sequence[Node], depth: int) -> list[Node]:
        """The nodes with their runs of one scope closed, from this depth on."""
        found: list[Node] = []
        for name, group in groupby(nodes, lambda node: node[3][depth] if len(node[3]) > depth else ""):
            run = list(group)
            found += [self.box(name, run, depth)] if name and self.ends(run) else run
        return found

    def ends(self, run: Sequence[Node]) -> list[int]:
        """The wires written in a run that are read outside of it."""
        left = {w: self.uses[w] for _, _, writes, _ in run for w in writes}
        for _, reads, _, _ in run:
            for w in reads:
                if w in left:
                    left[w] -= 1
        return [w for w, n in left.items() if n]

    def box(self, name: str, run: Sequence[Node], depth: int) -> Node:
        """A run as a node."""
        outputs = self.ends(run)
        inner = self.close(run, depth + 1)
        written = {w for _, _, writes, _ in run for w in writes}
        read = {w for _, reads, _, _ in run for w in reads if w not in written and w not in self.scalars}
        # what boxes make before what comes in, and parameters in their order
        inputs = sorted(read, key=lambda w: (w < self.n_in, w))
        if len(inner) == 1 and inner[0][0].name == name and inner[0][1:3] == (tuple(inputs), tuple(outputs)):
            return inner[0]
        graph = self.build(inputs, inner, outputs)
        key = (graph.dom, graph.cod, *map(_kind, graph.table), *(a.tobytes() for a in (graph.ops, graph.inputs)))
        key = (*key, graph.outputs.tobytes())
        definition = self.known.setdefault(key, Diagram.of_graph(graph))
        box = self.known.setdefault((name, id(definition)), Box(name, graph.dom, graph.cod, definition=definition))
        return box, tuple(inputs), tuple(outputs), ()

    def build(self, inputs: Sequence[int], nodes: Sequence[Node], outputs: Sequence[int]) -> Graph:
        """The graph of some nodes over some wires, with the scalars that they read."""
        build = Builder(Ty.of(self.types[w] for w in inputs))
        new = {w: i for i, w in enumerate(inputs)}

        def number(w: int) -> int:
            if w not in new:
                new[w] = build.add(self.scalars[w], ())[0]
            return new[w]

        for box, reads, writes, _ in nodes:
            new.update(zip(writes, build.add(box, [number(w) for w in reads]), strict=True))
        return build.finish([number(w) for w in outputs], Ty.of(self.types[w] for w in outputs))


def _common(scopes: Sequence[Scopes]) -> int:
    """How many scopes all nodes have in common."""
    first = scopes[0] if scopes else ()
    depth = 0
    while depth < len(first) and all(s[: depth + 1] == first[: depth + 1] for s in scopes):
        depth += 1
    return depth


def _kind(box: Box) -> Any:
    """What tells boxes apart: their content, or the object where to know the content would trace a rule."""
    return id(box) if derived(box, "ruled", lambda: _ruled(box)) else box.content


def _ruled(box: Box) -> bool:
    return bool(box.rules) or any(_ruled(b) for body in box.bodies.values() for b in body.graph.table)
