"""Rules: equations between diagrams, read from left to right.

A rule is an equation L = R that holds for maps *and* for their derivatives. Equal values are not enough:
max(max(x, 0), 0) is max(x, 0) everywhere, but at 0 its derivative is a quarter and not a half, so no rule may say so
(`checking` finds it out). A rule says at which primitives it may apply, what it makes of a term there, and gives one
instance of its left side, of which the right side follows:

>>> from paralens.functors.rewriting import RULES
>>> rule = RULES["two transposes"]
>>> rule.left, rule.right
(<Diagram R(2, 3, 4) -> R(4, 2, 3), 2 boxes>, <Diagram R(2, 3, 4) -> R(4, 2, 3), 1 box>)

Rules terminate because each makes terms smaller: fewer closed boxes, else fewer boxes, else fewer numbers that they
read and write, else simpler ones (a broadcast rather than a reshape), else with negations and scalars nearer to the
outputs: a lexicographic order, cf. F. Baader and T. Nipkow, "Term Rewriting and All That", 1998, chapter 5. Where
rules of a user lead back to where they began, that is found out and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...categories.errors import RewriteError
from ...diagrams.box import Box
from ...diagrams.primitives import traits
from ...diagrams.syntax import Diagram, require
from .terms import Term, Terms, rewritten
from .verifying import verified

__all__ = ["Rule", "equation", "rewrites"]

Rewrite = Callable[[Terms, Term], "Sequence[int] | None"]


@dataclass(frozen=True, eq=False)
class Rule:
    """A named rule.

    Fields: `rewrite(terms, term)`, which gives the wires that take the place of those of `term`, or None where the rule
    does not apply; `at`, the primitives at which it is tried (any, if empty), or a function that
    gives them when the rule is used; `example`, which makes an instance of
    the left side; `law`, the equation in words; `finite`, whether it presumes that numbers are finite.
    """

    name: str
    rewrite: Rewrite
    at: tuple[str, ...] | Callable[[], Iterable[str]]
    example: Callable[[], Diagram]
    law: str = ""
    finite: bool = False

    @property
    def ops(self) -> frozenset[str]:
        """The primitives at which it is tried; any, if there are none."""
        return frozenset(self.at() if callable(self.at) else self.at)

    @cached_property
    def left(self) -> Diagram:
        """An instance of the left side."""
        return self.example()

    @cached_property
    def right(self) -> Diagram:
        """What this rule alone makes of `left`."""
        return self(self.left)

    def __call__(self, d: Diagram) -> Diagram:
        """The diagram after this rule alone was applied wherever it applies, equal boxes shared, dead ones dropped."""
        return Diagram.of_graph(rewritten(d.graph, [self]))

    def draw(self, **options: Any) -> Any:
        """A picture of the equation: the left side, and the right side beside it; options are those of `draw`."""
        from ...diagrams.drawing import draw

        return draw(self.left, **options).beside(draw(self.right, **options), "=")

    def _repr_svg_(self) -> str:
        return self.draw()._repr_svg_()

    def __repr__(self) -> str:
        return f"<Rule {self.name}: {self.law}>"


def rewrites(
    *at: str,
    example: Callable[[], Diagram],
    finite: bool = False,
    ops: Callable[[], Iterable[str]] | None = None,
) -> Callable[[Rewrite], Rule]:
    """A decorator that makes a rule of a function; its name and its docstring are the name and the law of the rule.

    It is tried at the primitives `at`, or at those that `ops` gives when the rule is used, such as by a trait.

    >>> @rewrites("log", example=lambda: from_jax(lambda x: jnp.log(jnp.exp(x)), R(3)), finite=True)
    ... def log_of_exp(terms, term):
    ...     "log(exp(x)) = x"
    ...     inner = terms.of(term.inputs[0], "exp")
    ...     return None if inner is None else [inner.inputs[0]]
    >>> log_of_exp.right
    <Diagram R(3) -> R(3), 0 boxes>
    """

    def decorate(function: Rewrite) -> Rule:
        law = (function.__doc__ or "").strip()
        return Rule(
            function.__name__.strip("_").replace("_", " "), function, at if ops is None else ops, example, law, finite
        )

    return decorate


def equation(name: str, left: Diagram, right: Diagram, *, finite: bool = False) -> Rule:
    """The rule that puts `right` in the place of every instance of `left`: the same boxes, on any wires.

    It is about these very types; `rewrites` makes a rule for all shapes. `left` has one output, made by its last box.
    With `finite` the rule presumes that numbers are finite, and `simplify` uses it only if it is told so.

    Raises `RewriteError` if the two are of different types, if `left` is no such diagram, if `right` is not smaller,
    or, with a counterexample, if they are not equal in value and derivatives.
    """
    for d in (left, right):
        require(d, "equation")
    if (left.dom, left.cod) != (right.dom, right.cod):
        raise RewriteError(
            f"rule {name!r}: the left side is {left.dom} -> {left.cod}, the right {right.dom} -> {right.cod}"
        )
    # by hand: a pattern is matched node by node
    nodes = list(left.graph.nodes())
    outputs = left.graph.outputs.tolist()
    if len(outputs) != 1 or not nodes or outputs[0] not in nodes[-1][2] or nodes[-1][0].n_out != 1:
        raise RewriteError(f"rule {name!r}: the left side must have one output, made by its last box")
    if len(right.graph) >= len(nodes):
        raise RewriteError(
            f"rule {name!r}: the right side has {len(right.graph)} boxes, the left {len(nodes)}, but a rule makes a "
            "diagram smaller"
        )
    n = left.n_in
    if set(range(n)) - {i for _, reads, _ in nodes for i in reads}:
        raise RewriteError(f"rule {name!r}: the left side does not read all of its inputs, so they cannot be matched")
    verified(name, left, right, finite)

    def rewrite(terms: Terms, term: Term) -> Sequence[int] | None:
        found = _matched(terms, term, nodes, n)
        return None if found is None else terms.put(right, found)

    return Rule(name, rewrite, (nodes[-1][0].op,), lambda: left, f"{name}, as drawn", finite)


def _matched(terms: Terms, term: Term, nodes: Sequence[tuple[Box, tuple[int, ...], range]], n: int) -> list[int] | None:
    """The wires that stand for the inputs of the pattern whose last box the term is, if it is an instance of it.

    What commutes is tried in both orders.
    """
    node_of = {w: k for k, (_, _, writes) in enumerate(nodes) for w in writes}
    ways: list[tuple[list[tuple[int, Term]], dict[int, int]]] = [([(len(nodes) - 1, term)], {})]
    while ways:
        todo, bound = ways.pop()
        if not todo:
            return [bound[i] for i in range(n)]
        *rest, (k, here) = todo
        box, reads, _ = nodes[k]
        if here.box is not box and here.box.content != box.content:
            continue
        both = traits(box.op).commutative and here.inputs[0] != here.inputs[1]
        for wires in (here.inputs[::-1], here.inputs) if both else (here.inputs,):
            more = _bound(terms, nodes, node_of, n, list(zip(reads, wires, strict=True)), bound)
            if more is not None:
                ways.append(([*rest, *more[0]], more[1]))
    return None


def _bound(
    terms: Terms,
    nodes: Sequence[tuple[Box, tuple[int, ...], range]],
    node_of: dict[int, int],
    n: int,
    pairs: Sequence[tuple[int, int]],
    bound: dict[int, int],
) -> tuple[list[tuple[int, Term]], dict[int, int]] | None:
    """Wires of the pattern bound to wires of the graph: what is left to match, what is bound; None if in conflict."""
    found, todo = dict(bound), []
    for i, w in pairs:
        if found.setdefault(i, w) != w:
            return None
        if i < n or i in bound:
            continue
        made = terms.of(w)
        if made is None or made.outs.index(w) != i - nodes[node_of[i]][2].start:
            return None
        todo.append((node_of[i], made))
    return todo, found
