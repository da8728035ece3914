"""Learn a Boolean function, a multiplier of two bits by two bits, by reverse derivative ascent."""

import jax.numpy as jnp

from paralens import batch, circuits, compile, draw, reverse, to_jax
from paralens.functors.circuits import ascent, formal, polynomials

z2 = circuits.Ring.z2()


@circuits.circuit(z2, 3)
def majority(x, y, z):
    return x * y + y * z + x * z


backward = reverse(majority, base=polynomials(z2))  # the formal derivative, again a circuit
print("majority:", formal(majority, z2)[0])
print("its derivative in x, times the cotangent:", formal(backward, z2)[0])
draw(backward, "majority_backward.png")

numbers = jnp.arange(16)
bits = (numbers[:, None] >> jnp.arange(4)[::-1] & 1).astype(bool)
products = (numbers >> 2) * (numbers & 3)
wanted = (products[:, None] >> jnp.arange(4)[::-1] & 1).astype(bool)

model = circuits.truth_table(4, 4)  # all functions from 4 bits to 4 bits
epoch = ascent(model, z2).epoch(16)
state, missing = compile(epoch)(epoch.init(0), bits, wanted)
learned = to_jax(batch(model, 16))(state.params, bits)
print("after one pass over the 16 products,", "all" if (learned == wanted).all() else "not all", "are right")
assert (learned == wanted).all()
