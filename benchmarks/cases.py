"""The models as plain data: what all contestants build, at three sizes, and the inputs they get.

`full` is what the published table shows, `quick` is for development, `tiny` for the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

__all__ = [
    "CASES",
    "EPOCHS",
    "RATE",
    "SECOND",
    "SIZES",
    "STACKS",
    "ConvNet",
    "Epoch",
    "Mlp",
    "Spec",
    "Stack",
    "Transformer",
    "loss",
]

SIZES = ("full", "quick", "tiny")
RATE = 0.01


@dataclass(frozen=True)
class Mlp:
    """`depth` affine layers with relu between them; the last gives the classes."""

    depth: int
    width: int = 128
    classes: int = 10
    batch: int = 64

    def data(self) -> tuple[Any, Any]:
        """Inputs and labels."""
        return _pair((self.batch, self.width), (self.batch,), self.classes)


@dataclass(frozen=True)
class ConvNet:
    """Convolutions 3 x 3 with relu, each but the first followed by a max pool of 2; then two affine layers."""

    side: int = 32
    channels: int = 3
    features: tuple[int, ...] = (32, 32, 64)
    hidden: int = 128
    classes: int = 10
    batch: int = 32

    def data(self) -> tuple[Any, Any]:
        """Images, channels last, and labels."""
        return _pair((self.batch, self.side, self.side, self.channels), (self.batch,), self.classes)


@dataclass(frozen=True)
class Transformer:
    """A causal language model: embeddings, blocks with the norm in front, a norm, the next character."""

    blocks: int = 6
    width: int = 128
    heads: int = 4
    length: int = 64
    classes: int = 64
    batch: int = 8

    def data(self) -> tuple[Any, Any]:
        """Characters as numbers, and the characters to predict."""
        text = jax.random.randint(jax.random.key(1), (self.batch, self.length + 1), 0, self.classes)
        return text[:, :-1], text[:, 1:]


Spec = Mlp | ConvNet | Transformer

CASES: dict[str, dict[str, Spec]] = {
    "mlp4": {"full": Mlp(4), "quick": Mlp(4, 64, batch=32), "tiny": Mlp(2, 8, batch=4)},
    "mlp64": {"full": Mlp(64), "quick": Mlp(16, 64, batch=32), "tiny": Mlp(3, 8, batch=4)},
    "mlp256": {"full": Mlp(256), "quick": Mlp(32, 64, batch=32), "tiny": Mlp(4, 8, batch=4)},
    "conv": {
        "full": ConvNet(),
        "quick": ConvNet(16, features=(8, 8, 16), hidden=32, batch=8),
        "tiny": ConvNet(8, features=(4, 4), hidden=8, batch=2),
    },
    "transformer": {
        "full": Transformer(),
        "quick": Transformer(2, 32, length=16, batch=4),
        "tiny": Transformer(1, 8, 2, length=4, classes=8, batch=2),
    },
}

SECOND = ("mlp4", "transformer")
"""The cases of which Hessian-vector products are taken."""


@dataclass(frozen=True)
class Stack:
    """One block many times: how many to build, also `unrolled`, to `run`, and to see what a policy has `kept`."""

    width: int = 64
    batch: int = 64
    depths: tuple[int, ...] = (4, 64, 1024)
    unrolled: tuple[int, ...] = (4, 64)
    run: int = 64
    kept: int = 32


STACKS = {
    "full": Stack(),
    "quick": Stack(32, 16, (4, 16, 256), (4, 16), 16, 16),
    "tiny": Stack(4, 2, (2, 3), (2,), 2, 3),
}


@dataclass(frozen=True)
class Epoch:
    """A model trained for so many steps, each on a batch of its own."""

    model: Mlp
    steps: int


EPOCHS = {
    "full": Epoch(CASES["mlp4"]["full"], 100),  # type: ignore[arg-type]
    "quick": Epoch(CASES["mlp4"]["quick"], 50),  # type: ignore[arg-type]
    "tiny": Epoch(CASES["mlp4"]["tiny"], 3),  # type: ignore[arg-type]
}


def _pair(inputs: tuple[int, ...], labels: tuple[int, ...], classes: int) -> tuple[Any, Any]:
    x, y = jax.random.split(jax.random.key(1))
    return jax.random.normal(x, inputs), jax.random.randint(y, labels, 0, classes)


def loss(scores: jax.Array, labels: jax.Array) -> jax.Array:
    """The mean cross entropy; the same code for every contestant."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(scores), labels[..., None], axis=-1)
    return -jnp.mean(chosen)
