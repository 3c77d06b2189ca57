"""Random search: each parameter is drawn uniformly from its options."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from nasbench.strategies.base import strategy


@strategy
def random(seed: int) -> BaseSampler:
    """The baseline that every other strategy has to beat at equal cost."""
    return RandomSampler(seed=seed)
