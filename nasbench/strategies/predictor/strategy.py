"""The strategy `predictor`, and its sampler."""

from __future__ import annotations

import random

import numpy as np
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nasbench.spaces.choosers import random_chooser, replay
from nasbench.strategies.base import Decode, SpaceSampler, check_counts, check_numbers, strategy
from nasbench.strategies.predictor.candidates import (
    Candidate,
    Decoded,
    Values,
    completed,
    crossovers,
    enumerate_space,
    is_small,
    mutations,
    random_values,
)
from nasbench.strategies.predictor.features import Rows, Vector
from nasbench.strategies.predictor.gains import gains, leaders
from nasbench.strategies.predictor.history import History

PARENTS, OTHERS = 8, 2  # the most promising trials and random others, whose mutations are compared
RANDOM = 8  # random networks that are compared
DECODED = 32  # candidates of a large space that are decoded, and compared again with their exact sizes


@strategy
def predictor(seed: int, *, startup: int = 5, candidates: int = 256, noise: float = 0.0) -> BaseSampler:
    """A Bayesian regression on all parameters, their pairs, six of them together, and the sizes of networks learns from every trial. It
    proposes what it expects to improve most.

    In a space of up to 20,000 combinations all networks are compared, in a larger one mutations and crossovers of the best, and random
    networks. A second regression for each limit learns from the candidates that were refused. With two objectives the expected
    gain in hypervolume is compared, with more a random weighting of them.

    Args:
        startup: random trials at the beginning.
        candidates: networks of a large space that are compared for each trial.
        noise: the least share of noise in the variance of the first objective, from 0 to 0.9. A search that trains sets it, because what
            a short training says of a network is not what a longer one would.

    Raises:
        StudyError: a number that is out of range.
    """
    check_counts("predictor", startup=startup, candidates=candidates)
    check_numbers("predictor", 0.0, 0.9, noise=noise)
    return PredictorSampler(seed, startup, candidates, noise)


class PredictorSampler(SpaceSampler):
    """The sampler of one trial."""

    def __init__(self, seed: int, startup: int, candidates: int, noise: float) -> None:
        self._rng = random.Random(seed)
        self._startup, self._candidates, self._noise = startup, candidates, noise
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Choose the values of the whole network."""
        values = self._propose(study, trial.number)
        if values is not None:
            self.choose = replay(values, random_chooser(self._rng))

    def _propose(self, study: Study, number: int) -> Values | None:
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        decode = self.decode
        if decode is None or len(trials) < self._startup:
            return None
        listed = enumerate_space(decode) if is_small(t.distributions for t in trials[: self._startup]) else None
        history = History(study, number, decode, listed)
        if listed is not None:
            gain = gains(history, history.listed_matrix(), self._rng, self._noise)
            gain[[listed.places[key] for key in history.seen if key in listed.places]] = -np.inf
            return None if not np.isfinite(gain.max()) else listed.values[int(gain.argmax())]
        parents, candidates = self._compared(decode, history)
        # As long as a candidate is not decoded, its size is unknown.
        rows = history.stacked([history.features.raw(replaced, parents[parent][1]) for parent, replaced in candidates])
        gain = gains(history, Rows.without_sizes(rows), self._rng, self._noise)
        found: dict[str, Decoded] = {}
        for i in np.argsort(-gain, kind="stable")[:DECODED]:
            parent, replaced = candidates[int(i)]
            one = completed(decode, {**parents[parent][0], **replaced}, self._rng)
            if one is not None and one.digest not in history.seen:
                found.setdefault(one.digest, one)
        if not found:
            return None
        new = list(found.values())
        x = Rows(history.stacked([history.features.raw(one.values) for one in new]), np.array([one.sizes for one in new]))
        gain = gains(history, x, self._rng, self._noise)
        return new[int(gain.argmax())].values

    def _compared(self, decode: Decode, history: History) -> tuple[list[tuple[Values, Vector]], list[Candidate]]:
        """Networks of a large space to compare, and their parents: the most promising trials, some others, and random networks."""
        best = [history.observed[i] for i in leaders(history, PARENTS, self._noise)]
        numbers = {one.trial.number for one in best}
        others = [one for one in history.all if one.trial.number not in numbers]
        chosen = best + self._rng.sample(others, min(len(others), max(OTHERS, PARENTS - len(best))))
        parents: list[tuple[Values, Vector]] = [(one.trial.params, history.row(one)) for one in chosen]
        candidates: list[Candidate] = []
        for i, one in enumerate(chosen):
            candidates += mutations(i, one.trial.params, one.trial.distributions, self._candidates * 3 // 4 // len(chosen), self._rng)
        candidates += crossovers([values for values, _ in parents], self._candidates // 4, self._rng)
        for _ in range(RANDOM):
            drawn = random_values(decode, self._rng)
            if drawn is not None:
                candidates.append(Candidate(len(parents), {}))
                parents.append((drawn, history.features.raw(drawn)))
        return parents, candidates
