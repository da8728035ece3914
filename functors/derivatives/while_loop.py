"""While loops: forward they carry tangents along; back they cannot go, as the number of trips is not known.

The number of trips is a tag in the sense of a sum type: it does not move with the input.
"""

from __future__ import annotations

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from ...diagrams.graph import Builder
from ...diagrams.params import Body
from ...diagrams.syntax import Diagram
from ...diagrams.types import Ty
from .forwarding import push
from .optic import Base, Mask, Optic, Tangent, chosen, inline

__all__ = ["while_optic", "while_tangent"]


def while_optic(box: Box, wants: Mask, present: Mask, base: Base) -> Optic:
    """Refused: raises `DerivativeError`."""
    raise DerivativeError(
        "a while loop has no reverse derivative, because how many steps it keeps is not known: use jax.lax.scan, "
        "jax.lax.fori_loop with fixed bounds, or the forward derivative"
    )


def while_tangent(box: Box, moving: Mask, base: Base) -> Tangent:
    """A while loop over value and tangent, which ends when the value does."""
    p = box.params
    nc, nb = p["cond_nconsts"], p["body_nconsts"]
    step, test = p["body_jaxpr"].diagram, p["cond_jaxpr"].diagram
    mask = list(moving[nc:])
    while True:
        tangent = push(step.graph, mask, base)
        fresh = [i for i in tangent.gives if not mask[nb + i]]
        if not fresh:
            break
        for i in fresh:
            mask[nb + i] = True
    carried = [i for i in range(len(step.cod)) if mask[nb + i]]
    body = _dual_step(step, tangent, mask, nb, carried, base)
    state = step.cod.inside
    dual = Ty.of((*test.dom.inside, *(state[i] for i in carried)))
    asks = Diagram.wires(dual, range(len(test.dom))).then(test)
    consts = chosen(step.dom.inside[:nb], mask[:nb])
    dom = Ty.of((*box.dom.inside[:nc], *step.dom.inside[:nb], *consts, *state, *(state[i] for i in carried)))
    cod = Ty.of((*state, *(state[i] for i in carried)))
    params = {
        **p,
        "body_jaxpr": Body.passing(body, p["body_jaxpr"].closed),
        "cond_jaxpr": Body.passing(asks, p["cond_jaxpr"].closed),
        "body_nconsts": nb + len(consts),
    }
    new = Box(box.name, dom, cod, op="while", params=params).playing("forward", box)

    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    numbers = iter(range(box.n_in, len(build.dom)))
    dxs = {i: next(numbers) for i, on in enumerate(moving) if on}
    moved = [dxs[nc + i] for i in range(nb) if mask[i]]
    starts = base.filled(build, dxs, [nc + nb + i for i in carried], box.dom.inside)
    cut = nc + nb
    made = build.add(new, [*range(cut), *moved, *range(cut, box.n_in), *starts])
    return Tangent(Diagram.of_graph(build.finish(made, cod)), tuple(carried), whole=True)


def _dual_step(step: Diagram, tangent: Tangent, mask: list[bool], nb: int, carried: list[int], base: Base) -> Diagram:
    """The step on constants, their tangents, the state and its tangents."""
    consts, state = step.dom.inside[:nb], step.dom.inside[nb:]
    extra = chosen(consts, mask[:nb])
    dom = [*consts, *extra, *state, *(state[i] for i in carried)]
    build = Builder(Ty.of(dom))
    at = nb + len(extra)
    primal = [*range(nb), *range(at, at + len(state))]
    moved = [*range(nb, at), *range(at + len(state), len(dom))]
    made = inline(build, tangent.push, [*primal, *moved])
    dys = dict(zip(tangent.gives, made[len(state) :], strict=True))
    kept = base.filled(build, dys, carried, state)
    return Diagram.of_graph(build.finish([*made[: len(state)], *kept], Ty.of((*state, *(state[i] for i in carried)))))
