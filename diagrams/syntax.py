"""Diagrams: the free cartesian category, which is the only form that a model has.

A morphism is a diagram of boxes over wires. Structure: `id`, `then` (`>>`), `tensor` (`@`),
`swap`, `copy`, `discard`; laws: those of a cartesian category (`categories.laws`), which hold as
equalities, decided by the normal form of the flat graph.

Composing is lazy: `f >> g` checks the boundary and remembers the two halves. The graph is computed
when somebody asks for it, and DisCoPy's list of layers only when DisCoPy does. A diagram *is* a
DisCoPy diagram (of its Markov category), so that its drawing, functors and hypergraphs work on it.

>>> from paralens import Box, Diagram, R
>>> f, g = Box("f", R(2), R(3)), Box("g", R(3), R(4))
>>> (f >> g).cod, (f @ g).dom
(R(4), R(2) @ R(3))
>>> f >> Diagram.copy(R(3)) == Diagram.copy(R(2)) >> f @ f
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ..categories.errors import CompositionError
from . import mismatch
from .cache import derived
from .discopy.seam import FreeDiagram, FreeTy, Layer, Layered
from .graph import Graph, flatten, normal_form
from .types import Ty

if TYPE_CHECKING:
    from .box import Box

__all__ = ["Diagram", "as_ty", "initialize", "not_a_diagram", "require"]

Form = tuple[Any, Any, Any]


class Diagram(Layered):
    """A diagram; build one by composing boxes, with `@diagram`, or with `from_jax`.

    `form` says how it was made: ("box",), ("wires", outputs), ("then", f, g), ("tensor", f, g),
    ("graph", g) or ("layers", layers); `n_in` and `n_out` count the wires of its boundary.
    """

    __slots__ = ("_cod", "_dom", "_graph", "_inside", "_normal", "form", "n_in", "n_out")
    ty_factory: ClassVar[type] = Ty
    form: Form
    n_in: int
    n_out: int
    _dom: Ty | None
    _cod: Ty | None
    _graph: Graph | None
    _inside: tuple[Layer, ...] | None
    _normal: Graph | None
    wiring: tuple[int, ...] | None = None

    def __init__(self, inside: Sequence[Layer], dom: Ty, cod: Ty, _scan: bool = True) -> None:
        """The diagram of DisCoPy's layers (what DisCoPy itself calls; compose with `>>` and `@` instead)."""
        initialize(self, ("layers", tuple(map(self._our_layer, inside)), None), as_ty(dom), as_ty(cod))
        if _scan:
            flowing = self.dom
            for layer in self.form[1]:
                if layer.dom != flowing:
                    raise CompositionError(f"layer {layer} takes {layer.dom} where {flowing} flows")
                flowing = layer.cod
            if flowing != self.cod:
                raise CompositionError(f"the layers give {flowing} where {self.cod} was declared")

    # -- structure ---------------------------------------------------------------------------

    @classmethod
    def id(cls, dom: FreeTy | None = None) -> Diagram:
        """The identity on a type (the unit `Ty()` by default)."""
        dom = as_ty(Ty() if dom is None else dom)
        return _make(("wires", tuple(range(len(dom))), None), dom, dom)

    @classmethod
    def wires(cls, dom: FreeTy, outputs: Sequence[int]) -> Diagram:
        """The diagram without boxes whose output i is its input `outputs[i]`: any copying, dropping, permuting."""
        dom = as_ty(dom)
        if any(not 0 <= i < len(dom) for i in outputs):
            raise CompositionError(f"outputs {tuple(outputs)} name wires that {dom} has not")
        return _make(("wires", tuple(outputs), None), dom, Ty.of(dom.inside[i] for i in outputs))

    @classmethod
    def swap(cls, left: FreeTy, right: FreeTy) -> Diagram:
        """The symmetry `left @ right -> right @ left`."""
        n, m = len(left), len(right)
        return cls.wires(as_ty(left) @ right, (*range(n, n + m), *range(n)))

    braid = swap

    @classmethod
    def permutation(cls, xs: Sequence[int], dom: FreeTy | None = None) -> Diagram:
        """The diagram whose output i is its input `xs[i]`."""
        if dom is None or sorted(xs) != list(range(len(dom))):
            raise CompositionError(f"{tuple(xs)} is not a permutation of the wires of {dom}")
        return cls.wires(dom, xs)

    @classmethod
    def copy(cls, x: FreeTy, n: int = 2) -> Diagram:
        """`n` copies of a type, one after the other: `x -> x @ ... @ x`."""
        return cls.wires(as_ty(x), tuple(range(len(x))) * n)

    @classmethod
    def discard(cls, x: FreeTy, n: int = 0) -> Diagram:
        """The map that forgets a type: `x -> Ty()`."""
        return cls.wires(as_ty(x), ())

    @classmethod
    def of_graph(cls, graph: Graph) -> Diagram:
        """The diagram of a flat graph."""
        new = _make(("graph", graph, None), graph.dom, graph.cod)
        new._graph = graph
        return new

    def then(self, *others: FreeDiagram) -> Diagram:
        """This diagram followed by the others; `>>` is the same.

        Raises `CompositionError`, naming both boxes, the wire and both types, where they do not fit.
        """
        result = self
        for other in others:
            other = _diagram(other)
            if result.cod.inside != other.dom.inside:
                raise CompositionError(mismatch.explain(result, other))
            result = _make(("then", result, other), None, None, result.n_in, other.n_out)
        return result

    def tensor(self, *others: FreeDiagram) -> Diagram:
        """This diagram beside the others; `@` is the same, and takes types for identities.

        >>> Diagram.id(R(2)).tensor(*[Box("f", R(2), R(3))] * 2).cod
        R(2) @ R(3) @ R(3)
        """
        result = self
        for other in others:
            other = _diagram(other)
            result = _make(("tensor", result, other), None, None, result.n_in + other.n_in, result.n_out + other.n_out)
        return result

    def __rshift__(self, other: Any) -> Any:
        return self.then(other) if isinstance(other, FreeDiagram) else NotImplemented

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, FreeTy):
            other = Diagram.id(other)
        return self.tensor(other) if isinstance(other, FreeDiagram) else NotImplemented

    def __rmatmul__(self, other: Any) -> Any:
        return Diagram.id(other).tensor(self) if isinstance(other, FreeTy) else NotImplemented

    def __bool__(self) -> bool:
        # DisCoPy counts layers here, which materializes them; a diagram is a value, empty or not
        return True

    def __rrshift__(self, other: Any) -> Any:
        return _diagram(other).then(self) if isinstance(other, FreeDiagram) else NotImplemented

    # -- methods that stand on the rest of this room, which `fluent` binds -----------------------------

    if TYPE_CHECKING:

        @classmethod
        def point(cls, value: Any) -> Diagram: ...
        @classmethod
        def from_callable(cls, dom: Ty, cod: Ty) -> Callable[[Callable[..., Any]], Any]: ...
        @classmethod
        def decode(
            cls,
            dom: FreeTy,
            boxes_and_offsets: Iterable[tuple[Any, int]] | None = None,
            boxes: Sequence[Any] | None = None,
            offsets: Sequence[int] | None = None,
            cod: FreeTy | None = None,
        ) -> Diagram: ...
        @staticmethod
        def svg_of(d: Any) -> str | None: ...
        @staticmethod
        def _our_layer(layer: Any) -> Layer: ...
        def _layers(self) -> tuple[Layer, ...]: ...
        def boxed(self, name: str) -> Box: ...
        def __call__(self, *wires: Any) -> Any: ...
        def apply_para(self, para: Any, wires: Any) -> Any: ...
        def at(self, path: str) -> Box: ...
        def open(self, *paths: str, depth: int = 0) -> Diagram: ...
        def replace(self, path: str, other: Any) -> Any: ...
        def part_of(self, para: Any, path: str) -> Any: ...
        def replace_in(self, para: Any, path: str, other: Any) -> Any: ...
        def normal_form(self, **options: Any) -> Diagram: ...
        def normalize(self, **options: Any) -> Iterator[Diagram]: ...
        def foliation(self) -> Diagram: ...
        def to_staircases(self) -> Diagram: ...
        def interchange(self, i: int, j: int, left: bool = False) -> Diagram: ...
        def simplify(self) -> Diagram: ...

    def mismatch(self, other: Diagram, gives: int, takes: int) -> str:
        """Why the first outputs of this diagram do not fit the first inputs of another."""
        return mismatch.explain(self, other, gives, takes)

    # -- what it is ---------------------------------------------------------------------------

    @property
    def dom(self) -> Ty:
        """The type of the inputs."""
        if self._dom is None:
            self._dom = _boundary(self, 0)
        return self._dom

    @property
    def cod(self) -> Ty:
        """The type of the outputs."""
        if self._cod is None:
            self._cod = _boundary(self, 1)
        return self._cod

    @property
    def graph(self) -> Graph:
        """The flat graph: boxes in topological order over numbered wires."""
        if self._graph is None:
            self._graph = flatten(self)
        return self._graph

    @property
    def normal(self) -> Graph:
        """The normal form: two diagrams are equal exactly if theirs are identical."""
        if self._normal is None:
            self._normal = normal_form(self.graph)
        return self._normal

    @property
    def inside(self) -> tuple[Layer, ...]:
        """DisCoPy's layers, computed when first asked for; identities with copies, swaps and discards as boxes."""
        found = self._inside
        if found is None:
            found = self._inside = self.form[1] if self.form[0] == "layers" else self._layers()
        return found

    @property
    def takers(self) -> list[str]:
        """For each input the name of the first box that reads it, as in `graph.names()`."""
        return derived(self, "takers", lambda: mismatch.takers(self.graph))

    @property
    def boxes(self) -> list[Box]:
        """The boxes in topological order, structure left out; `encode` lists those of DisCoPy's layers."""
        graph = self.graph
        return [graph.table[i] for i in graph.ops.tolist()]  # by hand: a list, not a walk

    @property
    def digest(self) -> bytes:
        """Sixteen bytes of the normal form, the same in every process."""
        return self.normal.digest

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Diagram):
            return NotImplemented
        return (self.dom, self.cod) == (other.dom, other.cod) and self.normal == other.normal

    def __hash__(self) -> int:
        return hash(self.normal)

    def __repr__(self) -> str:
        n = len(self.graph)
        return f"<Diagram {self.dom} -> {self.cod}, {n} {'box' if n == 1 else 'boxes'}>"

    def __str__(self) -> str:
        names = self.graph.names()
        shown = names if len(names) <= 12 else [*names[:6], "...", *names[-5:]]
        return f"{self.dom} -> {self.cod}: {', '.join(shown) or 'wires only'}"

    def _repr_svg_(self) -> str | None:
        return Diagram.svg_of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Diagram.of_graph, (self.graph,)

    def __copy__(self) -> Diagram:
        return self

    def __deepcopy__(self, memo: Any) -> Diagram:
        return self


