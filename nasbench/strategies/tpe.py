"""Tree-structured Parzen estimator (Bergstra et al. 2011), Optuna's own, told what architecture spaces need."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from nasbench.errors import StudyError
from nasbench.strategies.base import strategy


@strategy
def tpe(seed: int, *, startup: int = 10, candidates: int = 24) -> BaseSampler:
    """`startup` trials are random; then each answer set is the best of `candidates` by the ratio of densities.

    Answers are drawn jointly (`multivariate`, also with two objectives, where Optuna's default is one by one), in groups of
    labels that exist together, since a space is conditional. Violated constraints count as worse than any value.

    Raises:
        StudyError: a count below 1.
    """
    for name, value in (("startup", startup), ("candidates", candidates)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise StudyError(f"strategy tpe: {name} is a whole number from 1; got {value!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # `group`, experimental by name since Optuna 2.8
        return TPESampler(
            n_startup_trials=startup, n_ei_candidates=candidates, seed=seed, multivariate=True, group=True, constant_liar=True
        )
