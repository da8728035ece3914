"""What the forward pass keeps for the way back changes memory and never the result: checkpoints and `residual`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from agreement import agree, every_box
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from paralens import Learner, R, compile, from_jax, lens, load, losses, nn, optimizers, reverse, save, to_jax
from paralens.categories.errors import DerivativeError, PathError
from paralens.functors.derivatives.derivative import forward

P = jax.checkpoint_policies
W, V = np.random.default_rng(0).uniform(0.3, 1.5, (3, 3)), np.random.default_rng(1).uniform(0.3, 1.5, 3)
POLICIES = {
    "none": None,
    "nothing": P.nothing_saveable,
    "everything": P.everything_saveable,
    "dots": P.dots_saveable,
    "dots without batch": P.dots_with_no_batch_dims_saveable,
    "only h": P.save_only_these_names("h"),
    "any but h": P.save_any_names_but_these("h"),
    "all but h": P.save_anything_except_these_names("h"),
    "dots and g": P.save_from_both_policies(P.dots_saveable, P.save_only_these_names("g")),
    "offload dots": P.offload_dot_with_no_batch_dims("device", "pinned_host"),
    "offload g": P.save_and_offload_only_these_names(
        names_which_can_be_saved=["h"],
        names_which_can_be_offloaded=["g"],
        offload_src="device",
        offload_dst="pinned_host",
    ),
}
EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def block(w, x):
    h = checkpoint_name(jnp.tanh(w @ x), "h")
    return checkpoint_name(jnp.sin(w @ h), "g") * x


def twice(w, x, policy):
    f = jax.checkpoint(block, policy=policy)
    return f(w, f(w, x))


@EVERY
def test_every_policy_of_jax_gives_the_same_derivatives(policy):
    with jax.enable_x64(True):
        agree(lambda w, x: twice(w, x, policy), W, V, like=lambda w, x: block(w, block(w, x)), written=False)


@pytest.mark.slow
@EVERY
def test_every_policy_of_jax_gives_the_same_second_derivatives(policy):
    with jax.enable_x64(True):
        agree(lambda w, x: twice(w, x, policy), W, V, like=lambda w, x: block(w, block(w, x)), order=2, written=False)


NESTED = {
    "checkpoint of checkpoints": lambda w, x: jax.checkpoint(lambda w, x: jax.checkpoint(block)(w, block(w, x)))(w, x),
    "inputs given out": jax.checkpoint(lambda w, x: (w, x, jnp.sin(x), w)),
    "constants given out": jax.checkpoint(lambda w, x: (jnp.ones(3, x.dtype), w @ x, jnp.sin(w))),
    "a static argument": lambda w, x: jax.checkpoint(lambda w, n, x: (w @ x) ** n, static_argnums=1)(w, 3, x),
    "a key": jax.checkpoint(lambda w, x: w @ x * jax.random.normal(jax.random.key(0), (3,), x.dtype)),
    "closed": jax.checkpoint(lambda w, x: jax.jit(block)(w, jax.jit(block)(w, x)), policy=P.dots_saveable),
    "a scan": jax.checkpoint(lambda w, x: lax.scan(lambda x, r: (block(w, x) + r, x), x, w), policy=P.dots_saveable),
}


@pytest.mark.parametrize("f", NESTED.values(), ids=NESTED)
def test_checkpoints_agree(f):
    with jax.enable_x64(True):
        agree(f, W, V, order=1, written=False)


@pytest.mark.slow
@pytest.mark.parametrize("f", NESTED.values(), ids=NESTED)
def test_checkpoints_agree_in_the_second_order(f):
    with jax.enable_x64(True):
        agree(f, W, V, order=2, written=False)


def kept(f):
    """What the forward pass keeps besides the two inputs, as shapes."""
    return sorted(w.shape for w in lens(from_jax(f, R(6, 4), R(4))).residual.inside)


@pytest.mark.parametrize("closed", [False, True])
def test_a_policy_keeps_what_it_names_however_deep_inside(closed):
    def inside(w, x):
        return jnp.tanh(jnp.exp(w @ jnp.sin(x)))

    f = jax.jit(jax.jit(inside)) if closed else inside
    run = lambda policy: kept(jax.checkpoint(lambda w, x: f(w, x) * 2.0, policy=policy))  # noqa: E731
    assert run(None) == run(P.nothing_saveable) == [(4,), (6, 4)]
    assert run(P.dots_saveable) == [(4,), (6,), (6, 4)]
    everything = run(P.everything_saveable)
    assert len(everything) >= 3
    assert (6,) in everything


def scanned(w, x):
    return lax.scan(lambda c, _: (jnp.tanh(w @ c), jnp.sin(c)), x, None, length=3)


def chosen(w, x):
    return lax.cond(x.sum() > 0, lambda x: jnp.tanh(w @ jnp.tanh(w @ x)), lambda x: jnp.sin(w @ x), x)


INSIDE = {
    "a scan": scanned,
    "a scan of a closed box": lambda w, x: lax.scan(lambda c, _: (jax.jit(block)(w, c), c), x, None, length=3),
    "a scan over rows": lambda w, x: lax.scan(lambda c, r: (jnp.sin(w @ c) * r, w @ r), x, w),
    "a scan the other way": lambda w, x: lax.scan(lambda c, r: (jnp.sin(w @ c) * r, w @ r), x, w, reverse=True),
    "a scan of scans": lambda w, x: lax.scan(lambda c, _: (scanned(w, c)[0], None), x, None, length=2)[0],
    "a loop": lambda w, x: lax.fori_loop(0, 3, lambda i, c: jnp.tanh(w @ c), x),
    "a choice": chosen,
    "a choice in a scan": lambda w, x: lax.scan(lambda c, _: (jnp.sin(chosen(w, c)), c), x, None, length=2),
    "a scan in a choice": lambda w, x: lax.cond(x.sum() > 0, lambda x: scanned(w, x)[0], lambda x: x * 2.0, x),
    "a scan in a closed box": lambda w, x: jnp.sin(jax.jit(scanned)(w, x)[1]),
    "a choice where nothing is to keep": lambda w, x: lax.cond(x.sum() > 0, jnp.sin, lambda x: x, w @ x),
}


def products(jaxpr, times=1):
    """The number of products that a program computes, all branches of a choice counted."""
    total = 0
    for eqn in jaxpr.eqns:
        total += times * (eqn.primitive.name == "dot_general")
        for value in eqn.params.values():
            for inner in value if isinstance(value, tuple) else (value,):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    total += products(inner, times * eqn.params.get("length", 1))
    return total


@pytest.mark.parametrize("policy", [P.dots_saveable, P.save_only_these_names("h"), None], ids=["dots", "h", "none"])
@pytest.mark.parametrize("name", INSIDE)
def test_a_policy_reaches_into_loops_and_choices_on_the_way_back(name, policy):
    w, x = W.astype("float32"), V.astype("float32")
    f = jax.checkpoint(INSIDE[name], policy=policy)
    ys, pull = jax.vjp(f, w, x)
    cts = jax.tree.map(jnp.ones_like, ys)
    back = to_jax(reverse(from_jax(f, w, x), value=True))
    made = back(w, x, *jax.tree.leaves(cts))
    for found, right in zip(made, [*jax.tree.leaves(ys), *pull(cts)], strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-6)
    ours = products(jax.make_jaxpr(back)(w, x, *jax.tree.leaves(cts)).jaxpr)
    theirs = products(jax.make_jaxpr(lambda w, x: jax.vjp(f, w, x)[1](cts))(w, x).jaxpr)
    assert ours <= theirs


@pytest.mark.slow
@pytest.mark.parametrize("name", INSIDE)
def test_a_policy_inside_of_loops_and_choices_agrees_in_the_second_order(name):
    with jax.enable_x64(True):
        agree(jax.checkpoint(INSIDE[name], policy=P.dots_saveable), W, V, order=2, written=False)


def test_the_derivatives_of_a_checkpoint_are_checkpoints():
    d = from_jax(jax.checkpoint(lambda x: jnp.sin(jnp.exp(x))), R(3))
    [box] = d.boxes
    assert [b.op for b in reverse(d).boxes] == [box.op]
    assert [b.op for b in forward(d).boxes] == [box.op]
    assert reverse(d).boxes[0].params["differentiated"]


# -- residual= ---------------------------------------------------------------------------------------

MODEL = nn.dense(3, 8) >> nn.tanh(8) >> nn.layer_norm(8) >> nn.dense(8, 2)
RESIDUALS = {
    "store": "store",
    "recompute": "recompute",
    "one path": ["tanh"],
    "a path inside": ["layer_norm/mul", "dense"],
    "a predicate": lambda path, box: path.startswith("dense"),
}
ANY = pytest.mark.parametrize("residual", RESIDUALS.values(), ids=RESIDUALS)


@ANY
def test_what_is_kept_changes_nothing_in_the_result(residual):
    params, x, dy = MODEL.init(0), jnp.arange(3.0), jnp.array([1.0, -2.0])
    expected = to_jax(reverse(MODEL, value=True))(params, x, dy)
    got = to_jax(reverse(MODEL, value=True, residual=residual))(params, x, dy)
    both = lens(MODEL, residual=residual)
    ahead = to_jax(both.arrow.forward)(x, *MODEL.flat(params))
    back = to_jax(both.arrow.backward)(*ahead[1:], dy)
    for e, g, b in zip(expected, got, (ahead[0], *back), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(b, e, rtol=1e-5, atol=1e-6)


@ANY
def test_a_learner_learns_the_same_whatever_is_kept(residual):
    def trained(residual):
        learner = Learner(MODEL, losses.squared_error(2), optimizers.adam(0.1), residual=residual)
        state, step = learner.init(0), compile(learner)
        for _ in range(3):
            state, loss = step(state, jnp.ones((4, 3)), jnp.ones((4, 2)))
        return float(loss)

    assert trained(residual) == pytest.approx(trained("store"), rel=1e-5)


def test_less_is_kept_when_more_is_recomputed():
    sizes = [sum(w.nbytes for w in lens(MODEL, residual=r).arrow.residual.inside) for r in ("recompute", "store")]
    assert sizes[0] < sizes[1]


def test_the_steps_of_a_scan_are_recomputed_one_at_a_time():
    d = from_jax(lambda x: lax.scan(lambda c, _: (jnp.sin(jnp.exp(jnp.tanh(c))), None), x, None, length=5)[0], R(3))
    assert lens(d, residual="recompute").residual == R(5, 3)
    assert any("differentiated" in b.params for b in every_box(reverse(d, residual="recompute")))
    x = jnp.arange(3.0)
    np.testing.assert_allclose(to_jax(reverse(d, residual="recompute"))(x, x), to_jax(reverse(d))(x, x), rtol=1e-6)


@pytest.mark.parametrize(
    "residual, error, told",
    [
        ("stored", DerivativeError, "is no policy: give 'store', 'recompute', paths of boxes"),
        (["nothing"], PathError, "no box 'nothing' in the diagram"),
        (["dense/nothing"], PathError, "nothing"),
        ([], DerivativeError, "names no box"),
        (lambda path, box: False, DerivativeError, "names no box"),
    ],
)
def test_a_policy_that_names_nothing_is_refused(residual, error, told):
    for take in (reverse, lens):
        with pytest.raises(error, match=told):
            take(MODEL, residual=residual)


def test_a_path_into_the_body_of_a_loop_is_refused():
    d = from_jax(lambda x: lax.scan(lambda c, _: (jnp.sin(c), None), x, None, length=5)[0], R(3))
    with pytest.raises(DerivativeError, match="residual='scan/body/sin' is inside scan, which is not a box with a def"):
        reverse(d, residual=["scan/body/sin"])


def test_a_policy_of_paths_is_saved_and_equal_in_every_process(tmp_path):
    d = (nn.dense(4, 4).named("a") >> nn.tanh(4) >> nn.dense(4, 4).named("b")).arrow
    kept = reverse(d, residual=["a"])
    save(kept, tmp_path / "kept.json")
    assert load(tmp_path / "kept.json") == kept
    assert kept.digest == reverse(d, residual=["a"]).digest != reverse(d, residual=["b"]).digest
