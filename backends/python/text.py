"""`source`: a diagram, a model or a derivative as a Python program.

Writing a program is a functor to the expressions of Python, which has the same structure as every other functor out
of diagrams: an input is a name, a box an expression or a line, and composing is substituting. The program says again
what the diagram means,

    run(source(d)) = to_jax(d)          up to rounding under `jit`, for every diagram without abstract boxes

in the words that a person would use: operators, numpy's broadcasting, one function for each closed box, names from
boxes and from the paths of parameters. It needs JAX alone to run, and does not promote dtypes.

>>> print(source(from_jax(lambda x, w: jnp.tanh(x @ w), R(8, 3), R(3, 4))))
import jax.numpy as jnp
<BLANKLINE>
<BLANKLINE>
def f(x, w):
    return jnp.tanh(x @ w)
"""

from __future__ import annotations

import html
import json
import keyword
import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...categories.errors import InputError
from ...categories.para import Para
from ...diagrams.graph import Graph
from ...diagrams.syntax import Diagram, require
from ...diagrams.tracing.arguments import arguments
from ...diagrams.types import Wire
from ...functors.derivatives.derivative import reversal
from .array_parts import ARRAYS, constant, is_view
from .contractions import PRODUCTS
from .expressions import Expr, dtype_text
from .functions import definition
from .identifiers import KINDS, RESERVED, cotangent, identifier
from .library import LIBRARY
from .loops import NESTED
from .operators import OPERATORS
from .writer import Block, Program

__all__ = ["Source", "source"]

RULES = {**OPERATORS, **ARRAYS, **PRODUCTS, **LIBRARY}
STATEMENTS = {**NESTED, "": definition, "constant": constant}

IMPORTS = {
    "base64": "import base64",
    "partial": "from functools import partial",
    "jax": "import jax",
    "jnp": "import jax.numpy as jnp",
    "np": "import numpy as np",
    "lax": "from jax import lax",
    "checkpoint_name": "from jax.ad_checkpoint import checkpoint_name",
    "primitives": "from jax.extend.core import primitives",
}


class Source(str):
    """The text of a program; `function()` runs it and gives the function, which is called like `to_jax(d)`."""

    name: str
    wires: tuple[Wire, ...]
    with_params: bool

    @property
    def code(self) -> str:
        """The program as a plain string."""
        return str.__str__(self)

    def function(self) -> Callable[..., Any]:
        """The function that the program defines.

        The program broadcasts as numpy does, which it is allowed to whatever `jax_numpy_rank_promotion` says.
        """
        space: dict[str, Any] = {"__name__": self.name}
        exec(compile(self.code, f"<source of {self.name}>", "exec"), space)
        run, wires, first = space[self.name], self.wires, int(self.with_params)

        def function(*args: Any) -> Any:
            if len(args) != first + len(wires):
                raise InputError(f"{self.name} takes {first + len(wires)} arguments, and got {len(args)}")
            params = [jax.tree.map(jnp.asarray, args[0])] if first else []
            data = [_array(x, w) for x, w in zip(args[first:], wires, strict=True)]
            with jax.numpy_rank_promotion("allow"):
                return run(*params, *data)

        return function

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(self.code)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.code)}</pre>"


def _array(x: Any, w: Wire) -> Any:
    return x if isinstance(x, jax.Array) else jnp.asarray(x, w.dtype)


def source(d: Diagram | Para, name: str = "f", *, inputs: Sequence[str] | None = None) -> Source:
    """The program of a diagram or a model, as text: a function `name` of one array a wire.

    Of a model it is a function of the nested dict of parameters, `params["dense"]["w"]`, and the data. `inputs` names
    the data, which has the names of the arguments of the function that `from_jax` traced, and is x, y, z, ... where
    there is none, and dy for the cotangents of a reverse derivative.

    Raises `NoMeaningError` for an abstract box and for a box whose parameters have no text, and `InputError` for names
    that Python does not allow.
    """
    require(d, "source")
    arrow, entries = (d.arrow, d.entries) if isinstance(d, Para) else (d, ())
    n = arrow.n_in - len(entries)
    graph: Graph = arrow.graph
    program = Program(RULES, STATEMENTS, is_view)
    program.function_names.add(_allowed(name))
    block = Block(program, program.names())
    given = _data_names(graph, n, inputs, _traced(arrow))
    data = [block.names.fresh(x) if inputs is None else block.names.exactly(_allowed(x)) for x in given]
    wires = graph.dom.inside
    roles = ["dy" if x == "dy" else "" if inputs is None else x for x in given]
    values = [Expr(x, w, role=role) for x, role, w in zip(data, roles, wires, strict=False)]
    values += [Expr(_path(p), w, role=identifier(p[-1])) for (p, _), w in zip(entries, wires[n:], strict=True)]
    outputs = block.run(graph, values, _gradients(graph, values))
    arguments = [*(["params"] if isinstance(d, Para) else []), *data]
    main = block.function(f"def {name}({', '.join(arguments)}):", block.returned(outputs))
    made = Source(_assembled(program, main))
    made.name, made.wires, made.with_params = name, wires[:n], isinstance(d, Para)
    return made


