"""Pipelines of twenty to two hundred boxes in which one is wrong and must be named.

A pipeline is built with its fault and without; the fault never changes the value. Names of boxes have fixed width,
so that none is part of another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from corpus import Point, array, by_cotangents, by_tangents, f32, positional
from jax import lax

from paralens import Diagram, R, from_jax, nn, repeat

WIDE = (-3.0, 3.0)


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A function or diagram of many boxes; `culprits` are the names of those that `build(True)` makes wrong."""

    name: str
    build: Callable[[bool], Any]
    examples: Point
    culprits: tuple[str, ...]
    domain: Any
    boxes: int  # at least so many, those inside others counted
    x64: bool = False

    def run(self, check: Callable[..., Any], faulty: bool = True) -> Any:
        """What `check` says of it, with its fault or without."""
        with jax.enable_x64(self.x64):
            return check(self.build(faulty), *self.examples, domain=self.domain)


def called(name, f):
    """f under another name, which its box will have."""
    f = positional(f)
    f.__name__ = name
    return f


def ruled(name, f, slope, factor=1.0):
    """An entrywise function with a rule, and a factor on that."""
    return by_tangents(called(name, f), lambda x, dx: factor * slope(x) * dx)


def sech2(x):
    return 1 - jnp.tanh(x) ** 2


def swing(k, factor=1.0):
    """The k-th of the entrywise functions in use, with a rule of its own."""
    shift, name = 0.1 * k, f"stage_{k:03d}"
    kinds = (
        (lambda x: jnp.sin(x + shift), lambda x: jnp.cos(x + shift)),
        (lambda x: jnp.tanh(x - shift), lambda x: sech2(x - shift)),
        (lambda x: x * jax.nn.sigmoid(x), lambda x: jax.nn.sigmoid(x) * (1 + x * (1 - jax.nn.sigmoid(x)))),
        (lambda x: jnp.log1p(x * x), lambda x: 2 * x / (1 + x * x)),
    )
    return ruled(name, *kinds[k % 4], factor)


def stages(count, wrong, factor=1.5):
    """So many functions, of which the wrong ones have a factor in their rule."""
    return lambda faulty: [swing(k, factor if faulty and k in wrong else 1.0) for k in range(count)]


def one_after_another(functions):
    """x -> x / 2 + f(x), again and again."""

    def run(x):
        for f in functions:
            x = 0.5 * x + f(x)
        return x

    return run


# -- chains -------------------------------------------------------------------------------------------


def named_boxes(faulty):
    """Forty boxes with names, the 17th with a wrong rule inside."""
    boxes = [
        from_jax(one_after_another([f]), R(4)).boxed(f"named_{k:03d}") for k, f in enumerate(stages(40, {17})(faulty))
    ]
    return Diagram.id(R(4)).then(*boxes)


def plain(count, wrong, factor=1.5):
    return lambda faulty: one_after_another(stages(count, wrong, factor)(faulty))


def cancelling(faulty):
    """One stage claims 5/4, the next 4/5 of its slope."""
    found = stages(24, set())(False)
    more, less = swing(9, 1.25 if faulty else 1.0), swing(10, 0.8 if faulty else 1.0)
    return one_after_another([*found[:9], lambda x: less(more(x)), *found[11:]])


def behind_relu(faulty):
    """A fault whose cotangent is always zero, for relu is dead after it."""
    inner = plain(20, {6})(faulty)
    return lambda x: jax.nn.relu(inner(x) - 100.0) + x


def behind_sigmoid(faulty):
    inner = plain(20, {11})(faulty)
    return lambda x: jax.nn.sigmoid(60.0 + inner(x)) * x


def fed_a_constant(faulty):
    """A fault on a wire that no derivative flows along, which is no fault of this program: constants do not move."""
    inner = plain(22, {4})(faulty)
    return lambda x: x * inner(jnp.full_like(x, 0.3))


def mixed_precision(faulty):
    functions = stages(24, {13}, 1.2)(faulty)
    low = lambda f: lambda x: f(x.astype("bfloat16")).astype(x.dtype)  # noqa: E731
    return one_after_another([low(f) if 12 <= k < 16 else f for k, f in enumerate(functions)])


def under_jit(faulty):
    """Stages each inside a jit of its own."""
    return one_after_another(
        [jax.jit(called(f"jit_{k:03d}", one_after_another([f]))) for k, f in enumerate(stages(26, {21})(faulty))]
    )


# -- graphs ----------------------------------------------------------------------------------------------


def side_by_side(faulty):
    functions = stages(64, {41})(faulty)
    return lambda x: sum((f(x[k]) for k, f in enumerate(functions)), jnp.zeros((), x.dtype))


def tangled(faulty):
    """Every stage reads two earlier values; two hundred boxes in all."""
    functions = stages(100, {73}, 1.1)(faulty)

    def run(x):
        values = [x, jnp.cos(x)]
        for k, f in enumerate(functions):
            values.append(f(values[-1] + values[(7 * k) % len(values)]))
        return values[-1]

    return run


def product_rule(faulty):
    """Products with a rule that in one place forgets the second factor."""

    def product(k):
        keep = 0.0 if faulty and k == 31 else 1.0
        rule = lambda x, y, c: (c * y, keep * c * x)  # noqa: E731
        return by_cotangents(called(f"product_{k:03d}", lambda x, y: x * y), rule)

    products = [product(k) for k in range(36)]

    def run(x, y):
        for f in products:
            x, y = y, jnp.sin(f(x, y)) + 0.1 * x
        return x

    return run


# -- loops -------------------------------------------------------------------------------------------------


