"""Makes the pictures of the documentation: `make pictures` writes docs/pictures/*.svg."""

from pathlib import Path

import jax
import jax.numpy as jnp

from paralens import Learner, R, diagram, draw, from_jax, losses, nn, optimizers, reverse
from paralens.backends.demo import classifier
from paralens.functors.gradient_chart import gradient_chart, layer_gradients

FOLDER = Path(__file__).parent / "pictures"


@diagram(R(64), R(64))
def residual(x):
    return x + nn.dense(64, 64)(nn.gelu(64)(nn.layer_norm(64)(x)))


def transformer():
    tokens = R(16, 32)
    model = nn.embedding(16, 100, 32) >> nn.position_embedding(tokens)
    for _ in range(6):
        model = model >> nn.transformer_block(tokens, 4, causal=True)
    return model >> nn.layer_norm(tokens) >> nn.dense(tokens, 100)


def running_mean(xs):
    return jax.lax.scan(lambda c, x: (0.9 * c + 0.1 * x, c), xs[0], xs)[1]


def recurrence(state, xs, w):
    return jax.lax.scan(lambda s, x: (jnp.tanh(x + s @ w), None), state, xs)[0]


def learner(model):
    return Learner(model, losses.softmax_cross_entropy(10, labels="integer"), optimizers.momentum(0.1))


def main():
    FOLDER.mkdir(exist_ok=True)
    mlp = nn.dense(64, 32) >> nn.relu(32) >> nn.dense(32, 10)
    attention = nn.multi_head_attention(R(16, 32), 4, causal=True)
    model, twins = transformer(), nn.dense(8, 8) >> nn.tanh(8) >> nn.dense(8, 8)
    pictures = {
        "mlp": draw(mlp),
        "mlp_backward": draw(reverse(mlp)),
        "attention_backward": draw(reverse(attention.open("attention"))),
        "cheap_gradients": gradient_chart(layer_gradients()),
        "learner": draw(learner(mlp)),
        "residual": draw(residual),
        "classifier": draw(classifier(), open=("features", "head")),
        "transformer": draw(model),
        "transformer_open": draw(model, open=("block_2", "block_2/attention")),
        "attention": draw(from_jax(jax.nn.dot_product_attention, *[R(4, 2, 8)] * 3)),
        "scan": draw(from_jax(running_mean, R(10, 3)), open="scan"),
        "scan_backward": draw(
            reverse(from_jax(recurrence, R(3), R(10, 3), R(3, 3)), wrt=[0, 2]), open=("scan", "R[scan]")
        ),
        "tied": draw(twins.tie("dense/w", "dense_1/w", name="shared/w")),
    }
    for name, picture in pictures.items():
        picture.save(FOLDER / f"{name}.svg")
        print(f"docs/pictures/{name}.svg  {picture.width:.0f} x {picture.height:.0f}")


if __name__ == "__main__":
    main()
