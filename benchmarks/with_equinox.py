"""The models in Equinox: modules of one example, batched by `vmap`.

`places` lists a model's arrays in the order of the weights; `TURN` says how an array is laid out
(Equinox keeps matrices as (out, in) and images channels first; the conv net turns its images around,
so that it takes the images that the others take).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .cases import ConvNet, Mlp, Spec, Transformer

__all__ = ["MODELS"]

KEY = jax.random.key(0)
Built = tuple[Callable[[], Any], Callable[[Any], list[Any]], list[str]]
MATRIX = ["matrix", "same"]


class Net(eqx.Module):
    """Affine layers with relu between them."""

    layers: list[eqx.nn.Linear]

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers[:-1]:
            x = jax.nn.relu(layer(x))
        return self.layers[-1](x)


class Images(eqx.Module):
    """The conv net."""

    convs: list[eqx.nn.Conv2d]
    net: Net
    pool: eqx.nn.MaxPool2d

    def __call__(self, x: jax.Array) -> jax.Array:
        x = jnp.transpose(x, (2, 0, 1))
        for i, conv in enumerate(self.convs):
            x = jax.nn.relu(conv(x))
            x = self.pool(x) if i else x
        return self.net(jnp.ravel(jnp.transpose(x, (1, 2, 0))))


class Block(eqx.Module):
    """A transformer block with the norm in front."""

    norm: eqx.nn.LayerNorm
    attention: eqx.nn.MultiheadAttention
    mlp_norm: eqx.nn.LayerNorm
    wide: eqx.nn.Linear
    back: eqx.nn.Linear

    def __call__(self, x: jax.Array, mask: jax.Array) -> jax.Array:
        y = jax.vmap(self.norm)(x)
        x = x + self.attention(y, y, y, mask)
        y = jax.vmap(self.mlp_norm)(x)
        return x + jax.vmap(self.back)(jax.nn.gelu(jax.vmap(self.wide)(y)))


class Language(eqx.Module):
    """The language model."""

    embedding: eqx.nn.Embedding
    position: jax.Array
    blocks: list[Block]
    norm: eqx.nn.LayerNorm
    head: eqx.nn.Linear

    def __call__(self, tokens: jax.Array) -> jax.Array:
        x = jax.vmap(self.embedding)(tokens) + self.position
        mask = jnp.tril(jnp.ones((len(tokens), len(tokens)), bool))
        for block in self.blocks:
            x = block(x, mask)
        return jax.vmap(self.head)(jax.vmap(self.norm)(x))


def _pairs(layers: Sequence[Any]) -> list[Any]:
    return [a for layer in layers for a in (layer.weight, layer.bias)]


def _net(sizes: Sequence[int]) -> Net:
    return Net([eqx.nn.Linear(a, b, key=KEY) for a, b in pairwise(sizes)])


def mlp(spec: Mlp) -> Built:
    """How to make the MLP, its places and how they are laid out."""
    sizes = [spec.width] * spec.depth + [spec.classes]
    return lambda: _net(sizes), lambda m: _pairs(m.layers), MATRIX * spec.depth


def convnet(spec: ConvNet) -> Built:
    """How to make the conv net, its places and how they are laid out."""
    counts = [spec.channels, *spec.features]
    entries = (spec.side >> (len(spec.features) - 1)) ** 2 * spec.features[-1]

    def make() -> Images:
        convs = [eqx.nn.Conv2d(a, b, 3, padding="SAME", key=KEY) for a, b in pairwise(counts)]
        return Images(convs, _net([entries, spec.hidden, spec.classes]), eqx.nn.MaxPool2d(2, 2))

    turns = ["kernel", "same"] * len(spec.features) + MATRIX * 2
    return make, lambda m: _pairs([*m.convs, *m.net.layers]), turns


def _block(width: int, heads: int) -> Block:
    biases = {f"use_{name}_bias": True for name in ("query", "key", "value", "output")}
    return Block(
        eqx.nn.LayerNorm(width, eps=1e-6),
        eqx.nn.MultiheadAttention(heads, width, key=KEY, **biases),
        eqx.nn.LayerNorm(width, eps=1e-6),
        eqx.nn.Linear(width, 4 * width, key=KEY),
        eqx.nn.Linear(4 * width, width, key=KEY),
    )


def _of_block(b: Block) -> list[Any]:
    a = b.attention
    projections = (a.query_proj, a.key_proj, a.value_proj, a.output_proj)
    return _pairs([b.norm, *projections, b.mlp_norm, b.wide, b.back])


def transformer(spec: Transformer) -> Built:
    """How to make the language model, its places and how they are laid out."""

    def make() -> Language:
        return Language(
            eqx.nn.Embedding(spec.classes, spec.width, key=KEY),
            jnp.zeros((spec.length, spec.width)),
            [_block(spec.width, spec.heads) for _ in range(spec.blocks)],
            eqx.nn.LayerNorm(spec.width, eps=1e-6),
            eqx.nn.Linear(spec.width, spec.classes, key=KEY),
        )

    norm = ["same", "same"]
    turns = ["same", "same", *(norm + MATRIX * 4 + norm + MATRIX * 2) * spec.blocks, *norm, *MATRIX]
    return make, _of_language, turns


def _of_language(m: Language) -> list[Any]:
    blocks = [a for b in m.blocks for a in _of_block(b)]
    return [m.embedding.weight, m.position, *blocks, *_pairs([m.norm, m.head])]


MODELS: dict[type[Spec], Callable[..., Built]] = {Mlp: mlp, ConvNet: convnet, Transformer: transformer}

TURN: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "same": (lambda a: a, lambda a: a),
    "matrix": (jnp.transpose, jnp.transpose),
    "kernel": (lambda a: jnp.transpose(a, (3, 2, 0, 1)), lambda a: jnp.transpose(a, (2, 3, 1, 0))),
}
"""For each layout: from the common one to Equinox's, and back (up to axes of length one)."""
