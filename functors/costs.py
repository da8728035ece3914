"""Cost: the functor from diagrams to a commutative monoid of counts.

A monoid M is a category with one object, whose composition is its addition; as M is commutative it is
monoidal too, with the same addition as tensor. Data: a count for each generator. Laws, for the functor:

    cost(f ; g) = cost(f) + cost(g) = cost(f @ g)        cost(id) = cost(swap) = cost(copy) = cost(discard) = 0

So the cost of a diagram is a sum over its boxes: each distinct box is counted once and multiplied by
how often it stands in the flat graph. Dead boxes and equal boxes count as they are written (the functor
is from diagrams before naturality of copy and discard). A box with a definition costs its definition, a scan
its length times its body, a conditional its dearest branch, a `while` one trip, which is a lower bound.

The counts follow the conventions of XLA's `HloCostAnalysis` (openxla/xla, hlo_cost_analysis.cc): a multiply-add
is two FLOPs; an arithmetic, comparison or selection is one an element, whatever the dtype; a reduction is one for
every element that goes; roots, powers, exponentials and their like are `transcendentals`; moving data is free.
Padding is not multiplied. XLA counts the body of a loop once and we count it `length` times.

>>> cost(from_jax(lambda x, w: jnp.tanh(x @ w), R(3, 4), R(4, 5)))
Cost(flops=120, transcendentals=15, bytes=308)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import jax
import numpy as np

from ..categories.para import Para
from ..diagrams.box import Box
from ..diagrams.cache import derived
from ..diagrams.graph import Graph
from ..diagrams.primitives import having
from ..diagrams.registry import entered
from ..diagrams.syntax import Diagram
from ..diagrams.tracing.arrays import aval
from ..diagrams.tracing.emit import apply_box

__all__ = ["Cost", "Counter", "cost"]


@dataclass(frozen=True, repr=False)
class Cost:
    """What a diagram costs; costs add by `+`, and `n * c` is n times `c`.

    `flops` and `transcendentals` are operations on single entries; `bytes` sums what every box reads
    and writes, as if nothing were fused. What no rule counts is counted by XLA; `guessed` names the boxes that it does
    not see into, and abstract ones (one FLOP an entry of their outputs was assumed); `at_least` marks a `while` with
    its one trip, `at_most` a choice between branches of different cost.
    """

    flops: int = 0
    transcendentals: int = 0
    bytes: int = 0
    guessed: tuple[str, ...] = ()
    at_least: bool = False
    at_most: bool = False

    @property
    def exact(self) -> bool:
        """Whether every box was counted by a rule, and how often it runs is known."""
        return not (self.guessed or self.at_least or self.at_most)

    def __add__(self, other: Cost) -> Cost:
        return _joined((self, other), sum)

    def __mul__(self, times: int) -> Cost:
        if times == 0:
            return Cost()
        counts = (times * self.flops, times * self.transcendentals, times * self.bytes)
        return Cost(*counts, self.guessed, self.at_least, self.at_most)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        shown = f"flops={self.flops}, transcendentals={self.transcendentals}, bytes={self.bytes}"
        shown += f", guessed={self.guessed}" if self.guessed else ""
        shown += ", at_least=True" if self.at_least else ""
        shown += ", at_most=True" if self.at_most else ""
        return f"Cost({shown})"


def _joined(costs: Sequence[Cost], how: Callable[..., int]) -> Cost:
    """The counts combined by `how` (`sum` or `max`), the marks united."""
    guessed = {name for c in costs for name in c.guessed}
    return Cost(
        how([c.flops for c in costs]),
        how([c.transcendentals for c in costs]),
        how([c.bytes for c in costs]),
        tuple(sorted(guessed)),
        any(c.at_least for c in costs),
        any(c.at_most for c in costs),
    )


def cost(d: Diagram | Para) -> Cost:
    """The cost of a diagram, or of the map of a `Para`.

    >>> f = from_jax(lambda x: x * x + 1.0, R(10))
    >>> cost(f >> f) == cost(f @ f) == 2 * cost(f)
    True
    """
    return Counter().of(d.arrow if isinstance(d, Para) else d)


class Counter:
    """Costs of diagrams and boxes, each object counted once however often it is asked for."""

    def __init__(self) -> None:
        # the diagram is kept beside its cost, so that its id stays its own
        self._known: dict[int, tuple[Diagram, Cost]] = {}

    def of(self, d: Diagram) -> Cost:
        """The cost of a diagram or of a box."""
        known = self._known.get(id(d))
        if known is None:
            found = self._box(d) if isinstance(d, Box) and d.form[0] == "box" else self.graph(d.graph)
            known = self._known[id(d)] = (d, found)
        return known[1]

    def graph(self, graph: Graph, nodes: slice = slice(None)) -> Cost:
        """The cost of a graph, or of a range of its nodes."""
        times = np.bincount(graph.ops[nodes], minlength=len(graph.table)).tolist()
        return _joined([n * self.of(box) for n, box in zip(times, graph.table, strict=True) if n], sum)

    def _box(self, box: Box) -> Cost:
        entry = entered(box)
        if entry is not None and entry.cost is not None:
            declared: Any = entry.cost
            counts: Any = declared(box) if callable(declared) else [n * _out(box) for n in declared]
            return Cost(counts[0], counts[1], _moved(box))
        if box.definition is not None:
            return self.of(box.definition)
        if box.op in NESTED:
            return NESTED[box.op](box, self.of)
        counted = RULES[box.op](box) if box.op in RULES else None
        counted = derived(box, "cost by XLA", lambda: _by_xla(box)) if counted is None and box.op else counted
        if counted is not None:
            return Cost(counted[0], counted[1], _moved(box))
        own = Cost(_out(box), 0, _moved(box), (box.op or box.name,))
        return _joined([own, *(self.of(d) for d in box.bodies.values())], sum)


# -- generators that hold diagrams -------------------------------------------------------------

Of = Callable[[Diagram], Cost]


def _call(box: Box, of: Of) -> Cost:
    return _joined([of(d) for d in box.bodies.values()], sum)


def _cond(box: Box, of: Of) -> Cost:
    """The dearest branch: the maximum of each count, as XLA takes it."""
    branches = [of(d) for d in box.bodies.values()]
    found = _joined(branches, max)
    return found if all(c == branches[0] for c in branches) else replace(found, at_most=True)


def _reduce(box: Box, of: Of) -> Cost:
    """Reduction by a diagram: its cost for every element that goes; the operands come before their units."""
    combine = of(box.params["body"].diagram)
    gone = (box.dom.inside[0].size if box.n_in else 0) - (box.cod.inside[0].size if box.n_out else 0)
    moved = sum(w.nbytes for w in (*box.dom.inside, *box.cod.inside))
    return replace(gone * combine, bytes=moved)


NESTED: dict[str, Callable[[Box, Of], Cost]] = {
    **dict.fromkeys(sorted(having("calling")), _call),
    "scan": lambda box, of: box.params["length"] * of(box.params["body"].diagram),
    "while": lambda box, of: replace(_call(box, of), at_least=True),
    "cond": _cond,
    "reduce": _reduce,
    "custom_linear_solve": lambda box, of: of(box.params["jaxprs"].solve.diagram),
}

# -- generators --------------------------------------------------------------------------------

Counts = tuple[int, int]


def _out(box: Box) -> int:
    return sum(w.size for w in box.cod.inside)


def _moved(box: Box) -> int:
    """The bytes that a box reads and writes."""
    return 0 if box.op == "constant" else sum(w.nbytes for w in (*box.dom.inside, *box.cod.inside))


def _by_xla(box: Box) -> Counts | None:
    """What XLA counts of a primitive that nobody declared a cost of; None where it calls what XLA does not see into."""
    shapes = [aval(w) for w in box.dom.inside]
    try:
        with jax.enable_x64(True):
            lowered = jax.jit(lambda *xs: apply_box(box, *xs)).lower(*shapes)
            found = lowered.cost_analysis()
    except Exception:  # not on this platform, or not at all
        return None
    if not found or "custom_call" in lowered.as_text():
        return None
    return int(found.get("flops", 0)), int(found.get("transcendentals", 0))


def _gone(box: Box) -> int:
    """The number of elements of the first input that a reduction folds into others."""
    return max(0, box.dom.inside[0].size - box.cod.inside[0].size)


def _run(box: Box) -> int:
    """The number of elements that a cumulative operation folds: all but the first of each line."""
    return _out(box) - _out(box) // max(1, box.cod.inside[0].shape[box.params["axis"]])


def _each(flops: int, transcendentals: int) -> Callable[[Box], Counts]:
    """So many operations for each entry of the outputs."""
    return lambda box: (flops * _out(box), transcendentals * _out(box))


def _integer_pow(box: Box) -> Counts:
    """Multiplications by repeated squaring, and one division for a negative exponent."""
    y = box.params["y"]
    n = abs(y)
    return _out(box) * (max(0, n.bit_length() + n.bit_count() - 2) + (y < 0)), 0


def _dot_general(box: Box) -> Counts:
    (contracted, _), _ = box.params["dimension_numbers"]
    return 2 * _out(box) * prod(box.dom.inside[0].shape[i] for i in contracted), 0


def _convolution(box: Box) -> Counts:
    """Two for every product of an entry of the kernel with one of the image, and none for its padding or holes."""
    p, (image, kernel), out = box.params, [w.shape for w in box.dom.inside], box.cod.inside[0].shape
    spec = p["dimension_numbers"]
    (batch, features, *space) = spec.lhs_spec
    channels = image[features] // p["feature_group_count"] * kernel[spec.rhs_spec[0]]
    axes = zip(space, spec.rhs_spec[2:], spec.out_spec[2:], strict=True)
    steps = zip(p["window_strides"], p["padding"], p["lhs_dilation"], p["rhs_dilation"], strict=True)
    meetings = prod(_meetings(image[i], kernel[j], out[k], *s) for (i, j, k), s in zip(axes, steps, strict=True))
    return 2 * channels * (image[batch] // p["batch_group_count"]) * meetings, 0


def _meetings(n: int, k: int, m: int, stride: int, padding: tuple[int, int], holes: int, dilation: int) -> int:
    """Pairs of one of `m` outputs and one of `k` kernel entries that meet one of `n` entries, along one axis.

    The outputs are taken by their residue modulo `holes`: those of one residue all fall on entries or all on holes.
    """
    start, found = np.arange(k) * dilation - padding[0], 0
    for r in range(min(holes, m)):
        at, step = start + r * stride, holes * stride
        first = np.maximum(0, -(at // step))
        last = np.minimum(len(range(r, m, holes)) - 1, (holes * (n - 1) - at) // step)
        found += int(np.sum(np.maximum(0, last - first + 1)[at % holes == 0]))
    return found


def _window(box: Box) -> int:
    shape = box.params.get("window_dimensions") or box.params.get("window_shape") or ()
    return prod(shape)


def _sort(box: Box) -> Counts:
    """A comparison sort, n log n with n all entries, as XLA counts it."""
    n = box.dom.inside[0].size
    return n * max(0, n - 1).bit_length(), 0


def _fft(box: Box) -> Counts:
    stages = prod(max(1, n.bit_length() - 1) for n in box.params["fft_lengths"])
    return 8 * stages * box.dom.inside[0].size, 0


def _matrix(count: Callable[[int, int], int]) -> Callable[[Box], Counts]:
    """A factorization of each matrix of m rows and n columns in the first input."""

    def rule(box: Box) -> Counts:
        *batch, m, n = box.dom.inside[0].shape
        return prod(batch) * count(m, n), 0

    return rule


def _lu(m: int, n: int) -> int:
    k = min(m, n)
    return 2 * m * n * k - k * k * (m + n) + 2 * k**3 // 3


def _triangular_solve(box: Box) -> Counts:
    return box.dom.inside[0].shape[-1] * box.dom.inside[1].size, 0


def _random(box: Box) -> Counts | None:
    """Threefry: 20 rounds of 5 operations and 5 injections of the key of 3 give two words; no other generator."""
    if any(w.kind == "Key" and w.dtype != "key<fry>" for w in box.dom.inside):
        return None
    words = sum(-(-w.nbytes // 4) for w in box.cod.inside)
    return 115 * -(-words // 2), 0


MOVEMENT = (
    "constant all_gather all_to_all after_all axis_index bitcast_convert_type broadcast_in_dim concatenate copy copy_p "
    "create_token device_put dynamic_slice dynamic_update_slice empty empty2 expand_dims gather iota name "
    "optimization_barrier pad ppermute random_clone random_seed random_unwrap random_wrap reshape rev scatter "
    "sharding_constraint slice split squeeze stop_gradient tile transpose"
)
ARITHMETIC = (
    "abs add add_any and ceil clamp clz complex div eq eq_to floor ge gt imag is_finite le le_to "
    "lt lt_to max min mul ne neg nextafter not or population_count real reduce_precision rem round shift_left "
    "shift_right_arithmetic shift_right_logical sign square sub xor"
)
# One each, however XLA expands the special functions among them into polynomials.
TRANSCENDENTAL = (
    "acos acosh asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt cos cosh digamma erf erf_inv erfc exp expm1 "
    "lgamma log log1p pow rsqrt sin sinh sqrt tan tanh"
)
FOLDS = "reduce_and reduce_max reduce_min reduce_or reduce_prod reduce_sum reduce_xor"

RULES: dict[str, Callable[[Box], Counts | None]] = {
    **dict.fromkeys(MOVEMENT.split(), _each(0, 0)),
    **dict.fromkeys(ARITHMETIC.split(), _each(1, 0)),
    **dict.fromkeys(TRANSCENDENTAL.split(), _each(0, 1)),
    **dict.fromkeys(FOLDS.split(), lambda box: (_gone(box), 0)),
    **dict.fromkeys(("cummax", "cummin", "cumprod", "cumsum"), lambda box: (_run(box), 0)),
    "cumlogsumexp": lambda box: (8 * _run(box), 2 * _run(box)),
    # one for each update
    **dict.fromkeys(
        ("scatter-add", "scatter-max", "scatter-min", "scatter-mul"),
        lambda box: (box.dom.inside[2].size, 0),
    ),
    # the comparison of value and index, with its ties and NaNs, is nine
    **dict.fromkeys(("argmax", "argmin"), lambda box: (9 * _gone(box), 0)),
    **dict.fromkeys(
        ("reduce_window_max", "reduce_window_min", "reduce_window_sum"),
        lambda box: (_out(box) * (_window(box) - 1), 0),
    ),
    "select_and_scatter_add": lambda box: (box.dom.inside[0].size * _window(box), 0),
    # two cases are one selection, more are found by comparing and selecting in turn
    "select_n": lambda box: (_out(box) * (1 if box.n_in == 3 else 2 * (box.n_in - 2)), 0),
    "conj": _each(4, 0),
    # a conversion to the same dtype only makes a Python scalar strong
    "convert_element_type": lambda box: (_out(box) * (box.dom.inside[0].dtype != box.cod.inside[0].dtype), 0),
    "exp2": _each(1, 1),
    "log2": _each(1, 1),
    "logistic": _each(3, 1),
    "one_minus_square": _each(3, 0),
    "polynomial": lambda box: (2 * (box.n_in - 2) * _out(box), 0),
    "integer_pow": _integer_pow,
    "dot_general": _dot_general,
    "conv_general_dilated": _convolution,
    "sort": _sort,
    "top_k": _sort,
    "fft": _fft,
    "cholesky": _matrix(lambda m, n: n**3 // 3),
    "lu": _matrix(_lu),
    "triangular_solve": _triangular_solve,
    **dict.fromkeys(("random_bits", "random_fold_in", "random_split", "threefry2x32"), _random),
}
