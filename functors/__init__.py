"""Maps out of diagrams: from diagram to diagram, and from diagram to meaning."""

from . import rewriting
from .batching import batch, batched
from .cheapness import GradientCost, gradient_cost
from .costs import Cost, cost
from .coverages import Coverage, coverage
from .derivative_rules.registering import register
from .derivatives.derivative import Differential, dual, forward, lens, reverse
from .gluing import glued, taylor
from .learning import Learner, State, adversarial, dreaming
from .rewriting import simplify
from .summaries import Summary, summary

__all__ = [
    "Cost",
    "Coverage",
    "Differential",
    "GradientCost",
    "Learner",
    "State",
    "Summary",
    "adversarial",
    "batch",
    "batched",
    "cost",
    "coverage",
    "dreaming",
    "dual",
    "forward",
    "glued",
    "gradient_cost",
    "lens",
    "register",
    "reverse",
    "rewriting",
    "simplify",
    "summary",
    "taylor",
]
