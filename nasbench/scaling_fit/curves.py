"""Curves: what each direction of growth reached at each cost, and whether the fitted one is better than an axis alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any

from nasbench.scaling_fit.directions import AXES
from nasbench.study.trial import Trial

BASE, FITTED = "base", "fitted"


@dataclass(frozen=True)
class CurvePoint:
    """A network of a curve.

    Attributes:
        direction: `base`, an axis, a law's name or `fitted`; size: cost asked, as a multiple of the base's; ratio: that it has.
        latency_ms: None where the cost is multiply-adds.
        accuracies: one a seed.
        half: of the 95 % interval of their mean; infinite where no network has two seeds.
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
        return mean(self.accuracies)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"accuracy": self.accuracy}


@dataclass(frozen=True)
class Difference:
    """Accuracy of the fitted direction less another's, with its 95 % interval."""

    size: float
    against: str
    value: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """In words."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no difference beyond the spread of the seeds"


def curve_points(trials: Iterable[Trial]) -> list[CurvePoint]:
    """The curves of finished trials, by size and direction in the order of their first trial."""
    grouped: dict[tuple[float, str], list[Trial]] = defaultdict(list)
    for t in trials:
        if t.status == "ok" and t.accuracy is not None:
            grouped[float(t.more["size"]), str(t.more["direction"])].append(t)
    found = [_point(direction, size, several) for (size, direction), several in sorted(grouped.items(), key=lambda item: item[0][0])]
    spread = seed_spread(found)
    return [replace(p, half=spread.half(1 / len(p.accuracies))) for p in found]


def _point(direction: str, size: float, several: Sequence[Trial]) -> CurvePoint:
    t = several[0]
    accuracies = tuple(float(one.accuracy or 0.0) for one in several)
    more: Mapping[str, Any] = t.more
    return CurvePoint(direction, size, float(more["ratio"]), t.macs or 0, t.params_count or 0, int(more["side"]), t.latency_ms, accuracies)


def differences(points: Sequence[CurvePoint]) -> list[Difference]:
    """The fitted direction against each axis alone, at each size; the trials are fresh, none chose the direction."""
    found, spread = [], seed_spread(points)
    for own in (p for p in points if p.direction == FITTED):
        for other in (p for p in points if p.size == own.size and p.direction in AXES):
            value = own.accuracy - other.accuracy
            half = spread.half(1 / len(own.accuracies) + 1 / len(other.accuracies))
            found.append(Difference(own.size, other.direction, value, value - half, value + half))
    return found


@dataclass(frozen=True)
class SeedSpread:
    """How far trials of one network differ: the standard deviation over seeds, and its degrees of freedom."""

    sd: float
    freedom: int

    def half(self, share: float) -> float:
        """Of a 95 % interval (Student's t) of a mean, `share` being 1/n, or of a difference of means, the sum of both."""
        from scipy.stats import t

        return math.inf if self.freedom == 0 else float(t.ppf(0.975, self.freedom)) * self.sd * math.sqrt(share)


def seed_spread(points: Sequence[CurvePoint]) -> SeedSpread:
    """Pooled over all networks, which are taken to spread alike: two or three seeds of one say too little of their own."""
    several = [p.accuracies for p in points if len(p.accuracies) > 1]
    freedom = sum(len(each) - 1 for each in several)
    return SeedSpread(math.sqrt(sum((len(each) - 1) * stdev(each) ** 2 for each in several) / freedom) if freedom else 0.0, freedom)
