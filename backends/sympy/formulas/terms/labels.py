"""What boxes without a formula are called: by their names, and by what tells them apart.

Two boxes of one name are two functions where their static parameters or their definitions differ. What is short is
written with the arguments, `cumsum(x, reverse=True)`; otherwise the functions of one name are numbered, `scan_1` and
`scan_2`. Where nothing differs the name is enough, but for axes and for what reverses the usual meaning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .....diagrams.box import Box
from .....diagrams.params import LazyDiagram
from ..names import Names, identifier

__all__ = ["FLAGS", "Labels"]

AXES = ("axis", "axes", "dimension")
FLAGS = ("reverse", "lower", "transpose_a", "conjugate_a", "unit_diagonal", "symmetrize_input")
LONG = 32  # letters up to which parameters are written out
PLAIN = (bool, int, float, str, tuple)


class Labels:
    """The label of each box among some; numbered names are taken from `names`."""

    def __init__(self, boxes: Iterable[Box], names: Names) -> None:
        self.names = names
        self.kinds: dict[Any, dict[Any, Box]] = {}
        self.numbered: dict[Any, str] = {}
        for box in boxes:
            self.kinds.setdefault(_family(box), {})[_kind(box)] = box

    def __call__(self, box: Box) -> str:
        """The name, with the parameters in square brackets that are to be written, or with a number."""
        family, kind = _family(box), _kind(box)
        others = list(self.kinds.get(family, {kind: box}).values())
        if len(others) < 2:
            return _written(box, _usual(box))
        differing = [k for k, v in box.params.items() if any(b.params.get(k) != v for b in others)]
        for full in (False, True):
            labels = {_kind(b): _written(b, _usual(b) | _short(b, differing, full)) for b in others}
            if len(set(labels.values())) == len(others) and len(labels[kind]) <= len(box.name) + LONG:
                return labels[kind]
        if (family, kind) not in self.numbered:
            self.numbered[family, kind] = self.names.fresh(identifier(box.name), start=1)
        return self.numbered[family, kind]


def _family(box: Box) -> Any:
    """Boxes that one could take for each other: of one name, and with a definition of one type too."""
    return (box.name, box.dom, box.cod) if box.definition is not None else box.name


def _kind(box: Box) -> Any:
    """What tells boxes of one name apart."""
    made = tuple(sorted((k, v) for k, v in box.params.items() if not isinstance(v, LazyDiagram)))
    return (made, None if box.definition is None else box.content)


def _usual(box: Box) -> dict[str, str]:
    """The parameters that are written anyway: axes, where there are several, and flags that are up."""
    flat = all(len(w.shape) < 2 for w in box.dom.inside)
    found = {k: str(v) for k, v in box.params.items() if k in AXES and v is not None and not flat}
    return found | {k: str(v) for k, v in box.params.items() if k in FLAGS and v is True}


def _short(box: Box, keys: Iterable[str], full: bool) -> dict[str, str]:
    """These parameters, where they are short; those that are off or absent only in full."""
    found = {k: box.params.get(k) for k in keys}
    wanted = {k: v for k, v in found.items() if isinstance(v, PLAIN) and (full or v not in (False, ()))}
    return {k: str(v) for k, v in wanted.items()}


def _written(box: Box, shown: dict[str, str]) -> str:
    return box.name + (f"[{', '.join(f'{k}={v}' for k, v in shown.items())}]" if shown else "")
