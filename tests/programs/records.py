"""What is kept of a report and of a program: its source, its kind, the function with its examples, what is expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Built = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Report:
    """A derivative that was reported wrong, `build`, and beside it the same function mended, `mended`.

    `expected` of the first is "wrong"; or "imprecise", where all that is lost are digits; or "reported", where no rule
    is at fault and yet the whole has another derivative at a point: then the verdict is wrong, or intensional with that
    point. The second is never wrong. `facts` are what is declared of both. Where a verdict is not yet what it should
    be, `missed` or `alarmed` say why.
    """

    name: str
    source: str
    kind: str
    build: Callable[[], Built]
    mended: Callable[[], Built]
    facts: Mapping[str, Any] = field(default_factory=dict)
    expected: str = "wrong"
    missed: str = ""
    alarmed: str = ""

    def meets(self, certificate: Any) -> bool:
        """Whether the certificate of the faulty function says what is expected."""
        if certificate.verdict in ("wrong", self.expected):
            return True
        rows = (*certificate.rows, certificate.whole)
        told = any(not p.clarke for row in rows if row is not None for p in row.points)
        return self.expected == "reported" and certificate.verdict == "intensional" and told


@dataclass(frozen=True, eq=False)
class Work:
    """A program with its arguments, trees of arrays; `failing` says of the steps that fail today, by name, why.

    A program that is `stopped` claims, on purpose, another derivative than that of its values, by `stop_gradient`: then
    wrong is no false alarm.
    """

    name: str
    source: str
    kind: str
    build: Callable[[], Built]
    failing: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False


def checked(built: Built, check: Callable[..., Any], **facts: Any) -> Any:
    """`check(function, *examples, **facts)`, in double precision where an example has it."""
    f, examples = built
    kinds = {str(getattr(x, "dtype", "")) for x in jax.tree.leaves(examples)}
    with jax.enable_x64(bool(kinds & {"float64", "complex128"})):
        return check(f, *examples, **facts)


def f64(x: Any) -> np.ndarray:
    """A number or list in double precision."""
    return np.asarray(x, "float64")


def by_tangents(f: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
    """f with `rule(*arguments, *tangents)` for its tangent map."""
    ruled = jax.custom_jvp(lambda *xs: f(*xs))
    ruled.defjvp(lambda xs, vs: (ruled(*xs), rule(*xs, *vs)))
    return ruled


def by_cotangents(f: Callable[..., Any], back: Callable[..., Any]) -> Callable[..., Any]:
    """f with `back(*arguments, cotangent)`, a tuple, for its backward map."""
    ruled = jax.custom_vjp(lambda *xs: f(*xs))
    ruled.defvjp(lambda *xs: (ruled(*xs), xs), lambda xs, c: back(*xs, c))
    return ruled


def both(make: Callable[..., Any], wrong: Any, right: Any, *examples: Any) -> dict[str, Any]:
    """The faulty function and the mended one, of two rules."""
    return {"build": lambda: (make(wrong), examples), "mended": lambda: (make(right), examples)}


def forward_rules(f: Callable[..., Any], wrong: Any, right: Any, *examples: Any) -> dict[str, Any]:
    """f with a faulty tangent map, and with the right one."""
    return both(lambda rule: by_tangents(f, rule), wrong, right, *examples)


def backward_rules(f: Callable[..., Any], wrong: Any, right: Any, *examples: Any) -> dict[str, Any]:
    """f with a faulty backward map, and with the right one."""
    return both(lambda rule: by_cotangents(f, rule), wrong, right, *examples)


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> jax.Array:
    """Normal numbers in single precision, always the same ones."""
    return jnp.asarray(scale * np.random.default_rng(seed).normal(size=shape), "float32")


def layer(n: int, m: int, seed: int = 0) -> dict[str, jax.Array]:
    """The weights of a dense layer."""
    return {"w": normal(n, m, seed=seed, scale=n**-0.5), "b": normal(m, seed=seed + 1, scale=0.1)}


def dense(p: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """A dense layer."""
    return x @ p["w"] + p["b"]
