"""Mutants of the table of facts: each is one rule, changed in one way in which a rule can be wrong.

    scaled       times 1 + 1e-6
    dropped      one argument moves nothing: its tangent, or its cotangent, is zero
    turned       a square matrix is transposed
    frozen       the slope is held still by `stop_gradient`, which a derivative of the rule shows

Whether a mutant says anything else than the rule is found by comparing numbers (`differs`), not declared.
"""

import functools
import gc
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from small_cases import CASES, Case

from paralens import R, check, from_jax, to_jax
from paralens.categories.errors import ParalensError
from paralens.diagrams.box import Box
from paralens.diagrams.syntax import Diagram
from paralens.functors.derivative_rules import FACTS
from paralens.functors.derivative_rules.facts import Bilinear, Elementwise, General, Linear, LocallyConstant
from paralens.functors.derivatives.derivative import forward, reverse

FACTOR = 1 + 1e-6


@dataclass(frozen=True, eq=False)
class Mutant:
    """A fact that stands in the place of that of a generator; `order` is the derivative from which on it can show."""

    op: str
    kind: str
    fact: object
    order: int = 1

    def __str__(self):
        return f"{self.op}: {self.kind}"


# -- how the results of a rule are changed -------------------------------------------------------------------------


def _each(change, values):
    return [None if v is None else change(v) for v in values]


def scaled(v):
    return v * jnp.asarray(FACTOR, v.dtype)


def turned(v):
    square = v.ndim > 1 and v.shape[-1] == v.shape[-2]
    return jnp.swapaxes(v, -1, -2) if square else v


def still(values):
    return [None if v is None else lax.stop_gradient(v) for v in values]


def without(values, i):
    """The values with zeros at one place."""
    return [jnp.zeros_like(v) if k == i and v is not None else v for k, v in enumerate(values)]


CHANGES = {"scaled": scaled, "turned": turned}


# -- mutants of each kind of fact ----------------------------------------------------------------------------------


def _elementwise(fact, inputs):
    for i, part in enumerate(fact.partials):
        if part is None:
            continue

        def exchanged(new, i=i):
            return Elementwise((*fact.partials[:i], new, *fact.partials[i + 1 :]))

        yield f"partial {i} scaled", exchanged(lambda g, *xs, p=part: scaled(p(g, *xs))), 1
        yield f"partial {i} dropped", exchanged(lambda g, *xs, p=part: jnp.zeros_like(p(g, *xs))), 1
        yield f"partial {i} frozen", exchanged(lambda g, *xs, p=part: p(g, *still(xs))), 2


def _bilinear(fact, inputs):
    for side in ("left", "right"):
        back = getattr(fact, side)
        for name, change in CHANGES.items():
            yield f"{side} {name}", replace(fact, **{side: lambda *a, b=back, c=change: c(b(*a))}), 1
        yield f"{side} dropped", replace(fact, **{side: lambda *a, b=back: jnp.zeros_like(b(*a))}), 1
        frozen = lambda box, dy, other, *rest, b=back: b(box, dy, lax.stop_gradient(other), *rest)  # noqa: E731
        yield f"{side} frozen", replace(fact, **{side: frozen}), 2


def _linear(fact, inputs):
    for part in ("transpose", "tangent"):
        rule = getattr(fact, part)
        if rule is None:
            continue
        for name, change in CHANGES.items():
            yield f"{part} {name}", replace(fact, **{part: lambda b, d, x, r=rule, c=change: _each(c, r(b, d, x))}), 1
        for i in range(inputs if part == "transpose" else 1):
            yield f"{part} dropped {i}", replace(fact, **{part: lambda b, d, x, r=rule, i=i: without(r(b, d, x), i)}), 1
        yield f"{part} frozen", replace(fact, **{part: lambda b, d, x, r=rule: r(b, d, still(x))}), 2
    whole = replace(fact, transpose=lambda b, d, x: still(fact.transpose(b, d, x)))
    yield "transpose held still", whole, 2


