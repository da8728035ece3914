"""Time series, statistics, physics, pictures and control; each a function with its arguments, in single precision."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax, nn

from .records import Built, dense, layer, normal

# -- time series, statistics -----------------------------------------------------------------------


def kalman() -> Built:
    """The likelihood of observations under a linear Gaussian model, by a filter."""

    def loss(p, ys):
        def step(state, y):
            m, c = state
            s = p["H"] @ c @ p["H"].T + jnp.diag(jnp.exp(p["r"]))
            gain = jnp.linalg.solve(s, p["H"] @ c).T
            e = y - p["H"] @ m
            like = -0.5 * (e @ jnp.linalg.solve(s, e) + jnp.linalg.slogdet(2 * jnp.pi * s)[1])
            m, c = m + gain @ e, c - gain @ s @ gain.T
            return (p["F"] @ m, p["F"] @ c @ p["F"].T + jnp.diag(jnp.exp(p["q"]))), like

        return -jnp.sum(lax.scan(step, (jnp.zeros(3), jnp.eye(3)), ys)[1])

    p = {
        "F": 0.9 * jnp.eye(3) + normal(3, 3, scale=0.05),
        "H": normal(2, 3, seed=1),
        "q": -jnp.ones(3),
        "r": jnp.zeros(2),
    }
    return loss, (p, normal(6, 2, seed=2))


def hidden_markov() -> Built:
    """The likelihood of a sequence of symbols, forward in logarithms, and the most likely state at its end."""

    def loss(start, move, emit, symbols):
        move, emit = nn.log_softmax(move, -1), nn.log_softmax(emit, -1)

        def step(alpha, s):
            alpha = nn.logsumexp(alpha[:, None] + move, axis=0) + emit[:, s]
            return alpha, jnp.argmax(alpha)

        first = nn.log_softmax(start) + emit[:, symbols[0]]
        alpha, best = lax.scan(step, first, symbols[1:])
        return -nn.logsumexp(alpha), best

    return loss, (normal(3), normal(3, 3, seed=1), normal(3, 5, seed=2), jnp.asarray([0, 3, 3, 1, 4, 2, 0], "int32"))


def gaussian_process() -> Built:
    """A marginal likelihood by a Cholesky factor, and the mean at other places."""

    def loss(p, x, y, at):
        def kernel(a, b):
            r = jnp.sum((a[:, None] - b[None]) ** 2, -1)
            return nn.softplus(p["scale"]) * jnp.exp(-0.5 * r / nn.softplus(p["length"]) ** 2)

        factor = jnp.linalg.cholesky(kernel(x, x) + (1e-2 + nn.softplus(p["noise"])) * jnp.eye(len(x)))
        weights = jax.scipy.linalg.cho_solve((factor, True), y)
        value = 0.5 * y @ weights + jnp.sum(jnp.log(jnp.diag(factor))) + 0.5 * len(x) * jnp.log(2 * jnp.pi)
        return value, kernel(at, x) @ weights

    p = {"scale": jnp.float32(0.5), "length": jnp.float32(0.3), "noise": jnp.float32(-2.0)}
    x = normal(6, 2)
    return loss, (p, x, jnp.sin(x[:, 0]), normal(3, 2, seed=4))


def hamiltonian() -> Built:
    """A step of Hamiltonian Monte Carlo: momenta, leapfrogs, and whether the end is accepted."""

    def energy(q):
        return 0.5 * jnp.sum(q**2) + 0.1 * jnp.sum(q**4) + jnp.log1p(q[0] ** 2)

    def step(q, size, key):
        one, two = jax.random.split(key)
        p = jax.random.normal(one, q.shape)

        def leap(_, s):
            q, p = s
            p = p - 0.5 * size * jax.grad(energy)(q)
            q = q + size * p
            return q, p - 0.5 * size * jax.grad(energy)(q)

        end, last = lax.fori_loop(0, 5, leap, (q, p))
        gain = energy(q) + 0.5 * p @ p - energy(end) - 0.5 * last @ last
        taken = jnp.log(jax.random.uniform(two)) < gain
        return jnp.where(taken, end, q), jnp.minimum(1.0, jnp.exp(gain))

    return step, (normal(4), jnp.float32(0.1), jax.random.key(3))


def transport() -> Built:
    """The price of moving one cloud onto another, by Sinkhorn's iterations in logarithms."""

    def price(x, y, a):
        cost = jnp.sum((x[:, None] - y[None]) ** 2, -1)
        a, b = nn.log_softmax(a), jnp.full(len(y), -jnp.log(float(len(y))))

        def step(fg, _):
            f = 0.5 * (a - nn.logsumexp((fg[1][None] - cost) / 0.5, axis=1))
            return (f, 0.5 * (b - nn.logsumexp((f[:, None] - cost) / 0.5, axis=0))), None

        (f, g), _ = lax.scan(step, (jnp.zeros(len(x)), jnp.zeros(len(y))), None, length=8)
        plan = jnp.exp((f[:, None] + g[None] - cost) / 0.5)
        return jnp.sum(plan * cost)

    return price, (normal(4, 2), normal(5, 2, seed=1) + 0.5, normal(4, seed=2))


