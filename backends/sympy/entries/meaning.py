"""Exact meaning entry by entry: the functor from diagrams to functions of sympy expressions.

A wire goes to an array of expressions, one for each of its entries, and a box to formulas that make the entries of its
outputs from those of its inputs: the semantics in the ring of functions over the real (or complex) numbers, without
rounding. Constants are the numbers they stand for (`numbers`), and so are indices and conditions that are known.

    entry by entry           scalars        Piecewise, Max, Min, relations
    moving entries           moving         which entry goes where
    sums and products        products, reducing, windows
    choices by index         indexing       sums of x_j KroneckerDelta(i, j) for an index that is not known
    order                    sorting        Piecewise over the permutations of a few entries
    solves, factorizations   matrices       explicit formulas for the sizes where there are any (and spectra)
    nested boxes             nested         what is inside; scans unrolled, `cond` as Piecewise

What has no formula is an undefined function of all of its inputs, named after the box: nothing is dropped, and the
functor is total. It is for small shapes, as every entry is an expression of its own. An index that is a symbol is taken
to be within bounds.

>>> x = symbols_of(R(2).wire, "x")
>>> entries_of(from_jax(lambda x: (x * 0.5).sum(), R(2)), [x])[0][()]
x_0/2 + x_1/2
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy

from ....categories.errors import InputError
from ....categories.para import Para
from ....diagrams.box import Box
from ....diagrams.cache import derived
from ....diagrams.registry import Entry, entered
from ....diagrams.syntax import Diagram, require
from ....diagrams.tracing.emit import apply_box
from ....diagrams.tracing.lookup import calls_out
from ....diagrams.traversal import interpret
from .bilinear import PRODUCTS
from .bodies import NESTED
from .elementary import SCALARS, UNKNOWN
from .gathering import INDEXING
from .moving import MOVING
from .reducing import REDUCING
from .solving import MATRICES
from .sorting import SORTING
from .spectra import SPECTRA
from .symbols import Entries, filled, known, numbers_of, symbols_of, unknown, values_of
from .windows import WINDOWS
from .work import spent

__all__ = ["MEANINGS", "agrees", "entries_of", "meaning_of", "registered", "symbols_of"]

# For each primitive that is not entry by entry its rule; None from a rule says that there is no formula here.
MEANINGS: dict[str, Callable[..., list[Entries] | None]] = {
    **INDEXING,
    **MATRICES,
    **MOVING,
    **PRODUCTS,
    **REDUCING,
    **SORTING,
    **SPECTRA,
    **WINDOWS,
}


def entries_of(d: Diagram | Para, inputs: Sequence[Any]) -> list[Entries]:
    """The entries of every output, as numpy arrays of expressions, from those of every input.

    Of a model the parameters are the last inputs. Raises `InputError` for arrays that do not fit the wires.
    """
    require(d, "entries_of")
    arrow = d.arrow if isinstance(d, Para) else d
    given = [_array(a) for a in inputs]
    if [a.shape for a in given] != [w.shape for w in arrow.dom.inside]:
        shapes = ", ".join(str(a.shape) for a in given)
        raise InputError(f"entries_of takes one array of expressions for each of {arrow.dom}, and got shapes {shapes}")
    return interpret(arrow.graph, meaning_of, given)


def _array(values: Any) -> Entries:
    """An array of expressions; Python numbers among them become sympy's."""
    array = np.asarray(values, dtype=object)
    return filled(array.shape, [sympy.sympify(v) for v in array.flat])


def meaning_of(box: Box, *arrays: Entries) -> Sequence[Entries]:
    """The entries of the outputs of a box: the rule of this functor."""
    if box.op == "constant":
        return _constant(box)
    entry = entered(box)
    if entry is not None and entry.sympy is not None:
        agrees(box)
        made = _registered(box, entry, arrays)
    elif box.op in MEANINGS:
        made = MEANINGS[box.op](box, *arrays)
    elif box.op in NESTED:
        made = NESTED[box.op](box, entries_of, *arrays)
    elif box.op in SCALARS and not (box.op in UNKNOWN and known(*arrays)):
        made = [_entrywise(box, arrays)]
    elif _counts(box) and known(*arrays):
        made = _computed(box, arrays)
    else:
        made = None if box.definition is None else entries_of(box.definition, arrays)
    made = unknown(box, *arrays) if made is None else made
    if box.op not in NESTED:  # what is inside of these was counted
        spent(e for a in made for e in a.flat)
    return made


