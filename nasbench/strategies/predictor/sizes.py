"""How large networks are, as features for every space: a user's, too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from nasbench.genotype.cost import cost_of
from nasbench.genotype.kind import KINDS
from nasbench.genotype.layer import Layer
from nasbench.strategies.predictor.features import Matrix, Vector

_KINDS = tuple(KINDS)  # those of the tracer; a plugin's blocks are made of them
WIDTH = 4 + len(_KINDS)
UNKNOWN: Vector = np.full(WIDTH, np.nan)  # the sizes of a network that is not at hand


def sizes_of(layers: Sequence[Layer]) -> Vector:
    """The sizes of a traced network: logarithms of multiply-adds, parameters, activations and depth, then how many layers of each kind.

    Of random networks of NAS-Bench-201 on CIFAR-100, 20 were trained once: what the regression expects of the others has a rank correlation
    (Spearman) of 0.75 with their true accuracies, and of 0.48 without sizes; see benchmarks/sizes.py.

    Returns:
        (WIDTH).
    """
    cost = cost_of(layers)
    kinds = Counter(layer.kind for layer in layers)
    costs = [math.log1p(n) for n in (cost.macs, cost.params, cost.activations, cost.depth)]
    return np.array([*costs, *(kinds[kind] for kind in _KINDS)], float)


class Standard:
    """What is subtracted from sizes and what divides them, so that on average over some networks a row has the length one.

    Args:
        sizes: of those networks, (n, WIDTH); rows of NaN do not count.
    """

    def __init__(self, sizes: Matrix) -> None:
        known = sizes[~np.isnan(sizes).any(axis=1)]
        if not len(known):
            known = np.zeros((1, sizes.shape[1]))
        spread = known.std(axis=0)
        self._mean = known.mean(axis=0)
        varying = spread > 1e-9 * (1 + np.abs(self._mean))
        self._factor = np.where(varying, 1 / np.where(varying, spread, 1.0), 0.0) / math.sqrt(max(1, int(varying.sum())))

    def __call__(self, sizes: Matrix) -> Matrix:
        """Standardised sizes. A size in which the networks do not differ is 0, and unknown sizes are average."""
        rows: Matrix = np.nan_to_num((sizes - self._mean) * self._factor)
        return rows
