"""The models as diagrams: one example each, then the functor `batch`."""

from __future__ import annotations

from collections.abc import Callable

from paralens import Para, R, Z
from paralens.diagrams import nn

from .cases import ConvNet, Mlp, Spec, Transformer

__all__ = ["MODELS"]


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
