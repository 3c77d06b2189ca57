"""The networks that a study has evaluated, with all trainings of each, and what is expected of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from nasbench.evaluate.measure import measure_of, measured_by
from nasbench.genotype import Genotype, trace
from nasbench.search.final.race import Race
from nasbench.spaces.options import Options
from nasbench.strategies.predictor.features import Features, Rows, Vector
from nasbench.strategies.predictor.sizes import UNKNOWN, WIDTH, sizes_of
from nasbench.study.trial import Trial

MOST = 256  # networks with which the regression is made: half of them the best, half the latest


class Trials(Protocol):
    """The trials of a phase, such as `nasbench.study.phase.Phase`."""

    def options(self) -> Mapping[str, Options]:
        """The options of every parameter that a trial of the phase has."""

    def records(self) -> Sequence[Trial]:
        """All trials by number."""


class Evaluated:
    """What the trials of a study say about its networks.

    Args:
        phases: the search and random search; trials that were stopped at a rung, or are outside the limits, say nothing. Where the final
            round measures something else than they do, they say nothing either.
        final: the trials of the final round.
        finalists: digests of the networks of which one will win; by default any.
        noise: the least share of noise in an accuracy, see `best_variances`.

    Attributes:
        place: where each network is in the race, by digest.
        race: the networks with their trainings.
    """

    def __init__(
        self,
        phases: Sequence[Trials],
        final: Sequence[Trial] = (),
        finalists: Collection[str] | None = None,
        noise: float = 0.0,
    ) -> None:
        alone = measured_by(final)
        scored = bool(final) and any(t.accuracy is not None for t in final)

        def alike(trial: Trial) -> bool:
            """Whether a trial of the search measures what the final round does; shared weights only choose who takes part in it."""
            return not scored or measure_of(trial.more) == alone

        self._features = Features()
        first: dict[str, Trial] = {}
        draws: list[tuple[str, float, int]] = []
        for phase in phases:
            self._features.add(phase.options())
            trained = [t for t in phase.records() if t.status == "ok" and t.reached and t.reached[0] == math.inf and alike(t)]
            for trial in _most(trained, finalists or ()):
                first.setdefault(trial.digest, trial)
                draws.append((trial.digest, trial.accuracy or 0.0, 0))
        for trial in final:
            if trial.accuracy is not None and trial.status in ("ok", "infeasible"):
                first.setdefault(trial.digest, trial)  # a known network has no parameters: only its size says what it is like
                draws.append((trial.digest, trial.accuracy, trial.draw))
        self.place = {digest: i for i, digest in enumerate(first)}
        among = None if finalists is None else [i for digest, i in self.place.items() if digest in finalists]
        rows = self._rows([t.params for t in first.values()], [sizes_of_stored(t.genotype) for t in first.values()])
        self.race = Race(rows, [(self.place[digest], accuracy, draw) for digest, accuracy, draw in draws], among, noise)

    def rows(self, networks: Sequence[tuple[Genotype, Mapping[str, Any]]]) -> Rows:
        """Other networks, with their parameter values, as the regression sees them."""
        return self._rows([values for _, values in networks], [sizes_of(trace(network)) for network, _ in networks])

    def _rows(self, params: Sequence[Mapping[str, Any]], sizes: Sequence[Vector]) -> Rows:
        return Rows(self._features.rows(params), np.array(sizes).reshape(-1, WIDTH))

    def expected(self, digest: str) -> float:
        """The accuracy that is expected of a network; minus infinity for one without a training."""
        place = self.place.get(digest)
        return -math.inf if place is None else float(self.race.accuracies()[place])


@lru_cache(maxsize=4096)
def sizes_of_stored(genotype: str) -> Vector:
    """The sizes of a stored network, which a race asks for again and again; unknown for a trial that another program added without one."""
    return sizes_of(trace(Genotype.from_yaml(genotype))) if genotype else UNKNOWN


def _most(trials: Sequence[Trial], finalists: Collection[str]) -> list[Trial]:
    """The trials that the regression is made with, in their order."""
    if len(trials) <= MOST:
        return list(trials)
    kept = {t.number for t in trials[-MOST // 2 :]} | {t.number for t in trials if t.digest in finalists}
    best = np.argsort([-(t.accuracy or 0.0) for t in trials], kind="stable")
    for i in best:
        if len(kept) >= MOST:
            break
        kept.add(trials[int(i)].number)
    return [t for t in trials if t.number in kept]
