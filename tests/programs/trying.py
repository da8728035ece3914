"""The steps by which a program is tried: each compares what Paralens makes of it with JAX, or shows it."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paralens import check, draw, forward, from_jax, load, reverse, save, simplify, source, summary, to_jax

from .records import Work

STEPS = ("value", "reverse", "forward", "saved", "simplified", "shown", "source", "certificate")
# how far numbers in single precision may differ, as a part of the largest of an array
TOLERANCE = 3e-4
QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


class Trial:
    """A program beside its diagram, with tangents and cotangents; each step is a method that raises if it fails."""

    def __init__(self, work: Work) -> None:
        self.f, self.examples = work.build()
        self.stopped = work.stopped
        self.leaves, self.tree = jax.tree.flatten(self.examples)
        self.places = [i for i, a in enumerate(self.leaves) if jnp.issubdtype(a.dtype, jnp.inexact)]
        self.moving = [self.leaves[i] for i in self.places]
        rng = np.random.default_rng(0)
        self.directions = [_like(rng, a) for a in self.moving]
        self.expected = run(self.flat, *self.moving)
        self.smooth = [i for i, y in enumerate(self.expected) if jnp.issubdtype(y.dtype, jnp.inexact)]
        self.weights = [_like(rng, self.expected[i]) for i in self.smooth]

    def flat(self, *moving: Any) -> list[Any]:
        """The results as a list, of the arguments that move."""
        leaves = list(self.leaves)
        for i, a in zip(self.places, moving, strict=True):
            leaves[i] = a
        return jax.tree.leaves(self.f(*jax.tree.unflatten(self.tree, leaves)))

    def real(self, *moving: Any) -> list[Any]:
        """Those of the results that have a derivative."""
        found = self.flat(*moving)
        return [found[i] for i in self.smooth]

    @cached_property
    def diagram(self) -> Any:
        """The program as a diagram."""
        return from_jax(self.f, *self.examples)

    @cached_property
    def gradient(self) -> list[Any]:
        """The cotangents of the arguments by JAX."""
        return run(lambda *x: list(jax.vjp(self.real, *x)[1](self.weights)), *self.moving)

    def value(self) -> None:
        """The diagram has the values of the program."""
        agree(run(to_jax(self.diagram), *self.leaves), self.expected)

    def reverse(self) -> None:
        """Its way back has JAX's cotangents."""
        agree(run(to_jax(reverse(self.diagram)), *self.leaves, *self.weights), self.gradient)

    def forward(self) -> None:
        """Its tangent map has JAX's tangents."""
        tangents = run(lambda *x: jax.jvp(self.real, x, tuple(self.directions))[1], *self.moving)
        agree(run(to_jax(forward(self.diagram)), *self.leaves, *self.directions), [*self.expected, *tangents])

    def saved(self) -> None:
        """Written and read again, it is the same diagram."""
        with tempfile.TemporaryDirectory() as folder:
            save(self.diagram, Path(folder) / "work.json")
            assert load(Path(folder) / "work.json") == self.diagram

    def simplified(self) -> None:
        """Simplified, it has the same values and cotangents."""
        small = simplify(self.diagram)
        agree(run(to_jax(small), *self.leaves), self.expected)
        agree(run(to_jax(reverse(small)), *self.leaves, *self.weights), self.gradient)

    def shown(self) -> None:
        """It has a picture and a summary."""
        assert draw(self.diagram).width > 0
        assert str(summary(self.diagram))

    def source(self) -> None:
        """Its text runs and has the same values."""
        agree(run(source(self.diagram).function(), *self.leaves), self.expected)

    def certificate(self) -> None:
        """No alarm is raised, unless the program stops gradients."""
        found = check(self.f, *self.examples, effort="quick")
        assert found.ok or self.stopped, str(found)


def run(f: Any, *arguments: Any) -> list[Any]:
    """The results of a function compiled in haste."""
    return jax.tree.leaves(jax.jit(f, compiler_options=QUICK)(*arguments))


def agree(got: list[Any], expected: list[Any]) -> None:
    """Assert that arrays have the same types, and numbers that differ by rounding alone."""
    assert len(got) == len(expected), f"{len(got)} results where JAX has {len(expected)}"
    for k, (a, e) in enumerate(zip(got, expected, strict=True)):
        assert (a.shape, a.dtype) == (e.shape, e.dtype), f"result {k} is {a.dtype}{a.shape}, not {e.dtype}{e.shape}"
        a, e = np.asarray(a, complex), np.asarray(e, complex)
        assert np.isfinite(e).all(), f"JAX's result {k} is not finite"
        np.testing.assert_allclose(
            a, e, rtol=0, atol=TOLERANCE * max(1e-6, abs(e).max(initial=0)), err_msg=f"result {k}"
        )


def _like(rng: np.random.Generator, a: Any) -> Any:
    return jnp.asarray(rng.normal(size=a.shape), a.dtype)
