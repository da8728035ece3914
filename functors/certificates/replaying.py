"""A witness again: the two numbers that should be equal, from the box, its inputs and the direction alone.

    slope       the claimed slope, and that of values at x ± h v for falling h, extrapolated to h = 0 (C. Ridders, 1982)
    point       the same from one side: the end of what the slopes on both sides span that is nearer to the claim
    transpose   ⟨Jᵀ w, v⟩ and ⟨w, J v⟩
    linear      the claim for a (co)tangent, and what linearity makes of claims for its multiples and its parts
    precision   the claim of the rule in its own format, and that of its promotion
    value       how far the value that comes with a tangent is from the value, which should be 0
    natural     what a function says called in another way, and what it says when it is just called
    type        the unit roundoff of the format that a rule gives, and of the one that is due

Where a criterion is about one entry of the output, that entry is found again by the numbers that the witness gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...diagrams.types import Wire
from ..derivatives.optic import WIDE, precision
from ..promotion import promoted
from .certificate import Witness
from .criteria.naturality import claims_of_function
from .criteria.types import misfit
from .plots.slopes import extrapolated
from .plots.subjects import Arrays, Claims, Subject, claims_of, double, repeated, widened

__all__ = ["replay"]

NARROW = ("precision", "natural")  # criteria whose witness is the map itself, and that set their formats themselves
MULTIPLES = (1.0, -1.0, 2.0, 0.5, 1e3, 1e-3, 1e9, 1e-9)


def replay(self: Witness) -> tuple[float, float]:
    """The claimed number and the one that it should be, computed again from the witness alone."""
    witness = self
    criterion = witness.criterion.split(" (")[0]
    wires = (*witness.of.dom.inside, *witness.of.cod.inside)
    # what has no promotion was examined in its own format
    with double(), jax.enable_x64(criterion in NARROW or any(w.dtype in WIDE for w in wires)):
        return CRITERIA[criterion](_Again(witness))


class _Again:
    """A witness with the programs of its box."""

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        claims = claims_of(witness.of, wrt=witness.wrt)
        if witness.function is not None and claims.forward is None and claims.reverse is None:
            claims = claims_of_function(witness.function, witness.of.dom, witness.of.cod)
        if witness.against is not None:
            claims = replace(claims, value=witness.against)
        self.subject = Subject(claims, witness.inputs, compare=witness.against is None)
        self.x = [np.asarray(witness.inputs[i]) for i in self.subject.moves]
        self.v, self.w = list(witness.direction), list(witness.cotangent)

    @cached_property
    def paired(self) -> Subject:
        """The subject seen through pairings with the cotangent, by the reverse derivative."""
        return Subject(replace(self.subject.claims, forward=None), self.witness.inputs)

    @property
    def backward(self) -> bool:
        """Whether the witness is about the reverse derivative."""
        return self.witness.mode == "reverse" or self.subject.claims.forward is None

    def claims(self, vs: list[Arrays], ws: list[Arrays], backward: bool | None = None) -> np.ndarray:
        """Claimed slopes at x for some directions and cotangents, a row each: of all entries, or paired."""
        backward = self.backward if backward is None else backward
        subject, n = self.paired if backward else self.subject, len(vs)
        stacked = [[np.stack([row[k] for row in rows]) for k in range(len(rows[0]))] for rows in (vs, ws)]
        node = subject.run(repeated(self.x, n), *stacked)
        return node.right.sum(axis=1, keepdims=True) if backward else node.d

    def slopes(self, side: int, backward: bool | None = None) -> np.ndarray:
        """The slope of values along the direction, from both sides (0) or one (1 or -1)."""
        backward = self.backward if backward is None else backward

        def values(times: np.ndarray) -> np.ndarray:
            xs = [a + times.reshape(-1, *[1] * a.ndim) * v for a, v in zip(self.x, self.v, strict=True)]
            ws = [np.broadcast_to(w, (len(times), *np.shape(w))) for w in self.w]
            return self.paired.values(xs, ws) if backward else self.subject.values(xs)

        found = [extrapolated(values, scale, side) for scale in self.scales]
        best, least = found[0]
        for slope, error in found[1:]:
            better = error < least / 2  # nearer by, where it tells more: rows may agree by chance
            best, least = np.where(better, slope, best), np.where(better, error, least)
        for one in () if side or np.isfinite(best).all() else (1, -1):
            # at an end of the domain there are values to one side only
            best = np.where(np.isfinite(best), best, self.slopes(one, backward))
        return best

    @property
    def scales(self) -> list[float]:
        """The times in which an input moves by its own size, by a millionth of it, and an entry by its own size.

        At an end of the domain the short ones stay within.
        """
        sizes, speeds = ([float(np.abs(a).max(initial=0.0)) for a in arrays] for arrays in (self.x, self.v))
        most = min([(size or 1.0) / speed for size, speed in zip(sizes, speeds, strict=True) if speed], default=1.0)
        pairs = [(np.abs(a).ravel(), np.abs(v).ravel()) for a, v in zip(self.x, self.v, strict=True)]
        each = [a[(a > 0) & (v > 0)] / v[(a > 0) & (v > 0)] for a, v in pairs]
        least = min([float(t.min(initial=np.inf)) for t in each], default=np.inf)
        return [most, min(least, most), 1e-6 * most]

    def nearest(self, claimed: np.ndarray, actual: np.ndarray) -> tuple[float, float]:
        """The pair of numbers, of those in two arrays, that is nearest to the one that was found."""
        claimed, actual = np.ravel(claimed), np.ravel(actual)
        with np.errstate(all="ignore"):
            far = _far(claimed, self.witness.claimed) + _far(actual, self.witness.actual)
        k = int(far.argmin())
        return float(claimed[k]), float(actual[k])


def _far(found: np.ndarray, given: float) -> np.ndarray:
    """How far numbers are from one, as a part of their size; what is not finite is near to its like."""
    if not np.isfinite(given):
        return np.where(np.isfinite(found), np.inf, 0.0)
    gap = np.abs(found - given) / (np.abs(found) + np.abs(given) + np.finfo(float).tiny)
    return np.where(np.isfinite(found), gap, 2.0)


# -- the criteria ----------------------------------------------------------------------------------


def _slope(again: _Again) -> tuple[float, float]:
    return again.nearest(again.claims([again.v], [again.w]), again.slopes(0))


def _point(again: _Again) -> tuple[float, float]:
    """One entry of the output, or all of them paired: whichever the witness was about."""
    ways = [False] if again.subject.claims.forward is not None else []
    ways += [True] if again.subject.claims.reverse is not None else []
    claimed = np.concatenate([again.claims([again.v], [again.w], way)[0] for way in ways])
    sides = [np.concatenate([again.slopes(side, way) for way in ways]) for side in (1, -1)]
    low, high = np.minimum(*sides), np.maximum(*sides)
    return again.nearest(claimed, np.where(np.abs(claimed - low) < np.abs(claimed - high), low, high))


def _transpose(again: _Again) -> tuple[float, float]:
    node = again.subject.run(*([a[None] for a in arrays] for arrays in (again.x, again.v, again.w)))
    return float(node.right.sum()), float(node.left[0])


def _value(again: _Again) -> tuple[float, float]:
    node = again.subject.run(*([a[None] for a in arrays] for arrays in (again.x, again.v, again.w)))
    return float(node.apart[0]), 0.0


def _linear(again: _Again) -> tuple[float, float]:
    """The claim against the others that linearity ties it to; of these the first that differ are looked through."""
    moving = again.w if again.backward else again.v
    others = [[c * np.asarray(a) for a in moving] for c in MULTIPLES]
    halves = [[np.where(np.arange(np.size(a)).reshape(np.shape(a)) % 2 == k, a, 0) for a in moving] for k in (0, 1)]
    rows = [*others, *halves]
    held = [again.v if again.backward else again.w] * len(rows)
    made = again.claims(held, rows) if again.backward else again.claims(rows, held)
    multiples = made[: len(MULTIPLES)] / np.array(MULTIPLES)[:, None]
    actual = np.stack([*multiples[1:], made[-2:].sum(axis=0), again.slopes(0)])
    claimed = np.broadcast_to(made[0], actual.shape)
    differ = _far_apart(claimed, actual, np.sqrt(again.subject.unit))
    return again.nearest(claimed[differ], actual[differ]) if differ.any() else again.nearest(claimed, actual)


def _far_apart(a: np.ndarray, b: np.ndarray, part: float) -> np.ndarray:
    with np.errstate(all="ignore"):
        return ~(np.abs(a - b) <= part * np.maximum(np.abs(a), np.abs(b)))


def _precision(again: _Again) -> tuple[float, float]:
    """The rule as it is, on the inputs as they are, and its promotion."""
    witness = again.witness
    wires = [*witness.of.dom.inside, *witness.of.cod.inside]
    with precision(wires):
        again.subject.fixed = _narrowed(witness.of.dom.inside, witness.inputs)
        own = again.claims([again.v], [again.w])
    given = tuple(widened(witness.of.dom.inside, witness.inputs))
    wide = _Again(replace(witness, of=promoted(witness.of), inputs=given))
    return again.nearest(own, wide.claims([wide.v], [wide.w]))


def _narrowed(wires: Sequence[Wire], inputs: Sequence[Any]) -> list[Any]:
    return [
        np.asarray(a).astype(jnp.dtype(w.dtype)) if w.differentiable else a for a, w in zip(inputs, wires, strict=True)
    ]


def _type(again: _Again) -> tuple[float, float]:
    """The unit roundoff of what the rule gives, and of what is due."""
    found = misfit(again.witness.of)
    return found.roundoffs if found is not None else (again.witness.actual, again.witness.actual)


def _natural(again: _Again) -> tuple[float, float]:
    """The function of JAX, called at the point in the way that the criterion names, and just called."""
    witness, subject = again.witness, again.subject
    if witness.function is None:
        raise InputError("this witness is about a function of JAX, and does not hold it")
    dom, cod, mode = witness.of.dom, witness.of.cod, witness.mode
    run = _called(claims_of_function(witness.function, dom, cod), mode)
    along = {"value": ([], []), "forward": (again.v, subject.inputs), "reverse": (again.w, subject.outputs)}
    extra, wires = along[mode]
    with precision([*dom.inside, *cod.inside]):
        given = [*_narrowed(dom.inside, witness.inputs), *_narrowed(wires, extra)]
        first = run(*given)
        made = _otherwise(witness.criterion, run, _called(subject.claims, mode), given, subject.moves, len(dom))
    # claimed is whichever the values do not confirm
    return again.nearest(*(np.concatenate(pair) for pair in ((_flat(made), _flat(first)), (_flat(first), _flat(made)))))


def _called(claims: Claims, mode: str) -> Callable[..., Sequence[Any]]:
    """One of the three maps of some claims."""
    push = claims.forward
    if mode == "forward" and push is not None:
        return lambda *a: push(*a)[len(claims.cod) :]
    return claims.reverse if mode == "reverse" and claims.reverse is not None else claims.value


def _otherwise(
    criterion: str, run: Any, diagram: Any, given: list[Any], moves: Sequence[int], inputs: int
) -> Sequence[Any]:
    """What a function gives when it is called in another way."""
    if criterion.endswith("(under jit)"):
        return jax.jit(run)(*given)
    if criterion.endswith("(as a diagram)"):
        return diagram(*given)
    if criterion.endswith("(called again)"):
        return run(*given)
    # beside other points, since a batch of one shows little
    many = [i in moves or i >= inputs for i in range(len(given))]
    stacked = [np.stack([a + a if i < inputs else a, a, a]) if many[i] else a for i, a in enumerate(given)]
    made = jax.vmap(run, in_axes=[0 if batched else None for batched in many])(*stacked)
    return [a[1] for a in made]


def _flat(arrays: Sequence[Any]) -> np.ndarray:
    """The real parts of all entries."""
    return np.concatenate([np.real(np.asarray(a).astype(complex)).ravel() for a in arrays])


CRITERIA: dict[str, Callable[[_Again], tuple[float, float]]] = {
    "slope": _slope,
    "point": _point,
    "transpose": _transpose,
    "linear": _linear,
    "precision": _precision,
    "value": _value,
    "natural": _natural,
    "type": _type,
}
