"""Laws as data: a named equation between two composites, with the maps that it quantifies over.

A law lists its variables, maps as `"f: A > B"` and objects as `"A"`, and gives both sides for a
category C and values of the variables. Tests and users call the same list: draw values, compare.

>>> law = next(l for l in CARTESIAN if l.name == "copy is natural")
>>> f = Box("f", R(2), R(3))
>>> law.holds(Diagram, f)
True

Sources: S. Mac Lane, "Categories for the Working Mathematician", VII.1 and XI.1; T. Fox, "Coalgebras
and cartesian categories" (1976) for the comonoids; Cruttwell et al. (2022), section 2, for Para.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .para import Para

__all__ = ["CARTESIAN", "COMONOID", "MONOIDAL", "NATURAL", "PARA", "SYMMETRIC", "Law"]


@dataclass(frozen=True)
class Law:
    """An equation: `sides(C, *values)` gives its left and right side."""

    name: str
    statement: str
    variables: tuple[str, ...]
    sides: Callable[..., tuple[Any, Any]]

    def holds(self, category: Any, *values: Any) -> bool:
        """Whether both sides are equal for these values of the variables, by `category.same` if there is one."""
        left, right = self.sides(category, *values)
        same = getattr(category, "same", None)
        return bool(left == right if same is None else same(left, right))


MONOIDAL = (
    Law(
        "composition is associative",
        "(f ; g) ; h = f ; (g ; h)",
        ("f: A > B", "g: B > C", "h: C > D"),
        lambda C, f, g, h: (f.then(g).then(h), f.then(g.then(h))),
    ),
    Law(
        "identities are units of composition",
        "id ; f = f = f ; id",
        ("f: A > B",),
        lambda C, f: (C.id(f.dom).then(f), f.then(C.id(f.cod))),
    ),
    Law(
        "the tensor is associative",
        "(f @ g) @ h = f @ (g @ h)",
        ("f: A > B", "g: C > D", "h: E > F"),
        lambda C, f, g, h: (f.tensor(g).tensor(h), f.tensor(g.tensor(h))),
    ),
    Law(
        "the empty identity is the unit of the tensor",
        "id(I) @ f = f @ id(I)",
        ("f: A > B",),
        lambda C, f: (C.id().tensor(f), f.tensor(C.id())),
    ),
    Law(
        "interchange",
        "(f @ g) ; (h @ k) = (f ; h) @ (g ; k)",
        ("f: A > B", "h: B > C", "g: D > E", "k: E > F"),
        lambda C, f, h, g, k: (f.tensor(g).then(h.tensor(k)), f.then(h).tensor(g.then(k))),
    ),
    Law(
        "the tensor preserves identities",
        "id(A) @ id(B) = id(A @ B)",
        ("A", "B"),
        lambda C, a, b: (C.id(a).tensor(C.id(b)), C.id(a @ b)),
    ),
)

SYMMETRIC = (
    Law(
        "swapping twice is the identity",
        "swap(A, B) ; swap(B, A) = id",
        ("A", "B"),
        lambda C, a, b: (C.swap(a, b).then(C.swap(b, a)), C.id(a @ b)),
    ),
    Law(
        "the swap is natural",
        "(f @ g) ; swap = swap ; (g @ f)",
        ("f: A > B", "g: C > D"),
        lambda C, f, g: (f.tensor(g).then(C.swap(f.cod, g.cod)), C.swap(f.dom, g.dom).then(g.tensor(f))),
    ),
    Law(
        "the hexagon",
        "swap(A, B @ C) = (swap(A, B) @ C) ; (B @ swap(A, C))",
        ("A", "B", "C"),
        lambda C, a, b, c: (
            C.swap(a, b @ c),
            C.swap(a, b).tensor(C.id(c)).then(C.id(b).tensor(C.swap(a, c))),
        ),
    ),
)

COMONOID = (
    Law(
        "copy is coassociative",
        "copy ; (copy @ id) = copy ; (id @ copy)",
        ("A",),
        lambda C, a: (
            C.copy(a).then(C.copy(a).tensor(C.id(a))),
            C.copy(a).then(C.id(a).tensor(C.copy(a))),
        ),
    ),
    Law(
        "discard is the counit of copy",
        "copy ; (discard @ id) = id",
        ("A",),
        lambda C, a: (C.copy(a).then(C.discard(a).tensor(C.id(a))), C.id(a)),
    ),
    Law(
        "copy is cocommutative",
        "copy ; swap = copy",
        ("A",),
        lambda C, a: (C.copy(a).then(C.swap(a, a)), C.copy(a)),
    ),
    Law(
        "copying a pair is copying both",
        "copy(A @ B) = (copy(A) @ copy(B)) ; (A @ swap @ B)",
        ("A", "B"),
        lambda C, a, b: (
            C.copy(a @ b),
            C.copy(a).tensor(C.copy(b)).then(C.id(a).tensor(C.swap(a, b), C.id(b))),
        ),
    ),
)

NATURAL = (
    Law(
        "copy is natural",
        "f ; copy = copy ; (f @ f)",
        ("f: A > B",),
        lambda C, f: (f.then(C.copy(f.cod)), C.copy(f.dom).then(f.tensor(f))),
    ),
    Law(
        "discard is natural",
        "f ; discard = discard",
        ("f: A > B",),
        lambda C, f: (f.then(C.discard(f.cod)), C.discard(f.dom)),
    ),
)

CARTESIAN = COMONOID + NATURAL


def _middle(C: Any, p: Para, q: Para, r: Para, s: Para) -> Any:
    """The 2-cell `P ⊗ Q ⊗ R ⊗ S -> P ⊗ R ⊗ Q ⊗ S` that interchange holds up to."""
    return C.id(p.weight).tensor(C.swap(q.weight, r.weight), C.id(s.weight))


def _interchange(C: Any, f: Para, h: Para, g: Para, k: Para) -> tuple[Any, Any]:
    """Left the parameters of f, g, h, k, right those of f, h, g, k: equal after the swap of the middle ones."""
    left, right = f.tensor(g).then(h.tensor(k)), f.then(h).tensor(g.then(k))
    return left, right.reparam(_middle(C, f, g, h, k), left.entries)


PARA = (
    Law(
        "composition in Para is strictly associative",
        "(f ; g) ; h = f ; (g ; h)",
        ("f: A > B", "g: B > C", "h: C > D"),
        lambda C, f, g, h: (f.then(g).then(h), f.then(g.then(h))),
    ),
    Law(
        "identities are strict units in Para",
        "id ; f = f = f ; id",
        ("f: A > B",),
        lambda C, f: (Para(C.id(f.dom)).then(f), f.then(Para(C.id(f.cod)))),
    ),
    Law(
        "the tensor of Para is strictly associative",
        "(f @ g) @ h = f @ (g @ h)",
        ("f: A > B", "g: C > D", "h: E > F"),
        lambda C, f, g, h: (f.tensor(g).tensor(h), f.tensor(g.tensor(h))),
    ),
    Law(
        "interchange holds up to the swap of the middle parameters",
        "(f @ g) ; (h @ k) = ((f ; h) @ (g ; k)) reparam (P @ swap @ S)",
        ("f: A > B", "h: B > C", "g: D > E", "k: E > F"),
        _interchange,
    ),
)
