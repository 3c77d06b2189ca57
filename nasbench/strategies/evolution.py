"""Aging evolution (Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search", algorithm 1)."""

from __future__ import annotations

import random
from itertools import islice

from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import StudyError
from nasbench.spaces.choosers import mutation, random_chooser, replay
from nasbench.spaces.options import Choose
from nasbench.strategies.base import SpaceSampler, check_counts, strategy
from nasbench.strategies.candidates import Candidates
from nasbench.strategies.ranking import merits, reached, violation

PATIENCE = 8  # children in vain after which one more value changes


@strategy
def evolution(seed: int, *, population: int = 24, sample: int = 6, startup: int = 12, attempts: int = 32) -> BaseSampler:
    """Each trial is a parent with one value changed. The parent is the best of a sample of the youngest trials.

    The paper uses a population of 100 and a sample of 25 for 20,000 networks. The defaults here are meant for tens to hundreds. A
    child that is a network of an earlier trial, or that the limits would probably refuse, is drawn again.

    Args:
        population: how many of the youngest trials may be parents.
        sample: how many of them are drawn, of which the best is the parent.
        startup: random trials at the beginning.
        attempts: children that are drawn for one that is new and expected within the limits. 1 takes each child, as the paper does.

    Raises:
        StudyError: a number below 1, or a sample that is larger than the population.
    """
    check_counts("evolution", population=population, sample=sample, startup=startup, attempts=attempts)
    if sample > population:
        raise StudyError(f"strategy evolution: a sample is drawn from the population; got sample {sample} of {population}")
    return AgingEvolution(seed, population, sample, startup, attempts)


class AgingEvolution(SpaceSampler):
    """The sampler of one trial.

    The population is the last `population` feasible trials by number, so that old trials leave it however good they are. The first
    `startup` trials with a result are random. While there are fewer than `sample` feasible trials, those that violate the limits
    least join them. They lead the search into limits that random draws would seldom meet.
    """

    def __init__(self, seed: int, population: int, sample: int, startup: int, attempts: int) -> None:
        self._rng = random.Random(seed)
        self._random = random_chooser(self._rng)
        self._size, self._sample, self._startup, self._attempts = population, sample, startup, attempts
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the parent and the parameters that change."""
        population = self._population(study)
        merit = merits(population, study.directions)
        parents: list[FrozenTrial] = []

        def child(attempt: int) -> Choose:
            if not population:
                return self._random
            sample = self._rng.sample(range(len(population)), min(self._sample, len(population)))
            parents.append(population[min(sample, key=lambda i: (merit[i], -population[i].number))])
            names = [name for name, d in parents[-1].distributions.items() if not d.single()]
            return mutation(parents[-1].params, names, self._rng, 1 + attempt // PATIENCE)

        drawn = None
        if self._attempts > 1 and self.decode is not None:
            drawn = Candidates(study, trial.number, self.decode).promising(child, self._attempts)
        self.choose = child(0) if drawn is None else replay(drawn.values, self._random)
        if parents:
            parent = parents[-1 if drawn is None else drawn.draw]
            study._storage.set_trial_user_attr(trial._trial_id, "parent", parent.number)

    def _population(self, study: Study) -> list[FrozenTrial]:
        """The trials that may be parents; none for a random trial."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        if len(trials) < self._startup:
            return []
        trials = [t for t in trials if t.params]  # a network that was entered without its values cannot be a parent
        population = list(islice((t for t in reversed(trials) if reached(t) and violation(t) == 0), self._size))[::-1]
        if len(population) < self._sample:
            others = sorted((t for t in trials if violation(t) > 0), key=lambda t: (violation(t), -t.number))
            population += others[: self._sample - len(population)]
        return population
