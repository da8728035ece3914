"""Functions of Python: a bicartesian closed category with lists, in which types of every former have a meaning.

A type is a word of names, one a wire, and a function takes and gives one value a wire. Formers of types are

    sum({l: A_l})     tagged values (l, x)         hom(A, B)     functions        listed(A)     lists

with, beside what any cartesian base has, `inject` and `case`, `curry` and `evaluate`, and `fold`; `case` and `fold`
act beside a context Γ, so that sums distribute over products. Functions have no decidable equality: two are equal if
they are the same steps.

>>> double = Function.of(lambda x: (2 * x,), Word("r"), Word("r"))
>>> (double >> double @ Function.of(lambda: (1,), Word(), Word("r")))(5)
(20, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import CompositionError

__all__ = ["Function", "Word"]


class Word(tuple[Any, ...]):
    """A type: a tuple of names of wires, composed by `@`; `Word("ab")` has two wires."""

    __slots__ = ()

    def tensor(self, *others: Word) -> Word:
        """This type beside the others; `@` is the same."""
        return Word(x for word in (self, *others) for x in word)

    def __matmul__(self, other: Word) -> Word:
        return self.tensor(other)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Word(found) if isinstance(key, slice) else found

    @property
    def category(self) -> type[Function]:
        """The category of functions."""
        return Function


@dataclass(frozen=True)
class Function:
    """Functions one after the other, each from a tuple of values to the next."""

    steps: tuple[Callable[..., tuple[Any, ...]], ...]
    dom: Word
    cod: Word

    @classmethod
    def of(cls, run: Callable[..., tuple[Any, ...]], dom: Word, cod: Word) -> Function:
        """The function that `run` computes: one argument a wire, a tuple as result."""
        return cls((run,), dom, cod)

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        for step in self.steps:
            values = step(*values)
        return values

    # -- cartesian ---------------------------------------------------------------------------------

    @classmethod
    def id(cls, dom: Word | None = None) -> Function:
        """The identity, on the unit by default."""
        dom = Word() if dom is None else dom
        return cls((), dom, dom)

    @classmethod
    def wires(cls, dom: Word, outputs: Sequence[int]) -> Function:
        """Any copying, dropping and permuting: output i is input `outputs[i]`."""
        order = tuple(outputs)
        return cls.of(lambda *xs: tuple(xs[i] for i in order), dom, Word(dom[i] for i in order))

    @classmethod
    def swap(cls, left: Word, right: Word) -> Function:
        """The symmetry."""
        n, m = len(left), len(right)
        return cls.wires(left @ right, (*range(n, n + m), *range(n)))

    @classmethod
    def copy(cls, dom: Word, n: int = 2) -> Function:
        """So many copies."""
        return cls.wires(dom, tuple(range(len(dom))) * n)

    @classmethod
    def discard(cls, dom: Word) -> Function:
        """Everything dropped."""
        return cls.wires(dom, ())

    def then(self, *others: Function) -> Function:
        """This function followed by the others; `>>` is the same."""
        steps, cod = self.steps, self.cod
        for g in others:
            if cod != g.dom:
                raise CompositionError(f"the function gives {cod} but the next takes {g.dom}")
            steps, cod = steps + g.steps, g.cod
        return Function(steps, self.dom, cod)

    def tensor(self, *others: Function) -> Function:
        """This function beside the others; `@` is the same."""
        result = self
        for g in others:
            result = result._beside(g)
        return result

    def _beside(self, g: Function) -> Function:
        n = len(self.dom)
        return Function.of(lambda *xs: (*self(*xs[:n]), *g(*xs[n:])), self.dom @ g.dom, self.cod @ g.cod)

    def __rshift__(self, other: Function) -> Function:
        return self.then(other)

    def __matmul__(self, other: Function) -> Function:
        return self.tensor(other)

    # -- sums, functions, lists ----------------------------------------------------------------------

    @staticmethod
    def sum(options: Mapping[Any, Word]) -> Word:
        """Σ A_l, one wire."""
        return Word((("sum", *options.items()),))

    @staticmethod
    def hom(source: Word, target: Word) -> Word:
        """A → B, one wire, for A and B of one wire."""
        return Word((("hom", source, target),))

    @staticmethod
    def listed(entry: Word) -> Word:
        """[A], one wire."""
        return Word((("list", entry),))

    @classmethod
    def inject(cls, options: Mapping[Any, Word], tag: Any) -> Function:
        """A_l -> Σ A_l."""
        return cls.of(lambda x: ((tag, x),), options[tag], cls.sum(options))

    @classmethod
    def case(cls, branches: Mapping[Any, Function]) -> Function:
        """Σ A_l ⊗ Γ -> B, of one A_l ⊗ Γ -> B for each tag."""
        first, options = next(iter(branches.values())), {tag: f.dom[:1] for tag, f in branches.items()}
        return cls.of(lambda x, *rest: branches[x[0]](x[1], *rest), cls.sum(options) @ first.dom[1:], first.cod)

    @classmethod
    def evaluate(cls, source: Word, target: Word) -> Function:
        """(A → B) ⊗ A -> B."""
        return cls.of(lambda f, x: (f(x),), cls.hom(source, target) @ source, target)

    def curry(self) -> Function:
        """Γ -> (A → B), of Γ ⊗ A -> B."""
        hom = Function.hom(self.dom[-1:], self.cod)
        return Function.of(lambda *xs: (lambda x: self(*xs, x)[0],), self.dom[:-1], hom)

    def fold(self) -> Function:
        """[A] ⊗ S -> S, of A ⊗ S -> S."""

        def run(entries: Sequence[Any], *state: Any) -> tuple[Any, ...]:
            for x in entries:
                state = self(x, *state)
            return state

        return Function.of(run, Function.listed(self.dom[:1]) @ self.cod, self.cod)
