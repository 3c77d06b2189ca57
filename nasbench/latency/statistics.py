"""Medians of timings and their confidence intervals. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, fsum

import numpy as np


def median_interval(samples: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The order statistics that hold the population's median with at least that confidence.

    The interval is closed and distribution-free: the ranks come from the binomial distribution. Fewer than six samples cannot give 95 %;
    then it reaches from the smallest sample to the largest.
    """
    ordered = sorted(samples)
    k = interval_rank(len(ordered), confidence)
    return ordered[k], ordered[len(ordered) - 1 - k]


def interval_rank(n: int, confidence: float) -> int:
    """How many of `n` samples to leave out at each end: the largest k with 2 P(Binomial(n, 1/2) <= k) <= 1 - confidence, or 0."""
    k, below = 0, (1 + n) / 2**n
    while 2 * below <= 1 - confidence:
        k += 1
        below += comb(n, k + 1) / 2**n
    return k


def smallest_sample(confidence: float = 0.95) -> int:
    """The fewest samples whose extremes hold the median with that confidence: 6 for 95 %."""
    n = 1
    while 1 - 2 / 2**n < confidence:
        n += 1
    return n


def spread(samples: Sequence[float]) -> float:
    """The interquartile range over the median."""
    low, middle, high = np.percentile(samples, (25, 50, 75))
    return float((high - low) / middle)


def middle_mean(samples: Sequence[float]) -> float:
    """The interquartile mean: the mean of the middle half.

    It ignores outliers as quartiles do. On a machine that alternates between two speeds it moves smoothly with the share of each,
    while a median jumps from one to the other.
    """
    ordered = sorted(samples)
    cut = len(ordered) // 4
    return fsum(ordered[cut : len(ordered) - cut]) / (len(ordered) - 2 * cut)
