"""The networks that a study has evaluated, with all trainings of each, and what is expected of them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from nasbench.search.final.race import Race
from nasbench.strategies.predictor.features import Features
from nasbench.study.phase import Phase
from nasbench.study.trial import Trial

MOST = 256  # networks with which the regression is made: half of them the best, half the latest


class Evaluated:
    """What the trials of a study say about its networks.

    Args:
        phases: the search and random search; trials that were stopped at a rung, or are outside the limits, say nothing.
        final: the trials of the final round.
        finalists: digests of the networks of which one will win; by default any.

    Attributes:
        place: where each network is in the race, by digest.
        race: the networks with their trainings.
        features: of parameter values.
    """

    def __init__(self, phases: Sequence[Phase], final: Sequence[Trial] = (), finalists: Collection[str] | None = None) -> None:
        self.features = Features()
        first: dict[str, Trial] = {}
        draws: list[tuple[str, float, int]] = []
        for phase in phases:
            self.features.add(phase.options())
            trained = [t for t in phase.records() if t.status == "ok" and t.reached and t.reached[0] == math.inf]
            for trial in _most(trained, finalists or ()):
                first.setdefault(trial.digest, trial)
                draws.append((trial.digest, trial.accuracy or 0.0, 0))
        for trial in final:
            if trial.accuracy is not None and trial.status in ("ok", "infeasible"):
                first.setdefault(trial.digest, trial)  # a known network: it has no parameters, and is like no other
                draws.append((trial.digest, trial.accuracy, trial.draw))
        self.place = {digest: i for i, digest in enumerate(first)}
        among = None if finalists is None else [i for digest, i in self.place.items() if digest in finalists]
        rows = self.features.rows([trial.params for trial in first.values()])
        self.race = Race(rows, [(self.place[digest], accuracy, draw) for digest, accuracy, draw in draws], among)

    def expected(self, digest: str) -> float:
        """The accuracy that is expected of a network; minus infinity for one without a training."""
        place = self.place.get(digest)
        return -math.inf if place is None else float(self.race.accuracies()[place])


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
