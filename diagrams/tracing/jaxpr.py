"""In from JAX: the only reader of jaxprs.

`from_jax` traces a function and reads its jaxpr, equation by equation, into a flat graph. An
equation becomes a generator box that holds the primitive's name and static parameters; jaxprs among
the parameters become bodies, so that `scan`, `while`, `cond` and `remat` stay nested; `jit` becomes
a box with a definition; `custom_jvp` and `custom_vjp` become boxes with a definition and with the
user's derivative rules as diagrams, traced when first asked for.

>>> d = from_jax(lambda x, y: x * y + 1.0, R(3), R(3))
>>> [box.name for box in d.boxes]
['mul', '1.0', 'add']

JAX 0.10 has closed and open jaxprs, 0.12 has one class for both: nothing here asks for the class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, overload

import jax
import numpy as np

from ...categories.errors import InputError
from ...categories.para import Para
from ...categories.param import Given, Param
from ..box import Box, spelled
from ..graph import Builder
from ..params import PLAIN, Body, Sealed, canonical
from ..primitives import traits
from ..syntax import Diagram
from ..types import Ty
from .arguments import note_arguments
from .arrays import FLOAT0, aval, constant, types_of
from .effects import DEBUGGING, SEALED, held
from .high import high
from .lookup import foreign, remember
from .modules import named_modules
from .rules import Level, custom
from .scopes import Scopes, closed, noted, scopes_of

__all__ = ["from_jax", "read"]

UNKNOWN_VALUE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)
ONE_PROGRAM = (
    "A diagram is one program for all values of its wires: choose by jax.numpy.where or jax.lax.cond, repeat by "
    "jax.lax.scan or jax.lax.while_loop, or close over a value that stays the same."
)


@overload
def from_jax(f: Callable[..., Any], *examples: Any, scopes: bool = True, debug: str = "refuse") -> Diagram: ...
@overload
def from_jax(
    f: Callable[..., Any], *examples: Any, params: Any, scopes: bool = True, debug: str = "refuse"
) -> Para: ...
def from_jax(
    f: Callable[..., Any], *examples: Any, params: Any = None, scopes: bool = True, debug: str = "refuse"
) -> Diagram | Para:
    """The diagram of `f`, a JAX function over pytrees, traced at the shapes and dtypes of `examples`.

    `examples` are arrays, `jax.ShapeDtypeStruct`s, single-wire types such as `R(3)`, or pytrees of
    these; the domain lists their leaves in order (those of a dict sorted by key), the codomain the
    leaves of the result. Arrays that `f` closes over become constants.

    With `params`, a pytree of arrays, `Param`s, types or shapes, f is a function of that tree and then of
    the examples, and the result is a model: a `Para` whose parameters are named by their paths in the
    tree and begin with the arrays or initializers that stand in it.

    The parts of a program that have names, by `jax.named_scope` or as modules of Flax, Haiku and Equinox, become closed
    boxes of these names, nested as they are (see `scopes`); `scopes=False` leaves the diagram flat.

    `debug` says what becomes of `jax.debug.print` and its like: "refuse", "drop", or "keep": then a program of the
    diagram or of its derivative prints too, while `simplify` drops what no output needs, prints as well.

    Raises `EffectError` for I/O callbacks, prints that are refused and mutation, and `InputError` for a leaf that is no
    array or that JAX would narrow. Where Python would need the value of an argument, as to branch on it, JAX's own
    error passes, with a note of what to write.

    >>> from_jax(lambda p, x: x @ p["w"] + p["b"], R(3), params={"w": R(3, 2), "b": R(2)}).params
    {'b': R(2), 'w': R(3, 2)}
    """
    if debug not in DEBUGGING:
        raise InputError(f'debug={debug!r}: prints are "refuse", "keep" or "drop"')
    data, datadef = _leaves(examples)
    weights, weightdef = _leaves(params)
    shapes = [_example(f"example {p[0].idx}{jax.tree_util.keystr(p[1:])}", x) for p, x in data]
    shapes += [_example(f"parameter {jax.tree_util.keystr(p)}", x) for p, x in weights]

    def flat(*values: Any) -> Any:
        arguments = jax.tree.unflatten(datadef, values[: len(data)])
        first = () if params is None else (jax.tree.unflatten(weightdef, values[len(data) :]),)
        try:
            return f(*first, *arguments)
        except UNKNOWN_VALUE as error:
            error.add_note(ONE_PROGRAM)
            raise

    if scopes:
        with named_modules():
            arrow = closed(read(jax.make_jaxpr(flat)(*shapes), Level(debug=debug)))
    else:
        arrow = read(jax.make_jaxpr(flat)(*shapes), Level(debug=debug))
    note_arguments(arrow, f, [p for p, _ in data], skip=int(params is not None))
    if params is None:
        return arrow
    last = arrow.dom[len(data) :]
    return Para(arrow, [(_names(p), _param_of(x, ty)) for (p, x), ty in zip(weights, last, strict=True)])


def _leaves(tree: Any) -> Any:
    return jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda x: isinstance(x, (Ty, Param)))


def _names(path: Any) -> tuple[str, ...]:
    parts = jax.tree_util.keystr(path, simple=True, separator="/").split("/")
    # the array of a Flax variable is its attribute `value`, which says nothing
    return tuple(p for i, p in enumerate(parts) if p and not (i and i == len(parts) - 1 and p == "value"))


def _param_of(leaf: Any, ty: Ty) -> Param:
    if isinstance(leaf, Param):
        return leaf
    return Param(ty, Given(leaf) if isinstance(leaf, (jax.Array, np.ndarray)) else None)


def _example(where: str, leaf: Any) -> Any:
    leaf = leaf.ty if isinstance(leaf, Param) else leaf
    if isinstance(leaf, Ty):
        shape = aval(leaf.wire)
        if leaf.wire.kind != "Key" and jax.dtypes.canonicalize_dtype(shape.dtype) != shape.dtype:
            raise InputError(f"{where} is {leaf}, which JAX would narrow: set jax_enable_x64 to use 64 bits")
        return shape
    if isinstance(leaf, (jax.ShapeDtypeStruct, jax.Array, np.ndarray, np.generic, bool, int, float, complex)):
        return leaf
    raise InputError(f"{where} is {leaf!r}: give an array, a ShapeDtypeStruct or a type, and close over the rest")


def read(jaxpr: Any, level: Level | None = None, *, inner: bool = False) -> Diagram:
    """The diagram of a jaxpr, closed or open; `level` is the program or the rule that it is a part of.

    An `inner` one is the body of an equation.
    """
    plain = getattr(jaxpr, "jaxpr", jaxpr)
    consts = getattr(jaxpr, "consts", ())
    reader = _Reader(plain.invars, Level() if level is None else level, inner)
    for var, value in zip(plain.constvars, consts, strict=True):
        reader.env[var] = reader.constant(value, bool(getattr(var.aval, "weak_type", False)))
    stack: Any = None
    scopes: Scopes = ()
    for eqn in plain.eqns:
        reader.equation(eqn)
        here = _stack(eqn)
        if here is not stack:  # most equations stand where the one before stands
            stack, scopes = here, scopes_of(str(here))
        reader.note(scopes)
    outputs = [reader.number(v) for v in plain.outvars]
    reader.note(())
    cod = types_of(plain.outvars)
    return noted(Diagram.of_graph(reader.build.finish(outputs, cod)), reader.scopes)


def _stack(eqn: Any) -> Any:
    """The scopes that an equation was traced in, as JAX writes them.

    JAX has no public way to them, and `source_info` may change: without it, diagrams are flat.
    """
    return getattr(getattr(eqn, "source_info", None), "name_stack", "")


def readable(jaxpr: Any) -> bool:
    """Whether every boundary wire of a jaxpr is an array; Pallas kernels and mutable references are not."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    variables = [*inner.invars, *inner.outvars]
    plain = all(hasattr(v.aval, "shape") and hasattr(v.aval, "dtype") for v in variables)
    return plain and not any("Ref" in type(v.aval).__name__ for v in variables)


