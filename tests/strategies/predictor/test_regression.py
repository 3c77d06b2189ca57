"""The regression equals the one on features that are written down, and scikit-learn's Gaussian process."""

from __future__ import annotations

from collections import Counter
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, WhiteKernel

from nasbench.strategies.predictor.features import Rows
from nasbench.strategies.predictor.regression import NOISES, ORDER, PAIRS, WEIGHT, Regression, Scales, best_scales


def networks(count: int, seed: int, questions: int = 5, options: int = 3) -> np.ndarray:
    """One-hot rows of length one."""
    answers = np.random.default_rng(seed).integers(0, options, (count, questions))
    return np.eye(options)[answers].reshape(count, -1) / np.sqrt(questions)


def together(x: np.ndarray, order: int) -> np.ndarray:
    """All products of so many features, whose inner product is agreement^order."""
    chosen = list(combinations_with_replacement(range(x.shape[1]), order))
    ways = [factorial(order) / prod(factorial(n) for n in Counter(several).values()) for several in chosen]
    return np.stack([np.sqrt(n) * x[:, several].prod(axis=1) for n, several in zip(ways, chosen, strict=True)], axis=1)


def with_combinations(x: np.ndarray, pairs: float) -> np.ndarray:
    """The features, their pairs, and their combinations of a higher order."""
    return np.concatenate([x, np.sqrt(pairs) * together(x, 2), np.sqrt(WEIGHT) * together(x, ORDER)], axis=1)


@pytest.mark.parametrize("pairs", PAIRS)
def test_it_is_bayesian_linear_regression_on_parameters_and_their_combinations(pairs):
    x, new = networks(20, 0, 3, 2), networks(30, 1, 3, 2)
    y = np.random.default_rng(2).normal(3, 1, 20)
    noise = 0.1
    fit = Regression(Rows.without_sizes(x), y, Scales(pairs, noise))
    mean, std = fit.predict(Rows.without_sizes(new))
    a, b = with_combinations(x, pairs), with_combinations(new, pairs)
    covariance = np.linalg.inv(a.T @ a / (noise + 1e-9) + np.eye(a.shape[1]))  # of the weights, in units of the signal
    weights = covariance @ a.T @ (y - y.mean()) / (noise + 1e-9)
    signal = fit.noise_std**2 / noise
    assert mean == pytest.approx(y.mean() + b @ weights)
    assert std == pytest.approx(np.sqrt(signal * np.einsum("ij,jk,ik->i", b, covariance, b)), rel=1e-4)


def test_it_is_scikit_learns_gaussian_process():
    x, new = networks(25, 3), networks(10, 4)
    y = np.random.default_rng(5).normal(size=25)
    fit = Regression(Rows.without_sizes(x), y, Scales(0.5, 0.3))
    signal = fit.noise_std**2 / 0.3
    dot = DotProduct(sigma_0=0, sigma_0_bounds="fixed")
    combined = dot + ConstantKernel(0.5, "fixed") * dot**2 + ConstantKernel(WEIGHT, "fixed") * dot**ORDER
    kernel = ConstantKernel(signal, "fixed") * combined + WhiteKernel(signal * 0.3, "fixed")
    theirs = GaussianProcessRegressor(kernel, alpha=signal * 1e-9, optimizer=None).fit(x, y - y.mean())
    mean, std = theirs.predict(new, return_std=True)
    ours_mean, ours_std = fit.predict(Rows.without_sizes(new))
    assert ours_mean == pytest.approx(mean + y.mean())
    assert np.sqrt(ours_std**2 + fit.noise_std**2) == pytest.approx(std, rel=1e-4)  # theirs is of an observation, with noise


def test_the_evidence_finds_the_noise_and_the_pairs():
    rng = np.random.default_rng(6)
    x = networks(150, 7, questions=8)
    quiet, loud = x @ rng.normal(size=x.shape[1]), rng.normal(size=150)
    assert best_scales(Rows.without_sizes(x), quiet).noise == min(NOISES)
    assert best_scales(Rows.without_sizes(x), loud).noise == max(NOISES)
    paired = together(x, 2)
    assert best_scales(Rows.without_sizes(x), paired @ rng.normal(size=paired.shape[1])).pairs == max(PAIRS)
    assert best_scales(Rows.without_sizes(x), loud).pairs == min(PAIRS)


@pytest.mark.parametrize(("weight", "sure"), [(WEIGHT, False), (0.0, True)])
def test_it_is_not_sure_of_networks_that_it_has_not_seen(monkeypatch, weight, sure):
    """All that it has seen follows a line exactly, but others may not. The control: without combinations of a higher order it was sure."""
    monkeypatch.setitem(Regression.predict.__globals__, "WEIGHT", weight)
    x = networks(300, 9, questions=8)
    y = x @ np.random.default_rng(10).normal(size=x.shape[1])
    seen, others = Rows.without_sizes(x[:100]), Rows.without_sizes(x[100:])
    fit = Regression(seen, y[:100], best_scales(seen, y[:100]))
    assert (fit.predict(others)[1].mean() < 5 * fit.predict(seen)[1].mean()) == sure


def test_equal_values_are_no_trouble():
    x = networks(6, 8)
    mean, std = Regression(Rows.without_sizes(x), np.full(6, 0.5), best_scales(Rows.without_sizes(x), np.full(6, 0.5))).predict(
        Rows.without_sizes(x)
    )
    assert mean == pytest.approx(np.full(6, 0.5))
    assert np.isfinite(std).all()


def test_one_network_observed_often():
    x = np.repeat(networks(1, 9), 40, axis=0)
    y = np.random.default_rng(10).normal(1, 0.1, 40)
    mean, _ = Regression(Rows.without_sizes(x), y, best_scales(Rows.without_sizes(x), y)).predict(Rows.without_sizes(x[:1]))
    assert mean[0] == pytest.approx(y.mean())


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_noise_is_at_least_what_is_known_of_it(share):
    """Values without noise; the share is that of the variance of one value."""
    x = Rows.without_sizes(networks(60, 10, questions=8))
    y = x.options @ np.random.default_rng(11).normal(size=x.options.shape[1])
    free, bound = best_scales(x, y), best_scales(x, y, share)
    assert free.noise / (1 + free.pairs + free.noise) < share <= bound.noise / (1 + bound.pairs + bound.noise) + 1e-9
    loud = np.random.default_rng(12).normal(size=60)
    assert best_scales(x, loud, 0.01) == best_scales(x, loud), "where there is more, it changes nothing"


def test_what_is_noise_is_not_believed():
    x = Rows.without_sizes(networks(60, 13, questions=8))
    y = np.random.default_rng(14).normal(size=60)
    y[7] += 3
    believed = [Regression(x, y, best_scales(x, y, share)).predict(x[7:8])[0][0] - y.mean() for share in (0.0, 0.3, 0.6)]
    assert believed[0] >= believed[1] > believed[2]
