"""Programs that are run some hundred times: what a check costs is above all what XLA takes to compile them.

On a CPU a third of that goes into its fusion emitters, without which small programs run as fast; large ones take longer
to compile then. The option is XLA's own and promised by nobody, so it is tried once, and programs are compiled as ever
where it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import islice
from typing import Any

import jax

from ....diagrams.syntax import Diagram
from ....diagrams.traversal import every_box

__all__ = ["compiled"]

QUICKLY: dict[str, bool | str] = {"xla_cpu_use_fusion_emitters": False}
FEW = 8  # boxes of a small program


def compiled(f: Callable[..., Any], d: Diagram | None) -> Any:
    """The function as a program of JAX that is compiled as quickly as can be; of a diagram, if it is known."""
    return jax.jit(f, compiler_options=_options() if d is not None and _few(d) else None)


def _few(d: Diagram) -> bool:
    """Whether a diagram has few boxes, those inside of others too."""
    plain = (box for box in every_box(d) if not box.bodies)
    return sum(1 for _ in islice(plain, FEW + 1)) <= FEW


@cache
def _options() -> dict[str, bool | str] | None:
    if jax.default_backend() != "cpu":
        return None
    try:
        jax.jit(lambda x: x + 1, compiler_options=QUICKLY).lower(1.0).compile()
    except Exception:  # each version refuses in its own way
        return None
    return QUICKLY
