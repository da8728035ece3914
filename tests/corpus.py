"""A corpus of derivatives, planted wrong and hard but right, by which whatever checks derivatives is checked.

A case is a JAX function with its rule, the examples it is called on, and what its author declares of it:

    domain    for each argument (lo, hi), (lo, hi, "log") or None, or rng -> arguments
    special   points of the domain that deserve a look of their own
    guards    arguments -> numbers that vanish where there may be a kink
    tangent   (rng, arguments) -> an admissible tangent, where arguments lie on a manifold
    noise     how far the value may be off, of iterative solvers
    surrogate the function whose derivative is claimed instead of the function's own

A wrong case says in `truth` which function its rule should differentiate, and in `witness` where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

Point = tuple[Any, ...]
FACTS = ("domain", "special", "guards", "tangent", "noise", "surrogate", "order")


@dataclass(frozen=True, eq=False)
class Case:
    """A function and what is declared of it; `expected` is "wrong" or "fine", which is any verdict but wrong."""

    name: str
    kind: str
    make: Callable[[], Callable[..., Any]]
    examples: Point
    expected: str
    truth: Callable[..., Any] | None = None
    witness: Point | None = None
    domain: Any = None
    special: tuple[Point, ...] = ()
    guards: Callable[..., Any] | None = None
    tangent: Callable[..., Any] | None = None
    noise: float = 0.0
    surrogate: Callable[..., Any] | None = None
    order: int = 1
    x64: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        kinds = {str(np.asarray(x).dtype) for x in self.examples}
        object.__setattr__(self, "x64", bool(kinds & {"float64", "complex128", "int64"}))

    @property
    def facts(self) -> dict[str, Any]:
        """What is declared, as arguments of a check; what is not declared is left out."""
        plain = {"domain": None, "special": (), "guards": None, "tangent": None, "noise": 0.0, "surrogate": None}
        return {k: getattr(self, k) for k in FACTS if getattr(self, k) != (plain | {"order": 1})[k]}

    def run(self, check: Callable[..., Any]) -> Any:
        """What `check(function, *examples, **facts)` says, in the precision of the case."""
        with jax.enable_x64(self.x64):
            return check(self.make(), *self.examples, **self.facts)

    def samples(self, count: int, seed: int = 0) -> list[Point]:
        """Random points of the domain; the example, a little moved, where there is none."""
        rng = np.random.default_rng(seed)
        if callable(self.domain):
            draw = cast(Callable[..., Point], self.domain)
            return [draw(rng) for _ in range(count)]
        domain = self.domain or (None,) * len(self.examples)
        pairs = list(zip(self.examples, domain, strict=True))
        return [tuple(_sample(rng, x, d) for x, d in pairs) for _ in range(count)]

    def direction(self, rng: np.random.Generator, point: Point) -> Point:
        """A random tangent at a point, an admissible one; integers and booleans have none."""
        if self.tangent is not None:
            return self.tangent(rng, point)
        return tuple(_direction(rng, np.asarray(x)) for x in point)


def _sample(rng: np.random.Generator, example: Any, entry: Any) -> Any:
    example = np.asarray(example)
    if not inexact(example):
        return example
    if entry is None:
        return (example * (1 + 0.01 * rng.uniform(-1, 1, example.shape))).astype(example.dtype)
    lo, hi = (np.asarray(end, "float64") for end in entry[:2])
    if entry[2:] == ("log",):
        return np.exp(rng.uniform(np.log(lo), np.log(hi), example.shape)).astype(example.dtype)
    found = rng.uniform(lo, hi, example.shape)
    if np.iscomplexobj(example):
        found = found + 1j * rng.uniform(lo, hi, example.shape)
    return found.astype(example.dtype)


def _direction(rng: np.random.Generator, x: np.ndarray) -> Any:
    if not inexact(x):
        return np.zeros(x.shape, jax.dtypes.float0)
    v = rng.normal(size=x.shape)
    return (v + 1j * rng.normal(size=x.shape) if np.iscomplexobj(x) else v).astype(x.dtype)


def inexact(x: Any) -> bool:
    """Whether an array moves along a tangent."""
    return jnp.issubdtype(np.asarray(x).dtype, jnp.inexact)


def array(*shape: int, seed: int = 0, lo: float = -1.0, hi: float = 1.0, dtype: Any = "float64") -> np.ndarray:
    """A random array, always the same one."""
    return np.random.default_rng(seed).uniform(lo, hi, shape).astype(dtype)


def f64(x: Any) -> np.ndarray:
    """A number or list in double precision."""
    return np.asarray(x, "float64")


def f32(x: Any) -> np.ndarray:
    """A number or list in single precision."""
    return np.asarray(x, "float32")


def i32(x: Any) -> np.ndarray:
    """An integer or list of integers."""
    return np.asarray(x, "int32")


def positional(f: Callable[..., Any]) -> Callable[..., Any]:
    """f without its optional arguments, which JAX would hand to the rule."""

    def only(*xs: Any) -> Any:
        return f(*xs)

    only.__name__ = getattr(f, "__name__", "f")
    return only


def by_tangents(f: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
    """f with `rule(*arguments, *tangents)` for its tangent map."""
    ruled = jax.custom_jvp(positional(f))
    ruled.defjvp(lambda primals, tangents: (ruled(*primals), rule(*primals, *tangents)))
    return ruled


def by_cotangents(
    f: Callable[..., Any], back: Callable[..., Any], keep: Callable[..., Point] | None = None
) -> Callable[..., Any]:
    """f with `back(*kept, cotangent)` for its backward map; kept are the arguments, or what `keep` makes of them."""

    def backward(kept: Point, cotangent: Any) -> Point:
        found = back(*kept, cotangent)
        return found if isinstance(found, tuple) else (found,)

    ruled = jax.custom_vjp(positional(f))
    ruled.defvjp(lambda *xs: (ruled(*xs), keep(*xs) if keep else xs), backward)
    return ruled


def planted(name: str, f: Any, *examples: Any, tangents=None, back=None, keep=None, **facts: Any) -> Case:
    """A wrong case: f with a rule that is not its derivative, or with `make`, which gives the function itself."""
    made = {"make": _maker(f, tangents, back, keep), "truth": f, "domain": _unit(examples)}
    return Case(name=name, kind="", examples=examples, expected="wrong", **(made | facts))


def right(name: str, f: Any, *examples: Any, tangents=None, back=None, keep=None, **facts: Any) -> Case:
    """A right case: f as it is, or with a rule that is its derivative."""
    made = {"make": _maker(f, tangents, back, keep), "domain": _unit(examples)}
    return Case(name=name, kind="", examples=examples, expected="fine", **(made | facts))


def _maker(f: Any, tangents: Any, back: Any, keep: Any) -> Callable[[], Callable[..., Any]]:
    if tangents:
        return lambda: by_tangents(f, tangents)
    return lambda: by_cotangents(f, back, keep) if back else f


def _unit(examples: Point) -> tuple[Any, ...]:
    return tuple((-1.0, 1.0) if inexact(x) else None for x in examples)


def of_kind(kind: str, found: Iterable[Case]) -> list[Case]:
    """These cases, told to be of a kind."""
    return [replace(case, kind=kind) for case in found]


def cases() -> tuple[Case, ...]:
    """The whole corpus."""
    from corpus_algebra import ALGEBRA
    from corpus_hard import FINE
    from corpus_places import PLACES
    from corpus_subtle import SUBTLE
    from corpus_trust import TRUST
    from corpus_wrong import WRONG

    return (*WRONG, *ALGEBRA, *PLACES, *SUBTLE, *FINE, *TRUST)
