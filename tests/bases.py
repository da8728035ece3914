"""Bases for the constructions over any category: functions on finite sets, and matrices over a semiring.

Both are given by the least that a category must offer: identities, swaps, copies and discards, with addition. How wires
are permuted is not among it, so that it is made of these.
"""

from dataclasses import dataclass

import numpy as np


class Word(tuple):
    """A type: a word of wires, each a number; cut and put side by side."""

    def __matmul__(self, other):
        return type(self)((*self, *other))

    def __getitem__(self, part):
        found = super().__getitem__(part)
        return type(self)(found) if isinstance(part, slice) else found


class Sets(Word):
    """A product of finite sets, by their sizes."""

    @property
    def category(self):
        return FINITE

    @property
    def points(self):
        """All elements, one a row."""
        return np.indices(tuple(self)).reshape(len(self), -1).T if self else np.zeros((1, 0), int)


@dataclass(frozen=True)
class Map:
    """A function between products of finite sets: the row of results of each element, in the order of the elements."""

    rows: tuple
    dom: Sets
    cod: Sets

    @property
    def category(self):
        return FINITE

    @classmethod
    def of(cls, run, dom, cod):
        return cls(tuple(tuple(int(i) for i in run(*x)) for x in dom.points), dom, cod)

    def __call__(self, *x):
        return self.rows[int(np.ravel_multi_index(x, tuple(self.dom))) if self.dom else 0]

    def then(self, *others):
        made = self
        for g in others:
            made = Map.of(lambda *x, f=made, g=g: g(*f(*x)), made.dom, g.cod)
        return made

    def tensor(self, *others):
        made = self
        for g in others:
            n = len(made.dom)
            made = Map.of(lambda *x, f=made, g=g, n=n: (*f(*x[:n]), *g(*x[n:])), made.dom @ g.dom, made.cod @ g.cod)
        return made


class Finite:
    """Functions on finite sets; addition is that of the integers modulo the size."""

    def id(self, dom=None):
        dom = Sets() if dom is None else dom
        return Map.of(lambda *x: x, dom, dom)

    def swap(self, a, b):
        return Map.of(lambda *x: (*x[len(a) :], *x[: len(a)]), a @ b, b @ a)

    def copy(self, a):
        return Map.of(lambda *x: x + x, a, a @ a)

    def discard(self, a):
        return Map.of(lambda *x: (), a, Sets())

    def plus(self, a):
        return Map.of(lambda *x: [(i + j) % n for i, j, n in zip(x[: len(a)], x[len(a) :], a, strict=True)], a @ a, a)

    def zero(self, a):
        return Map.of(lambda *x: [0] * len(a), Sets(), a)

    def random(self, rng, dom, cod):
        return Map.of(lambda *x: [rng.integers(n) for n in cod], dom, cod)

    def word(self, rng, n):
        return Sets(rng.integers(1, 3, n))


FINITE = Finite()


class Spaces(Word):
    """Free modules, a wire each."""

    @property
    def category(self):
        return TROPICAL


@dataclass(frozen=True, eq=False)
class Matrix:
    """A matrix over the tropical semiring, in which sums are maxima and products are sums; -inf is zero."""

    array: np.ndarray
    dom: Spaces
    cod: Spaces

    @property
    def category(self):
        return TROPICAL

    def then(self, *others):
        made = self
        for g in others:
            array = (g.array[:, :, None] + made.array[None]).max(axis=1, initial=-np.inf)
            made = Matrix(array, made.dom, g.cod)
        return made

    def tensor(self, *others):
        made = self
        for g in others:
            array = np.full((len(made.cod) + len(g.cod), len(made.dom) + len(g.dom)), -np.inf)
            array[: len(made.cod), : len(made.dom)] = made.array
            array[len(made.cod) :, len(made.dom) :] = g.array
            made = Matrix(array, made.dom @ g.dom, made.cod @ g.cod)
        return made

    def __eq__(self, other):
        return (self.dom, self.cod) == (other.dom, other.cod) and np.array_equal(self.array, other.array)

    def __hash__(self):
        return hash(self.array.tobytes())


class Tropical:
    """Matrices over the tropical semiring; the tensor is the direct sum."""

    def eye(self, n):
        return np.where(np.eye(n, dtype=bool), 0.0, -np.inf)

    def id(self, dom=None):
        dom = Spaces() if dom is None else dom
        return Matrix(self.eye(len(dom)), dom, dom)

    def swap(self, a, b):
        return Matrix(np.roll(self.eye(len(a @ b)), len(b), axis=0), a @ b, b @ a)

    def copy(self, a):
        return Matrix(np.vstack([self.eye(len(a))] * 2), a, a @ a)

    def discard(self, a):
        return Matrix(np.zeros((0, len(a))), a, Spaces())

    def plus(self, a):
        return Matrix(np.hstack([self.eye(len(a))] * 2), a @ a, a)

    def zero(self, a):
        return Matrix(np.zeros((len(a), 0)), Spaces(), a)

    def random(self, rng, dom, cod):
        return Matrix(rng.integers(-3, 4, (len(cod), len(dom))).astype(float), dom, cod)

    def word(self, rng, n):
        return Spaces([1] * n)


TROPICAL = Tropical()
