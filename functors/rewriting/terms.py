"""Terms: a graph under construction in which equal terms are one node, and every new node is met by the rules.

A node is a box on wires that are there already, so a wire stands for a term, and its number for the term's class:

    f ; copy = copy ; (f @ f)      the same box on the same wires is the same node (hash-consing)
    f ; discard = discard          nodes that no output needs are dropped at the end

(J.-C. Filliâtre and S. Conchon, "Type-safe modular hash-consing", 2006). A rule is tried at the moment when a node
is added, whose arguments are in their simplest form by then: so one walk over the graph applies all rules innermost
first (F. Baader and T. Nipkow, "Term Rewriting and All That", 1998). Nothing recurses over the depth of the diagram;
how far a rewrite may lead to another at one node is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...categories.errors import RewriteError
from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.params import Constant
from ...diagrams.primitives import traits
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty, Wire
from ..derivatives.optic import pruned

if TYPE_CHECKING:
    from .rule import Rule

__all__ = ["Term", "Terms", "rewritten"]

LONGEST = 32  # rewrites that may follow from one another at one node
WALKS = 32  # walks over a graph at most; what is not simplified by then stays, and is as right


class Term(NamedTuple):
    """A box on wires; `outs` are the wires that it writes, none as long as it is only a candidate."""

    box: Box
    inputs: tuple[int, ...]
    outs: tuple[int, ...] = ()

    @property
    def op(self) -> str:
        """The name of its primitive; empty for a box with a definition."""
        return self.box.op

    @property
    def params(self) -> dict[str, Any]:
        """The static parameters of its primitive."""
        return self.box.params


class Terms:
    """The graph under construction. Rules read it by `of`, `number` and `once`, and grow it by `add` and `put`."""

    def __init__(self, dom: Ty, rules: Mapping[str, Sequence[Rule]], uses: Sequence[int] | None = None) -> None:
        self.build = Builder(dom)
        self.wires: list[Wire] = list(dom.inside)
        self.applied: dict[str, int] = {}
        self._rules = rules
        self._made: list[Term | None] = [None] * len(dom)
        self._known: dict[tuple[int, ...], Term] = {}
        self._kinds: dict[bytes, int] = {}
        self._ops: dict[str, set[int]] = {}
        self._kind: dict[int, tuple[int, Box]] = {}
        self._uses = uses
        self._used: dict[int, int] = {}
        self._live: set[int] = set()
        self._numbers: dict[int, Any] = {}
        self._stack: list[tuple[int, ...]] = []
        self._by: list[str] = []

    def ty(self, w: int) -> Wire:
        """The type of a wire."""
        return self.wires[w]

    def of(self, w: int, *ops: str) -> Term | None:
        """The term that makes a wire, if there is one and its primitive is one of `ops` (any, without them)."""
        made = self._made[w]
        return made if made is not None and (not ops or made.box.op in ops) else None

    def once(self, w: int) -> bool:
        """Whether a wire is known to be read only once: then nothing is computed twice where its term is taken apart.

        False as long as it is not known, in the first walk over a graph.
        """
        return self._uses is not None and self._used.get(w, 0) <= 1

    def number(self, w: int) -> Any | None:
        """The number that every entry of a wire is, a numpy scalar, or None where they differ or are not known."""
        return self._numbers.get(w)

    def ample(self, w: int) -> bool:
        """Whether a wire carries real or complex numbers of ample range: of float16 a sum or product soon overflows."""
        return self.wires[w].kind in "RC" and self.wires[w].dtype != "float16"

    def array(self, w: int) -> np.ndarray | None:
        """The array that a wire carries, if it is a constant."""
        made = self._made[w]
        if made is None or made.box.op != "constant" or "impl" in made.params:
            return None
        return np.asarray(made.params["value"].value)

    def add(self, box: Box, inputs: Sequence[int]) -> Sequence[int]:
        """The wires of a box on these wires, in the simplest form that the rules lead to."""
        number, box = self._canonical(box)
        if traits(box.op).commutative and self.wires[inputs[0]] == self.wires[inputs[1]]:
            inputs = sorted(inputs)
        key = (number, *inputs)
        known = self._known.get(key)
        if known is not None:
            return known.outs
        term = Term(box, tuple(inputs))
        if self._by:  # made by a rule: its inputs are read once more than in the graph that is walked over
            self._fitting(box, inputs)
            for w in inputs:
                self._used[w] = self._used.get(w, 0) + 1
        outs = self._rewritten(term, key)
        if outs is None:
            fresh = self.build.add(box, inputs)
            term = Term(box, term.inputs, tuple(fresh))
            self.wires.extend(box.cod.inside)
            self._number(box, inputs, fresh)
            self._made.extend([term] * box.n_out)
        else:
            term = Term(box, term.inputs, tuple(outs))
        self._known[key] = term
        return term.outs

    def _number(self, box: Box, inputs: Sequence[int], made: Sequence[int]) -> None:
        """Note the number that a new wire holds everywhere."""
        found = None
        if box.op == "constant":
            found = _uniform(box)
        elif len(inputs) == 1 and traits(box.op).moving:
            found = self._numbers.get(inputs[0])
        if found is not None:
            self._numbers |= {w: found for w in made if self.wires[w].size}

    def _fitting(self, box: Box, inputs: Sequence[int]) -> None:
        """Refuse a box on wires of other types."""
        for i, (w, need) in enumerate(zip(inputs, box.dom.inside, strict=True)):
            if self.wires[w] != need:
                raise RewriteError(f"a rule puts {box.name} on {self.wires[w]}, but it takes {need} (wire {i})")

    def find(self, op: str, inputs: tuple[int, ...]) -> Sequence[int] | None:
        """The wires of a generator on these wires, if it is in the graph that is walked over."""
        for number in self._ops.get(op, ()):
            known = self._known.get((number, *inputs))
            if known is not None and known.outs[0] in self._live:
                return known.outs
        return None

    def put(self, d: Diagram, inputs: Sequence[int]) -> list[int]:
        """The wires of a diagram on these wires."""
        env = list(inputs)
        # by hand: small diagrams, put in a million times
        for box, reads, _ in d.graph.steps:
            env.extend(self.add(box, [env[i] for i in reads]))
        return [env[i] for i in d.graph.outputs.tolist()]

    def noted(self, w: int, uses: int) -> None:
        """Note that a wire is in the graph that is walked over, and read there so often."""
        self._live.add(w)
        self._used[w] = self._used.get(w, 0) + uses

    def _canonical(self, box: Box) -> tuple[int, Box]:
        """The number of a kind of box, and one box for all that are equal to it."""
        found = self._kind.get(id(box))
        if found is None:
            number = self._kinds.setdefault(box.content, len(self._kinds))
            self._ops.setdefault(box.op, set()).add(number)
            found = self._kind[id(box)] = (number, box)
        return found

    def _rewritten(self, term: Term, key: tuple[int, ...]) -> Sequence[int] | None:
        """What the first rule that applies makes of a term; raises `RewriteError` where rules come back to it."""
        if key in self._stack:
            names = dict.fromkeys(self._by[self._stack.index(key) :])
            raise RewriteError(
                f"rules without end at {term.box.name}: {', '.join(names)} lead back to where they began"
            )
        if len(self._by) >= LONGEST:
            return None
        self._stack.append(key)
        for rule in self._rules.get(term.box.op, self._rules["*"]):
            self._by.append(rule.name)
            found = rule.rewrite(self, term)
            self._by.pop()
            if found is not None:
                self.applied[rule.name] = self.applied.get(rule.name, 0) + 1
                break
        else:
            found = None
        self._stack.pop()
        return found

    def finish(self, outputs: Sequence[int], cod: Ty) -> Graph:
        """The graph with these outputs, without dead nodes."""
        return pruned(self.build.finish(outputs, cod), range(len(self.build.dom)))[0]


def _uniform(box: Box) -> Any | None:
    """The number that all entries of a constant are."""
    held = box.params["value"]
    if "impl" in box.params or not isinstance(held, Constant):
        return None
    array = np.asarray(held.value)
    if array.size == 0 or array.size > 4096:
        return None
    first = array.reshape(-1)[0]
    # by their bytes: zero and minus zero are not the same number
    return first if array.tobytes() == first.tobytes() * array.size else None


def rewritten(graph: Graph, rules: Sequence[Rule], inner: Callable[[Box], Box] | None = None) -> Graph:
    """The graph in the simplest form that the rules lead to.

    `inner` says what becomes of a box itself, such as one with a definition. Walks over the graph until nothing
    changes: in the first walk it is not known how often a wire is read, which some rules ask for. Raises `RewriteError`
    where rules lead back to a graph that was there before.
    """
    tried = [(rule, rule.ops) for rule in rules]
    every = dict.fromkeys(op for _, at in tried for op in at)
    by_op = {op: [rule for rule, at in tried if not at or op in at] for op in every}
    by_op["*"] = [rule for rule, at in tried if not at]
    uses: Sequence[int] | None = None
    seen: set[bytes] = set()
    for _ in range(WALKS):
        terms = Terms(graph.dom, by_op, uses)
        made = _walk(graph, terms, uses, inner if uses is None else None)
        if uses is not None and (not terms.applied or made == graph):
            return made
        if made.digest in seen:
            raise RewriteError(f"rules without end: {', '.join(terms.applied)} lead back to where they began")
        seen.add(made.digest)
        graph = made
        uses = graph.uses().tolist()
    return graph


def _walk(graph: Graph, terms: Terms, uses: Sequence[int] | None, inner: Callable[[Box], Box] | None) -> Graph:
    """One walk over the graph, from its inputs to its outputs."""
    table = [box if inner is None else inner(box) for box in graph.table]
    env = list(range(len(graph.dom)))
    if uses is not None:
        for w in env:
            terms.noted(w, uses[w])
    read, at = graph.inputs.tolist(), 0
    # by hand: rules ask how often a wire is read, by its number
    for op in graph.ops.tolist():
        box = table[op]
        n = box.n_in
        made = terms.add(box, [env[i] for i in read[at : at + n]])
        at += n
        if uses is not None:
            for k, w in enumerate(made, len(env)):
                terms.noted(w, uses[k])
        env.extend(made)
    return terms.finish([env[w] for w in graph.outputs.tolist()], graph.cod)
