"""The models in plain `jax.numpy`, as a person writes them: functions of nested tuples of arrays.

The order of the leaves is that of the weights every contestant gets: a layer's matrix, then its bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from .cases import ConvNet, Mlp, Spec, Transformer

__all__ = ["MODELS", "MlpBlock", "mlp_block"]

Weights = Sequence[jax.Array]
Built = tuple[Any, Callable[[Any, jax.Array], jax.Array]]


class Affine(NamedTuple):
    """A matrix or kernel, then a bias; also the scale and bias of a norm."""

    w: jax.Array
    b: jax.Array


class Block(NamedTuple):
    """The parameters of a transformer block."""

    norm: Affine
    query: Affine
    key: Affine
    value: Affine
    out: Affine
    mlp_norm: Affine
    wide: Affine
    back: Affine


class MlpBlock(NamedTuple):
    """The parameters of the MLP of a transformer block; of several, stacked."""

    scale: jax.Array
    bias: jax.Array
    wide: jax.Array
    wide_bias: jax.Array
    back: jax.Array
    back_bias: jax.Array


class Language(NamedTuple):
    """The parameters of the language model."""

    embedding: jax.Array
    position: jax.Array
    blocks: list[Block]
    norm: Affine
    head: Affine


def affines(weights: Weights) -> Iterator[Affine]:
    """The weights in pairs."""
    for i in range(0, len(weights), 2):
        yield Affine(weights[i], weights[i + 1])


def mlp(spec: Mlp, weights: Weights) -> Built:
    """Parameters and function of the MLP."""

    def forward(params: list[Affine], x: jax.Array) -> jax.Array:
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return x @ w + b

    return list(affines(weights)), forward


def conv(p: Affine, x: jax.Array) -> jax.Array:
    """A convolution with stride 1 that keeps height and width."""
    return lax.conv_general_dilated(x, p.w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + p.b


def max_pool(x: jax.Array) -> jax.Array:
    """The maximum of each window of 2 x 2."""
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def convnet(spec: ConvNet, weights: Weights) -> Built:
    """Parameters and function of the conv net."""

    def forward(params: list[Affine], x: jax.Array) -> jax.Array:
        *convs, hidden, out = params
        for i, p in enumerate(convs):
            x = jax.nn.relu(conv(p, x))
            x = max_pool(x) if i else x
        x = jax.nn.relu(x.reshape(x.shape[0], -1) @ hidden.w + hidden.b)
        return x @ out.w + out.b

    return list(affines(weights)), forward


def layer_norm(p: Affine, x: jax.Array) -> jax.Array:
    """The layer norm over the last axis."""
    centered = x - jnp.mean(x, -1, keepdims=True)
    return centered * lax.rsqrt(jnp.mean(jnp.square(centered), -1, keepdims=True) + 1e-6) * p.w + p.b


def mlp_block(p: MlpBlock, x: jax.Array) -> jax.Array:
    """The MLP of a transformer block, with its norm and shortcut."""
    y = layer_norm(Affine(p.scale, p.bias), x)
    return x + jax.nn.gelu(y @ p.wide + p.wide_bias) @ p.back + p.back_bias


def attention(p: Block, x: jax.Array, heads: int) -> jax.Array:
    """Causal attention of sequences to themselves."""
    q, k, v = ((x @ a.w + a.b).reshape(*x.shape[:2], heads, -1) for a in (p.query, p.key, p.value))
    y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    return y.reshape(x.shape) @ p.out.w + p.out.b


def transformer(spec: Transformer, weights: Weights) -> Built:
    """Parameters and function of the language model."""

    def forward(params: Language, tokens: jax.Array) -> jax.Array:
        x = jnp.take(params.embedding, tokens, axis=0) + params.position
        for p in params.blocks:
            x = x + attention(p, layer_norm(p.norm, x), spec.heads)
            y = layer_norm(p.mlp_norm, x)
            x = x + jax.nn.gelu(y @ p.wide.w + p.wide.b) @ p.back.w + p.back.b
        return layer_norm(params.norm, x) @ params.head.w + params.head.b

    embedding, position, *rest = weights
    pairs = list(affines(rest))
    blocks = [Block(*pairs[8 * i : 8 * i + 8]) for i in range(spec.blocks)]
    return Language(embedding, position, blocks, *pairs[8 * spec.blocks :]), forward


MODELS: dict[type[Spec], Callable[..., Built]] = {Mlp: mlp, ConvNet: convnet, Transformer: transformer}
