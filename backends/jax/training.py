"""Training steps as compiled programs.

The step of a learner is one XLA program whose state is donated: S ⊗ P goes in and comes out in the same memory. A batch
is met at the first call that has one; each size is compiled once.
"""

from __future__ import annotations

from typing import Any

import jax
from jax.core import Tracer

from ...categories.errors import InputError
from ...functors.learning import Learner, State
from .programs import Compiled, require_arguments

__all__ = ["CompiledLearner"]


class CompiledLearner:
    """A learner as a program `(state, *data) -> (state, loss)`; `.program(n)` is the one for n examples.

    `data` has one array for each wire of the inputs X and then of the labels T, or n of them stacked. Raises
    `InputError` or `ParameterError` for what does not fit.
    """

    def __init__(self, learner: Learner, donate: tuple[int, ...], options: dict[str, Any] | None) -> None:
        require_arguments(donate, 1 + len(learner.inputs) + len(learner.labels))
        self.learner = learner
        self._donate, self._options = donate, options
        self._programs: dict[int | None, Compiled] = {}

    def program(self, n: int | None = None) -> Compiled:
        """The compiled step of `n` examples at once, or of one: parameters `{memory, params}`, then the data."""
        if n not in self._programs:
            learner = self.learner if n is None else self.learner.batch(n)
            self._programs[n] = Compiled(learner.para, self._donate, self._options)
        return self._programs[n]

    def __call__(self, state: State, *data: Any) -> tuple[State, Any]:
        learner = self.learner
        if not (hasattr(state, "params") and hasattr(state, "memory")):
            raise InputError(
                f"a learner is called as step(state, *data) with a state from .init(key), not {type(state).__name__}"
            )
        tree = {"memory": state.memory, "params": state.params} if state.memory else {"params": state.params}
        try:
            made = self.program(self._examples(data))(tree, *data)
        except (RuntimeError, ValueError) as error:
            if not any(_gone(x) for x in jax.tree.leaves(tree)):
                raise
            raise InputError(
                "this state was donated to an earlier step: go on from the state that the step returned, "
                "or keep every state with compile(learner, donate=())"
            ) from error
        n = len(learner.entries)
        after = learner.nest(made[:n])
        losses = made[n:]
        return after, losses[0] if len(losses) == 1 else tuple(losses)

    def _examples(self, data: tuple[Any, ...]) -> int | None:
        """How many examples the data hold, or None for one without an axis for them."""
        wires = (self.learner.inputs @ self.learner.labels).inside
        if len(data) != len(wires):
            raise InputError(f"the step takes a state and {len(wires)} arrays of data, and got {len(data)}")
        for w, x in zip(wires, data, strict=True):
            shape = tuple(getattr(x, "shape", ()))
            if len(shape) == len(w.shape) + 1 and shape[1:] == w.shape:
                return int(x.shape[0])
        return None

    @property
    def jaxpr(self) -> Any:
        """The jaxpr of one step without a batch; `.program(n).jaxpr` has one."""
        return self.program().jaxpr

    def __repr__(self) -> str:
        return f"<CompiledLearner {self.learner!r}>"


def _gone(x: Any) -> bool:
    return isinstance(x, jax.Array) and not isinstance(x, Tracer) and x.is_deleted()
