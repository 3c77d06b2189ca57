"""The space before a search: how fast its networks are, and whether the limits can be met."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from nasbench.errors import LimitError, NasbenchError
from nasbench.genotype import Genotype
from nasbench.latency.contract import side
from nasbench.search.limits import Limits, Metrics
from nasbench.spaces import Choose, Options, ParameterValues, Space
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.spaces.options import same
from nasbench.study.sampling import every

SAMPLES = 400
UNRELIABLE = 1e6  # added to the excess of a latency whose interval says nothing


@dataclass(frozen=True)
class SpaceSummary:
    """What was seen of a space under limits.

    Attributes:
        count: genotypes in the space; sampled: how many were looked at: all of them where that is no more than a sample.
        fastest_ms, slowest_ms: found by changing one value at a time from the fastest and the slowest sample; None where the device was not
            profiled, because nothing asks for latencies.
        median_ms: of the samples, or None.
        inside, unsure, outside: shares of the samples; the unsure are too near the latency limit for their prediction to tell.
    """

    count: int
    sampled: int
    fastest_ms: float | None
    median_ms: float | None
    slowest_ms: float | None
    inside: float
    unsure: float
    outside: float

    @property
    def binds(self) -> bool:
        """Whether the limits exclude, or may exclude, any of the samples."""
        return self.outside > 0 or self.unsure > 0

    @property
    def verdict(self) -> str:
        """What the limits do to the space, in words."""
        if self.outside > 0:
            return "binds"
        return "may bind" if self.unsure > 0 else "excludes nothing that was sampled"


@dataclass(frozen=True)
class SpaceSample:
    """The summary of a space with the networks that it was made from.

    Attributes:
        examples: sampled networks inside the limits, or unsure and measurable; by latency, or by multiply-adds where that is unknown.
        fastest: the network of `summary.fastest_ms`, or the one with the fewest multiply-adds.
    """

    summary: SpaceSummary
    examples: tuple[Genotype, ...]
    fastest: Genotype


Seen = tuple[Metrics, Genotype, ParameterValues]


def sample_space(
    space: Space,
    decode: Callable[[Choose], Genotype],
    limits: Limits,
    estimate: Callable[[Genotype], Metrics],
    seed: int = 0,
    samples: int = SAMPLES,
    *,
    measurable: bool = True,
) -> SpaceSample:
    """Look at all of a small space, else sample it; `decode` is the space's with the classes of the data.

    Args:
        measurable: whether the device can be measured; else only networks that are surely inside the limits count.

    Raises:
        LimitError: no network that was found can meet the limits.
    """
    rng = random.Random(seed)
    whole = space.count() <= samples
    seen = _all(space, decode, estimate) if whole else _some(space, decode, estimate, rng, samples)
    timed = seen[0][0].has_latency
    seen.sort(key=lambda entry: entry[0].latency_ms if timed else float(entry[0].macs))
    fastest, slowest = seen[0], seen[-1]
    if timed and not whole:
        fastest = _descend(decode, fastest, lambda metrics: metrics.latency_ms, estimate, rng)
        slowest = _descend(decode, slowest, lambda metrics: -metrics.latency_ms, estimate, rng)
    sides = [limits.judge(metrics) for metrics, _, _ in seen]
    hopeful = ("inside", "unsure") if measurable else ("inside",)
    examples = [g for (_, g, _), where in zip(seen, sides, strict=True) if where in hopeful]
    if not examples:
        start = min(seen, key=lambda entry: _worst(limits, entry[0], measurable))
        examples = [_nearest(space, decode, limits, estimate, fastest, start, rng, measurable)[1]]
    shares = {where: n / len(seen) for where, n in Counter(sides).items()}
    summary = SpaceSummary(
        count=space.count(),
        sampled=len(seen),
        fastest_ms=fastest[0].latency_ms if timed else None,
        median_ms=median(metrics.latency_ms for metrics, _, _ in seen) if timed else None,
        slowest_ms=slowest[0].latency_ms if timed else None,
        inside=shares.get("inside", 0.0),
        unsure=shares.get("unsure", 0.0),
        outside=shares.get("outside", 0.0),
    )
    return SpaceSample(summary, tuple(examples), fastest[1])


def _all(space: Space, decode: Callable[[Choose], Genotype], estimate: Callable[[Genotype], Metrics]) -> list[Seen]:
    seen: list[Seen] = []
    why = "no values lead to one"
    for proposal in every(decode):
        try:
            seen.append((estimate(proposal.genotype), proposal.genotype, proposal.params))
        except NasbenchError as error:
            why = str(error)
    if not seen:
        raise LimitError(f"none of the {space.count()} combinations of values of {space.name} is a network; the last: {why}")
    return seen


def _some(
    space: Space, decode: Callable[[Choose], Genotype], estimate: Callable[[Genotype], Metrics], rng: random.Random, samples: int
) -> list[Seen]:
    seen: list[Seen] = []
    why = ""
    for _ in range(samples):
        values: ParameterValues = {}
        try:
            g = decode(record(random_chooser(rng), values))
            seen.append((estimate(g), g, values))
        except NasbenchError as error:
            why = str(error)
    if not seen:
        raise LimitError(f"none of {samples} samples of {space.name} is a network; the last: {why}")
    return seen


def _nearest(
    space: Space,
    decode: Callable[[Choose], Genotype],
    limits: Limits,
    estimate: Callable[[Genotype], Metrics],
    fastest: Seen,
    start: Seen,
    rng: random.Random,
    measurable: bool,
) -> Seen:
    """A network that may meet the limits though no sample did; one that surely meets them where nothing can be measured.

    Raises:
        LimitError: there is none.
    """
    metrics, limit = fastest[0], limits.latency_ms
    if limit is not None and side(metrics.low_ms, metrics.high_ms, limit, reliable=metrics.reliable) == "outside":
        raise LimitError(
            f"{limit:g} ms cannot be met in {space.name}: the fastest network is predicted to take {metrics.latency_ms:.1f} ms "
            f"[{metrics.low_ms:.1f}, {metrics.high_ms:.1f}]; allow at least that, or choose a space with smaller networks"
        )
    found: list[Seen] = []
    for begin in (fastest, start):
        found.append(_descend(decode, begin, lambda metrics: _worst(limits, metrics, measurable), estimate, rng))
        where = limits.judge(found[-1][0])
        if where == "inside" or (where == "unsure" and measurable):
            return found[-1]
    nearest = min(found, key=lambda seen: _worst(limits, seen[0], measurable))
    unsure = limits.judge(nearest[0]) == "unsure"
    why = "; that is not sure, and the device is elsewhere, so that nothing can be measured" if unsure else ""
    raise LimitError(
        f"{limits.describe()} cannot be met in {space.name}: the nearest network that was found has {limits.broken(nearest[0])}{why}; "
        "allow more, or choose a space with smaller networks"
    )


def _worst(limits: Limits, metrics: Metrics, measurable: bool) -> float:
    """The largest excess over a limit.

    For latency the lower end of the interval counts, since that network may still be inside; the upper end where nothing can be measured,
    and then an interval that cannot be relied on is worse than all others.
    """
    excess = limits.excess(metrics)
    if limits.latency_ms is not None and measurable:
        excess["latency"] = metrics.low_ms / limits.latency_ms - 1
    elif limits.latency_ms is not None and not metrics.reliable:
        excess["latency"] += UNRELIABLE
    return max(excess.values())


def _descend(
    decode: Callable[[Choose], Genotype],
    start: Seen,
    score: Callable[[Metrics], float],
    estimate: Callable[[Genotype], Metrics],
    rng: random.Random,
) -> Seen:
    """Change one value at a time for as long as a change lowers the score."""
    best_metrics, best, values = start
    values = dict(values)
    improved = True
    while improved:
        improved = False
        parameters: dict[str, Options] = {}
        decode(record_options(replay(values, random_chooser(rng)), parameters))
        for name, options in parameters.items():
            # A long range is tried at its ends and middle.
            tried = options if len(options) <= 16 else [options[0], options[len(options) // 2], options[-1]]
            for option in tried:
                if name in values and same(option, values[name]):
                    continue
                changed: ParameterValues = {}
                try:
                    g = decode(record(replay({**values, name: option}, random_chooser(rng)), changed))
                    metrics = estimate(g)
                except NasbenchError:
                    continue
                if score(metrics) < score(best_metrics) - 1e-9:
                    best, best_metrics, values, improved = g, metrics, changed, True
    return best_metrics, best, values
