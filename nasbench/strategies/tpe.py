"""Optuna's tree-structured Parzen estimator (Bergstra et al. 2011), with the settings that architecture spaces need."""

from __future__ import annotations

import random
import warnings
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nasbench.spaces.choosers import random_chooser, replay
from nasbench.spaces.options import Choose, Options, same
from nasbench.strategies.base import SpaceSampler, check_counts, distribution, strategy
from nasbench.strategies.candidates import Candidates


@strategy
def tpe(seed: int, *, startup: int = 10, candidates: int = 24, attempts: int = 32) -> BaseSampler:
    """The first trials are random; each later trial is the best of several candidates by the ratio of two densities.

    Values are drawn jointly (`multivariate`), also with two objectives, for which Optuna's default is one parameter after the other.
    Parameters that exist together form a group, because spaces are conditional. A trial that violates a constraint is worse than
    any trial that does not. What is a network of an earlier trial, or would probably be refused by the limits, is drawn again, and then
    changed in one value or more.

    Args:
        startup: random trials at the beginning.
        candidates: candidates that are compared for each trial.
        attempts: networks that are tried for one that is new and expected within the limits. 1 takes each, as Optuna does.

    Raises:
        StudyError: a number below 1.
    """
    check_counts("tpe", startup=startup, candidates=candidates, attempts=attempts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna has called `group` experimental since release 2.8
        sampler = TPESampler(
            n_startup_trials=startup, n_ei_candidates=candidates, seed=seed, multivariate=True, group=True, constant_liar=True
        )
    return NewNetworksTPE(seed, sampler, attempts)


class NewNetworksTPE(SpaceSampler):
    """The sampler of one trial: what Optuna's sampler proposes, or a mutation of it that is new and expected within the limits."""

    def __init__(self, seed: int, sampler: TPESampler, attempts: int) -> None:
        self._rng = random.Random(seed)
        self._sampler, self._attempts = sampler, attempts
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the values of the whole network."""
        self._sampler.before_trial(study, trial)
        drawn = None
        if self._attempts > 1 and self.decode is not None:
            candidates = Candidates(study, trial.number, self.decode)
            drawn = candidates.promising_near(lambda: self._draw(study, trial), self._attempts, self._rng)
        self.choose = self._draw(study, trial) if drawn is None else replay(drawn.values, random_chooser(self._rng))

    def _draw(self, study: Study, trial: FrozenTrial) -> Choose:
        """What Optuna's sampler proposes: values of the parameters that it draws together, and any other value when the space asks."""
        space = self._sampler.infer_relative_search_space(study, trial)
        together = self._sampler.sample_relative(study, trial, space)

        def choose(name: str, options: Options) -> Any:
            if len(options) == 1:
                return options[0]
            if name in together and any(same(together[name], option) for option in options):
                return together[name]
            return self._sampler.sample_independent(study, trial, name, distribution(options))

        return choose
