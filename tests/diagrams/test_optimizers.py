"""Optimizers are lenses, and equal optax step for step over 50 steps of a small regression of several arrays."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from paralens import B, C, CompositionError, Diagram, Key, ParameterError, R, Z, to_jax
from paralens.categories.lens import Lens, Pair
from paralens.categories.param import Param, leaves
from paralens.diagrams import optimizers as o
from paralens.diagrams.optimizers import schedules

STEPS = 50
PARAMS = {
    "first": {"w": 0.5 * jax.random.normal(jax.random.key(0), (3, 4)), "b": jnp.zeros(4)},
    "second": {"w": 0.5 * jax.random.normal(jax.random.key(1), (4,))},
    "scale": jnp.float32(1.0),
}
X = jax.random.normal(jax.random.key(2), (8, 3))
Y = jnp.sin(X.sum(axis=1))
ENTRIES = [(path, Param(R(*a.shape))) for path, a in leaves(PARAMS)]


def nested(values):
    root = {}
    for (path, _), value in zip(ENTRIES, values, strict=True):
        here = root
        for part in path[:-1]:
            here = here.setdefault(part, {})
        here[path[-1]] = value
    return root


def flat(tree):
    # JAX gives dicts back sorted by key; parameters have the order of the model
    found = dict(leaves(tree))
    return [found[path] for path, _ in ENTRIES]


def loss(p):
    h = jnp.tanh(X @ p["first"]["w"] + p["first"]["b"][None, :])
    y = h @ p["second"]["w"]
    return 3.0 * jnp.mean((p["scale"] * y - Y) ** 2)


def many(values):
    return list(values) if isinstance(values, (tuple, list)) else [values]


def ours(optimizer, steps=STEPS, sign=-1.0):
    """The points at which the model is evaluated, step after step."""
    cell = optimizer.cell(ENTRIES)
    n = len(cell.state)
    start, get, put = many_of(cell.start), many_of(cell.lens.get), many_of(cell.lens.put)

    def step(wires, _):
        point = get(*wires)
        gradient = flat(jax.grad(loss)(nested(point)))
        return put(*wires, *[sign * g for g in gradient]), point

    params = flat(PARAMS)
    state = start(*params)
    assert [(a.shape, str(a.dtype)) for a in state] == [(ty.wire.shape, ty.wire.dtype) for _, ty in cell.state]
    assert len(state) == n
    return jax.jit(lambda wires: jax.lax.scan(step, wires, None, length=steps)[1])([*state, *params])


def many_of(d):
    run = to_jax(d)
    return lambda *wires: many(run(*wires))


def theirs(transformation, steps=STEPS):
    def step(carry, _):
        params, state = carry
        updates, state = transformation.update(jax.grad(loss)(params), state, params)
        return (optax.apply_updates(params, updates), state), flat(params)

    with jax.numpy_dtype_promotion("standard"):
        start = PARAMS, transformation.init(PARAMS)
        return jax.jit(lambda start: jax.lax.scan(step, start, None, length=steps)[1])(start)


def close(found, expected, rtol=1e-5):
    assert not np.allclose(expected[0][0], expected[0][-1])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=2e-6)


RATE = schedules.warmup_cosine(0.0, 0.05, 5, 40, end_value=0.01)
THEIR_RATE = optax.warmup_cosine_decay_schedule(0.0, 0.05, 5, 40, end_value=0.01)
PAIRS = {
    "sgd": (o.sgd(0.1), optax.sgd(0.1)),
    "sgd, scheduled": (o.sgd(RATE), optax.sgd(THEIR_RATE)),
    "momentum": (o.momentum(0.03), optax.sgd(0.03, momentum=0.9)),
    "momentum, scheduled": (o.momentum(RATE, decay=0.8), optax.sgd(THEIR_RATE, momentum=0.8)),
    "nesterov": (o.nesterov(0.03), optax.sgd(0.03, momentum=0.9, nesterov=True)),
    "nesterov, scheduled": (o.nesterov(RATE, decay=0.8), optax.sgd(THEIR_RATE, momentum=0.8, nesterov=True)),
    "adagrad": (o.adagrad(0.1), optax.adagrad(0.1)),
    "adagrad from zero": (o.adagrad(0.1, initial_accumulator_value=0.0), optax.adagrad(0.1, 0.0)),
    "rmsprop": (o.rmsprop(0.01), optax.rmsprop(0.01)),
    "rmsprop with options": (
        o.rmsprop(0.01, decay=0.8, eps=1e-4, initial_scale=1.0),
        optax.rmsprop(0.01, decay=0.8, eps=1e-4, initial_scale=1.0),
    ),
    "adam": (o.adam(0.02), optax.adam(0.02)),
    "adam with options": (
        o.adam(0.02, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4),
        optax.adam(0.02, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4),
    ),
    "adam, scheduled": (o.adam(RATE), optax.adam(THEIR_RATE)),
    "adamw": (o.adamw(0.02, weight_decay=0.1), optax.adamw(0.02, weight_decay=0.1)),
    "lion": (o.lion(0.003), optax.lion(0.003)),
    "lion, scheduled": (o.lion(RATE, weight_decay=0.1), optax.lion(THEIR_RATE, weight_decay=0.1)),
    "clipped": (o.clip(0.05) >> o.momentum(0.1), optax.chain(optax.clip(0.05), optax.sgd(0.1, momentum=0.9))),
    "clipped by the norm": (
        o.clip_by_global_norm(0.3) >> o.adam(0.02),
        optax.chain(optax.clip_by_global_norm(0.3), optax.adam(0.02)),
    ),
    "clipped, decayed, ahead": (
        o.chain(o.clip_by_global_norm(0.5), o.clip(0.1), o.add_weight_decay(0.1), o.nesterov(0.03)),
        optax.chain(
            optax.clip_by_global_norm(0.5),
            optax.clip(0.1),
            optax.add_decayed_weights(0.1),
            optax.sgd(0.03, momentum=0.9, nesterov=True),
        ),
    ),
    "decayed by a schedule": (
        o.add_weight_decay(RATE) >> o.sgd(RATE),
        optax.chain(optax.add_decayed_weights(THEIR_RATE), optax.sgd(THEIR_RATE)),
    ),
    "a rate that is a function": (o.sgd(lambda n: 0.1 / (1 + n)), optax.sgd(lambda n: 0.1 / (1 + n))),
}


SLOW = [
    "momentum, scheduled",
    "adagrad from zero",
    "rmsprop with options",
    "adam with options",
    "lion, scheduled",
    "decayed by a schedule",
]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in PAIRS])
def test_optimizers_equal_optax_step_for_step(name):
    mine, reference = PAIRS[name]
    close(ours(mine), theirs(reference))


OTHERS = {
    "chain": optax.chain(optax.clip_by_global_norm(0.3), optax.rmsprop(0.01, momentum=0.5, centered=True)),
    "factored": optax.adafactor(0.01),
    "rate in the state": optax.inject_hyperparams(optax.adam)(learning_rate=0.02),
    "schedule-free": optax.contrib.schedule_free_sgd(0.1),
    "accumulating": optax.MultiSteps(optax.sgd(0.1), every_k_schedule=2),
    "with a key in the state": optax.noisy_sgd(0.05, key=jax.random.key(0)),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if "key" in n else []) for n in OTHERS])
def test_any_transformation_of_optax_is_an_optimizer(name):
    close(ours(o.from_optax(OTHERS[name]), 20), theirs(OTHERS[name], 20))


def test_adam_from_optax_is_adam():
    mine, wrapped = o.adam(0.02).cell(ENTRIES), o.from_optax(optax.adam(0.02)).cell(ENTRIES)
    assert {("0", *path): ty for path, ty in mine.state} == dict(wrapped.state)
    assert ["/".join(p) for p, _ in wrapped.state][:2] == ["0/count", "0/mu/first/b"]
    close(ours(o.from_optax(optax.adam(0.02))), ours(o.adam(0.02)))


def test_different_optimizers_on_different_parameters_equal_those_of_optax():
    mine = o.by_path({"second": o.sgd(0.1), "": o.adam(0.02), "first/b": o.frozen(), "scale": o.momentum(0.01)})
    labels = {"first": {"w": "adam", "b": "none"}, "second": {"w": "sgd"}, "scale": "momentum"}
    parts = {
        "adam": optax.adam(0.02),
        "sgd": optax.sgd(0.1),
        "none": optax.set_to_zero(),
        "momentum": optax.sgd(0.01, momentum=0.9),
    }
    found = ours(o.clip_by_global_norm(0.3) >> mine)
    close(found, theirs(optax.chain(optax.clip_by_global_norm(0.3), optax.partition(parts, labels))))
    np.testing.assert_array_equal(found[1], np.zeros((STEPS, 4)))


def test_a_negative_rate_climbs_as_in_optax():
    close(ours(o.sgd(-0.01), 5), theirs(optax.sgd(-0.01), 5))


def test_ascent_is_descent_of_the_other_sign():
    close(ours(o.ascending(o.adam(0.02)), sign=1.0), ours(o.adam(0.02)))
    assert o.ascending(o.sgd(0.1)).scaled and not o.ascending(o.gradient()).scaled


# -- the lens ------------------------------------------------------------------------------------

ALL = {
    "gradient": o.gradient(),
    "frozen": o.frozen(),
    "by_path": o.by_path({"": o.adam(0.1), "first": o.nesterov(0.1), "second/w": o.frozen()}),
    "from_optax": o.from_optax(optax.adam(0.1)),
    **{name: mine for name, (mine, _) in PAIRS.items()},
}


@pytest.mark.parametrize("name", ALL)
def test_an_optimizer_is_a_lens_whose_start_is_a_section_of_get(name):
    cell = ALL[name].cell(ENTRIES)
    weight = [p.ty for _, p in ENTRIES]
    states = [ty for _, ty in cell.state]
    assert isinstance(cell.lens, Lens)
    assert cell.lens.dom == Pair.of([*states, *weight], [*states, *weight], Diagram)
    assert cell.lens.cod == Pair.of(weight, weight, Diagram)
    assert len(set(path for path, _ in cell.state)) == len(states)
    section = Diagram.copy(cell.start.dom) >> cell.start @ cell.start.dom >> cell.lens.get
    params = [jax.random.normal(jax.random.key(3), ty.wire.shape) for ty in weight]
    for a, b in zip(many(to_jax(section)(*params)), params, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "lion", "rmsprop"])
def test_put_is_one_closed_box_of_one_update_for_each_array(name):
    box = PAIRS[name][0].cell(ENTRIES).lens.backward
    assert box.name == name and box.definition is not None
    updates = [b for b in box.definition.boxes if b.name == "update"]
    assert len(updates) == len(ENTRIES)
    # the arrays first/b and second/w have one type
    assert len({id(b) for b in updates}) == len({p.wire for _, p in ENTRIES}) == 3


ONE = [(("w",), Param(R(3)))]
LENSES = {each.name: each.cell(ONE).lens for each in (o.momentum(1.0, decay=0.0), o.nesterov(1.0, decay=0.0))}
WITHOUT_MEMORY = {name: (jax.jit(to_jax(lens.get)), jax.jit(to_jax(lens.put))) for name, lens in LENSES.items()}
VECTORS = arrays(np.float32, 3, elements=st.floats(-8.0, 8.0, width=32, allow_subnormal=False))


@pytest.mark.parametrize("name", WITHOUT_MEMORY)
@given(VECTORS, VECTORS, VECTORS)
def test_momentum_and_nesterov_without_memory_are_gradient(name, s, p, q):
    get, put = WITHOUT_MEMORY[name]
    np.testing.assert_array_equal(get(s, p), p)
    np.testing.assert_allclose(put(s, p, q), [q, p + q], rtol=1e-6, atol=1e-30)


def test_a_lens_on_two_parameters_is_the_tensor_of_those_on_each():
    one, two = [(("a",), Param(R(3)))], [(("b",), Param(R(2, 2)))]
    for optimizer in (o.gradient(), o.sgd(0.1)):
        whole, left, right = (optimizer.cell(e) for e in (one + two, one, two))
        name = optimizer.name
        assert whole.lens.put.open(name) == (left.lens @ right.lens).put.open(name, f"{name}_1")
        assert whole.lens.get == (left.lens @ right.lens).get
    for optimizer in (o.momentum(0.1), o.nesterov(0.1)):
        whole, left, right = (optimizer.cell(e) for e in (one + two, one, two))
        # the wires of S come first: s_a s_b a b, and in the tensor s_a a s_b b
        order = Lens.wires(whole.lens.dom, [0, 2, 1, 3])
        both = order >> left.lens @ right.lens
        wires = [jax.random.normal(jax.random.key(i), w.shape) for i, w in enumerate(both.put.dom.inside)]
        for a, b in zip(to_jax(whole.lens.put)(*wires), to_jax(both.put)(*wires), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_chains_are_associative_and_order_matters():
    a, b, c = o.clip(0.1), o.add_weight_decay(0.3), o.adam(0.02)
    left, right = ((a >> b) >> c).cell(ENTRIES), (a >> (b >> c)).cell(ENTRIES)
    assert left.lens == right.lens and left.state == right.state and left.start == right.start
    assert (a >> b) >> c == a >> (b >> c) and a >> b >> c != b >> a >> c
    assert left.lens != (b >> a >> c).cell(ENTRIES).lens


def test_the_count_of_an_optimizer_is_one_and_those_of_a_chain_are_kept_apart():
    names = ["/".join(path) for path, _ in o.adam(RATE).cell(ENTRIES).state]
    assert [n for n in names if "count" in n] == ["count"]
    assert names[1] == "mu/first/w" and names[-1] == "nu/scale"
    chained = (o.add_weight_decay(RATE) >> o.adam(RATE)).cell(ENTRIES)
    assert [path for path, ty in chained.state if ty == Z()] == [("count",), ("count_1",)]
    parted = o.by_path({"first": o.adam(0.1), "": o.adam(0.2)}).cell(ENTRIES)
    names = ["/".join(path) for path, _ in parted.state]
    assert names[:2] == ["count", "mu/first/w"] and names[5:7] == ["count_1", "mu_1/second/w"]


def test_equal_optimizers_are_equal_and_print_as_they_are_written():
    assert o.adam(0.1) == o.adam(0.1) != o.adam(0.2)
    assert hash(o.clip(1.0) >> o.sgd(RATE)) == hash(o.clip(1.0) >> o.sgd(RATE))
    for text in ("sgd(0.1)", "clip(1.0) >> momentum(0.1, decay=0.9)", "by_path({'a': frozen(), '': gradient()})"):
        assert repr(eval(text, vars(o))) == text


def test_only_gradient_takes_its_size_from_the_rate_cap():
    assert not o.gradient().scaled and not (o.clip(1.0) >> o.gradient()).scaled and not o.frozen().scaled
    assert all(mine.scaled for mine, _ in PAIRS.values())
    assert o.by_path({"a": o.frozen(), "": o.sgd(0.1)}).scaled and o.from_optax(optax.sgd(0.1)).scaled


# -- dtypes, and parameters without a gradient ------------------------------------------------------


@pytest.mark.parametrize(
    ("mine", "reference"),
    [
        (o.momentum(0.1), optax.sgd(0.1, momentum=0.9)),
        (o.adam(RATE), optax.adam(THEIR_RATE)),
        (o.adamw(0.1), optax.adamw(0.1)),
        (o.adagrad(0.1), optax.adagrad(0.1)),
        (o.rmsprop(0.1), optax.rmsprop(0.1)),
        (o.lion(0.1), optax.lion(0.1)),
        (o.clip_by_global_norm(0.1) >> o.sgd(0.1), optax.chain(optax.clip_by_global_norm(0.1), optax.sgd(0.1))),
        (o.from_optax(optax.adam(0.1)), optax.adam(0.1)),
    ],
    ids=lambda x: repr(x) if isinstance(x, o.Optimizer) else "",
)
def test_half_precision_stays_half_precision(mine, reference):
    p = {"a": jnp.linspace(-1, 1, 5, dtype="bfloat16"), "b": jnp.ones(2)}
    entries = [(("a",), Param(R(5, dtype="bfloat16"))), (("b",), Param(R(2)))]
    cell = mine.cell(entries)
    state, theirs = many(to_jax(cell.start)(*p.values())), reference.init(p)
    point = list(p.values())
    for k in range(3):
        g = {"a": jnp.linspace(1, k, 5, dtype="bfloat16"), "b": jnp.full(2, 0.5)}
        with jax.numpy_dtype_promotion("standard"):
            updates, theirs = reference.update(g, theirs, p)
            p = optax.apply_updates(p, updates)
        made = many(to_jax(cell.lens.put)(*state, *point, *[-x for x in g.values()]))
        state, point = made[: len(state)], made[len(state) :]
        assert [a.dtype for a in point] == ["bfloat16", "float32"]
        np.testing.assert_allclose(point[0].astype("float32"), p["a"].astype("float32"), rtol=2e-2, atol=1e-2)
        np.testing.assert_allclose(point[1], p["b"], rtol=1e-2 if "global" in repr(mine) else 1e-5)


MIXED = [(("table",), Param(Z(3))), (("w",), Param(R(2))), (("mask",), Param(B(2))), (("key",), Param(Key()))]


@pytest.mark.parametrize("name", ["sgd", "adam", "from_optax"])
def test_parameters_without_a_gradient_are_refused_by_path(name):
    with pytest.raises(ParameterError, match=r"(?s)table is Z\(3\), which has no gradient: freeze it.*mask.*key"):
        ALL[name].cell(MIXED)
    with pytest.raises(ParameterError, match=r"phase is C\(2\).*conjugate"):
        ALL[name].cell([(("phase",), Param(C(2)))])


def test_frozen_holds_parameters_of_any_type_and_changes_pass_them_by():
    frozen = {"table": o.frozen(), "mask": o.frozen(), "key": o.frozen()}
    optimizer = (
        o.clip_by_global_norm(1.0) >> o.add_weight_decay(0.1) >> o.clip(0.5) >> o.by_path({**frozen, "": o.sgd(1.0)})
    )
    cell = optimizer.cell(MIXED)
    assert cell.lens.cod.back == R(2)
    p = [jnp.arange(3), jnp.zeros(2), jnp.ones(2, bool), jax.random.key(0)]
    found = to_jax(cell.lens.put)(*p, jnp.array([3.0, 4.0]))
    np.testing.assert_allclose(found[1], [0.5, 0.5])
    np.testing.assert_array_equal(found[0], p[0])
    assert found[3] == p[3]


def test_a_model_without_parameters_has_optimizers_too():
    for optimizer in (o.sgd(0.1), o.adam(RATE), o.clip_by_global_norm(1.0) >> o.gradient()):
        cell = optimizer.cell([])
        assert len(cell.start.cod) == len(cell.state) <= 1


# -- schedules -------------------------------------------------------------------------------------

SCHEDULES = {
    "constant": (schedules.constant(0.3), optax.constant_schedule(0.3)),
    "cosine": (schedules.cosine_decay(0.3, 20), optax.cosine_decay_schedule(0.3, 20)),
    "cosine with options": (
        schedules.cosine_decay(0.3, 20, alpha=0.1, exponent=2.0),
        optax.cosine_decay_schedule(0.3, 20, alpha=0.1, exponent=2.0),
    ),
    "exponential": (schedules.exponential_decay(0.3, 7, 0.5), optax.exponential_decay(0.3, 7, 0.5)),
    "exponential with options": (
        schedules.exponential_decay(0.3, 7, 0.5, transition_begin=5, staircase=True, end_value=0.1),
        optax.exponential_decay(0.3, 7, 0.5, transition_begin=5, staircase=True, end_value=0.1),
    ),
    "exponential growth": (
        schedules.exponential_decay(0.3, 7, 2.0, end_value=1.0),
        optax.exponential_decay(0.3, 7, 2.0, end_value=1.0),
    ),
    "linear": (schedules.linear(0.3, 0.1, 12), optax.linear_schedule(0.3, 0.1, 12)),
    "linear, later": (schedules.linear(0.1, 0.4, 12, 5), optax.linear_schedule(0.1, 0.4, 12, 5)),
    "warmup": (RATE, THEIR_RATE),
    "warmup with options": (
        schedules.warmup_cosine(0.1, 0.3, 4, 20, end_value=0.05, exponent=1.5),
        optax.warmup_cosine_decay_schedule(0.1, 0.3, 4, 20, end_value=0.05, exponent=1.5),
    ),
    "no warmup": (
        schedules.warmup_cosine(0.1, 0.3, 0, 20, end_value=0.05),
        optax.warmup_cosine_decay_schedule(0.1, 0.3, 0, 20, end_value=0.05),
    ),
    "piecewise": (
        schedules.piecewise(0.3, {20: 0.1, 10: 0.5}),
        optax.piecewise_constant_schedule(0.3, {20: 0.1, 10: 0.5}),
    ),
    "optax's own": (
        schedules.schedule(optax.sgdr_schedule([dict(init_value=0.1, peak_value=1.0, warmup_steps=3, decay_steps=9)])),
        optax.sgdr_schedule([dict(init_value=0.1, peak_value=1.0, warmup_steps=3, decay_steps=9)]),
    ),
    "a function": (schedules.schedule(lambda n: 1 / (n + 1)), lambda n: 1 / (n + 1)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_equal_those_of_optax_at_every_step(name):
    mine, reference = SCHEDULES[name]
    assert (mine.dom, mine.cod) == (Z(), R())
    steps = jnp.arange(45)
    with jax.numpy_dtype_promotion("standard"):
        expected = [reference(n) for n in range(45)]
    np.testing.assert_allclose(jax.jit(jax.vmap(to_jax(mine)))(steps), expected, rtol=2e-6, atol=1e-8)


def test_a_schedule_is_a_box_that_opens():
    box = schedules.cosine_decay(0.1, 10)
    assert box.name == "cosine_decay" and box.definition is not None
    put = o.sgd(box).cell(ENTRIES).lens.backward.definition
    assert [b.name for b in put.boxes].count("cosine_decay") == 1


# -- mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: o.clip(1.0).cell(ENTRIES), r"takes no step: write clip\(1.0\) >> sgd"),
        (lambda: (o.clip(1.0) >> o.add_weight_decay(0.1)).cell(ENTRIES), "takes no step"),
        (lambda: o.sgd(0.1) >> o.clip(1.0), "what transforms the change stands first"),
        (lambda: o.chain(), "at least one optimizer"),
        (lambda: o.chain(optax.sgd(0.1)), "from_optax"),
        (lambda: o.by_path({"a": o.clip(1.0)}), "expected an optimizer that takes a step"),
        (lambda: o.from_optax(0.1), "from_optax takes"),
        (lambda: o.from_optax(optax.contrib.reduce_on_plateau()).cell(ENTRIES), "refuses"),
        (lambda: o.sgd(-float("inf")), "sgd: rate is -inf, expected a finite number$"),
        (lambda: o.adam(0.1, eps=-1e-8), "adam: eps is -1e-08, expected a finite number that is not negative"),
        (lambda: o.adam("fast"), "adam: rate is 'fast'"),
        (lambda: o.adam(0.1, b1=float("nan")), "b1 is nan"),
        (lambda: o.sgd(Diagram.id(R())), r"a schedule is Z\(\) -> R\(\)"),
        (lambda: o.sgd(lambda n: jnp.ones(3)), r"a schedule is Z\(\) -> R\(\)"),
        (lambda: schedules.schedule(lambda n: n.nothing), "is no schedule"),
        (lambda: schedules.linear(0.1, 0.2, 0), "transition_steps is 0"),
        (lambda: schedules.warmup_cosine(0.1, 0.2, 10, 10), "decay_steps is 10"),
        (lambda: schedules.exponential_decay(0.1, 10, 0.0), "decay_rate is 0.0"),
        (lambda: schedules.constant("x"), "value is 'x'"),
    ],
)
def test_mistakes_are_reported_where_they_are_made(make, words):
    with pytest.raises(CompositionError, match=words):
        make()


def test_by_path_names_what_matches_nothing():
    with pytest.raises(ParameterError, match=r"no parameter is left for 'third'; there are first/w, first/b"):
        o.by_path({"third": o.sgd(0.1), "": o.sgd(0.2)}).cell(ENTRIES)
    with pytest.raises(ParameterError, match=r"no entry for first/b, scale: add one"):
        o.by_path({"first/w": o.sgd(0.1), "second": o.sgd(0.2)}).cell(ENTRIES)
    with pytest.raises(ParameterError, match="'firs'"):
        o.by_path({"firs": o.sgd(0.1), "": o.sgd(0.2)}).cell(ENTRIES)
