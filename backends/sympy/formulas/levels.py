"""`symbolic`: the functor from diagrams to formulas of sympy, at three levels.

    entries    every array an array of symbols: exact, for small shapes
    arrays     matrices and indexed sums: a layer's gradient reads as W.T*(W*x + b - y)
    listing    one named line a box: for diagrams too large for a formula

It is strict: it preserves composition, since the formulas of `f >> g` are those of g at the formulas of f. All levels
are over the real numbers, without rounding; 0.1 is 1/10.

>>> f = from_jax(lambda W, x, b, y: 0.5 * jnp.sum((W @ x + b - y) ** 2), R(3, 4), R(4), R(3), R(3))
>>> symbolic(f, names=("W", "x", "b", "y")).diff("x").expr
W.T*(W*x + b - y)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ....categories.errors import InputError, PathError
from ....categories.para import Para
from ....diagrams.surgery.opening import box_at
from ....diagrams.syntax import Diagram, require
from ....functors.rewriting import RULES, simplify
from .array_level import ArrayFormulas
from .entry_level import EntryFormulas
from .listing import Listing
from .names import Variable, variables
from .result import Symbolic
from .walk import course

__all__ = ["reading", "symbolic"]

LEVELS: dict[str, Any] = {"entries": EntryFormulas, "arrays": ArrayFormulas, "listing": Listing}


def symbolic(
    d: Diagram | Para,
    level: str = "arrays",
    *,
    names: Sequence[str] | None = None,
    close: Collection[str] = (),
    at: str | None = None,
    depth: int | None = None,
    outputs: Sequence[str] | None = None,
    shapes: str = "numbers",
) -> Symbolic:
    """The formulas of a diagram or a model.

    `names` are those of the data (or of all inputs), `outputs` those of the outputs (y_0, y_1, ... without); parameters
    are named by their paths. Boxes are opened, but for those whose names or paths are in `close`, and those deeper than
    `depth`, which stay named functions (a listing has depth 0 by default). `at` is the path of a box to read instead of
    the whole. With `shapes="symbolic"` the numbers of index values are written n, m, ..., equal ones alike.

    Raises `InputError` for a level that there is not or a wrong number of names, `PathError` for a path that names
    nothing.

    >>> symbolic(from_jax(lambda x: jnp.tanh(x) * 0.1, R(3))).expr
    tanh(x)/10
    """
    require(d, "symbolic")
    if level not in LEVELS:
        raise InputError(f"there is no level {level!r}: choose one of {', '.join(LEVELS)}")
    if shapes not in ("numbers", "symbolic"):
        raise InputError(f'shapes={shapes!r}: write "numbers" or "symbolic"')
    if at is not None:
        d, found = _box(d, at)
        names = found if names is None else names
    options = {"close": _closed(d, close), "depth": depth, "shapes": shapes}
    options |= {"outputs": _outputs(d, outputs)}
    return reading(d, level, variables(d, names), options)


def reading(d: Diagram | Para, level: str, inputs: Sequence[Variable], options: Mapping[str, Any]) -> Symbolic:
    """A diagram with named inputs, read at a level."""
    arrow = d.arrow if isinstance(d, Para) else d
    content = LEVELS[level](_counted_from_zero(arrow), tuple(inputs), options)
    return Symbolic(level, d, tuple(inputs), arrow.cod.inside, content, options)


def _counted_from_zero(d: Diagram) -> Diagram:
    """The diagram in which indices that are known and negative, which count from the end, count from zero."""
    values = [box.params["value"].value for box in d.graph.table if box.op == "constant" and "impl" not in box.params]
    negative = any(np.asarray(v).dtype.kind == "i" and (np.asarray(v) < 0).any() for v in values)
    return simplify(d, rules=[RULES["constants"]]) if negative else d


def _closed(d: Diagram | Para, close: Collection[str]) -> frozenset[str]:
    """The names and paths of boxes to leave closed; raises `PathError` for one that there is not."""
    wanted = frozenset((close,) if isinstance(close, str) else close)
    if wanted:
        lost = wanted - course(d.arrow if isinstance(d, Para) else d, wanted).closed
        if lost:
            there = ", ".join(dict.fromkeys((d.arrow if isinstance(d, Para) else d).graph.names()))
            raise PathError(f"close={sorted(lost)} names no box in the diagram; there are {there}, and those inside")
    return wanted


def _outputs(d: Diagram | Para, names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is not None and len(names) != len(d.cod):
        raise InputError(f"{len(names)} names for the {len(d.cod)} outputs {d.cod}: give one name for each")
    return None if names is None else tuple(names)


def _box(d: Diagram | Para, path: str) -> tuple[Diagram, list[str]]:
    """The box at a path, and the names of its inputs: paths of parameters, and x, x_1, ... for the rest."""
    arrow = d.arrow if isinstance(d, Para) else d
    box = box_at(arrow, path)
    known = [""] * len(d.dom) + list(d.paths) if isinstance(d, Para) else [""] * len(arrow.dom)
    here: Diagram | None = arrow
    for part in path.split("/"):
        if here is None or part not in here.graph.names():
            known = [""] * box.n_in
            break
        # by hand: one node, by its name
        node, reads, _ = list(here.graph.nodes())[here.graph.names().index(part)]
        known = [known[w] if w < len(known) else "" for w in reads]
        here = node.definition
    known = known if len(known) == box.n_in else [""] * box.n_in
    names, k = [], 0
    for name in known:
        if not name or name in names:
            name, k = f"x_{k}" if k else "x", k + 1
        names.append(name)
    return box if box.definition is None else box.definition, names


Symbolic.reader, Symbolic.reading = staticmethod(symbolic), staticmethod(reading)  # type: ignore[assignment]
