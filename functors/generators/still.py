"""Generators through which no tangent passes: steps, comparisons, sources, and what works on integers."""

from __future__ import annotations

from .facts import Fact, Silent

__all__ = ["RANDOM", "STILL"]

STEPS = "ceil floor round is_finite stop_gradient"
COMPARISONS = "eq eq_to ne ge gt le le_to lt lt_to argmax argmin"
BITS = (
    "and not or xor shift_left shift_right_arithmetic shift_right_logical population_count clz mulhi "
    "bitcast_convert_type reduce_and reduce_or reduce_xor"
)
SOURCES = "constant iota empty empty2 axis_index platform_index"
RANDOM = (
    "random_bits random_fold_in random_seed random_split random_wrap random_unwrap random_clone threefry2x32 "
    "rng_bit_generator"
)

STILL: dict[str, Fact] = {name: Silent() for name in " ".join((STEPS, COMPARISONS, BITS, SOURCES, RANDOM)).split()}
