"""Functions with their own derivative rule, and rematerialized ones: decorated functions of the program.

    @jax.custom_jvp                       @jax.custom_vjp                       @jax.checkpoint
    def f(x): ...                         def f(x): ...                         def f(x): ...

    @f.defjvp                             f.defvjp(f_fwd, f_bwd)
    def f_jvp(primals, tangents): ...

A rule may call its own function. Rules of rules are written as far as the box keeps them (`diagrams.params.KEPT`); a
function whose rule is not written says so in a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...diagrams.box import Box
from ...diagrams.params import Body
from ...diagrams.types import Wire
from .expressions import Expr, array, call, tuple_text
from .functions import Definition, call_function, known_to_jax
from .identifiers import titles
from .params import policy
from .writer import Block, Statement, several

__all__ = ["CUSTOM", "grouped", "unpacking"]

NewBlock = Callable[[], Block]


def grouped(texts: Sequence[str]) -> str:
    """Nothing, one array, or a tuple of them, as JAX's loops take what they carry."""
    return "None" if not texts else texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def unpacking(names: Sequence[str]) -> str:
    """The left side of a line that unpacks a tuple."""
    return ", ".join(names) if len(names) > 1 else f"({names[0]},)" if names else "()"


def _decorated(write: Callable[[NewBlock, str, Box, list[Expr], list[Expr]], list[str]]) -> Statement:
    """A call of a function that is written once for each box, or beside the call where it reads values from around."""

    def statement(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
        known = known_to_jax(box)
        if known is not None:
            return block.expression(
                lambda args: call(known, *[array(a).text for a in args]), xs, box.cod.inside, [name], live
            )
        n, program = box.params.get("num_consts", 0), block.program
        block.calls[name] = (box, xs)
        if n:
            fixed = [block.assign(x) for x in xs[:n]]
            function = block.names.fresh(f"{box.name} here")
            block.define(write(block.inner, function, box, fixed, xs[n:]))
        else:
            key = (box.content, "decorated")
            if key not in program.by_box:
                function = program.names().function(box.name)
                program.by_box[key] = Definition(function, ())
                program.add(write(lambda: Block(program, program.names()), function, box, [], xs))
            function = program.by_box[key].name
        return call_function(block, function, box, xs[n:], [name] * box.n_out, live)

    return statement


def _arguments(block: Block, wires: Sequence[Wire], xs: Sequence[Expr]) -> list[Expr]:
    names = [block.names.fresh(t) for t in titles(list(xs))]
    return [Expr(n, w, role=x.role) for n, w, x in zip(names, wires, xs, strict=True)]


def _plain(
    new: NewBlock, function: str, box: Box, graph: Any, fixed: list[Expr], xs: list[Expr], above: list[str]
) -> list[str]:
    block = new()
    args = _arguments(block, graph.dom.inside[len(fixed) :], xs)
    head = f"def {function}({', '.join(a.text for a in args)}):"
    return block.function(head, block.returned(block.run(graph, [*fixed, *args])), above)


def _rules(box: Box, *names: str) -> list[Any] | None:
    """The diagrams of the rules; nothing where they are too deep to be kept or JAX refuses to trace them."""
    found = [box.rules[k].known() for k in names]
    return None if any(d is None for d in found) else found


UNKNOWN = "# its own derivative rule could not be read and is not written: it has the derivative of its definition"


def _looking(box: Box, rules: list[Any] | None) -> list[str]:
    """What the text does not say of a function that looks at which of its arguments move."""
    return (
        ["# its rule looks at which arguments move: this is the one where all do"]
        if "moving" in box.params and rules
        else []
    )


def _with_jvp(new: NewBlock, function: str, box: Box, fixed: list[Expr], xs: list[Expr]) -> list[str]:
    assert box.definition is not None
    rules = _rules(box, "jvp")
    decorator = "@jax.custom_jvp" if rules else UNKNOWN
    lines = _plain(new, function, box, box.definition.graph, fixed, xs, [*_looking(box, rules), decorator])
    return [*lines, "", "", *_jvp(new, function, box, rules[0].graph, fixed, xs)] if rules else lines


def _jvp(new: NewBlock, function: str, box: Box, graph: Any, fixed: list[Expr], xs: list[Expr]) -> list[str]:
    block, n, still = new(), len(fixed), box.params.get("still", ())
    args = _arguments(block, box.dom.inside[n:], xs)
    moving = [w.differentiable and i not in still for i, w in enumerate(box.dom.inside)][n:]
    tangents = [
        Expr(block.names.fresh(f"d{a.text}"), a.wire, role="dx") if on else None
        for a, on in zip(args, moving, strict=True)
    ]
    block.lines.append(f"{unpacking([a.text for a in args])} = primals")
    if any(moving):
        block.lines.append(f"{unpacking([t.text if t else '_' for t in tangents])} = tangents")
    outs = block.run(graph, [*fixed, *args, *(t for t in tangents if t)])
    ys, given = outs[: box.n_out], iter(outs[box.n_out :])
    dys = [array(next(given)).text if w.differentiable else _none(w) for w in box.cod.inside]
    result = several([_result([array(y).text for y in ys]), _result(dys)])
    return block.function(f"def {function}_jvp(primals, tangents):", result, [f"@{function}.defjvp"])


def _none(w: Wire) -> str:
    """The tangent of a wire that has none."""
    return f"np.zeros({tuple_text(w.shape)}, jax.dtypes.float0)"


def _result(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _with_vjp(new: NewBlock, function: str, box: Box, fixed: list[Expr], xs: list[Expr]) -> list[str]:
    assert box.definition is not None
    rules = _rules(box, "fwd", "bwd")
    decorator = "@jax.custom_vjp" if rules else UNKNOWN
    lines = _plain(new, function, box, box.definition.graph, fixed, xs, [*_looking(box, rules), decorator])
    if rules is None:
        return lines
    forward, kept = _forward(new, function, box, rules[0].graph, fixed, xs)
    backward = _backward(new, function, box, rules[1].graph, len(fixed), kept)
    return [*lines, "", "", *forward, "", "", *backward, "", "", f"{function}.defvjp({function}_fwd, {function}_bwd)"]


def _forward(
    new: NewBlock, function: str, box: Box, graph: Any, fixed: list[Expr], xs: list[Expr]
) -> tuple[list[str], list[Expr]]:
    """The function that keeps what the way back reads, and that, under its names."""
    block = new()
    args = _arguments(block, box.dom.inside[len(fixed) :], xs)
    outs = block.run(graph, [*fixed, *args])
    texts = [array(e).text for e in outs]
    kept = texts[box.n_out :]
    result = several([_result(texts[: box.n_out]), tuple_text(kept)])
    lines = block.function(f"def {function}_fwd({', '.join(a.text for a in args)}):", result)
    hints = [e.text if e.simple and e.text.isidentifier() else e.hint or "kept" for e in outs[box.n_out :]]
    return lines, [Expr("", e.wire, role=h) for e, h in zip(outs[box.n_out :], hints, strict=True)]


def _backward(new: NewBlock, function: str, box: Box, graph: Any, n: int, kept: list[Expr]) -> list[str]:
    block, still = new(), box.params.get("still", ())
    residuals = _arguments(block, [e.wire for e in kept], kept)
    block.lines.append(f"{unpacking([r.text for r in residuals])} = residuals")
    flows = [w.differentiable for w in box.cod.inside]
    cts = [
        Expr(block.names.fresh("dy"), w, role="dy") if on else None for w, on in zip(box.cod.inside, flows, strict=True)
    ]
    only = len(cts) == 1 and cts[0] is not None
    if not only:
        block.lines.append(f"{unpacking([c.text if c else '_' for c in cts])} = cotangents")
    made = iter(block.run(graph, [*residuals, *(c for c in cts if c)]))
    moves = [w.differentiable and i not in still for i, w in enumerate(box.dom.inside)][n:]
    result = tuple_text([array(next(made)).text if on else "None" for on in moves])
    argument = cts[0].text if only and cts[0] else "cotangents"
    return block.function(f"def {function}_bwd(residuals, {argument}):", result)


def _remat(new: NewBlock, function: str, box: Box, fixed: list[Expr], xs: list[Expr]) -> list[str]:
    body: Body = box.params["jaxpr"]
    kept = policy(box, box.params.get("policy"))
    options = {} if kept is None else {"policy": kept}
    options |= {} if box.params.get("prevent_cse", True) else {"prevent_cse": "False"}
    decorator = f"@{call('partial', 'jax.checkpoint', **options)}" if options else "@jax.checkpoint"
    return _plain(new, function, box, body.diagram.graph, fixed, xs, [decorator])


CUSTOM: dict[str, Statement] = {
    "custom_jvp_call": _decorated(_with_jvp),
    "custom_vjp_call": _decorated(_with_vjp),
    "custom_vjp_call_jaxpr": _decorated(_with_vjp),
    "remat2": _decorated(_remat),
    "checkpoint": _decorated(_remat),
    "remat": _decorated(_remat),
}
