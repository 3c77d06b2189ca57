from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import quantile_test

from nasbench.latency.statistics import interval_rank, median_interval, middle_mean, smallest_sample, spread


def holding(n: int, k: int) -> float:
    """How often order statistics k and n - 1 - k lie around the median: by all ways of n samples to fall below or above it."""
    ways = [sum(signs) for signs in product((0, 1), repeat=n)]
    return sum(k < below < n - k for below in ways) / len(ways)


@pytest.mark.parametrize("n", range(6, 15))
@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9, 0.95])
def test_the_rank_is_the_tightest_that_holds_by_brute_force(n: int, confidence: float) -> None:
    k = interval_rank(n, confidence)
    assert holding(n, k) >= confidence
    assert holding(n, k + 1) < confidence


@pytest.mark.parametrize("n", [6, 12, 25, 40])
def test_the_interval_is_scipys(n: int) -> None:
    samples = np.random.default_rng(n).normal(size=n)
    assert median_interval(samples) == pytest.approx(tuple(quantile_test(samples, p=0.5).confidence_interval(0.95)))


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    held = [low <= np.log(2) <= high for low, high in (median_interval(draw.exponential(size=12)) for _ in range(2000))]
    assert 0.94 <= np.mean(held) <= 0.985  # 12 samples can give 96.1 %


def test_too_few_samples_give_their_range() -> None:
    assert smallest_sample() == 6
    assert median_interval([3.0, 1.0, 2.0]) == (1.0, 3.0)
    assert median_interval([2.0]) == (2.0, 2.0)


def test_spread() -> None:
    assert spread([1.0] * 5) == 0
    assert spread([8.0, 9.0, 10.0, 11.0, 12.0]) == pytest.approx(0.2)


def test_the_middle_mean_is_deaf_to_a_quarter_at_each_end() -> None:
    assert middle_mean([3.0]) == 3.0
    assert middle_mean([1.0, 2.0, 3.0, 900.0]) == 2.5
    assert middle_mean([4.0, 6.0, 5.0, 0.0, 900.0, 5.0, 7.0, -900.0]) == middle_mean([4.0, 6.0, 5.0, 5.0]) == 5.0
