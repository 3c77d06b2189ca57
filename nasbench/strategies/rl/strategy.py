"""The strategy `rl`, and its sampler. Torch is loaded by the first proposal, not by this module."""

from __future__ import annotations

import random

from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from nasbench.spaces.choosers import replay
from nasbench.strategies.base import SpaceSampler, check_choice, check_counts, check_numbers, strategy
from nasbench.strategies.candidates import Candidates


@strategy
def rl(
    seed: int,
    *,
    algorithm: str = "ppo",
    batch: int = 10,
    epochs: int = 5,
    learning_rate: float = 0.02,
    clip: float = 0.2,
    entropy: float = 0.01,
    attempts: int = 32,
) -> BaseSampler:
    """MnasNet's search (Tan et al. 2019, section 4): a recurrent controller draws networks and learns from their rewards.

    The reward is what the search maximises, in soft mode ACC * (LAT / T)^w. A network outside the limits has 0 less its violation. In
    Pareto mode each batch has a random weighting of the objectives, an augmented Tchebycheff one (Knowles 2006). Below 50 trials it is no
    better than random search, see docs/new_strategy.md.

    Args:
        algorithm: `ppo` (Schulman et al. 2017), or `reinforce` as in Zoph & Le 2017.
        batch: trials after which the controller learns.
        epochs: steps of PPO for each batch; REINFORCE takes one.
        learning_rate: of Adam.
        clip: by how much PPO lets the probability of a choice change for a batch, as a share.
        entropy: weight of the bonus on the entropy of the choices, which keeps the controller from settling too early.
        attempts: networks that are drawn for one that is new.

    Raises:
        StudyError: a number out of its range, or an unknown algorithm.
    """
    check_choice("rl", ("ppo", "reinforce"), algorithm=algorithm)
    check_counts("rl", batch=batch, epochs=epochs, attempts=attempts)
    check_numbers("rl", 0, 1, learning_rate=learning_rate, clip=clip, entropy=entropy)
    return ControllerSampler(seed, (algorithm, batch, epochs, learning_rate, clip, entropy), attempts)


class ControllerSampler(SpaceSampler):
    """The sampler of one trial. The controller is a function of the trials before it, see `learner_of`."""

    def __init__(self, seed: int, settings: tuple[str, int, int, float, float, float], attempts: int) -> None:
        self._rng = random.Random(seed)
        self._settings, self._attempts = settings, attempts
        super().__init__(self._rng)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Draw the values of the whole network."""
        from nasbench.strategies.rl.learner import Settings, learner_of

        controller = learner_of(study, Settings(*self._settings)).controller
        self.choose = controller.chooser(self._rng)
        if self.decode is not None and self._attempts > 1:
            candidates = Candidates(study, trial.number, self.decode)
            # The controller learns the limits from what is refused. If its draws beyond them were left out here, it would learn only
            # from those within, of which the largest are the best, and drift outside.
            drawn = candidates.new(lambda: controller.chooser(self._rng), self._attempts)
            if drawn is not None:
                self.choose = replay(drawn.values, controller.chooser(self._rng))
