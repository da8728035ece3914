"""Whether two diagrams are equal in value and in both derivatives, as far as numbers can tell.

Compared are the maps, R[-] at random cotangents and D[-] at random tangents, at random inputs and at those where
derivatives of piecewise functions part: zeros, ones, equal entries, and small integers, which tie with each other. Two
diagrams that differ there are not equal under R, though their values may be the same everywhere.

>>> x = from_jax(lambda x: x, R(3))
>>> folded = from_jax(lambda x: jnp.maximum(x, 0) - jnp.maximum(-x, 0), R(3))
>>> print(counterexample(folded, x))                         # relu(x) - relu(-x) = x, but not at 0
None
>>> halved = from_jax(lambda x: jnp.maximum(jnp.maximum(x, 0), 0), R(3))
>>> counterexample(halved, from_jax(lambda x: jnp.maximum(x, 0), R(3))).what
'the reverse derivative'
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import DerivativeError, RewriteError
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import callable_of
from ...diagrams.types import Ty, Wire
from ..derivatives.derivative import cotangent, forward, reverse
from ..derivatives.optic import precision

__all__ = ["Counterexample", "counterexample", "verified"]

IMPLS = {"key<fry>": "threefry2x32", "key<rbg>": "rbg", "key<urbg>": "unsafe_rbg"}
SPECIAL = {"normal": 3, "zeros": 1, "ones": 1, "equal": 1, "integers": 8, "large": 1}  # and how many of each


@dataclass(frozen=True, eq=False)
class Counterexample:
    """Where two diagrams differ.

    Fields: `what` differs ("the value", "the reverse derivative", "the forward derivative"), at which `inputs` (the
    cotangents or tangents last), and what `left` and `right` give there.
    """

    what: str
    inputs: tuple[np.ndarray, ...]
    left: tuple[np.ndarray, ...]
    right: tuple[np.ndarray, ...]

    def __str__(self) -> str:
        at, left, right = (", ".join(map(_shown, v)) for v in (self.inputs, self.left, self.right))
        return f"{self.what} at ({at}) is ({left}) on the left and ({right}) on the right"


def _shown(array: np.ndarray) -> str:
    return np.array2string(np.asarray(array), precision=4, threshold=12, separator=", ").replace("\n", "")


def counterexample(left: Diagram, right: Diagram, *, finite: bool = False, seed: int = 0) -> Counterexample | None:
    """A place where two diagrams of one type differ in value or in a derivative, or None if none was found.

    With `finite`, results that are infinite or not a number on the left are not compared. Raises `RewriteError` if the
    types differ.
    """
    if (left.dom, left.cod) != (right.dom, right.cod):
        raise RewriteError(f"the left side is {left.dom} -> {left.cod} and the right side {right.dom} -> {right.cod}")
    moved = cotangent(left.dom), cotangent(left.cod)
    pairs = [("the value", left, right, Ty())]
    for what, functor, extra in (("reverse", reverse, moved[1]), ("forward", forward, moved[0])):
        with suppress(DerivativeError):  # what has no derivative, such as the reverse of a `while`, has none to compare
            if len(moved[0]):
                pairs.append((f"the {what} derivative", functor(left), functor(right), extra))
    rng = np.random.default_rng(seed)
    with precision([*left.dom.inside, *left.cod.inside]), jax.numpy_dtype_promotion("standard"):
        for what, one, other, extra in pairs:
            run = jax.jit(callable_of(one)), jax.jit(callable_of(other))
            for inputs in _inputs(left.dom, extra, rng, beyond=not finite and what == "the value"):
                mine, its = ([np.asarray(v) for v in f(*inputs)] for f in run)
                if not all(_same(a, b, _size(inputs), finite) for a, b in zip(mine, its, strict=True)):
                    return Counterexample(what, tuple(map(np.asarray, inputs)), tuple(mine), tuple(its))
    return None


def _inputs(dom: Ty, extra: Ty, rng: np.random.Generator, beyond: bool) -> Iterator[list[Any]]:
    for kind, times in (SPECIAL | {"beyond": 4} if beyond else SPECIAL).items():
        for _ in range(times):
            yield [*(_array(w, kind, rng) for w in dom.inside), *(_array(w, "normal", rng) for w in extra.inside)]


def _array(w: Wire, kind: str, rng: np.random.Generator) -> Any:
    """An array of a type; of integers small ones, and the least and greatest where numbers are large."""
    if w.kind == "Key":
        return jax.random.split(jax.random.key(int(rng.integers(99)), impl=IMPLS[w.dtype]), w.shape)
    if w.kind == "B":
        return jnp.asarray(rng.integers(0, 2, w.shape).astype(bool))
    if w.kind == "Z":
        info = jnp.iinfo(w.dtype)
        if kind in ("large", "beyond"):
            return jnp.asarray(rng.choice(np.array([info.min, info.max, 0, 1, 7], dtype=w.dtype), w.shape))
        return jnp.asarray(rng.integers(0 if info.min == 0 or kind != "integers" else -3, 4, w.shape), w.dtype)
    with np.errstate(invalid="ignore"):
        return jnp.asarray(_numbers(w, kind, rng), w.dtype)


def _numbers(w: Wire, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Real or complex numbers of a kind."""
    values = {
        "normal": lambda: rng.normal(size=w.shape),
        "zeros": lambda: np.zeros(w.shape),
        "ones": lambda: np.ones(w.shape),
        "equal": lambda: np.full(w.shape, rng.normal()),
        "integers": lambda: rng.integers(-1, 2, w.shape).astype(float),
        "large": lambda: 30.0 * rng.normal(size=w.shape),
        "beyond": lambda: rng.choice([np.inf, -np.inf, np.nan, 0.0, 1.0, -2.0], w.shape),
    }[kind]()
    if w.kind == "C":
        values = values + 1j * (rng.normal(size=w.shape) if kind == "normal" else values)
    return values


def _size(arrays: Sequence[Any]) -> float:
    """The largest finite entry of some arrays."""
    found = [np.abs(np.asarray(a)).astype(np.float64) for a in arrays if np.asarray(a).dtype.kind not in "biu"]
    return max([float(a[np.isfinite(a)].max(initial=0.0)) for a in found], default=0.0)


def _same(mine: np.ndarray, its: np.ndarray, size: float, finite: bool) -> bool:
    """Equal up to rounding, measured by the largest entry of inputs (whose size is given) and results."""
    if mine.dtype.kind in "biu":
        return bool((mine == its).all())
    wide = np.complex128 if mine.dtype.kind == "c" else np.float64
    a, b = mine.astype(wide), its.astype(wide)
    if finite:
        good = np.isfinite(a)
        a, b = a[good], b[good]
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=size))
    rounding = float(jnp.finfo(mine.dtype).eps)
    return bool(np.allclose(a, b, rtol=0, atol=256 * rounding * scale, equal_nan=True))


def verified(name: str, left: Diagram, right: Diagram, finite: bool = False) -> None:
    """Refuse an equation that does not hold, or not for derivatives; raises `RewriteError` with a counterexample."""
    found = counterexample(left, right, finite=finite)
    if found is not None:
        hint = "" if finite else "; with finite=True only finite numbers are compared"
        raise RewriteError(f"{name!r} is no equation of maps and their derivatives: {found}{hint}")
