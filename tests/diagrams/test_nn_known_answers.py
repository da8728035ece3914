"""Every layer against the layer of Equinox or Flax with the same weights, in value and in derivative."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from paralens import R, Z, nn, to_jax


def draw(ty, seed=0):
    """Random arrays for the wires of a type."""
    rng = np.random.default_rng(seed)
    made = {
        "R": lambda w: jnp.asarray(rng.normal(size=w.shape), w.dtype),
        "Z": lambda w: jnp.asarray(rng.integers(0, 5, size=w.shape), w.dtype),
        "B": lambda w: jnp.asarray(rng.random(w.shape) < 0.7),
    }
    return [made[w.kind](w) for w in ty.inside]


def run(layer):
    """The layer as a compiled function of its parameters and data."""
    return jax.jit(to_jax(layer))


def weighted(layer, seed=7):
    """Random parameters, none of them at its initial zero or one."""
    return layer.nest(draw(layer.weight, seed))


def close(one, other, rtol=2e-5):
    np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)


def theirs(function, *args):
    """A call of another library, some of which promote dtypes and ranks."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return function(*args)


def put(module, **arrays):
    """A Flax module with these arrays for its parameters, of whatever shape of the same size."""
    for name, value in arrays.items():
        old = getattr(module, name)
        old[...] = jnp.reshape(value, old[...].shape)
    return module


def key():
    return nnx.Rngs(0)


# -- affine ------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
def test_dense_is_the_linear_layer_of_equinox(bias):
    layer = nn.dense(5, 3, bias=bias)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    linear = eqx.nn.Linear(5, 3, use_bias=bias, key=jax.random.key(0))
    linear = eqx.tree_at(lambda m: m.weight, linear, p["dense"]["w"].T)
    if bias:
        linear = eqx.tree_at(lambda m: m.bias, linear, p["dense"]["b"])
    close(run(layer)(p, x), linear(x))


def test_dense_on_a_sequence_is_the_linear_layer_of_flax():
    layer = nn.dense(R(2, 7, 5), 3)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    linear = put(nnx.Linear(5, 3, rngs=key()), kernel=p["dense"]["w"], bias=p["dense"]["b"])
    close(run(layer)(p, x), theirs(linear, x))


def test_bias_adds_along_the_last_axis():
    layer = nn.bias(R(4, 3))
    p = weighted(layer)
    (x,) = draw(layer.dom)
    close(run(layer)(p, x), np.asarray(x) + np.asarray(p["bias"]["b"]))


def test_embedding_is_that_of_flax():
    layer = nn.embedding(Z(2, 6), 5, 4)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    table = put(nnx.Embed(5, 4, rngs=key()), embedding=p["embedding"]["w"])
    close(run(layer)(p, x), theirs(table, x))


def test_an_embedding_gives_nan_outside_of_its_rows():
    layer = nn.embedding(2, 5, 4)
    y = run(layer)(weighted(layer), jnp.asarray([4, 5], jnp.int32))
    assert np.isfinite(y[0]).all() and np.isnan(y[1]).all()


def test_position_embedding_adds_its_parameter():
    layer = nn.position_embedding(R(4, 3))
    p = weighted(layer)
    (x,) = draw(layer.dom)
    close(run(layer)(p, x), x + p["position_embedding"]["w"])


# -- windows -----------------------------------------------------------------------------------

PLANES = [
    (1, "SAME", 1, 1),
    (2, "SAME", 1, 2),
    ((2, 3), "VALID", 1, 1),
    (2, 1, (1, 2), 4),
    (1, ((1, 2), (0, 3)), 2, 2),
    ((3, 1), ((0, 0), (2, 1)), 1, 1),
]


@pytest.mark.parametrize("stride, padding, dilation, groups", PLANES)
def test_conv2d_is_that_of_flax(stride, padding, dilation, groups):
    layer = nn.conv2d(R(9, 8, 4), 8, (3, 2), stride=stride, padding=padding, dilation=dilation, groups=groups)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    options = {"strides": stride, "padding": padding, "kernel_dilation": dilation, "feature_group_count": groups}
    conv = put(nnx.Conv(4, 8, (3, 2), **options, rngs=key()), kernel=p["conv2d"]["w"], bias=p["conv2d"]["b"])
    y = theirs(nnx.jit(nnx.Conv.__call__), conv, x[None])[0]
    assert layer.cod == R(*y.shape)
    close(run(layer)(p, x), y)


