"""Measurement: a median of visits, its interval, and whether it may be trusted. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Any, NamedTuple

from nasbench.latency.statistics import median_interval, smallest_sample, spread

MAX_WIDTH = 0.10  # of the interval of the median, relative to the median: known to about 5 % either way
MAX_WAITED = 0.10  # share of a visit that our threads were ready to run and other work had the core
MAX_DRIFT = 0.60  # interquartile range of the anchor over its median


class Visit(NamedTuple):
    """Some runs of one network, in turns with the anchor network, in one round.

    Attributes:
        ms: interquartile mean of the runs; anchor_ms: of the anchor's between them.
        waited: share of the time that other work kept our threads from a core; None where the kernel does not say.
        seat: number of the process; group: of the networks that took turns with each other.
    """

    ms: float
    anchor_ms: float
    waited: float | None = None
    seat: int = 0
    group: int = 0


@dataclass(frozen=True)
class Measurement:
    """The latency of one network.

    Attributes:
        median_ms: median over the visits, each corrected by the anchor to the machine's usual speed meanwhile.
        low_ms, high_ms: hold the median with 95 % confidence.
        n: visits used.
        spread: interquartile range of the corrected visits over their median.
        raw_ms: median without correction.
        drift: interquartile range of the anchor over its process's median: how much the machine's speed varied.
        anchor_ms: the anchor's usual time, for which median_ms holds; between two sessions, their ratio is how much slower the machine was.
        waited: median share of the time that other work had our cores; None where the kernel does not say.
        noisy: the median is not known to 5 % either way, or other work ran; `why` says it.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    spread: float
    raw_ms: float
    drift: float
    anchor_ms: float
    waited: float | None
    noisy: bool
    why: str = ""

    @property
    def disturbed(self) -> bool:
        """Whether other work had our cores too long: then nothing is known, whatever the interval says."""
        return self.waited is not None and self.waited > MAX_WAITED

    def at_speed(self, anchor_ms: float) -> Measurement:
        """The same measurement for a machine so fast or slow that the anchor takes `anchor_ms`."""
        factor = anchor_ms / self.anchor_ms
        return replace(
            self, median_ms=self.median_ms * factor, low_ms=self.low_ms * factor, high_ms=self.high_ms * factor, anchor_ms=anchor_ms
        )

    def __str__(self) -> str:
        verdict = f"; noisy: {self.why}" if self.noisy else ""
        return f"{self.median_ms:.2f} ms [{self.low_ms:.2f}, {self.high_ms:.2f}] of {self.n} visits, spread {self.spread:.1%}{verdict}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return asdict(self)


def calm(visits: Sequence[Visit]) -> list[Visit]:
    """The visits that other work did not disturb, as far as the kernel says."""
    return [v for v in visits if v.waited is None or v.waited <= MAX_WAITED]


class Speed:
    """How fast the machine was, as its anchors felt it.

    A process's anchor is up to a tenth faster or slower than another's, since its memory came to lie elsewhere, and stays so:
    within a process it tells how the speed changes, and only the median of several how fast the machine is.

    Visits are in the order in which they were made. What is usual for a process is said by the rounds in which all of its group
    took part: those that only some needed may have met another machine.
    """

    def __init__(self, visits: Sequence[Visit]) -> None:
        shared = _shared_rounds(visits)
        self._seat = _usual(visits) | _usual(calm(visits)) | _usual(calm(shared))
        group_of = {v.seat: v.group for v in visits}
        self._group = _medians((group_of[seat], ms) for seat, ms in self._seat.items())
        self.anchor_ms = median(self._group.values())

    def change(self, visit: Visit) -> float:
        """How much slower the machine was during a visit than usual for its process."""
        return visit.anchor_ms / self._seat[visit.seat]

    def steady(self, visit: Visit) -> float:
        """Milliseconds of a visit at the session's usual speed."""
        return visit.ms / self.change(visit) * self.anchor_ms / self._group[visit.group]


def _usual(visits: Iterable[Visit]) -> dict[int, float]:
    """The anchor's usual time in each process."""
    return _medians((v.seat, v.anchor_ms) for v in visits)


def _shared_rounds(visits: Sequence[Visit]) -> list[Visit]:
    """Of each process as many first visits as each of its group has."""
    count = Counter(v.seat for v in visits)
    fewest: dict[int, int] = {}
    for v in visits:
        fewest[v.group] = min(fewest.get(v.group, count[v.seat]), count[v.seat])
    seen: Counter[int] = Counter()
    found = []
    for v in visits:
        seen[v.seat] += 1
        if seen[v.seat] <= fewest[v.group]:
            found.append(v)
    return found


def _medians(pairs: Iterable[tuple[int, float]]) -> dict[int, float]:
    several: dict[int, list[float]] = defaultdict(list)
    for key, value in pairs:
        several[key].append(value)
    return {key: median(values) for key, values in several.items()}


def judge(visits: Sequence[Visit], speed: Speed | None = None) -> Measurement:
    """The measurement that the visits make. Visits that other work disturbed are left out while six others remain.

    `speed` is that of the session in which several networks took turns; without it, these visits are the session.
    """
    quiet = calm(visits)
    used = quiet if len(quiet) >= smallest_sample() else list(visits)
    speed = speed or Speed(used)
    steady = [speed.steady(v) for v in used]
    middle, drift = median(steady), spread([speed.change(v) for v in used])
    low, high = median_interval(steady)
    waits = [v.waited for v in used if v.waited is not None]
    waited = median(waits) if waits else None

    reasons = []
    if len(used) < smallest_sample():
        reasons.append(f"{len(used)} visits, at least {smallest_sample()} are needed")
    if waited is not None and waited > MAX_WAITED:  # see `disturbed`
        reasons.append(f"other work kept the cores {waited:.0%} of the time")
    if drift > MAX_DRIFT:
        reasons.append(f"the machine's speed varied by {drift:.0%}")
    if (high - low) / middle > MAX_WIDTH:
        reasons.append(f"the interval of the median is {(high - low) / middle:.0%} wide, at most {MAX_WIDTH:.0%} is trusted")
    return Measurement(
        median_ms=middle,
        low_ms=low,
        high_ms=high,
        n=len(used),
        spread=spread(steady),
        raw_ms=median(v.ms for v in used),
        drift=drift,
        anchor_ms=speed.anchor_ms,
        waited=waited,
        noisy=bool(reasons),
        why="; ".join(reasons),
    )


def judge_together(visits: Mapping[str, Sequence[Visit]]) -> dict[str, Measurement]:
    """Measurements of networks that took turns: for one speed of the machine, so that they compare."""
    speed = Speed([v for several in visits.values() for v in several])
    return {name: judge(several, speed) for name, several in visits.items()}
