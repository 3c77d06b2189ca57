"""A fit without training: the accuracy is a formula of how a network grew, and the best direction is known.

The module is small, so that the process of a trial loads it quickly.
"""

from __future__ import annotations

import math
import random
import time

from nasbench.evaluate import Evaluation
from nasbench.genotype import Genotype, cost
from nasbench.genotype.blocks import conv, gap, linear, residual
from nasbench.scaling_fit.growth import Growth

BASE = Genotype(
    "base",
    input=(3, 64, 64),
    stem=(conv(24, 3, 2),),
    stages=((residual(24, repeat=4),), (residual(48, stride=2, repeat=4),), (residual(96, stride=2, repeat=4),)),
    head=(gap(), linear(10)),
)
BEST = (0.25, 0.5, 0.25)
NOISE = 0.004


def macs(g):
    return float(cost(g).macs)


GROWTH = Growth(BASE, 4, macs)


def truth(shares, doublings):
    """The accuracy gains 0.05 for each doubling in the best direction, and less in others."""
    distance = sum((x - y) ** 2 for x, y in zip(shares, BEST, strict=True))
    return 0.6 + doublings * (0.05 - 0.1 * distance)


def by_growth(genotype, fidelity, seed, directory):
    """The function of an evaluator: the accuracy follows `truth`, with noise from the seed."""
    logs = GROWTH.log_growth(genotype)
    total = sum(logs)
    shares = tuple(x / total for x in logs) if total > 1e-9 else BEST
    return Evaluation(accuracy=truth(shares, total / math.log(2)) + _noise(seed), seconds=0.5)


def flat(genotype, fidelity, seed, directory):
    """No direction is better than another: accuracies differ only by their seeds."""
    return Evaluation(accuracy=0.7 + _noise(seed), seconds=0.5)


def slow(genotype, fidelity, seed, directory):
    """As `by_growth`, but slow enough for a kill in the middle of a fit."""
    time.sleep(0.03)
    return by_growth(genotype, fidelity, seed, directory)


def _noise(seed):
    return NOISE * random.Random(seed % 2**31).gauss(0, 1)
