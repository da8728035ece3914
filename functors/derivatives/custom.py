"""Derivatives that users gave, honored: `custom_jvp` and `custom_vjp`.

A `custom_jvp` rule is the tangent map, and its transpose is the backward map. What the rule applies to a tangent is
linear, and is transposed by its definition: rules that it has tell how it is differentiated, not how it is transposed.
A `custom_vjp` rule is an optic as it stands; its tangent map is the transpose of the backward map,
D[f](a, v) = R[R[f](a, -)](0, v) (R. Cockett et al., "Reverse derivative categories", 2020), which JAX itself refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...categories.errors import DerivativeError, ParalensError
from ...diagrams.box import Box
from ...diagrams.graph import Builder
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import narrowed
from ...diagrams.types import Ty, Wire
from .definitions import boxed_optic
from .optic import Base, Mask, Optic, Tangent, cast, chosen, first_places, inline, read_only
from .reversing import pull

__all__ = ["jvp_optic", "jvp_tangent", "vjp_optic", "vjp_tangent"]


def moved(box: Box) -> list[int]:
    """The inputs that the user's rule has tangents for."""
    still = box.params.get("still", ())
    return [i for i, w in enumerate(box.dom.inside) if w.differentiable and i not in still]


def _where(box: Box, moving: Mask) -> Box:
    """The box with the rules that it has where these inputs move; refuses inputs that its rules say nothing about."""
    may = set(moved(box))
    wrong = [i for i, on in enumerate(moving) if on and i not in may]
    if wrong:
        raise DerivativeError(
            f"{box.name} closes over the value on its wire {wrong[0]}, and its rule has no derivative for that: "
            "pass it as an argument"
        )
    return narrowed(box, [i for i, on in enumerate(moving) if not on])


def _fitting(
    build: Builder, box: Box, made: Sequence[int], types: Sequence[Wire], expected: Sequence[Wire]
) -> list[int]:
    """The wires that a rule gives as the box has them: cast where their precision differs, refused where more does."""
    wrong = [
        f"{t} for {w}"
        for t, w in zip(types, expected, strict=False)
        if t.shape != w.shape or not (t.kind == w.kind or (t.kind, w.kind) == ("R", "C"))
    ]
    if len(made) != len(expected):
        wrong.append(f"{len(made)} wires for {len(expected)}")
    if wrong:
        raise DerivativeError(f"the rule of {box.name} : {box.dom} -> {box.cod} gives {', '.join(wrong)}")
    return [i if t == w else build.add(cast(t, w), (i,))[0] for i, t, w in zip(made, types, expected, strict=True)]


def _given(box: Box, key: str) -> Diagram:
    """A rule of the user's, which is traced here; what it raises for these types is told as a missing derivative."""
    try:
        return box.params[key].diagram
    except ParalensError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        what = f"the derivative rule of {box.name} : {box.dom} -> {box.cod} fails with {type(error).__name__}: {reason}"
        raise DerivativeError(what) from error


def jvp_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """The user's rule, with zeros for what does not move."""
    gives = tuple(i for i, w in enumerate(box.cod.inside) if w.differentiable)
    return Tangent(_user_rule(box, moving, base).boxed(box.name).playing("forward", box), gives, whole=True)


def _user_rule(box: Box, moving: Mask, base: Base) -> Diagram:
    """The user's rule A ⊗ A' -> B ⊗ B' with zeros for what does not move."""
    box = _where(box, moving)
    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    fresh = iter(range(box.n_in, len(build.dom)))
    at = {i: next(fresh) for i, on in enumerate(moving) if on}
    dxs = base.filled(build, at, moved(box), box.dom.inside)
    user = _given(box, "jvp")
    cod = box.cod @ Ty.of(w for w in box.cod.inside if w.differentiable)
    made = inline(build, user, [*range(box.n_in), *dxs])
    return Diagram.of_graph(build.finish(_fitting(build, box, made, user.cod.inside, cod.inside), cod))


