"""`check`: whether the derivatives that a diagram hands out are right, box by box.

Every kind of box is examined at the values that flow through it and along curves between them, the whole also through
its declared domain. By the fundamental lemma the certificate of a diagram is that of its boxes; when the whole is wrong
though no box seemed to be, the boxes are examined along the image of the very curve on which it showed.

>>> wrong = jax.custom_jvp(lambda x: jnp.sin(x))
>>> _ = wrong.defjvp(lambda x, v: (jnp.sin(*x), 1.01 * jnp.cos(*x) * v[0]))
>>> found = check(lambda x: wrong(x) ** 2, 1.0, domain=[(-3, 3)])
>>> found.verdict, found.worst.witness.hint
('wrong', 'looks like a constant factor 1.01')
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...categories.para import Para
from ...diagrams.box import Box
from ...diagrams.cache import derived
from ...diagrams.primitives import traits
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import callable_of
from ..learning import Learner
from ..promotion import wide_dtype
from .algebra import Algebra
from .asked import Asked, format_of
from .certificate import BoxCertificate, Certificate, ordered
from .criteria.naturality import natural
from .examination import UNRESOLVED
from .examining import examine
from .plots.curves import Region
from .plots.subjects import Subject, claims_of, double
from .targets import EFFORTS, Facts, Target, wide_wires
from .together.blaming import Examine, along, confirmed, culprit, shown_at
from .together.flows import Flow, Kind
from .together.verdicts import at_points, settled, unseen
from .watching import Watch, left_out, unconfirmed, watched

__all__ = ["check"]

THREADS = 8
SMALL = 64  # kinds of boxes up to which the whole is examined with the same effort as each of them


def check(
    d_or_f: Any,
    *examples: Any,
    domain: Any = None,
    special: Sequence[Any] = (),
    guards: Callable[..., Any] | None = None,
    tangent: Callable[..., Any] | None = None,
    noise: float = 0.0,
    surrogate: Any = None,
    modes: Sequence[str] = ("forward", "reverse"),
    order: int = 1,
    effort: str = "standard",
    seed: int = 0,
    algebra: Algebra | None = None,
) -> Certificate:
    """The certificate of the derivatives of a diagram, a model, a learner or a JAX function.

    `examples` are values of the arguments: of a function arrays or pytrees; of a diagram an array a wire; of a model
    what `compile` of it takes, `check(model, params, x)`; of a learner `check(learner, state, x, t)`. But for those of
    a function they may be left out, as may the tree alone (`check(model, x)`), and are then made from the seed.
    Everything that is declared speaks of the same arguments, in this order.

    What the author declares are facts: `domain`, one entry an argument, (low, high) or (low, high, "log") or None, by
    name for a tree of parameters, or a callable that takes a numpy generator and gives all arguments; `special`, points
    where claims are compared with derivatives nearby; `guards`, a function of the arguments whose entries vanish where
    there may be a kink; `tangent(rng, arguments)`, an admissible tangent, where the domain is a manifold; `noise`, the
    absolute accuracy of the value, such as of an iterative solver; `surrogate`, the function whose derivative is
    claimed instead. There is no tolerance: bounds are computed.

    `effort` is "quick", "standard" or "thorough": up to 100, 1 000 or 10 000 derivative evaluations a kind of box.
    `algebra` is the computer algebra system that small boxes are proved by; `paralens.check` hands sympy in. After two
    seconds a terminal shows a bar. An interrupt gives the certificate so far, which names what is `left_out`.

    Raises `InputError` or `ParameterError` for arguments that do not fit. A rule that JAX refuses to run leaves its box
    undecided, with what JAX says.
    """
    _valid(effort, modes, order, noise, special, {"guards": guards, "tangent": tangent})
    start = time.perf_counter()
    facts = Facts(float(noise), None, tangent, tuple(modes), order, effort, seed, algebra)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        subject = Asked(d_or_f, examples, domain, special, guards, surrogate, seed)
        facts = replace(facts, surrogate=subject.surrogate, tangent=subject.tangent(tangent))
        with watched() as watch:
            rows, whole = _certified(subject, facts, watch)
    of = d_or_f if isinstance(d_or_f, (Para, Learner)) else subject.d
    return Certificate(of, ordered(rows), whole, seed, effort, time.perf_counter() - start)


def _valid(effort: str, modes: Any, order: Any, noise: float, special: Any, functions: dict[str, Any]) -> None:
    """Raises `InputError` for an option that is none."""
    if effort not in EFFORTS:
        raise InputError(f"effort is one of {', '.join(EFFORTS)}, not {effort!r}")
    if isinstance(modes, str) or not modes or set(modes) - {"forward", "reverse"}:
        raise InputError(f'modes are a sequence of "forward" and "reverse", such as ("reverse",), not {modes!r}')
    if not isinstance(order, int) or order < 1:
        raise InputError(f"order is a positive number, not {order!r}")
    if not noise >= 0:
        raise InputError(f"noise is the absolute accuracy of the value, a number that is not negative, not {noise!r}")
    if not isinstance(special, (list, tuple)):
        raise InputError(f"special is a list of points, each a tuple of arguments, such as [(0.0,)], not {special!r}")
    for name, given in functions.items():
        if given is not None and not callable(given):
            raise InputError(f"{name} is a function, not {given!r}")


def _certified(asked: Asked, facts: Facts, watch: Watch) -> tuple[list[BoxCertificate], BoxCertificate | None]:
    """The rows of the boxes, and the whole."""
    flow = _flow(asked.d, asked.met)
    kinds = list(flow.kinds.values())
    target = Target(asked.d, asked.met, asked.region, asked.wide, asked.others, asked.declared, function=asked.function)
    only = kinds[0] if len(kinds) == 1 and _alone(asked.d, kinds[0]) else None
    if only is not None:
        watch.expect(1, only.box.name)
        make, otherwise = partial(examine, target, facts), partial(left_out, asked.d)
        return [watch.attempt(lambda: make(only.paths[0], only.paths), lambda: otherwise(only.paths))], None
    inner = replace(facts, noise=facts.noise, surrogate=None, tangent=None)
    find = partial(_examined, watch)
    found = [] if facts.surrogate is not None else find(kinds, inner)
    rows = watch.attempt(lambda: confirmed(asked, found, facts), lambda: [unconfirmed(row) for row in found])
    big = (len(kinds) > SMALL or asked.f is None) and not flow.bare
    target.look = not rows or bool(at_points(rows)) or unseen(rows)
    watch.expect(1, "the whole")
    whole = watch.attempt(lambda: _whole(target, facts, glance=big and facts.effort == "standard"), lambda: None)
    if whole is None:
        return rows, settled(rows, left_out(asked.d, ("",)), bare=True)
    if facts.surrogate is None and not any(row.verdict == "wrong" for row in rows):
        alone = (rows, whole)
        rows, whole = watch.attempt(lambda: _blamed(asked, *alone, inner, find), lambda: alone)
    return rows, settled(rows, whole, bare=flow.bare)


def _whole(target: Target, facts: Facts, glance: bool) -> BoxCertificate:
    """The whole examined, at first by a glance if that may do."""
    if glance:
        found = examine(target, replace(facts, effort="quick"), "", ("",))
        if found.reason != UNRESOLVED:
            return found
    return examine(target, facts, "", ("",))


def _alone(d: Diagram, kind: Kind) -> bool:
    return (
        len(kind.paths) == 1
        and len(d.graph) == 1
        and d.dom == kind.box.dom
        and d.graph.inputs.tolist() == list(range(d.n_in))
    )


def _flow(d: Diagram, points: Sequence[Sequence[Any]]) -> Flow:
    flow = Flow()
    with format_of(points):
        for values in points:
            given = [jnp.asarray(v) if isinstance(v, np.ndarray) else v for v in values]
            try:
                flow.run(d, given, [w.differentiable for w in d.dom.inside])
            except Exception:  # where a callback raises there is no value
                if values is points[0]:
                    raise
    return flow


def _examined(watch: Watch, kinds: Sequence[Kind], facts: Facts) -> list[BoxCertificate]:
    """Each kind of box, several at once; loops and branches after what is in them, and only if that is right."""
    plain = [k for k in kinds if not k.holds]
    watch.expect(len(kinds), "kinds of boxes")
    # most of the time goes into compiling, which releases the interpreter
    with ThreadPoolExecutor(min(len(plain) or 1, os.cpu_count() or 1, THREADS)) as pool:
        rows = watch.gathered(pool, plain, lambda kind: _kind(kind, facts), _left_out)
    wrong = [p for row in rows if row.verdict == "wrong" for p in row.paths]
    for kind in sorted((k for k in kinds if k.holds), key=lambda k: -max(p.count("/") for p in k.paths)):
        if any(p.startswith(f"{q}/") for p in wrong for q in kind.paths):
            continue
        row = watch.attempt(partial(_kind, kind, facts), partial(_left_out, kind))
        watch.step()
        wrong += row.paths if row.verdict == "wrong" else []
        rows.append(row)
    return rows


def _left_out(kind: Kind) -> BoxCertificate:
    return left_out(kind.box, kind.paths)


def _kind(kind: Kind, facts: Facts) -> BoxCertificate:
    # settings of JAX hold for a thread
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return examine(_target(kind), facts, kind.paths[0], kind.paths)


def _target(kind: Kind) -> Target:
    dom = kind.box.dom.inside
    fixed = kind.box.params.get("still", ())
    wrt = tuple(i for i, w in enumerate(dom) if w.differentiable and kind.moves[i] and i not in fixed)
    wrt = _claimed(kind.box, wrt)
    moves = [i for i in wrt if dom[i].size]
    # a constant that is no number, such as what stands for an empty mean, is no place to look at
    met = [[_numbers(np.asarray(m[i]).astype(wide_dtype(dom[i]))) for i in moves] for m in kind.met]
    region = Region([dom[i] for i in moves], met, [None] * len(moves), hull=True)
    others = []
    if (
        not traits(kind.box.op).ruled
        and not kind.box.params.get("unique_indices")
        and any(w.kind == "Z" and w.size > 1 for w in dom)
    ):
        # the same index again and again, all of them in range
        first = kind.met[0]
        others.append(
            [
                np.full_like(np.asarray(a), np.asarray(a).flat[0]) if w.kind == "Z" and w.size > 1 else a
                for a, w in zip(first, dom, strict=True)
            ]
        )
    return Target(kind.box, [list(m) for m in kind.met], region, others=others, wrt=wrt)


def _numbers(a: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(a), np.ones_like(a), a)


def _claimed(box: Box, wrt: tuple[int, ...]) -> tuple[int, ...]:
    """Those inputs in which a box has a derivative, where it has not one in all: the others may be constants."""

    def known(inputs: tuple[int, ...]) -> bool:
        found = derived(box, ("claims", ("forward", "reverse"), inputs), lambda: claims_of(box, wrt=inputs))
        return found.forward is not None or found.reverse is not None

    with double(), jax.enable_x64(wide_wires(box)):
        if len(wrt) < 2 or known(wrt):
            return wrt
        return tuple(i for i in wrt if known((i,))) or wrt


def _blamed(
    asked: Asked, rows: list[BoxCertificate], whole: BoxCertificate, facts: Facts, find: Examine
) -> tuple[list[BoxCertificate], BoxCertificate]:
    """The boxes again, at what showed that the whole is wrong, or that it has no claim that is a subderivative."""

    def kinds(d: Diagram, points: Sequence[Sequence[Any]]) -> list[Kind]:
        return list(_flow(d, points).kinds.values())

    witness = whole.witness
    if witness is None:
        at = {path for row in at_points(rows) for path in row.paths}
        outside = [p for p in whole.points if not p.clarke and not p.jump and whole.order == 1]
        points = [list(asked.placed(p.x)) for p in outside[:2]]
        if not points:
            return rows, whole

        def some(d: Diagram, points: Sequence[Sequence[Any]]) -> list[Kind]:
            return [k for k in kinds(d, points) if at & set(k.paths)]

        return shown_at(asked, points, rows, facts, some, find), whole
    if witness.order > 1:
        return rows, whole
    rows = shown_at(asked, along(asked, witness), rows, facts, kinds, find)
    if any(row.verdict == "wrong" for row in rows):
        return rows, whole
    if witness.criterion.startswith("natural"):
        path = next((k.paths[0] for k in kinds(asked.d, along(asked, witness)[:1]) if _otherwise(k)), "")
        return rows, replace(whole, reason=f"JAX derives another slope of {path}" if path else "not localized")
    path = culprit(witness) if witness.criterion in ("slope", "point") and witness.against is None else ""
    return rows, replace(whole, reason=f"from {path} on, each box being right by itself" if path else "not localized")


def _otherwise(kind: Kind) -> bool:
    """Whether JAX derives something else of a box than its diagram has."""
    box = kind.box
    if traits(box.op).ruled or not any(w.size for w in box.dom.inside):
        return False
    run, rng = callable_of(box), np.random.default_rng(0)
    with double(), jax.enable_x64(wide_wires(box)):
        try:
            own = Subject(claims_of(box), kind.met[0])
            found = natural(lambda *x: run(*x), own, kind.met[:1], rng, small=False, batched=False)
            return found is not None
        except Exception:  # what cannot be asked of a box accuses none
            return False
