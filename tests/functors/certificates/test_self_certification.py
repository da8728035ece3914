"""Every written rule of the project, every layer, loss and optimizer passes the project's own check.

Rules are checked at the small cases, which cover the whole table of facts; layers, losses and optimizers as the
diagrams that they are. Nothing may be wrong, and what is not decided is listed with the reason.
"""

import numpy as np
import pytest
from mutations import MORE, Subject, certified
from small_cases import CASES

from paralens import Param, R, nn
from paralens.diagrams import losses
from paralens.diagrams import optimizers as o
from paralens.functors.gradient_chart import ACTIVATIONS, LAYERS, LOSSES

UNDECIDED: dict[str, str] = {}  # what cannot be decided, and why
# Derivatives of a distribution at fixed randomness, which those of the sampler are not: it rejects and tries again.
SURROGATES = {"random_gamma"}
SOME = {
    *("sin", "logistic", "mul", "div", "max", "integer_pow 3", "gather", "dot_general", "reduce_max", "abs"),
    *("relu", "hard_tanh", "max_pool", "squared_error", "sgd"),
}


def each(names):
    return pytest.mark.parametrize(
        "name", [pytest.param(n, marks=[] if n in SOME else pytest.mark.long) for n in names]
    )


def right(certificate, name):
    """Nothing is wrong, and all boxes are decided."""
    assert certificate.ok, str(certificate)
    if name not in UNDECIDED:
        assert certificate.verdict != "undecided", str(certificate)


RULES = {case.name: case for case in [*CASES, *MORE] if case.name not in SURROGATES}


@each(RULES)
def test_every_written_rule_passes_its_own_check(name):
    right(Subject(RULES[name]).certificate(), name)


ROW, IMAGE = R(3, 4), R(4, 4, 2)
SMALL = {
    **{name: lambda name=name: getattr(nn, name)(R(4)) for name in ACTIVATIONS},
    **{name: lambda name=name: getattr(losses, name)(R(4)) for name in LOSSES},
    "itself": losses.itself,
    "dense": lambda: nn.dense(ROW, 3),
    "bias": lambda: nn.bias(ROW),
    "embedding": lambda: nn.embedding(4, 5, 3),
    "position_embedding": lambda: nn.position_embedding(ROW),
    "conv1d": lambda: nn.conv1d(ROW, 3, 2),
    "conv2d": lambda: nn.conv2d(IMAGE, 3, 2),
    "max_pool": lambda: nn.max_pool(IMAGE, 2),
    "avg_pool": lambda: nn.avg_pool(IMAGE, 2),
    "global_avg_pool": lambda: nn.global_avg_pool(IMAGE),
    "layer_norm": lambda: nn.layer_norm(ROW),
    "rms_norm": lambda: nn.rms_norm(ROW),
    "group_norm": lambda: nn.group_norm(IMAGE, 2),
    "dropout": lambda: nn.dropout(ROW, 0.5),
    "flatten": lambda: nn.flatten(IMAGE),
    "reshape": lambda: nn.reshape(IMAGE, 2, -1),
    "residual": lambda: nn.residual(nn.dense(ROW, 4)),
    "sequential": lambda: nn.sequential(nn.dense(ROW, 5), nn.relu, nn.dense(R(3, 5), 2)),
    "multi_head_attention": lambda: nn.multi_head_attention(ROW, 2, causal=True),
    "transformer_block": lambda: nn.transformer_block(ROW, 2, causal=True),
}
# labels of a cross entropy are probabilities
PROBABILITIES = ("softmax_cross_entropy", "binary_cross_entropy")


def test_the_list_of_layers_and_losses_is_complete():
    assert set(SMALL) == set(LAYERS)


@each(SMALL)
def test_every_layer_and_every_loss_passes_its_own_check(name):
    domain = [(-3.0, 3.0), (0.1, 0.9)] if name in PROBABILITIES else None
    right(certified(SMALL[name](), domain=domain), name)


OPTIMIZERS = {
    "sgd": o.sgd(0.1),
    "gradient": o.gradient(),
    "frozen": o.frozen(),
    "momentum": o.momentum(0.03),
    "nesterov": o.nesterov(0.03),
    "adagrad": o.adagrad(0.1),
    "rmsprop": o.rmsprop(0.01),
    "adam": o.adam(0.02),
    "adamw": o.adamw(0.02, weight_decay=0.1),
    "lion": o.lion(0.003),
    "clip": o.clip(0.5) >> o.sgd(0.1),
    "clip_by_global_norm": o.clip_by_global_norm(0.3) >> o.adam(0.02),
    "add_weight_decay": o.add_weight_decay(0.1) >> o.sgd(0.1),
    "ascending": o.ascending(o.adam(0.02)),
    "a rate that is a schedule": o.sgd(o.schedules.warmup_cosine(0.0, 0.05, 5, 40)),
    "by_path": o.by_path({"": o.adam(0.02), "b": o.momentum(0.1)}),
}
WEIGHTS = [(("w",), Param(R(3))), (("b",), Param(R(2)))]


def of_wires(ty, positive, count):
    """Arrays of some wires: steps taken so far, and numbers, which are positive where they are sums of squares."""

    def supply(rng):
        made = []
        for i, w in enumerate(ty.inside):
            values = rng.uniform(0.1, 1.0, w.shape) if i < positive else rng.uniform(-1.0, 1.0, w.shape)
            made.append(np.full(w.shape, count, w.dtype) if w.kind == "Z" else values.astype(w.dtype))
        return tuple(made)

    return supply


@each(OPTIMIZERS)
@pytest.mark.parametrize("way", ["get", "put"])
def test_the_maps_of_every_optimizer_pass_their_own_check(name, way):
    cell = OPTIMIZERS[name].cell(WEIGHTS)
    d = getattr(cell.lens, way)
    supply = of_wires(d.dom, len(cell.state), 3)
    right(certified(d, *supply(np.random.default_rng(0)), domain=supply), name)
