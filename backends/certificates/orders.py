"""Higher orders: the claims of a box are maps themselves, and have derivatives that are claimed in turn.

Of order 2 are the derivatives of x, v ↦ J(x) v and of x, w ↦ J(x)ᵀ w, each forward and in reverse: all four nestings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...categories.errors import DerivativeError
from ...functors.derivatives.derivative import forward, reverse
from .certificate import BoxCertificate
from .clauses.subjects import double, widened
from .targets import Facts, Target

__all__ = ["higher"]


def higher(
    made: BoxCertificate, target: Target, facts: Facts, order: int, examine: Callable[..., BoxCertificate]
) -> BoxCertificate:
    """The certificate with what `examine` finds of the derivatives of the claims."""
    rng = np.random.default_rng(facts.seed)
    for mode, functor in (("forward", forward), ("reverse", reverse)):
        if mode not in facts.modes:
            continue
        try:
            with double():
                d = functor(target.promotion, wrt=target.wrt)
        except DerivativeError:
            continue
        extra = d.dom[len(target.d.dom) :].inside
        moving = [w for w in extra if w.size]
        met = [[*widened(target.d.dom.inside, m), *(rng.normal(size=w.shape) for w in extra)] for m in target.met]
        region = target.region.beside([(-1.0, 1.0)] * len(moving), moving, rng)
        wrt: Any = target.wrt
        if wrt is not None:
            wrt = (*wrt, *range(len(target.d.dom), len(d.dom)))
        asked = replace(facts, surrogate=None, tangent=None)
        found = examine(Target(d, met, region, wrt=wrt), asked, made.path, made.paths, order + 1)
        made = replace(made, evals=made.evals + found.evals)
        if found.verdict in ("wrong", "undecided"):
            made = replace(
                made,
                verdict=found.verdict,
                reason=found.reason,
                witness=found.witness,
                worst=found.worst,
                order=order + 1,
            )
        if not made.ok:
            break
    return made
