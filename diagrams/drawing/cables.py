"""Wires of data: which run side by side as one thick line, and which carry cotangents or residuals.

A *cable* is a run of wires from one closed box, or the left edge, to one closed box, or the right edge, in the same
order at both ends and with nothing else on the way.

A *cotangent* comes out of a backward box `R[f]`, and out of sums and other primitives of such cotangents. A *residual*
is what only such boxes read of all the rest.

>>> from paralens.diagrams.drawing.scene import Inside, scene_of
>>> f, g = Box("f", R(2), R(2) ** 4), Box("g", R(2) ** 4, R(2))
>>> gathered(scene_of(Inside((f >> g).graph), (None,))).types[1]
'4 arrays'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from .bundles import said_of
from .scene import Item, Scene

__all__ = ["Backward", "backward_of", "gathered", "tinted"]

MANY, EDGE = 4, 6  # wires of a cable; those at an edge without a name show their types there, if they are few
OUT = -1  # the right edge as a reader
CARRIERS = {"derivative", "open derivative", "symbol", "primitive"}  # make cotangents of cotangents


# -- cables --------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """Where a wire goes: its reader, how much farther down its port is there than here, and how it is named."""

    reader: int
    shift: int
    name: str


def gathered(scene: Scene, *, root: bool = True) -> Scene:
    """The scene with its cables as one wire each, those inside of open items too."""
    items = [i if i.inside is None else replace(i, inside=gathered(i.inside, root=False)) for i in scene.items]
    scene = replace(scene, items=tuple(items))
    starts = [item.writes for item in items if item.inside is None] + ([scene.inputs] if root else [])
    ways = _ways(scene, root)
    runs = [run for wires in starts for run in _runs(wires, ways, edge=wires is scene.inputs)]
    gone = {w for _, *more in runs for w in more}
    types, names = dict(scene.types), dict(scene.names)
    for run in runs:
        paths = [names[w] for w in run if w in names]
        if paths:
            names[run[0]] = paths[0][: said_of(paths)]
        types[run[0]] = f"{len(run)} arrays"

    def kept(wires: Iterable[Any]) -> tuple[Any, ...]:
        return tuple([w for w in wires if w not in gone])

    return replace(
        scene,
        types=types,
        names=names,
        cables={run[0]: tuple([scene.types[w] for w in run]) for run in runs},
        items=tuple([replace(i, reads=kept(i.reads), writes=kept(i.writes)) for i in items]),
        inputs=kept(scene.inputs),
        outputs=kept(scene.outputs),
    )


def _ways(scene: Scene, root: bool) -> dict[int, _Way]:
    """The ways of the wires that one closed item, or the right edge, reads once; `shift` is still the port there."""
    found: dict[int, list[_Way]] = {}
    sides = [(k, item.reads) for k, item in enumerate(scene.items)] + [(OUT, scene.outputs)]
    for reader, wires in sides:
        hidden = not root if reader == OUT else scene.items[reader].inside is not None
        for port, w in enumerate(wires):
            if isinstance(w, int):
                name = scene.names.get(w, ("",))[0] if reader == OUT else ""
                # one that is not to be gathered goes a second way
                found.setdefault(w, []).extend([_Way(reader, port, name)] * (1 + hidden))
    return {w: ways[0] for w, ways in found.items() if len(ways) == 1}


def _runs(wires: Sequence[int], ways: Mapping[int, _Way], *, edge: bool) -> list[list[int]]:
    """The cables among wires that start together."""
    shifted = [(ways[w]._replace(shift=ways[w].shift - n) if w in ways else None) for n, w in enumerate(wires)]
    found = []
    for way, run in groupby(zip(shifted, wires, strict=True), lambda pair: pair[0]):
        if way is None or (edge and way.reader == OUT):
            continue
        members = [w for _, w in run]
        if len(members) >= (EDGE if (edge or way.reader == OUT) and not way.name else MANY):
            found.append(members)
    return found


# -- cotangents and residuals --------------------------------------------------------------------


class Backward(NamedTuple):
    """The backward pass of a scene: its items, the inputs that only it reads, and each one's forward item if any."""

    items: frozenset[int]
    inputs: frozenset[int]
    partner: Mapping[int, int]