@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, "SAME", 1, 1), (3, ((2, 1),), 2, 2)])
def test_conv1d_is_that_of_equinox(stride, padding, dilation, groups):
    layer = nn.conv1d(R(17, 4), 6, 5, stride=stride, padding=padding, dilation=dilation, groups=groups)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    conv = eqx.nn.Conv1d(4, 6, 5, stride, padding, dilation, groups, key=jax.random.key(0))
    weights = p["conv1d"]["w"].transpose(2, 1, 0), p["conv1d"]["b"][:, None]
    conv = eqx.tree_at(lambda m: (m.weight, m.bias), conv, weights)
    close(run(layer)(p, x), theirs(conv, x.T).T)


def test_a_convolution_without_bias_is_linear():
    layer = nn.conv2d(R(5, 5, 2), 3, 3, bias=False)
    (x,), p = draw(layer.dom), weighted(layer)
    f = run(layer)
    close(f(p, 2.0 * x), 2.0 * f(p, x))
    assert layer.paths == ("conv2d/w",)


POOLS = [(R(9, 8, 3), 2, None), (R(9, 8, 3), (3, 2), 1), (R(9, 8, 3), 3, (2, 1)), (R(11, 3), 3, 2), (R(11, 3), 2, None)]


@pytest.mark.parametrize("ty, window, stride", POOLS)
@pytest.mark.parametrize("padding", ["SAME", "VALID", 1])
def test_pooling_is_that_of_flax(ty, window, stride, padding):
    (x,) = draw(ty)
    n = x.ndim - 1
    sizes = (window,) * n if isinstance(window, int) else window
    strides = sizes if stride is None else (stride,) * n if isinstance(stride, int) else stride
    pads = padding if isinstance(padding, str) else ((padding, padding),) * n
    for ours, flax in ((nn.max_pool, nnx.max_pool), (nn.avg_pool, nnx.avg_pool)):
        layer = ours(ty, window, stride=stride, padding=padding)
        y = theirs(lambda a, flax=flax: flax(a[None], sizes, strides, pads)[0], x)
        assert layer.cod == R(*y.shape) and not layer.paths
        close(run(layer)({}, x), y)


@pytest.mark.parametrize("ty", [R(3), R(5, 3), R(4, 6, 3)])
def test_global_average_pooling_keeps_the_channels(ty):
    (x,) = draw(ty)
    layer = nn.global_avg_pool(ty)
    close(run(layer)({}, x), np.asarray(x).reshape(-1, 3).mean(0))


# -- norms -------------------------------------------------------------------------------------


@pytest.mark.parametrize("ty", [R(8), R(5, 8)])
@pytest.mark.parametrize("epsilon", [1e-6, 1e-2])
def test_layer_and_rms_norm_are_those_of_flax(ty, epsilon):
    layer, rms = nn.layer_norm(ty, epsilon=epsilon), nn.rms_norm(ty, epsilon=epsilon)
    p, q = weighted(layer), weighted(rms)
    (x,) = draw(ty)
    x = 3.0 * x + 1.0
    flax = put(nnx.LayerNorm(8, epsilon=epsilon, rngs=key()), **p["layer_norm"])
    close(run(layer)(p, x), theirs(flax, x))
    flax = put(nnx.RMSNorm(8, epsilon=epsilon, rngs=key()), **q["rms_norm"])
    close(run(rms)(q, x), theirs(flax, x))


@pytest.mark.parametrize("ty, groups", [(R(8), 2), (R(5, 8), 8), (R(3, 4, 8), 4)])
def test_group_norm_is_that_of_equinox(ty, groups):
    layer = nn.group_norm(ty, groups, epsilon=1e-5)
    p = weighted(layer)
    (x,) = draw(ty)
    norm = eqx.nn.GroupNorm(groups, 8, eps=1e-5)
    norm = eqx.tree_at(lambda m: (m.weight, m.bias), norm, tuple(p["group_norm"].values()))
    close(run(layer)(p, x), jnp.moveaxis(theirs(norm, jnp.moveaxis(x, -1, 0)), 0, -1), rtol=1e-4)


def test_norms_of_large_means_do_not_cancel():
    layer = nn.layer_norm(64)
    (x,) = draw(layer.dom)
    exact = np.asarray(x, np.float64)
    exact = (exact - exact.mean()) / exact.std()
    close(run(layer)(layer.init(0), x + 1e3), exact, rtol=1e-2)


# -- attention ---------------------------------------------------------------------------------


def flax_attention(p, heads, width, features, source):
    attention = nnx.MultiHeadAttention(
        heads, features, width, in_kv_features=source, out_features=features, decode=False, rngs=key()
    )
    for name in ("query", "key", "value", "out"):
        put(getattr(attention, name), kernel=p[name]["w"], bias=p[name]["b"])
    return attention


