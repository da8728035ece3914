"""Boxes by path, and opening them.

A path names a box inside of boxes: `block_1/attention` is the box `attention` in the definition of
the node `block_1`; names of nodes are those of `Graph.names`. A body that is not a definition has
its label on the path too: `scan/body/add`. Opening puts the definition in the place of its box; it
is the counit of closing: `opened(d.boxed("f"), "f") == d`.

>>> d = from_jax(jnp.sin, R(3)).boxed("inner").boxed("outer")
>>> [box.name for box in opened(d, "outer", "outer/inner").boxes]
['sin']
>>> box_at(d, "outer/inner").definition.boxes[0].op
'sin'
"""

from __future__ import annotations

from collections.abc import Sequence

from ...categories.errors import PathError
from ..box import Box
from ..graph import Builder, Graph, splice
from ..syntax import Diagram

__all__ = ["box_at", "entrance", "into", "missing", "opened", "splice_at"]


def box_at(d: Diagram, path: str) -> Box:
    """The box that a path names; raises `PathError` with the names that there are at that level."""
    parts = tuple(path.split("/"))
    here, done = d, ""
    while True:
        names = here.graph.names()
        if parts[0] not in names:
            raise PathError(missing(parts[0], done, names))
        index = names.index(parts[0])
        box = here.graph.table[int(here.graph.ops[index])]
        done = f"{done}/{parts[0]}".strip("/")
        parts = parts[1:]
        if not parts:
            return box
        label, parts = into(box, parts, done)
        here = box.bodies[label]
        if not parts:
            return here.boxed(label)


def opened(d: Diagram, *paths: str, depth: int = 0) -> Diagram:
    """The diagram with the boxes at these paths replaced by their definitions.

    A path deeper than its parents leaves them closed around it; list the parents to open them too.
    `depth` opens every box that has a definition, so many levels deep. Opening a box that carries its
    own derivative rule forgets the rule: the value stays, the derivative is that of the definition.
    Raises `PathError`.
    """
    result = _opened(d, [tuple(p.split("/")) for p in paths], "")
    for _ in range(depth):
        result = _opened(result, [(name,) for name, box in _named(result) if box.definition is not None], "")
    return result


def _named(d: Diagram) -> list[tuple[str, Box]]:
    return list(zip(d.graph.names(), d.boxes, strict=True))


def _opened(d: Diagram, paths: Sequence[tuple[str, ...]], above: str) -> Diagram:
    if not paths:
        return d
    graph = d.graph
    names = graph.names()
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        if first not in names:
            raise PathError(missing(first, above, names))
        wanted.setdefault(first, []).append(tuple(rest))
    build = Builder(graph.dom)
    env = list(range(len(graph.dom)))
    # by hand, here and below: nodes are chosen by name or number
    for name, (box, reads, _) in zip(names, graph.nodes(), strict=True):
        inputs = [env[i] for i in reads]
        rests = wanted.get(name)
        if rests is None:
            env.extend(build.add(box, inputs))
            continue
        box = _within(box, [r for r in rests if r], f"{above}/{name}".strip("/"))
        if () not in rests:
            env.extend(build.add(box, inputs))
        elif box.definition is None:
            raise PathError(_closed(f"{above}/{name}".strip("/"), box))
        else:
            env.extend(splice(build, box.definition.graph, inputs))
    return Diagram.of_graph(build.finish([env[i] for i in graph.outputs.tolist()], graph.cod))


def _within(box: Box, paths: Sequence[tuple[str, ...]], above: str) -> Box:
    """The box with boxes inside of its definition or bodies opened."""
    if not paths:
        return box
    bodies = box.bodies
    by_label: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        label, rest = into(box, path, above)
        if not rest:
            raise PathError(f"{above}/{label} is what is inside of {box.name}, not a box: name a box in it")
        by_label.setdefault(label, []).append(rest)
    changed = {label: _opened(bodies[label], ps, f"{above}/{label}".strip("/")) for label, ps in by_label.items()}
    return box.with_bodies(changed)


def into(box: Box, path: tuple[str, ...], above: str) -> tuple[str, tuple[str, ...]]:
    """The label of the body that a path below a box goes into, and the rest of the path; no label is the definition."""
    bodies = box.bodies
    label = path[0] if path[0] in bodies else ""
    if label not in bodies:
        raise PathError(f"{above} is a {box.name} box without a definition: there is no {'/'.join(path)} in it")
    return label, path[1:] if label else path


def entrance(box: Box, label: str, body: Diagram) -> Sequence[int]:
    """For each input of a body, which input of the box it is; nothing where they do not correspond."""
    if box.op == "while":
        n, m = box.params["cond_nconsts"], box.params["body_nconsts"]
        consts = range(n) if label.startswith("cond") else range(n, n + m)
        return [*consts, *range(n + m, box.n_in)]
    if box.op == "cond":
        return range(1, box.n_in)
    return range(box.n_in) if len(body.dom) == box.n_in else ()


def splice_at(graph: Graph, node: int) -> Graph:
    """The graph with one node replaced by the definition of its box, whose nodes are numbered from there on."""
    build = Builder(graph.dom)
    env = list(range(len(graph.dom)))
    for k, (box, reads, _) in enumerate(graph.nodes()):
        inputs = [env[i] for i in reads]
        inside = box.definition if k == node else None
        env.extend(build.add(box, inputs) if inside is None else splice(build, inside.graph, inputs))
    return build.finish([env[i] for i in graph.outputs.tolist()], graph.cod)


def _closed(path: str, box: Box) -> str:
    if not box.bodies:
        return f"{path} is a {box.name} box without a definition, and cannot be opened"
    inside = ", ".join(box.bodies)
    return (
        f"{path} is a {box.name} box: what is inside ({inside}) runs in its own way and cannot take its place; "
        f"draw(d, open={path!r}) shows it, and {path}/{next(iter(box.bodies))}/... are paths into it"
    )


def missing(name: str, above: str, names: Sequence[str]) -> str:
    shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return f"no box {name!r} in {above or 'the diagram'}; there are {shown or 'none'}"
