"""Strict settings for every test: no silent dtype or rank promotion, and reproducible hypothesis runs."""

import ctypes
import itertools

import jax
from hypothesis import HealthCheck, settings

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


def _trimmer():
    """Gives freed memory back to the system, where the C library can: XLA's compiler leaves gigabytes of it behind."""
    try:
        return ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return lambda pad: 0


trim, ran = _trimmer(), itertools.count(1)


def pytest_runtest_teardown(item, nextitem):
    if next(ran) % 20 == 0:
        trim(0)
