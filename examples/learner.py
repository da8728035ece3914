"""Train a classifier of irises: look at its backward pass, run epochs as one program, count what it gets right."""

import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_iris

from paralens import Learner, batch, compile, draw, losses, nn, optimizers, reverse

flowers, kinds = map(np.asarray, load_iris(return_X_y=True))
order = np.random.default_rng(0).permutation(150)
x = ((flowers - flowers.mean(0)) / flowers.std(0)).astype("float32")[order]
y = kinds.astype("int32")[order]
train, test = slice(0, 120), slice(120, 150)

model = nn.dense(4, 16) >> nn.tanh(16) >> nn.dense(16, 3)
draw(reverse(model), "iris_backward.png")

optimizer = optimizers.clip_by_global_norm(1.0) >> optimizers.adam(1e-2)
learner = Learner(model, losses.softmax_cross_entropy(3, labels="integer"), optimizer)
draw(learner, "iris_learner.png")

epoch = learner.batch(30).epoch(4)  # the 120 flowers, 30 at a time, as one scan
run, state = compile(epoch), epoch.init(0)
for i in range(50):
    state, values = run(state, x[train].reshape(4, 30, 4), y[train].reshape(4, 30))
    if i % 10 == 9:
        print(f"epoch {i + 1}: loss {values.mean():.3f}")

scores = compile(batch(model, 30))(state.params, x[test])
accuracy = float(jnp.mean(scores.argmax(1) == y[test]))
print(f"{accuracy:.0%} of 30 held-out flowers are named correctly")
assert accuracy > 0.9
