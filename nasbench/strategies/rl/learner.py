"""How the controller learns: PPO (Schulman et al. 2017, equation 7), or REINFORCE (Williams 1992) as Zoph & Le 2017 used it."""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from optuna.study import Study
from torch import Tensor

from nasbench.strategies.rl.controller import Controller, one_thread
from nasbench.strategies.rl.rewards import Batch, advantages, batches, moved


class Settings(NamedTuple):
    """See `nasbench.strategies.rl.strategy.rl`."""

    algorithm: str
    batch: int
    epochs: int
    learning_rate: float
    clip: float
    entropy: float


def clipped(log_probs: Tensor, old: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's objective, to be maximised: the mean over sequences of the sum over their choices of min(r * A, clip(r, 1 - e, 1 + e) * A).

    Args:
        log_probs: (sequences, steps), of the controller that learns; 0 beyond the end of a sequence.
        old: the same of the controller that drew the sequences.
        advantage: (sequences,) A, the same for each choice of a sequence.
        clip: e. A ratio r of probabilities beyond it has no gradient where it would move further away.
    """
    ratio = (log_probs - old).exp()
    weight = advantage[:, None] * (old != 0)  # a choice that was certain has no gradient, as nothing beyond the end has
    return torch.minimum(ratio * weight, ratio.clamp(1 - clip, 1 + clip) * weight).sum() / len(advantage)


def reinforce(log_probs: Tensor, advantage: Tensor) -> Tensor:
    """REINFORCE's objective, to be maximised: the mean over sequences of A * log p. Its gradient is that of `clipped` where r is 1."""
    return (log_probs.sum(dim=1) * advantage).sum() / len(advantage)


class Learner:
    """A controller with the state of its training. It is a function of the batches that it has learned from."""

    def __init__(self, settings: Settings, objectives: int = 1) -> None:
        self.controller = Controller()
        self.learned = 0  # batches
        self.baseline: float | None = None
        self._settings, self._objectives = settings, objectives
        self._adam = torch.optim.Adam(self.controller.new_weights(), lr=settings.learning_rate)

    def learn(self, batch: Batch) -> None:
        """Update the controller from a batch. The ratios of PPO are those to the controller before the update."""
        self.learned += 1
        if not batch.rewards:
            return
        mean = sum(batch.counted) / len(batch.counted)
        # Rewards of two weightings cannot be compared, so with several objectives the batch is its own baseline.
        baseline = mean if self.baseline is None or self._objectives > 1 else self.baseline
        if any(batch.valued):
            self.baseline = moved(baseline, batch)
        with one_thread():
            self._update(batch, torch.tensor(advantages(batch, baseline), dtype=torch.float64))

    def _update(self, batch: Batch, advantage: Tensor) -> None:
        with torch.no_grad():
            old = self.controller.evaluate(batch.sequences).log_probs
        if new := self.controller.new_weights():
            self._adam.add_param_group({"params": new})
        ppo = self._settings.algorithm == "ppo"
        for _ in range(self._settings.epochs if ppo else 1):
            now = self.controller.evaluate(batch.sequences)
            gain = clipped(now.log_probs, old, advantage, self._settings.clip) if ppo else reinforce(now.log_probs, advantage)
            loss = -gain - self._settings.entropy * now.entropies.sum() / len(advantage)
            self._adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._adam.step()


_LEARNERS: WeakKeyDictionary[Any, dict[Settings, Learner]] = WeakKeyDictionary()  # of studies in memory


def learner_of(study: Study, settings: Settings) -> Learner:
    """The learner after all batches of a study that have ended. Only what is new is learned; after a restart that is everything."""
    learners = _LEARNERS.setdefault(study._storage, {})
    if settings not in learners:
        learners[settings] = Learner(settings, len(study.directions))
    learner = learners[settings]
    for batch in batches(study.get_trials(deepcopy=False), study.directions, settings.batch, learner.learned):
        learner.learn(batch)
    return learner
