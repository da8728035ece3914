"""`prove`: a derivative diagram is equal to the derivative that sympy finds, or is not, or we do not know.

For f : A -> B the entries of f and of a derivative diagram are expressions in symbols for the entries of A. Of the
former sympy takes the derivative, and what the latter says must be equal to it, entry by entry:

    reverse   A ⊗ B' -> A'           R_j = Σ_k g_k ∂f_k/∂x_j
    forward   A ⊗ A' -> B ⊗ B'       f_k  and  Σ_j ∂f_k/∂x_j t_j

A proof is about functions of real (or complex) numbers, without rounding, on the domain where they are real and finite;
where there are cases (max, abs, sorting) it is one almost everywhere, off the borders of cases. Whole numbers are those
of mathematics: indices are in range and nothing overflows. What cannot be decided is told with the reason, and is never
called proved on the strength of numbers; these only speak against proofs (`floats`).

>>> from paralens.backends.sympy.proofs import prove
>>> bool(prove(from_jax(jnp.tanh, R(2))))
True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from ....categories.errors import DerivativeError, InputError
from ....categories.para import Para
from ....diagrams.syntax import Diagram, require
from ....diagrams.types import Ty, Wire
from ....functors.derivatives.derivative import cotangent, forward, reverse
from ..entries.meaning import entries_of
from ..entries.symbols import Entries, filled, numbers_of, symbols_of
from ..entries.work import TooMuchWork, limited
from .calculus import Variable, gradient, has_borders, tangent
from .deciding import Decision, Domain, Pair, decide, unknown
from .floats import Computed, array_of, entry_at

__all__ = ["Counterexample", "Proof", "prove"]

WORK = 600_000  # parts of formulas: attention of two by two takes half of it; a minute and a half at most


@dataclass(frozen=True)
class Counterexample:
    """Where a derivative is wrong: at these inputs, in this entry, what is claimed and what is true.

    `inputs` holds one array for each input of the derivative diagram, cotangents (or tangents) last; its entries are
    fractions. `arrays` gives them as floats.
    """

    wires: tuple[Wire, ...]
    names: tuple[str, ...]
    inputs: tuple[Entries, ...]
    wire: str
    index: tuple[int, ...]
    claimed: complex
    true: complex

    def arrays(self) -> list[Any]:
        """The inputs as arrays of the dtypes of the wires, for `to_jax` of the derivative."""
        return [array_of(w, a.reshape(-1).tolist()) for a, w in zip(self.inputs, self.wires, strict=True)]

    def __str__(self) -> str:
        at = f"{self.wire}[{','.join(map(str, self.index))}]" if self.index else self.wire
        given = ", ".join(f"{n} = {_shown(a)}" for n, a in zip(self.names, self.inputs, strict=True))
        return f"{at} is claimed to be {_short(self.claimed)} and is {_short(self.true)} where {given}"


@dataclass(frozen=True)
class Proof:
    """What is known of the derivatives of a diagram: true only if they are proved.

    `verdict` is "proved", "refuted" or "undecided"; `mode` the derivative that the verdict is about; `entries` how many
    entries were compared. With `almost_everywhere` the equality leaves out the borders between cases.
    With `whole_numbers` some inputs are such, and it is for indices in range and without overflow.
    """

    verdict: str
    mode: str
    reason: str = ""
    entries: int = 0
    almost_everywhere: bool = False
    counterexample: Counterexample | None = None
    whole_numbers: bool = False

    def __bool__(self) -> bool:
        return self.verdict == "proved"

    def __str__(self) -> str:
        if self.verdict == "proved":
            where = " almost everywhere" if self.almost_everywhere else ""
            given = ", for indices in range and without overflow" if self.whole_numbers else ""
            return f"proved{where}{given}: {self.mode}, {self.entries} entries"
        told = self.reason if self.counterexample is None else str(self.counterexample)
        return f"{self.verdict}: {self.mode}, {told}"


def prove(
    d: Diagram | Para,
    derivative: Diagram | Para | None = None,
    *,
    modes: Sequence[str] = ("reverse", "forward"),
    known: Mapping[int, Any] | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
    work: int = WORK,
) -> Proof:
    """Whether `reverse(d)` and `forward(d)` are the derivatives of `d`, by comparison with sympy's.

    A diagram `derivative` of the type of one of them is judged in their place. `known` gives the values of some inputs,
    by number, such as indices; `names` those of the inputs in what is told. Of a model the parameters are the last
    inputs, named by their paths. A proof ends: for each derivative there may be formulas of so many parts (`work`), a
    loop counting as often as it runs. Raises `InputError` where `derivative` has neither type.
    """
    require(d, "prove")
    arrow = d.arrow if isinstance(d, Para) else d
    given = _names(d) if names is None else tuple(names)
    claims = _claims(arrow, derivative, modes)
    found: list[Proof] = []
    for mode, claim in claims:
        if isinstance(claim, DerivativeError):
            found.append(Proof("undecided", mode, f"there is no derivative: {claim}"))
        else:
            found.append(_within(work, arrow, claim, mode, known or {}, given, seed))
    worst = min(found, key=lambda p: ("refuted", "undecided", "proved").index(p.verdict))
    if worst.verdict != "proved":
        return worst
    mode = " and ".join(p.mode for p in found)
    entries, borders = sum(p.entries for p in found), any(p.almost_everywhere for p in found)
    return Proof("proved", mode, "", entries, borders, whole_numbers=any(p.whole_numbers for p in found))


def _within(
    work: int, d: Diagram, claim: Diagram, mode: str, known: Mapping[int, Any], names: Sequence[str], seed: int
) -> Proof:
    """The proof, if it does not take more work than that."""
    try:
        with limited(work):
            return _Comparison(d, claim, mode, known, names).proof(seed)
    except TooMuchWork:
        return Proof("undecided", mode, f"it would take more work than is allowed: formulas of {work} parts")


def _names(d: Diagram | Para) -> tuple[str, ...]:
    """x, y and so on for data, and paths for parameters."""
    n = len(d.dom)
    data = ["x"] if n == 1 else [f"x{i}" for i in range(n)]
    return (*data, *(d.paths if isinstance(d, Para) else ()))


def _claims(
    d: Diagram, derivative: Diagram | Para | None, modes: Sequence[str]
) -> list[tuple[str, Diagram | DerivativeError]]:
    types = {
        "reverse": (d.dom @ cotangent(d.cod), cotangent(d.dom)),
        "forward": (d.dom @ cotangent(d.dom), d.cod @ cotangent(d.cod)),
    }
    if derivative is not None:
        arrow = derivative.arrow if isinstance(derivative, Para) else derivative
        for mode, (dom, cod) in types.items():
            if (arrow.dom, arrow.cod) == (dom, cod):
                return [(mode, arrow)]
        shown = " or ".join(f"{dom} -> {cod} ({mode})" for mode, (dom, cod) in types.items())
        raise InputError(f"a derivative of {d.dom} -> {d.cod} is {shown}, and got {arrow.dom} -> {arrow.cod}")
    made: list[tuple[str, Diagram | DerivativeError]] = []
    for mode in modes:
        if mode not in types:
            raise InputError(f"modes are 'reverse' and 'forward', and got {mode!r}")
        try:
            made.append((mode, {"reverse": reverse, "forward": forward}[mode](d)))
        except DerivativeError as error:
            made.append((mode, error))
    return made


class _Comparison:
    """The entries of a diagram, of a claimed derivative, and of the true one."""

    def __init__(self, d: Diagram, claim: Diagram, mode: str, known: Mapping[int, Any], names: Sequence[str]) -> None:
        self.d, self.claim, self.mode = d, claim, mode
        self.wires = d.dom.inside
        self.moving = [i for i, w in enumerate(self.wires) if w.differentiable]
        extra = cotangent(d.cod if mode == "reverse" else d.dom)
        letters = {"reverse": "g", "forward": "t"}
        more = [letters[mode] if len(extra) == 1 else f"{letters[mode]}{i}" for i in range(len(extra))]
        self.names, symbols = _symbols((*self.wires, *extra.inside), (*names, *more))
        n = len(self.wires)
        self.xs = [numbers_of(known[i], w.dtype) if i in known else symbols[i] for i, w in enumerate(self.wires)]
        self.ts = symbols[n:]
        self.ys = entries_of(d, self.xs)

    def proof(self, seed: int) -> Proof:
        missing = unknown([v for y in self._flowing() for v in y.flat], self._moving())
        if missing:
            return Proof("undecided", self.mode, missing)
        pairs = self._pairs()
        symbols = sorted({s for a in (*self.xs, *self.ts) for e in a.flat for s in e.free_symbols}, key=str)
        inside = tuple(e for y in self._flowing() for e in y.flat)
        places = [p for p, _ in pairs]
        wires = (*self.claim.dom.inside, *self.d.cod.inside)
        domain = Domain(tuple(symbols), self._moving(), inside, any(w.kind == "C" for w in wires))
        decision = decide([p for _, p in pairs], domain, seed)
        if decision.verdict == "proved":
            computed = Computed(self.d, self.claim, (*self.xs, *self.ts), self.ys, [p for _, p in pairs])
            decision = computed.objection(domain, seed) or decision
        if decision.verdict == "proved":
            every = [*inside, *(e for _, p in pairs for e in (p.claimed, p.true))]
            whole = any(s.is_integer for s in symbols)
            return Proof("proved", self.mode, "", len(pairs), has_borders(every), whole_numbers=whole)
        wire, index = places[decision.at]
        if decision.verdict == "undecided":
            at = f"{wire}[{','.join(map(str, index))}]" if index else wire
            return Proof("undecided", self.mode, f"{at}: {decision.reason}", len(pairs))
        return Proof("refuted", self.mode, "", len(pairs), False, self._counterexample(decision, wire, index))

    def _flowing(self) -> list[Entries]:
        """The outputs that have tangents."""
        return [y for y, w in zip(self.ys, self.d.cod.inside, strict=True) if w.differentiable]

    def _moving(self) -> frozenset[Any]:
        """The symbols of the inputs that have tangents."""
        return frozenset(s for i in self.moving for e in self.xs[i].flat for s in e.free_symbols)

    def _pairs(self) -> list[tuple[tuple[str, tuple[int, ...]], Pair]]:
        """For each entry of the derivative its wire and index, and what is claimed and true of it."""
        claimed = entries_of(self.claim, [*self.xs, *self.ts])
        names, wires, true = self._reverse() if self.mode == "reverse" else self._forward()
        return [
            ((name, index), Pair(a[index], b[index], _rounding(w)))
            for name, w, a, b in zip(names, wires, claimed, true, strict=True)
            for index in np.ndindex(w.shape)
        ]

    def _reverse(self) -> tuple[list[str], list[Wire], list[Entries]]:
        values, weights = ([v for a in arrays for v in a.flat] for arrays in (self._flowing(), self.ts))
        variables = [_variable(e) for i in self.moving for e in self.xs[i].flat]
        found = iter(gradient(values, weights, variables))
        wires = [self.wires[i] for i in self.moving]
        made = [filled(w.shape, [next(found) for _ in range(w.size)]) for w in wires]
        return [self.names[i] for i in self.moving], wires, made

    def _forward(self) -> tuple[list[str], list[Wire], list[Entries]]:
        variables = [_variable(e) for i in self.moving for e in self.xs[i].flat]
        moves = [_variable(e) for t in self.ts for e in t.flat]
        cod: Ty = self.d.cod
        pairs = [(y, w) for y, w in zip(self.ys, cod.inside, strict=True) if w.differentiable]
        tangents = [filled(w.shape, [tangent(v, variables, moves) for v in y.flat]) for y, w in pairs]
        names = [f"y{i}" if len(cod) > 1 else "y" for i in range(len(cod))]
        moved = [f"d{n}" for n, w in zip(names, cod.inside, strict=True) if w.differentiable]
        return [*names, *moved], [*cod.inside, *(w for _, w in pairs)], [*self.ys, *tangents]

    def _counterexample(self, decision: Decision, wire: str, index: tuple[int, ...]) -> Counterexample:
        point = decision.point or {}
        inputs = tuple(filled(a.shape, [entry_at(e, point) for e in a.flat]) for a in (*self.xs, *self.ts))
        claimed, true = (complex(v) for v in decision.values)
        return Counterexample(self.claim.dom.inside, self.names, inputs, wire, index, claimed, true)


def _symbols(wires: Sequence[Wire], names: Sequence[str]) -> tuple[tuple[str, ...], list[Entries]]:
    """The symbols of wires, all different, under their names; one that would give a symbol twice gets primes."""
    if len(names) != len(wires):
        raise InputError(f"there are {len(wires)} inputs with those of the derivative, and {len(names)} names")
    taken: set[str] = set()
    told, made = [], []
    for w, name in zip(wires, names, strict=True):
        symbols = symbols_of(w, name, split=True)
        while (labels := {name, *(str(s) for e in symbols.flat for s in e.free_symbols)}) & taken:
            name += "'"
            symbols = symbols_of(w, name, split=True)
        taken |= labels
        told.append(name)
        made.append(symbols)
    return tuple(told), made


def _variable(e: Any) -> Variable:
    """The variable that an input's entry is: a symbol, or one for each of its parts; none if it is known."""
    if e.is_Symbol:
        return Variable(e)
    symbols = sorted(e.free_symbols, key=lambda s: str(s).startswith("im("))
    return Variable(*symbols) if symbols else Variable(None)


def _rounding(w: Wire) -> float:
    """The relative rounding error of a wire's dtype."""
    if not w.differentiable:
        return 0.0
    part = {"complex64": "float32", "complex128": "float64"}.get(w.dtype, w.dtype)
    return float(ml_dtypes.finfo(part).eps)


def _shown(a: Entries) -> str:
    return str(a.item()) if a.ndim == 0 else f"[{', '.join(_shown(np.asarray(v, dtype=object)) for v in a)}]"


def _short(v: complex) -> str:
    return f"{v.real:.10g}" if v.imag == 0 else f"{v:.10g}"
