"""Out to JAX: a diagram as a plain function, and as a compiled program.

`to_jax` is the functor into JAX's category of array functions; composing, copying and discarding
go to calling, using twice and ignoring. `compile` hands its image to XLA. A `Para` becomes a
function of a nested dict of parameters and the data.

>>> f = to_jax(from_jax(lambda x: x * 2.0, R(3)))
>>> f(jnp.arange(3.0))
Array([0., 2., 4.], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import jax
from jax.core import Tracer

from ...categories.errors import InputError
from ...categories.para import Para
from ...diagrams.syntax import Diagram, require
from ...diagrams.tracing.arrays import aval
from ...diagrams.tracing.emit import evaluate
from ...diagrams.tracing.weakness import is_weak, weakly, weakness_of
from ...diagrams.types import Ty, Wire, dtype_name

__all__ = ["Compiled", "export", "to_jax"]

SCALARS = (bool, int, float, complex)
# Which Python numbers a wire of each kind takes.
NUMBERS = {"R": (bool, int, float), "C": SCALARS, "Z": (bool, int), "B": (bool,), "Key": ()}


def to_jax(d: Diagram | Para) -> Callable[..., Any]:
    """The JAX function of a diagram: one array a wire in, and out (a tuple unless there is exactly one).

    Of a `Para`: a function of the nested dict of parameters, then the data. Raises `InputError` or
    `ParameterError` when called with arrays that do not fit, `NoMeaningError` for an abstract box.
    """
    require(d, "to_jax")
    if isinstance(d, Para):
        run, n_data = to_jax(d.arrow), len(d.dom)

        def with_params(params: Any, *xs: Any) -> Any:
            if len(xs) != n_data:
                raise InputError(_count(d, 1 + len(xs)))
            return run(*xs, *d.flat(params))

        return with_params
    graph, weakness = d.graph, weakness_of(d)

    def function(*values: Any) -> Any:
        _fit(d.dom, values)
        taken = [_typed(w, v) for w, v in zip(d.dom.inside, values, strict=True)]
        made = [_array(v) for v in evaluate(graph, taken)]
        if weakness is not None:
            around = [*taken, *made]
            made = [v if i is None else weakly(v, is_weak(around[i])) for v, i in zip(made, weakness.like, strict=True)]
        return made[0] if len(made) == 1 else tuple(made)

    return function


def _typed(w: Wire, value: Any) -> Any:
    """A number as an array of the wire's dtype, which gives way to others' as Python's do; arrays as they are."""
    return weakly(jax.numpy.asarray(value, w.dtype)) if isinstance(value, SCALARS) else value


def _array(value: Any) -> Any:
    """An array of JAX, also of what JAX lets stand for one."""
    return value if isinstance(value, jax.Array) else jax.numpy.asarray(value)


def _count(model: Para, given: int) -> str:
    names = ", ".join(["params", *(f"x{i}" if len(model.dom) > 1 else "x" for i in range(len(model.dom)))])
    return f"the model is called as f({names}) with data {model.dom}, and got {given} argument{'s' * (given != 1)}"


def _fit(dom: Ty, values: Sequence[Any]) -> None:
    """Refuse arrays of another number or shape than the wires'."""
    if len(values) != len(dom):
        raise InputError(f"the diagram takes {len(dom)} array{'s' * (len(dom) != 1)} {dom}, and got {len(values)}")
    wrong = []
    for i, (w, v) in enumerate(zip(dom.inside, values, strict=True)):
        scalar = isinstance(v, SCALARS)
        shape, dtype = () if scalar else getattr(v, "shape", None), getattr(v, "dtype", None)
        if shape is None:
            wrong.append(f"wire {i} takes {w} and got a {type(v).__name__}: jnp.asarray makes an array")
        elif tuple(shape) != w.shape:
            batch = "; batch(model, n) takes n examples" if tuple(shape)[1:] == w.shape else ""
            wrong.append(f"wire {i} takes {w} and got an array of shape {tuple(shape)}{batch}")
        elif (scalar and type(v) not in NUMBERS[w.kind]) or (dtype is not None and _narrowed(dtype) != w.dtype):
            key = ": a key is made by jax.random.key(0)" if w.kind == "Key" else ""
            got = f"the {type(v).__name__} {v}" if scalar else f"dtype {_narrowed(dtype)}"
            wrong.append(f"wire {i} takes {w} and got {got}{key}")
    if wrong:
        raise InputError("; ".join(wrong))


def _narrowed(dtype: Any) -> str:
    """The name of the dtype that JAX gives an array, which without x64 is the 32-bit one."""
    name = dtype_name(dtype)
    return name if name.startswith("key<") else str(jax.dtypes.canonicalize_dtype(name))


def require_arguments(donate: tuple[int, ...], n_args: int) -> None:
    """Refuse what `donate` names if there are no such arguments."""
    if any(not 0 <= i < n_args for i in donate):
        raise InputError(f"donate={donate} names arguments that there are not: the program takes {n_args}")


