"""Networks, their losses and their training; each a function with its arguments, in single precision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax, nn

from .records import Built, dense, layer, normal


def autoencoder() -> Built:
    """The bound of a variational autoencoder on binary images, with its random numbers."""

    def loss(p, x, key):
        h = nn.relu(dense(p["in"], x))
        mean, spread = jnp.split(dense(p["code"], h), 2, axis=-1)
        z = mean + jnp.exp(0.5 * spread) * jax.random.normal(key, mean.shape)
        logits = dense(p["out"], jnp.tanh(dense(p["up"], z)))
        like = jnp.sum(x * nn.log_sigmoid(logits) + (1 - x) * nn.log_sigmoid(-logits), -1)
        extra = 0.5 * jnp.sum(jnp.exp(spread) + mean**2 - 1 - spread, -1)
        return jnp.mean(extra - like)

    p = {"in": layer(12, 8), "code": layer(8, 6, 2), "up": layer(3, 8, 4), "out": layer(8, 12, 6)}
    x = jnp.asarray(normal(5, 12, seed=9) > 0, "float32")
    return loss, (p, x, jax.random.key(1))


def adversaries() -> Built:
    """The two losses of a generator and a critic of small images, convolutions both ways."""
    kinds = ("NHWC", "HWIO", "NHWC")

    def generate(p, z):
        x = nn.relu(dense(p["seed"], z).reshape(-1, 4, 4, 3))
        return jnp.tanh(lax.conv_transpose(x, p["up"], (2, 2), "SAME"))

    def judge(p, x):
        h = nn.leaky_relu(lax.conv_general_dilated(x, p["down"], (2, 2), "SAME", dimension_numbers=kinds), 0.2)
        return dense(p["head"], h.reshape(len(x), -1))[:, 0]

    def losses(g, d, z, x):
        fake = generate(g, z)
        real, false = judge(d, x), judge(d, lax.stop_gradient(fake))
        critic = jnp.mean(nn.softplus(-real)) + jnp.mean(nn.softplus(false))
        return jnp.mean(nn.softplus(-judge(lax.stop_gradient(d), fake))), critic

    g = {"seed": layer(5, 48), "up": normal(3, 3, 3, 1, seed=2, scale=0.3)}
    d = {"down": normal(3, 3, 1, 4, seed=3, scale=0.3), "head": layer(64, 1, 4)}
    return losses, (g, d, normal(2, 5, seed=5), normal(2, 8, 8, 1, seed=6))


def meta_learning() -> Built:
    """The loss after two steps of gradient descent, for each of some tasks."""

    def net(p, x):
        return dense(p["out"], jnp.tanh(dense(p["in"], x)))

    def loss(p, x, y):
        return jnp.mean((net(p, x) - y) ** 2)

    def after(p, rate, xs, ys, xt, yt):
        def task(xs, ys, xt, yt):
            q = p
            for _ in range(2):
                q = jax.tree.map(lambda a, g: a - rate * g, q, jax.grad(loss)(q, xs, ys))
            return loss(q, xt, yt)

        return jnp.mean(jax.vmap(task)(xs, ys, xt, yt))

    p = {"in": layer(1, 6), "out": layer(6, 1, 2)}
    return after, (p, jnp.float32(0.1), *(normal(3, 4, 1, seed=s) for s in (4, 5, 6, 7)))


def flow() -> Built:
    """The log density of points under couplings that alternate the half that they move."""

    def log_density(params, x):
        total = jnp.zeros(len(x))
        for k, p in enumerate(params):
            a, b = jnp.split(x if k % 2 else x[:, ::-1], 2, axis=-1)
            shift, scale = jnp.split(dense(p["out"], nn.relu(dense(p["in"], a))), 2, axis=-1)
            scale = jnp.tanh(scale)
            x = jnp.concatenate([a, (b - shift) * jnp.exp(-scale)], -1)
            total = total - jnp.sum(scale, -1)
        return total - 0.5 * jnp.sum(x**2 + jnp.log(2 * jnp.pi), -1)

    params = [{"in": layer(2, 8, 4 * k), "out": layer(8, 4, 4 * k + 2)} for k in range(3)]
    return log_density, (params, normal(5, 4, seed=20))


def long_short_memory() -> Built:
    """The loss of the next symbol under a cell with gates, in a loop over embedded symbols."""

    def loss(p, symbols):
        xs = p["table"][symbols]

        def step(state, x):
            h, c = state
            i, f, g, o = jnp.split(dense(p["gates"], jnp.concatenate([x, h])), 4)
            c = nn.sigmoid(f + 1) * c + nn.sigmoid(i) * jnp.tanh(g)
            h = nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), dense(p["out"], h)

        _, logits = lax.scan(step, (jnp.zeros(4), jnp.zeros(4)), xs[:-1])
        return -jnp.mean(jnp.take_along_axis(nn.log_softmax(logits), symbols[1:, None], axis=1))

    p = {"table": normal(6, 3), "gates": layer(7, 16, 1), "out": layer(4, 6, 3)}
    return loss, (p, jnp.asarray([0, 2, 5, 1, 1, 3, 4], "int32"))


def graph_network() -> Built:
    """Two rounds of messages on a graph with attention along its edges, and a mean for each of its parts."""

    def run(p, nodes, edges, senders, receivers, part):
        n = len(nodes)
        for w in (p["first"], p["second"]):
            h = dense(w, nodes)
            score = nn.leaky_relu(jnp.sum(h[senders] * h[receivers], -1) + edges)
            score = jnp.exp(score - jax.ops.segment_max(score, receivers, n)[receivers])
            share = score / jax.ops.segment_sum(score, receivers, n)[receivers]
            nodes = nn.elu(jax.ops.segment_sum(share[:, None] * h[senders], receivers, n))
        return jax.ops.segment_sum(nodes, part, 2) / jax.ops.segment_sum(jnp.ones(n), part, 2)[:, None]

    places = ([0, 1, 2, 3, 4, 1, 3, 0], [1, 2, 0, 4, 3, 1, 0, 2], [0, 0, 0, 1, 1])
    return run, (
        {"first": layer(3, 4), "second": layer(4, 4, 2)},
        normal(5, 3, seed=5),
        normal(8, seed=6),
        *map(_whole, places),
    )


def _whole(numbers):
    return jnp.asarray(numbers, "int32")


def linear_attention() -> Built:
    """Causal attention by positive random features, whose sums run along the sequence."""

    def attend(q, k, v, features):
        def phi(x):
            x = x / x.shape[-1] ** 0.25
            return jnp.exp(x @ features - 0.5 * jnp.sum(x * x, -1, keepdims=True) - 1.0) + 1e-4

        def step(sums, qkv):
            q, k, v = qkv
            s, n = sums[0] + jnp.outer(k, v), sums[1] + k
            return (s, n), q @ s / (q @ n)

        start = (jnp.zeros((8, v.shape[-1])), jnp.zeros(8))
        return lax.scan(step, start, (phi(q), phi(k), v))[1]

    return attend, (normal(6, 4), normal(6, 4, seed=1), normal(6, 3, seed=2), normal(4, 8, seed=3))


def experts() -> Built:
    """Tokens sent to the best two of four experts that have room, with the loss that balances them."""

    def run(p, x):
        share = nn.softmax(x @ p["gate"])
        best, which = lax.top_k(share, 2)
        sent = nn.one_hot(which, 4)
        place = (jnp.cumsum(sent.reshape(-1, 4), 0) - 1).reshape(sent.shape) * sent
        room = sent * (place < 3)
        slots = jnp.einsum("tke,tkec->tec", room * best[..., None], nn.one_hot(place.astype("int32"), 3))
        taken = jnp.einsum("tec,td->ecd", (slots > 0).astype(x.dtype), x)
        made = jnp.einsum("ech,ehd->ecd", nn.gelu(jnp.einsum("ecd,edh->ech", taken, p["in"])), p["out"])
        balance = 4 * jnp.sum(jnp.mean(share, 0) * jnp.mean(sent[:, 0], 0))
        return jnp.einsum("tec,ecd->td", slots, made), balance

    p = {"gate": normal(3, 4), "in": normal(4, 3, 5, seed=1, scale=0.5), "out": normal(4, 5, 3, seed=2, scale=0.5)}
    return run, (p, normal(6, 3, seed=3))


def state_space() -> Built:
    """A sequence through a diagonal complex state space, its kernel by powers and the convolution by transforms."""

    def run(p, u):
        step = jnp.exp(p["step"])
        a = -jnp.exp(p["decay"]) + 1j * p["turn"]
        c = (p["re"] + 1j * p["im"]) * (jnp.exp(step * a) - 1) / a
        kernel = 2 * jnp.real(c @ jnp.exp(step * a[:, None] * jnp.arange(len(u))))
        n = 2 * len(u)
        y = jnp.fft.irfft(jnp.fft.rfft(u, n) * jnp.fft.rfft(kernel, n), n)[: len(u)]
        return nn.gelu(y + p["skip"] * u)

    p = {"decay": normal(4), "turn": jnp.pi * jnp.arange(4.0), "re": normal(4, seed=1), "im": normal(4, seed=2)}
    return run, (p | {"step": jnp.float32(-1.0), "skip": jnp.float32(0.5)}, normal(8, seed=3))


def contrast() -> Built:
    """How well the two views of an image find each other among all others."""

    def loss(p, one, two):
        z = jnp.concatenate([dense(p["out"], nn.relu(dense(p["in"], x))) for x in (one, two)])
        z = z / jnp.linalg.norm(z, axis=-1, keepdims=True)
        n = len(one)
        scores = jnp.where(jnp.eye(2 * n, dtype=bool), -1e9, z @ z.T / 0.5)
        partner = (jnp.arange(2 * n) + n) % (2 * n)
        return -jnp.mean(nn.log_softmax(scores)[jnp.arange(2 * n), partner])

    return loss, ({"in": layer(6, 8), "out": layer(8, 4, 2)}, normal(4, 6, seed=4), normal(4, 6, seed=5))


def denoising() -> Built:
    """The loss of a predictor of noise at random times, its time embedded by waves."""

    def loss(p, x, key):
        when, noise = jax.random.split(key)
        t = jax.random.randint(when, (len(x),), 0, 50)
        kept = jnp.cumprod(1 - jnp.linspace(1e-4, 0.2, 50))[t][:, None]
        e = jax.random.normal(noise, x.shape)
        waves = t[:, None] * jnp.exp(-jnp.arange(3.0))
        time = dense(p["time"], jnp.concatenate([jnp.sin(waves), jnp.cos(waves)], -1))
        h = nn.swish(dense(p["in"], jnp.sqrt(kept) * x + jnp.sqrt(1 - kept) * e) + time)
        return jnp.mean((dense(p["out"], h) - e) ** 2)

    p = {"in": layer(4, 8), "time": layer(6, 8, 2), "out": layer(8, 4, 4)}
    return loss, (p, normal(5, 4, seed=6), jax.random.key(2))
