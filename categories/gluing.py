"""The glued category: maps with their derivatives, which keep a relation between curves and claims.

Data, over a base category: an object is a list of wires, each (X, X', X*, S) with X' the type of values with their
derivatives, X* that of cotangents, and S a relation of plots (`relations`). A morphism X -> Y is

    f : X -> Y        f' : X' -> Y'        and, where it has one, a way back  X ⊗ Y* -> X*  (a `Lens`)

such that a plot (g, g') in S_X goes to a plot (f ∘ g, f' ∘ g') in S_Y, and back, for all cotangents w of Y,

    d/dt ⟨w, f(g(t))⟩ = ⟨put(g(t), w), ġ(t)⟩        so put is the transpose: it is linear in w, as pairings separate

Composition, tensor, copying, discarding and, over a base that has them, sums, function types and lists are those of
the base, on either side: D(A ⊗ B) = DA ⊗ DB, D(ΣA_l) = ΣDA_l, D(A → B) = DA → DB, D[A] = [DA].

Fundamental lemma: all of these keep the relations. So if every generator keeps them, every composite does, and nothing
but generators needs numerical evidence. A morphism carries it, as its `certificate`: the generators that it was made
of, each with its evidence. Joining certificates is associative, commutative and idempotent, and as the parameter names
of a `Para` they are no part of equality. The projection to (f, f') is strict: `Glued` is dual numbers in which the
claim is checked, and jets where X' has more coefficients (`Reals.order`).

Sources: M. Huot, S. Staton, M. Vákár, "Correctness of automatic differentiation via diffeologies and categorical
gluing" (2020), theorems 1 and 2; the same holds of piecewise analytic maps with intensional derivatives, W. Lee, H. Yu,
X. Rival, H. Yang, "On correctness of automatic differentiation for non-differentiable programs" (2020), theorem 8.

>>> from paralens.categories.functions import Function, Word
>>> from paralens.categories.relations import Reals
>>> real = Part(Word("x"), Word("c"), Word("w"), Reals(lambda times, x, d: Evidence(d == [2 * t for t in times])))
>>> X, C = Space((real,), Function), Gluings(Function)
>>> f = Glued(Function.of(lambda x: (x * x,), Word("x"), Word("x")),
...           Function.of(lambda c: ((c[0] ** 2, 2 * c[0] * c[1]),), Word("c"), Word("c")), X, X, {"square": "proved"})
>>> line = Plot.of((0, 1, 2), lambda t: (t,), lambda t: ((t, 1),))
>>> X.test(pushed(f, line)).ok, (f >> f @ C.id()).certificate
(True, {'square': 'proved'})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import fsum
from typing import Any

from .errors import CompositionError
from .lens import Lens, Pair
from .relations import Arrow, Evidence, Lists, Plot, Product, Relation, Sum

__all__ = ["Glued", "Gluings", "Part", "Space", "composed_error", "paired", "preserved", "pushed"]

Meaning = Callable[[Any], Callable[..., Sequence[Any]]]


@dataclass(frozen=True)
class Part:
    """One wire of an object: X, a single wire of the base, the types X' and X* with any number of them, and S_X."""

    value: Any
    moved: Any
    back: Any
    relation: Relation


