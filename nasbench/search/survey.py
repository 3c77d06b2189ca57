"""A look at a space before a search: how fast its networks are, and whether a budget can be met."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from nasbench.errors import BudgetError, NasbenchError
from nasbench.genotype import Genotype
from nasbench.search.limits import Figures, Limits
from nasbench.spaces import Choose, Decisions, Options, Space
from nasbench.spaces.choosers import random_chooser, record, record_options, replay
from nasbench.spaces.options import same

SAMPLES = 400


@dataclass(frozen=True)
class Survey:
    """Of a space under limits.

    Attributes:
        count: genotypes in the space; sampled: how many were looked at.
        fastest_ms, slowest_ms: found by changing one answer at a time from the fastest and slowest sample.
        median_ms: of the samples.
        share: of the samples inside all limits.
        examples: sampled networks inside, by latency.
    """

    count: int
    sampled: int
    fastest_ms: float
    median_ms: float
    slowest_ms: float
    share: float
    examples: tuple[Genotype, ...]

    @property
    def binds(self) -> bool:
        """Whether the limits exclude anything."""
        return self.share < 1


def survey(
    space: Space,
    decode: Callable[[Choose], Genotype],
    limits: Limits,
    describe: Callable[[Genotype], Figures],
    seed: int = 0,
    samples: int = SAMPLES,
) -> Survey:
    """Sample `space`; `decode` is the space's with the classes of the data.

    Raises:
        BudgetError: the fastest network found is above the latency limit, or no network meets the other limits.
    """
    rng = random.Random(seed)
    seen: list[tuple[Figures, Genotype, Decisions]] = []
    why = ""
    for _ in range(min(samples, 4 * space.count())):
        answers: Decisions = {}
        try:
            g = decode(record(random_chooser(rng), answers))
            seen.append((describe(g), g, answers))
        except NasbenchError as error:
            why = str(error)
    if not seen:
        raise BudgetError(f"none of {samples} samples of {space.name} is a network; the last: {why}")
    seen.sort(key=lambda found: found[0].latency_ms)
    fastest, quick = _descend(decode, seen[0][2], lambda f: f.latency_ms, describe, rng)
    slowest, _ = _descend(decode, seen[-1][2], lambda f: -f.latency_ms, describe, rng)
    inside = [g for f, g, _ in seen if limits.allow(f)]
    if limits.latency_ms is not None and fastest.latency_ms > limits.latency_ms:
        raise BudgetError(
            f"no network of {space.name} is within {limits.latency_ms:g} ms here: the fastest is predicted to take "
            f"{fastest.latency_ms:.1f} ms; allow at least that, or choose a space with smaller networks"
        )
    if not inside:
        if not limits.allow(fastest):
            raise BudgetError(
                f"no network found in {space.name} meets all of {limits.describe()}; the fastest has {limits.broken(fastest)}; allow more"
            )
        inside = [quick]
    latencies = [f.latency_ms for f, _, _ in seen]
    share = sum(limits.allow(f) for f, _, _ in seen) / len(seen)
    return Survey(space.count(), len(seen), fastest.latency_ms, median(latencies), slowest.latency_ms, share, tuple(inside))


def _descend(
    decode: Callable[[Choose], Genotype],
    start: Decisions,
    score: Callable[[Figures], float],
    describe: Callable[[Genotype], Figures],
    rng: random.Random,
) -> tuple[Figures, Genotype]:
    """Change one answer at a time for as long as one lowers the score."""
    best = decode(replay(start, random_chooser(rng)))
    measured = describe(best)
    answers = dict(start)
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
                changed: Decisions = {}
                try:
                    g = decode(record(replay({**answers, label: option}, random_chooser(rng)), changed))
                    f = describe(g)
                except NasbenchError:
                    continue
                if score(f) < score(measured) - 1e-9:
                    best, measured, answers, improved = g, f, changed, True
    return measured, best
