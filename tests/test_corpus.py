"""The corpus is what it says: planted rules differ from the truth, right ones agree with it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from corpus import cases, inexact
from corpus_pipelines import as_diagram, names, pipelines

from paralens import to_jax

CASES = cases()
WRONG = [case for case in CASES if case.expected == "wrong"]
FINE = [case for case in CASES if case.expected == "fine"]
LOOSE = {"float64": 1e-9, "complex128": 1e-9, "float32": 1e-4, "complex64": 1e-4}
PIPELINES = pipelines()


def each(name, values):
    """A parameter for each; all but one in six take a while together."""
    slow = [pytest.mark.long if k % 6 else () for k in range(len(values))]
    return pytest.mark.parametrize(
        name, [pytest.param(v, id=v.name, marks=m) for v, m in zip(values, slow, strict=True)]
    )


each_pipeline, each_wrong, each_fine = each("pipeline", PIPELINES), each("case", WRONG), each("case", FINE)


def unit(case):
    """How much two derivatives of a case may differ by rounding, coarsely."""
    return max((LOOSE.get(str(np.asarray(x).dtype), 3e-2) for x in case.examples if inexact(x)), default=1e-4)


def cotangent(seed, y):
    rng = np.random.default_rng(seed)

    def one(leaf):
        found = rng.normal(size=leaf.shape)
        if jnp.iscomplexobj(leaf):
            found = found + 1j * rng.normal(size=leaf.shape)
        return jnp.asarray(found).astype(leaf.dtype)

    return jax.tree.map(one, y)


def scaled(tree, by):
    return jax.tree.map(lambda a: (a * by).astype(a.dtype), tree)


def pulled(case, f, x, seed=0, scale=1.0):
    """The cotangents of the arguments that f claims, of as high an order as the case asks for."""

    x = tuple(map(jnp.asarray, x))

    def back(*x):
        y, pull = jax.vjp(f, *x)
        return [g for g in pull(scaled(cotangent(seed, y), scale)) if g.dtype != jax.dtypes.float0]

    if case.order == 1:
        return back(*x)
    found, again = jax.vjp(back, *x)
    return [g for g in again(cotangent(seed + 1, found)) if g.dtype != jax.dtypes.float0]


def paired(case, f, x, seed):
    """The pairing of those cotangents with an admissible direction."""
    v = [d for d in case.direction(np.random.default_rng(seed), x) if d.dtype != jax.dtypes.float0]
    return sum(float(np.real(np.sum(np.asarray(g) * d))) for g, d in zip(pulled(case, f, x, seed), v, strict=True))


def differ(left, right, by):
    left, right = (np.asarray(a).astype("complex128") for a in (left, right))
    return bool(np.any(~(abs(left - right) <= by * abs(right).max(initial=1e-300))))


def nearby(x, rng):
    """A point a little away from this one."""
    return tuple(np.asarray(a + 1e-4 * rng.normal(size=np.shape(a)), a.dtype) if inexact(a) else a for a in x)


def outside_of_slopes_nearby(case, f, x):
    """Whether what f claims at x lies outside what the truth claims around it, along some direction."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        around = [paired(case, case.truth, nearby(x, rng), seed) for _ in range(16)]
        slopes, claimed = [s for s in around if np.isfinite(s)], paired(case, f, x, seed)
        if not min(slopes) - 1e-2 <= claimed <= max(slopes) + 1e-2:
            return True
    return False


def differs(case):
    """Whether a planted rule differs from the truth at its witness."""
    f, truth, x = case.make(), case.truth, case.witness or case.examples
    if case.kind == "batch":
        f, truth = jax.vmap(f), jax.vmap(truth)
        x = tuple(np.stack([a, 2 * a, -a]) for a in x)
    if case.kind == "point":
        return outside_of_slopes_nearby(case, f, x)
    if case.tangent is not None:
        return any(differ(paired(case, f, x, s), paired(case, truth, x, s), unit(case)) for s in range(4))
    values = zip(jax.tree.leaves(f(*x)), jax.tree.leaves(truth(*x)), strict=True)
    if case.kind == "batch" and any(differ(a, b, unit(case)) for a, b in values):
        return True
    return any(
        differ(a, b, unit(case))
        for scale in (1.0, 1e3, 1e-3)
        for a, b in zip(pulled(case, f, x, 0, scale), pulled(case, truth, x, 0, scale), strict=True)
    )


@each_wrong
def test_a_planted_rule_differs_from_the_truth(case):
    with jax.enable_x64(case.x64):
        assert differs(case)


@each_wrong
def test_a_planted_rule_leaves_the_value_as_it_is(case):
    with jax.enable_x64(case.x64):
        for x in [case.examples, *case.special, *case.samples(3)]:
            x = tuple(map(jnp.asarray, x))
            found, truth = jax.tree.leaves(case.make()(*x)), jax.tree.leaves(case.truth(*x))
            assert not any(differ(a, b, 30 * unit(case)) for a, b in zip(found, truth, strict=True))


@each_fine
def test_a_right_rule_agrees_with_the_truth_and_is_finite(case):
    with jax.enable_x64(case.x64):
        f, truth = case.make(), case.truth or case.surrogate
        for x in [*case.samples(3), *case.special]:
            assert np.isfinite(paired(case, f, x, 0))
        for seed, x in enumerate(case.samples(3) if truth else ()):
            assert not differ(paired(case, f, x, seed), paired(case, truth, x, seed), 1e3 * unit(case))


def test_the_corpus_is_large_and_its_names_are_its_own():
    assert len(WRONG) >= 70 and len(FINE) >= 45 and len(PIPELINES) >= 12
    assert len({case.name for case in CASES}) == len(CASES)


def test_facts_are_those_that_are_declared():
    case = next(case for case in CASES if case.name == "a fixed point, implicitly")
    assert set(case.facts) == {"domain", "noise"}
    assert case.run(lambda f, *examples, **facts: (len(examples), set(facts))) == (2, {"domain", "noise"})


@each_pipeline
def test_a_pipeline_has_its_culprits_and_the_same_value_with_and_without_the_fault(pipeline):
    with jax.enable_x64(pipeline.x64):
        faulty, sound = (as_diagram(pipeline.build(fault), pipeline.examples) for fault in (True, False))
        for d in (faulty, sound):
            found = names(d)
            assert set(pipeline.culprits) <= set(found) and len(found) >= pipeline.boxes
        left, right = (jax.tree.leaves(to_jax(d)(*pipeline.examples)) for d in (faulty, sound))
        assert not any(differ(a, b, 1e-6) for a, b in zip(left, right, strict=True))


@each("pipeline", [p for p in PIPELINES if p.x64])
def test_a_pipeline_without_its_fault_is_right(pipeline):
    with jax.enable_x64(True):
        f, x = pipeline.build(False), tuple(map(jnp.asarray, pipeline.examples))
        v, step = cotangent(3, x), 1e-6
        moved = [f(*(a + h * d for a, d in zip(x, v, strict=True))) for h in (step, -step)]
        y, pull = jax.vjp(f, *x)
        w = cotangent(4, y)
        slope = sum(jnp.vdot(w, b - a) / (-2 * step) for a, b in [moved])
        claimed = sum(jnp.vdot(g, d) for g, d in zip(pull(w), v, strict=True))
        assert not differ(claimed, slope, 1e-5)
