"""The models in Flax NNX: modules of a whole batch. `places` lists a model's parameters in the order of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from .cases import ConvNet, Mlp, Spec, Transformer

__all__ = ["MODELS"]

Built = tuple[Any, Callable[[Any], list[Any]]]


def _linears(sizes: Sequence[int]) -> nnx.List:
    return nnx.List([nnx.Linear(a, b, rngs=nnx.Rngs(0)) for a, b in pairwise(sizes)])


def _pairs(layers: Sequence[Any]) -> list[Any]:
    return [p for layer in layers for p in (layer.kernel, layer.bias)]


def _norm(width: int) -> nnx.LayerNorm:
    # the fast variance, mean x² - (mean x)², is other mathematics
    return nnx.LayerNorm(width, epsilon=1e-6, use_fast_variance=False, rngs=nnx.Rngs(0))


class Net(nnx.Module):
    """Affine layers with relu between them."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.layers = _linears(sizes)

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class Images(nnx.Module):
    """The conv net."""

    def __init__(self, spec: ConvNet) -> None:
        counts = [spec.channels, *spec.features]
        pairs = pairwise(counts)
        self.convs = nnx.List([nnx.Conv(a, b, (3, 3), padding="SAME", rngs=nnx.Rngs(0)) for a, b in pairs])
        entries = (spec.side >> (len(spec.features) - 1)) ** 2 * spec.features[-1]
        self.net = Net([entries, spec.hidden, spec.classes])

    def __call__(self, x: jax.Array) -> jax.Array:
        for i, conv in enumerate(self.convs):
            x = jax.nn.relu(conv(x))
            x = nnx.max_pool(x, (2, 2), (2, 2)) if i else x
        return self.net(x.reshape(x.shape[0], -1))


class Block(nnx.Module):
    """A transformer block with the norm in front."""

    def __init__(self, width: int, heads: int) -> None:
        self.norm, self.mlp_norm = _norm(width), _norm(width)
        self.attention = nnx.MultiHeadAttention(heads, width, decode=False, rngs=nnx.Rngs(0))
        self.wide = nnx.Linear(width, 4 * width, rngs=nnx.Rngs(0))
        self.back = nnx.Linear(4 * width, width, rngs=nnx.Rngs(0))

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        x = x + self.attention(self.norm(x), mask=mask)
        return x + self.back(jax.nn.gelu(self.wide(self.mlp_norm(x))))

    def places(self) -> list[Any]:
        """The parameters in order."""
        a = self.attention
        norm, mlp_norm = ([n.scale, n.bias] for n in (self.norm, self.mlp_norm))
        return norm + _pairs([a.query, a.key, a.value, a.out]) + mlp_norm + _pairs([self.wide, self.back])


class Language(nnx.Module):
    """The language model."""

    def __init__(self, spec: Transformer) -> None:
        self.embedding = nnx.Embed(spec.classes, spec.width, rngs=nnx.Rngs(0))
        self.position = nnx.Param(jnp.zeros((spec.length, spec.width)))
        self.blocks = nnx.List([Block(spec.width, spec.heads) for _ in range(spec.blocks)])
        self.norm = _norm(spec.width)
        self.head = nnx.Linear(spec.width, spec.classes, rngs=nnx.Rngs(0))

    def __call__(self, tokens: jax.Array) -> jax.Array:
        x = self.embedding(tokens) + self.position[...]
        mask = nnx.make_causal_mask(tokens)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))

    def places(self) -> list[Any]:
        """The parameters in order."""
        blocks = [p for b in self.blocks for p in b.places()]
        return [self.embedding.embedding, self.position, *blocks, self.norm.scale, self.norm.bias, *_pairs([self.head])]


def mlp(spec: Mlp) -> Built:
    """The MLP and its places."""
    return Net([spec.width] * spec.depth + [spec.classes]), lambda m: _pairs(m.layers)


def convnet(spec: ConvNet) -> Built:
    """The conv net and its places."""
    return Images(spec), lambda m: _pairs([*m.convs, *m.net.layers])


def transformer(spec: Transformer) -> Built:
    """The language model and its places."""
    return Language(spec), lambda m: m.places()


MODELS: dict[type[Spec], Callable[..., Built]] = {Mlp: mlp, ConvNet: convnet, Transformer: transformer}
