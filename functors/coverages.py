"""Coverage: how each primitive of the installed JAX is differentiated.

    written   by a fact of ours: linear, elementwise, bilinear or general (any other tangent map)
    silent    no tangent passes, by a fact of ours
    nested    as a box that carries diagrams, or as the diagram inside of it
    oracle    by JAX's own derivative, traced once for each kind of box
    refused   not at all, and why

Only the first three are declared. Whether JAX has a derivative of any other primitive is found out: a small example of
it is traced, and its derivatives are asked for.

>>> rows = {row.primitive: row for row in coverage().rows}
>>> rows["sin"].handling, rows["gather"].handling, rows["floor"].handling, rows["scan"].handling
('written', 'written', 'silent', 'nested')
>>> rows["schur"].handling, rows["schur"].detail
('refused', "Differentiation rule for 'schur' not implemented")
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ..categories.errors import DerivativeError, ParalensError
from ..diagrams.box import Box
from ..diagrams.syntax import Diagram
from ..diagrams.tracing.effects import SEALED
from ..diagrams.tracing.jaxpr import READERS, from_jax
from ..diagrams.tracing.lookup import known, primitive
from ..diagrams.traversal import every_box
from ..diagrams.types import R
from .derivative_rules import fact_of
from .derivative_rules.facts import LocallyConstant
from .derivatives.derivative import forward, reverse
from .derivatives.smooth import NESTED

__all__ = ["Coverage", "CoverageRow", "coverage"]

HEADER = ("primitive", "handling", "how")
HANDLINGS = ("written", "silent", "nested", "oracle", "refused")


@dataclass(frozen=True)
class CoverageRow:
    """One primitive: its name, one of the five ways it is handled, and the kind of fact or the reason."""

    primitive: str
    handling: str
    detail: str

    @property
    def cells(self) -> tuple[str, str, str]:
        """The row as it is shown."""
        return self.primitive, self.handling, self.detail


@dataclass(frozen=True)
class Coverage:
    """What `coverage` gives: `rows`, one a primitive, and a table as text and in a notebook."""

    rows: tuple[CoverageRow, ...]

    @property
    def note(self) -> str:
        """The counts in words."""
        counts = Counter(row.handling for row in self.rows)
        parts = ", ".join(f"{counts[h]} {h}" for h in HANDLINGS)
        return f"{len(self.rows)} primitives of JAX {jax.__version__}: {parts}"

    def __str__(self) -> str:
        table = [HEADER, *(row.cells for row in self.rows)]
        widths = [max(len(cells[k]) for cells in table) for k in (0, 1)]
        lines = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in table]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", self.note])

    def __repr__(self) -> str:
        return f"<Coverage of {self.note}>"

    def _repr_html_(self) -> str:
        def cells(tag: str, values: tuple[str, str, str]) -> str:
            made = "".join(f'<{tag} style="text-align: left">{escape(v)}</{tag}>' for v in values)
            return f"<tr>{made}</tr>"

        body = "\n".join(cells("td", row.cells) for row in self.rows)
        return f"<table>\n<thead>{cells('th', HEADER)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n<p>{self.note}</p>"


def coverage() -> Coverage:
    """The table of all primitives in JAX's public list, and of those that its public functions use besides."""
    names = sorted(known())
    return Coverage(tuple(CoverageRow(name, *_handling(name)) for name in names))


def _handling(name: str) -> tuple[str, str]:
    fact = fact_of(name)
    if isinstance(fact, LocallyConstant):
        return "silent", "locally constant"
    if fact is not None:
        return "written", type(fact).__name__.lower()
    if name not in NESTED and READERS.get(name) is READERS["jit"]:
        return "nested", "read as a box with a definition"
    if name not in PROBES:
        return "refused", "no public function of JAX is known to leave it in a program"
    return _probed(name)


def _probed(name: str) -> tuple[str, str]:
    """What an example of the primitive shows."""
    try:
        d = from_jax(PROBES[name], R(4, 4))
    except ParalensError as error:
        return "refused", _line(str(error))
    box = _found(name, d)
    if box is None:
        return "nested", "traced into its parts"
    reasons = {"forward": _reason(forward, d), "reverse": _reason(reverse, d)}
    if all(reasons.values()):
        return "refused", reasons["forward"]
    refused = "; ".join(f"not in {way}: {reason}" for way, reason in reasons.items() if reason)
    return ("nested" if name in NESTED else "oracle"), refused or _how(name, box)


def _how(name: str, box: Box) -> str:
    if name in NESTED:
        return "by the rule that it carries" if box.rules else "as a box with the derivatives of its bodies"
    return "traced once" if box.op == name else f"inside of a {box.op}, which is traced as a whole"


