"""Derivative rules that users gave: `custom_jvp` and `custom_vjp`, read as boxes with rules.

A rule is a diagram, traced from JAX's own call of the user's function when somebody asks for it:
`jvp : A ⊗ A' -> B ⊗ B'`, or `fwd : A -> B ⊗ M` and `bwd : M ⊗ B' -> A'`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import jax

from ...categories.errors import DerivativeError
from ..box import Box
from ..params import Body, LazyDiagram, LazyRules
from ..syntax import Diagram
from ..types import Ty, Wire
from .arrays import FLOAT0, aval, spread, wire_of
from .sameness import changeable, program

__all__ = ["Level", "custom"]

Makers = dict[str, Callable[[], Any]]  # each traces a rule to a jaxpr
Enclosing = tuple[tuple[Hashable, dict[str, LazyDiagram]], ...]


@dataclass(eq=False)
class Level:
    """A program, or a rule, that is being read: the rules that it stands in, and what was read of it so far.

    `debug` says what becomes of prints and other debugging callbacks: "refuse", "keep" or "drop".
    """

    enclosing: Enclosing = ()
    debug: str = "refuse"
    bodies: dict[int, tuple[Any, Diagram]] = field(default_factory=dict)
    calls: dict[tuple[int, str], Box] = field(default_factory=dict)
    kinds: dict[Hashable, Kind] = field(default_factory=dict)


@dataclass(eq=False)
class Kind:
    """Calls of one custom rule that are the same program: one box, and the parameters of the calls."""

    signature: Hashable
    calls: list[Any]
    box: Box | None = None


class Reader(Protocol):
    """What reading a rule needs of the reader of jaxprs."""

    level: Level

    def body(self, jaxpr: Any) -> Diagram: ...
    def constant_at(self, atom: Any) -> bool: ...
    def outside(self, atom: Any) -> bool: ...
    def enclosed(self, jaxpr: Any) -> Body: ...
    def read(self, jaxpr: Any, level: Level) -> Diagram: ...


def custom(reader: Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A function with its own derivative: a definition and the user's rules, traced when asked for.

    Calls that are the same program are one box, and its rules are traced once. A rule may call the very function
    that it belongs to: such a call shares the rules that are being read, which would never end otherwise.
    """
    jaxpr, op = eqn.params["call_jaxpr"], eqn.primitive.name
    definition = reader.body(jaxpr)
    name = str(getattr(getattr(jaxpr, "jaxpr", jaxpr).debug_info, "func_name", op)).replace("/", "|")
    line = _line(eqn.params)
    still = tuple(i for i, v in enumerate(eqn.invars) if i < eqn.params["num_consts"] or reader.constant_at(v))
    still = (*still, *_closed_over(reader, eqn, dom, still))
    signature, wide = _signature(eqn.params), bool(jax.config.read("jax_enable_x64"))
    key = (op, name, line, definition, dom, cod, still, _weak(eqn), wide, signature)
    kind = reader.level.kinds.setdefault(key, Kind(signature, []))
    kind.calls.append(eqn.params)
    if kind.box is None:
        rules = dict(reader.level.enclosing).get(key)
        if rules is None:
            rules = _rules(reader, key, kind, (eqn, dom, cod), still, f"{name} ({line})")
        params = {**rules, "num_consts": eqn.params["num_consts"], "still": still}
        kind.box = Box(name, dom, cod, op=op, definition=definition, params=params)
    return kind.box


def _rules(
    reader: Reader, key: Hashable, kind: Kind, call: tuple[Any, Ty, Ty], still: tuple[int, ...], label: str
) -> dict[str, Any]:
    """The rules of a kind of call, each read when it is asked for, at a level of its own."""
    rules: dict[str, Any] = {}
    enclosing = (*reader.level.enclosing, (key, rules))
    debug = reader.level.debug

    def where(still: tuple[int, ...]) -> dict[str, LazyDiagram]:
        makers = {k: _checked(label.split(" (")[0], kind, _at_this_width(m)) for k, m in _makers(*call, still).items()}
        return {
            k: LazyDiagram(lambda m=m: reader.read(m(), Level(enclosing, debug)), len(enclosing) - 1, label)
            for k, m in makers.items()
        }

    rules |= where(still)
    if call[0].params.get("symbolic_zeros"):
        rules["moving"] = LazyRules(where, label)
    return rules


def _signature(params: dict[str, Any]) -> Hashable:
    """What there is to tell of the user's functions in a call, and of what JAX wrapped around them."""
    # `out_trees` tells what the rules gave when they were traced
    return program(tuple((k, v) for k, v in sorted(params.items()) if k not in ("call_jaxpr", "out_trees")))


def _weak(eqn: Any) -> tuple[bool, ...]:
    return tuple(bool(getattr(v.aval, "weak_type", False)) for v in (*eqn.invars, *eqn.outvars))


def _checked(name: str, kind: Kind, make: Callable[[], Any]) -> Callable[[], Any]:
    """The same tracing, refused where calls that share it were the same and are not any more."""

    def traced() -> Any:
        if (
            len(kind.calls) > 1
            and changeable(kind.signature)
            and any(_signature(p) != kind.signature for p in kind.calls)
        ):
            raise DerivativeError(
                f"two calls of {name} share its derivative rule, and a list or dict that they were given has changed "
                "since from_jax: give tuples, or change it before"
            )
        return make()

    return traced


