"""Boxes: the generators of the free category.

A box is a diagram with one node. What it stands for is data: a primitive of JAX with its static
parameters, a definition (a diagram inside), or nothing at all; what a functor does to it is in the
functor's table of rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..categories.errors import CompositionError
from .cache import derived
from .discopy.seam import FreeBox, FreeTy
from .params import Body, LazyDiagram, canonical, standing
from .saving.codec import fingerprint
from .syntax import Diagram, as_ty, initialize
from .types import Ty

__all__ = ["Box", "spelled"]

# What a box may be of another, and the name that it has as such.
ROLES = {"reverse": "R[{}]", "forward": "D[{}]"}


class Box(FreeBox, Diagram):
    """A generator: a name, a domain and a codomain, and what it stands for.

    With `definition`, a diagram of the same type, the box can be opened. With `op`, the name of one
    of JAX's primitives and its static `params`, it is that primitive. With neither it is abstract:
    it composes and draws, and functors that need a meaning refuse it by name. Equal by content.

    A box that a functor made of another says so: `role` is "reverse" for its way back and "forward" for its tangent
    map, and `of` the name of the other; both are "" for a box that stands for itself.

    >>> square = Box("square", R(3), R(3), definition=from_jax(lambda x: x * x, jnp.ones(3)))
    >>> square.definition.boxes[0].op
    'mul'
    """

    __slots__ = ("definition", "name", "of", "op", "params", "role")
    data = None
    is_dagger = False
    __ambiguous_inheritance__ = (FreeBox,)
    name: str
    op: str
    params: dict[str, Any]
    definition: Diagram | None
    role: str
    of: str

    def __init__(
        self,
        name: str,
        dom: FreeTy,
        cod: FreeTy,
        *,
        op: str = "",
        params: Mapping[str, Any] | None = None,
        definition: Diagram | None = None,
        role: str = "",
        of: str = "",
    ) -> None:
        if role and role not in ROLES:
            raise CompositionError(f"the role of a box is one of {', '.join(ROLES)}, not {role!r}")
        if not isinstance(name, str) or not name:
            raise CompositionError(f"a box is named by a non-empty string, not {name!r}")
        if "/" in name:
            raise CompositionError(f"the name {name!r} holds a '/', which separates the parts of a path: use another")
        initialize(self, ("box", None, None), as_ty(dom), as_ty(cod))
        if definition is not None and (definition.dom, definition.cod) != (self.dom, self.cod):
            raise CompositionError(
                f"box {name!r} is declared {self.dom} -> {self.cod} "
                f"but its definition is {definition.dom} -> {definition.cod}"
            )
        self.name, self.op, self.definition, self.role, self.of = name, op, definition, role, of
        self.params = {k: canonical(v) for k, v in sorted((params or {}).items())}

    @property
    def content(self) -> bytes:
        """Sixteen bytes of the box's own content: name, type, parameters and definition."""
        # inside of a derivative rule, what a box is depends on the rules around it, unless it holds no diagram
        around = standing()
        if around and not derived(self, "holds", lambda: bool(self.bodies or self.rules)):
            around = ()
        return derived(self, ("content", around), self._fingerprint)

    def _fingerprint(self) -> bytes:
        inner = self.definition.digest.hex() if self.definition is not None else None
        role = (self.role, self.of) if self.role else ()
        return fingerprint(self.name, self.op, self.dom.name, self.cod.name, tuple(self.params.items()), inner, *role)

    def replaced(self, **changes: Any) -> Box:
        """The same box with some of the arguments that it was made with changed, as for `Box`."""
        given = {k: getattr(self, k) for k in ("name", "dom", "cod", "op", "params", "definition", "role", "of")}
        return Box(**given | changes)

    def renamed(self, name: str) -> Box:
        """The same box under another name."""
        return self.replaced(name=name)

    def playing(self, role: str, of: Box) -> Box:
        """The same box as the "reverse" or "forward" of another, and under the name that such a box has.

        >>> Box("f", R(), R()).playing("reverse", of=Box("sin", R(), R()))
        Box('R[sin]', R(), R(), role='reverse', of='sin')
        """
        return self.replaced(name=ROLES[role].format(of.name), role=role, of=of.name)

    @property
    def bodies(self) -> dict[str, Diagram]:
        """The diagrams inside by label: the definition, and the bodies of scan, while, cond and their like."""
        found = {} if self.definition is None else {"": self.definition}

        def note(label: str, body: Body) -> Body:
            found[label] = body.diagram
            return body

        for key, value in self.params.items():
            _map_bodies(key, value, note)
        return found

    def with_bodies(self, changed: Mapping[str, Diagram]) -> Box:
        """The same box with other diagrams inside, by label."""

        def exchange(label: str, body: Body) -> Body:
            return Body(changed[label], body.closed, body.weak) if label in changed else body

        params = {k: _map_bodies(k, v, exchange) for k, v in self.params.items()}
        return self.replaced(params=params, definition=changed.get("", self.definition))

    @property
    def rules(self) -> dict[str, LazyDiagram]:
        """The derivative rules that the box carries, by name."""
        return {k: v for k, v in self.params.items() if isinstance(v, LazyDiagram)}

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Box) and self.n_out and other.n_out:
            return self is other or self.content == other.content
        return Diagram.__eq__(self, other)

    __hash__ = Diagram.__hash__
    __getitem__ = Diagram.__getitem__
    dagger, to_tree = Diagram.dagger, Diagram.to_tree
    subs, lambdify = Diagram.subs, Diagram.lambdify
    __lt__ = FreeBox.__lt__

    def __repr__(self) -> str:
        extra = f", op={self.op!r}" if self.op else ""
        extra += f", params={self.params!r}" if self.params else ""
        extra += ", definition=..." if self.definition is not None else ""
        extra += f", role={self.role!r}, of={self.of!r}" if self.role else ""
        return f"Box({self.name!r}, {self.dom}, {self.cod}{extra})"

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return _box, (self.name, self.dom, self.cod, self.op, self.params, self.definition, self.role, self.of)


def _map_bodies(label: str, value: Any, change: Callable[[str, Body], Body]) -> Any:
    """A parameter with its bodies changed; those in a tuple are labelled `label[0]`, `label[1]`, ..."""
    if isinstance(value, Body):
        return change(label, value)
    if not isinstance(value, tuple):
        return value
    items = [_map_bodies(f"{label}[{i}]", v, change) for i, v in enumerate(value)]
    return type(value)(*items) if hasattr(value, "_fields") else tuple(items)


def _box(
    name: str, dom: Ty, cod: Ty, op: str, params: dict[str, Any], definition: Diagram | None, role: str, of: str
) -> Box:
    return Box(name, dom, cod, op=op, params=params, definition=definition, role=role, of=of)


def spelled(name: str) -> dict[str, Any]:
    """The role that a name spells out, for where nothing else is kept of it: in a jaxpr, and in files of version 1.

    >>> spelled("R[dense]"), spelled("dense")
    ({'role': 'reverse', 'of': 'dense'}, {})
    """
    for role, form in ROLES.items():
        start, end = form.split("{}")
        if name.startswith(start) and name.endswith(end):
            return {"role": role, "of": name[len(start) : -len(end)]}
    return {}
