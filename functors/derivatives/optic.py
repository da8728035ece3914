"""Optics of boxes: how a box runs forward, what it keeps, and how cotangents pass back through it.

The reverse derivative of f : A -> B is stored as an optic

    forward : A -> B ⊗ N        residual ⊂ A ⊗ B ⊗ N        backward : M ⊗ B' -> A'

where the residual M is the list of wires that `residual` names. Wires of A and of B are at hand anyway, so
N holds only what the forward pass must compute in addition; a `dense` keeps its input and its weight, N
is empty, and its forward pass is the box as it was. B' and A' are sparse: an optic is made for the
cotangents that are there, and gives those that are not zero for a structural reason, so that zeros are
never materialized. Equal up to sliding maps through M (M. Riley, "Categories of optics", 2018).

>>> from paralens.functors.derivatives.smooth import optic_of
>>> optic = optic_of(from_jax(jnp.tanh, R(3)).boxes[0], (True,), (True,))
>>> optic.plain, optic.residual, optic.gives            # the output is the residual
(True, (1,), (0,))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax

from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.graph import Builder, Graph, splice
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.arrays import aval
from ...diagrams.tracing.jaxpr import read
from ...diagrams.traversal import live
from ...diagrams.types import Ty, Wire

__all__ = [
    "Base",
    "Halve",
    "Halves",
    "Mask",
    "Optic",
    "Tangent",
    "cast",
    "chosen",
    "first_places",
    "precision",
    "pruned",
    "rule",
]

Mask = tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Optic:
    """The optic of a box for some of its cotangents.

    Fields: `forward : A -> B ⊗ N`; `residual`, the residual M by numbers into A ⊗ B ⊗ N; `backward : M ⊗ B' -> A'`
    over those wires of B' that were asked for; `gives`, the inputs whose cotangents it gives, in order.
    """

    forward: Diagram
    residual: tuple[int, ...]
    backward: Diagram
    gives: tuple[int, ...]
    plain: bool = True  # whether N is empty and the forward pass is the box itself


@dataclass(frozen=True, eq=False)
class Tangent:
    """How tangents pass through a box: `push : A ⊗ B ⊗ A' -> B'`, sparse on both sides.

    With `whole`, push is A ⊗ A' -> B ⊗ B' and stands in the place of the box.
    """

    push: Diagram
    gives: tuple[int, ...]
    whole: bool = False


@dataclass(frozen=True, eq=False)
class Halves:
    """A map A -> B cut in two, so that what a policy keeps inside of it is computed once.

    Fields: `forward : A -> B ⊗ K`; `again : A ⊗ K -> B`, of the inputs that it `reads` and the outputs that it `gives`.
    """

    forward: Any
    again: Any
    reads: tuple[int, ...]
    gives: tuple[int, ...]


Halve = Callable[[Diagram, Sequence[bool], Sequence[int]], Halves | None]


@dataclass(frozen=True)
class Base:
    """A reverse differential structure on diagrams: what the one pass needs to know.

    `moves` says which wires have a cotangent; `locally_constant` which boxes let none through; `optic` gives the optic
    of a box for the inputs that are wanted and the cotangents that are present; `tangent` its tangent map for the
    inputs that move; `plus` is the box that adds two cotangents, `zero` the diagram that gives none. `linear`, where it
    differs, is the structure for maps that are linear, of which the reverse derivative is the transpose.
    """

    moves: Callable[[Wire], bool]
    locally_constant: Callable[[Box], bool]
    optic: Callable[[Box, Mask, Mask], Optic]
    tangent: Callable[[Box, Mask], Tangent]
    plus: Callable[[Wire], Box]
    zero: Callable[[Wire], Diagram]
    linear: Base | None = None

    @property
    def transposing(self) -> Base:
        """The structure for maps that are linear."""
        return self.linear or self

    def nothing(self, build: Builder, w: Wire) -> int:
        """The wire of a zero, put into the graph under construction."""
        return inline(build, self.zero(w), ())[0]

    def filled(
        self, build: Builder, present_at: Mapping[int, int], needed: Iterable[int], types: Sequence[Wire]
    ) -> list[int]:
        """The wires `there` at the places that are needed, zeros at those where there is none."""
        return [present_at[i] if i in present_at else self.nothing(build, types[i]) for i in needed]


def chosen(wires: Sequence[Wire], mask: Sequence[bool]) -> list[Wire]:
    """The wires at which the mask holds."""
    return [w for w, on in zip(wires, mask, strict=True) if on]


def first_places(wires: Sequence[int]) -> dict[int, int]:
    """Where each wire stands first in a list."""
    return {w: i for i, w in reversed(list(enumerate(wires)))}


def rule(run: Callable[..., Sequence[Any | None]], wires: Sequence[Wire]) -> tuple[Diagram, tuple[int, ...]]:
    """A rule written in JAX as a diagram over these wires, and which of its results are there.

    `run` takes one array a wire and gives a list, with None for what is zero.
    """
    present_at: list[int] = []

    def traced(*values: Any) -> list[Any]:
        made = run(*values)
        present_at[:] = [i for i, v in enumerate(made) if v is not None]
        return [v for v in made if v is not None]

    with precision(wires), jax.numpy_dtype_promotion("standard"):
        found = read(jax.make_jaxpr(traced)(*[aval(w) for w in wires]))
    return found, tuple(present_at)


@lru_cache(maxsize=4096)
def cast(given: Wire, wanted: Wire) -> Box:
    """The change of an array's dtype."""
    with precision([given, wanted]):
        return rule(lambda x: [jax.lax.convert_element_type(x, wanted.dtype)], (given,))[0].boxes[0]


def precision(wires: Sequence[Wire]) -> AbstractContextManager[Any]:
    """Where rules over these wires are traced: with 64 bits if a wire has them, though JAX may not be set to now."""
    return jax.enable_x64(True) if any(w.dtype in WIDE for w in wires) else nullcontext()


WIDE = {"float64", "complex128", "int64", "uint64"}


def pruned(graph: Graph, always: Sequence[int] = ()) -> tuple[Graph, tuple[int, ...]]:
    """The graph without dead boxes and unread inputs, and which inputs it keeps (`always` among them)."""
    alive = live(graph)
    for i in always:
        alive[i] = 1
    kept = tuple(i for i in range(len(graph.dom)) if alive[i])
    build = Builder(Ty.of(graph.dom.inside[i] for i in kept))
    new = [-1] * graph.n_wires
    for k, i in enumerate(kept):
        new[i] = k
    # by hand: dead boxes are not asked for
    for box, reads, writes in graph.steps:
        if any(alive[w] for w in writes):
            for w, made in zip(writes, build.add(box, [new[i] for i in reads]), strict=True):
                new[w] = made
    return build.finish([new[w] for w in graph.outputs.tolist()], graph.cod), kept


def read_only(diagram: Diagram, always: Sequence[int] = ()) -> tuple[Diagram, tuple[int, ...]]:
    """The diagram without dead boxes and unread inputs, and which inputs it keeps."""
    graph, kept = derived(diagram, ("pruned", tuple(always)), lambda: pruned(diagram.graph, always))
    return Diagram.of_graph(graph), kept


def inline(build: Builder, diagram: Diagram, inputs: Sequence[int]) -> list[int]:
    """Put a diagram into the graph under construction: a box as one node, anything else node by node."""
    if diagram.form[0] == "box":
        return list(build.add(diagram, inputs))  # type: ignore[arg-type]
    return splice(build, diagram.graph, inputs)
