"""Loops, branches and solvers: the diagrams inside of a box become functions next to its line.

    scan    lax.scan(step, carry, xs)          while    lax.while_loop(keep_going, step, carry)
    cond    lax.cond(mask, if_true, if_false, ...)      or lax.switch(index, [...], ...)

What stays the same in all steps of a loop is not passed: the function reads it from around. A function that is one
expression is a lambda.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...diagrams.box import Box
from ...diagrams.graph import Graph
from ...diagrams.types import Wire
from .custom import CUSTOM, grouped, unpacking
from .expressions import Expr, array, call, item, plain, tuple_text
from .identifiers import titles
from .params import Several
from .writer import Block, Statement, several

__all__ = ["NESTED"]

SHORT = 48


def _kept(block: Block, xs: Sequence[Expr]) -> list[Expr]:
    """Values that a function reads from around it, by names."""
    return [block.assign(x) for x in xs]


def _argument(inner: Block, xs: Sequence[Expr], wires: Sequence[Wire], name: str) -> tuple[str, list[Expr]]:
    """The argument of a function for several arrays, which its first line unpacks, and these arrays."""
    if not xs:
        return inner.names.fresh("unused"), []
    names = [inner.names.fresh(t if x.role or len(xs) > 1 else name) for x, t in zip(xs, titles(list(xs)), strict=True)]
    values = [Expr(n, w, role=x.role) for n, w, x in zip(names, wires, xs, strict=True)]
    if len(xs) == 1:
        return names[0], values
    whole = inner.names.fresh(name)
    inner.lines.append(f"{unpacking(names)} = {whole}")
    return whole, values


def _scan(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    p, body = box.params, box.params["body"].diagram
    n, m = p["num_consts"], p["num_consts"] + p["num_carry"]
    fixed, back = _kept(block, xs[:n]), box.role == "reverse"
    hints = (
        block.cotangents(box, name, xs)
        if back
        else ["final"] * p["num_carry"] + ["stacked"] * (box.n_out - p["num_carry"])
    )
    block.calls[name] = (box, xs)
    step = block.names.fresh("step")
    inner = block.inner()
    start = [replace(x, role=x.role or "dy") if back else x for x in xs[n:m]]
    carry, state = _argument(inner, start, body.dom.inside[n:m], "carry")
    entry, entries = _argument(inner, xs[m:], body.dom.inside[m:], "x")
    outs = inner.run(body.graph, [*fixed, *state, *entries])
    texts = [array(e).text for e in outs]
    result = several([grouped(texts[: m - n]), grouped(texts[m - n :])])
    block.define(inner.function(f"def {step}({carry}, {entry}):", result))
    options = {} if m < len(xs) else {"length": str(p["length"])}
    options |= {k: str(p[k]) for k, usual in (("reverse", False), ("unroll", 1)) if p[k] != usual}
    texts = [array(x).text for x in xs]
    text = call("lax.scan", step, grouped(texts[n:m]), grouped(texts[m:]), **options)
    names = [block.names.fresh(h) if on else "_" for h, on in zip(hints, live, strict=True)]
    parts = [names[: m - n], names[m - n :]]
    left = ", ".join(
        ("_" if set(part) <= {"_"} else part[0] if len(part) == 1 else f"({unpacking(part)})") for part in parts
    )
    block.lines.append(f"{left} = {text}")
    role = "dy" if back else ""
    return [Expr(n, w, hint=n, role=role) for n, w in zip(names, box.cod.inside, strict=True)]


def _while(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    p, n = box.params, box.params["cond_nconsts"]
    m = n + p["body_nconsts"]
    fixed = _kept(block, xs[:m])
    names = [block.names.fresh("keep_going"), block.names.fresh("step")]
    bodies = [(p["cond_jaxpr"].diagram, fixed[:n]), (p["body_jaxpr"].diagram, fixed[n:m])]
    lanes = bodies[0][0].cod.wire.shape
    for function, (body, around) in zip(names, bodies, strict=True):
        inner = block.inner()
        carry, state = _argument(inner, xs[m:], body.dom.inside[len(around) :], "carry")
        outs = inner.run(body.graph, [*around, *state])
        result = inner.returned(outs)
        if lanes and body is bodies[0][0]:
            result = call("jnp.any", result)
        elif lanes:
            (going,) = inner.run(bodies[0][0].graph, [*bodies[0][1], *state])
            going = inner.assign(replace(going, hint="going"))
            result = several([_selected(going, new, old) for new, old in zip(outs, state, strict=True)])
        block.define(inner.function(f"def {function}({carry}):", result))
    text = call("lax.while_loop", *names, grouped([array(x).text for x in xs[m:]]))
    if box.n_out == 1:
        return [Expr(text, box.cod.inside[0], hint="final")]
    return block.unpacked(text, box.cod.inside, ["final"] * box.n_out, live)


def _selected(going: Expr, new: Expr, old: Expr) -> str:
    """What a step gives in the lanes of a loop over a batch that go on, and what was there in the others."""
    more = len(new.wire.shape) - len(going.wire.shape)
    mask = f"{item(going)}[{', '.join([':'] * len(going.wire.shape) + ['None'] * more)}]" if more else item(going)
    return call("jnp.where", mask, array(new).text, old.text)


def _cond(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    which, *args = xs
    graphs = [b.diagram.graph for b in box.params["branches"]]
    truth = which.also.get("truth") if len(graphs) == 2 and which.value is None else None
    labels = ["if_false", "if_true"] if truth else [f"branch_{i}" for i in range(len(graphs))]
    branches = [function_text(block, g, args, label) for g, label in zip(graphs, labels, strict=True)]

    def write(inputs: list[Expr]) -> str:
        texts = [array(x).text for x in inputs[1:]]
        if truth:
            made = call("lax.cond", inputs[0].text, *branches[::-1], *texts)
        else:
            made = call("lax.switch", plain(inputs[0]).text, f"[{', '.join(branches)}]", *texts)
        return made if box.n_out == 1 else Several(made)

    return block.expression(write, [truth or which, *args], box.cod.inside, ["result"] * box.n_out, live)


def function_text(block: Block, graph: Graph, args: Sequence[Expr], label: str, fixed: Sequence[Expr] = ()) -> str:
    """A function of these arguments: a lambda if it is one short expression, else the name of one that is written."""
    inner = block.inner()
    names = [inner.names.fresh(t) for t in titles(list(args))]
    wires = graph.dom.inside[len(fixed) :]
    outs = inner.run(graph, [*fixed, *(Expr(n, w, role=x.role) for n, w, x in zip(names, wires, args, strict=True))])
    result = inner.returned(outs)
    if not inner.lines and re.fullmatch(rf"(jnp|lax|jax\.nn)\.\w+\({', '.join(names)}\)", result):
        return result.partition("(")[0]
    if not inner.lines and len(outs) == 1 and len(result) <= SHORT:
        return f"lambda {', '.join(names)}: {result}" if names else f"lambda: {result}"
    name = block.names.fresh(label)
    inner.names.taken.add(name)
    block.define(inner.function(f"def {name}({', '.join(names)}):", result))
    return name


def _solve(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    """A linear solve: the matrix as a function, and the solvers, which get it as an argument and do not need it."""
    lengths, bodies = box.params["const_lengths"], box.params["jaxprs"]
    fixed, at = {}, 0
    for key in bodies._fields:
        n = getattr(lengths, key) or 0
        fixed[key], at = _kept(block, xs[at : at + n]), at + n
    functions = {}
    for key in bodies._fields:
        body = getattr(bodies, key)
        if body is None or key == "vecmat":
            continue
        functions[key] = block.names.fresh(key)
        inner = block.inner()
        first = ["_"] if key != "matvec" else []
        vector, entries = _argument(inner, xs[at:], body.diagram.dom.inside[len(fixed[key]) :], "b")
        outs = inner.run(body.diagram.graph, [*fixed[key], *entries])
        block.define(inner.function(f"def {functions[key]}({', '.join([*first, vector])}):", inner.returned(outs)))
    options = {k: functions[k] for k in ("transpose_solve",) if k in functions}
    right = grouped([array(x).text for x in xs[at:]])
    text = call("lax.custom_linear_solve", functions["matvec"], right, functions["solve"], **options)
    if box.n_out == 1:
        return [Expr(text, box.cod.inside[0], hint="solution")]
    return block.unpacked(text, box.cod.inside, ["solution"] * box.n_out, live)


def _reduce(block: Block, box: Box, xs: list[Expr], name: str, live: list[bool]) -> list[Any]:
    n, graph = len(xs) // 2, box.params["body"].diagram.graph
    if n == 1:
        combine = function_text(block, graph, [Expr("x", w) for w in graph.dom.inside], "combine")
    else:
        combine = block.names.fresh("combine")
        inner = block.inner()
        left, some = _argument(inner, xs[:n], graph.dom.inside[:n], "left")
        right, others = _argument(inner, xs[n:], graph.dom.inside[n:], "right")
        block.define(
            inner.function(f"def {combine}({left}, {right}):", inner.returned(inner.run(graph, [*some, *others])))
        )
    arrays, starts = [array(x).text for x in xs[:n]], [plain(x).text for x in xs[n:]]
    text = call("lax.reduce", grouped(arrays), grouped(starts), combine, tuple_text(box.params["dimensions"]))
    return block.expression(lambda _: text if n == 1 else Several(text), [], box.cod.inside, ["result"] * n, live)


NESTED: dict[str, Statement] = {
    **CUSTOM,
    "scan": _scan,
    "while": _while,
    "cond": _cond,
    "custom_linear_solve": _solve,
    "reduce": _reduce,
}