def is_jaxpr(value: Any) -> bool:
    """Whether a parameter is a jaxpr, of either class."""
    inner = getattr(value, "jaxpr", value)
    return hasattr(inner, "eqns") and hasattr(inner, "invars") and hasattr(inner, "constvars")


class _Reader:
    """The graph under construction, and the number of the wire of each variable of the jaxpr."""

    def __init__(self, invars: Sequence[Any], level: Level, inner: bool) -> None:
        self.build = Builder(types_of(invars))
        self.env: dict[Any, int] = {v: i for i, v in enumerate(invars)}
        self.level = level
        self.scopes: list[Scopes] = []
        self.given: set[int] = set(range(len(invars))) if inner else set()
        self.literals: dict[Any, int] = {}
        self.constants: set[int] = set()

    def note(self, scopes: Scopes) -> None:
        """Note the scopes of the nodes that were added since the last time."""
        self.scopes += [scopes] * (len(self.build.ops) - len(self.scopes))

    def number(self, atom: Any) -> int:
        if not hasattr(atom, "val"):
            return self.env[atom]
        value = np.asarray(atom.val, dtype=atom.aval.dtype)
        weak = bool(atom.aval.weak_type)
        key = (value.tobytes(), str(value.dtype), value.shape, weak)
        if key not in self.literals:
            self.literals[key] = self.constant(value, weak)
        return self.literals[key]

    def constant(self, value: Any, weak: bool = False) -> int:
        made = self.build.add(constant(value, weak), ())[0]
        self.constants.add(made)
        return made

    def constant_at(self, atom: Any) -> bool:
        """Whether a variable is a literal, an array that the program closes over, or made of what does not move."""
        return hasattr(atom, "val") or self.env[atom] in self.constants

    def outside(self, atom: Any) -> bool:
        """Whether a variable of a body is what the body is given, or that with its entries moved about."""
        return not hasattr(atom, "val") and self.env[atom] in self.given

    def read(self, jaxpr: Any, level: Level) -> Diagram:
        return read(jaxpr, level)

    def body(self, jaxpr: Any) -> Diagram:
        bodies = self.level.bodies
        if id(jaxpr) not in bodies:
            bodies[id(jaxpr)] = (jaxpr, read(jaxpr, self.level, inner=True))
        return bodies[id(jaxpr)][1]

    def enclosed(self, jaxpr: Any) -> Body:
        """The body that takes all its values as inputs."""
        return Body(self.body(jaxpr), False, _body(self, jaxpr).weak)

    def equation(self, eqn: Any) -> None:
        outs = eqn.outvars
        if outs and getattr(outs[0].aval, "dtype", None) == FLOAT0:
            if all(getattr(v.aval, "dtype", None) == FLOAT0 for v in outs):
                return  # an empty tangent, which carries nothing
        name = eqn.primitive.name
        if not held(eqn, self.level.debug):
            return
        remember(eqn.primitive)
        dom, cod = types_of(eqn.invars), types_of(eqn.outvars)
        box = READERS.get(name, _generic)(self, eqn, dom, cod)
        reads = [self.number(v) for v in eqn.invars]
        made = self.build.add(box, reads)
        self.env.update(zip(outs, made, strict=True))
        moving = [i for i, w in zip(reads, dom.inside, strict=True) if w.differentiable]
        if self.constants.issuperset(moving):
            self.constants.update(made)
        elif self.given and _only_moves(name) and all(i in self.given or i in self.constants for i in moving):
            self.given.update(made)