def backward_of(scene: Scene) -> Backward:
    """The items that depend on a backward box, or on a cotangent: an input that no forward item depends on.

    There are no partners, and no cotangents known, where some f comes after R[f], such as in two steps of learning.
    """
    found = _after(scene, {k for k, item in enumerate(scene.items) if item.back}, frozenset())
    partner = _partners(scene, found)
    again = {_base(scene.items[k].name) for k in found} & {_base(i.of) for i in scene.items if i.back}
    if again or not partner:
        return Backward(found, frozenset(), {})
    core, wires = set(partner.values()), set()
    for k in reversed(range(len(scene.items))):
        if k in core or (k not in found and not wires.isdisjoint(scene.items[k].writes)):
            core.add(k)
            wires.update(scene.items[k].reads)
    last = max([n for n, w in enumerate(scene.inputs) if w in wires], default=-1)
    read = {w for item in scene.items for w in item.reads}
    direct = {w for item in scene.items if item.look in CARRIERS for w in item.reads}
    inputs = frozenset([
        w for n, w in enumerate(scene.inputs) if w not in wires and (w in direct or (w not in read and n > last))
    ])  # fmt: skip
    items = _after(scene, found, inputs)
    ahead = {w for k, item in enumerate(scene.items) if k not in items for w in item.reads}.union(scene.outputs)
    alone = [  # such as the zeros at which a sum of cotangents starts
        k for k, item in enumerate(scene.items) if not item.wires and not item.bundles and ahead.isdisjoint(item.writes)
    ]
    return Backward(items.union(alone), inputs, partner)


def _after(scene: Scene, items: Iterable[int], inputs: Iterable[int]) -> frozenset[int]:
    """These items and all that depend on them or on these inputs."""
    found, wires = set(items), set(inputs)
    for k, item in enumerate(scene.items):
        if k in found or not wires.isdisjoint(item.reads):
            found.add(k)
            wires.update(item.writes)
    return frozenset(found)


def _partners(scene: Scene, back: frozenset[int]) -> dict[int, int]:
    """For backward boxes R[f] the item f, the one with which it shares most: what f keeps for it, inputs, parameters.

    Among equals the last f goes to the first R[f].
    """
    pairs = []
    for k in back:
        item = scene.items[k]
        for f, other in enumerate(scene.items):
            if f in back or not item.back or _base(other.name) != _base(item.of):
                continue
            sides = ((other.writes, item.reads, 2), (other.reads, item.reads, 1), (other.bundles, item.bundles, 1))
            shared = sum(weight * len(set(a) & set(b)) for a, b, weight in sides)
            pairs.append((-shared, k, -f))
    found: dict[int, int] = {}
    for _, k, f in sorted(pairs):
        if k not in found and -f not in found.values():
            found[k] = -f
    return found


def _base(name: str) -> str:
    """The name without the number that tells it from others: relu for relu_2."""
    start, _, number = name.rpartition("_")
    return start if start and number.isdigit() else name


def tinted(scene: Scene, known: Mapping[int, str] | None = None, *, back: bool = False) -> Scene:
    """The scene with the `kinds` of its wires that are cotangents or residuals.

    Those of its inputs may be known. Inside of a backward box all that is no cotangent is made of residuals.
    """
    whole = backward_of(scene)
    kinds = dict.fromkeys(whole.inputs, "cotangent") if known is None else dict(known)
    readers: dict[int, list[Item]] = {}

    def carries(item: Item) -> bool:
        return item.look in CARRIERS and (item.back or any(kinds.get(w) == "cotangent" for w in item.wires))

    for item in scene.items:
        if carries(item):
            kinds.update(dict.fromkeys(item.writes, "cotangent"))
        for w in item.wires:
            readers.setdefault(w, []).append(item)
    for k, item in enumerate(scene.items):
        for w in item.writes if back or k not in whole.items else ():
            only = w in readers and w not in scene.outputs and all(map(carries, readers[w]))
            if w not in kinds and (back or only):
                kinds[w] = "residual"
    items = []
    for item in scene.items:
        if item.inside is not None:
            outer = {w: kinds[v] for w, v in zip(item.inside.inputs, item.reads, strict=True) if v in kinds}
            item = replace(item, inside=tinted(item.inside, outer, back=back or item.back))
        items.append(item)
    return replace(scene, items=tuple(items), kinds=kinds)
