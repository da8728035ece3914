"""Effects of equations: which a diagram can hold, and which are refused by name."""

from __future__ import annotations

import re
from typing import Any

from ...categories.errors import EffectError
from .lookup import DEBUG, foreign

__all__ = ["DEBUGGING", "SEALED", "held"]

# Scoped names are not effects on the world; every other effect is refused.
HARMLESS = {"NamedAxisEffect"}
# Prints and other callbacks that show values, which are kept or dropped where that is asked for.
SHOWING = {"DebugEffect", "OrderedDebugEffect"}
# These bind names of axes or memory that their bodies refer to: they are run as they are, and do not open.
SEALED = {"shard_map", "pallas_call", "xla_pmap"}
DEBUGGING = ("refuse", "keep", "drop")


def held(eqn: Any, debug: str) -> bool:
    """Whether an equation becomes a box; raises `EffectError` for an effect that a diagram cannot hold."""
    effects = [e for e in eqn.effects if type(e).__name__ not in HARMLESS]
    if not effects:
        return True
    name, p = eqn.primitive.name, eqn.primitive
    closed = name in SEALED or (name not in DEBUG and foreign(p))  # nothing inside of it can be dropped
    shows = all(type(e).__name__ in SHOWING for e in effects)
    if not shows or debug == "refuse" or (debug == "drop" and closed):
        shown = re.sub(r"\b0x[0-9a-f]+", "...", ", ".join(sorted(str(e) for e in effects)))
        advice = "return the value as an output, or keep the call outside of from_jax"
        if shows:
            advice = 'say from_jax(..., debug="keep")' + ("" if closed else ' or debug="drop"') + f", or {advice}"
        raise EffectError(f"{name} has the effect {shown}, which a diagram cannot hold: {advice}")
    return debug == "keep" or name not in DEBUG
