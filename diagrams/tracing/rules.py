"""Derivative rules that users gave: `custom_jvp` and `custom_vjp`, read as boxes with rules.

A rule is a diagram, traced from JAX's own call of the user's function when somebody asks for it:
`jvp : A ⊗ A' -> B ⊗ B'`, or `fwd : A -> B ⊗ M` and `bwd : M ⊗ B' -> A'`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol

import jax
from jax.core import Tracer

from ..box import Box
from ..params import Rule
from ..syntax import Diagram
from ..types import Ty, Wire
from .arrays import FLOAT0, aval, constant, spread, wire_of

__all__ = ["Enclosing", "custom"]

Makers = dict[str, Callable[[], Any]]  # each traces a rule to a jaxpr, once
Enclosing = tuple[tuple[Any, Makers, dict[str, Rule]], ...]


class Reader(Protocol):
    """What reading a rule needs of the reader of jaxprs."""

    enclosing: Enclosing

    def body(self, jaxpr: Any) -> Diagram: ...
    def constant_at(self, atom: Any) -> bool: ...
    def read(self, jaxpr: Any, enclosing: Enclosing) -> Diagram: ...


def custom(reader: Reader, eqn: Any, dom: Ty, cod: Ty) -> Box:
    """A function with its own derivative: a definition and the user's rules, traced when asked for.

    A rule may call the very function that it belongs to, and reading it again would never end. A call
    shares the rules of one that is being read if it has the same definition and its rules, traced
    afresh, are the same programs.
    """
    jaxpr = eqn.params["call_jaxpr"]
    definition = reader.body(jaxpr)
    op = eqn.primitive.name
    name = str(getattr(getattr(jaxpr, "jaxpr", jaxpr).debug_info, "func_name", op)).replace("/", "|")
    source = eqn.params.get("jvp_jaxpr_fun", eqn.params.get("fwd_jaxpr_thunk"))
    key = (str(getattr(getattr(source, "debug_info", None), "func_src_info", "")), name, definition.graph)
    still = tuple(i for i, v in enumerate(eqn.invars) if i < eqn.params["num_consts"] or reader.constant_at(v))
    tracer = _jvp_traces if op == "custom_jvp_call" else _vjp_traces
    makers = {k: cache(_at_this_width(make)) for k, make in tracer(eqn, dom, cod, still).items()}
    rules = next((r for k, m, r in reader.enclosing if k == key and _same(m, makers)), None)
    if rules is None:
        rules = {}
        enclosing = (*reader.enclosing, (key, makers, rules))
        depth, label = len(reader.enclosing), f"{name} ({key[0]})"
        for k, make in makers.items():
            rules[k] = Rule(lambda make=make: reader.read(make(), enclosing), depth, label)
    params = {**rules, "num_consts": eqn.params["num_consts"], "still": still}
    return Box(name, dom, cod, op=op, definition=definition, params=params)


def _at_this_width(make: Callable[[], Any]) -> Callable[[], Any]:
    """The same tracing, done later with 64 bits if JAX is set to them now, and without them if it is not."""
    wide = bool(jax.config.read("jax_enable_x64"))

    def traced() -> Any:
        with jax.enable_x64(wide):
            return make()

    return traced


def _same(some: Makers, others: Makers) -> bool:
    return some.keys() == others.keys() and all(_text(some[k]()) == _text(others[k]()) for k in some)


def _text(traced: Any) -> tuple[Any, ...]:
    """A traced rule as text, with the bytes of the arrays that it closes over."""
    consts = [c for c in getattr(traced, "consts", ()) if not isinstance(c, Tracer)]
    return (str(traced), *(constant(c).content for c in consts))


def _caller(eqn: Any) -> Callable[..., Any]:
    params = eqn.primitive.get_bind_params(eqn.params)
    return lambda *xs: eqn.primitive.bind(*xs, **params)


def _split(eqn: Any, dom: Ty, still: tuple[int, ...]) -> tuple[list[Any], list[Wire], Callable[..., Any]]:
    """The operands as JAX takes them, the types of those that move, and the call as a function of those."""
    shapes = [aval(w, bool(getattr(v.aval, "weak_type", False))) for w, v in zip(dom.inside, eqn.invars, strict=True)]
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
            return [c for c in cotangents if c.dtype != FLOAT0]

        held = [aval(wire_of(a), bool(getattr(a, "weak_type", False))) for a in residuals]
        return jax.make_jaxpr(backward)(*held, *[aval(w) for w in cod.inside if w.differentiable])

    return {"fwd": lambda: forward_traced()[0], "bwd": backward_traced}
