"""A learner is a closed lens: its step is the step of every textbook, as one diagram, and its epoch is one scan."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numerics import same

from paralens import (
    CompositionError,
    DerivativeError,
    Diagram,
    InputError,
    Learner,
    Para,
    Param,
    ParameterError,
    R,
    State,
    Ty,
    Z,
    compile,
    draw,
    from_jax,
    losses,
    nn,
    optimizers,
    reverse,
    to_jax,
)
from paralens.diagrams.tracing.emit import callable_of
from paralens.functors.learning import adversarial, dreaming, rate_cap

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(12, 3)).astype("float32")


def mlp():
    return nn.dense(4, 8) >> nn.tanh(8) >> nn.dense(8, 3)


def learner(optimizer=None, **options):
    return Learner(mlp(), losses.squared_error(3), optimizer or optimizers.sgd(0.05), **options)


def close(left, right, tolerance=1e-5):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), left, right)


def test_the_step_is_what_its_formula_says():
    one = learner()
    state = one.init(0)
    run = to_jax(one.model)

    def loss(params, x, y):
        return 0.5 * jnp.sum((run(params, x) - y) ** 2)

    value, gradient = jax.value_and_grad(loss)(state.params, X[0], Y[0])
    expected = jax.tree.map(lambda p, g: p - 0.05 * g, state.params, gradient)
    after, found = compile(one, donate=())(state, X[0], Y[0])
    close((after.params, found), (expected, value))


@pytest.mark.parametrize("name", ["sgd", "adam", "clipped"])
def test_twenty_steps_on_a_batch_equal_jax_and_optax(name):
    ours = {
        "sgd": optimizers.sgd(0.05),
        "adam": optimizers.adam(1e-2),
        "clipped": optimizers.clip_by_global_norm(0.5) >> optimizers.adam(optimizers.schedules.cosine_decay(1e-2, 20)),
    }[name]
    theirs = {
        "sgd": optax.sgd(0.05),
        "adam": optax.adam(1e-2),
        "clipped": optax.chain(optax.clip_by_global_norm(0.5), optax.adam(optax.cosine_decay_schedule(1e-2, 20))),
    }[name]
    one = learner(ours)
    state = one.init(0)
    params, run, step = state.params, jax.vmap(to_jax(one.model), (None, 0)), compile(one, donate=())
    memory = theirs.init(params)
    gradient = jax.jit(jax.grad(lambda p: 0.5 * jnp.mean(jnp.sum((run(p, X) - Y) ** 2, axis=1))))
    for _ in range(20):
        state, _ = step(state, X, Y)
        with jax.numpy_dtype_promotion("standard"):
            updates, memory = theirs.update(gradient(params), memory, params)
            params = optax.apply_updates(params, updates)
    close(state.params, params)


def test_an_optimizer_of_optax_is_taken_as_it_is():
    state = learner().init(0)
    ours, _ = compile(learner(optimizers.sgd(0.05)), donate=())(state, X, Y)
    one = learner(optax.sgd(0.05))
    theirs, _ = compile(one, donate=())(one.start(state.params), X, Y)
    close(ours.params, theirs.params)
    with pytest.raises(ParameterError, match=r"one of paralens\.optimizers or of optax"):
        learner("adam")


def test_an_epoch_is_the_composite_of_its_steps_and_one_scan():
    one = learner(optimizers.momentum(0.05))
    state = one.init(0)
    whole, losses_of_all = compile(one.epoch(12), donate=())(state, X, Y)
    step, found = compile(one, donate=()), []
    for x, y in zip(X, Y, strict=True):
        state, loss = step(state, x, y)
        found.append(loss)
    close((whole, losses_of_all), (state, jnp.stack(found)))
    assert [box.op for box in one.epoch(12).step.boxes] == ["scan"]
    assert len(one.epoch(5).step.graph) == len(one.epoch(5000).step.graph)


def test_an_epoch_of_batches_goes_over_both_axes():
    one = learner()
    state = one.init(0)
    whole, found = compile(one.batch(4).epoch(3), donate=())(state, X.reshape(3, 4, 4), Y.reshape(3, 4, 3))
    step = compile(one, donate=())
    for k in range(3):
        state, loss = step(state, X[4 * k : 4 * k + 4], Y[4 * k : 4 * k + 4])
        close(found[k], loss)
    close(whole, state)


def test_the_state_is_donated():
    one = learner(optimizers.adam(1e-2))
    state = one.init(0)
    compile(one)(state, X, Y)
    assert all(x.is_deleted() for x in jax.tree.leaves(state.params))
    assert all(x.is_deleted() for x in jax.tree.leaves(state.memory))


def test_a_constant_rate_slides_through_the_derivative():
    """Cap -e with the update p + q is cap -1 with the update p + e q, by RD.2."""
    capped = learner(optimizers.gradient(), rate=-0.05)
    stepped = learner(optimizers.sgd(0.05))
    assert same(capped.step, stepped.step)


def test_a_rate_may_depend_on_the_loss():
    rate = from_jax(lambda loss: -0.1 * loss, R())
    one = Learner(
        Para(Diagram.id(R()), {"p": Param(R(), "ones")}), losses.squared_error(R()), optimizers.gradient(), rate=rate
    )
    after, loss = compile(one)(one.start({"p": jnp.float32(3.0)}), jnp.float32(1.0))
    assert float(loss) == 2.0 and np.isclose(float(after.params["p"]), 3.0 - 0.1 * 2.0 * 2.0)


def test_the_picture_shows_model_loss_rate_and_optimizer():
    one = learner(optimizers.adam(1e-2))
    names = one.step.graph.names()
    assert names == ["model", "squared_error", "-1.0", "R[squared_error]", "R[model]", "adam"]
    svg = draw(one.para).svg
    assert all(f">{name}<" in svg for name in ("model", "squared_error", "R[model]", "adam"))
    assert one._repr_svg_().startswith("<svg")


def test_the_step_composes_in_para_over_lenses():
    one = learner()
    assert one.lens.cod.value == R() and one.lens.cod.back == Ty()
    assert one.lens.dom.back == one.model.weight
    assert one.step.dom == one.model.weight @ R(4) @ R(3) and one.step.cod == one.model.weight @ R()


def test_recomputing_learns_the_same():
    state = learner().init(0)
    plain, _ = compile(learner(), donate=())(state, X, Y)
    again, _ = compile(learner(residual="recompute"), donate=())(state, X, Y)
    close(plain, again)


def test_a_game_of_generator_and_critic_expands_as_it_must():
    """The Dirac game: simultaneous steps multiply the squared norm by 1 + rate² (Mescheder et al., 2018)."""
    generator = Para(from_jax(lambda z, t: 0.0 * z + t, R(), R()), {"theta": Param(R(), "ones")})
    critic = Para(from_jax(lambda x, psi: x * psi, R(), R()), {"psi": Param(R(), "ones")})
    game = adversarial(generator, critic)
    rates = {"generator": optimizers.sgd(0.1), "critic": optimizers.ascending(optimizers.sgd(0.1))}
    one = Learner(game, losses.itself(), optimizers.by_path(rates))
    state, step = one.init(0), compile(one)
    for k in range(1, 6):
        state, _ = step(state, jnp.float32(0.0), jnp.float32(0.0))
        norm = sum(float(x) ** 2 for x in jax.tree.leaves(state.params))
        assert np.isclose(norm, 2.0 * 1.01**k, rtol=1e-5)


def test_the_gradient_of_a_critic_is_the_difference_of_its_two_copies():
    generator, critic = nn.dense(2, 4), nn.dense(4, 1) >> nn.reshape(1, -1).arrow.then(from_jax(jnp.sum, R(1)))
    game = adversarial(generator, critic)
    params = game.init(0)
    z, x = X[0, :2], X[1]
    fake = to_jax(generator)({"dense": params["generator"]} if "w" in params["generator"] else params["generator"], z)
    inner = params["critic"]

    def score(p, v):
        return to_jax(critic)(p if "dense" in p else {"dense": p}, v)

    expected = jax.tree.map(lambda a, b: a - b, jax.grad(score)(inner, fake), jax.grad(score)(inner, x))
    paths = [p for p in game.paths if p.startswith("critic")]
    found = to_jax(reverse(game, wrt=["critic"]))(params, z, x, 1.0)
    close(list(found), [to_leaf(expected, p) for p in paths], 1e-4)


def to_leaf(tree, path):
    for part in path.split("/")[1:]:
        tree = tree[part]
    return tree


def test_dreaming_changes_the_input_along_the_weights():
    model = nn.dense(4, 3)
    params = model.init(0)
    dream = Learner(dreaming(model.freeze(params)), losses.dot_product(3), optimizers.sgd(0.5), rate=1.0)
    assert dream.inputs == Ty() and dream.model.paths == ("input",)
    target = jnp.array([1.0, 0.0, 0.0])
    state, score = compile(dream)(dream.init(0), target)
    close(state.params["input"], 0.5 * params["dense"]["w"][:, 0])
    assert float(score) == 0.0
    assert float(compile(dream)(state, target)[1]) > 0.0


def test_dreaming_without_freezing_takes_the_weights_as_data():
    model = nn.dense(4, 3)
    dream = dreaming(model)
    assert dream.dom == model.weight and dream.params == {"input": Param(R(4), "zeros")}


def test_two_objectives_in_turn_are_one_step_after_the_other():
    first = learner(optimizers.sgd(0.05))
    second = Learner(mlp(), losses.absolute_error(3), optimizers.momentum(0.01))
    both = first >> second
    state = both.init(0)
    after, (one, two) = compile(both, donate=())(state, X, Y, X, Y)
    middle, expected_one = compile(first, donate=())(first.start(state.params), X, Y)
    final, expected_two = compile(second, donate=())(State(middle.params, second.init(0).memory), X, Y)
    close((after.params, one, two), (final.params, expected_one, expected_two))
    close(after.memory, final.memory)


def test_the_memory_of_several_objectives_is_named_however_they_are_put_together():
    one = learner(optimizers.momentum(0.01))
    left, right = (one >> one) >> one, one >> (one >> one)
    assert [p for p, _ in left.entries] == [p for p, _ in right.entries]
    assert left.entries[-5][0][1].endswith("_2")


def test_learners_of_different_parameters_do_not_take_turns():
    with pytest.raises(ParameterError, match="train different parameters: dense/w"):
        learner() >> Learner(nn.dense(4, 3), losses.squared_error(3), optimizers.sgd(0.1))


def test_a_loss_that_is_no_number_is_refused():
    with pytest.raises(DerivativeError, match=r"the loss is R\(3\), and a learner descends along one real number"):
        Learner(mlp(), from_jax(lambda y, t: y - t, R(3), R(3)), optimizers.sgd(0.1))


def test_a_loss_that_does_not_fit_the_model_is_refused():
    with pytest.raises(CompositionError, match=r"the model gives R\(3\) but the loss takes R\(5\)"):
        Learner(mlp(), losses.squared_error(5), optimizers.sgd(0.1))


def test_a_step_size_is_applied_in_one_place():
    with pytest.raises(ParameterError, match=r"step size of its own, so the rate is -1.0 or 1.0, not -0.1"):
        learner(optimizers.adam(1e-2), rate=-0.1)
    with pytest.raises(ParameterError, match=r"gradient has no step size: give the learner a rate"):
        learner(optimizers.gradient())


def test_an_integer_parameter_is_refused_by_its_path():
    table = Para(from_jax(lambda x, i: x * i.astype(x.dtype), R(3), Z(3)), {"table": Param(Z(3), "zeros")})
    with pytest.raises(ParameterError, match="table"):
        Learner(table, losses.squared_error(3), optimizers.sgd(0.1))


def test_a_loss_with_parameters_is_refused():
    with pytest.raises(ParameterError, match="belong to the model"):
        Learner(mlp(), nn.dense(3, 1), optimizers.sgd(0.1))


def test_an_epoch_is_batched_before():
    with pytest.raises(CompositionError, match=r"write learner.batch\(4\).epoch"):
        learner().epoch(3).batch(4)


def test_the_rate_cap_is_a_lens_that_lets_the_loss_out():
    cap = rate_cap(-0.1, R())
    assert cap.get == Diagram.id(R()) and cap.cod.back == Ty()
    assert float(callable_of(cap.put)(jnp.float32(7.0))[0]) == np.float32(-0.1)


def test_a_loss_of_integers_is_refused():
    with pytest.raises(DerivativeError, match=r"the loss is Z\(\), which has no cotangent"):
        Learner(mlp(), from_jax(lambda y, t: (y > t).sum(), R(3), R(3)), optimizers.sgd(0.1))


def test_a_model_of_integers_is_refused():
    with pytest.raises(DerivativeError, match="nothing can be learned"):
        Learner(
            nn.dense(4, 3) >> from_jax(jnp.argmax, R(3)),
            from_jax(lambda y: y.astype("float32"), Z()),
            optimizers.sgd(0.1),
        )


def test_a_state_that_was_donated_says_so():
    one = learner()
    state, step = one.init(0), compile(one)
    step(state, X[0], Y[0])
    with pytest.raises(InputError, match="go on from the state that the step returned"):
        step(state, X[0], Y[0])


@pytest.mark.parametrize("n", [-1, 2.5])
def test_an_epoch_has_a_number_of_steps(n):
    with pytest.raises(CompositionError, match="number of steps"):
        learner().epoch(n)


def test_a_clipping_alone_takes_no_step():
    with pytest.raises(CompositionError, match=r"clip\(1.0\) >> sgd"):
        learner(optimizers.clip(1.0))


def test_a_learner_can_be_made_while_jax_traces():
    params = mlp().init(0)

    @jax.jit
    def stepped(params, x, y):
        one = learner()
        return to_jax(one.para)({"params": params}, x, y)[-1]

    assert stepped(params, X[0], Y[0]).shape == ()


def test_what_is_no_diagram_is_told_where_the_step_is():
    with pytest.raises(CompositionError, match=r"its step is the model learner\.para"):
        reverse(learner())


# -- a learner is a record -----------------------------------------------------------------------------------------


def regression(loss, rate):
    return Learner(nn.dense(3, 2), loss, optimizers.sgd(rate))


def test_a_learner_does_not_change():
    one = regression(losses.squared_error(2), 0.1)
    with pytest.raises(AttributeError):
        one.step = None


def test_two_objectives_in_turn_have_the_models_losses_and_lens_of_both():
    a, b = regression(losses.squared_error(2), 0.1), regression(losses.absolute_error(2), 0.5)
    both = a >> b
    assert both.loss == a.loss @ b.loss and both.optimizer == (a.optimizer, b.optimizer)
    assert both.model == (a.model @ b.model).tie("dense", "dense_1")
    x, t, y, u = (np.float32(np.random.default_rng(i).normal(size=n)) for i, n in enumerate((3, 2, 3, 2)))
    state = both.init(0)
    flat = [*jax.tree.leaves(state.memory), *both.model.flat(state.params)]
    stepped = to_jax(both.step)(*flat, x, t, y, u)
    back = to_jax(both.lens.both)(x, t, y, u, *flat)
    for got, expected in zip(back, [*stepped[len(flat) :], *stepped[: len(flat)]], strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("make", [lambda a: a.epoch(3), lambda a: a.batch(2), lambda a: a >> a])
def test_the_lens_of_a_learner_made_of_others_is_its_step(make):
    one = regression(losses.squared_error(2), 0.1)
    made = make(one)
    n = len(made.entries)
    assert len(made.lens.cod) == len(made.step.cod) - n and made.lens.dom.back == made.step.dom[:n]
    assert made.lens != one.lens
