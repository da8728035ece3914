"""Programs that come in: models in plain JAX, Equinox and Flax are imported, reversed and handed back to JAX.

Beside JAX's own trace of the value and gradient of the same function, both from the function to the jaxpr, in a process
that has done it once before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paralens import from_jax, reverse, to_jax

from .cases import CASES, loss
from .contestants import BASE, TOLERANCE, assemble
from .programs import difference, entry
from .timing import Effort, rounds, seconds

__all__ = ["ALONE", "LIBRARIES", "LLAMAS", "STAGES", "THEIRS", "Llama", "measure"]

MODELS = ("mlp64", "transformer")
LIBRARIES = (BASE, "Equinox", "Flax NNX")
STAGES = ("from_jax", "reverse", "hand over to JAX", "together")
THEIRS = "JAX traces the gradient"
ALONE = "JAX traces the value"
Imported = tuple[Callable[..., jax.Array], Any, tuple[Any, Any]]


@dataclass(frozen=True)
class Llama:
    """A language model with root mean squares for norms, rotary positions, shared keys and values, gated units."""

    blocks: int = 8
    width: int = 128
    heads: int = 4
    shared: int = 2
    hidden: int = 352
    length: int = 64
    classes: int = 64
    batch: int = 4


LLAMAS = {"full": Llama(), "quick": Llama(3, 32, hidden=64, length=16), "tiny": Llama(1, 8, 2, 1, 16, 4, 8, 2)}


def measure(size: str, effort: Effort, say: Callable[[str], None]) -> dict[str, Any]:
    """By program and row the seconds, with their ratios to JAX's trace of the same function."""
    found = {}
    for name, program in _programs(size).items():
        say(name)
        sides = {"ours": partial(_ours, *program), "theirs": partial(_theirs, *program)}
        off = _difference(*program)
        for side in sides.values():
            side()
        times = rounds(sides, effort)
        base, value = times["theirs"]
        rows = {stage: entry(samples, base) for stage, samples in zip(STAGES, times["ours"], strict=True)}
        rows |= {THEIRS: entry(base, base), ALONE: entry(value, base)}
        found[name] = {"rows": rows, "difference": off}
    return found


def _programs(size: str) -> dict[str, Imported]:
    """The loss of each model as a function of its parameters and data."""
    found: dict[str, Imported] = {}
    for case in MODELS:
        spec = CASES[case][size]
        for contestant in assemble(spec):
            if contestant.name in LIBRARIES:
                found[f"{case}, {contestant.name}"] = _objective(contestant.forward), contestant.params, spec.data()
    spec = LLAMAS[size]
    text = jax.random.randint(jax.random.key(1), (spec.batch, spec.length + 1), 0, spec.classes)
    found[f"llama, {BASE}"] = _objective(partial(llama, spec)), _weights(spec), (text[:, :-1], text[:, 1:])
    return found


def _objective(forward: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    return lambda params, x, y: loss(forward(params, x), y)


# a function of Python is traced anew: JAX knows one that it has traced


def _ours(f: Callable[..., jax.Array], params: Any, data: tuple[Any, Any]) -> tuple[float, ...]:
    made: list[Any] = []
    n = len(jax.tree.leaves(params))
    times = [
        seconds(lambda: made.append(from_jax(lambda *args: f(*args), params, *data))),
        seconds(lambda: made.append(reverse(made[0], wrt=range(n), value=True))),
        seconds(lambda: jax.make_jaxpr(to_jax(made[1]))(*jax.tree.leaves((params, *data)), jnp.float32(1))),
    ]
    return *times, sum(times)


def _theirs(f: Callable[..., jax.Array], params: Any, data: tuple[Any, Any]) -> tuple[float, float]:
    return (
        seconds(lambda: jax.make_jaxpr(jax.value_and_grad(lambda *args: f(*args)))(params, *data)),
        seconds(lambda: jax.make_jaxpr(lambda *args: f(*args))(params, *data)),
    )


def _difference(f: Callable[..., jax.Array], params: Any, data: tuple[Any, Any]) -> float:
    """The largest relative difference of value and gradient; raises `AssertionError` beyond float32 accuracy."""
    n = len(jax.tree.leaves(params))
    run = to_jax(reverse(from_jax(f, params, *data), wrt=range(n), value=True))
    ours = jax.jit(run)(*jax.tree.leaves((params, *data)), jnp.float32(1))
    theirs = jax.tree.leaves(jax.jit(jax.value_and_grad(f))(params, *data))
    off = max(difference(ours[:1], theirs[:1])[0], difference(ours[1:], theirs[1:])[0])
    if off > TOLERANCE:
        raise AssertionError(f"an imported gradient differs by {off}")
    return off


# -- a model as they are published ---------------------------------------------------------------------------


def _weights(spec: Llama) -> dict[str, Any]:
    random, d, each = np.random.default_rng(0), spec.width, spec.width // spec.heads

    def array(*shape: int) -> jax.Array:
        return jnp.asarray(random.normal(size=shape) / np.sqrt(shape[0]), jnp.float32)

    def block() -> dict[str, jax.Array]:
        return {
            "attention norm": jnp.ones(d),
            "query": array(d, d),
            "key": array(d, spec.shared * each),
            "value": array(d, spec.shared * each),
            "out": array(d, d),
            "norm": jnp.ones(d),
            "gate": array(d, spec.hidden),
            "up": array(d, spec.hidden),
            "down": array(spec.hidden, d),
        }

    blocks = [block() for _ in range(spec.blocks)]
    return {"embedding": array(spec.classes, d), "blocks": blocks, "norm": jnp.ones(d), "head": array(d, spec.classes)}


def llama(spec: Llama, p: dict[str, Any], tokens: jax.Array) -> jax.Array:
    """The scores of the next token at each place."""
    x = jnp.take(p["embedding"], tokens, axis=0)
    for q in p["blocks"]:
        x = x + _attention(spec, q, _norm(q["attention norm"], x))
        y = _norm(q["norm"], x)
        x = x + (jax.nn.silu(y @ q["gate"]) * (y @ q["up"])) @ q["down"]
    return _norm(p["norm"], x) @ p["head"]


def _norm(scale: jax.Array, x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-5) * scale


def _attention(spec: Llama, q: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    each, group = spec.width // spec.heads, spec.heads // spec.shared
    query, key, value = ((x @ q[name]).reshape(*x.shape[:2], -1, each) for name in ("query", "key", "value"))
    key, value = (jnp.repeat(a, group, axis=2) for a in (_rotary(key), value))
    scores = jnp.einsum("bqhd,bkhd->bhqk", _rotary(query), key) / np.sqrt(each).astype(np.float32)
    seen = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1)
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(x.shape) @ q["out"]


def _rotary(x: jax.Array) -> jax.Array:
    half = x.shape[-1] // 2
    turns = 1.0 / 10000.0 ** (jnp.arange(half, dtype=jnp.float32) / half)
    angles = (jnp.arange(x.shape[1], dtype=jnp.float32)[:, None] * turns)[:, None]
    left, right = x[..., :half], x[..., half:]
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    return jnp.concatenate([left * cos - right * sin, left * sin + right * cos], axis=-1)
