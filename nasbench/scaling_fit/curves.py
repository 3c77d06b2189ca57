"""Curves: the accuracy in each direction of growth at each cost, and whether the fitted direction is better than an axis alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any

from nasbench.scaling_fit.directions import AXES, FITTED
from nasbench.study.trial import Trial


@dataclass(frozen=True)
class CurvePoint:
    """A network of a curve.

    Attributes:
        direction: `base`, an axis, the name of a law, or `fitted`.
        size: the wanted cost as a multiple of the base's cost.
        ratio: the actual cost as a multiple of the base's cost.
        macs: multiply-adds.
        params: parameters.
        side: the side of the input in pixels.
        latency_ms: None where no latency was recorded.
        accuracies: one for each seed, from 0 to 1.
        half: half the width of the 95 % interval of their mean; infinite where no network has two seeds.
    """

    direction: str
    size: float
    ratio: float
    macs: int
    params: int
    side: int
    latency_ms: float | None
    accuracies: tuple[float, ...]
    half: float = math.inf

    @property
    def accuracy(self) -> float:
        """The mean accuracy over the seeds."""
        return mean(self.accuracies)

    def to_json(self) -> dict[str, Any]:
        """An entry of `points` in `fit.json`."""
        return asdict(self) | {"accuracy": self.accuracy}


@dataclass(frozen=True)
class Difference:
    """The mean accuracy in the fitted direction minus that in another one, with its 95 % interval from `low` to `high`."""

    size: float
    against: str
    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """The difference in words."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference beyond the spread of the seeds"

    def to_json(self) -> dict[str, Any]:
        """An entry of `differences` in `fit.json`."""
        return asdict(self) | {"verdict": self.verdict}


@dataclass(frozen=True)
class SeedSpread:
    """The standard deviation of the accuracies of one network over its seeds, and its degrees of freedom."""

    sd: float
    freedom: int

    def half(self, inverse_count: float) -> float:
        """Half the width of a 95 % interval by Student's t distribution; infinite without degrees of freedom.

        Args:
            inverse_count: 1/n for a mean of n seeds; 1/n + 1/m for the difference of two means.
        """
        from scipy.stats import t

        return math.inf if self.freedom == 0 else float(t.ppf(0.975, self.freedom)) * self.sd * math.sqrt(inverse_count)


def curve_points(trials: Iterable[Trial]) -> list[CurvePoint]:
    """The networks of the finished trials, by size, and by their first trial within a size."""
    networks: dict[tuple[float, str], list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.status == "ok" and trial.accuracy is not None:
            networks[float(trial.more["size"]), str(trial.more["direction"])].append(trial)
    points = [_point(direction, size, of_network) for (size, direction), of_network in sorted(networks.items(), key=lambda n: n[0][0])]
    spread = seed_spread(points)
    return [replace(point, half=spread.half(1 / len(point.accuracies))) for point in points]


def _point(direction: str, size: float, trials: Sequence[Trial]) -> CurvePoint:
    """The point of one network's trials."""
    first = trials[0]
    return CurvePoint(
        direction=direction,
        size=size,
        ratio=float(first.more["ratio"]),
        macs=first.macs or 0,
        params=first.params_count or 0,
        side=int(first.more["side"]),
        latency_ms=first.latency_ms,
        accuracies=tuple(float(trial.accuracy or 0.0) for trial in trials),
    )


def differences(points: Sequence[CurvePoint]) -> list[Difference]:
    """The fitted direction compared with each axis alone at each size. The seeds are fresh: they did not choose the direction."""
    comparisons, spread = [], seed_spread(points)
    for fitted in (p for p in points if p.direction == FITTED):
        for other in (p for p in points if p.size == fitted.size and p.direction in AXES):
            value = fitted.accuracy - other.accuracy
            half = spread.half(1 / len(fitted.accuracies) + 1 / len(other.accuracies))
            comparisons.append(Difference(fitted.size, other.direction, value, value - half, value + half))
    return comparisons


def seed_spread(points: Sequence[CurvePoint]) -> SeedSpread:
    """The spread over seeds, pooled over all networks, since two or three seeds of one network say too little.

    It assumes that the accuracies of all networks vary alike.
    """
    repeated = [p.accuracies for p in points if len(p.accuracies) > 1]
    freedom = sum(len(accuracies) - 1 for accuracies in repeated)
    squares = sum((len(accuracies) - 1) * stdev(accuracies) ** 2 for accuracies in repeated)
    return SeedSpread(math.sqrt(squares / freedom) if freedom else 0.0, freedom)
