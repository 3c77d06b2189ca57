"""Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), with the settings that architecture spaces need."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from nasbench.strategies.base import check_counts, strategy


@strategy
def tpe(seed: int, *, startup: int = 10, candidates: int = 24) -> BaseSampler:
    """The first trials are random; each later trial is the best of several candidates by the ratio of two densities.

    Values are drawn jointly (`multivariate`), also with two objectives, for which Optuna's default is one parameter after the other.
    Parameters that exist together form a group, because spaces are conditional. A trial that violates a constraint is worse than
    any trial that does not.

    Args:
        startup: random trials at the beginning.
        candidates: candidates that are compared for each trial.

    Raises:
        StudyError: a number below 1.
    """
    check_counts("tpe", startup=startup, candidates=candidates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna has called `group` experimental since release 2.8
        return TPESampler(
            n_startup_trials=startup, n_ei_candidates=candidates, seed=seed, multivariate=True, group=True, constant_liar=True
        )
