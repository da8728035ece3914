"""From facts to diagrams: the tangent map and the optic of a generator, traced at the types of its wires.

The residual of a generator is what its rule reads: of tanh its output, of a product both operands, of a sum
nothing. It is found, not declared twice: inputs that the traced rule does not read are pruned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, reduce
from typing import Any

import jax.numpy as jnp
from jax import lax

from ...categories.errors import DerivativeError, ParalensError
from ...diagrams.box import Box
from ...diagrams.graph import Builder
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import apply_box
from ...diagrams.types import Ty, Wire
from ..derivative_rules.facts import Bilinear, Elementwise, Fact, General, Linear, summed, widened
from .optic import Base, Mask, Optic, Tangent, chosen, inline, precision, read_only, rule
from .reversing import pull

__all__ = ["generator_optic", "generator_tangent"]

Values = Sequence[Any]


def generator_tangent(box: Box, fact: Fact, moving: Mask) -> Tangent:
    """The tangent map of a generator, for those tangents of its inputs that are there."""
    augmented = _augmented(box, fact)
    ran = box if augmented is None else augmented
    push, gives = _tangent_of(box, fact, moving, ran)
    if augmented is None:
        return Tangent(push, gives)
    build = Builder(box.dom @ Ty.of(chosen(box.dom.inside, moving)))
    made = inline(build, augmented, range(box.n_in))
    dys = inline(build, push, [*range(box.n_in), *made, *range(box.n_in, len(build.dom))])
    cod = box.cod @ Ty.of(box.cod.inside[i] for i in gives)
    return Tangent(Diagram.of_graph(build.finish([*made[: box.n_out], *dys], cod)), gives, whole=True)


def _augmented(box: Box, fact: Fact) -> Diagram | None:
    """What runs forward in the place of the box, A -> B ⊗ N, if its fact has such a thing."""
    if not isinstance(fact, General) or fact.augmented is None:
        return None
    found = fact.augmented
    made, gives = rule(lambda *xs: found(box, xs) or (), box.dom.inside)
    return made if gives else None


def _tangent_of(box: Box, fact: Fact, moving: Mask, ran: Diagram) -> tuple[Diagram, tuple[int, ...]]:
    """The map A ⊗ B ⊗ N ⊗ A' -> B', where B ⊗ N is what runs forward."""

    def run(*values: Any) -> Values:
        xs, ys = values[: box.n_in], values[box.n_in : box.n_in + ran.n_out]
        given = iter(values[box.n_in + ran.n_out :])
        dxs = [next(given) if on else None for on in moving]
        return RULES[type(fact)](box, fact, xs, ys, dxs)

    wires = [*box.dom.inside, *ran.cod.inside, *chosen(box.dom.inside, moving)]
    return _read(box, "tangent", run, box.cod.inside, wires)


def _read(
    box: Box, what: str, run: Callable[..., Values], due: Sequence[Wire], wires: Sequence[Wire]
) -> tuple[Diagram, tuple[int, ...]]:
    """A rule as a diagram; raises `DerivativeError` where it fails, or gives what is of another shape than is due."""

    def counted(*values: Any) -> Values:
        made = run(*values)
        if len(made) != len(due):
            raise ValueError(f"{len(made)} values for {len(due)}: give one for each, None where there is none")
        return made

    whose = f"the {what} rule of {box.name} : {box.dom} -> {box.cod}"
    try:
        found, gives = rule(counted, wires)
    except ParalensError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        raise DerivativeError(f"{whose} fails with {type(error).__name__}: {reason}") from error
    wrong = [f"{w} for {due[i]}" for i, w in zip(gives, found.cod.inside, strict=True) if w.shape != due[i].shape]
    if wrong:
        raise DerivativeError(f"{whose} gives {', '.join(wrong)}")
    return found, gives


def _linear(box: Box, fact: Linear, xs: Values, ys: Values, dxs: Values) -> Values:
    at = dict.fromkeys(fact.linear(box))
    if all(dxs[i] is None for i in at):
        return [None] * box.n_out
    if fact.tangent is not None and any(dxs[i] is None for i in at):
        return fact.tangent(box, dxs, xs)
    moved = [(dxs[i] if dxs[i] is not None else jnp.zeros_like(x)) if i in at else x for i, x in enumerate(xs)]
    made = apply_box(box, *moved)
    return [v if w.differentiable else None for v, w in zip(made, box.cod.inside, strict=True)]


def _elementwise(box: Box, fact: Elementwise, xs: Values, ys: Values, dxs: Values) -> Values:
    parts = [
        widened(part(dx, ys[0], *xs), box.cod.inside[0].shape)
        for part, dx in zip(fact.partials, dxs, strict=True)
        if part is not None and dx is not None
    ]
    return [reduce(lax.add, parts) if parts else None]


def _bilinear(box: Box, fact: Bilinear, xs: Values, ys: Values, dxs: Values) -> Values:
    parts = [apply_box(box, *xs[:i], dxs[i], *xs[i + 1 :])[0] for i in (0, 1) if dxs[i] is not None]
    return [reduce(lax.add, parts)]


def _general(box: Box, fact: General, xs: Values, ys: Values, dxs: Values) -> Values:
    return fact.tangent(box, xs, ys, dxs)


RULES: dict[type, Any] = {Linear: _linear, Elementwise: _elementwise, Bilinear: _bilinear, General: _general}


def generator_optic(box: Box, fact: Fact, wants: Mask, present: Mask, base: Base) -> Optic:
    """The optic of a generator, from its fact."""
    augmented = _augmented(box, fact)
    ran = box if augmented is None else augmented
    if isinstance(fact, General) and fact.back is None:
        return _transposed(ran, *_tangent_of(box, fact, wants, ran), wants, present, base)

    def back(*values: Any) -> Values:
        xs, ys = values[: box.n_in], values[box.n_in : box.n_in + ran.n_out]
        given = iter(values[box.n_in + ran.n_out :])
        dys = [next(given) if on else None for on in present]
        found = BACK[type(fact)](box, fact, xs, ys, dys)
        return [c if on else None for c, on in zip(found, wants, strict=True)]

    around = [*box.dom.inside, *ran.cod.inside]
    backward, gives = _read(box, "cotangent", back, box.dom.inside, [*around, *chosen(box.cod.inside, present)])
    return _kept(ran, backward, gives, len(around), sum(present))


def _kept(ran: Diagram, backward: Diagram, gives: tuple[int, ...], n: int, n_cts: int) -> Optic:
    """The optic that keeps what a backward map A ⊗ B ⊗ N ⊗ B' -> A' reads of A ⊗ B ⊗ N."""
    small, read = read_only(backward, range(n, n + n_cts))
    return Optic(ran, tuple(i for i in read if i < n), small, gives, plain=isinstance(ran, Box))


def _linear_back(box: Box, fact: Linear, xs: Values, ys: Values, dys: Values) -> Values:
    at = set(fact.linear(box))
    given = fact.transpose(box, dys, [None if i in at else x for i, x in enumerate(xs)])
    if not isinstance(given, (list, tuple)) or len(given) != len(at):
        raise ValueError(f"a list of {len(at)} cotangents is due, one for each input that it is linear in")
    found = iter(given)
    return [next(found) if i in at else None for i in range(box.n_in)]


def _elementwise_back(box: Box, fact: Elementwise, xs: Values, ys: Values, dys: Values) -> Values:
    found = []
    for part, w in zip(fact.partials, box.dom.inside, strict=True):
        c = part(dys[0], ys[0], *xs) if part is not None and w.differentiable else None
        if c is None and part is not None and w.differentiable:
            raise ValueError("a partial derivative gives an array; None stands in its place in the fact")
        found.append(None if c is None else summed(widened(c, box.cod.inside[0].shape), w.shape))
    return found


def _bilinear_back(box: Box, fact: Bilinear, xs: Values, ys: Values, dys: Values) -> Values:
    others = [None] * (box.n_in - 2)
    return [fact.left(box, dys[0], xs[1], *xs[2:]), fact.right(box, dys[0], xs[0], *xs[2:]), *others]


def _general_back(box: Box, fact: General, xs: Values, ys: Values, dys: Values) -> Values:
    assert fact.back is not None
    return fact.back(box, xs, ys, dys)


BACK: dict[type, Any] = {
    Linear: _linear_back,
    Elementwise: _elementwise_back,
    Bilinear: _bilinear_back,
    General: _general_back,
}


def _transposed(ran: Diagram, push: Diagram, gives: tuple[int, ...], wants: Mask, present: Mask, base: Base) -> Optic:
    """The optic whose backward map is the transpose of the tangent map A ⊗ B ⊗ N ⊗ A' -> B'.

    Transposing is reversing in the tangents alone: the map is linear in them, so that what is kept does not
    depend on them. All that the backward map computes from A, B and N it computes itself.
    """
    n, stop = ran.n_in + ran.n_out, len(push.dom)
    moving = [i for i, on in enumerate(wants) if on]
    order = [i for i, on in enumerate(present) if on]
    optic = pull(push.graph, (False,) * n + (True,) * len(moving), [present[i] for i in gives], base)
    build = Builder(push.dom @ Ty.of(ran.cod.inside[i] for i in order))
    around = [*range(stop), *inline(build, optic.forward, range(stop))]
    cts = [stop + order.index(i) for i in gives if present[i]]
    back = inline(build, optic.backward, [*[around[j] for j in optic.residual], *cts])
    whole = Diagram.of_graph(build.finish(back, optic.backward.cod))
    small, read = read_only(whole, range(stop, stop + len(order)))
    if any(n <= i < stop for i in read):
        small, read = _at_zero(small, read, n, stop)
    residual = tuple(i for i in read if i < n)
    return Optic(ran, residual, small, tuple(moving[g - n] for g in optic.gives), plain=isinstance(ran, Box))


def _at_zero(d: Diagram, read: tuple[int, ...], start: int, stop: int) -> tuple[Diagram, tuple[int, ...]]:
    """The diagram with zeros at the inputs that were `start` to `stop` before pruning."""
    kept = {i: k for k, i in enumerate(i for i in read if not start <= i < stop)}
    build = Builder(Ty.of(w for i, w in zip(read, d.dom.inside, strict=True) if i in kept))
    values = [kept[i] if i in kept else inline(build, zero(w), ())[0] for i, w in zip(read, d.dom.inside, strict=True)]
    return Diagram.of_graph(build.finish(inline(build, d, values), d.cod)), tuple(kept)


@lru_cache(maxsize=4096)
def zero(w: Wire) -> Diagram:
    """The zero of a wire, as a diagram without inputs."""
    with precision([w]):
        return rule(lambda: [jnp.zeros(w.shape, w.dtype)], ())[0]
