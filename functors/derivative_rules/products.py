"""Products: generators that are linear in each of two operands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jax import lax

from ...categories.errors import DerivativeError
from ...diagrams.box import Box
from .facts import Bilinear, Fact, summed

__all__ = ["PRODUCTS"]


def _times(box: Box, dy: Any, other: Any, place: int) -> Any:
    """The cotangent times the other factor, summed where the operand was widened."""
    w = box.dom.inside[place]
    made = dy * lax.convert_element_type(other, dy.dtype)
    return lax.convert_element_type(summed(made, w.shape), w.dtype)


def _ranges(*sizes: int) -> list[list[int]]:
    """Consecutive ranges of numbers of these sizes."""
    found, at = [], 0
    for n in sizes:
        found.append(list(range(at, at + n)))
        at += n
    return found


def _placed(value: Any, axes: Sequence[int]) -> Any:
    """The value with its axes moved: `axes` says for each of them which one it shall be."""
    return lax.transpose(value, [axes.index(i) for i in range(len(axes))])


def _free(ndim: int, *taken: Sequence[int]) -> list[int]:
    """The axes that are not taken."""
    return [i for i in range(ndim) if not any(i in axes for axes in taken)]


def _dot_back(box: Box, dy: Any, other: Any, place: int) -> Any:
    """The cotangent of an operand: dy contracted with the other one over the free axes of the other.

    dy has the batch axes first, then the free ones of the left operand, then those of the right one.
    """
    contract, batch = box.params["dimension_numbers"]
    mine, its = box.dom.inside[place], box.dom.inside[1 - place]
    free = _free(len(mine.shape), contract[place], batch[place])
    free_its = _free(len(its.shape), contract[1 - place], batch[1 - place])
    first, second = (free, free_its) if place == 0 else (free_its, free)
    at_batch, at_first, at_second = _ranges(len(batch[0]), len(first), len(second))
    numbers = ((at_second if place == 0 else at_first, free_its), (at_batch, list(batch[1 - place])))
    p = box.params
    made = lax.dot_general(
        dy, other, numbers, precision=p["precision"], preferred_element_type=p["preferred_element_type"]
    )
    contracted = [a for _, a in sorted(zip(contract[1 - place], contract[place], strict=True))]
    return lax.convert_element_type(_placed(made, [*batch[place], *free, *contracted]), mine.dtype)


class _Ragged:
    """A ragged product: one axis of the left operand falls into groups, whose sizes are the third input.

    Where it is a free axis, the right operand has an entry for each group on its group axis: out = b f h. Where it is
    contracted, the result has one: out = g b f h. Each of the two is made of the other by transposing.
    """

    def __init__(self, box: Box) -> None:
        self.box, numbers = box, box.params["ragged_dot_dimension_numbers"]
        self.contract, self.batch = numbers.dot_dimension_numbers
        (self.ragged,), self.group = numbers.lhs_ragged_dimensions, list(numbers.rhs_group_dimensions)
        if self.ragged in self.batch[0]:
            raise DerivativeError("a ragged product whose batches are ragged has no derivative in JAX")
        left, right = (len(w.shape) for w in box.dom.inside[:2])
        self.free = (
            _free(left, self.contract[0], self.batch[0]),
            _free(right, self.contract[1], self.batch[1], self.group),
        )
        self.split = self.ragged in self.contract[0]  # whether the groups are kept apart in the result
        _, self.at_batch, *self.at_free = _ranges(int(self.split), *map(len, (self.batch[0], *self.free)))

    def sorted_like(self, place: int) -> list[int]:
        """The contracted axes of an operand in the order in which they stand in the other one."""
        return [a for _, a in sorted(zip(self.contract[1 - place], self.contract[place], strict=True))]

    def back(self, dy: Any, other: Any, sizes: Any, place: int) -> Any:
        """The cotangent of an operand, from that of the result and the other operand."""
        w, its = self.box.dom.inside[place], 1 - place
        ends = [*self.batch[place], *self.free[place], *self.sorted_like(place)]
        if self.split:  # the other operand is ragged, and dy has the groups
            ragged = self.ragged if its == 0 else self.contract[1][self.contract[0].index(self.ragged)]
            contract = (self.free[its], self.at_free[its])
            made = self.dot(other, dy, sizes, contract, (self.batch[its], self.at_batch), ragged, [0])
            ends = [*self.batch[place], *self.sorted_like(place), *self.free[place]]
        elif place == 0:
            contract, ragged = (self.at_free[1], self.free[1]), self.at_free[0][self.free[0].index(self.ragged)]
            made = self.dot(dy, other, sizes, contract, (self.at_batch, self.batch[1]), ragged, self.group)
        else:
            contract = (self.free[0], self.at_free[0])
            made = self.dot(other, dy, sizes, contract, (self.batch[0], self.at_batch), self.ragged, [])
            ends = [*self.group, *self.batch[1], *self.sorted_like(1), *self.free[1]]
        return lax.convert_element_type(_placed(made, ends), w.dtype)

    def dot(self, left: Any, right: Any, sizes: Any, contract: Any, batch: Any, ragged: int, group: list[int]) -> Any:
        p = self.box.params
        numbers = lax.RaggedDotDimensionNumbers((contract, batch), [ragged], group)
        return lax.ragged_dot_general(
            left, right, sizes, numbers, precision=p["precision"], preferred_element_type=p["preferred_element_type"]
        )


PRODUCTS: dict[str, Fact] = {
    "mul": Bilinear(lambda box, dy, y: _times(box, dy, y, 0), lambda box, dy, x: _times(box, dy, x, 1)),
    "dot_general": Bilinear(lambda box, dy, y: _dot_back(box, dy, y, 0), lambda box, dy, x: _dot_back(box, dy, x, 1)),
    "ragged_dot_general": Bilinear(
        lambda box, dy, y, sizes: _Ragged(box).back(dy, y, sizes, 0),
        lambda box, dy, x, sizes: _Ragged(box).back(dy, x, sizes, 1),
    ),
}
