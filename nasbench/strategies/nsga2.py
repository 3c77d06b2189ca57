"""NSGA-II (Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II"), for conditional spaces.

Optuna's own NSGAIISampler does not serve here. It learns nothing from trials that the limits refuse, since they have no values. It
inherits only the parameters that every trial has, so that in a conditional space most values of a child are random. And it
caches the parents of a generation in attributes of the study in memory: after a restart it chooses others where trials
ran in parallel.
"""

from __future__ import annotations

import random

from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import StudyError
from nasbench.spaces import choosers
from nasbench.spaces.choosers import mutation, random_chooser, replay
from nasbench.spaces.options import Choose
from nasbench.strategies.base import Decode, SpaceSampler, check_counts, check_numbers, strategy
from nasbench.strategies.candidates import Candidates, candidate
from nasbench.strategies.ranking import merits

PATIENCE = 8  # children in vain after which one more value changes


@strategy
def nsga2(seed: int, *, population: int = 20, crossover: float = 0.9, attempts: int = 32) -> BaseSampler:
    """Each trial takes the values of two good trials and changes some. Good is what few dominate, in a part of the front with few others.

    The parents are the best of all trials so far: those that keep the limits before all others, then by nondominated rank and crowding
    distance. Each is the better one of two. A child takes each value from one of them, and on average one value changes.

    Args:
        population: trials that may be parents, and random trials at the beginning.
        crossover: probability of two parents; else a child has one.
        attempts: children that are drawn for one that is new and expected within the limits.

    Raises:
        StudyError: a population below 2, attempts below 1, or a probability outside 0 to 1.
    """
    check_counts("nsga2", population=population, attempts=attempts)
    if population < 2:
        raise StudyError(f"strategy nsga2: a child has two parents, so population is a whole number from 2; got {population}")
    check_numbers("nsga2", 0, 1, crossover=crossover)
    return NSGA2(seed, population, crossover, attempts)


class NSGA2(SpaceSampler):
    """The sampler of one trial. Parents are chosen anew for each trial (steady state), so that a result counts at once."""

    def __init__(self, seed: int, population: int, crossover: float, attempts: int) -> None:
        self._rng = random.Random(seed)
        self._random = random_chooser(self._rng)
        self._size, self._crossover, self._attempts = population, crossover, attempts
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the parents and the values of the whole network."""
        decode = self.decode
        if decode is None:
            return
        parents = self._parents(study)
        first: list[FrozenTrial] = []

        def child(attempt: int) -> Choose:
            if len(parents) < 2:
                return self._random
            one, other = self._tournament(parents), self._tournament(parents)
            first.append(one)
            return self._child(decode, one, other, attempt // PATIENCE)

        drawn = Candidates(study, trial.number, decode).promising(child, self._attempts)
        self.choose = child(0) if drawn is None else replay(drawn.values, self._random)
        if first:
            parent = first[-1 if drawn is None else drawn.draw]
            study._storage.set_trial_user_attr(trial._trial_id, "parent", parent.number)

    def _parents(self, study: Study) -> list[FrozenTrial]:
        """The best trials, best first, each network once; none while too few trials have ended."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        trials = [t for t in trials if t.params and t.user_attrs.get("status") != "duplicate"]
        if len(trials) < self._size:
            return []
        merit = merits(trials, study.directions)
        return [trials[i] for i in sorted(range(len(trials)), key=lambda i: (merit[i], -trials[i].number))[: self._size]]

    def _tournament(self, parents: list[FrozenTrial]) -> FrozenTrial:
        return parents[min(self._rng.randrange(len(parents)) for _ in range(2))]

    def _child(self, decode: Decode, one: FrozenTrial, other: FrozenTrial, more: int) -> Choose:
        """The values of the parents, on average one of them changed, and `more` beside it."""
        crossed = self._rng.random() < self._crossover
        inherit = choosers.crossover(one.params, other.params, self._rng) if crossed else replay(one.params, self._random)
        inherited = candidate(decode, inherit)
        if inherited is None:  # the parents' shapes do not fit together
            return self._random
        names = inherited.open
        changes = more + sum(self._rng.random() * len(names) < 1 for _ in names)
        return mutation(inherited.values, names, self._rng, changes)
