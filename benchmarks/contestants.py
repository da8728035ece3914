"""The contestants: one model in four ways, with the same weights, checked to compute the same.

A benchmark of different programs is worthless, so before anything is timed `agree` compares the scores, the loss and
the gradient of every weight with those of the hand-written model, in the common layout and relative to the size of
each array. The gradient is read off the very step that is timed, at a rate so large that nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from paralens import Para, batch, to_jax

from . import handwritten, with_paralens
from .cases import Spec, loss
from .programs import difference

__all__ = ["BASE", "CONTROL", "LIKE", "OURS", "Contestant", "agree", "assemble", "step_of", "weights_of"]

BASE, LIKE, OURS, CONTROL = "JAX", "JAX, dict", "Paralens", "JAX again"
TOLERANCE = 1e-4
# a power of two, so that dividing by it is exact
LARGE = 2.0**10
Step = Callable[[Any, jax.Array, jax.Array], tuple[Any, jax.Array]]


@dataclass(frozen=True)
class Contestant:
    """A model in one library: its parameters, the function of parameters and a batch, the common layout, the step.

    `common` lists the arrays of parameters (or of a gradient, which has the same structure) in the order and layout of
    the hand-written model. `step(rate)` makes the function of parameters and data to new parameters and the loss.
    """

    name: str
    params: Any
    forward: Callable[[Any, jax.Array], jax.Array]
    common: Callable[[Any], list[jax.Array]]
    step: Callable[[float], Step]


def step_of(forward: Callable[[Any, jax.Array], jax.Array], rate: float) -> Step:
    """The training step of a model under `jax.value_and_grad`: the gradient of the loss, then gradient descent."""

    def step(params: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
        value, gradient = jax.value_and_grad(lambda p: loss(forward(p, x), y))(params)
        return jax.tree.map(lambda p, g: p - rate * g, params, gradient), value

    return step


def _by_jax(name: str, params: Any, forward: Callable[..., jax.Array], common: Callable[..., Any]) -> Contestant:
    return Contestant(name, params, forward, common, partial(step_of, forward))


def assemble(spec: Spec) -> list[Contestant]:
    """All contestants of a case; the hand-written one comes first, and once more at the end as a control.

    In between it stands with its parameters in the nested dict that the diagram takes: what differs
    there from the first is the price of the container, which is JAX's and not a library's.
    """
    diagram = batch(with_paralens.MODELS[type(spec)](spec), spec.batch)
    weights = weights_of(diagram)
    written, forward = handwritten.MODELS[type(spec)](spec, weights)
    shape = partial(jax.tree.unflatten, jax.tree.structure(written))
    held, run = diagram.nest(weights), to_jax(diagram)
    return [
        _by_jax(BASE, written, forward, jax.tree.leaves),
        _by_jax(LIKE, held, lambda p, x: forward(shape(diagram.flat(p)), x), diagram.flat),
        Contestant(OURS, held, run, diagram.flat, partial(with_paralens.step, diagram)),
        _by_jax(f"{OURS}, jax.grad", held, run, diagram.flat),
        _equinox(spec, weights),
        _flax(spec, weights),
        _by_jax(CONTROL, written, lambda p, x: forward(p, x), jax.tree.leaves),
    ]


def weights_of(diagram: Para) -> list[jax.Array]:
    """Random weights that keep the size of what flows: none is zero, so that a wrong place shows."""
    random, found = np.random.default_rng(0), []
    for path, w in zip(diagram.paths, diagram.weight.inside, strict=True):
        noise = random.normal(size=w.shape)
        spread = np.sqrt(2 / np.prod(w.shape[:-1])) if len(w.shape) > 1 else 0.1
        found.append(jax.numpy.asarray(noise * spread + path.endswith("scale"), w.dtype))
    return found


def _equinox(spec: Spec, weights: Sequence[jax.Array]) -> Contestant:
    import equinox as eqx

    from .with_equinox import MODELS, TURN

    make, places, turns = MODELS[type(spec)](spec)
    model = eqx.filter_eval_shape(make)
    given = [TURN[t][0](w) for t, w in zip(turns, weights, strict=True)]
    shaped = [w.reshape(a.shape) for w, a in zip(given, places(model), strict=True)]
    params, static = eqx.partition(eqx.tree_at(places, model, shaped), eqx.is_array)

    def forward(params: Any, x: jax.Array) -> jax.Array:
        return jax.vmap(eqx.combine(params, static))(x)

    def common(tree: Any) -> list[jax.Array]:
        found = [TURN[t][1](a) for t, a in zip(turns, places(tree), strict=True)]
        return [a.reshape(w.shape) for a, w in zip(found, weights, strict=True)]

    return _by_jax("Equinox", params, forward, common)


def _flax(spec: Spec, weights: Sequence[jax.Array]) -> Contestant:
    from flax import nnx

    from .with_flax import MODELS

    model, places = MODELS[type(spec)](spec)
    for place, w in zip(places(model), weights, strict=True):
        place[...] = w.reshape(place.shape)
    graph, params = nnx.split(model, nnx.Param)

    def forward(params: Any, x: jax.Array) -> jax.Array:
        return nnx.merge(graph, params)(x)

    def common(tree: Any) -> list[jax.Array]:
        found = places(nnx.merge(graph, tree))
        return [p[...].reshape(w.shape) for p, w in zip(found, weights, strict=True)]

    return _by_jax("Flax NNX", params, forward, common)


def agree(found: Sequence[Contestant], x: jax.Array, y: jax.Array) -> dict[str, float]:
    """For each contestant the largest relative difference from the first, over scores, loss and gradients.

    Raises `AssertionError`, naming the contestant, where it is beyond float32 accuracy.
    """
    (result, *base), *others = [_computed(c, x, y) for c in found]
    worst = {}
    for contestant, (mine, *gradient) in zip(found[1:], others, strict=True):
        for kind, a, b in (("result", mine, result), ("gradient", gradient, base)):
            off, place = difference(a, b)
            worst[contestant.name] = max(off, worst.get(contestant.name, 0.0))
            if off > TOLERANCE:
                raise AssertionError(f"{contestant.name} computes something else: {kind} {place} is off by {off}")
    return worst


def _computed(c: Contestant, x: jax.Array, y: jax.Array) -> list[Any]:
    """The scores with the loss, then the gradient of every weight in the common layout."""
    after, value = jax.jit(c.step(LARGE))(c.params, x, y)
    gradient = jax.tree.map(lambda p, q: (p - q) / LARGE, c.params, after)
    return [[jax.jit(c.forward)(c.params, x), value], *c.common(gradient)]
