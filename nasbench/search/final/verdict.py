"""Was the search worth it? What is delivered against random search with as many evaluations, and against the best known network."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasbench.errors import NasbenchError
from nasbench.files import write_atomic
from nasbench.genotype import Genotype, digest
from nasbench.search.final.evaluated import Evaluated
from nasbench.search.final.finalists import KNOWN, FinalResult
from nasbench.search.final.repeats import FINALISTS
from nasbench.search.probe.ranking import Ranking
from nasbench.spaces.choosers import random_chooser, record
from nasbench.strategies.base import Decode
from nasbench.strategies.predictor.features import Matrix, Vector

SAMPLES = 2000  # of the true accuracies
MOST = 200  # random networks
TRIES = 10  # random networks that are drawn for each one within the limits
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True)
class Comparison:
    """How much better the delivered network is than another.

    Attributes:
        name: of the other.
        difference: of the accuracies, shares; low, high: its 95 % interval.
        evaluated: trials of random search on which the estimate rests; 0 for a known network.
        networks: how many networks random search evaluates in this comparison; 0 for a known network.
    """

    name: str
    difference: float
    low: float
    high: float
    evaluated: int = 0
    networks: int = 0


@dataclass(frozen=True)
class Agreement:
    """How well the training of a search ranks networks, by a probe: see `Ranking`.

    Attributes:
        tau: Kendall's tau-b with a training that takes `times` as long; low, high: its 95 % interval.
        networks: on which it was measured.
    """

    tau: float
    low: float
    high: float
    networks: int
    times: float

    @classmethod
    def of(cls, ranking: Ranking | None) -> Agreement | None:
        """What a verdict says of a ranking; nothing where there is none."""
        return None if ranking is None else cls(ranking.tau, ranking.low, ranking.high, ranking.networks, ranking.times)


@dataclass(frozen=True)
class SearchVerdict:
    """What a search was worth, by all trainings of all networks and a regression on their parameters, see `Race`.

    All accuracies are those of the training that ranked the networks.

    Attributes:
        best_probability: that no other finalist is better than the delivered network.
        expected_loss: what is lost on average because another finalist may be better, a share.
        random: against random search with as many evaluations; None where that cannot be estimated.
        known: against the known network within the limits of which most is expected; None where there is none.
        ranking: how well that training ranks networks; None where no probe has measured it.
    """

    best_probability: float
    expected_loss: float
    random: Comparison | None
    known: Comparison | None
    ranking: Agreement | None = None

    def save(self, path: Path) -> None:
        """Write `verdict.json`."""
        write_atomic(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SearchVerdict:
        """From the content of `verdict.json`."""
        others = {name: None if data[name] is None else Comparison(**data[name]) for name in ("random", "known")}
        ranking = None if data.get("ranking") is None else Agreement(**data["ranking"])
        return cls(data["best_probability"], data["expected_loss"], **others, ranking=ranking)


class RandomNetwork(NamedTuple):
    """A network that was drawn at random, with its parameter values."""

    digest: str
    genotype: Genotype
    values: dict[str, Any]


def random_networks(decode: Decode, allowed: Callable[[Genotype], bool], count: int, seed: int) -> list[RandomNetwork]:
    """Different random networks within the limits; fewer where they are rare."""
    rng = random.Random(seed)
    found: dict[str, RandomNetwork] = {}
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        values: dict[str, Any] = {}
        try:
            genotype = decode(record(random_chooser(rng), values))
            if allowed(genotype):
                one = RandomNetwork(digest(genotype), genotype, values)
                found.setdefault(one.digest, one)
        except NasbenchError:
            continue
    return list(found.values())


def search_verdict(
    evaluated: Evaluated,
    best: FinalResult,
    results: Sequence[FinalResult],
    own_random: Sequence[str],
    others: Sequence[RandomNetwork],
    networks: int,
    seeds: int,
    seed: int,
    rival: FinalResult | None = None,
) -> SearchVerdict:
    """The verdict on a search.

    Random search is repeated for many samples of what the true accuracies may be: it evaluates networks, its own trials among them,
    trains the two best again as a search does, and hands over the one with the higher mean.

    Args:
        best: what is delivered.
        results: of the final round, those of known networks within the limits only.
        own_random: digests of the networks that random search evaluated.
        others: further random networks within the limits.
        networks: how many the search evaluated.
        seeds: with which the two best are trained again.
        seed: decides the samples.
        rival: the best network of random search, where only networks of the final round were trained: it stands for random search.
    """
    place, race = evaluated.place, evaluated.race
    new = [other for other in others if other.digest not in place]
    joint = race.with_others(evaluated.rows([(other.genotype, other.values) for other in new]))
    where = place | {other.digest: len(place) + i for i, other in enumerate(new)}
    rng = np.random.default_rng(seed)
    scores = joint.samples(SAMPLES, seed)
    mine = race.as_accuracies(scores[:, where[best.finalist.digest]])

    def compared(name: str, theirs: Vector, evaluated: int = 0, networks: int = 0) -> Comparison:
        difference = mine - theirs
        mean = float(difference.mean())
        low, high = np.percentile(difference, INTERVAL)
        # Where random search nearly always hands over the same network, the few other samples move the mean out of the middle 95 %.
        return Comparison(name, mean, min(mean, float(low)), max(mean, float(high)), evaluated, networks)

    finalists = [where[r.finalist.digest] for r in (best, *results) if r.finalist.phase != KNOWN]
    top = race.as_accuracies(scores[:, finalists]).max(axis=1)
    known = max((r for r in results if r.finalist.phase == KNOWN), key=lambda r: r.expected, default=None)
    against_random = None
    if rival is not None and rival.finalist.digest in where:
        theirs = race.as_accuracies(scores[:, where[rival.finalist.digest]])
        against_random = compared("random search", theirs, len(own_random), networks)
    elif len(drawn := [where[name] for name in dict.fromkeys([*own_random, *(other.digest for other in others)])][:networks]) > FINALISTS:
        handed = _handed_over(scores[:, drawn], joint.draw_std, seeds, rng)
        against_random = compared("random search", race.as_accuracies(handed), len(own_random), len(drawn))
    return SearchVerdict(
        float((mine >= top - 1e-12).mean()),
        float((top - mine).mean()),
        against_random,
        None if known is None else compared(known.finalist.origin, race.as_accuracies(scores[:, where[known.finalist.digest]])),
    )


def _handed_over(scores: Matrix, draw_std: float, seeds: int, rng: np.random.Generator) -> Vector:
    """The true score of what random search hands over, for each sample (row) of the true scores of its networks (columns)."""
    rows = np.arange(len(scores))[:, None]
    first = scores + draw_std * rng.standard_normal(scores.shape)
    best = np.argsort(-first, axis=1)[:, :FINALISTS]
    again = scores[rows, best] + draw_std / np.sqrt(seeds) * rng.standard_normal(best.shape)
    winner = best[rows[:, 0], again.argmax(axis=1)]
    handed: Vector = scores[rows[:, 0], winner]
    return handed
