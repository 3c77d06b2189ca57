"""A fit without training: accuracy is a formula of how a network grew, with a known best direction, in a module loaded in no time."""

from __future__ import annotations

import math
import random
import time

from nasbench.evaluate import Evaluation
from nasbench.genotype import Genotype, cost
from nasbench.genotype.blocks import conv, gap, linear, residual
from nasbench.scaling_fit.directions import Growth

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
    """Five points a doubling in the best direction, less in others."""
    away = sum((x - y) ** 2 for x, y in zip(shares, BEST, strict=True))
    return 0.6 + doublings * (0.05 - 0.1 * away)


def grown(genotype, fidelity, seed, directory):
    """An evaluator's function."""
    return Evaluation(accuracy=_accuracy(genotype, seed), seconds=0.5)


def flat(genotype, fidelity, seed, directory):
    """No direction is better than another: only seeds differ."""
    return Evaluation(accuracy=0.7 + NOISE * random.Random(seed % 2**31).gauss(0, 1), seconds=0.5)


def slow(genotype, fidelity, seed, directory):
    """The same as `grown`, slowly enough to be killed in the middle of a fit."""
    time.sleep(0.03)
    return grown(genotype, fidelity, seed, directory)


def _accuracy(g, seed):
    logs = GROWTH.parts(g)
    total = sum(logs)
    shares = tuple(x / total for x in logs) if total > 1e-9 else BEST
    return truth(shares, total / math.log(2)) + NOISE * random.Random(seed % 2**31).gauss(0, 1)
