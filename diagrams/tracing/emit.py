"""Out to JAX: what each box does to JAX values, tracers included.

`evaluate` interprets a graph by binding the very primitives that it was read from, so that tracing
the result gives the jaxpr that a person would have written. A box with a definition is a call of
`jax.jit` under its name: JAX traces it once however often it is used, XLA inlines it, and
transformations of the program (such as `vmap`) still show the boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import numpy as np

from ...categories.errors import NoMeaningError
from ..box import Box
from ..graph import Graph, interpret
from ..params import Body, Constant, Sealed, derived
from ..syntax import Diagram
from .arrays import array_or_key, aval, spread
from .primitives import primitive

__all__ = ["apply_box", "callable_of", "evaluate"]


def evaluate(graph: Graph, values: Sequence[Any]) -> list[Any]:
    """The JAX values at the codomain of a graph.

    Raises `NoMeaningError`, naming the box, for an abstract box.
    """
    return interpret(graph, apply_box, values)


def callable_of(diagram: Diagram) -> Callable[..., tuple[Any, ...]]:
    """A JAX function of one array a wire, which gives a tuple."""
    graph = diagram.graph

    def run(*values: Any) -> tuple[Any, ...]:
        return tuple(evaluate(graph, values))

    return run


def apply_box(box: Box, *values: Any) -> Sequence[Any]:
    """The JAX values that a box gives: the rule of this functor."""
    rule = EMIT.get(box.op)
    return rule(box, values) if rule is not None else _bind(box, values)


def _named(f: Callable[..., Any], name: str, wrap: Callable[..., Any]) -> Any:
    f.__name__ = f.__qualname__ = name
    return wrap(f)


def _definition(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    if box.definition is None:
        raise NoMeaningError(
            f"box {box.name!r} : {box.dom} -> {box.cod} is abstract and has no meaning in JAX: "
            "give it a definition, or apply a functor that says what it is"
        )
    definition = box.definition
    call = derived(definition, ("call", box.name), lambda: _named(callable_of(definition), box.name, jax.jit))
    return call(*values)


def _bind(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    p = primitive(box.op)
    # the jaxpr of a body is kept with the body, which other boxes have too
    params = derived(box, "unwrapped", lambda: None if box.bodies else _unwrapped(box)) or _unwrapped(box)
    made = p.bind(*values, **p.get_bind_params(params))
    return made if p.multiple_results else (made,)


def _unwrapped(box: Box) -> dict[str, Any]:
    return {k: _unwrap(v) for k, v in box.params.items()}


def _unwrap(value: Any) -> Any:
    if isinstance(value, Body):
        return _jaxpr(value)
    if isinstance(value, (Constant, Sealed)):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_unwrap, value))
    return tuple(map(_unwrap, value)) if type(value) is tuple else value


def _jaxpr(body: Body) -> Any:
    """The jaxpr of a body, made once for each body object."""

    def trace() -> Any:
        shapes = [aval(w, weak=i in body.weak) for i, w in enumerate(body.diagram.dom.inside)]
        traced = jax.make_jaxpr(callable_of(body.diagram))(*shapes)
        return traced if body.closed else getattr(traced, "jaxpr", traced)

    return derived(body, "jaxpr", trace)


def _constant(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    held: Constant = box.params["value"]
    if "impl" in box.params:
        return (array_or_key(held.value, box.params["impl"]),)
    if held.weak:
        scalar = np.asarray(held.value).item()
        # a Python scalar has this dtype by default: hand it over as one, so that it stays weak
        if jax.numpy.asarray(scalar).dtype == held.value.dtype:
            return (scalar,)
    return (held.value[()] if isinstance(held.value, np.ndarray) and held.value.ndim == 0 else held.value,)


def _scan(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    p = box.params
    n_xs = box.n_in - p["num_consts"] - p["num_carry"]
    params = dict(_scan_params(p["num_consts"], p["num_carry"], n_xs, box.n_out - p["num_carry"]))
    params |= {k: p[k] for k in ("length", "reverse", "unroll")} | {"jaxpr": _jaxpr(p["body"])}
    return primitive("scan").bind(*values, **params)


@lru_cache(maxsize=256)
def _scan_params(n_consts: int, n_carry: int, n_xs: int, n_ys: int) -> dict[str, Any]:
    """What this version of JAX writes on a scan of so many constants, carries, inputs and outputs.

    The parameters that group the operands differ between versions and are private, so they are
    read off a scan of the same arity that `jax.lax.scan` itself makes.
    """

    def scan(consts: Sequence[Any], carry: tuple[Any, ...], xs: tuple[Any, ...]) -> Any:
        def step(state: tuple[Any, ...], x: tuple[Any, ...]) -> tuple[Any, Any]:
            total = sum([jax.numpy.sin(v) for v in (*consts, *state, *x)])
            return tuple(c + total for c in state), tuple(total * (i + 2) for i in range(n_ys))

        return jax.lax.scan(step, carry, xs, length=2)

    scalar, row = jax.ShapeDtypeStruct((), "float32"), jax.ShapeDtypeStruct((2,), "float32")
    with jax.disable_jit(False):  # where jit is disabled, JAX unrolls a scan
        traced = jax.make_jaxpr(scan)((scalar,) * n_consts, (scalar,) * n_carry, (row,) * n_xs)
    eqns = [e for e in getattr(traced, "jaxpr", traced).eqns if e.primitive.name == "scan"]
    return dict(eqns[0].params)


def _reduce(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    n = len(values) // 2
    combine = box.params["body"].diagram.graph

    def monoid(a: Sequence[Any], b: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(evaluate(combine, (*a, *b)))

    return jax.lax.reduce(tuple(values[:n]), tuple(values[n:]), monoid, box.params["dimensions"])


def _custom(with_rule: Callable[[Box, Sequence[Any]], Callable[..., Any]]) -> Callable[[Box, Sequence[Any]], Any]:
    """Call a function with its own rule: made once for each box, or anew where it closes over values.

    JAX does not differentiate the values that such a function closes over; they come first.
    """

    def rule(box: Box, values: Sequence[Any]) -> Sequence[Any]:
        n = box.params.get("num_consts", 0)
        consts, args = values[:n], values[n:]
        f = with_rule(box, consts) if n else derived(box, with_rule, lambda: with_rule(box, ()))
        return f(*args)

    return rule


def _closing(box: Box, consts: Sequence[Any]) -> Callable[..., tuple[Any, ...]]:
    assert box.definition is not None
    graph = box.definition.graph
    return lambda *args: tuple(evaluate(graph, (*consts, *args)))


def _with_jvp(box: Box, consts: Sequence[Any]) -> Callable[..., Any]:
    f = _named(_closing(box, consts), box.name, jax.custom_jvp)

    still, n = box.params.get("still", ()), len(consts)

    def jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        wires = box.dom.inside[n:]
        pairs = zip(tangents, wires, strict=True)
        moving = [t for i, (t, w) in enumerate(pairs, n) if w.differentiable and i not in still]
        made = evaluate(box.params["jvp"].diagram.graph, (*consts, *primals, *moving))
        return tuple(made[: box.n_out]), tuple(spread(box.cod.inside, made[box.n_out :]))

    f.defjvp(jvp)
    return f


def _with_vjp(box: Box, consts: Sequence[Any]) -> Callable[..., Any]:
    f = _named(_closing(box, consts), box.name, jax.custom_vjp)
    still, n = box.params.get("still", ()), len(consts)

    def fwd(*xs: Any) -> tuple[Any, Any]:
        made = evaluate(box.params["fwd"].diagram.graph, (*consts, *xs))
        return tuple(made[: box.n_out]), tuple(made[box.n_out :])

    def bwd(residuals: Sequence[Any], cotangents: Sequence[Any]) -> tuple[Any, ...]:
        flowing = [c for c, w in zip(cotangents, box.cod.inside, strict=True) if w.differentiable]
        made = iter(evaluate(box.params["bwd"].diagram.graph, (*residuals, *flowing)))
        moves = [w.differentiable and i not in still for i, w in enumerate(box.dom.inside)]
        return tuple(next(made) if move else None for move in moves[n:])

    f.defvjp(fwd, bwd)
    return f


EMIT: dict[str, Callable[[Box, Sequence[Any]], Sequence[Any]]] = {
    "": _definition,
    "constant": _constant,
    "scan": _scan,
    "reduce": _reduce,
    "custom_jvp_call": _custom(_with_jvp),
    "custom_vjp_call": _custom(_with_vjp),
    "custom_vjp_call_jaxpr": _custom(_with_vjp),
}
