"""Reverse derivative categories, and the suite of laws of a category.

A cartesian reverse differential category (R. Cockett, G. Cruttwell, J. Gallagher, J. Lemay, B. MacAdam, G. Plotkin,
D. Pronk, "Reverse derivative categories", 2020) is a cartesian category whose homs are commutative monoids, with an
operation

    f : A -> B                R[f] : A ⊗ B -> A

Data, beside that of a cartesian category: `plus(A) : A ⊗ A -> A`, `zero(A) : I -> A`, `reverse(f)`. Laws: RD.1 to
RD.7 below, as named equations. The forward derivative is derived from it: D[f](a, v) is the second part of
R[R[f]]((a, 0), v). RD.3 and RD.5 say that f -> (f, R[f]) is a functor to lenses.

`laws(C)` are the equations that a category must obey, by what it offers: any instance runs against them. Equality is
that of the maps, or `C.same(left, right)` where a category has an equality of its own, such as by numbers.

>>> [law.name for law in REVERSE][:2]
['RD.1 the reverse derivative is additive', 'RD.1 the derivative of zero is zero']
"""

from __future__ import annotations

from typing import Any

from .laws import COMONOID, MONOIDAL, NATURAL, SYMMETRIC, Law

__all__ = ["REVERSE", "laws"]


def _sum(C: Any, f: Any, g: Any) -> Any:
    """f + g : A -> B, the sum in the monoid of maps."""
    return C.copy(f.dom).then(f.tensor(g)).then(C.plus(f.cod))


def _none(C: Any, a: Any, b: Any) -> Any:
    """The zero map A -> B."""
    return C.discard(a).then(C.zero(b))


def _at(C: Any, f: Any, *parts: Any) -> Any:
    """f after the maps `parts` side by side."""
    first, *rest = parts
    return first.tensor(*rest).then(f)


def _rd1(C: Any, f: Any, g: Any) -> tuple[Any, Any]:
    return C.reverse(_sum(C, f, g)), _sum(C, C.reverse(f), C.reverse(g))


def _rd1_zero(C: Any, a: Any, b: Any) -> tuple[Any, Any]:
    return C.reverse(_none(C, a, b)), _none(C, a @ b, a)


def _rd2(C: Any, f: Any) -> tuple[Any, Any]:
    """On A ⊗ B ⊗ B: R[f](a, b + b2) = R[f](a, b) + R[f](a, b2)."""
    a, b, r = f.dom, f.cod, C.reverse(f)
    left = _at(C, r, C.id(a), C.plus(b))
    spread = C.copy(a).tensor(C.id(b @ b)).then(C.id(a).tensor(C.swap(a, b), C.id(b)))
    return left, spread.then(r.tensor(r)).then(C.plus(a))


def _rd2_zero(C: Any, f: Any) -> tuple[Any, Any]:
    return _at(C, C.reverse(f), C.id(f.dom), C.zero(f.cod)), _none(C, f.dom, f.dom)


def _rd3(C: Any, a: Any) -> tuple[Any, Any]:
    return C.reverse(C.id(a)), C.discard(a).tensor(C.id(a))


