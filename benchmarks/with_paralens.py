"""The models as diagrams: one example each, then the functor `batch`; and the functors that differentiate them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp

from paralens import Diagram, Learner, Para, R, Ty, Z, forward, from_jax, optimizers, reverse, to_jax
from paralens.diagrams import nn

from .cases import ConvNet, Mlp, Spec, Transformer, loss

__all__ = ["MODELS", "block", "hessian_product", "labels", "learner", "objective", "step", "value_and_gradient"]


def mlp(spec: Mlp) -> Para:
    """The MLP."""
    inner = [nn.dense(spec.width, spec.width), nn.relu(spec.width)] * (spec.depth - 1)
    return nn.sequential(spec.width, *inner, nn.dense(spec.width, spec.classes))


def convnet(spec: ConvNet) -> Para:
    """The conv net."""
    layers = []
    for i, n in enumerate(spec.features):
        layers += [lambda t, n=n: nn.conv2d(t, n, 3), nn.relu]
        layers += [nn.max_pool] if i else []
    layers += [nn.flatten, lambda t: nn.dense(t, spec.hidden), nn.relu, lambda t: nn.dense(t, spec.classes)]
    return nn.sequential(R(spec.side, spec.side, spec.channels), *layers)


def transformer(spec: Transformer) -> Para:
    """The language model."""
    x = R(spec.length, spec.width)
    return nn.sequential(
        nn.embedding(Z(spec.length), spec.classes, spec.width),
        nn.position_embedding(x),
        *[nn.transformer_block(x, spec.heads, causal=True)] * spec.blocks,
        nn.layer_norm(x),
        nn.dense(x, spec.classes),
    )


MODELS: dict[type[Spec], Callable[..., Para]] = {Mlp: mlp, ConvNet: convnet, Transformer: transformer}


def block(width: int) -> Para:
    """The MLP of a transformer block, with its norm and shortcut."""
    inside = nn.sequential(
        nn.layer_norm(width), nn.dense(width, 4 * width), nn.gelu(4 * width), nn.dense(4 * width, width)
    )
    return nn.residual(inside).named("block")


# -- derivatives -----------------------------------------------------------------------------------


def labels(scores: Ty) -> Ty:
    """The type of the labels: a class for each row of scores."""
    return Z(*scores.wire.shape[:-1])


@lru_cache
def _loss(scores: Ty) -> Diagram:
    # a kind of box like any layer: traced once
    return from_jax(loss, scores, labels(scores)).boxed("loss")


def objective(model: Para) -> Para:
    """The model and the loss, which everyone shares: from inputs and labels to one number."""
    return model @ labels(model.cod) >> _loss(model.cod)


def learner(model: Para, rate: float) -> Learner:
    """The learner of the model by gradient descent."""
    return Learner(model, _loss(model.cod), optimizers.sgd(rate))


def step(model: Para, rate: float) -> Callable[..., tuple[Any, jax.Array]]:
    """The step of the learner, `(params, x, y) -> (params, loss)`."""
    run = to_jax(learner(model, rate).para)

    def stepping(params: Any, x: jax.Array, y: jax.Array) -> tuple[Any, jax.Array]:
        *after, value = run({"params": params}, x, y)
        return model.nest(after), value

    return stepping


def value_and_gradient(scalar: Para, residual: str = "store") -> Para:
    """The model of the value of a scalar model and its gradient in the parameters, at the cotangent given last."""
    return reverse(scalar, wrt=scalar.paths, value=True, residual=residual)


def hessian_product(model: Para) -> Callable[..., tuple[Any, Any]]:
    """The gradient of the objective and the product of its Hessian with v: `(params, v, x, y) -> (gradient, product)`.

    It is forward(reverse(objective)) along the parameters: the data are held still, and the cotangent is 1.
    """
    scalar = objective(model)
    p = scalar.n_params
    still = [from_jax(jax.lax.stop_gradient, w) if w.wire.differentiable else Diagram.id(w) for w in scalar.dom]
    seeded = Diagram.id().tensor(*still, Diagram.point(jnp.float32(1)), Diagram.id(scalar.weight))
    gradient = seeded >> reverse(scalar, wrt=scalar.paths).arrow
    run = to_jax(forward(gradient))
    # forward asks for the tangents of the data too, which nothing reads
    unread = [w for w in scalar.dom.inside if w.differentiable]

    def product(params: Any, v: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any]:
        zeros = [jnp.zeros(w.shape, w.dtype) for w in unread]
        found = run(x, y, *model.flat(params), *zeros, *model.flat(v))
        return model.nest(found[:p]), model.nest(found[p:])

    return product