def registered(box: Box) -> Callable[..., Any] | None:
    """The function of scalars that was registered as the meaning of a box; None if there is none."""
    entry = entered(box)
    return entry.sympy if entry is not None and entry.traits.pointwise else None


def agrees(box: Box) -> None:
    """Raises `InputError` where a registered meaning is not what the box computes; looked at once for each box."""
    entry = entered(box)
    if entry is not None:
        derived(box, ("agrees", entry), lambda: _compared(box, entry))


def _registered(box: Box, entry: Entry, arrays: Sequence[Entries]) -> list[Entries]:
    """What was registered: a function of scalars where the box acts entry by entry, else of arrays."""
    meaning: Any = entry.sympy
    if not entry.traits.pointwise:
        return [_array(a) for a in meaning(box, *arrays)]
    shape = box.cod.inside[0].shape
    spread = [np.broadcast_to(a, shape) for a in arrays]
    each = zip(*(a.flat for a in spread), strict=True)
    return [filled(shape, [sympy.sympify(meaning(*entries)) for entries in each])]


def _compared(box: Box, entry: Entry) -> None:
    """Raises `InputError` where a registered meaning is not what the box computes, at a few points."""
    if any(w.kind != "R" for w in (*box.dom.inside, *box.cod.inside)) or sum(w.size for w in box.dom.inside) > 64:
        return
    rng = np.random.default_rng(0)
    for scale in (0.5, 2.0, 8.0):
        given = [np.asarray(rng.normal(scale=scale, size=w.shape), w.dtype) for w in box.dom.inside]
        exact = _registered(box, entry, [_array([float(v) for v in a.flat]).reshape(a.shape) for a in given])
        for made, meant in zip(apply_box(box, *given), exact, strict=True):
            for y, e in zip(np.asarray(made, float).flat, meant.flat, strict=True):
                value = complex(sympy.N(e))
                same = abs(y - value) <= 1e-2 * (1e-6 + abs(value)) or not (np.isfinite(y) and np.isfinite(value))
                if not same and value.imag == 0:
                    at = ", ".join(str(a.tolist()) for a in given)
                    raise InputError(
                        f"the meaning registered for {entry.name} is not what it computes: at {at} it gives {y:.6g}, "
                        f"and the formula {value.real:.6g}"
                    )


def _entrywise(box: Box, arrays: Sequence[Entries]) -> Entries:
    """The formula at each entry; inputs may be scalars, or have axes one entry long, where the output has more."""
    shape, rule = box.cod.inside[0].shape, SCALARS[box.op]
    spread = [np.broadcast_to(a, shape) for a in arrays]
    return filled(shape, [rule(box, *entries) for entries in zip(*(a.flat for a in spread), strict=True)])


def _constant(box: Box) -> list[Entries]:
    w, held = box.cod.inside[0], box.params["value"]
    if w.kind == "Key":
        return [symbols_of(w, f"key_{held.digest[:6]}")]
    return [numbers_of(held.value, w.dtype)]


def _counts(box: Box) -> bool:
    """Whether the box is a primitive of JAX on whole numbers and truth values, or a list of them."""
    if box.op == "iota" or not box.op:
        return bool(box.op)
    return all(w.kind in "ZB" for w in (*box.dom.inside, *box.cod.inside)) and not calls_out(box.op)


def _computed(box: Box, arrays: Sequence[Entries]) -> list[Entries]:
    """What JAX computes from numbers that are known."""
    made = apply_box(box, *[values_of(a, w.dtype) for a, w in zip(arrays, box.dom.inside, strict=True)])
    return [numbers_of(v, w.dtype) for v, w in zip(made, box.cod.inside, strict=True)]
