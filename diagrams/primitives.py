"""What each primitive is, said once: the traits that functors ask for.

A trait holds whatever the parameters and shapes of a box are:

    pointwise    every entry of the result is made of the entries at its place; operands may be scalars
    moving       every entry of a result is one of an operand, at a place that the parameters say
    picking      and these are moved or left out at places that are computed
    converting   the same numbers in another format
    marking      says more than its value: a name, a barrier, a place
    linear       in some inputs together, the others being parameters; bilinear: in each of the first two
    commutative  f(x, y) = f(y, x)
    increasing, decreasing     in its one input, wherever it is defined
    analytic     wherever it has a finite value
    kinked       linear in pieces that meet: the slopes on the two sides differ
    jumping      constant in pieces, wholly or in part, which do not meet
    cut          has a branch cut along the negative reals, of complex numbers
    exact        rounds nothing
    constant     locally constant: no tangent passes
    sourcing     has no input that its result depends on
    random       draws
    calling      runs its body, once and in its place
    ruled        carries a derivative rule of its own
    looping      runs its bodies otherwise: as often as it says, or one of them

Facts about derivatives, such as the transpose of a linear map, stand in the table of the functors that read them.

>>> traits("exp").pointwise, traits("exp").increasing, traits("reshape").moving, traits("max").kinked
(True, True, True, True)
>>> "transpose" in having("moving"), classified("my_own_primitive")
(True, False)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

from ..categories.errors import InputError

__all__ = ["Traits", "classified", "having", "inputs_linear_in", "learned", "traits"]


@dataclass(frozen=True)
class Traits:
    """The traits of a primitive; one that is not known has none."""

    pointwise: bool = False
    moving: bool = False
    picking: bool = False
    converting: bool = False
    marking: bool = False
    linear: bool = False
    bilinear: bool = False
    commutative: bool = False
    increasing: bool = False
    decreasing: bool = False
    analytic: bool = False
    kinked: bool = False
    jumping: bool = False
    cut: bool = False
    exact: bool = False
    constant: bool = False
    sourcing: bool = False
    random: bool = False
    calling: bool = False
    ruled: bool = False
    looping: bool = False


ONE_REAL = (
    "acos acosh asin asinh atan atanh bessel_i0e bessel_i1e cbrt cos cosh digamma erf erf_inv erfc exp exp2 expm1 "
    "integer_pow lgamma log log1p log2 logistic one_minus_square rsqrt sin sinh sqrt square tan tanh"
)
SEVERAL_REAL = "atan2 div igamma igamma_grad_a igammac mul polygamma polynomial pow regularized_incomplete_beta zeta"
SIGNS = "abs ceil clamp conj complex copy floor imag max min neg nextafter real rem round select_n sign"
SUMS = "add add_any sub"
COMPARISONS = "eq eq_to ge gt is_finite le le_to lt lt_to ne"
WORDS = "and clz mulhi not or population_count shift_left shift_right_arithmetic shift_right_logical xor"
FORMATS = "convert_element_type reduce_precision"
PLACES = (
    "broadcast_in_dim concatenate copy copy_p device_put expand_dims name optimization_barrier pad "
    "reshape rev sharding_constraint slice split squeeze stack stop_gradient tile transpose unstack"
)
PICKS = "dynamic_slice dynamic_update_slice gather get scatter"
ORDERS = "approx_top_k argmax argmin cummax cummin reduce_max reduce_min sort top_k"
WINDOWS = "reduce_window_max reduce_window_min"
KEYS = (
    "random_bits random_clone random_fold_in random_seed random_split random_unwrap random_wrap rng_bit_generator "
    "threefry2x32"
)
DRAWS = "random_gamma rng_uniform"
FOLDED = "reduce_and reduce_or reduce_xor"
NOWHERE = "axis_index constant empty empty2 iota platform_index"

TRAITS: dict[str, str] = {
    "pointwise": f"{ONE_REAL} {SEVERAL_REAL} {SIGNS} {SUMS} {COMPARISONS} {WORDS} {FORMATS} stop_gradient",
    "moving": PLACES,
    "picking": PICKS,
    "converting": FORMATS,
    "marking": "device_put name optimization_barrier sharding_constraint",
    "bilinear": "conv_general_dilated dot_general mul ragged_dot_general",
    "commutative": "add add_any and eq eq_to max min mul ne or xor",
    "increasing": (
        "acosh asin asinh atan atanh cbrt ceil erf erf_inv exp exp2 expm1 floor log log1p log2 logistic round sign "
        "sinh sqrt tanh"
    ),
    "decreasing": "acos erfc neg rsqrt",
    "analytic": (
        "add add_any asinh atan conv_general_dilated cos cosh cumprod cumsum digamma div dot_general erf erfc exp exp2 "
        "expm1 integer_pow lgamma log log1p log2 logistic mul neg one_minus_square polygamma polynomial "
        "ragged_dot_general reduce_prod rsqrt sin sinh square sub tan tanh zeta"
    ),
    "kinked": f"abs clamp max min {ORDERS} {WINDOWS} select_and_gather_add",
    "jumping": "ceil floor rem round sign",
    "cut": "log log1p pow rsqrt sqrt",
    "exact": f"{SIGNS} {PLACES} {PICKS} {ORDERS} {WINDOWS} {COMPARISONS} {WORDS} {FOLDED} {NOWHERE} {KEYS}",
    "constant": (
        "argmax argmin bitcast_convert_type ceil floor round stop_gradient "
        f"{COMPARISONS} {WORDS} {FOLDED} {NOWHERE} {KEYS}"
    ),
    "sourcing": NOWHERE,
    "random": f"{KEYS} {DRAWS}",
    "calling": "call checkpoint closed_call core_call eval_jaxpr jit pjit remat remat2",
    "ruled": "custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr",
    "looping": "cond scan while",
}

# The inputs that a primitive is linear in together; None are all that have tangents.
LINEAR: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        (
            f"{SUMS} complex concatenate conj convert_element_type copy cumsum device_put fft imag name neg "
            "optimization_barrier pad real reduce_precision reduce_sum reduce_window_sum select_n slice split stack "
            "unstack"
        ).split()
    ),
    **dict.fromkeys(
        (
            "broadcast_in_dim dynamic_slice reshape rev select_and_gather_add select_and_scatter_add "
            "sharding_constraint squeeze tile transpose"
        ).split(),
        (0,),
    ),
    "dynamic_update_slice": (0, 1),
    "scatter-add": (0, 2),
    "scatter-sub": (0, 2),
}

# What has none of these traits: products and solutions, what is reduced, talks to other devices or runs bodies that
# only its own rules understand.
PLAIN = (
    "after_all all_gather all_to_all cholesky create_token cumlogsumexp custom_lin custom_linear_solve eig eigh geqp3 "
    "geqrf hessenberg householder_product linear_call lu lu_pivots_to_permutation ormqr pmax pmin ppermute psum "
    "qr ragged_all_to_all reduce reduce_window scatter-max scatter-min scatter-mul schur select_and_scatter svd "
    "swap symmetric_product triangular_solve tridiagonal tridiagonal_solve"
)


@lru_cache(maxsize=1)
def _table() -> dict[str, Traits]:
    """The traits of each primitive by its name."""
    found: dict[str, dict[str, bool]] = {name: {} for name in PLAIN.split()}
    for trait, names in {**TRAITS, "linear": " ".join(LINEAR)}.items():
        for name in names.split():
            found.setdefault(name, {})[trait] = True
    return {name: Traits(**known) for name, known in found.items()}


def traits(op: str) -> Traits:
    """The traits of a primitive by its name; none of them for one that is not known."""
    return _table().get(op) or _learned.get(op, NONE)


@lru_cache(maxsize=64)
def having(trait: str) -> frozenset[str]:
    """The primitives that have a trait, by name; raises `ValueError` for one that is no trait."""
    if trait not in NAMES:
        raise ValueError(f"{trait!r} is no trait: they are {', '.join(NAMES)}")
    return frozenset(name for name, known in {**_learned, **_table()}.items() if getattr(known, trait))


def learned(op: str, known: Traits) -> None:
    """Say the traits of a primitive that is not JAX's own; raises `InputError` for one that is."""
    if op in _table():
        raise InputError(f"{op!r} is one of JAX's own primitives, of which everything is said already")
    _learned[op] = known
    having.cache_clear()


def inputs_linear_in(op: str) -> tuple[int, ...] | None:
    """The inputs that a primitive with the trait `linear` is linear in; None for all that have tangents."""
    return LINEAR.get(op)


def classified(op: str) -> bool:
    """Whether a primitive is known here."""
    return op in _table() or op in _learned


NONE = Traits()
_learned: dict[str, Traits] = {}
NAMES = tuple(f.name for f in fields(Traits))
