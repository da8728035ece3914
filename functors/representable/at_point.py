"""The gradient at one parameter: whether it is the derivative, and if not, whether a limit of derivatives.

A neuron is *touched* at w if its pre-activation is a kink, and it *counts* if the adjoint of its output, which reverse
mode computes anyway, is not zero. For the pre-activations y_T of the touched neurons:

    none counts, or all that do stay     z is differentiable at w, and D^AD z(w) = Dz(w)
    one counts, y_T independent          z is not differentiable at w
    and each rule is one-sided           D^AD z(w) is a limit of derivatives of z: a Bouligand subderivative
    and each rule is between the sides   D^AD z(w) is a Clarke subderivative
    shared biases with one λ each        the same, where rule = λ left + (1 - λ) right and λ is in [0, 1]

*Independent* says that, box by box, the touched pre-activations have linearly independent gradients in parameters on
which no touched kink before depends: each can then be pushed to either side, one after the other. With own biases it
always holds; in dense layers without bias it says that the inputs of a layer are independent over the batch. A neuron
*stays* if its pre-activation is a weighted sum of neurons that are zero here and nearby.

The first line needs no biases: changing the slope at a neuron with adjoint zero changes no adjoint, so that all
branches of z that meet at w have one derivative. For the last lines, the gradient is affine in the slope of each neuron
and no path meets two neurons of one box, so that it is the mean of the gradients of branches chosen by independent
coins.

The theory is about exact arithmetic. Pre-activations and adjoints are compared as the program computes them: where they
are rounded, a neuron near a kink may be taken for one at it, and the other way round.

Sources: W. Lee, S. Park, A. Aiken, "On the correctness of automatic differentiation for neural networks with
machine-representable parameters" (2023), section 3 (the criterion); S. Park, S. Chun, W. Lee, "What does automatic
differentiation compute for neural networks?" (2024), theorems 1, 4 and 5 (distinct biases; batches; no biases).

>>> from paralens import nn
>>> from paralens.functors.representable import recognize
>>> network = recognize(nn.dense(1, 1) >> nn.relu(1))
>>> [values.tolist() for values in watch(network)([[1.0]], [[[0.5]], [-0.5]])[0]]
[[0.0], [1.0]]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...diagrams.cache import derived
from ...diagrams.graph import Builder
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import callable_of
from ...diagrams.types import Ty
from ..derivatives.derivative import reverse
from ..derivatives.smooth import SMOOTH
from .kinks import Kink
from .networks import Group, Network

__all__ = ["Point", "Touch", "at_point", "watch"]

# More touched neurons than this are not tested for independence one by one.
MOST = 256

Watch = Callable[[Sequence[Any], Sequence[Any]], list[tuple[jax.Array, jax.Array]]]


@dataclass(frozen=True)
class Touch:
    """A touched neuron: the `path` of its box, its index there, the kink, and the size of its adjoint."""

    path: str
    index: tuple[int, ...]
    kink: Kink
    adjoint: float

    @property
    def counts(self) -> bool:
        """Whether the adjoint is not zero."""
        return self.adjoint != 0.0

    def __str__(self) -> str:
        k = self.kink
        where = f"{self.path}{list(self.index) if self.index else ''} at {k.at:g}"
        return f"{where}: slopes {k.left:g} and {k.right:g}, rule {k.rule:g}, adjoint {self.adjoint:.3g}"


@dataclass(frozen=True)
class Point:
    """What is known of the gradient at a parameter.

    `differentiable` and `correct` are None where that is not decided. `membership` is "derivative", "Bouligand",
    "Clarke" or "unknown": what the gradient is, by the theorem that `reason` names.
    """

    touched: tuple[Touch, ...]
    differentiable: bool | None
    correct: bool | None
    membership: str
    reason: str

    def __str__(self) -> str:
        counting = [t for t in self.touched if t.counts]
        lines = [f"gradient here: {self.membership} ({self.reason})"]
        neurons = "1 neuron" if len(self.touched) == 1 else f"{len(self.touched)} neurons"
        lines.append(f"{neurons} at a kink, {len(counting)} with an adjoint other than zero")
        lines += [f"  {t}" for t in counting[:8]]
        return "\n".join(lines + ([f"  and {len(counting) - 8} more"] if len(counting) > 8 else []))


def kinked(network: Network) -> list[Group]:
    """The groups that have kinks."""
    return [g for g in network.groups if g.kinks]


def watch(network: Network) -> Watch:
    """The function (data, parameters) -> for each group with kinks, pre-activations and sizes of adjoints.

    The size of an adjoint is the largest over the entries of the results. A JAX function: `jax.vmap` it.
    """
    diagram, n, groups = _probed(network)
    back = callable_of(reverse(diagram, wrt=range(n, n + len(groups)), value=True))
    outputs = network.model.cod.inside
    moving = [w for w in outputs if w.differentiable]

    def run(data: Sequence[Any], params: Sequence[Any]) -> list[tuple[jax.Array, jax.Array]]:
        if not groups:
            return []
        wires = network.graph.dom.inside
        given = [jnp.asarray(v, w.dtype) for v, w in zip([*data, *params], wires, strict=True)]
        probes = [jnp.zeros(w.shape, w.dtype) for w in diagram.dom.inside[n:]]

        def adjoints(*cotangents: Any) -> tuple[Any, ...]:
            return back(*given, *probes, *cotangents, *probes)

        units = _units([w.size for w in moving])
        seeds = [jnp.asarray(u.reshape(-1, *w.shape), w.dtype) for u, w in zip(units, moving, strict=True)]
        made = jax.vmap(adjoints)(*seeds)[len(outputs) :]
        ys, found = made[: len(groups)], made[len(groups) :]
        return [(y[0], jnp.abs(a).max(axis=0)) for y, a in zip(ys, found, strict=True)]

    return run


def _units(sizes: Sequence[int]) -> list[np.ndarray]:
    """The unit vectors of a product of spaces, cut up into its factors."""
    return np.split(np.eye(sum(sizes)), np.cumsum(sizes)[:-1], axis=1)


def _probed(network: Network) -> tuple[Diagram, int, list[Group]]:
    """The network with something added to the output of each kinked box, and with its pre-activations as outputs."""
    graph, groups = network.graph, kinked(network)
    wires = graph.wires()
    probes = Ty.of(wires[g.writes] for g in groups)
    n = len(graph.dom)
    build = Builder(graph.dom @ probes)
    probe = {g.writes: n + i for i, g in enumerate(groups)}
    env = list(range(n))
    # by hand: probes are added at wires by their numbers
    for box, reads, writes in graph.steps:
        made = build.add(box, [env[i] for i in reads])
        for w, new in zip(writes, made, strict=True):
            env.append(build.add(SMOOTH.plus(wires[w]), (new, probe[w]))[0] if w in probe else new)
    ends = [*(env[i] for i in graph.outputs.tolist()), *(env[g.reads] for g in groups)]
    cod = graph.cod @ Ty.of(wires[g.reads] for g in groups)
    return Diagram.of_graph(build.finish(ends, cod)), n, groups


# -- one point ---------------------------------------------------------------------------------------


def at_point(network: Network, weights: Sequence[Any], *data: Any) -> Point:
    """What is known of the gradient at these parameters, in the order of the model's, and this data.

    Raises `InputError` for the wrong number of data arrays.
    """
    dom = network.model.dom
    if len(data) != len(dom):
        raise InputError(f"{len(data)} examples for the {len(dom)} data wires {dom} of the model")
    groups = kinked(network)
    run = derived(network, "watch", lambda: jax.jit(watch(network)))
    found = run([np.asarray(x) for x in data], [np.asarray(w) for w in weights])
    values = [np.asarray(v) for v in (*data, *weights)]
    hits: list[tuple[Group, Touch]] = []
    quiet: set[Group] = set()
    for group, pair in zip(groups, found, strict=True):
        y, adjoint = map(np.asarray, pair)
        touched = _touched(group, y, adjoint)
        leaving = _leaving(network, group, touched, values, quiet)
        hits += [(group, t) for t in leaving]
        staying = {t.index for t in touched} - {t.index for t in leaving}
        if all(tuple(at) in staying for at in np.argwhere(np.isin(y, _edges(group, y)))):
            quiet.add(group)
    return _judged(network, hits, values)


def _touched(group: Group, y: np.ndarray, adjoint: np.ndarray) -> list[Touch]:
    hits = [(tuple(int(i) for i in at), k) for k in group.kinks for at in np.argwhere(y == np.asarray(k.at, y.dtype))]
    return [Touch(group.path, at, k, float(adjoint[at])) for at, k in hits]


def _edges(group: Group, y: np.ndarray) -> np.ndarray:
    """Where the outputs begin to vanish; anywhere, if that is not known."""
    edges = group.profile.edges
    return y if edges is None else np.asarray(sorted(edges), y.dtype)


def _leaving(
    network: Network, group: Group, touched: list[Touch], values: Sequence[np.ndarray], quiet: set[Group]
) -> list[Touch]:
    """The touched neurons without those that stay: a weighted sum of neurons that are zero here and nearby is constant.

    `quiet` are the boxes before whose zeros are zeros nearby.
    """
    biaffine = group.standing == "biaffine" and all(network.groups[i] in quiet for i in group.feeds)
    if not biaffine or not 0 < len(touched) <= MOST:
        return touched
    local = sorted(group.depends.difference(*[network.groups[i].depends for i in group.feeds]))
    rows = _rows(network, group, local, [t.index for t in touched], values)
    return [t for t, row in zip(touched, rows, strict=True) if row.any()]


Hits = Sequence[tuple[Group, Touch]]


def _judged(network: Network, hits: Hits, values: Sequence[np.ndarray]) -> Point:
    """The verdict from the touched neurons."""
    touched = tuple(t for _, t in hits)
    counting = [(g, t) for g, t in hits if t.counts]
    if network.unread:
        return Point(touched, None, None, "unknown", "some boxes were not recognized")
    if not counting:
        why = "all adjoints at kinks are zero" if touched else "no pre-activation is at a kink"
        return Point(touched, True, True, "derivative", why)
    if any(t.kink in g.profile.faults for g, t in counting):
        return Point(touched, None, None, "unknown", "a derivative rule is wrong at a smooth point of its box")
    differentiable = correct = None
    shares = [t.kink.share for _, t in counting]
    between = all(0.0 <= s <= 1.0 for s in shares)
    if _independent(network, hits, values):
        differentiable, correct = False, None
        one_sided = all(s in (0.0, 1.0) for s in shares)
        membership = "Bouligand" if one_sided else "Clarke" if between else "unknown"
        reason = "kinks that can be left to either side" if between else "a rule outside of the slopes of the two sides"
    else:
        clarke = between and _one_share_each(hits)
        membership = "Clarke" if clarke else "unknown"
        reason = "shared biases with one λ each" if clarke else "kinks that cannot be left apart from each other"
    return Point(touched, differentiable, correct, membership, reason)


def _one_share_each(hits: Hits) -> bool:
    """Whether each touched neuron has a bias, and those that count and share one have the same λ."""
    found: dict[tuple[int, int], float] = {}
    for g, t in hits:
        if g.shared is None:
            return False
        key = (g.shared, int(g.biases[g.shared][t.index]))
        if t.counts and found.setdefault(key, t.kink.share) != t.kink.share:
            return False
    return True


def _independent(network: Network, hits: Hits, values: Sequence[np.ndarray]) -> bool:
    """Whether box by box the touched pre-activations are independent, in parameters that no kink before reads.

    Own biases make them so.
    """
    seen: frozenset[int] = frozenset()
    several = [(g, t) for g, t in hits if g.standing != "own"]
    if len(several) > MOST:
        return False
    for group in dict.fromkeys(g for g, _ in hits):
        if group.standing != "own":
            local = sorted(group.depends - seen)
            places = [t.index for g, t in several if g is group]
            rows = _rows(network, group, local, places, values) if local else np.zeros((len(places), 0))
            if np.linalg.matrix_rank(rows) < len(places):
                return False
        seen |= group.depends
    return True


def _rows(
    network: Network,
    group: Group,
    local: Sequence[int],
    places: Sequence[tuple[int, ...]],
    values: Sequence[np.ndarray],
) -> np.ndarray:
    """The gradients of some pre-activations of a box in some parameters."""
    graph = network.graph
    wire = graph.wires()[group.reads]
    y = Diagram.of_graph(replace(graph, cod=Ty.of([wire]), outputs=np.array([group.reads], dtype=np.int32)))
    back = callable_of(reverse(y, wrt=list(local)))
    seeds = np.zeros((len(places), *wire.shape), wire.dtype)
    for k, at in enumerate(places):
        seeds[(k, *at)] = 1
    given = [jnp.asarray(v, w.dtype) for v, w in zip(values, graph.dom.inside, strict=True)]
    made = jax.vmap(lambda seed: back(*given, seed))(jnp.asarray(seeds))
    return np.concatenate([np.asarray(m, np.float64).reshape(len(places), -1) for m in made], axis=1)
