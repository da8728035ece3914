"""Learning: model, loss, rate and optimizer as one diagram, a lens closed at its data wires.

In Para(Lens(C)) the model (P, f) : X -> Y, the loss with its label T and the rate are composed, and the model's
parameter is changed along the optimizer, which is a 2-cell (S ⊗ P, S ⊗ P) -> (P, P'):

    (X, I) ⊗ (T, I)  ── model ⊗ T ──►  (Y, Y') ⊗ (T, I)  ── loss ──►  (L, L')  ── rate ──►  (L, I)

What comes back along S ⊗ P is the next state. So one step of training is a map step : S ⊗ P ⊗ X ⊗ T -> S ⊗ P ⊗ L,

    p̄ = U(s, p);    y = f(p̄, x);    y' = R[loss](y, t, rate(loss(y, t)));    p' = R[f](x, p̄, y')
    (s, p) <- U*(s, p, p')

a 1-cell S ⊗ P -> S ⊗ P of Para with parameter X ⊗ T. Its n-fold composite is an epoch, which is one scan (G. Cruttwell
et al., "Categorical foundations of gradient-based learning", 2021, section 3; U is `get`, U* is `put`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, reduce
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..categories.errors import CompositionError, DerivativeError, ParameterError
from ..categories.lens import Lens, Pair
from ..categories.para import Para
from ..categories.param import Entry, Param, joined, nested
from ..diagrams.box import Box
from ..diagrams.builder import diagram
from ..diagrams.graph import Builder, splice
from ..diagrams.nn.repetition import scan_of
from ..diagrams.optimizers import from_optax
from ..diagrams.syntax import Diagram, require
from ..diagrams.tracing.emit import callable_of
from ..diagrams.tracing.jaxpr import from_jax
from ..diagrams.types import R, Ty
from .batching import batch, batched
from .derivatives.derivative import lens
from .derivatives.optic import Base
from .derivatives.remat import Policy, remembering
from .derivatives.smooth import SMOOTH

__all__ = ["Learner", "State", "adversarial", "dreaming", "rate_cap"]


class State(NamedTuple):
    """What a learner carries from step to step, as nested dicts: the parameters P and the optimizer's memory S."""

    params: Any
    memory: Any


