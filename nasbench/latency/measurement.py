"""Measurement: the latency of one network as the median of several rounds, and whether it may be trusted. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any, NamedTuple

from nasbench.files import number
from nasbench.latency.statistics import median_interval, smallest_sample, spread

MAX_WIDTH = 0.10  # width of the median's interval, relative to the median: the median is then known to about 5 % either way
MAX_WAITED = 0.10  # share of a round in which our threads were ready to run and other work had the core
MAX_DRIFT = 0.60  # interquartile range of the reference network's times, relative to their median

KEYS = {"reference_ms": "anchor_ms"}  # attributes of a measurement that have another name in files


class Round(NamedTuple):
    """The runs of one network in one round, in turns with runs of the reference network.

    Attributes:
        ms: interquartile mean of the network's runs.
        reference_ms: interquartile mean of the reference network's runs between them.
        waited: share of the time for which other work kept our threads from a core; None where the kernel does not say.
        process: number of the measuring process.
        group: number of the group of networks that took turns with each other.
    """

    ms: float
    reference_ms: float
    waited: float | None = None
    process: int = 0
    group: int = 0


@dataclass(frozen=True)
class Measurement:
    """The latency of one network.

    Attributes:
        median_ms: median over the rounds. Each round is first corrected, by the reference network, to the machine's usual speed in the
            session.
        low_ms, high_ms: interval that holds the median with 95 % confidence.
        n: number of rounds used.
        spread: interquartile range of the corrected rounds, relative to their median.
        raw_ms: median without the correction.
        drift: interquartile range of the reference network's times, relative to the usual time in its process: how much the machine's
            speed varied.
        reference_ms: usual time of the reference network, for which `median_ms` holds. The ratio of those of two sessions says how much
            slower the machine was in one of them.
        waited: median share of the time for which other work had our cores; None where the kernel does not say.
        noisy: the median is not known to 5 % either way, or other work ran.
        why: the reasons for `noisy`, in words.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    n: int
    spread: float
    raw_ms: float
    drift: float
    reference_ms: float
    waited: float | None
    noisy: bool
    why: str = ""

    @property
    def disturbed(self) -> bool:
        """Whether other work had our cores for too long: the measurement then says nothing, whatever its interval."""
        return self.waited is not None and self.waited > MAX_WAITED

    def at_speed(self, reference_ms: float) -> Measurement:
        """The same measurement for a machine on which the reference network takes `reference_ms`."""
        factor = reference_ms / self.reference_ms
        return replace(
            self,
            median_ms=self.median_ms * factor,
            low_ms=self.low_ms * factor,
            high_ms=self.high_ms * factor,
            reference_ms=reference_ms,
        )

    def __str__(self) -> str:
        verdict = f"; noisy: {self.why}" if self.noisy else ""
        return f"{self.median_ms:.2f} ms [{self.low_ms:.2f}, {self.high_ms:.2f}] of {self.n} rounds, spread {self.spread:.1%}{verdict}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `json.dumps`; `from_json` reads it back."""
        return {KEYS.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """The measurement in what `to_json` returned.

        Raises:
            KeyError: a value is missing.
            TypeError, ValueError: the data or a value is of another kind.
        """
        values = {field.name: data[KEYS.get(field.name, field.name)] for field in fields(cls)}
        for name in ("median_ms", "low_ms", "high_ms", "n", "raw_ms", "reference_ms"):
            number(values[name], above=0)
        for name in ("spread", "drift", *(["waited"] if values["waited"] is not None else [])):
            number(values[name])
        return cls(**{**values, "noisy": bool(values["noisy"]), "why": str(values["why"])})


def undisturbed(rounds: Sequence[Round]) -> list[Round]:
    """The rounds that other work did not disturb, as far as the kernel says."""
    return [r for r in rounds if r.waited is None or r.waited <= MAX_WAITED]


class Speed:
    """The machine's speed during a session, as the runs of the reference network show it.

    The reference network of one process is up to a tenth faster or slower than that of another, because its memory lies elsewhere, and
    it stays so. Within a process it shows how the speed changes; only the median over several processes shows how fast the machine is.

    The usual time of a process is taken from the rounds in which all networks of its group took part. The later rounds, which only some
    networks needed, may have met another speed.

    Attributes:
        reference_ms: usual time of the reference network in the session.
    """

    def __init__(self, rounds: Sequence[Round]) -> None:
        """
        Args:
            rounds: in the order in which they were made.
        """
        shared = _shared(rounds)
        self._process = _usual(rounds) | _usual(undisturbed(rounds)) | _usual(undisturbed(shared))
        group_of = {r.process: r.group for r in rounds}
        self._group = _medians((group_of[process], ms) for process, ms in self._process.items())
        self.reference_ms = median(self._group.values())

    def change(self, r: Round) -> float:
        """How much slower the machine was during a round than usual for its process."""
        return r.reference_ms / self._process[r.process]

    def steady(self, r: Round) -> float:
        """Milliseconds of a round at the session's usual speed."""
        return r.ms / self.change(r) * self.reference_ms / self._group[r.group]


def _usual(rounds: Iterable[Round]) -> dict[int, float]:
    """The reference network's usual time in each process."""
    return _medians((r.process, r.reference_ms) for r in rounds)


def _shared(rounds: Sequence[Round]) -> list[Round]:
    """The first rounds of each process, as many as every process of its group has."""
    count = Counter(r.process for r in rounds)
    fewest: dict[int, int] = {}
    for r in rounds:
        fewest[r.group] = min(fewest.get(r.group, count[r.process]), count[r.process])
    seen: Counter[int] = Counter()
    shared = []
    for r in rounds:
        seen[r.process] += 1
        if seen[r.process] <= fewest[r.group]:
            shared.append(r)
    return shared


def _medians(pairs: Iterable[tuple[int, float]]) -> dict[int, float]:
    values: dict[int, list[float]] = defaultdict(list)
    for key, value in pairs:
        values[key].append(value)
    return {key: median(of_key) for key, of_key in values.items()}


def judge(rounds: Sequence[Round], speed: Speed | None = None) -> Measurement:
    """The measurement that the rounds of one network make. Disturbed rounds are left out if six others remain.

    Args:
        speed: of the session in which several networks took turns. By default these rounds are the whole session.
    """
    quiet = undisturbed(rounds)
    used = quiet if len(quiet) >= smallest_sample() else list(rounds)
    speed = speed or Speed(used)
    steady = [speed.steady(r) for r in used]
    middle, drift = median(steady), spread([speed.change(r) for r in used])
    low, high = median_interval(steady)
    waits = [r.waited for r in used if r.waited is not None]
    waited = median(waits) if waits else None

    reasons = []
    if len(used) < smallest_sample():
        reasons.append(f"{len(used)} rounds, at least {smallest_sample()} are needed")
    if waited is not None and waited > MAX_WAITED:  # see `Measurement.disturbed`
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
        raw_ms=median(r.ms for r in used),
        drift=drift,
        reference_ms=speed.reference_ms,
        waited=waited,
        noisy=bool(reasons),
        why="; ".join(reasons),
    )


def judge_together(rounds: Mapping[str, Sequence[Round]]) -> dict[str, Measurement]:
    """The measurements of networks that took turns: all at one speed of the machine, so that they can be compared."""
    speed = Speed([r for of_network in rounds.values() for r in of_network])
    return {name: judge(of_network, speed) for name, of_network in rounds.items()}
