"""What the controller learns from: batches of trials with their rewards and advantages. It needs no torch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nasbench.spaces.options import same
from nasbench.strategies.base import options_of
from nasbench.strategies.ranking import violation

LARGEST = 2.0  # advantage, of either sign
DECAY = 0.9  # of the moving average of rewards that is the baseline
AUGMENTED = 0.05  # share of the sum in a weighting of several objectives (Knowles 2006, equation 2)
UNTAUGHT = frozenset({"skipped"})  # the status of trials that say nothing about their network


class Step(NamedTuple):
    """One choice of the controller: the option with the index `option` of the `size` options of a parameter."""

    name: str
    size: int
    option: int


class Batch(NamedTuple):
    """Trials from which the controller learns at once.

    Attributes:
        number: of the batch, from 0.
        sequences: the choices of each trial, in the order in which the space asked for them.
        rewards: of each trial.
        valued: whether a trial has a value within the limits. Without any the batch has only zeros and violations to learn from.
    """

    number: int
    sequences: list[list[Step]]
    rewards: list[float]
    valued: list[bool]

    @property
    def counted(self) -> list[float]:
        """The rewards that baseline and scale are made from: those of trials with a value, if there are any."""
        return [reward for reward, valued in zip(self.rewards, self.valued, strict=True) if valued] or self.rewards


def batches(trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection], size: int, begin: int) -> Iterator[Batch]:
    """The batches from number `begin` on whose trials have all ended. Batch n has the trials from n * size to (n + 1) * size - 1.

    Args:
        trials: those of a phase by number.
        size: trials of a batch, also those that teach nothing.
    """
    for number in range(begin, len(trials) // size):
        of_batch = trials[number * size : (number + 1) * size]
        if any(t.state == TrialState.RUNNING for t in of_batch):
            return
        values = _scalars(of_batch, trials[: (number + 1) * size], directions, number)
        lowest = min([0.0, *(value for value in values if value is not None)])
        batch = Batch(number, [], [], [])
        for t, value in zip(of_batch, values, strict=True):
            sequence, reward = steps(t), _reward(t, value, lowest)
            if sequence and reward is not None:
                batch.sequences.append(sequence)
                batch.rewards.append(reward)
                batch.valued.append(value is not None)
        yield batch


def steps(trial: FrozenTrial) -> list[Step]:
    """The choices that led to the network of a trial. A parameter with one option is none."""
    choices = []
    for name, value in trial.params.items():
        options = options_of(trial.distributions[name])
        if len(options) > 1:
            choices.append(Step(name, len(options), next(i for i, option in enumerate(options) if same(option, value))))
    return choices


def advantages(batch: Batch, baseline: float) -> list[float]:
    """By how much each reward exceeds the baseline, in units of the root mean square of these differences, and at most `LARGEST`.

    A refused network is far below all others. It must not hide by how much those differ, so it does not count for the scale.

    >>> advantages(Batch(0, [], [3.0, 1.0, -9.0], [True, True, False]), 2.0)
    [1.0, -1.0, -2.0]
    """
    scale = math.sqrt(sum((reward - baseline) ** 2 for reward in batch.counted) / max(1, len(batch.counted))) or math.inf
    return [max(-LARGEST, min(LARGEST, (reward - baseline) / scale)) for reward in batch.rewards]


def moved(baseline: float, batch: Batch) -> float:
    """The moving average after a batch."""
    return DECAY * baseline + (1 - DECAY) * sum(batch.counted) / len(batch.counted)


def weighting(number: int, objectives: int) -> list[float]:
    """The weights of the objectives in a batch: uniform among all that sum to one, and the same for a number in every study."""
    rng = random.Random(f"weights {number}")
    weights = [rng.expovariate(1.0) for _ in range(objectives)]
    return [w / sum(weights) for w in weights]


def weighted(shares: Sequence[float], weights: Sequence[float]) -> float:
    """One reward from several objectives, each from 0 (the worst) to 1: an augmented Tchebycheff weighting (Knowles 2006, "ParEGO").

    >>> weighted([1.0, 1.0], [0.3, 0.7])
    1.0
    """
    losses = [w * (1 - share) for w, share in zip(weights, shares, strict=True)]
    return 1 - max(losses) - AUGMENTED * sum(losses)


def _scalars(
    of_batch: Sequence[FrozenTrial], so_far: Sequence[FrozenTrial], directions: Sequence[StudyDirection], number: int
) -> list[float | None]:
    """For each trial its value, turned so that more is better; with several objectives a weighting of them; None without values."""
    signs = [1.0 if d == StudyDirection.MAXIMIZE else -1.0 for d in directions]
    points = [None if (v := _values(t)) is None else [s * x for s, x in zip(signs, v, strict=True)] for t in of_batch]
    if len(signs) == 1:
        return [None if point is None else point[0] for point in points]
    known = [[s * x for s, x in zip(signs, v, strict=True)] for t in so_far if (v := _values(t)) is not None]
    if not known:
        return [None] * len(points)
    ends = [(min(axis), max(axis)) for axis in zip(*known, strict=True)]
    weights = weighting(number, len(signs))
    return [
        None
        if point is None
        else weighted([(x - low) / (high - low) if high > low else 1.0 for x, (low, high) in zip(point, ends, strict=True)], weights)
        for point in points
    ]


def _values(trial: FrozenTrial) -> list[float] | None:
    """The values of a trial within the limits where all trials have them: at the first rung of successive halving, else at its end."""
    if violation(trial) > 0:
        return None
    rungs = trial.user_attrs.get("rungs")
    if rungs:
        return list(rungs[0]["values"])
    return list(trial.values) if trial.state == TrialState.COMPLETE else None


def _reward(trial: FrozenTrial, value: float | None, lowest: float) -> float | None:
    """The reward of a trial; None where it says nothing about its network.

    Args:
        value: what it is worth within the limits; None without values.
        lowest: what a network without values is worth: 0, or the lowest value of the batch if that is below. A network outside the
            limits is worth less by its violation, up to 1.
    """
    if value is not None:
        return value
    status = trial.user_attrs.get("status")
    if status in UNTAUGHT or (status == "duplicate" and trial.state == TrialState.FAIL):
        return None
    return lowest - min(1.0, violation(trial))