Diagram.factory = Diagram  # what DisCoPy composes with
Ty.category = Diagram  # of which category types are objects


def as_ty(x: Any) -> Ty:
    """The type, also when it comes as DisCoPy's own over our wires."""
    if type(x) is Ty:
        return x
    if isinstance(x, FreeTy):
        return Ty(*x.inside)
    raise CompositionError(f"{x!r} is not a type: write R(3), or R(3) @ Z(2)")


def _diagram(x: Any) -> Diagram:
    if isinstance(x, Diagram):
        return x
    if isinstance(x, FreeDiagram):
        return Diagram(x.inside, as_ty(x.dom), as_ty(x.cod), _scan=False)  # its boxes become abstract boxes
    raise CompositionError(not_a_diagram(x))


def not_a_diagram(x: Any) -> str:
    """What to say of something that stands where a diagram should."""
    if hasattr(x, "para"):
        return f"{x!r} is a learner: its step is the model learner.para, and the diagram learner.step"
    if callable(x) and hasattr(x, "__name__"):
        name = x.__name__
        return (
            f"{name} is a function, not a diagram: a function that makes a layer is called first, such as nn.relu(10), "
            f"and a JAX function becomes a diagram by from_jax({name}, R(10))"
        )
    return f"{x!r} is not a diagram: compose boxes and layers, or make one with from_jax or @diagram"