def _opaque(fact, inputs):
    for part in ("tangent", "back"):
        rule = getattr(fact, part)
        if rule is None:
            continue
        for name, change in CHANGES.items():
            new = lambda b, x, y, d, r=rule, c=change: _each(c, r(b, x, y, d))  # noqa: E731
            yield f"{part} {name}", replace(fact, **{part: new}), 1
        for i in range(inputs):
            if part == "tangent":
                new = lambda b, x, y, d, r=rule, i=i: r(b, x, y, without(d, i))  # noqa: E731
            else:
                new = lambda b, x, y, d, r=rule, i=i: without(r(b, x, y, d), i)  # noqa: E731
            yield f"{part} dropped {i}", replace(fact, **{part: new}), 1
        new = lambda b, x, y, d, r=rule: r(b, still(x), still(y), d)  # noqa: E731
        yield f"{part} frozen", replace(fact, **{part: new}), 2


KINDS = {Elementwise: _elementwise, Bilinear: _bilinear, Linear: _linear, General: _opaque}


def mutants(op, inputs):
    """All mutants of a generator that takes at most so many inputs."""
    fact = FACTS[op]
    if isinstance(fact, LocallyConstant):
        return []
    return [Mutant(op, kind, new, order) for kind, new, order in KINDS[type(fact)](fact, inputs)]


# -- a table with a mutant in it -----------------------------------------------------------------------------------


def forget_rules():
    """Let go of all that was made from the table of facts: memoized programs, and what boxes and diagrams keep."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "paralens":
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()
    for value in gc.get_objects():
        if isinstance(value, (Box, Diagram)) and "_derived" in vars(value):
            kept = vars(value)["_derived"]
            for key in [k for k in kept if k != "reversal"]:
                del kept[key]


@contextmanager
def planted(mutant):
    """The table of facts with a mutant in the place of the fact."""
    right = FACTS[mutant.op]
    forget_rules()
    FACTS[mutant.op] = mutant.fact
    try:
        yield
    finally:
        FACTS[mutant.op] = right
        forget_rules()


# -- what a rule says, in numbers ----------------------------------------------------------------------------------


def said(f, points, order, seed=0):
    """What the derivatives of a function say at some points: a list of arrays, or the text of an error."""
    found = []
    for values in points:
        rng = np.random.default_rng(seed)
        d = from_jax(f, *values)
        for mode in (forward, reverse):
            try:
                found += _evaluated(mode(d), values, rng)
                if order > 1:
                    for again in (forward, reverse):
                        found += _evaluated(again(mode(d)), values, rng)
            except ParalensError as error:
                found.append(str(error))
    return found


def _evaluated(d, values, rng):
    extra = [_numbers(w, rng) for w in d.dom.inside[len(values) :]]
    made = to_jax(d)(*values, *extra)
    return [np.asarray(a) for a in jax.tree.leaves(made) if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key)]


def _numbers(w, rng):
    made = rng.normal(size=w.shape)
    return np.asarray(made + 1j * rng.normal(size=w.shape) if w.kind == "C" else made).astype(w.dtype)


def differs(found, expected):
    """Whether two lists of numbers are apart by more than rounding."""
    if len(found) != len(expected):
        return True
    return any(_apart(a, b) for a, b in zip(found, expected, strict=True))


def _apart(a, b):
    if isinstance(a, str) or isinstance(b, str):
        return not (isinstance(a, str) and isinstance(b, str))
    if a.shape != b.shape:
        return True
    a, b = a.astype(complex), b.astype(complex)
    same = np.isfinite(a) == np.isfinite(b)
    size = max(np.abs(b[np.isfinite(b)]).max(initial=0.0), 1e-30)
    return not same.all() or bool((np.abs(a - b)[np.isfinite(a) & np.isfinite(b)] > 1e-9 * size).any())


# -- whether a mutant is noticed -----------------------------------------------------------------------------------


def _pooled(x):
    return lax.reduce_window(x, -np.inf, lax.max, (2,), (1,), "VALID")


MORE = [
    Case("add of a constant", lambda x: lax.add(x, jnp.full_like(x, 2.0)), (R(3),)),
    Case("sub from a constant", lambda x: lax.sub(jnp.full_like(x, 2.0), x), (R(3),)),
    Case("mul of squares", lax.mul, (R(2, 2), R(2, 2))),
    Case("dot_general of squares", lambda x, y: x @ y, (R(2, 2), R(2, 2))),
    Case("dot_general of rows", lambda x, y: lax.dot_general(x, y, (((1,), (1,)), ((), ()))), (R(2, 2), R(2, 2))),
    Case("transpose of a square", lambda x: lax.transpose(x, (1, 0)), (R(2, 2),)),
    Case("cbrt", lax.cbrt, (R(),), (0.3, 3.0)),
    Case("select_and_scatter_add of a cotangent", lambda x, ct: jax.vjp(_pooled, x)[1](ct)[0], (R(3), R(2))),
]


@contextmanager
def compiled_quickly():
    """Where programs are compiled without optimizations: they run once each, and most of the time is compiling."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def certified(d, *examples, **options):
    """The certificate of a diagram, by programs that are compiled quickly."""
    with compiled_quickly():
        return check(d, *examples, **options)


