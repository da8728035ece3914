"""The derivative of a network at the parameters that a machine can represent.

Let M be the finite set of reals that a number format has, and Ω = M^W the parameters of a network z in it. With

    ndf = {w in Ω : z is not differentiable at w}        inc = {w in Ω : it is, and D^AD z(w) ≠ Dz(w)}

automatic differentiation is right almost everywhere in R^W, which says nothing about the finite set Ω. But

    with biases      inc = ∅    and    |ndf| / |Ω| ≤ (1/|M|) Σ |ndf(f_n)|
    without          |ndf or inc| / |Ω| ≤ (1/|M|) Σ |ndf(f_n), and bdz(f_n) if n is strict|
                     |inc| / |Ω| ≤ (1/|M|) Σ |ndf(f_n) if n has no own bias, and bdz(f_n) if n is strict|

where the sums run over the neurons n, whose activations are f_n, and n is strict if a layer without bias reads it that
leads to a kink. Layers after the last kink need no bias: one added to the result changes no derivative. The data are
fixed, the arithmetic is exact, and all parameters in Ω count alike, which is not how training chooses them.

Source: W. Lee, S. Park, A. Aiken, "On the correctness of automatic differentiation for neural networks with
machine-representable parameters" (2023), sections 3 and 4.

>>> from paralens import nn
>>> report = machine_parameters(nn.dense(3, 4) >> nn.relu(4) >> nn.dense(4, 2), formats=["float8_e4m3fn"])
>>> report.bounds
(Bound(format='float8_e4m3fn', values=253, rough=0.015810276679841896, wrong=0.0),)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import Any

import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...categories.para import Para
from ...diagrams.cache import derived
from ...diagrams.syntax import require
from .at_point import Point, at_point
from .networks import Group, Network, recognize

__all__ = ["Bound", "MachineReport", "machine_parameters", "values_of"]

FORMATS = ("float8_e4m3fn", "float8_e5m2", "float16", "bfloat16", "float32")
HEADER = ("box", "neurons", "kinks", "before it")
BEFORE = {
    "own": "an own bias each",
    "bias": "a bias that others read",
    "biaffine": "biaffine, no own bias",
    "none": "not recognized",
}

Format = str | Collection[float]


@dataclass(frozen=True)
class Bound:
    """Bounds for a format of |M| = `values` reals: `rough` on the density of ndf and inc together, `wrong` on inc."""

    format: str
    values: int
    rough: float
    wrong: float


@dataclass(frozen=True, eq=False)
class MachineReport:
    """What `machine_parameters` gives.

    `recognized` says whether the theorems apply, else `reasons` says why not and there are no `bounds`. `always_right`
    says that the incorrect set is empty. `point` is what is known at the parameters that were given.
    """

    network: Network
    bounds: tuple[Bound, ...]
    point: Point | None = None

    @property
    def groups(self) -> tuple[Group, ...]:
        """The boxes whose kinks or zeros count."""
        return tuple(g for g in self.network.groups if g.kinks or g.strict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why no bound is claimed."""
        return self.network.reasons

    @property
    def recognized(self) -> bool:
        """Whether the theorems apply."""
        return not self.reasons

    @property
    def always_right(self) -> bool:
        """Whether the gradient is the derivative wherever there is one."""
        return self.recognized and not any(g.doubtful for g in self.network.groups)

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """The table of boxes."""
        return [_row(g) for g in self.groups]

    @property
    def notes(self) -> list[str]:
        """The bounds and the point in words."""
        if not self.recognized:
            found = ["no bound is claimed:", *(f"  {r}" for r in self.reasons)]
        elif self.always_right:
            found = [
                "incorrect set: empty (every kink has its own bias)" if self.groups else "no kinks that parameters move"
            ]
        else:
            found = ["incorrect set: may be non-empty (kinks without a bias of their own)"]
        for b in self.bounds:
            what = "not differentiable" if self.always_right else "not differentiable or incorrect"
            wrong = "" if self.always_right else f", incorrect {b.wrong:.3g}"
            found.append(f"{b.format} ({b.values:,} values), at most this part of all: {what} {b.rough:.3g}{wrong}")
        return found + (str(self.point).splitlines() if self.point is not None else [])

    def __str__(self) -> str:
        table = [HEADER, *self.rows] if self.rows else []
        widths = [max(len(r[k]) for r in table) for k in range(4)] if table else []
        lines = ["  ".join(f"{c:{n}}" for c, n in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join([*lines[:1], *(["-" * max(map(len, lines))] if lines else []), *lines[1:], *self.notes])

    def __repr__(self) -> str:
        return f"<MachineReport of {len(self.groups)} boxes, {self.notes[0]}>"

    def _repr_html_(self) -> str:
        def cells(tag: str, values: tuple[str, ...]) -> str:
            made = "".join(f'<{tag} style="text-align: left">{escape(v)}</{tag}>' for v in values)
            return f"<tr>{made}</tr>"

        body = "\n".join(cells("td", row) for row in self.rows)
        notes = "<br>".join(map(escape, self.notes))
        return f"<table>\n<thead>{cells('th', HEADER)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n<p>{notes}</p>"


def _row(g: Group) -> tuple[str, str, str, str]:
    kinks = ", ".join(f"{k.at:g}" for k in g.profile.kinks) or "none"
    if g.profile.faults:
        kinks += f"; wrong rule at {', '.join(f'{k.at:g}' for k in g.profile.faults)}"
    if g.strict and g.profile.edges:
        kinks += f"; zeros {', '.join(f'{z:g}' for z in sorted(g.profile.edges))}"
    return g.path, f"{g.size:,}", kinks, BEFORE[g.standing]


def machine_parameters(
    model: Para, at: Any = None, *examples: Any, formats: Sequence[Format] = FORMATS
) -> MachineReport:
    """Where the gradient of a network is wrong or missing, over the parameters that number formats can represent.

    `at` is a nested dict of parameters and `examples` are the data: with them the criterion is evaluated there.
    A format is the name of a float dtype or a finite collection of reals, the values of each parameter.
    Raises `InputError` for a format that is neither and for examples without parameters, `ParameterError` for
    parameters that do not fit.
    """
    require(model, "machine_parameters")
    model = Para.lift(model)
    if at is None and examples:
        raise InputError("examples come after the parameters: machine_parameters(model, params, *examples)")
    network = derived(model.arrow, ("machine", model.n_params), lambda: recognize(model))
    bounds = tuple(_bound(network, f) for f in formats) if not network.reasons else ()
    return MachineReport(network, bounds, None if at is None else at_point(network, model.flat(at), *examples))


def _bound(network: Network, fmt: Format) -> Bound:
    """The bounds for one format."""
    n = values_of(fmt)
    rough = sum(g.size * len(g.rough) for g in network.groups)
    wrong = sum(g.size * len(g.doubtful) for g in network.groups)
    name = fmt if isinstance(fmt, str) else f"{n} numbers"
    return Bound(name, n, float(min(Fraction(rough, n), 1)), float(min(Fraction(wrong, n), 1)))


def values_of(fmt: Format) -> int:
    """The number of reals that a format has: finite, and zero once."""
    if not isinstance(fmt, str):
        try:
            n = len({Fraction(v) for v in fmt})
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(f"a format is the name of a dtype or a collection of reals, not {fmt!r}") from error
        if not n:
            raise InputError("a format without values has no parameters")
        return n
    try:
        dtype = jnp.dtype(fmt)
        info = jnp.finfo(dtype)
    except (TypeError, ValueError) as error:
        raise InputError(f"{fmt!r} is not the name of a float dtype such as {', '.join(FORMATS)}") from error
    if info.bits > 16:
        # every exponent but the one of infinity, every mantissa, both signs, and one zero
        return 2 * ((1 << info.nexp) - 1) * (1 << info.nmant) - 1
    patterns = np.arange(1 << info.bits, dtype=np.uint32).astype(f"uint{max(info.bits, 8)}")
    with np.errstate(invalid="ignore"):
        found = patterns.view(dtype).astype(np.float64)
    return len(np.unique(found[np.isfinite(found)]))