def _allowed(name: str) -> str:
    if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
        raise InputError(
            f"{name!r} is no name for a function or an argument: give an identifier that Python does not use"
        )
    return name


def _traced(d: Diagram) -> tuple[str, ...]:
    """The names of the arguments of the function that a diagram, or what it is the derivative of, was traced from."""
    back = reversal(d)
    return arguments(d if back is None else back.of)


def _data_names(graph: Graph, n: int, inputs: Sequence[str] | None, traced: Sequence[str]) -> list[str]:
    """Names for the data: those given, else those traced, else dy for what only ways back read, else letters."""
    if inputs is not None:
        if len(inputs) != n or len(set(inputs)) != n:
            raise InputError(f"inputs={list(inputs)} are {len(set(inputs))} names for {n} wires {graph.dom[:n]}")
        return list(inputs)
    if traced and len(traced) <= n:
        return [*traced, *["dy"] * (n - len(traced))]  # of a derivative, what comes after is cotangents
    forward: set[int] = set(graph.outputs.tolist())
    back: set[int] = set()
    # by hand: about the wires themselves, not about values on them
    for box, reads, _ in graph.steps:
        (back if box.role == "reverse" else forward).update(reads)
    first = n
    while first and first - 1 in back - forward and graph.dom.inside[first - 1].differentiable:
        first -= 1
    letters = iter("xyzuvw") if first <= 6 else iter(f"x{i}" for i in range(first))
    return [*(KINDS.get(w.kind) or next(letters) for w in graph.dom.inside[:first]), *["dy"] * (n - first)]


def _gradients(graph: Graph, values: Sequence[Expr]) -> dict[int, str]:
    """Names for outputs that ways back give, where the codomain ends in the types of the parameters."""
    params = [e for e in values if not e.text.isidentifier() and e.wire.differentiable]
    ends = graph.outputs.tolist()[len(graph.outputs) - len(params) :] if len(params) <= len(graph.outputs) else []
    back = {w for box, _, writes in graph.steps if box.role == "reverse" for w in writes}
    wires = graph.cod.inside[len(graph.outputs) - len(ends) :]
    if any(e.wire != w for e, w in zip(params, wires, strict=False)):
        return {}
    return {i: cotangent(e) for i, e in zip(ends, params, strict=False) if i in back}


def _path(path: Sequence[str]) -> str:
    return f"params{''.join(f'[{json.dumps(part)}]' for part in path)}"


def _assembled(program: Program, main: Sequence[str]) -> str:
    """The imports that are used, the functions in order, and the large arrays at the end."""
    functions = ["\n".join(lines) for lines in [*program.functions, main]]
    arrays = [_kept(name, value, dtype) for name, value, dtype in program.arrays.values()]
    body = "\n\n\n".join([*functions, *(["\n".join(arrays)] if arrays else [])])
    used = [line for word, line in IMPORTS.items() if re.search(rf"(?<![\w.]){word}\b(?=[.(])", body)]
    standard = [line for line in used if "jax" not in line and "numpy" not in line]
    third = [*(line for line in used if line not in standard), *sorted(program.imports)]
    head = "\n\n".join("\n".join(group) for group in (standard, third) if group)
    return f"{head}\n\n\n{body}\n" if head else f"{body}\n"


def _kept(name: str, value: np.ndarray[Any, Any], dtype: str) -> str:
    """An array as text that gives it back bit by bit."""
    import base64

    data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
    pieces = "\n".join(f'    "{data[i : i + 100]}"' for i in range(0, len(data), 100))
    read = f"np.frombuffer(base64.b64decode(\n{pieces}\n), {dtype_text(dtype)})"
    return f"{name} = jnp.array({read}.reshape({value.shape}))"
