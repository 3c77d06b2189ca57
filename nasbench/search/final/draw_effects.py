"""What all networks have in common in the same draw: its validation images may be easier, its seed luckier."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nasbench.strategies.predictor.features import Vector

SHRINKAGE = 1.0  # the variance of one training around its network's own, in units of the variance between draws


def draw_effects(networks: npt.ArrayLike, draws: npt.ArrayLike, scores: Vector) -> Vector:
    """By how much each score is higher because of its draw, compared with draw 0 of the same networks.

    A score is the network's own, an effect of the draw, and an error. The effects are estimated by least squares and shrunk towards 0
    (ridge regression), so that a draw of one network alone says little.

    Args:
        networks, draws: which network each score is of, and in which draw it was trained; whole numbers from 0.

    Example:
        >>> effects = draw_effects([0, 1, 0, 1], [0, 0, 1, 1], np.array([0.8, 0.9, 0.7, 0.8]))
        >>> effects.round(3).tolist()  # draw 1 is lower by a tenth; from two networks, half of that is believed
        [0.0, 0.0, -0.05, -0.05]
    """
    network, draw = np.asarray(networks), np.asarray(draws)
    trained = np.zeros((network.max() + 1, draw.max() + 1))  # how often, by network and draw
    np.add.at(trained, (network, draw), 1.0)
    each = np.maximum(trained.sum(axis=1), 1.0)
    residual = scores - (np.bincount(network, scores) / each)[network]
    # The networks' own scores are eliminated from the normal equations; draw 0 is the reference.
    normal = (np.diag(trained.sum(axis=0)) - trained.T @ (trained / each[:, None]))[1:, 1:] + SHRINKAGE * np.eye(draw.max())
    effects = np.zeros(draw.max() + 1)
    effects[1:] = np.linalg.solve(normal, np.bincount(draw, residual)[1:])
    found: Vector = effects[draw]
    return found
