"""`reverse`, `forward` and `lens`: derivatives of diagrams and models, each again a diagram.

For f : A -> B, with A' and B' the wires of A and B that have tangents (real and complex ones),

    reverse(f) : A ⊗ B' -> A'          forward(f) : A ⊗ A' -> B ⊗ B'
    lens(f)    : forward A -> B ⊗ M, backward M ⊗ B' -> A'

They apply to their own results: forward(reverse(f)) is the Hessian-vector product. The gradient of a scalar is
`reverse` at the cotangent 1.0.

>>> from paralens import R, from_jax, reverse, to_jax
>>> square = from_jax(lambda x: x * x, R())
>>> float(to_jax(reverse(square))(3.0, 1.0)), float(to_jax(reverse(reverse(square)))(3.0, 1.0, 1.0)[0])
(6.0, 2.0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

import numpy as np

from ...categories.duals import Dual
from ...categories.errors import DerivativeError
from ...categories.lens import Lens, Pair
from ...categories.para import Para
from ...diagrams.cache import derived
from ...diagrams.graph import Builder
from ...diagrams.syntax import Diagram, require
from ...diagrams.tracing.weakness import Weakness, noted_weakness, weakness_of
from ...diagrams.types import Ty
from .forwarding import push
from .optic import Base, chosen, inline
from .remat import Policy, remembering
from .reversing import pull, reversed_graph
from .smooth import SMOOTH

__all__ = ["Differential", "Reversal", "cotangent", "dual", "forward", "lens", "reversal", "reverse"]

D = TypeVar("D", Diagram, Para)


@dataclass(frozen=True)
class Reversal:
    """What a diagram is the reverse derivative of, in which of the inputs that move, and whether it gives the value."""

    of: Diagram
    wanted: tuple[bool, ...]
    moves: tuple[bool, ...]
    value: bool


def reversal(d: Diagram | Para) -> Reversal | None:
    """What `reverse` made this very diagram or model from; None for any other, composites and loaded ones too."""
    return _noted(d.arrow if isinstance(d, Para) else d, None)


def _noted(d: Diagram, note: Reversal | None) -> Reversal | None:
    return derived(d, "reversal", lambda: note)


def cotangent(ty: Ty, base: Base = SMOOTH) -> Ty:
    """The type of the cotangents (and tangents): the wires that have one."""
    return Ty.of(w for w in ty.inside if base.moves(w))


def reverse(
    d: D,
    *,
    wrt: Sequence[int | str] | None = None,
    value: bool = False,
    residual: Policy = "store",
    base: Base = SMOOTH,
) -> D:
    """The reverse derivative R[f] : A ⊗ B' -> A' of f : A -> B; with `value`, A ⊗ B' -> B ⊗ A'.

    `wrt` asks for the cotangents of some inputs only, by number or, of a model, by the path of parameters, in the
    order of the inputs. Of a model (X, P) -> Y it is the model X ⊗ Y' -> X' ⊗ P' with the same parameters.

    `residual` says what the forward pass keeps for the way back, which changes memory and never the result: "store"
    what is read, "recompute" only what flows between boxes that have a definition, or the outputs of boxes by their
    paths or by a predicate of path and box.

    Raises `DerivativeError`, with the path of the box, where there is no derivative, such as of a `while` loop.
    """
    require(d, "reverse")
    if isinstance(d, Para):
        return _reverse_model(d, wrt, value, residual, base)
    of, d = d, remembering(d, residual)
    wanted = _wanted(d, wrt, base)
    build, outputs, cts = reversed_graph(d.graph, wanted, base, value=value)
    present_at = {i: c for i, c in enumerate(cts) if c is not None}
    found = base.filled(build, present_at, [i for i, on in enumerate(wanted) if on], d.dom.inside)
    cod = Ty.of(chosen(d.dom.inside, wanted))
    ends = ([*outputs, *found], d.cod @ cod) if value else (found, cod)
    made = Diagram.of_graph(build.finish(*ends))
    _noted(made, Reversal(of, tuple(wanted), tuple(map(base.moves, d.dom.inside)), value))
    noted_weakness(made, Weakness.of_reverse(wanted, made.n_in - d.n_in, d.n_out if value else 0))
    return made


def _wanted(d: Diagram, wrt: Sequence[int | str] | None, base: Base) -> list[bool]:
    if wrt is None:
        return [base.moves(w) for w in d.dom.inside]
    asked = {wrt} if isinstance(wrt, str) else set(wrt)
    for i in asked:
        if not isinstance(i, (int, np.integer)) or not 0 <= i < d.n_in:
            raise DerivativeError(f"wrt={i!r} names no input: the diagram takes {d.dom}, wires 0 to {d.n_in - 1}")
        if not base.moves(d.dom.inside[i]):
            raise DerivativeError(
                f"wire {i} is {d.dom.inside[i]}, which has no cotangent: integers, booleans and keys do not move"
            )
    return [i in asked for i in range(d.n_in)]


def _reverse_model(model: Para, wrt: Sequence[int | str] | None, value: bool, residual: Policy, base: Base) -> Para:
    n, arrow = len(model.dom), model.arrow
    found = reverse(arrow, wrt=_places(model, wrt), value=value, residual=residual, base=base)
    flowing = cotangent(model.cod, base)
    order = [*range(n), *range(n + len(flowing), len(found.dom)), *range(n, n + len(flowing))]
    dom = model.dom @ flowing @ model.weight
    made = Diagram.wires(dom, order).then(found)
    _noted(made, reversal(found))
    return Para(_as_weak(made, found, order), model.entries)


def _as_weak(made: Diagram, found: Diagram, order: Sequence[int]) -> Diagram:
    """The derivative of a model, noted to be as weak as that of its arrow, of which it reorders the inputs."""
    weakness = weakness_of(found)
    noted_weakness(made, None if weakness is None else weakness.through(order))
    return made


def _places(model: Para, wrt: Sequence[int | str] | None) -> list[int | str] | None:
    """Numbers of inputs, with paths of parameters as the inputs that they are."""
    if wrt is None:
        return None
    n, single = len(model.dom), {path: [i] for i, path in enumerate(model.paths)}
    found: list[int | str] = []
    for i in [wrt] if isinstance(wrt, str) else wrt:
        if not isinstance(i, str) and i >= n:
            raise DerivativeError(
                f"wrt={i!r} names no data: the model takes {model.dom}; parameters are named by their paths"
            )
        found += [n + k for k in single.get(i) or model.places(i)] if isinstance(i, str) else [i]
    return found


@overload
def lens(
    d: Diagram, *, wrt: Sequence[int | str] | None = None, residual: Policy = "store", base: Base = SMOOTH
) -> Lens: ...
@overload
def lens(
    d: Para, *, wrt: Sequence[int | str] | None = None, residual: Policy = "store", base: Base = SMOOTH
) -> Para: ...
def lens(
    d: Diagram | Para,
    *,
    wrt: Sequence[int | str] | None = None,
    residual: Policy = "store",
    base: Base = SMOOTH,
) -> Lens | Para:
    """The lens of f : A -> B, `forward : A -> B ⊗ M` and `backward : M ⊗ B' -> A'`, which share the residual M.

    Of a model in Para(C) it is the model in Para(Lens(C)), with the same parameters. `wrt` and `residual` are as
    for `reverse`; inputs that are not asked for have no way back. It is a functor: lens(f ; g) = lens(f) ; lens(g).
    """
    require(d, "lens")
    if isinstance(d, Para):
        return Para(lens(d.arrow, wrt=_places(d, wrt), residual=residual, base=base), d.entries)
    d = remembering(d, residual)
    wanted = _wanted(d, wrt, base)
    optic = pull(d.graph, wanted, [True] * d.n_out, base)
    ran = Builder(d.dom)
    made = inline(ran, optic.forward, range(d.n_in))
    around = [*range(d.n_in), *made]
    types = [*d.dom.inside, *optic.forward.cod.inside]
    held = Ty.of(types[j] for j in optic.residual)
    forward = ran.finish([*made[: d.n_out], *(around[j] for j in optic.residual)], d.cod @ held)
    back = Builder(held @ cotangent(d.cod, base))
    present_at = dict(zip(optic.gives, inline(back, optic.backward, range(len(back.dom))), strict=True))
    wires = [i for i, on in enumerate(wanted) if on]
    found = base.filled(back, present_at, wires, d.dom.inside)
    dom = _pair(d.dom, wanted)
    backward = back.finish(found, dom.back)
    cod = _pair(d.cod, [base.moves(w) for w in d.cod.inside])
    return Lens(Diagram.of_graph(forward), Diagram.of_graph(backward), dom, cod)


def _pair(ty: Ty, moving: Sequence[bool]) -> Pair:
    """The object (A, A') where only the wires at which the mask holds have a way back."""
    return Pair.of(ty, [a if on else Ty() for a, on in zip(ty, moving, strict=True)], Diagram)


def forward(d: D, *, wrt: Sequence[int | str] | None = None, base: Base = SMOOTH) -> D:
    """The forward derivative A ⊗ A' -> B ⊗ B', value and tangent.

    Of a model (X, P) -> Y it is the model X ⊗ X' ⊗ P' -> Y ⊗ Y' with the same parameters. With `wrt`, as for `reverse`,
    only those inputs have tangents. Raises `DerivativeError`, with the path of the box, where there is no derivative.
    """
    require(d, "forward")
    if isinstance(d, Para):
        n = len(d.dom)
        found = forward(d.arrow, wrt=_places(d, wrt), base=base)
        moved = found.dom[len(d.arrow.dom) :]
        dom = d.dom @ moved @ d.weight
        order = [*range(n), *range(n + len(moved), len(dom)), *range(n, n + len(moved))]
        return Para(_as_weak(Diagram.wires(dom, order).then(found), found, order), d.entries)
    tangent = push(d.graph, _wanted(d, wrt, base), base)
    build = Builder(tangent.push.dom)
    made = inline(build, tangent.push, range(len(build.dom)))
    present_at = dict(zip(tangent.gives, made[d.n_out :], strict=True))
    moves = [base.moves(w) for w in d.cod.inside]
    dys = base.filled(build, present_at, [i for i, on in enumerate(moves) if on], d.cod.inside)
    made = Diagram.of_graph(build.finish([*made[: d.n_out], *dys], d.cod @ cotangent(d.cod, base)))
    noted_weakness(made, Weakness.of_forward(d.n_in, made.n_in - d.n_in, moves))
    return made


def dual(d: Diagram, *, base: Base = SMOOTH) -> Dual:
    """The map with its tangent, as a morphism of dual numbers: the forward derivative as a functor to `Dual`."""
    dom = _pair(d.dom, [base.moves(w) for w in d.dom.inside])
    return Dual(forward(d, base=base), dom, _pair(d.cod, [base.moves(w) for w in d.cod.inside]))


@dataclass(frozen=True)
class Differential:
    """Diagrams as a reverse derivative category, for `laws`: all wires must have cotangents.

    `same` decides equality; without it two maps are equal if they are the same diagram.
    """

    base: Base = SMOOTH
    same: Callable[[Diagram, Diagram], bool] = Diagram.__eq__

    id, swap, discard = staticmethod(Diagram.id), staticmethod(Diagram.swap), staticmethod(Diagram.discard)

    def copy(self, ty: Ty) -> Diagram:
        """Two copies."""
        return Diagram.copy(ty)

    def plus(self, ty: Ty) -> Diagram:
        """The addition `A ⊗ A -> A`."""
        n = len(ty)
        order = [j for i in range(n) for j in (i, n + i)]
        return Diagram.wires(ty @ ty, order).then(Diagram.id().tensor(*[self.base.plus(w) for w in ty.inside]))

    def zero(self, ty: Ty) -> Diagram:
        """The zero `I -> A`."""
        return Diagram.id().tensor(*[self.base.zero(w) for w in ty.inside])

    def reverse(self, f: Diagram) -> Diagram:
        """R[f]."""
        return reverse(f, base=self.base)

    def tangent(self, f: Diagram) -> Diagram:
        """D[f], without the value."""
        found = forward(f, base=self.base)
        return found.then(Diagram.wires(found.cod, range(len(f.cod), len(found.cod))))
