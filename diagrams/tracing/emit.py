"""Out to JAX: what each box does to JAX values, tracers included.

`evaluate` interprets a graph by binding the very primitives that it was read from, so that tracing
the result gives the jaxpr that a person would have written. A box with a definition is a call of
`jax.jit` under its name: JAX traces it once however often it is used, XLA inlines it, and
transformations of the program (such as `vmap`) still show the boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ...categories.errors import NoMeaningError
from ..box import Box
from ..cache import derived
from ..graph import Graph
from ..params import Body, Constant, Sealed
from ..syntax import Diagram
from ..traversal import interpret
from .arrays import array_or_key, aval, spread
from .lookup import primitive
from .weakness import is_weak, weakly

__all__ = ["apply_box", "callable_of", "evaluate", "narrowed"]


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
    params = derived(box, "unwrapped", lambda: None if box.bodies else _unwrapped(box, {}))
    if params is None:
        params = _unwrapped(box, TAKEN.get(box.op, _nothing)(box, values))
    made = p.bind(*values, **p.get_bind_params(params))
    return made if p.multiple_results else (made,)


def _nothing(box: Box, values: Sequence[Any]) -> dict[str, Sequence[Any]]:
    return {}


def _by_while(box: Box, values: Sequence[Any]) -> dict[str, Sequence[Any]]:
    n, state = box.params["cond_nconsts"], values[box.params["cond_nconsts"] + box.params["body_nconsts"] :]
    return {"cond_jaxpr": [*values[:n], *state], "body_jaxpr": values[n:]}


# What the bodies of a primitive take of its operands, by the names of the parameters that they stand in.
TAKEN: dict[str, Callable[[Box, Sequence[Any]], dict[str, Sequence[Any]]]] = {
    "cond": lambda box, values: {"branches": values[1:]},
    "while": _by_while,
    "checkpoint": lambda box, values: {"jaxpr": values},
    "remat2": lambda box, values: {"jaxpr": values},
}


def _unwrapped(box: Box, taken: dict[str, Sequence[Any]]) -> dict[str, Any]:
    return {k: _unwrap(v, taken.get(k)) for k, v in box.params.items()}


def _unwrap(value: Any, taken: Sequence[Any] | None = None) -> Any:
    if isinstance(value, Body):
        return _jaxpr(value, taken)
    if isinstance(value, (Constant, Sealed)):
        return value.value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[_unwrap(v, taken) for v in value])
    return tuple(_unwrap(v, taken) for v in value) if type(value) is tuple else value


def _jaxpr(body: Body, taken: Sequence[Any] | None = None) -> Any:
    """The jaxpr of a body, made once for each body object and choice of weak inputs.

    Weak are the inputs that were so when the body was read, and that take a weak value now, where it is known.
    """
    weak = tuple(i for i in body.weak if taken is None or is_weak(taken[i]))

    def trace() -> Any:
        shapes = [aval(w, weak=i in weak) for i, w in enumerate(body.diagram.dom.inside)]
        traced = jax.make_jaxpr(callable_of(body.diagram))(*shapes)
        return traced if body.closed else getattr(traced, "jaxpr", traced)

    return derived(body, ("jaxpr", weak), trace)


def _constant(box: Box, values: Sequence[Any]) -> Sequence[Any]:
    held: Constant = box.params["value"]
    if "impl" in box.params:
        return (array_or_key(held.value, box.params["impl"]),)
    if held.weak and np.ndim(held.value):
        return (weakly(held.value),)
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
    params |= {k: p[k] for k in ("length", "reverse", "unroll")} | {"jaxpr": _jaxpr(p["body"], values)}
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


def narrowed(box: Box, still: Sequence[int]) -> Box:
    """The box with the rules that its function has where these inputs stand still; itself if it does not look at that.

    Raises `NoMeaningError` for a box from a file that was written without these rules.
    """
    rules = box.params.get("moving")
    if rules is None:
        return box
    fixed = [i for i, w in enumerate(box.dom.inside) if not w.differentiable]
    at = tuple(sorted({*still, *fixed, *box.params["still"]}))

    def make() -> Box:
        params = {k: v for k, v in box.params.items() if k != "moving"} | rules.where(at) | {"still": at}
        return box.replaced(params=params)

    return derived(box, ("narrowed", at), make)


def _with_jvp(box: Box, consts: Sequence[Any]) -> Callable[..., Any]:
    f = _named(_closing(box, consts), box.name, jax.custom_jvp)
    n = len(consts)

    def looking(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        still = [i for i, t in enumerate(tangents, n) if isinstance(t, SymbolicZero)]
        return _jvp(narrowed(box, still), consts, primals, tangents)

    if "moving" in box.params:
        f.defjvp(looking, symbolic_zeros=True)
    else:
        f.defjvp(lambda primals, tangents: _jvp(box, consts, primals, tangents))
    return f


def _jvp(box: Box, consts: Sequence[Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The values and tangents that the rule of a box gives."""
    still, n = box.params.get("still", ()), len(consts)
    wires = box.dom.inside[n:]
    pairs = zip(tangents, wires, strict=True)
    moving = [t for i, (t, w) in enumerate(pairs, n) if w.differentiable and i not in still]
    made = evaluate(box.params["jvp"].diagram.graph, (*consts, *primals, *moving))
    return tuple(made[: box.n_out]), tuple(spread(box.cod.inside, made[box.n_out :]))


