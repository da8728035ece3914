"""What `check` was asked: a diagram, inputs that it met, and the region of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...categories.para import Para
from ...diagrams.syntax import Diagram
from ...diagrams.tracing.emit import callable_of
from ...diagrams.tracing.jaxpr import from_jax
from ...diagrams.types import Wire
from ..learning import Learner
from ..promotion import promoted, wide_dtype
from .arguments import Arguments, Positional, arguments_of, as_array, cast
from .plots.curves import region_of
from .plots.subjects import double

__all__ = ["Asked", "format_of"]

SAMPLES = 3  # points of the domain that are run through the diagram besides the examples


class Asked:
    """What was asked: the diagram with inputs that it met and the region of them."""

    def __init__(
        self,
        given: Any,
        examples: Sequence[Any],
        domain: Any,
        special: Sequence[Any],
        guards: Any,
        surrogate: Any,
        seed: int,
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.f: Callable[..., Any] | None = None
        self.wide: Diagram | None = None
        self.d, self.arguments = self._read(given, examples)
        dom = self.d.dom.inside
        self.moves = [i for i, w in enumerate(dom) if w.differentiable and w.size]
        self.first = first = self._filled(given, self.arguments.examples(examples), seed)
        ranges, supply = self._domain(domain)
        self.met = [first]
        if self.f is not None:
            self.wide = self._in_double(first)
        region = region_of([dom[i] for i in self.moves], [self._moving(first)], [ranges[i] for i in self.moves])
        if supply is not None:
            region.supply = _wrapped(lambda rng: self._moving(supply(rng)), domain)
        self.declared = [self._flat(p) for p in special]
        region.declared = [self._moving(p) for p in self.declared]
        self.region = region
        for _ in range(SAMPLES if supply is not None or region.boxed else 0):
            self.met.append(supply(self.rng) if supply is not None else self._placed(first, region.sample(self.rng)))
        region.met = [self._moving(m) for m in self.met]
        if guards is not None:
            found = self._kinks(guards)
            self.declared += [self._placed(first, x) for x in found]
            region.declared += found
        self.surrogate = self._surrogate(surrogate)

    def _read(self, given: Any, examples: Sequence[Any]) -> tuple[Diagram, Arguments]:
        if isinstance(given, (Para, Learner, Diagram)):
            d = given.arrow if isinstance(given, Para) else given.step if isinstance(given, Learner) else given
            return d, arguments_of(given)
        if not callable(given):
            raise InputError(f"check takes a diagram, a model, a learner or a function, not {type(given).__name__}")
        if not examples:
            raise InputError("check of a function needs an example of every argument")
        self.f = given
        arrays = [jax.tree.map(as_array, e) for e in examples]
        with format_of(arrays):
            d = from_jax(given, *arrays)
        return d, Positional(d.dom, [jax.tree.structure(e) for e in arrays])

    def _filled(self, given: Any, values: list[Any], seed: int) -> list[Any]:
        """Values of all inputs: those of the examples, and what is left out from the seed."""
        dom = self.d.dom.inside
        if isinstance(given, Para) and given.n_params and values[-1] is None:
            # the data before the parameters, as wires are in order
            n = len(given.dom)
            data = [_made(w, self.rng) if v is None else v for v, w in zip(values[:n], dom[:n], strict=True)]
            made = given.flat(given.init(jax.random.key(seed)))
            return [*data, *(cast(v, w) for v, w in zip(made, dom[n:], strict=True))]
        return [_made(w, self.rng) if v is None else v for v, w in zip(values, dom, strict=True)]

    def _flat(self, arguments: Any) -> list[Any]:
        """The arrays of some arguments in the dtypes of the wires, those of the example where they are left out."""
        return [old if v is None else v for v, old in zip(self.arguments.flat(arguments), self.first, strict=True)]

    def _moving(self, values: Sequence[Any]) -> list[np.ndarray]:
        dom = self.d.dom.inside
        return [np.asarray(values[i]).astype(wide_dtype(dom[i])) for i in self.moves]

    def placed(self, moving: Sequence[np.ndarray]) -> list[Any]:
        """Whole inputs, the first that were met but for those that move."""
        return self._placed(self.met[0], moving)

    def _placed(self, first: Sequence[Any], moving: Sequence[np.ndarray]) -> list[Any]:
        found = list(first)
        for i, a in zip(self.moves, moving, strict=True):
            found[i] = a.astype(jnp.dtype(self.d.dom.inside[i].dtype))
        return found

    def _domain(self, domain: Any) -> tuple[list[Any], Callable[..., list[Any]] | None]:
        """A range for every wire, or a supply of points."""
        n = len(self.d.dom)
        if domain is None:
            return [None] * n, None
        if callable(domain):
            return [None] * n, lambda rng: self._flat(domain(rng))
        if isinstance(domain, dict):
            raise InputError("the domain has one entry for each argument, in order")
        return self.arguments.ranges(domain), None

    def _in_double(self, first: Sequence[Any]) -> Diagram | None:
        """The function traced in double precision, so that its constants are not rounded; None where it cannot be."""
        assert self.f is not None and isinstance(self.arguments, Positional)
        dom = self.d.dom.inside
        if all(w.dtype == wide_dtype(w) for w in dom if w.differentiable):
            return None
        made, at = [], 0
        for t in self.arguments.trees or ():
            leaves = [
                np.asarray(a).astype(wide_dtype(w)) if w.differentiable else a
                for a, w in zip(first[at : at + t.num_leaves], dom[at:], strict=False)
            ]
            at += t.num_leaves
            made.append(jax.tree.unflatten(t, leaves))
        try:
            with double():
                d = from_jax(self.f, *made)
                wide = promoted(d)
        except Exception:
            # a function may insist on its own dtype; then its diagram is promoted
            return None
        same = len(d.cod) == len(self.d.cod) and all(
            a.shape == b.shape for a, b in zip(d.cod.inside, self.d.cod.inside, strict=True)
        )
        return wide if same and wide.dom == d.dom else None

    def tangent(self, given: Callable[..., Any] | None) -> Callable[..., Any] | None:
        """The author's tangents as arrays of wires; those of arguments that do not move may be None or left out."""
        if given is None:
            return None
        read = self.arguments
        return _wrapped(lambda rng, values: read.tangents(given(rng, tuple(read.unflat(values)))), given)

    @property
    def function(self) -> Callable[..., Any] | None:
        """The function that was given, of one array a wire."""
        f = self.f
        return None if f is None else _wrapped(lambda *values: jax.tree.leaves(f(*self.arguments.unflat(values))), f)

    @property
    def others(self) -> list[list[Any]]:
        """Inputs met or declared whose integers differ from those of the first."""
        fixed = [i for i, w in enumerate(self.d.dom.inside) if not w.differentiable and w.kind != "Key"]
        found = []
        for values in (*self.declared, *self.met[1:]):
            if any((np.asarray(values[i]) != np.asarray(self.met[0][i])).any() for i in fixed):
                found.append(values)
        return found[:4]

    def _kinks(self, guards: Callable[..., Any]) -> list[list[np.ndarray]]:
        """Points at which a guard vanishes, found by bisection along chords of the domain."""
        found: list[list[np.ndarray]] = []

        def value(x: list[np.ndarray]) -> np.ndarray:
            args = self.arguments.unflat(self._placed(self.met[0], x))
            return np.concatenate([np.ravel(np.asarray(g, float)) for g in jax.tree.leaves(guards(*args))])

        for _ in range(8):
            a, b = (
                self.region.corner(self.rng)
                if self.region.boxed
                else (self.region.sample(self.rng), self.region.sample(self.rng))
            )
            low, high = value(a), value(b)
            for e in np.flatnonzero(low * high < 0)[:1]:
                s, t = 0.0, 1.0
                for _ in range(60):
                    m = (s + t) / 2
                    x = [p + m * (q - p) for p, q in zip(a, b, strict=True)]
                    s, t = (m, t) if value(x)[e] * low[e] > 0 else (s, m)
                found.append([p + t * (q - p) for p, q in zip(a, b, strict=True)])
            if len(found) >= 3:
                break
        return found

    def _surrogate(self, surrogate: Any) -> Any:
        """The map whose derivative is claimed, on arrays of wires."""
        if surrogate is None:
            return None
        if isinstance(surrogate, (Diagram, Para)):
            d = surrogate.arrow if isinstance(surrogate, Para) else surrogate
            return _wrapped(callable_of(promoted(d)), surrogate)
        if not callable(surrogate):
            raise InputError("surrogate is the function whose derivative is claimed")
        return _wrapped(lambda *values: jax.tree.leaves(surrogate(*self.arguments.unflat(values))), surrogate)


def _wrapped(made: Callable[..., Any], of: Any) -> Callable[..., Any]:
    """A function that stands for another, by which it is remembered."""
    made.__wrapped__ = of  # type: ignore[attr-defined]
    return made


def format_of(trees: Any) -> Any:
    """Where arrays are traced: in 64 bits if one of them has them."""
    dtypes = {str(getattr(a, "dtype", "")) for a in jax.tree.leaves(trees)}
    return jax.enable_x64(True) if dtypes & {"float64", "complex128"} else nullcontext()


def _made(w: Wire, rng: np.random.Generator) -> Any:
    """An array for a wire that no example was given for."""
    if w.kind == "Key":
        return jax.random.split(jax.random.key(int(rng.integers(1 << 30))), w.shape) if w.shape else jax.random.key(0)
    if w.kind in "BZ":
        return np.asarray(rng.integers(0, 2, w.shape)).astype(jnp.dtype(w.dtype))
    made = rng.normal(size=w.shape) + (1j * rng.normal(size=w.shape) if w.kind == "C" else 0)
    return np.asarray(made).astype(jnp.dtype(w.dtype))
