"""Random search: every value uniform among its options."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from nasbench.strategies.base import strategy


@strategy
def random(seed: int) -> BaseSampler:
    """What every other strategy has to beat at equal cost."""
    return RandomSampler(seed=seed)
