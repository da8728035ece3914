"""`register`: a primitive or a function of one's own, said to all functors in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar, get_args

from ...categories.errors import InputError
from ...diagrams.primitives import Traits
from ...diagrams.registry import RULED, enter
from .facts import Elementwise, Fact

__all__ = ["register"]

T = TypeVar("T")

Cost = tuple[int, int] | Callable[[Any], tuple[int, int]]


def register(
    primitive: T,
    *,
    traits: Traits | Iterable[str] = (),
    derivative: Fact | Callable[..., Any] | None = None,
    sympy: Callable[..., Any] | None = None,
    source: str | None = None,
    cost: Cost | None = None,
    bounds: Callable[..., Any] | None = None,
) -> T:
    """Say to all functors what a primitive of one's own is; gives the primitive back.

    `primitive` is a `jax.extend.core.Primitive`, its name, or a function with its own derivative rule (`jax.custom_jvp`
    or `jax.custom_vjp`, which takes no other derivative). Everything else may be left out:

    - `traits`: names of `paralens.diagrams.primitives.Traits`, such as "pointwise", "analytic", "linear".
    - `derivative`: one of `Linear`, `Elementwise`, `Bilinear`, `General`, `LocallyConstant`; or, of a pointwise
      primitive of one input, the map `(g, y, x) -> g · f'(x)`, written in `jax.lax`. Without one, JAX's own is traced.
    - `sympy`: its meaning. Of what acts entry by entry a function of scalars, that gives a scalar; else a function of
      the box and of arrays of expressions, that gives a list of such arrays.
    - `source`: the name of a public function that it is a call of, with its module: "mylib.special.cube".
    - `cost`: FLOPs and transcendental operations for each entry of the result, or a function of the box that gives the
      counts. Without it they are XLA's own.
    - `bounds`: a function of the box and of pairs of arrays (low, high), that gives a list of such pairs.

    It is read whenever a functor meets the primitive; register before the first derivative is taken. Raises
    `InputError` for what cannot be registered, among it JAX's own primitives.

    >>> from jax.extend.core import Primitive
    >>> cube = Primitive("cube of the example")
    >>> _ = cube.def_impl(lambda x: x**3), cube.def_abstract_eval(lambda x: x)
    >>> _ = register(cube, traits=["pointwise", "analytic"], derivative=lambda g, y, x: 3.0 * g * x * x)
    >>> [box.name for box in reverse(from_jax(cube.bind, R())).boxes]
    ['3.0', 'mul', 'mul', 'mul']
    """
    name = primitive if isinstance(primitive, str) else getattr(primitive, "name", repr(primitive))
    fact, kinds = derivative, get_args(Fact)
    if derivative is not None and not isinstance(derivative, kinds):
        if not callable(derivative) or derivative in kinds:
            named = ", ".join(kind.__name__ for kind in kinds)
            raise InputError(f"the derivative of {name} is one of {named}, or (g, y, x) -> g f'(x), not {derivative!r}")
        if not isinstance(primitive, RULED) and "pointwise" not in (
            [traits] if isinstance(traits, str) else _names(traits)
        ):
            raise InputError(f"{name} has a derivative entry by entry: say traits=['pointwise'], or give a fact")
        fact = Elementwise((derivative,))
    if source is not None and ("." not in source or not all(part.isidentifier() for part in source.split("."))):
        raise InputError(f"source is the name of a public function with its module, such as mylib.cube, not {source!r}")
    for what, value in {"sympy": sympy, "bounds": bounds}.items():
        if value is not None and not callable(value):
            raise InputError(f"{what} of {name} is a function, not {value!r}")
    if (
        cost is not None
        and not callable(cost)
        and not (isinstance(cost, tuple) and len(cost) == 2 and all(isinstance(n, int) for n in cost))
    ):
        raise InputError(f"cost of {name} is a pair of whole numbers, FLOPs and transcendentals, not {cost!r}")
    enter(primitive, traits, derivative=fact, sympy=sympy, source=source, cost=cost, bounds=bounds)
    return primitive


def _names(traits: Traits | Iterable[str]) -> list[str]:
    if isinstance(traits, Traits):
        return [field.name for field in fields(traits) if getattr(traits, field.name)]
    return list(traits)