@pytest.mark.parametrize(
    "causal, mask, context, width",
    [
        (False, False, None, None),
        (True, False, None, 12),
        (False, True, None, None),
        (True, True, None, None),
        (False, False, R(7, 6), None),
        (False, True, R(7, 6), 12),
    ],
)
def test_attention_is_that_of_flax(causal, mask, context, width):
    layer = nn.multi_head_attention(R(5, 8), 2, context=context, causal=causal, mask=mask, width=width)
    p = weighted(layer)
    values = draw(layer.dom)
    x, source = values[0], values[1 if context is not None else 0]
    looks = np.array(values[-1]) if mask else np.ones((5, source.shape[0]), bool)
    if mask:
        looks[:, 0] = True  # a query that may look nowhere has no answer
        values[-1] = jnp.asarray(looks)
    looks = np.tril(looks) if causal else looks
    flax = flax_attention(p["attention"], 2, width or 8, 8, source.shape[-1])
    attend = nnx.jit(lambda m, x, s: m(x, s, mask=jnp.asarray(looks)))
    close(run(layer)(p, *values), theirs(attend, flax, x, source))


def test_attention_is_that_of_equinox():
    layer = nn.multi_head_attention(R(5, 8), 2, bias=False)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    attention = eqx.nn.MultiheadAttention(2, 8, key=jax.random.key(0))
    own = [p["attention"][n]["w"].T for n in ("query", "key", "value", "out")]
    attention = eqx.tree_at(
        lambda m: [m.query_proj.weight, m.key_proj.weight, m.value_proj.weight, m.output_proj.weight], attention, own
    )
    close(run(layer)(p, x), theirs(lambda: attention(x, x, x)))


class FlaxBlock(nnx.Module):
    """A pre-norm block, as one writes it in Flax."""

    def __init__(self, p):
        self.norm = put(nnx.LayerNorm(8, rngs=key()), **p["layer_norm"])
        self.attention = flax_attention(p["attention"], 2, 8, 8, 8)
        self.norm_1 = put(nnx.LayerNorm(8, rngs=key()), **p["layer_norm_1"])
        self.wide = put(nnx.Linear(8, 32, rngs=key()), kernel=p["mlp"]["dense"]["w"], bias=p["mlp"]["dense"]["b"])
        self.back = put(nnx.Linear(32, 8, rngs=key()), kernel=p["mlp"]["dense_1"]["w"], bias=p["mlp"]["dense_1"]["b"])

    def __call__(self, x):
        x = x + self.attention(self.norm(x), mask=nnx.make_causal_mask(jnp.ones(x.shape[0])))
        return x + self.back(jax.nn.gelu(self.wide(self.norm_1(x))))


def test_the_transformer_block_has_the_values_and_gradients_of_one_written_in_flax():
    layer = nn.transformer_block(R(5, 8), 2, causal=True)
    p = weighted(layer)
    (x,) = draw(layer.dom)
    flax = FlaxBlock(p["block"])
    close(run(layer)(p, x), theirs(nnx.jit(FlaxBlock.__call__), flax, x), rtol=1e-4)

    ours, dx = jax.jit(jax.grad(lambda p, x: jnp.sum(jnp.sin(to_jax(layer)(p, x))), (0, 1)))(p, x)
    found, flax_dx = theirs(nnx.jit(nnx.grad(lambda m, x: jnp.sum(jnp.sin(m(x))), argnums=(0, 1))), flax, x)
    ours = ours["block"]
    close(dx, flax_dx, rtol=1e-3)
    close(ours["layer_norm"]["scale"], found["norm"]["scale"][...], rtol=1e-3)
    close(ours["mlp"]["dense_1"]["w"], found["back"]["kernel"][...], rtol=1e-3)
    for name in ("query", "key", "value", "out"):
        theirs_w = found["attention"][name]["kernel"][...].reshape(8, 8)
        close(ours["attention"][name]["w"], theirs_w, rtol=1e-3)


def test_a_small_convolutional_net_has_the_gradients_of_one_written_in_equinox():
    model = nn.sequential(R(6, 6, 1), lambda t: nn.conv2d(t, 3, 3), nn.relu, nn.max_pool, nn.flatten, nn.dense(27, 4))
    p = weighted(model)
    (x,) = draw(model.dom)

    def written(weights, x):
        w, b, v, c = weights
        y = jax.lax.conv_general_dilated(x[None], w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        y = eqx.nn.MaxPool2d(2, 2)(jax.nn.relu(y[0] + b).transpose(2, 0, 1)).transpose(1, 2, 0)
        return jnp.sum(jnp.sin(y.ravel() @ v + c))

    ours = jax.jit(jax.grad(lambda p: jnp.sum(jnp.sin(to_jax(model)(p, x)))))(p)
    expected = theirs(jax.jit(jax.grad(written)), tuple(model.flat(p)), x)
    for one, other in zip(model.flat(ours), expected, strict=True):
        close(one, other, rtol=1e-4)
