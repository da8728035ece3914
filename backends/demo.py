"""The main job, told step by step: a classifier of handwritten digits, from composition to accuracy.

scikit-learn's digits are 1 797 images of 8 x 8 pixels. The model is composed declaratively, looked
at as a table and as a picture, differentiated, compiled by XLA, trained and certified; nothing is simulated.
"""

from __future__ import annotations

import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..categories.para import Para
from ..diagrams import R, Z, losses, nn, optimizers
from ..diagrams.drawing import draw
from ..diagrams.syntax import Diagram
from ..diagrams.tracing.jaxpr import from_jax
from ..functors.batching import batch
from ..functors.derivatives.derivative import reverse
from ..functors.derivatives.smooth import handling
from ..functors.learning import Learner, State
from ..functors.rewriting import simplify
from ..functors.summaries import summary
from .jax import compile, to_jax

__all__ = ["classifier", "digits", "run", "trainer"]

BATCH = 64
GOAL = 0.97


def classifier() -> Para:
    """The model, for one image: R(8, 8, 1) -> R(10)."""
    image = R(8, 8, 1)
    features = (
        nn.conv2d(image, 16, kernel=3, padding="SAME")
        >> nn.relu(R(8, 8, 16))
        >> nn.conv2d(R(8, 8, 16), 32, kernel=3, padding="SAME")
        >> nn.relu(R(8, 8, 32))
        >> nn.max_pool(R(8, 8, 32), 2)
    )
    return features.named("features") >> _head(nn.relu(64)).named("head")


def _head(activation: Any) -> Para:
    """The scores of 10 classes, from what the features say of an image."""
    return nn.flatten(R(4, 4, 32)) >> nn.dense(4 * 4 * 32, 64) >> activation >> nn.dense(64, 10)


def _planted() -> Diagram:
    """A relu whose rule is that of a leaky one, for the checker to find."""

    @jax.custom_vjp
    def leaking(x: jax.Array) -> jax.Array:
        return jnp.maximum(x, 0.0)

    leaking.defvjp(lambda x: (leaking(x), x), lambda x, g: (jnp.where(x > 0, g, 0.01 * g),))
    return from_jax(leaking, R(64))


def trainer(model: Para, steps: int) -> Learner:
    """Model, loss, rate and optimizer as one diagram."""
    loss = losses.softmax_cross_entropy(10, labels="integer")
    return Learner(model, loss, optimizers.adam(optimizers.schedules.cosine_decay(3e-3, steps)))


def digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images in [0, 1] and labels, for training (80 %) and held out."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    images = (data.images[..., None] / 16.0).astype(np.float32)
    labels = data.target.astype(np.int32)
    order = np.random.default_rng(seed).permutation(len(labels))
    cut = int(0.8 * len(labels))
    train, held_out = order[:cut], order[cut:]
    return images[train], labels[train], images[held_out], labels[held_out]


def run(out: Path, *, epochs: int = 20, seed: int = 0) -> int:
    """Tell the whole story on the terminal; gives 0 if the accuracy on held-out images reaches 97 %."""
    from rich.console import Console

    if find_spec("sklearn") is None:
        print("The demo needs sklearn: pip install 'paralens[demo]', or '.[demo]' in a clone")
        return 2

    console = Console(soft_wrap=True)
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)
    images, labels, test_images, test_labels = digits(seed)
    per_epoch = len(labels) // BATCH

    console.rule("1. compose")
    model = classifier()
    learner = trainer(model, epochs * per_epoch)
    console.print(f"A model is a string diagram: {model!r}")
    console.print(summary(model, depth=2))

    console.rule("2. draw")
    pictures = _draw(model, learner, out)
    for path, what in pictures:
        console.print(f"  {path}  {what}", highlight=False)

    console.rule("3. differentiate and compile")
    state = learner.init(seed)
    console.print(f"The gradient is a diagram too, the functor reverse applied to the model: {reverse(model)!r}")
    console.print(f"  {_provenance(model)}", highlight=False)
    _show_gradient(console, model, state.params, images[0], labels[0])
    predict = compile(batch(model, len(test_labels)))
    console.print(f"XLA counts {predict.cost()['flops'] / len(test_labels):,.0f} FLOPs an image to predict.")

    console.rule("4. read")
    _read(console, model)

    console.rule("5. train")
    state = _train(console, learner, state, images, labels, epochs, seed)
    accuracy = float((predict(state.params, test_images).argmax(1) == test_labels).mean())

    console.rule("6. certify")
    _certify(console, model, state.params, test_images[0])
    seconds = time.perf_counter() - started
    console.rule("done")
    console.print(
        f"{accuracy:.1%} of {len(test_labels)} held-out images are read correctly, after {seconds:.0f} s in all."
    )
    console.print(f"Look at {', '.join(str(path) for path, _ in pictures)}", highlight=False)
    return 0 if accuracy >= GOAL else 1


