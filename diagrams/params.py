"""Static parameters of a box: the values that are not plain Python.

A box holds hashable specifications only: None, bool, int, float, complex, str, tuples of these,
dtypes, the enumerations and records of `jax.lax`, and four kinds of our own: `Body` (a diagram
inside), `Constant` (an array), `LazyDiagram` (a diagram that is traced only when it is asked for) and `Sealed`
(what a primitive of another library was given, as it is). Any other object is let through, and
cannot be saved. How they are written down is in `codec`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..categories.errors import NoMeaningError

if TYPE_CHECKING:
    from .syntax import Diagram

__all__ = [
    "KEPT",
    "PLAIN",
    "Body",
    "Constant",
    "LazyDiagram",
    "LazyRules",
    "Marked",
    "Sealed",
    "canonical",
    "standing",
]


@dataclass(frozen=True)
class Body:
    """A diagram among the parameters of a box.

    `closed` tells JAX's two kinds of jaxpr apart (before 0.12); `weak` lists the inputs that may
    carry a Python scalar in JAX's sense, whose dtype gives way to that of its partner.
    """

    diagram: Diagram
    closed: bool = True
    weak: tuple[int, ...] = ()

    @classmethod
    def passing(cls, diagram: Diagram, closed: bool = True) -> Body:
        """The body whose inputs are as weak as what they are given."""
        return cls(diagram, closed, tuple(range(diagram.n_in)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Body, (self.diagram, self.closed, self.weak)


@dataclass(frozen=True, eq=False)
class Constant:
    """An array among the parameters of a box, equal to another by dtype, shape and bytes.

    `weak` marks a Python scalar in JAX's sense: its dtype gives way to that of its partner.
    """

    value: Any
    weak: bool = False

    @cached_property
    def digest(self) -> str:
        """The digest of dtype, shape, bytes and weakness."""
        array = np.asarray(self.value, order="C")
        h = hashlib.blake2b(f"{array.dtype}{array.shape}{self.weak}".encode(), digest_size=16)
        h.update(array.tobytes())
        return h.hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self.digest == other.digest

    def __hash__(self) -> int:
        return int(self.digest[:15], 16)

    def __repr__(self) -> str:
        array = np.asarray(self.value)
        return str(array) if array.size == 1 else f"<{array.dtype}{list(array.shape)} {self.digest[:6]}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Constant, (np.asarray(self.value), self.weak)


@dataclass(frozen=True)
class Marked:
    """A policy of rematerialization: what is kept are the arrays that `checkpoint_name` marks with these names."""

    names: tuple[str, ...]

    def __call__(self, prim: Any, *_: Any, **params: Any) -> bool:
        return prim.name == "name" and params["name"] in self.names


@dataclass(frozen=True, eq=False)
class Sealed:
    """A parameter that must stay as it is, where a box would keep another: a number of numpy, or a tuple with some."""

    value: Any

    @classmethod
    def of(cls, value: Any) -> Any:
        """The value, sealed if a box would put another in its place."""
        return cls(value) if _altered(value) else value

    def __reduce__(self) -> tuple[Any, ...]:
        return Sealed, (self.value,)


def _altered(value: Any) -> bool:
    return isinstance(value, np.generic) or (isinstance(value, tuple) and any(map(_altered, value)))


KEPT = 4
PLAIN = {type(None), bool, int, float, str}  # parameters that are just what they are

# The rules whose digests are being computed, outermost first: a digest inside of them depends on where it stands.
_above: ContextVar[tuple[LazyDiagram, ...]] = ContextVar("_above", default=())


def standing() -> tuple[LazyDiagram, ...]:
    """The rules around a digest that is computed now, which it depends on."""
    return _above.get()


class LazyDiagram:
    """A diagram that is made when first asked for, such as a user's derivative rule, traced once.

    A rule may contain the very box that it belongs to; its digest then says how far up it stands.
    A rule may also lead to ever new rules, one for each order of derivative. `depth` counts how many
    rules this one is inside of; from `KEPT` on it is told apart by its `label`, the line of code that
    it was traced from, and is not written to files.
    """

    __slots__ = ("_diagram", "_digest", "_make", "depth", "label")

    def __init__(self, make: Callable[[], Diagram] | None = None, depth: int = 0, label: str = "") -> None:
        self._make, self.depth, self.label = make, depth, label
        self._diagram: Diagram | None = None
        self._digest: str | None = None

    @property
    def diagram(self) -> Diagram:
        """The diagram, traced now if it was not yet."""
        if self._diagram is None:
            if self._make is None:
                raise NoMeaningError(
                    f"the derivative rule {self.label} of order {self.depth + 1} was not kept in the file"
                )
            self._diagram, self._make = self._make(), None
        return self._diagram

    def known(self) -> Diagram | None:
        """The diagram, or nothing where the rule is too deep to be kept or the user's function refuses to be traced."""
        try:
            return self.diagram if self.depth < KEPT else None
        except Exception:
            return None

    @property
    def digest(self) -> str:
        """The digest of the diagram, or how far up it stands while it is being computed."""
        above = _above.get()
        if self.known() is None:
            return f"beyond {self.label}"
        if self in above:
            return f"up {len(above) - above.index(self)}"
        if self._digest is not None and not above:
            return self._digest
        token = _above.set((*above, self))
        try:
            digest = self.diagram.digest.hex()
        finally:
            _above.reset(token)
        if not above:
            self._digest = digest
        return digest

    def __repr__(self) -> str:
        return "LazyDiagram(...)" if self._diagram is None else f"LazyDiagram({self._diagram!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyDiagram, (None, self.depth, self.label), (self.known(),)

    def __setstate__(self, state: tuple[Diagram | None]) -> None:
        (self._diagram,) = state


class LazyRules:
    """The derivative rules of a function that looks at which of its inputs move: others for each set of these.

    A set of rules is made when it is first asked for. What a function does where other inputs move cannot be told
    from what it does here, so that two of these are equal only if one was read from the other, or from its file, which
    `token` says.
    """

    __slots__ = ("_make", "known", "label", "token")

    def __init__(
        self,
        make: Callable[[tuple[int, ...]], Mapping[str, LazyDiagram]] | None = None,
        label: str = "",
        token: str = "",
        known: Mapping[tuple[int, ...], Mapping[str, LazyDiagram]] | None = None,
    ) -> None:
        self._make, self.label, self.token = make, label, token or secrets.token_hex(8)
        self.known = {k: dict(v) for k, v in (known or {}).items()}

    def where(self, still: tuple[int, ...]) -> dict[str, LazyDiagram]:
        """The rules where these inputs stand still and all others move."""
        if still not in self.known:
            if self._make is None:
                raise NoMeaningError(
                    f"the derivative rule {self.label} was not kept in the file for the inputs that move here"
                )
            self.known[still] = dict(self._make(still))
        return self.known[still]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LazyRules) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __repr__(self) -> str:
        return "LazyRules(...)"

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyRules, (None, self.label, self.token, self.known)


def canonical(value: Any) -> Any:
    """The value with numpy scalars as Python's and lists as tuples, so that equal parameters are equal objects."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, np.generic) and value.ndim == 0 and value.dtype.kind in "biufc":
        return value.item()
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(canonical, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(canonical, value))
    if isinstance(value, np.ndarray):
        copied = np.array(value)
        copied.flags.writeable = False
        return Constant(copied)
    return value