# -- physics, pictures, control --------------------------------------------------------------------


def burgers() -> Built:
    """The residual of Burgers' equation for a network, its derivatives in space and time, and the boundary."""

    def u(p, t, x):
        h = jnp.tanh(dense(p["in"], jnp.stack([t, x])))
        return dense(p["out"], jnp.tanh(dense(p["mid"], h)))[0]

    def loss(p, ts, xs):
        def residual(t, x):
            ut, ux = jax.grad(u, (1, 2))(p, t, x)
            uxx = jax.grad(jax.grad(u, 2), 2)(p, t, x)
            return ut + u(p, t, x) * ux - 0.01 / jnp.pi * uxx

        start = jax.vmap(lambda x: u(p, 0.0, x) + jnp.sin(jnp.pi * x))(xs)
        return jnp.mean(jax.vmap(residual)(ts, xs) ** 2) + jnp.mean(start**2)

    p = {"in": layer(2, 6), "mid": layer(6, 6, 2), "out": layer(6, 1, 4)}
    return loss, (p, abs(normal(5, seed=6)), normal(5, seed=7))


def neural_equation() -> Built:
    """A trajectory of a network's vector field, by the classical fourth order in a loop over uneven times."""

    def run(p, y, ts):
        def field(t, y):
            return dense(p["out"], jnp.tanh(dense(p["in"], jnp.append(y, t))))

        def step(y, ends):
            t, h = ends[0], ends[1] - ends[0]
            a = field(t, y)
            b = field(t + h / 2, y + h / 2 * a)
            c = field(t + h / 2, y + h / 2 * b)
            y = y + h / 6 * (a + 2 * b + 2 * c + field(t + h, y + h * c))
            return y, y

        return lax.scan(step, y, jnp.stack([ts[:-1], ts[1:]], -1))[1]

    return run, ({"in": layer(3, 8), "out": layer(8, 2, 2)}, normal(2, seed=5), jnp.asarray([0.0, 0.2, 0.5, 1.0, 1.2]))


def molecules() -> Built:
    """Particles in a periodic box under a cut pair potential, by velocity Verlet; energies along the way."""

    def energy(r, size):
        d = r[:, None] - r[None]
        d = d - jnp.round(d)
        square = jnp.sum(d * d, -1) + jnp.eye(len(r))
        six = (size * size / square) ** 3
        pair = jnp.where(square < 0.25, 4 * (six * six - six), 0.0)
        return 0.5 * jnp.sum(jnp.where(jnp.eye(len(r), dtype=bool), 0.0, pair))

    def run(r, v, size):
        force = lambda r: -jax.grad(energy)(r, size)  # noqa: E731

        def step(s, _):
            r, v, f = s
            r = jnp.mod(r + 1e-3 * v + 5e-7 * f, 1.0)
            g = force(r)
            v = v + 5e-4 * (f + g)
            return (r, v, g), energy(r, size) + 0.5 * jnp.sum(v * v)

        (r, v, _), energies = lax.scan(step, (r, v, force(r)), None, length=4)
        return r, energies

    grid = jnp.stack(jnp.meshgrid(jnp.arange(2.0), jnp.arange(2.0)), -1).reshape(4, 2) / 2 + 0.25
    return run, (grid + normal(4, 2, scale=0.02), normal(4, 2, seed=1, scale=0.3), jnp.float32(0.3))


def turbulence() -> Built:
    """Two steps of the vorticity equation on a torus, with its products in space and its derivatives in waves."""

    def run(w, viscosity):
        n = len(w)
        kx, ky = jnp.meshgrid(jnp.fft.fftfreq(n, 1 / n), jnp.fft.rfftfreq(n, 1 / n), indexing="ij")
        square = kx**2 + ky**2
        inverse = 1 / jnp.where(square == 0, 1.0, square)
        kept = (abs(kx) < n / 3) & (ky < n / 3)

        def step(_, wave):
            flow = wave * inverse
            back = lambda a: jnp.fft.irfft2(a, (n, n))  # noqa: E731
            turned = back(1j * ky * flow) * back(1j * kx * wave) - back(1j * kx * flow) * back(1j * ky * wave)
            wave = wave - 0.05 * jnp.where(kept, jnp.fft.rfft2(turned), 0)
            return wave / (1 + 0.05 * viscosity * square)

        return jnp.fft.irfft2(lax.fori_loop(0, 2, step, jnp.fft.rfft2(w)), (n, n))

    return run, (normal(8, 8), jnp.float32(0.1))


