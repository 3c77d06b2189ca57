"""How much an evaluation is expected to gain."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from nasbench.strategies.predictor.features import Matrix, Vector


def expected_improvement(mean: Vector, std: Vector, best: float) -> Vector:
    """The expected excess of a normal variable over `best` (Jones et al. 1998, equation 15)."""
    u = (mean - best) / std
    gain: Vector = std * (u * ndtr(u) + np.exp(-0.5 * u * u) / np.sqrt(2 * np.pi))
    return gain


def expected_hypervolume_gain(mean: Vector, std: Vector, other: Vector, front: Matrix, reference: tuple[float, float]) -> Vector:
    """The expected gain in hypervolume, with one objective that is known and one that is normal. Both are to be maximised.

    Args:
        mean, std: of the uncertain objective of each candidate.
        other: the known objective of each candidate.
        front: the nondominated points so far, (n, 2): uncertain, known.
        reference: the point from which the hypervolume counts.

    A candidate gains the area above the front to the left of its known objective. The front is a staircase, so the area is a sum over
    its steps, and the expectation of each summand is an expected improvement over the step's height.
    """
    order = np.argsort(front[:, 1]) if len(front) else np.zeros(0, int)
    heights = np.maximum(front[order, 0], reference[0])
    edges = np.concatenate([[reference[1]], np.maximum(front[order, 1], reference[1]), [np.inf]])
    steps = np.concatenate([heights, [reference[0]]])
    gain = np.zeros(len(mean))
    for left, right, height in zip(edges[:-1], edges[1:], steps, strict=True):
        width = np.clip(np.minimum(other, right) - left, 0.0, None)
        gain += width * expected_improvement(mean, std, float(height))
    return gain


def probability_within(mean: Vector, std: Vector) -> Vector:
    """The probability that a normal variable is at most zero."""
    probability: Vector = ndtr(-mean / std)
    return probability
