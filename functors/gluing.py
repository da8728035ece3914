"""Gluing: the functor from diagrams to maps that keep the relation between curves and their claimed derivatives.

A wire of reals goes to (R, R^{n+1}, R, S_R): arrays, their Taylor coefficients along a curve, cotangents; a wire that
does not move to (Z, Z, 1, S_Z). A generator box goes to its value, its forward derivative and its lens, with the
evidence that a checker of boxes gives it. Everything else is composition, and by the fundamental lemma
(`categories.gluing`) needs no evidence:

    glued(f ; g) = glued(f) ; glued(g)         glued(f @ g) = glued(f) @ glued(g)

as `forward` and `lens` are functors, so that the derivative of a diagram is composed of those of its boxes. A box with
a definition, or recomputed, is as good as what is inside of it. A box with a custom rule is a generator, whatever is
inside. A choice and a `while` are checked inside and as a whole, where guards are crossed. A scan is checked inside,
its step being a diagram; what is left is the law of the trace, D[scan f] = scan D[f], which `trace_law` tries on scans
of lengths 1 to 3 against the composites of as many steps. To stop a gradient is no map that keeps the relation: the
smallest diagram around it, such as a softmax that is shifted by a constant, is checked as one generator.

Jets come from iterated tangents: the coefficients of order n stand in D^n along ε = ε_1 + ... + ε_n, ε_i² = 0, where
the part of a set of k of the ε_i is k! c_k (A. Kock, "Synthetic differential geometry", 2006, I.6).

>>> f = glued(from_jax(lambda x: jnp.sin(x) * x, R(3)))
>>> f.ok, [box.name for box in f.certificate], f.dom, f.cod
(True, ['sin', 'mul'], (R(3), R(3) @ R(3)), (R(3), R(3) @ R(3)))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from math import factorial
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from numpy.polynomial import chebyshev

from ..categories.errors import DerivativeError
from ..categories.gluing import Glued, Gluings, Part, Space, paired, preserved
from ..categories.para import Para
from ..categories.relations import Discrete, Evidence, Plot, Reals
from ..diagrams.box import Box
from ..diagrams.graph import Builder, splice
from ..diagrams.nn.repetition import scan_of
from ..diagrams.primitives import traits
from ..diagrams.syntax import Diagram, require
from ..diagrams.tracing.emit import callable_of
from ..diagrams.tracing.jaxpr import from_jax
from ..diagrams.types import Ty, Wire
from .derivatives.derivative import Differential, forward, lens, reverse
from .derivatives.scan import Parts

__all__ = [
    "GLUINGS",
    "generators",
    "glued",
    "integral",
    "lines",
    "on_lines",
    "space",
    "taylor",
    "trace_law",
    "unrolled",
]

GLUINGS = Gluings(Diagram, Differential().plus, Differential().zero)
STOP = "stop_gradient"
NODES = tuple((1 - np.cos(np.pi * np.arange(17) / 16)) / 2)


# -- objects ---------------------------------------------------------------------------------------


def space(ty: Ty, order: int = 1, holds: Any = None) -> Space:
    """The object of a type; `holds(times, values, tangents)` tests derivatives, by `integral` where none is given."""
    return Space(tuple(_part(w, order, integral if holds is None else holds) for w in ty.inside), Diagram)


@lru_cache(maxsize=4096)
def _part(w: Wire, order: int, holds: Any) -> Part:
    ty, still = Ty.of((w,)), Discrete(_equal)
    if not w.differentiable:
        return Part(ty, ty, Ty(), still)
    return Part(ty, ty ** (order + 1), ty, Reals(holds, order, _close, _pair))


def _equal(x: Any, y: Any) -> bool:
    return np.array_equal(_numbers(x), _numbers(y), equal_nan=True)


def _close(x: Any, y: Any) -> bool:
    """Equal up to what two ways of compiling the same formula may differ by."""
    a, b = _numbers(x), _numbers(y)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= 64 * _ulp(x) * np.maximum(np.abs(a), np.abs(a).max(initial=0.0))
    return bool(np.all(near | (a == b) | (np.isnan(a) & np.isnan(b))))


def _pair(w: Any, v: Any) -> Any:
    """⟨w, v⟩ without conjugation, in double precision; it is told in that of v, whose rounding it carries."""
    dtype = np.result_type(np.asarray(v).dtype, np.float32) if not np.iscomplexobj(v) else np.float64
    return np.sum(np.asarray(w, "complex128") * np.asarray(v, "complex128")).real.astype(dtype)


def _numbers(x: Any) -> Any:
    """An array of floats: complex numbers as pairs, keys as their words."""
    if hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = jax.random.key_data(x)
    x = np.asarray(x)
    return np.stack([x.real, x.imag]).astype("float64") if np.iscomplexobj(x) else x.astype("float64")


def _ulp(x: Any) -> float:
    dtype = getattr(x, "dtype", np.dtype("float64"))
    return float(jnp.finfo(dtype).eps) / 2 if jnp.issubdtype(dtype, np.inexact) else 0.0


# -- the functor -----------------------------------------------------------------------------------


def glued(
    d: Diagram | Para,
    evidence: Callable[[Box], Any] | None = None,
    *,
    order: int = 1,
    back: bool = True,
    trace: Callable[[Box], Any] | None = None,
) -> Glued:
    """The map with its derivative of this order and, if asked for, its way `back`, with a certificate.

    `evidence(box)` is asked once for each distinct generator, and `trace(box)` for each scan; they give anything with
    an attribute `ok`, such as `on_lines` and `trace_law`, which stand in where none is given. Of a model it is its map.
    Raises `DerivativeError` where there is no derivative: of a `while`, `back=False` has to be said.
    """
    require(d, "glued")
    arrow: Diagram = d.arrow if isinstance(d, Para) else d
    check = evidence or (lambda box: on_lines(box, order=order, back=back))
    law = trace or (lambda box: trace_law(box, back=back))
    certificate = {box: law(box) if box.op == "scan" else check(box) for box in generators(arrow)}
    return _glued(arrow, order, back, certificate)


def _glued(d: Diagram, order: int, back: bool, certificate: Mapping[Any, Any]) -> Glued:
    way: Any = lens(d) if back else None
    return Glued(d, taylor(d, order), space(d.dom, order), space(d.cod, order), certificate, way)


def generators(d: Diagram) -> dict[Box, str]:
    """The distinct boxes that a certificate needs evidence for, each with the path of its first use.

    Constants, whose derivative is zero by definition, are not among them.

    >>> step = lambda c, x: (jnp.tanh(c * x), c)
    >>> list(generators(from_jax(lambda c, xs: jax.lax.scan(step, c, xs), R(), R(5))).values())
    ['scan', 'scan/body/mul', 'scan/body/tanh']
    """
    found: dict[Box, str] = {}
    seen: set[bytes] = set()
    stack: list[tuple[Diagram, str]] = [(d, "")]
    while stack:
        here, path = stack.pop()
        if here.graph.digest in seen:
            continue
        seen.add(here.graph.digest)
        inside = []
        if any(box.op == STOP for box in here.graph.table):
            found.setdefault(here.boxed(path.rpartition("/")[2] or "diagram"), path)
        for box, name in _first_uses(here):
            place = f"{path}/{name}".lstrip("/")
            opens = (not box.op or traits(box.op).calling) and bool(box.bodies)
            if not opens and box.op not in ("constant", STOP):
                found.setdefault(box, place)
            if opens or traits(box.op).looping:
                inside += [(body, f"{place}/{label}".rstrip("/")) for label, body in box.bodies.items()]
        stack += reversed(inside)
    return found


def _first_uses(d: Diagram) -> Iterator[tuple[Box, str]]:
    """The boxes of the table of the graph, each with the name of its first node."""
    graph = d.graph
    names = graph.names()
    places, first = np.unique(graph.ops, return_index=True)
    for _, node in sorted(zip(places.tolist(), first.tolist(), strict=True), key=lambda p: p[1]):
        yield graph.table[int(graph.ops[node])], names[node]


def taylor(d: Diagram, order: int = 1) -> Diagram:
    """The map of Taylor coefficients c_0, ..., c_n along curves, n the order; of each moving wire all together.

    >>> import paralens
    >>> jets = taylor(from_jax(jnp.exp, R()), 2)         # exp(t) = 1 + t + t²/2 + ...
    >>> [float(c) for c in paralens.to_jax(jets)(0.0, 1.0, 0.0)]
    [1.0, 1.0, 0.5]
    """
    derived = d
    for _ in range(order):
        derived = forward(derived)
    dom, cod = space(d.dom, order).moved, space(d.cod, order).moved
    build, at = Builder(dom), _starts(d.dom, order)
    coefficient: dict[tuple[int, int], int] = {}
    inputs = _labels(d.dom, order)
    for i, k in inputs:
        if (i, k) not in coefficient:
            w = d.dom.inside[i]
            coefficient[i, k] = splice(build, _scaling(w, float(factorial(k))), [at[i] + k])[0] if k > 1 else at[i] + k
    made = splice(build, derived.graph, [coefficient[label] for label in inputs])
    place = dict(zip(reversed(_labels(d.cod, order)), reversed(made), strict=True))
    outputs = []
    for j, w in enumerate(d.cod.inside):
        for k in range(order + 1 if w.differentiable else 1):
            wire = place[j, k]
            outputs.append(splice(build, _scaling(w, 1 / factorial(k)), [wire])[0] if k > 1 else wire)
    return Diagram.of_graph(build.finish(outputs, cod))


def _labels(ty: Ty, order: int) -> list[tuple[int, int]]:
    """For each wire of D^n its wire of the type, and how many of the ε_i it belongs to."""
    found = [(i, 0) for i in range(len(ty))]
    for _ in range(order):
        found += [(i, k + 1) for i, k in found if ty.inside[i].differentiable]
    return found


def _starts(ty: Ty, order: int) -> list[int]:
    """For each wire the place of its first coefficient."""
    return list(accumulate([order + 1 if w.differentiable else 1 for w in ty.inside], initial=0))[: len(ty)]


@lru_cache(maxsize=4096)
def _scaling(w: Wire, factor: float) -> Any:
    return from_jax(lambda x: x * factor, Ty.of((w,))).graph


# -- plain evidence ----------------------------------------------------------------------------------


def integral(times: Sequence[float], values: Sequence[Any], tangents: Sequence[Any]) -> Evidence:
    """Whether F(t) - F(s) = ∫ d from s to t between the nodes of one panel, by interpolation of d at the nodes.

    The bound is computed: rounding of F and of d, and the last coefficients of their Chebyshev series, which are noise
    where the panel is resolved. Where it is not, because of a kink or since it is too long, nothing is decided.
    """
    n, u = len(times), _ulp(values[0])
    f, d = (np.stack([_numbers(x).ravel() for x in xs]) for xs in (values, tangents))
    if not np.isfinite(f).all():
        return Evidence(None, "the value is not finite")
    if not np.isfinite(d).all():
        return Evidence(False, "the claim is not finite where the value is", np.inf)
    t = np.asarray(times, "float64")
    half, s = (t[-1] - t[0]) / 2, (2 * t - t[0] - t[-1]) / (t[-1] - t[0])
    series = np.linalg.inv(chebyshev.chebvander(s, n - 1))
    antiderivative = chebyshev.chebvander(s, n) @ chebyshev.chebint(np.eye(n)) @ series
    moved = half * (antiderivative - antiderivative[0]) @ d
    tail_f, tail_d = (np.abs(series @ x)[-4:].max(0) for x in (f, d))
    top_f, top_d = np.abs(f).max(0), half * np.abs(d).max(0)
    defect = np.abs(f - f[0] - moved).max(0)
    bound = 160 * (u * (2 * top_f + 2 * top_d) + tail_f + half * tail_d) + np.finfo(float).tiny
    worst = float((defect / bound).max(initial=0.0))
    resolved = np.maximum(tail_f, half * tail_d) <= max(1e-8, 256 * u) * (top_f + top_d)
    if not resolved.all():
        return Evidence(None, "the panel is not resolved: halve it", worst)
    if worst <= 1:
        return Evidence(True, "", worst)
    why = f"the value moves by {defect.max():.3g} more or less than the integral of the claim"
    return Evidence(None if worst < 10 else False, why, worst)


def lines(
    ty: Ty, seed: int = 0, order: int = 1, *, within: tuple[float, float] = (0.25, 0.75), length: float = 1.0
) -> Plot:
    """The part of this length of a straight line between random values, with its Taylor coefficients.

    What does not move is drawn once.
    """
    rng = np.random.default_rng(seed)
    ends = [(_drawn(w, rng, within), _drawn(w, rng, within)) for w in ty.inside]

    def claim(t: float) -> tuple[Any, ...]:
        found: list[Any] = []
        for w, (x, y) in zip(ty.inside, ends, strict=True):
            v = (length * (y - x)).astype(x.dtype) if w.differentiable else x
            found += [(x + t * v).astype(x.dtype), v, *[np.zeros_like(x)] * (order - 1)] if w.differentiable else [x]
        return tuple(found)

    places = _starts(ty, order)
    return Plot.of(NODES, lambda t: tuple(claim(t)[i] for i in places), claim)


def _drawn(w: Wire, rng: np.random.Generator, within: tuple[float, float]) -> Any:
    if w.kind == "Key":
        keys = jax.random.split(jax.random.key(int(rng.integers(1 << 30))), max(1, w.size))
        return keys[: w.size].reshape(w.shape)
    if w.kind in "ZB":
        return rng.integers(0, 2, w.shape).astype(w.dtype)
    values = rng.uniform(*within, w.shape) + (1j * rng.uniform(*within, w.shape) if w.kind == "C" else 0.0)
    return np.asarray(values, jnp.dtype(w.dtype))


def on_lines(box: Diagram, *, order: int = 1, back: bool = True) -> Evidence:
    """Plain evidence for a box: that it keeps the relation on a few lines in the middle of the unit interval.

    Lines that cross a kink decide nothing if shorter ones do not. A checker that knows the domain of a box, refines,
    and looks at special points is a better `evidence` for `glued`.
    """
    f = _glued(box, order, back, {})
    onward, back_again = [], []
    for seed, length in enumerate((1.0, 0.3, 0.01)):
        plot, rng = lines(box.dom, seed, order, length=length), np.random.default_rng(seed)
        onward.append(preserved(f, plot, callable_of))
        w = [_drawn(c, rng, (-1.0, 1.0)) for c in f.cod.pair.back.inside]
        back_again.append(paired(f, plot, w, callable_of, holds=integral).below("back"))
    ways = (onward, back_again) if back else (onward,)
    return Evidence.worst(Evidence.worst([e for e in way if e.holds is not None] or way) for way in ways)


# -- the trace ---------------------------------------------------------------------------------------


def unrolled(box: Box, length: int) -> Diagram:
    """The composite of so many steps of a scan: what the scan of this length is equal to."""
    parts, step = Parts.of(box), callable_of(box.params["body"].diagram)
    order = range(length)[:: -1 if box.params["reverse"] else 1]

    def run(*values: Any) -> tuple[Any, ...]:
        consts, carry, xs = parts.split(values)
        stacks: dict[int, Sequence[Any]] = {}
        for i in order:
            made = step(*consts, *carry, *(x[i] for x in xs))
            carry, stacks[i] = made[: parts.carry], made[parts.carry :]
        return (*carry, *(jnp.stack(ys) for ys in zip(*(stacks[i] for i in range(length)), strict=True)))

    return from_jax(run, *_of_length(box, length).dom)


def _of_length(box: Box, n: int) -> Box:
    parts, p = Parts.of(box), box.params
    return scan_of(p["body"].diagram, n, parts.carry, n_consts=parts.consts, reverse=p["reverse"], name=box.name)


def trace_law(box: Box, *, back: bool = True) -> Evidence:
    """Evidence that D[scan f] = scan D[f], and R likewise: on scans of lengths 1 to 3 against composites of steps."""
    found = []
    for n in (1, 2, 3):
        scan, steps = _of_length(box, n), unrolled(box, n)
        for name, derivative in (("forward", forward), *((("reverse", reverse),) if back else ())):
            try:
                pair = derivative(scan), derivative(steps)
            except DerivativeError as e:
                return Evidence(None, f"the {name} derivative does not exist: {e}")
            found.append(_agree(*pair).below(f"{name} of length {n}"))
    return Evidence.worst(found)


def _agree(left: Diagram, right: Diagram) -> Evidence:
    """Whether two orders of the same operations give the same numbers up to rounding."""
    rng = np.random.default_rng(0)
    values = [_drawn(w, rng, (0.25, 0.75)) for w in left.dom.inside]
    worst = 0.0
    for x, y in zip(callable_of(left)(*values), callable_of(right)(*values), strict=True):
        a, b = _numbers(x), _numbers(y)
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return Evidence(False, "one is finite where the other is not", np.inf)
        a, b = (np.where(np.isfinite(c), c, 0.0) for c in (a, b))
        bound = 1024 * _ulp(x) * max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0)) + np.finfo(float).tiny
        worst = max(worst, float(np.abs(a - b).max(initial=0.0) / bound))
    why = "" if worst <= 1 else "the scan is not the composite of its steps"
    return Evidence(worst <= 1, why, worst)
