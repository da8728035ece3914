"""Second order: the product of a Hessian with a vector, `forward(reverse(f))` beside `jax.jvp(jax.grad(f))`.

Both give the gradient and the product, of the loss in all parameters, which come in the same nested dict, and both
are asked for along the parameters alone. The trace is Python alone, warm, as in `traces`: from the building of the
model on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from paralens import Para, batch

from . import handwritten, with_paralens
from .cases import Spec, loss
from .contestants import BASE, CONTROL, OURS, TOLERANCE, weights_of
from .programs import Program, compare, difference, entry
from .timing import Effort, rounds, seconds

__all__ = ["measure"]


def measure(spec: Spec, efforts: dict[str, Effort], say: Callable[[str], None]) -> dict[str, Any]:
    """The measurements of a Hessian-vector product, with ratios to JAX."""
    model = _model(spec)
    weights = weights_of(model)
    # the direction: the weights in another order of their entries, so that it is no multiple of them
    direction = model.nest([w.ravel()[::-1].reshape(w.shape) for w in weights])
    arguments = (model.nest(weights), direction, *spec.data())
    makes = {BASE: partial(_by_jax, spec, model), OURS: partial(_ours, spec), CONTROL: partial(_by_jax, spec, model)}
    say("agreement")
    base, mine = ([model.flat(t) for t in jax.jit(makes[name]())(*arguments)] for name in (BASE, OURS))
    off = {OURS: max(difference(a, b)[0] for a, b in zip(mine, base, strict=True))}
    if off[OURS] > TOLERANCE:
        raise AssertionError(f"the Hessian-vector products differ by {off[OURS]}")
    say("compile and run")
    compared = compare({name: Program(make, arguments) for name, make in makes.items()}, efforts)
    say("Python alone")
    sides = {name: partial(_traced, makes[name], arguments) for name in (BASE, OURS)}
    for side in sides.values():
        side()
    found = rounds(sides, efforts["python"])
    trace = {name: entry(times[0], found[BASE][0]) for name, times in found.items()}
    return {"spec": repr(spec), "difference": off, "trace": trace} | compared.result()


def _model(spec: Spec) -> Para:
    return batch(with_paralens.MODELS[type(spec)](spec), spec.batch)


def _ours(spec: Spec) -> Callable[..., tuple[Any, Any]]:
    return with_paralens.hessian_product(_model(spec))


def _by_jax(spec: Spec, model: Para) -> Callable[..., tuple[Any, Any]]:
    written, forward = handwritten.MODELS[type(spec)](spec, model.weight.inside)  # type: ignore[arg-type]
    shape = partial(jax.tree.unflatten, jax.tree.structure(written))

    def product(params: Any, v: Any, x: jax.Array, y: jax.Array) -> tuple[Any, Any]:
        gradient = jax.grad(lambda p: loss(forward(shape(model.flat(p)), x), y))
        return jax.jvp(gradient, (params,), (v,))

    return product


def _traced(make: Callable[[], Callable[..., Any]], arguments: tuple[Any, ...]) -> tuple[float]:
    return (seconds(lambda: jax.make_jaxpr(make())(*arguments)),)