@dataclass(frozen=True, eq=False)
class Objective:
    """What is learned: a model X -> Y, a loss Y ⊗ T -> L, and an optimizer with its rate, over a base."""

    model: Para
    loss: Diagram
    optimizer: Any
    rate: float | Diagram
    residual: Policy
    base: Base

    @cached_property
    def cell(self) -> Any:
        """The optimizer's lens on the parameters."""
        return self.optimizer.cell(self.model.entries)

    @cached_property
    def lens(self) -> Lens:
        """Model, loss and rate composed in Para(Lens(C)), with the parameter changed along the optimizer."""
        whole = Para(_named(remembering(self.model.arrow, self.residual), "model"), self.model.entries)
        moving = [path for path, w in zip(whole.paths, whole.weight.inside, strict=True) if self.base.moves(w)]
        model = lens(whole, wrt=moving, base=self.base)
        outputs = [i for i, w in enumerate(self.model.cod.inside) if self.base.moves(w)]
        loss = lens(_named(self.loss, "loss"), wrt=outputs, base=self.base)
        labels = loss.dom[len(self.model.cod) :]
        system = (model @ labels) >> loss >> rate_cap(self.rate, self.loss.cod, self.base)
        return system.reparam(self.cell.lens, _state([self.cell], self.model)).arrow

    def batch(self, n: int) -> Objective:
        """The same on n examples at once, with the mean of their losses."""
        if self.loss.cod != R():
            raise DerivativeError(f"the loss is {self.loss.cod}, and only of real numbers is there a mean")
        mean = from_jax(jnp.mean, R(n)).boxed("mean")
        return replace(self, model=batch(self.model, n), loss=batch(self.loss, n).then(mean))


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Learner:
    """A model that learns: `step : S ⊗ P ⊗ X ⊗ T -> S ⊗ P ⊗ L` as one diagram.

    `model` is a `Para` X -> Y, `loss` a diagram Y ⊗ T -> R(), `optimizer` one of `optimizers` or of optax. `rate`, a
    number or a diagram L -> L', closes the lens; an optimizer with a step size of its own takes only -1.0, or 1.0 to
    ascend. `residual` is as for `reverse`. Raises `CompositionError` where the loss does not fit the model,
    `DerivativeError` for a loss that is not one real number, `ParameterError` for a parameter or a rate that the
    optimizer does not fit.

    Fields: `objectives`, what is learned in turn, on the same parameters; `step`; `entries`, the names of the state
    S ⊗ P; `inputs` X and `labels` T; `once`, whether the step is no epoch. A learner does not change: `batch`, `epoch`
    and `>>` make others.

    >>> learner = Learner(nn.dense(3, 1), losses.squared_error(1), optimizers.sgd(0.1))
    >>> learner.step.cod
    R(3, 1) @ R(1) @ R()
    """

    objectives: tuple[Objective, ...]
    step: Diagram
    entries: tuple[Entry, ...]
    inputs: Ty
    labels: Ty
    once: bool = True

    def __init__(
        self,
        model: Para | Diagram,
        loss: Para | Diagram,
        optimizer: Any,
        *,
        rate: float | Diagram | None = None,
        residual: Policy = "store",
        base: Base = SMOOTH,
    ) -> None:
        require(model, "Learner")
        require(loss, "Learner")
        model, loss, optimizer = Para.lift(model), _arrow(loss), _optimizer(optimizer)
        entries = _state([optimizer.cell(model.entries)], model)
        only = Objective(model, loss, optimizer, _rate(optimizer, rate), residual, base)
        labels = _labels(model, loss, base)
        self._set((only,), _stepping(only.lens, len(entries), len(loss.cod)), entries, model.dom, labels, True)

    def _set(self, *values: Any) -> Learner:
        for field, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)
        return self

    # -- what it is made of ------------------------------------------------------------------------

    @cached_property
    def model(self) -> Para:
        """The model X -> Y; of objectives in turn the models side by side, on the same parameters."""
        first, *others = (o.model for o in self.objectives)
        n, weight = first.n_params, first.weight
        arrow = first.tensor(*others).arrow
        data = len(arrow.dom) - n * len(self.objectives)
        shared = Diagram.wires(arrow.dom[:data] @ weight, [*range(data), *[*range(data, data + n)] * (len(others) + 1)])
        return Para(shared.then(arrow), first.entries) if others else first

    @property
    def loss(self) -> Diagram:
        """The loss Y ⊗ T -> L; of objectives in turn the losses side by side."""
        first, *others = (o.loss for o in self.objectives)
        return first.tensor(*others)

    @property
    def optimizer(self) -> Any:
        """The optimizer; of objectives in turn the tuple of them."""
        found = tuple(o.optimizer for o in self.objectives)
        return found[0] if len(found) == 1 else found

    @cached_property
    def lens(self) -> Lens:
        """The closed system (S ⊗ P ⊗ X ⊗ T, S ⊗ P) -> (L, I), whose way back is the next state."""
        (first, *others), n = self.objectives, len(self.entries)
        if not others and self.once:
            return first.lens
        state, data, losses = self.step.dom[:n], self.step.dom[n:], self.step.cod[n:]
        dom = Pair(data @ state, [*[Ty()] * len(data), *state], Diagram)
        forward = Diagram.swap(data, state).then(self.step).then(Diagram.swap(state, losses))
        return Lens(forward, Diagram.id(state), dom, Pair(losses, [Ty()] * len(losses), Diagram))

    @property
    def para(self) -> Para:
        """The step as a 1-cell of Para: data in, new state and loss out, the state as parameters."""
        n = len(self.entries)
        order = [*range(len(self.step.dom) - n, len(self.step.dom)), *range(len(self.step.dom) - n)]
        data = self.step.dom[n:]
        return Para(Diagram.wires(data @ self.step.dom[:n], order).then(self.step), self.entries)

    # -- its state -----------------------------------------------------------------------------------

    def init(self, key: Any) -> State:
        """The first state: the model's parameters from a PRNG key or a seed, and the optimizer's memory for them."""
        return self.start(self.objectives[0].model.init(key))

    def start(self, params: Any) -> State:
        """The first state for these parameters, a nested dict of arrays, which are copied: a step donates its state."""
        model = self.objectives[0].model
        given = zip(model.entries, model.flat(params), strict=True)
        weights = [jnp.array(q.array(value, "/".join(path))) for (path, q), value in given]
        memory = [jnp.array(v) for o in self.objectives for v in callable_of(o.cell.start)(*weights)]
        return self.nest([*memory, *weights])

    def nest(self, values: Sequence[Any]) -> State:
        """The state whose arrays these are, memory first."""
        tree = nested([path for path, _ in self.entries], values)
        return State(tree.get("params", {}), tree.get("memory", {}))

    # -- other learners of it --------------------------------------------------------------------------

    def batch(self, n: int) -> Learner:
        """The learner whose data are n examples at once and whose loss is their mean.

        Raises `DerivativeError` for a loss of which there is no mean, `CompositionError` for an epoch.
        """
        if not self.once:
            raise CompositionError(
                f"an epoch has no batch of {n}: write learner.batch({n}).epoch(steps), data steps first"
            )
        many = [o.batch(n) for o in self.objectives]
        first, *others = (
            Learner(o.model, o.loss, o.optimizer, rate=o.rate, residual=o.residual, base=o.base) for o in many
        )
        return reduce(Learner.then, others, first)

    def epoch(self, n: int) -> Learner:
        """The n-fold composite over data stacked n high, with n losses: one scan. Batch first, if at all.

        Raises `CompositionError` for an `n` that is no number from 0 on.
        """
        step = scan_of(self.step, n, len(self.entries))
        ends = batched(self.inputs, n), batched(self.labels, n)
        return object.__new__(Learner)._set(self.objectives, step, self.entries, *ends, False)

    def then(self, other: Learner) -> Learner:
        """A step of this learner, then one of the other, on the same parameters: two objectives in turn.

        Each takes its own data, keeps its own memory and gives its own loss. Raises `ParameterError` where the
        parameters differ.
        """
        one, two = self.objectives[0].model, other.objectives[0].model
        if [(p, q.ty) for p, q in one.entries] != [(p, q.ty) for p, q in two.entries]:
            raise ParameterError(
                f"the learners train different parameters: {', '.join(one.paths)} and {', '.join(two.paths)}"
            )
        n, objectives = one.n_params, (*self.objectives, *other.objectives)
        step = _in_turn(self.step, other.step, len(self.entries) - n, len(other.entries) - n, n)
        entries = _state([o.cell for o in objectives], one)
        inputs = self.inputs @ self.labels @ other.inputs
        once = self.once and other.once
        return object.__new__(Learner)._set(objectives, step, entries, inputs, other.labels, once)

    def __rshift__(self, other: Learner) -> Learner:
        return self.then(other)

    def __repr__(self) -> str:
        names = " >> ".join(getattr(o.optimizer, "name", "") for o in self.objectives)
        return f"<Learner {self.model!r}, loss {self.loss.cod}, optimizer {names}>"

    def _repr_svg_(self) -> str | None:
        return Diagram.svg_of(self.para)


