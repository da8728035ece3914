"""Wire a residual network by function, tie two of its layers, and look at it."""

import jax.numpy as jnp

from paralens import R, compile, diagram, draw, nn, summary


@diagram(R(16), R(4))
def network(x):
    for _ in range(3):
        x = x + nn.relu(16)(nn.dense(16, 16)(x))
    return nn.dense(16, 4)(x)


tied = network.tie("dense/w", "dense_1/w", "dense_2/w", name="shared/w")
params = tied.init(0)
print(summary(network))
print(tied.params)
print(compile(tied)(params, jnp.ones(16)))
draw(network, "residual.png")
