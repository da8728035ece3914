"""Parameters in bundles: those that go to the same items come down together, under one label.

An *array* is one named parameter; the number of *parameters* is the number of entries of arrays.

>>> w, b = (Given(("dense", name), R(2).wire, ("dense", name)) for name in "wb")
>>> made, _ = bundles_of({0: w, 1: b}, [[0, 1]])
>>> made[0].head, made[0].detail
('dense', '2 arrays, 4 parameters')
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..types import Wire
from .style import clipped, count, measure, type_text

__all__ = ["DETAIL", "HEAD", "Bundle", "Given", "bundles_of", "said_of"]

HEAD, DETAIL = 11.0, 10.0  # font sizes of the two lines of a label

FEW = 8  # with more bundles than these, or inside of boxes, labels are terse


@dataclass(frozen=True)
class Given:
    """An input that is a parameter: its path, its wire, and how it comes in.

    In an open box `path` is what the labels around it have left unsaid of the `full` path, and `around` is the
    bundle that it comes in with.
    """

    path: tuple[str, ...]
    wire: Wire
    full: tuple[str, ...]
    around: Bundle | None = None

    def inside(self, bundle: Bundle) -> Given:
        """The parameter on its way into an open box, with a bundle."""
        return replace(self, path=self.path[min(bundle.said, len(self.path) - 1) :], around=bundle)


@dataclass(frozen=True)
class Bundle:
    """Parameters that go to the same items: how many arrays, a label of two lines, and where they come from.

    `number` is its place among the bundles of the scene. `source` is the number of the bundle around the scene, or
    a negative number for one that several rows share. `name` is what the label here, or one around the scene, says,
    and `said` how many parts of the paths that is. `kind` is "residual" for data that come in from above like
    parameters.
    """

    number: int
    size: int
    head: str
    detail: str
    readers: tuple[int, ...]
    source: int | None
    name: str
    said: int
    tip: str
    kind: str = "parameter"

    @property
    def several(self) -> bool:
        """Whether it is more than one array."""
        return self.size > 1

    @property
    def room(self) -> float:
        """The width of the label."""
        return max(measure(self.head, HEAD), measure(self.detail, DETAIL)) + 14 if self.head else 0.0


def bundles_of(
    given: Mapping[int, Given], reads: Sequence[Sequence[int]], apart: Collection[int] = ()
) -> tuple[tuple[Bundle, ...], dict[tuple[int, int], Bundle]]:
    """The parameters `given` as wires, grouped by the items that read them; and for each item and wire its bundle.

    Those that items in `apart` read make no bundles.
    """
    readers: dict[int, list[int]] = {w: [] for w in given}
    for k, wires in enumerate(reads):
        for w in dict.fromkeys(wires):
            if w in given:
                readers[w].append(k)
    groups: dict[tuple[int | None, tuple[int, ...], int], list[int]] = {}
    for w, items in readers.items():
        around = given[w].around
        alone = w if any(k in apart for k in items) else -1
        groups.setdefault((around and around.number, tuple(items), alone), []).append(w)
    bundles, entering = [], {}
    for (_, items, _), members in groups.items():
        made = _bundle(len(bundles), [given[w] for w in members], items, terse=len(groups) > FEW)
        entering.update({(k, w): made for w in members for k in items})
        bundles.append(made)
    return tuple(bundles), entering


def said_of(paths: Sequence[Sequence[str]]) -> int:
    """How many parts these paths have in common at their start."""
    return next((i for i, parts in enumerate(zip(*paths, strict=False)) if len(set(parts)) > 1), min(map(len, paths)))


def _bundle(number: int, members: Sequence[Given], items: tuple[int, ...], *, terse: bool) -> Bundle:
    paths, around, n = [g.path for g in members], members[0].around, len(members)
    said = said_of(paths)
    detail = clipped(type_text(members[0].wire))
    if n > 1:
        total = count(sum(g.wire.size for g in members))
        detail = f"{n} arrays, {total}" + ("" if terse or around else " parameters")
    name = "/".join(paths[0][:said]) or ", ".join("/".join(p) for p in paths)
    head = clipped(name) if paths[0][:said] or len(name) <= 24 else f"{clipped('/'.join(paths[0]))}, …"
    if around is not None and around.size == n and f"/{around.name}".endswith(f"/{name}"):
        head = detail = ""  # the label around the scene says it already
    tip = ", ".join(f"{'/'.join(g.full)} : {type_text(g.wire)}" for g in members[:8]) + (", ..." if n > 8 else "")
    return Bundle(number, n, head, detail, items, around and around.number, name, said, tip)