def _state(cells: Sequence[Any], model: Para) -> tuple[Entry, ...]:
    """The names of the state: the memories of the optimizers, then the parameters."""
    memory = [[(path, Param(ty)) for path, ty in cell.state] for cell in cells]
    named = joined(memory) if len(memory) > 1 else memory[0]
    return (*[(("memory", *p), q) for p, q in named], *[(("params", *p), q) for p, q in model.entries])


def _stepping(system: Lens, n_state: int, n_loss: int) -> Diagram:
    """A closed system run forward and back, state first: S ⊗ P ⊗ X ⊗ T -> S ⊗ P ⊗ L."""
    both = system.both
    n_data = len(both.dom) - n_state
    dom = both.dom[n_data:] @ both.dom[:n_data]
    turned = Diagram.wires(dom, [*range(n_state, len(dom)), *range(n_state)])
    back = Diagram.wires(both.cod, [*range(n_loss, len(both.cod)), *range(n_loss)])
    return turned.then(both).then(back)


def rate_cap(rate: float | Diagram, ty: Ty, base: Base = SMOOTH) -> Lens:
    """The end of the lens, (L, L') -> (L, I): the loss goes out, and the rate goes back, a number or of the loss.

    Raises `DerivativeError` for a number where the loss is not one real number.
    """
    if not all(base.moves(w) for w in ty.inside):
        raise DerivativeError(
            f"the loss is {ty}, which has no cotangent: a learner descends along one real number, R()"
        )
    dom, cod = Pair.of(ty, list(ty), Diagram), Pair.of(ty, [Ty()] * len(ty), Diagram)
    if isinstance(rate, Diagram):
        return Lens(Diagram.copy(ty), rate, dom, cod)
    if len(ty) != 1 or ty.wire.shape != () or ty.wire.kind != "R":
        raise DerivativeError(
            f"the loss is {ty}, and a learner descends along one real number, R(): sum it or take its mean"
        )
    return Lens(Diagram.id(ty), Diagram.point(np.asarray(rate, ty.wire.dtype)), dom, cod)


