"""Terms: what sympy has no word for in a formula about one entry of an array.

A formula gives the entry of an array at its indices, e.g. `Fold("sum", W[i, k] * x[k], k, n)` at i. Besides sympy's
own functions there are

    Fold(kind, body, k, n)         the sum, product, maximum or minimum of the body over k = 0, ..., n - 1,
                                   or its log-sum-exp, log Σ exp body
    Softmax(body, k, n, j)         exp body(j) / Σ exp body(k)
    At(array, *indices)            an entry of an array that is itself a formula
    ScalarCall, ArrayCall          what a box gives of whole arrays
    Family(body, (i, n), ...)      the array whose entries these are
    sigmoid, softplus              1 / (1 + exp(-x)) and log(1 + exp x)

Indices are symbols of two kinds. Those of the entry at hand are free, `FREE[0]`, `FREE[1]`, ... in the order of the
axes; those that a fold binds are numbered by how many binders they enclose, so that formulas that differ in the names
of bound indices only are equal (N. de Bruijn, "Lambda calculus notation with nameless dummies", 1972, by levels).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sympy import Add, Atom, Expr, Function, Indexed, Rational, Symbol, Tuple, exp, log, sympify
from sympy.core.symbol import Str

from .....diagrams.box import Box
from .display import Shown

__all__ = [
    "FREE",
    "ArrayCall",
    "At",
    "Family",
    "Fold",
    "Operation",
    "ScalarCall",
    "Softmax",
    "base_name",
    "bound",
    "level",
    "lifted",
    "of",
    "positive",
    "sigmoid",
    "size",
    "softplus",
]

FREE = tuple(Symbol(f"_{i}", integer=True, nonnegative=True) for i in range(32))


@lru_cache(maxsize=4096)
def bound(depth: int) -> Symbol:
    """The index of a binder that encloses binders up to this level, less one."""
    return Symbol(f"@{depth}", integer=True, nonnegative=True)


def of(e: Any, *kinds: Any) -> bool:
    """Whether a term is of one of these kinds: `isinstance`, where what the stubs of sympy say of the kind is too
    little for what follows."""
    return isinstance(e, kinds)


def base_name(e: Any) -> str:
    """The name of the array that an indexed entry is of."""
    return str(e.base.label)


def level(*terms: Any) -> int:
    """The highest level of a bound index in the terms; 0 where nothing is bound."""
    found = 0
    for s in atoms(terms):
        if s.is_Symbol and s.name[0] == "@":
            found = max(found, int(s.name[1:]))
    return found


def lifted(term: Any, by: int) -> Any:
    """The term with its bound indices so many levels higher."""
    return term.xreplace({bound(k): bound(k + by) for k in range(1, level(term) + 1)}) if by else term


def atoms(terms: Iterable[Any]) -> Iterable[Any]:
    """The leaves of some terms, each shared part visited once."""
    seen: set[int] = set()
    todo = list(terms)
    while todo:
        e = todo.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        if e.args:
            todo.extend(e.args)
        else:
            yield e


def size(term: Any, limit: int = 4096) -> int:
    """The number of nodes of a term, counted as it is written: what is shared counts as often as it occurs."""
    count, todo = 0, [term]
    while todo and count < limit:
        e = todo.pop()
        count += 1
        if isinstance(e, Indexed):
            todo.extend(e.indices)
        elif e.args:
            todo.extend(e.args)
    return count


def positive(e: Any) -> bool:
    """Whether a formula is positive by the way it is written; sympy, when asked, takes much longer to say so."""
    if isinstance(e, (exp, sigmoid, softplus, Softmax)):
        return True
    if isinstance(e, Fold):
        return e.rule != "logsumexp" and positive(e.body)
    if e.is_Add or e.is_Mul:
        return all(positive(a) for a in e.args)
    if e.is_Pow:
        return positive(e.args[0])
    return (not e.args and bool(e.is_positive)) or (isinstance(e, Indexed) and bool(e.is_positive))


class Binder(Shown, Expr):
    """A term that binds an index: the second of its arguments, in the first one."""

    is_commutative = True
    __slots__ = ()

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that are not bound."""
        body, index, *others = self.args[-4:] if isinstance(self, Softmax) else self.args[1:]
        return (body.free_symbols - {index}).union(*[o.free_symbols for o in others])

    def _eval_is_real(self) -> bool | None:
        return self.body.is_real

    @property
    def body(self) -> Any:
        """The term that the index is bound in."""
        return self.args[0] if isinstance(self, Softmax) else self.args[1]