def wide(a):
    """The array in double precision."""
    return a.astype({"f": "float64", "c": "complex128"}.get(a.dtype.kind, a.dtype))


class Subject:
    """A small case as a diagram in double precision, where it has one, with its domain."""

    def __init__(self, case):
        self.case = case
        self.points = [[wide(a) for a in case.arrays(seed)] for seed in (0, 1)]
        try:
            with jax.enable_x64(True):
                self.d = from_jax(case.f, *self.points[0])
        except TypeError:  # the function holds constants in single precision
            self.points = [case.arrays(seed) for seed in (0, 1)]
            self.d = from_jax(case.f, *self.points[0])
        self.domain = [case.within if t.wire.differentiable else None for t in case.types]

    @functools.cached_property
    def boxes(self):
        """All boxes, inside of definitions and bodies too."""
        found, todo = [], [self.d]
        while todo:
            for box in todo.pop().boxes:
                found.append(box)
                todo += [*box.bodies.values(), *([box.definition] if box.definition is not None else [])]
        return found

    def inputs(self, op):
        return max(box.n_in for box in self.boxes if box.op == op)

    def said(self, order):
        with jax.enable_x64(True):
            return said(self.case.f, self.points, order)

    @functools.cached_property
    def expected(self):
        """What the rules as they are say, of orders 1 and 2."""
        return {order: self.said(order) for order in (1, 2)}

    def certificate(self, **options):
        with jax.enable_x64(True):
            d = from_jax(self.case.f, *self.points[0])
            return certified(d, *self.points[0], domain=self.domain, **options)


@functools.cache
def subjects():
    """Small cases by the generators that are in them, those of few boxes first."""
    found = {}
    for subject in sorted(map(Subject, [*CASES, *MORE]), key=lambda s: len(s.boxes)):
        for op in {box.op for box in subject.boxes if box.op in FACTS}:
            found.setdefault(op, []).append(subject)
    return found


def verdict_of(mutant, most=4):
    """Whether a mutant is "noticed" by a check, "missed", or "equivalent": no case tells it from the rule."""
    found = "equivalent"
    for subject in subjects()[mutant.op][:most]:
        expected = subject.expected[mutant.order]
        with planted(mutant):
            if not differs(subject.said(mutant.order), expected):
                continue
            found = "missed"
            if subject.certificate(order=mutant.order).verdict == "wrong":
                return "noticed"
    return found


def all_mutants(op):
    """The mutants of a generator, for as many inputs as it has in small cases."""
    return mutants(op, max(subject.inputs(op) for subject in subjects()[op]))
