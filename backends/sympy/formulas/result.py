"""`Symbolic`: a diagram as formulas, with what one does to formulas.

Reading is a functor: `symbolic(f >> g)` is `symbolic(g)` at the formulas of `symbolic(f)`. Differentiating at the
level of arrays is reading the reverse derivative, so that `diff` and `reverse` agree by definition; at the level of
entries it is sympy's own derivative, and that the two agree is a theorem about every rule of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import sympy
from sympy import Basic

from ....categories.errors import InputError, PathError
from ....categories.para import Para
from ....categories.param import leaves
from ....diagrams.syntax import Diagram
from ....diagrams.types import Wire
from .names import Names, Variable, identifier, latex_name, variables
from .terms.display import escaped
from .terms.entries import Family, Operation
from .terms.evaluate import Evaluator, fitted
from .terms.printing import Latex, Text

__all__ = ["Content", "Symbolic"]

SPAN = 8_000  # nodes that `expanded` writes at most


class Content:
    """What a level has to say: the equations of the intermediate names, and the results. Each level is a subclass."""

    def where(self) -> list[tuple[Variable, Any]]:
        """Names and what they stand for, in order."""
        raise NotImplementedError

    def results(self) -> list[Any]:
        """The formula of each output."""
        raise NotImplementedError

    def subs(self, given: Mapping[Variable, Any]) -> Content:
        """The content with values in the places of inputs."""
        raise NotImplementedError

    def diff(self, symbolic: Symbolic, variable: Variable) -> Symbolic:
        """The derivative by an input."""
        raise NotImplementedError

    def expanded(self, limit: int) -> Content:
        """The content without intermediate names."""
        raise NotImplementedError

    def numbers(self) -> tuple[list[tuple[Variable, Any]], list[Any]]:
        """The equations and the results, with numbers for sizes, as they are evaluated."""
        return self.where(), self.results()

    def only(self, place: int, d: Diagram) -> Content:
        """The content of one output, which is that of the diagram d."""
        raise NotImplementedError

    def lines(self, symbolic: Symbolic, latex: bool) -> list[str] | None:
        """The lines, where the level writes them itself."""
        return None

    def lambdify(self, symbolic: Symbolic) -> Callable[..., Any] | None:
        """The function of flat inputs, where the level has one of its own."""
        return None


@dataclass(frozen=True, eq=False)
class Symbolic:
    """A diagram, or model, as formulas: `symbolic` makes one.

    `level` is "entries", "arrays" or "listing"; `diagram` is what was read; `arguments` are its inputs by name, and
    `given` what was put in the places of some; `cod` are the types of the outputs.
    """

    level: str
    diagram: Diagram | Para
    arguments: tuple[Variable, ...]
    cod: tuple[Wire, ...]
    content: Content
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[Variable, Any] = field(default_factory=dict)

    # how diagrams are read, which `levels` puts here
    reader: ClassVar[Callable[..., Symbolic]]
    reading: ClassVar[Callable[..., Symbolic]]

    # -- formulas ------------------------------------------------------------------------------------

    @cached_property
    def _where(self) -> list[tuple[Variable, Any]]:
        return self.content.where()

    @cached_property
    def exprs(self) -> tuple[Any, ...]:
        """The formula of each output."""
        return tuple(self.content.results())

    @property
    def expr(self) -> Any:
        """The formula: a sympy expression, or a tuple of them when there is not exactly one output.

        It is in terms of the inputs and of the names in `where`.
        """
        return self.exprs[0] if len(self.exprs) == 1 else self.exprs

    @property
    def where(self) -> list[tuple[Any, Any]]:
        """The equations of intermediate names, in order: pairs of a symbol and what it stands for."""
        return [(v.array, e) for v, e in self._where]

    @property
    def symbols(self) -> dict[str, Any]:
        """The symbol of each input by its path or name, and of the intermediate names by theirs."""
        every = [*self.inputs, *(v for v, _ in self._where)]
        one = {v: v.base if self.level == "entries" and v.wire.shape else v.array for v in every}
        return {v.path: one[v] for v in self.inputs} | {v.name: e for v, e in one.items()}

    @property
    def paths(self) -> dict[str, str]:
        """The path of each name: of inputs and parameters, and of the boxes that intermediate names stand for."""
        return {v.name: v.path for v in [*self.inputs, *(v for v, _ in self._where)]}

    @property
    def functions(self) -> dict[str, Symbolic]:
        """What is inside of the named functions: of a loop its body, of a closed box its definition, by its name."""
        found: dict[str, Symbolic] = {}
        for e in [e for _, e in self._where] + list(self.exprs):
            for operation in sorted(e.atoms(Operation), key=lambda o: o.label) if isinstance(e, Basic) else ():
                for label, body in operation.box.bodies.items():
                    name = f"{operation.label}/{label}".strip("/")
                    if name not in found:
                        found[name] = self.reader(body, self.level)
        return found

    def __getitem__(self, output: int) -> Symbolic:
        """The formula of one output alone; raises `PathError` where there is none."""
        if not -len(self.cod) <= output < len(self.cod):
            raise PathError(f"there is no output {output}: there are {len(self.cod)}")
        place = output % len(self.cod)
        d = self.diagram
        arrow = d.arrow if isinstance(d, Para) else d
        one = arrow.then(Diagram.wires(arrow.cod, [place]))
        part = Para(one, d.entries) if isinstance(d, Para) else one
        return self.replace(diagram=part, cod=(self.cod[place],), content=self.content.only(place, one))

    @property
    def inputs(self) -> tuple[Variable, ...]:
        """The named arrays that the formulas are about."""
        return tuple(v for v in self.arguments if v not in self.given)

    @property
    def expanded(self) -> Symbolic:
        """The same without intermediate names, all of them written out.

        Raises `ParalensError` where that would be too long to write.
        """
        return self.replace(content=self.content.expanded(SPAN))

    # -- writing -------------------------------------------------------------------------------------

    def lines(self, latex: bool = False) -> list[str]:
        """One equation a line, first the intermediate names, then the outputs; as text or as LaTeX.

        The LaTeX of a line has no environments, so that matplotlib can set it as well: `f"${line}$"`.
        """
        own = self.content.lines(self, latex)
        if own is not None:
            return own
        write = self._latex_equation if latex else self._text_equation
        rows = [write(v, e) for v, e in self._where]
        if len(self.exprs) == 1:
            return [*rows, self._printer(True).doprint(self.expr) if latex else Text().doprint(self.expr)]
        return [*rows, *[write(v, e) for v, e in zip(self._outputs, self.exprs, strict=True)]]

    def latex(self) -> str:
        """The formulas in LaTeX: one expression, or aligned equations."""
        if self.content.lines(self, True) is None and not self._where and len(self.exprs) == 1:
            return self._printer(False).doprint(self.expr)
        rows = self.content.lines(self, True)
        if rows is None:
            pairs = [*self._where, *zip(self._outputs, self.exprs, strict=True)]
            rows = [self._latex_equation(v, e, lines=False) for v, e in pairs]
        rows = [row.replace(" = ", " &= ", 1) for row in rows]
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        n = len(self._where)
        more = f", {n} intermediate name{'s' * (n != 1)}" if n else ""
        return f"<Symbolic {self.level}: {', '.join(v.path for v in self.inputs)} -> {len(self.cod)} output" + (
            f"{'s' * (len(self.cod) != 1)}{more}>"
        )

    @cached_property
    def _outputs(self) -> list[Variable]:
        taken = Names(v.name for v in [*self.arguments, *(v for v, _ in self._where)])
        stem = next(s for s in ("y", "out", "result", "output") if s not in taken.taken or s == "output")
        paths = [stem] if len(self.cod) == 1 else [f"{stem}_{i}" for i in range(len(self.cod))]
        given = self.options.get("outputs")
        paths = paths if given is None or len(given) != len(paths) else list(given)
        return [Variable(taken.fresh(identifier(p)), p, w) for p, w in zip(paths, self.cod, strict=True)]

    @cached_property
    def _latex_names(self) -> dict[str, str]:
        found = {v.name: _intermediate(v) for v, _ in self._where}
        found |= {v.name: latex_name(v.path, False) for v in self._outputs}
        return found | {v.name: latex_name(v.path, "/" in v.path and len(v.wire.shape) == 2) for v in self.arguments}

    def _printer(self, lines: bool) -> Latex:
        return Latex(self._latex_names, lines)

    def _text_equation(self, v: Variable, e: Any) -> str:
        if isinstance(e, Family):
            return f"{v.name}[{', '.join(str(i) for i, _ in e.ranges)}] = {Text().doprint(e.body)}"
        return f"{v.name} = {Text().doprint(e)}"

    def _latex_equation(self, v: Variable, e: Any, lines: bool = True) -> str:
        printer = self._printer(lines)
        name = self._latex_names.get(v.name, v.name)
        if isinstance(e, Family):
            base: Any = sympy.IndexedBase(v.name)
            return f"{printer.doprint(base[tuple(i for i, _ in e.ranges)])} = {printer.doprint(e.body)}"
        return f"{name} = {printer.doprint(e)}"

    # -- what one does to formulas -------------------------------------------------------------------

    def variable(self, path: Any) -> Variable:
        """The input of this path, name or symbol; raises `PathError` that lists what there is."""
        name = path if isinstance(path, str) else str(getattr(path, "label", path))
        for v in self.arguments:
            if name in (v.path, v.name):
                return v
        raise PathError(f"no input {name!r}; there are {', '.join(v.path for v in self.arguments) or 'none'}")

    def diff(self, path: Any) -> Symbolic:
        """The derivative by an input or parameter, given by its path, name or symbol.

        At the level of entries it is sympy's derivative, an array with the axes of each output and then of the input.
        At the others it is the reverse derivative: of one number the gradient, and of anything else the cotangent of
        the input at cotangents of the outputs, which are new inputs dy, dy_1, ...; so the second derivative of a number
        is the product of its Hessian and dy. Raises `PathError`; `DerivativeError` where there is no derivative.
        """
        return self.content.diff(self, self.variable(path))

    def subs(self, values: Mapping[Any, Any]) -> Symbolic:
        """The formulas with values in the places of inputs: numbers, arrays, or formulas of sympy.

        Raises `PathError` for what is no input, `InputError` for no dict or an array of another shape.
        """
        if not isinstance(values, Mapping):
            raise InputError(f"subs takes a dict from names or symbols to values, such as {{'x': 1.0}}, not {values!r}")
        given = {self.variable(k): v for k, v in values.items()}
        return self.replace(content=self.content.subs(given), given={**self.given, **given}) if given else self

    def lambdify(self) -> Callable[..., Any]:
        """The formulas as a function of JAX arrays, called as `to_jax(diagram)` is.

        Of a model it is a function of the nested dict of parameters and the data. It evaluates the formulas, not the
        diagram, and can be jitted and differentiated. Raises `InputError` for another number of arrays, and
        `NoMeaningError` for a function that is not known here.
        """
        run = self.flat()
        if not isinstance(self.diagram, Para):
            return run
        named = zip(self.arguments[len(self.diagram.dom) :], self.diagram.paths, strict=True)
        weights = [path for v, path in named if v not in self.given]
        n = len(self.inputs) - len(weights)

        def with_params(params: Any = None, *xs: Any) -> Any:
            if not isinstance(params, Mapping):
                raise InputError(
                    f"the formulas of a model take its nested dict of parameters first, and then {n} arrays; the "
                    f"function of arrays alone, {', '.join(v.path for v in self.inputs)}, is .flat()"
                )
            there = {"/".join(k): v for k, v in leaves(params)}
            missing = [p for p in weights if p not in there]
            if missing or len(xs) != n:
                lacking = f"; missing {', '.join(missing)}" if missing else ""
                raise InputError(f"the formulas take a dict of parameters and {n} arrays, and got {len(xs)}{lacking}")
            return run(*xs, *[there[p] for p in weights])

        return with_params

    def flat(self) -> Callable[..., Any]:
        """The formulas as a function of one array for each of `inputs`."""
        return self.content.lambdify(self) or self._evaluate

    def _evaluate(self, *values: Any) -> Any:
        if len(values) != len(self.inputs):
            names = ", ".join(v.path for v in self.inputs)
            raise InputError(f"the formulas take {len(self.inputs)} arrays, {names}, and got {len(values)}")
        arrays = {v.name: _array(x, v) for v, x in zip(self.inputs, values, strict=True)}
        evaluator = Evaluator(arrays, _dtype([*[v.wire for v in self.inputs], *self.cod]))
        where, results = self.content.numbers()
        for v, e in where:
            evaluator.arrays[v.name] = fitted(evaluator.array(e), v.wire)
        made = [fitted(evaluator.array(e), w) for e, w in zip(results, self.cod, strict=True)]
        return made[0] if len(made) == 1 else tuple(made)

    # -- making others -------------------------------------------------------------------------------

    def again(self, d: Diagram | Para, names: Sequence[str] = ()) -> Symbolic:
        """Another diagram of the same inputs, and further data with these names, read in the same way."""
        paths = list(self.diagram.paths) if isinstance(self.diagram, Para) else []
        taken = Names(v.name for v in self.arguments)
        given = [v.path for v in self.arguments]
        n = len(given) - len(paths)
        renamed = given[n:] if given[n:] != paths else []
        made = self.reading(d, self.level, variables(d, [*given[:n], *map(taken.fresh, names), *renamed]), self.options)
        return made.subs({v.path: x for v, x in self.given.items()})

    def replace(self, **changes: Any) -> Symbolic:
        """The same with some fields changed."""
        return replace(self, **changes)


def _intermediate(v: Variable) -> str:
    """The LaTeX of an intermediate name: that of its box, with its number."""
    stem, _, number = v.name.rpartition("_")
    last = v.path.rsplit("/", 1)[-1]
    plain = last if last.startswith("R[") or last.startswith("D[") else stem
    plain = re.sub(r"_\d+$", "", plain)
    return rf"\mathrm{{{escaped(plain)}}}_{{{number}}}" if number.isdigit() else rf"\mathrm{{{escaped(v.name)}}}"


def _array(value: Any, v: Variable) -> Any:
    if v.wire.kind == "Key":
        return value
    array = jnp.asarray(value)
    if array.shape != v.wire.shape:
        raise InputError(f"{v.path} is {v.wire}, and got an array of shape {array.shape}")
    return array


def _dtype(wires: Sequence[Wire]) -> Any:
    """The dtype that formulas are evaluated in: the widest of the real and complex wires, at least float32."""
    found = [jnp.dtype("float32"), *[jnp.dtype(w.dtype) for w in wires if w.kind in "RC"]]
    with jax.numpy_dtype_promotion("standard"):
        return jnp.result_type(*found)
