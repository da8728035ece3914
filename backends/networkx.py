"""To networkx and back: a diagram as a directed multigraph, for every algorithm of that library.

Nodes are the boxes, and one node for each wire of the boundary; edges are the uses of wires, from the box that
writes to the box that reads. Composition of diagrams is composition of paths, so that ancestors are what a box
depends on, and the longest path is the depth. Law: `from_networkx(to_networkx(d))` has the very graph of `d`,
dead boxes and the order of boxes included.

    node   kind ("input", "box" or "output"), label;
           of a box: box (the object), op;  of the boundary: index, type, and of a parameter: parameter, param
    edge   wire (its number), type, nbytes, source_port (which output of the source), target_port

>>> g = to_networkx(from_jax(lambda x: jnp.tanh(x) * x, R(3)))
>>> list(g.edges(data="type"))
[('input 0', 'tanh', 'R(3)'), ('input 0', 'mul', 'R(3)'), ('tanh', 'mul', 'R(3)'), ('mul', 'output 0', 'R(3)')]
"""

from __future__ import annotations

from typing import Any

import networkx as nx

from ..categories.errors import CompositionError
from ..categories.para import Para
from ..diagrams.box import Box
from ..diagrams.graph import Builder
from ..diagrams.syntax import Diagram
from ..diagrams.types import Ty, Wire

__all__ = ["from_networkx", "to_networkx"]

Node = Any


def to_networkx(d: Diagram | Para) -> nx.MultiDiGraph:
    """The graph of a diagram; nodes are named as in `d.graph.names()`, and `input 0`, `output 0`, ...

    Of a `Para`: that of its map, whose parameter inputs carry `parameter` (the path) and `param`.
    """
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    graph, taken = arrow.graph, set()
    made, types = nx.MultiDiGraph(), graph.wires()
    source: list[tuple[Node, int]] = []
    for i, w in enumerate(graph.dom.inside):
        name = _free(f"input {i}", taken)
        made.add_node(name, kind="input", label=name, index=i, type=w)
        source.append((name, 0))
    for (path, param), (name, _) in zip(entries, source[len(source) - len(entries) :], strict=True):
        made.nodes[name].update(label="/".join(path), parameter="/".join(path), param=param)

    def connect(wire: int, target: Node, port: int) -> None:
        node, out = source[wire]
        w = types[wire]
        made.add_edge(node, target, wire=wire, type=str(w), nbytes=w.nbytes, source_port=out, target_port=port)

    # by hand: nodes and wires are what is written down
    for name, (box, reads, writes) in zip(graph.names(), graph.nodes(), strict=True):
        name = _free(name, taken)
        made.add_node(name, kind="box", label=box.name, op=box.op, box=box)
        for port, wire in enumerate(reads):
            connect(wire, name, port)
        source.extend((name, k) for k in range(len(writes)))
    for i, (wire, w) in enumerate(zip(graph.outputs.tolist(), graph.cod.inside, strict=True)):
        name = _free(f"output {i}", taken)
        made.add_node(name, kind="output", label=name, index=i, type=w)
        connect(wire, name, 0)
    return made