@dataclass(frozen=True, repr=False)
class Space:
    """An object: its wires, over a base."""

    inside: tuple[Part, ...]
    base: Any

    @property
    def pair(self) -> Pair:
        """(X, X*), as an object of lenses."""
        return Pair.joined(((p.value, p.back) for p in self.inside), self.base)

    @property
    def value(self) -> Any:
        """X."""
        return self.pair.value

    @property
    def moved(self) -> Any:
        """X'."""
        return self.pair.unit.tensor(*[p.moved for p in self.inside])

    def claims(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """The values on the wires of X', by the wires of X: where several belong to one they are a tuple."""
        rest = iter(flat)
        groups = [tuple(next(rest) for _ in p.moved) for p in self.inside]
        return tuple(g[0] if len(g) == 1 else g for g in groups)

    def cotangents(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """The values on the wires of X*, by the wires of X; None where there are none."""
        rest = iter(flat)
        return tuple(next(rest) if len(p.back) else None for p in self.inside)

    @property
    def relation(self) -> Product:
        """S_X, on tuples."""
        return Product(tuple(p.relation for p in self.inside))

    def test(self, plot: Plot) -> Evidence:
        """Whether a plot, of one value for each wire of X and of X', is in S_X."""
        return self.relation.test(plot.along(tuple, self.claims))

    def tensor(self, *others: Space) -> Space:
        """This object beside the others; `@` is the same."""
        return Space(tuple(p for s in (self, *others) for p in s.inside), self.base)

    def __matmul__(self, other: Space) -> Space:
        return self.tensor(other)

    def __len__(self) -> int:
        return len(self.inside)

    def __getitem__(self, key: Any) -> Space:
        return Space(self.inside[key] if isinstance(key, slice) else (self.inside[key],), self.base)

    def __repr__(self) -> str:
        return f"({self.value}, {self.moved})"


@dataclass(frozen=True, eq=False)
class Glued:
    """A map `primal : X -> Y`, its `derivative : X' -> Y'` and maybe its `reverse`, with evidence for its generators.

    Evidence is anything with an attribute `ok`. Raises `CompositionError` where the maps do not fit the objects.
    """

    primal: Any
    derivative: Any
    dom: Space
    cod: Space
    certificate: Mapping[Any, Any] = field(default_factory=dict)
    reverse: Lens | None = None

    def __post_init__(self) -> None:
        ends = [
            ("the map", self.primal, self.dom.value, self.cod.value),
            ("its derivative", self.derivative, self.dom.moved, self.cod.moved),
        ]
        if self.reverse is not None:
            ends.append(("its way back", self.reverse, self.dom.pair, self.cod.pair))
        wrong = [f"{name} is {f.dom} -> {f.cod}, not {x} -> {y}" for name, f, x, y in ends if (f.dom, f.cod) != (x, y)]
        if wrong:
            raise CompositionError("these make no glued map: " + "; ".join(wrong))

    @property
    def faults(self) -> tuple[Any, ...]:
        """The generators whose evidence is not ok."""
        return tuple(box for box, evidence in self.certificate.items() if not evidence.ok)

    @property
    def ok(self) -> bool:
        """Whether every generator has evidence that is ok, and so, by the lemma, this map keeps the relation."""
        return not self.faults

    def then(self, *others: Glued) -> Glued:
        """This map followed by the others; `>>` is the same."""
        return reduce(_then, others, self)

    def tensor(self, *others: Glued) -> Glued:
        """This map beside the others; `@` is the same."""
        return reduce(_tensor, others, self)

    def __rshift__(self, other: Glued) -> Glued:
        return self.then(other)

    def __matmul__(self, other: Glued) -> Glued:
        return self.tensor(other)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Glued):
            return NotImplemented
        ends = (self.dom, self.cod) == (other.dom, other.cod)
        return ends and (self.primal, self.derivative, self.reverse) == (other.primal, other.derivative, other.reverse)

    def __hash__(self) -> int:
        return hash((self.primal, self.derivative))

    def __repr__(self) -> str:
        return f"<Glued {self.dom} -> {self.cod}, {len(self.certificate)} generators>"


def _then(f: Glued, g: Glued) -> Glued:
    if f.cod != g.dom:
        raise CompositionError(f"the glued map gives {f.cod} but the next takes {g.dom}")
    back = f.reverse.then(g.reverse) if f.reverse and g.reverse else None
    primal, derivative = f.primal.then(g.primal), f.derivative.then(g.derivative)
    return Glued(primal, derivative, f.dom, g.cod, {**f.certificate, **g.certificate}, back)


def _tensor(f: Glued, g: Glued) -> Glued:
    back = f.reverse.tensor(g.reverse) if f.reverse and g.reverse else None
    primal, derivative = f.primal.tensor(g.primal), f.derivative.tensor(g.derivative)
    return Glued(primal, derivative, f.dom @ g.dom, f.cod @ g.cod, {**f.certificate, **g.certificate}, back)


# -- plots through morphisms -----------------------------------------------------------------------


def pushed(f: Glued, plot: Plot, meaning: Meaning = lambda arrow: arrow) -> Plot:
    """The plot (f ∘ g, f' ∘ g'); `meaning` makes an arrow of the base a function that gives one value a wire."""
    primal, derivative = meaning(f.primal), meaning(f.derivative)
    return plot.along(lambda x: tuple(primal(*x)), lambda c: tuple(derivative(*c)))


def preserved(f: Glued, plot: Plot, meaning: Meaning = lambda arrow: arrow) -> Evidence:
    """Whether f sends this plot of its domain to one that is right; undecided for a plot that is not right itself."""
    if not (given := f.dom.test(plot)).ok:
        return Evidence(None, f"the plot is not in the relation of the domain: {given}")
    return f.cod.test(pushed(f, plot, meaning))


def paired(f: Glued, plot: Plot, w: Sequence[Any], meaning: Meaning = lambda arrow: arrow, *, holds: Any) -> Evidence:
    """Whether d/dt ⟨w, f(g(t))⟩ = ⟨put(g(t), w), ġ(t)⟩ along a plot, by `holds`, for one value a wire of Y*."""
    if f.reverse is None:
        return Evidence(None, "the map has no way back")
    if not (given := f.dom.test(plot)).ok:
        return Evidence(None, f"the plot is not in the relation of the domain: {given}")
    get, put = meaning(f.primal), meaning(f.reverse.put)
    at, here, there = f.cod.cotangents(w), f.dom.relation, f.cod.relation
    values = [there.pairing(at, get(*x)) for x in plot.values]
    back = [f.dom.cotangents(put(*x, *w)) for x in plot.values]
    velocities = [here.velocity(f.dom.claims(c)) for c in plot.claims]
    return holds(plot.times, values, [here.pairing(u, v) for u, v in zip(back, velocities, strict=True)])


def composed_error(errors: Iterable[float], before: Iterable[float], after: Iterable[float]) -> float:
    """A bound on the error of a composite derivative, Σ ‖J_{>i}‖ ε_i ‖J_{<i}‖.

    The ε_i bound the errors δ_i of the derivatives of its boxes, `before` and `after` the norms of the derivatives from
    the inputs to box i and from it to the outputs. It is exact, not only to first order, where `after` is that of the
    claimed derivatives C_i = J_i + δ_i and `before` of the true ones: C_n ⋯ C_1 - J_n ⋯ J_1 = Σ C_{>i} δ_i J_{<i}.

    >>> composed_error([1e-6, 0.0, 1e-6], before=[1.0, 2.0, 6.0], after=[12.0, 4.0, 1.0])
    1.8e-05
    """
    return fsum(a * e * b for e, b, a in zip(errors, before, after, strict=True))


# -- the category ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gluings:
    """The category of glued maps over a base, as what the suite of laws runs against.

    Maps have a way back where `plus(A) : A ⊗ A -> A` and `zero(A) : I -> A` are given, back along copy and discard.
    Then copying is natural only up to their additivity, and `same` decides equality.
    """

    base: Any
    plus: Callable[[Any], Any] | None = None
    zero: Callable[[Any], Any] | None = None
    same: Callable[[Glued, Glued], bool] = Glued.__eq__

    def id(self, dom: Space | None = None) -> Glued:
        """The identity, on the unit by default."""
        dom = Space((), self.base) if dom is None else dom
        return self.wires(dom, range(len(dom)))

    def swap(self, left: Space, right: Space) -> Glued:
        """The symmetry."""
        n, m = len(left), len(right)
        return self.wires(left @ right, (*range(n, n + m), *range(n)))

    def copy(self, dom: Space) -> Glued:
        """Two copies."""
        return self.wires(dom, tuple(range(len(dom))) * 2)

    def discard(self, dom: Space) -> Glued:
        """Nothing."""
        return self.wires(dom, ())

    def wires(self, dom: Space, outputs: Sequence[int]) -> Glued:
        """Any copying, dropping and permuting: output i is input `outputs[i]`; back, the cotangents are added."""
        cod = Space(tuple(dom.inside[i] for i in outputs), self.base)
        at = _places([p.moved for p in dom.inside])
        primal = self.base.wires(dom.value, outputs)
        derivative = self.base.wires(dom.moved, [k for i in outputs for k in at[i]])
        return Glued(primal, derivative, dom, cod, {}, self._added(primal, dom, cod, outputs))

    def _added(self, primal: Any, dom: Space, cod: Space, outputs: Sequence[int]) -> Lens | None:
        if self.plus is None or self.zero is None:
            return None
        at = _places([p.back for p in cod.inside])
        readers = [[j for j, i in enumerate(outputs) if i == k] for k in range(len(dom))]
        back = self.base.wires(cod.pair.back, [n for js in readers for j in js for n in at[j]])
        sums = [self._sum(p.back, len(js)) for p, js in zip(dom.inside, readers, strict=True)]
        return Lens(primal, back.then(self.base.id().tensor(*sums)), dom.pair, cod.pair)

    def _sum(self, ty: Any, n: int) -> Any:
        """The sum of n cotangents, A ⊗ ... ⊗ A -> A."""
        assert self.plus is not None and self.zero is not None
        result = self.base.id(ty) if n else self.zero(ty)
        for _ in range(n - 1):
            result = result.tensor(self.base.id(ty)).then(self.plus(ty))
        return result

    # -- sums, functions, lists --------------------------------------------------------------------

    def sum(self, options: Mapping[Any, Part]) -> Part:
        """Σ A_l: the tag of a cotangent is that of the value."""
        value, moved, back = ({tag: getattr(p, k) for tag, p in options.items()} for k in ("value", "moved", "back"))
        relation = Sum(tuple((tag, p.relation) for tag, p in options.items()))
        return Part(self.base.sum(value), self.base.sum(moved), self.base.sum(back), relation)

    def inject(self, options: Mapping[Any, Part], tag: Any) -> Glued:
        """A_l -> Σ A_l; back, what comes from an absent branch is zero."""
        part, whole = options[tag], self.sum(options)
        primal = self.base.inject({t: p.value for t, p in options.items()}, tag)
        derivative = self.base.inject({t: p.moved for t, p in options.items()}, tag)
        dom, cod = Space((part,), self.base), Space((whole,), self.base)
        if self.zero is None:
            return Glued(primal, derivative, dom, cod)
        absent = {t: self.base.wires(p.back, ()).then(self.zero(part.back)) for t, p in options.items()}
        back = self.base.case({**absent, tag: self.base.id(part.back)})
        put = self.base.wires(dom.value.tensor(whole.back), (1,)).then(back)
        return Glued(primal, derivative, dom, cod, {}, Lens.of(primal, put, dom.pair, cod.pair))

    def case(self, branches: Mapping[Any, Glued]) -> Glued:
        """Σ A_l ⊗ Γ -> B, of a branch A_l ⊗ Γ -> B for each tag."""
        options, (first, *_) = {tag: f.dom.inside[0] for tag, f in branches.items()}, branches.values()
        dom = Space((self.sum(options),), self.base) @ first.dom[1:]
        primal = self.base.case({tag: f.primal for tag, f in branches.items()})
        derivative = self.base.case({tag: f.derivative for tag, f in branches.items()})
        certificate = {box: e for f in branches.values() for box, e in f.certificate.items()}
        ways = {tag: f.reverse for tag, f in branches.items()}
        if any(way is None for way in ways.values()):
            return Glued(primal, derivative, dom, first.cod, certificate)
        backs = {tag: p.back for tag, p in options.items()}
        rest = self.base.id(first.dom[1:].pair.back)
        put = {tag: way.put.then(self.base.inject(backs, tag).tensor(rest)) for tag, way in ways.items() if way}
        back = Lens.of(primal, self.base.case(put), dom.pair, first.cod.pair)
        return Glued(primal, derivative, dom, first.cod, certificate, back)

    def hom(self, source: Part, target: Part, supply: Callable[[Sequence[float]], Iterable[Plot]]) -> Part:
        """A → B, tested on a supply of arguments; functions have no way back."""
        relation = Arrow(source.relation, target.relation, supply)
        value, moved = self.base.hom(source.value, target.value), self.base.hom(source.moved, target.moved)
        return Part(value, moved, self.base.id().dom, relation)

    def evaluate(self, source: Part, target: Part, supply: Callable[[Sequence[float]], Iterable[Plot]]) -> Glued:
        """(A → B) ⊗ A -> B."""
        dom = Space((self.hom(source, target, supply), source), self.base)
        primal = self.base.evaluate(source.value, target.value)
        return Glued(primal, self.base.evaluate(source.moved, target.moved), dom, Space((target,), self.base))

    def curry(self, f: Glued, supply: Callable[[Sequence[float]], Iterable[Plot]]) -> Glued:
        """Γ -> (A → B), of Γ ⊗ A -> B."""
        cod = Space((self.hom(f.dom.inside[-1], f.cod.inside[0], supply),), self.base)
        return Glued(f.primal.curry(), f.derivative.curry(), f.dom[:-1], cod, f.certificate)

    def listed(self, entry: Part) -> Part:
        """[A]."""
        value, moved, back = map(self.base.listed, (entry.value, entry.moved, entry.back))
        return Part(value, moved, back, Lists(entry.relation))

    def fold(self, f: Glued) -> Glued:
        """[A] ⊗ S -> S, of A ⊗ S -> S; its way back would be the fold of the reversed list, with all states."""
        dom = Space((self.listed(f.dom.inside[0]),), self.base) @ f.cod
        return Glued(f.primal.fold(), f.derivative.fold(), dom, f.cod, f.certificate)


def _places(types: Sequence[Any]) -> list[range]:
    """Where each of these types stands in their tensor."""
    found, at = [], 0
    for ty in types:
        found.append(range(at, at + len(ty)))
        at += len(ty)
    return found
