"""Bring a whole Flax NNX model in, see what it does, and get the same bits back."""

import jax
import jax.numpy as jnp
from flax import nnx

from paralens import compile, draw, from_jax, save


class Model(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.LayerNorm(16, rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, 16, decode=False, rngs=rngs)

    def __call__(self, x):
        return x + self.attention(self.norm(x))


graph, state = nnx.split(Model(nnx.Rngs(0)))


def apply(state, x):
    return nnx.merge(graph, state)(x)


x = jnp.ones((2, 6, 16))
d = from_jax(apply, state, x)
print(d)
same = compile(d)(*jax.tree.leaves(state), x) == jax.jit(apply)(state, x)
print("the same to the bit:", bool(same.all()))
draw(d, "flax_model.svg")
save(d, "flax_model.json")