def in_a_scan(faulty):
    step = plain(20, {8})(faulty)
    return lambda x: lax.scan(lambda h, _: (0.5 * step(h) + x, h), x, None, length=6)


def in_a_repeated_block(faulty):
    block = from_jax(plain(20, {14})(faulty), R(3))
    return repeat(block, 5).arrow


def in_a_branch(faulty):
    one, other = stages(30, {22})(faulty), stages(30, set())(False)
    ends = one_after_another(one[:10]), one_after_another(one[10:]), one_after_another(other[1:20])
    return lambda x: lax.cond(jnp.sum(x) > 0, ends[1], ends[2], ends[0](x))


# -- models --------------------------------------------------------------------------------------------------


def residual_network(faulty):
    """Ten residual blocks of layers, with an activation of its own each."""
    width, layers = 4, []
    for k in range(10):
        act = from_jax(swing(k, 1.3 if faulty and k == 6 else 1.0), R(width)).boxed(f"act_{k:03d}")
        layers.append(nn.residual(nn.dense(width, width) >> act >> nn.layer_norm(width)))
    return nn.sequential(*layers).arrow


def softmaxes(faulty):
    """Six blocks of attention; the softmax of the fourth forgets the mean."""

    def softmax(k):
        mean = 0.0 if faulty and k == 3 else 1.0
        share = lambda x: jax.nn.softmax(x)  # noqa: E731
        rule = lambda x, dx: share(x) * (dx - mean * jnp.sum(share(x) * dx, -1, keepdims=True))  # noqa: E731
        return by_tangents(called(f"softmax_{k:03d}", share), rule)

    found = [softmax(k) for k in range(6)]

    def run(x, w):
        for f in found:
            y = x @ w
            x = x + f(y @ x.T / 2.0) @ jnp.tanh(y)
        return x

    return run


def weights(faulty):
    """Dense layers with a rule; one has the cotangent of its square weight transposed."""

    def layer(k):
        turn = jnp.transpose if faulty and k == 5 else lambda a: a
        rule = lambda x, w, c: (c @ w.T, turn(jnp.outer(x, c)))  # noqa: E731
        return by_cotangents(called(f"dense_{k:03d}", lambda x, w: x @ w), rule)

    found = [layer(k) for k in range(12)]

    def run(x, ws):
        for k, f in enumerate(found):
            x = jnp.tanh(f(x, ws[k]))
        return x

    return run


def _weights_of(arrow, count):
    """Arrays for all wires of a diagram after the first ones, small and the same at every call."""
    return tuple(
        array(*w.shape, seed=k, lo=-0.5, hi=0.5, dtype=w.dtype) for k, w in enumerate(arrow.dom.inside[count:])
    )


def _network():
    arrow = residual_network(False)
    return (array(4, dtype="float32"), *_weights_of(arrow, 1))


def pipelines() -> tuple[Pipeline, ...]:
    """All of them."""
    x, d, v = array(4, dtype="float32"), array(4), ((-1.0, 1.0),)
    matrix, ws, network = array(4, 4), array(12, 3, 3), _network()
    stage = lambda k: (f"stage_{k:03d}",)  # noqa: E731
    return (
        Pipeline("forty named boxes", named_boxes, (x,), stage(17), v, 40),
        Pipeline("thirty rules", plain(30, {23}), (d,), stage(23), v, 30, True),
        Pipeline("thirty rules, one in a million off", plain(30, {12}, 1 + 1e-6), (d,), stage(12), v, 30, True),
        Pipeline("thirty rules, one of another sign", plain(30, {1}, -1.0), (x,), stage(1), v, 30),
        Pipeline("two faults that cancel", cancelling, (d,), stage(9) + stage(10), v, 24, True),
        Pipeline("behind a dead relu", behind_relu, (x,), stage(6), v, 20),
        Pipeline("behind a saturated sigmoid", behind_sigmoid, (d,), stage(11), v, 20, True),
        Pipeline("fed a constant", fed_a_constant, (d,), (), v, 22, True),
        Pipeline("mixed precision", mixed_precision, (x,), stage(13), v, 24),
        Pipeline("each under jit", under_jit, (d,), stage(21), v, 26, True),
        Pipeline("sixty-four side by side", side_by_side, (array(64),), stage(41), v, 128, True),
        Pipeline("two hundred boxes, tangled", tangled, (f32(0.4),), stage(73), v, 200),
        Pipeline("products", product_rule, (d, d[::-1].copy()), ("product_031",), v * 2, 72, True),
        Pipeline("in a scan", in_a_scan, (x,), stage(8), v, 20),
        Pipeline("in a repeated block", in_a_repeated_block, (x[:3],), stage(14), v, 20),
        Pipeline("in a branch", in_a_branch, (d + 1,), stage(22), (WIDE,), 40, True),
        Pipeline("a residual network", residual_network, network, stage(6), v * len(network), 40),
        Pipeline("six blocks of attention", softmaxes, (matrix, matrix.T.copy()), ("softmax_003",), v * 2, 30, True),
        Pipeline("twelve dense layers", weights, (d[:3], ws), ("dense_005",), v * 2, 24, True),
    )


def names(d: Diagram) -> list[str]:
    """The names of all boxes of a diagram, those inside others too."""
    found, todo = [], [d]
    while todo:
        for box in todo.pop().boxes:
            found.append(box.name)
            todo.extend(box.bodies.values())
    return found


def as_diagram(built: Any, examples: Point) -> Diagram:
    """What a pipeline is, as a diagram."""
    return built if isinstance(built, Diagram) else from_jax(built, *map(np.asarray, examples))