@cache
def _only_moves(name: str) -> bool:
    """Whether a result is made of nothing but entries of the inputs."""
    known = traits(name)
    return known.moving or known.converting or name == "select_n"


@lru_cache(maxsize=65536)
def _generator(name: str, dom: Ty, cod: Ty, items: tuple[tuple[str, Any], ...], _text: str) -> Box:
    return Box(name, dom, cod, op=name, params=dict(items))


def forget_generators() -> None:
    """Make new boxes from now on, as after a change of what is said of primitives."""
    _generator.cache_clear()


def _generic(reader: _Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A primitive as it is; equal ones without bodies are one object.

    What a primitive of another library was given is for its own rules, which may compare it with what they made: it
    stays as it is, the programs inside too.
    """
    name = eqn.primitive.name
    if not eqn.params:
        return _generator(name, dom, cod, (), "")
    if foreign(eqn.primitive):
        params = {k: Sealed.of(v) for k, v in eqn.params.items()}
    else:
        params = {k: v if name in SEALED else _param(reader, v) for k, v in eqn.params.items()}
    if any(_has_body(v) for v in params.values()):
        return Box(name, dom, cod, op=name, params=params)
    items = tuple((k, canonical(v)) for k, v in params.items())
    try:
        # 1, 1.0 and True, 0.0 and -0.0 are equal keys to Python and different parameters to JAX
        return _generator(name, dom, cod, items, repr(items))
    except TypeError:
        return Box(name, dom, cod, op=name, params=params)


def _param(reader: _Reader, value: Any) -> Any:
    if type(value) in PLAIN:
        return value
    if is_jaxpr(value):
        return _body(reader, value) if readable(value) else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_param(reader, v) for v in value])
    if isinstance(value, (tuple, list)):
        return tuple(_param(reader, v) for v in value)
    return value


def _body(reader: _Reader, jaxpr: Any) -> Body:
    invars = getattr(jaxpr, "jaxpr", jaxpr).invars
    weak = tuple(i for i, v in enumerate(invars) if getattr(v.aval, "weak_type", False))
    return Body(reader.body(jaxpr), hasattr(jaxpr, "consts"), weak)


def _has_body(value: Any) -> bool:
    return isinstance(value, Body) or (isinstance(value, tuple) and any(map(_has_body, value)))


def _jit(reader: _Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A `jit` is a box with a definition; one that pins shardings, layouts or options stays a primitive."""
    p = eqn.params
    pinned = [
        x for k in ("in_shardings", "out_shardings") for x in p.get(k, ()) if "Unspecified" not in type(x).__name__
    ]
    pinned += [x for k in ("in_layouts", "out_layouts") for x in p.get(k, ()) if x is not None]
    if pinned or p.get("compiler_options_kvs"):
        return _generic(reader, eqn, dom, cod)
    jaxpr, name = p.get("jaxpr", p.get("call_jaxpr")), p.get("name") or eqn.primitive.name
    calls = reader.level.calls
    if (id(jaxpr), name) not in calls:
        # a jaxpr keeps nothing of a box but its name
        calls[id(jaxpr), name] = Box(name, dom, cod, definition=reader.body(jaxpr), **spelled(name))
    return calls[id(jaxpr), name]


def _scan(reader: _Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A scan; its numbers of constants and carries are read off the shapes, as JAX's versions name them differently."""
    body = reader.body(eqn.params["jaxpr"])
    n_xs = sum(o.shape != i.shape for o, i in zip(dom.inside, body.dom.inside, strict=True))
    n_ys = sum(o.shape != i.shape for o, i in zip(cod.inside, body.cod.inside, strict=True))
    n_carry = len(cod) - n_ys
    params = {
        "body": _body(reader, eqn.params["jaxpr"]),
        "length": eqn.params["length"],
        "reverse": eqn.params["reverse"],
        "unroll": eqn.params["unroll"],
        "num_consts": len(dom) - n_xs - n_carry,
        "num_carry": n_carry,
    }
    return Box("scan", dom, cod, op="scan", params=params)


def _reduce(reader: _Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A reduction by a function: the jaxpr is kept, the Python function that it was traced from is not."""
    params = {"body": _body(reader, eqn.params["jaxpr"]), "dimensions": eqn.params["dimensions"]}
    return Box("reduce", dom, cod, op="reduce", params=params)


def _high(reader: _Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    found = high(reader, eqn, dom, cod)
    return _generic(reader, eqn, dom, cod) if found is None else found


READERS: dict[str, Callable[[_Reader, Any, Ty, Ty], Box]] = {
    "jit": _jit,
    "pjit": _jit,
    "closed_call": _jit,
    "core_call": _jit,
    "call": _jit,
    "eval_jaxpr": _jit,
    "scan": _scan,
    "reduce": _reduce,
    "call_hi_primitive": _high,
    "custom_jvp_call": custom,
    "custom_vjp_call": custom,
    "custom_vjp_call_jaxpr": custom,
}
