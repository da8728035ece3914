"""Higher orders: the claims of a box are maps themselves, and have derivatives that are claimed in turn.

Of order 2 are the derivatives of x, v ↦ J(x) v and of x, w ↦ J(x)ᵀ w, each forward and in reverse: all four nestings.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ...categories.errors import DerivativeError
from ..derivatives.derivative import forward, reverse
from .certificate import VERDICTS, BoxCertificate
from .plots.subjects import widened
from .targets import Facts, Target, running

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
            with running(target):
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
        declared = [
            [*widened(target.d.dom.inside, p), *(rng.normal(size=w.shape) for w in extra)] for p in target.declared
        ]
        lifted = Target(d, met, region, declared=declared, wrt=wrt)
        region.declared = [[np.asarray(p[i]) for i in lifted.moves] for p in declared]
        found = examine(lifted, asked, made.path, made.paths, order + 1)
        made = replace(made, evals=made.evals + found.evals)
        if VERDICTS.index(found.verdict) < VERDICTS.index(made.verdict):
            # a proof of the first order says nothing of the second
            made = replace(
                made,
                verdict=found.verdict,
                method=found.method,
                reason=found.reason,
                witness=found.witness,
                worst=found.worst,
                points=found.points,
                order=order + 1,
            )
        if not made.ok:
            break
    return made
