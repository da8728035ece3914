"""What an optimizer is: for each type P of parameters a lens, and how lenses are chained.

Data of an optimizer at P, with the memory S:

    get : S ⊗ P -> P                 where the model is evaluated
    put : S ⊗ P ⊗ P' -> S ⊗ P        the next state and parameters, from the incoming change q
    start : P -> S                   the first state; start then get is a section: get(start(p), p) = p

so a lens (S ⊗ P, S ⊗ P) -> (P, P'), a 2-cell on the parameter of a model in Para(Lens(C)) (G. Cruttwell et al.,
"Categorical foundations of gradient-based learning", 2021, section 3). The change q has the sign of the rate cap: it is
-gradient at the cap -1. P' has no wire for a parameter without a cotangent.

A transformation of the change is a lens T : (S ⊗ P, S ⊗ P') -> (P, P') whose `put` gives a change, not a step.
Before an optimizer U it makes the optimizer ((S, S) ⊗ U) ; T, since changes run backward through lenses. This is
`chain`, which is associative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ...categories.errors import CompositionError, ParameterError
from ...categories.lens import Lens, Pair
from ...categories.param import Entry, Path, joined
from ..syntax import Diagram
from ..types import Ty

__all__ = ["Cell", "Optimizer", "State", "chain", "changes", "pair", "refuse_unfit", "weights"]

State = tuple[tuple[Path, Ty], ...]


@dataclass(frozen=True)
class Cell:
    """An optimizer at the parameters of a model.

    `lens` is (S ⊗ P, S ⊗ P) -> (P, P') over `Diagram`; `state` lists path and type of each wire of S;
    `start : P -> S` gives the first state.
    """

    lens: Lens
    state: State
    start: Diagram


@dataclass(frozen=True, repr=False)
class Optimizer:
    """An optimizer: `cell(entries)` is its lens at these parameters. Chain with `>>`.

    `scaled` says that the size of the step is inside of `put`: the rate cap is then -1, or 1 to ascend. `takes_step`
    is false for a transformation of the change, which needs an optimizer after it. `make(name, entries, **options)`
    builds the cell; two optimizers are equal if it and the options are.
    """

    name: str
    scaled: bool
    make: Callable[..., Cell]
    options: tuple[tuple[str, Any], ...] = ()
    takes_step: bool = True
    text: str = ""

    def cell(self, entries: Sequence[Entry]) -> Cell:
        """The lens of the optimizer at parameters, given as paths with `Param`s.

        Raises `ParameterError`, naming the path, for a parameter that it does not fit, and `CompositionError` for a
        transformation of the change, which takes no step.
        """
        if not self.takes_step:
            raise CompositionError(f"{self} transforms the change and takes no step: write {self} >> sgd(0.1), say")
        return self.build(entries)

    def build(self, entries: Sequence[Entry]) -> Cell:
        """The cell, also of a transformation: the lens (S ⊗ P, S ⊗ P') -> (P, P')."""
        return self.make(self.name, tuple(entries), **dict(self.options))

    def __rshift__(self, other: Optimizer) -> Optimizer:
        return chain(self, other) if isinstance(other, Optimizer) else NotImplemented

    def __repr__(self) -> str:
        return self.text or f"{self.name}()"


def chain(*optimizers: Optimizer) -> Optimizer:
    """The optimizers one after the other, in the order in which the change passes; `>>` is the same.

    All but the last transform the change. Raises `CompositionError` when one before the last takes a step.

    >>> from paralens.diagrams.optimizers import clip, sgd
    >>> chain(clip(1.0), sgd(0.1)).name
    'clip >> sgd'
    """
    for o in optimizers:
        if not isinstance(o, Optimizer):
            raise CompositionError(f"chain takes optimizers, and got {o!r}: from_optax makes one of optax's")
    if not optimizers:
        raise CompositionError("chain takes at least one optimizer; gradient() adds the change as it comes")
    for o, following in pairwise(optimizers):
        if o.takes_step:
            raise CompositionError(
                f"{o} takes the step, and {following} comes after it: what transforms the change stands first, "
                "as in clip(1.0) >> sgd(0.1)"
            )
    parts = tuple(p for o in optimizers for p in (dict(o.options)["parts"] if o.make is _chained else (o,)))
    if len(parts) == 1:
        return parts[0]
    name, text = " >> ".join(p.name for p in parts), " >> ".join(map(repr, parts))
    scaled = any(p.scaled for p in parts)
    return Optimizer(name, scaled, _chained, (("parts", parts),), parts[-1].takes_step, text)


def _chained(name: str, entries: Sequence[Entry], parts: Sequence[Optimizer]) -> Cell:
    cells = [part.build(entries) for part in parts]
    lens = cells[0].lens
    for before, cell in pairwise(cells):
        kept = lens.dom[: len(lens.dom) - len(entries)]
        if cell.lens.cod != lens.dom[len(kept) :]:
            raise ParameterError(f"{name}: the change {cell.lens.cod} does not fit {before.lens.dom[len(kept) :]}")
        lens = Lens.id(kept) @ cell.lens >> lens
    weight = weights(entries)
    start = Diagram.copy(weight, len(cells)) >> Diagram.id().tensor(*[cell.start for cell in cells])
    return Cell(lens, joined([cell.state for cell in cells]), start)  # type: ignore[arg-type]


# -- parameters and their changes ---------------------------------------------------------------


def weights(entries: Sequence[Entry]) -> Ty:
    """P, the type of the parameters."""
    return Ty.of(p.wire for _, p in entries)


def changes(entries: Sequence[Entry]) -> list[Ty]:
    """For each parameter the type of its change: its own, or none where it has no cotangent."""
    return [p.ty if p.wire.differentiable else Ty() for _, p in entries]


def pair(ty: Ty, back: Sequence[Ty] | None = None) -> Pair:
    """The object (A, A') with the given way back on each wire, by default the wire itself."""
    return Pair.of(ty, list(ty) if back is None else back, Diagram)


def refuse_unfit(name: str, entries: Sequence[Entry]) -> None:
    """Raise `ParameterError`, listing every path, unless all parameters are real."""
    wrong = []
    for path, p in entries:
        if p.wire.kind == "C":
            wrong.append(
                f"{'/'.join(path)} is {p.ty}, and the cotangent of a complex array points along the conjugate of the "
                "gradient: make its real and its imaginary part two parameters"
            )
        elif p.wire.kind != "R":
            wrong.append(f"{'/'.join(path)} is {p.ty}, which has no gradient: freeze it, with frozen() in by_path")
    if wrong:
        raise ParameterError(f"{name} does not fit these parameters: {'; '.join(wrong)}")
