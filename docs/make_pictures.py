"""Makes the pictures of the documentation: `make pictures` writes docs/pictures/*.svg."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from paralens import (
    Learner,
    R,
    check,
    diagram,
    draw,
    from_jax,
    lens,
    losses,
    nn,
    optimizers,
    reverse,
    rewriting,
    simplify,
    symbolic,
)
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


def cross_entropy(X, w, y):
    z = X @ w
    return -jnp.mean(y * jax.nn.log_sigmoid(z) + (1 - y) * jax.nn.log_sigmoid(-z))


ATTENTION = R(5, 4), R(6, 4), R(6, 3)


def softmax_attention(q, k, v):
    return jax.nn.softmax(q @ k.T / 2.0) @ v


@jax.custom_jvp
def swish(x):
    return x * jax.nn.sigmoid(x)


@swish.defjvp
def slope(primals, tangents):
    """A wrong rule: it is s + x s (1 - s)."""
    (x,), (v,) = primals, tangents
    s = jax.nn.sigmoid(x)
    return x * s, (s + x * s) * v


def verdicts(activation):
    """A model in the colors of its certificate."""
    model = (nn.dense(3, 4) >> activation).named("hidden") >> nn.dense(4, 2)
    return check(model).draw(open="hidden")


def formulas():
    logistic = symbolic(from_jax(cross_entropy, R(8, 3), R(3), R(8)), names=("X", "w", "y"))
    layer = from_jax(lambda W, x, b, y: 0.5 * jnp.sum((W @ x + b - y) ** 2), R(3, 4), R(4), R(3), R(3))
    attention = from_jax(softmax_attention, *ATTENTION)
    norm = nn.layer_norm(R(8, 4))
    names = ("dQ", "dK", "dV")
    return {
        "logistic": [*logistic.lines(latex=True), *logistic.diff("w").lines(latex=True)],
        "layer": symbolic(layer, names=("W", "x", "b", "y")).diff("x").lines(latex=True),
        "attention": [
            *symbolic(attention, names=("Q", "K", "V")).lines(latex=True),
            *symbolic(reverse(attention), names=("Q", "K", "V", "G"), outputs=names).lines(latex=True),
        ],
        "layer_norm": symbolic(norm).lines(latex=True),
    }


def typeset(lines, path):
    """Write lines of LaTeX, without environments, as a picture by matplotlib's own typesetting."""
    rows = 0.42
    with matplotlib.rc_context({"svg.hashsalt": path.name, "mathtext.fontset": "cm"}):
        figure = Figure(figsize=(1, rows * len(lines)))
        for i, line in enumerate(lines):
            figure.text(0, 1 - (i + 0.5) / len(lines), f"${line}$", fontsize=15, va="center")
        figure.savefig(path, metadata={"Date": None}, bbox_inches="tight", pad_inches=0.1)


ROOMS = {
    "categories/": "what a category offers\nPara · lenses · duals\nlaws · gluing",
    "diagrams/": "types · boxes · the graph\ntraversal · primitives\ntracing · nn · drawing",
    "functors/": "derivatives · rewriting\nlearning · costs\ncertificates",
    "backends/": "jax · sympy\npython · networkx",
}


def house(path):
    """The rooms, from left to right; what stands to the right may import what stands to the left."""
    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(9.6, 1.9))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 9.6), ylim=(0, 1.9))
        axes.axis("off")
        for i, (name, what) in enumerate(ROOMS.items()):
            x = 0.1 + 2.42 * i
            axes.add_patch(
                FancyBboxPatch(
                    (x, 0.2), 2.0, 1.5, boxstyle="round,pad=0,rounding_size=0.08", fc="#e3edfb", ec="#2b5b9e"
                )
            )
            axes.text(x + 1.0, 1.4, name, ha="center", va="center", fontsize=13, weight="bold", color="#1d2733")
            axes.text(x + 1.0, 0.72, what, ha="center", va="center", fontsize=9.5, color="#1d2733", linespacing=1.5)
            if i:
                axes.annotate(
                    "", (x - 0.38, 0.95), (x - 0.04, 0.95), arrowprops={"arrowstyle": "-|>", "color": "#1d2733"}
                )
        figure.savefig(path, metadata={"Date": None})


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
        "attention_simplified": draw(simplify(reverse(from_jax(softmax_attention, *ATTENTION)), finite=True)),
        "rule": rewriting.RULES["a product of transposes"].draw(),
        "learner": draw(learner(mlp)),
        "lens": draw(lens(nn.dense(3, 4) >> nn.relu(4))),
        "residual": draw(residual),
        "certificate": verdicts(nn.relu(4)),
        "certificate_wrong": verdicts(from_jax(swish, R(4))),
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
    house(FOLDER / "house.svg")
    for name, lines in formulas().items():
        typeset(lines, FOLDER / f"formula_{name}.svg")
        print(f"docs/pictures/formula_{name}.svg  {len(lines)} lines")


if __name__ == "__main__":
    main()
