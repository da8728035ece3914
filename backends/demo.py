"""The main job, told step by step: a classifier of handwritten digits, from composition to accuracy.

scikit-learn's digits are 1 797 images of 8 x 8 pixels. The model is composed declaratively, looked
at as a table and as a picture, differentiated, compiled by XLA and trained; nothing is simulated.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..categories.para import Para
from ..diagrams import R, Z, diagram, from_jax, nn
from ..diagrams.drawing import draw
from ..functors.batching import batch
from ..functors.summaries import summary
from .programs import compile, to_jax

__all__ = ["classifier", "digits", "run", "with_loss"]

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
    head = nn.flatten(features.cod) >> nn.dense(4 * 4 * 32, 64) >> nn.relu(64) >> nn.dense(64, 10)
    return features.named("features") >> head.named("head")


def with_loss(model: Para, n: int) -> Para:
    """The model on `n` images, followed by the mean cross entropy: images and labels in, a number out."""

    def cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
        return -chosen.mean()

    batched = batch(model, n)
    loss = from_jax(cross_entropy, batched.cod, Z(n)).boxed("cross_entropy")

    @diagram(batched.dom @ Z(n), R())
    def objective(images: Any, labels: Any) -> Any:
        return loss(batched(images), labels)

    return objective


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

    missing = [name for name in ("optax", "sklearn") if find_spec(name) is None]
    if missing:
        print(f"The demo needs {' and '.join(missing)}: pip install 'paralens[demo]', or '.[demo]' in a clone")
        return 2
    import optax

    console = Console(soft_wrap=True)
    started = time.perf_counter()
    out.mkdir(parents=True, exist_ok=True)

    console.rule("1. compose")
    model = classifier()
    console.print(f"A model is a string diagram: {model!r}")
    console.print(summary(model, depth=2))

    console.rule("2. draw")
    pictures = _draw(model, out)
    for path, what in pictures:
        console.print(f"  {path}  {what}", highlight=False)

    console.rule("3. differentiate and compile")
    params = model.init(seed)
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, epochs * 22))
    step, gradient = _step(with_loss(model, BATCH), optimizer)
    images, labels, test_images, test_labels = digits(seed)
    _show_gradient(console, gradient(params, images[:BATCH], labels[:BATCH])[1], model)
    predict = compile(batch(model, len(test_labels)))
    console.print(f"XLA counts {predict.cost()['flops'] / len(test_labels):,.0f} FLOPs an image to predict.")

    console.rule("4. train")
    params = _train(console, step, params, optimizer.init(params), images, labels, epochs, seed)
    accuracy = float((predict(params, test_images).argmax(1) == test_labels).mean())
    seconds = time.perf_counter() - started
    console.rule("done")
    console.print(
        f"{accuracy:.1%} of {len(test_labels)} held-out images are read correctly, after {seconds:.0f} s in all."
    )
    console.print(f"Look at {', '.join(str(path) for path, _ in pictures)}", highlight=False)
    return 0 if accuracy >= GOAL else 1


def _draw(model: Para, out: Path) -> list[tuple[Path, str]]:
    loss = with_loss(model, BATCH)
    drawn = {
        "digits": (draw(model), "the model, boxes closed"),
        "digits_open": (draw(model, open=("features", "head")), "with both boxes opened"),
        "digits_loss": (draw(loss), "the batched model with its loss"),
    }
    pictures = []
    for name, (picture, what) in drawn.items():
        for suffix in (".svg", ".png"):
            picture.save(out / (name + suffix))
        pictures.append((out / f"{name}.png", f"{what} ({picture.width:.0f} x {picture.height:.0f}, also as .svg)"))
    return pictures


def _step(objective: Para, optimizer: Any) -> tuple[Any, Any]:
    """One step of training as a compiled function, and the gradient that it follows."""
    import optax

    gradient = jax.value_and_grad(to_jax(objective))

    @jax.jit
    def step(params: Any, state: Any, images: jax.Array, labels: jax.Array) -> tuple[Any, Any, jax.Array]:
        loss, grads = gradient(params, images, labels)
        updates, state = optimizer.update(grads, state, params)
        return optax.apply_updates(params, updates), state, loss

    return step, jax.jit(gradient)


def _show_gradient(console: Any, grads: Any, model: Para) -> None:
    flat = model.flat(grads)
    size = ", ".join(f"{p} {float(jnp.linalg.norm(g)):.3f}" for p, g in zip(model.paths, flat, strict=True))
    console.print("The gradient (jax.grad of the diagram's function), by path, as norms at the start:")
    console.print(f"  {size}", highlight=False)


def _train(
    console: Any, step: Any, params: Any, state: Any, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int
) -> Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    rng = np.random.default_rng(seed)
    per_epoch = len(labels) // BATCH
    columns = (TextColumn("epoch {task.fields[epoch]:>2}"), BarColumn(), TextColumn("loss {task.fields[loss]:.4f}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("training", total=epochs * per_epoch, epoch=0, loss=float("nan"))
        for epoch in range(1, epochs + 1):
            losses = []
            order = rng.permutation(len(labels))[: per_epoch * BATCH].reshape(per_epoch, BATCH)
            for rows in order:
                params, state, loss = step(params, state, images[rows], labels[rows])
                losses.append(loss)
                progress.advance(task)
            progress.update(task, epoch=epoch, loss=float(np.mean(losses)))
    return params