def _line(params: dict[str, Any]) -> str:
    """The line of code that the rules of a call come from."""
    source = params.get("jvp_jaxpr_fun", params.get("fwd_jaxpr_thunk"))
    code = getattr(params.get("fwd"), "__code__", None)
    if code is not None:
        return f"{params['fwd'].__name__} at {code.co_filename}:{code.co_firstlineno}"
    return str(getattr(getattr(source, "debug_info", None), "func_src_info", ""))


def _makers(eqn: Any, dom: Ty, cod: Ty, still: tuple[int, ...]) -> Makers:
    tracer = _jvp_traces if eqn.primitive.name == "custom_jvp_call" else _vjp_traces
    return tracer(eqn, dom, cod, still)


def _closed_over(reader: Reader, eqn: Any, dom: Ty, still: tuple[int, ...]) -> list[int]:
    """The operands that the user's function closed over, where JAX no longer counts them.

    Under `vmap` inside of a loop or a choice, JAX makes operands like any others of them, and refuses to differentiate
    in them when the rule is called: so it is asked, about operands that come in from outside of the body.
    """
    if eqn.primitive.name == "custom_jvp_call" or eqn.params["num_consts"]:
        return []
    asked = [i for i, v in enumerate(eqn.invars) if i not in still and dom.inside[i].differentiable]
    if not any(reader.outside(eqn.invars[i]) for i in asked) or not _refused(eqn, dom, asked):
        return []
    return [i for i in asked if _refused(eqn, dom, [i])]


def _refused(eqn: Any, dom: Ty, moving: list[int]) -> bool:
    """Whether JAX refuses the derivative in these operands because the user's function closed over one of them."""
    still = tuple(i for i in range(len(dom)) if i not in moving)
    shapes, _, call = _split(eqn, dom, still)
    try:
        jax.eval_shape(lambda *xs: jax.vjp(lambda *m: call(xs, *m), *[xs[i] for i in moving])[0], *shapes)
    except Exception as error:  # any other is told when the rule is asked for
        return type(error).__name__ == "CustomVJPException"
    return False


def _at_this_width(make: Callable[[], Any]) -> Callable[[], Any]:
    """The same tracing, done later with 64 bits if JAX is set to them now, and without them if it is not."""
    wide = bool(jax.config.read("jax_enable_x64"))

    def traced() -> Any:
        with jax.enable_x64(wide):
            return make()

    return traced


def _caller(eqn: Any) -> Callable[..., Any]:
    params = eqn.primitive.get_bind_params(eqn.params)
    return lambda *xs: eqn.primitive.bind(*xs, **params)


def _split(eqn: Any, dom: Ty, still: tuple[int, ...]) -> tuple[list[Any], list[Wire], Callable[..., Any]]:
    """The operands as JAX takes them, the types of those that move, and the call as a function of those."""
    shapes = [aval(w, weak) for w, weak in zip(dom.inside, _weak(eqn), strict=False)]
    moving = [i for i in range(len(dom)) if i not in still]

    def call(xs: Sequence[Any], *moved: Any) -> Any:
        values = list(xs)
        for i, v in zip(moving, moved, strict=True):
            values[i] = v
        return _caller(eqn)(*values)

    return shapes, [dom.inside[i] for i in moving], call


def _jvp_traces(eqn: Any, dom: Ty, cod: Ty, still: tuple[int, ...]) -> Makers:
    """`jvp : A ⊗ A' -> B ⊗ B'`, from JAX's own call of the user's rule.

    Values that the function closed over, and constants, stand still: they have no part in A'.
    """
    shapes, moving, call = _split(eqn, dom, still)

    def trace() -> Any:
        def both(*values: Any) -> Any:
            xs, ts = values[: len(shapes)], spread(moving, values[len(shapes) :])
            ys, dys = jax.jvp(lambda *m: call(xs, *m), [x for i, x in enumerate(xs) if i not in still], ts)
            return ys, [t for t in dys if t.dtype != FLOAT0]

        return jax.make_jaxpr(both)(*shapes, *[aval(w) for w in moving if w.differentiable])

    return {"jvp": trace}


def _vjp_traces(eqn: Any, dom: Ty, cod: Ty, still: tuple[int, ...]) -> Makers:
    """`fwd : A -> B ⊗ M` and `bwd : M ⊗ B' -> A'`: what `jax.vjp` closes over is the residual M.

    Values that the function closed over, and constants, stand still: they have no part in A'.
    """
    shapes, _, call = _split(eqn, dom, still)

    @cache
    def forward_traced() -> tuple[Any, Any]:
        closure: list[Any] = []

        def forward(*xs: Any) -> Any:
            ys, pull = jax.vjp(lambda *m: call(xs, *m), *[x for i, x in enumerate(xs) if i not in still])
            leaves, tree = jax.tree.flatten(pull)
            closure[:] = [tree]
            return ys, leaves

        traced = jax.make_jaxpr(forward)(*shapes)
        return traced, closure[0]

    def backward_traced() -> Any:
        traced, tree = forward_traced()
        residuals = [v.aval for v in getattr(traced, "jaxpr", traced).outvars[len(cod) :]]

        def backward(*values: Any) -> Any:
            pull = jax.tree.unflatten(tree, values[: len(residuals)])
            cotangents = pull(spread(cod.inside, values[len(residuals) :]))
            return [c for c in cotangents if getattr(c, "dtype", None) != FLOAT0]

        held = [aval(wire_of(a), bool(getattr(a, "weak_type", False))) for a in residuals]
        return jax.make_jaxpr(backward)(*held, *[aval(w) for w in cod.inside if w.differentiable])

    return {"fwd": lambda: forward_traced()[0], "bwd": backward_traced}
