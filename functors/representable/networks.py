"""Which neurons of a network have kinks, and what stands before them, read off the diagram.

A *neuron* is one entry of the output of a pointwise box f, `z = f(y)`. Everything else between parameters and result
has to be analytic. The walk through the graph keeps for each wire on which parameters it depends, and

    bias        y = g + c b, with an entry b of a parameter on which g does not depend, and a constant c ≠ 0
    biaffine    y = xᵀ M u + c, well structured: x neurons and data, u parameters that are not upstream of x, and each
                column of M has one non-zero at most (dense, convolution, products by a weight, shared biases)

A neuron with kinks has its *own* bias if b is the bias of no other neuron, and no kink before it depends on b. The
order of the boxes then makes the map from biases to pre-activations triangular, so that each touched kink can be left
to either side, one neuron after the other: this is all that the proofs of section 3 of the source use, so that the
graph need not fall into layers. A bias that is not own still gives the density, and biaffine neurons give it by
section 4, where those that feed them count with the boundary of their zero sets: their inputs are `strict`.

Source: W. Lee, S. Park, A. Aiken, "On the correctness of automatic differentiation for neural networks with
machine-representable parameters" (2023), sections 3 and 4.

>>> from paralens import nn
>>> network = recognize(nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2))
>>> [(g.path, g.size, g.standing) for g in network.groups], network.reasons
([('relu', 4, 'own')], ())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...categories.para import Para
from ...diagrams import nn
from ...diagrams.box import Box
from ...diagrams.graph import Builder, Graph
from ...diagrams.params import Constant
from ...diagrams.primitives import having, traits
from ...diagrams.tracing.emit import apply_box
from ...diagrams.traversal import Open, interpret
from .kinks import Kink, Profile, profile
from .pieces import UnreadError

__all__ = ["Group", "Network", "recognize"]

# Larger arrays are not looked at as biases: their entries are numbered one by one.
LARGEST = 1 << 22

NOBODY: frozenset[int] = frozenset()


@dataclass(eq=False)
class Group:
    """The neurons of one box: its `path`, the wires that it reads and writes, how its pre-activations are made.

    `standing` is "own", "bias", "biaffine" or, where no bound is known, "none". `biases` has, for each parameter whose
    entries are biases here, the place of the entry for each neuron; `shared` is one that no kink before depends on.
    `strict` says that the zeros of the outputs count.
    """

    path: str
    reads: int
    writes: int
    size: int
    profile: Profile
    depends: frozenset[int]
    biases: dict[int, np.ndarray]
    feeds: frozenset[int]
    standing: str = "none"
    shared: int | None = None
    strict: bool = False

    @property
    def kinks(self) -> tuple[Kink, ...]:
        """Where there is no derivative, or another one than the rule gives."""
        return self.profile.kinks + self.profile.faults

    @property
    def doubtful(self) -> frozenset[float]:
        """The values of a pre-activation at which the gradient may be wrong: none of a kink with its own bias."""
        found = {k.at for k in (self.profile.faults if self.standing == "own" else self.kinks)}
        return frozenset(found) | (self.profile.edges or frozenset() if self.strict else frozenset())

    @property
    def rough(self) -> frozenset[float]:
        """The values of a pre-activation at which the derivative may be wrong or not be there."""
        return self.doubtful | {k.at for k in self.kinks}


@dataclass(frozen=True, eq=False)
class Network:
    """A model with its definitions opened around its neurons: the `graph` and the `groups`.

    `unread` lists boxes that may have kinks which are not known, `reasons` all that stands in the way of a bound.
    """

    model: Para
    graph: Graph
    groups: tuple[Group, ...]
    unread: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Value:
    """What is known of a wire: `kind` is data, weight, neuron, biaffine or other; the others as in `Group`.

    `local` are the parameters u of a biaffine wire; `once`, whether each of their entries is in one entry at most.
    """

    depends: frozenset[int] = NOBODY
    kind: str = "data"
    constant: Any = None
    biases: dict[int, np.ndarray] = field(default_factory=dict)
    feeds: frozenset[int] = NOBODY
    local: frozenset[int] = NOBODY
    once: bool = True


def recognize(model: Para) -> Network:
    """The neurons of a model. What is not recognized is among the reasons, by the path of the box."""
    walk = _Walk(model)
    graph = walk.build.finish(walk.through(model.arrow.graph), model.cod)
    reasons = (*walk.unread, *_settle(walk.groups))
    return Network(model, graph, tuple(walk.groups), tuple(walk.unread), reasons)


def _settle(groups: Sequence[Group]) -> list[str]:
    """Say which neurons are strict, from the last to the first; gives what is missing."""
    reasons = []
    for g in reversed(groups):
        if not g.kinks and not g.strict:
            continue
        if g.standing == "none":
            reasons.append(f"{g.path}: its input has no bias of its own, and is not well-structured biaffine")
        if g.strict and g.profile.edges is None:
            reasons.append(f"{g.path}: where it vanishes is not known, and a layer without bias reads it")
        if g.standing == "biaffine":
            for i in g.feeds:
                groups[i].strict = True
    return reasons


class _Walk:
    """One pass through the graph, into definitions that are no pointwise boxes."""

    def __init__(self, model: Para) -> None:
        self.build = Builder(model.arrow.dom)
        self.groups: list[Group] = []
        self.unread: list[str] = []
        # the parameters on which kinks depend so far
        self.seen: frozenset[int] = NOBODY
        self.values: list[_Value] = []
        first = len(model.dom)
        for i, w in enumerate(model.arrow.dom.inside):
            places = {i: np.arange(w.size, dtype=np.int32).reshape(w.shape)} if w.size <= LARGEST else {}
            one = frozenset([i])
            weight = i >= first and w.differentiable
            self.values.append(_Value(one, "weight", None, places, local=one) if weight else _Value())

    def through(self, graph: Graph) -> list[int]:
        """The outputs of the graph, whose boxes are opened where kinks may be inside."""

        def rule(box: Box, *inputs: int, path: str) -> Sequence[int] | Open:
            if self.activation(path, box, inputs) or not self.opens(box, inputs):
                return self.node(path, box, inputs)
            return Open()

        return interpret(graph, rule, range(len(graph.dom)), path="")

    def opens(self, box: Box, inputs: Sequence[int]) -> bool:
        """Whether to go on inside: not where no parameter comes in, nor where the box has a derivative of its own."""
        if box.definition is None or not any(self.values[i].depends for i in inputs):
            return False
        return not box.rules and not _analytic_whole(box)

    def activation(self, path: str, box: Box, inputs: Sequence[int]) -> bool:
        """Whether the box is pointwise in one wire that moves, with kinks or curved; if so it is noted as a group."""
        values = [self.values[i] for i in inputs]
        moving = {i for i, v in zip(inputs, values, strict=True) if v.depends}
        if len(moving) != 1 or any(not v.depends and v.constant is None for v in values):
            return False
        try:
            found = profile(box, [v.constant if not v.depends else None for v in values])
        except UnreadError:
            return False
        if found.affine and not found.faults:
            return False
        (y,) = moving
        self.group(path, y, self.build.n_wires, found)
        return True

    def group(self, path: str, y: int, z: int, found: Profile) -> int:
        """Note the neurons that a box writes to the wire z."""
        v = self.values[y]
        w = self.build.wires()[y]
        group = Group(path, y, z, w.size, found, v.depends, v.biases, v.feeds)
        single = [p for p, places in v.biases.items() if len(np.unique(places)) == places.size]
        biaffine = v.kind in ("weight", "biaffine") and not v.local & self.upstream(v.feeds)
        group.standing = "bias" if single else "biaffine" if biaffine else "none"
        if group.kinks:
            alone = [p for p in (*single, *v.biases) if p not in self.seen]
            group.shared = alone[0] if alone else None
            group.standing = "own" if group.shared in single else group.standing
            self.seen |= v.depends
        self.groups.append(group)
        return len(self.groups) - 1

    def upstream(self, groups: frozenset[int]) -> frozenset[int]:
        """The parameters on which these neurons depend."""
        return NOBODY.union(*[self.groups[i].depends for i in groups])

    def node(self, path: str, box: Box, inputs: Sequence[int]) -> range:
        """Add the box, with what is known of its outputs."""
        values = [self.values[i] for i in inputs]
        depends = NOBODY.union(*[v.depends for v in values])
        made = self.build.add(box, inputs)
        if self.groups and self.groups[-1].writes == made.start:
            number = len(self.groups) - 1
            self.values.append(_Value(depends, "neuron", feeds=frozenset([number])))
            return made
        if not depends:
            self.values += [_Value(constant=_number(box)) for _ in made]
            return made
        if not _analytic(box):
            self.unread.append(
                f"{path}: {box.op or box.name} is neither analytic nor pointwise with known kinks; "
                "a pointwise function of one wire is known when it is closed: d.boxed(name)"
            )
        rule = RULES.get(box.op, lambda box, values: OTHER)
        if box.op in PRODUCTS:
            values = [self.linear(path, i, v) for i, v in zip(inputs, values, strict=True)]
        found = rule(box, values)
        self.values += [replace(found, depends=depends) for _ in made]
        return made

    def linear(self, path: str, wire: int, v: _Value) -> _Value:
        """A biaffine operand of a product as neurons of the identity, whose zero set is a point."""
        if v.kind != "biaffine":
            return v
        known = [i for i, g in enumerate(self.groups) if g.reads == wire == g.writes]
        number = known[0] if known else self.group(f"{path} (input)", wire, wire, IDENTITY)
        return _Value(v.depends, "neuron", feeds=frozenset([number]))


IDENTITY = Profile((), (), frozenset([0.0]), True)


def _number(box: Box) -> Any:
    """The number of a constant box whose entries are alike."""
    if box.op != "constant":
        return None
    value = box.params["value"]
    array = np.asarray(value.value if isinstance(value, Constant) else value)
    return array.flat[0].item() if array.size and (array == array.flat[0]).all() else None


# -- what is analytic --------------------------------------------------------------------------------


def _analytic(box: Box) -> bool:
    """Whether a box is analytic where it is defined."""
    if box.op == "select_n":
        return False
    known = traits(box.op)
    return known.analytic or known.linear or known.bilinear or _analytic_whole(box)


def _analytic_whole(box: Box) -> bool:
    """Whether a closed box is analytic though parts of it are not: the largest entry cancels in a softmax."""
    if box.name not in ("softmax", "log_softmax"):
        return False
    return box.n_in == 1 and bool(box.dom.inside[0].shape) and getattr(nn, box.name)(box.dom).arrow == box


# -- what is known of the outputs of a box, from what is known of its inputs --------------------------


OTHER = _Value(kind="other")


def _moved(box: Box, values: Sequence[_Value]) -> _Value:
    """Entries moved about, copied or left out."""
    v = values[0]
    if len(values) > 1 or box.n_out > 1:
        return OTHER
    if box.op in ("convert_element_type", "copy", "neg"):
        return v
    more = box.cod.inside[0].size > box.dom.inside[0].size
    biases = {p: np.asarray(apply_box(box, jnp.asarray(at))[0]) for p, at in v.biases.items()}
    return replace(v, biases=biases, once=v.once and not more)


def _sum(box: Box, values: Sequence[_Value]) -> _Value:
    """Biases of each operand on which the other does not depend; biaffine in parameters that are apart."""
    a, b = values
    whole = box.cod.inside[0].shape
    biases: dict[int, np.ndarray] = {}
    for v, other, w in zip((a, b), (b, a), box.dom.inside, strict=True):
        biases |= {p: at for p, at in v.biases.items() if p not in other.depends and w.shape == whole}
    plain = all(v.kind in ("data", "weight", "biaffine") for v in values) and not a.local & b.local
    once = all(v.once and w.shape == whole for v, w in zip(values, box.dom.inside, strict=True) if v.depends)
    kind = "biaffine" if plain else "other"
    return _Value(kind=kind, biases=biases, feeds=a.feeds | b.feeds, local=a.local | b.local, once=once)


def _product(box: Box, values: Sequence[_Value]) -> _Value:
    """Neurons or data by a weight are biaffine; anything by a number other than zero stays what it is."""
    for v, other in (values, reversed(values)):
        if not other.depends and v.depends:
            biases = v.biases if other.constant else {}
            kind = v.kind if v.kind == "neuron" else "biaffine" if v.kind in ("weight", "biaffine") else "other"
            grown = any(w.size < box.cod.inside[0].size for w in box.dom.inside) and other.constant is None
            return replace(v, kind=kind, constant=None, biases=biases, once=v.once and not grown)
    return _paired(values, lambda w: True)


def _contraction(box: Box, values: Sequence[_Value]) -> _Value:
    """Sums of products of neurons or data by distinct entries of a weight."""
    return _paired(values, lambda w: w.once, once=False)


def _paired(values: Sequence[_Value], fits: Callable[[_Value], bool], once: bool | None = None) -> _Value:
    a, b = values
    for x, u in ((a, b), (b, a)):
        if x.kind in ("data", "neuron") and u.kind == "weight" and not x.depends & u.depends and fits(u):
            return _Value(kind="biaffine", feeds=x.feeds, local=u.local, once=u.once if once is None else once)
    return OTHER


def _convolution(box: Box, values: Sequence[_Value]) -> _Value:
    return _contraction(box, values) if values[1].kind == "weight" else OTHER


def _quotient(box: Box, values: Sequence[_Value]) -> _Value:
    return _product(box, values) if not values[1].depends else OTHER


def _total(box: Box, values: Sequence[_Value]) -> _Value:
    """A sum of entries is biaffine if no parameter is in two of them."""
    v = values[0]
    fits = v.kind in ("weight", "biaffine") and v.once
    return _Value(kind="biaffine", feeds=v.feeds, local=v.local) if fits else OTHER


MOVES = (*sorted((having("moving") | having("converting")) - having("constant")), "neg")
PRODUCTS = ("mul", "dot_general", "conv_general_dilated")
RULES: dict[str, Callable[[Box, Sequence[_Value]], _Value]] = {
    **dict.fromkeys(MOVES, _moved),
    "add": _sum,
    "add_any": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _quotient,
    "dot_general": _contraction,
    "conv_general_dilated": _convolution,
    "reduce_sum": _total,
}
