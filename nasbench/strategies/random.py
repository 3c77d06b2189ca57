"""Random search: every answer uniform among its options."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler


def random(seed: int) -> BaseSampler:
    """The arm that every other strategy has to beat at equal cost."""
    return RandomSampler(seed=seed)
