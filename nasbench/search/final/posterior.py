"""How good the evaluated networks are, from all their trainings and from those of networks that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, cho_solve, cholesky
from scipy.special import ndtr

from nasbench.strategies.blas import one_blas_thread
from nasbench.strategies.predictor.features import Matrix, Rows, Vector
from nasbench.strategies.predictor.regression import PAIRS, SIZES, Products, at_least, kernel, least_noise
from nasbench.strategies.predictor.sizes import Standard

# Variances in units of the signal's, of which the ones with the highest evidence are taken.
OWN = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)  # of what is particular to a network and no parameter or pair of parameters explains
DRAW = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # of what differs between trainings of one network
TURNS = 4  # in which weights and variances are found, at most

# The prior is worth so many repeated draws. Without it a few equal results, or a regression through few points, would leave no noise.
PRIOR_SHARE = 10  # draws that say: half of what no parameter explains is the draw's
PRIOR_NOISE, USUAL_NOISE = 4, 0.1  # draws that have this variance


@dataclass(frozen=True)
class Variances:
    """The weights of pairs of parameters and of sizes, and the two variances in units of the signal's."""

    pairs: float
    own: float
    draw: float
    sizes: float = 0.0


@dataclass(frozen=True)
class Posterior:
    """What the draws say about the true scores of networks: a normal distribution.

    Attributes:
        mean: of each network; covariance: (n, n).
        variances: with which it was made.
        draw_std: the standard deviation of one draw around the network's true score.
    """

    mean: Vector
    covariance: Matrix
    variances: Variances
    draw_std: float

    def leader(self, among: Sequence[int]) -> int:
        """The network with the highest mean."""
        return max(among, key=lambda i: self.mean[i])

    def challenger(self, among: Sequence[int]) -> int | None:
        """The network that is most likely to be better than the leader; None if there is no other."""
        lead = self.leader(among)
        others = [i for i in among if i != lead]
        if not others:
            return None
        return others[int(self._standardised(others, lead).argmax())]

    def probability_better(self, a: int, b: int) -> float:
        """The probability that network `a` is better than `b`."""
        return float(ndtr(self._standardised([a], b)[0]))

    def _standardised(self, several: Sequence[int], other: int) -> Vector:
        """The expected differences to another network, in units of their standard deviations."""
        several = list(several)
        variance = self.covariance[several, several] + self.covariance[other, other] - 2 * self.covariance[other, several]
        standardised: Vector = (self.mean[several] - self.mean[other]) / np.sqrt(np.maximum(variance, 1e-15))
        return standardised

    def samples(self, count: int, seed: int) -> Matrix:
        """Random true scores, (count, n)."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn: Matrix = self.mean + np.random.default_rng(seed).standard_normal((count, len(self.mean))) @ root.T
        return drawn


@one_blas_thread()
def posterior(x: Rows, draws: Sequence[Sequence[float]], variances: Variances | None = None, noise: float = 0.0) -> Posterior:
    """The posterior of the true scores of networks.

    A draw is the true score and an error of its own. A true score is a regression on parameters, their pairs and sizes (see
    `nasbench.strategies.predictor.regression`), and an effect of the network's own. All three are normal. So a network that was lucky once,
    while networks that are like it were not, is expected to be worse than it looks.

    Args:
        x: the networks.
        draws: the scores of each network's trainings; none for a network that was not trained, of which only the regression says something.
        variances: by default those with the highest evidence.
        noise: see `best_variances`.
    """
    data = _Data(x, draws)
    chosen = variances or best_variances(x, draws, noise)
    fit = data.fit(chosen)
    signal = max(fit.quadratic / data.total, 1e-12)
    prior = data.prior(chosen)
    across = prior[data.drawn]
    gain = cho_solve((fit.factor, True), across, check_finite=False)
    covariance = signal * (prior - across.T @ gain)
    mean = fit.center + gain.T @ (data.means - fit.center)
    return Posterior(mean, covariance, chosen, float(np.sqrt(signal * chosen.draw)))


@one_blas_thread()
def best_variances(x: Rows, draws: Sequence[Sequence[float]], noise: float = 0.0) -> Variances:
    """The variances with the highest evidence. The variance of the signal is the one that maximises it.

    The weights and the two variances are found in turns.

    Args:
        noise: the least share that differs between trainings, in the variance of a score. What a short training says of a network is not
            what a longer one would say, and the scores alone do not show that.
    """
    data = _Data(x, draws)
    weights = list(product(PAIRS, SIZES if x.sizes.any() else SIZES[:1]))

    def draw_variances(pairs: float, sizes: float) -> list[float]:
        return at_least(least_noise(noise, pairs, sizes), DRAW)

    chosen = _highest(data, [Variances(pairs, OWN[2], draw, sizes) for pairs, sizes in weights for draw in draw_variances(pairs, sizes)])
    for _ in range(TURNS):
        before, least = chosen, draw_variances(chosen.pairs, chosen.sizes)
        chosen = _highest(data, [chosen, *(replace(chosen, own=own, draw=draw) for own, draw in product(OWN, least))])
        allowed = [(pairs, sizes) for pairs, sizes in weights if chosen.draw >= least_noise(noise, pairs, sizes)]
        chosen = _highest(data, [chosen, *(replace(chosen, pairs=pairs, sizes=sizes) for pairs, sizes in allowed)])
        if chosen == before:
            break
    return chosen


def _highest(data: _Data, several: Sequence[Variances]) -> Variances:
    """The ones with the highest evidence."""
    best, highest = several[0], -np.inf
    for chosen in several:
        try:
            evidence = data.evidence(chosen)
        except LinAlgError:
            continue
        if evidence > highest:
            best, highest = chosen, evidence
    return best


class _Fit(NamedTuple):
    """The Cholesky factor of the covariance of the means, the center of all scores, and the sum of all squared standardised errors."""

    factor: Matrix
    center: float
    quadratic: float


class _Data:
    """Draws as their means, counts and spreads."""

    def __init__(self, x: Rows, draws: Sequence[Sequence[float]]) -> None:
        self.drawn = [i for i, several in enumerate(draws) if several]
        self.counts = np.array([len(draws[i]) for i in self.drawn], float)
        self.total = int(self.counts.sum())
        self.means: Vector = np.array([sum(draws[i]) / len(draws[i]) for i in self.drawn])
        self.within = float(sum(sum((d - m) ** 2 for d in draws[i]) for i, m in zip(self.drawn, self.means, strict=True)))
        x = Rows(x.options, Standard(x.sizes[self.drawn])(x.sizes))
        self._products = Products.of(x, x)
        alone = np.diag(self._products.agreement) == 0
        self._products.agreement[alone, alone] = 1.0

    def prior(self, v: Variances) -> Matrix:
        """The covariance of the true scores, in units of the signal's variance."""
        return self._prior(self._products, v)

    def fit(self, v: Variances) -> _Fit:
        """The regression with these variances. Its center is the one of least squares, to which many networks of one kind add little."""
        drawn = np.ix_(self.drawn, self.drawn)
        covariance = self._prior(Products(self._products.agreement[drawn], self._products.sizes[drawn]), v)
        covariance[np.diag_indices_from(covariance)] += v.draw / self.counts
        factor: Matrix = cholesky(covariance, lower=True, check_finite=False, overwrite_a=True)
        of_ones = cho_solve((factor, True), np.ones(len(self.means)), check_finite=False)
        center = float(of_ones @ self.means / of_ones.sum())
        residual = self.means - center
        errors = float(residual @ cho_solve((factor, True), residual, check_finite=False))
        return _Fit(factor, center, errors + self.within / v.draw)

    @staticmethod
    def _prior(products: Products, v: Variances) -> Matrix:
        prior = kernel(products, v.pairs, v.sizes)
        prior[np.diag_indices_from(prior)] += v.own + 1e-9
        return prior

    def evidence(self, v: Variances) -> float:
        """The logarithm of the likelihood of all draws and of the prior, without its constants."""
        fit = self.fit(v)
        spread = (self.total - len(self.counts)) * np.log(v.draw)
        likelihood = -0.5 * self.total * np.log(max(fit.quadratic / self.total, 1e-12)) - np.log(np.diag(fit.factor)).sum() - 0.5 * spread
        share = v.draw / (v.own + v.draw)
        prior = PRIOR_SHARE * (np.log(share) + 0.5 / share) + PRIOR_NOISE * (np.log(v.draw) + USUAL_NOISE / v.draw)
        return float(likelihood - 0.5 * prior)
