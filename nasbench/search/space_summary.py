"""A look at a space before a search: how fast its networks are, and whether the limits can be met."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from nasbench.errors import LimitError, NasbenchError
from nasbench.genotype import Genotype
from nasbench.search.limits import Limits, Metrics
from nasbench.spaces import Choose, Options, ParameterValues, Space
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.spaces.options import same
from nasbench.study.sampling import every

SAMPLES = 400


@dataclass(frozen=True)
class SpaceSummary:
    """Of a space under limits.

    Attributes:
        count: genotypes in the space; sampled: how many were looked at: all of them where that is no more than a sample.
        fastest_ms, slowest_ms: found by changing one answer at a time from the fastest and slowest sample.
        median_ms: of the samples.
        inside, unsure, outside: shares of the samples; the unsure are too near the latency limit for their prediction to tell.
        examples: sampled networks inside or unsure, by latency.
        fastest: the network of `fastest_ms`.
    """

    count: int
    sampled: int
    fastest_ms: float
    median_ms: float
    slowest_ms: float
    inside: float
    unsure: float
    outside: float
    examples: tuple[Genotype, ...]
    fastest: Genotype


Seen = tuple[Metrics, Genotype, ParameterValues]


def survey(
    space: Space,
    decode: Callable[[Choose], Genotype],
    limits: Limits,
    describe: Callable[[Genotype], Metrics],
    seed: int = 0,
    samples: int = SAMPLES,
) -> SpaceSummary:
    """Look at all of a small space, else sample; `decode` is the space's with the classes of the data.

    Raises:
        LimitError: the limits cannot be met by any network that was found.
    """
    rng = random.Random(seed)
    whole = space.count() <= samples
    seen = _all(space, decode, describe) if whole else _some(space, decode, describe, rng, samples)
    seen.sort(key=lambda found: found[0].latency_ms)
    fastest, slowest = seen[0], seen[-1]
    if not whole:
        fastest = _descend(decode, fastest, lambda f: f.latency_ms, describe, rng)
        slowest = _descend(decode, slowest, lambda f: -f.latency_ms, describe, rng)
    sides = [limits.judge(f) for f, _, _ in seen]
    allowed = [g for (_, g, _), side in zip(seen, sides, strict=True) if side != "outside"]
    if not allowed:
        nearest = _nearest(space, decode, limits, describe, fastest, min(seen, key=lambda s: _worst(limits, s[0])), rng)
        allowed = [nearest[1]]
    shares = {side: n / len(seen) for side, n in Counter(sides).items()}
    return SpaceSummary(
        space.count(),
        len(seen),
        fastest[0].latency_ms,
        median(f.latency_ms for f, _, _ in seen),
        slowest[0].latency_ms,
        shares.get("inside", 0.0),
        shares.get("unsure", 0.0),
        shares.get("outside", 0.0),
        tuple(allowed),
        fastest[1],
    )


def _all(space: Space, decode: Callable[[Choose], Genotype], describe: Callable[[Genotype], Metrics]) -> list[Seen]:
    found: list[Seen] = []
    why = "its answers lead to none"
    for drawn in every(decode):
        try:
            found.append((describe(drawn.genotype), drawn.genotype, drawn.params))
        except NasbenchError as error:
            why = str(error)
    if not found:
        raise LimitError(f"none of the {space.count()} answers of {space.name} is a network; the last: {why}")
    return found


def _some(
    space: Space, decode: Callable[[Choose], Genotype], describe: Callable[[Genotype], Metrics], rng: random.Random, samples: int
) -> list[Seen]:
    found: list[Seen] = []
    why = ""
    for _ in range(samples):
        answers: ParameterValues = {}
        try:
            g = decode(record(random_chooser(rng), answers))
            found.append((describe(g), g, answers))
        except NasbenchError as error:
            why = str(error)
    if not found:
        raise LimitError(f"none of {samples} samples of {space.name} is a network; the last: {why}")
    return found


def _nearest(
    space: Space,
    decode: Callable[[Choose], Genotype],
    limits: Limits,
    describe: Callable[[Genotype], Metrics],
    fastest: Seen,
    start: Seen,
    rng: random.Random,
) -> Seen:
    """A network that may meet the limits though no sample did.

    Raises:
        LimitError: there is none.
    """
    f = fastest[0]
    if limits.latency_ms is not None and f.reliable and f.low_ms > limits.latency_ms:
        raise LimitError(
            f"{limits.latency_ms:g} ms cannot be met in {space.name}: the fastest is predicted to take {f.latency_ms:.1f} ms "
            f"[{f.low_ms:.1f}, {f.high_ms:.1f}]; allow at least that, or choose a space with smaller networks"
        )
    for begin in (fastest, start):
        found = _descend(decode, begin, lambda f: _worst(limits, f), describe, rng)
        if limits.judge(found[0]) != "outside":
            return found
    raise LimitError(
        f"{limits.describe()} cannot be met in {space.name}: the nearest network that was found has {limits.broken(found[0])}; "
        "allow more, or choose a space with smaller networks"
    )


def _worst(limits: Limits, f: Metrics) -> float:
    """The largest excess over a limit; of latency the lower end counts, since that may still be inside."""
    found = limits.excess(f)
    if limits.latency_ms is not None:
        found["latency"] = f.low_ms / limits.latency_ms - 1
    return max(found.values())


def _descend(
    decode: Callable[[Choose], Genotype], start: Seen, score: Callable[[Metrics], float], describe: Callable[[Genotype], Metrics],
    rng: random.Random,
) -> Seen:  # fmt: skip
    """Change one answer at a time for as long as one lowers the score."""
    measured, best, answers = start
    answers = dict(answers)
    improved = True
    while improved:
        improved = False
        asked: dict[str, Options] = {}
        decode(record_options(replay(answers, random_chooser(rng)), asked))
        for label, options in asked.items():
            # A long range is tried at its ends and middle.
            tried = options if len(options) <= 16 else [options[0], options[len(options) // 2], options[-1]]
            for option in tried:
                if label in answers and same(option, answers[label]):
                    continue
                changed: ParameterValues = {}
                try:
                    g = decode(record(replay({**answers, label: option}, random_chooser(rng)), changed))
                    f = describe(g)
                except NasbenchError:
                    continue
                if score(f) < score(measured) - 1e-9:
                    best, measured, answers, improved = g, f, changed, True
    return measured, best, answers
