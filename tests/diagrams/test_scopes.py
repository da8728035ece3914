"""The names that programs already have: scopes of JAX and modules as closed boxes."""

from collections import Counter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from paralens import (
    Diagram,
    R,
    check,
    compile,
    draw,
    from_jax,
    nn,
    reverse,
    simplify,
    source,
    summary,
    symbolic,
    to_jax,
)
from paralens.diagrams.tracing.scopes import scopes_of

X = jnp.array([0.5, -1.0, 2.0])


def block(x, w):
    with jax.named_scope("dense"):
        y = x @ w
    with jax.named_scope("act"):
        return jnp.tanh(y) * 2.0


def tower(x, ws):
    for i, w in enumerate(ws):
        with jax.named_scope(f"block_{i}"):
            x = x + block(x, w)
    return x.sum()


WS = [jnp.eye(3) * (i + 1) / 3 for i in range(4)]


def random_program(seed):
    """A program of twelve steps in random scopes, some nested, which reads and reads again what it made before."""
    rng = np.random.default_rng(seed)
    steps = [(rng.integers(0, 3, rng.integers(0, 3)), rng.integers(0, 4), rng.integers(0, 99, 2)) for _ in range(12)]

    def f(x, y):
        made = [x, y]
        for scopes, op, at in steps:
            a, b = (made[i % len(made)] for i in at)
            with jax.named_scope("/".join(f"s{i}" for i in scopes) or "s"):
                made.append((a + b, a * 0.5, jnp.sin(b), jax.nn.relu(a) - b)[op])
        return sum(made[-3:])

    return f


def kinds(d):
    """How many boxes of each name there are in a diagram, opened and in normal form."""
    return Counter(box.name for box in Diagram.of_graph(d.open(depth=6).normal).boxes)


@pytest.mark.parametrize("seed", range(12))
def test_closing_scopes_keeps_the_program(seed):
    f = random_program(seed)
    d, flat = from_jax(f, R(3), R(3)), from_jax(f, R(3), R(3), scopes=False)
    assert d.open(depth=5) == flat.open(depth=5)
    np.testing.assert_array_equal(to_jax(d)(X, X + 1), f(X, X + 1))
    one = jnp.ones(3)
    expected = jax.vjp(f, X, X + 1)[1](one)
    for g, e in zip(to_jax(reverse(d))(X, X + 1, one), expected, strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-6)
    if seed < 3:
        assert compile(d).cost() == compile(flat).cost()
        assert kinds(reverse(d)) == kinds(reverse(flat))


