"""What JAX writes where `jax_remat3` and `jax_custom_vjp3` are set: the same boxes, with the same derivatives."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from paralens import from_jax, load, reverse, save, source, to_jax

FLAGS = ("jax_remat3", "jax_custom_vjp3")
A = np.arange(3.0, dtype="float32")
X, Y = np.float32(0.7), np.float32(1.3)
POLICIES = jax.checkpoint_policies


@pytest.fixture
def newer():
    if not all(hasattr(jax.config, flag) for flag in FLAGS):
        pytest.skip("this JAX has one form")
    for flag in FLAGS:
        jax.config.update(flag, True)
    yield
    for flag in FLAGS:
        jax.config.update(flag, False)


def functions():
    """The functions, made anew: which form `jax.custom_vjp` gives is decided when it is called."""
    times = jax.custom_vjp(lambda x, y: x * y)
    times.defvjp(lambda x, y: (x * y, (x, y)), lambda r, c: (c * r[1] * 2.0, c * r[0]))  # wrong on purpose
    spread = jax.custom_vjp(lambda x: jnp.sin(x) * A)
    spread.defvjp(lambda x: (jnp.sin(x) * A, x), lambda x, c: ((c * A).sum() * jnp.cos(x),))
    counted = jax.custom_vjp(lambda x, n: x * n.astype(x.dtype))
    counted.defvjp(lambda x, n: (x * n.astype(x.dtype), n), lambda n, c: (c * n.astype(c.dtype), None))
    applied = partial(jax.custom_vjp, nondiff_argnums=(0,))(lambda f, x: f(x))
    applied.defvjp(lambda f, x: (f(x), x), lambda f, x, c: (c * 3.0,))
    wary = jax.custom_vjp(lambda x, y: x * y)
    wary.defvjp(_wary, lambda y, c: (c * y, None), symbolic_zeros=True)
    named = jax.checkpoint(
        lambda x: jnp.cos(checkpoint_name(jnp.sin(x), "kept")), policy=POLICIES.save_only_these_names("kept")
    )
    inside = lambda x: lax.scan(lambda c, _: (spread(c).sum(), None), x, None, length=2)[0]  # noqa: E731
    return {
        "checkpoint": (jax.checkpoint(lambda x: jnp.sin(jnp.sin(x) * A)), (X,)),
        "names": (named, (X,)),
        "custom_vjp": (times, (X, Y)),
        "custom_vjp in a scan": (lambda x, y: lax.scan(lambda c, _: (times(c, y), None), x, None, length=2)[0], (X, Y)),
        "custom_vjp under vmap": (jax.vmap(times, (0, None)), (A, Y)),
        "closing over an array": (spread, (X,)),
        "closing over an array in a scan under vmap": (jax.vmap(inside), (A,)),
        "an argument that is a function": (lambda x: applied(jnp.sin, x), (X,)),
        "an integer": (counted, (X, np.int32(3))),
        "symbolic zeros": (lambda x: wary(x, Y), (X,)),
        "both": (jax.checkpoint(lambda x, y: times(jnp.sin(x), y)), (X, Y)),
    }


def _wary(x, y):
    assert not y.perturbed
    return x.value * y.value, y.value


def pulled(f, xs, ys):
    made = jax.vjp(f, *xs)[1](jax.tree.map(jnp.ones_like, ys))
    return [c for c in made if c.dtype != jax.dtypes.float0]


@pytest.mark.parametrize("name", functions())
def test_both_forms_have_the_same_values_and_derivatives(name, newer):
    f, xs = functions()[name]
    d, ys = from_jax(f, *xs), f(*xs)
    assert not any(b.op == "call_hi_primitive" for b in d.open(depth=3).boxes)
    np.testing.assert_allclose(to_jax(d)(*xs), ys, rtol=1e-6)
    found = to_jax(reverse(d))(*xs, jnp.ones_like(ys))
    expected = pulled(f, xs, ys)
    for one in (found if isinstance(found, tuple) else (found,), pulled(to_jax(d), xs, ys)):
        for c, right in zip(one, expected, strict=True):
            np.testing.assert_allclose(c, right, rtol=1e-6)


def test_both_forms_give_the_same_boxes(newer):
    def diagrams():
        named = jax.checkpoint(lambda x: jnp.cos(checkpoint_name(jnp.sin(x), "kept")))
        dots = jax.checkpoint(lambda x: jnp.sin(jnp.sin(x)), policy=POLICIES.dots_saveable)
        return [from_jax(f, X) for f in (named, dots)]

    late = diagrams()
    for flag in FLAGS:
        jax.config.update(flag, False)
    assert late == diagrams()


def test_the_newer_form_is_saved_and_written(newer, tmp_path):
    f, xs = functions()["both"]
    d = from_jax(f, *xs)
    save(d, tmp_path / "d.json")
    assert load(tmp_path / "d.json") == d
    assert "@jax.custom_vjp" in source(d) and "@jax.checkpoint" in source(d)
