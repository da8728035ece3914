"""What `check` gives: for every box a verdict, how it was reached, and where it fails a witness that runs again.

    proved        sympy shows that the claim is the derivative
    correct       the relation held along every curve tried, and every other criterion
    intensional   right almost everywhere; at the points listed there is no derivative, and a branch was claimed
    discontinuous right almost everywhere; at the points listed the value jumps
    imprecise     right as a formula; in doubles most of its digits are lost, with how many are left
    wrong         with a witness
    undecided     with the reason; never taken for correct

The verdict of a diagram is the weakest of those of its boxes: that it may be composed is the fundamental lemma of
gluing (M. Huot, S. Staton, M. Vákár, 2020), and for branch derivatives the chain rule of W. Lee et al. (2020).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...categories.errors import PathError
from ...categories.para import Para
from ...diagrams.drawing import Picture
from ...diagrams.syntax import Diagram
from ..learning import Learner

__all__ = ["LEFT_OUT", "VERDICTS", "BoxCertificate", "Certificate", "Point", "Witness"]

# the weakest first
VERDICTS = ("wrong", "undecided", "imprecise", "discontinuous", "intensional", "correct", "proved")


LEFT_OUT = "left out"  # the method of what an interrupt left undecided


@dataclass(frozen=True, eq=False, repr=False)
class Witness:
    """Where a claim fails.

    Fields: the `criterion` and `mode` ("forward" or "reverse") that fail, the `order` of the derivative, all `inputs`
    of the box, the `direction` (for inputs that move, which are those in `wrt` where it is given) and `cotangent`, the
    slope that is `claimed` and the `actual` one, how many times the defect is above what rounding allows (`ratio`), the
    `plot` it lies on, what it looks like (`hint`), the `seed` that found it, `against`, the map whose derivative is
    claimed where that is not the map itself, and the JAX `function` that the box was read from, if it was.
    """

    of: Diagram
    criterion: str
    mode: str
    order: int
    inputs: tuple[Any, ...]
    direction: tuple[np.ndarray, ...]
    cotangent: tuple[np.ndarray, ...]
    claimed: float
    actual: float
    ratio: float
    plot: str
    hint: str
    seed: int
    wrt: tuple[int, ...] | None = None
    against: Callable[..., Sequence[Any]] | None = None
    function: Callable[..., Sequence[Any]] | None = None

    @property
    def clause(self) -> str:
        """The `criterion`, under its former name."""
        return self.criterion

    if TYPE_CHECKING:

        def replay(self) -> tuple[float, float]: ...  # of `replaying`, bound when the folder is entered

    def __str__(self) -> str:
        from .display import failure

        return "\n".join(failure(self))

    def __repr__(self) -> str:
        return f"<Witness {self.criterion}, {self.mode}: claimed {self.claimed:.6g}, actual {self.actual:.6g}>"


@dataclass(frozen=True, eq=False, repr=False)
class Point:
    """A point without a derivative: the inputs that move, the claimed slope, and the slopes nearby.

    `clarke` says whether the claim lies in the convex hull of derivatives nearby, wherever it was looked. Where values
    `jump`, `low` and `high` are those on the two sides.
    """

    x: tuple[np.ndarray, ...]
    claimed: float
    low: float
    high: float
    clarke: bool
    jump: bool = False

    def __str__(self) -> str:
        from .display import listed

        if self.jump:
            claim = f"; claimed slope {self.claimed:.4g}" if np.isfinite(self.claimed) else ""
            low, high = f"{self.low:.4g}", f"{self.high:.4g}"
            sides = (low, high) if low != high else (f"{self.low:.10g}", f"{self.high:.10g}")
            return f"at {listed(self.x)}: the value jumps from {sides[0]} to {sides[1]}{claim}"
        where = "a Clarke subderivative" if self.clarke else "no Clarke subderivative"
        return f"at {listed(self.x)}: claimed {self.claimed:.4g}, nearby {self.low:.4g} to {self.high:.4g}, {where}"

    def __repr__(self) -> str:
        return f"<Point {self}>"


@dataclass(frozen=True, eq=False, repr=False)
class BoxCertificate:
    """The certificate of one kind of box.

    Fields: `path` of its first use and `paths` of all; `box` itself, `verdict`, the `method`, the `reason` for an
    undecided one; how many `curves` and `panels` were tried and `resolved`, the `worst` defect as a part of what
    rounding allows, the number of derivative evaluations (`evals`) and the `seconds`; `points` without a derivative;
    the `witness`; which of the modes were `missing` and why; and the paths of the guards that curves `crossed`, where
    that was looked at.
    """

    path: str
    paths: tuple[str, ...]
    box: Diagram
    verdict: str
    method: str
    reason: str = ""
    curves: int = 0
    panels: int = 0
    resolved: int = 0
    worst: float = 0.0
    evals: int = 0
    seconds: float = 0.0
    points: tuple[Point, ...] = ()
    witness: Witness | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    order: int = 1
    crossed: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return self.verdict != "wrong"

    @property
    def name(self) -> str:
        """The name of the box: the last part of its path."""
        return self.path.rsplit("/", 1)[-1]

    def __repr__(self) -> str:
        return f"<BoxCertificate {self.path or 'of the whole'}: {self.verdict}>"


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """The certificates of all boxes of a diagram, and of the whole.

    `rows` has one for each kind of box, the worst first; `boxes` finds one by the path of any use. `whole` is the check
    of the diagram from end to end. Text and notebooks show a table, and then all that is needed to see what is wrong.
    """

    of: Diagram | Para | Learner
    rows: tuple[BoxCertificate, ...]
    whole: BoxCertificate | None
    seed: int
    effort: str
    seconds: float = 0.0

    @property
    def boxes(self) -> dict[str, BoxCertificate]:
        """The certificate of every box, by its path."""
        return {path: row for row in self.rows for path in row.paths}

    @property
    def verdict(self) -> str:
        """The verdict of boxes and whole together, which is that of `whole` where there is one beside the boxes."""
        rows = self.rows if self.whole is None else (self.whole,)
        return min((row.verdict for row in rows), key=VERDICTS.index, default="proved")

    @property
    def ok(self) -> bool:
        """Whether nothing was found wrong."""
        return self.verdict != "wrong"

    @property
    def worst(self) -> BoxCertificate | None:
        """The box with the weakest verdict, and among those the largest defect; the whole where only that is wrong."""
        alone = self.whole is not None and self.whole.verdict == "wrong" and all(row.ok for row in self.rows)
        return self.rows[0] if self.rows and not alone else self.whole

    @property
    def left_out(self) -> tuple[str, ...]:
        """The paths of what an interrupt left out, "" for the whole."""
        rows = self.rows if self.whole is None else (*self.rows, self.whole)
        return tuple(path for row in rows if row.method == LEFT_OUT for path in row.paths)

    @property
    def evals(self) -> int:
        """Derivative evaluations in all."""
        return sum(row.evals for row in self.rows) + (self.whole.evals if self.whole else 0)

    def __getitem__(self, path: str) -> BoxCertificate:
        if path not in self.boxes:
            raise PathError(f"no box {path!r} was examined: there are {', '.join(sorted(self.boxes)) or 'none'}")
        return self.boxes[path]

    def draw(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        open: str | Iterable[str] | None = None,
        depth: int = 0,
        title: str | None = None,
        width: int = 1500,
    ) -> Picture:
        """The picture of the diagram with boxes in the colors of their verdicts, saved too if a `path` is given.

        A closed box has the weakest verdict of what is inside. What is around a box that is wrong is open, unless
        `open` names the boxes to open; this and the rest is as for `draw` of a diagram.
        """
        from .display import picture

        return picture(self, path, open=open, depth=depth, title=title, width=width)

    if TYPE_CHECKING:

        def to_json(self, path: str | os.PathLike[str] | None = None) -> str: ...  # of `stored`, bound likewise

    def __str__(self) -> str:
        from .display import text

        return text(self)

    def __repr__(self) -> str:
        from .display import note

        return f"<Certificate {note(self)}>"

    def _repr_html_(self) -> str:
        from .display import html

        return html(self)


def ordered(rows: Sequence[BoxCertificate]) -> tuple[BoxCertificate, ...]:
    """The worst first."""
    return tuple(sorted(rows, key=lambda r: (VERDICTS.index(r.verdict), -r.worst)))
