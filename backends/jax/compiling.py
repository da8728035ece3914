"""`compile`: a diagram, a model or a learner as one program of XLA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from ...categories.para import Para
from ...diagrams.syntax import Diagram
from ...functors.learning import Learner
from .programs import Compiled
from .training import CompiledLearner

__all__ = ["compile"]


@overload
def compile(
    d: Learner, *, donate: Sequence[int] | None = None, options: dict[str, Any] | None = None
) -> CompiledLearner: ...
@overload
def compile(
    d: Diagram | Para, *, donate: Sequence[int] | None = None, options: dict[str, Any] | None = None
) -> Compiled: ...
def compile(
    d: Diagram | Para | Learner, *, donate: Sequence[int] | None = None, options: dict[str, Any] | None = None
) -> Compiled | CompiledLearner:
    """The diagram as a compiled program: callable like `to_jax(d)`, with its jaxpr, HLO, cost and memory.

    Wires have fixed shapes, so XLA compiles at the first call or inspection, once. `donate` lists
    arguments whose memory may be reused for the result; `options` are XLA's compiler options.

    A `Learner` gives a program `(state, *data) -> (state, loss)` whose state is donated (unless `donate=()`): it is
    gone after the step, which gives the next one. Data with one more axis than its wires are examples, and the step
    descends along their mean loss.
    """
    if isinstance(d, Learner):
        return CompiledLearner(d, (0,) if donate is None else tuple(donate), options)
    return Compiled(d, () if donate is None else tuple(donate), options)