def _found(name: str, d: Diagram) -> Box | None:
    """The box of a primitive in a diagram, or the sealed one that it stands in."""
    boxes = list(every_box(d))
    own = [box for box in boxes if box.op == name]
    sealed = [box for box in boxes if box.op in SEALED and f" {name}[" in str(box.params["jaxpr"])]
    return next(iter([*own, *sealed]), None)


def _reason(functor: Callable[[Diagram], Diagram], d: Diagram) -> str:
    """Why there is no derivative; nothing when there is one."""
    try:
        functor(d)
    except DerivativeError as error:
        return _line(error.what)
    return ""


def _line(message: str) -> str:
    """The reason in one line, without the box that was asked and without addresses in memory."""
    reason = message.split("\n")[0].split(" has no derivative in JAX: ")[-1].strip()
    return re.sub(r"<[\w.]*?(\w+) object at [\w.]+>", r"\1", reason)


# --- an example of each primitive that no fact describes, as a function of a square matrix ---


def _sharded(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """f on the shards of a mesh with one device and the axis i."""

    def run(x: Any) -> Any:
        mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
        spec = jax.sharding.PartitionSpec("i")
        return jax.shard_map(f, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)(x)

    return run


def _ragged_exchange(x: Any) -> Any:
    nothing, one = jnp.zeros(1, "int32"), jnp.ones(1, "int32")
    return lax.ragged_all_to_all(x, x, nothing, one, nothing, one, axis_name="i")


@jax.custom_vjp
def _same(x: Any) -> Any:
    return x


_same.defvjp(lambda x: (x, None), lambda kept, g: (g,))


@jax.custom_jvp
def _twice(x: Any) -> Any:
    return x + x


_twice.defjvp(lambda xs, dxs: (_twice(*xs), dxs[0] + dxs[0]))


def _solved(x: Any) -> Any:
    solve = lambda product, b: b  # noqa: E731
    return lax.custom_linear_solve(lambda v: x @ v, x[0], solve, solve)


def _select_and_scatter(x: Any) -> Any:
    """No public function binds it."""
    bodies = [jax.make_jaxpr(f)(x[0, 0], x[0, 0]) for f in (lax.ge, lax.add)]
    choose, add = [getattr(b, "jaxpr", b) for b in bodies]
    params = {"select_jaxpr": choose, "select_consts": (), "scatter_jaxpr": add, "scatter_consts": ()}
    window = {"window_dimensions": (2, 2), "window_strides": (2, 2), "padding": ((0, 0), (0, 0))}
    return primitive("select_and_scatter").bind(x, x[:2, :2], x[0, 0], **params, **window)


PROBES: dict[str, Callable[[Any], Any]] = {
    "all_gather": _sharded(lambda x: lax.all_gather(x, "i", tiled=True)),
    "all_to_all": _sharded(lambda x: lax.all_to_all(x, "i", 0, 0, tiled=True)),
    "pmax": _sharded(lambda x: lax.pmax(x, "i")),
    "pmin": _sharded(lambda x: lax.pmin(x, "i")),
    "ppermute": _sharded(lambda x: lax.ppermute(x, "i", [(0, 0)])),
    "psum": _sharded(lambda x: lax.psum(x, "i")),
    "ragged_all_to_all": _sharded(_ragged_exchange),
    "after_all": lambda x: lax.after_all(lax.create_token(x)),
    "create_token": lax.create_token,
    "cond": lambda x: lax.cond(x[0, 0] > 0, jnp.sin, jnp.cos, x),
    "while": lambda x: lax.while_loop(lambda y: y[0, 0] > 1, lambda y: y / 2, x),
    "scan": lambda x: lax.scan(lambda c, y: (c * y, c), x[0], x),
    "remat2": jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))),
    "checkpoint": jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))),
    "custom_jvp_call": _twice,
    "custom_vjp_call": _same,
    "custom_lin": lambda x: jax.linearize(_same, x)[1](x),
    "custom_linear_solve": _solved,
    "get": lambda x: jax.new_ref(x)[...],
    "swap": lambda x: jax.new_ref(x)[...],
    "hessenberg": lax.linalg.hessenberg,
    "householder_product": lambda x: lax.linalg.householder_product(x, x[0]),
    "schur": lax.linalg.schur,
    "tridiagonal": lax.linalg.tridiagonal,
    "linear_call": lambda x: jax.custom_derivatives.linear_call(lambda r, v: r * v, lambda r, g: r * g, 2.0, x),
    "reduce": lambda x: lax.reduce(x, 1.0, lambda a, b: a * b, (0,)),
    "reduce_window": lambda x: lax.reduce_window(x, 1.0, lambda a, b: a * b, (2, 2), (1, 1), "VALID"),
    "rng_uniform": lambda x: lax.rng_uniform(x[0, 0], x[1, 1], (3,)),
    "select_and_scatter": _select_and_scatter,
}