class Compiled:
    """What `compile` gives; call it, or look at `.jaxpr`, `.hlo()`, `.cost()` and `.memory()`."""

    def __init__(self, d: Diagram | Para, donate: tuple[int, ...], options: dict[str, Any] | None) -> None:
        self.diagram = d
        self._options = options
        self._function: Any = to_jax(d)
        arrow = d.arrow if isinstance(d, Para) else d
        require_arguments(donate, len(d.dom) + isinstance(d, Para))
        self._weakness = weakness_of(arrow)
        self._weak: dict[tuple[bool, ...], tuple[bool, ...]] = {}
        self._function.__name__ = self._function.__qualname__ = getattr(arrow, "name", "diagram")
        self._jit: Any = jax.jit(self._function, donate_argnums=donate)

    @cached_property
    def shapes(self) -> tuple[Any, ...]:
        """The arguments as `jax.ShapeDtypeStruct`s."""
        d = self.diagram
        if isinstance(d, Para):
            return (d.nest([aval(w) for w in d.weight.inside]), *[aval(w) for w in d.dom.inside])
        return tuple(aval(w) for w in d.dom.inside)

    @cached_property
    def _lowered(self) -> Any:
        return self._jit.lower(*self.shapes)

    @cached_property
    def _executable(self) -> Any:
        return self._lowered.compile(compiler_options=self._options)

    def __call__(self, *args: Any) -> Any:
        config: Any = jax.config
        if config.jax_disable_jit:
            return self._function(*args)
        made = self._run(args)
        weak = tuple(map(is_weak, args))
        if any(weak) and (flags := self._weak_results(weak)):
            leaves, tree = jax.tree.flatten(made)
            return jax.tree.unflatten(tree, [weakly(v, on) for v, on in zip(leaves, flags, strict=True)])
        return made

    def _weak_results(self, weak: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which results are weak where these arguments are; nothing if none is. A program does not depend on it."""
        if weak not in self._weak:
            follows = self._weakness.follows if self._weakness is not None else ()
            moved = [on and i not in follows for i, on in enumerate(weak)]
            shapes = [
                jax.ShapeDtypeStruct(s.shape, s.dtype, weak_type=True) if on else s
                for on, s in zip(moved, self.shapes, strict=True)
            ]
            found = jax.tree.leaves(jax.eval_shape(self._function, *shapes)) if any(moved) else []
            flags = tuple(bool(x.weak_type) for x in found)
            self._weak[weak] = flags if any(flags) else ()
        return self._weak[weak]

    def _run(self, args: Sequence[Any]) -> Any:
        try:
            return self._executable(*args)
        except (TypeError, ValueError):
            if any(isinstance(x, Tracer) for x in jax.tree.leaves(args)):
                return self._jit(*args)
            fitting = self._fitting(args)
            if fitting is None:
                raise
        return self._executable(*fitting)

    def _fitting(self, args: Sequence[Any]) -> tuple[Any, ...] | None:
        """The arguments as the executable takes them, or nothing if they were so already.

        Raises the error that names the wire or the parameter if they do not fit.
        """
        d = self.diagram
        values, tree = args, None
        if isinstance(d, Para):
            if len(args) != len(d.dom) + 1:
                raise InputError(_count(d, len(args)))
            values = args[1:]
            tree = d.nest([_typed(w, v) for w, v in zip(d.weight.inside, d.flat(args[0]), strict=True)])
        _fit(d.dom, values)
        made = [_typed(w, v) for w, v in zip(d.dom.inside, values, strict=True)]
        fitting = (*made,) if tree is None else (tree, *made)
        same = jax.tree.structure(fitting) == jax.tree.structure(args)
        same = same and all(a is b for a, b in zip(jax.tree.leaves(fitting), jax.tree.leaves(args), strict=True))
        return None if same else fitting

    @cached_property
    def jaxpr(self) -> Any:
        """The jaxpr that XLA gets; boxes with a definition are calls under their names."""
        return jax.make_jaxpr(self._function)(*self.shapes)

    def hlo(self, optimized: bool = True) -> str:
        """The text of the program: XLA's optimized HLO, or the StableHLO that it was given."""
        return self._executable.as_text() if optimized else self._lowered.as_text()

    def cost(self) -> dict[str, float]:
        """XLA's own count: `flops`, `bytes` (accessed) and `transcendentals` of one call."""
        found = self._executable.cost_analysis()
        found = found[0] if isinstance(found, (list, tuple)) else (found or {})
        names = {"flops": "flops", "bytes": "bytes accessed", "transcendentals": "transcendentals"}
        return {k: float(found.get(v, 0.0)) for k, v in names.items()}

    def memory(self) -> dict[str, int]:
        """Bytes of one call: `arguments`, `outputs`, `temporary` and `code`."""
        m = self._executable.memory_analysis()
        return {
            "arguments": m.argument_size_in_bytes,
            "outputs": m.output_size_in_bytes,
            "temporary": m.temp_size_in_bytes,
            "code": m.generated_code_size_in_bytes,
        }

    def __repr__(self) -> str:
        return f"<Compiled {self.diagram!r}>"


def export(d: Diagram | Para, *, platforms: Sequence[str] | None = None) -> Any:
    """The diagram as a `jax.export.Exported`: StableHLO that other processes and runtimes load.

    `.mlir_module()` is the text. `.serialize()` gives bytes, and `jax.export.deserialize(b).call(*args)` runs them; for
    both JAX needs flatbuffers, which `pip install "paralens[export]"` brings along.
    """
    from jax import export as jax_export

    compiled = Compiled(d, (), None)
    return jax_export.export(compiled._jit, platforms=platforms)(*compiled.shapes)
