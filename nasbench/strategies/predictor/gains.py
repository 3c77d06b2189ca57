"""The expected gain of candidates, from regressions on the history of a phase."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from nasbench.pareto import front
from nasbench.strategies.predictor.acquisition import expected_hypervolume_gain, expected_improvement, probability_within
from nasbench.strategies.predictor.features import Rows, Vector
from nasbench.strategies.predictor.history import MOST, History
from nasbench.strategies.predictor.regression import Regression

MARGIN = 0.1  # of the extent of the observed values; the reference point of the hypervolume lies so far below the worst
AUGMENTED = 0.05  # share of the sum in a weighting of several objectives (Knowles 2006, equation 2)


def gains(history: History, x: Rows, rng: random.Random, noise: float = 0.0) -> Vector:
    """How much each candidate is expected to gain, times the probability that it keeps the limits.

    Args:
        x: the candidates; where their sizes are unknown, the regressions do without those of the trials, too.
        noise: the least share of noise in the variance of the first objective.
        rng: draws the weights of three or more objectives.
    """
    return _objective_gains(history, x, rng, noise) * _probability_within(history, x)


def leaders(history: History, count: int, noise: float = 0.0) -> list[int]:
    """The places in `history.observed` of the most promising trials: feasible ones first, each front by the regression's mean.

    Args:
        noise: see `gains`.
    """
    order = [i for i, one in enumerate(history.observed) if one.feasible] or list(range(len(history.observed)))
    if not order:
        return []
    scores = [history.scores(k) for k in range(len(history.directions))]
    if len(scores) == 1:
        x = history.matrix([history.observed[i] for i in order])
        kept = _most(scores[0][order])
        mean, _ = _fit("leader", history, x[kept], scores[0][order][kept], noise).predict(x)
        return [order[i] for i in np.argsort(-mean, kind="stable")[:count]]
    chosen: list[int] = []
    while order and len(chosen) < count:
        first = front([tuple(-s[i] for s in scores) for i in order])
        layer = [order[i] for i in first]
        chosen += layer
        order = [i for i in order if i not in set(layer)]
    return chosen[:count]


def _objective_gains(history: History, x: Rows, rng: random.Random, noise: float) -> Vector:
    if len(history.observed) < 2:
        return np.ones(len(x))
    several = [history.scores(k) for k in range(len(history.directions))]
    if len(several) > 2:
        several = [_weighted(several, rng)]
    feasible = np.array([one.feasible for one in history.observed])
    kept = _most(several[0])
    sizes = x.has_sizes
    observed = history.matrix(history.observed, sizes=sizes)
    running = history.matrix(history.running, sizes=sizes)
    fits = [_believing(history, f"objective {k}", observed[kept], y[kept], running, 0.0 if k else noise) for k, y in enumerate(several)]
    means = [fit.predict(x) for fit in fits]
    if len(several) == 1:
        known = observed[feasible].joined(running)
        best = fits[0].predict(known)[0].max() if len(known) else several[0].min()
        return expected_improvement(*means[0], float(best))
    reached = np.stack([fit.predict(observed[feasible].joined(running))[0] for fit in fits], axis=1)
    reached = reached[front([tuple(-v for v in row) for row in reached])] if len(reached) else reached
    lowest = [float(y.min() - MARGIN * np.ptp(y)) for y in several]
    (mean, std), (other, _) = means
    return expected_hypervolume_gain(mean, std, other, reached, (lowest[0], lowest[1]))


def _probability_within(history: History, x: Rows) -> Vector:
    probability = np.ones(len(x))
    latest = history.limited[-MOST:]
    rows = history.matrix(latest, sizes=x.has_sizes)
    for name, excess in history.excesses(latest).items():
        probability *= probability_within(*_fit(f"limit {name}", history, rows, excess).predict(x))
    return probability


def _believing(history: History, name: str, x: Rows, y: Vector, running: Rows, noise: float) -> Regression:
    """A regression that takes its own predictions for networks that are being evaluated (Ginsbourger et al. 2010, "kriging believer")."""
    fit = _fit(name, history, x, y, noise)
    if not len(running):
        return fit
    return Regression(x.joined(running), np.concatenate([y, fit.predict(running)[0]]), fit.scales)


def _fit(name: str, history: History, x: Rows, y: Vector, noise: float = 0.0) -> Regression:
    return Regression(x, y, history.scales(name, x, y, noise))


def _most(y: Vector) -> Sequence[int]:
    """The places of the observations that a regression is fitted to, in their order."""
    if len(y) <= MOST:
        return range(len(y))
    latest = set(range(len(y) - MOST // 2, len(y)))
    best = [int(i) for i in np.argsort(-y, kind="stable") if i not in latest][: MOST // 2]
    return sorted(latest.union(best))


def _weighted(several: Sequence[Vector], rng: random.Random) -> Vector:
    """One score from three or more objectives by an augmented Tchebycheff weighting (Knowles 2006, "ParEGO")."""
    weights = np.array([rng.expovariate(1.0) for _ in several])
    weights /= weights.sum()
    shares = np.stack([(y - y.min()) / max(float(np.ptp(y)), 1e-12) for y in several], axis=1)
    loss = weights * (1 - shares)
    score: Vector = -(loss.max(axis=1) + AUGMENTED * loss.sum(axis=1))
    return score