class Fold(Binder):
    """`Fold(kind, body, index, n)`: the body at 0, ..., n - 1 taken together; the kind is one of KINDS."""

    __slots__ = ()
    KINDS = ("sum", "prod", "max", "min", "logsumexp")

    def __new__(cls, kind: Any, body: Any, index: Any, n: Any) -> Any:
        return Expr.__new__(cls, Str(kind) if isinstance(kind, str) else kind, body, index, sympify(n))

    @property
    def rule(self) -> str:
        """How the entries are taken together."""
        return str(self.args[0])

    def _eval_is_positive(self) -> bool | None:
        return True if self.rule in ("sum", "prod", "max", "min") and self.body.is_positive else None

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.rule in ("sum", "prod", "max", "min") and self.body.is_nonnegative else None

    def _eval_is_integer(self) -> bool | None:
        return True if self.rule != "logsumexp" and self.body.is_integer else None


class Softmax(Binder):
    """`Softmax(body, index, n, at)`: the exponential of the body at one index over the sum for all."""

    __slots__ = ()
    is_positive = True

    def __new__(cls, body: Any, index: Any, n: Any, at: Any) -> Any:
        return Expr.__new__(cls, body, index, sympify(n), at)


class Operation(Atom):
    """A box as a name in formulas: which box, which of its outputs, and how it is called there."""

    __slots__ = ("box", "label", "output")

    def __new__(cls, box: Box, output: int = 0, label: str = "") -> Any:
        new = Atom.__new__(cls)
        new.box, new.output, new.label = box, output, label or box.name
        return new

    def _hashable_content(self) -> tuple[Any, ...]:
        return (self.box.content, self.output, self.label)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.box, self.output, self.label)

    @property
    def title(self) -> str:
        """The name, with the number of the output where there are several."""
        if self.box.n_out == 1:
            return self.label
        name, bracket, more = self.label.partition("[")
        return f"{name}_{self.output}{bracket}{more}"

    def _sympystr(self, printer: Any) -> str:
        return self.title


class At(Shown, Expr):
    """`At(array, *indices)`: an entry of an array."""

    is_commutative = True
    __slots__ = ()

    def _eval_is_real(self) -> bool | None:
        operation = self.args[0].args[0] if self.args[0].args else None
        if isinstance(operation, Operation):
            return True if operation.box.cod.inside[operation.output].kind in "RZB" else None
        return True


class _Call(Shown, Expr):
    """`Call(operation, *arguments)`: what a box gives of these arguments."""

    is_commutative = True
    __slots__ = ()

    @property
    def operation(self) -> Operation:
        """The box."""
        return self.args[0]  # type: ignore[return-value]

    @property
    def wire(self) -> Any:
        """The wire that carries the result."""
        return self.operation.box.cod.inside[self.operation.output]

    def _eval_is_real(self) -> bool | None:
        return True if self.wire.kind in "RZ" else None

    def _eval_is_integer(self) -> bool | None:
        return True if self.wire.kind == "Z" else None


class ScalarCall(_Call):
    """A box of arrays that gives one number."""

    __slots__ = ()


class ArrayCall(_Call):
    """A box of arrays that gives an array of more than two axes; those with fewer are matrices."""

    __slots__ = ()


class Family(Shown, Expr):
    """`Family(body, (i, n), (j, m), ...)`: the array with these entries, i = 0, ..., n - 1 and so on."""

    is_commutative = True
    __slots__ = ()

    def __new__(cls, body: Any, *ranges: Any) -> Any:
        return Expr.__new__(cls, body, *[Tuple(*r) for r in ranges])

    @property
    def body(self) -> Any:
        """The entry."""
        return self.args[0]

    @property
    def ranges(self) -> tuple[Any, ...]:
        """Pairs of an index and the number of its values."""
        return self.args[1:]

    @property
    def shape(self) -> tuple[Any, ...]:
        """The number of values of each index."""
        return tuple(r[1] for r in self.ranges)

    @property
    def free_symbols(self) -> set[Any]:
        """The symbols that are not bound."""
        return self.body.free_symbols - {r[0] for r in self.ranges}


def _negative(x: Any) -> bool:
    """Whether x is written with a minus in front of all its terms."""
    return all(t.as_coeff_Mul()[0].is_negative for t in Add.make_args(x))


class sigmoid(Shown, Function):
    """The logistic function 1 / (1 + exp(-x)); of -x it is one minus that of x."""

    is_positive = True

    @classmethod
    def eval(cls, x: Any, *_: Any) -> Any:  # type: ignore[override]
        """Values at zero and at negated arguments."""
        if x.is_zero:
            return Rational(1, 2)
        return 1 - cls(-x) if _negative(x) else None

    def fdiff(self, argindex: int = 1) -> Any:
        """The function times one minus itself."""
        return self * (1 - self)

    def _eval_rewrite_as_exp(self, x: Any, **hints: Any) -> Any:
        return 1 / (1 + exp(-x))


class softplus(Shown, Function):
    """log(1 + exp x)."""

    is_positive = True

    @classmethod
    def eval(cls, x: Any, *_: Any) -> Any:  # type: ignore[override]
        """The value at zero."""
        return log(2) if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Any:
        """The logistic function."""
        return sigmoid(self.args[0])

    def _eval_rewrite_as_log(self, x: Any, **hints: Any) -> Any:
        return log(1 + exp(x))
