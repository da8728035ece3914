"""Optimizers of optimizers: different ones on different parameters, none on some, and ascent.

The optimizer `by_path` is the tensor of its parts, up to the permutation that sorts the parameters. `frozen` is the
lens with `get(p) = p` and `put(p, q) = p`, also on parameters without a gradient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...categories.errors import CompositionError, ParameterError
from ...categories.lens import Lens, Pair
from ...categories.param import Entry, Path, joined
from ..syntax import Diagram
from .changes import negated
from .optimizer import Cell, Optimizer, chain, changes, pair, weights

__all__ = ["ascending", "by_path", "frozen"]

Parts = tuple[tuple[Path, Optimizer], ...]


def ascending(optimizer: Optimizer) -> Optimizer:
    """The optimizer that takes the change with the other sign: it ascends where the rate cap descends, as in games."""
    return chain(negated(), optimizer)


def frozen() -> Optimizer:
    """The optimizer that leaves its parameters as they are; the only one that fits parameters without a gradient."""
    return Optimizer("frozen", False, _frozen)


def _frozen(name: str, entries: Sequence[Entry]) -> Cell:
    weight, moving = weights(entries), changes(entries)
    put = Diagram.wires(weight.tensor(*moving), range(len(weight)))
    return Cell(Lens.of(Diagram.id(weight), put, pair(weight), pair(weight, moving)), (), Diagram.discard(weight))


def by_path(parts: Mapping[str, Optimizer]) -> Optimizer:
    """Different optimizers on different parameters, by the beginning of their paths; the longest wins, "" is the rest.

    Raises `CompositionError` for a part that takes no step; its `cell` raises `ParameterError` for an entry that
    matches no parameter and for a parameter that no entry matches.

    >>> from paralens.diagrams.optimizers import adam, sgd
    >>> by_path({"embed": sgd(0.1), "": frozen()})
    by_path({'embed': sgd(0.1), '': frozen()})
    """
    for key, part in parts.items():
        if not isinstance(part, Optimizer) or not part.takes_step:
            raise CompositionError(f"by_path: {key!r} is {part!r}, expected an optimizer that takes a step")
    found: Parts = tuple((tuple(key.split("/")) if key else (), part) for key, part in parts.items())
    scaled = any(part.scaled for part in parts.values())
    return Optimizer("by_path", scaled, _parted, (("parts", found),), True, f"by_path({dict(parts)})")


def _parted(name: str, entries: Sequence[Entry], parts: Parts) -> Cell:
    groups = _groups([path for path, _ in entries], [path for path, _ in parts])
    cells = [part.build([entries[i] for i in group]) for (_, part), group in zip(parts, groups, strict=True)]
    whole = Lens.id(pair(weights(()))).tensor(*[cell.lens for cell in cells])
    sorted_ = [i for group in groups for i in group]
    lens = _states_first(cells, sorted_) >> whole
    place = {i: k for k, i in enumerate(sorted_)}
    lens = lens >> Lens.wires(lens.cod, [place[i] for i in range(len(entries))])
    starts = Diagram.id().tensor(*[cell.start for cell in cells])
    start = Diagram.wires(weights(entries), sorted_) >> starts
    return Cell(lens, joined([cell.state for cell in cells]), start)  # type: ignore[arg-type]


def _groups(paths: Sequence[Path], starts: Sequence[Path]) -> list[list[int]]:
    """For each beginning the numbers of the paths whose longest one it is."""
    groups: list[list[int]] = [[] for _ in starts]
    stray = []
    for i, path in enumerate(paths):
        found = [k for k, start in enumerate(starts) if path[: len(start)] == start]
        if found:
            groups[max(found, key=lambda k: len(starts[k]))].append(i)
        else:
            stray.append("/".join(path))
    wrong = [f'no entry for {", ".join(stray)}: add one, or "" for the rest'] if stray else []
    empty = [repr("/".join(start)) for start, group in zip(starts, groups, strict=True) if not group]
    if empty:
        known = ", ".join("/".join(path) for path in paths) or "none"
        wrong.append(f"no parameter is left for {', '.join(empty)}; there are {known}")
    if wrong:
        raise ParameterError(f"by_path: {'; '.join(wrong)}")
    return groups


def _states_first(cells: Sequence[Cell], order: Sequence[int]) -> Lens:
    """The permutation from all states, then P in its own order, to state and parameters of each cell in turn."""
    states: list[tuple] = []
    reads: list[int] = []
    at, n_states = 0, sum(len(cell.state) for cell in cells)
    parameters: dict[int, tuple] = {}
    for cell in cells:
        inside = cell.lens.dom.inside
        group = order[len(parameters) : len(parameters) + len(inside) - len(cell.state)]
        reads += [*range(at, at + len(cell.state)), *(n_states + i for i in group)]
        states += inside[: len(cell.state)]
        parameters |= zip(group, inside[len(cell.state) :], strict=True)
        at += len(cell.state)
    dom = Pair.joined((*states, *(parameters[i] for i in range(len(order)))), Diagram)
    return Lens.wires(dom, reads)