def _optimizer(given: Any) -> Any:
    """The optimizer, also when it comes from optax."""
    if hasattr(given, "cell"):
        return given
    if hasattr(given, "init") and hasattr(given, "update"):
        return from_optax(given)
    raise ParameterError(f"an optimizer is one of paralens.optimizers or of optax, such as sgd(0.1), not {given!r}")


def _rate(optimizer: Any, rate: float | Diagram | None) -> float | Diagram:
    """The rate, checked against the optimizer: the step size is applied in one place."""
    name = getattr(optimizer, "name", str(optimizer))
    if optimizer.scaled:
        if rate not in (None, -1.0, 1.0):
            raise ParameterError(f"{name} has a step size of its own, so the rate is -1.0 or 1.0, not {rate}")
        return -1.0 if rate is None else rate
    if rate is None:
        raise ParameterError(f"{name} has no step size: give the learner a rate, such as rate=-0.1")
    return rate


def _arrow(loss: Para | Diagram) -> Diagram:
    if isinstance(loss, Para):
        if loss.n_params:
            raise ParameterError(f"the loss has the parameters {', '.join(loss.paths)}: they belong to the model")
        return loss.arrow
    return loss


def _labels(model: Para, loss: Diagram, base: Base) -> Ty:
    """T, what the loss takes beside the model's result."""
    n = len(model.cod)
    if not any(base.moves(w) for w in model.cod.inside):
        raise DerivativeError(f"the model gives {model.cod}, which has no cotangent, so that nothing can be learned")
    if loss.dom[:n] != model.cod:
        raise CompositionError(f"the model gives {model.cod} but the loss takes {loss.dom[:n]} before the label")
    return loss.dom[n:]


def _named(d: Diagram, name: str) -> Diagram:
    """The diagram as one box."""
    return d if isinstance(d, Box) else d.boxed(name)


def _in_turn(one: Diagram, two: Diagram, s: int, t: int, p: int) -> Diagram:
    """S₁ ⊗ S₂ ⊗ P ⊗ D₁ ⊗ D₂ -> S₁ ⊗ S₂ ⊗ P ⊗ L₁ ⊗ L₂: one step, then the other on the parameters that it leaves."""
    d1, d2 = one.dom[s + p :], two.dom[t + p :]
    build = Builder(one.dom[:s] @ two.dom[:t] @ one.dom[s : s + p] @ d1 @ d2)
    wires = list(range(len(build.dom)))
    cut = s + t + p
    made = splice(build, one.graph, [*wires[:s], *wires[s + t : cut + len(d1)]])
    after = splice(build, two.graph, [*wires[s : s + t], *made[s : s + p], *wires[cut + len(d1) :]])
    outputs = [*made[:s], *after[: t + p], *made[s + p :], *after[t + p :]]
    cod = one.cod[:s] @ two.cod[: t + p] @ one.cod[s + p :] @ two.cod[t + p :]
    return Diagram.of_graph(build.finish(outputs, cod))


def dreaming(model: Para, init: Any = "zeros") -> Para:
    """The model with its inputs as parameters, `input`, and its own parameters as data: P ⊗ X -> Y over P.

    A learner of it changes the input and leaves the weights (deep dreaming; Cruttwell et al., 2021, section 3.4).
    Freeze the model first, and there is no data left but the label.
    """
    n, p = len(model.dom), model.n_params
    order = [*range(p, p + n), *range(p)]
    names = ["input"] if n == 1 else [f"input_{i}" for i in range(n)]
    arrow = Diagram.wires(model.weight @ model.dom, order).then(model.arrow)
    return Para(arrow, [((name,), Param(ty, init)) for name, ty in zip(names, model.dom, strict=True)])


def adversarial(generator: Para, critic: Para) -> Para:
    """The game of a generator Z -> X and a critic X -> R(): d(g(z)) - d(x) of noise and data, Z ⊗ X -> R().

    The critic is used twice, with one set of parameters, tied along copy. The generator descends and the critic ascends
    (M. Arjovsky et al., "Wasserstein GAN", 2017): the parameters are `generator` and `critic`.
    """
    g, d = generator.named("generator"), critic.named("critic")

    @diagram(g.dom @ d.dom, d.cod)
    def game(*wires: Any) -> Any:
        made = g(*wires[: len(g.dom)])
        made = made if isinstance(made, tuple) else (made,)
        return d(*made) - d(*wires[len(g.dom) :])

    twice = Para.lift(game)
    return twice.tie("critic", "critic_1") if d.n_params else twice
