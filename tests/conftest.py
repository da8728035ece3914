"""Strict settings for every test: no silent dtype or rank promotion, and reproducible hypothesis runs."""

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