def require(x: Any, taker: str) -> None:
    """Raise `CompositionError` unless x is a diagram or a `Para` over one; `taker` is who asks."""
    if not isinstance(getattr(x, "arrow", x), Diagram):
        raise CompositionError(f"{taker} takes a diagram or a model: {not_a_diagram(x)}")


def initialize(d: Diagram, form: Form, dom: Ty | None, cod: Ty | None, n_in: int = -1, n_out: int = -1) -> None:
    d.form, d._dom, d._cod = form, dom, cod
    d.n_in = n_in if dom is None else len(dom)
    d.n_out = n_out if cod is None else len(cod)
    d._graph = d._inside = d._normal = None


def _make(form: Form, dom: Ty | None, cod: Ty | None, n_in: int = -1, n_out: int = -1) -> Diagram:
    new = object.__new__(Diagram)
    initialize(new, form, dom, cod, n_in, n_out)
    return new


def _boundary(diagram: Diagram, side: int) -> Ty:
    """The domain (`side=0`) or codomain (1) of a composite, gathered from its parts without recursion."""
    found: list[Any] = []
    stack = [diagram]
    while stack:
        d = stack.pop()
        known = d._cod if side else d._dom
        if known is not None:
            found.extend(known.inside)
        elif d.form[0] == "then":
            stack.append(d.form[1 + side])
        else:
            stack += (d.form[2], d.form[1])
    return Ty.of(found)
