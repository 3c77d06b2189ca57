"""Bayesian regression on parameters and their pairs (Rasmussen & Williams 2006, sections 2.2 and 5.4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular

from nasbench.strategies.predictor.features import Matrix, Vector

PAIRS = (0.25, 0.5, 1.0, 2.0)  # weights of the pairs of parameters, beside 1 for the parameters themselves
NOISES = (0.01, 0.03, 0.1, 0.3, 1.0)  # variance of the noise, in units of the signal


@dataclass(frozen=True)
class Scales:
    """The weight of pairs, and the variance of the noise in units of the signal's."""

    pairs: float
    noise: float


def kernel(agreement: Matrix, pairs: float) -> Matrix:
    """The covariance of networks from their agreement, which is 1 where they are equal.

    The square of the agreement is the agreement in pairs of parameters. So this is a linear regression on one feature for each option
    and one for each pair of options, with normal priors, without ever writing the features down.
    """
    return agreement + pairs * agreement * agreement


class Regression:
    """A regression that is fitted to observations.

    Args:
        x: features of the observed networks, one row of length one for each.
        y: their values.
        scales: see `Scales`; `best_scales` finds them.
    """

    def __init__(self, x: Matrix, y: Vector, scales: Scales) -> None:
        self.x, self.scales = x, scales
        self._mean = float(y.mean())
        self._chol = _factor(x @ x.T, scales)
        residual = y - self._mean
        self._weights: Vector = cho_solve((self._chol, True), residual, check_finite=False)
        self._signal = max(float(residual @ self._weights) / len(y), 1e-12)

    @property
    def noise_std(self) -> float:
        """The standard deviation of the noise of one observation."""
        return float(np.sqrt(self._signal * self.scales.noise))

    def predict(self, x: Matrix) -> tuple[Vector, Vector]:
        """Mean and standard deviation of the values without noise, one for each row of `x`."""
        across = kernel(x @ self.x.T, self.scales.pairs)
        mean = self._mean + across @ self._weights
        solved = solve_triangular(self._chol, across.T, lower=True, check_finite=False)
        variance = 1 + self.scales.pairs - np.einsum("ij,ij->j", solved, solved)
        return mean, np.sqrt(self._signal * np.maximum(variance, 1e-9))


def best_scales(x: Matrix, y: Vector) -> Scales:
    """The scales with the highest evidence. The variance of the signal is the one that maximises it."""
    residual, agreement = y - y.mean(), x @ x.T
    best, highest = Scales(PAIRS[1], NOISES[2]), -np.inf
    for scales in (Scales(pairs, noise) for pairs, noise in product(PAIRS, NOISES)):
        try:
            chol = _factor(agreement, scales)
        except LinAlgError:
            continue
        signal = float(residual @ cho_solve((chol, True), residual, check_finite=False)) / len(y)
        evidence = -0.5 * len(y) * np.log(max(signal, 1e-12)) - np.log(np.diag(chol)).sum()
        if evidence > highest:
            best, highest = scales, evidence
    return best


def _factor(agreement: Matrix, scales: Scales) -> NDArray[np.float64]:
    covariance = kernel(agreement, scales.pairs)
    covariance[np.diag_indices_from(covariance)] += scales.noise + 1e-9
    factor: NDArray[np.float64] = cholesky(covariance, lower=True, check_finite=False, overwrite_a=True)
    return factor
