"""Wrong derivatives that people reported in public, each as the smallest function of our own with the same fault.

Of each report only the kind of fault is taken: what was claimed of which function, and where.
"""

from __future__ import annotations

import numpy as np

from . import faults, faults_at_points
from .records import Report, f64

REAL, UNIT = (-3.0, 3.0), (0.1, 0.9)


def near_identity(rng):
    return (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)),)


def twice(*domain, special=()):
    return {"domain": list(domain), "special": special, "order": 2}


JAX, TORCH, STAN = "jax-ml/jax", "pytorch/pytorch", "stan-dev/math"

REPORTS: tuple[Report, ...] = (
    Report(
        "squared difference",
        "SciSharp/TensorFlow.NET#787",
        "the inputs for their cotangents",
        **faults.squared_difference(),
    ),
    Report(
        "cube",
        "SciSharp/TensorFlow.NET#303",
        "one of three uses of an input",
        **faults.cube(),
        facts={"domain": [REAL]},
    ),
    Report("length", "EnzymeAD/Enzyme#2419", "a root too many", **faults.length(), facts={"domain": [(0.5, 2.0)]}),
    Report(
        "truncated exponential",
        "pymc-devs/pymc#4417",
        "the normalizer's share lost",
        **faults.truncated_exponential(),
        facts={"domain": [(0.2, 2.0), (1.0, 20.0)]},
    ),
    Report("alignment loss", f"{TORCH}#52241", "right for normalized inputs alone", **faults.alignment_loss()),
    Report(
        "first passage",
        f"{STAN}#3322",
        "a sign lost in one of two series",
        **faults.first_passage(),
        facts={"domain": [(0.1, 1.5), (0.2, 0.8)]},
    ),
    Report("end time", "patrick-kidger/diffrax#244", "no cotangent of the end of an interval", **faults.end_time()),
    Report(
        "times of an adjoint",
        "dynamiqs/dynamiqs#51",
        "times in the other order",
        **faults.adjoint_time(),
        facts={"domain": [REAL]},
    ),
    Report(
        "inverse by halving",
        "google/jaxopt#141",
        "parameters of an implicit function dropped",
        **faults.inverse(),
        facts={"domain": [UNIT, (0.5, 2.0), (0.5, 2.0)], "noise": 1e-15},
    ),
    Report(
        "nested differentiation",
        "EnzymeAD/Enzyme.jl#3346",
        "two perturbations taken for one",
        **faults.confused_perturbations(),
    ),
    Report(
        "product at zero",
        "EnzymeAD/Enzyme.jl#445",
        "no way back where the input is zero",
        **faults.zero_without_a_way_back(),
        facts={"domain": [(-1.0, 1.0)], "special": [(np.zeros(3),)]},
    ),
    Report(
        "wider cotangent",
        f"{JAX}#27144",
        "a cotangent of another type, in a loop",
        **faults.wider_cotangent(),
    ),
    Report("batched apart", "pytorch/functorch#922", "no way back under vmap", **faults.batched_apart()),
    Report(
        "batched by a rule",
        "pytorch/functorch#922",
        "no tangent under vmap",
        **faults.batched_by_a_rule(),
        facts={"modes": ("forward",)},
    ),
    Report(
        "log sigmoid",
        f"{JAX}#2140",
        "0 at 0 by two kinks",
        **faults_at_points.log_sigmoid(),
        facts={"domain": [REAL], "special": [(0.0,)]},
    ),
    Report(
        "log of a sum",
        f"{STAN}#1679",
        "all digits lost where arguments are huge",
        **faults_at_points.log_sum(),
        facts={"domain": [(-5.0, 5.0), (-5.0, 5.0)], "special": [(1e50, 1e50)]},
        expected="imprecise",
    ),
    Report(
        "product that stops",
        "JuliaDiff/ForwardDiff.jl#480",
        "a branch on equality with zero",
        **faults_at_points.early_exit(),
        facts={"domain": [REAL], "special": [(f64([2.0, 0.0, 3.0]),)]},
    ),
    Report(
        "length of nothing",
        f"{JAX}#26248",
        "nan for a constant function",
        **faults_at_points.length_of_nothing(),
        facts={"domain": [(0.5, 2.0)]},
    ),
    Report(
        "certain failure",
        "pyro-ppl/pyro#436",
        "nan by way of minus infinity",
        **faults_at_points.certain(),
        facts={"domain": [REAL]},
    ),
    Report(
        "equal singular values",
        f"{JAX}#8732",
        "nan where singular values meet",
        **faults_at_points.equal_singular_values(),
    ),
    Report(
        "kept by hand",
        f"{TORCH}#76185",
        "second order: a value kept as a constant",
        **faults_at_points.saved_by_hand(),
        facts=twice((0.5, 2.0)),
    ),
    Report(
        "product of zeros",
        f"{TORCH}#106789",
        "second order: zero where two factors are",
        **faults_at_points.product_of_zeros(),
        facts=twice(REAL, special=[(f64([2.0, 3.0, 0.0, 0.0]),)]),
    ),
    Report(
        "determinant",
        f"{TORCH}#192521",
        "second order: nan where singular values meet",
        **faults_at_points.determinant(),
        facts={"domain": near_identity, "special": [(np.eye(3),)], "order": 2},
    ),
    Report(
        "sine over its argument",
        f"{JAX}#5054",
        "second order: a slope at a point that is a number",
        **faults_at_points.sine_over_argument(),
        facts=twice(REAL, special=[(0.0,)]),
    ),
    Report(
        "a Bessel function",
        f"{JAX}#40627",
        "second order: zero at zero, in the library installed",
        **faults_at_points.bessel(),
        facts=twice((-1.0, 1.0), special=[(0.0,)]),
        expected="reported",
    ),
    Report(
        "a beta function",
        f"{JAX}#34353",
        "second order: ties of minimum and maximum, in the library installed",
        **faults_at_points.beta(),
        facts=twice((0.5, 2.0), (0.5, 2.0), special=[(1.0, 1.0)]),
        expected="reported",
        missed="at the tie the claim is the slope of one side in most directions that are drawn: a kink, and no more",
    ),
)