def _with_vjp(box: Box, consts: Sequence[Any]) -> Callable[..., Any]:
    f = _named(_closing(box, consts), box.name, jax.custom_vjp)
    n = len(consts)

    def fwd(*xs: Any) -> tuple[Any, Any]:
        made = evaluate(box.params["fwd"].diagram.graph, (*consts, *xs))
        return tuple(made[: box.n_out]), tuple(made[box.n_out :])

    def looking(*xs: Any) -> tuple[Any, Any]:
        one = narrowed(box, [i for i, x in enumerate(xs, n) if not x.perturbed])
        made = evaluate(one.params["fwd"].diagram.graph, (*consts, *(x.value for x in xs)))
        back = derived(one, "back", lambda: partial(_back, one, n))
        return tuple(made[: box.n_out]), jax.tree_util.Partial(back, tuple(made[box.n_out :]))

    def returning(back: Any, cotangents: Any) -> tuple[Any, ...]:
        return back([_filled(c) for c in cotangents])

    if "moving" in box.params:
        f.defvjp(looking, returning, symbolic_zeros=True)
    else:
        f.defvjp(fwd, partial(_back, box, n))
    return f


def _filled(c: Any) -> Any:
    """A cotangent as an array, zeros too."""
    if not isinstance(c, SymbolicZero):
        return c
    like: Any = c.aval
    return jax.numpy.zeros(like.shape, like.dtype)


def _back(box: Box, n: int, residuals: Sequence[Any], cotangents: Sequence[Any]) -> tuple[Any, ...]:
    """The cotangents of the inputs from the n-th on that the rule of a box gives."""
    still = box.params.get("still", ())
    flowing = [c for c, w in zip(cotangents, box.cod.inside, strict=True) if w.differentiable]
    made = iter(evaluate(box.params["bwd"].diagram.graph, (*residuals, *flowing)))
    moves = [w.differentiable and i not in still for i, w in enumerate(box.dom.inside)]
    return tuple(next(made) if move else None for move in moves[n:])


EMIT: dict[str, Callable[[Box, Sequence[Any]], Sequence[Any]]] = {
    "": _definition,
    "constant": _constant,
    "scan": _scan,
    "reduce": _reduce,
    "custom_jvp_call": _custom(_with_jvp),
    "custom_vjp_call": _custom(_with_vjp),
    "custom_vjp_call_jaxpr": _custom(_with_vjp),
}
