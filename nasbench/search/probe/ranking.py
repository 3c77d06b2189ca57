"""How well a short training ranks networks, measured on some of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from optuna.study import StudyDirection
from scipy.stats import kendalltau

from nasbench.files import number
from nasbench.strategies.predictor.features import Matrix, Vector
from nasbench.strategies.predictor.history import score
from nasbench.training.proxy import TWO_SIDED_95

BOOTSTRAPS = 1000
INTERVAL = (2.5, 97.5)  # percentiles
USUAL_SHARE = 0.3  # the share of noise that is assumed where no probe has measured it
PRIOR = 10  # networks that the assumption is worth
MOST_NOISE = 0.6  # beyond which a regression would learn next to nothing


@dataclass(frozen=True)
class Ranking:
    """How well one short training ranks networks, compared with a longer one.

    Attributes:
        recipe, longer: the fields of both recipes.
        networks: how many were trained with both.
        draws: short trainings of each network.
        noise: standard deviation of the accuracy (0 to 1) of one short training around the mean of its network.
        tau: Kendall's tau-b between one short training and the mean of the longer ones; low, high: its 95 % interval.
        macs: the tau of multiply-adds, which cost nothing.
        correlation: of the scores (minus the logarithm of the error) of one short training and of the mean of the longer ones (Pearson).
        seconds, longer_seconds: of one training, on one core of the machine where it was measured; the median.
    """

    recipe: Mapping[str, Any]
    longer: Mapping[str, Any]
    networks: int
    draws: int
    noise: float
    tau: float
    low: float
    high: float
    macs: float
    correlation: float
    seconds: float
    longer_seconds: float

    @property
    def noise_share(self) -> float:
        """The share of the variance of a short training's score that says nothing about a longer training.

        It is 1 - r^2 with the correlation r of the two. Few networks tell it badly, so the usual share counts like `PRIOR` networks.
        """
        seen = 1 - max(0.0, self.correlation) ** 2
        return min(MOST_NOISE, (self.networks * seen + PRIOR * USUAL_SHARE) / (self.networks + PRIOR))

    @property
    def draws_for_a_point(self) -> int:
        """Trainings of each of two networks that tell a difference of one percentage point from none, with 95 % confidence."""
        return max(1, math.ceil(2 * (TWO_SIDED_95 * 100 * self.noise) ** 2))

    @property
    def times(self) -> float:
        """How many times as long the longer training takes."""
        return self.longer_seconds / max(self.seconds, 1e-9)

    @property
    def beats_macs(self) -> bool:
        """Whether the short training ranks better than multiply-adds do."""
        return self.tau > self.macs

    def words(self) -> str:
        """Two sentences for a plan."""
        needed = "one training of each tells" if self.draws_for_a_point == 1 else f"{self.draws_for_a_point} trainings of each tell"
        better = "" if self.beats_macs else ", and count, too"
        return (
            f"its order agrees with that of a training {self.times:.0f} times as long by Kendall's tau {self.tau:.2f} "
            f"[{self.low:.2f}, {self.high:.2f}] ({self.networks} networks); multiply-adds alone agree by {self.macs:.2f}{better}. "
            f"The accuracy of one training has a standard deviation of {100 * self.noise:.1f} points: {needed} networks apart that differ "
            "by one point"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ranking:
        """From `to_json`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        numbers = {name: number(data[name]) for name in ("noise", "tau", "low", "high", "macs", "correlation", "seconds", "longer_seconds")}
        counts = {name: int(number(data[name], above=0)) for name in ("networks", "draws")}
        return cls(dict(data["recipe"]), dict(data["longer"]), **counts, **numbers)


def rank_correlation(scores: Sequence[float] | Vector, accuracies: Sequence[float] | Vector) -> float:
    """Kendall's tau-b; 0 where all scores agree."""
    value = float(kendalltau(scores, accuracies).statistic)
    return 0.0 if math.isnan(value) else value


def ranking(
    recipe: Mapping[str, Any],
    longer: Mapping[str, Any],
    short: Matrix,
    long: Matrix,
    macs: Sequence[float],
    seconds: Sequence[float],
    longer_seconds: Sequence[float],
) -> Ranking:
    """Compare two trainings of the same networks.

    Args:
        short, long: accuracies, one row for each network, one column for each training of it.
        macs: multiply-adds of the networks.
        seconds, longer_seconds: durations of trainings.
    """
    truth = long.mean(axis=1)
    samples = tau_samples(short, truth)
    low, high = np.percentile(samples, INTERVAL)
    within = short.var(axis=1, ddof=1).mean() if short.shape[1] > 1 else 0.0
    return Ranking(
        recipe=recipe,
        longer=longer,
        networks=len(short),
        draws=short.shape[1],
        noise=float(np.sqrt(within)),
        tau=_tau(short, truth),
        low=float(low),
        high=float(high),
        macs=rank_correlation(macs, truth),
        correlation=_correlation(short, truth),
        seconds=float(np.median(seconds)),
        longer_seconds=float(np.median(longer_seconds)),
    )


def tau_samples(short: Matrix, truth: Vector) -> Vector:
    """The tau of one short training for bootstrap samples of the networks, always the same samples."""
    draw = np.random.default_rng(0)
    picked = draw.integers(len(truth), size=(BOOTSTRAPS, len(truth)))
    return np.array([_tau(short[index], truth[index]) for index in picked])


def _correlation(short: Matrix, truth: Vector) -> float:
    """The mean over the short trainings; 0 where all agree."""
    true = score(truth, StudyDirection.MAXIMIZE)
    if not np.ptp(true):
        return 0.0
    columns = [score(column, StudyDirection.MAXIMIZE) for column in short.T]
    return float(np.mean([np.corrcoef(column, true)[0, 1] if np.ptp(column) else 0.0 for column in columns]))


def _tau(short: Matrix, truth: Vector) -> float:
    return float(np.mean([rank_correlation(column, truth) for column in short.T]))
