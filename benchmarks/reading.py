"""Reading a derivative: what it costs to simplify diagrams, and to write the gradient of a transformer down.

    chains        seconds to simplify a chain of n boxes with its reverse derivative, and to list it, for several n
    transformer   seconds to read the gradient of the loss as a listing, at the level of arrays, and as Python code

Each is done once to make what is traced once per kind of box, then timed on diagrams made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import jax.numpy as jnp

from paralens import Diagram, R, from_jax, reverse, simplify, source, symbolic

from . import with_paralens
from .cases import Transformer
from .syntax import exponent
from .timing import Spread, quiet, seconds

__all__ = ["CHAINS", "READINGS", "measure"]

CHAINS = ("simplify", "listing")
READINGS = ("simplify", "listing", "arrays", "source")
REPEATS = 3


def measure(sizes: Sequence[int], spec: Transformer, say: Callable[[str], None]) -> dict[str, Any]:
    """The measurements of both parts as plain data."""
    runs: dict[str, Any] = {}
    _on_chain(2)
    for n in sizes:
        say(f"{n:,} boxes")
        runs[str(n)] = _on_chain(n)
    growth = {stage: exponent(sizes, [run["seconds"][stage]["median"] for run in runs.values()]) for stage in CHAINS}
    say("the gradient of a transformer")
    return {"sizes": runs, "exponents": growth, "spec": repr(spec), "transformer": _on_transformer(spec)}


def _on_chain(n: int) -> dict[str, Any]:
    """Times on the value and reverse of n boxes x -> tanh(x · w) + x, with a factor one and a zero to be found."""
    layer = from_jax(lambda x, w: jnp.tanh(x * w * 1.0) + 0.0 + x, R(4), R(4))
    step = layer @ Diagram.id(R(4))
    copied = Diagram.wires(R(4) @ R(4), (0, 1, 1)) >> step
    chain = Diagram.id(R(4) @ R(4)).then(*([copied] * max(1, n // len(layer.graph))))
    times: dict[str, list[float]] = {stage: [] for stage in CHAINS}
    made = {}
    for _ in range(REPEATS):
        d = Diagram.of_graph(reverse(chain, value=True).graph)
        with quiet():
            times["simplify"].append(seconds(lambda d=d: made.update(simplified=simplify(d))))
            times["listing"].append(seconds(lambda d=d: made.update(text=str(symbolic(d, "listing")))))
        made["boxes"] = len(d.graph)
    return {
        "seconds": {stage: asdict(Spread.of(found)) for stage, found in times.items()},
        "boxes": made["boxes"],
        "left": len(made["simplified"].graph),
        "lines": made["text"].count("\n") + 1,
    }


def _on_transformer(spec: Transformer) -> dict[str, Any]:
    """Times on value and gradient of the loss of a transformer, and how long the result is."""
    times: dict[str, list[float]] = {name: [] for name in READINGS}
    sizes: dict[str, int] = {}
    for _ in range(REPEATS):
        gradient = with_paralens.value_and_gradient(with_paralens.objective(with_paralens.transformer(spec)))
        made: dict[str, Any] = {}
        with quiet():
            times["simplify"].append(seconds(lambda g=gradient, m=made: m.update(simplify=simplify(g))))
            times["listing"].append(seconds(lambda g=gradient, m=made: m.update(listing=str(symbolic(g, "listing")))))
            times["arrays"].append(seconds(lambda g=gradient, m=made: m.update(arrays=str(symbolic(g)))))
            times["source"].append(seconds(lambda g=gradient, m=made: m.update(source=str(source(g)))))
        sizes = {name: made[name].count("\n") + 1 for name in READINGS[1:]}
        sizes["simplify"] = len(made["simplify"].arrow.graph)
    return {"seconds": {name: asdict(Spread.of(found)) for name, found in times.items()}, "lines": sizes}
