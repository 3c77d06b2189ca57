"""What the predictor learns from: the trials of a phase as vectors, values and excesses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nasbench.errors import NasbenchError
from nasbench.genotype import trace
from nasbench.spaces.choosers import replay
from nasbench.spaces.options import first
from nasbench.strategies.base import Decode, options_of
from nasbench.strategies.predictor.candidates import Listed
from nasbench.strategies.predictor.features import Features, Matrix, Rows, Vector, normalised
from nasbench.strategies.predictor.regression import Scales, best_scales
from nasbench.strategies.predictor.sizes import UNKNOWN, WIDTH, sizes_of

MOST = 256  # trials that a regression is fitted to: half of them the best, half the latest
REFIT = 5  # the scales are found again after so many trials
LEAST, MOST_EXCESS = -0.99, 1e3  # excesses are clipped to these
LEAST_ERROR = 1e-4  # added to an error before its logarithm is taken
ABSENT = -0.5  # the excess of a trial over a limit that its record does not name


class Learned(NamedTuple):
    """What one trial says.

    Attributes:
        values: the objectives where all trials have them, see `comparable_values`; None without a result.
        constraints: the excess over each limit; empty while the trial runs.
        feasible: whether it keeps every limit.
        duplicate: whether its network is that of an earlier trial.
        final: whether nothing of this can change.
    """

    trial: FrozenTrial
    values: list[float] | None
    constraints: Mapping[str, float]
    digest: str
    feasible: bool
    duplicate: bool
    final: bool


@dataclass
class Cache:
    """What would be dear to compute for every trial. All of it follows from the trials, so a resumed study has the same."""

    features: Features = field(default_factory=Features)
    learned: dict[int, Learned] = field(default_factory=dict)
    rows: dict[int, Vector] = field(default_factory=dict)
    sizes: dict[int, Vector] = field(default_factory=dict)
    scales: dict[tuple[str, int], Scales] = field(default_factory=dict)
    listed: Matrix | None = None


_CACHES: WeakKeyDictionary[Any, Cache] = WeakKeyDictionary()


def cache_of(study: Study) -> Cache:
    """The cache of a study in memory."""
    return _CACHES.setdefault(study._storage, Cache())


class History:
    """The trials of a phase, as far as the predictor learns from them. Each network counts once.

    Attributes:
        all: every trial with values of parameters.
        observed: those with a result.
        limited: those that say how far their network is from the limits.
        running: those that are being evaluated now.
        seen: digests of all networks so far.
    """

    def __init__(self, study: Study, number: int, decode: Decode, listed: Listed | None) -> None:
        self._cache, self._decode, self._listed, self.directions = cache_of(study), decode, listed, study.directions
        if listed is not None:
            self.features.add(listed.options)
        self.all = [self._learn(t) for t in study.get_trials(deepcopy=False) if t.number != number and t.params]
        networks = [one for one in self.all if not one.duplicate]
        self.observed = [one for one in networks if one.values is not None]
        self.limited = [one for one in networks if one.constraints]
        self.running = [one for one in networks if one.values is None and not one.constraints and one.trial.state == TrialState.RUNNING]
        self.seen = {one.digest for one in self.all if one.digest}

    @property
    def features(self) -> Features:
        return self._cache.features

    def matrix(self, several: Sequence[Learned], *, sizes: bool = True) -> Rows:
        """One row for each trial, with or without its sizes."""
        options = self.stacked([self.row(one) for one in several])
        return Rows(options, np.array([self.sizes(one) for one in several]).reshape(-1, WIDTH)) if sizes else Rows.without_sizes(options)

    def stacked(self, rows: Sequence[Vector]) -> Matrix:
        """Vectors of options as rows of length one. Older vectors are shorter where parameters have joined since."""
        raw = np.zeros((len(rows), self.features.width))
        for i, row in enumerate(rows):
            raw[i, : len(row)] = row
        return normalised(raw)

    def listed_matrix(self) -> Rows:
        """One row for each network of a small space."""
        if self._listed is None:
            raise ValueError("only a small space is listed")
        if self._cache.listed is None or self._cache.listed.shape[1] != self.features.width:
            self._cache.listed = self.stacked([self.features.raw(values) for values in self._listed.values])
        return Rows(self._cache.listed, self._listed.sizes)

    def row(self, one: Learned) -> Vector:
        """The vector of a trial before its length is set to one. In a small space equal networks have the same."""
        number = one.trial.number
        if number not in self._cache.rows:
            place = None if self._listed is None else self._listed.places.get(one.digest)
            values: Mapping[str, Any] = one.trial.params if place is None or self._listed is None else self._listed.values[place]
            self._cache.rows[number] = self.features.raw(values)
        return self._cache.rows[number]

    def sizes(self, one: Learned) -> Vector:
        """The sizes of a trial's network. They are unknown where the space does not have it, because another program added the trial."""
        number = one.trial.number
        if number not in self._cache.sizes:
            try:
                self._cache.sizes[number] = sizes_of(trace(self._decode(replay(one.trial.params, first))))
            except NasbenchError:
                self._cache.sizes[number] = UNKNOWN
        return self._cache.sizes[number]

    def scales(self, name: str, x: Rows, y: Vector, noise: float = 0.0) -> Scales:
        """The scales of a regression, found from the first observations: so many that their number is a multiple of `REFIT`.

        Args:
            noise: see `best_scales`.
        """
        count = max(len(y) - len(y) % REFIT, min(len(y), REFIT))
        key = (name if x.has_sizes else f"{name} without sizes", count)
        if key not in self._cache.scales:
            self._cache.scales[key] = best_scales(x[:count][-MOST // 2 :], y[:count][-MOST // 2 :], noise)
        return self._cache.scales[key]

    def scores(self, objective: int) -> Vector:
        """The observed values of an objective, turned so that more is better."""
        return score(np.array([one.values[objective] for one in self.observed if one.values]), self.directions[objective])

    def excesses(self, limited: Sequence[Learned]) -> dict[str, Vector]:
        """For each limit that one of the trials breaks, the logarithms of the ratios of metric and limit; above zero it is broken."""
        names = {name for one in limited for name, value in one.constraints.items() if value > 0}
        return {
            name: np.log1p(np.clip([one.constraints.get(name, ABSENT) for one in limited], LEAST, MOST_EXCESS)) for name in sorted(names)
        }

    def _learn(self, trial: FrozenTrial) -> Learned:
        known = self._cache.learned.get(trial.number)
        if known is not None and known.final:
            return known
        status = trial.user_attrs.get("status")
        constraints = {} if trial.state == TrialState.RUNNING else trial.constraints
        one = Learned(
            trial,
            comparable_values(trial),
            constraints,
            trial.user_attrs.get("digest", ""),
            all(value <= 0 for value in constraints.values()),
            status == "duplicate",
            trial.state.is_finished() and status not in ("running", "paused"),
        )
        if known is None:
            self.features.add({name: options_of(d) for name, d in trial.distributions.items()})
        self._cache.learned[trial.number] = one
        return one


def comparable_values(trial: FrozenTrial) -> list[float] | None:
    """The values of a trial where all trials have them: at the first rung of successive halving, else at its end."""
    rungs = trial.user_attrs.get("rungs")
    if rungs:
        return list(rungs[0]["values"])
    return list(trial.values) if trial.state == TrialState.COMPLETE else None


def score(values: Vector, direction: StudyDirection) -> Vector:
    """Values turned so that more is better. Shares, such as accuracies, become minus the logarithm of the error.

    Near the best accuracies a tenth of a point is much, and far below them it is nothing; the logarithm says so.
    """
    if direction == StudyDirection.MINIMIZE:
        return -np.log(values) if (values > 0).all() else -values
    return -np.log(1 + LEAST_ERROR - values) if are_shares(values) else values


def are_shares(values: Vector) -> bool:
    """Whether all values are shares from 0 to 1."""
    return bool(((values >= 0) & (values <= 1)).all())


def share_of(score: Vector) -> Vector:
    """The share that has a score; the inverse of `score`."""
    share: Vector = 1 + LEAST_ERROR - np.exp(-score)
    return share
