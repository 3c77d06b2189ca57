"""Curves: what each direction of growth reached at each cost, and whether the fitted one is better than an axis alone."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from nasbench.search.fit.design import AXES
from nasbench.search.records import Trial

BASE, FITTED = "base", "fitted"


@dataclass(frozen=True)
class CurvePoint:
    """A network of a curve.

    Attributes:
        direction: `base`, an axis, a law's name or `fitted`; size: cost asked, as a multiple of the base's; ratio: that it has.
        latency_ms: None where the cost is multiply-adds.
        accuracies: one a seed.
    """

    direction: str
    size: float
    ratio: float
    macs: int
    params: int
    side: int
    latency_ms: float | None
    accuracies: tuple[float, ...]

    @property
    def accuracy(self) -> float:
        return mean(self.accuracies)

    @property
    def half(self) -> float:
        """Of the 95 % interval of the mean; infinite with one seed."""
        return half_width(self.accuracies)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"accuracy": self.accuracy}


@dataclass(frozen=True)
class Difference:
    """Accuracy of the fitted direction less another's, with its 95 % interval (Welch's t)."""

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
    return [_point(direction, size, several) for (size, direction), several in sorted(grouped.items(), key=lambda item: item[0][0])]


def _point(direction: str, size: float, several: Sequence[Trial]) -> CurvePoint:
    t = several[0]
    accuracies = tuple(float(one.accuracy or 0.0) for one in several)
    more: Mapping[str, Any] = t.more
    return CurvePoint(direction, size, float(more["ratio"]), t.macs or 0, t.params_count or 0, int(more["side"]), t.latency_ms, accuracies)


def differences(points: Sequence[CurvePoint]) -> list[Difference]:
    """The fitted direction against each axis alone, at each size; the trials are fresh, none chose the direction."""
    found = []
    for own in (p for p in points if p.direction == FITTED):
        for other in (p for p in points if p.size == own.size and p.direction in AXES):
            value = own.accuracy - other.accuracy
            half = _welch(own.accuracies, other.accuracies)
            found.append(Difference(own.size, other.direction, value, value - half, value + half))
    return found


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of a mean (Student's t)."""
    from scipy.stats import t

    n = len(values)
    return math.inf if n < 2 else float(t.ppf(0.975, n - 1)) * stdev(values) / math.sqrt(n)


def _welch(a: Sequence[float], b: Sequence[float]) -> float:
    """Half of the 95 % interval of a difference of means."""
    from scipy.stats import t

    if min(len(a), len(b)) < 2:
        return math.inf
    u, v = stdev(a) ** 2 / len(a), stdev(b) ** 2 / len(b)
    if u + v == 0:
        return 0.0
    freedom = (u + v) ** 2 / (u**2 / (len(a) - 1) + v**2 / (len(b) - 1))
    return float(t.ppf(0.975, freedom)) * math.sqrt(u + v)
