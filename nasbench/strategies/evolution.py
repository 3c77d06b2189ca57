"""Aging evolution (Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search", algorithm 1)."""

from __future__ import annotations

import random
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import StudyError
from nasbench.spaces.choosers import mutation, random_chooser
from nasbench.strategies.base import strategy
from nasbench.strategies.ranking import merits, reached, violation


@strategy
def evolution(seed: int, *, population: int = 24, sample: int = 6, startup: int = 12) -> BaseSampler:
    """One answer of a parent changed; the parent is the best of `sample` drawn from the youngest `population`.

    The paper has 100 and 25, for 20,000 networks; the defaults here are for tens to hundreds.

    Raises:
        StudyError: a count below 1, or a sample larger than the population.
    """
    for name, value in (("population", population), ("sample", sample), ("startup", startup)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise StudyError(f"strategy evolution: {name} is a whole number from 1; got {value!r}")
    if sample > population:
        raise StudyError(f"strategy evolution: a sample is drawn from the population; got sample {sample} of {population}")
    return AgingEvolution(seed, population, sample, startup)


class AgingEvolution(BaseSampler):
    """The sampler of one trial.

    The population is the last `population` feasible trials by number, so that the old die whatever their merit. The first
    `startup` trials with any verdict are random. While fewer than `sample` feasible ones exist, the least violating others
    stand in for them, which leads a search into a budget that random draws would seldom meet.
    """

    def __init__(self, seed: int, population: int, sample: int, startup: int) -> None:
        self._rng = random.Random(seed)
        self._population, self._sample, self._startup = population, sample, startup
        self._choose = random_chooser(self._rng)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        return {}

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the parent and which of its values changes."""
        parent = self._choose_parent(study)
        if parent is not None:
            self._choose = mutation(parent.params, [name for name, d in parent.distributions.items() if not d.single()], self._rng)
            study._storage.set_trial_user_attr(trial._trial_id, "parent", parent.number)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._choose(param_name, _options(param_distribution))

    def _choose_parent(self, study: Study) -> FrozenTrial | None:
        told = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if len(told) < self._startup:
            return None
        told = [t for t in told if t.params]  # a network that was entered without its answers cannot be a parent
        alive = [t for t in told if reached(t) and violation(t) == 0][-self._population :]
        if len(alive) < self._sample:
            others = sorted((t for t in told if violation(t) > 0), key=lambda t: (violation(t), -t.number))
            alive += others[: self._sample - len(alive)]
        if not alive:
            return None
        merit = merits(alive, study.directions)
        drawn = self._rng.sample(range(len(alive)), min(self._sample, len(alive)))
        return alive[min(drawn, key=lambda i: (merit[i], -alive[i].number))]


def _options(distribution: BaseDistribution) -> range | tuple[Any, ...]:
    if isinstance(distribution, IntDistribution):
        return range(distribution.low, distribution.high + 1, distribution.step)
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    raise NotImplementedError(f"spaces have lists and ranges; got {distribution}")
