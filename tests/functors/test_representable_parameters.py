"""Exhaustively: where gradients over small sets of parameters are wrong or missing, against the bounds."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

from paralens import R, from_jax, nn, reverse, to_jax
from paralens.functors.representable import machine_parameters, recognize, watch

# -- the truth: one-sided directional derivatives of piecewise linear functions, exact for small dyadic numbers ------
# A pair (v, d) is a value and its derivative in one direction. Locally Lipschitz functions that have all of these are
# differentiable if and only if they are linear in the direction.

KINKS = {
    "relu": [(0.0, 0.0, 1.0)],
    "relu6": [(0.0, 0.0, 1.0), (6.0, 1.0, 0.0)],
    "hard_tanh": [(-1.0, 0.0, 1.0), (1.0, 1.0, 0.0)],
    "leaky_relu": [(0.0, 0.25, 1.0)],
}
VALUES = {
    "relu": lambda v: np.maximum(v, 0.0),
    "relu6": lambda v: np.clip(v, 0.0, 6.0),
    "hard_tanh": lambda v: np.clip(v, -1.0, 1.0),
    "leaky_relu": lambda v: np.where(v >= 0.0, v, 0.25 * v),
}
OPTIONS = {"leaky_relu": {"negative_slope": 0.25}}


class Pair:
    """Value and one-sided directional derivative, entry by entry over all parameters."""

    def __init__(self, v, d):
        self.v, self.d = np.float64(v), np.float64(d)

    def __add__(self, other):
        other = other if isinstance(other, Pair) else Pair(other, 0.0)
        return Pair(self.v + other.v, self.d + other.d)

    def __mul__(self, other):
        other = other if isinstance(other, Pair) else Pair(other, 0.0)
        return Pair(self.v * other.v, self.d * other.v + self.v * other.d)

    __radd__, __rmul__ = __add__, __mul__


def through(name):
    """The activation on pairs: at a kink the slope of the side to which the direction goes."""

    def run(y):
        slope = np.full_like(y.v, KINKS[name][0][1])
        for at, left, right in KINKS[name]:
            slope = np.where(y.v > at, right, slope)
            slope = np.where(y.v == at, np.where(y.d > 0, right, left), slope)
        return Pair(VALUES[name](y.v), slope * y.d)

    return run


def along(f, w, direction):
    """The one-sided derivative of f in a direction at all rows of w."""
    zero = np.zeros(len(w))
    made = f([Pair(w[:, i], zero + direction[i]) for i in range(w.shape[1])])
    return np.broadcast_to(made.d, zero.shape)


def truth(f, w):
    """Whether f is differentiable at each row of w, and its gradient there."""
    n = w.shape[1]
    gradient = np.stack([along(f, w, e) for e in np.eye(n)], axis=1)
    smooth = np.ones(len(w), bool)
    for direction in [*-np.eye(n), *np.random.default_rng(0).integers(-9, 10, (25 * n, n))]:
        smooth &= along(f, w, direction) == gradient @ direction
    return smooth, gradient


def every(values, n):
    """All parameters whose entries are among the values, one a row."""
    return np.array(list(itertools.product(values, repeat=n)), np.float32)


def pieces_of(model, w):
    """The rows cut into the arrays of the model."""
    wires = model.weight.inside
    parts = np.split(w, np.cumsum([p.size for p in wires])[:-1], axis=1)
    return [jnp.asarray(p.reshape(-1, *q.shape)) for p, q in zip(parts, wires, strict=True)]


def measured(model, f, values, *data):
    """The number of parameters, of non-differentiable and of incorrect ones, and whether the criterion is right."""
    w = every(values, model.size)
    smooth, gradient = truth(f, w)
    data = [jnp.asarray(x, q.dtype) for x, q in zip(data, model.dom.inside, strict=True)]
    back = to_jax(reverse(model.arrow, wrt=range(len(data), model.arrow.n_in)))
    one = jnp.ones(model.cod.inside[0].shape)

    @jax.jit
    @jax.vmap
    def run(*params):
        made = back(*data, *params, one)
        made = made if isinstance(made, tuple) else (made,)
        seen = watch(network)(data, params)
        kinks = [jnp.asarray([k.at for k in g.kinks]) for g in network.groups if g.kinks]
        hits = [(jnp.isin(y, k) & (a != 0)).any() for (y, a), k in zip(seen, kinks, strict=True)]
        return jnp.concatenate([jnp.ravel(m) for m in made]), jnp.stack(hits).any()

    network = recognize(model)
    found, counts = map(np.asarray, run(*pieces_of(model, w)))
    wrong = smooth & (found != gradient).any(axis=1)
    return len(w), (~smooth).sum(), wrong.sum(), (counts == ~smooth).all()


def activation(name, n):
    return getattr(nn, name)(n, **OPTIONS.get(name, {}))


def symmetric(n):
    """n numbers, from -(n - 1) / 2 on."""
    return np.arange(n) - n // 2


def chain(name, bias, x=2.0):
    """act(w2 act(w1 x + b1) + b2), with or without the biases."""
    model = nn.dense(1, 1, bias=bias) >> activation(name, 1) >> nn.dense(1, 1, bias=bias) >> activation(name, 1)
    act = through(name)

    def biased(p):
        return act(p[2] * act(p[0] * x + p[1]) + p[3])

    return model, biased if bias else lambda p: act(p[1] * act(p[0] * x))


@pytest.mark.parametrize("name", sorted(KINKS))
@pytest.mark.parametrize("n", [3, 5, 9])
def test_with_biases_no_gradient_is_wrong_and_few_are_missing(name, n):
    model, f = chain(name, bias=True)
    total, rough, wrong, criterion = measured(model, f, symmetric(n), [2.0])
    report = machine_parameters(model, formats=[symmetric(n)])
    assert report.recognized and report.always_right
    assert report.bounds[0].rough == min(1.0, 2 * len(KINKS[name]) / n)
    assert wrong == 0 and 0 < rough / total <= report.bounds[0].rough
    assert criterion


KNOWN = [
    (True, 3, 0.67, 0.38),
    (True, 5, 0.40, 0.24),
    (True, 9, 0.22, 0.13),
    (False, 5, 0.40, 0.16),
    (False, 17, 0.12, 0.055),
    (False, 65, 0.031, 0.015),
]


@pytest.mark.parametrize(("bias", "n", "bound", "density"), KNOWN)
def test_the_densities_of_a_small_network_are_known(bias, n, bound, density):
    model, f = chain("relu", bias, x=1.0)
    total, rough, _, _ = measured(model, f, symmetric(n), [1.0])
    assert float(f"{machine_parameters(model, formats=[symmetric(n)]).bounds[0].rough:.2g}") == bound
    assert float(f"{rough / total:.2g}") == density


@pytest.mark.parametrize("name", sorted(KINKS))
@pytest.mark.parametrize("n", [5, 17, 65])
def test_without_biases_both_densities_are_bounded(name, n):
    model, f = chain(name, bias=False)
    total, rough, wrong, _ = measured(model, f, symmetric(n), [2.0])
    report = machine_parameters(model, formats=[symmetric(n)])
    assert report.recognized and not report.always_right
    assert wrong / total <= report.bounds[0].wrong
    assert (rough + wrong) / total <= report.bounds[0].rough


def test_a_shared_weight_makes_the_gradient_wrong_at_zero_alone():
    model = from_jax(lambda p: jax.nn.relu(p["w"]) - jax.nn.relu(-p["w"]), params={"w": R()})
    act = through("relu")
    total, rough, wrong, _ = measured(model, lambda p: act(p[0]) + -1.0 * act(-1.0 * p[0]), symmetric(9))
    assert (total, rough, wrong) == (9, 0, 1)
    report = machine_parameters(model, formats=[symmetric(9)])
    assert report.bounds[0].wrong == 1 / 9 and not report.always_right


def test_a_layer_of_two_neurons_and_two_kinks_keeps_the_bounds():
    model = nn.dense(2, 2) >> nn.relu6(2) >> nn.dense(2, 1, bias=False)
    act = through("relu6")

    def f(p):
        z = [act(p[j] * 3.0 + p[2 + j] * -1.0 + p[4 + j]) for j in (0, 1)]
        return z[0] * p[6] + z[1] * p[7]

    total, rough, wrong, criterion = measured(model, f, [-2.0, 0.0, 2.0], [3.0, -1.0])
    bound = machine_parameters(model, formats=[(-2, 0, 2)]).bounds[0]
    assert wrong == 0 and criterion and bound.wrong == 0 and rough / total <= bound.rough


def test_residual_networks_have_no_layers_and_keep_the_bounds():
    act, leaky = through("relu"), through("leaky_relu")
    model = nn.residual(nn.dense(1, 1) >> nn.relu(1)) >> nn.residual(nn.dense(1, 1) >> activation("leaky_relu", 1))

    def f(p):
        x = act(p[0] + p[1]) + 1.0
        return leaky(p[2] * x + p[3]) + x

    total, rough, wrong, criterion = measured(model, f, symmetric(9), [1.0])
    bound = machine_parameters(model, formats=[symmetric(9)]).bounds[0]
    assert wrong == 0 and criterion and rough / total <= bound.rough == 2 / 9


def test_a_shared_bias_breaks_the_theorem_and_is_told():
    """One bias before relu in opposite directions: the kinks cannot be left apart from each other."""
    model = from_jax(lambda p: jax.nn.relu(p["b"]) - jax.nn.relu(p["v"] * 0.0 - p["b"]), params={"b": R(), "v": R()})
    act = through("relu")
    total, _, wrong, _ = measured(model, lambda p: act(p[0]) + -1.0 * act(-1.0 * p[0]), symmetric(5))
    report = machine_parameters(model, formats=[symmetric(5)])
    assert wrong and not report.always_right and wrong / total <= report.bounds[0].wrong


def floats(name):
    """All finite values of a small format, zero once."""
    dtype = jnp.dtype(name)
    with np.errstate(invalid="ignore"):
        found = np.arange(1 << jnp.finfo(dtype).bits, dtype=np.uint8).view(dtype).astype(np.float64)
    return np.unique(found[np.isfinite(found)])


def test_the_bounds_hold_over_all_parameters_of_four_bits():
    model, f = chain("relu", bias=True)
    total, rough, wrong, criterion = measured(model, f, floats("float4_e2m1fn"), [2.0])
    bound = machine_parameters(model, formats=["float4_e2m1fn"]).bounds[0]
    assert (total, wrong, criterion) == (15**4, 0, True)
    assert rough / total <= bound.rough == 2 / 15


@pytest.mark.parametrize("fmt", ["float8_e4m3fn", "float8_e5m2"])
def test_the_bounds_hold_over_all_parameters_of_eight_bits(fmt):
    model = nn.dense(1, 1) >> nn.relu6(1)
    act = through("relu6")
    total, rough, wrong, criterion = measured(model, lambda p: act(p[0] * 0.5 + p[1]), floats(fmt), [0.5])
    bound = machine_parameters(model, formats=[fmt]).bounds[0]
    assert total == bound.values**2 and wrong == 0 and criterion
    assert 0.4 * bound.rough <= rough / total <= bound.rough == 2 / bound.values


def test_with_biases_the_gradient_is_a_limit_of_derivatives_at_every_kink():
    """The rule of relu takes the left side: biases moved down, the later ones more, give a smooth point nearby."""
    model, f = chain("relu", bias=True)
    w = every(symmetric(5), 4)
    smooth, gradient = truth(f, w.astype(np.float64) - np.array([0.0, 2.0**-30, 0.0, 2.0**-15]))
    back = jax.jit(
        jax.vmap(lambda *p: to_jax(reverse(model.arrow, wrt=range(1, 5)))(jnp.array([2.0]), *p, jnp.ones(1)))
    )
    found = np.concatenate([np.asarray(g).reshape(len(w), -1) for g in back(*pieces_of(model, w))], axis=1)
    assert smooth.all()
    assert np.abs(found - gradient).max() <= 2.0**-25


# -- the verdicts at single parameters ---------------------------------------------------------------

ROWS = [-1.0, 0.0, 1.0]


def sums(name):
    """The sum of act(x w + b) over a batch: one weight and one bias for all."""
    act = through(name)
    model = from_jax(lambda p, x: x * p["w"] + p["b"], R(3), params={"b": R(), "w": R()})
    model = model >> activation(name, R(3)) >> from_jax(jnp.sum, R(3))
    return model, lambda p: sum((act(x * p[1] + p[0]) for x in ROWS), Pair(0.0, 0.0)), [ROWS]


def stacked(name):
    """act(Σ u act(x + b)) with one bias b for all x, and no bias in the second layer."""
    act = through(name)
    model = nn.bias(R(3, 1)) >> activation(name, R(3, 1)) >> nn.reshape(R(3, 1), 3) >> nn.dense(3, 1, bias=False)

    def f(p):
        total = Pair(0.0, 0.0)
        for i, x in enumerate(ROWS):
            total = total + act(p[0] + x) * p[1 + i]
        return act(total)

    return model >> activation(name, 1), f, [[[x] for x in ROWS]]


def plain(name):
    model, f = chain(name, bias=False)
    return model, f, [[2.0]]


def in_hull(point, corners):
    """Whether a point is a mean of the corners."""
    _, residual = nnls(np.vstack([corners.T, np.ones(len(corners))]), np.append(point, 1.0))
    return residual <= 1e-3


@pytest.mark.parametrize("name", ["relu", "relu6", "hard_tanh"])
@pytest.mark.parametrize("family", [plain, sums, stacked])
def test_what_is_said_of_a_single_parameter_is_true(family, name):
    model, f, data = family(name)
    w = every(symmetric(3) if family is stacked else symmetric(7), model.size)
    smooth, gradient = truth(f, w)
    n = len(data)
    back = to_jax(reverse(model.arrow, wrt=range(n, model.arrow.n_in)))
    rng = np.random.default_rng(1)
    data = [np.asarray(x, np.float32) for x in data]
    parts = pieces_of(model, w)
    chosen = rng.permutation(len(w))[:8]
    for i in [0, len(w) // 2, *chosen]:
        params = [p[i] for p in parts]
        point = machine_parameters(model, model.nest(params), *data, formats=[]).point
        made = back(*data, *params, jnp.ones(model.cod.inside[0].shape))
        found = np.concatenate([np.ravel(g) for g in (made if isinstance(made, tuple) else (made,))])
        assert point.differentiable in (None, smooth[i])
        assert point.correct in (None, bool(smooth[i] and (found == gradient[i]).all()))
        if point.membership in ("Bouligand", "Clarke"):
            scales = 10.0 ** rng.integers(-8, -4, (400, w.shape[1]))
            _, near = truth(f, w[i] + rng.choice([-1, 1], scales.shape) * rng.uniform(0.5, 1.0, scales.shape) * scales)
            assert in_hull(found, near)
            assert point.membership == "Clarke" or np.abs(near - found).max(axis=1).min() <= 1e-3