def _rd3_projection(C: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The projection A ⊗ B -> A puts its cotangent into the slot of A, and zero into that of B."""
    projection = C.id(a).tensor(C.discard(b))
    return C.reverse(projection), C.discard(a @ b).tensor(C.id(a), C.zero(b))


def _rd4(C: Any, f: Any, g: Any) -> tuple[Any, Any]:
    """R[<f, g>](a, (b, c)) = R[f](a, b) + R[g](a, c)."""
    a, b, c = f.dom, f.cod, g.cod
    pair = C.copy(a).then(f.tensor(g))
    spread = C.copy(a).tensor(C.id(b @ c)).then(C.id(a).tensor(C.swap(a, b), C.id(c)))
    return C.reverse(pair), spread.then(C.reverse(f).tensor(C.reverse(g))).then(C.plus(a))


def _rd4_discard(C: Any, a: Any) -> tuple[Any, Any]:
    return C.reverse(C.discard(a)), _none(C, a, a)


def _rd5(C: Any, f: Any, g: Any) -> tuple[Any, Any]:
    """R[f ; g](a, c) = R[f](a, R[g](f a, c))."""
    a, c = f.dom, g.cod
    inner = f.tensor(C.id(c)).then(C.reverse(g))
    return C.reverse(f.then(g)), C.copy(a).tensor(C.id(c)).then(C.id(a).tensor(inner)).then(C.reverse(f))


def _part(C: Any, f: Any, before: Any, kept: Any, after: Any) -> Any:
    """The middle part of a map into before ⊗ kept ⊗ after."""
    return f.then(C.discard(before).tensor(C.id(kept), C.discard(after)))


def _rd6(C: Any, f: Any) -> tuple[Any, Any]:
    """The third part of R[R[R[f]]](((a, b), 0), (0, b2)) is R[f](a, b2): the derivative is linear in the cotangent."""
    a, b, unit = f.dom, f.cod, f.dom[:0]
    thrice = C.reverse(C.reverse(C.reverse(f)))
    inputs = C.id(a @ b).tensor(C.zero(a), C.zero(a), C.id(b))
    left = _part(C, inputs.then(thrice), a @ b, a, unit)
    return left, C.id(a).tensor(C.discard(b), C.id(b)).then(C.reverse(f))


def derived(C: Any, f: Any) -> Any:
    """The forward derivative D[f] : A ⊗ A -> B that the reverse derivative gives."""
    a, b, unit = f.dom, f.cod, f.dom[:0]
    twice = C.id(a).tensor(C.zero(b), C.id(a)).then(C.reverse(C.reverse(f)))
    return _part(C, twice, a, b, unit)


def _rd7(C: Any, f: Any) -> tuple[Any, Any]:
    """D[D[f]]((a, b), (c, d)) = D[D[f]]((a, c), (b, d)): second derivatives are symmetric."""
    a, twice = f.dom, derived(C, derived(C, f))
    return twice, C.id(a).tensor(C.swap(a, a), C.id(a)).then(twice)


def _forward(C: Any, f: Any) -> tuple[Any, Any]:
    """The tangent that `forward` gives is the one that the reverse derivative gives."""
    return C.tangent(f), derived(C, f)


REVERSE = (
    Law("RD.1 the reverse derivative is additive", "R[f + g] = R[f] + R[g]", ("f: A > B", "g: A > B"), _rd1),
    Law("RD.1 the derivative of zero is zero", "R[0] = 0", ("A", "B"), _rd1_zero),
    Law("RD.2 it is additive in the cotangent", "R[f](a, b + b2) = R[f](a, b) + R[f](a, b2)", ("f: A > B",), _rd2),
    Law("RD.2 it sends the cotangent zero to zero", "R[f](a, 0) = 0", ("f: A > B",), _rd2_zero),
    Law("RD.3 of the identity it is the cotangent", "R[id](a, b) = b", ("A",), _rd3),
    Law("RD.3 of a projection it injects", "R[p](a, b, c) = (c, 0)", ("A", "B"), _rd3_projection),
    Law(
        "RD.4 of a pair it is the sum",
        "R[<f, g>](a, (b, c)) = R[f](a, b) + R[g](a, c)",
        ("f: A > B", "g: A > C"),
        _rd4,
    ),
    Law("RD.4 of discard it is zero", "R[!] = 0", ("A",), _rd4_discard),
    Law("RD.5 the chain rule", "R[f ; g](a, c) = R[f](a, R[g](f a, c))", ("f: A > B", "g: B > C"), _rd5),
    Law("RD.6 it is linear in the cotangent", "R[R[R[f]]](a, b, 0, 0, b2) = R[f](a, b2)", ("f: A > B",), _rd6),
    Law("RD.7 second derivatives are symmetric", "D[D[f]](a, b, c, d) = D[D[f]](a, c, b, d)", ("f: A > B",), _rd7),
)
FORWARD = (Law("forward and reverse are tied", "D[f](a, v) = R[R[f]]((a, 0), v)", ("f: A > B",), _forward),)


def laws(category: Any) -> tuple[Law, ...]:
    """The laws that a category must obey, by what it offers: `swap`, `copy`, `reverse`, `tangent`.

    A category whose copy and discard are not natural, such as that of all lenses, says `cartesian = False`.
    """
    found = MONOIDAL
    if hasattr(category, "swap"):
        found += SYMMETRIC
    if hasattr(category, "copy"):
        found += COMONOID + (NATURAL if getattr(category, "cartesian", True) else ())
    if hasattr(category, "reverse"):
        found += REVERSE
    if hasattr(category, "tangent"):
        found += FORWARD
    return found