def _free(name: str, taken: set[str]) -> str:
    """The name, or if a box of that name is there already, the name with a prime."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def from_networkx(g: nx.MultiDiGraph) -> Diagram | Para:
    """The diagram of a graph as `to_networkx` makes it; a `Para` if some inputs are parameters.

    Boxes come in topological order, and as the nodes were added where that leaves a choice; numbers of wires
    and texts of types are read off the boxes, not off the edges. Raises `CompositionError` that names
    every malformed node, every port that is missing, fed twice or unknown and every edge whose ends differ in type,
    or a cycle.
    """
    ends = _boundary(g)
    feeds = _feeds(g)
    _refuse_cycles(g)
    place = {node: i for i, node in enumerate(g)}
    wires: dict[tuple[Node, int], int] = {(node, 0): i for i, node in enumerate(ends["input"])}
    build = Builder(Ty.of(g.nodes[node]["type"] for node in ends["input"]))
    for node in nx.lexicographical_topological_sort(g, key=place.__getitem__):
        if g.nodes[node]["kind"] == "box":
            made = build.add(g.nodes[node]["box"], [wires[feed] for feed in feeds[node]])
            wires.update(((node, k), w) for k, w in enumerate(made))
    outputs = [wires[feeds[node][0]] for node in ends["output"]]
    cod = Ty.of(g.nodes[node]["type"] for node in ends["output"])
    arrow = Diagram.of_graph(build.finish(outputs, cod))
    entries = [
        (tuple(g.nodes[node]["parameter"].split("/")), g.nodes[node]["param"])
        for node in ends["input"]
        if "parameter" in g.nodes[node]
    ]
    return Para(arrow, entries) if entries else arrow


def _boundary(g: nx.MultiDiGraph) -> dict[str, list[Node]]:
    """The input and the output nodes in order; refuses nodes that are neither these nor boxes."""
    if not (g.is_directed() and g.is_multigraph()):
        raise CompositionError(f"a diagram comes from a networkx.MultiDiGraph, not from {type(g).__name__}")
    wrong = []
    for node, data in g.nodes(data=True):
        kind = data.get("kind")
        if kind == "box" and not isinstance(data.get("box"), Box):
            wrong.append(f"the node {node!r} has no Box under box=")
        elif kind in ("input", "output") and not isinstance(data.get("type"), Wire):
            wrong.append(f"the node {node!r} has no Wire under type=")
        elif kind not in ("input", "output", "box"):
            wrong.append(f"the node {node!r} has kind={kind!r}, and not input, box or output")
    ends: dict[str, list[Node]] = {}
    for kind in ("input", "output"):
        nodes = [(data.get("index"), node) for node, data in g.nodes(data=True) if data.get("kind") == kind]
        by_index = dict(nodes)
        if len(by_index) != len(nodes) or by_index.keys() != set(range(len(nodes))):
            wrong.append(f"the {kind} nodes must have index= 0 to {len(nodes) - 1}, each once")
        else:
            ends[kind] = [by_index[i] for i in range(len(nodes))]
    _refuse(wrong)
    return ends


def _ports(g: nx.MultiDiGraph, node: Node, side: int) -> tuple[Wire, ...]:
    """What a node reads (`side=0`) or writes (1); an input of the diagram writes one wire, an output reads one."""
    data = g.nodes[node]
    if data["kind"] == "box":
        return data["box"].cod.inside if side else data["box"].dom.inside
    return (data["type"],) if (data["kind"] == "input") == bool(side) else ()


def _feeds(g: nx.MultiDiGraph) -> dict[Node, list[tuple[Node, int]]]:
    """For each port that a node reads, the node and the port that write it."""
    wrong: list[str] = []
    found: dict[Node, list[tuple[Node, int]]] = {}
    for node in g:
        takes = _ports(g, node, 0)
        by_port: dict[Any, tuple[Node, Any]] = {}
        for other, _, data in g.in_edges(node, data=True):
            port, out = data.get("target_port"), data.get("source_port")
            if port in by_port:
                wrong.append(f"both {by_port[port][0]} and {other} feed the port {port} of {node}")
            by_port[port] = (other, out)
            wrong += _misfit(other, _ports(g, other, 1), out, node, takes, port)
        wrong += [f"nothing feeds the port {i} of {node}, {w}" for i, w in enumerate(takes) if i not in by_port]
        found[node] = [by_port.get(i, (node, 0)) for i in range(len(takes))]
    _refuse(wrong)
    return found


def _misfit(source: Node, gives: Any, out: Any, target: Node, takes: Any, port: Any) -> list[str]:
    """Why an edge joins no two ports of one type, if it does not."""
    if port not in range(len(takes)):
        return [f"{source} feeds the port {port} of {target}, which takes {len(takes)} wires"]
    if out not in range(len(gives)):
        return [f"{target} reads the port {out} of {source}, which gives {len(gives)} wires"]
    if gives[out] != takes[port]:
        return [f"{source} gives {gives[out]} but {target} takes {takes[port]} (port {port})"]
    return []


def _refuse_cycles(g: nx.MultiDiGraph) -> None:
    if nx.is_directed_acyclic_graph(g):
        return
    cycle = [edge[0] for edge in nx.find_cycle(g)]
    shown = [str(node) for node in (cycle if len(cycle) <= 8 else [*cycle[:7], "..."])]
    raise CompositionError(
        f"the graph has a cycle: {' -> '.join([*shown, str(cycle[0])])}; a diagram has none, "
        "so cut it and make the wire an input and an output"
    )


def _refuse(wrong: list[str]) -> None:
    if wrong:
        shown = wrong if len(wrong) <= 8 else [*wrong[:8], f"... and {len(wrong) - 8} more"]
        raise CompositionError("the graph is no diagram: " + "; ".join(shown))
