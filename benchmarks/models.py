"""What is measured of a model: its forward pass and its training step, of every contestant.

The training step of a diagram is that of its `Learner`, so that its gradient is our own reverse derivative; beside it
stands the same diagram under `jax.value_and_grad`. The clock of *trace and lower* runs while the learner is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from .cases import RATE, Spec
from .contestants import LIKE, agree, assemble
from .programs import TIMES, Program, call, compare, entry, running, table
from .timing import Effort

__all__ = ["measure"]


def measure(spec: Spec, efforts: dict[str, Effort], say: Callable[[str], None]) -> dict[str, Any]:
    """The measurements of one case as plain data: by measure and contestant, with ratios to hand-written JAX."""
    say("weights and agreement")
    found = assemble(spec)
    data = spec.data()
    difference = agree(found[:-1], *data)
    say("training step")
    compared = compare({c.name: Program(partial(c.step, RATE), (c.params, *data)) for c in found}, efforts)
    say("forward pass")
    programs = {c.name: jax.jit(c.forward).lower(c.params, data[0]).compile() for c in found}
    forward = running({c.name: partial(call, programs[c.name], c.params, data[0]) for c in found}, efforts["run"])
    samples = {name: {**measures, "forward": forward[name]} for name, measures in compared.samples.items()}
    ours, like = samples["Paralens"], samples[LIKE]
    return {
        "spec": repr(spec),
        "difference": difference,
        "same program": compared.same,
        "measures": table(samples),
        "like": {m: entry(ours[m], like[m]) for m in TIMES},
    }