def _draw(model: Para, learner: Learner, out: Path) -> list[tuple[Path, str]]:
    drawn = {
        "digits": (draw(model), "the model, boxes closed"),
        "digits_open": (draw(model, open=("features", "head")), "with both boxes opened"),
        "digits_backward": (draw(reverse(model.open("features", "head"))), "its reverse derivative"),
        "digits_learner": (draw(learner.para), "the training step: model, loss, rate and optimizer"),
    }
    pictures = []
    for name, (picture, what) in drawn.items():
        for suffix in (".svg", ".png"):
            picture.save(out / (name + suffix))
        pictures.append((out / f"{name}.png", f"{what} ({picture.width:.0f} x {picture.height:.0f}, also as .svg)"))
    return pictures


def _provenance(model: Para) -> str:
    """By which rules the boxes of a model were differentiated, all boxes open."""
    kinds = Counter(handling(box.op) for box in model.arrow.open(depth=99).boxes if box.op != "constant")
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common() if kind not in ("nested", "oracle"))
    written = kinds.total() - kinds["nested"] - kinds["oracle"]
    return f"{written} of its generators have written rules ({shown}), {kinds['oracle']} were taken from JAX."


def _show_gradient(console: Any, model: Para, params: Any, image: np.ndarray, label: int) -> None:
    """The norms of the gradient by path, for one image at the start."""
    objective = model @ Z() >> losses.softmax_cross_entropy(10, labels="integer")
    gradient = to_jax(reverse(objective, wrt=model.paths))
    flat = gradient(params, image, label, 1.0)
    size = ", ".join(f"{p} {float(jnp.linalg.norm(g)):.3f}" for p, g in zip(model.paths, flat, strict=True))
    console.print("The gradient of the loss of the first image, by path, as norms at the start:")
    console.print(f"  {size}", highlight=False)


def _read(console: Any, model: Para) -> None:
    """The model as formulas, the gradient of the loss in the scores, its proof, and how far the gradient simplifies."""
    from .sympy.formulas import symbolic
    from .sympy.proofs import prove

    def said(text: Any) -> None:
        for line in str(text).splitlines():
            console.print(f"  {line}", highlight=False, markup=False)

    console.print("The model, as formulas of its parameters:")
    said(symbolic(model))
    loss = losses.softmax_cross_entropy(10, labels="integer")
    three = losses.softmax_cross_entropy(3, labels="integer")
    console.print("The gradient of the loss in the scores z of an image of class c:")
    said(symbolic(loss, names=("z", "c")).diff("z"))
    console.print(f"Its derivatives, of three classes, for all scores, against those of sympy: {prove(three)}")
    objective = model @ Z() >> loss
    gradient = reverse(objective, wrt=objective.paths).arrow.open(depth=9)
    simple = simplify(gradient, finite=True)
    console.print(f"The gradient in all parameters has {len(gradient.graph)} boxes, {len(simple.graph)} simplified.")


def _certify(console: Any, model: Para, params: Any, image: np.ndarray) -> None:
    """The way back through the head, box by box, at what it reads of an image; then with a wrong rule in it."""
    from ..functors.certificates import check

    read = to_jax(model.at("features"))({"features": params["features"]}, image)
    console.print(
        "Are the derivatives right? Checked along curves, not only at points, of the head "
        "(intensional: but at kinks, as of relu, where no derivative exists):"
    )
    for what, head in (("as it is", _head(nn.relu(64))), ("with a wrong rule planted", _head(_planted()))):
        found = check(head, params["head"], read, modes=("reverse",), effort="quick")
        verdicts = ", ".join(f"{name} {row.verdict}" for name, row in found.boxes.items())
        console.print(f"  {what}: {found.verdict} ({verdicts})", highlight=False)


def _train(
    console: Any, learner: Learner, state: State, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int
) -> State:
    """The compiled step of the learner over shuffled batches."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    rng = np.random.default_rng(seed)
    step, n = compile(learner), len(labels) // BATCH
    columns = (TextColumn("epoch {task.fields[epoch]:>2}"), BarColumn(), TextColumn("loss {task.fields[loss]:.4f}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("training", total=epochs * n, epoch=0, loss=float("nan"))
        for epoch in range(1, epochs + 1):
            found = []
            for rows in rng.permutation(len(labels))[: n * BATCH].reshape(n, BATCH):
                state, loss = step(state, images[rows], labels[rows])
                found.append(loss)
                progress.advance(task)
            progress.update(task, epoch=epoch, loss=float(np.mean(found)))
    return state