def jvp_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """The transpose of the user's rule; its value is the forward pass."""
    rule = _user_rule(box, wants, base)
    flowing = [on for on, w in zip(present, box.cod.inside, strict=True) if w.differentiable]
    n, present = box.n_in, (False,) * box.n_out + tuple(flowing)
    optic = pull(rule.graph, (False,) * n + (True,) * (len(rule.dom) - n), present, base.transposing)
    return boxed_optic(box, _without_tangents(box, optic, wants, base))


def _without_tangents(box: Box, optic: Optic, wants: Mask, base: Base) -> Optic:
    """The optic A -> B ⊗ N of one that also took tangents and gave them: being linear it keeps the same at zero."""
    n, moving = box.n_in, [i for i, on in enumerate(wants) if on]
    build = Builder(box.dom)
    zeros = [base.nothing(build, w) for w in optic.forward.dom.inside[n:]]
    made = inline(build, optic.forward, [*range(n), *zeros])
    around = [*range(n), *zeros, *made]
    types = dict(zip(around, [*optic.forward.dom.inside, *optic.forward.cod.inside], strict=True))
    at_hand = dict.fromkeys([*range(n), *made[: box.n_out]])
    residual = [around[j] for j in optic.residual]
    extra = [w for w in dict.fromkeys(residual) if w not in at_hand]
    place = first_places([*range(n), *made[: box.n_out], *extra])
    cod = Ty.of((*box.cod.inside, *(types[w] for w in extra)))
    whole = Diagram.of_graph(build.finish([*made[: box.n_out], *extra], cod))
    small, _ = read_only(whole, range(n))
    gives = tuple(moving[g - n] for g in optic.gives)
    return Optic(small, tuple(place[w] for w in residual), optic.backward, gives, plain=False)


def vjp_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """The user's two maps."""
    box = _where(box, wants)
    fwd, bwd = _given(box, "fwd"), _given(box, "bwd")
    n_kept = len(fwd.cod) - box.n_out
    dom = fwd.cod[box.n_out :] @ Ty.of(chosen(box.cod.inside, present))
    build = Builder(dom)
    fresh = iter(range(n_kept, len(dom)))
    dys = [
        next(fresh) if on else base.nothing(build, w)
        for w, on in zip(box.cod.inside, present, strict=True)
        if w.differentiable
    ]
    types = [box.dom.inside[i] for i in moved(box)]
    back = _fitting(build, box, inline(build, bwd, [*range(n_kept), *dys]), bwd.cod.inside, types)
    made = dict(zip(moved(box), back, strict=True))
    gives = tuple(i for i, on in enumerate(wants) if on)
    backward = Diagram.of_graph(build.finish([made[i] for i in gives], Ty.of(box.dom.inside[i] for i in gives)))
    first = box.n_in + box.n_out
    return boxed_optic(box, Optic(fwd, tuple(range(first, first + n_kept)), backward, gives, plain=False))


def vjp_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """The transpose of the user's backward map, which is linear in the cotangents."""
    present = tuple(w.differentiable for w in box.cod.inside)
    optic = vjp_optic(box, moving, present, base)
    back = optic.backward
    flows = [i for i, on in enumerate(present) if on]
    n_kept = len(back.dom) - len(flows)
    flowing = (False,) * n_kept + (True,) * len(flows)
    again = pull(back.graph, flowing, (True,) * len(back.cod), base.transposing)
    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    made = inline(build, optic.forward, range(box.n_in))
    around = [*range(box.n_in), *made]
    zeros = [base.nothing(build, box.cod.inside[i]) for i in flows]
    taken = [*(around[j] for j in optic.residual), *zeros]
    inner = [*taken, *inline(build, again.forward, taken)]
    dxs = list(range(box.n_in, len(build.dom)))
    dys = inline(build, again.backward, [*(inner[j] for j in again.residual), *dxs])
    gives = tuple(flows[g - n_kept] for g in again.gives)
    cod = Ty.of((*box.cod.inside, *(box.cod.inside[i] for i in gives)))
    whole = Diagram.of_graph(build.finish([*made[: box.n_out], *dys], cod))
    return Tangent(whole.boxed(box.name).playing("forward", box), gives, whole=True)
