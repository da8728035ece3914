"""Layers: a library of models with parameters, each a line of `jax.numpy` made a box.

A layer is a 1-cell `(P, f : X ⊗ P -> Y)` of Para (see `paralens.Para`) for one example; there is no
batch axis. One rule for all: the first argument is the type of the input, an int n stands for R(n),
and dtypes follow it. Composition is that of Para: associative, with names of parameters kept apart.

>>> from paralens import R, nn
>>> model = nn.dense(R(64), 32) >> nn.relu(32) >> nn.dense(32, 10)
>>> model.params
{'dense': {'w': R(64, 32), 'b': R(32)}, 'dense_1': {'w': R(32, 10), 'b': R(10)}}

Equal layers share one box, and a parameter's path begins with the path of the box that owns it.
"""

from .activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softmax,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    swish,
    tanh,
)
from .affine import bias, dense, embedding, position_embedding
from .attention import multi_head_attention, transformer_block
from .combine import flatten, reshape, residual, sequential
from .noise import dropout
from .norm import group_norm, layer_norm, rms_norm
from .windows import avg_pool, conv1d, conv2d, global_avg_pool, max_pool

__all__ = [
    "avg_pool",
    "bias",
    "celu",
    "conv1d",
    "conv2d",
    "dense",
    "dropout",
    "elu",
    "embedding",
    "flatten",
    "gelu",
    "global_avg_pool",
    "glu",
    "group_norm",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "identity",
    "layer_norm",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "mish",
    "multi_head_attention",
    "position_embedding",
    "relu",
    "relu6",
    "reshape",
    "residual",
    "rms_norm",
    "selu",
    "sequential",
    "sigmoid",
    "silu",
    "soft_sign",
    "softmax",
    "softplus",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "swish",
    "tanh",
    "transformer_block",
]
