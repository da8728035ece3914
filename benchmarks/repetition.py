"""Repetition: one block n times, `repeat(block, n)`, beside the unrolled composite and a hand-written `lax.scan`.

The block is the MLP of a transformer block; the program gives the mean square of the result and its gradient in all
parameters. What is measured:

    growth    seconds to build, to reverse and to compile for several n, as a scan and unrolled
    step      one call at the same n, of both and of the scan by hand
    memory    what the residual policies "store" and "recompute" keep, beside the scan by hand without and with
              `jax.checkpoint` of its step
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paralens import Para, batch, from_jax, nn, repeat, to_jax

from . import handwritten, with_paralens
from .cases import Stack
from .contestants import BASE, CONTROL, TOLERANCE, weights_of
from .programs import Compared, Program, compare, difference, entry
from .timing import Effort, rounds

__all__ = ["RECOMPUTED", "SCAN", "STAGES", "STORED", "UNROLLED", "measure"]

STAGES = ("build", "reverse", "compile", "together")
SCAN, UNROLLED = "repeat", "unrolled"
STORED, RECOMPUTED, CHECKPOINTED = "store", "recompute", "JAX, checkpoint"


def measure(stack: Stack, efforts: dict[str, Effort], say: Callable[[str], None]) -> dict[str, Any]:
    """The measurements of all three parts as plain data."""
    say("growth")
    actions = {_named(SCAN, n): partial(_growing, repeated, stack, n) for n in stack.depths}
    actions |= {_named(UNROLLED, n): partial(_growing, unrolled, stack, n) for n in stack.unrolled}
    found = rounds(actions, efforts["compile"])
    base = found[_named(SCAN, stack.depths[0])]
    growth = {
        name: {stage: entry(times[i], base[i]) for i, stage in enumerate(STAGES)} for name, times in found.items()
    }
    say("step")
    step = _compared(stack, stack.run, {SCAN: repeated, UNROLLED: unrolled}, {}, efforts)
    say("memory")
    policies = {STORED: "store", RECOMPUTED: "recompute"}
    memory = _compared(stack, stack.kept, dict.fromkeys(policies, repeated), policies, efforts)
    return {"spec": repr(stack), "growth": growth, "step": step, "memory": memory}


def _named(kind: str, n: int) -> str:
    return f"{kind}, n = {n:,}"


# -- programs ------------------------------------------------------------------------------------


def repeated(stack: Stack, n: int) -> Para:
    """The stack of blocks as one scan over stacked parameters."""
    return _scored(repeat(with_paralens.block(stack.width), n), stack)


def unrolled(stack: Stack, n: int) -> Para:
    """The stack of blocks one after the other, with parameters of their own."""
    return _scored(nn.sequential(stack.width, *[with_paralens.block(stack.width)] * n), stack)


def _scored(model: Para, stack: Stack) -> Para:
    batched = batch(model, stack.batch)
    return batched >> from_jax(_score, batched.cod).boxed("score")


def _score(y: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(y))


def _function(model: Para, residual: str) -> Callable[[Any, jax.Array], tuple[jax.Array, Any]]:
    run = to_jax(with_paralens.value_and_gradient(model, residual))

    def function(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        value, *gradient = run(params, x, jnp.float32(1))
        return value, model.nest(gradient)

    return function


def _by_hand(checkpointed: bool) -> Callable[[Any, jax.Array], tuple[jax.Array, Any]]:
    """The scan as a person writes it, over the same stacked parameters."""
    one = jax.checkpoint(handwritten.mlp_block) if checkpointed else handwritten.mlp_block

    def function(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        return jax.value_and_grad(lambda p: _score(jax.lax.scan(lambda c, q: (one(q, c), None), x, p)[0]))(params)

    return function


# -- growth ----------------------------------------------------------------------------------------


def _growing(build: Callable[[Stack, int], Para], stack: Stack, n: int) -> tuple[float, ...]:
    """Seconds to build the model, to reverse it, and to trace and compile value and gradient."""
    jax.clear_caches()
    times = [time.perf_counter()]
    model = build(stack, n)
    times.append(time.perf_counter())
    gradient = with_paralens.value_and_gradient(model)
    times.append(time.perf_counter())
    shapes = [jax.ShapeDtypeStruct(w.shape, w.dtype) for w in gradient.arrow.dom.inside]
    jax.jit(to_jax(gradient.arrow)).lower(*shapes).compile()
    times.append(time.perf_counter())
    return *np.diff(times), times[-1] - times[0]


# -- step and memory -----------------------------------------------------------------------------

Common = Callable[[Any], list[jax.Array]]


def _compared(
    stack: Stack,
    n: int,
    builds: dict[str, Callable[[Stack, int], Para]],
    policies: dict[str, str],
    efforts: dict[str, Effort],
) -> dict[str, Any]:
    """Diagrams of n blocks beside the scan by hand; with policies, beside that with a checkpoint too."""
    x = jax.random.normal(jax.random.key(0), (stack.batch, stack.width))
    weights = weights_of(repeated(stack, n))
    found = {BASE: _written(False, weights, x)}
    if policies:
        found[CHECKPOINTED] = _written(True, weights, x)
    for name, build in builds.items():
        found[name] = _diagram(build(stack, n), policies.get(name, "store"), n, weights, x)
    value, *expected = _computed(*found[BASE])
    off = {}
    for name, pair in found.items():
        mine, *gradient = _computed(*pair)
        off[name] = max(difference([mine], [value])[0], difference(gradient, expected)[0])
        if off[name] > TOLERANCE:
            raise AssertionError(f"{name} computes something else: it is off by {off[name]}")
    programs = {name: program for name, (program, _) in found.items()} | {CONTROL: found[BASE][0]}
    compared = compare(programs, efforts)
    result = {"n": n, "difference": {k: v for k, v in off.items() if k != BASE}} | compared.result()
    return result | (_policies(compared) if policies else {})


def _policies(compared: Compared) -> dict[str, Any]:
    """What recomputes, relative to JAX's checkpoint (`like`) and to what stores (`saved`)."""

    def to(base: str) -> dict[str, Any]:
        found = compared.samples
        return {m: entry(times, found[base][m]) for m, times in found[RECOMPUTED].items()}

    return {"like": to(CHECKPOINTED), "saved": to(STORED)}


def _written(checkpointed: bool, weights: Sequence[jax.Array], x: jax.Array) -> tuple[Program, Common]:
    """The scan by hand."""
    return Program(partial(_by_hand, checkpointed), (handwritten.MlpBlock(*weights), x)), list


def _diagram(model: Para, residual: str, n: int, weights: Sequence[jax.Array], x: jax.Array) -> tuple[Program, Common]:
    """A stack of blocks as a scan, or with the weights of each block on their own."""
    together = model.n_params == len(weights)
    params = weights if together else [w[i] for i in range(n) for w in weights]

    def common(tree: Any) -> list[jax.Array]:
        found = model.flat(tree)
        return found if together else [jnp.stack(found[k :: len(weights)]) for k in range(len(weights))]

    return Program(partial(_function, model, residual), (model.nest(params), x)), common


def _computed(program: Program, common: Common) -> list[jax.Array]:
    """The value, then the gradient in the layout of the scan."""
    value, gradient = jax.jit(program.make())(*program.arguments)
    return [value, *common(gradient)]