def rays() -> Built:
    """A picture of a melted pair of spheres: rays marched through a distance, normals by its gradient."""

    def distance(p, x):
        d = jnp.sqrt(jnp.sum((x - p["centers"]) ** 2, -1) + 1e-6) - p["radii"]
        return -0.2 * nn.logsumexp(-d / 0.2)

    def shade(p, direction):
        eye = jnp.asarray([0.0, 0.0, -3.0])
        direction = direction / jnp.linalg.norm(direction)
        depth = lax.fori_loop(0, 12, lambda _, t: t + distance(p, eye + t * direction), 0.0)
        hit = eye + depth * direction
        normal = jax.grad(distance, 1)(p, hit)
        light = p["light"] / jnp.linalg.norm(p["light"])
        bright = 0.1 + nn.relu(normal @ light / jnp.linalg.norm(normal))
        return jnp.where(depth < 6.0, bright, 0.0)

    def picture(p):
        x, y = jnp.meshgrid(jnp.linspace(-0.5, 0.6, 3), jnp.linspace(-0.4, 0.5, 3))
        toward = jnp.stack([x, y, jnp.ones_like(x)], -1).reshape(-1, 3)
        return jax.vmap(shade, (None, 0))(p, toward)

    centers = jnp.asarray([[0.3, 0.1, 0.0], [-0.4, -0.2, 0.3]])
    return picture, ({"centers": centers, "radii": jnp.asarray([0.6, 0.5]), "light": jnp.asarray([1.0, 2.0, -1.5])},)


def circuit() -> Built:
    """The energy of a chain of spins after layers of rotations and of controlled signs."""

    def energy(angles):
        state = jnp.zeros((2,) * 3, "complex64").at[0, 0, 0].set(1.0)

        def turn(state, angle, k):
            c, s = jnp.cos(angle / 2), jnp.sin(angle / 2)
            gate = jnp.stack([jnp.stack([c, -1j * s]), jnp.stack([-1j * s, c])])
            return jnp.moveaxis(jnp.tensordot(gate, state, (1, k)), 0, k)

        sign = jnp.asarray([[1.0, 1.0], [1.0, -1.0]])
        for row in angles:
            for k in range(3):
                state = turn(state, row[k], k)
            state = state * sign[:, :, None] * sign[None]
            state = state * jnp.exp(-1j * row[3] * jnp.asarray([1.0, -1.0]))[None, :, None]
        chance = jnp.real(state * jnp.conj(state))
        spin = jnp.asarray([1.0, -1.0])
        pairs = jnp.einsum("abc,a,b->", chance, spin, spin) + jnp.einsum("abc,b,c->", chance, spin, spin)
        return pairs + sum(jnp.real(jnp.vdot(state, jnp.flip(state, k))) for k in range(3))

    return energy, (normal(2, 4),)


def poses() -> Built:
    """How far measured motions are from those between poses, by exponentials and logarithms of rotations."""

    def exp(w):
        square = w @ w
        near = square < 1e-6
        safe = jnp.where(near, 1.0, square)
        angle = jnp.sqrt(safe)
        a = jnp.where(near, 1 - square / 6, jnp.sin(angle) / angle)
        b = jnp.where(near, 0.5 - square / 24, (1 - jnp.cos(angle)) / safe)
        k = jnp.cross(jnp.eye(3), w)
        return jnp.eye(3) + a * k + b * k @ k

    def log(r):
        cosine = jnp.clip((jnp.trace(r) - 1) / 2, -0.999, 0.9999)
        angle = jnp.arccos(cosine)
        return angle / (2 * jnp.sin(angle)) * jnp.stack([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])

    def cost(turns, places, seen, moved):
        r = jax.vmap(exp)(turns)
        between = jnp.einsum("nji,njk->nik", r[:-1], r[1:])
        e = jax.vmap(log)(jnp.einsum("nji,njk->nik", jax.vmap(exp)(seen), between))
        d = jnp.einsum("nji,nj->ni", r[:-1], places[1:] - places[:-1]) - moved
        return jnp.sum(e**2) + jnp.sum(jnp.sqrt(1 + d**2) - 1)

    return cost, (0.5 * normal(4, 3), normal(4, 3, seed=1), 0.5 * normal(3, 3, seed=2), normal(3, 3, seed=3))


def returns() -> Built:
    """The losses of an actor and a critic whose returns are corrected for an older policy."""

    def losses(logits, old, values, actions, rewards, discount):
        def chosen(x):
            return jnp.take_along_axis(nn.log_softmax(x), actions[:, None], 1)[:, 0]

        ratio = jnp.exp(chosen(logits) - chosen(old))
        rho = jnp.minimum(1.0, lax.stop_gradient(ratio))
        v, after = lax.stop_gradient(values[:-1]), lax.stop_gradient(values[1:])
        delta = rho * (rewards + discount * after - v)
        step = lambda acc, x: (x[0] + x[1] * acc, x[0] + x[1] * acc)  # noqa: E731
        errors = lax.scan(step, jnp.zeros(()), (delta, discount * rho), reverse=True)[1]
        gain = rewards + discount * jnp.append(errors[1:] + v[1:], after[-1]) - v
        actor = -jnp.mean(jnp.minimum(ratio * gain, jnp.clip(ratio, 0.8, 1.2) * gain))
        entropy = -jnp.mean(jnp.sum(nn.softmax(logits) * nn.log_softmax(logits), -1))
        return actor - 0.01 * entropy, 0.5 * jnp.mean((errors + v - values[:-1]) ** 2)

    actions = jnp.asarray([0, 2, 1, 1, 2], "int32")
    return losses, (normal(5, 3), normal(5, 3, seed=1), normal(6, seed=2), actions, normal(5, seed=3), jnp.full(5, 0.9))
