"""Strict settings for every test: no silent dtype or rank promotion, and reproducible hypothesis runs."""

import ctypes
import gc
import resource

import jax
import pytest
from hypothesis import HealthCheck, settings

from paralens.functors.certificates.plots.subjects import double

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile(
    "repository",
    deadline=None,  # nothing here depends on timing
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repository")


@pytest.fixture
def ordinary():
    """JAX's own settings of promotion, as users have them."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.fixture
def doubles():
    """The setting in which the checker draws its curves."""
    with double():
        yield


def _trimmer():
    """Gives freed memory back to the system, where the C library can: XLA's compiler leaves gigabytes of it behind."""
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return lambda pad: 0


def _resident():
    """The memory of this process in bytes, where the system says it."""
    try:
        with open("/proc/self/statm") as pages:
            return int(pages.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


trim, MOST = _trimmer(), 1.2e9


def pytest_runtest_teardown(item, nextitem):
    if _resident() < MOST:
        return
    trim(0)
    if _resident() > MOST / 2:  # what JAX has compiled for the tests before
        jax.clear_caches()
        gc.collect()
        trim(0)
