"""The kit of traversals: how functors walk over graphs.

    interpret     from the inputs to the outputs, with a rule for boxes: copying, discarding and swapping come for free
    rebuild       the functor that sends each box to a diagram and the structure to itself
    backward      from the outputs to the inputs; where a wire is read several times, values are joined
    live          the wires that outputs depend on;   dependent: those that depend on inputs
    every_box     the boxes of a diagram and inside of it, at any depth

A rule sees one box. It may open it, by what `open` says of the box beforehand or by its answer `Open()`: then what is
inside is walked in its place, on an explicit stack, so that no depth of nesting is too deep. With `path` a rule is
told where it is, and an error says so in any case. A walk by hand is left where more than this is needed, such as the
residuals of each node in a reverse pass, and says so.

>>> d = from_jax(lambda x: jax.nn.relu(x) * 2.0, R(3))
>>> def depth(box, *inputs, path):
...     return [max(inputs, default=0) + (box.n_in > 0)] * box.n_out
>>> interpret(d.graph, depth, [0], path=""), interpret(d.graph, depth, [0], open=inside, path="")
([2], [2])
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import length_hint
from typing import Any, NamedTuple, TypeVar

from ..categories.errors import CompositionError, NoMeaningError, located
from .box import Box
from .graph import Builder, Graph, splice
from .primitives import traits
from .syntax import Diagram
from .types import Ty

__all__ = [
    "Node",
    "Open",
    "backward",
    "dependent",
    "every_box",
    "inside",
    "inside_unruled",
    "interpret",
    "live",
    "nodes",
    "rebuild",
]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Open:
    """A rule's answer that what is inside of a box is to be walked in its place.

    Fields: the `diagram`, that of `inside` where it is None; `then`, which is applied to the values that it gives.
    """

    diagram: Diagram | None = None
    then: Callable[[list[Any]], Sequence[Any]] | None = None
    path: str | None = None  # where it is, which the traversal says

    def __len__(self) -> int:
        """A number of values that no box has: the one question that is asked of every answer finds it."""
        return sys.maxsize


def inside(box: Box) -> Diagram | None:
    """What a box runs once and in its place: its definition, or the body of a primitive that calls; None for others.

    A box with a derivative rule of its own has a definition too; `inside_unruled` leaves it closed.
    """
    if box.definition is not None:
        return box.definition
    return next(iter(box.bodies.values()), None) if traits(box.op).calling else None


def inside_unruled(box: Box) -> Diagram | None:
    """What a box runs once and in its place, if its derivative is that of what is inside."""
    return None if traits(box.op).ruled else inside(box)


Opens = Callable[[Box], Diagram | None]


def interpret(
    graph: Graph,
    rule: Callable[..., Sequence[Value] | Open],
    values: Sequence[Value],
    *,
    open: Opens | None = None,
    path: str | None = None,
) -> list[Value]:
    """Run through the graph once: `rule(box, *inputs)` gives the values of a box's outputs.

    Tracers, sympy expressions, intervals, costs and wires of a graph under construction are all just values. `open`
    says of a box which diagram of the same type is walked in its place, such as `inside`; None where the rule is asked.
    With `path`, "" for a diagram that stands alone, it is asked as `rule(box, *inputs, path=...)`.

    Raises `CompositionError` when the numbers of values do not fit. An error that a rule raises says at which box.
    """
    graph = getattr(graph, "graph", graph)  # a diagram or a model stands for its graph
    stack = [_walk(graph, rule, values, open, path)]
    made: Any = None
    while True:
        try:
            opened = stack[-1].send(made)
        except StopIteration as end:
            stack.pop()
            if not stack:
                return end.value
            made = end.value
        except Exception as error:
            for around in reversed(stack[:-1]):
                with suppress(type(error)):
                    around.throw(error)  # it says at which of its boxes
            raise
        else:
            stack.append(_walk(opened.diagram.graph, rule, opened.inputs, open, opened.path))
            made = None


class _Opened(NamedTuple):
    """A diagram that is to be walked in the place of a box."""

    diagram: Diagram
    inputs: list[Any]
    path: str | None


def _walk(
    graph: Graph, rule: Callable[..., Any], values: Sequence[Any], open: Opens | None, path: str | None
) -> Generator[_Opened, list[Any], list[Any]]:
    """One graph: asks for what is walked in the place of a box, and gives the values of the outputs."""
    if len(values) != len(graph.dom):
        raise CompositionError(f"{len(values)} values for the {len(graph.dom)} inputs {graph.dom}")
    env: list[Any] = list(values)
    read, at = graph.inputs.tolist(), 0
    last = graph.last_reads()
    table = graph.table
    ops = iter(graph.ops.tolist())
    names = iter(()) if path is None else iter(graph.names())
    plain = path is None and open is None
    made: Any = ()
    try:
        for op in ops:
            box = table[op]
            stop = at + box.n_in
            inputs = read[at:stop]
            given = [env[i] for i in inputs]
            made = rule(box, *given) if plain else _asked(box, rule, given, open, path, next(names, None))
            if len(made) != box.n_out:
                if type(made) is not Open:
                    raise CompositionError(f"the rule for {box.name} gave {len(made)} values for the outputs {box.cod}")
                made = yield from _into(box, made, given)
            env.extend(made)
            for i in inputs:
                if last[i] < stop:
                    env[i] = None  # nothing reads it again: large arrays need not wait for the end
            at = stop
    except Exception as error:
        k = len(graph) - length_hint(ops) - 1
        if k < 0:
            raise
        if not hasattr(made, "__len__"):
            box = table[graph.ops[k]]
            told = CompositionError(f"the rule for {box.name} gave {made!r}, and no list of values for {box.cod}")
            located(told, graph.names()[k])
            raise told from None
        located(error, graph.names()[k])
        raise
    return [env[i] for i in graph.outputs.tolist()]


def _asked(
    box: Box, rule: Callable[..., Any], given: list[Any], open: Opens | None, path: str | None, name: str | None
) -> Any:
    """What the rule says of a box, or that it is opened, with the place of what is inside."""
    here = None if name is None else f"{path}/{name}" if path else name
    diagram = None if open is None else open(box)
    made = Open(diagram) if diagram is not None else rule(box, *given) if here is None else rule(box, *given, path=here)
    return replace(made, path=here) if type(made) is Open else made


def _into(box: Box, opened: Open, inputs: list[Any]) -> Generator[_Opened, list[Any], Sequence[Any]]:
    """The values of a box that is opened."""
    diagram, path = opened.diagram or inside(box), opened.path
    if diagram is None:
        raise NoMeaningError(f"{box.name} cannot be opened: nothing is inside of it that runs once and in its place")
    if path is not None:
        label = next((label for label, body in box.bodies.items() if body is diagram), "")
        path = f"{path}/{label}" if label else path
    made = yield _Opened(diagram, inputs, path)
    if len(made) != box.n_out:
        raise CompositionError(f"{box.name} was opened as {diagram.dom} -> {diagram.cod}, and gives {box.cod}")
    return made if opened.then is None else opened.then(made)


def rebuild(
    graph: Graph,
    rule: Callable[..., Diagram | Open],
    *,
    dom: Ty | None = None,
    cod: Ty | None = None,
    open: Opens | None = None,
    path: str | None = None,
) -> Diagram:
    """The diagram in which each box is replaced by `rule(box)`, a diagram with as many wires; wires stay as they are.

    This is the functor that a map of boxes to diagrams extends to. `dom` and `cod` are the types of the result where
    they are others than those of the graph. The rule is asked once for each distinct box, or with `path` for each box.
    `open` is as for `interpret`. Raises `CompositionError` for an image with other numbers of wires.

    >>> d = from_jax(lambda x: jnp.sin(jnp.sin(x)), R(3))
    >>> cos = from_jax(jnp.cos, R(3)).boxes[0]
    >>> [box.name for box in rebuild(d.graph, lambda box: cos).boxes]
    ['cos', 'cos']
    """
    graph = getattr(graph, "graph", graph)
    build = Builder(graph.dom if dom is None else dom)
    images: dict[int, Diagram | Open] = {}
    retyped = dom is not None or cod is not None

    def one(box: Box, *wires: int, **here: str) -> Sequence[int] | Open:
        if here:
            image = rule(box, **here)
        else:
            image = images.get(id(box)) or images.setdefault(id(box), rule(box))
        if isinstance(image, Open):
            return image
        if not isinstance(image, Diagram):
            raise CompositionError(f"the image of {box.name} is {image!r}, and neither a diagram nor Open()")
        same = (image.dom, image.cod) == (box.dom, box.cod)
        if (image.n_in, image.n_out) != (box.n_in, box.n_out) or not (same or retyped):
            raise CompositionError(
                f"the image of {box.name} : {box.dom} -> {box.cod} is {image.dom} -> {image.cod}, with other wires"
            )
        return build.add(image, wires) if isinstance(image, Box) else splice(build, image.graph, wires)

    outputs = interpret(graph, one, range(len(graph.dom)), open=open, path=path)
    return Diagram.of_graph(build.finish(outputs, graph.cod if cod is None else cod))


class Node(NamedTuple):
    """A node of a graph: its number, its box, and the wires that it reads and writes."""

    number: int
    box: Box
    reads: tuple[int, ...]
    writes: range


def nodes(graph: Graph) -> list[Node]:
    """The nodes of a graph, in order."""
    return [Node(k, *step) for k, step in enumerate(graph.nodes())]


def backward(
    graph: Graph,
    rule: Callable[..., Sequence[Value | None]],
    values: Sequence[Value | None],
    join: Callable[[Value, Value], Value],
) -> list[Value | None]:
    """Run through the graph once, from its outputs to its inputs; gives a value for every wire, None where none comes.

    `values` are those of the outputs. `rule(node, *outputs)` gives those of a box's inputs; it is not asked where all
    outputs of a box have none. The values that reach a wire from several sides are joined, two at a time: a copy goes
    to `join`, and a discarded wire to None. An error that a rule raises says at which box.

    >>> d = from_jax(lambda x, y: (x + y) * x, R(), R())
    >>> backward(d.graph, lambda node, uses: [uses] * node.box.n_in, [1], lambda a, b: a + b)[:2]  # paths to the end
    [2, 1]
    """
    if len(values) != len(graph.cod):
        raise CompositionError(f"{len(values)} values for the {len(graph.cod)} outputs {graph.cod}")
    env: list[Any] = [None] * graph.n_wires

    def reaches(w: int, value: Any) -> None:
        if value is not None:
            env[w] = value if env[w] is None else join(env[w], value)

    for w, value in zip(graph.outputs.tolist(), values, strict=True):
        reaches(w, value)
    for node in reversed(nodes(graph)):
        given = [env[w] for w in node.writes]
        if all(value is None for value in given):
            continue
        try:
            made = rule(node, *given)
            if len(made) != node.box.n_in:
                raise CompositionError(f"the rule gave {len(made)} values for the inputs {node.box.dom}")
        except Exception as error:
            located(error, graph.names()[node.number])
            raise
        for w, value in zip(node.reads, made, strict=True):
            reaches(w, value)
    return env


def live(
    graph: Graph, wires: Sequence[int] | None = None, through: Callable[[Box], bool] = lambda box: True
) -> bytearray:
    """For every wire whether some of these wires, by default the outputs, depend on it.

    Boxes that a dependence does not go `through` end it: their outputs are live, and their inputs are not for that.
    """
    alive = bytearray(graph.n_wires)
    for w in graph.outputs.tolist() if wires is None else wires:
        alive[w] = 1
    for box, reads, writes in reversed(list(graph.steps)):
        if any(alive[w] for w in writes) and through(box):
            for w in reads:
                alive[w] = 1
    return alive


def dependent(
    graph: Graph, inputs: Sequence[bool], through: Callable[[Box], Sequence[bool]] | None = None
) -> bytearray:
    """For every wire whether it depends on some of these inputs.

    `through` says which outputs of a box a dependence passes to, once for each distinct box; all where it is None.
    """
    found = bytearray(graph.n_wires)
    found[: len(graph.dom)] = bytes(inputs)
    passes = {id(box): [True] * box.n_out if through is None else through(box) for box in graph.table}
    for box, reads, writes in graph.steps:
        if any(found[i] for i in reads):
            for w, on in zip(writes, passes[id(box)], strict=True):
                found[w] = on
    return found


def every_box(d: Diagram, *, rules: bool = False) -> Iterator[Box]:
    """The distinct boxes of a diagram and of all bodies inside, each once; with `rules`, those of derivative rules too.

    Rules that are too deep to be kept, or that cannot be traced, are passed over.
    """
    seen: set[int] = set()
    todo = [d]
    while todo:
        for box in todo.pop().graph.table:
            if id(box) in seen:
                continue
            seen.add(id(box))
            yield box
            todo.extend(box.bodies.values())
            if rules:
                todo.extend(known for rule in box.rules.values() if (known := rule.known()) is not None)