def test_scopes_nest_and_equal_blocks_are_one_definition():
    d = from_jax(tower, R(3), [R(3, 3)] * 4)
    assert d.graph.names() == ["block_0", "block_1", "block_2", "block_3", "reduce_sum"]
    assert len({id(d.at(f"block_{i}").definition) for i in range(4)}) == 1
    assert d.at("block_2").definition.graph.names() == ["dense", "act", "add"]
    assert d.at("block_2").dom == R(3) @ R(3, 3)
    assert [b.name for b in d.at("block_1/act").definition.boxes] == ["tanh", "2.0", "mul"]
    back = reverse(d)
    assert [b.name for b in back.boxes if b.name.startswith("R[block")] == [f"R[block_{i}]" for i in (3, 2, 1, 0)]
    assert len({id(b.definition) for b in back.boxes if b.name in ("R[block_1]", "R[block_2]")}) == 1
    gradient = to_jax(back)(X, *WS, 1.0)
    for g, e in zip(gradient, jax.tree.leaves(jax.grad(tower, argnums=(0, 1))(X, WS)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-5)


def test_a_scope_that_is_entered_twice_gives_two_boxes_and_no_cycle():
    def f(x):
        with jax.named_scope("a"):
            y = jnp.sin(x)
        with jax.named_scope("b"):
            z = jnp.cos(y)
        with jax.named_scope("a"):
            return y * z

    d = from_jax(lambda x: f(x) + x, R(3))
    assert d.graph.names() == ["a", "b", "a_1", "add"]
    np.testing.assert_allclose(to_jax(d)(X), f(X) + X, rtol=1e-6)


def test_a_scope_around_the_whole_program_or_a_body_is_the_diagram_itself():
    whole = jax.named_call(lambda x: jnp.sin(x) + 1.0, name="whole")
    assert from_jax(whole, R(3)).graph.names() == ["sin", "1.0", "add"]

    def step(c, w):
        with jax.named_scope("cell"):
            return block(c, w), None

    d = from_jax(lambda x, ws: jax.lax.scan(step, x, ws)[0], R(3), R(4, 3, 3))
    assert d.at("scan").bodies["body"].graph.names() == ["dense", "act"]
    np.testing.assert_allclose(to_jax(d)(X, jnp.stack(WS)), jax.lax.scan(step, X, jnp.stack(WS))[0], rtol=1e-6)


def test_scopes_of_transformations_and_of_einsum():
    assert scopes_of("") == () and scopes_of("a/b") == ("a", "b") and scopes_of("vmap(a)/vmap()/b") == ("a", "b")
    assert scopes_of("transpose(jvp(a))/b/i,i->") == ("transpose(jvp(a))", "b") and scopes_of("jvp()") == ()
    d = from_jax(lambda x, w: jnp.einsum("i,ij->j", x, w), R(3), R(3, 4))
    assert d.graph.names() == ["dot_general"]
    batched = from_jax(jax.vmap(tower, (0, None)), R(5, 3), [R(3, 3)] * 2)
    assert batched.graph.names() == ["block_0", "block_1", "reduce_sum"]
    gradient = from_jax(jax.grad(tower), R(3), [R(3, 3)] * 2)
    assert {"jvp(block_0)", "transpose(jvp(block_1))"} <= set(gradient.graph.names())
    np.testing.assert_allclose(to_jax(gradient)(X, *WS[:2]), jax.grad(tower)(X, WS[:2]), rtol=1e-6)


def test_arrays_that_a_program_closes_over_stay_outside_of_its_scopes():
    def f(x):
        for _ in range(2):
            with jax.named_scope("layer"):
                x = jax.nn.relu(x @ WS[0])
        with jax.named_scope("last"):
            return x + 1.0

    d = from_jax(f, R(3))
    assert d.graph.names()[0] == "constant" and d.graph.names()[1:] == ["layer", "last"]
    np.testing.assert_allclose(to_jax(d)(X), f(X), rtol=1e-6)
    np.testing.assert_allclose(to_jax(reverse(d))(X, jnp.ones(3)), jax.vjp(f, X)[1](jnp.ones(3))[0], rtol=1e-6)


def test_other_functors_take_closed_scopes_as_any_closed_box():
    d = from_jax(jax.grad(lambda x: tower(x, WS[:1])), R(3))
    x = np.asarray(X)
    np.testing.assert_allclose(source(d).function()(x), to_jax(d)(x), rtol=1e-6)
    np.testing.assert_allclose(to_jax(simplify(d))(x), to_jax(d)(x), rtol=1e-6)
    plain = from_jax(tower, R(3), [R(3, 3)])
    assert check(plain, X, WS[0], effort="quick").ok
    np.testing.assert_allclose(symbolic(plain).lambdify()(X, WS[0]), tower(X, WS[:1]), rtol=1e-6)


class Block(nnx.Module):
    def __init__(self, rngs):
        self.norm, self.up = nnx.LayerNorm(8, rngs=rngs), nnx.Linear(8, 16, rngs=rngs)
        self.down = nnx.Linear(16, 8, rngs=rngs)

    def __call__(self, x):
        return x + self.down(nnx.relu(self.up(self.norm(x))))


class GPT(nnx.Module):
    def __init__(self, rngs):
        self.embed, self.head = nnx.Embed(11, 8, rngs=rngs), nnx.Linear(8, 11, rngs=rngs)
        self.blocks = nnx.List([Block(rngs) for _ in range(3)])

    def __call__(self, t):
        x = self.embed(t)
        for b in self.blocks:
            x = b(x)
        return self.head(x)


def imported(module, *examples):
    graph, state = nnx.split(module)
    return from_jax(lambda s, *xs: nnx.merge(graph, s)(*xs), *examples, params=state)


def test_modules_of_flax_nnx_are_boxes_named_by_their_place():
    module, t = GPT(nnx.Rngs(0)), jnp.arange(5)
    before = GPT.__call__
    model = imported(module, t)
    assert GPT.__call__ is before
    assert model.arrow.graph.names() == ["embed", "blocks.0", "blocks.1", "blocks.2", "head"]
    assert model.arrow.at("blocks.1").definition.graph.names() == ["norm", "up", "relu", "down", "add"]
    assert model.paths == imported(module, t).paths and "blocks/1/up/kernel" in model.paths
    assert model.at("blocks.1/up").paths == ("up/bias", "up/kernel")
    np.testing.assert_allclose(compile(model)(model.init(0), t), module(t), rtol=1e-5, atol=1e-6)
    rows = summary(model).rows
    listed = {path: sum(a.size for a in jax.tree.leaves(nnx.state(part))) for path, part in (
        ("embed", module.embed), ("blocks.0", module.blocks[0]), ("blocks.1", module.blocks[1]),
        ("blocks.2", module.blocks[2]), ("head", module.head),
    )}  # fmt: skip
    assert {row.path: row.parameters for row in rows} == listed
    assert all(f">{name}<" in draw(model).svg for name in listed)


def test_surgery_on_an_imported_model_keeps_the_names_of_its_tree():
    module, t = GPT(nnx.Rngs(0)), jnp.arange(5)
    model = imported(module, t)
    wider = model.replace("head", nn.dense(R(5, 8), 3).named("head"))
    assert wider.cod == R(5, 3) and set(wider.paths) == set(model.paths) - {"head/bias", "head/kernel"} | {
        "head/w", "head/b",
    }  # fmt: skip
    inner = model.replace("blocks.1/relu", nn.layer_norm(R(5, 16)))
    assert set(inner.paths) - set(model.paths) == {"blocks/1/layer_norm/scale", "blocks/1/layer_norm/bias"}
    params = model.init(0)
    swapped = model.replace("blocks.1/relu", nn.tanh(R(5, 16)))
    assert swapped.paths == model.paths
    module.blocks[1].__class__ = type("Other", (Block,), {
        "__call__": lambda self, x: x + self.down(jnp.tanh(self.up(self.norm(x))))
    })  # fmt: skip
    np.testing.assert_allclose(compile(swapped)(params, t), module(t), rtol=1e-5, atol=1e-6)


def test_modules_of_nnx_in_containers_and_without_a_root():
    net = nnx.Sequential(nnx.Linear(3, 4, rngs=nnx.Rngs(0)), nnx.relu, nnx.Linear(4, 2, rngs=nnx.Rngs(1)))
    assert imported(net, R(5, 3)).arrow.graph.names() == ["layers.0", "relu", "layers.2"]
    first, last = net.layers[0], net.layers[2]
    alone = from_jax(lambda x: last(jnp.tanh(first(x))), R(5, 3))
    assert [name for name in alone.graph.names() if "constant" not in name] == ["Linear", "tanh", "Linear_1"]
    assert from_jax(net, R(5, 3), scopes=False).graph.names().count("dot_general") == 1

    with pytest.raises(TypeError):
        from_jax(lambda x: first(x, x), R(5, 3))
    assert not hasattr(nnx.Linear.__call__, "__wrapped__")


def test_modules_of_equinox_are_boxes_named_by_their_kind():
    mlp = eqx.nn.MLP(3, 2, 4, 2, key=jax.random.key(0))
    arrays, rest = eqx.partition(mlp, eqx.is_array)
    model = from_jax(lambda p, x: jax.vmap(eqx.combine(p, rest))(x), R(5, 3), params=arrays)
    names = model.arrow.graph.names()
    assert [n for n in names if "Linear" in n] == ["eqx.nn.Linear", "eqx.nn.Linear_1", "eqx.nn.Linear_2"]
    assert model.at("eqx.nn.Linear_1").n_params == 2
    x = jnp.ones((5, 3))
    np.testing.assert_allclose(compile(model)(model.init(0), x), jax.vmap(mlp)(x), rtol=1e-6)
