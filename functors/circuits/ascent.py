"""Reverse derivative ascent: how a circuit learns, as a `Learner` over another base.

The training step is the closed system of the smooth case, of model, loss, rate and optimizer. Each part is what the
ring has for it:

    loss         e(y, t) = y - t; where there is no -1, y + t
    rate         a map L -> L': multiplication by -1; where there is no -1, the identity
    optimizer    get = identity, put(p, q) = p + q

so that p' = p + R[f]_P((p, x), t - f(p, x)). Over Z_2, where -1 = 1, this is the rule of the paper: loss `add` and rate
the identity. Over Z_n the rate has to be -1 whatever the sign of the loss, as the loss comes in twice, as a value and
as a derivative: e and -e give the same step. A model that is linear in its parameters, f(p, x) = <p, φ(x)>, then gives
t at x after the step exactly if <φ(x), φ(x)> = 1, as for a truth table, where φ(x) picks one entry: the table of
a function is learned in one pass over all inputs, in any order and from any start.

Source: P. Wilson and F. Zanasi, "Reverse derivative ascent" (2021), sections 4 and 5; G. Cruttwell et al., "Categorical
foundations of gradient-based learning" (2022), sections 3 and 4.

>>> from paralens import compile
>>> from paralens.diagrams.circuits import Ring, truth_table
>>> learner = ascent(truth_table(1, 1), Ring.z2())
>>> state, loss = compile(learner)(learner.init(0), jnp.array([True]), jnp.array([True]))
>>> state.params["table"].tolist(), loss.tolist()
([[False, True]], [True])
"""

from __future__ import annotations

from collections.abc import Sequence

from ...categories.lens import Lens
from ...categories.para import Para
from ...categories.param import Entry
from ...diagrams.circuits import Number, Ring, constant, multiply
from ...diagrams.optimizers.optimizer import Cell, Optimizer, pair, weights
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty
from ..derivatives.derivative import Differential
from ..learning import Learner
from .rules import polynomials

__all__ = ["added", "ascent", "residue", "scaled"]


def ascent(model: Para, ring: Ring, *, rate: Number | None = None) -> Learner:
    """The learner of a circuit: its step is P ⊗ X ⊗ Y -> P ⊗ Y, new parameters and what was missing.

    `rate` is the element that the loss is multiplied by on its way back; by default -1, or 1 where there is no -1.
    """
    down = (ring.one if ring.minus is None else ring.minus) if rate is None else rate
    back = scaled(ring, down, model.cod)
    return Learner(model, residue(ring, model.cod), added(ring), rate=back, base=polynomials(ring))


def added(ring: Ring) -> Optimizer:
    """The optimizer without memory that adds the change: get = identity and put(p, q) = p + q."""
    return Optimizer("added", False, _added, (("ring", ring),))


def _added(name: str, entries: Sequence[Entry], ring: Ring) -> Cell:
    weight = weights(entries)
    total = Differential(polynomials(ring)).plus(weight)
    return Cell(Lens.of(Diagram.id(weight), total, pair(weight), pair(weight)), (), Diagram.discard(weight))


def residue(ring: Ring, label: Ty) -> Diagram:
    """The loss Y ⊗ Y -> Y: y - t, or y + t in a semiring without -1."""
    sign = ring.one if ring.minus is None else ring.minus
    return Diagram.id(label) @ scaled(ring, sign, label) >> Differential(polynomials(ring)).plus(label)


def scaled(ring: Ring, value: Number, ty: Ty) -> Diagram:
    """The map A -> A that multiplies every wire by an element."""
    if ring.element(value) == ring.one:
        return Diagram.id(ty)
    parts = [constant(ring, value, *w.shape) @ Ty.of((w,)) >> multiply(ring, *w.shape) for w in ty.inside]
    return Diagram.id(Ty()).tensor(*parts)
